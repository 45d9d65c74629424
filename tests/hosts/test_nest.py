"""A shared connection that is watched by one who waits for many things."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from time import monotonic
from typing import Any

import pytest

from courser.core import reactor as reactor_module
from courser.core.reactor import READ, WRITE, Reactor
from courser.core.waiter import FOREVER, Waiter
from courser.hosts.nest import Nest


class Source:
    def __init__(self) -> None:
        self.looks: list[bool] = []

    def look(self, *, timers: bool = False) -> None:
        self.looks.append(timers)


class Connection:
    """As much of a connection as is watched."""

    def __init__(self) -> None:
        self.socket, self.peer = socket.socketpair()
        self.fd = self.socket.fileno()
        self.source = Source()
        self.reactor: Any = Reactor()
        self.closed = self.pending = False
        self.failures: list[BaseException] = []

    def fail(self, error: BaseException) -> None:
        self.failures.append(error)


class Scene:
    def __init__(self) -> None:
        self.reactor = Reactor()
        self.connection = Connection()
        self.nest = Nest(self.connection, self.reactor)


@pytest.fixture
def scene() -> Iterator[Scene]:
    made = Scene()
    yield made
    made.reactor.close()
    made.connection.reactor.close()
    made.connection.socket.close()
    made.connection.peer.close()


def test_when_something_comes_somebody_looks(scene: Scene) -> None:
    scene.reactor.turn(0.0)
    assert scene.connection.source.looks == []
    scene.connection.peer.send(b"x")
    scene.reactor.turn(0.0)

    assert scene.connection.source.looks == [False]


def test_a_connection_without_a_descriptor_is_watched_by_its_reactor() -> None:
    connection = Connection()
    connection.fd = -1
    reactor = Reactor()
    nest = Nest(connection, reactor)

    assert nest.fileno() == connection.reactor.fileno()
    connection.pending = True
    nest.refresh()
    reactor.close()
    connection.reactor.close()
    connection.socket.close()
    connection.peer.close()


def test_room_is_watched_for_while_something_is_to_be_sent(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(Reactor, "modify", lambda reactor, entry, interest: asked.append(interest))
    scene.nest.refresh()
    scene.connection.pending = True
    scene.nest.refresh()
    scene.nest.refresh()
    scene.connection.pending = False
    scene.nest.refresh()
    scene.connection.closed = scene.connection.pending = True
    scene.nest.refresh()

    assert asked == [READ | WRITE, READ]


def test_deadlines_of_those_who_wait_are_kept(scene: Scene) -> None:
    now = monotonic()
    late, soon, never = Waiter(), Waiter(), Waiter()
    late.deadline, soon.deadline = now + 1000, now - 1
    for waiter in (late, soon, never):
        scene.nest.expect(waiter)
    assert scene.nest.deadline == soon.deadline
    scene.reactor.turn(0.0)

    assert (late.done, soon.done, never.done) == (False, True, False)
    assert scene.nest.deadline == late.deadline
    assert scene.connection.source.looks == []


def test_nobody_who_waits_for_ever_has_a_deadline(scene: Scene) -> None:
    scene.nest.expect(Waiter())
    scene.nest.expire(monotonic())

    assert scene.nest.deadline == FOREVER


def test_a_deadline_that_moves_back_is_armed_once(scene: Scene) -> None:
    waiter = Waiter()
    waiter.deadline = 5000.0
    scene.nest.armed = 1000.0
    scene.nest.expect(waiter)

    assert scene.nest.deadline == 5000.0
    assert scene.nest.armed == 1000.0


def test_what_is_due_in_the_connection_is_looked_at(scene: Scene) -> None:
    class Timed(Waiter):
        __slots__ = ()

    timed = Timed()
    timed.deadline = monotonic() - 1
    scene.connection.reactor.arm(timed, timed.deadline)
    scene.nest.refresh()
    scene.reactor.turn(0.0)

    assert scene.connection.source.looks == [True]


def test_a_closed_connection_is_not_looked_at(scene: Scene) -> None:
    waiter = Waiter()
    waiter.deadline = monotonic() - 1
    scene.nest.expect(waiter)
    scene.connection.closed = True
    scene.nest.expire(monotonic())

    assert waiter.done
    assert scene.connection.source.looks == []


def test_a_closed_connection_is_watched_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain poll object would tell again and again that the descriptor is none."""
    monkeypatch.setattr(reactor_module, "can_nest", lambda: False)
    scene = Scene()
    scene.connection.socket.close()
    scene.connection.closed = True
    for _ in range(2):
        scene.nest.refresh()
    assert scene.reactor.poller.poll(0.0) == []
    scene.reactor.close()
    scene.connection.reactor.close()
    scene.connection.peer.close()


def test_what_is_raised_there_is_the_connections(scene: Scene) -> None:
    error = RuntimeError("x")
    scene.nest.fail(error)

    assert scene.connection.failures == [error]
