"""Exchanges: goals, deadlines, slow readers, and the end in all its forms."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from time import monotonic
from typing import Any

import pytest

from courser.core.deadline import Deadline
from courser.core.exchange import COLLECTED, DATA, DRAINED, FULL, HEAD, SETTLED, Exchange
from courser.core.http1 import HTTP1Connection
from courser.core.link import SocketLink
from courser.core.pool import Lane, Pool
from courser.core.reactor import READ, Reactor
from courser.core.route import Route
from courser.core.waiter import FOREVER
from courser.engines.events import END, End, RequestHead, ResponseHead
from courser.errors import (
    DeadlineExceeded,
    LimitExceeded,
    ReadError,
    ReadTimeout,
    StreamClosed,
    TransportError,
    WriteTimeout,
)
from courser.hosts.inline import InlineHost, run_inline
from courser.settings import Limits, Timeout
from courser.values.request import Request

ROUTE = Route("http", "a", 80)
HOST = InlineHost()
REQUEST = Request("GET", "http://a/")


def head(status: int = 200) -> ResponseHead:
    return ResponseHead(status, b"OK", b"1.1", b"", None, None, True)


class World:
    """A pool, and an exchange on one end of a socketpair."""

    def __init__(self, timeout: Timeout | None = None, limit: int | None = None) -> None:
        ours, self.peer = socket.socketpair()
        ours.setblocking(False)
        self.pool: Pool[HTTP1Connection] = Pool(Limits(), threading.Lock, lambda waiter: waiter.complete(), False)
        self.lane: Lane[HTTP1Connection] = self.pool.lane(ROUTE)
        permit = self.pool.open(self.lane)
        assert permit is not None
        self.connection = HTTP1Connection(SocketLink(ours), self.lane, permit, monotonic())
        self.exchange = self.renew(timeout, limit)

    def renew(self, timeout: Timeout | None = None, limit: int | None = None) -> Exchange:
        """Begin a request on the connection."""
        deadline = Deadline(timeout or Timeout(), False, monotonic())
        self.exchange = Exchange(self.connection, self.pool, self.lane, deadline, limit)
        self.exchange.request = REQUEST
        self.connection.write(self.connection.begin(self.exchange, REQUEST, -1))
        return self.exchange

    def until(self, goal: int, phase: str = "read") -> None:
        run_inline(self.exchange.until(HOST, goal, phase))

    def piece(self) -> bytes:
        return run_inline(self.exchange.piece(HOST))

    def collect(self) -> bytes:
        return run_inline(self.exchange.collect(HOST))

    def close(self) -> None:
        self.connection.close()
        self.peer.close()


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.close()


def test_a_response_that_is_whole_gives_the_connection_back(world: World) -> None:
    world.peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
    world.until(COLLECTED)
    assert world.exchange.head is not None
    assert world.connection.deadline == FOREVER
    assert world.collect() == b"hello"

    assert world.pool.idle == 1
    assert world.exchange.connection is None


@pytest.mark.parametrize(
    ("goal", "events", "reached"),
    [
        (HEAD, [head()], True),
        (HEAD, [head(103)], False),
        (HEAD, [head(101)], True),
        (SETTLED, [head()], False),
        (SETTLED, [head(404)], True),
        (SETTLED, [head(), END], True),
        (DATA, [head()], False),
        (DATA, [head(), b"x"], True),
        (DATA, [head(), END], True),
        (COLLECTED, [head(404), b"x"], False),
        (COLLECTED, [head(), b"x", END], True),
        (DRAINED, [head()], True),
        (DRAINED, [], False),
    ],
)
def test_a_goal_is_reached_when_it_is(world: World, goal: int, events: list[Any], reached: bool) -> None:
    exchange = world.exchange
    exchange._goal = goal
    exchange.feed(events, 5.0)

    assert exchange.done is reached


def test_interim_heads_are_shown_and_are_not_the_head(world: World) -> None:
    seen: list[ResponseHead] = []
    world.exchange.informational = seen.append
    world.exchange.feed([head(103)], 5.0)

    assert [each.status for each in seen] == [103]
    assert world.exchange.head is None


def test_the_deadline_of_a_step_begins_anew_with_each_piece(world: World) -> None:
    world.exchange._goal = COLLECTED
    world.exchange._idle = 10.0
    world.exchange.feed([head()], 5.0)

    assert world.connection.deadline == 15.0


def test_a_piece_moves_no_deadline_where_there_is_none(world: World) -> None:
    world.exchange._goal = COLLECTED
    world.exchange.feed([head()], 5.0)
    assert world.connection.deadline == FOREVER
    world.exchange._idle = 10.0
    world.exchange.connection = None
    world.exchange.feed([b"x"], 5.0)

    assert world.connection.deadline == FOREVER


def test_pieces_come_one_by_one_and_then_the_end(world: World) -> None:
    world.peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
    assert world.piece() == b"ab"
    world.peer.send(b"cd")
    assert world.piece() == b"cd"
    assert world.piece() == b""
    assert world.piece() == b""

    assert world.pool.idle == 1


def test_several_pieces_are_joined(world: World) -> None:
    world.peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
    world.until(HEAD)
    world.peer.send(b"cd")

    assert world.collect() == b"abcd"
    assert world.collect() == b""


# Deadlines


def test_silence_is_a_timeout() -> None:
    world = World(Timeout(read=0.005))
    with pytest.raises(ReadTimeout, match="a:80"):
        world.until(HEAD)

    assert world.connection.closed
    world.close()


def test_the_end_of_everything_is_a_timeout() -> None:
    world = World(Timeout(total=0.005))
    with pytest.raises(DeadlineExceeded):
        world.until(HEAD)
    world.close()


def test_a_peer_that_takes_nothing_is_a_timeout_of_its_own() -> None:
    world = World(Timeout(write=0.005))
    world.connection.link.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # type: ignore[attr-defined]
    world.connection.write(b"x" * 10**6)
    with pytest.raises(WriteTimeout):
        world.until(DRAINED, "write")
    world.close()


def test_an_armed_connection_is_not_armed_again_for_a_later_deadline(world: World) -> None:
    world.connection.armed = 0.0
    world.peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    world.until(HEAD)

    assert world.connection.armed == 0.0


def test_no_limit_at_all_waits_for_ever() -> None:
    world = World(Timeout.of(None))
    world.peer.send(b"HTTP/1.1 204 OK\r\n\r\n")
    world.until(HEAD)
    assert world.exchange.end is not None
    world.close()


def test_what_it_means_to_be_late_without_a_connection(world: World) -> None:
    world.exchange.connection = None

    assert "the peer" in str(world.exchange.expired(monotonic()))


def test_watching_is_done_with_the_head(world: World) -> None:
    world.exchange.watch()
    assert not world.exchange.done
    world.exchange.feed([head()], 5.0)
    assert world.exchange.done
    world.exchange.connection = None
    world.exchange.watch()
    assert not world.exchange.done


# A goal that is reached before somebody waits for it


@pytest.mark.parametrize("goal", [HEAD, SETTLED, DATA, COLLECTED, DRAINED])
def test_what_has_come_is_not_waited_for(world: World, goal: int) -> None:
    """A peer may answer before it has the whole request."""
    world.exchange.feed([head(), b"x", END], 5.0)
    world.until(goal)

    assert not world.exchange.done


def test_an_answer_ends_the_wait_for_room(world: World) -> None:
    world.exchange._goal = DRAINED
    world.exchange.feed([head()], 5.0)
    world.until(DRAINED, "write")
    world.exchange.drained()


def test_who_waits_for_room_is_told_of_it(world: World) -> None:
    world.exchange._goal = DRAINED
    world.exchange.drained()

    assert world.exchange.done


# Slow readers


class Future:
    def __init__(self, done: bool) -> None:
        self._done = done
        self.results = 0

    def done(self) -> bool:
        return self._done

    def set_result(self, result: None, /) -> None:
        self.results += 1


def test_reaching_a_goal_wakes_whoever_waits_once(world: World) -> None:
    for cancelled in (False, True):
        world.exchange.future = future = Future(cancelled)
        world.exchange.reach()
        assert future.results == (not cancelled)
    world.exchange.connection = None
    world.exchange.reach()


@pytest.fixture
def paused(world: World) -> Iterator[World]:
    """An exchange whose reader is slow: more than enough has come, and nobody wants it."""
    reactor = Reactor()
    world.connection.join(reactor)
    world.exchange.feed([head(), b"x" * (FULL + 1)], 5.0)
    assert world.connection._interest == 0
    yield world
    reactor.close()


def test_a_slow_reader_stops_the_receiving_until_it_has_read(paused: World) -> None:
    paused.exchange.feed([b"more"], 5.0)
    assert len(paused.piece()) == FULL + 1
    assert paused.connection._interest == 0
    assert paused.piece() == b"more"

    assert paused.connection._interest == READ


def test_a_reader_that_wants_all_goes_on_receiving(paused: World) -> None:
    paused.exchange._goal = COLLECTED

    class Host(InlineHost):
        async def wait(self, waiter: Any, /) -> None:
            assert paused.connection._interest == READ
            paused.exchange.feed([b"more", END], 5.0)

    assert len(run_inline(paused.exchange.collect(Host()))) == FULL + 5


def test_an_idle_connection_is_never_paused(paused: World) -> None:
    """The end may have come in the same turn as what was too much."""
    paused.exchange.feed([END], 5.0)
    paused.connection.engine.is_idle = True
    paused.collect()

    assert paused.pool.idle == 1
    assert paused.connection._interest == READ


def test_nothing_is_paused_once_the_connection_is_gone(world: World) -> None:
    world.exchange.connection = None
    world.exchange.feed([head(), b"x" * (FULL + 1)], 5.0)
    world.exchange._paused = True
    assert len(world.piece()) == FULL + 1


# Errors


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("goal", [HEAD, COLLECTED])
def test_too_large_a_body_is_an_error(whole: bool, goal: int) -> None:
    world = World(limit=3)
    world.peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\nabcd" % (4 if whole else 5))
    if goal == HEAD:
        world.until(HEAD)  # the head is what was asked for, and it has come
    with pytest.raises(LimitExceeded, match="3 bytes"):
        world.until(COLLECTED)
    assert world.connection.closed
    world.exchange.feed([b"x"], 5.0)
    world.close()


def test_too_large_a_body_needs_no_connection(world: World) -> None:
    world.exchange.connection = None
    world.exchange._overflow(3)

    assert isinstance(world.exchange.error, LimitExceeded)


def test_a_body_within_the_limit_is_none() -> None:
    world = World(limit=4)
    world.peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd")
    assert world.collect() == b"abcd"
    world.close()


def test_what_came_before_an_error_comes_before_the_error(world: World) -> None:
    world.peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab")
    world.until(HEAD)
    world.exchange.fail(ReadError(detail="gone"))
    world.exchange.fail(ReadError(detail="again"))
    assert world.piece() == b"ab"

    with pytest.raises(ReadError, match="gone"):
        world.piece()


def test_a_message_that_is_whole_does_not_fail(world: World) -> None:
    world.exchange.feed([head(), END], 5.0)
    world.exchange.fail(ReadError())

    assert world.exchange.error is None


@pytest.mark.parametrize("broken", ["reused", "fresh", "heard", "head", "late", "other", "none", "gone"])
def test_when_a_connection_died_unheard(world: World, broken: str) -> None:
    connection, exchange = world.connection, world.exchange
    connection.reused = broken != "fresh"
    connection.heard = broken == "heard"
    if broken == "head":
        exchange.head = head()
    errors: dict[str, Exception | None] = {"late": ReadTimeout(), "other": LimitExceeded(), "none": None}
    exchange.error = errors.get(broken, TransportError())
    if broken == "gone":
        exchange.connection = None

    assert exchange.died_unheard() is (broken == "reused")


# The end


def test_giving_up_closes_the_connection(world: World) -> None:
    world.exchange.abort()
    assert world.connection.closed
    assert world.connection.exchange is None
    with pytest.raises(StreamClosed):
        world.piece()
    error = world.exchange.error
    world.exchange.abort()

    assert world.exchange.error is error


def test_giving_up_what_is_whole_saves_the_connection(world: World) -> None:
    world.peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
    world.until(COLLECTED)
    world.exchange.abort()

    assert world.pool.idle == 1


class Filter:
    aborted = False

    def feed(self, data: bytes, /) -> bytes:
        return data

    def end(self) -> None:
        raise AssertionError("it was not read to its end")

    def abort(self) -> None:
        self.aborted = True


@pytest.mark.parametrize("whole", [True, False])
def test_giving_up_is_told_to_the_filters(world: World, whole: bool) -> None:
    """Also where the body had come and nobody read it."""
    world.exchange.feed([head(), b"x", *([END] if whole else [])], 5.0)
    watching = Filter()
    world.exchange.attach(watching)
    world.exchange.abort()

    assert watching.aborted


def test_a_connection_that_must_not_be_used_again_is_closed(world: World) -> None:
    world.peer.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    world.until(COLLECTED)
    world.exchange.settle()
    world.exchange.settle()

    assert world.connection.closed
    assert world.pool.idle == 0


def test_a_stream_that_was_given_up_without_an_error_is_closed(world: World) -> None:
    world.exchange.connection = None
    with pytest.raises(StreamClosed):
        world.piece()


def test_bytes_are_counted_from_the_exchange_s_own_beginning(world: World) -> None:
    sent = world.exchange.bytes_sent
    assert sent > 0
    world.peer.send(b"HTTP/1.1 204 OK\r\n\r\n")
    world.collect()
    assert world.exchange.bytes_sent == 0
    world.renew()

    assert world.exchange.bytes_sent == sent


def test_trailers_are_part_of_the_end(world: World) -> None:
    end = End(b"a: b\r\n")
    world.exchange.feed([head(), end], 5.0)

    assert world.exchange.end is end


def test_the_first_session_of_an_encrypted_connection_is_kept(world: World) -> None:
    class Encrypted(SocketLink):
        encrypted = True
        session = "ticket"

    world.connection.link = Encrypted(world.connection.link.socket)  # type: ignore[attr-defined]
    world.peer.send(b"HTTP/1.1 204 OK\r\n\r\n")
    world.collect()

    assert world.lane.session == "ticket"


def test_an_exchange_that_nobody_holds_closes_its_connection() -> None:
    world = World()
    pool, peer = world.pool, world.peer
    assert pool.permits
    del world
    peer.settimeout(5)
    assert peer.recv(4096).startswith(b"GET / ")
    assert peer.recv(1) == b""
    peer.close()

    assert not pool.permits


def test_what_is_no_part_of_a_response_is_passed_over(world: World) -> None:
    world.exchange.feed([RequestHead(b"GET", b"/", b"1.1", b"", None, True, False)], 5.0)

    assert world.exchange.head is world.exchange.end is None
