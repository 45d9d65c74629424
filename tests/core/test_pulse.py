"""When a silent peer is asked, and when it is given up."""

from __future__ import annotations

from courser.core.pulse import Pulse, Verdict
from courser.core.waiter import FOREVER


def test_who_was_heard_a_moment_ago_has_time() -> None:
    pulse = Pulse(10.0)

    assert pulse.feel(12.0, 5.0, waiting=True) == (Verdict.WAIT, 15.0)


def test_who_is_silent_is_asked_once() -> None:
    pulse = Pulse(10.0)

    assert pulse.feel(15.0, 5.0, waiting=True) == (Verdict.ASK, 20.0)
    assert pulse.feel(17.0, 5.0, waiting=True) == (Verdict.WAIT, 20.0)


def test_who_does_not_answer_is_gone() -> None:
    pulse = Pulse(10.0)
    pulse.feel(15.0, 5.0, waiting=True)

    assert pulse.feel(20.0, 5.0, waiting=True) == (Verdict.GONE, FOREVER)


def test_whatever_is_heard_is_an_answer() -> None:
    pulse = Pulse(10.0)
    pulse.feel(15.0, 5.0, waiting=True)
    pulse.heard_at = 16.0

    assert pulse.feel(20.0, 5.0, waiting=True) == (Verdict.WAIT, 21.0)
    assert pulse.asked_at == FOREVER


def test_silence_means_nothing_where_nothing_is_waited_for() -> None:
    pulse = Pulse(10.0)

    assert pulse.feel(100.0, 5.0, waiting=False) == (Verdict.WAIT, 105.0)
