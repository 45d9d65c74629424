"""Leader and followers on a connection that answers in order: nobody sleeps for ever, whoever leads."""

from __future__ import annotations

import socket
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from time import monotonic

import pytest

from courser.core.reactor import READ, WRITE, Reactor
from courser.core.waiter import FOREVER, Waiter
from courser.hosts.inline import InlineHost, Latch, run_inline
from courser.hosts.shared import SharedSource

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

    def _flush(self) -> None:
        try:
            self._unsent = self._unsent[self.socket.send(self._unsent) :]
        except BlockingIOError:
            pass
        self.reactor.modify(self, READ | WRITE if self._unsent else READ)

    def ready(self, mask: int, now: float) -> None:
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


@pytest.mark.parametrize(("threads", "each"), [(1, 1_000), (2, 50_000), (8, 2_000)])
def test_no_wake_up_is_lost_in_100_000_round_trips(connection: EchoConnection, threads: int, each: int) -> None:
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
    monkeypatch.setattr(Latch, "wait", lambda latch, seconds: False)
    reactor = Reactor()
    source = SharedSource(reactor, reactor)
    source._seat["leader"] = Waiter(source)
    waiter = Waiter(source)
    source.step(waiter)
    assert not waiter.done
    waiter.deadline = 1.0
    source.step(waiter)

    assert waiter.done
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
