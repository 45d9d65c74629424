"""WebSocket (RFC 6455) with permessage-deflate (RFC 7692) without I/O: bytes in, messages out, in both roles."""

from __future__ import annotations

from ...hints import TYPE_CHECKING
from .codes import CloseCode
from .deflate import Deflate
from .engine import WebSocketEngine
from .events import Close, Ping, Pong
from .handshake import Agreement, Handshake
from .limits import WEBSOCKET_LIMITS, WebSocketLimits
from .states import State

if TYPE_CHECKING:
    from .accepting import Answer, answer_connect, answer_upgrade
else:

    def __getattr__(name: str) -> object:
        """Import the server's side of the handshake when somebody asks for it (PEP 562): a client does without."""
        if name not in ("Answer", "answer_connect", "answer_upgrade"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from . import accepting

        return getattr(accepting, name)


__all__ = [
    "WEBSOCKET_LIMITS",
    "Agreement",
    "Answer",
    "Close",
    "CloseCode",
    "Deflate",
    "Handshake",
    "Ping",
    "Pong",
    "State",
    "WebSocketEngine",
    "WebSocketLimits",
    "answer_connect",
    "answer_upgrade",
]
