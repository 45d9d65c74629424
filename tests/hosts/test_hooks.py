"""Event hooks as users of HTTPX know them, and what flows may do besides passing things on."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable
from typing import Any

import pytest
from faultserver import FaultServer, Peer, Received, answering, reply
from worlds import World

import courser
from courser import Call, Read, Request, Response, Stored
from courser.testing import MockTransport

Serve = Callable[..., FaultServer]


def landing(request: Received) -> bytes:
    if request.target == "/start":
        return reply(b"on", "302 Found", "Location: /end")
    return reply((request.get("x-tag") or "-").encode())


async def test_hooks_see_each_hop(world: World, serve: Serve) -> None:
    server = serve(answering(landing))
    seen: list[Any] = []
    client = world.client(
        event_hooks={
            "request": [lambda request: seen.append((request.method, request.url.path))],
            "response": [lambda response: seen.append((response.status_code, response.request.url.path))],
        }
    )

    response = await client.get(server.url("/start"))

    assert seen == [("GET", "/start"), (302, "/start"), ("GET", "/end"), (200, "/end")]
    assert len(response.history) == 1
    assert client.stats() == {"connections": 1, "idle": 1}


async def test_hooks_see_each_hop_of_a_login(world: World, serve: Serve) -> None:
    def challenge(request: Received) -> bytes:
        if request.get("authorization"):
            return reply(b"in")
        return reply(b"", "401 No", 'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"')

    server = serve(answering(challenge))
    seen: list[bool] = []
    client = world.client(
        auth=courser.DigestAuth("u", "p"),
        event_hooks={"request": [lambda request: seen.append("authorization" in request.headers)]},
    )

    assert (await client.get(server.url())).content == b"in"
    assert seen == [False, True]


async def test_a_hook_changes_the_request_where_the_caller_is(world: World, serve: Serve) -> None:
    server = serve(answering(landing))
    threads: list[int] = []

    def tag(request: Request) -> None:
        threads.append(threading.get_ident())
        request.headers["X-Tag"] = "hooked"

    async def tag_more(request: Request) -> None:
        threads.append(threading.get_ident())
        if world.is_async:
            await world.sleep(0.001)
        request.headers["X-Tag"] += " twice"

    client = world.client(event_hooks={"request": [tag, tag_more]})

    assert (await client.get(server.url())).content == b"hooked twice"
    assert threads == [threading.get_ident()] * 2


async def test_a_response_hook_sees_what_the_caller_gets(world: World, serve: Serve) -> None:
    """As in Requests: the whole response, and the very one, so that what a hook says of it holds."""
    body = gzip.compress("café".encode("latin-1"))
    server = serve(
        answering(
            lambda request: (
                reply(b"on", "302 Found", "Location: /end")
                if request.target == "/start"
                else reply(body, "200 OK", "Content-Encoding: gzip")
            )
        )
    )
    seen: list[Any] = []

    def read(response: Response) -> None:
        response.encoding = "latin-1"
        seen.append((response.text, response.elapsed.total_seconds() > 0, response))

    response = await world.client(event_hooks={"response": [read]}).get(server.url("/start"))

    assert [(text, timed) for text, timed, _ in seen] == [("on", True), ("café", True)]
    assert (response.text, response.encoding) == ("café", "latin-1")
    assert [each for _, _, each in seen] == [*response.history, response]


async def test_a_hook_gives_another_response(world: World, serve: Serve) -> None:
    server = serve(answering(reply(b"x" * 100_000)))

    async def replace(response: Response) -> Response:
        return Response(203, text="another")

    client = world.client(event_hooks={"response": [replace]})

    response = await client.get(server.url())
    assert (response.status_code, response.text, str(response.url)) == (203, "another", server.url())
    assert client.stats() == {"connections": 1, "idle": 1}


async def test_a_body_that_is_too_large_for_the_call_is_not_shown(world: World, serve: Serve) -> None:
    server = serve(answering(reply(b"x" * 100_000)))
    seen: list[Any] = []
    client = world.client(event_hooks={"response": [seen.append]}, max_body_size=50_000)

    with pytest.raises(courser.LimitExceeded) as caught:
        await client.get(server.url())

    assert seen == []
    assert caught.value.request is not None
    assert world.left_by(client) == 0


async def test_a_response_hook_of_a_stream_does_not_wait_for_the_body(world: World, serve: Serve) -> None:
    told = threading.Event()

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
        assert told.wait(5)
        peer.send(b"body")
        peer.wait_for_close()

    client = world.client(event_hooks={"response": [lambda response: told.set()]})
    if world.streams:
        async with client.stream("GET", serve(script).url()) as response:
            assert await response.read() == b"body"


async def test_a_hook_may_refuse_a_response(world: World, serve: Serve) -> None:
    server = serve(answering(lambda request: reply(b"why" * 100_000, "404 Not Found", "X-Tag: a")))
    client = world.client(event_hooks={"response": lambda response: response.raise_for_status()})

    with pytest.raises(courser.StatusError, match="404 Not Found") as caught:
        await client.get(server.url())

    response = caught.value.response
    assert (response.status_code, response.headers["x-tag"], str(response.url)) == (404, "a", server.url())
    assert response.content == b"why" * 100_000
    assert client.stats()["connections"] == client.stats()["idle"]


async def test_a_hook_may_refuse_a_stream_before_its_body_is_there(world: World, serve: Serve) -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\n")
        peer.wait_for_close()

    client = world.client(event_hooks={"response": lambda response: response.raise_for_status()})
    if not world.streams:
        return
    with pytest.raises(courser.StatusError, match="404 Not Found") as caught:
        async with client.stream("GET", serve(script).url()):
            raise AssertionError

    with pytest.raises(courser.StreamClosed, match=r"courser\.Read"):
        _ = caught.value.response.content
    assert world.left_by(client) == 0


@pytest.mark.parametrize("coding", ["", "gzip"])
async def test_a_hook_that_is_a_flow_reads_the_body_of_a_stream(world: World, serve: Serve, coding: str) -> None:
    body = gzip.compress(b"why") if coding else b"why"
    fields = ["Content-Encoding: gzip"] if coding else []
    server = serve(answering(lambda request: reply(body, "404 No" if request.target == "/no" else "200 OK", *fields)))
    seen: list[bytes] = []

    def explain(response: Any) -> Any:
        seen.append((yield Read(response)))
        response.raise_for_status()

    client = world.client(event_hooks={"response": [explain]})
    if not world.streams:
        return
    async with client.stream("GET", server.url()) as response:
        assert await response.read() == b"why"
    with pytest.raises(courser.StatusError) as caught:
        async with client.stream("GET", server.url("/no")):
            raise AssertionError
    assert caught.value.response.content == b"why"
    assert seen == [b"why", b"why"]


async def test_hooks_can_be_changed(world: World, serve: Serve) -> None:
    server = serve(answering(landing))
    seen: list[str] = []
    client = world.client()
    assert client.event_hooks == {"request": [], "response": []}
    await client.get(server.url())

    client.event_hooks["request"].append(lambda request: seen.append("one"))
    await client.get(server.url())
    getattr(client, "wrapped", client).event_hooks = {"response": [lambda response: seen.append("two")]}
    await client.get(server.url())

    assert seen == ["one", "two"]


async def test_hooks_stand_between_middleware_and_the_network(world: World, serve: Serve) -> None:
    server = serve(answering(landing))
    order: list[str] = []

    def middleware(request: Request) -> Any:
        order.append("flow")
        response = yield request
        order.append("flow again")
        return response

    client = world.client(
        middleware=[middleware],
        event_hooks={
            "request": [lambda request: order.append("request")],
            "response": [lambda response: order.append("response")],
        },
    )
    if world.streams:
        async with client.stream("GET", server.url()) as response:
            assert await response.read() == b"-"
    else:
        await client.get(server.url())

    assert order == ["flow", "request", "response", "flow again"]


# What else flows may do


async def test_a_flow_may_answer_by_itself(world: World) -> None:
    def answer(request: Request) -> Any:
        if request.url.path == "/stored":
            return Stored(203, headers={"X-Tag": "a", "Content-Encoding": "gzip"}, content=gzip.compress(b"kept"))
        if request.url.path == "/own":
            return Response(202, headers={"Content-Encoding": "gzip"}, content=b"made", http_version="HTTP/2")
        return (yield request)

    transport = MockTransport(lambda request: Response(200, text="asked"))
    client = world.client(middleware=[answer], transport=transport)

    stored, own, asked = [await client.get(f"http://a.example/{path}") for path in ("stored", "own", "asked")]

    assert (stored.status_code, stored.content, stored.reason_phrase) == (203, b"kept", "Non-Authoritative Information")
    assert (own.status_code, own.content, own.http_version) == (202, b"made", "HTTP/2")
    assert asked.text == "asked"
    assert [str(each.request.url) for each in (stored, own)] == ["http://a.example/stored", "http://a.example/own"]
    assert len(transport.requests) == 1


async def test_a_response_of_another_client_can_be_returned(world: World, serve: Serve) -> None:
    server = serve(answering(reply(gzip.compress(b"far"), "200 OK", "Content-Encoding: gzip", "X-Tag: a")))

    def elsewhere(request: Request) -> Any:
        def ask() -> Response:
            with courser.Client(**world.spoken({})) as other:
                return other.get(server.url())

        return (yield Call(ask))

    response = await world.client(middleware=[elsewhere]).get("http://nowhere.example/")

    assert (response.content, response.headers["x-tag"]) == (b"far", "a")


async def test_a_response_that_a_flow_has_asked_for_and_not_used_is_given_up(world: World, serve: Serve) -> None:
    server = serve(answering(reply(b"x" * 100_000)))

    def refuse(request: Request) -> Any:
        yield request
        return Response(200, text="another")

    client = world.client(middleware=[refuse])

    assert (await client.get(server.url())).text == "another"
    assert client.stats()["connections"] == client.stats()["idle"]


async def test_a_flow_leaves_notes_for_the_caller(world: World, serve: Serve) -> None:
    server = serve(answering(reply(b"hello")))

    def note(request: Request) -> Any:
        if request.url.path == "/own":
            made = Response(200)
            made.extensions["from"] = "flow"
            return made
        response = yield request
        response.extensions["tries"] = 1
        return response

    client = world.client(middleware=[note])

    assert (await client.get(server.url())).extensions == {"tries": 1}
    assert (await client.get(server.url("/own"))).extensions == {"from": "flow"}
    if world.streams:
        async with client.stream("GET", server.url()) as stream:
            assert stream.extensions == {"tries": 1}


async def test_a_flow_sees_what_a_status_means(world: World, serve: Serve) -> None:
    server = serve(answering(lambda request: reply(b"", f"{request.target[1:]} Told", "Location: /200")))
    seen: list[tuple[Any, ...]] = []

    def look(request: Request) -> Any:
        answer = yield request
        facts = (answer.is_informational, answer.is_success, answer.is_redirect, answer.is_client_error)
        seen.append((*facts, answer.is_server_error, answer.is_error, answer.ok, answer.url.path))
        return answer

    client = world.client(middleware=[look], follow_redirects=False)
    for status in (200, 302, 404, 500):
        await client.get(server.url(f"/{status}"))

    assert seen == [
        (False, True, False, False, False, False, True, "/200"),
        (False, False, True, False, False, False, True, "/302"),
        (False, False, False, True, False, True, False, "/404"),
        (False, False, False, False, True, True, False, "/500"),
    ]


async def test_an_async_function_is_called_where_the_caller_is(world: World, serve: Serve) -> None:
    threads: list[int] = []

    async def note(number: int) -> int:
        threads.append(threading.get_ident())
        return number

    def flow(request: Request) -> Any:
        assert (yield Call(note, 5)) == 5
        return (yield request)

    await world.client(middleware=[flow]).get(serve(answering(reply(b"hello"))).url())

    assert threads == [threading.get_ident()]


class Ending:
    """A body filter that has something done at the end."""

    def __init__(self, last: Any) -> None:
        self.last = last

    def feed(self, data: bytes) -> bytes:
        return data

    def end(self) -> Any:
        return self.last

    def abort(self) -> None:
        """Nothing is to be done."""


async def test_what_a_filter_wants_at_the_end_is_done_before_the_caller_hears_of_it(world: World, serve: Serve) -> None:
    server = serve(answering(reply(b"hello")))
    done: list[Any] = []

    async def later() -> None:
        done.append("async")

    def flow(request: Request) -> Any:
        response = yield request
        response.attach(Ending(None))
        response.attach(Ending(Call(lambda: done.append(threading.get_ident()))))
        response.attach(Ending(Call(later)))
        return response

    client = world.client(middleware=[flow])

    assert (await client.get(server.url())).content == b"hello"
    assert len(done) == 2
    assert (done[0] == threading.get_ident()) == (not world.is_async)
    if world.streams:
        async with client.stream("GET", server.url()) as response:
            assert await response.read() == b"hello"
        assert done[3] == "async"


async def test_what_fails_at_the_end_is_raised(world: World, serve: Serve) -> None:
    server = serve(answering(reply(b"hello")))

    def fail() -> None:
        raise LookupError("full")

    def flow(request: Request) -> Any:
        response = yield request
        response.attach(Ending(Call(fail)))
        return response

    client = world.client(middleware=[flow])

    with pytest.raises(LookupError, match="full"):
        await client.get(server.url())
    assert client.stats()["connections"] == client.stats()["idle"]
