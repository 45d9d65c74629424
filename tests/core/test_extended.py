"""A WebSocket on a stream: an engine of HTTP/2 at the other side, one thread or many, and whatever ends it."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any
from weakref import ref

import h2wire
import pytest
import wswire
from h2peer import Work, World, echo, nothing, until
from strikes import Struck

from courser.core import talk as talk_module
from courser.core.exchange import HEAD, Exchange
from courser.core.extended import StreamCarrier, as_connect, take_stream
from courser.core.talk import FULL, Talk
from courser.core.waiter import FOREVER
from courser.engines.websocket import WEBSOCKET_LIMITS, Close, Ping, WebSocketEngine
from courser.errors import ConnectionClosed, LocalProtocolError, ReadError, ReadTimeout, WriteTimeout
from courser.hosts.inline import InlineHost, run_inline
from courser.values.request import Request

SHAKE = Request(
    "GET",
    "http://a/chat",
    headers={"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Key": "x", "Sec-WebSocket-Version": "13"},
    extensions={"mine": 1},
)
LARGE = b"x" * 3_000_000
WIDE = WEBSOCKET_LIMITS._replace(message=2**26)


class Wire:
    """A WebSocket on a stream of a connection that has carried a request already.

    Args:
        host: InlineHost, or nothing for what passes for an event loop.
        apart: see `World`.

    Attributes:
        exchange: has got the response.
        served: the peer's end of the stream.
        peer: what it speaks there.
    """

    def __init__(self, host: Any = None, *, apart: bool = False) -> None:
        self.world = World(echo, host, apart=apart)
        self.world.get()
        self.world.act = nothing
        self.connection = self.world.connection
        self.exchange = self.ask()
        self.number = max(self.world.peer.streams)
        self.served = self.world.peer.streams[self.number]
        self.peer = WebSocketEngine(is_client=False, limits=WIDE)
        self._heard = 0
        self.carrier: StreamCarrier
        self.talk: Talk

    def ask(self) -> Exchange:
        """An exchange that has got its response."""
        exchange = self.world.begin(as_connect(SHAKE))
        until(lambda: self._turned() and self.world.peer.unanswered)
        with self.world._acting:
            self.world.peer.answer(max(self.world.peer.streams), end=False)
        run_inline(exchange.until(self.world.host, HEAD))
        return exchange

    def _turned(self) -> bool:
        self.turn()
        return True

    def take(self) -> StreamCarrier:
        """Take the stream over."""
        self.carrier = take_stream(self.exchange)
        return self.carrier

    def carry(self, heartbeat: float | None = None) -> Wire:
        """Have it carry a talk."""
        self.talk = Talk(WebSocketEngine(is_client=True, limits=WIDE), self.carrier, heartbeat, monotonic())
        self.carrier.carry(self.talk)
        return self

    def close(self) -> None:
        self.world.close()

    # Our side

    def turn(self) -> None:
        """Let the peer act, and serve what is ready."""
        if self.world.host.turned:
            self.world.turn()
            return
        self.world.acted()
        self.connection.look()

    def receive(self, seconds: float | None = 20.0) -> str | bytes:
        for _ in range(50):
            if not self.talk.messages:
                self.turn()
        if not self.talk.messages:
            run_inline(self.talk.wait_for_one(self.world.host, seconds))
        return self.talk.take()

    def send(self, message: bytes, seconds: float | None = 20.0) -> None:
        talk = self.talk
        run_inline(talk.send(self.world.host, seconds, talk.engine.send_bytes, message, None))

    def offer(self, message: bytes) -> bool:
        return bool(self.carrier.enter(self.talk.offer, self.talk.engine.send_bytes, message, None))

    # The peer's

    def say(self, *messages: str | bytes) -> None:
        """Send messages, and have them come."""
        for each in messages:
            self.put(self.peer.send_text(each) if isinstance(each, str) else self.peer.send_bytes(each))
        self.turn()

    def put(self, data: bytes) -> None:
        """Send bytes on the stream."""
        with self.world._acting:
            self.world.peer.engine.send_data(self.served, data)
            self.world.peer.flush()

    def end(self) -> None:
        """End the stream."""
        with self.world._acting:
            self.world.peer.engine.send_end(self.served)
            self.world.peer.flush()

    def reset(self, code: int = 8) -> None:
        """Reset the stream."""
        self.world.peer.say(h2wire.rst(self.number, code))

    def heard(self) -> list[Any]:
        """What has reached the peer since the last look."""
        self.turn()
        data = self.world.peer.body(self.number)[self._heard :]
        self._heard += len(data)
        return list(self.peer.receive(data)) if data else []

    @property
    def is_ended(self) -> bool:
        """Whether the peer has seen the end of the stream."""
        self.turn()
        return self.world.peer.is_complete(self.number)

    @property
    def is_reset(self) -> bool:
        """Whether the peer has seen a reset."""
        self.turn()
        return self.served.error is not None

    def goes_on(self) -> bool:
        """Whether the connection carries what others ask for."""
        self.world.act = echo
        return self.world.get(Request("GET", "http://a/on")) == b"/on" and len(self.world.peers) == 1


Make = Callable[..., Wire]


@pytest.fixture
def make() -> Iterator[Make]:
    wires: list[Wire] = []

    def made(host: Any = None, **options: Any) -> Wire:
        wires.append(Wire(host, **options))
        return wires[-1]

    yield made
    for each in wires:
        each.close()


@pytest.fixture(params=["loop", "threads"])
def fresh(request: pytest.FixtureRequest, make: Make) -> Wire:
    """One that nobody has taken over."""
    return make(None if request.param == "loop" else InlineHost())


@pytest.fixture
def wire(fresh: Wire) -> Wire:
    fresh.take()
    return fresh.carry()


@pytest.fixture
def threaded(make: Make) -> Wire:
    wire = make(InlineHost())
    wire.take()
    return wire.carry()


# What is asked for


def test_a_handshake_over_http2_has_a_protocol_and_no_key() -> None:
    request = as_connect(SHAKE)

    assert (request.method, request.url) == ("CONNECT", SHAKE.url)
    assert request.extensions == {"mine": 1, "protocol": "websocket"}
    assert list(request.headers.items()) == [("Sec-WebSocket-Version", "13")]
    assert "Upgrade" in SHAKE.headers
    assert as_connect(Request("GET", "http://a/")).extensions == {"protocol": "websocket"}


# Taking over


def test_a_stream_changes_hands(fresh: Wire) -> None:
    guest = fresh.exchange.connection
    carrier = fresh.take()

    assert fresh.exchange.connection is fresh.exchange.source is None
    assert carrier.connection is guest
    assert carrier.label == "a:80"
    assert not carrier.closed
    assert carrier.source is fresh.connection.source
    assert carrier.heard_at == carrier.sent_at == fresh.exchange.head_at
    fresh.carry()
    fresh.send(b"hello")
    fresh.say("hello yourself")

    assert fresh.heard() == [b"hello"]
    assert fresh.receive() == "hello yourself"


def test_what_came_with_the_response_is_handed_over(fresh: Wire) -> None:
    fresh.say("one", "two")
    carrier = fresh.take()
    assert not fresh.exchange.chunks
    fresh.say("three")
    fresh.carry()
    fresh.say("four")

    assert [fresh.receive() for _ in range(4)] == ["one", "two", "three", "four"]
    assert carrier._early == []


def test_an_end_that_came_with_the_response_is_handed_over(fresh: Wire) -> None:
    fresh.say("last")
    fresh.end()
    fresh.turn()
    fresh.take()
    fresh.carry()

    assert fresh.receive() == "last"
    with pytest.raises(ConnectionClosed, match="without a close frame"):
        fresh.receive()
    assert fresh.carrier.closed
    assert fresh.is_ended
    assert fresh.goes_on()


def test_what_came_with_the_response_opens_the_window(fresh: Wire) -> None:
    """The peer has sent all that it may, which is no whole message."""
    fresh.put(fresh.peer.send_bytes(LARGE))
    for _ in range(20):
        fresh.turn()
    assert 0 < fresh.exchange.received < len(LARGE)
    fresh.take()
    fresh.carry()
    for _ in range(50):
        fresh.turn()

    assert fresh.receive() == LARGE


def test_a_talk_may_be_full_of_what_came_with_the_response(fresh: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was compressed is larger than the window."""
    monkeypatch.setattr(talk_module, "FULL", 100_000)
    part = b"x" * 25_000
    fresh.say(*[part] * 5)
    fresh.turn()
    fresh.take()
    fresh.carry()
    assert fresh.carrier._paused
    taken: Any = fresh.carrier.connection

    assert taken._taken == 0
    assert [fresh.receive() for _ in range(5)] == [part] * 5
    assert taken._taken == fresh.carrier._received


def test_an_end_before_anybody_knows_whose_it_is_is_kept(fresh: Wire) -> None:
    carrier = fresh.take()
    fresh.say("last")
    fresh.end()
    fresh.turn()
    assert not carrier.closed
    fresh.carry()

    assert fresh.receive() == "last"
    with pytest.raises(ConnectionClosed):
        fresh.receive()


@pytest.mark.parametrize("end", ["reset", "the connection"])
def test_a_failure_before_anybody_knows_whose_it_is_is_kept(fresh: Wire, end: str) -> None:
    carrier = fresh.take()
    fresh.say("last")
    if end == "reset":
        fresh.reset()
    else:
        fresh.world.peer.close()
    fresh.turn()
    carrier.expired(monotonic())
    carrier.drained(monotonic())
    carrier.forget()
    fresh.carry()

    assert fresh.receive() == "last"
    with pytest.raises(ConnectionClosed, match="reset" if end == "reset" else "ended|closed"):
        fresh.receive()
    assert carrier.closed
    assert not fresh.connection.guests


@pytest.mark.parametrize("how", ["given up", "reset", "closed", "gone"])
def test_a_stream_that_ended_meanwhile_is_not_taken_over(fresh: Wire, how: str) -> None:
    guest: Any = fresh.exchange.connection
    if how == "given up":
        fresh.exchange.abort()
    elif how == "reset":
        fresh.reset()
        fresh.turn()
    elif how == "closed":
        guest.close()
    else:
        fresh.connection.close()
    with pytest.raises(ReadError, match="right after the handshake") as caught:
        take_stream(fresh.exchange)

    assert caught.value.request is fresh.exchange.request


# Receiving


def test_bytes_open_the_window_as_they_come(wire: Wire) -> None:
    """More goes through than a window holds."""
    for _ in range(40):
        wire.say(b"x" * 100_000)
        assert wire.receive() == b"x" * 100_000
    guest: Any = wire.carrier.connection

    assert guest._taken == wire.carrier._received
    assert guest.stream.unread == 0


def test_nothing_is_taken_while_it_is_paused_and_all_of_it_afterwards(wire: Wire) -> None:
    carrier, guest = wire.carrier, wire.carrier.connection
    carrier.pause()
    wire.say(b"x" * 5000)
    assert guest._taken == 0
    carrier.enter(carrier.resume)

    assert guest._taken == carrier._received > 5000
    wire.say("more")
    assert guest._taken == carrier._received


def test_a_slow_reader_holds_the_peer_back(wire: Wire) -> None:
    part = b"x" * 500_000
    wire.say(*[part] * 20)
    for _ in range(50):
        wire.turn()

    assert FULL < wire.carrier._received < 8 * 2**20
    assert [wire.receive() for _ in range(20)] == [part] * 20


def test_the_end_of_the_stream_is_the_end_of_the_link(wire: Wire) -> None:
    wire.say("last")
    wire.end()
    wire.turn()

    assert wire.receive() == "last"
    with pytest.raises(ConnectionClosed, match="without a close frame"):
        wire.receive()
    assert wire.is_ended
    assert not wire.is_reset
    assert not wire.connection.guests
    assert wire.goes_on()


def test_what_follows_the_end_of_a_talk_is_of_no_interest(wire: Wire) -> None:
    """It breaks the protocol, and more has come in the same turn."""
    wire.put(wswire.frame(0x83, b"what?"))
    wire.put(wire.peer.send_text("late"))
    wire.turn()
    with pytest.raises(ConnectionClosed):
        wire.receive()
    wire.carrier.feed([b"later"], monotonic())

    assert not wire.talk.messages
    assert wire.goes_on()


def test_what_comes_after_the_stream_was_given_up_is_of_no_interest(wire: Wire) -> None:
    wire.carrier.close()
    wire.carrier.feed([b"\x81\x01x"], monotonic())

    assert not wire.talk.messages


def test_trailers_and_heads_are_no_bytes(wire: Wire) -> None:
    event: Any = object()
    wire.carrier.feed([event], monotonic())

    assert wire.carrier._received == 0


def test_a_time_of_zero_takes_what_has_come(threaded: Wire) -> None:
    with pytest.raises(ReadTimeout):
        threaded.receive(0)
    threaded.put(threaded.peer.send_text("hello"))

    assert threaded.receive(0) == "hello"


# Sending


def test_what_the_window_does_not_take_waits_and_is_told_of_once(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[bool] = []
    drained = Talk.drained

    def tell(talk: Talk, now: float) -> None:
        told.append(talk.carrier.pending)
        drained(talk, now)

    monkeypatch.setattr(Talk, "drained", tell)
    wire.world.peer.reads = False
    assert wire.offer(LARGE)
    wire.turn()
    assert wire.carrier.pending
    assert not wire.offer(b"more")
    before = len(told)
    with pytest.raises(WriteTimeout):
        wire.send(b"more", 0.0)
    assert told[before:].count(False) == 0
    with wire.world._acting:
        wire.world.peer.reads = True
        taken = len(wire.world.peer.body(wire.number))
        wire.world.peer.engine.consumed(wire.served, taken)
        wire.world.peer.flush()
    for _ in range(50):
        wire.turn()

    assert not wire.carrier.pending
    assert told.count(False) == 1
    assert wire.heard() == [LARGE]
    wire.send(b"next")
    assert wire.heard() == [b"next"]
    assert told.count(False) == 1


def test_nobody_is_told_of_room_where_nobody_waited(wire: Wire) -> None:
    wire.send(b"hello")
    wire.carrier.drained(monotonic())

    assert wire.talk._emptied == 0


def test_one_that_has_sent_everything_is_looked_at_no_more(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    guest = wire.carrier.connection
    wire.send(b"hello")
    guest.connection.pump()
    assert guest.stream not in guest.connection.senders
    wire.world.peer.reads = False
    assert wire.offer(LARGE)
    wire.turn()

    assert guest.stream in guest.connection.senders


def test_two_streams_of_an_event_loop_send_at_the_end_of_the_turn(make: Make) -> None:
    wire = make()
    wire.take()
    wire.carry()
    other = wire.world.begin(as_connect(SHAKE))
    wire.turn()
    wire.send(b"hello")

    assert wire.heard() == [b"hello"]
    other.abort()


def test_a_peer_that_wants_no_more_gets_no_more(wire: Wire) -> None:
    wire.carrier.cut(monotonic())
    wire.send(b"hello")
    wire.carrier.finish()

    assert wire.heard() == []
    assert not wire.is_ended


# The end


def test_the_end_is_said_once_and_before_a_reset(wire: Wire) -> None:
    carrier = wire.carrier
    carrier.enter(carrier.finish)
    carrier.enter(carrier.finish)
    carrier.enter(carrier.write, b"too late")
    carrier.enter(carrier.close)

    assert wire.is_ended
    assert wire.world.peer.body(wire.number) == b""
    assert wire.is_reset
    carrier.finish()
    carrier.write(b"much too late")


def test_who_closes_resets_the_stream_and_nothing_else(wire: Wire) -> None:
    wire.carrier.enter(wire.carrier.close)

    assert wire.is_reset
    assert not wire.is_ended
    assert wire.carrier.closed
    assert wire.carrier.upload is None
    assert not wire.connection.guests
    assert wire.goes_on()


def test_goodbyes(wire: Wire) -> None:
    wire.put(wire.peer.close(1001, "bye"))
    wire.turn()
    with pytest.raises(ConnectionClosed) as caught:
        wire.receive()
    assert (caught.value.code, caught.value.reason) == (1001, "bye")
    assert wire.heard() == [Close(1001, "bye")] or wire.is_ended
    wire.end()
    wire.turn()

    assert wire.carrier.closed
    assert wire.is_ended
    assert not wire.is_reset
    assert wire.goes_on()


@pytest.mark.parametrize("how", ["reset", "lost", "goaway"])
def test_who_is_cut_off_is_told(wire: Wire, how: str) -> None:
    if how == "reset":
        wire.reset()
    elif how == "lost":
        wire.world.peer.close()
    else:
        wire.world.peer.say(h2wire.frame(h2wire.GOAWAY, 0, 0, (1).to_bytes(4, "big") + (2).to_bytes(4, "big")))
    wire.turn()
    with pytest.raises(ConnectionClosed) as caught:
        wire.receive()

    assert caught.value.code == 1006
    assert wire.carrier.closed
    assert not wire.connection.guests
    assert (how == "reset") is not wire.connection.closed
    with pytest.raises(ConnectionClosed):
        wire.send(b"hello")


def test_a_goodbye_of_the_connection_lets_a_websocket_go_on(wire: Wire) -> None:
    with wire.world._acting:
        wire.world.peer.engine.shutdown()
        wire.world.peer.flush()
    wire.turn()
    wire.say("still here")

    assert wire.receive() == "still here"
    assert wire.connection.draining
    wire.carrier.enter(wire.carrier.close)
    assert wire.connection.closed


@pytest.mark.parametrize("waits", [False, True])
def test_one_that_is_dropped_resets_its_stream_and_lets_go_of_its_place(fresh: Wire, *, waits: bool) -> None:
    gc.collect()
    gc.disable()
    try:
        fresh.take()
        fresh.carry()
        if waits:
            fresh.world.peer.reads = False
            assert fresh.offer(LARGE)
        known = ref(fresh.carrier)
        del fresh.carrier, fresh.talk
        assert known() is None
        assert fresh.is_reset
        assert not fresh.connection.guests
    finally:
        gc.enable()
    assert fresh.goes_on()


def test_what_is_refused_leaves_no_cycle(threaded: Wire) -> None:
    gc.collect()
    gc.disable()
    try:
        try:
            threaded.carrier.enter(threaded.talk.offer, threaded.talk.engine.send_text, "\ud800", None)
        except LocalProtocolError as error:
            known = ref(error)
        assert known() is None
    finally:
        gc.enable()


def test_one_that_carries_nothing_any_more_is_closed(wire: Wire) -> None:
    """Its user may let go of the talk while the stream is being turned."""
    carrier: Any = wire.carrier
    del wire.talk
    gc.collect()
    carrier.drained(monotonic())
    carrier.expired(monotonic())
    carrier.forget()
    assert not carrier.closed
    wire.say("what for?")
    assert carrier.closed
    carrier.fail(OSError())
    carrier.measure(OSError())

    assert wire.is_reset
    assert wire.goes_on()


def test_a_forked_child_keeps_away_from_it(wire: Wire) -> None:
    wire.connection.forget()
    wire.carrier.forget()
    with pytest.raises(ConnectionClosed, match="forked"):
        wire.receive()
    with pytest.raises(ConnectionClosed, match="forked"):
        wire.send(b"hello")
    run_inline(wire.talk.close(wire.world.host, 1000, "", 1.0))

    assert wire.carrier.closed
    assert wire.world.peer.body(wire.number) == b""


# Time


def test_a_deadline_is_kept_by_the_connection(wire: Wire) -> None:
    carrier, connection, now = wire.carrier, wire.connection, monotonic()
    carrier.arm(now + 5)
    assert (carrier.connection.deadline, connection.deadline) == (now + 5, now + 5)
    connection.deadline = now + 1
    carrier.arm(now + 6)

    assert (carrier.connection.deadline, connection.deadline) == (now + 6, now + 1)
    carrier.arm(FOREVER)
    assert carrier.connection.deadline == FOREVER


def test_a_silent_peer_is_asked_and_given_up(fresh: Wire) -> None:
    fresh.take()
    fresh.carry(heartbeat=1000.0)
    now = monotonic()
    other = fresh.connection.occupy()
    fresh.connection.expire(now + 1001.0)
    assert fresh.heard() == [Ping(b"")]
    fresh.connection.expire(now + 2002.0)

    with pytest.raises(ConnectionClosed, match="no answer to a ping"):
        fresh.receive()
    assert fresh.carrier.closed
    assert list(fresh.connection.guests) == [other.key]  # type: ignore[union-attr]
    assert fresh.goes_on()


@pytest.mark.parametrize("shared", [False, True])
def test_a_ping_that_was_sent_is_no_sign_of_life(fresh: Wire, *, shared: bool) -> None:
    """Not even where what is sent waits for the end of the turn, or for the thread that turns the connection."""
    other = fresh.connection.occupy() if shared else None
    fresh.take()
    fresh.carry(heartbeat=0.01)

    def turned() -> object:
        fresh.turn()
        if fresh.carrier.source is not None:
            fresh.carrier.look()
        return fresh.talk.closed

    until(turned)
    with pytest.raises(ConnectionClosed, match="no answer to a ping"):
        fresh.receive()
    del other


def test_who_looks_again_and_again_sees_time_pass(threaded: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    threaded.carrier.arm(monotonic())
    expired: list[float] = []
    monkeypatch.setattr(Talk, "expire", lambda talk, now: expired.append(now))
    threaded.carrier.look()

    assert len(expired) == 1


def test_a_thread_that_turns_the_connection_hears_of_a_deadline(make: Make) -> None:
    """It sleeps without end when another thread arms."""
    wire = make(InlineHost(), apart=True)
    wire.take()
    wire.carry()
    receiver = Work(lambda: wire.receive(None))
    until(lambda: wire.connection.source.rings.polling)
    wire.talk._heartbeat = 0.01
    wire.carrier.arm(monotonic())

    assert isinstance(receiver.outcome(), ConnectionClosed)


# Threads


def test_an_error_of_the_caller_costs_nobody_the_connection(threaded: Wire) -> None:
    other = Wire.ask(threaded)
    talk = threaded.talk
    for wrong, kind in (("\ud800", LocalProtocolError), (5, TypeError)):
        with pytest.raises(kind):
            threaded.carrier.enter(talk.offer, talk.engine.send_text, wrong, None)
    assert threaded.carrier.enter(max, 1, 2) == 2
    threaded.send(b"fine")

    assert threaded.heard() == [b"fine"]
    assert other.error is None
    assert not threaded.connection.closed
    other.abort()
    assert threaded.goes_on()


def test_an_exception_from_outside_in_the_middle_is_the_end(threaded: Wire) -> None:
    def strike(*args: Any) -> bytes:
        raise Struck

    with pytest.raises(Struck):
        threaded.carrier.enter(threaded.talk.offer, strike)
    with pytest.raises(ConnectionClosed, match="Struck"):
        threaded.receive()

    assert threaded.connection.closed


def test_an_error_that_nobody_foresaw_is_the_end_too(threaded: Wire) -> None:
    def strike(*args: Any) -> bytes:
        raise TimeoutError("of a signal's handler")

    with pytest.raises(TimeoutError):
        threaded.carrier.enter(threaded.talk.offer, strike)

    assert threaded.connection.closed
    assert threaded.talk.closed is not None


def test_everything_is_done_inside(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever touches the engine of HTTP/2 does so under the connection's lock."""
    wire = make(InlineHost())
    connection: Any = wire.connection
    outside: list[str] = []
    engine = type(connection.engine)

    def watch(name: str) -> None:
        known = getattr(engine, name)

        def watched(self: Any, *args: Any) -> Any:
            if not connection._owns():
                outside.append(name)
            return known(self, *args)

        monkeypatch.setattr(engine, name, watched)

    for name in ("receive", "outgoing", "send_data", "send_end", "consumed", "reset"):
        watch(name)
    wire.say("early")
    wire.take()
    wire.carry(heartbeat=1000.0)
    wire.say(*[b"x" * 300_000] * 5)
    assert wire.receive() == "early"
    assert [wire.receive() for _ in range(5)] == [b"x" * 300_000] * 5
    wire.send(b"hello")
    wire.connection.expire(monotonic() + 1001.0)
    wire.talk.abandon(1001)
    del wire.carrier, wire.talk

    assert wire.is_ended
    assert outside == []


def test_what_another_thread_brings_meanwhile_is_not_lost(make: Make) -> None:
    """It leads, for a request of its own, while the stream changes hands."""
    count = 50
    for _ in range(20):
        wire = make(InlineHost(), apart=True)
        leader = Work(lambda wire=wire: wire.world.get(Request("GET", "http://a/led")))  # type: ignore[misc]
        until(lambda wire=wire: wire.connection.source.rings.polling)  # type: ignore[misc]

        def speak(wire: Wire = wire) -> None:
            for number in range(count):
                wire.put(wire.peer.send_text(str(number)))

        speaker = Work(speak)
        wire.take()
        wire.carry()

        assert [wire.receive() for _ in range(count)] == [str(number) for number in range(count)]
        assert speaker.outcome() is None
        wire.world.act = echo
        with wire.world._acting:
            echo(wire.world.peer)
        assert leader.outcome() == b"/led"


def test_threads_send_and_receive_while_others_ask(make: Make) -> None:
    wire = make(InlineHost(), apart=True)
    wire.take()
    wire.carry()
    count = 200
    heard: list[Any] = []
    at = 0

    def act(peer: Any) -> None:
        nonlocal at
        peer.take()
        data = peer.body(wire.number)[at:]
        at += len(data)
        for message in wire.peer.receive(data) if data else ():
            heard.append(message)
            peer.engine.send_data(wire.served, wire.peer.send_bytes(message))
        echo(peer)

    wire.world.act = act

    def send(name: bytes) -> None:
        for number in range(count):
            wire.send(b"%s %d " % (name, number) + b"x" * (number * 97 % 5000))

    def ask() -> None:
        for number in range(count):
            assert wire.world.get(Request("GET", f"http://a/{number}")) == b"/%d" % number

    works = [
        Work(lambda: [bytes(wire.receive())[:6] for _ in range(2 * count)]),  # type: ignore[arg-type]
        Work(lambda: send(b"a")),
        Work(lambda: send(b"b")),
        Work(ask),
    ]
    got, *others = [work.outcome(60) for work in works]

    assert others == [None] * 3
    for name in (b"a", b"b"):
        assert [int(each.split()[1]) for each in got if each.startswith(name)] == list(range(count))
