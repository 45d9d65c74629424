"""A small server that speaks HTTP/1.1 and HTTP/2, for tests, benchmarks and demonstrations, not for the open Internet.

It lives in the same process:

from courser.server import Reply, Server

with Server(lambda request: Reply.json({"path": request.path})) as server:
    courser.get(server.url)
"""

from .app import Handler, Reply, ServerRequest, Sink
from .listen import Server

__all__ = ["Handler", "Reply", "Server", "ServerRequest", "Sink"]
