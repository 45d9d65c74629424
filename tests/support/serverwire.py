"""A server's connection without sockets: a link that a test plays the peer of, and bodies that count."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from courser.core.reactor import READ, WRITE
from courser.server.app import App, Reply, ServerRequest
from courser.server.connection import ServerConnection

DATED = {"Date": "now"}


class Wire:
    """A link that a test plays the peer of."""

    encrypted = False
    alpn = None
    session = None
    again_above = 2**30
    send_most = 2**20
    wants_write = False

    def __init__(self, room: int = 2**30) -> None:
        self.room = room
        self.incoming: deque[bytes | OSError] = deque()
        self.out = bytearray()
        self.interest = READ
        self.finished = 0
        self.closed = False
        self.hearer: Any = None

    def receive(self, size: int) -> bytes:
        if not self.incoming:
            raise BlockingIOError
        said = self.incoming.popleft()
        if isinstance(said, OSError):
            raise said
        return said

    def send(self, data: bytes | memoryview) -> int:
        if self.closed:
            raise BrokenPipeError
        if not self.room:
            raise BlockingIOError
        size = min(len(data), self.room)
        self.room -= size
        self.out += data[:size]
        return size

    def want(self, interest: int) -> None:
        self.interest = interest

    def finish(self) -> None:
        self.finished += 1

    def close(self) -> None:
        self.closed = True

    def fileno(self) -> int:
        return -1

    def listen(self, wake: Any) -> None:
        self.hearer = wake

    def attach(self, release: Any) -> None: ...
    def flush(self) -> None: ...
    def info(self) -> dict[str, Any]:
        return {}


class Talk:
    """A connection and the wire that leads to it."""

    def __init__(
        self,
        kind: Callable[..., ServerConnection],
        handler: Callable[[ServerRequest], Reply],
        room: int = 2**30,
        **options: Any,
    ) -> None:
        self.app = App(handler, **options)
        self.open: set[ServerConnection] = set()
        self.wire = Wire(room)
        self.connection = kind(self.wire, self.app, self.open, 0.0)

    def say(self, *data: bytes | OSError, now: float = 0.0) -> bytes:
        """Let bytes come, one piece a turn; give all that was answered since."""
        before = len(self.wire.out)
        for piece in data:
            self.wire.incoming.append(piece)
            self.connection.ready(READ, now)
        return bytes(self.wire.out[before:])

    def take(self, room: int, now: float = 0.0) -> bytes:
        """Make room and let the connection go on; give what it sent."""
        before = len(self.wire.out)
        self.wire.room = room
        self.connection.ready(WRITE, now)
        return bytes(self.wire.out[before:])


class Pieces:
    """A body that counts what was taken of it, and notes its close."""

    def __init__(self, piece: bytes, count: int = 10**9) -> None:
        self.piece = piece
        self.left = count
        self.taken = 0
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if not self.left:
            raise StopIteration
        self.left -= 1
        self.taken += 1
        return self.piece

    def close(self) -> None:
        self.closed += 1


def plain(request: ServerRequest) -> Reply:
    """Answers with the method, the path and the body."""
    text = f"{request.method} {request.path} {request.body.decode()}"
    return Reply(text.encode(), headers=DATED)


def failing() -> Iterator[bytes]:
    """A body that begins."""
    yield b"ab"
    raise LookupError("x")


def stubborn() -> Iterator[bytes]:
    """A body that does not like to be closed."""
    try:
        while True:
            yield b"x" * 1000
    finally:
        raise LookupError("late")
