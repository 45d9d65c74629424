"""The reactor: readiness, lazy deadlines, wake-ups from other threads."""

from __future__ import annotations

import gc
import os
import select
import socket
import threading
import weakref
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any

import pytest

from courser.core import reactor as module
from courser.core.reactor import (
    LONGEST,
    READ,
    WRITE,
    PlainPoll,
    Reactor,
    Timers,
    Wakeup,
    can_nest,
    discard,
    fresh_poller,
    solo_poll,
)
from courser.core.waiter import FOREVER, Waiter


class Entry:
    """An entry that writes down what it is told."""

    def __init__(self, sock: socket.socket | None = None) -> None:
        self.socket = sock
        self.deadline = self.armed = FOREVER
        self.told: list[Any] = []
        self.then: Callable[[], None] = lambda: None

    def fileno(self) -> int:
        return -1 if self.socket is None else self.socket.fileno()

    def ready(self, mask: int, now: float) -> None:
        self.told.append(mask)
        self.then()

    def expire(self, now: float) -> None:
        self.told.append("expired")
        self.deadline = FOREVER
        self.then()

    def fail(self, error: BaseException) -> None:
        self.told.append(error)


def boom() -> None:
    raise ValueError("boom")


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        yield ours, theirs


@pytest.fixture(params=["best", "plain"])
def reactor(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reactor]:
    if request.param == "plain":
        monkeypatch.setattr(module, "can_nest", lambda: False)
    made = Reactor()
    yield made
    made.close()


def test_an_entry_is_served_when_it_is_ready(reactor: Reactor, pair: tuple[socket.socket, socket.socket]) -> None:
    entry = Entry(pair[0])
    reactor.register(entry, READ)
    reactor.turn()
    assert entry.told == []
    pair[1].send(b"x")
    reactor.turn()

    assert entry.told == [READ]


def test_interest_can_change(reactor: Reactor, pair: tuple[socket.socket, socket.socket]) -> None:
    entry = Entry(pair[0])
    reactor.register(entry, READ)
    reactor.modify(entry, WRITE)
    reactor.step()
    assert entry.told == [WRITE]
    reactor.unregister(entry)
    reactor.turn()

    assert entry.told == [WRITE]
    assert entry.armed == FOREVER


def test_who_leaves_late_does_not_take_along_the_next_one(
    reactor: Reactor, pair: tuple[socket.socket, socket.socket]
) -> None:
    """A closed descriptor's number is given to the next one that is opened."""
    former, entry = Entry(pair[0]), Entry(pair[0])
    reactor.register(former, READ)
    reactor.register(entry, WRITE)
    reactor.unregister(former)
    reactor.turn()

    assert (former.told, entry.told) == ([], [WRITE])


def test_registering_twice_changes_the_interest(reactor: Reactor, pair: tuple[socket.socket, socket.socket]) -> None:
    entry = Entry(pair[0])
    reactor.register(entry, READ)
    reactor.register(entry, READ | WRITE)
    reactor.turn()

    assert entry.told == [WRITE]


def test_what_an_entry_raises_is_its_own_failure(reactor: Reactor, pair: tuple[socket.socket, socket.socket]) -> None:
    entry = Entry(pair[0])
    entry.then = boom
    reactor.register(entry, WRITE)
    reactor.turn()

    assert isinstance(entry.told[1], ValueError)


def test_an_entry_that_is_gone_is_taken_out(reactor: Reactor, pair: tuple[socket.socket, socket.socket]) -> None:
    entry = Entry(pair[0])
    reactor.register(entry, WRITE)
    del entry
    gc.collect()
    reactor.turn()

    assert reactor.poller.poll(0) == []


def test_an_entry_is_not_kept_alive(reactor: Reactor, pair: tuple[socket.socket, socket.socket]) -> None:
    entry = Entry(pair[0])
    alive = weakref.ref(entry)
    reactor.register(entry, READ)
    reactor.arm(entry, 1.0)
    del entry

    assert alive() is None
    reactor.turn()


def test_releasing_takes_out_before_it_closes(reactor: Reactor, pair: tuple[socket.socket, socket.socket]) -> None:
    entry = Entry(pair[0])
    copy = pair[0].dup()
    reactor.register(entry, WRITE)
    reactor.release(pair[0])
    reactor.turn()

    assert entry.told == []
    copy.close()


def test_a_deadline_that_has_come_is_told(reactor: Reactor) -> None:
    entry = Entry()
    entry.deadline = 1.0
    reactor.arm(entry, 1.0)
    reactor.turn(None)

    assert entry.told == ["expired"]
    assert reactor.due == FOREVER


def test_patience_ends_with_the_next_deadline(reactor: Reactor) -> None:
    assert reactor.patience(5.0) == 5.0
    entry = Entry()
    reactor.arm(entry, 1.0)

    assert reactor.patience(5.0) == 0.0


def test_no_poll_takes_longer_than_a_poll_object_can_wait(reactor: Reactor, monkeypatch: pytest.MonkeyPatch) -> None:
    assert reactor.patience(1e9) == LONGEST
    waited: list[float] = []
    entry = Entry()
    reactor.arm(entry, monotonic() + 1e9)

    class Polled:
        def poll(self, timeout: float, most: int) -> list[tuple[int, int]]:
            waited.append(timeout)
            return []

    poller: Any = Polled()
    with monkeypatch.context() as patch:
        patch.setattr(reactor, "poller", poller)
        reactor.turn(None)

    assert waited == [LONGEST]


def test_a_loop_is_told_of_earlier_deadlines_only() -> None:
    told: list[float] = []
    reactor = Reactor(told.append)
    first, second, third = Entry(), Entry(), Entry()
    for entry, deadline in ((first, 5e9), (second, 6e9), (third, 1.0)):
        entry.deadline = deadline
        reactor.arm(entry, deadline)
    assert told == [5e9, 1.0]
    reactor.turn()

    assert third.told == ["expired"]
    assert told == [5e9, 1.0, 5e9]
    reactor.close()


def test_many_ready_entries_leave_deadlines_for_the_next_turn(
    monkeypatch: pytest.MonkeyPatch, pair: tuple[socket.socket, socket.socket]
) -> None:
    monkeypatch.setattr(module, "BATCH", 1)
    reactor = Reactor()
    entry, late = Entry(pair[0]), Entry()
    late.deadline = 1.0
    reactor.register(entry, WRITE)
    reactor.arm(late, 1.0)
    reactor.turn()

    assert late.told == []
    reactor.close()


@pytest.mark.skipif(not can_nest(), reason="this system's poll object has no descriptor")
def test_the_descriptor_is_readable_when_an_entry_is_ready(pair: tuple[socket.socket, socket.socket]) -> None:
    reactor = Reactor()
    entry = Entry(pair[0])
    reactor.register(entry, WRITE)
    outer = fresh_poller()
    outer.register(reactor.fileno(), READ)

    assert outer.poll(0) == [(reactor.fileno(), READ)]
    outer.close()
    reactor.close()


def test_another_thread_makes_it_turn(reactor: Reactor) -> None:
    reactor.listen()
    reactor.listen()
    called: list[int] = []
    thread = threading.Thread(target=lambda: reactor.post(lambda: called.append(threading.get_ident())))
    thread.start()
    reactor.turn(10.0)
    thread.join()

    assert called == [threading.get_ident()]


def test_nobody_is_called_where_nobody_listens(reactor: Reactor) -> None:
    reactor.post(boom)
    reactor.turn()


def test_a_call_that_raises_takes_no_other_with_it(reactor: Reactor) -> None:
    reactor.listen()
    called: list[int] = []
    reactor.post(boom)
    reactor.post(lambda: called.append(1))
    reactor.turn()
    reactor.turn()

    assert called == [1]


def test_a_child_that_forgets_closes_its_descriptors(reactor: Reactor) -> None:
    reactor.listen()
    wakeup = reactor._wakeup
    assert wakeup is not None
    reactor.forget()

    assert wakeup.fileno() == -1
    if isinstance(reactor.poller, select.epoll):
        assert reactor.poller.closed


class Speaker:
    """A link without a descriptor."""

    def listen(self, wake: Callable[[], None] | None) -> None:
        self.wake = wake


def test_a_link_without_a_descriptor_speaks_up(reactor: Reactor) -> None:
    entry, link = Entry(), Speaker()
    reactor.hear(entry, link)  # type: ignore[arg-type]
    reactor.turn()
    assert entry.told == [READ | WRITE]
    entry.then = boom
    assert link.wake is not None
    link.wake()
    reactor.turn()
    assert isinstance(entry.told[-1], ValueError)
    entry.told.clear()  # the error's traceback holds the entry
    del entry
    gc.collect()
    link.wake()
    reactor.turn()


def test_a_wakeup_for_which_no_descriptor_is_left_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses() -> Any:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(socket, "socketpair", refuses)
    with pytest.raises(OSError, match="Too many"):
        Wakeup()


def test_a_wakeup_that_is_found_in_a_cycle_is_closed_without_a_warning() -> None:
    wakeup: Any = Wakeup()
    numbers = [wakeup._reader.fileno(), wakeup._writer.fileno()]
    wakeup._calls.append(wakeup)
    del wakeup
    gc.collect()

    for number in numbers:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(number)


def test_a_wakeup_survives_all_that_may_happen_to_it() -> None:
    wakeup = Wakeup()
    wakeup.ready(READ, 0.0)
    wakeup._writer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    called: list[int] = []
    for number in range(2000):
        wakeup.post(lambda number=number: called.append(number))  # type: ignore[misc]
    wakeup.ready(READ, 0.0)
    assert called == list(range(2000))
    wakeup.expire(0.0)
    assert wakeup.deadline == FOREVER
    wakeup.close()
    wakeup.post(boom)
    wakeup.close()


# Timers


def test_deadlines_are_lazy() -> None:
    """A later deadline costs no push; it is found out when the armed time comes."""
    timers, entry = Timers(), Entry()
    entry.deadline = 10.0
    assert timers.push(entry, 10.0)
    entry.deadline = 20.0
    timers.fire(10.0)
    assert entry.told == []
    assert timers.next == entry.armed == 20.0
    timers.fire(20.0)

    assert entry.told == ["expired"]
    assert timers.next == FOREVER


def test_a_deadline_that_was_taken_away_is_forgotten() -> None:
    timers, entry = Timers(), Entry()
    timers.push(entry, 10.0)
    timers.fire(10.0)

    assert entry.told == []
    assert entry.armed == FOREVER


def test_an_earlier_deadline_counts_and_the_old_one_does_not() -> None:
    timers, entry = Timers(), Entry()
    timers.push(entry, 10.0)
    entry.deadline = 5.0
    assert timers.push(entry, 5.0)
    timers.fire(12.0)

    assert entry.told == ["expired"]


def test_an_entry_that_is_gone_has_no_deadline() -> None:
    timers = Timers()
    timers.push(Entry(), 10.0)
    timers.fire(10.0)

    assert timers.next == FOREVER


def test_an_entry_that_cannot_expire_fails() -> None:
    timers, entry = Timers(), Entry()
    entry.deadline = 10.0
    entry.then = boom
    timers.push(entry, 10.0)
    timers.fire(10.0)

    assert isinstance(entry.told[1], ValueError)


def test_a_waiter_is_all_that_a_timer_needs() -> None:
    timers, waiter = Timers(), Waiter()
    waiter.deadline = 10.0
    timers.push(waiter, 10.0)
    timers.fire(11.0)

    assert waiter.done


# Poll objects


def test_a_poll_of_one_entry_alone(monkeypatch: pytest.MonkeyPatch, pair: tuple[socket.socket, socket.socket]) -> None:
    """With poll and, where there is none, with select."""
    entry = Entry(pair[0])
    for _ in range(2):
        assert solo_poll(entry)(0) == []
        assert solo_poll(entry, READ | WRITE)(None) == [(entry.fileno(), WRITE)]
        pair[1].send(b"x")
        assert solo_poll(entry)(1000) == [(entry.fileno(), READ)]
        pair[0].recv(1)
        monkeypatch.delattr(module.select, "poll", raising=False)


def test_a_plain_poll_object_looks_like_epoll(pair: tuple[socket.socket, socket.socket]) -> None:
    poll = PlainPoll()
    fd = pair[0].fileno()
    with pytest.raises(FileNotFoundError):
        poll.unregister(fd)
    poll.register(fd, READ)
    assert poll.poll(0.001) == []
    poll.modify(fd, WRITE)
    poll.register(pair[1].fileno(), WRITE)
    assert len(poll.poll(None, 1)) == 1
    assert len(poll.poll(-1.0)) == 2
    assert poll.fileno() == -1
    poll.close()

    assert poll.poll(0) == []


def test_discarding_forgives(pair: tuple[socket.socket, socket.socket]) -> None:
    poller = fresh_poller()
    discard(poller, pair[0].fileno())
    discard(poller, -1)
    poller.close()
    discard(poller, pair[0].fileno())
