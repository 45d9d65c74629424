"""HTTP/2 connections that threads share: nothing stays unsent, nobody sleeps on, whatever strikes."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable, Iterator
from linecache import getline
from pathlib import Path
from typing import Any

import pytest
from h2peer import GET, Work, World, echo, nothing, post, until

import courser
from courser.core.threaded import ThreadedHTTP2Connection
from courser.core.upload import Upload
from courser.core.waiter import Waiter
from courser.engines.http2 import ClientEngine
from courser.errors import HTTPError, ReadError, TransportError
from courser.hosts import shared as shared_module
from courser.hosts.inline import InlineHost, run_inline
from courser.settings import Limits, Timeout
from courser.values.request import Request

LIBRARY = str(Path(courser.__file__).parent)

Make = Callable[..., World]


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[World] = []

    def world(act: Any = echo, **options: Any) -> World:
        made.append(World(act, InlineHost(), **options))
        return made[-1]

    yield world
    for each in made:
        each.close()


def get(path: str) -> Request:
    return Request("GET", "http://a" + path)


def threaded(world: World) -> ThreadedHTTP2Connection:
    connection = world.connection
    assert isinstance(connection, ThreadedHTTP2Connection)
    return connection


def led(world: World, **options: Any) -> Work:
    """A request for which a thread leads, and which nobody answers yet."""
    world.act = nothing
    work = Work(lambda: world.get(get("/led"), **options))
    until(lambda: world.lane.shared and threaded(world).source.polling)
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
        source.polling = True
        self.flush()
        return enter(self, act, *args)

    monkeypatch.setattr(ThreadedHTTP2Connection, "_enter", after_the_leader)
    world.begin(GET if body is None else post(body))

    assert 3 in world.peer.streams
    source._seat.clear()


def test_a_thread_alone_sends_at_once_and_leaves_nothing(make: Make) -> None:
    world = make()
    world.get()
    world.begin()

    assert 3 in world.peer.streams
    assert not threaded(world).source.has_left


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
    until(lambda: source.polling)
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


# Strikes


class Struck(Exception):
    pass


class Lines:
    """Raises at the n-th line within the library, in this thread."""

    def __init__(self, at: int) -> None:
        self._left = at
        self.where = ""

    def __enter__(self) -> Lines:
        self._before = sys.gettrace()
        sys.settrace(self._call)
        return self

    def __exit__(self, *error: Any) -> None:
        sys.settrace(self._before)

    def _call(self, frame: Any, event: str, argument: Any) -> Any:
        return self._line if frame.f_code.co_filename.startswith(LIBRARY) else None

    def _line(self, frame: Any, event: str, argument: Any) -> Any:
        # A signal is looked for at calls and jumps, and never where nothing but a `try:` stands: whatever is raised
        # there by a tracer, the interpreter leaves the blocks around it without a look (seen in 3.11).
        if event == "line" and getline(frame.f_code.co_filename, frame.f_lineno).strip() != "try:":
            self._left -= 1
            if self._left == 0:
                sys.settrace(None)
                self.where = f"{frame.f_code.co_filename.removeprefix(LIBRARY)}:{frame.f_lineno}"
                raise Struck
        return self._line


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
            lines = Lines(at)
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
