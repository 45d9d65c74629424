"""Whether a peer that says nothing is still there: it is asked, and given up if it does not answer."""

from __future__ import annotations

from enum import Enum

from .waiter import FOREVER

__all__ = ["Pulse", "Verdict"]


class Verdict(Enum):
    """What to do about a peer."""

    WAIT = "it has time until then"
    ASK = "ask it, and wait until then"
    GONE = "it has not answered"


class Pulse:
    """When a peer was heard, and when it was asked.

    Args:
        now: the time.

    Attributes:
        heard_at: when something came last.
        asked_at: when it was asked and has not answered; FOREVER where it was not.
    """

    __slots__ = ("asked_at", "heard_at")

    def __init__(self, now: float) -> None:
        self.heard_at = now
        self.asked_at = FOREVER

    def feel(self, now: float, interval: float, *, waiting: bool) -> tuple[Verdict, float]:
        """What to do, and when to look again.

        Args:
            now: the time.
            interval: seconds of silence after which the peer is asked, and for which its answer is waited for.
            waiting: whether anything is waited for; else silence means nothing.
        """
        if self.heard_at >= self.asked_at:
            self.asked_at = FOREVER
        if self.asked_at < FOREVER:
            due = self.asked_at + interval
            return (Verdict.GONE, FOREVER) if now >= due else (Verdict.WAIT, due)
        due = self.heard_at + interval
        if now < due:
            return Verdict.WAIT, due
        if not waiting:
            return Verdict.WAIT, now + interval
        self.asked_at = now
        return Verdict.ASK, now + interval
