"""The host of plain synchronous code: no event loop, no thread, nothing that runs while the caller does not.

A procedure of the core is a coroutine whose every leaf blocks here instead of suspending, so one `send(None)` runs
it to its end. Whoever waits turns what it waits for: its own connection, a reactor that lives as long as the call,
or, where only another thread can help, a lock.
"""

from __future__ import annotations

from _thread import allocate_lock  # threading.Lock, without what threading takes to be imported
from collections.abc import Awaitable, Callable, Coroutine
from time import monotonic

from ..core.reactor import LONGEST, Reactor
from ..core.waiter import FOREVER, Waiter
from ..errors import InvalidRequest
from ..hints import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from typing import Any

__all__ = ["InlineHost", "drive", "run_inline"]

T = TypeVar("T")


def run_inline(procedure: Coroutine[Any, Any, T]) -> T:
    """Run a procedure whose leaves block to its end."""
    try:
        procedure.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    procedure.close()
    raise RuntimeError("a procedure suspended under the inline host")


def drive(awaitable: Awaitable[T]) -> T:
    """Run a user's awaitable that never really waits.

    Raises:
        InvalidRequest: it does wait; only an async client can do that.
    """
    iterator = awaitable.__await__()
    try:
        next(iterator)
    except StopIteration as stop:
        result: T = stop.value
        return result
    refusal = InvalidRequest(
        detail="something asynchronous was given to a synchronous client, and it has to wait",
        hint="use courser.AsyncClient, or give a synchronous iterable, callback or transport",
    )
    throw = getattr(iterator, "throw", None)
    if throw is not None:
        # Raised where it waits, so that it cleans up there: an async generator that is merely left stays "running".
        try:
            throw(refusal)
        except StopIteration:
            pass
    raise refusal


class Latch:
    """A future for threads: a lock that is held until the waiter is done.

    Attributes:
        is_open: whether it is.
    """

    __slots__ = ("_lock", "is_open")

    def __init__(self) -> None:
        self._lock = allocate_lock()
        self._lock.acquire()
        self.is_open = False

    def done(self) -> bool:
        return self.is_open

    def set_result(self, result: None, /) -> None:
        self.is_open = True
        try:
            self._lock.release()
        except RuntimeError:
            pass  # two threads have completed the same waiter

    def wait(self, seconds: float) -> bool:
        return self._lock.acquire(timeout=seconds)


class InlineHost:
    """Blocks where the others suspend. It has no state: one serves every thread."""

    __slots__ = ()

    blocking = True
    network: Any = None
    turned = False
    reactor: Reactor | None = None

    def adopt(self, connection: Any, /) -> None:
        """A connection is turned by whoever uses it; one without a descriptor needs a reactor for that."""
        if connection.fd < 0 and connection.reactor is None:
            connection.join(Reactor())

    def share(self, connection: Any, /) -> None:
        from .shared import share

        share(connection)

    def arm(self, waiter: Waiter, /) -> None:
        """Whoever waits looks at the deadline itself."""

    async def wait(self, waiter: Waiter, /) -> None:
        source = waiter.source
        if source is None:
            self._sleep(waiter)
            return
        step = source.step
        while not waiter.done:
            step(waiter)

    def _sleep(self, waiter: Waiter) -> None:
        """Wait for another thread, or for the deadline alone."""
        latch = Latch()
        waiter.future = latch
        while not waiter.done:
            deadline = waiter.deadline
            # An untimed wait for a lock cannot be interrupted on every platform; a long one can.
            seconds = LONGEST if deadline == FOREVER else max(0.0, deadline - monotonic())
            if not latch.wait(min(seconds, LONGEST)) and monotonic() >= waiter.deadline:
                waiter.future = None
                waiter.expire(monotonic())

    async def pull(self, awaitable: Awaitable[T], until: Waiter, /) -> T:
        return drive(awaitable)

    async def call(self, function: Callable[..., T], /, *args: Any, deadline: float = FOREVER) -> T:
        if deadline == FOREVER:
            return function(*args)
        from .job import call_in_thread

        return await call_in_thread(self, function, args, deadline)

    async def checkpoint(self) -> None:
        """There is nobody to give way to."""

    @staticmethod
    def lock() -> AbstractContextManager[Any]:
        return allocate_lock()

    def deliver(self, waiter: Waiter, /) -> None:
        waiter.complete()
