"""Guests: one stream in the place of a connection, and what an exchange does with it."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from time import monotonic
from typing import Any

import pytest
from h2peer import Make, Peer, World, echo, nothing, post, worlds

from courser.core.deadline import Deadline
from courser.core.exchange import COLLECTED, HEAD, NOTHING
from courser.core.guest import EXPECTING, HEAD_MARK, Guest, SharedExchange
from courser.core.waiter import FOREVER
from courser.engines.http2 import ClientEngine
from courser.errors import LocalProtocolError, ReadTimeout, StreamClosed
from courser.hosts.inline import InlineHost, run_inline
from courser.settings import Limits, Timeout
from courser.values.request import Request


@pytest.fixture
def make() -> Iterator[Make]:
    with worlds() as made:
        yield made


def warm(make: Make, act: Any = nothing, **options: Any) -> World:
    world = make(**options)
    world.get()
    world.act = act
    return world


def guest_of(world: World) -> Guest:
    guest = world.pool.take(world.lane)
    assert isinstance(guest, Guest)
    return guest


def test_it_answers_to_the_names_of_a_connection(make: Make) -> None:
    world = warm(make)
    connection, guest = world.connection, guest_of(world)

    assert guest.engine is guest
    assert guest.link is connection.link
    assert guest.label == connection.label == "a:80"
    assert guest.number == connection.number
    assert guest.idle_since == connection.idle_since
    assert guest.reactor is connection.reactor
    assert guest.reused
    assert (guest.written, guest.pending, guest.refused) == (0, False, False)
    guest.watch = watch = type("Watch", (list,), {})()
    assert guest.watch is connection.watch is watch
    connection.watch = None
    guest.close()


def test_a_place_is_given_back_once(make: Make) -> None:
    world = warm(make)
    guest = guest_of(world)
    guest.close()
    other = guest_of(world)
    guest.close()

    assert list(world.connection.guests) == [other.key]
    other.close()


def test_who_is_not_alone_asks_little(make: Make) -> None:
    world = warm(make)
    one, other = guest_of(world), guest_of(world)
    now = monotonic()

    assert one.usable(Limits(), now)
    assert one.usable(Limits(max_connection_age=1000), now)
    world.connection.draining = True
    assert not other.usable(Limits(), now)
    world.connection.draining = False
    one.close()
    other.close()


def test_who_declines_ends_the_connection_for_others_too(make: Make) -> None:
    world = warm(make)
    connection, guest = world.connection, guest_of(world)
    guest.decline()

    assert connection.closed
    assert world.lane.shared == []


def test_a_draining_connection_entertains_nobody(make: Make) -> None:
    world = warm(make)
    connection, guest = world.connection, guest_of(world)
    connection.drain()

    assert guest.entertain(None, world.pool, world.lane, None, None) is None  # type: ignore[arg-type]
    assert guest.closed
    assert connection.closed


@pytest.mark.parametrize(("headers", "mark"), [({}, HEAD_MARK), ({"Expect": "100-Continue"}, EXPECTING)])
def test_a_head_is_marked(make: Make, headers: dict[str, str], mark: bytes) -> None:
    world = warm(make)
    exchange = world.begin()
    guest = guest_of(world)
    request = post(b"x", **headers)

    assert guest.begin(exchange, request, 1) == mark
    guest.close()
    exchange.abort()


def test_what_the_proxy_said_is_told(make: Make) -> None:
    world = warm(make)
    world.connection.answer = answer = type("Answer", (), {})()  # type: ignore[assignment]
    exchange = world.begin()

    assert exchange.proxied is answer
    exchange.abort()


def test_what_was_written_is_counted(make: Make) -> None:
    world = warm(make)
    exchange = world.begin(post(b"x" * 100))
    guest: Any = exchange.connection
    assert guest.written == 1
    guest.send_whole(b"", b"x" * 100)

    assert guest.written == 101
    assert not guest.pending
    exchange.abort()


def test_a_body_of_nothing_has_an_end(make: Make) -> None:
    assert make().get(post(b"")) == b"/"


def test_it_stands_for_a_stream_only_once_it_is_open(make: Make) -> None:
    world = warm(make)
    guest = guest_of(world)
    with pytest.raises(RuntimeError, match="not open"):
        guest.send_data(b"x")
    guest.forgo()
    guest.taken(5)
    guest.expire(monotonic())
    guest.fail(OSError())

    assert guest.closed


SIZE = 3 * 1048576


def filling(peer: Peer) -> None:
    """Answers with more than a window takes."""
    peer.take()
    for number in list(peer.unanswered):
        peer.answer(number, b"z" * SIZE)
    peer.flush()


def test_a_body_that_is_read_slowly_holds_the_peer_back(make: Make) -> None:
    world = make(filling)
    exchange = world.stream()
    world.turn(60)
    assert exchange.received <= 2 * 1048576
    taken = 0
    while piece := run_inline(exchange.piece(world.host)):
        taken += len(piece)

    assert taken == SIZE


def test_who_begins_to_read_may_have_the_rest_at_once(make: Make) -> None:
    world = make(filling)
    exchange = world.stream()
    world.turn(60)

    assert len(run_inline(exchange.collect(world.host))) == SIZE


def test_nothing_is_taken_twice_or_after_the_end(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    world = warm(make)
    exchange = world.begin()
    guest: Any = exchange.connection
    took: list[int] = []
    monkeypatch.setattr(type(world.connection), "consumed", lambda connection, stream, size: took.append(size))
    guest.taken(10)
    guest.taken(10)
    guest.taken(15)
    guest.close()
    guest.taken(20)

    assert took == [10, 5]


def test_a_deadline_is_kept_by_the_connection(make: Make) -> None:
    world = warm(make)
    connection = world.connection
    exchange = world.begin()
    guest: Any = exchange.connection
    now = monotonic()
    guest.arm(now + 5)
    assert connection.deadline <= now + 5
    connection.deadline = now + 1
    guest.arm(now + 5)

    assert connection.deadline == now + 1
    assert guest.deadline == now + 5
    exchange.abort()


def test_time_that_is_up_resets_the_stream_and_nothing_else(make: Make) -> None:
    world = warm(make)
    with pytest.raises(ReadTimeout):
        world.get(timeout=Timeout(read=1e-9))
    world.act = echo

    assert world.get(Request("GET", "http://a/on")) == b"/on"
    assert len(world.peers) <= 2


def test_a_request_that_is_given_up_leaves_the_connection(make: Make) -> None:
    world = warm(make)
    exchange = world.begin(post())
    guest: Any = exchange.connection
    guest.forgo()
    guest.pause()
    guest.resume()
    exchange.abort()
    world.act = echo

    assert world.get(Request("GET", "http://a/on")) == b"/on"
    assert len(world.peers) == 1


# Exchanges of threads


@pytest.fixture
def shared() -> Iterator[SharedExchange]:
    world = World(nothing, InlineHost())
    world.act = echo
    world.get()
    world.act = nothing
    exchange = world.begin()
    assert isinstance(exchange, SharedExchange)
    yield exchange
    exchange.abort()
    world.close()


def test_whether_it_is_done_is_found_out(shared: SharedExchange) -> None:
    shared._goal = NOTHING
    assert shared.done
    shared._goal = COLLECTED
    assert not shared.done
    shared.complete()
    assert shared.done
    shared.done = False
    assert not shared.done
    shared._goal = HEAD
    assert not shared.done
    shared.head = object()  # type: ignore[assignment]
    assert shared.done
    shared.head = None
    shared.error = OSError()
    assert shared.done
    shared.error = None


def test_its_deadline_is_its_guests(shared: SharedExchange) -> None:
    guest: Any = shared.connection
    guest.arm(5.0)
    assert shared.deadline == 5.0
    shared._goal = COLLECTED
    shared.expire(monotonic())

    assert isinstance(shared.error, Exception)
    shared.connection = None
    assert shared.deadline == FOREVER
    shared.expire(1.0)


def test_who_comes_too_late_has_done_nothing(make: Make) -> None:
    world = warm(make)
    exchange = world.begin()
    guest = guest_of(world)
    late = guest.entertain(None, world.pool, world.lane, exchange.limits, None)
    assert late is not None
    world.connection.engine.draining = True
    with pytest.raises(LocalProtocolError) as caught:
        guest.begin(late, Request("GET", "http://a/"), -1)

    assert late.error is caught.value
    assert guest.refused
    assert late.died_unheard()
    late.abort()
    exchange.abort()


def test_what_breaks_the_protocol_is_not_refused_by_the_peer(make: Make) -> None:
    world = warm(make)
    guest = guest_of(world)
    exchange = guest.entertain(None, world.pool, world.lane, Deadline(Timeout(), False, monotonic()), None)
    assert exchange is not None
    with pytest.raises(LocalProtocolError):
        guest.begin(exchange, Request("GET", "http://a/", headers={"Host": "a b"}), -1)

    assert exchange.error is None
    assert not guest.refused
    exchange.abort()
    assert not world.connection.guests


@pytest.mark.parametrize("pieces", [True, False])
def test_a_body_that_the_peer_takes_slowly(pieces: bool) -> None:
    body = bytes(range(256)) * 2000
    world = World(echo, InlineHost(), apart=True, buffer=4096)
    world.get()
    given: Any = (body[start : start + 10_000] for start in range(0, len(body), 10_000)) if pieces else body

    assert world.get(post(given)) == b"/" + body
    assert not world.connection.senders
    assert not world.connection.guests
    world.close()


def test_nobody_is_told_of_what_is_sent_for_who_has_gone(make: Make) -> None:
    world = warm(make)
    exchange = world.begin(post(b"xy"))
    guest: Any = exchange.connection
    guest.exchange = None
    guest.send_data(b"x")
    assert not world.connection.senders
    assert guest.moved()
    assert not guest.moved()
    exchange.abort()


def test_a_guest_that_is_forgotten_gives_its_place_back(make: Make) -> None:
    world = warm(make)
    guest = guest_of(world)
    del guest
    gc.collect()
    world.turn()

    assert not world.connection.guests


def test_what_was_given_up_is_not_collected(make: Make) -> None:
    world = warm(make)
    exchange = world.begin()
    exchange.abort()
    with pytest.raises(StreamClosed):
        run_inline(exchange.collect(world.host))


@pytest.mark.parametrize("reads", ["piece", "collect", "piece, then collect", "while it waits"])
def test_the_peer_may_send_exactly_what_was_read(make: Make, reads: str) -> None:
    """The window of a stream opens by what its reader has taken and by nothing else."""
    size = 400_000

    def act(peer: Peer) -> None:
        peer.take()
        for number in list(peer.unanswered):
            peer.answer(number, b"z" * size)
        peer.flush()

    world = warm(make, act)
    exchange = world.stream()
    stream: Any = exchange.connection.stream  # type: ignore[union-attr]
    if reads == "while it waits":
        world.turn(60)
        assert exchange.received == size
        stream = None
    while stream is not None and not stream.received:
        world.turn(1)
        taken = exchange.connection._taken  # type: ignore[union-attr]
        assert stream.received or stream.unread == exchange.received - taken
        if reads == "piece" and exchange.chunks:
            run_inline(exchange.piece(world.host))
            assert stream.received or stream.unread == sum(map(len, exchange.chunks)) == exchange._buffered
        elif reads == "piece, then collect" and exchange.chunks:
            run_inline(exchange.piece(world.host))
            break
    left = size - (exchange.received - exchange._buffered)

    assert len(run_inline(exchange.collect(world.host))) == left
    assert world.connection.engine._inflow.unread == 0


def test_what_the_peer_can_do_is_asked_of_the_connection(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    world = warm(make)
    guest = guest_of(world)
    monkeypatch.setattr(ClientEngine, "is_settled", property(lambda engine: engine.ponged > 0))
    run_inline(guest.settled(world.host, Deadline(Timeout(), False, monotonic())))

    assert world.connection.engine.ponged == 1
    guest.close()


def test_what_others_have_to_send_is_not_ones_own(make: Make) -> None:
    """While one upload keeps the connection full, all of it would never have left."""
    world = warm(make)
    exchange = world.begin()
    guest: Any = exchange.connection
    world.connection.unsent.append(b"of another")
    assert not guest.pending
    guest.stream.queued = 1
    assert guest.pending
    guest.stream.queued = 0
    world.connection.unsent.clear()
    exchange.abort()


@pytest.mark.parametrize("waits", [False, True])
def test_who_sleeps_until_a_later_deadline_is_told_of_an_earlier_one(shared: SharedExchange, waits: bool) -> None:
    told: list[None] = []

    class Bell:
        def done(self) -> bool:
            return False

        def set_result(self, result: None, /) -> None:
            told.append(result)

    guest: Any = shared.connection
    shared.future = Bell() if waits else None
    guest.arm(100.0)
    guest.arm(200.0)
    assert told == [None] * waits
    guest.arm(50.0)

    assert told == [None, None] * waits
    shared.future = None
    exchange, guest.exchange = guest.exchange, None
    guest.arm(20.0)
    guest.exchange = exchange
    assert told == [None, None] * waits
