"""The group host: many procedures in one thread."""

from __future__ import annotations

import threading
from collections.abc import Coroutine
from time import monotonic
from typing import Any

import pytest

from courser.core.reactor import Reactor
from courser.core.waiter import Interrupted, Waiter
from courser.hosts.group import GroupHost
from courser.hosts.inline import InlineHost


@pytest.fixture
def group() -> Any:
    made = GroupHost()
    yield made
    made.cancel()
    made.close()


def finish(group: GroupHost, *procedures: Coroutine[Any, Any, Any]) -> list[Any]:
    """Run procedures side by side until all have ended; gives what they return, in the order of their ends."""
    results: list[Any] = []

    async def note(procedure: Coroutine[Any, Any, Any]) -> None:
        results.append(await procedure)

    for procedure in procedures:
        group.start(note(procedure))
    while group.tasks:
        group.run_once()
    assert len(results) == len(procedures)
    return results


def test_procedures_run_side_by_side(group: GroupHost) -> None:
    first, second = Waiter(), Waiter()
    order: list[str] = []

    async def waits() -> str:
        order.append("waits")
        await group.wait(first)
        second.complete()
        return "waited"

    async def wakes() -> str:
        order.append("wakes")
        first.complete()
        await group.wait(second)
        await group.checkpoint()
        return "woke"

    assert finish(group, waits(), wakes()) == ["waited", "woke"]
    assert order == ["waits", "wakes"]


def test_what_never_waits_has_ended_when_it_was_begun(group: GroupHost) -> None:
    async def procedure() -> None:
        waiter = Waiter()
        waiter.complete()
        await group.wait(waiter)

    task = group.start(procedure())

    assert task.finished
    assert task.done()
    assert not group.tasks


@pytest.mark.parametrize("at_once", [True, False])
def test_what_is_raised_is_raised_at_once(group: GroupHost, at_once: bool) -> None:
    waiter = Waiter()

    async def procedure() -> None:
        if not at_once:
            await group.wait(waiter)
        raise KeyboardInterrupt

    if at_once:
        with pytest.raises(KeyboardInterrupt):
            group.start(procedure())
    else:
        group.start(procedure())
        waiter.complete()
        with pytest.raises(KeyboardInterrupt):
            group.run_once()


def test_a_cancelled_procedure_cleans_up(group: GroupHost) -> None:
    cleaned: list[bool] = []

    async def procedure(waiter: Waiter) -> None:
        try:
            await group.wait(waiter)
        finally:
            cleaned.append(True)

    done = Waiter()
    tasks = [group.start(procedure(waiter)) for waiter in (Waiter(), done)]
    done.complete()
    group.cancel()

    assert cleaned == [True, True]
    assert all(task.done() for task in tasks)
    assert not group.tasks
    assert not group.ready


def test_a_deadline_wakes_who_waits(group: GroupHost) -> None:
    waiter = Waiter()
    waiter.deadline = monotonic() + 0.005

    async def procedure() -> None:
        group.arm(waiter)
        group.arm(waiter)
        await group.wait(waiter)

    finish(group, procedure())

    assert waiter.done


def test_another_thread_wakes_the_group(group: GroupHost) -> None:
    """By the group's own means, or by those of the pool of a client that other threads use."""
    for deliver in (group.deliver, InlineHost().deliver):
        waiter = Waiter()
        thread = threading.Timer(0.005, deliver, [waiter])
        thread.start()
        finish(group, group.wait(waiter))
        thread.join()


def test_its_own_thread_completes_at_once(group: GroupHost) -> None:
    waiter = Waiter()
    group.deliver(waiter)

    assert waiter.done


class Hasty(Waiter):
    """Another thread completes it right after the look that finds it undone."""

    looks = 0

    def __getattribute__(self, name: str) -> Any:
        if name == "done":
            type(self).looks += 1
            return type(self).looks > 1
        return super().__getattribute__(name)


def test_a_completion_between_look_and_wait_is_seen(group: GroupHost) -> None:
    finish(group, group.wait(Hasty()))


def test_a_task_that_is_resumed_twice_ends_once(group: GroupHost) -> None:
    """By itself, and by the thread that completed its waiter, in the same moment."""
    waiter = Waiter()
    ended: list[bool] = []

    async def procedure() -> None:
        await group.wait(waiter)
        ended.append(True)

    task = group.start(procedure())
    group.ready.append(task)
    group.run_once()
    group.ready.append(task)
    waiter.complete()
    group.run_once()

    assert ended == [True]
    assert not group.ready


def test_calls_run_in_a_thread(group: GroupHost) -> None:
    release = threading.Event()

    async def procedure() -> tuple[int, bool]:
        elsewhere = await group.call(threading.get_ident, deadline=monotonic() + 30)
        try:
            await group.call(release.wait, 10, deadline=monotonic() + 0.005)
        except Interrupted:
            return elsewhere, True
        return elsewhere, False

    [(elsewhere, interrupted)] = finish(group, procedure())
    release.set()

    assert elsewhere != threading.get_ident()
    assert interrupted


def test_what_never_waits_may_be_awaited(group: GroupHost) -> None:
    async def ready() -> int:
        return 5

    async def procedure() -> int:
        return await group.pull(ready(), Waiter())

    assert finish(group, procedure()) == [5]


class Connection:
    shares = False
    reactor: Reactor | None = None
    joined = 0

    def join(self, reactor: Reactor) -> None:
        self.reactor = reactor
        self.joined += 1


def test_a_connection_is_adopted_once(group: GroupHost) -> None:
    connection = Connection()
    group.adopt(connection)
    group.adopt(connection)

    assert connection.reactor is group.reactor
    assert connection.joined == 1
    with group.lock():
        pass
