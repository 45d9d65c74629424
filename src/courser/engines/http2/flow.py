"""Windows (RFC 9113 section 5.2): arithmetic without frames.

What the peer may send is bounded twice. A stream's window is renewed when its reader has taken what came, so that one
slow reader holds no more than that. The connection's window is renewed as soon as bytes arrive, so that a slow reader
does not stop the others; only when too much lies unread on all streams together does it wait.

How large a stream's window must be is bandwidth times delay, and nobody knows either. So a PING goes round now and
then while data flows: what arrives meanwhile is a sample of the product. Where it comes near the window, the window
was the bottleneck and is doubled (gRPC's BDP estimation).
"""

from __future__ import annotations

from ...hints import TYPE_CHECKING
from .faults import ConnectionFault, ErrorCode, StreamFault
from .frames import MAX_WINDOW

if TYPE_CHECKING:
    from typing import Final

__all__ = ["Inflow", "Tuner", "credited"]

_SHORTEST: Final = 1e-6
"""Seconds that a round trip takes at least; a clock may not see less."""


def credited(window: int, increment: int, fault: type[ConnectionFault] | type[StreamFault]) -> int:
    """A window of ours after a WINDOW_UPDATE (RFC 9113 section 6.9).

    Args:
        window: bytes that may be sent; may be negative.
        increment: bytes to add.
        fault: what to raise.

    Raises:
        ConnectionFault, StreamFault: the increment is 0, or the window gets too large.
    """
    if not increment:
        raise fault("a WINDOW_UPDATE of 0 bytes")
    if window + increment > MAX_WINDOW:
        raise fault(f"a window of {window + increment} bytes", ErrorCode.FLOW_CONTROL_ERROR)
    return window + increment


class Inflow:
    """What the peer may send on all streams together.

    Args:
        size: bytes of the connection's window.
        bound: bytes that may lie unread before the window is no more renewed.

    Attributes:
        half: bytes of room above which the window is not renewed.
        room: bytes that the peer may still send.
        unread: bytes that came for readers who have not taken them.
    """

    __slots__ = ("_bound", "_granted", "_size", "half", "room", "unread")

    def __init__(self, size: int, bound: int) -> None:
        self.room = self._size = self._granted = size
        self.unread = 0
        self.half = size // 2
        self._bound = bound

    def renewal(self) -> int:
        """Bytes by which to renew the window now, 0 for none."""
        if self.room > self.half or self.unread > self._bound:
            return 0
        increment = self._size - self.room
        self.room = self._size
        self._granted += increment
        return increment

    def total(self) -> int:
        """Bytes that ever came."""
        return self._granted - self.room


class Tuner:
    """The size of a stream's window.

    Args:
        size: bytes, to begin with.
        largest: bytes that it never exceeds.

    Attributes:
        size: bytes, now.
        is_probing: whether a PING of ours goes round.
    """

    __slots__ = ("_before", "_best", "_largest", "_start", "is_probing", "size")

    def __init__(self, size: int, largest: int) -> None:
        self.size = size
        self.is_probing = False
        self._largest = largest
        self._before = 0
        self._start = self._best = 0.0

    def start(self, total: int, now: float) -> bool:
        """Begin a sample, if one could change anything.

        Args:
            total: bytes that ever came.
            now: seconds.

        Returns:
            whether to send a PING.
        """
        if self.is_probing or self.size >= self._largest:
            return False
        self.is_probing = True
        self._before = total
        self._start = now
        return True

    def finish(self, total: int, now: float) -> int:
        """The PING is back.

        Returns:
            bytes by which windows grow, 0 for none.
        """
        self.is_probing = False
        sample = total - self._before
        bandwidth = sample / max(now - self._start, _SHORTEST)
        if 3 * sample < 2 * self.size or bandwidth <= self._best:
            return 0
        self._best = bandwidth
        growth = min(2 * max(sample, self.size), self._largest) - self.size
        self.size += growth
        return growth
