"""Locks that open whatever strikes.

An exception from outside (a KeyboardInterrupt, a test runner's alarm) may strike a thread between any two lines. One
that strikes at the end of a `with` leaves the lock locked for ever. A guard does not: the lock opens when it goes.

It may even strike between a call and the assignment of its result. So what is done to the lock and the note that it is
done are one call: a list is extended by what `map` brings, and no exception comes in between.
"""

from __future__ import annotations

from operator import methodcaller

from ..hints import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["Guard", "locked"]


_release = methodcaller("release")


class Guard:
    """Holds a lock, once it has taken it, for as long as it lives: also when an exception strikes on the way out.

    Args:
        lock: the lock.
    """

    _taken: Any = ()
    _freed: Any = ()

    def __init__(self, lock: Any) -> None:
        self._lock = lock
        self._taken = []
        self._freed = []

    @property
    def held(self) -> bool:
        """Whether it has the lock."""
        return any(self._taken) and not self._freed

    def take(self, patient: bool) -> None:
        """Take the lock, once; `held` tells whether it was had.

        Args:
            patient: whether to wait for it.
        """
        self._taken.extend(map(self._lock.acquire, (patient,)))

    def free(self) -> None:
        """Let go of the lock; twice is once."""
        if self.held:
            self._freed.extend(map(_release, (self._lock,)))

    def __del__(self) -> None:
        self.free()


def locked(lock: Any, decide: Callable[[], object], patient: bool = True) -> bool:
    """Do something under a lock.

    Args:
        lock: the lock.
        decide: what to do.
        patient: whether to wait for the lock.

    Returns:
        Whether it was had.
    """
    guard = Guard(lock)
    try:
        try:
            guard.take(patient)
            had = guard.held
            if had:
                decide()
            guard.free()
        except BaseException:
            guard.free()
            raise
    except BaseException:
        # An exception from outside may have struck in the lines above; it does not strike twice. Its traceback may
        # keep this frame, and with it the guard, alive for long. (A `return` within would be outside of both.)
        guard.free()
        raise
    return had
