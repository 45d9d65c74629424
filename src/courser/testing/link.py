"""A link in memory, and what can go wrong on it.

The bytes are handed over by plain calls. The one thing that a host needs besides, in order to wait, is a descriptor,
so each link has a bell: a pair of sockets of which one end can be read while there is something to receive, and cannot
be written while the link takes nothing. No byte of the stream goes through it. A link therefore works under every host
and with every poll object, and what happens on it depends on no kernel buffer, no thread and no timing.
"""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections import deque
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..core.link import Release

__all__ = ["CALM", "Conditions", "Far", "Fault", "MemoryLink"]


class Fault(NamedTuple):
    """What happens to a connection, and when.

    Attributes:
        after: bytes that pass in one direction before it happens; 0 is at once.
        what: `close`: the peer ends its stream and takes no more; `reset`: the connection is reset; `silence`: the
            connection stays open and nothing passes any more.
    """

    after: int
    what: Literal["close", "reset", "silence"]


class Conditions(NamedTuple):
    """How a link behaves.

    Attributes:
        piece: bytes that one receive gives at most; 1 delivers byte by byte.
        take: bytes that one send takes at most.
        incoming: what goes wrong with what the client receives.
        outgoing: what goes wrong with what it sends.
    """

    piece: int = sys.maxsize
    take: int = sys.maxsize
    incoming: Fault | None = None
    outgoing: Fault | None = None


CALM: Final = Conditions()


class Far(Protocol):
    """The other end of a link."""

    def take(self, data: bytes) -> None:
        """Bytes have come from the client."""
        ...

    def drained(self) -> None:
        """The client has received something: there is room for more."""
        ...

    def gone(self) -> None:
        """The client has closed."""
        ...


class MemoryLink:
    """The client's end of a connection in memory, and the means of the far end to act on it.

    Args:
        conditions: how it behaves.
        encrypted: whether it passes for an encrypted one.

    Attributes:
        sent: bytes that were taken from the client.
        received: bytes that the client has received.
        waiting: bytes that it has not received yet.
        closed: whether the client has closed it.
    """

    __slots__ = (
        "_bell",
        "_choked",
        "_conditions",
        "_deaf",
        "_end",
        "_far",
        "_given",
        "_inbox",
        "_release",
        "_ringer",
        "_rung",
        "closed",
        "encrypted",
        "received",
        "sent",
        "waiting",
    )

    alpn: str | None = None
    session: Any = None
    again_above = sys.maxsize
    send_most = sys.maxsize
    wants_write = False

    def __init__(self, conditions: Conditions = CALM, encrypted: bool = False) -> None:
        self.encrypted = encrypted
        self.sent = self.received = self.waiting = 0
        self.closed = False
        self._conditions = conditions
        self._far: Far | None = None
        self._given = 0
        self._inbox: deque[bytes] = deque()
        self._end: int | None = None
        self._deaf = self._choked = self._rung = False
        self._release: Release | None = None
        self._bell, self._ringer = socket.socketpair()
        self._bell.setblocking(False)
        self._ringer.setblocking(False)
        for fault in (conditions.incoming, conditions.outgoing):
            if fault is not None and fault.after == 0:
                self._strike(fault)

    def connect(self, far: Far) -> None:
        """Say who is at the other end."""
        self._far = far

    # The client's end: a Link

    def receive(self, size: int) -> bytes:
        if not self._inbox:
            if self._end:
                raise OSError(self._end, os.strerror(self._end))
            if self._end == 0:
                return b""
            raise BlockingIOError
        first = self._inbox[0]
        most = min(size, self._conditions.piece)
        if len(first) <= most:
            self._inbox.popleft()
        else:
            self._inbox[0] = first[most:]
            first = first[:most]
        self.waiting -= len(first)
        self.received += len(first)
        if not self._inbox and self._end is None:
            self._rung = False
            self._bell.recv(1)
        if self._far is not None:
            self._far.drained()
        return first

    def send(self, data: bytes | memoryview) -> int:
        if self._end is not None:
            code = self._end or errno.EPIPE
            raise OSError(code, os.strerror(code))
        if self._choked:
            raise BlockingIOError
        size = min(len(data), self._conditions.take)
        fault = self._conditions.outgoing
        if fault is not None:
            size = min(size, fault.after - self.sent)
        self.sent += size
        if self._far is not None:
            self._far.take(bytes(data[:size]))
        if fault is not None and self.sent == fault.after:
            self._strike(fault)
        return size

    def fileno(self) -> int:
        return self._bell.fileno()

    def attach(self, release: Release | None) -> None:
        self._release = release

    def listen(self, wake: Callable[[], None] | None) -> None:
        """There is a descriptor to poll."""

    def want(self, interest: int) -> None:
        """There is a descriptor to poll."""

    def flush(self) -> None:
        """What was taken has arrived."""

    def finish(self) -> None:
        """The far end hears of the close, and of nothing less."""

    def close(self) -> None:
        release, self._release = self._release, None
        if release is not None:
            release(self._bell)
        self._bell.close()
        self._ringer.close()
        if not self.closed:
            self.closed = True
            if self._far is not None:
                self._far.gone()

    def info(self) -> dict[str, Any]:
        return {"peer": "memory", "local": "memory"}

    # The far end's

    def give(self, data: bytes) -> None:
        """Let the client receive bytes."""
        if self._deaf or self._end is not None or self.closed:
            return
        fault = self._conditions.incoming
        if fault is not None:
            data = data[: fault.after - self._given]
        self._given += len(data)
        if data:
            self._inbox.append(data)
            self.waiting += len(data)
            self._ring()
        if fault is not None and self._given == fault.after:
            self._strike(fault)

    def end(self) -> None:
        """Let the client see the end of the stream, once it has received what there is."""
        self._finish(0)

    def reset(self) -> None:
        """Let the client see a reset, once it has received what there is."""
        self._finish(errno.ECONNRESET)

    def choke(self) -> None:
        """Take nothing of what the client sends, until `relieve`."""
        if not self._choked and not self.closed:
            self._choked = True
            try:
                while True:
                    self._bell.send(bytes(65536))
            except BlockingIOError:
                pass

    def relieve(self) -> None:
        """Take what the client sends again."""
        if self._choked and not self.closed:
            self._choked = False
            try:
                while True:
                    self._ringer.recv(65536)
            except BlockingIOError:
                pass

    def _finish(self, code: int) -> None:
        if self._end is None and not self._deaf and not self.closed:
            self._end = code
            self._ring()

    def _strike(self, fault: Fault) -> None:
        if fault.what == "silence":
            self._deaf = True
            self.choke()
        else:
            self._finish(0 if fault.what == "close" else errno.ECONNRESET)

    def _ring(self) -> None:
        if not self._rung:
            self._rung = True
            self._ringer.send(b"\0")

    def __repr__(self) -> str:
        state = "closed" if self.closed else "open" if self._end is None else "ended"
        return f"<MemoryLink {state}, {self.sent} bytes sent, {self.received} received>"
