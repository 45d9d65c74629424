"""The trio host.

There is one for each run of trio, shared by all clients: a reactor, a system task that waits for the reactor's
descriptor, and another that waits for its earliest deadline. Both end with the run.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import copy_context
from time import monotonic
from weakref import ref

import trio
from trio.lowlevel import Abort, RaiseCancelT, RunVar, TrioToken

from ..core.reactor import Reactor
from ..core.waiter import FOREVER, Interrupted, Waiter
from ..hints import TYPE_CHECKING, TypeVar
from .job import call_in_thread

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from typing import Any

__all__ = ["TrioHost", "current_host"]

T = TypeVar("T")


class _Sleeper:
    """A future whose result is that a task goes on."""

    __slots__ = ("_done", "_task")

    def __init__(self, task: trio.lowlevel.Task) -> None:
        self._task = task
        self._done = False

    def done(self) -> bool:
        return self._done

    def set_result(self, result: None, /) -> None:
        self._done = True
        trio.lowlevel.reschedule(self._task)


class _Canceller:
    """A future whose result is that a scope is cancelled."""

    __slots__ = ("_scope",)

    def __init__(self, scope: trio.CancelScope) -> None:
        self._scope = scope

    def done(self) -> bool:
        return self._scope.cancel_called

    def set_result(self, result: None, /) -> None:
        self._scope.cancel()


class TrioHost:
    """What the core sees of one run of trio."""

    blocking = False
    network: Any = None
    turned = True

    def __init__(self) -> None:
        self.reactor = Reactor(self._schedule)
        self._due = FOREVER
        self._scope: trio.CancelScope | None = None
        self.deliver = _deliverer(trio.lowlevel.current_trio_token())
        self.later = _postponer(trio.lowlevel.current_trio_token())
        trio.lowlevel.spawn_system_task(self._turn, name="courser reactor")
        trio.lowlevel.spawn_system_task(self._keep_time, name="courser timer")

    async def _turn(self) -> None:
        reactor = self.reactor
        descriptor = reactor.fileno()
        try:
            while True:
                await trio.lowlevel.wait_readable(descriptor)
                reactor.turn()
        finally:
            trio.lowlevel.notify_closing(descriptor)
            reactor.close()

    async def _keep_time(self) -> None:
        while True:
            with trio.CancelScope() as scope:
                self._scope = scope
                scope.deadline = self._on_trios_clock(self._due)
                await trio.sleep_forever()
            self._scope = None
            self._due = FOREVER
            self.reactor.turn()
            self._schedule(self.reactor.due)

    def _schedule(self, when: float) -> None:
        if when < self._due:
            self._due = when
            if self._scope is not None:
                self._scope.deadline = self._on_trios_clock(when)

    def _on_trios_clock(self, when: float) -> float:
        return FOREVER if when == FOREVER else trio.current_time() + max(0.0, when - monotonic())

    def adopt(self, connection: Any, /) -> None:
        if connection.reactor is None:
            connection.join(self.reactor)

    def share(self, connection: Any, /) -> None:
        connection.be_turned(self.reactor, self.later)

    def arm(self, waiter: Waiter, /) -> None:
        if waiter.deadline < waiter.armed:
            self.reactor.arm(waiter, waiter.deadline)

    async def wait(self, waiter: Waiter, /) -> None:
        if waiter.done:
            return
        waiter.future = _Sleeper(trio.lowlevel.current_task())

        def abort(_: RaiseCancelT) -> Abort:
            waiter.future = None
            return Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(abort)

    async def outlast(self, waiter: Waiter, /) -> None:
        """Wait; a cancellation that comes meanwhile strikes afterwards."""
        with trio.CancelScope(shield=True):
            await self.wait(waiter)

    def start(self, procedure: Coroutine[Any, Any, None], ended: Callable[[], None], /) -> Callable[[], object]:
        """Run a procedure in a system task, which needs no nursery; see `TaskHost.start`."""
        scope = trio.CancelScope()

        async def run() -> None:
            try:
                with scope:
                    await procedure
            except trio.Cancelled:
                raise
            except BaseException:
                pass  # it is known already, and would end the whole run as an error of trio's own
            finally:
                ended()

        trio.lowlevel.spawn_system_task(run, name="courser worker", context=copy_context())
        return scope.cancel

    async def pull(self, awaitable: Awaitable[T], until: Waiter, /) -> T:
        with trio.CancelScope() as scope:
            until.future = _Canceller(scope)
            if until.done:
                scope.cancel()
            try:
                return await awaitable
            finally:
                until.future = None
        raise Interrupted

    async def call(self, function: Callable[..., T], /, *args: Any, deadline: float = FOREVER) -> T:
        return await call_in_thread(self, function, args, deadline)

    async def checkpoint(self) -> None:
        await trio.lowlevel.checkpoint()

    @staticmethod
    def lock() -> AbstractContextManager[Any]:
        return threading.Lock()


def _deliverer(token: TrioToken) -> Callable[[Waiter], None]:
    reference = ref(token)
    thread = threading.get_ident()

    def deliver(waiter: Waiter, /) -> None:
        if threading.get_ident() == thread:
            waiter.complete()
            return
        target = reference()
        if target is not None:
            try:
                target.run_sync_soon(waiter.complete)
            except trio.RunFinishedError:
                pass  # nobody waits any more

    return deliver


def _postponer(token: TrioToken) -> Callable[[Callable[[], None]], None]:
    reference = ref(token)

    def later(call: Callable[[], None], /) -> None:
        target = reference()
        if target is not None:
            try:
                target.run_sync_soon(call)
            except trio.RunFinishedError:
                pass  # nobody waits any more

    return later


_host: RunVar[TrioHost] = RunVar("courser host")


def current_host() -> TrioHost:
    """The host of the current run, made when it is first asked for."""
    try:
        return _host.get()
    except LookupError:
        host = TrioHost()
        _host.set(host)
        return host
