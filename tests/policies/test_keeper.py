"""policies/keeper.py: who keeps the cookies of a client."""

from __future__ import annotations

import pytest

from courser.errors import InvalidRequest
from courser.policies.keeper import PER_CALL, CookieKeeper
from courser.values.cookies.jar import Cookies
from courser.values.request import Request

URL = "https://example.org/"


def sent(request: Request) -> list[str]:
    return request.headers.get_list("cookie")


def test_a_keeper_has_no_jar_until_there_is_something_to_keep() -> None:
    keeper = CookieKeeper()
    assert keeper.jar is None

    keeper.begin().keep(Request("GET", URL), b"Set-Cookie: a=1\r\n")

    assert keeper.jar is keeper.open()
    assert keeper.open() == {"a": "1"}


def test_what_a_keeper_may_be_given() -> None:
    jar = Cookies({"a": "1"})

    assert CookieKeeper(jar).jar is jar
    assert CookieKeeper({"a": "1"}).jar == jar
    assert CookieKeeper([("a", "1")]).jar == jar
    with pytest.raises(InvalidRequest):
        CookieKeeper({"a": "\n"})
    with pytest.raises(TypeError, match="not bool"):
        CookieKeeper(True)  # type: ignore[arg-type]


def test_a_keeper_that_accepts_nothing() -> None:
    keeper = CookieKeeper(False)
    keeper.begin().keep(Request("GET", URL), b"Set-Cookie: a=1\r\n")
    assert keeper.jar is not None
    assert not keeper.jar

    keeper.replace({"b": "2"})
    keeper.begin().keep(Request("GET", URL), b"Set-Cookie: a=1\r\n")
    assert keeper.jar == {"a": "1", "b": "2"}


def test_a_jar_for_every_call() -> None:
    keeper = CookieKeeper(PER_CALL)
    request = Request("GET", URL)
    first, second = keeper.begin(), keeper.begin()

    first.keep(request, b"Set-Cookie: a=1\r\n")

    assert sent(first.dress(request)) == ["a=1"]
    assert second.dress(request) is request
    assert keeper.jar is None
