"""Requests and responses of every kind, as nginx reads and writes them."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from nginx import Nginx
from worlds import World

import courser

LARGE = bytes(range(256)) * 2000

everywhere = pytest.mark.parametrize(
    "world",
    ["inline", "group", "asyncio", "asyncio-direct", "asyncio-transports", "uvloop", "trio"],
    indirect=True,
)

listeners = pytest.mark.parametrize("listener", ["plain", "tls"])


@everywhere
@listeners
async def test_get(world: World, nginx: Nginx, authority: Any, listener: str) -> None:
    client = world.client(verify=authority.roots)

    for _ in range(3):
        response = await client.get(nginx.url("/hello", listener))

        assert response.status_code == 200
        assert response.text == "hello\n"
        assert response.headers["server"].startswith("nginx")
    assert client.stats() == {"connections": 1, "idle": 1}


@everywhere
async def test_head_has_the_length_and_no_body(world: World, nginx: Nginx) -> None:
    client = world.client()

    response = await client.head(nginx.url("/text.txt"))

    assert response.content == b""
    assert int(response.headers["content-length"]) == len(nginx.text)
    assert (await client.get(nginx.url("/hello"))).text == "hello\n"
    assert client.stats()["connections"] == 1


def pieces() -> Iterator[bytes]:
    yield b"one, "
    yield b""
    yield LARGE
    yield b"two"


BODIES: dict[str, tuple[Callable[[], dict[str, Any]], bytes]] = {
    "bytes": (lambda: {"content": b"some bytes"}, b"some bytes"),
    "no bytes": (lambda: {"content": b""}, b""),
    "text": (lambda: {"content": "grüße"}, "grüße".encode()),
    "large bytes": (lambda: {"content": LARGE}, LARGE),
    "a file": (lambda: {"content": io.BytesIO(LARGE)}, LARGE),
    "a list": (lambda: {"content": [b"a", "b", b"c"]}, b"abc"),
    "an iterator": (lambda: {"content": pieces()}, b"one, " + LARGE + b"two"),
    "a form": (lambda: {"data": {"a": "1 2", "b": ["ü", "&"]}}, b"a=1+2&b=%C3%BC&b=%26"),
    "json": (lambda: {"json": {"a": [1, None, "ü"]}}, '{"a":[1,null,"ü"]}'.encode()),
}


UNMEASURED = ("a list", "an iterator")


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("kind", BODIES)
async def test_bodies(world: World, nginx: Nginx, kind: str, method: str) -> None:
    make, expected = BODIES[kind]
    client = world.client()

    for _ in range(2):
        response = await client.request(method, nginx.url("/echo?q=1"), **make())

        assert response.content == expected
        assert response.headers["x-method"] == method
        assert response.headers["x-target"] == "/echo?q=1"
        framing = (response.headers["x-length"], response.headers["x-coding"])
        # nginx gives a chunked body a length where it had the whole before it passed anything on
        assert framing in ((str(len(expected)), "-"), ("-", "chunked") if kind in UNMEASURED else None)
    assert client.stats()["connections"] == 1


async def test_a_body_from_an_async_iterator(world: World, nginx: Nginx) -> None:
    if not world.is_async:
        pytest.skip("plain code has no async iterators")

    async def made() -> AsyncIterator[bytes]:
        for piece in pieces():
            await world.sleep(0)
            yield piece

    response = await world.client().post(nginx.url("/echo"), content=made())

    assert response.content == b"one, " + LARGE + b"two"


async def test_a_body_that_is_not_wanted(world: World, nginx: Nginx) -> None:
    """nginx answers PUT to a plain file with 405 and may close; either way the answer arrives."""
    client = world.client()

    response = await client.put(nginx.url("/text.txt"), content=LARGE * 8)

    assert response.status_code == 405
    assert (await client.get(nginx.url("/hello"))).text == "hello\n"


@pytest.mark.parametrize(
    ("asked", "status", "start", "stop"),
    [("bytes=0-0", 206, 0, 1), ("bytes=1000-199999", 206, 1000, 200_000), ("bytes=-5", 206, -5, None)],
)
async def test_ranges(world: World, nginx: Nginx, asked: str, status: int, start: int, stop: int | None) -> None:
    response = await world.client().get(nginx.url("/text.txt"), headers={"Range": asked})

    assert response.status_code == status
    assert response.content == nginx.text[start:stop]
    assert response.headers["content-range"].endswith(f"/{len(nginx.text)}")


async def test_several_ranges_come_as_one_multipart_body(world: World, nginx: Nginx) -> None:
    response = await world.client().get(nginx.url("/text.txt"), headers={"Range": "bytes=0-3,100-103"})

    assert response.status_code == 206
    assert response.headers["content-type"].startswith("multipart/byteranges")
    assert nginx.text[100:104] in response.content


async def test_a_range_beyond_the_end(world: World, nginx: Nginx) -> None:
    response = await world.client().get(nginx.url("/text.txt"), headers={"Range": "bytes=99999999-"})

    assert response.status_code == 416


async def test_an_etag_that_matches(world: World, nginx: Nginx) -> None:
    client = world.client()
    etag = (await client.head(nginx.url("/text.txt"))).headers["etag"]

    response = await client.get(nginx.url("/text.txt"), headers={"If-None-Match": etag})

    assert (response.status_code, response.content) == (304, b"")
    assert (await client.get(nginx.url("/hello"))).text == "hello\n"
    assert client.stats()["connections"] == 1


@everywhere
@listeners
async def test_gzip(world: World, nginx: Nginx, authority: Any, listener: str) -> None:
    response = await world.client(verify=authority.roots).get(nginx.url("/packed/text.txt", listener))

    assert response.headers["content-encoding"] == "gzip"
    assert response.headers["transfer-encoding"] == "chunked"
    assert response.content == nginx.text


async def test_gzip_streamed(world: World, nginx: Nginx) -> None:
    async with world.client().stream("GET", nginx.url("/packed/text.txt")) as response:
        lines = [line async for line in response.iter_lines()]

        assert "\n".join([*lines, ""]).encode() == nginx.text
        assert response.num_bytes_downloaded < len(nginx.text) / 4


async def test_gzip_refused(world: World, nginx: Nginx) -> None:
    client = world.client(headers={"Accept-Encoding": "identity"})

    response = await client.get(nginx.url("/packed/text.txt"))

    assert "content-encoding" not in response.headers
    assert response.content == nginx.text


async def test_chunked(world: World, nginx: Nginx) -> None:
    client = world.client()

    for _ in range(2):
        response = await client.get(nginx.url("/pages/page.shtml"))

        assert response.headers["transfer-encoding"] == "chunked"
        assert response.text == "<p>GET</p>\n" * 100
    assert client.stats()["connections"] == 1


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [("/nothing", 204, ""), ("/broken", 500, "something is broken\n"), ("/absent", 404, None), ("/www", 404, None)],
)
async def test_statuses(world: World, nginx: Nginx, path: str, status: int, text: str | None) -> None:
    client = world.client()

    response = await client.get(nginx.url(path))

    assert response.status_code == status
    assert text is None or response.text == text
    assert client.stats() == {"connections": 1, "idle": 1}
    if status >= 400:
        with pytest.raises(courser.StatusError, match=str(status)):
            response.raise_for_status()


async def test_nginx_refuses_what_is_no_method_of_its_own(world: World, nginx: Nginx) -> None:
    response = await world.client().request("BREW", nginx.url("/text.txt"))

    assert response.status_code in (400, 405)


async def test_redirects(world: World, nginx: Nginx) -> None:
    client = world.client()

    response = await client.get(nginx.url("/other"))

    assert response.text == "hello\n"
    assert [each.status_code for each in response.history] == [308, 301]
    assert client.stats()["connections"] == 1


async def test_a_redirect_that_is_not_followed(world: World, nginx: Nginx) -> None:
    response = await world.client().get(nginx.url("/moved"), follow_redirects=False)

    assert response.status_code == 301
    assert response.is_redirect
    assert str(response.next_request.url) == nginx.url("/hello")


async def test_302_makes_a_get_of_a_post(world: World, nginx: Nginx) -> None:
    response = await world.client().post(nginx.url("/found"), content=b"body")

    assert (response.headers["x-method"], response.headers["x-target"]) == ("GET", "/echo?found")
    assert response.content == b""


async def test_307_repeats_a_post(world: World, nginx: Nginx) -> None:
    response = await world.client().post(nginx.url("/again"), content=LARGE)

    assert (response.headers["x-method"], response.headers["x-target"]) == ("POST", "/echo?again")
    assert response.content == LARGE


async def test_a_loop_of_redirects_ends(world: World, nginx: Nginx) -> None:
    with pytest.raises(courser.TooManyRedirects):
        await world.client().get(nginx.url("/loop"))


async def test_large_fields_both_ways(world: World, nginx: Nginx) -> None:
    value = "x" * 8192
    client = world.client()

    for _ in range(2):
        response = await client.get(nginx.url("/fields"), headers={"X-Large": value})

        assert response.headers["x-back"] == value
        assert response.text == value
    assert client.stats()["connections"] == 1


async def test_fields_that_are_too_large_for_nginx(world: World, nginx: Nginx) -> None:
    client = world.client()

    response = await client.get(nginx.url("/fields"), headers={"X-Large": "x" * 40_000})

    assert response.status_code == 400
    assert (await client.get(nginx.url("/hello"))).text == "hello\n"


async def test_a_long_url(world: World, nginx: Nginx) -> None:
    query = "q=" + "y" * 8000

    response = await world.client().get(nginx.url(f"/echo?{query}"))

    assert response.headers["x-target"] == f"/echo?{query}"
