"""Whose cookies and passwords go where."""

from __future__ import annotations

from typing import Final

from case import Case, Judge
from cases.redirecting import START, across, leaves_at_home
from faultserver import Received, reply
from scene import Seen
from scripts import PLAIN, answering


def baking(cookie: str) -> dict[str, object]:
    """A server that sets a cookie, and two requests to it."""

    def answer(request: Received) -> bytes:
        return reply(b"", "200 OK", f"Set-Cookie: {cookie}") if request.target == "/first" else reply(b"")

    return {"servers": {"home": answering(answer)}}


def _twice(origin: str) -> list[dict[str, object]]:
    return [{"method": "GET", "url": f"{origin}/{path}"} for path in ("first", "second")]


def sends_cookie(wanted: str) -> Judge:
    """The last request had this cookie."""

    def judge(seen: Seen) -> str:
        got = seen.last().get("cookie")
        return "" if got == wanted else "sends none" if got is None else f"sends {got}"

    return judge


def _sends_no_cookie(seen: Seen) -> str:
    got = seen.last().get("cookie")
    return "" if got is None else f"sends {got}"


def _bearer(seen: Seen) -> str:
    got = seen.last().get("authorization")
    return "" if got == "Bearer token" else f"sends Authorization: {got}"


IP: Final = "<home>"
LOCALHOST: Final = "http://localhost:<home:port>"

CASES: Final = [
    Case(
        id="client-cookies-to-another-host",
        kind="leak",
        row="1.8.2",
        does="A client with cookies={'sid': '1'}; the server redirects to another host.",
        right="They stay at home.",
        servers=across(),
        client={"cookies": {"sid": "1"}},
        steps=[START],
        judge=leaves_at_home("cookie"),
    ),
    Case(
        id="request-cookies-to-another-host",
        kind="leak",
        row="1.8.2",
        does="GET with cookies={'sid': '1'}; the server redirects to another host.",
        right="They stay at home (CVE-2026-47265).",
        servers=across(),
        steps=[{**START, "cookies": {"sid": "1"}}],
        judge=leaves_at_home("cookie"),
    ),
    Case(
        id="client-cookie-that-is-replaced",
        kind="change",
        row="1.8.2",
        does="A client with cookies={'sid': 'old'}; the server sets sid=new, and is asked again.",
        right="sid=new is sent, and nothing beside it.",
        client={"cookies": {"sid": "old"}, "jar": True},
        steps=_twice(LOCALHOST),
        judge=sends_cookie("sid=new"),
        **baking("sid=new; Path=/"),
    ),
    Case(
        id="client-cookie-that-is-deleted",
        kind="change",
        row="1.8.2",
        does="A client with cookies={'sid': 'old'}; the server deletes sid, and is asked again.",
        right="None is sent: who has logged out does not come back as somebody.",
        client={"cookies": {"sid": "old"}, "jar": True},
        steps=_twice(LOCALHOST),
        judge=_sends_no_cookie,
        **baking("sid=; Path=/; Max-Age=0"),
    ),
    Case(
        id="cookie-of-an-address",
        kind="loss",
        row="1.8.3",
        does="http://127.0.0.1 sets a cookie, and is asked again.",
        right="The cookie comes back (RFC 6265 section 5.1.3).",
        client={"jar": True},
        steps=_twice(IP),
        judge=sends_cookie("a=1"),
        **baking("a=1"),
    ),
    Case(
        id="cookie-of-localhost",
        kind="loss",
        row="1.8.4",
        does="http://localhost sets a cookie with Domain=localhost, and is asked again.",
        right="The cookie comes back: its domain is the host itself.",
        client={"jar": True},
        steps=_twice(LOCALHOST),
        judge=sends_cookie("a=1"),
        **baking("a=1; Domain=localhost"),
    ),
    Case(
        id="cookie-in-quotes",
        kind="change",
        row="1.8.6",
        does='A server sets a="x,y", and is asked again.',
        right="The value comes back as it was set, quotes included (RFC 6265 section 5.4).",
        client={"jar": True},
        steps=_twice(LOCALHOST),
        judge=sends_cookie('a="x,y"'),
        **baking('a="x,y"'),
    ),
    Case(
        id="cookie-with-a-comma",
        kind="change",
        row="1.8.6",
        does="GET with cookies={'c': '1,2'}.",
        right="Cookie: c=1,2 is sent.",
        servers={"home": PLAIN},
        steps=[{"method": "GET", "url": "<home>/", "cookies": {"c": "1,2"}}],
        judge=sends_cookie("c=1,2"),
    ),
    Case(
        id="header-over-netrc",
        kind="leak",
        row="1.5.4",
        does="GET with Authorization: Bearer token, while a netrc file has a password for the host.",
        right="The header is sent, and the password is not.",
        servers={"home": PLAIN},
        env={"NETRC": "<netrc>"},
        steps=[{"method": "GET", "url": "<home>/", "headers": {"Authorization": "Bearer token"}}],
        judge=_bearer,
    ),
]
