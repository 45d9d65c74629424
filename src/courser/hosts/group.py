"""The host of many requests in one thread of plain synchronous code.

A group is a small event loop for coroutines of the core: they wait for nothing but waiters, so a queue of those that
can go on, and a reactor to turn when none can, is all it takes. It lives as long as one call of `map`.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator
from types import coroutine

from ..core.reactor import Reactor
from ..core.waiter import FOREVER, Waiter
from ..hints import TYPE_CHECKING, TypeVar
from .inline import drive
from .job import call_in_thread
from .nest import Nest

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from typing import Any

__all__ = ["GroupHost", "Task"]

T = TypeVar("T")


class Task:
    """A procedure under way in a group; at the same time the future of whatever it waits for."""

    __slots__ = ("_group", "_procedure", "_waiting", "finished")

    def __init__(self, group: GroupHost, procedure: Coroutine[Any, Any, None]) -> None:
        self._group = group
        self._procedure = procedure
        self._waiting = False
        self.finished = False

    def done(self) -> bool:
        return not self._waiting

    def set_result(self, result: None, /) -> None:
        self._waiting = False
        self._group.resume(self)

    def run(self) -> None:
        """Go on until the procedure waits or ends."""
        try:
            waiter: Waiter = self._procedure.send(None)
        except StopIteration:
            self.finished = True
            self._group.tasks.discard(self)
            return
        self._waiting = True
        waiter.future = self
        if waiter.done:
            # another thread has completed it between the look and the assignment
            waiter.future = None
            self.set_result(None)

    def cancel(self) -> None:
        """Have the procedure clean up and end."""
        self._waiting = False
        self.finished = True
        self._procedure.close()


@coroutine
def suspend(waiter: Waiter) -> Generator[Waiter, None, None]:
    """Hand a waiter to the group."""
    yield waiter


class GroupHost:
    """Runs procedures side by side in the calling thread.

    Attributes:
        tasks: what is under way.
        ready: what can go on.
    """

    blocking = True
    network: Any = None
    turned = False

    def __init__(self) -> None:
        self.reactor = Reactor()
        self.reactor.listen()
        self.tasks: set[Task] = set()
        self.ready: deque[Task] = deque()
        self._thread = threading.get_ident()
        self._nests: dict[Any, Nest] = {}

    def start(self, procedure: Coroutine[Any, Any, None]) -> Task:
        """Begin with a procedure, and let it go as far as it can; what it raises is raised here, or by `run_once`."""
        task = Task(self, procedure)
        self.tasks.add(task)
        task.run()
        return task

    def resume(self, task: Task) -> None:
        """Let a task go on; another thread that says so also makes the group look."""
        self.ready.append(task)
        if threading.get_ident() != self._thread:
            self.reactor.post(_nothing)

    def run_once(self) -> None:
        """Let everything go on that can, waiting for it if need be."""
        ready = self.ready
        for nest in self._nests.values():
            nest.refresh()
        self.reactor.turn(0.0 if ready else None)
        for _ in range(len(ready)):
            task = ready.popleft()
            if not task.finished:  # it may be resumed twice: by itself, and by the thread that completed its waiter
                task.run()

    def cancel(self) -> None:
        """Give up what is under way."""
        while self.tasks:
            self.tasks.pop().cancel()
        self.ready.clear()

    def close(self) -> None:
        """Give up the reactor."""
        self._nests.clear()
        self.reactor.close()

    def adopt(self, connection: Any, /) -> None:
        if connection.shares:
            shared = connection.connection
            if shared.source not in self._nests:
                self._nests[shared.source] = Nest(shared, self.reactor)
        elif connection.reactor is not self.reactor:
            connection.join(self.reactor)

    def share(self, connection: Any, /) -> None:
        from .shared import share

        share(connection)

    def arm(self, waiter: Waiter, /) -> None:
        if waiter.deadline < waiter.armed:
            self.reactor.arm(waiter, waiter.deadline)

    async def wait(self, waiter: Waiter, /) -> None:
        nest = self._nests.get(waiter.source) if self._nests else None
        if nest is None:
            while not waiter.done:
                await suspend(waiter)
            return
        try:
            while not waiter.done:
                nest.expect(waiter)
                await suspend(waiter)
        finally:
            nest.waiting.discard(waiter)

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
