"""Procedures that run beside the task that wants their results, each in a task of its own.

They are tasks of the surrounding loop, and of nobody's nursery: what wants the results is an iterator, and an iterator
gives control back to its caller while the tasks go on, which a nursery or a TaskGroup cannot be held open for.
Therefore the crew keeps count of them, and whoever dismisses it can wait until the last one has gone.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from itertools import count

from ..core.waiter import Waiter
from ..hints import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from ..core.waiter import TaskHost

__all__ = ["Crew"]


class Crew:
    """The tasks of one caller.

    Args:
        host: whose tasks.
        farewell: called once, when the crew has been dismissed and the last task has ended.
    """

    __slots__ = ("_cancels", "_dismissed", "_farewell", "_gone", "_host", "_numbers")

    def __init__(self, host: TaskHost, farewell: Callable[[], None]) -> None:
        self._host = host
        self._farewell = farewell
        self._cancels: dict[int, Callable[[], object]] = {}
        self._numbers = count()
        self._gone = Waiter()
        self._dismissed = False

    def start(self, procedure: Coroutine[Any, Any, None]) -> None:
        """Have one more procedure run."""
        number = next(self._numbers)
        self._cancels[number] = self._host.start(procedure, lambda: self._ended(number))

    def _ended(self, number: int) -> None:
        self._cancels.pop(number, None)
        if self._dismissed and not self._cancels:
            self._gone.complete()
            self._farewell()

    def dismiss(self) -> None:
        """Cancel what is under way; by the loop's own thread."""
        if not self._dismissed:
            self._dismissed = True
            for cancel in list(self._cancels.values()):
                cancel()
            if not self._cancels:
                self._gone.complete()
                self._farewell()

    async def gone(self) -> None:
        """Wait until the last task has ended, also in a task that is being cancelled."""
        await self._host.outlast(self._gone)

    def abandon(self) -> None:
        """Dismiss the crew without waiting, from whatever thread and at any time."""
        if not self._dismissed:
            self._host.deliver(_Abandonment(self))


class _Abandonment(Waiter):
    """A waiter whose completion is that a crew is dismissed: hosts know how to complete one from another thread."""

    __slots__ = ("_crew",)

    def __init__(self, crew: Crew) -> None:
        super().__init__()
        self._crew = crew

    def complete(self) -> None:
        try:
            self._crew.dismiss()
        except RuntimeError:
            pass  # the loop was closed meanwhile, and the tasks with it
