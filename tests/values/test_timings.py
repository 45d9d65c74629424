"""Timings are phases and points of time, in seconds; None stands for what was not gone through."""

from __future__ import annotations

import pickle

from courser.values.timings import Timings


def test_on_a_connection_that_was_there_nothing_was_connected() -> None:
    timings = Timings.of(10.0, 10.5, 11.5, 10.25, None)

    assert timings == Timings(
        dns=None, connect=None, proxy=None, tls=None, sent=0.25, first_byte=0.5, head=0.5, total=1.5
    )


def test_each_phase_of_connecting_has_its_time() -> None:
    timings = Timings.of(10.0, 10.5, 11.5, 10.25, {"connect": 0.125, "tls": 0.0})

    assert (timings.dns, timings.connect, timings.proxy, timings.tls) == (None, 0.125, None, 0.0)


def test_what_was_not_wholly_sent_has_no_time() -> None:
    assert Timings.of(10.0, 10.5, 11.5, 0.0, None).sent is None


def test_the_first_byte_has_a_time_of_its_own_where_it_is_known() -> None:
    timings = Timings.of(10.0, 10.5, 11.5, 10.25, None, 10.375)

    assert (timings.first_byte, timings.head) == (0.375, 0.5)


def test_timings_can_be_pickled() -> None:
    timings = Timings.of(10.0, 10.5, 11.5, 10.25, {"dns": 0.5})

    assert pickle.loads(pickle.dumps(timings)) == timings
    assert repr(timings).startswith("Timings(dns=0.5, connect=None,")
