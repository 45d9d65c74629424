"""The trio host: one for each run, ended with it."""

from __future__ import annotations

import gc
import socket
import threading
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from time import monotonic
from typing import Any

import pytest
import trio
from hostfacts import FACTS

from courser.core.reactor import READ
from courser.core.waiter import FOREVER, Interrupted, Waiter
from courser.hosts import trio as module
from courser.hosts.trio import TrioHost, current_host


def in_trio(body: Callable[[TrioHost], Coroutine[Any, Any, None]]) -> TrioHost:
    hosts: list[TrioHost] = []

    async def main() -> None:
        host = current_host()
        hosts.append(host)
        assert current_host() is host
        with trio.fail_after(10):
            await body(host)

    trio.run(main)
    return hosts[0]


def test_a_run_has_one_host_that_ends_with_it() -> None:
    async def body(host: TrioHost) -> None:
        await host.checkpoint()

    first, second = in_trio(body), in_trio(body)

    assert first is not second
    with pytest.raises(ValueError, match="closed"):
        first.reactor.poller.poll(0)


@pytest.mark.parametrize("fact", FACTS)
def test_what_holds_for_every_host(fact: Any) -> None:
    in_trio(fact)


class Entry:
    deadline = armed = FOREVER

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.event = trio.Event()

    def fileno(self) -> int:
        return self.socket.fileno()

    def ready(self, mask: int, now: float) -> None:
        self.socket.recv(10)
        self.event.set()

    def expire(self, now: float) -> None:
        raise AssertionError("it has no deadline")

    def fail(self, error: BaseException) -> None:
        raise error


def test_the_reactor_is_turned_when_something_is_ready() -> None:
    async def body(host: TrioHost) -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with ours, theirs:
            entry = Entry(ours)
            host.reactor.register(entry, READ)
            for _ in range(2):
                theirs.send(b"x")
                await entry.event.wait()
                entry.event = trio.Event()
            host.reactor.unregister(entry)

    in_trio(body)


def test_a_deadline_may_be_set_before_the_timer_runs() -> None:
    async def body(host: TrioHost) -> None:
        assert host._scope is None
        waiter = Waiter()
        waiter.deadline = monotonic() + 0.005
        host.arm(waiter)
        await host.wait(waiter)

    in_trio(body)


def test_a_cancelled_wait_leaves_no_future_behind() -> None:
    async def body(host: TrioHost) -> None:
        waiter = Waiter()
        with trio.move_on_after(0.005) as scope:
            await host.wait(waiter)
        assert scope.cancelled_caught
        assert waiter.future is None
        waiter.complete()

    in_trio(body)


def test_a_waiter_that_is_completed_wakes_its_task_once() -> None:
    async def body(host: TrioHost) -> None:
        waiter = Waiter()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(host.wait, waiter)
            await trio.sleep(0)
            await trio.sleep(0)
            future = waiter.future
            assert future is not None
            assert not future.done()
            waiter.complete()
            assert future.done()
            waiter.complete()

    in_trio(body)


@pytest.mark.parametrize("kept", [True, False])
def test_nobody_is_told_where_the_run_is_over(kept: bool) -> None:
    delivers: list[Any] = []
    tokens: list[Any] = []

    async def main() -> None:
        tokens.append(trio.lowlevel.current_trio_token())
        delivers.append(module._deliverer(tokens[0]))

    trio.run(main)
    if not kept:
        tokens.clear()
        gc.collect()
    waiter = Waiter()
    thread = threading.Thread(target=delivers[0], args=[waiter])
    thread.start()
    thread.join()

    assert not waiter.done


@pytest.mark.parametrize("early", [True, False])
def test_what_takes_too_long_is_cancelled(early: bool) -> None:
    cleaned: list[bool] = []

    async def forever() -> None:
        try:
            await trio.sleep_forever()
        finally:
            cleaned.append(True)

    async def body(host: TrioHost) -> None:
        until = Waiter()
        async with trio.open_nursery() as nursery:
            if early:
                until.complete()
            else:

                async def complete() -> None:
                    future = until.future
                    assert future is not None
                    assert not future.done()
                    until.complete()
                    assert future.done()

                nursery.start_soon(complete)
            with pytest.raises(Interrupted):
                await host.pull(forever(), until)
        assert until.future is None

    in_trio(body)

    assert cleaned == [True]


def test_a_cancellation_from_outside_passes() -> None:
    async def body(host: TrioHost) -> None:
        until = Waiter()
        with trio.move_on_after(0.005) as scope:
            await host.pull(trio.sleep_forever(), until)
        assert scope.cancelled_caught
        assert until.future is None

    in_trio(body)


def test_an_idle_run_turns_nothing() -> None:
    """The timer sleeps until somebody has a deadline."""

    async def body(host: TrioHost) -> None:
        await trio.sleep(0.005)
        assert host._due == FOREVER
        assert host._scope is not None
        assert host._scope.deadline == FOREVER

    in_trio(body)


def test_a_cancellation_strikes_after_what_is_outlasted() -> None:
    async def body(host: TrioHost) -> None:
        waiter = Waiter()
        outlasted: list[bool] = []

        async def outlast() -> None:
            await host.outlast(waiter)
            outlasted.append(True)
            await host.checkpoint()
            outlasted.append(False)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(outlast)
            await host.checkpoint()
            nursery.cancel_scope.cancel()
            with trio.CancelScope(shield=True):
                await host.checkpoint()
            assert outlasted == []
            waiter.complete()
        assert outlasted == [True]

    in_trio(body)


def test_a_procedure_runs_in_a_task_of_its_own() -> None:
    """In the context of its caller, who is told of its end; trio has nothing to complain of, whatever ended it."""
    variable: ContextVar[int] = ContextVar("variable")

    class Grave(BaseException):
        pass

    async def body(host: TrioHost) -> None:
        tasks: list[Any] = []

        async def procedure(error: BaseException | None) -> None:
            assert variable.get() == 5
            tasks.append(trio.lowlevel.current_task())
            if error is not None:
                raise error
            await host.wait(Waiter())

        variable.set(5)
        for error in (Grave(), None, None):
            ended = Waiter()
            cancel = host.start(procedure(error), ended.complete)
            if error is None:
                if len(tasks) < 2:
                    await host.checkpoint()
                cancel()  # the last one before it has begun
            await host.wait(ended)
        assert len({*tasks, trio.lowlevel.current_task()}) == 4

    in_trio(body)


def test_what_is_under_way_ends_with_the_run() -> None:
    ended: list[bool] = []

    async def body(host: TrioHost) -> None:
        host.start(host.wait(Waiter()), lambda: ended.append(True))

    in_trio(body)
    assert ended == [True]


# What is left for later


class Shared:
    """As much of a connection as is shared."""

    reactor: Any = None
    later: Any = None

    def be_turned(self, reactor: Any, later: Any) -> None:
        self.reactor, self.later = reactor, later


def test_what_many_use_is_turned_by_the_runs_reactor() -> None:
    async def body(host: TrioHost) -> None:
        connection = Shared()
        host.share(connection)
        assert connection.reactor is host.reactor
        assert connection.later is host.later

    in_trio(body)


@pytest.mark.parametrize("here", [True, False])
def test_what_is_left_is_done_by_the_run(here: bool) -> None:
    async def body(host: TrioHost) -> None:
        done = trio.Event()
        if here:
            host.later(done.set)
        else:
            thread = threading.Thread(target=host.later, args=[done.set])
            thread.start()
            thread.join()
        assert not done.is_set()
        await done.wait()

    in_trio(body)


@pytest.mark.parametrize("kept", [True, False])
def test_what_is_left_in_a_run_that_is_over_is_not_done(kept: bool) -> None:
    laters: list[Any] = []
    tokens: list[Any] = []

    async def main() -> None:
        tokens.append(trio.lowlevel.current_trio_token())
        laters.append(module._postponer(tokens[0]))

    trio.run(main)
    if not kept:
        tokens.clear()
        gc.collect()
    calls: list[int] = []
    laters[0](lambda: calls.append(1))

    assert calls == []
