"""The one thing that a procedure waits for.

A procedure makes a Waiter (or something that is one: an exchange, a race of connection attempts, a place in a
queue), hands it to whoever will complete it, and says `await host.wait(waiter)`. The host puts a future of its own
kind into `future`; the completer never learns which host it works for.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine

from ..hints import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from typing import Any, Final

T = TypeVar("T")

__all__ = ["FOREVER", "UNBROKEN", "Future", "Host", "Interrupted", "Source", "TaskHost", "Waiter"]

FOREVER: Final = float("inf")

UNBROKEN: Final = 50
"""Messages, lines or events that may be taken, or sent, without a wait before an event loop gets its turn."""


class Interrupted(Exception):
    """What was awaited did not come before the waiter that bounded it was done, or before its time was up."""


class Future(Protocol):
    """What a host leaves in a waiter to be woken: an asyncio.Future, or a thing with the same two methods."""

    def done(self) -> bool: ...
    def set_result(self, result: None, /) -> None: ...


class Source(Protocol):
    """What brings a waiter nearer to its completion where there is no event loop to do it."""

    def step(self, waiter: Waiter, /) -> None:
        """Wait for something to happen, or for a deadline, and act on it.

        Args:
            waiter: what is waited for; a step may be any part of the wait for it.
        """
        ...


class Waiter:
    """Something that will be done.

    Attributes:
        done: whether it is; whoever waits again sets it back first.
        error: why it failed, if it did.
        future: the host's, while somebody waits.
        source: who turns for it under the inline host.
        deadline: when `expire` is due, on the monotonic clock.
        armed: what the reactor's heap knows of the deadline.
    """

    __slots__ = ("__weakref__", "armed", "deadline", "done", "error", "future", "source")

    def __init__(self, source: Source | None = None) -> None:
        self.done = False
        self.error: BaseException | None = None
        self.future: Future | None = None
        self.source = source
        self.deadline = FOREVER
        self.armed = FOREVER

    def complete(self) -> None:
        """Say that it is done, and wake whoever waits."""
        self.done = True
        future = self.future
        if future is not None:
            self.future = None
            if not future.done():
                future.set_result(None)

    def fail(self, error: BaseException) -> None:
        """Say that it will never be done, and why."""
        if not self.done:
            self.error = error
            self.deadline = FOREVER
            self.complete()

    def take_error(self) -> BaseException:
        """Give the error up to whoever raises it.

        If it stayed here, it would hold itself: by its traceback, a frame in that, and this waiter in the frame.

        Raises:
            RuntimeError: there is none.
        """
        error, self.error = self.error, None
        if error is None:
            raise RuntimeError("nothing has failed")
        return error

    def expire(self, now: float) -> None:
        """Take the deadline as the thing that was waited for."""
        self.deadline = FOREVER
        self.complete()


class Host(Protocol):
    """What the core asks of the world that it runs in. Every suspension of the core is in `wait`, `pull` or `call`.

    Attributes:
        blocking: whether the thread belongs to the caller alone, so that a user's function may simply be called.
        turned: whether idle connections are turned by the reactor, and so notice their end by themselves.
        reactor: turns the connections of this host; None where each is turned by its user.
        network: connects where this host cannot use sockets of our own; else None.
    """

    @property
    def blocking(self) -> bool: ...
    @property
    def turned(self) -> bool: ...
    @property
    def reactor(self) -> Any: ...
    @property
    def network(self) -> Any: ...

    def adopt(self, connection: Any, /) -> None:
        """Have a connection turned as this host does it."""
        ...

    def arm(self, waiter: Waiter, /) -> None:
        """See to it that the waiter's deadline is kept."""
        ...

    def share(self, connection: Any, /) -> None:
        """Have a connection turned that carries many requests: by the event loop, or for any number of threads."""
        ...

    async def wait(self, waiter: Waiter, /) -> None:
        """Come back when the waiter is done. Cancellation strikes here."""
        ...

    async def pull(self, awaitable: Awaitable[T], until: Waiter, /) -> T:
        """Await something of the user's.

        Raises:
            Interrupted: `until` was done first; what was awaited is cancelled.
        """
        ...

    async def call(self, function: Callable[..., T], /, *args: Any, deadline: float = FOREVER) -> T:
        """Call something that may block, in a thread.

        Raises:
            Interrupted: the deadline came first; the thread is left to itself.
        """
        ...

    async def checkpoint(self) -> None:
        """Give others their turn, and cancellation its chance."""
        ...

    @staticmethod
    def lock() -> AbstractContextManager[Any]:
        """A lock for what the threads of this host share."""
        ...

    def deliver(self, waiter: Waiter, /) -> None:
        """Complete a waiter of this host, from whatever thread."""
        ...


class TaskHost(Host, Protocol):
    """A host that has an event loop, where procedures can run beside each other."""

    def start(self, procedure: Coroutine[Any, Any, None], ended: Callable[[], None], /) -> Callable[[], object]:
        """Run a procedure in a task of its own, in a copy of the context of whoever asks for it.

        Args:
            procedure: what to run; what it raises its caller knows already.
            ended: called when the task has ended.

        Returns:
            What cancels the task.
        """
        ...

    async def outlast(self, waiter: Waiter, /) -> None:
        """Wait; a cancellation that comes meanwhile strikes afterwards."""
        ...
