"""Counts of frames that are cheap to send and not to take: a peer that sends too many of them is told to calm down."""

from __future__ import annotations

from ...hints import TYPE_CHECKING
from .faults import ConnectionFault, ErrorCode
from .limits import PERIOD

if TYPE_CHECKING:
    from typing import Final

    from .limits import HTTP2Limits

__all__ = ["Floods"]

_BROUGHT_ABOUT: Final = ("updates", "pings", "others")
"""Who sends much, or asks much, gets many of these: windows that are renewed, round trips that are measured, and what
was on its way when a stream was reset."""


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

    def count(self, what: str, now: float) -> None:
        """Count one.

        Args:
            what: the name of a bound of HTTP2Limits.
            now: seconds of the clock that the engine is given.

        Raises:
            ConnectionFault: too many came.
        """
        self._add(what, 1, now)
        bound: int = getattr(self._limits, what)
        if self._counts[what] > bound:
            raise ConnectionFault(
                f"too many frames of one kind in {PERIOD:.0f} seconds ({what}: more than {bound})",
                ErrorCode.ENHANCE_YOUR_CALM,
            )

    def forget(self, what: str) -> None:
        """Count from the beginning again.

        Args:
            what: likewise.
        """
        self._counts[what] = 0

    def forgive(self, number: int, updates: int, now: float) -> None:
        """Let more frames come, of the kinds that our own bring about.

        Args:
            number: how many of each.
            updates: how many WINDOW_UPDATE besides.
            now: seconds.
        """
        for what in _BROUGHT_ABOUT:
            self._add(what, -number, now)
        self._add("updates", -updates, now)

    def _add(self, what: str, number: int, now: float) -> None:
        if now - self._start >= PERIOD:
            self._start = now
            self._counts.clear()
        self._counts[what] = self._counts.get(what, 0) + number
