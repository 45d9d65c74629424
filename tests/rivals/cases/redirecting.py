"""What goes along when a server sends its client elsewhere."""

from __future__ import annotations

from typing import Final

from case import Case, Judge, Step
from scene import Script, Seen
from scripts import PLAIN, moving

PUT: Final = {"method": "PUT", "url": "<home>/start", "content": "body"}
START: Final = {"method": "GET", "url": "<home>/start"}
ELSEWHERE: Final = "http://localhost:<other:port>/end"


def within(status: str) -> dict[str, Script]:
    """Servers of which one redirects to itself."""
    return {"home": moving(status, "/end")}


def across(status: str = "302 Found", to: str = ELSEWHERE) -> dict[str, Script]:
    """Servers of which one redirects to the other."""
    return {"home": moving(status, to), "other": PLAIN}


def _followed(seen: Seen) -> bool:
    return len(seen.requests()) > 1


def keeps_the_put(seen: Seen) -> str:
    """PUT went on with its body, or nothing went on and the caller knows."""
    if not _followed(seen):
        return ""
    request = seen.last()
    if request.body == b"body":
        return "" if request.method == "PUT" else f"goes on with {request.method} and the body"
    return f"goes on with {request.method} and no body"


def sends_again(seen: Seen) -> str:
    """The body came twice, or the caller was told that it cannot."""
    if not _followed(seen) or seen.error is not None:
        return ""
    return "" if seen.last().body == b"body" else f"sends {seen.last().body!r} and tells nobody"


def _bare_get(seen: Seen) -> str:
    request = seen.last()
    if request.method != "GET" or request.body:
        return f"goes on with {request.method}"
    kept = [name for name, _ in request.fields if name.startswith("content-")]
    return f"still says {', '.join(kept)}" if kept else ""


def leaves_at_home(name: str) -> Judge:
    """A header did not get to the other origin."""

    def judge(seen: Seen) -> str:
        if not seen.requests("other"):
            return "does not follow"
        got = seen.last("other").get(name)
        return "" if got is None else f"sends {name}: {got}"

    return judge


def _cookie_stays(seen: Seen) -> str:
    return "" if seen.last().get("cookie") == "sid=1" else "sends none"


def _with(name: str, value: str) -> list[Step]:
    return [{**START, "headers": {name: value}}]


CASES: Final = [
    Case(
        id="put-after-302",
        kind="loss",
        row="1.4.5",
        does="PUT with a body; the answer is 302 Found.",
        right="PUT goes on with its body (RFC 9110 section 15.4.3 allows another method after POST only).",
        servers=within("302 Found"),
        steps=[PUT],
        judge=keeps_the_put,
    ),
    Case(
        id="put-after-301",
        kind="loss",
        row="1.4.6",
        does="PUT with a body; the answer is 301 Moved Permanently.",
        right="PUT goes on with its body.",
        servers=within("301 Moved Permanently"),
        steps=[PUT],
        judge=keeps_the_put,
    ),
    Case(
        id="post-after-308",
        kind="loss",
        row="1.4.7",
        does="POST of bytes; the answer is 308 Permanent Redirect.",
        right="POST goes on with its body.",
        servers=within("308 Permanent Redirect"),
        steps=[{**PUT, "method": "POST"}],
        judge=sends_again,
    ),
    Case(
        id="file-after-307",
        kind="refusal",
        row="1.4.7",
        does="PUT of an open file; the answer is 307 Temporary Redirect.",
        right="The file is sent again, from where it began.",
        servers=within("307 Temporary Redirect"),
        steps=[{"method": "PUT", "url": "<home>/start", "file": ["a body", 2]}],
        judge=sends_again,
    ),
    Case(
        id="generator-after-307",
        kind="loss",
        row="1.4.7",
        does="PUT of a generator, which can be read once; the answer is 307 Temporary Redirect.",
        right="An error, or the whole body from somewhere: never an empty one.",
        servers=within("307 Temporary Redirect"),
        steps=[{"method": "PUT", "url": "<home>/start", "chunks": ["bo", "dy"]}],
        judge=sends_again,
        error_is_right=True,
    ),
    Case(
        id="put-after-303",
        kind="change",
        row="1.4.3",
        does="PUT with a body; the answer is 303 See Other.",
        right="GET without a body (RFC 9110 section 15.4.4).",
        servers=within("303 See Other"),
        steps=[PUT],
        judge=_bare_get,
    ),
    Case(
        id="get-after-303",
        kind="change",
        row="1.4.8",
        does="POST of JSON; the answer is 303 See Other.",
        right="GET, without any header that speaks of a body (RFC 9110 section 15.4).",
        servers=within("303 See Other"),
        steps=[{"method": "POST", "url": "<home>/start", "json": {"a": 1}}],
        judge=_bare_get,
    ),
    Case(
        id="authorization-to-another-host",
        kind="leak",
        row="1.4.9",
        does="GET with a header Authorization; the server redirects to another host.",
        right="It stays at home.",
        servers=across(),
        steps=_with("Authorization", "Bearer token"),
        judge=leaves_at_home("authorization"),
    ),
    Case(
        id="authorization-to-another-port",
        kind="leak",
        row="1.4.9",
        does="GET with a header Authorization; the server redirects to another port of its host.",
        right="It stays at home: another port is another origin.",
        servers=across(to="<other>/end"),
        steps=_with("Authorization", "Bearer token"),
        judge=leaves_at_home("authorization"),
    ),
    Case(
        id="cookie-header-to-another-host",
        kind="leak",
        row="1.4.10",
        does="GET with a header Cookie; the server redirects to another host.",
        right="It stays at home.",
        servers=across(),
        steps=_with("Cookie", "sid=1"),
        judge=leaves_at_home("cookie"),
    ),
    Case(
        id="cookie-header-within-the-origin",
        kind="loss",
        row="1.4.10",
        does="GET with a header Cookie; the server redirects within its origin.",
        right="It is sent again.",
        servers=within("302 Found"),
        steps=_with("Cookie", "sid=1"),
        judge=_cookie_stays,
    ),
    Case(
        id="proxy-authorization-to-another-host",
        kind="leak",
        row="1.4.11",
        does="GET with a header Proxy-Authorization; the server redirects to another host.",
        right="It does not go there.",
        servers=across(),
        steps=_with("Proxy-Authorization", "Basic cHJveHk6cGFzcw=="),
        judge=leaves_at_home("proxy-authorization"),
    ),
    Case(
        id="named-secret-to-another-host",
        kind="leak",
        row="1.4.12",
        does="GET with X-Api-Key, which the client was told is a secret, if there is a way to tell it.",
        right="It stays at home.",
        servers=across(),
        client={"sensitive": ["X-Api-Key"]},
        steps=_with("X-Api-Key", "key"),
        judge=leaves_at_home("x-api-key"),
    ),
]
