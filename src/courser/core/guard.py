"""Locks that open whatever strikes.

An exception from outside (a KeyboardInterrupt, a test runner's alarm) may strike a thread between any two lines. One
that strikes at the end of a `with` leaves the lock locked for ever. A guard does not: the lock opens when it goes.
"""

from __future__ import annotations

from ..hints import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["Guard", "locked"]


class Guard:
    """Holds a lock for as long as it lives: also when an exception strikes on the way out of a `with`.

    Args:
        lock: the lock.
        patient: whether to wait for it; `held` tells whether it was had.
    """

    held = False

    def __init__(self, lock: Any, patient: bool) -> None:
        self._lock = lock
        self.held = lock.acquire(patient)

    def free(self) -> None:
        """Let go of the lock; twice is once."""
        if self.held:
            # One line, so that no exception from outside comes between the two: release gives None.
            self.held = bool(self._lock.release())

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
    guard: Guard | None = None
    try:
        try:
            guard = Guard(lock, patient)
            had = guard.held
            if had:
                decide()
            guard.free()
        except BaseException:
            if guard is not None:
                guard.free()
            raise
    except BaseException:
        # An exception from outside may have struck in the lines above; it does not strike twice. Its traceback may
        # keep this frame, and with it the guard, alive for long. (A `return` within would be outside of both.)
        if guard is not None:
            guard.free()
        raise
    return had
