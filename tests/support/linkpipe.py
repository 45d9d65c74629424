"""A network in memory, link against link, for tests of what is stacked on links."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from typing import Any


class Pipe:
    """One end of a network in memory that takes as much as a test lets it."""

    encrypted = False
    alpn: str | None = None
    session: Any = None
    send_most = 2**20
    wants_write = False

    def __init__(self, again_above: int = 1) -> None:
        self.again_above = again_above
        self.incoming: deque[bytes] = deque()
        self.other: Pipe | None = None
        self.room = sys.maxsize
        self.ended = False
        self.calls: list[Any] = []

    def receive(self, size: int, /) -> bytes:
        if not self.incoming:
            if self.ended:
                return b""
            raise BlockingIOError
        data = self.incoming.popleft()
        if len(data) > size:
            self.incoming.appendleft(data[size:])
        return data[:size]

    def send(self, data: bytes | memoryview, /) -> int:
        if self.ended:
            raise ConnectionResetError("gone")
        if not self.room:
            raise BlockingIOError
        taken = bytes(data[: self.room])
        self.room -= len(taken)
        assert self.other is not None
        self.other.incoming.append(taken)
        return len(taken)

    def fileno(self) -> int:
        return -1

    def attach(self, release: Any) -> None:
        self.calls.append(("attach", release))

    def listen(self, wake: Callable[[], None] | None) -> None:
        self.calls.append(("listen", wake))

    def want(self, interest: int) -> None:
        self.calls.append(("want", interest))

    def flush(self) -> None:
        """Nothing is kept."""

    def finish(self) -> None:
        self.calls.append("finish")

    def close(self) -> None:
        self.calls.append("close")

    def info(self) -> dict[str, Any]:
        return {"peer": "pipe", "local": "pipe"}
