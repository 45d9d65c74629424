"""values/cookies/given.py: what a caller may give as cookies."""

from __future__ import annotations

import http.cookiejar
import http.cookies
import urllib.request
from collections import OrderedDict
from email.message import Message
from types import SimpleNamespace
from typing import Any

import pytest

from courser.errors import InvalidRequest
from courser.values.cookies.given import field_of, records_of
from courser.values.cookies.jar import Cookies
from courser.values.cookies.record import Cookie
from courser.values.url import URL

RECORD = Cookie("a", "1", "example.org", "/x", True)


@pytest.mark.parametrize(
    ("cookies", "records"),
    [
        (None, []),
        ({}, []),
        ([], []),
        ({"a": "1", "b": "2"}, [Cookie("a", "1"), Cookie("b", "2")]),
        (OrderedDict(b="2", a="1"), [Cookie("b", "2"), Cookie("a", "1")]),
        ([("a", "1"), ("a", "2")], [Cookie("a", "1"), Cookie("a", "2")]),
        ([["a", "1"]], [Cookie("a", "1")]),
        (iter([("a", "1")]), [Cookie("a", "1")]),
        ([RECORD, ("b", "2")], [RECORD, Cookie("b", "2")]),
        ([RECORD._replace(domain=".Example.ORG")], [RECORD._replace(host_only=False)]),
    ],
)
def test_every_kind_of_cookies(cookies: Any, records: list[Cookie]) -> None:
    assert records_of(cookies) == records


def test_another_jar() -> None:
    jar = Cookies([RECORD])

    assert [record._replace(created=0.0) for record in records_of(jar)] == [RECORD]


class Answer(SimpleNamespace):
    def info(self) -> Message:
        return self.headers


def cookiejar(url: str, *lines: str) -> http.cookiejar.CookieJar:
    """What the standard library makes of a response."""
    headers = Message()
    for line in lines:
        headers["Set-Cookie"] = line
    jar = http.cookiejar.CookieJar()
    jar.extract_cookies(Answer(headers=headers), urllib.request.Request(url))  # type: ignore[arg-type]
    return jar


def test_a_jar_of_the_standard_library() -> None:
    jar = cookiejar(
        "https://www.example.org/x/y",
        "h=1; Path=/; Secure; HttpOnly; SameSite=lax",
        "d=2; Domain=example.org; Expires=Fri, 01 Jan 2100 00:00:00 GMT; Partitioned",
    )

    assert sorted(records_of(jar)) == [
        Cookie("d", "2", "example.org", "/x", False, partitioned=True, expires=4102444800),
        Cookie("h", "1", "www.example.org", "/", True, True, True, "Lax"),
    ]


def test_the_standard_library_calls_localhost_by_another_name() -> None:
    assert records_of(cookiejar("http://localhost/", "a=1")) == [Cookie("a", "1", "localhost", "/", True)]


def test_a_supercookie_of_requests_has_no_domain() -> None:
    """`requests.cookies.create_cookie` without a domain: sent to every host there, to those asked for here."""
    cookie = next(iter(cookiejar("http://example.org/", "a=1")))
    cookie.domain, cookie.domain_specified, cookie.path, cookie.value = "", False, "", None

    assert records_of([cookie]) == [Cookie("a", "")]


@pytest.mark.parametrize(
    ("cookies", "message"),
    [
        ("a=1", "not str: give a header that is ready"),
        (b"a=1", "not bytes"),
        (1, "not int"),
        (["a"], "this item is a str"),
        ([("a", "1", "2")], "this item is a tuple"),
        ([{"a": "1"}], "this item is a dict"),
        ({"a": 1}, "the value of cookie 'a' is a str, not int"),
        ({1: "a"}, "the name of a cookie is a str, not int"),
        (http.cookies.SimpleCookie("a=1"), "the value of cookie 'a' is a str, not Morsel"),
    ],
)
def test_other_types_are_named(cookies: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        records_of(cookies)


def test_what_cannot_be_sent_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="the value of cookie 'a'"):
        records_of({"a": "1\r\nX: y"})


@pytest.mark.parametrize(
    ("cookies", "field"),
    [
        ({"a": "1", "b": "2"}, b"a=1; b=2"),
        ([("a", "1"), ("a", "2")], b"a=1; a=2"),
        (None, b""),
        (
            [Cookie("a", "1", "www.example.org"), Cookie("b", "1", ".example.org"), Cookie("c", "1", "example.org")],
            b"a=1; b=1",
        ),
        ([Cookie("a", "1", path="/y"), Cookie("b", "1", expires=1), Cookie("c", "1", secure=True)], b""),
        ([Cookie("a", "1"), Cookie("b", "1", path="/x")], b"b=1; a=1"),
        (Cookies([Cookie("a", "1", "www.example.org"), Cookie("b", "1", "example.com")]), b"a=1"),
    ],
)
def test_the_field_of_one_request(cookies: Any, field: bytes) -> None:
    assert field_of(cookies, URL("http://www.example.org/x")) == field
