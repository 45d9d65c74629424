"""Exchanges: goals, deadlines, slow readers, and the end in all its forms."""

from __future__ import annotations

import gc
import socket
import threading
from collections.abc import Iterator
from time import monotonic
from typing import Any
from weakref import ref

import pytest

from courser.core import exchange as exchange_module
from courser.core.deadline import Deadline
from courser.core.exchange import ALLOWED, COLLECTED, DATA, FULL, HEAD, PATIENCE, SETTLED, Exchange
from courser.core.http1 import HTTP1Connection
from courser.core.lane import Lane
from courser.core.link import SocketLink
from courser.core.pool import Pool
from courser.core.reactor import READ, WRITE, Reactor
from courser.core.route import Route
from courser.core.upload import Upload
from courser.core.waiter import FOREVER, Waiter
from courser.engines.events import END, End, RequestHead, ResponseHead
from courser.errors import (
    DeadlineExceeded,
    LimitExceeded,
    ReadError,
    ReadTimeout,
    StreamClosed,
    TransportError,
    TruncatedBody,
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

    def send_on(self, pieces: Iterator[bytes] | None) -> Upload:
        """Have something left to be sent."""
        self.exchange.upload = upload = Upload(self.exchange, pieces)
        return upload

    def until(self, goal: int) -> None:
        run_inline(self.exchange.until(HOST, goal))

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


@pytest.mark.parametrize(("read", "patience"), [(60.0, PATIENCE), (None, PATIENCE), (0.01, 0.01)])
def test_a_peer_is_given_a_moment_for_its_word(
    read: float | None, patience: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(Timeout(read=read))
    monkeypatch.setattr(exchange_module, "monotonic", lambda: 5.0)
    seen: list[float] = []

    class Host(InlineHost):
        async def wait(self, waiter: Waiter, /) -> None:
            seen.append(world.connection.deadline)
            world.exchange.feed([head(103)], 5.5)
            seen.append(world.connection.deadline)
            assert world.exchange.expired(6.0) is None

    run_inline(world.exchange.until(Host(), ALLOWED))

    assert seen == [5.0 + patience] * 2
    assert world.exchange.done
    assert world.exchange.error is None
    world.close()


def test_a_word_that_comes_too_late_for_the_call() -> None:
    world = World(Timeout(total=1.0))
    world.exchange._goal = ALLOWED
    assert isinstance(world.exchange.expired(monotonic() + 2), DeadlineExceeded)
    world.close()


def test_the_deadline_of_a_step_begins_anew_with_each_piece(world: World) -> None:
    world.exchange._goal = COLLECTED
    world.exchange.feed([head()], 5.0)

    assert world.connection.deadline == 5.0 + world.exchange.limits.timeout.read  # type: ignore[operator]


def test_a_piece_moves_no_deadline_where_there_is_none() -> None:
    world = World(Timeout.of(None))
    world.exchange._goal = COLLECTED
    world.exchange.feed([head()], 5.0)
    assert world.connection.deadline == FOREVER
    world.exchange.limits = Deadline(Timeout(), False, monotonic())
    world.exchange.connection = None
    world.exchange.feed([b"x"], 5.0)

    assert world.connection.deadline == FOREVER
    world.close()


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
    world.send_on(None)
    with pytest.raises(WriteTimeout):
        world.until(COLLECTED)
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


# A goal that is reached before somebody waits for it


@pytest.mark.parametrize("goal", [HEAD, SETTLED, DATA, COLLECTED])
def test_what_has_come_is_not_waited_for(world: World, goal: int) -> None:
    """A peer may answer before it has the whole request."""
    world.exchange.feed([head(), b"x", END], 5.0)
    world.until(goal)

    assert not world.exchange.done


# A response that begins before its request is out


def stuck(world: World, size: int = 10**6) -> World:
    """A world whose link has not taken all that was written."""
    world.connection.link.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # type: ignore[attr-defined]
    world.connection.write(b"x" * size)
    assert world.connection.pending
    return world


def drain(world: World) -> None:
    """Let the peer take what there is, and the connection send it."""
    world.peer.setblocking(False)
    while world.connection.pending:
        try:
            while world.peer.recv(2**20):
                pass
        except BlockingIOError:
            world.connection.ready(WRITE, 7.0)


@pytest.mark.parametrize(("goal", "reached"), [(HEAD, True), (DATA, True), (SETTLED, False), (COLLECTED, False)])
def test_a_whole_response_waits_for_its_request(world: World, goal: int, reached: bool) -> None:
    stuck(world).send_on(None)
    world.exchange._goal = goal
    world.exchange.feed([head(), b"x", END], 5.0)
    assert world.exchange.done is reached
    drain(world)
    assert world.exchange.upload is None

    assert world.exchange.done


def test_the_end_of_a_stream_waits_for_its_request(world: World) -> None:
    stuck(world).send_on(None)
    world.exchange.feed([head(), END], 5.0)

    class Draining(InlineHost):
        async def wait(self, waiter: Any, /) -> None:
            drain(world)

    world.connection.engine.is_idle = True
    assert run_inline(world.exchange.piece(Draining())) == b""
    assert world.pool.idle == 1


@pytest.mark.parametrize("status", [200, 300, 413, 500])
def test_from_300_on_the_rest_of_the_request_is_not_sent(world: World, status: int) -> None:
    stuck(world).send_on(None)
    world.exchange._goal = COLLECTED
    world.exchange.feed([head(status)], 5.0)

    assert world.connection.pending == (status < 300)
    assert (world.exchange.upload is None) == (status >= 300)
    assert world.connection.engine.reusable == (status < 300)


def test_another_protocol_leaves_the_rest_of_the_request_without_a_reader(world: World) -> None:
    stuck(world).send_on(None)
    world.connection.engine.is_tunnel = True
    world.exchange.feed([head(101), END], 5.0)

    assert world.exchange.upload is None
    assert not world.connection.pending


def test_a_peer_that_takes_no_more_has_answered(world: World) -> None:
    stuck(world).send_on(None)
    world.exchange._goal = COLLECTED
    world.exchange.feed([head(), END], 5.0)
    world.exchange.cut(5.0)
    assert world.exchange.done
    world.exchange.connection = None
    world.exchange.cut(5.0)
    world.collect()


def test_a_source_that_cleans_up_has_its_time() -> None:
    world = stuck(World(Timeout(write=1)))
    upload = world.send_on(None)
    upload._over.done = False
    world.exchange._goal = SETTLED
    world.exchange.rearm(5.0)
    world.exchange.feed([head(413)], 5.0)
    assert not world.exchange.done
    assert world.connection.deadline == FOREVER
    world.exchange.sent(6.0)
    assert world.exchange.done
    world.close()


def test_a_failure_of_a_request_is_one_of_its_response(world: World) -> None:
    upload = stuck(world).send_on(None)
    world.exchange.feed([head(), END], 5.0)
    world.exchange.fail(ReadError(detail="gone"))
    assert upload.stopped
    for wait in (world.piece, world.collect):
        with pytest.raises(ReadError, match="gone"):
            wait()
    world.exchange.abort()

    assert world.connection.closed
    assert isinstance(world.exchange.error, StreamClosed)


@pytest.mark.parametrize("whole", [True, False])
def test_giving_up_stops_the_request(world: World, whole: bool) -> None:
    upload = stuck(world).send_on(None)
    world.exchange.feed([head(), END] if whole else [head()], 5.0)
    world.connection.unsent.clear()
    world.connection.engine.is_idle = True
    world.exchange.abort()

    assert upload.stopped
    assert world.connection.closed


# Which clock runs


def test_the_peer_has_to_take_first_and_then_to_answer() -> None:
    world = stuck(World(Timeout(write=1, read=2)))
    world.send_on(None)
    world.exchange._goal = COLLECTED
    world.exchange.rearm(5.0)
    assert world.connection.deadline == 6.0
    assert "sending" in str(world.exchange.expired(5.0))
    drain(world)
    assert world.connection.deadline == 9.0
    assert "waiting" in str(world.exchange.expired(5.0))
    world.close()


def test_each_time_that_the_peer_takes_something_the_clock_starts_anew() -> None:
    world = stuck(World(Timeout(write=1, read=2)))
    world.send_on(None)
    world.exchange._goal = COLLECTED
    world.exchange.drained(30.0)
    assert world.connection.deadline == 31.0
    world.exchange.feed([head()], 40.0)
    assert world.connection.deadline == 41.0
    world.exchange.connection = None
    world.exchange.drained(50.0)
    world.exchange.rearm(50.0)
    assert world.connection.deadline == 41.0
    world.close()


def test_a_source_of_ours_has_its_time(world: World) -> None:
    world.send_on(iter([b"x"]))
    world.exchange._goal = COLLECTED
    world.exchange.drained(5.0)

    assert world.connection.deadline == FOREVER


def test_a_reader_of_ours_has_his_time() -> None:
    world = stuck(World(Timeout(write=1)))
    reactor = Reactor()
    world.connection.join(reactor)
    upload = world.send_on(iter([b"x"]))
    assert upload.blocked(Waiter())
    assert world.connection.deadline < FOREVER
    world.exchange.feed([head(), b"x" * (FULL + 1)], 5.0)
    assert world.connection.deadline == FOREVER
    world.exchange._goal = HEAD
    world.exchange.reach()
    assert world.connection.deadline == FOREVER
    world.close()
    reactor.close()


def test_nobody_waits_and_no_clock_runs(world: World) -> None:
    stuck(world).send_on(None)
    world.exchange.rearm(5.0)

    assert world.connection.deadline == FOREVER


# Sending while waiting, as plain code does


class Source:
    """Pieces that note what the exchange had when they were asked for."""

    def __init__(self, world: World, count: int = 3, size: int = 1) -> None:
        self.world = world
        self.seen: list[Any] = []
        self.count = count
        self.size = size

    def __iter__(self) -> Iterator[bytes]:
        for _ in range(self.count):
            exchange = self.world.exchange
            self.seen.append((exchange.head is not None, b"".join(exchange.chunks)))
            yield b"x" * self.size


@pytest.fixture
def sending(world: World) -> World:
    """A world whose request has a body of unknown length."""
    world.connection.exchange = None
    world.connection.engine = type(world.connection.engine)()
    deadline = Deadline(Timeout(5, 5, 5, 5, 5), False, monotonic())
    world.exchange = Exchange(world.connection, world.pool, world.lane, deadline, None)
    world.exchange.request = REQUEST
    world.connection.write(world.connection.begin(world.exchange, REQUEST, None))
    return world


def test_pieces_are_sent_until_the_goal_is_reached(sending: World) -> None:
    source = Source(sending)
    upload = sending.send_on(iter(source))
    sending.peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
    sending.until(HEAD)
    assert source.seen == [(False, b"")]
    sending.peer.send(b"ab")
    assert sending.piece() == b"ab"
    assert source.seen == [(False, b""), (True, b"")]
    assert sending.piece() == b""
    assert upload.handed
    assert sending.peer.recv(1000).endswith(b"\r\n\r\n" + b"1\r\nx\r\n" * 3 + b"0\r\n\r\n")

    assert sending.pool.idle == 1


def test_pieces_wait_for_room(sending: World) -> None:
    sending.connection.link.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # type: ignore[attr-defined]
    sending.send_on(iter(Source(sending, 5, 10**5)))
    received = bytearray()

    class Taking(InlineHost):
        async def wait(self, waiter: Any, /) -> None:
            while not waiter.done:
                try:
                    received.extend(sending.peer.recv(2**20, socket.MSG_DONTWAIT))
                except BlockingIOError:
                    pass
                if received.endswith(b"\r\n0\r\n\r\n"):
                    sending.peer.send(b"HTTP/1.1 204 OK\r\n\r\n")
                    received.clear()
                waiter.source.step(waiter)

    run_inline(sending.exchange.until(Taking(), SETTLED))
    assert sending.exchange.end is not None
    assert sending.exchange.upload is None


def test_a_refusal_ends_the_asking_for_pieces(sending: World) -> None:
    source = Source(sending)
    sending.send_on(iter(source))
    sending.peer.send(b"HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno")
    sending.until(SETTLED)
    assert len(source.seen) == 1
    assert sending.collect() == b"no"

    assert sending.connection.closed


def test_what_a_source_raises_is_raised(sending: World) -> None:
    upload = sending.send_on(iter([b"x", 5]))  # type: ignore[list-item]
    with pytest.raises(TypeError):
        sending.until(HEAD)

    assert upload.stopped
    assert upload.pieces is None


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
    world.exchange.abort()

    assert isinstance(world.exchange.error, StreamClosed)


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


def test_the_session_of_a_connection_that_ends_with_its_response_is_kept(world: World) -> None:
    class Encrypted(SocketLink):
        encrypted = True
        session = "ticket"

    world.connection.link = Encrypted(world.connection.link.socket)  # type: ignore[attr-defined]
    world.peer.send(b"HTTP/1.1 204 OK\r\nConnection: close\r\n\r\n")
    world.collect()
    assert world.connection.closed

    assert world.lane.session == "ticket"


@pytest.mark.parametrize("truncated", [True, False])
def test_an_error_does_not_hold_what_its_traceback_leads_to(truncated: bool) -> None:
    world = World(Timeout(read=5 if truncated else 1e-6))
    gone = ref(world.exchange)
    if truncated:
        world.peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel")
        world.peer.shutdown(socket.SHUT_WR)
    gc.disable()
    try:
        with pytest.raises(TruncatedBody if truncated else ReadTimeout):
            world.collect()
        world.exchange.abort()
        world.close()
        del world
        assert gone() is None
    finally:
        gc.enable()


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


def test_it_knows_when_the_call_is_over_and_what_the_dial_took(world: World) -> None:
    deadline = world.exchange.limits
    deadline.opening = {"connect": 0.5}

    assert world.exchange.final_at == deadline.final
    world.connection.reused = False
    assert Exchange(world.connection, world.pool, world.lane, deadline, None).opening == {"connect": 0.5}
    world.connection.reused = True
    assert Exchange(world.connection, world.pool, world.lane, deadline, None).opening is None


def test_it_knows_when_the_request_was_sent(world: World) -> None:
    assert world.exchange.sent_at == 0.0
    world.peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n")
    before = monotonic()
    world.until(HEAD)
    sent_at = world.exchange.sent_at

    assert before <= sent_at <= world.exchange.head_at
    world.peer.send(b"x")
    world.until(COLLECTED)
    assert world.exchange.sent_at == sent_at
    world.exchange.offered(5)  # nobody wants to know
    world.exchange.sent(sent_at + 1)
    assert world.exchange.sent_at == sent_at + 1
