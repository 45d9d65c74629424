"""What a user sets is checked where it is set."""

from __future__ import annotations

import copy
import inspect
import pickle
from typing import Any, get_type_hints

import pytest

import courser.settings as settings
from courser.settings import (
    DEFAULT,
    DIRECT,
    Limits,
    RequestOptions,
    RequestParts,
    SendOptions,
    Sentinel,
    Timeout,
    WebSocketOptions,
    check_names,
    is_number,
    is_whole,
)


def phases(timeout: Timeout) -> tuple[float | None, ...]:
    return timeout.total, timeout.connect, timeout.read, timeout.write, timeout.pool


def test_sentinels_are_themselves_wherever_they_go() -> None:
    assert DEFAULT is Sentinel.DEFAULT
    assert DIRECT is Sentinel.DIRECT
    assert (repr(DEFAULT), repr(DIRECT)) == ("courser.DEFAULT", "courser.DIRECT")
    assert pickle.loads(pickle.dumps(DIRECT)) is DIRECT
    assert copy.deepcopy(DEFAULT) is DEFAULT


def test_every_phase_has_a_limit_by_default_but_the_total() -> None:
    assert phases(Timeout()) == (None, 10.0, 60.0, 60.0, 60.0)


@pytest.mark.parametrize(
    ("value", "expected", "plain"),
    [
        (5, (None, 5.0, 5.0, 5.0, 5.0), 5.0),
        (0.5, (None, 0.5, 0.5, 0.5, 0.5), 0.5),
        (None, (None,) * 5, None),
        (float("inf"), (None,) * 5, None),
        ((3, 20), (None, 3.0, 20.0, 60.0, 60.0), None),
        ((None, 20), (None, None, 20.0, 60.0, 60.0), None),
        (Timeout(total=9, connect=float("inf")), (9.0, None, 60.0, 60.0, 60.0), None),
    ],
)
def test_what_a_timeout_is_made_of(value: Any, expected: tuple[float | None, ...], plain: float | None) -> None:
    timeout = Timeout.of(value)
    assert phases(timeout) == expected
    assert timeout.plain == plain


def test_a_timeout_is_taken_as_it_is() -> None:
    timeout = Timeout(total=1)
    assert Timeout.of(timeout) is timeout


@pytest.mark.parametrize("value", [0, -1, -0.5, float("nan"), float("-inf"), (1, 0), (1,), (1, 2, 3)])
def test_a_timeout_that_makes_no_sense_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match=r"[Tt]imeout"):
        Timeout.of(value)


@pytest.mark.parametrize("value", ["5", True, False, [1, 2], {}, ("1", 2), object()])
def test_a_timeout_of_another_type_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match=r"Timeout \w+ is a number of seconds or None"):
        Timeout.of(value)


@pytest.mark.parametrize("name", ["total", "connect", "read", "write", "pool"])
def test_the_phase_is_named(name: str) -> None:
    with pytest.raises(ValueError, match=f"Timeout {name} is 0: it must be above 0, or None for no limit"):
        Timeout(**{name: 0})
    with pytest.raises(TypeError, match=f"Timeout {name} is a number"):
        Timeout(**{name: "1"})  # type: ignore[arg-type]


def test_timeouts_are_compared_by_what_they_say() -> None:
    assert Timeout(total=5) == Timeout(total=5.0)
    assert hash(Timeout(total=5)) == hash(Timeout(total=5.0))
    assert Timeout(total=5) != Timeout(total=6)
    assert Timeout.of(5) != Timeout(None, 5, 5, 5, 5)
    assert Timeout() != 5


def test_repr_is_the_call_that_makes_it() -> None:
    for timeout in (Timeout(), Timeout(1, 2, 3, 4, 5), Timeout.of(7), Timeout.of(None), Timeout.of((1, 2))):
        assert eval(repr(timeout), {"Timeout": Timeout}) == timeout


def test_values_pickle() -> None:
    assert pickle.loads(pickle.dumps(Timeout.of(7))) == Timeout.of(7)
    assert repr(pickle.loads(pickle.dumps(Limits(5)))) == repr(Limits(5))


def test_limits() -> None:
    assert repr(Limits()) == (
        "Limits(max_connections=None, max_per_host=None, max_keepalive=100, keepalive_expiry=30.0, "
        "max_connection_age=None, ping_interval=None)"
    )
    limits = Limits(10, 2, 0, None, 60.0, 15)
    assert (limits.max_connections, limits.max_per_host, limits.max_keepalive) == (10, 2, 0)
    assert (limits.keepalive_expiry, limits.max_connection_age, limits.ping_interval) == (None, 60.0, 15.0)


def test_to_ask_all_the_time_is_no_interval() -> None:
    with pytest.raises(ValueError, match="ping_interval is 0"):
        Limits(ping_interval=0)


@pytest.mark.parametrize("name", ["max_connections", "max_per_host", "max_keepalive"])
@pytest.mark.parametrize("value", [-1, 1.5, "1", True])
def test_a_limit_is_a_whole_number(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"Limits {name} is a whole number or None"):
        Limits(**{name: value})


@pytest.mark.parametrize("name", ["keepalive_expiry", "max_connection_age", "ping_interval"])
@pytest.mark.parametrize(
    ("value", "error"), [(-1, ValueError), (float("nan"), ValueError), ("5", TypeError), (True, TypeError)]
)
def test_a_time_limit_is_a_number_of_seconds(name: str, value: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=f"Limits {name} is "):
        Limits(**{name: value})


@pytest.mark.parametrize("name", ["max_connections", "max_per_host"])
def test_a_client_without_connections_is_refused(name: str) -> None:
    given: Any = {name: 0}
    with pytest.raises(ValueError, match="with 0 connections nothing can be requested"):
        Limits(**given)


def test_a_request_option_either_makes_a_request_or_says_how_it_is_sent() -> None:
    made, sent = set(RequestParts.__annotations__), set(SendOptions.__annotations__)
    assert made & sent == set()
    assert made | sent == RequestOptions.__optional_keys__


@pytest.mark.parametrize("options", [RequestParts, SendOptions, WebSocketOptions])
def test_every_request_option_is_described(options: Any) -> None:
    text = inspect.getdoc(options)
    assert text is not None
    for name in options.__annotations__:
        assert f"\n    {name}: " in text, name


def test_a_websocket_takes_what_a_request_takes_and_more() -> None:
    assert WebSocketOptions.__optional_keys__ > RequestOptions.__optional_keys__


def test_an_option_that_there_is_not_is_refused() -> None:
    check_names(["timeout"], frozenset({"timeout"}), "a thing")
    with pytest.raises(TypeError, match=r"^a thing has no option 'timeuot'; did you mean 'timeout'\?$"):
        check_names(["timeout", "timeuot"], frozenset({"timeout"}), "a thing")
    with pytest.raises(TypeError, match=r"^a thing has no option 'x'$"):
        check_names(["x"], frozenset({"timeout"}), "a thing")
    with pytest.raises(TypeError, match=r"a thing has no option 'hooks'; a client has event_hooks$"):
        check_names(["hooks"], frozenset({"cookies"}), "a thing")


def test_numbers() -> None:
    assert [is_whole(value) for value in (0, -1, True, 1.5, "1", None)] == [True, True, False, False, False, False]
    assert [is_number(value) for value in (0, -1, True, 1.5, "1", None)] == [True, True, False, True, False, False]


def test_exports() -> None:
    assert all(hasattr(settings, name) for name in settings.__all__)
    assert get_type_hints(Timeout.__init__, vars(settings))["total"] == float | None
