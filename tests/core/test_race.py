"""Races: who wins, what is left of the others, and what is remembered of failures."""

from __future__ import annotations

import errno
import gc
import os
import socket
import warnings
from typing import Any
from weakref import ref

import pytest

from courser.core import fork
from courser.core import race as module
from courser.core.race import HEAD_START, Attempt, Race, interleave
from courser.core.reactor import WRITE, Reactor
from courser.core.waiter import FOREVER

FOUR, SIX = (socket.AF_INET, ("192.0.2.1", 80)), (socket.AF_INET6, ("2001:db8::1", 80, 0, 0))
OTHER = (socket.AF_INET, ("192.0.2.2", 80))


class FakeSocket:
    numbers = iter(range(10**6))

    def __init__(self, family: int, code: Any) -> None:
        self.family = family
        self.code = code
        self.number = next(self.numbers)
        self.error = 0
        self.closed = False

    def setblocking(self, blocking: bool) -> None:
        assert not blocking

    def connect_ex(self, address: Any) -> int:
        if isinstance(self.code, BaseException):
            raise self.code
        return int(self.code)

    def getsockopt(self, level: int, option: int) -> int:
        return self.error

    def fileno(self) -> int:
        return self.number

    def close(self) -> None:
        self.closed = True


class FakeReactor:
    def __init__(self) -> None:
        self.entries: dict[int, Attempt] = {}
        self.armed: list[float] = []

    def register(self, entry: Attempt, interest: int) -> None:
        assert interest == WRITE
        self.entries[entry.fileno()] = entry

    def unregister(self, entry: Attempt) -> None:
        self.entries.pop(entry.fileno(), None)

    def arm(self, race: Race, deadline: float) -> None:
        race.armed = deadline
        self.armed.append(deadline)


class Racing:
    """A race, and all that it made."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *codes: Any, final: float = 10.0) -> None:
        self.sockets: list[FakeSocket] = []
        left = list(codes)

        def make(family: int, kind: int) -> FakeSocket:
            code = left.pop(0)
            if code == "no socket":
                raise OSError(errno.EAFNOSUPPORT, "no such family")
            self.sockets.append(FakeSocket(family, code))
            return self.sockets[-1]

        monkeypatch.setattr(module.socket, "socket", make)
        self.reactor = FakeReactor()
        self.race = Race(self.reactor, [FOUR, SIX, OTHER][: len(codes)], self.prepare, final)  # type: ignore[arg-type]
        self.prepared: list[Any] = []
        self.race.next(0.0)

    def prepare(self, sock: Any) -> None:
        self.prepared.append(sock)

    def attempt(self, number: int) -> Attempt:
        return self.reactor.entries[self.sockets[number].number]


PENDING = errno.EINPROGRESS


def test_who_connects_at_once_has_won(monkeypatch: pytest.MonkeyPatch) -> None:
    racing = Racing(monkeypatch, 0, PENDING)

    assert racing.race.done
    assert racing.race.winner is racing.sockets[0]
    assert len(racing.sockets) == 1
    assert racing.reactor.armed == []
    assert racing.race.deadline == FOREVER


def test_the_next_attempt_starts_when_the_first_has_had_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    racing = Racing(monkeypatch, PENDING, PENDING)
    assert racing.race.deadline == HEAD_START
    racing.race.expire(HEAD_START)
    assert len(racing.sockets) == 2
    assert racing.race.deadline == 10.0
    racing.attempt(1).ready(WRITE, 1.0)

    assert racing.race.winner is racing.sockets[1]
    assert racing.sockets[0].closed
    assert not racing.sockets[1].closed
    assert racing.reactor.entries == {}


def test_the_next_attempt_starts_when_the_first_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    racing = Racing(monkeypatch, PENDING, PENDING)
    racing.sockets[0].error = errno.ECONNREFUSED
    racing.attempt(0).ready(WRITE, 0.01)

    assert racing.sockets[0].closed
    assert len(racing.sockets) == 2
    assert not racing.race.done
    assert [(address, error.errno) for address, error in racing.race.errors] == [(FOUR, errno.ECONNREFUSED)]


@pytest.mark.parametrize("failure", ["no socket", errno.ENETUNREACH, PermissionError(errno.EPERM, "no")])
def test_an_attempt_that_cannot_start_makes_room_for_the_next(monkeypatch: pytest.MonkeyPatch, failure: Any) -> None:
    racing = Racing(monkeypatch, failure, PENDING)

    assert len(racing.race.errors) == 1
    assert len(racing.reactor.entries) == 1
    assert all(each.closed for each in racing.sockets[:-1])


def test_a_race_that_nobody_wins_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    racing = Racing(monkeypatch, PENDING, errno.ENETUNREACH)
    racing.sockets[0].error = errno.ECONNREFUSED
    racing.attempt(0).ready(WRITE, 0.01)

    assert racing.race.done
    assert racing.race.winner is None
    assert len(racing.race.errors) == 2


def test_one_failure_does_not_end_a_race_with_another_runner(monkeypatch: pytest.MonkeyPatch) -> None:
    racing = Racing(monkeypatch, PENDING, PENDING)
    racing.race.expire(HEAD_START)
    racing.sockets[1].error = errno.ECONNREFUSED
    racing.attempt(1).ready(WRITE, 1.0)

    assert not racing.race.done
    assert racing.race.deadline == 10.0


def test_a_race_ends_with_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    racing = Racing(monkeypatch, PENDING, PENDING, final=0.1)
    assert racing.race.deadline == 0.1
    racing.race.expire(0.1)
    assert racing.race.done
    assert racing.race.winner is None
    racing.race.cancel()

    assert racing.sockets[0].closed
    assert racing.reactor.entries == {}


def test_an_attempt_has_no_deadline_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    racing = Racing(monkeypatch, PENDING)
    attempt = racing.attempt(0)
    attempt.deadline = 5.0
    attempt.expire(5.0)
    assert attempt.deadline == FOREVER
    error = ZeroDivisionError()
    attempt.fail(error)

    assert racing.race.error is error


def test_whatever_is_raised_leaves_no_socket_open(monkeypatch: pytest.MonkeyPatch) -> None:
    class Struck(Racing):
        def prepare(self, sock: Any) -> None:
            raise KeyboardInterrupt

    left: list[FakeSocket] = []
    monkeypatch.setattr(FakeSocket, "setblocking", lambda self, blocking: left.append(self))
    with pytest.raises(KeyboardInterrupt) as caught:
        Struck(monkeypatch, PENDING)
    race = next(each.frame.f_locals["self"] for each in caught.traceback if each.name == "next")
    race.cancel()

    assert [each.closed for each in left] == [True]


def test_families_take_turns() -> None:
    assert interleave([SIX, SIX, FOUR, OTHER]) == [SIX, FOUR, SIX, OTHER]
    assert interleave([]) == []


def test_an_attempt_may_be_dropped_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    racing = Racing(monkeypatch, PENDING)
    attempt = racing.attempt(0)
    racing.race.cancel()
    racing.race.lost(attempt, OSError(), 1.0)

    assert racing.race.done


def test_a_winner_that_nobody_took_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    racing = Racing(monkeypatch, 0)
    racing.race.cancel()

    assert racing.sockets[0].closed


def test_a_failure_that_is_remembered_does_not_hold_its_race() -> None:
    def refuse(sock: socket.socket) -> None:
        raise PermissionError(errno.EPERM, "no")

    reactor = Reactor()
    race = Race(reactor, [FOUR], refuse, FOREVER)
    race.next(0.0)
    assert race.done
    gone, errors = ref(race), race.errors
    assert errors[0][1].errno == errno.EPERM
    gc.disable()
    try:
        del race
        assert gone() is None
    finally:
        gc.enable()
        reactor.close()


# After a fork


def test_a_forked_child_forgets_what_was_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """It closes the sockets and tells no poll object, for the parent polls with the same one."""
    racing = Racing(monkeypatch, PENDING, PENDING)
    racing.race.expire(HEAD_START)
    registered = dict(racing.reactor.entries)
    assert racing.race in fork._remembered
    racing.race.forget()
    assert [each.closed for each in racing.sockets] == [True, True]
    racing.race.cancel()

    assert racing.reactor.entries == registered


def test_a_forked_child_forgets_a_winner(monkeypatch: pytest.MonkeyPatch) -> None:
    racing = Racing(monkeypatch, 0)
    racing.race.forget()

    assert racing.sockets[0].closed


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_the_parent_s_race_goes_on_after_a_fork() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    made: list[socket.socket] = []
    reactor = Reactor()
    race = Race(reactor, [(socket.AF_INET, listener.getsockname())], made.append, FOREVER)
    race.next(0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forking with threads, from Python 3.12 on
        pid = os.fork()
    if pid == 0:
        os._exit(0 if made[0].fileno() == -1 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    while not race.done:
        reactor.step()

    assert race.winner is made[0]
    assert made[0].getpeername() == listener.getsockname()
    race.cancel()
    reactor.close()
    listener.close()
