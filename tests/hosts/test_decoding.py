"""Content codings over the wire: whole, cut off, hostile, unknown; and what a request says of them."""

from __future__ import annotations

import gzip
import sys
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from faultserver import FaultServer, Peer, Received, answering, chunked, reply
from worlds import World

import courser
from courser import defaults, packages
from courser.engines.coding import PIECE

Serve = Callable[..., FaultServer]

LINES = b"".join(b'{"number": %d, "text": "caf\xc3\xa9 \xe2\x80\xa8"}\n' % number for number in range(3000))
BOMB = bytes(12_000_000)
SMALL = 3_000_000
"""Bytes that a bomb may make a process hold, where there is no piece of more than a quarter of a million."""


def optional(module: Any, compress: Callable[[Any], Callable[[bytes], bytes]]) -> Callable[[bytes], bytes]:
    def compressed(data: bytes) -> bytes:
        if module() is None:
            pytest.skip("the package for this coding is not installed")
        return compress(module())(data)

    return compressed


br = optional(packages.brotli, lambda module: lambda data: module.compress(data, quality=5))
zstd = optional(packages.zstd, lambda module: module.compress)


def twice(compress: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """As two members or frames, one after the other."""
    return lambda data: compress(data[: len(data) // 2]) + compress(data[len(data) // 2 :])


async def into(seen: list[Any], pieces: AsyncIterator[Any]) -> None:
    """Take note of what comes, up to an error."""
    async for piece in pieces:
        seen.append(piece)


CODINGS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("X-GZip", gzip.compress),
    "deflate": ("deflate", zlib.compress),
    "raw deflate": ("deflate", lambda data: zlib.compress(data)[2:-4]),
    "br": ("br", br),
    "zstd": ("zstd", zstd),
    "two members of gzip": ("gzip", twice(gzip.compress)),
    "two frames of zstd": ("zstd", twice(zstd)),
    "a chain": ("deflate, gzip", lambda data: gzip.compress(zlib.compress(data))),
    "a chain of all": (
        "gzip, deflate, br, zstd, gzip",
        lambda data: gzip.compress(zstd(br(zlib.compress(gzip.compress(data))))),
    ),
}
coded = pytest.mark.parametrize("name", CODINGS)


def encoded(name: str, data: bytes) -> tuple[bytes, str]:
    """The body, and the field that says how it is coded."""
    coding, compress = CODINGS[name]
    return compress(data), f"Content-Encoding: {coding}"


@coded
async def test_a_body_is_decoded(world: World, serve: Serve, name: str) -> None:
    body, field = encoded(name, LINES)
    server = serve(answering(reply(body, "200 OK", field)))
    client = world.client()

    response = await client.get(server.url())

    assert response.content == LINES
    assert response.headers["content-encoding"] == field.partition(": ")[2]
    assert client.stats() == {"connections": 1, "idle": 1}


@coded
async def test_a_body_is_decoded_as_it_comes(world: World, serve: Serve, name: str) -> None:
    body, field = encoded(name, LINES)
    pieces = [body[at : at + 100] for at in range(0, len(body), 100)]
    server = serve(answering(chunked(*pieces, fields=f"{field}\r\n")))
    client = world.client()

    async with client.stream("GET", server.url()) as response:
        chunks = [chunk async for chunk in response.iter_bytes(1000)]
        assert b"".join(chunks) == LINES
        assert {len(chunk) for chunk in chunks[:-1]} == {1000}
        assert response.num_bytes_downloaded == len(body)
    async with client.stream("GET", server.url()) as response:
        assert [value["number"] async for value in response.iter_json_lines()] == list(range(3000))
    async with client.stream("GET", server.url()) as response:
        assert [line async for line in response.iter_lines()] == LINES.decode().split("\n")[:-1]
    async with client.stream("GET", server.url()) as response:
        assert b"".join([piece async for piece in response.iter_raw()]) == body

    assert client.stats() == {"connections": 1, "idle": 1}


@pytest.mark.parametrize(
    "lines", ["deflate, gzip", "deflate\r\nContent-Encoding: gzip", "deflate,\r\ncontent-encoding:gzip"]
)
async def test_a_chain_may_come_in_several_lines(world: World, serve: Serve, lines: str) -> None:
    body = gzip.compress(zlib.compress(LINES))
    server = serve(answering(reply(body, "200 OK", f"Content-Encoding: {lines}")))

    assert (await world.client().get(server.url())).content == LINES


@pytest.mark.parametrize(
    "field", ["Content-Encoding: " + ", ".join(["gzip"] * 6), "\r\n".join(["Content-Encoding: gzip"] * 100)]
)
async def test_cve_2025_66418_a_chain_of_more_than_five_is_refused(world: World, serve: Serve, field: str) -> None:
    """In one line or in many. Also CVE-2022-32206, CVE-2023-23916, CVE-2025-0725, CVE-2026-22036."""
    server = serve(answering(reply(gzip.compress(b"x"), "200 OK", field)))
    client = world.client()

    with pytest.raises(courser.LimitExceeded, match="content codings, 5 are allowed") as caught:
        await client.get(server.url())

    assert caught.value.request.url.path == "/"
    if world.streams:
        async with client.stream("GET", server.url()) as response:
            with pytest.raises(courser.LimitExceeded):
                [piece async for piece in response.iter_bytes()]


@coded
@pytest.mark.parametrize("cut", [1, 5, -1])
async def test_a_body_that_was_cut_off_before_it_was_sent_is_an_error(
    world: World, serve: Serve, name: str, cut: int
) -> None:
    """With the right Content-Length: requests, HTTPX and AIOHTTP give what there is of it without a word."""
    body, field = encoded(name, LINES)
    server = serve(answering(reply(body[:cut], "200 OK", field)))
    client = world.client()

    with pytest.raises(courser.DecodingError, match="ends too early") as caught:
        await client.get(server.url())

    assert LINES.startswith(caught.value.partial)
    assert caught.value.request.url.port == server.port
    if world.streams:
        seen: list[bytes] = []
        async with client.stream("GET", server.url()) as response:
            with pytest.raises(courser.DecodingError):
                await into(seen, response.iter_bytes())
        assert LINES.startswith(b"".join(seen))


@pytest.mark.parametrize("tail", [b"\0\0\0", b"\n", b"garbage"])
async def test_what_follows_gzip_is_ignored(world: World, serve: Serve, tail: bytes) -> None:
    server = serve(answering(reply(gzip.compress(LINES) + tail, "200 OK", "Content-Encoding: gzip")))

    assert (await world.client().get(server.url())).content == LINES


@coded
@pytest.mark.parametrize("answer", ["HEAD", "204 No Content", "304 Not Modified", "200 OK"])
async def test_no_body_has_nothing_to_decode(world: World, serve: Serve, name: str, answer: str) -> None:
    _, field = encoded(name, b"")
    status = "200 OK" if answer == "HEAD" else answer
    length = "" if answer.startswith("204") else f"Content-Length: {0 if answer == '200 OK' else 500}\r\n"
    server = serve(answering(f"HTTP/1.1 {status}\r\n{field}\r\n{length}\r\n".encode()))
    client = world.client()

    method = "HEAD" if answer == "HEAD" else "GET"
    assert (await client.request(method, server.url())).content == b""
    if world.streams:
        async with client.stream(method, server.url()) as response:
            assert await response.read() == b""
    assert client.stats() == {"connections": 1, "idle": 1}


# What cannot be decoded here


@pytest.mark.parametrize("coding", ["unheard-of", "gzip, unheard-of", "utf-8", "none", "aws-chunked", "compress"])
async def test_an_unknown_coding_leaves_the_body_as_it_is(world: World, serve: Serve, coding: str) -> None:
    server = serve(answering(reply(b"as it is", "200 OK", f"Content-Encoding: {coding}")))

    response = await world.client().get(server.url())

    assert response.content == b"as it is"
    assert response.headers["content-encoding"] == coding


@pytest.fixture
def without_packages(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No package for br and zstd is installed."""
    absent: Any = None
    for name in (*packages.BROTLI, *packages.ZSTD, "_zstd"):
        monkeypatch.setitem(sys.modules, name, absent)
    for cached in (packages._optional, packages.accept_encoding, defaults._pristine):
        cached.cache_clear()
    yield
    monkeypatch.undo()
    for cached in (packages._optional, packages.accept_encoding, defaults._pristine):
        cached.cache_clear()


@pytest.mark.parametrize("coding", ["br", "zstd", "br, gzip"])
async def test_a_coding_whose_package_is_missing_is_told(
    world: World, serve: Serve, without_packages: None, coding: str
) -> None:
    body = gzip.compress(b"coded") if "gzip" in coding else b"coded"
    server = serve(answering(reply(body, "200 OK", f"Content-Encoding: {coding}")))
    client = world.client()

    with pytest.raises(courser.MissingExtra, match=r"pip install 'courser\[compress\]'") as caught:
        await client.get(server.url(), headers={"Accept-Encoding": coding})

    assert isinstance(caught.value, ImportError)
    assert caught.value.request.url.port == server.port
    if world.streams:
        async with client.stream("GET", server.url()) as response:
            assert [piece async for piece in response.iter_raw()] == [body]


# Bombs


class Held:
    """What Python holds at most while it is on, beyond what it held before."""

    def __enter__(self) -> Held:
        tracemalloc.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()


BOMBS = ("gzip", "raw deflate", "br", "zstd", "a chain")
bombs = pytest.mark.parametrize("name", BOMBS)


@bombs
async def test_cve_2025_66471_a_bomb_comes_in_small_pieces(world: World, serve: Serve, name: str) -> None:
    """Whoever reads piece by piece stays small.

    Also CVE-2026-84382, CVE-2025-69223, CVE-2025-6176, CVE-2020-8927, CVE-2013-1753, GHSA-5x59-6wvc-88hg.
    """
    body, field = encoded(name, BOMB)
    server = serve(answering(reply(body, "200 OK", field)))
    client = world.client()
    await client.options(server.url("/"))  # what is imported and made once

    async with client.stream("GET", server.url()) as response:
        total = 0
        with Held() as held:
            async for piece in response.iter_bytes():
                assert len(piece) <= PIECE
                total += len(piece)

    assert total == len(BOMB)
    assert held.most < SMALL


@bombs
@pytest.mark.parametrize("way", ["iter_text", "iter_lines", "iter_json_lines"])
async def test_ghsa_8xx6_hgc6_gc2m_so_do_text_and_lines(world: World, serve: Serve, name: str, way: str) -> None:
    body, field = encoded(name, BOMB.replace(b"\0", b"1"))
    server = serve(answering(reply(body, "200 OK", field)))
    client = world.client()

    async with client.stream("GET", server.url()) as response:
        with Held() as held:
            if way == "iter_text":
                async for text in response.iter_text():
                    assert len(text) <= PIECE
            else:
                with pytest.raises(courser.LimitExceeded):
                    await into([], getattr(response, way)(max_line=500_000))

    assert held.most < SMALL


@bombs
async def test_cve_2026_44432_a_bomb_is_not_decoded_when_it_is_left(world: World, serve: Serve, name: str) -> None:
    """Also CVE-2026-54278: neither what was begun nor what nobody has touched."""
    body, field = encoded(name, BOMB)
    server = serve(answering(reply(body, "200 OK", field)))
    client = world.client()

    with Held() as held:
        for begun in (False, True):
            async with client.stream("GET", server.url()) as response:
                if begun:
                    async for piece in response.iter_bytes():
                        assert len(piece) <= PIECE
                        break
            with pytest.raises(courser.StreamError):
                await response.read()

    assert held.most < SMALL


@bombs
async def test_cve_2026_21441_a_bomb_in_a_redirect_is_not_decoded(world: World, serve: Serve, name: str) -> None:
    body, field = encoded(name, BOMB)

    def answer(request: Received) -> bytes:
        return reply(b"end") if request.target == "/end" else reply(body, "302 Found", "Location: /end", field)

    server = serve(answering(answer))
    client = world.client(max_decoded_size=1_000_000)

    with Held() as held:
        response = await client.get(server.url())
    assert held.most < SMALL

    assert response.content == b"end"
    with pytest.raises((courser.LimitExceeded, courser.StreamClosed)):
        _ = response.history[0].content


@bombs
async def test_a_bomb_with_a_bad_status_is_not_decoded_for_its_error(world: World, serve: Serve, name: str) -> None:
    body, field = encoded(name, BOMB)
    server = serve(answering(reply(body, "500 Oh", field)))
    client = world.client(raise_for_status=True)

    with Held() as held, pytest.raises(courser.StatusError) as caught:
        async with client.stream("GET", server.url()):
            pytest.fail("the status is an error")

    assert held.most < SMALL
    with pytest.raises(courser.StreamClosed):
        _ = caught.value.response.content


@bombs
async def test_a_bomb_is_as_large_as_the_caller_allows(world: World, serve: Serve, name: str) -> None:
    body, field = encoded(name, BOMB)
    server = serve(answering(reply(body, "200 OK", field)))

    for options in ({"max_decoded_size": 1_000_000}, {"max_body_size": 1_000_000}):
        client = world.client(**options)
        with Held() as held, pytest.raises(courser.LimitExceeded, match="1000000 bytes") as caught:
            await client.get(server.url())
        assert held.most < SMALL
        assert caught.value.request.url.port == server.port
        if world.streams:
            async with client.stream("GET", server.url()) as response:
                with pytest.raises(courser.LimitExceeded, match="1000000 bytes"):
                    await response.read()


async def test_a_limit_on_what_is_decoded_bounds_what_is_not_coded(world: World, serve: Serve) -> None:
    """Also where nothing says how long it is."""

    def long(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(200):
            peer.send(b"10000\r\n" + bytes(0x10000) + b"\r\n")

    server = serve(long)
    client = world.client(max_decoded_size=1_000_000)

    with Held() as held, pytest.raises(courser.LimitExceeded):
        await client.get(server.url())

    assert held.most < SMALL
    assert world.left_by(client) == 0


async def test_others_have_their_turn_while_a_body_is_decoded(world: World, serve: Serve) -> None:
    if not world.is_async:
        pytest.skip("plain code does one thing at a time")
    server = serve(answering(reply(gzip.compress(BOMB), "200 OK", "Content-Encoding: gzip")))
    client = world.client()
    done: list[int] = []
    turns = 0

    async def whole() -> None:
        done.append(len((await client.get(server.url())).content))

    async def pieces() -> None:
        async with client.stream("GET", server.url()) as response:
            done.append(sum([len(piece) async for piece in response.iter_bytes()]))

    async def other() -> None:
        nonlocal turns
        while len(done) < 2:
            await world.sleep(0)
            turns += 1

    await world.together(whole, pieces, other)

    assert done == [len(BOMB)] * 2
    assert turns > 40


# What a request says


async def test_what_can_be_decoded_is_offered(world: World, serve: Serve) -> None:
    server = serve(answering(lambda request: reply((request.get("accept-encoding") or "-").encode())))
    client = world.client()
    codings = ["gzip", "deflate"]
    codings += [name for name, module in (("br", packages.brotli), ("zstd", packages.zstd)) if module() is not None]

    assert (await client.get(server.url())).text == ", ".join(codings)
    assert (await client.get(server.url(), headers={"Accept-Encoding": "br"})).text == "br"
    assert (await client.get(server.url(), headers={"Accept-Encoding": None})).text == "-"
    assert (await client.get(server.url(), headers={"Range": "bytes=0-9"})).text == "identity"


async def test_without_packages_their_codings_are_not_offered(
    world: World, serve: Serve, without_packages: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from courser import defaults

    server = serve(answering(lambda request: reply((request.get("accept-encoding") or "-").encode())))
    defaults._pristine.cache_clear()
    try:
        assert (await world.client().get(server.url())).text == "gzip, deflate"
    finally:
        defaults._pristine.cache_clear()
