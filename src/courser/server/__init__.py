"""A small server that speaks HTTP/1.1 and HTTP/2, for tests, benchmarks and demonstrations, not for the open Internet.

It lives in the same process:

from courser.server import Reply, Server

with Server(lambda request: Reply.json({"path": request.path})) as server:
    courser.get(server.url)

A handler that returns a WebSocketReply lets a WebSocket begin, and is called back with its messages.
"""

from ..hints import TYPE_CHECKING
from .app import Handler, Reply, ServerRequest, Sink
from .listen import Server

if TYPE_CHECKING:
    from .websocket import ServerWebSocket, WebSocketReply
else:

    def __getattr__(name: str) -> object:
        """Import what WebSockets need when somebody asks for them (PEP 562)."""
        if name not in ("ServerWebSocket", "WebSocketReply"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from . import websocket

        return getattr(websocket, name)


__all__ = ["Handler", "Reply", "Server", "ServerRequest", "ServerWebSocket", "Sink", "WebSocketReply"]
