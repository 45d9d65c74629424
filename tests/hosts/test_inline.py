"""The inline host: nothing suspends, and whoever waits does the work."""

from __future__ import annotations

import asyncio
import threading
import types
from collections.abc import Generator
from time import monotonic
from typing import Any

import pytest

from courser.core.reactor import LONGEST, Reactor
from courser.core.waiter import FOREVER, Interrupted, Waiter
from courser.errors import InvalidRequest
from courser.hosts.inline import InlineHost, Latch, drive, run_inline
from courser.hosts.shared import SharedSource

HOST = InlineHost()


@types.coroutine
def suspend() -> Generator[None, None, None]:
    yield


class Source:
    """Completes a waiter after some steps."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def step(self, waiter: Waiter, /) -> None:
        self.steps -= 1
        if self.steps == 0:
            waiter.complete()


def test_a_procedure_runs_to_its_end() -> None:
    async def procedure() -> int:
        await HOST.checkpoint()
        return 5

    assert run_inline(procedure()) == 5


def test_a_procedure_that_suspends_is_a_mistake() -> None:
    cleaned: list[bool] = []

    async def procedure() -> None:
        try:
            await suspend()
        finally:
            cleaned.append(True)

    with pytest.raises(RuntimeError, match="suspended"):
        run_inline(procedure())

    assert cleaned == [True]


def test_who_waits_turns_the_source() -> None:
    waiter = Waiter(Source(3))
    run_inline(HOST.wait(waiter))

    assert waiter.done
    run_inline(HOST.wait(waiter))


def test_without_a_source_another_thread_helps() -> None:
    waiter = Waiter()
    thread = threading.Timer(0.005, lambda: HOST.deliver(waiter))
    thread.start()
    run_inline(HOST.wait(waiter))
    thread.join()

    assert waiter.done


def test_without_a_source_a_deadline_helps() -> None:
    waiter = Waiter()
    waiter.deadline = monotonic() + 0.005
    HOST.arm(waiter)
    run_inline(HOST.wait(waiter))

    assert waiter.deadline == FOREVER
    assert waiter.future is None


def test_a_wait_that_ends_early_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock may be a little behind the lock, and a wait without a limit is cut into long ones."""
    waits: list[float] = []

    def wait(self: Latch, seconds: float) -> bool:
        waits.append(seconds)
        if len(waits) == 2:
            waiter.complete()
        return False

    monkeypatch.setattr(Latch, "wait", wait)
    waiter = Waiter()
    run_inline(HOST.wait(waiter))

    assert waits == [LONGEST, LONGEST]


def test_two_threads_may_complete_the_same_waiter() -> None:
    latch = Latch()
    assert not latch.done()
    latch.set_result(None)
    latch.set_result(None)

    assert latch.done()
    assert latch.wait(0)


# What a user gives to be awaited


def test_an_awaitable_that_never_waits_is_driven() -> None:
    async def ready() -> int:
        return 5

    assert drive(ready()) == 5
    assert run_inline(HOST.pull(ready(), Waiter())) == 5


def test_an_awaitable_that_waits_is_refused_where_it_waits() -> None:
    seen: list[BaseException] = []

    async def waiting() -> None:
        try:
            await suspend()
        except InvalidRequest as error:
            seen.append(error)
            raise

    with pytest.raises(InvalidRequest, match="AsyncClient") as caught:
        drive(waiting())

    assert seen == [caught.value]


def test_an_awaitable_cannot_hide_that_it_waited() -> None:
    async def stubborn() -> None:
        try:
            await suspend()
        except InvalidRequest:
            pass

    with pytest.raises(InvalidRequest):
        drive(stubborn())


def test_an_awaitable_that_cannot_be_thrown_into_is_refused_too() -> None:
    class Bare:
        def __await__(self) -> Any:
            return iter([None])

    with pytest.raises(InvalidRequest):
        drive(Bare())


def test_a_future_of_a_loop_is_refused() -> None:
    loop = asyncio.new_event_loop()
    with pytest.raises((InvalidRequest, RuntimeError)):
        drive(loop.create_future())
    loop.close()


# Calls, and connections


def test_a_call_without_a_limit_is_a_call() -> None:
    assert run_inline(HOST.call(threading.get_ident)) == threading.get_ident()


def test_a_call_with_a_limit_runs_elsewhere() -> None:
    assert run_inline(HOST.call(threading.get_ident, deadline=monotonic() + 30)) != threading.get_ident()
    release = threading.Event()
    with pytest.raises(Interrupted):
        run_inline(HOST.call(release.wait, 10, deadline=monotonic() + 0.005))
    release.set()


class Connection:
    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.reactor: Any = None

    def join(self, reactor: Reactor) -> None:
        self.reactor = reactor


def test_a_connection_without_a_descriptor_gets_a_reactor() -> None:
    plain, spoken = Connection(5), Connection(-1)
    HOST.adopt(plain)
    HOST.adopt(spoken)
    reactor = spoken.reactor
    HOST.adopt(spoken)

    assert plain.reactor is None
    assert isinstance(reactor, Reactor)
    assert spoken.reactor is reactor
    reactor.close()


def test_what_is_shared_has_a_source_for_all_threads() -> None:
    class Connection:
        source: Any = None
        reactor: Any = None

        def be_shared(self, source: Any, lock: Any) -> None:
            self.source = source

        def join(self, reactor: Any) -> None:
            self.reactor = reactor

    connection = Connection()
    HOST.share(connection)

    assert isinstance(connection.source, SharedSource)
    assert connection.source.reactor is connection.reactor
    connection.reactor.close()


def test_locks_are_locks() -> None:
    with HOST.lock():
        pass
