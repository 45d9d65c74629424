"""A crew: tasks that are counted, cancelled together, and waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from courser.core.waiter import Waiter
from courser.hosts.crew import Crew
from courser.hosts.inline import run_inline


class Host:
    """Runs nothing: a test says when a task has ended."""

    def __init__(self) -> None:
        self.ends: list[Callable[[], None]] = []
        self.cancelled: list[int] = []
        self.delivered: list[Waiter] = []
        self.closed = False

    def start(self, procedure: Coroutine[Any, Any, None], ended: Callable[[], None], /) -> Callable[[], object]:
        procedure.close()
        number = len(self.ends)
        self.ends.append(ended)

        def cancel() -> None:
            if self.closed:
                raise RuntimeError("Event loop is closed")
            self.cancelled.append(number)

        return cancel

    async def outlast(self, waiter: Waiter, /) -> None:
        assert waiter.done

    def deliver(self, waiter: Waiter, /) -> None:
        self.delivered.append(waiter)


async def nothing() -> None:
    await asyncio.sleep(0)


def crew_of(size: int) -> tuple[Crew, Host, list[bool]]:
    host = Host()
    farewells: list[bool] = []
    crew = Crew(host, lambda: farewells.append(True))
    for _ in range(size):
        crew.start(nothing())
    return crew, host, farewells


def gone(crew: Crew) -> bool:
    try:
        run_inline(crew.gone())
    except AssertionError:
        return False
    return True


def test_it_is_gone_when_the_last_task_has_ended() -> None:
    crew, host, farewells = crew_of(3)
    host.ends[1]()
    crew.dismiss()
    crew.dismiss()

    assert host.cancelled == [0, 2]
    host.ends[0]()
    assert (gone(crew), farewells) == (False, [])
    host.ends[2]()
    assert (gone(crew), farewells) == (True, [True])


def test_nobody_is_waited_for_where_nobody_is_left() -> None:
    crew, host, farewells = crew_of(1)
    host.ends[0]()
    assert not gone(crew)
    crew.dismiss()

    assert (gone(crew), host.cancelled, farewells) == (True, [], [True])


@pytest.mark.parametrize("closed", [False, True])
def test_an_abandoned_one_is_dismissed_by_its_own_thread(closed: bool) -> None:
    """Unless its loop, and the tasks with it, are gone."""
    crew, host, _ = crew_of(2)
    host.closed = closed
    crew.abandon()
    assert host.cancelled == []
    for waiter in host.delivered:
        waiter.complete()
    crew.abandon()

    assert host.cancelled == ([] if closed else [0, 1])
    assert len(host.delivered) == 1
