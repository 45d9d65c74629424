"""The recipes of the documentation do what they say, wherever a client lives."""

from __future__ import annotations

import gzip
import json
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from faultserver import FaultServer, Peer, Received, answering, chunked, once, reply
from worlds import World

import courser
from courser.testing import MockTransport

Serve = Callable[..., FaultServer]

PAGE = Path(__file__).parents[2] / "docs" / "recipes.md"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def recipes() -> Any:
    """What the page defines, without the examples of use that end its blocks."""
    names: dict[str, Any] = {}
    for block in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        definitions = re.split(r"^(?:tokens|client) = ", block, maxsplit=1, flags=re.MULTILINE)[0]
        exec(compile(definitions, str(PAGE), "exec"), names)
    return type("Recipes", (), names)


class TokenServer:
    """Gives tokens, one after the other, and takes the last one only."""

    def __init__(self) -> None:
        self.given = 0
        self.refusals = 0
        self.lock = threading.Lock()

    def __call__(self, request: Received) -> bytes:
        with self.lock:
            if request.target == "/token":
                assert request.body == b"secret=s3cret"
                self.given += 1
                return reply(json.dumps({"access_token": f"t{self.given}"}).encode())
            good = request.get("authorization") == f"Bearer t{self.given}"
            self.refusals += not good
            return reply(b"fine") if good else reply(b"", "401 No")


async def test_a_token_is_renewed_once_for_all_who_wait(world: World, serve: Serve, recipes: Any) -> None:
    tokens = TokenServer()
    server = serve(answering(tokens))
    client = world.client(middleware=[recipes.Tokens(server.url("/token"), "s3cret")])

    assert (await client.get(server.url("/first"))).content == b"fine"
    assert tokens.given == 1
    with tokens.lock:
        tokens.given += 1  # the first token is good no more
    calls = [lambda: client.get(server.url("/again"))] * 100
    if world.is_async:
        answers = await world.together(*calls)
    else:
        answers = list(client.map([server.url("/again")] * 100, concurrency=100))

    assert [answer.content for answer in answers] == [b"fine"] * 100
    assert tokens.given == 3
    assert tokens.refusals >= 1
    assert client.stats()["connections"] == client.stats()["idle"]


def test_threads_wait_for_one_token_too(serve: Serve, recipes: Any) -> None:
    tokens = TokenServer()
    server = serve(answering(tokens))
    client = courser.Client(middleware=[recipes.Tokens(server.url("/token"), "s3cret")])
    begin = threading.Barrier(20)
    contents: list[bytes] = []

    def get() -> None:
        begin.wait(5)
        contents.append(client.get(server.url()).content)

    threads = [threading.Thread(target=get) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    client.close()

    assert contents == [b"fine"] * 20
    assert tokens.given == 1


async def test_another_request_renews_where_the_first_is_cancelled(world: World, serve: Serve, recipes: Any) -> None:
    if not world.is_async:
        pytest.skip("plain code is not cancelled")
    asked = threading.Event()

    def hesitant(peer: Peer) -> None:
        peer.request()
        asked.set()
        peer.wait_for_close()

    tokens = TokenServer()
    server = serve(hesitant, answering(tokens))
    client = world.client(middleware=[recipes.Tokens(server.url("/token"), "s3cret")])

    waits = threading.Event()

    async def second() -> Any:
        assert await world.until(asked.is_set)
        waits.set()
        return await client.get(server.url())

    async def first() -> bool:
        return await world.cancelled_once(waits.is_set, lambda: client.get(server.url()))

    cancelled, answer = await world.together(first, second)

    assert cancelled
    assert answer.content == b"fine"
    assert tokens.given == 1


async def test_a_token_that_nobody_gives_is_an_error(world: World, serve: Serve, recipes: Any) -> None:
    server = serve(answering(reply(b"who are you?", "403 Forbidden")))
    middleware = recipes.Tokens(server.url("/token"), "s3cret")
    client = world.client(middleware=[middleware])

    with pytest.raises(courser.StatusError, match="403"):
        await client.get(server.url())
    with pytest.raises(courser.StatusError, match="403"):
        await client.get(server.url())

    assert middleware.renewals == {}


class Threads(list[int]):
    """In which threads functions ran."""

    def noting(self, function: Any) -> Any:
        def call(*args: Any) -> Any:
            self.append(threading.get_ident())
            return function(*args)

        return call


def noted(cache: Any) -> Threads:
    threads = Threads()
    cache.load, cache.store = threads.noting(cache.load), threads.noting(cache.store)
    return threads


async def test_what_is_kept_is_not_asked_for_again(world: World, serve: Serve, recipes: Any, tmp_path: Path) -> None:
    body = gzip.compress(b"long" * 50_000)
    server = serve(answering(chunked(body[:100], body[100:], fields="Content-Encoding: gzip\r\nX-Tag: a\r\n")))
    cache = recipes.DiskCache(tmp_path)
    threads = noted(cache)
    client = world.client(middleware=[cache])

    first, second = await client.get(server.url()), await client.get(server.url())

    assert first.content == second.content == b"long" * 50_000
    assert second.headers["x-tag"] == "a"
    assert (second.status_code, second.reason_phrase, str(second.url)) == (200, "OK", server.url())
    assert len(server.requests) == 1
    assert len(threads) == 3
    assert (threading.get_ident() in threads) == (not world.is_async)
    if world.streams:
        async with client.stream("GET", server.url()) as stream:
            assert await stream.read() == first.content
        assert len(server.requests) == 1
    assert client.stats() == {"connections": 1, "idle": 1}


async def test_a_body_that_breaks_off_is_not_kept(world: World, serve: Serve, recipes: Any, tmp_path: Path) -> None:
    server = serve(once(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"), answering(reply(b"whole now")))
    cache = recipes.DiskCache(tmp_path)
    client = world.client(middleware=[cache])

    with pytest.raises(courser.TruncatedBody):
        await client.get(server.url())
    assert (cache.coming, list(tmp_path.iterdir())) == (set(), [])

    assert (await client.get(server.url())).content == b"whole now"
    assert (cache.coming, len(list(tmp_path.iterdir()))) == (set(), 1)


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"])
async def test_a_cancelled_call_leaves_nothing_behind(
    world: World, serve: Serve, recipes: Any, tmp_path: Path, start: bytes
) -> None:
    if not world.is_async:
        pytest.skip("plain code is not cancelled")

    def slow(peer: Peer) -> None:
        peer.request()
        peer.send(start)
        peer.wait_for_close()

    cache = recipes.DiskCache(tmp_path)
    client = world.client(middleware=[cache])
    server = serve(slow)

    assert await world.cancelled_after(0.05, lambda: client.get(server.url()))

    assert (cache.coming, list(tmp_path.iterdir())) == (set(), [])
    assert world.left_by(client) == 0


async def test_what_is_not_to_be_kept_is_not(world: World, serve: Serve, recipes: Any, tmp_path: Path) -> None:
    server = serve(answering(reply(b"x", "200 OK", "Cache-Control: no-store")))
    cache = recipes.DiskCache(tmp_path)
    client = world.client(middleware=[cache])

    await client.get(server.url())
    await client.post(server.url())

    assert (cache.coming, list(tmp_path.iterdir())) == (set(), [])


async def test_what_was_stored_is_bounded_as_what_comes(world: World, recipes: Any, tmp_path: Path) -> None:
    bomb = gzip.compress(bytes(10_000_000))

    def stored(request: courser.Request) -> Any:
        return courser.Stored(200, headers={"Content-Encoding": "gzip"}, content=bomb)
        yield

    client = world.client(middleware=[stored], max_decoded_size=1_000_000, transport=MockTransport(lambda request: 1))

    with pytest.raises(courser.LimitExceeded):
        await client.get("http://a.example/")
