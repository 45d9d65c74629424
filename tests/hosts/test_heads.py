"""What responses say beside their bodies: interim ones, links, names of files, trailers; and whose codec reads them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from faultserver import FaultServer, Peer, Received, answering, chunked, echo, once, reply
from worlds import World

import courser

Serve = Callable[..., FaultServer]

HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload; as=style\r\n\r\n"


async def test_interim_responses_are_shown_when_they_come(world: World, serve: Serve) -> None:
    """Requests takes 103 for the final response, HTTPX and AIOHTTP drop it."""
    seen: list[courser.Response] = []

    def script(peer: Peer) -> None:
        for _ in range(2):
            peer.request()
            peer.send(b"HTTP/1.1 102 Processing\r\n\r\n" + HINTS)
            while len(seen) < 2 and not peer.server.closing.wait(0.001):
                """The final response does not come before they are seen."""
            peer.send(reply(b"page"))
        peer.wait_for_close()

    server = serve(script)
    client = world.client()

    response = await client.get(server.url("/page"), extensions={"informational": seen.append})

    assert response.content == b"page"
    assert [each.status_code for each in seen] == [102, 103]
    assert seen[1].links["preload"] == {"url": server.url("/a.css"), "rel": "preload", "as": "style"}
    assert (await client.get(server.url())).content == b"page"
    assert len(seen) == 2
    assert client.stats() == {"connections": 1, "idle": 1}


async def test_interim_responses_of_every_hop_are_shown(world: World, serve: Serve) -> None:
    def answer(request: Received) -> bytes:
        return HINTS + (reply(b"end") if request.target == "/end" else reply(b"", "302 Found", "Location: /end"))

    server = serve(answering(answer))
    seen: list[str] = []

    await world.client().get(server.url(), extensions={"informational": lambda each: seen.append(each.url.path)})

    assert seen == ["/", "/end"]


async def test_interim_responses_of_a_stream_are_shown_before_it(world: World, serve: Serve) -> None:
    server = serve(answering(HINTS + reply(b"x" * 100_000)))
    seen: list[int] = []
    hook = {"informational": lambda each: seen.append(each.status_code)}

    async with world.client().stream("GET", server.url(), extensions=hook) as response:
        assert seen == [103]
        assert len(await response.read()) == 100_000


@pytest.mark.parametrize("kind", ["bytes", "pieces"])
async def test_an_upload_goes_on_around_interim_responses(world: World, serve: Serve, kind: str) -> None:
    def script(peer: Peer) -> None:
        peer.send(HINTS)
        peer.send(echo(peer.request()))
        peer.wait_for_close()

    server = serve(script)
    seen: list[int] = []
    content: Any = b"y" * 3_000_000 if kind == "bytes" else (b"y" * 100_000 for _ in range(30))

    response = await world.client().post(
        server.url(), content=content, extensions={"informational": lambda each: seen.append(each.status_code)}
    )

    assert response.content == b"y" * 3_000_000
    assert seen == [103]


async def test_what_the_function_raises_ends_the_request(world: World, serve: Serve) -> None:
    def refuse(response: courser.Response) -> None:
        raise KeyError(response.status_code)

    server = serve(once(HINTS, Peer.wait_for_close))
    client = world.client()

    with pytest.raises(KeyError, match="103"):
        await client.get(server.url(), extensions={"informational": refuse})
    assert world.left_by(client) == 0
    with pytest.raises(TypeError, match="informational"):
        await client.get(server.url(), extensions={"informational": 5})


async def test_gh_150743_interim_responses_have_an_end(world: World, serve: Serve) -> None:
    server = serve(once(HINTS * 40 + reply(b"page")))
    seen: list[courser.Response] = []

    with pytest.raises(courser.RemoteProtocolError):
        await world.client().get(server.url(), extensions={"informational": seen.append})

    assert len(seen) <= 32


async def test_links_and_names_of_files(world: World, serve: Serve) -> None:
    fields = (
        'Link: <?page=2>; rel="next"',
        "Link: <https://b.example/>; rel=up",
        "Content-Disposition: attachment; filename=plain.txt; filename*=UTF-8''..%2f%e2%82%ac.txt",
    )
    server = serve(answering(reply(b"", "200 OK", *fields)))
    client = world.client()

    def check(response: Any) -> None:
        assert {name: link["url"] for name, link in response.links.items()} == {
            "next": server.url("/items?page=2"),
            "up": "https://b.example/",
        }
        assert response.content_disposition.filename == "€.txt"

    check(await client.get(server.url("/items?page=1")))
    if world.streams:
        async with client.stream("GET", server.url("/items?page=1")) as response:
            check(response)


async def test_trailers_of_a_stream_come_with_its_end(world: World, serve: Serve) -> None:
    server = serve(answering(chunked(b"hello", trailers="X-Sum: 1\r\n")))

    async with world.client().stream("GET", server.url()) as response:
        assert await response.read() == b"hello"
        assert response.trailers == {"X-Sum": "1"}
        assert (await response.response()).trailers == {"X-Sum": "1"}


async def test_json_is_read_by_its_bytes_and_the_client_s_codec(world: World, serve: Serve) -> None:
    def answer(request: Received) -> bytes:
        if request.method == "POST":
            return echo(request)
        return reply('\ufeff{"é": 1}'.encode(request.target[1:]), "200 OK", "Content-Type: text/html; charset=latin-1")

    server = serve(answering(answer))
    client = world.client()

    for encoding in ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le"):
        assert (await client.get(server.url(f"/{encoding}"))).json() == {"é": 1}
    client = world.client(json_codec=(bytes.decode, ascii))
    response = await client.post(server.url(), json="é")
    assert (response.content, response.json()) == (b"'\\xe9'", "'\\xe9'")
    assert response.headers["x-type"] == "application/json"
    with pytest.raises(courser.JSONError) as caught:
        (await world.client().post(server.url(), content=b"[" * 100_000)).json()
    assert caught.value.request.method == "POST"


async def test_the_encoding_is_that_of_the_header_or_the_client(world: World, serve: Serve) -> None:
    def answer(request: Received) -> bytes:
        charset = request.target[1:]
        return reply(b"caf\xe9", "200 OK", *([f"Content-Type: text/plain; charset={charset}"] if charset else []))

    server = serve(answering(answer))
    shown: list[bytes] = []

    def detect(data: bytes) -> str | None:
        shown.append(data)
        return "cp437"

    client = world.client(default_encoding=detect)

    assert (await client.get(server.url("/latin-1"))).text == "café"
    assert (await client.get(server.url("/"))).text == "cafΘ"
    assert (await client.get(server.url("/unheard-of"))).text == "cafΘ"
    assert (await world.client().get(server.url("/"))).text == "caf\ufffd"
    assert shown == [b"caf\xe9"] * 2
