"""HTTP/2 connections that threads share: nothing stays unsent, nobody sleeps on, whatever strikes."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Iterator
from linecache import getline
from time import monotonic
from types import FrameType
from typing import Any

import h2wire
import pytest
from h2peer import GET, ROUTE, Make, Peer, Work, World, echo, nothing, post, until, worlds
from strikes import Lines

from courser.core.deadline import Deadline
from courser.core.guest import Guest
from courser.core.http2 import HTTP2Connection
from courser.core.route import Route
from courser.core.threaded import ThreadedHTTP2Connection
from courser.core.upload import Upload
from courser.core.waiter import FOREVER, Waiter
from courser.engines.http2 import ClientEngine
from courser.errors import HTTPError, LocalProtocolError, ReadError, ReadTimeout, TransportError
from courser.hosts import shared as shared_module
from courser.hosts.inline import InlineHost, run_inline
from courser.settings import Limits, Timeout
from courser.values.request import Request

STREAMS = 3


@pytest.fixture
def make() -> Iterator[Make]:
    with worlds(InlineHost) as made:
        yield made


def get(path: str) -> Request:
    return Request("GET", "http://a" + path)


def threaded(world: World) -> ThreadedHTTP2Connection:
    connection = world.connection
    assert isinstance(connection, ThreadedHTTP2Connection)
    return connection


def led(world: World, **options: Any) -> Work:
    """A request for which a thread leads, and which nobody answers yet."""
    with world._acting:  # a peer that is still busy would answer what is asked next
        world.act = nothing
    work = Work(lambda: world.get(get("/led"), **options))
    until(lambda: world.lane.shared and threaded(world).source.rings.polling)
    return work


def test_requests_and_their_bodies(make: Make) -> None:
    world = make(apart=True)

    assert world.get(get("/one")) == b"/one"
    assert world.get(post(b"x" * 300_000)) == b"/" + b"x" * 300_000
    assert world.get(post(iter([b"a", b"b"]))) == b"/ab"
    assert len(world.peers) == 1
    assert not world.connection.guests


def test_fifty_threads_get_their_own_answers(make: Make) -> None:
    world = make(apart=True)

    def ask(name: int) -> None:
        for number in range(200):
            path = f"/{name}/{number}"
            if number % 20:
                assert world.get(get(path)) == path.encode()
            else:
                assert world.get(post(path.encode() * 500)) == b"/" + path.encode() * 500

    works = [Work(lambda name=name: ask(name)) for name in range(50)]  # type: ignore[misc]

    assert [work.outcome(120) for work in works] == [None] * 50
    assert len(world.peers) == 1
    assert not world.connection.guests
    assert not world.connection.engine.streams


# What is left to the leader


def test_what_is_left_while_the_leader_is_at_work_is_sent_by_it(make: Make) -> None:
    world = make()
    world.get()
    connection = threaded(world)
    connection.source._seat["leader"] = Waiter()
    exchange = world.begin()
    assert 3 not in world.peer.streams
    assert connection.source.has_left
    connection.source._seat.clear()

    assert run_inline(exchange.until(InlineHost(), 4)) is None
    assert exchange.status_code == 200


@pytest.mark.parametrize("body", [None, b"x"])
def test_a_leader_that_sends_in_between_does_not_hide_what_is_left(
    make: Make, monkeypatch: pytest.MonkeyPatch, body: bytes | None
) -> None:
    """It was at work when the thread looked, sends before that one has its turn, and waits then."""
    world = make()
    world.get()
    connection = threaded(world)
    source = connection.source
    source._seat["leader"] = Waiter()
    enter = ThreadedHTTP2Connection._enter

    def after_the_leader(self: ThreadedHTTP2Connection, act: Any, *args: Any) -> Any:
        monkeypatch.undo()
        source.rings.polling = True
        self.flush()
        return enter(self, act, *args)

    monkeypatch.setattr(ThreadedHTTP2Connection, "_enter", after_the_leader)
    exchange = world.begin(GET if body is None else post(body))

    assert 3 in world.peer.streams
    source._seat.clear()
    exchange.abort()


def test_a_thread_alone_sends_at_once_and_leaves_nothing(make: Make) -> None:
    world = make()
    world.get()
    exchange = world.begin()

    assert 3 in world.peer.streams
    assert not threaded(world).source.has_left
    exchange.abort()


def test_what_a_leader_was_going_to_send_marks_the_connection(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has taken the note that something was left: nobody else would send it."""
    world = make()
    world.get()
    connection = threaded(world)
    connection.source._seat["leader"] = Waiter()
    exchange = world.begin()

    def strike(engine: ClientEngine) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(ClientEngine, "outgoing", strike)
    with pytest.raises(KeyboardInterrupt):
        connection.flush()
    monkeypatch.undo()

    assert isinstance(exchange.error, ReadError)
    assert "KeyboardInterrupt" in str(exchange.error)
    assert connection.closed


# A leader that sleeps


def test_a_leader_wakes_when_another_thread_is_struck_down(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    world = make(apart=True)
    world.get()
    leader = led(world)
    connection = world.connection

    def strike(*args: Any) -> Any:
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(ClientEngine, "start", strike)
    world.act = echo
    with pytest.raises(KeyboardInterrupt):
        world.get()

    assert leader.outcome() == b"/led"  # nothing of its answer had come: it went out again
    assert connection.closed
    assert not connection.guests
    assert world.get() == b"/"


def test_a_leader_wakes_when_another_thread_cannot_send(make: Make) -> None:
    world = make(apart=True)
    world.get()
    leader = led(world, timeout=Timeout(total=None, read=None))
    connection = world.connection

    def send(data: bytes | memoryview, /) -> int:
        raise BrokenPipeError(32, "Broken pipe")

    connection.link.send = send
    world.act = echo

    assert world.get() == b"/"
    assert leader.outcome() == b"/led"
    assert connection.closed
    assert len(world.peers) == 2


def test_a_leader_wakes_when_another_thread_has_sent_the_rest_of_its_body(make: Make) -> None:
    world = make(apart=True)
    world.get()
    connection = threaded(world)
    source = connection.source
    world.act = nothing
    exchange = world.begin()
    exchange.upload = upload = Upload(exchange, None)
    upload.room = room = Waiter(source)
    leader = Work(lambda: run_inline(InlineHost().wait(room)))
    until(lambda: source.rings.polling)
    connection.senders[exchange.connection.stream] = lambda: exchange  # type: ignore[union-attr, assignment, index]
    connection.flush()

    assert leader.outcome() is None
    assert room.done


def test_a_plain_poll_object_is_asked_again(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another thread adds to it while it waits, it does not notice."""
    for module in (shared_module, sys.modules["courser.core.reactor"]):
        monkeypatch.setattr(module, "can_nest", lambda: False)
    world = make(apart=True, buffer=4096)
    world.get()
    leader = led(world)
    world.act = echo  # it begins with what comes now
    body = b"x" * 60_000

    assert world.get(post(body)) == b"/" + body
    assert leader.outcome() == b"/led"
    assert len(world.peers) == 1


# Places


def test_of_two_who_look_at_once_one_may_come_too_late(make: Make) -> None:
    world = make(settings=[(STREAMS, 1)], limits=Limits(max_connections=1))
    world.get()
    world.act = nothing
    first = world.begin()
    guest = Guest(world.connection)  # it has looked before the first took its place
    assert world.connection.occupy() is None
    deadline = Deadline(Timeout(), False, monotonic())
    late = guest.entertain(None, world.pool, world.lane, deadline, None)
    assert late is not None
    with pytest.raises(LocalProtocolError) as caught:
        guest.begin(late, GET, -1)

    assert caught.value is late.error
    assert late.died_unheard()
    assert guest.refused
    late.abort()
    first.abort()
    assert not world.connection.guests


def test_who_waits_for_a_place_turns_the_connection_that_will_have_one(make: Make) -> None:
    """The only place belongs to a stream that was reset, until the peer has said that it knows."""
    world = make(settings=[(STREAMS, 1)], limits=Limits(max_per_host=1))
    world.get()
    world.act = nothing
    world.begin().abort()
    assert not world.connection.guests
    assert world.connection.occupy() is None
    world.act = echo

    assert world.get(get("/next"), Timeout(pool=10.0)) == b"/next"
    assert len(world.peers) == 1


def test_who_wants_a_place_turns_the_connection_that_may_give_it(make: Make) -> None:
    """One that was given up is free when the peer has answered a PING, and somebody has read that."""

    def begin(peer: Peer) -> None:
        peer.take()
        for number in list(peer.unanswered):
            path = peer.head(number).target
            peer.answer(number, path, end=path not in (b"/hold", b"/cut"))

    world = make(begin, settings=[(STREAMS, 1)], limits=Limits(max_per_host=2))
    world.get(get("/warm"))
    hold = world.stream(get("/hold"))
    cut = world.stream(get("/cut"))
    assert len(world.lane.shared) == 2
    cut.abort()

    assert world.get(get("/next"), Timeout(pool=3.0)) == b"/next"
    hold.abort()


def test_places_that_are_taken_back_are_taken_from_nobody(make: Make) -> None:
    world = make()
    world.get()
    world.act = nothing
    exchanges = [world.begin(get(f"/{number}")) for number in range(3)]
    world.peer.settle((STREAMS, 1))
    world.connection.look()
    assert world.connection.most == 1
    assert world.connection.occupy() is None
    world.act = echo
    echo(world.peer)
    host = InlineHost()
    assert [run_inline(each.collect(host)) for each in exchanges] == [b"/0", b"/1", b"/2"]

    assert not world.connection.guests
    assert world.get() == b"/"
    assert len(world.peers) == 1


def test_who_waits_goes_elsewhere_when_the_connection_drains(make: Make) -> None:
    world = make(settings=[(STREAMS, 1)], limits=Limits(max_connections=1), apart=True)
    world.get()
    world.act = nothing
    held = world.begin()
    waiting = Work(lambda: world.get(get("/waits")))
    until(lambda: world.lane.waiting)
    connection = world.connection
    connection.drain()
    assert not connection.closed
    world.act = echo
    held.abort()

    assert waiting.outcome() == b"/waits"
    assert connection.closed
    assert len(world.peers) == 2
    assert len(world.pool.permits) == 1


def test_who_gives_up_leaves_the_place_to_the_next(make: Make) -> None:
    world = make(settings=[(STREAMS, 1)], limits=Limits(max_connections=1))
    world.get()
    guest = world.connection.occupy()
    assert guest is not None
    first, second = world.pool.queue(world.lane), world.pool.queue(world.lane)
    guest.close()
    assert first.connection is not None
    assert len(world.connection.guests) == 1
    world.pool.leave_queue(first, world.lane)
    assert second.connection is not None
    assert len(world.connection.guests) == 1
    world.pool.leave_queue(second, world.lane)

    assert not world.connection.guests
    assert world.pool.idle == 1


def test_when_the_numbers_run_out_another_connection_is_dialled(make: Make) -> None:
    world = make()
    world.get()
    first = world.connection
    first.engine._next = 2**31 - 1  # type: ignore[attr-defined]

    assert world.get(get("/last")) == b"/last"
    assert world.get(get("/more")) == b"/more"
    assert first.closed
    assert len(world.pool.permits) == 1


@pytest.mark.parametrize("where", ["here", "elsewhere"])
def test_what_nobody_holds_any_more_is_reset_at_once(make: Make, where: str) -> None:
    world = make(settings=[(STREAMS, 1)])
    world.get()
    world.act = nothing
    held = [world.begin()]
    guest = held[0].connection
    assert isinstance(guest, Guest)
    stream = guest.stream
    assert stream is not None
    del guest
    if where == "here":
        held.clear()
    else:
        assert Work(held.clear).outcome() is None
    gc.collect()

    assert stream.closed
    assert not world.connection.guests
    assert world.peer.streams[3].error is not None


def test_what_nobody_holds_any_more_waits_for_who_has_the_lock(make: Make) -> None:
    world = make()
    world.get()
    connection = threaded(world)
    guest = connection.occupy()
    assert guest is not None
    key = guest.key
    inside, go = threading.Event(), threading.Event()

    def act(connection: Any) -> None:
        inside.set()
        go.wait(20)

    work = Work(lambda: connection._enter(act))
    inside.wait(20)
    del guest
    gc.collect()
    assert key in connection.guests
    go.set()
    assert work.outcome() is None

    assert not connection.guests


def test_what_nobody_holds_any_more_may_be_found_in_the_middle(make: Make) -> None:
    """A finalizer comes whenever it wants, also while its own thread is in the engine."""
    world = make()
    world.get()
    connection = threaded(world)
    held: list[Any] = [connection.occupy()]

    def act(connection: HTTP2Connection) -> list[bool]:
        seen = [bool(connection.guests)]
        held.clear()
        gc.collect()
        return [*seen, bool(connection.guests)]

    assert connection._enter(act) == [True, True]
    assert not connection.guests
    world.connection.broken = True
    held.append(connection.occupy())
    held.clear()
    gc.collect()
    assert len(connection.guests) == 1  # it is over, and whoever enters next will say so
    assert world.get() == b"/"
    assert connection.closed


def test_a_place_that_nobody_holds_any_more_goes_to_who_waits(make: Make) -> None:
    world = make(settings=[(STREAMS, 1)], limits=Limits(max_connections=1), apart=True)
    world.get()
    held = [world.connection.occupy()]
    waiting = Work(lambda: world.get(get("/waits")))
    until(lambda: world.lane.waiting and threaded(world).source.rings.polling)
    held.clear()
    gc.collect()

    assert waiting.outcome() == b"/waits"
    assert not world.connection.guests


# What the engine refuses


@pytest.mark.parametrize(
    "request_",
    [
        Request("GET", "http://a/", headers={"Host": "a b"}),
        Request("POST", "http://a/", content=iter([b"abc"]), headers={"Host": "a b"}),
        Request("POST", "http://a/", content=iter([b"abc"]), headers={"Content-Length": "2"}),
    ],
    ids=["a head", "the head of a body", "a body"],
)
def test_what_the_engine_refuses_costs_nobody_the_connection(make: Make, request_: Request) -> None:
    world = make()
    world.get()
    with pytest.raises(LocalProtocolError):
        world.get(request_)

    assert not world.connection.guests
    assert world.get() == b"/"
    assert len(world.peers) == 1


def test_a_peer_may_want_no_more_of_a_body(make: Make) -> None:
    def refuse(peer: Peer) -> None:
        peer.take()
        for number in list(peer.unanswered):
            if not peer.is_complete(number):
                peer.answer(number, status=413)
                peer.say(h2wire.rst(number, 0))
            else:
                peer.answer(number, b"fine")

    def pieces() -> Iterator[bytes]:
        for _ in range(100):
            yield b"x" * 1000
        raise AssertionError("it was asked for all")

    world = make(refuse)
    world.get()
    exchange = world.send(Request("POST", "http://a/", content=pieces()))

    assert exchange.status_code == 413
    assert run_inline(exchange.collect(InlineHost())) == b""
    assert world.get() == b"fine"
    assert len(world.peers) == 1


# Time


def test_each_thread_has_its_own_time(make: Make) -> None:
    world = make(apart=True)
    world.get()
    leader = led(world)
    connection = world.connection
    follower = Work(lambda: world.get(timeout=Timeout(total=None, read=0.01)))
    assert isinstance(follower.outcome(), ReadTimeout)
    assert len(connection.guests) == 1
    world.act = echo
    world.acted()

    assert leader.outcome() == b"/led"
    assert len(world.peers) == 1
    assert not connection.guests


def test_a_leader_whose_time_is_up_hands_over(make: Make) -> None:
    world = make(apart=True)
    world.get()
    leader = led(world, timeout=Timeout(total=None, read=0.05))
    connection = world.connection
    follower = Work(lambda: world.get(get("/follows")))
    assert isinstance(leader.outcome(), ReadTimeout)
    until(lambda: connection.source.rings.polling)
    world.act = echo
    world.acted()

    assert follower.outcome() == b"/follows"
    assert not connection.guests


def test_a_deadline_may_be_looked_at_by_whoever_turns(make: Make) -> None:
    world = make()
    world.get()
    world.act = nothing
    exchange = world.begin()
    guest = exchange.connection
    assert isinstance(guest, Guest)
    guest.arm(5.0)
    assert world.connection.deadline == FOREVER
    threaded(world).expire(4.0)
    assert exchange.error is None
    threaded(world).expire(5.0)

    assert isinstance(exchange.error, ReadTimeout)
    assert not world.connection.guests


# What was idle


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_one_that_was_idle_is_looked_at_before_it_is_used(make: Make, method: str) -> None:
    world = make()
    world.get()
    world.connection.idle_since -= 10
    world.peer.close()
    world.peer.ended = True

    assert world.get(GET if method == "GET" else post()) == (b"/" if method == "GET" else b"/x")
    assert len(world.peers) == 2


def test_one_that_was_idle_is_asked_before_what_cannot_be_repeated(make: Make) -> None:
    world = make()
    world.get()
    world.connection.idle_since -= 10
    assert world.get(post()) == b"/x"

    assert world.connection.engine.ponged == 1
    assert len(world.peers) == 1


def test_an_idle_one_gives_way(make: Make) -> None:
    world = make(limits=Limits(max_connections=1))
    world.get()
    first = world.connection
    assert world.pool.open(world.pool.lane(Route("http", "b", 80))) is not None

    assert first.closed


# A child


@pytest.mark.parametrize("busy", [False, True])
def test_a_child_forgets_it_whoever_had_the_lock(make: Make, busy: bool) -> None:
    world = make()
    world.get()
    world.act = nothing
    connection = threaded(world)
    exchange = world.begin() if busy else None
    inside, go = threading.Event(), threading.Event()

    def act(connection: Any) -> None:
        inside.set()
        go.wait(20)

    work = Work(lambda: connection._enter(act))
    inside.wait(20)
    connection.forget()
    world.pool.forget()
    if exchange is not None:
        exchange.abort()  # it would wait for a thread that is not there
        del exchange
    gc.collect()
    assert connection.occupy() is None
    assert world.pool.idle == 0
    go.set()
    work.outcome()
    world.lane = world.pool.lane(ROUTE)
    world.act = echo

    assert world.get() == b"/"
    assert len(world.peers) == 2
    assert not any(stream.error for stream in world.peers[0].streams.values())  # the parent goes on with them


# Marks


def test_whoever_finds_the_mark_ends_the_connection(make: Make) -> None:
    world = make()
    world.get()
    exchange = world.begin()
    connection = world.connection
    connection.broken = True
    assert world.get() == b"/"

    assert connection.closed
    assert isinstance(exchange.error, ReadError)
    assert "interrupted" in str(exchange.error)
    exchange.abort()


class Lock:
    """A lock whose owner is struck down on its way out."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self.strikes = False
        self.acquire, self.release = self._lock.acquire, self._lock.release
        self._is_owned = self._lock._is_owned  # type: ignore[attr-defined]

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *error: Any) -> None:
        if self.strikes:
            self.strikes = False
            raise KeyboardInterrupt
        self._lock.release()


def test_the_lock_is_not_kept_by_who_is_struck_down_on_the_way_out(make: Make) -> None:
    world = make()
    world.get()
    connection = threaded(world)
    lock = Lock()
    connection.be_shared(connection.source, lock)
    lock.strikes = True
    with pytest.raises(KeyboardInterrupt):
        connection.flush()

    assert not lock._is_owned()
    assert world.get() == b"/"
    assert len(world.peers) == 1  # it had done its work


# Strikes


class Struck(Exception):
    pass


def stands_for_more(frame: FrameType) -> bool:
    """A signal is looked for at calls and jumps, and never where nothing but a `try:` stands: whatever is raised there
    by a tracer, the interpreter leaves the blocks around it without a look (seen in 3.11)."""
    return getline(frame.f_code.co_filename, frame.f_lineno).strip() != "try:"


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.parametrize("what", ["GET", "POST"])
def test_a_strike_at_every_line_harms_nobody_else(make: Make, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: None)
    world = make(apart=True, limits=Limits(max_connections=2))
    world.get()
    wrong: list[str] = []
    patience = Timeout(total=None, read=20.0, pool=20.0)
    at = 0
    gc.disable()
    try:
        while len(wrong) < 20:
            at += 1
            start = threading.Barrier(4)

            def ask(name: int, start: threading.Barrier = start) -> list[Any]:
                start.wait(20)
                answers: list[Any] = []
                for path in (f"/{name}a", f"/{name}b"):
                    try:
                        right = world.get(get(path), patience) == path.encode()
                    except TransportError as error:
                        right = isinstance(error, ReadError) and not isinstance(error, TimeoutError)
                    answers.append(right)
                return answers

            others = [Work(lambda name=name, ask=ask: ask(name)) for name in range(3)]  # type: ignore[misc]
            lines = Lines(at, Struck, stands_for_more)
            request = GET if what == "GET" else post(b"y" * 3000)
            start.wait(20)
            try:
                with lines:
                    world.get(request, patience)
            except (Struck, HTTPError):
                pass
            for work in others:
                if work.outcome() != [True, True]:
                    wrong.append(f"{lines.where}: {work.outcome()!r}")
            try:
                if world.get(get("/next"), patience) != b"/next":
                    wrong.append(f"{lines.where}: then another answer")
            except TransportError as error:
                wrong.append(f"{lines.where}: then {error!r}")
            for connection in world.lane.shared:
                if connection.guests:
                    wrong.append(f"{lines.where}: {len(connection.guests)} places are lost")
            if len(world.pool.permits) != len(world.lane.shared):
                wrong.append(f"{lines.where}: {len(world.pool.permits)} permits for {len(world.lane.shared)}")
            if not lines.where:
                break
    finally:
        gc.enable()

    assert at > 100
    assert not wrong, "\n".join(sorted(set(wrong)))


def test_anything_may_be_done_while_nobody_else_does_anything_to_the_engine(make: Make) -> None:
    world = make()
    world.get()
    connection = threaded(world)

    assert connection.enter(lambda found: (found is connection, connection._owns())) == (True, True)
    assert not connection._owns()
