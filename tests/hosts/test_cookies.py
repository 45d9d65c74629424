"""Cookies as they travel: what is sent to whom, over redirects, and what is kept of what comes back."""

from __future__ import annotations

import pickle
import socket
from collections.abc import Callable
from typing import Any

import pytest
from faultserver import FaultServer, Received, answering, chunked, reply
from worlds import World, outcome

import courser
from courser import Cookie, Cookies, Request, Response

Serve = Callable[..., FaultServer]


def everywhere(host: str, port: int) -> list[tuple[int, Any]]:
    """A resolver that finds every host here."""
    return [(socket.AF_INET, ("127.0.0.1", port))]


def client_of(world: World, **options: Any) -> Any:
    return world.client(resolver=everywhere, **options)


def sent(server: FaultServer) -> list[str | None]:
    """The Cookie field of every request."""
    return [request.get("cookie") for request in server.requests]


def setting(*lines: str, status: str = "200 OK") -> bytes:
    return reply(b"", status, *[f"Set-Cookie: {line}" for line in lines])


def by_path(**answers: bytes) -> Callable[[Received], bytes]:
    """Answer by the path; what is not named is answered with the Cookie field that came."""

    def answer(request: Received) -> bytes:
        made = answers.get(request.target.strip("/").split("?")[0])
        return reply((request.get("cookie") or "").encode("latin-1")) if made is None else made

    return answer


async def test_what_a_response_sets_is_sent_from_then_on(world: World, serve: Serve) -> None:
    server = serve(answering(by_path(set=setting("a=1", "b=2; Path=/there", "c=3; Max-Age=0"))))
    client = client_of(world)

    first = await client.get(server.url("/set"))
    second = await client.get(server.url("/there"))
    third = await client.get(server.url("/elsewhere"))

    assert sent(server) == [None, "b=2; a=1", "a=1"]
    assert first.cookies == {"a": "1", "b": "2"}
    assert [cookie.path for cookie in first.cookies.records()] == ["/", "/there"]
    assert not second.cookies
    assert client.cookies == first.cookies
    assert second.request.headers["cookie"] == "b=2; a=1"
    assert third.request.headers["cookie"] == "a=1"
    assert "cookie" not in first.request.headers


async def test_values_are_sent_back_byte_for_byte(world: World, serve: Serve) -> None:
    """CVE-2024-7592, aiohttp #12395, WISHES 24: no quoting, no escaping, no exception."""
    values = ['"1\\0542"', '{"i_l":0,"x":"y"}', "a b", "caf\xe9", "\\012\\x", "a%20b=="]
    server = serve(
        answering(
            by_path(set=setting(*[f"v{at}={value}" for at, value in enumerate(values)]).decode().encode("latin-1"))
        )
    )
    client = client_of(world)

    await client.get(server.url("/set"))
    await client.get(server.url("/"))

    assert sent(server)[1] == "; ".join(f"v{at}={value}" for at, value in enumerate(values))


async def test_a_login_that_redirects(world: World, serve: Serve) -> None:
    """The cookie of a redirect is there at the next hop, and in place of the one it replaces."""
    login = reply(b"", "302 Found", "Location: /home", "Set-Cookie: sid=user", "Set-Cookie: x=1; Path=/none")
    server = serve(answering(by_path(login=login)))
    client = client_of(world, cookies={"sid": "nobody", "lang": "en"})

    response = await client.post(server.url("/login"))

    assert sent(server) == ["sid=nobody; lang=en", "lang=en; sid=user"]
    assert response.history[0].cookies == {"sid": "user", "x": "1"}
    assert response.history[0].request.headers["cookie"] == "sid=nobody; lang=en"
    assert not response.cookies
    assert client.cookies["sid"] == "user"


async def test_a_cookie_given_by_hand_gives_way_to_one_that_the_call_has_brought(world: World, serve: Serve) -> None:
    login = reply(b"", "302 Found", "Location: /home", "Set-Cookie: sid=user")
    server = serve(answering(by_path(login=login)))
    client = client_of(world)

    await client.get(server.url("/login"), cookies={"sid": "nobody", "lang": "en"})
    await client.get(server.url("/home"), headers={"Cookie": "sid=mine"})

    assert sent(server) == ["sid=nobody; lang=en", "lang=en; sid=user", "sid=mine"]


async def test_one_field_by_hand_first(world: World, serve: Serve) -> None:
    """FEATURES 1.4: a Cookie field set by hand stays on redirects within the origin, and the jar's go beside it."""
    there = reply(b"", "302 Found", "Location: /end", "Set-Cookie: jar=2")
    server = serve(answering(by_path(set=setting("jar=1"), there=there)))
    client = client_of(world)
    await client.get(server.url("/set"))

    response = await client.get(
        server.url("/there"), headers=[("Cookie", "a=1"), ("cookie", "b=2")], cookies=[("c", "3"), ("c", "4")]
    )

    for request in server.requests[1:]:
        assert [name for name, _ in request.fields].count("cookie") == 1
    assert sent(server)[1:] == ["a=1; b=2; c=3; c=4; jar=1", "a=1; b=2; c=3; c=4; jar=2"]
    assert response.request.headers.get_list("cookie") == ["a=1; b=2; c=3; c=4; jar=2"]


async def test_cookies_of_one_request_are_not_kept(world: World, serve: Serve) -> None:
    """CVE-2026-47265: they are bound to the request."""
    server = serve(answering(by_path()))
    client = client_of(world)

    await client.get(server.url(), cookies={"a": "1"})
    await client.get(server.url())

    assert sent(server) == ["a=1", None]
    assert not client.cookies


CODES = ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"]
KINDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "cookies= of the request": ({}, {"cookies": {"s": "secret"}}),
    "Cookie by hand": ({}, {"headers": {"Cookie": "s=secret"}}),
    "several, in all cases": ({}, {"headers": [("COOKIE", "s=secret"), ("cookie", "t=secret")]}),
    "cookies= of the client": ({"cookies": {"s": "secret"}}, {}),
    "Cookie of the client": ({"headers": {"Cookie": "s=secret"}}, {}),
    "a jar of the host": ({"cookies": [Cookie("s", "secret", "a.example")]}, {}),
    "a jar of the domain": ({"cookies": [Cookie("s", "secret", ".a.example")]}, {}),
}


@pytest.mark.parametrize("status", CODES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("target", ["b.example", "example", "xa.example", "a.example.b.example"])
async def test_no_cookie_follows_a_redirect_to_another_host(
    world: World, serve: Serve, status: str, kind: str, target: str
) -> None:
    """T-RED. CVE-2023-43804, CVE-2026-34518, CVE-2026-47265, #13180, CVE-2022-21712, CVE-2022-23607, CVE-2018-20852,
    CVE-2024-24758, CVE-2022-31151, GHSA-wgrq-f894-59q5: nor when the chain comes back, for what was given by hand.
    """
    other = serve(
        answering(lambda request: reply(b"", "302 Found", f"Location: {server.url('/back', host='a.example')}"))
    )
    away = reply(b"", status, f"Location: {other.url('/', host=target)}")
    server = serve(answering(by_path(away=away)))
    of_client, of_request = KINDS[kind]
    client = client_of(world, **of_client)

    response = await client.get(server.url("/away", host="a.example"), **of_request)

    assert "secret" in str(sent(server)[0])
    assert sent(other) == [None]
    assert sent(server)[1] == ("s=secret" if "jar" in kind else None)
    assert [("cookie" in each.request.headers) for each in response.history] == [True, False]


async def test_a_subdomain_gets_what_is_for_the_domain_only(world: World, serve: Serve) -> None:
    server = serve(answering(by_path(set=setting("wide=1; Domain=a.example", "host=1"))))
    client = client_of(world, cookies={"given": "1"})

    await client.get(server.url("/set", host="a.example"))
    await client.get(server.url("/", host="www.a.example"), follow_redirects=False)

    assert sent(server) == ["given=1", "given=1; wide=1"]


async def test_a_redirect_sets_cookies_for_its_own_host(world: World, serve: Serve) -> None:
    """CVE-2015-2296: not for where it leads to, nor for where the call began."""
    other = serve(answering(by_path(there=setting("b=1"))))
    away = reply(b"", "302 Found", f"Location: {other.url('/there', host='b.example')}", "Set-Cookie: a=1")
    server = serve(answering(by_path(away=away)))
    client = client_of(world)

    await client.get(server.url("/away", host="a.example"))
    await client.get(server.url("/", host="a.example"))
    await client.get(server.url("/", host="b.example"))

    assert sent(other) == [None]
    assert sent(server) == [None, "a=1", "b=1"]
    assert {cookie.name: cookie.domain for cookie in client.cookies.records()} == {"a": "a.example", "b": "b.example"}


async def test_secure_cookies_are_not_sent_in_the_open(world: World, serve: Serve, authority: Any) -> None:
    """CVE-2018-18074: nor after a redirect from https to http on the same host; CVE-2026-80255: a tab counts."""
    plain = serve(answering(by_path()))
    away = reply(b"", "302 Found", f"Location: {plain.url('/', host='a.example')}")
    secret = setting("s=1;\tSecure", "open=1", "__Host-h=1; Secure; Path=/")
    server = serve(answering(by_path(set=secret, away=away)), tls=authority.good)
    client = client_of(world, verify=authority.roots)

    for path in ("/set", "/away"):
        await client.get(server.url(path, host="a.example"), server_hostname="localhost")

    assert sent(server) == [None, "s=1; open=1; __Host-h=1"]
    assert sent(plain) == ["open=1"]


async def test_the_host_field_does_not_choose_cookies(world: World, serve: Serve) -> None:
    """CVE-2026-6276: the URL does."""
    server = serve(answering(by_path(set=setting("a=1"))))
    client = client_of(world)

    await client.get(server.url("/set", host="a.example"), headers={"Host": "b.example"})
    await client.get(server.url("/", host="b.example"))
    await client.get(server.url("/", host="c.example"), headers={"Host": "a.example"})

    assert sent(server) == [None, None, None]
    assert [cookie.domain for cookie in client.cookies.records()] == ["a.example"]


async def test_interim_responses_and_trailers_set_nothing(world: World, serve: Serve) -> None:
    """CVE-2025-53643: a Set-Cookie among the trailers is no header; 1xx are not the response."""
    early = b"HTTP/1.1 103 Early Hints\r\nSet-Cookie: early=1\r\n\r\n"
    late = chunked(b"x", trailers="Set-Cookie: late=1\r\n")
    server = serve(answering(lambda request: early + late))
    client = client_of(world)

    response = await client.get(server.url())

    assert response.trailers["set-cookie"] == "late=1"
    assert not client.cookies
    assert not response.cookies


@pytest.mark.parametrize(
    "status", ["401 Unauthorized", "404 Not Found", "500 Oops", "204 No Content", "304 Not Modified"]
)
async def test_every_final_response_may_set_cookies(world: World, serve: Serve, status: str) -> None:
    answer = setting("a=1", status=status)
    server = serve(answering(answer.replace(b"Content-Length: 0\r\n", b"") if status[0] in "23" else answer))
    client = client_of(world, raise_for_status=True)

    came = await outcome(lambda: client.get(server.url()))
    response = came.response if isinstance(came, courser.StatusError) else came

    assert response.cookies == client.cookies == {"a": "1"}


async def test_bad_cookies_are_ignored_without_a_sound(
    world: World, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    """CVE-2025-69230, CVE-2026-0672, CVE-2026-3644, CVE-2026-6019, CVE-2022-32205."""
    bad = ["", "=", "x", "a=1; Domain=com", "a=1; Domain=b.example", "b=1; Secure", "__Host-c=1", "d=" + "x" * 5000]
    server = serve(answering(setting(*bad * 5, "good=1")))
    client = client_of(world)

    response = await client.get(server.url("/", host="a.example"))

    assert response.cookies == client.cookies == {"good": "1"}
    assert caplog.records == []


async def test_cookies_of_a_stream(world: World, serve: Serve) -> None:
    if not world.streams:
        pytest.skip("this client does not stream")
    server = serve(answering(by_path(set=setting("a=1"))))
    client = client_of(world)

    async with client.stream("GET", server.url("/set")) as response:
        assert response.cookies == client.cookies == {"a": "1"}
        assert (await response.response()).cookies == {"a": "1"}
    async with client.stream("GET", server.url("/"), cookies={"b": "2"}) as response:
        assert await response.read() == b"b=2; a=1"


async def test_an_unfollowed_redirect_carries_no_cookies_of_the_jar_along(world: World, serve: Serve) -> None:
    away = reply(b"", "302 Found", "Location: /end", "Set-Cookie: a=2")
    server = serve(answering(by_path(away=away)))
    client = client_of(world, cookies=[Cookie("a", "1", "127.0.0.1")], follow_redirects=False)

    response = await client.get(server.url("/away"), cookies={"b": "1"})
    following = response.next_request

    assert response.request.headers["cookie"] == "b=1; a=1"
    assert following.headers["cookie"] == "b=1"
    await client.send(following)
    await client.send(response.request)
    assert sent(server)[1:] == ["b=1; a=2", "b=1; a=2"]


async def test_a_request_that_is_made_gets_the_cookies_of_the_jar_when_it_is_sent(world: World, serve: Serve) -> None:
    server = serve(answering(by_path()))
    client = client_of(world, cookies={"a": "1"})

    made = client.build_request("GET", server.url(), cookies={"b": "2"})
    own = Request("GET", server.url(), cookies={"c": "3"}, headers={"Cookie": "d=4"})
    client.cookies["a"] = "5"
    await client.send(made)
    await client.send(own)

    assert sent(server) == ["b=2; a=5", "d=4; c=3; a=5"]
    assert made.headers["cookie"] == "b=2"


async def test_the_jar_of_a_client_can_be_changed(world: World, serve: Serve) -> None:
    server = serve(answering(by_path()))
    client = client_of(world)

    client.cookies.set("a", "1", domain="127.0.0.1", path="/x")
    await client.get(server.url("/x"))
    getattr(client, "wrapped", client).cookies = {"b": "2"}
    await client.get(server.url("/x"))
    client.cookies.clear()
    await client.get(server.url("/x"))

    assert sent(server) == ["a=1", "b=2", None]


async def test_clients_may_share_a_jar(world: World, serve: Serve) -> None:
    server = serve(answering(by_path(set=setting("a=1"))))
    jar = Cookies()

    await client_of(world, cookies=jar).get(server.url("/set"))
    await client_of(world, cookies=jar).get(server.url("/"))

    assert sent(server) == [None, "a=1"]
    assert jar == {"a": "1"}


async def test_a_client_without_cookies(world: World, serve: Serve) -> None:
    """FEATURES 1.8, "Disable": nothing is kept and nothing sent but what the caller gives."""
    server = serve(answering(by_path(set=reply(b"", "302 Found", "Location: /end", "Set-Cookie: a=1"))))
    client = client_of(world, cookies=False)

    response = await client.get(server.url("/set"), cookies={"b": "2"})
    client.cookies["c"] = "3"
    await client.get(server.url("/"))

    assert sent(server) == ["b=2", "b=2", "c=3"]
    assert response.history[0].cookies == {"a": "1"}


async def test_plain_cookies_of_a_client_with_a_base_url_stay_with_its_origin(world: World, serve: Serve) -> None:
    """CVE-2025-27152: an absolute URL does not carry the client's cookies away."""
    server, other = serve(answering(by_path())), serve(answering(by_path()))
    client = client_of(world, base_url=server.url(), cookies={"a": "1"})

    await client.get("/x")
    await client.get(other.url("/"))
    await client.get("//evil.example/")

    assert sent(server) == ["a=1", "a=1"]
    assert sent(other) == [None]


async def test_transports_of_the_users_get_and_set_cookies(world: World) -> None:
    class Echo:
        def send(self, request: Request, deadline: float, /) -> Response:
            return Response(200, headers={"Set-Cookie": "a=1"}, text=request.headers.get("cookie", ""))

    client = world.client(transport=Echo())

    first, second = await client.get("http://a.example/"), await client.get("http://a.example/")

    assert (first.text, second.text) == ("", "a=1")
    assert second.cookies == {"a": "1"}
    assert pickle.loads(pickle.dumps(second)).cookies == {"a": "1"}


async def test_middleware_sees_what_was_sent_and_may_send_it_again(world: World, serve: Serve) -> None:
    def twice(request: Request) -> Any:
        yield request
        response = yield request
        assert "cookie" not in request.headers
        return response

    server = serve(answering(setting("a=1")))
    client = client_of(world, middleware=[twice])

    response = await client.get(server.url())

    assert sent(server) == [None, "a=1"]
    assert response.request.headers["cookie"] == "a=1"


@pytest.mark.parametrize(
    "cookies", [{"a": "1\r\nX: y"}, {"a\n": "1"}, {"a;b": "1"}, {"a": "1;b=2"}, {"": "1"}, [("a", "\x00")]]
)
async def test_what_would_break_the_field_is_refused_unsent(world: World, serve: Serve, cookies: Any) -> None:
    """T-INJ: cookie names and values."""
    server = serve(answering(by_path()))
    client = client_of(world)

    with pytest.raises(courser.InvalidRequest):
        await client.get(server.url(), cookies=cookies)
    with pytest.raises(courser.InvalidRequest):
        client.cookies.update(cookies)

    assert server.requests == []
