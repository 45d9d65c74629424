"""Leader and followers on a connection that answers in order: nobody sleeps for ever, whoever leads."""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from time import monotonic
from typing import Any

import pytest
from h2peer import until

from courser.core.reactor import READ, WRITE, Reactor
from courser.core.waiter import FOREVER, Waiter
from courser.hosts.bell import MOST, Rings
from courser.hosts.inline import InlineHost, Latch, run_inline
from courser.hosts.shared import SharedSource, share

SIZE = 8


class Question(Waiter):
    __slots__ = ("answer", "late")

    def __init__(self, source: SharedSource) -> None:
        super().__init__(source)
        self.answer = b""
        self.late = False

    def expire(self, now: float) -> None:
        self.late = True
        super().expire(now)


class EchoConnection:
    """Sends records and gives each echo to the question that came first; any thread may ask."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.socket = sock
        self.deadline = self.armed = FOREVER
        self.reactor = Reactor()
        self.reactor.register(self, READ)
        self.source = SharedSource(self.reactor, self)
        self._lock = threading.Lock()
        self._asked: deque[Question] = deque()
        self._open: set[Question] = set()
        self.broken = False
        self.dead = False
        self._unsent = b""
        self._partial = b""

    def fileno(self) -> int:
        return self.socket.fileno()

    def ask(self, record: bytes, seconds: float | None = None) -> Question:
        question = Question(self.source)
        if seconds is not None:
            question.deadline = monotonic() + seconds
        with self._lock:
            self._asked.append(question)
            self._open.add(question)
            self._unsent += record
            self._flush()
        if self.dead:
            question.fail(ConnectionResetError("broken"))
        try:
            run_inline(InlineHost().wait(question))
        except BaseException:
            self._abort()
            raise
        finally:
            self._open.discard(question)
        return question

    def _abort(self) -> None:
        """What was on its way from the socket to its reader when an exception struck is lost: nobody waits for it."""
        if self.broken:
            self.dead = True
            for question in list(self._open):
                question.fail(ConnectionResetError("broken"))

    def flush(self) -> None:
        raise AssertionError("nothing is left to anybody")

    def _flush(self) -> None:
        try:
            self._unsent = self._unsent[self.socket.send(self._unsent) :]
        except BlockingIOError:
            pass
        self.reactor.modify(self, READ | WRITE if self._unsent else READ)

    def ready(self, mask: int, now: float) -> None:
        self.source.rings.polling = False
        answered: list[Question] = []
        self.broken = True
        with self._lock:
            if mask & WRITE:
                self._flush()
            try:
                self._partial += self.socket.recv(65536)
            except BlockingIOError:
                self.broken = False
                return
            while len(self._partial) >= SIZE:
                question = self._asked.popleft()
                question.answer, self._partial = self._partial[:SIZE], self._partial[SIZE:]
                answered.append(question)
        for question in answered:
            question.complete()
        self.broken = False

    def expire(self, now: float) -> None:
        raise AssertionError("it has no deadline")

    def fail(self, error: BaseException) -> None:
        raise error


def echo(sock: socket.socket) -> None:
    with sock, suppress(ConnectionError):
        while data := sock.recv(65536):
            sock.sendall(data)


@pytest.fixture
def connection() -> Iterator[EchoConnection]:
    ours, theirs = socket.socketpair()
    server = threading.Thread(target=echo, args=(theirs,), daemon=True)
    server.start()
    made = EchoConnection(ours)
    yield made
    made.reactor.close()
    ours.shutdown(socket.SHUT_RDWR)
    ours.close()
    server.join(10)


def in_threads(count: int, work: object) -> None:
    errors: list[BaseException] = []

    def run(number: int) -> None:
        try:
            work(number)  # type: ignore[operator]
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not any(thread.is_alive() for thread in threads), "a wake-up was lost"
    assert errors == []


@pytest.mark.parametrize(
    ("threads", "each", "bells"), [(1, 1_000, MOST), (2, 50_000, MOST), (8, 2_000, MOST), (8, 2_000, 3), (4, 2_000, 0)]
)
def test_no_wake_up_is_lost_in_100_000_round_trips(
    connection: EchoConnection, monkeypatch: pytest.MonkeyPatch, threads: int, each: int, bells: int
) -> None:
    monkeypatch.setattr("courser.hosts.bell.MOST", bells)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # more switches, more chances to lose one

    def work(number: int) -> None:
        for turn in range(each):
            record = b"%02d%06d" % (number, turn)
            assert connection.ask(record).answer == record

    try:
        in_threads(threads, work)
    finally:
        sys.setswitchinterval(before)


@pytest.mark.skipif(not hasattr(os, "eventfd"), reason="there are bells where there is epoll")
def test_followers_are_woken_when_all_that_came_is_served(
    connection: EchoConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[tuple[int, bool]] = []
    ring = Rings.ring

    def recorded(rings: Rings) -> None:
        rung.append((len(rings.due), connection.broken))
        ring(rings)

    monkeypatch.setattr(Rings, "ring", recorded)

    def work(number: int) -> None:
        for turn in range(200):
            assert connection.ask(b"%02d%06d" % (number, turn)).answer

    in_threads(4, work)

    assert not any(serving for due, serving in rung if due)
    assert sum(due for due, _ in rung) > 10
    source = connection.source
    assert not source.rings.due
    assert source.rings.thread == 0
    assert 1 <= len(source._idle) <= 3


def test_a_follower_keeps_its_own_deadline() -> None:
    ours, theirs = socket.socketpair()
    connection = EchoConnection(ours)
    late: list[bool] = []

    def work(number: int) -> None:
        late.append(connection.ask(b"%08d" % number, seconds=0.02 + number * 0.02).late)

    in_threads(4, work)
    assert late == [True] * 4
    connection.reactor.close()
    ours.close()
    theirs.close()


class Struck(Exception):
    """What is raised in a leader, as a KeyboardInterrupt might be."""


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
def test_a_leader_that_is_struck_down_hands_over() -> None:
    """At every line of a wait an exception is raised in it; the other thread is answered, or told that it won't be."""
    survived = 0
    for strike in range(200):
        ours, theirs = socket.socketpair()
        server = threading.Thread(target=echo, args=(theirs,), daemon=True)
        server.start()
        connection = EchoConnection(ours)
        lines = [0]

        def trace(
            frame: object, event: str, argument: object, lines: list[int] = lines, strike: int = strike
        ) -> object:
            name = frame.f_code.co_filename  # type: ignore[attr-defined]
            if not name.endswith(("/shared.py", "/inline.py", "/reactor.py")):
                return None
            if event == "line":
                if lines[0] == strike:
                    lines[0] += 1
                    raise Struck
                lines[0] += 1
            return trace

        start = threading.Barrier(2, timeout=30)

        def work(
            number: int,
            start: threading.Barrier = start,
            trace: object = trace,
            connection: EchoConnection = connection,
        ) -> None:
            start.wait()
            if number == 0:
                sys.settrace(trace)  # type: ignore[arg-type]
                try:
                    connection.ask(b"struck..")
                except Struck:
                    pass
                finally:
                    sys.settrace(None)
            else:
                for turn in range(3):
                    record = b"f%07d" % turn
                    question = connection.ask(record, seconds=5)
                    assert question.answer == record or question.error is not None

        in_threads(2, work)
        connection.reactor.close()
        ours.shutdown(socket.SHUT_RDWR)
        ours.close()
        server.join(10)
        survived += 1
        if lines[0] < strike:
            break
    assert survived > 10


def test_an_exception_while_resigning_does_not_keep_the_seat() -> None:
    class Struck(SharedSource):
        strikes = 0

        def _resign(self, waiter: Waiter) -> bool:
            type(self).strikes += 1
            if type(self).strikes == 1:
                raise KeyboardInterrupt
            return super()._resign(waiter)

    reactor = Reactor()
    source = Struck(reactor, reactor)
    waiter = Waiter(source)
    waiter.complete()
    with pytest.raises(KeyboardInterrupt):
        source.step(waiter)

    assert source._seat == {}
    reactor.close()


def test_a_follower_whose_wait_ends_early_is_not_late(monkeypatch: pytest.MonkeyPatch) -> None:
    reactor = Reactor()
    source = SharedSource(reactor, reactor)
    monkeypatch.setattr("courser.hosts.bell.MOST", 0)
    monkeypatch.setattr(Latch, "wait", lambda latch, seconds: False)
    source._seat["leader"] = Waiter(source)
    waiter = Waiter(source)
    source.step(waiter)
    assert not waiter.done
    waiter.deadline = 1.0
    source.step(waiter)

    assert waiter.done
    reactor.close()


def test_who_has_what_it_waits_for_does_not_sleep() -> None:
    reactor = Reactor()
    source = SharedSource(reactor, reactor)
    source._seat["leader"] = Waiter(source)
    waiter = Waiter(source)
    waiter.complete()
    source.step(waiter)

    assert waiter.future is None
    assert not source._followers
    reactor.close()


def test_a_leader_keeps_its_own_deadline() -> None:
    reactor = Reactor()
    source = SharedSource(reactor, reactor)
    waiter = Waiter(source)
    waiter.deadline = monotonic() + 0.005
    while not waiter.done:
        source.step(waiter)

    assert waiter.deadline == FOREVER
    reactor.close()


# Ends of leading


class Sending:
    """As much of a connection as a leader sends for."""

    def __init__(self, reactor: Reactor, then: Callable[[], object] = lambda: None) -> None:
        self.source = SharedSource(reactor, self)
        self.then = then
        self.sent = 0

    def flush(self) -> None:
        self.source.has_left = False
        self.sent += 1
        self.then()


@pytest.fixture
def reactor() -> Iterator[Reactor]:
    made = Reactor()
    yield made
    made.close()


def test_a_leader_sends_before_it_waits(reactor: Reactor) -> None:
    waiter = Waiter()
    connection = Sending(reactor, waiter.complete)
    connection.source.has_left = True
    connection.source.step(waiter)

    assert connection.sent == 1
    assert not connection.source.rings.polling
    assert not connection.source.is_at_work


def test_a_leader_that_has_sent_waits_on(reactor: Reactor) -> None:
    connection, waiter = Sending(reactor), Waiter()
    connection.source.has_left = True
    waiter.deadline = monotonic() - 1
    connection.source.step(waiter)

    assert connection.sent == 1
    assert waiter.deadline == FOREVER


def test_who_leaves_the_seat_sends_what_was_left_meanwhile(reactor: Reactor) -> None:
    connection = Sending(reactor)
    waiter = Waiter()

    class Done(Waiter):
        @property
        def done(self) -> bool:  # type: ignore[override]
            assert connection.source.is_at_work
            connection.source.has_left = True
            return True

        @done.setter
        def done(self, done: bool) -> None: ...

    waiter = Done()
    connection.source.step(waiter)

    assert connection.sent == 1


def test_who_leaves_the_seat_to_another_leaves_it_the_sending_too(reactor: Reactor) -> None:
    connection = Sending(reactor)
    source = connection.source
    leader, follower = Waiter(), Waiter()
    source._followers[follower] = latch = Latch()
    leader.complete()
    source.has_left = True
    source.step(leader)
    assert latch.done()
    assert source.is_at_work
    assert connection.sent == 0
    follower.complete()
    source.step(follower)  # it has nothing to wait for any more, and nobody else is there

    assert connection.sent == 1
    assert not source.is_at_work


def test_a_follower_that_goes_while_the_seat_is_offered_to_it_takes_the_offer_back(reactor: Reactor) -> None:
    connection = Sending(reactor)
    source = connection.source
    leader, follower = Waiter(), Waiter()

    class Goes(Latch):
        def set_result(self, result: None, /) -> None:
            super().set_result(result)
            source._resign(follower)

    source._followers[follower] = Goes()
    leader.complete()
    source.step(leader)

    assert not source.is_at_work


def test_of_several_the_one_that_waits_leads(reactor: Reactor) -> None:
    source = Sending(reactor).source
    done, waits, leader = Waiter(), Waiter(), Waiter()
    done.complete()
    leader.complete()
    latches = [Latch(), Latch()]
    source._followers.update(zip((done, waits), latches, strict=True))
    source.step(leader)

    assert [latch.done() for latch in latches] == [False, True]


def test_a_connection_that_is_gone_has_nothing_to_send(reactor: Reactor) -> None:
    connection = Sending(reactor)
    source = connection.source
    del connection
    waiter = Waiter()
    waiter.complete()
    source.has_left = True
    source.step(waiter)

    assert source.has_left


# Looks


class Bell:
    """A reactor entry that counts."""

    def __init__(self) -> None:
        self.reader, self.writer = socket.socketpair()
        self.reader.setblocking(False)
        self.deadline = self.armed = FOREVER
        self.heard: list[bool] = []
        self.expired = 0

    def fileno(self) -> int:
        return self.reader.fileno()

    def ready(self, mask: int, now: float) -> None:
        self.reader.recv(10)
        self.heard.append(True)

    def expire(self, now: float) -> None:
        self.expired += 1
        self.deadline = FOREVER

    def fail(self, error: BaseException) -> None:
        raise error

    def close(self) -> None:
        self.reader.close()
        self.writer.close()


@pytest.fixture
def bell(reactor: Reactor) -> Iterator[Bell]:
    made = Bell()
    reactor.register(made, READ)
    yield made
    made.close()


def test_a_look_serves_what_is_ready(reactor: Reactor, bell: Bell) -> None:
    source = Sending(reactor).source
    source.look()
    assert bell.heard == []
    bell.writer.send(b"x")
    source.look()

    assert bell.heard == [True]
    assert source._seat == {}


def test_a_look_serves_what_is_due_where_that_is_asked_for(reactor: Reactor, bell: Bell) -> None:
    source = Sending(reactor).source
    bell.deadline = monotonic() - 1
    reactor.arm(bell, bell.deadline)
    source.look()
    assert bell.expired == 0
    source.look(timers=True)

    assert bell.expired == 1


def test_nobody_looks_while_somebody_leads(reactor: Reactor, bell: Bell) -> None:
    source = Sending(reactor).source
    source._seat["leader"] = leader = Waiter()
    bell.writer.send(b"x")
    source.look()

    assert bell.heard == []
    assert source._seat == {"leader": leader}


def test_a_look_sends_what_was_left_meanwhile(reactor: Reactor) -> None:
    connection = Sending(reactor)
    connection.source.has_left = True
    connection.source.look()

    assert connection.sent == 1


def test_an_exception_at_the_end_of_a_look_does_not_keep_the_seat(reactor: Reactor) -> None:
    class Struck(SharedSource):
        strikes = 0

        def _resign(self, waiter: Waiter) -> bool:
            type(self).strikes += 1
            if type(self).strikes == 1:
                raise KeyboardInterrupt
            return super()._resign(waiter)

    source = Struck(reactor, reactor)
    with pytest.raises(KeyboardInterrupt):
        source.look()

    assert source._seat == {}


# Giving way, and sleep


def test_a_leader_gives_way_to_those_who_have_got_something(reactor: Reactor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Again for as long as that makes them fewer."""
    source = Sending(reactor).source
    ways: list[int] = []

    def give_way() -> None:
        ways.append(len(source._followers))
        if len(source._followers) > 2:
            source._followers.popitem()

    monkeypatch.setattr("courser.hosts.shared._give_way", give_way)

    def lead() -> None:
        waiter = Waiter()
        waiter.deadline = monotonic() - 1
        source.step(waiter)

    source.has_served = True
    lead()
    assert ways == []  # there is nobody else
    for _ in range(4):
        source._followers[Waiter()] = latch = Latch()
        latch.set_result(None)
    source._followers[Waiter()] = Latch()
    source.has_served = True
    lead()
    assert ways == [5, 4, 3, 2]
    lead()

    assert ways == [5, 4, 3, 2]  # nothing had come


# Heirs


def test_who_goes_by_an_empty_seat_relies_on_the_heir(reactor: Reactor) -> None:
    woken: list[str] = []

    class Named(Latch):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

        def set_result(self, result: None, /) -> None:
            woken.append(self.name)

    source = Sending(reactor).source
    leader, heir, other, passer = Waiter(), Waiter(), Waiter(), Waiter()
    source._followers.update({other: Named("other"), heir: Named("heir"), passer: Named("passer")})
    passer.complete()
    leader.complete()
    source.step(leader)
    assert woken == ["heir"]
    source._resign(passer)
    assert woken == ["heir"]
    source._resign(heir)

    assert woken == ["heir", "other"]


def test_an_heir_that_goes_as_it_is_named_is_not_relied_on(reactor: Reactor, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Sending(reactor).source
    gone, follower, leader = Waiter(), Waiter(), Waiter()
    source._followers[follower] = latch = Latch()
    heirs = iter([gone, follower])
    monkeypatch.setattr(SharedSource, "_successor", lambda source: next(heirs))
    leader.complete()
    source.step(leader)

    assert latch.done()
    assert source._heir is follower


@pytest.mark.parametrize("look", [False, True])
def test_an_exception_before_the_heir_is_woken_leaves_none(reactor: Reactor, look: bool) -> None:
    source = Sending(reactor).source
    strikes = iter([True, False])

    class Struck(Latch):
        def set_result(self, result: None, /) -> None:
            if next(strikes):
                raise KeyboardInterrupt
            super().set_result(result)

    follower, leader = Waiter(), Waiter()
    source._followers[follower] = latch = Struck()
    leader.complete()
    with pytest.raises(KeyboardInterrupt):
        source.look() if look else source.step(leader)

    assert latch.done()


def test_a_leader_wakes_when_another_thread_completes_what_it_waits_for(connection: EchoConnection) -> None:
    source = connection.source
    for _ in range(200):
        waiter = Waiter(source)
        thread = threading.Thread(target=lambda waiter=waiter: run_inline(InlineHost().wait(waiter)), daemon=True)  # type: ignore[misc]
        thread.start()
        until(lambda: source.rings.polling)
        waiter.complete()
        thread.join(30)
        assert not thread.is_alive(), "the leader sleeps on"


def test_a_leader_that_completes_it_by_itself_is_awake(reactor: Reactor) -> None:
    source = Sending(reactor).source
    source.rings.thread = threading.get_ident()
    waiter = Waiter(source)
    waiter.future = source
    waiter.complete()

    assert reactor._wakeup is None
    source.rings.thread = 0
    source.look_again()
    assert reactor._wakeup is None


def test_a_leader_that_is_completed_by_its_own_thread_as_it_polls_is_woken(reactor: Reactor) -> None:
    """A handler of a signal runs in the middle of the poll, which goes on afterwards."""
    source = Sending(reactor).source
    source.rings.thread = threading.get_ident()
    source.rings.polling = True
    waiter = Waiter(source)
    waiter.future = source
    waiter.complete()

    assert reactor._wakeup is not None
    assert reactor.poller.poll(0.0, 1)


@pytest.mark.parametrize("leads", [False, True])
def test_all_can_be_woken_to_look_for_themselves(reactor: Reactor, leads: bool) -> None:
    """Somebody has done what they wait for, and was struck before they were told."""

    class Done(Waiter):
        found = False
        done = property(lambda waiter: waiter.found, lambda waiter, told: None)

    source = Sending(reactor).source
    if not leads:
        source._seat["leader"] = Waiter(source)
    waiters = [Done(source) for _ in range(1 if leads else 3)]
    threads = [
        threading.Thread(target=lambda each=each: run_inline(InlineHost().wait(each)), daemon=True)  # type: ignore[misc]
        for each in waiters
    ]
    for thread in threads:
        thread.start()
    until(lambda: source.rings.polling if leads else len(source._followers) == 3)
    for waiter in waiters:
        waiter.found = True
    source.wake_all()
    for thread in threads:
        thread.join(30)

    assert not any(thread.is_alive() for thread in threads)
    source._seat.clear()
    source.wake_all()  # nobody is there


def test_a_leader_whose_time_is_up_needs_no_waking(reactor: Reactor) -> None:
    source = Sending(reactor).source
    waiter = Waiter(source)
    waiter.deadline = monotonic() - 1
    run_inline(InlineHost().wait(waiter))

    assert waiter.done
    assert reactor._wakeup is None


def test_a_follower_may_wait_for_longer_than_any_poll(reactor: Reactor) -> None:
    source = Sending(reactor).source
    leader, follower = Waiter(source), Waiter(source)
    source._seat["leader"] = leader
    follower.deadline = monotonic() + 1e9
    thread = threading.Thread(target=lambda: run_inline(InlineHost().wait(follower)), daemon=True)
    thread.start()
    until(lambda: follower.future)
    follower.complete()
    thread.join(30)

    assert not thread.is_alive()


def test_a_plain_poll_object_has_to_be_woken(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is registered in it while it waits, it does not see."""
    for module in ("shared", "reactor"):
        name = f"courser.{'hosts' if module == 'shared' else 'core'}.{module}.can_nest"
        monkeypatch.setattr(name, lambda: False)
    reactor = Reactor()
    source = Sending(reactor).source
    waiter = Waiter(source)
    bell = Bell()
    thread = threading.Thread(target=lambda: run_inline(InlineHost().wait(waiter)), daemon=True)
    thread.start()
    until(lambda: source.rings.polling)
    bell.writer.send(b"x")
    reactor.register(bell, READ)
    source.look_again()
    until(lambda: bell.heard)
    waiter.complete()
    thread.join(30)

    assert not thread.is_alive()
    reactor.close()
    bell.close()


def test_a_connection_is_shared_by_being_joined() -> None:
    class Joining:
        source: Any = None
        lock: Any = None
        reactor: Any = None

        def be_shared(self, source: Any, lock: Any) -> None:
            self.source, self.lock = source, lock

        def join(self, reactor: Any) -> None:
            self.reactor = reactor

    connection = Joining()
    share(connection)

    assert connection.source.reactor is connection.reactor
    assert not connection.lock._is_owned()
    connection.reactor.close()
