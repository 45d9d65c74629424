"""The group host: many procedures in one thread."""

from __future__ import annotations

import threading
from time import monotonic
from typing import Any

import pytest

from courser.core.reactor import Reactor
from courser.core.waiter import Interrupted, Waiter
from courser.hosts.group import GroupHost, Task
from courser.hosts.inline import InlineHost


@pytest.fixture
def group() -> Any:
    made = GroupHost()
    yield made
    made.close()


def finish(group: GroupHost, *tasks: Task[Any]) -> list[Task[Any]]:
    """Run until all have ended; gives them in the order of their ends."""
    ended: list[Task[Any]] = []
    while len(ended) < len(tasks):
        ended += group.run_once()
    return ended


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

    tasks = group.start(waits()), group.start(wakes())
    ended = finish(group, *tasks)

    assert order == ["waits", "wakes"]
    assert [task.result for task in ended] == ["waited", "woke"]
    assert all(task.done() for task in tasks)


def test_what_is_done_is_not_waited_for(group: GroupHost) -> None:
    async def procedure() -> int:
        waiter = Waiter()
        waiter.complete()
        await group.wait(waiter)
        return 5

    assert finish(group, group.start(procedure()))[0].result == 5


def test_an_error_is_kept_for_whoever_asks(group: GroupHost) -> None:
    async def procedure() -> None:
        raise ZeroDivisionError

    task = finish(group, group.start(procedure()))[0]

    assert isinstance(task.error, ZeroDivisionError)


def test_what_strikes_from_outside_is_not_kept(group: GroupHost) -> None:
    async def procedure() -> None:
        raise KeyboardInterrupt

    group.start(procedure())
    with pytest.raises(KeyboardInterrupt):
        group.run_once()


def test_a_cancelled_procedure_cleans_up(group: GroupHost) -> None:
    cleaned: list[bool] = []

    async def procedure() -> None:
        try:
            await group.wait(Waiter())
        finally:
            cleaned.append(True)

    task = group.start(procedure())
    group.run_once()
    task.cancel()

    assert cleaned == [True]
    assert task.done()


def test_a_deadline_wakes_who_waits(group: GroupHost) -> None:
    waiter = Waiter()
    waiter.deadline = monotonic() + 0.005

    async def procedure() -> None:
        group.arm(waiter)
        group.arm(waiter)
        await group.wait(waiter)

    finish(group, group.start(procedure()))

    assert waiter.done


def test_another_thread_wakes_the_group(group: GroupHost) -> None:
    """By the group's own means, or by those of the pool of a client that other threads use."""
    for deliver in (group.deliver, InlineHost().deliver):
        waiter = Waiter()
        task = group.start(group.wait(waiter))
        thread = threading.Timer(0.005, deliver, [waiter])
        thread.start()
        assert finish(group, task) == [task]
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
    task = group.start(group.wait(Hasty()))

    assert finish(group, task) == [task]


def test_a_task_that_is_resumed_twice_ends_once(group: GroupHost) -> None:
    """By itself, and by the thread that completed its waiter, in the same moment."""
    waiter = Waiter()
    task = group.start(group.wait(waiter))
    group.ready.append(task)
    waiter.complete()
    ended = finish(group, task)
    group.ready.append(task)
    ended += group.run_once()

    assert ended == [task]
    assert task.error is None


def test_calls_run_in_a_thread(group: GroupHost) -> None:
    release = threading.Event()

    async def procedure() -> tuple[int, bool]:
        elsewhere = await group.call(threading.get_ident, deadline=monotonic() + 30)
        try:
            await group.call(release.wait, 10, deadline=monotonic() + 0.005)
        except Interrupted:
            return elsewhere, True
        return elsewhere, False

    elsewhere, interrupted = finish(group, group.start(procedure()))[0].result
    release.set()

    assert elsewhere != threading.get_ident()
    assert interrupted


def test_what_never_waits_may_be_awaited(group: GroupHost) -> None:
    async def ready() -> int:
        return 5

    async def procedure() -> int:
        return await group.pull(ready(), Waiter())

    assert finish(group, group.start(procedure()))[0].result == 5


class Connection:
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
