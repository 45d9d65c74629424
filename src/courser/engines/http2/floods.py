"""Counts of frames that are cheap to send and not to take: a peer that sends too many of them is told to calm down."""

from __future__ import annotations

from ...hints import TYPE_CHECKING
from .faults import ConnectionFault, ErrorCode
from .limits import PERIOD

if TYPE_CHECKING:
    from .limits import HTTP2Limits

__all__ = ["Floods"]


class Floods:
    """Counts what comes, by the names of HTTP2Limits, for ten seconds each.

    Args:
        limits: how many of each may come.
    """

    __slots__ = ("_counts", "_limits", "_start")

    def __init__(self, limits: HTTP2Limits) -> None:
        self._limits = limits
        self._counts: dict[str, int] = {}
        self._start = float("-inf")

    def count(self, what: str, now: float, number: int = 1) -> None:
        """Count frames.

        Args:
            what: the name of a bound of HTTP2Limits.
            now: seconds of the clock that the engine is given.
            number: how many; fewer than none where something speaks for them.

        Raises:
            ConnectionFault: too many came.
        """
        if now - self._start >= PERIOD:
            self._start = now
            self._counts.clear()
        count = self._counts[what] = self._counts.get(what, 0) + number
        bound: int = getattr(self._limits, what)
        if count > bound:
            raise ConnectionFault(
                f"too many frames of one kind in {PERIOD:.0f} seconds ({what}: more than {bound})",
                ErrorCode.ENHANCE_YOUR_CALM,
            )
