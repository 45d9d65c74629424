"""Redirects, as they travel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from faultserver import FaultServer, Received, answering, reply
from worlds import World

import courser

Serve = Callable[..., FaultServer]


def hops(status: str, location: str = "/end") -> Callable[[Received], bytes]:
    """Redirect once; tell what came at the end."""

    def answer(request: Received) -> bytes:
        if request.target.startswith("/end"):
            return reply(request.method.encode() + b" " + request.body)
        return reply(b"moved", status, f"Location: {location}")

    return answer


CODES = [
    ("301 Moved Permanently", "POST", b"GET "),
    ("302 Found", "POST", b"GET "),
    ("303 See Other", "POST", b"GET "),
    ("307 Temporary Redirect", "POST", b"POST body"),
    ("308 Permanent Redirect", "POST", b"POST body"),
    ("301 Moved Permanently", "PUT", b"PUT body"),
    ("302 Found", "PUT", b"PUT body"),
    ("303 See Other", "PUT", b"GET "),
    ("307 Temporary Redirect", "GET", b"GET "),
]


@pytest.mark.parametrize(("status", "method", "told"), CODES, ids=[f"{a[:3]} {b}" for a, b, _ in CODES])
async def test_the_status_decides_what_is_sent_again(
    world: World, serve: Serve, status: str, method: str, told: bytes
) -> None:
    server = serve(answering(hops(status)))
    client = world.client()
    body: dict[str, Any] = {} if method == "GET" else {"content": b"body", "headers": {"Content-Type": "text/x"}}

    response = await client.request(method, server.url("/start"), **body)

    assert response.content == told
    assert [each.status_code for each in response.history] == [int(status[:3])]
    assert response.history[0].content == b"moved"
    assert str(response.url) == server.url("/end")
    assert (server.requests[1].get("content-type") == "text/x") == told.endswith(b"body")
    assert server.connections == 1
    assert client.stats() == {"connections": 1, "idle": 1}


async def test_another_origin_never_sees_secrets_not_even_after_coming_back(world: World, serve: Serve) -> None:
    def away(request: Received) -> bytes:
        if request.target == "/back":
            return reply(b"home")
        return reply(b"", "302 Found", f"Location: {other.url('/there')}")

    server = serve(answering(away))
    other = serve(answering(lambda request: reply(b"", "302 Found", f"Location: {server.url('/back')}")))
    secrets = {"Authorization": "Bearer s", "Cookie": "a=b", "Proxy-Authorization": "Basic s", "X-Keep": "1"}

    response = await world.client().get(server.url("/"), headers=secrets)

    assert response.content == b"home"
    for request in (other.requests[0], server.requests[1]):
        assert [request.get(name) for name in ("authorization", "cookie", "proxy-authorization")] == [None] * 3
        assert request.get("x-keep") == "1"
    assert server.requests[0].get("authorization") == "Bearer s"


async def test_the_fragment_is_kept_unless_there_is_a_new_one(world: World, serve: Serve) -> None:
    server = serve(answering(hops("302 Found", "/end?x=1")), answering(hops("302 Found", "/end#new")))
    client = world.client()

    assert str((await client.get(server.url("/start#old"))).url) == server.url("/end?x=1#old")
    assert server.requests[1].target == "/end?x=1"


async def test_a_loop_ends(world: World, serve: Serve) -> None:
    server = serve(answering(reply(b"", "302 Found", "Location: /again")))
    client = world.client(max_redirects=3)

    with pytest.raises(courser.TooManyRedirects, match="3"):
        await client.get(server.url())

    assert len(server.requests) == 4
    assert client.stats()["connections"] == client.stats()["idle"]


async def test_unfollowed_redirects_say_what_comes_next(world: World, serve: Serve) -> None:
    server = serve(answering(hops("303 See Other")))
    client = world.client()

    response = await client.post(server.url("/start"), content=b"x", follow_redirects=False)

    assert response.is_redirect
    assert response.content == b"moved"
    following = response.next_request
    assert (following.method, str(following.url)) == ("GET", server.url("/end"))
    assert (await client.send(following)).content == b"GET "


async def test_a_body_that_runs_once_is_not_sent_twice(world: World, serve: Serve) -> None:
    server = serve(answering(hops("307 Temporary Redirect")))
    client = world.client()

    def body() -> Iterator[bytes]:
        yield b"body"

    with pytest.raises(courser.BodyNotReplayable):
        await client.post(server.url("/start"), content=body())

    assert len(server.requests) == 1
    assert client.stats()["connections"] == client.stats()["idle"]


@pytest.mark.parametrize(
    "location", ["ftp://example.org/", "http://[bad/", "javascript:alert(1)", "file:///etc/passwd"]
)
async def test_a_location_that_leads_nowhere_is_an_error(world: World, serve: Serve, location: str) -> None:
    server = serve(answering(reply(b"", "302 Found", f"Location: {location}")))

    with pytest.raises(courser.RedirectError) as caught:
        await world.client().get(server.url())

    assert caught.value.request is not None


async def test_a_redirect_without_location_is_a_response(world: World, serve: Serve) -> None:
    server = serve(answering(reply(b"choose", "302 Found")))

    response = await world.client().get(server.url())

    assert (response.status_code, response.content, response.next_request) == (302, b"choose", None)


async def test_a_large_body_of_a_redirect_is_given_up(world: World, serve: Serve) -> None:
    def answer(request: Received) -> bytes:
        if request.target == "/end":
            return reply(b"done")
        return reply(b"x" * 2_000_000, "302 Found", "Location: /end")

    server = serve(answering(answer))
    client = world.client()

    assert (await client.get(server.url("/start"))).content == b"done"
    assert client.stats() == {"connections": 1, "idle": 1}
    assert server.connections == 2


async def test_a_redirect_with_a_broken_body_is_still_followed(world: World, serve: Serve) -> None:
    def first(peer: Any) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 302 Found\r\nLocation: /end\r\nContent-Length: 10\r\n\r\nabc")

    server = serve(first, answering(reply(b"done")))

    assert (await world.client().get(server.url("/start"))).content == b"done"


async def test_streams_follow_redirects(world: World, serve: Serve) -> None:
    server = serve(answering(hops("302 Found")))
    client = world.client()

    async with client.stream("GET", server.url("/start")) as response:
        assert [each.status_code for each in response.history] == [302]
        assert await response.read() == b"GET "

    assert client.stats() == {"connections": 1, "idle": 1}
