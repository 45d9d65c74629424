"""The asyncio host, for the loops of asyncio and of uvloop alike.

There is one for each running loop, shared by all clients: a reactor whose own descriptor is given to the loop once.
It lives as long as the loop. Nothing here refers to the loop strongly, so a loop can go when its owner is done with
it, and everything that belongs to it goes too.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine
from time import monotonic
from weakref import ReferenceType, WeakKeyDictionary, ref

from ..core.fork import remember
from ..core.reactor import Reactor, can_nest
from ..core.waiter import FOREVER, Interrupted, Waiter
from ..hints import TYPE_CHECKING, TypeVar
from .job import call_in_thread
from .loops import LoopReactor, TransportNetwork

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from typing import Any, Final

__all__ = ["AioHost", "choose_driver", "current_host"]

T = TypeVar("T")

Loop = asyncio.AbstractEventLoop


class LoopTimer:
    """The loop's timer for the reactor's earliest deadline."""

    __slots__ = ("__weakref__", "_handle", "_loop", "_turn", "_when")

    def __init__(self, loop: Loop) -> None:
        self._loop = ref(loop)
        # weakly: a handle refers to its loop, and what its host holds would hold the loop
        self._handle: ReferenceType[asyncio.TimerHandle] | None = None
        self._when = FOREVER
        self._turn: Callable[[], None] = lambda: None

    def connect(self, reactor: Reactor | LoopReactor) -> None:
        """Say whom to turn when the time comes; weakly, for the reactor knows the timer."""
        turns = ref(reactor)

        def turn() -> None:
            self._when = FOREVER
            alive = turns()
            if alive is not None:
                alive.turn()
                # A loop's timer may come a little early, uvloop's by half a millisecond: then nothing was due yet.
                self.schedule(alive.due)

        self._turn = turn

    def schedule(self, when: float) -> None:
        """Be called at a time, or earlier."""
        if when >= self._when:
            return
        loop = self._loop()
        if loop is None or loop.is_closed():
            return
        handle = None if self._handle is None else self._handle()
        if handle is not None:
            handle.cancel()
        self._when = when
        self._handle = ref(loop.call_later(max(0.0, when - monotonic()), self._turn))


class AioHost:
    """What the core sees of one asyncio event loop.

    Args:
        loop: the loop, which runs in this thread.
        driver: nested, direct or transports; see hosts/loops.py.

    Attributes:
        network: connects instead of sockets of our own, for the transports driver.
    """

    blocking = False
    turned = True

    def __init__(self, loop: Loop, driver: str) -> None:
        timer = LoopTimer(loop)
        self.deliver = _deliverer(loop)
        self.later = _postponer(loop)
        self.network: TransportNetwork | None = None
        self.reactor: Reactor | LoopReactor
        if driver == "nested":
            self.reactor = Reactor(timer.schedule)
            loop.add_reader(self.reactor.fileno(), self.reactor.turn)
        else:
            self.reactor = LoopReactor(loop, timer.schedule)
            if driver == "transports":
                self.network = TransportNetwork()
        timer.connect(self.reactor)

    def dispose(self) -> None:
        """Give up the reactor of a loop that is closed."""
        self.reactor.close()

    def adopt(self, connection: Any, /) -> None:
        if connection.reactor is None:
            connection.join(self.reactor)

    def share(self, connection: Any, /) -> None:
        connection.be_turned(self.reactor, self.later)

    def arm(self, waiter: Waiter, /) -> None:
        if waiter.deadline < waiter.armed:
            self.reactor.arm(waiter, waiter.deadline)

    async def wait(self, waiter: Waiter, /) -> None:
        if not waiter.done:
            waiter.future = future = asyncio.get_running_loop().create_future()
            try:
                await future
            finally:
                waiter.future = None

    async def outlast(self, waiter: Waiter, /) -> None:
        """Wait; a cancellation that comes meanwhile strikes afterwards."""
        cancelled: asyncio.CancelledError | None = None
        while not waiter.done:
            try:
                await self.wait(waiter)
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled is not None:
            try:
                raise cancelled
            finally:
                del cancelled

    def start(self, procedure: Coroutine[Any, Any, None], ended: Callable[[], None], /) -> Callable[[], object]:
        """Run a procedure in a task of its own; see `TaskHost.start`."""

        def note(task: asyncio.Task[None]) -> None:
            if not task.cancelled():
                task.exception()  # else the loop would complain that nobody has asked for it
            ended()

        task = asyncio.get_running_loop().create_task(procedure)
        task.add_done_callback(note)
        return task.cancel

    async def pull(self, awaitable: Awaitable[T], until: Waiter, /) -> T:
        task = asyncio.current_task()
        if task is None:
            return await awaitable
        if until.done:
            _give_up(awaitable)
            raise Interrupted
        before = task.cancelling()
        until.future = canceller = _Canceller(task)
        try:
            return await awaitable
        except asyncio.CancelledError:
            # The same bookkeeping as in asyncio.timeout: only a cancellation of our own making is ours to swallow.
            if canceller.fired and task.cancelling() - 1 <= before:
                raise Interrupted from None
            raise
        finally:
            until.future = None
            if canceller.fired:
                task.uncancel()

    async def call(self, function: Callable[..., T], /, *args: Any, deadline: float = FOREVER) -> T:
        return await call_in_thread(self, function, args, deadline)

    async def checkpoint(self) -> None:
        await asyncio.sleep(0)

    @staticmethod
    def lock() -> AbstractContextManager[Any]:
        return threading.Lock()


class _Canceller:
    """A future whose result is that a task is cancelled."""

    __slots__ = ("_task", "fired")

    def __init__(self, task: asyncio.Task[Any]) -> None:
        self._task = task
        self.fired = False

    def done(self) -> bool:
        return self.fired

    def set_result(self, result: None, /) -> None:
        self.fired = True
        self._task.cancel()


def _give_up(awaitable: Awaitable[Any]) -> None:
    """Say that something will not be awaited."""
    give_up = getattr(awaitable, "cancel", None) or getattr(awaitable, "close", None)
    if give_up is not None:
        give_up()


def _deliverer(loop: Loop) -> Callable[[Waiter], None]:
    reference = ref(loop)
    thread = threading.get_ident()

    def deliver(waiter: Waiter, /) -> None:
        if threading.get_ident() == thread:
            waiter.complete()
            return
        target = reference()
        if target is not None and not target.is_closed():
            try:
                target.call_soon_threadsafe(waiter.complete)
            except RuntimeError:
                pass  # the loop was closed meanwhile: nobody waits any more

    return deliver


def _postponer(loop: Loop) -> Callable[[Callable[[], None]], None]:
    reference = ref(loop)
    thread = threading.get_ident()

    def later(call: Callable[[], None], /) -> None:
        target = reference()
        if target is not None and not target.is_closed():
            try:
                if threading.get_ident() == thread:
                    target.call_soon(call)
                else:
                    target.call_soon_threadsafe(call)
            except RuntimeError:
                pass  # the loop was closed meanwhile

    return later


class _Hosts:
    """The host of each loop."""

    def __init__(self) -> None:
        self.forget()
        remember(self)

    def forget(self) -> None:
        """Start anew, as a forked child has to."""
        self.lock = threading.Lock()
        self.by_loop: WeakKeyDictionary[Loop, AioHost] = WeakKeyDictionary()


_hosts: Final = _Hosts()


DRIVERS: Final = ("nested", "direct", "transports")


def choose_driver(loop: Loop) -> str:
    """How the sockets of a loop are served: the fastest way that works, or what COURSER_DRIVER says.

    Raises:
        ValueError: COURSER_DRIVER is none of nested, direct and transports.
    """
    forced = os.environ.get("COURSER_DRIVER")
    if forced:
        if forced not in DRIVERS:
            raise ValueError(f"the environment variable COURSER_DRIVER is {forced!r}: it may be {', '.join(DRIVERS)}")
        return forced
    if sys.platform == "win32" and "Proactor" in type(loop).__name__:
        return "transports"
    return "nested" if can_nest() else "direct"


def current_host(loop: Loop) -> AioHost:
    """The host of the running loop, made when it is first asked for."""
    with _hosts.lock:
        host = _hosts.by_loop.get(loop)
        if host is None:
            _sweep()
            host = _hosts.by_loop[loop] = AioHost(loop, choose_driver(loop))
        return host


def _sweep() -> None:
    """Give up the hosts of loops that were closed and are still referred to by somebody."""
    for loop, host in list(_hosts.by_loop.items()):
        if loop.is_closed():
            host.dispose()
            del _hosts.by_loop[loop]
