"""Windows: what may be sent, when they are renewed, and how they find their size."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courser.engines.http2.faults import ConnectionFault, ErrorCode, StreamFault
from courser.engines.http2.flow import Inflow, Tuner, credited

MAX = 2**31 - 1


@pytest.mark.parametrize(("window", "increment", "after"), [(0, 1, 1), (-5, 3, -2), (MAX - 1, 1, MAX), (0, MAX, MAX)])
def test_a_window_grows_by_the_increment(window: int, increment: int, after: int) -> None:
    assert credited(window, increment, StreamFault) == after


@pytest.mark.parametrize("fault", [ConnectionFault, StreamFault])
def test_an_increment_of_nothing_or_too_much_is_a_fault(fault: type[ConnectionFault] | type[StreamFault]) -> None:
    """RFC 9113 section 6.9."""
    with pytest.raises(fault) as nothing:
        credited(5, 0, fault)
    with pytest.raises(fault) as much:
        credited(1, MAX, fault)

    assert [nothing.value.args[0], much.value.args[0]] == ["a WINDOW_UPDATE of 0 bytes", f"a window of {MAX + 1} bytes"]
    assert isinstance(much.value, ConnectionFault | StreamFault)
    assert much.value.code is ErrorCode.FLOW_CONTROL_ERROR


def test_the_connections_window_is_renewed_at_half() -> None:
    inflow = Inflow(100, 1000)

    inflow.room -= 49
    assert inflow.renewal() == 0
    inflow.room -= 1
    assert inflow.renewal() == 50
    assert inflow.room == 100
    assert inflow.renewal() == 0
    assert inflow.total() == 50


def test_it_waits_while_too_much_lies_unread() -> None:
    inflow = Inflow(100, 1000)
    inflow.room = 0
    inflow.unread = 1001

    assert inflow.renewal() == 0
    inflow.unread = 1000
    assert inflow.renewal() == 100


@given(st.lists(st.integers(0, 60), max_size=50))
def test_what_ever_came_is_known_whatever_was_renewed(sizes: list[int]) -> None:
    inflow = Inflow(100, 1000)
    for size in sizes:
        inflow.room -= size
        inflow.renewal()
        assert inflow.room > 0

    assert inflow.total() == sum(sizes)


def sample(tuner: Tuner, size: int, seconds: float, start: float = 0.0) -> int:
    assert tuner.start(1000, start)
    return tuner.finish(1000 + size, start + seconds)


def test_a_window_that_is_filled_in_one_round_doubles() -> None:
    tuner = Tuner(300, 10_000)

    assert sample(tuner, 199, 1.0) == 0
    assert sample(tuner, 200, 1.0) == 300
    assert tuner.size == 600
    assert sample(tuner, 700, 1.0) == 800
    assert tuner.size == 1400


def test_it_does_not_grow_where_more_brings_no_more_bandwidth() -> None:
    """Else it would follow the queues that it fills itself."""
    tuner = Tuner(300, 10_000)

    assert sample(tuner, 300, 1.0) == 300
    assert sample(tuner, 600, 2.0) == 0
    assert sample(tuner, 600, 1.9) == 600


def test_it_grows_to_its_bound() -> None:
    tuner = Tuner(300, 500)

    assert sample(tuner, 300, 0.0) == 200
    assert tuner.size == 500
    assert not tuner.start(2000, 1.0)
    assert not tuner.is_probing


def test_one_probe_at_a_time() -> None:
    tuner = Tuner(300, 500)

    assert tuner.start(0, 0.0)
    assert tuner.is_probing
    assert not tuner.start(0, 0.0)
    tuner.finish(0, 0.0)
    assert tuner.start(0, 0.0)
