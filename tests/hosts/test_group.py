"""The group host: many procedures in one thread."""

from __future__ import annotations

import threading
from collections.abc import Coroutine, Iterator
from time import monotonic
from typing import Any

import pytest
from h2peer import Peer, Work, World, echo, nothing, post, until

from courser.core.reactor import Reactor
from courser.core.waiter import Interrupted, Waiter
from courser.errors import ReadTimeout
from courser.hosts.group import GroupHost
from courser.hosts.inline import InlineHost, run_inline
from courser.settings import Timeout
from courser.values.request import Request


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


# Connections that are shared with other threads


@pytest.fixture
def world(group: GroupHost) -> Iterator[World]:
    made = World(echo, group, apart=True, buffer=4096)
    yield made
    made.close()


def get(path: str) -> Request:
    return Request("GET", "http://a" + path)


def test_many_requests_go_over_one_connection(group: GroupHost, world: World) -> None:
    paths = [f"/{number}" for number in range(100)]
    finish(group, world.aget(get("/first")))

    assert sorted(finish(group, *[world.aget(get(path)) for path in paths])) == sorted(map(str.encode, paths))
    assert len(world.peers) == 1
    assert not world.connection.guests


def test_bodies_go_both_ways_as_the_link_takes_them(group: GroupHost, world: World) -> None:
    bodies = [bytes([65 + number]) * 100_000 for number in range(5)]

    assert sorted(finish(group, *map(world.aget, map(post, bodies)))) == [b"/" + body for body in bodies]
    assert len(world.peers) == 1


def test_each_request_keeps_its_own_time(group: GroupHost, world: World) -> None:
    finish(group, world.aget())
    world.act = nothing
    late: list[str] = []
    connection = world.connection

    async def ask(seconds: float) -> None:
        with pytest.raises(ReadTimeout):
            await world.aget(get("/late"), Timeout(total=None, read=seconds))
        late.append(f"{seconds}: {len(connection.guests)}")

    finish(group, ask(0.5), ask(0.1), ask(0.3))

    assert late == ["0.1: 2", "0.3: 1", "0.5: 0"]
    assert connection.closed


def test_a_thread_that_leads_serves_the_group_too(group: GroupHost, world: World) -> None:
    finish(group, world.aget())
    world.act = nothing
    exchange = world.begin(get("/thread"))
    leader = Work(lambda: run_inline(exchange.collect(InlineHost())))
    until(lambda: world.connection.source.rings.polling)
    world.act = echo

    assert finish(group, world.aget(get("/group"))) == [b"/group"]
    assert leader.outcome() == b"/thread"
    assert len(world.peers) == 1


def test_the_group_serves_nobody_who_does_not_wait(group: GroupHost, world: World) -> None:
    """A thread has begun and gone elsewhere: what it has left is sent, and what comes for it waits."""
    finish(group, world.aget())
    exchange = world.begin(get("/thread"))

    assert finish(group, world.aget(get("/group"))) == [b"/group"]
    assert run_inline(exchange.collect(InlineHost())) == b"/thread"


def test_a_peer_that_goes_is_told_to_all(group: GroupHost, world: World) -> None:
    finish(group, world.aget())

    def go(peer: Peer) -> None:
        peer.take()
        if len(peer.streams) == 4 and not peer.ended:
            peer.ended = True
            peer.close()
            world.act = echo

    world.act = go
    assert finish(group, *[world.aget(get("/again")) for _ in range(3)]) == [b"/again"] * 3
    assert len(world.peers) == 2
