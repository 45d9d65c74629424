"""Whether anybody is there, and what that one can do: who is asked, for how long, and what follows from it."""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic
from typing import Any

import pytest
from h2peer import Make, World, nothing, warm, worlds

from courser.core.alive import PATIENCE
from courser.core.deadline import Deadline
from courser.core.http2 import HTTP2Connection
from courser.core.plural import first_guest
from courser.core.waiter import Waiter
from courser.engines.http2 import ClientEngine
from courser.errors import DeadlineExceeded, ReadError, ReadTimeout, RemoteProtocolError
from courser.hosts.inline import run_inline
from courser.settings import Limits, Timeout


@pytest.fixture
def make() -> Iterator[Make]:
    with worlds() as made:
        yield made


def limited(timeout: Timeout | None = None, ago: float = 0.0) -> Deadline:
    """The limits of a call that began so many seconds ago."""
    return Deadline(timeout or Timeout(), False, monotonic() - ago)


class Impatient:
    """A host on which the time is always up."""

    def __init__(self) -> None:
        self.waiters: list[Waiter] = []

    def arm(self, waiter: Waiter) -> None:
        self.waiters.append(waiter)

    async def wait(self, waiter: Waiter) -> None:
        assert waiter in self.waiters


async def answer_of(connection: HTTP2Connection, world: World, deadline: Deadline) -> bool:
    return await connection.lives(world.host, deadline)


def lives(connection: HTTP2Connection, world: World, deadline: Deadline | None = None) -> bool:
    try:
        answer_of(connection, world, deadline or limited()).send(None)
    except StopIteration as stop:
        return bool(stop.value)
    raise AssertionError("it waits")


def test_a_fresh_connection_is_not_asked(make: Make) -> None:
    world, connection = warm(make, nothing)
    pinged = connection.engine.pinged
    assert lives(connection, world)
    connection.reused = False
    assert lives(connection, world)

    assert connection.engine.pinged == pinged


def test_an_idle_one_is_asked_and_answers(make: Make) -> None:
    world, connection = warm(make, nothing)
    connection.idle_since -= 5

    assert lives(connection, world)
    assert connection.engine.ponged == 1


def test_an_idle_one_that_does_not_answer_is_not_there(make: Make) -> None:
    world, connection = warm(make, lambda peer: None)
    connection.idle_since -= 5
    world.host = host = Impatient()

    assert not lives(connection, world)
    assert not connection._pongs
    assert host.waiters
    assert not connection.draining  # whoever has asked says what to do


LIMITS: dict[str, tuple[Timeout, float]] = {
    "none": (Timeout.of(None), PATIENCE),
    "those of all phases": (Timeout(), PATIENCE),
    "of a phase": (Timeout(read=2.0), 2.0),
    "in total": (Timeout(total=3.0), 3.0),
    "a number": (Timeout.of(4.0), 4.0),
    "a large number": (Timeout.of(40.0), PATIENCE),
}


@pytest.mark.parametrize("name", LIMITS)
def test_it_is_given_no_more_time_than_the_call_has(make: Make, name: str) -> None:
    world, connection = warm(make, lambda peer: None)
    connection.idle_since -= 5
    timeout, most = LIMITS[name]
    world.host = host = Impatient()
    before = monotonic()

    assert not lives(connection, world, limited(timeout))
    assert before + most <= host.waiters[0].deadline <= monotonic() + most


def test_a_call_whose_time_is_up_meanwhile_fails(make: Make) -> None:
    """Others had better go elsewhere."""
    world, connection = warm(make, lambda peer: None)
    connection.idle_since -= 5
    guest = connection.occupy()
    world.host = Impatient()

    with pytest.raises(ReadTimeout, match=r"2 s, while waiting for a:80"):
        lives(connection, world, limited(Timeout.of(2.0), ago=10.0))
    assert connection.draining
    assert guest is not None
    guest.close()
    assert connection.closed


def test_one_that_is_closed_meanwhile_is_not_there(make: Make) -> None:
    world, connection = warm(make, lambda peer: peer.close())
    connection.idle_since -= 5

    assert not lives(connection, world)


def test_a_silent_peer_is_asked_and_given_up(make: Make) -> None:
    world, connection = warm(make, lambda peer: None, limits=Limits(ping_interval=5))
    exchange = world.begin()
    now = monotonic()
    assert connection.deadline <= now + 5
    connection.expire(now + 6)
    assert connection.engine.pinged == 1
    connection.expire(now + 7)
    assert exchange.error is None
    connection.expire(now + 20)

    assert isinstance(exchange.error, ReadError)
    assert "not even the answer to a PING" in str(exchange.error)
    assert connection.closed


def test_others_go_elsewhere_after_a_wait_in_vain(make: Make) -> None:
    _, connection = warm(make)
    connection.suspect(connection.pulse.heard_at)
    assert not connection.draining
    connection.suspect(connection.pulse.heard_at + 1)

    assert connection.draining


def test_one_that_breaks_while_it_is_asked_is_not_there(make: Make) -> None:
    world, connection = warm(make, nothing)
    connection.idle_since -= 5

    def send(data: Any) -> int:
        raise BrokenPipeError(32, "pipe")

    connection.link.send = send

    assert not lives(connection, world)
    assert connection.closed


# What the peer can do


async def settle(connection: HTTP2Connection, world: World, deadline: Deadline | None = None) -> None:
    await connection.settled(world.host, deadline or limited())


def test_who_wants_to_know_what_the_peer_can_do_waits_for_its_settings(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, connection = warm(make)
    run_inline(settle(connection, world))
    assert connection.engine.ponged == 0

    monkeypatch.setattr(ClientEngine, "is_settled", property(lambda engine: engine.ponged > 0))
    run_inline(settle(connection, world))
    assert connection.engine.ponged == 1


def unsettled(make: Make, act: Any) -> tuple[World, HTTP2Connection, Any]:
    """A connection to whose end nothing has come yet, and who waits for that."""
    world = make(lambda peer: None)

    async def first() -> Any:
        ours = await world.dial(world.host, world.route, limited())
        ours.socket.recv(4096)  # the peer has greeted at once
        return first_guest(world.host, ours, world.pool, world.lane, world.pool.open(world.lane))

    guest = run_inline(first())
    world.act = act
    return world, guest.connection, guest


SILENT = {
    "for long": (Timeout(), 0.0, ReadError, r"a:80: nothing for \S+ s, not even the answer to a PING"),
    "longer than one may wait": (Timeout(read=1.0), 0.0, ReadTimeout, "1 s, while waiting for a:80"),
    "longer than there is time": (Timeout(total=1.0), 2.0, DeadlineExceeded, "while waiting for a:80"),
}


@pytest.mark.parametrize("name", SILENT)
def test_who_says_nothing_is_not_taken_for_one_that_can_do_nothing(make: Make, name: str) -> None:
    timeout, ago, kind, text = SILENT[name]
    world, connection, _guest = unsettled(make, lambda peer: None)
    world.host = Impatient()

    with pytest.raises(kind, match=text):
        run_inline(settle(connection, world, limited(timeout, ago)))
    assert connection.draining


GONE: dict[str, tuple[Any, str]] = {
    "it closes": (lambda peer: peer.close(), "a:80: the connection was closed before the peer had said anything"),
    "it speaks HTTP/1.1": (lambda peer: peer.say(b"HTTP/1.1 400 Bad\r\n\r\n"), "a:80: the peer answers in HTTP/1.1"),
}


@pytest.mark.parametrize("name", GONE)
def test_who_never_says_what_it_can_do_fails_the_request(make: Make, name: str) -> None:
    act, text = GONE[name]
    world, connection, _guest = unsettled(make, act)

    with pytest.raises(RemoteProtocolError, match=text):
        run_inline(settle(connection, world))
