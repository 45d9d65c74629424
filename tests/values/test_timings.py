"""Timings are points in time since the start."""

from __future__ import annotations

from courser.values.timings import Timings


def test_timings_are_a_pair() -> None:
    timings = Timings(0.5, 1.5)

    assert (timings.head, timings.total) == (0.5, 1.5) == timings
    assert repr(timings) == "Timings(head=0.5, total=1.5)"
