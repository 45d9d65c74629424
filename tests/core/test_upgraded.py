"""A connection that carries a WebSocket: real sockets, one thread or many, and whatever strikes."""

from __future__ import annotations

import gc
import socket
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from time import monotonic
from types import FrameType, SimpleNamespace
from typing import Any

import pytest
import wswire
from h2peer import Work, until
from strikes import Lines, Struck

from courser.core.http1 import HTTP1Connection
from courser.core.link import SocketLink
from courser.core.pool import Pool
from courser.core.reactor import Reactor
from courser.core.route import Route
from courser.core.talk import Talk
from courser.core.upgraded import ThreadedUpgrade, UpgradedConnection, take_over
from courser.core.waiter import Waiter
from courser.engines.websocket import Close, Ping, Pong, WebSocketEngine
from courser.errors import ConnectionClosed, LocalProtocolError, ReadError, ReadTimeout, WriteTimeout
from courser.hosts import shared as shared_module
from courser.hosts.inline import InlineHost, run_inline
from courser.settings import Limits
from courser.values.request import Request

LARGE = b"x" * 2_000_000


class Permit:
    released = 0

    def release(self) -> None:
        self.released += 1


class LoopHost:
    """A host that has an event loop: whoever waits turns it."""

    blocking = False
    turned = True

    def __init__(self) -> None:
        self.reactor = Reactor()

    def share(self, connection: Any, /) -> None:
        connection.be_turned(self.reactor, None)

    def arm(self, waiter: Waiter, /) -> None:
        if waiter.deadline < waiter.armed:
            self.reactor.arm(waiter, waiter.deadline)

    async def wait(self, waiter: Waiter, /) -> None:
        while not waiter.done:
            self.reactor.turn(None)


class Wire:
    """A WebSocket over a pair of sockets.

    Args:
        host: LoopHost or InlineHost.
        heartbeat: see `Talk`.

    Attributes:
        sock: the peer's socket.
        peer: what it speaks with.
    """

    def __init__(self, host: Any, heartbeat: float | None = None) -> None:
        ours, self.sock = socket.socketpair()
        ours.setblocking(False)
        self.sock.settimeout(20)
        self.host = host
        self.permit = Permit()
        kind = UpgradedConnection if host.turned else ThreadedUpgrade
        self.connection = kind(SocketLink(ours), self.permit, monotonic(), "a:80")
        host.share(self.connection)
        self.engine = WebSocketEngine(is_client=True)
        self.talk = Talk(self.engine, self.connection, heartbeat, monotonic())
        self.connection.carry(self.talk)
        self.peer = WebSocketEngine(is_client=False)
        self._events: deque[Any] = deque()

    def close(self) -> None:
        self.connection.close()
        self.sock.close()

    # Our side

    def run(self, procedure: Any) -> Any:
        return run_inline(procedure)

    def receive(self, seconds: float | None = 20.0) -> str | bytes:
        if not self.talk.messages:
            self.run(self.talk.wait_for_one(self.host, seconds))
        return self.talk.take()

    def send(self, message: bytes, seconds: float | None = 20.0) -> None:
        talk = self.talk
        self.run(talk.send(self.host, seconds, talk.engine.send_bytes, message, None))
        self.run(talk.settle(self.host, seconds))

    def turn(self) -> Any:
        """Serve what is ready."""
        reactor: Any = self.connection.reactor
        reactor.turn(0.0)

    # The peer's

    def say(self, message: str | bytes) -> None:
        self.sock.sendall(self.peer.send_text(message) if isinstance(message, str) else self.peer.send_bytes(message))

    def event(self) -> Any:
        """What reaches the peer next; what has to be answered is answered."""
        while not self._events:
            data = self.sock.recv(2**20)
            if not data:
                return None
            self._events += self.peer.receive(data)
            if self.peer.has_outgoing:
                with suppress(OSError):  # we may be gone
                    self.sock.sendall(self.peer.outgoing())
        return self._events.popleft()


Make = Callable[..., Wire]


@pytest.fixture
def make() -> Iterator[Make]:
    wires: list[Wire] = []

    def made(host: Any, **options: Any) -> Wire:
        wires.append(Wire(host, **options))
        return wires[-1]

    yield made
    for wire in wires:
        wire.close()


@pytest.fixture(params=[LoopHost, InlineHost], ids=["loop", "threads"])
def wire(request: pytest.FixtureRequest, make: Make) -> Wire:
    return make(request.param())


@pytest.fixture
def threaded(make: Make) -> Wire:
    return make(InlineHost())


# Both kinds


def test_messages_go_both_ways(wire: Wire) -> None:
    wire.send(b"hello")
    assert wire.event() == b"hello"
    wire.say("world")

    assert wire.receive() == "world"


def test_large_messages_go_out_as_the_peer_takes_them(wire: Wire) -> None:
    work = Work(lambda: [wire.event(), wire.event()])
    wire.send(LARGE)
    wire.send(b"more")

    assert work.outcome() == [LARGE, b"more"]


def test_a_message_that_comes_with_the_response_is_received(wire: Wire) -> None:
    wire.connection.early(wswire.frame(0x81, b"early"), monotonic())

    assert wire.receive() == "early"


def test_a_slow_reader_is_not_overrun(wire: Wire) -> None:
    """What it does not take stays with the peer, and comes when it goes on."""
    work = Work(lambda: [wire.say(b"y" * 300_000) for _ in range(20)])
    received = [wire.receive()]
    until(lambda: wire.turn() or wire.talk._paused)
    assert 2**20 < sum(map(len, wire.talk.messages)) < 3 * 2**20
    assert work.is_alive()
    received += [wire.receive() for _ in range(19)]

    assert received == [b"y" * 300_000] * 20
    assert work.outcome() is not None


def test_the_peer_ends_the_link(wire: Wire) -> None:
    wire.sock.close()
    with pytest.raises(ConnectionClosed, match="without a close frame"):
        wire.receive()

    assert wire.connection.closed
    assert wire.permit.released == 1


def test_a_link_that_breaks_ends_it(wire: Wire) -> None:
    def receive(size: int) -> bytes:
        raise ConnectionResetError(104, "Connection reset by peer")

    wire.connection._receive = receive
    wire.say("never")
    with pytest.raises(ConnectionClosed, match="a:80: Connection reset by peer"):
        wire.receive()

    assert wire.connection.closed
    assert wire.connection.unsendable is None


def test_a_link_that_takes_no_more_ends_it(wire: Wire) -> None:
    wire.sock.close()
    with pytest.raises(ConnectionClosed):
        wire.send(LARGE)

    assert wire.connection.closed
    with pytest.raises(ConnectionClosed):
        wire.send(b"again")


def test_what_is_unforeseen_ends_it(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    def took(*args: Any) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(Talk, "took", took)
    wire.say("hello")
    with pytest.raises(ConnectionClosed, match="ZeroDivisionError: by zero"):
        wire.receive()

    assert wire.connection.closed


def test_a_message_that_does_not_come_in_time(wire: Wire) -> None:
    with pytest.raises(ReadTimeout):
        wire.receive(0.01)
    wire.say("late")

    assert wire.receive() == "late"


def test_a_peer_that_takes_nothing(wire: Wire) -> None:
    with pytest.raises(WriteTimeout):
        wire.send(LARGE, 0.01)


def test_a_silent_peer_is_asked_and_given_up(wire: Wire, make: Make) -> None:
    asked = make(type(wire.host)(), heartbeat=0.01)
    with pytest.raises(ConnectionClosed, match="no answer to a ping"):
        asked.receive()

    assert asked.event() == Ping(b"")
    assert asked.connection.closed


def test_goodbyes(wire: Wire) -> None:
    work = Work(lambda: [wire.event(), wire.event(), wire.sock.close()])
    wire.run(wire.talk.close(wire.host, 1000, "bye", 20.0))

    assert work.outcome()[:2] == [Close(1000, "bye"), None]
    assert wire.connection.closed
    assert wire.talk.refusal().code == 1000
    wire.connection.finish()


def test_who_drops_it_closes_it(make: Make, wire: Wire) -> None:
    dropped = Wire(type(wire.host)())
    sock, permit = dropped.sock, dropped.permit
    del dropped
    gc.collect()

    assert permit.released == 1
    assert sock.recv(1) == b""
    sock.close()


def test_one_that_carries_nothing_any_more_is_closed(wire: Wire) -> None:
    """Its user may let go of it while it is being turned."""
    connection: Any = wire.connection
    del wire.talk
    gc.collect()
    connection.flushed(monotonic())
    connection.expire(monotonic())
    connection.received(b"what for?", monotonic())
    assert connection.closed
    connection.fail(OSError())
    connection.forget()


def test_what_was_turned_off_hears_of_no_room(wire: Wire) -> None:
    """The link broke when it was asked to take more."""
    wire.connection.close()
    wire.connection.flushed(monotonic())

    assert wire.talk._emptied == 0


def test_a_forked_child_keeps_away_from_it(wire: Wire) -> None:
    wire.connection.forget()
    with pytest.raises(ConnectionClosed, match="forked"):
        wire.receive()
    with pytest.raises(ConnectionClosed, match="forked"):
        wire.send(b"hello")
    wire.run(wire.talk.close(wire.host, 1000, "", 1.0))

    assert wire.permit.released == 0, "it is the parent's"


# Threads


def test_two_threads_send_while_one_receives(threaded: Wire) -> None:
    count = 300

    def echo() -> None:
        for _ in range(2 * count):
            threaded.say(threaded.event())

    def send(name: bytes) -> None:
        for number in range(count):
            threaded.send(b"%s %d " % (name, number) + b"x" * (number * 97 % 5000))

    def receive() -> list[bytes]:
        return [bytes(threaded.receive())[:6] for _ in range(2 * count)]  # type: ignore[arg-type]

    works = [Work(echo), Work(receive), Work(lambda: send(b"a")), Work(lambda: send(b"b"))]
    outcomes = [work.outcome(60) for work in works]
    got = outcomes.pop(1)

    assert outcomes == [None] * 3
    for name in (b"a", b"b"):
        assert [int(each.split()[1]) for each in got if each.startswith(name)] == list(range(count))


def test_large_messages_of_many_threads_do_not_mix(threaded: Wire) -> None:
    def send(byte: bytes) -> None:
        for _ in range(5):
            threaded.send(byte * 400_000)

    works = [Work(lambda byte=byte: send(byte)) for byte in (b"a", b"b", b"c")]  # type: ignore[misc]
    got = [threaded.event() for _ in range(15)]

    assert [work.outcome() for work in works] == [None] * 3
    assert {(each[:1], len(set(each)), len(each)) for each in got} == {(b, 1, 400_000) for b in (b"a", b"b", b"c")}


def test_a_message_in_pieces_is_whole_whoever_sends_beside_it(threaded: Wire) -> None:
    talk, host = threaded.talk, threaded.host

    def speak(name: str) -> None:
        for _ in range(20):
            speaker = object()
            run_inline(talk.speak(host, 20.0, speaker))
            for _ in range(5):
                run_inline(talk.utter(host, 20.0, name * 1000, last=False, compress=None))
            run_inline(talk.utter(host, 20.0, "", last=True, compress=None))
            talk.spoken(speaker)

    def send() -> None:
        for _ in range(50):
            threaded.send(b"whole")

    works = [Work(lambda: speak("a")), Work(lambda: speak("b")), Work(send)]
    got = [threaded.event() for _ in range(90)]

    assert [work.outcome() for work in works] == [None] * 3
    assert {message: got.count(message) for message in set(got)} == {"a" * 5000: 20, "b" * 5000: 20, b"whole": 50}


def test_a_receiver_wakes_when_another_thread_closes(threaded: Wire) -> None:
    """The peer does not answer, so nothing comes that could wake it."""
    work = Work(lambda: threaded.receive(None))
    until(lambda: threaded.connection.source.rings.polling)
    threaded.run(threaded.talk.close(threaded.host, 1000, "", 0.01))

    assert isinstance(work.outcome(), ConnectionClosed)


def test_a_receiver_wakes_when_another_thread_gives_up(threaded: Wire) -> None:
    work = Work(lambda: threaded.receive(None))
    until(lambda: threaded.connection.source.rings.polling)
    threaded.talk.abandon(1001)

    assert isinstance(work.outcome(), ConnectionClosed)
    assert threaded.event() == Close(1001, "")


def test_whoever_turns_it_serves_the_others(threaded: Wire) -> None:
    receiver = Work(lambda: threaded.receive(None))
    until(lambda: threaded.connection.source.rings.polling)
    pinger = Work(lambda: run_inline(threaded.talk.ping(threaded.host, b"1", None)))
    assert threaded.event() == Ping(b"1")
    assert pinger.outcome() >= 0.0
    assert receiver.is_alive()
    threaded.say("hello")

    assert receiver.outcome() == "hello"


def test_a_ping_of_the_peer_is_answered_while_one_receives(threaded: Wire) -> None:
    receiver = Work(lambda: threaded.receive(None))
    threaded.sock.sendall(threaded.peer.ping(b"there?"))
    assert threaded.event() == Pong(b"there?")
    threaded.say("hello")

    assert receiver.outcome() == "hello"


def test_a_time_of_zero_takes_what_has_come(threaded: Wire) -> None:
    with pytest.raises(ReadTimeout):
        threaded.receive(0)
    threaded.say("hello")

    assert threaded.receive(0) == "hello"


def test_a_plain_poll_object_is_asked_again(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another thread adds to it while it waits, it does not notice."""
    for module in (shared_module, sys.modules["courser.core.reactor"]):
        monkeypatch.setattr(module, "can_nest", lambda: False)
    wire = make(InlineHost())
    receiver = Work(lambda: wire.receive(None))
    until(lambda: wire.connection.source.rings.polling)
    sender = Work(lambda: wire.send(LARGE))

    assert wire.event() == LARGE
    assert sender.outcome() is None
    wire.say("hello")
    assert receiver.outcome() == "hello"


# Whatever strikes


def test_what_is_refused_costs_nothing(threaded: Wire) -> None:
    talk = threaded.talk
    for wrong, kind in (("\ud800", LocalProtocolError), (5, TypeError)):
        with pytest.raises(kind):
            threaded.connection.enter(talk.offer, talk.engine.send_text, wrong, None)
    threaded.send(b"fine")

    assert threaded.event() == b"fine"


def test_an_exception_from_outside_in_the_middle_is_the_end(threaded: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    receiver = Work(lambda: threaded.receive(None))
    until(lambda: threaded.connection.source.rings.polling)

    def strike(*args: Any) -> bytes:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        threaded.connection.enter(threaded.talk.offer, strike)

    error = receiver.outcome()
    assert isinstance(error, ConnectionClosed)
    assert "KeyboardInterrupt" in error.detail
    assert threaded.connection.closed


def test_an_exception_from_outside_that_left_a_mark_only_is_the_end_for_the_next(threaded: Wire) -> None:
    threaded.connection.broken = True
    with pytest.raises(ConnectionClosed, match="interrupted in the middle"):
        threaded.send(b"hello")

    assert threaded.connection.closed


def test_nor_does_it_matter_that_the_connection_is_closed_by_then(threaded: Wire) -> None:
    """Whoever closed it may have been struck down before the talk was told."""
    threaded.connection.broken = True
    threaded.connection.close()
    with pytest.raises(ConnectionClosed, match="interrupted in the middle"):
        threaded.send(b"hello")


def test_an_exception_at_every_line_leaves_the_lock_open(make: Make) -> None:
    """And whoever comes next either goes on as before, or hears that it is over."""
    names = {"enter", "_do", "offer"}

    def counts(frame: FrameType) -> bool:
        return frame.f_code.co_name in names

    def others() -> object:
        try:
            threaded.send(b"next")
        except ConnectionClosed:
            return None
        return threaded.event()

    at, ends = 0, set()
    gc.disable()
    try:
        while True:
            at += 1
            threaded = make(InlineHost())
            talk = threaded.talk
            struck = Lines(at, Struck, counts)
            try:
                with struck:
                    threaded.connection.enter(talk.offer, talk.engine.send_bytes, b"", None)
            except Struck:
                pass
            if not struck.where:
                break
            work = Work(others)
            ends.add(work.outcome() is None)
            assert threaded.connection._lock.acquire(blocking=False), struck.where  # type: ignore[attr-defined]
            threaded.connection._lock.release()  # type: ignore[attr-defined]
    finally:
        gc.enable()

    assert at > 10
    assert ends == {True, False}


def test_an_exception_on_the_way_out_finds_the_lock_taken(threaded: Wire) -> None:
    """It strikes in the `with` statement itself, after the lock was let go or before."""
    connection: Any = threaded.connection
    connection._lock.acquire()
    connection._clear_up(Struck())

    assert not connection._owns()
    connection._clear_up(Struck())
    assert not connection._owns()
    assert not connection.closed


def test_a_forked_child_waits_for_no_thread_of_the_parent(threaded: Wire) -> None:
    connection: Any = threaded.connection
    lock = connection._lock
    held, go = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            held.set()
            go.wait(20)

    work = Work(hold)
    held.wait(20)
    connection.forget()
    with pytest.raises(ConnectionClosed):
        threaded.send(b"hello")
    go.set()
    assert work.outcome() is None


# Taking over


class Handshaken:
    """A connection over which a handshake has gone."""

    def __init__(self, behind: bytes = b"") -> None:
        ours, self.sock = socket.socketpair()
        ours.setblocking(False)
        self.sock.settimeout(20)
        self.pool: Pool[HTTP1Connection] = Pool(Limits(), threading.Lock, lambda waiter: None, False)
        lane = self.pool.lane(Route("ws", "a", 80))
        permit = self.pool.open(lane)
        assert permit is not None
        self.connection = HTTP1Connection(SocketLink(ours), lane, permit, monotonic())
        engine = self.connection.engine
        engine.start(b"GET", b"/", b"a", b"Connection: Upgrade\r\nUpgrade: websocket\r\n", -1)
        engine.receive(b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n" + behind)
        self.exchange: Any = SimpleNamespace(
            connection=self.connection, source=self.connection, request=Request("GET", "http://a/")
        )


@pytest.mark.parametrize("host", [LoopHost(), InlineHost()], ids=["loop", "threads"])
def test_the_connection_of_a_handshake_is_taken_over(host: Any) -> None:
    shaken = Handshaken(wswire.frame(0x81, b"early"))
    shaken.connection.watch = watch = deque()
    if host.turned:
        shaken.connection.join(host.reactor)
    made, early = take_over(shaken.exchange, host)

    assert type(made) is (UpgradedConnection if host.turned else ThreadedUpgrade)
    assert early == [wswire.frame(0x81, b"early")]
    assert (made.number, made.label) == (shaken.connection.number, "a:80")
    assert shaken.connection.closed
    assert shaken.exchange.connection is shaken.exchange.source is None
    talk = Talk(WebSocketEngine(is_client=True), made, None, monotonic())
    made.carry(talk)
    made.early(early[0], monotonic())
    assert talk.take() == "early"
    shaken.sock.sendall(wswire.frame(0x81, b"late"))
    run_inline(talk.wait_for_one(host, 20.0))
    assert talk.take() == "late"
    assert len(shaken.pool.permits) == 1
    assert not watch
    del talk, made
    gc.collect()
    assert not shaken.pool.permits
    assert shaken.sock.recv(1) == b""
    shaken.sock.close()


@pytest.mark.parametrize("gone", [False, True])
def test_a_connection_that_broke_meanwhile_is_not_taken_over(gone: bool) -> None:
    shaken = Handshaken()
    shaken.connection.close()
    if gone:
        shaken.exchange.connection = None
    with pytest.raises(ReadError, match="right after the handshake") as caught:
        take_over(shaken.exchange, InlineHost())

    assert caught.value.request is shaken.exchange.request
    shaken.sock.close()
