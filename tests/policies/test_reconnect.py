"""How long an event source waits, and when it gives up."""

from __future__ import annotations

from typing import Any

import pytest

import courser
from courser.policies.reconnect import LEAST, Reconnect


def test_the_usual_rule() -> None:
    rule = Reconnect()

    assert (rule.delay, rule.max_delay, rule.attempts) == (3.0, 60.0, 10)
    assert repr(rule) == "Reconnect(delay=3.0, max_delay=60.0, attempts=10)"
    assert courser.Reconnect is Reconnect


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"delay": "1"}, TypeError, "Reconnect delay is a number of seconds, not '1'"),
        ({"max_delay": True}, TypeError, "Reconnect max_delay is a number of seconds, not True"),
        ({"delay": -1}, ValueError, "Reconnect delay is -1: it must be 0 or above, and finite"),
        ({"max_delay": float("inf")}, ValueError, "Reconnect max_delay is inf"),
        ({"delay": float("nan")}, ValueError, "Reconnect delay is nan"),
        ({"attempts": 1.5}, TypeError, "Reconnect attempts is a whole number or None, not 1.5"),
        ({"attempts": 0}, ValueError, "Reconnect attempts is 0: reconnect=False connects once"),
    ],
)
def test_what_makes_no_sense(options: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        Reconnect(**options)


def test_get_is_repeated_and_others_where_that_is_said() -> None:
    rule = Reconnect(delay=1)

    assert Reconnect.of(None, "GET") is not None
    assert Reconnect.of(None, "POST") is None
    assert Reconnect.of(False, "GET") is None
    assert Reconnect.of(True, "POST") is not None
    assert Reconnect.of(rule, "POST") is rule
    with pytest.raises(TypeError, match=r"reconnect is True, False, a courser\.Reconnect or None, not 3"):
        Reconnect.of(3, "GET")


@pytest.mark.parametrize(
    ("rule", "retry", "failures", "fruitful", "expected"),
    [
        (Reconnect(), None, 0, True, 3.0),
        (Reconnect(), None, 0, False, 3.0),
        (Reconnect(), None, 1, True, 6.0),
        (Reconnect(), None, 4, False, 48.0),
        (Reconnect(), None, 5, False, 60.0),
        (Reconnect(), None, 10**9, False, 60.0),
        (Reconnect(), 500, 0, True, 0.5),
        (Reconnect(), 500, 2, True, 2.0),
        (Reconnect(), 90_000, 0, True, 90.0),
        (Reconnect(), 90_000, 3, True, 90.0),
        (Reconnect(), 0, 0, True, 0.0),
        (Reconnect(), 0, 0, False, LEAST),
        (Reconnect(), 0, 2, False, 4 * LEAST),
        (Reconnect(delay=0, max_delay=0), None, 5, False, 0.0),
        (Reconnect(delay=5, max_delay=1), None, 5, False, 5.0),
    ],
)
def test_pauses(rule: Reconnect, retry: int | None, failures: int, fruitful: bool, expected: float) -> None:
    assert rule.pause(retry, failures, fruitful, 0.0) == expected
    assert rule.pause(retry, failures, fruitful, 1.0) == 1.5 * expected


def test_giving_up() -> None:
    assert [Reconnect(attempts=2).gives_up(failures) for failures in (1, 2, 3)] == [False, True, True]
    assert not Reconnect(attempts=None).gives_up(10**6)
