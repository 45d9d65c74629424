"""Telling what happens: in its order, where the caller waits, and where nobody can."""

from __future__ import annotations

import gc
import socket
import threading
from collections import deque
from collections.abc import Iterator
from time import monotonic
from typing import Any
from weakref import ref

import h2peer
import pytest

from courser.core.deadline import Deadline
from courser.core.exchange import ALLOWED, COLLECTED, DATA, HEAD, SETTLED
from courser.core.guest import GuestExchange, SharedExchange
from courser.core.http1 import HTTP1Connection
from courser.core.link import SocketLink
from courser.core.pool import Pool
from courser.core.reply import StaticReply
from courser.core.route import Route
from courser.core.trace import Trace, TracedExchange, endings, tell_now
from courser.core.upload import Upload
from courser.core.waiter import Interrupted
from courser.errors import DeadlineExceeded, ReadError, RemoteProtocolError, TruncatedBody
from courser.hosts.inline import InlineHost, run_inline
from courser.settings import Limits, Timeout
from courser.values.request import Request
from courser.values.response import Response
from courser.values.tracing import TraceEvent

HOST = InlineHost()
REQUEST = Request("GET", "http://a.example/")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Told(list[TraceEvent]):
    def __call__(self, event: TraceEvent) -> None:
        self.append(event)

    @property
    def names(self) -> list[str]:
        return [event.name for event in self]


def made_trace(*always: Any, own: Any = None, closed: Any = None, host: Any = HOST) -> Trace:
    return Trace(host, Deadline(Timeout(), False, monotonic()), always, own, closed)


class World:
    """A traced exchange on one end of a socketpair."""

    def __init__(self, told: Any, length: int = -1, closed: Any = None, reused: bool = False) -> None:
        self.trace = made_trace(told, closed=closed)
        self.trace.request = REQUEST
        ours, self.peer = socket.socketpair()
        ours.setblocking(False)
        self.pool: Pool[HTTP1Connection] = Pool(Limits(), threading.Lock, lambda waiter: waiter.complete(), False)
        lane = self.pool.lane(Route("http", "a.example", 80))
        permit = self.pool.open(lane)
        assert permit is not None
        self.connection = HTTP1Connection(SocketLink(ours), lane, permit, monotonic())
        self.connection.reused = reused
        deadline = Deadline(Timeout(), False, monotonic())
        deadline.trace = self.trace
        self.exchange = self.trace.exchange(self.connection, self.pool, lane, deadline, None)
        self.exchange.request = REQUEST
        self.connection.write(self.connection.begin(self.exchange, REQUEST, length))
        self.peer.recv(65536)

    def close(self) -> None:
        self.connection.close()
        self.peer.close()


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def world(told: Told) -> Iterator[World]:
    made = World(told)
    yield made
    made.close()


# Listeners


def test_everybody_is_told(told: Told) -> None:
    other = Told()
    trace = made_trace(told, own=other)

    run_inline(trace.begin(REQUEST))
    run_inline(trace.tell("dns", 5.0, seconds=1.0))

    assert (
        told
        == other
        == [
            TraceEvent("request", told[0].at, REQUEST),
            TraceEvent("dns", 5.0, REQUEST, seconds=1.0),
        ]
    )


def test_what_can_be_awaited_is() -> None:
    seen: list[str] = []

    async def listen(event: TraceEvent) -> None:
        seen.append(event.name)

    trace = made_trace(listen)
    run_inline(trace.tell("request"))
    trace.give_now(TraceEvent("end", 1.0))

    assert seen == ["request", "end"]


def test_there_is_a_limit_to_waiting() -> None:
    class Late(InlineHost):
        async def pull(self, awaitable: Any, until: Any, /) -> Any:
            awaitable.close()
            raise Interrupted

    async def listen(event: TraceEvent) -> None:
        """Not reached."""

    trace = Trace(Late(), Deadline(Timeout(total=0.001), False, monotonic() - 1), (listen,), None, None)

    with pytest.raises(DeadlineExceeded, match="a trace function"):
        run_inline(trace.tell("request"))


class Waiting:
    """Something to await that never ends; some such things cannot be closed."""

    def __init__(self, closed: list[str] | None) -> None:
        self.closed = closed

    def __await__(self) -> Any:
        if self.closed is None:
            return iter([None])
        return self.steps(self.closed)

    def steps(self, closed: list[str]) -> Any:
        try:
            yield
        finally:
            closed.append("closed")


def test_where_nobody_can_wait_it_is_given_up() -> None:
    closed: list[str] = []

    tell_now((lambda event: Waiting(closed), lambda event: Waiting(None)), (TraceEvent("end", 1.0),))

    assert closed == ["closed"]


def test_ends_of_connections_are_told_in_their_time(told: Told) -> None:
    own = Told()
    closed = deque([(7, 2.0), (8, 4.0)])
    trace = made_trace(told, own=own, closed=closed)
    assert trace.lasting

    run_inline(trace.give(TraceEvent("head", 1.0, REQUEST), TraceEvent("end", 3.0, REQUEST)))

    assert [(event.name, event.connection) for event in told] == [
        ("head", None),
        ("closed", 7),
        ("end", None),
        ("closed", 8),
    ]
    assert own.names == ["head", "end"]


def test_two_threads_may_tell_of_them() -> None:
    class Contended(deque[tuple[int, float]]):
        def popleft(self) -> Any:
            super().popleft()
            return super().popleft()

    assert list(endings(Contended([(1, 1.0)]))) == []


def test_the_last_word_is_the_error_s() -> None:
    def fail(event: TraceEvent) -> None:
        raise LookupError("mine")

    trace = made_trace(fail)
    error, strike = ReadError(detail="broken"), KeyboardInterrupt()

    run_inline(trace.failed(error))
    run_inline(trace.failed(strike, REQUEST))

    assert error.__notes__ == strike.__notes__ == ["the trace function raised LookupError"]


def test_a_whole_response(told: Told) -> None:
    trace = made_trace(told)
    for content in (b"", b"hello"):
        reply = StaticReply.of(Response(200, content=content), REQUEST)
        run_inline(trace.answered(reply, len(content)))

    assert told.names == ["head", "end", "head", "bytes", "end"]
    assert (told[0].detail, told[2].response is reply, told[3].size) == ("200 OK", True, 5)


# Exchanges


def test_an_exchange_from_its_beginning_to_its_end(told: Told, world: World) -> None:
    world.peer.send(b"HTTP/1.1 103 \r\n\r\n" + OK)

    run_inline(world.exchange.until(HOST, SETTLED))
    assert run_inline(world.exchange.collect(HOST)) == b"ok"

    assert told.names == ["created", "sent", "interim", "head", "bytes", "end"]
    assert {event.connection for event in told} == {world.connection.number}
    assert [event.detail for event in told if event.detail] == ["a.example:80", "103", "200 OK"]
    assert told[3].response is world.exchange
    assert told[1].size == world.connection.written
    assert world.connection.watch is None


def test_a_connection_that_was_there(told: Told) -> None:
    made = World(told, closed=deque(), reused=True)
    made.peer.send(OK)

    run_inline(made.exchange.until(HOST, HEAD))
    run_inline(made.exchange.collect(HOST))
    made.connection.close()
    made.trace.give_now()
    made.close()

    assert told.names == ["reused", "sent", "head", "bytes", "end", "closed"]
    assert told[0].seconds is not None


def test_a_body_piece_by_piece(told: Told, world: World) -> None:
    world.peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n")
    run_inline(world.exchange.until(HOST, HEAD))
    assert told.names == ["created", "sent", "head"]

    for piece in (b"one", b"two"):
        world.peer.send(piece)
        assert run_inline(world.exchange.piece(HOST)) == piece
    assert run_inline(world.exchange.piece(HOST)) == b""

    assert told.names == ["created", "sent", "head", "bytes", "bytes", "end"]
    assert told[-1].size == 6


def test_what_comes_while_nobody_waits_is_told_later(told: Told, world: World) -> None:
    world.peer.send(OK[:-2])
    run_inline(world.exchange.until(HOST, HEAD))
    world.peer.send(OK[-2:])
    world.connection.look()
    assert told.names == ["created", "sent", "head"]

    run_inline(world.exchange.until(HOST, DATA))

    assert told.names == ["created", "sent", "head", "bytes", "end"]


@pytest.mark.parametrize("read", ["piece", "collect"])
def test_a_body_that_breaks_off(told: Told, world: World, read: str) -> None:
    world.peer.send(OK[:-1])
    run_inline(world.exchange.until(HOST, HEAD))
    if read == "piece":
        run_inline(world.exchange.piece(HOST))
    world.peer.close()

    with pytest.raises(TruncatedBody) as caught:
        run_inline(getattr(world.exchange, read)(HOST))
    world.exchange.abort()

    assert told.names == ["created", "sent", "head", "bytes", "closed", "error"]
    assert told[-1].error is caught.value


def test_a_head_that_never_comes(told: Told, world: World) -> None:
    world.peer.send(OK[:5])
    world.peer.close()

    with pytest.raises(RemoteProtocolError) as caught:
        run_inline(world.exchange.until(HOST, HEAD))
    world.exchange.abort()
    run_inline(world.trace.failed(caught.value))

    assert told.names == ["created", "sent", "closed", "error"]


def test_what_is_given_up(told: Told, world: World) -> None:
    world.peer.send(OK[:-2])
    run_inline(world.exchange.until(HOST, HEAD))

    world.exchange.abort()
    world.exchange.abort()

    assert told.names == ["created", "sent", "head", "closed"]


def test_who_gives_up_is_not_told_that_the_listener_fails(world: World) -> None:
    def fail(event: TraceEvent) -> None:
        if event.name == "closed":
            raise LookupError("mine")

    made = World(fail)
    made.peer.send(OK[:-2])
    run_inline(made.exchange.until(HOST, HEAD))

    made.exchange.abort()
    made.close()


def test_a_request_body(told: Told, world: World) -> None:
    exchange = world.exchange
    exchange.upload = Upload(exchange, iter([]))
    exchange.offered(3)
    exchange.sent(monotonic())
    exchange.sent(monotonic())
    world.peer.send(OK)

    run_inline(exchange.until(HOST, COLLECTED))

    assert told.names == ["created", "sending", "sent", "head", "bytes", "end"]
    assert told[1].size == 3


def test_a_body_that_waits_for_a_word_is_not_sent(told: Told, world: World) -> None:
    exchange = world.exchange
    allowed: list[int] = []

    def take(head: Any) -> None:
        if head.status == 100:
            allowed.append(len(told))
            exchange.reach()

    exchange.informational = take
    exchange.withheld = True
    world.peer.send(b"HTTP/1.1 103 Hints\r\n\r\n")
    timer = threading.Timer(0.02, world.peer.send, (b"HTTP/1.1 100 Continue\r\n\r\n",))
    timer.start()
    run_inline(exchange.until(HOST, ALLOWED))
    timer.join()
    exchange.informational = None

    assert told.names == ["created", "interim", "interim"]
    assert allowed == [2]


def test_a_listener_s_error_ends_the_wait() -> None:
    def fail(event: TraceEvent) -> None:
        raise LookupError("mine")

    made = World(fail)
    with pytest.raises(LookupError):
        run_inline(made.exchange.until(HOST, HEAD))
    made.close()


@pytest.mark.parametrize("read", ["piece", "collect"])
def test_a_listener_s_error_ends_the_reading(read: str) -> None:
    def fail(event: TraceEvent) -> None:
        if event.name in ("closed", "error"):
            raise LookupError("mine")

    made = World(fail)
    made.peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    run_inline(made.exchange.until(HOST, HEAD))
    with pytest.raises(LookupError) as caught:
        run_inline(getattr(made.exchange, read)(HOST))
    made.close()

    assert caught.value.__notes__ == ["the trace function raised LookupError"]


def test_an_exchange_that_is_let_go_is_gone(told: Told) -> None:
    """Nothing that was noted and not told keeps it, or its connection."""
    gc.disable()
    try:
        made = World(told)
        made.peer.send(OK)
        made.connection.look()
        connection, exchange = ref(made.connection), ref(made.exchange)
        assert isinstance(made.exchange, TracedExchange)
        peer = made.peer
        del made

        assert (connection(), exchange()) == (None, None)
        peer.close()
    finally:
        gc.enable()


@pytest.mark.parametrize(("turned", "kind"), [(True, GuestExchange), (False, SharedExchange)])
def test_what_goes_over_a_shared_connection_is_told_too(told: Told, turned: bool, kind: type[GuestExchange]) -> None:
    world = h2peer.World(host=None if turned else InlineHost())
    world.get()

    async def ask() -> bytes:
        deadline = Deadline(Timeout(), False, monotonic())
        deadline.trace = Trace(world.host, deadline, (told,), None, None)
        exchange = await world.transport.send(REQUEST, world.route, deadline, None, COLLECTED)
        assert isinstance(exchange, TracedExchange)
        assert isinstance(exchange, kind)
        kinds.append(type(exchange))
        return await exchange.collect(world.host)

    kinds: list[type[TracedExchange]] = []
    assert [run_inline(ask()), run_inline(ask())] == [b"/", b"/"]

    assert kinds[0] is kinds[1]
    assert told.names[0] == "request"
    assert told.names.count("end") == told.names.count("request") == 2
    world.close()
