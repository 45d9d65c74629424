"""Deadlines: which limit holds, and what is said when it is over."""

from __future__ import annotations

import pytest

from courser.core.deadline import Deadline
from courser.core.waiter import FOREVER, Waiter
from courser.errors import ConnectTimeout, DeadlineExceeded, PoolTimeout, ReadTimeout, RequestTimeout, WriteTimeout
from courser.hosts.inline import InlineHost
from courser.settings import Timeout


def test_without_a_total_there_is_no_end() -> None:
    deadline = Deadline(Timeout(), False, 100.0)

    assert deadline.final == FOREVER
    assert deadline.left(100.0) == FOREVER


def test_a_total_ends_everything() -> None:
    deadline = Deadline(Timeout(total=3.0), True, 100.0)
    deadline.to_head()

    assert deadline.final == 103.0
    assert deadline.left(101.0) == 2.0


def test_a_plain_number_ends_with_the_head_of_a_stream() -> None:
    deadline = Deadline(Timeout.of(3.0), True, 100.0)
    assert deadline.final == 103.0
    deadline.to_head()

    assert deadline.final == FOREVER


@pytest.mark.parametrize(
    ("limit", "due"),
    [(None, 103.0), (1.0, 102.0), (9.0, 103.0)],
    ids=["no limit of its own", "its own limit", "the end of everything"],
)
def test_a_step_ends_with_the_earlier_of_two_limits(limit: float | None, due: float) -> None:
    assert Deadline(Timeout(total=3.0), False, 100.0).within(limit, 101.0) == due


@pytest.mark.parametrize(
    ("phase", "kind"),
    [("pool", PoolTimeout), ("connect", ConnectTimeout), ("write", WriteTimeout), ("read", ReadTimeout)],
)
def test_each_phase_has_its_error(phase: str, kind: type[RequestTimeout]) -> None:
    error = Deadline(Timeout(1, 1, 1, 1, 1), False, 100.0).error(phase, "host:80", 100.5)

    assert type(error) is kind
    assert error.phase == phase
    assert "1 s" in str(error)
    assert "host:80" in str(error)


def test_the_end_of_everything_has_its_own_error() -> None:
    error = Deadline(Timeout(total=2.0), False, 100.0).error("read", "host:80", 102.5)

    assert type(error) is DeadlineExceeded
    assert "2.5 s of 2 s" in str(error)


def test_a_plain_number_is_told_as_the_phase_that_it_ended() -> None:
    error = Deadline(Timeout.of(2.0), False, 100.0).error("read", "host:80", 102.5)

    assert type(error) is ReadTimeout
    assert "2 s" in str(error)


def test_now_is_the_clock_s_where_nobody_says() -> None:
    assert type(Deadline(Timeout(total=1.0), False, 0.0).error("read", "host:80")) is DeadlineExceeded


@pytest.mark.parametrize("total", [None, 3.0])
def test_a_waiter_ends_with_it(total: float | None) -> None:
    armed: list[Waiter] = []

    class Arming(InlineHost):
        def arm(self, waiter: Waiter, /) -> None:
            armed.append(waiter)

    deadline = Deadline(Timeout(total=total), False, 100.0)
    waiter = deadline.waiter(Arming())

    assert waiter.deadline == deadline.final
    assert armed == ([] if total is None else [waiter])
