"""Redirects: what the next request is, and what never leaves its origin (SECURITY.md, T-RED)."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from courser.errors import BodyNotReplayable, RedirectError, TooManyRedirects
from courser.policies.flow import Note
from courser.policies.redirect import (
    SECRETS,
    follow_redirects,
    left_behind,
    next_request,
    redirects,
)
from courser.values.request import Request
from courser.values.response import REDIRECTS, Response

CODES = sorted(REDIRECTS)

KEPT = {
    "same origin": ("http://a.example/x", "http://a.example/y"),
    "relative": ("http://a.example/x", "y"),
    "root relative": ("http://a.example/x", "/y"),
    "query alone": ("http://a.example/x", "?y"),
    "explicit default port": ("http://a.example/x", "http://a.example:80/y"),
    "host in another case": ("http://a.example/x", "HTTP://A.EXAMPLE/y"),
    "scheme relative, same host": ("https://a.example/x", "//a.example/y"),
    "http to https, default ports": ("http://a.example/x", "https://a.example/y"),
    "http to https, default ports written out": ("http://a.example:80/x", "https://a.example:443/y"),
    "international name, same host": ("http://münchen.example/x", "http://xn--mnchen-3ya.example/y"),
}
LOST = {
    "other host": ("http://a.example/x", "http://b.example/y"),
    "other port": ("http://a.example/x", "http://a.example:8080/y"),
    "default port left": ("http://a.example:8080/x", "http://a.example/y"),
    "https to http": ("https://a.example/x", "http://a.example/y"),
    "https to http on port 443": ("https://a.example/x", "http://a.example:443/y"),
    "http to https, other port": ("http://a.example/x", "https://a.example:8443/y"),
    "http to https from another port": ("http://a.example:8080/x", "https://a.example/y"),
    "http to https of another host": ("http://a.example/x", "https://b.example/y"),
    "sub-domain": ("http://a.example/x", "http://www.a.example/y"),
    "parent domain": ("http://www.a.example/x", "http://a.example/y"),
    "name that ends alike": ("http://a.example/x", "http://nota.example/y"),
    "name that begins alike": ("http://a.example/x", "http://a.example.evil.test/y"),
    "trailing dot": ("http://a.example/x", "http://a.example./y"),
    "scheme relative": ("https://a.example/x", "//b.example/y"),
    "backslashes": ("https://a.example/x", r"\\b.example/y"),
    "userinfo that looks like the host": ("https://a.example/x", "https://a.example@b.example/y"),
    "international name": ("http://a.example/x", "http://münchen.example/y"),
    "address": ("http://127.0.0.1/x", "http://127.0.0.2/y"),
}


def answer(status: int, location: str | Iterable[str], request: Request | None = None) -> Any:
    lines = [location] if isinstance(location, str) else location
    return Response(status, headers=[("Location", line.encode()) for line in lines], request=request)


def secret_headers() -> list[tuple[str, str]]:
    """Every secret in several cases, and twice."""
    cases = [name for secret in sorted(SECRETS) for name in (secret, secret.title(), secret.upper())]
    return [(name, f"s{number}") for number, name in enumerate(cases)]


@pytest.mark.parametrize("status", CODES)
@pytest.mark.parametrize(("start", "location"), KEPT.values(), ids=KEPT)
def test_secrets_stay_within_their_origin(status: int, start: str, location: str) -> None:
    request = Request("GET", start, headers=[*secret_headers(), ("X-Other", "1")])

    following = next_request(request, answer(status, location))

    expected = request.headers.copy()
    if following.url.origin != request.url.origin:
        del expected["proxy-authorization"]  # see below
    assert following.headers == expected
    assert following.url == request.url.join(location)


@pytest.mark.parametrize("status", CODES)
@pytest.mark.parametrize(("start", "location"), LOST.values(), ids=LOST)
def test_secrets_do_not_leave_their_origin(status: int, start: str, location: str) -> None:
    """T-RED, at every status and for every secret in every case and twice.

    CVE-2018-20060, CVE-2018-25091 (any case), aiohttp #13180 (every duplicate), CVE-2023-43804 (Cookie), CVE-2024-37891
    and CVE-2026-34518 (Proxy-Authorization), CVE-2018-18074 (https to http, other ports), CVE-2021-21330 (`//host`),
    CVE-2018-1000007, CVE-2022-27774, CVE-2022-27776, CVE-2025-14524, CVE-2015-3236, CVE-2020-8169, CVE-2026-6253,
    CVE-2022-21712, CVE-2022-31151, CVE-2023-45143, CVE-2024-24758, CVE-2024-30260, CVE-2022-0155, CVE-2022-0536,
    CVE-2023-26159, CVE-2024-28849, CVE-2025-4673, CVE-2023-45289 (sub-domains), GHSA-wgrq-f894-59q5.
    """
    request = Request("GET", start, headers=[*secret_headers(), ("X-Other", "1"), ("x-other", "2")])

    following = next_request(request, answer(status, location))

    assert following.headers.multi_items() == [("X-Other", "1"), ("x-other", "2")]
    assert [name for name in request.headers if name.lower() in SECRETS]  # the request before is as it was


@pytest.mark.parametrize("status", CODES)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_what_has_left_its_origin_is_gone_for_good(status: int, method: str) -> None:
    """CVE-2024-45336."""
    there = next_request(
        Request(method, "https://a.example/", headers=secret_headers()), answer(status, "https://b.example/")
    )

    back = next_request(there, answer(status, "https://a.example/"))

    assert back.url.host == "a.example"
    assert len(back.headers) == 0


def test_a_request_that_has_left_its_origin_is_known_for_good() -> None:
    request = Request("GET", "http://a.example/")
    within = next_request(request, answer(302, "/b"))
    away = next_request(within, answer(302, "http://b.example/"))
    back = next_request(away, answer(302, "http://a.example/"))

    assert [each.estranged for each in (request, within, away, back)] == [False, False, True, True]
    assert pickle.loads(pickle.dumps(away)).estranged


def test_the_set_of_secrets_can_be_extended() -> None:
    request = Request("GET", "https://a.example/", headers={"X-Api-Key": "s", "Authorization": "s", "X": "1"})

    following = next_request(request, answer(302, "https://b.example/"), SECRETS | {"x-api-key"})

    assert list(following.headers) == ["X"]


@pytest.mark.parametrize("name", ["Proxy-Authorization", "proxy-authorization"])
def test_what_was_for_the_proxy_on_one_way_is_not_for_the_server_on_another_cve_2023_32681(name: str) -> None:
    """Not even from http to https on the same host: the first went to the proxy, the second would go through it."""
    request = Request("GET", "http://a.example/", headers=[(name, "s"), ("Authorization", "t"), (name, "s")])

    following = next_request(request, answer(302, "https://a.example/"))

    assert following.headers.multi_items() == [("Authorization", "t")]
    assert next_request(request, answer(302, "/y")).headers.get_list(name) == ["s", "s"]


def test_a_host_set_by_hand_stays_with_its_origin() -> None:
    """CVE-2026-6276."""
    request = Request("GET", "http://127.0.0.1/", headers={"Host": "inner.example"})

    assert next_request(request, answer(307, "/y")).headers["host"] == "inner.example"
    assert "host" not in next_request(request, answer(307, "https://127.0.0.1/")).headers
    assert "host" not in next_request(request, answer(307, "http://127.0.0.2/")).headers


@pytest.mark.parametrize("status", CODES)
@pytest.mark.parametrize(
    "location", ["http://u:p@a.example/y", "http://u:p@b.example/y", "//u:p@a.example/y", "//u@a.example/y"]
)
def test_credentials_of_a_location_are_not_sent(status: int, location: str) -> None:
    request = Request("GET", "http://a.example/x")

    following = next_request(request, answer(status, location))

    assert "@" not in str(following.url)
    assert "authorization" not in following.headers


def test_credentials_of_a_location_replace_none() -> None:
    request = Request("GET", "http://me:mine@a.example/x")

    following = next_request(request, answer(302, "http://u:p@a.example/y"))

    assert following.headers["authorization"] == request.headers["authorization"]


METHODS = [
    (status, method, {303: "GET"}.get(status, "GET" if method == "POST" and status < 303 else method))
    for status in CODES
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY", "PROPFIND")
] + [(status, "HEAD", "HEAD") for status in CODES]


@pytest.mark.parametrize(("status", "method", "following"), METHODS)
def test_the_status_decides_on_the_method(status: int, method: str, following: str) -> None:
    assert next_request(Request(method, "http://a.example/"), answer(status, "/y")).method == following


SPEAK_OF_BODY = {
    "Content-Type": "text/x",
    "Content-Length": "4",
    "Content-Encoding": "x",
    "CONTENT-LANGUAGE": "en",
    "Content-Location": "/",
    "Content-MD5": "x",
    "Content-Digest": "x",
    "Repr-Digest": "x",
    "Digest": "x",
    "Expect": "100-continue",
    "Trailer": "X",
}


@pytest.mark.parametrize(
    ("status", "method", "kept"),
    [(status, method, status != 303 and not (method == "POST" and status < 303)) for status, method, _ in METHODS],
)
def test_a_body_goes_with_all_that_speaks_of_it(status: int, method: str, kept: bool) -> None:
    """CVE-2023-45803, CVE-2022-32221, CVE-2023-28322."""
    request = Request(method, "http://a.example/", content=b"body", headers={**SPEAK_OF_BODY, "X": "1"})
    request.headers["Transfer-Encoding"] = "chunked"

    following = next_request(request, answer(status, "/y"))

    assert following.content == (b"body" if kept else b"")
    assert list(following.headers) == ([*SPEAK_OF_BODY, "X", "Transfer-Encoding"] if kept else ["X"])


def once() -> Iterator[bytes]:
    yield b"body"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_body_that_runs_once_is_not_sent_again(status: int) -> None:
    """aiohttp #12195: an error, and not an empty body."""
    request = Request("PUT", "http://a.example/", content=once())
    assert request.body is not None
    request.body.open()

    with pytest.raises(BodyNotReplayable, match=f"{status} asks for it, and it came from a generator") as caught:
        next_request(request, answer(status, "/y"))

    assert caught.value.request is request
    assert caught.value.hint.endswith("set follow_redirects=False")


def test_a_body_that_runs_once_and_was_not_sent_goes_along() -> None:
    """With Expect: 100-continue a redirect comes before the body."""
    request = Request("PUT", "http://a.example/", content=once())
    assert next_request(request, answer(307, "/y")).body is request.body


def test_a_body_that_runs_once_may_be_left_behind() -> None:
    assert next_request(Request("PUT", "http://a.example/", content=once()), answer(303, "/y")).body is None
    assert next_request(Request("POST", "http://a.example/", content=once()), answer(302, "/y")).body is None


@pytest.mark.parametrize(
    ("start", "location", "target"),
    [
        ("http://a.example/x#old", "/y", "http://a.example/y#old"),
        ("http://a.example/x#old", "/y#new", "http://a.example/y#new"),
        ("http://a.example/x#old", "/y#", "http://a.example/y#"),
        ("http://a.example/x#old", "http://b.example/", "http://b.example/#old"),
        ("http://a.example/x", "/y#new", "http://a.example/y#new"),
        ("http://a.example/x?q", "y", "http://a.example/y"),
        ("http://a.example/d/x", "../y", "http://a.example/y"),
        ("http://a.example/x", "", "http://a.example/x"),
        ("http://a.example/x", "/%7e%E2?a=%2f&b=c d", "http://a.example/%7e%E2?a=%2f&b=c%20d"),
        ("http://a.example/x", "/ü", "http://a.example/%C3%BC"),
        ("http://a.example:8080/x", "/y", "http://a.example:8080/y"),
        ("http://a.example/x", " /y z ", "http://a.example/y%20z"),
        ("http://a.example/x", "/y\tz", "http://a.example/yz"),
        ("http://a.example/x", r"\y\z", "http://a.example/y/z"),
        ("http://a.example/x", "http:/y", "http://a.example/y"),
        ("http://a.example/x", "HTTPS://B.Example:0443", "https://b.example/"),
        ("http://a.example/x", "//b.example", "http://b.example/"),
        ("http://a.example/x", "http:////b.example/y", "http://b.example/y"),
        ("http://a.example/x", '/%zz|{}"<>`', "http://a.example/%zz|%7B%7D%22%3C%3E%60"),
        ("http://a.example/x", "?ü=ü#ü", "http://a.example/x?%C3%BC=%C3%BC#%C3%BC"),
    ],
)
def test_where_a_location_leads(start: str, location: str, target: str) -> None:
    assert str(next_request(Request("GET", start), answer(302, location)).url) == target


@pytest.mark.parametrize(("scheme", "target"), [("ws", "http"), ("wss", "https")])
def test_a_websocket_may_be_told_where_another_one_is(scheme: str, target: str) -> None:
    response = Response(302, headers={"Location": f"{scheme}://b.example/ws"})
    moved = next_request(Request("GET", "http://a.example/ws", headers={"Upgrade": "WebSocket"}), response)
    assert str(moved.url) == f"{target}://b.example/ws"

    with pytest.raises(RedirectError, match="is not http or https"):
        next_request(Request("GET", "http://a.example/ws"), response)


def test_bytes_that_are_no_text_are_sent_on_as_they_came() -> None:
    """As browsers do it with pages that speak ISO-8859-1."""
    redirect: Any = Response(302, headers=[("Location", b"/\xfc?\xfc=c d")])

    assert str(next_request(Request("GET", "http://a.example/"), redirect).url) == "http://a.example/%FC?%FC=c%20d"
    with pytest.raises(RedirectError):
        next_request(Request("GET", "http://a.example/"), Response(302, headers=[("Location", b"http://\xfc/")]))


def test_long_hosts_and_authorities_take_no_time() -> None:
    """CVE-2022-45061 (quadratic IDNA), CVE-2021-33503 (many @)."""
    for location in ("http://" + "ü" * 60_000, "http://" + "@" * 60_000 + "x y/"):
        with pytest.raises(RedirectError):
            next_request(Request("GET", "http://a.example/"), answer(302, location))


def test_nobody_is_told_where_the_client_comes_from() -> None:
    """CVE-2021-22876, CVE-2026-9546: there is no Referer but one that was set by hand."""
    assert "referer" not in next_request(Request("GET", "https://a.example/?s=1"), answer(302, "//b.example/")).headers


def test_of_several_locations_the_first_counts() -> None:
    assert next_request(Request("GET", "http://a.example/"), answer(302, ["/1", "/2"])).url.path == "/1"


@pytest.mark.parametrize(
    "location",
    [
        "ftp://b.example/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "data:,x",
        "ws://a.example/",
        "http://",
        "http://[bad/",
        "http://a.example:99999/",
    ],
)
def test_a_location_that_leads_nowhere_is_an_error(location: str) -> None:
    """CVE-2011-1521, CVE-2024-2004, CVE-2009-0037: and what is not http leads nowhere."""
    request = Request("GET", "http://a.example/")

    with pytest.raises(RedirectError, match="Location: ") as caught:
        next_request(request, answer(302, location))

    assert caught.value.request is request


@pytest.mark.parametrize(
    "location",
    [
        "ftp://user:S3cret@b.example/?token=S3cret#S3cret",
        "ftp:user:S3cret@b.example/",
        r"ftp:\\user:S3cret@b.example/",
        "http://user:" + "S3cret" * 100 + "@[bad/",
    ],
)
def test_the_error_of_a_location_tells_no_secret(location: str) -> None:
    with pytest.raises(RedirectError) as caught:
        next_request(Request("GET", "http://a.example/"), answer(302, location))

    assert "S3cret" not in str(caught.value)


def test_extensions_come_along() -> None:
    request = Request("GET", "http://a.example/", extensions={"a": 1})

    assert next_request(request, answer(302, "http://b.example/")).extensions == {"a": 1}


def test_an_error_names_the_header_and_the_part_that_is_wrong() -> None:
    with pytest.raises(RedirectError) as caught:
        next_request(Request("GET", "http://a.example/"), answer(302, "http://b.example:99999/p?s=1"))

    assert str(caught.value) == (
        "the redirect cannot be followed: Location: the port is not a number up to 65535, "
        "in 'http://b.example:99999/p' [GET http://a.example/]"
    )


def test_what_redirects() -> None:
    """Neither 300, 304, 305 nor 306 do."""
    assert [status for status in range(100, 600) if redirects(answer(status, "/"))] == CODES
    assert not redirects(answer(302, []))


# The policy


def sent(flow: Any, given: Any) -> Any:
    """What a flow wants next, apart from having things told."""
    step = flow.send(given)
    while isinstance(step, Note):
        step = next(flow)
    return step


def play(flow: Any, answers: list[Any]) -> tuple[Any, list[str]]:
    """Run a flow against answers; give what it returns, and the URLs that it asked for."""
    urls: list[str] = []
    given: Any = None
    while True:
        try:
            step = sent(flow, given)
        except StopIteration as stop:
            return stop.value, urls
        urls.append(str(step.url))
        given = answers[len(urls) - 1]


def test_an_answer_that_does_not_redirect_is_given_as_it_is() -> None:
    for status, location in ((200, "/y"), (304, "/y"), (302, [])):
        only = answer(status, location)
        assert play(follow_redirects(20)(Request("GET", "http://a.example/")), [only]) == (only, ["http://a.example/"])
        assert only.history == []


def test_hops_are_followed_and_noted() -> None:
    answers = [answer(302, "/1"), answer(307, "http://b.example/2"), answer(200, [])]

    given, urls = play(follow_redirects(2)(Request("GET", "http://a.example/0")), answers)

    assert given is answers[2]
    assert given.history == answers[:2]
    assert urls == ["http://a.example/0", "http://a.example/1", "http://b.example/2"]


@pytest.mark.parametrize("most", [0, 1, 20])
def test_a_loop_ends(most: int) -> None:
    flow = follow_redirects(most)(Request("GET", "http://a.example/"))

    with pytest.raises(TooManyRedirects, match=f"more than {most} .*max_redirects") as caught:
        play(flow, [answer(302, "/")] * 30)

    assert caught.value.request is not None


def test_the_policy_keeps_more_secrets_if_told() -> None:
    secrets = set(SECRETS)
    flow = follow_redirects(5, secrets)(Request("GET", "http://a.example/", headers={"X-Key": "s"}))
    next(flow)
    secrets.add("x-key")

    following = sent(flow, answer(302, "http://b.example/"))

    assert "x-key" not in following.headers


# What stays behind


def behind(location: str, **headers: str) -> tuple[str, ...]:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    request = Request("GET", "http://a.example/", headers=sent)
    return left_behind(request, next_request(request, answer(302, location)))


def test_it_is_told_what_stays_behind() -> None:
    sent = {"X": "1", "authorization": "s", "COOKIE": "a=b", "Host": "h", "Content_Type": "x"}

    assert behind("http://b.example/", **sent) == ("authorization", "COOKIE", "Host")
    assert behind("/y", **sent) == ()
    assert behind("https://a.example/", **sent, Proxy_Authorization="s") == ("Host", "Proxy-Authorization")


def test_what_was_carried_on_by_hand_did_not_stay_behind() -> None:
    request = Request("GET", "http://a.example/", headers={"Authorization": "s", "Cookie": "a=b"})
    following = next_request(request, answer(302, "http://b.example/"))
    following.headers["Authorization"] = "s"

    assert left_behind(request, following) == ("Cookie",)


def test_cookies_of_a_jar_did_not_stay_behind_for_they_are_chosen_anew() -> None:
    request = Request("GET", "http://a.example/").with_cookies(b"", b"jar=1")

    assert left_behind(request, next_request(request, answer(302, "http://b.example/"))) == ()


# Downgrades


@pytest.mark.parametrize(
    ("allowed", "method", "refused"),
    [
        (None, "GET", False),
        (None, "PUT", True),
        (True, "PUT", False),
        (True, "GET", False),
        (False, "GET", True),
        (False, "PUT", True),
    ],
)
def test_a_way_out_of_encryption(allowed: bool | None, method: str, refused: bool) -> None:
    """CVE-2018-18074 and worse: what is sent in the clear is anybody's, most of all a body."""
    request = Request(method, "https://a.example/", content=b"body" if method == "PUT" else None)
    flow = follow_redirects(5, SECRETS, None, allowed)(request)
    next(flow)
    down = answer(307, "http://a.example/?s=S3cret")

    if refused:
        with pytest.raises(RedirectError, match=r"leads from https to http.*allow_downgrade=True") as caught:
            sent(flow, down)
        assert "S3cret" not in str(caught.value)
        assert ("the body would travel" in str(caught.value)) == (allowed is None)
        assert caught.value.request is request
    else:
        assert str(sent(flow, down).url) == "http://a.example/?s=S3cret"


@pytest.mark.parametrize("start", ["http://a.example/", "https://a.example/"])
def test_other_ways_are_no_downgrade(start: str) -> None:
    flow = follow_redirects(5, SECRETS, None, False)(Request("PUT", start, content=b"body"))
    next(flow)

    assert sent(flow, answer(307, f"{start[: start.index(':')]}://b.example/")).url.host == "b.example"


def test_a_body_that_does_not_go_along_is_no_obstacle() -> None:
    flow = follow_redirects(5)(Request("POST", "https://a.example/", content=b"body"))
    next(flow)

    assert sent(flow, answer(303, "http://a.example/")).body is None


def test_a_function_may_judge() -> None:
    """See test_judging.py."""
    flow = follow_redirects(5, SECRETS, lambda response, following: response.status_code != 307)
    answers = [answer(302, "/1"), answer(307, "/2")]

    assert play(flow(Request("GET", "http://a.example/")), answers) == (
        answers[1],
        ["http://a.example/", "http://a.example/1"],
    )
