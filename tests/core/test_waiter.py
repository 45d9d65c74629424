"""Waiters: done once, woken once."""

from __future__ import annotations

import pytest

from courser.core.waiter import FOREVER, Waiter


class Future:
    """A host's future that counts."""

    def __init__(self, done: bool = False) -> None:
        self.results = 0
        self._done = done

    def done(self) -> bool:
        return self._done

    def set_result(self, result: None, /) -> None:
        self._done = True
        self.results += 1


def test_completing_wakes_whoever_waits() -> None:
    waiter = Waiter()
    waiter.future = future = Future()
    waiter.complete()

    assert waiter.done
    assert waiter.future is None
    assert future.results == 1


def test_completing_where_nobody_waits_is_remembered() -> None:
    waiter = Waiter()
    waiter.complete()

    assert waiter.done


def test_a_future_that_is_done_is_left_alone() -> None:
    """A cancelled asyncio.Future would refuse a result."""
    waiter = Waiter()
    waiter.future = future = Future(done=True)
    waiter.complete()

    assert future.results == 0


def test_failing_says_why_and_takes_the_deadline_away() -> None:
    waiter = Waiter()
    waiter.deadline = 5.0
    error = OSError("gone")
    waiter.fail(error)

    assert waiter.done
    assert waiter.error is error
    assert waiter.deadline == FOREVER


def test_what_is_done_fails_no_more() -> None:
    waiter = Waiter()
    waiter.complete()
    waiter.fail(OSError("late"))

    assert waiter.error is None


def test_a_deadline_is_an_end_too() -> None:
    waiter = Waiter()
    waiter.deadline = 5.0
    waiter.expire(5.0)

    assert waiter.done
    assert waiter.deadline == FOREVER


def test_an_error_is_taken_once() -> None:
    waiter = Waiter()
    error = OSError("gone")
    waiter.fail(error)
    assert waiter.take_error() is error
    assert waiter.error is None
    with pytest.raises(RuntimeError):
        waiter.take_error()
