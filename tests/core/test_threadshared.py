"""What connections have in common that threads share."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator
from time import monotonic
from types import FrameType
from typing import Any

import pytest

from courser.core.connection import Connection
from courser.core.link import SocketLink
from courser.core.reactor import WRITE, Reactor
from courser.core.threadshared import ThreadShared


class Permit:
    def release(self) -> None:
        pass


class Shared(ThreadShared, Connection):
    """Carries nothing, and remembers what it was told."""

    __slots__ = ("_lock", "_owns", "source", "told")

    def fail(self, error: BaseException) -> None:
        self.told.append(error)


class Source:
    looks = wakes = 0

    def look_again(self) -> None:
        self.looks += 1

    def wake_all(self) -> None:
        self.wakes += 1


@pytest.fixture
def shared() -> Iterator[Any]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    made: Any = Shared(SocketLink(ours), Permit(), monotonic())
    made.told = []
    made.be_shared(Source(), threading.RLock())
    made.join(Reactor())
    yield made
    made.close()
    theirs.close()


def test_it_knows_who_has_entered(shared: Any) -> None:
    assert not shared._owns()
    with shared._lock:
        assert shared._owns()


@pytest.mark.parametrize("is_held", [False, True])
def test_who_was_struck_lets_the_lock_go(shared: Any, is_held: bool) -> None:
    """The exception comes before the `with` has let it go, or after."""
    if is_held:
        shared._lock.acquire()
    shared._clear_up(KeyboardInterrupt())

    assert not shared._owns()
    assert shared.told == []


def test_a_mark_that_is_left_is_the_end(shared: Any) -> None:
    error = KeyboardInterrupt()
    shared.broken = True
    shared._clear_up(error)

    assert shared.told == [error]
    assert shared.source.wakes == 1


def test_it_is_the_end_for_those_too_who_were_not_told_of_it(shared: Any) -> None:
    """Who closed it was struck before everybody knew."""
    shared.broken = True
    shared.close()
    shared._clear_up(KeyboardInterrupt())

    assert len(shared.told) == 1
    assert shared.source.wakes == 1


def test_who_leads_is_told_of_another_interest(shared: Any) -> None:
    shared._want(WRITE)
    assert shared.source.looks == 1


def test_in_a_forked_child_nobody_has_entered(shared: Any) -> None:
    held, go = threading.Event(), threading.Event()

    def hold() -> None:
        with shared._lock:
            held.set()
            go.wait(20)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(20)
    try:
        shared.forget()
        assert shared._owns()
    finally:
        go.set()
        thread.join(20)


class Strike(BaseException):
    pass


@pytest.mark.usefixtures("no_collection")
def test_an_exception_that_strikes_as_an_error_is_cleared_up_keeps_no_lock(shared: Any) -> None:
    """What is cleared up may be an error of ours, so the first exception from outside may come here."""
    at = strikes = 0

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal at
        if event == "line":
            at += 1
            if at == strikes + 1:
                raise Strike
        return trace

    struck = True
    while struck:
        at, struck = 0, False
        before = sys.gettrace()
        try:
            sys.settrace(trace)
            try:
                shared._clear_up(ValueError())
            finally:
                sys.settrace(before)
        except Strike:
            struck = True
            strikes += 1
        assert not shared._owns()
        assert shared._lock.acquire(False)
        shared._lock.release()

    assert strikes > 5


def test_in_a_forked_child_nobody_has_the_lock(shared: Any) -> None:
    shared.forget()
    shared._clear_up(KeyboardInterrupt())

    assert shared.told == []
