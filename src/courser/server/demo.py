"""What `python -m courser.server` serves: a few fixed paths to try a client on.

/               a line of text
/json           a small JSON object
/bytes/N        N bytes, with a length
/chunked/N      N bytes, chunked
/status/N       an empty answer with a status
/redirect/N     N redirects, then /json
/echo           what the request was, as JSON
/upload         how many bytes came, as JSON; they are not kept
/ws             a WebSocket that says what it is told
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from .app import Reply, ServerRequest

if TYPE_CHECKING:
    from .websocket import ServerWebSocket

__all__ = ["Demo"]

BLOCK: Final = bytes(range(256)) * 1024

JSON: Final = Reply.json({"message": "hello", "numbers": [1, 2, 3], "from": "courser.server"})
HELLO: Final = Reply.text("courser.server: /json /bytes/N /chunked/N /status/N /redirect/N /echo /upload /ws\n")
NOT_FOUND: Final = Reply.text("there is nothing here\n", status=404)


def blocks(size: int) -> Iterator[bytes]:
    """So many bytes, in pieces that are all one object."""
    for _ in range(size // len(BLOCK)):
        yield BLOCK
    if size % len(BLOCK):
        yield BLOCK[: size % len(BLOCK)]


class Demo:
    """The handler and the sink of the demonstration."""

    def __init__(self) -> None:
        self._fixed = {"/": HELLO, "/json": JSON}
        self._counts: dict[str, Callable[[int], Reply]] = {
            "bytes": lambda size: Reply(blocks(size), length=size),
            "chunked": lambda size: Reply(blocks(size)),
            "status": lambda status: Reply(status=status),
            "redirect": _redirect,
        }
        self._uploaded = 0

    def __call__(self, request: ServerRequest) -> Reply:
        path = request.path
        fixed = self._fixed.get(path)
        if fixed is not None:
            return fixed
        _, name, *rest = path.split("/")
        make = self._counts.get(name)
        if make is not None and len(rest) == 1 and rest[0].isascii() and rest[0].isdigit() and len(rest[0]) < 16:
            return make(int(rest[0]))
        if path == "/echo":
            return _echo(request)
        if path == "/upload":
            return Reply.json({"bytes": self._uploaded})
        if path == "/ws":
            from .websocket import WebSocketReply

            return WebSocketReply(_say_the_same)
        return NOT_FOUND

    def sink(self, request: ServerRequest) -> Callable[[bytes], object] | None:
        """Count what goes to /upload."""
        if request.path != "/upload":
            return None
        self._uploaded = 0
        return self._count

    def _count(self, piece: bytes) -> None:
        self._uploaded += len(piece)


def _say_the_same(ws: ServerWebSocket, message: str | bytes) -> None:
    ws.send(message)


def _redirect(left: int) -> Reply:
    return Reply(status=302, headers={"Location": f"/redirect/{left - 1}"}) if left > 0 else JSON


def _echo(request: ServerRequest) -> Reply:
    return Reply.json(
        {
            "method": request.method,
            "target": request.target,
            "headers": request.headers.multi_items(),
            "body": request.body.decode("utf-8", "replace"),
        }
    )
