"""policies/cookies.py: what a hop of a call sends, and what its response sets."""

from __future__ import annotations

from typing import Any

from courser.policies.cookies import CallCookies
from courser.policies.redirect import next_request
from courser.values.cookies.jar import Cookies
from courser.values.cookies.record import Cookie
from courser.values.request import Request
from courser.values.response import Response

URL = "https://example.org/"


def dressed(request: Request, jar: Cookies, home: Any = None) -> Request:
    return CallCookies(jar, home).dress(request)


def with_hand(*fields: str, url: str = URL) -> Request:
    request = Request("GET", url)
    for field in fields:
        request.headers.add("cookie", field)
    return request


def sent(request: Request) -> list[str]:
    return request.headers.get_list("cookie")


def test_a_request_without_cookies_stays_the_same_object() -> None:
    request = Request("GET", URL)

    assert dressed(request, Cookies()) is request
    assert dressed(request, Cookies([Cookie("a", "1", "example.com")])) is request
    by_hand = with_hand("a=0")
    assert dressed(by_hand, Cookies({"a": "1"})) is by_hand


def test_the_request_itself_is_not_changed() -> None:
    request = with_hand("a=0")

    worn = dressed(request, Cookies({"b": "1"}))

    assert sent(worn) == ["a=0; b=1"]
    assert sent(request) == ["a=0"]
    assert (worn.method, worn.url, worn.body) == (request.method, request.url, request.body)


def test_what_was_dressed_is_dressed_anew() -> None:
    """A request of a response can be sent again: the cookies of the jar are not taken for cookies by hand."""
    jar = Cookies({"b": "1"})
    worn = dressed(with_hand("a=0"), jar)
    jar["b"] = "2"

    again = dressed(worn.copy(), jar)
    assert sent(again) == ["a=0; b=2"]
    assert sent(dressed(again, Cookies())) == ["a=0"]
    assert again.by_hand() == {"Cookie": "a=0"}
    assert sent(dressed(dressed(Request("GET", URL), jar), Cookies())) == []
    again.headers["Cookie"] = "c=3"
    assert sent(dressed(again, jar)) == ["c=3; b=2"]


def test_one_field_is_sent_however_many_were_given() -> None:
    assert sent(dressed(with_hand("a=0", "b=0"), Cookies({"b": "1", "c": "1"}))) == ["a=0; b=0; c=1"]


def test_cookies_without_a_domain_stay_with_the_home_of_a_client() -> None:
    jar = Cookies([Cookie("g", "1"), Cookie("a", "1", "example.org")])

    assert sent(dressed(Request("GET", URL), jar)) == ["g=1; a=1"]
    assert sent(dressed(Request("GET", URL), jar, ("https", "example.org", 443))) == ["g=1; a=1"]
    assert sent(dressed(Request("GET", URL), jar, ("https", "example.org", 444))) == ["a=1"]


def test_a_redirect_to_another_origin_loses_cookies_without_a_domain_for_good() -> None:
    """CVE-2022-23607: a mapping of cookies is bound to where the caller sends it."""
    jar = Cookies([Cookie("g", "1"), Cookie("a", "1", "example.org")])
    home = Request("GET", URL)
    away = next_request(home, Response(302, headers={"Location": "https://evil.example/"}))
    back = next_request(away, Response(302, headers={"Location": URL}))

    assert sent(dressed(home, jar)) == ["g=1; a=1"]
    assert sent(dressed(away, jar)) == []
    assert sent(dressed(back, jar)) == ["a=1"]
    assert sent(dressed(dressed(back, jar), jar)) == ["a=1"]


def test_the_next_request_has_no_cookies_of_the_jar() -> None:
    worn = dressed(with_hand("a=0"), Cookies({"b": "1"}))

    assert sent(next_request(worn, Response(302, headers={"Location": "/x"}))) == ["a=0"]
    assert sent(next_request(worn, Response(302, headers={"Location": "//evil.example/"}))) == []


def test_what_a_hop_has_set_replaces_what_was_given_by_hand() -> None:
    cookies = CallCookies(Cookies({"general": "1"}), None)
    request = with_hand("sid=old; x=0")
    assert sent(cookies.dress(request)) == ["sid=old; x=0; general=1"]

    cookies.keep(request, b"Set-Cookie: sid=new\r\nSet-Cookie: general=2\r\n")

    assert sent(cookies.dress(request)) == ["x=0; sid=new; general=2"]


def test_a_response_sets_cookies_for_the_host_of_its_url() -> None:
    """CVE-2026-6276, CVE-2015-2296: not for that of the Host field, nor of any other request of the call."""
    jar = Cookies()
    cookies = CallCookies(jar, None)

    cookies.keep(
        Request("GET", URL, headers={"Host": "evil.example"}),
        b"A: b\r\nSet-Cookie: a=1\r\nset-cookie: b=2; Domain=evil.example\r\n",
    )

    assert [(cookie.name, cookie.domain) for cookie in jar.records()] == [("a", "example.org")]
    other = Request("GET", "https://evil.example/", headers={"Host": "example.org"})
    assert cookies.dress(other) is other


def test_a_jar_that_accepts_nothing_gets_nothing() -> None:
    jar = Cookies(accept=False)
    cookies = CallCookies(jar, None)

    cookies.keep(with_hand("a=0"), b"Set-Cookie: a=1\r\n")

    assert not jar
    assert sent(cookies.dress(with_hand("a=0"))) == ["a=0"]
