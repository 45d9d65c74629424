"""The host of many requests in one thread of plain synchronous code.

A group is a small event loop for coroutines of the core: they wait for nothing but waiters, so a queue of those that
can go on, and a reactor to turn when none can, is all it takes. It lives as long as one call of `map`.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import AbstractContextManager
from typing import Any, Generic, TypeVar

from ..core.reactor import Reactor
from ..core.waiter import FOREVER, Waiter
from .inline import drive
from .job import call_in_thread

__all__ = ["GroupHost", "Task"]

T = TypeVar("T")


class Task(Generic[T]):
    """A procedure under way in a group; at the same time the future of whatever it waits for."""

    __slots__ = ("_group", "_procedure", "_waiting", "error", "finished", "result")

    result: T

    def __init__(self, group: GroupHost, procedure: Coroutine[Any, Any, T]) -> None:
        self._group = group
        self._procedure = procedure
        self._waiting = False
        self.finished = False
        self.error: BaseException | None = None

    def done(self) -> bool:
        return not self._waiting

    def set_result(self, result: None, /) -> None:
        self._waiting = False
        self._group.resume(self)

    def run(self) -> None:
        """Go on until the procedure waits or ends."""
        try:
            waiter: Waiter = self._procedure.send(None)
        except StopIteration as stop:
            self.result = stop.value
            self.finished = True
        except Exception as error:
            self.error = error
            self.finished = True
        else:
            self._waiting = True
            waiter.future = self
            if waiter.done:
                # another thread has completed it between the look and the assignment
                waiter.future = None
                self.set_result(None)

    def cancel(self) -> None:
        """Have the procedure clean up and end."""
        self._waiting = False
        self._procedure.close()


class Suspension:
    """Hands a waiter to the group."""

    __slots__ = ("_waiter",)

    def __init__(self, waiter: Waiter) -> None:
        self._waiter = waiter

    def __await__(self) -> Generator[Waiter, None, None]:
        yield self._waiter


class GroupHost:
    """Runs procedures side by side in the calling thread."""

    blocking = True
    network: Any = None
    turned = False

    def __init__(self) -> None:
        self.reactor = Reactor()
        self.reactor.listen()
        self.ready: deque[Task[Any]] = deque()
        self._thread = threading.get_ident()

    def start(self, procedure: Coroutine[Any, Any, T]) -> Task[T]:
        """Add a procedure; it begins at the next `run_once`."""
        task = Task(self, procedure)
        self.ready.append(task)
        return task

    def resume(self, task: Task[Any]) -> None:
        """Let a task go on; another thread that says so also makes the group look."""
        self.ready.append(task)
        if threading.get_ident() != self._thread:
            self.reactor.post(_nothing)

    def run_once(self) -> list[Task[Any]]:
        """Let everything go on that can, waiting for it if need be; give the procedures that have ended."""
        if not self.ready:
            self.reactor.turn(None)
        else:
            self.reactor.turn(0.0)
        ended: list[Task[Any]] = []
        for _ in range(len(self.ready)):
            task = self.ready.popleft()
            if task.finished:
                continue  # it was resumed twice: by itself, and by the thread that completed its waiter
            task.run()
            if task.finished:
                ended.append(task)
        return ended

    def close(self) -> None:
        """Give up the reactor."""
        self.reactor.close()

    def adopt(self, connection: Any, /) -> None:
        if connection.reactor is not self.reactor:
            connection.join(self.reactor)

    def arm(self, waiter: Waiter, /) -> None:
        if waiter.deadline < waiter.armed:
            self.reactor.arm(waiter, waiter.deadline)

    async def wait(self, waiter: Waiter, /) -> None:
        while not waiter.done:
            await Suspension(waiter)

    async def pull(self, awaitable: Awaitable[T], until: Waiter, /) -> T:
        return drive(awaitable)

    async def call(self, function: Callable[..., T], /, *args: Any, deadline: float = FOREVER) -> T:
        return await call_in_thread(self, function, args, deadline)

    async def checkpoint(self) -> None:
        """There is nobody to give way to."""

    @staticmethod
    def lock() -> AbstractContextManager[Any]:
        return threading.Lock()

    def deliver(self, waiter: Waiter, /) -> None:
        if threading.get_ident() == self._thread:
            waiter.complete()
        else:
            self.reactor.post(waiter.complete)


def _nothing() -> None:
    """What a wake-up has to call when waking up is all it is for."""
