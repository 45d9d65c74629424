"""HTTP/1.1 on a connection: what the link does, told to the exchange."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from time import monotonic
from typing import Any

import pytest

from courser.core.http1 import EARLY, HTTP1Connection
from courser.core.link import SocketLink, TruncatedStream
from courser.core.pool import Pool
from courser.core.reactor import READ
from courser.core.route import Route
from courser.core.waiter import FOREVER, Waiter
from courser.engines.events import End, Event, ResponseHead
from courser.errors import ReadError, ReadTimeout, RemoteProtocolError, TransportError, TruncatedBody, WriteError
from courser.settings import Limits
from courser.values.request import Request

REQUEST = Request("GET", "http://a/x", headers={"X-A": "b"})


class FakeExchange(Waiter):
    """What the connection needs of an exchange."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Event] = []
        self.end: End | None = None
        self.head: ResponseHead | None = None
        self.bytes_sent, self.received = 7, 3
        self.told: list[str] = []
        self.ends: Any = None
        self.heard_at = 0.0

    def feed(self, events: list[Event], now: float) -> None:
        self.events += events

    def drained(self, now: float) -> None:
        self.told.append("drained")

    def cut(self, now: float) -> None:
        self.told.append("cut")

    def measure(self, error: TransportError) -> None:
        error.bytes_sent, error.bytes_received = self.bytes_sent, self.received

    def expired(self, now: float) -> TransportError | None:
        return None if now < 5.0 else ReadTimeout()


class World:
    def __init__(self) -> None:
        ours, self.peer = socket.socketpair()
        ours.setblocking(False)
        pool: Pool[HTTP1Connection] = Pool(Limits(), threading.Lock, lambda waiter: None, False)
        lane = pool.lane(Route("http", "a", 80))
        permit = pool.open(lane)
        assert permit is not None
        self.connection = HTTP1Connection(SocketLink(ours), lane, permit, monotonic())
        self.exchange = FakeExchange()

    def begin(self) -> bytes:
        return self.connection.begin(self.exchange, REQUEST, -1)  # type: ignore[arg-type]


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.connection.close()
    made.peer.close()


def test_an_exchange_begins_with_its_head(world: World) -> None:
    world.connection.heard = True
    head = world.begin()

    assert head.startswith(b"GET /x HTTP/1.1\r\nHost: a\r\n")
    assert b"X-A: b\r\n" in head
    assert not world.connection.heard


@pytest.mark.parametrize("size", [0, 10, 10**6])
def test_a_body_in_memory_goes_with_its_head(world: World, size: int) -> None:
    connection = world.connection
    head = connection.begin(world.exchange, Request("POST", "http://a/", content=b"x" * size), size)  # type: ignore[arg-type]
    connection.send_whole(head, b"x" * size)
    left = b"".join(map(bytes, connection.unsent))

    assert world.peer.recv(10**7) + left == head + b"x" * size
    assert not connection.refused  # HTTP/1.1 has no way to say so


def test_what_comes_is_fed_to_the_exchange(world: World) -> None:
    world.begin()
    world.connection.received(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", 5.0)

    assert len(world.exchange.events) == 3
    assert world.connection.heard


def test_the_first_byte_of_each_exchange_is_timed(world: World) -> None:
    for start in (5.0, 8.0):
        world.exchange.end = None
        world.begin()
        world.connection.received(b"H", start)
        world.connection.received(b"TTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", start + 1)
        assert world.exchange.heard_at == start
        assert world.connection.engine.is_idle


def test_the_ends_of_the_connection_are_told_to_each_exchange(world: World) -> None:
    world.begin()
    number, *facts = world.exchange.ends

    assert number == world.connection.number
    assert facts == ["", ""]  # those of a pair of sockets


def test_what_is_due_of_a_body_is_known_by_its_length(world: World) -> None:
    connection, exchange = world.connection, world.exchange
    assert connection.due() == 0
    world.begin()
    assert connection.due() == 0
    exchange.head = ResponseHead(200, b"OK", b"1.1", b"", 10, None, True)
    assert connection.due() == 7
    exchange.head = ResponseHead(200, b"OK", b"1.1", b"", None, None, True)
    assert connection.due() == 0


def test_what_nobody_asked_for_closes_the_connection(world: World) -> None:
    world.connection.received(b"HTTP/1.1 200 OK\r\n\r\n", 5.0)

    assert world.connection.closed


def test_what_comes_after_the_end_closes_the_connection(world: World) -> None:
    world.begin()
    world.exchange.end = End()
    world.connection.received(b"x", 5.0)

    assert world.connection.closed
    assert world.exchange.error is None


def test_what_comes_for_an_exchange_that_is_gone_closes_the_connection(world: World) -> None:
    world.begin()
    world.exchange = FakeExchange()
    world.connection.received(b"x", 5.0)

    assert world.connection.closed


def test_nonsense_fails_the_exchange_and_says_how_far_it_came(world: World) -> None:
    world.begin()
    world.connection.received(b"nonsense\r\n\r\n", 5.0)
    error = world.exchange.error

    assert isinstance(error, RemoteProtocolError)
    assert (error.phase, error.bytes_sent, error.bytes_received) == ("read", 7, 3)
    assert world.connection.closed


def test_an_end_is_not_heard(world: World) -> None:
    world.begin()
    world.connection.received(b"", 5.0)

    assert isinstance(world.exchange.error, RemoteProtocolError)
    assert not world.connection.heard


@pytest.mark.parametrize(
    ("error", "head", "sending", "kind"),
    [
        (ConnectionResetError(104, "reset"), False, False, ReadError),
        (BrokenPipeError(), False, True, WriteError),
        (ssl.SSLError("odd"), True, False, ReadError),
        (TruncatedStream("no close_notify"), False, False, RemoteProtocolError),
        (TruncatedStream("no close_notify"), True, False, TruncatedBody),
    ],
)
def test_a_lost_link_fails_the_exchange(
    world: World, error: OSError, head: bool, sending: bool, kind: type[TransportError]
) -> None:
    world.begin()
    world.exchange.head = ResponseHead(200, b"", b"1.1", b"", None, None, True) if head else None
    world.connection.lost(error, 5.0, sending=sending)
    failure = world.exchange.error

    assert type(failure) is kind
    assert failure.__cause__ is error
    assert isinstance(failure, TransportError)
    assert failure.phase == ("write" if sending else "read")
    assert (failure.bytes_sent, failure.bytes_received) == (7, 3)
    assert "a:80" in str(failure)
    assert world.connection.closed


@pytest.mark.parametrize(
    ("reason", "hint"), [("TLSV13_ALERT_CERTIFICATE_REQUIRED", "cert="), ("DECRYPTION_FAILED_OR_BAD_RECORD_MAC", "")]
)
def test_what_tls_says_is_told(world: World, reason: str, hint: str) -> None:
    """In TLS 1.3 a server refuses its client once the client takes the handshake for done."""
    error = ssl.SSLError(1, "[SSL: X] x (_ssl.c:2580)")
    error.reason = reason
    world.begin()
    world.connection.lost(error, 5.0, sending=False)
    failure = world.exchange.error

    assert isinstance(failure, ReadError)
    assert failure.detail == f"a:80: {reason}"
    assert hint in failure.hint
    assert bool(failure.hint) is bool(hint)


@pytest.mark.parametrize("error", [ConnectionResetError(), TruncatedStream()])
def test_an_idle_connection_that_is_lost_is_closed(world: World, error: OSError) -> None:
    world.connection.lost(error, 5.0, sending=False)

    assert world.connection.closed


def test_a_failed_send_after_the_head_leaves_the_answer_to_be_read(world: World) -> None:
    world.begin()
    world.exchange.head = ResponseHead(413, b"", b"1.1", b"", None, None, True)
    world.connection.lost(BrokenPipeError(), 5.0, sending=True)

    assert world.exchange.told == ["cut"]
    assert not world.connection.closed


def test_a_link_that_is_lost_after_the_answer_leaves_the_answer(world: World) -> None:
    world.begin()
    world.exchange.end = End()
    world.connection.lost(ConnectionResetError(), 5.0, sending=False)

    assert world.exchange.told == ["cut"]
    assert world.connection.closed
    assert world.exchange.error is None


def test_a_request_that_is_given_up_is_the_last_of_its_connection(world: World) -> None:
    world.begin()
    world.connection.write(b"x" * 10**6)
    assert world.connection.unsent
    world.connection.forgo()
    world.connection.engine.receive(b"HTTP/1.1 204 No Content\r\n\r\n")

    assert not world.connection.unsent
    assert not world.connection.engine.is_idle


def test_the_exchange_is_told_when_everything_has_been_sent(world: World) -> None:
    world.connection.flushed(5.0)
    world.begin()
    world.connection.flushed(5.0)

    assert world.exchange.told == ["drained"]


def test_the_time_is_up(world: World) -> None:
    world.begin()
    world.connection.deadline = 5.0
    world.connection.expire(5.0)

    assert isinstance(world.exchange.error, ReadTimeout)
    assert world.connection.closed
    assert world.connection.deadline == FOREVER


def test_time_may_be_up_for_something_else(world: World) -> None:
    world.begin()
    world.connection.expire(4.0)

    assert world.exchange.error is None
    assert not world.connection.closed


def test_an_idle_connection_expires_without_a_word(world: World) -> None:
    world.connection.expire(5.0)

    assert world.connection.closed


def test_what_is_unforeseen_ends_it(world: World) -> None:
    world.begin()
    error: Any = ZeroDivisionError()
    world.connection.fail(error)

    assert world.exchange.error is error
    assert world.connection.closed


def test_an_idle_connection_fails_without_a_word(world: World) -> None:
    world.connection.fail(ZeroDivisionError())

    assert world.connection.closed


def test_a_peer_that_hangs_up_is_noticed_by_the_poll(world: World) -> None:
    world.peer.close()
    world.connection.ready(READ, 5.0)

    assert world.connection.closed


@pytest.mark.parametrize("answered", [False, True])
def test_an_end_after_a_failed_send_is_that_failure(world: World, answered: bool) -> None:
    world.begin()
    world.exchange.head = ResponseHead(413, b"", b"1.1", b"", None, None, True) if answered else None
    world.connection.unsendable = BrokenPipeError()
    world.connection.received(b"", 5.0)

    assert type(world.exchange.error) is (RemoteProtocolError if answered else WriteError)
    assert world.connection.unsendable is None


@pytest.mark.parametrize(("last", "pauses"), [(b"", 1), (b"x" * EARLY, 1), (b"ef", 0)])
def test_what_comes_behind_a_switch_of_protocols_is_kept(
    world: World, monkeypatch: pytest.MonkeyPatch, last: bytes, pauses: int
) -> None:
    """Whoever takes the connection over has it, and hears of the end by itself; until then it is paused."""
    paused: list[HTTP1Connection] = []
    monkeypatch.setattr(HTTP1Connection, "pause", lambda connection: paused.append(connection))
    connection, exchange = world.connection, world.exchange
    connection.begin(exchange, Request("GET", "http://a/", headers={"Connection": "Upgrade", "Upgrade": "x"}), -1)  # type: ignore[arg-type]
    connection.received(b"HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nab", 5.0)
    exchange.end = next(event for event in exchange.events if isinstance(event, End))
    connection.received(b"cd", 5.0)
    assert paused == []
    connection.received(last, 5.0)

    assert bytes(connection.engine.leftover) == b"abcd" + last
    assert paused == [connection] * pauses
    assert not connection.closed
    assert exchange.told == []
