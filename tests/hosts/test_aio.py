"""The asyncio host: one for each loop, timers, users' awaitables, and loops that are gone."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from collections.abc import Callable, Coroutine
from time import monotonic
from typing import Any
from weakref import ref

import pytest
from hostfacts import FACTS

from courser.core.reactor import Reactor
from courser.core.waiter import FOREVER, Interrupted, Waiter
from courser.hosts import aio as module
from courser.hosts.aio import AioHost, LoopTimer, _hosts, choose_driver, current_host
from courser.hosts.loops import LoopReactor

DRIVERS = ["nested", "direct", "transports"]


def in_loop(body: Callable[[AioHost], Coroutine[Any, Any, None]], driver: str = "nested") -> None:
    async def main() -> None:
        host = AioHost(asyncio.get_running_loop(), driver)
        try:
            await body(host)
        finally:
            if driver == "nested":
                asyncio.get_running_loop().remove_reader(host.reactor.fileno())  # type: ignore[union-attr]
            host.dispose()

    asyncio.run(main())


# Choice


def test_the_fastest_driver_that_works_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    class ProactorLoop:
        pass

    loop: Any = ProactorLoop()
    monkeypatch.delenv("COURSER_DRIVER", raising=False)
    monkeypatch.setattr(module, "can_nest", lambda: True)
    assert choose_driver(loop) == "nested"
    monkeypatch.setattr(module, "can_nest", lambda: False)
    assert choose_driver(loop) == "direct"
    monkeypatch.setattr(sys, "platform", "win32")
    assert choose_driver(loop) == "transports"


def test_a_driver_can_be_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    loop: Any = object()
    for driver in DRIVERS:
        monkeypatch.setenv("COURSER_DRIVER", driver)
        assert choose_driver(loop) == driver
    monkeypatch.setenv("COURSER_DRIVER", "trains")
    with pytest.raises(ValueError, match="'trains'"):
        choose_driver(loop)


@pytest.mark.parametrize(
    ("driver", "kind"), [("nested", Reactor), ("direct", LoopReactor), ("transports", LoopReactor)]
)
def test_each_driver_has_its_reactor(driver: str, kind: type) -> None:
    async def body(host: AioHost) -> None:
        assert type(host.reactor) is kind
        assert (host.network is not None) == (driver == "transports")

    in_loop(body, driver)


# Waiting


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("fact", FACTS)
def test_what_holds_for_every_host(fact: Any, driver: str) -> None:
    in_loop(fact, driver)


def test_a_cancelled_wait_leaves_no_future_behind() -> None:
    async def body(host: AioHost) -> None:
        waiter = Waiter()
        task = asyncio.ensure_future(host.wait(waiter))
        await host.checkpoint()
        assert waiter.future is not None
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert waiter.future is None
        waiter.complete()

    in_loop(body)


def test_a_cancellation_strikes_after_what_is_outlasted() -> None:
    async def body(host: AioHost) -> None:
        done = Waiter()
        done.complete()
        await host.outlast(done)
        waiter = Waiter()
        task = asyncio.ensure_future(host.outlast(waiter))
        for message in ("one", "two"):
            await host.checkpoint()
            task.cancel(message)
        await host.checkpoint()
        assert not task.done()
        waiter.complete()
        with pytest.raises(asyncio.CancelledError):
            await task

    in_loop(body)


def test_a_procedure_runs_in_a_task_of_its_own() -> None:
    """The caller is told of its end, and the loop complains of nothing, whatever it was that ended it."""
    complaints: list[Any] = []

    class Grave(BaseException):
        pass

    async def body(host: AioHost) -> None:
        tasks: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))

        async def procedure(error: BaseException | None) -> None:
            tasks.append(asyncio.current_task())
            if error is not None:
                raise error
            await host.wait(Waiter())

        for error in (Grave(), None, None):
            ended = Waiter()
            cancel = host.start(procedure(error), ended.complete)
            if error is None:
                if len(tasks) < 2:
                    await host.checkpoint()
                cancel()  # the last one before it has begun
            await host.wait(ended)
        assert len({*tasks, asyncio.current_task()}) == 3
        tasks.clear()
        gc.collect()

    in_loop(body)
    assert complaints == []


def test_nobody_is_told_where_the_loop_is_gone() -> None:
    delivers: list[Any] = []

    async def main() -> None:
        delivers.append(module._deliverer(asyncio.get_running_loop()))

    asyncio.run(main())
    waiter = Waiter()
    thread = threading.Thread(target=delivers[0], args=[waiter])
    thread.start()
    thread.join()

    assert not waiter.done


class ClosingLoop:
    """A loop that is closed right after somebody has looked."""

    def is_closed(self) -> bool:
        return False

    def call_soon(self, call: Any) -> None:
        raise RuntimeError("Event loop is closed")

    call_soon_threadsafe = call_soon


def test_a_loop_that_closes_meanwhile_is_forgiven() -> None:
    loop: Any = ClosingLoop()
    deliver = module._deliverer(loop)
    waiter = Waiter()
    thread = threading.Thread(target=deliver, args=[waiter])
    thread.start()
    thread.join()

    assert not waiter.done


# What a user gives to be awaited


async def forever() -> None:
    await asyncio.get_running_loop().create_future()


def clean() -> bool:
    """Whether nothing is left of a cancellation of our own making."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() == 0


def test_what_takes_too_long_is_cancelled() -> None:
    async def body(host: AioHost) -> None:
        until = Waiter()
        asyncio.get_running_loop().call_soon(until.complete)
        with pytest.raises(Interrupted):
            await host.pull(forever(), until)
        assert clean()
        await asyncio.sleep(0)

    in_loop(body)


@pytest.mark.parametrize("kind", ["coroutine", "future", "bare"])
def test_what_comes_too_late_is_not_begun(kind: str) -> None:
    class Bare:
        def __await__(self) -> Any:
            raise AssertionError("it is too late")

    async def body(host: AioHost) -> None:
        until = Waiter()
        until.complete()
        given: Any = {"coroutine": forever, "future": asyncio.get_running_loop().create_future, "bare": Bare}[kind]()
        with pytest.raises(Interrupted):
            await host.pull(given, until)
        if kind == "future":
            assert given.cancelled()
        assert clean()
        await asyncio.sleep(0)

    in_loop(body)


def test_a_cancellation_from_outside_passes() -> None:
    async def body(host: AioHost) -> None:
        until = Waiter()
        task = asyncio.ensure_future(host.pull(forever(), until))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert until.future is None

    in_loop(body)


def test_a_cancellation_from_outside_beats_our_own() -> None:
    async def body(host: AioHost) -> None:
        until = Waiter()
        task = asyncio.ensure_future(host.pull(forever(), until))
        await asyncio.sleep(0)
        task.cancel()
        until.complete()
        with pytest.raises(asyncio.CancelledError):
            await task

    in_loop(body)


def test_an_awaitable_may_swallow_our_cancellation() -> None:
    async def body(host: AioHost) -> None:
        async def stubborn() -> int:
            try:
                await forever()
            except asyncio.CancelledError:
                pass
            return 5

        async def converting() -> None:
            try:
                await forever()
            except asyncio.CancelledError:
                raise ZeroDivisionError from None

        until = Waiter()
        asyncio.get_running_loop().call_soon(until.complete)
        assert await host.pull(stubborn(), until) == 5
        assert clean()
        until = Waiter()
        asyncio.get_running_loop().call_soon(until.complete)
        with pytest.raises(ZeroDivisionError):
            await host.pull(converting(), until)
        assert clean()
        async with asyncio.timeout(10):
            await asyncio.sleep(0)

    in_loop(body)


def test_without_a_task_there_is_nothing_to_cancel() -> None:
    """A coroutine that a callback drives, or another framework."""

    async def ready() -> int:
        return 5

    async def body(host: AioHost) -> None:
        results: list[Any] = []

        def drive() -> None:
            try:
                host.pull(ready(), Waiter()).send(None)
            except StopIteration as stop:
                results.append(stop.value)

        asyncio.get_running_loop().call_soon(drive)
        await asyncio.sleep(0)
        assert results == [5]

    in_loop(body)


# Timers


class Handle:
    def __init__(self, delay: float, call: Callable[[], None]) -> None:
        self.delay, self.call = delay, call
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class FakeLoop:
    def __init__(self) -> None:
        self.closed = False
        self.handles: list[Handle] = []

    def is_closed(self) -> bool:
        return self.closed

    def call_later(self, delay: float, call: Callable[[], None]) -> Handle:
        self.handles.append(Handle(delay, call))
        return self.handles[-1]


class FakeReactor:
    turns = 0
    due = FOREVER

    def turn(self) -> None:
        self.turns += 1


def test_a_timer_is_set_anew_for_an_earlier_time_only() -> None:
    loop: Any = FakeLoop()
    timer = LoopTimer(loop)
    timer.schedule(monotonic() + 100)
    timer.schedule(monotonic() + 200)
    timer.schedule(monotonic() - 5)

    assert [handle.cancelled for handle in loop.handles] == [True, False]
    assert 99 < loop.handles[0].delay <= 100
    assert loop.handles[1].delay == 0
    loop.handles[1].call()
    timer.schedule(FOREVER)
    assert len(loop.handles) == 2


def test_a_timer_turns_the_reactor_and_is_set_again() -> None:
    """A loop's timer may come early: then nothing was due yet."""
    loop: Any = FakeLoop()
    timer = LoopTimer(loop)
    reactor: Any = FakeReactor()
    timer.connect(reactor)
    timer.schedule(5.0)
    reactor.due = 6.0
    loop.handles.pop().call()
    assert reactor.turns == 1
    assert len(loop.handles) == 1
    handle = loop.handles.pop()
    del reactor
    handle.call()

    assert loop.handles == []


def test_a_loop_that_is_gone_has_no_timer() -> None:
    loop: Any = FakeLoop()
    timer = LoopTimer(loop)
    loop.closed = True
    timer.schedule(5.0)
    assert loop.handles == []
    del loop
    timer.schedule(5.0)


# Hosts and their loops


def test_a_loop_has_one_host() -> None:
    async def main() -> ref[AioHost]:
        loop = asyncio.get_running_loop()
        assert current_host(loop) is current_host(loop)
        return ref(current_host(loop))

    host = asyncio.run(main())
    gc.collect()

    assert host() is None


def test_hosts_of_loops_that_were_closed_are_given_up() -> None:
    """Also where somebody still refers to the loop."""

    async def main() -> AioHost:
        return current_host(asyncio.get_running_loop())

    loop = asyncio.new_event_loop()
    host = loop.run_until_complete(main())
    loop.close()
    other = asyncio.run(main())

    assert loop not in _hosts.by_loop
    assert isinstance(host.reactor, Reactor)
    with pytest.raises(ValueError, match="closed"):
        host.reactor.poller.poll(0)
    assert other is not host


def test_fifty_loops_leave_nothing_behind() -> None:
    async def main() -> None:
        current_host(asyncio.get_running_loop())

    gc.collect()
    before = len(_hosts.by_loop)
    for _ in range(50):
        asyncio.run(main())
    gc.collect()

    assert len(_hosts.by_loop) <= before


def test_a_child_process_has_no_hosts() -> None:
    hosts = module._Hosts()
    lock = hosts.lock
    hosts.forget()

    assert hosts.lock is not lock
    assert not hosts.by_loop


def test_the_host_of_a_loop_that_lives_is_kept() -> None:
    async def main() -> AioHost:
        return current_host(asyncio.get_running_loop())

    loop = asyncio.new_event_loop()
    host = loop.run_until_complete(main())
    asyncio.run(main())

    assert loop.run_until_complete(main()) is host
    loop.close()


# What is left for later


class Shared:
    """As much of a connection as is shared."""

    reactor: Any = None
    later: Any = None

    def be_turned(self, reactor: Any, later: Any) -> None:
        self.reactor, self.later = reactor, later


def test_what_many_use_is_turned_by_the_loops_reactor() -> None:
    async def body(host: AioHost) -> None:
        connection = Shared()
        host.share(connection)
        assert connection.reactor is host.reactor
        assert connection.later is host.later

    in_loop(body)


def test_what_is_left_is_done_when_others_have_had_their_turn() -> None:
    async def body(host: AioHost) -> None:
        order: list[str] = []
        asyncio.get_running_loop().call_soon(order.append, "other")
        host.later(lambda: order.append("later"))
        assert order == []
        await asyncio.sleep(0)
        assert order == ["other", "later"]

    in_loop(body)


def test_another_thread_may_leave_something() -> None:
    async def body(host: AioHost) -> None:
        done = asyncio.Event()
        thread = threading.Thread(target=host.later, args=[done.set])
        thread.start()
        await asyncio.wait_for(done.wait(), 10)
        thread.join()

    in_loop(body)


@pytest.mark.parametrize("kept", [True, False])
def test_what_is_left_in_a_loop_that_is_over_is_not_done(kept: bool) -> None:
    loop: Any = asyncio.SelectorEventLoop()
    later = module._postponer(loop)
    calls: list[int] = []
    loop.close()
    if not kept:
        del loop
        gc.collect()
    later(lambda: calls.append(1))

    assert calls == []


@pytest.mark.parametrize("here", [True, False])
def test_what_is_left_in_a_loop_that_closes_meanwhile_is_forgiven(here: bool) -> None:
    loop: Any = ClosingLoop()
    later = module._postponer(loop)
    calls: list[int] = []
    if here:
        later(lambda: calls.append(1))
    else:
        thread = threading.Thread(target=later, args=[lambda: calls.append(1)])
        thread.start()
        thread.join()

    assert calls == []
