"""When an event source connects anew (HTML Standard section 9.2.3)."""

from __future__ import annotations

from ..hints import TYPE_CHECKING
from ..settings import is_number, is_whole

if TYPE_CHECKING:
    from typing import Final

__all__ = ["Reconnect"]

LEAST: Final = 0.1
"""Seconds between connections that bring no event: a server that says `retry: 0` would be called without a pause."""

SPREAD: Final = 0.5
"""How much of itself a pause may be longer, by chance: the clients of a server that was away come one by one."""

MOST_DOUBLINGS: Final = 30


class Reconnect:
    """How an event source connects anew, once its stream has ended or broken.

    It waits as long as the server says (`retry:`), else `delay`; after each attempt that fails twice as long as before,
    up to `max_delay`. By chance it waits up to half as long again. An attempt that is answered ends the counting.

    Args:
        delay: seconds before the first attempt, as long as the server says nothing else.
        max_delay: seconds that the doubling goes up to; what the server says may be more.
        attempts: how many may fail in a row before the error of the last one is raised; None is no limit.

    Raises:
        TypeError: an argument is no number.
        ValueError: seconds below 0, or fewer attempts than one.
    """

    __slots__ = ("attempts", "delay", "max_delay")

    def __init__(self, delay: float = 3.0, max_delay: float = 60.0, attempts: int | None = 10) -> None:
        for name, seconds in (("delay", delay), ("max_delay", max_delay)):
            if not is_number(seconds):
                raise TypeError(f"Reconnect {name} is a number of seconds, not {seconds!r}")
            if not 0 <= seconds < float("inf"):
                raise ValueError(f"Reconnect {name} is {seconds!r}: it must be 0 or above, and finite")
        if attempts is not None and not is_whole(attempts):
            raise TypeError(f"Reconnect attempts is a whole number or None, not {attempts!r}")
        if attempts is not None and attempts < 1:
            raise ValueError(f"Reconnect attempts is {attempts}: reconnect=False connects once")
        self.delay = delay
        self.max_delay = max_delay
        self.attempts = attempts

    @classmethod
    def of(cls, value: object, method: str) -> Reconnect | None:
        """Turn what a caller may give into a rule; None for no reconnection.

        Args:
            value: a rule; whether to connect anew; None for GET only.
            method: of the request. What others do may not be done twice without being asked for.

        Raises:
            TypeError: it is something else.
        """
        if isinstance(value, Reconnect):
            return value
        if value is not None and not isinstance(value, bool):
            raise TypeError(f"reconnect is True, False, a courser.Reconnect or None, not {value!r}")
        return cls() if value or (value is None and method == "GET") else None

    def pause(self, retry: int | None, failures: int, fruitful: bool, chance: float) -> float:
        """Seconds to wait before the next attempt.

        Args:
            retry: milliseconds that the server has asked for.
            failures: attempts that have failed in a row.
            fruitful: whether the last stream had an event in it.
            chance: a number between 0 and 1 that differs from client to client.
        """
        told = self.delay if retry is None else retry / 1000
        first = told if fruitful else max(told, LEAST)
        seconds = max(told, min(first * 2.0 ** min(failures, MOST_DOUBLINGS), self.max_delay))
        return seconds * (1 + SPREAD * chance)

    def gives_up(self, failures: int) -> bool:
        """Whether so many failures in a row are too many."""
        return self.attempts is not None and failures >= self.attempts

    def __repr__(self) -> str:
        return f"Reconnect(delay={self.delay!r}, max_delay={self.max_delay!r}, attempts={self.attempts!r})"
