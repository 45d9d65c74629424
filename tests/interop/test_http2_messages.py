"""Requests and responses of every kind in HTTP/2, as each peer reads and writes them, and as it does in HTTP/1.1."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from authority import Authority
from http2_peers import OPTIONS, Peer
from nginx import Nginx
from worlds import World

import courser

LARGE = bytes(range(256)) * 2000

everywhere = pytest.mark.parametrize(
    "world", ["inline", "group", "asyncio", "asyncio-direct", "asyncio-transports", "uvloop", "trio"], indirect=True
)

few = pytest.mark.parametrize("world", ["inline", "asyncio", "trio"], indirect=True)

doors = pytest.mark.parametrize("door", ["tls", "plain"])

relaying = pytest.mark.parametrize("peer", ["nginx", "h2o", "caddy", "nghttpx"], indirect=True)


@everywhere
@doors
async def test_get(world: World, peer: Peer, authority: Authority, door: str) -> None:
    client = world.client(verify=authority.roots, **OPTIONS[door])

    for _ in range(3):
        response = await client.get(peer.url("/hello", door))

        assert (response.status_code, response.text, response.http_version) == (200, "hello\n", "HTTP/2")
    assert client.stats() == {"connections": 1, "idle": 1}


@few
@doors
async def test_head_has_the_length_and_no_body(
    world: World, peer: Peer, nginx: Nginx, authority: Authority, door: str
) -> None:
    client = world.client(verify=authority.roots, **OPTIONS[door])

    response = await client.head(peer.url("/text.txt", door))

    assert (response.content, int(response.headers["content-length"])) == (b"", len(nginx.text))
    assert (await client.get(peer.url("/text.txt", door))).content == nginx.text
    assert client.stats()["connections"] == 1


def pieces() -> Iterator[bytes]:
    yield b"one, "
    yield b""
    yield LARGE
    yield b"two"


BODIES: dict[str, tuple[Callable[[], dict[str, Any]], bytes]] = {
    "bytes": (lambda: {"content": b"some bytes"}, b"some bytes"),
    "no bytes": (lambda: {"content": b""}, b""),
    "large bytes": (lambda: {"content": LARGE}, LARGE),
    "a file": (lambda: {"content": io.BytesIO(LARGE)}, LARGE),
    "an iterator": (lambda: {"content": pieces()}, b"one, " + LARGE + b"two"),
    "a form": (lambda: {"data": {"a": "1 2", "b": ["ü", "&"]}}, b"a=1+2&b=%C3%BC&b=%26"),
}


@few
@doors
@pytest.mark.parametrize("kind", BODIES)
async def test_bodies(world: World, peer: Peer, authority: Authority, door: str, kind: str) -> None:
    make, expected = BODIES[kind]
    client = world.client(verify=authority.roots, **OPTIONS[door])

    for method in ("POST", "PUT"):
        response = await client.request(method, peer.url("/echo?q=1", door), **make())

        assert response.content == expected
        if peer.passes_on:
            assert (response.headers["x-method"], response.headers["x-target"]) == (method, "/echo?q=1")
    assert client.stats() == {"connections": 1, "idle": 1}


@pytest.mark.parametrize("world", ["inline", "asyncio"], indirect=True)
@pytest.mark.parametrize("peer", ["nginx", "caddy"], indirect=True)
async def test_a_body_that_waits_for_the_peers_word(world: World, peer: Peer, authority: Authority) -> None:
    """Who gives no word is sent the body after a moment."""
    client = world.client(verify=authority.roots, http2=True)

    response = await client.post(peer.url("/echo"), content=LARGE, headers={"Expect": "100-continue"})

    assert response.content == LARGE


@few
@pytest.mark.parametrize("peer", ["nginx", "h2o"], indirect=True)
async def test_a_body_that_is_not_wanted(world: World, peer: Peer, authority: Authority) -> None:
    """The answer comes while the body is under way; the connection goes on with others."""
    client = world.client(verify=authority.roots, http2=True)

    for _ in range(3):
        response = await client.put(peer.url("/text.txt"), content=LARGE * 8)

        assert response.status_code == 405
        assert (await client.get(peer.url("/hello"))).text == "hello\n"


@few
@relaying
@doors
@pytest.mark.parametrize("status", [204, 304, 404, 500])
async def test_statuses(world: World, peer: Peer, authority: Authority, door: str, status: int) -> None:
    client = world.client(verify=authority.roots, **OPTIONS[door])

    for _ in range(2):
        response = await client.get(peer.url(f"/status/{status}", door))

        assert (response.status_code, response.content, response.headers["x-told"]) == (status, b"", "so")
    assert client.stats() == {"connections": 1, "idle": 1}


@few
async def test_what_has_not_changed(world: World, peer: Peer, authority: Authority) -> None:
    client = world.client(verify=authority.roots, http2=True)
    since = (await client.get(peer.url("/text.txt"))).headers["last-modified"]

    response = await client.get(peer.url("/text.txt"), headers={"If-Modified-Since": since})

    assert (response.status_code, response.content) == (304, b"")
    assert client.stats() == {"connections": 1, "idle": 1}


@few
@relaying
@doors
async def test_gzip(world: World, peer: Peer, nginx: Nginx, authority: Authority, door: str) -> None:
    client = world.client(verify=authority.roots, **OPTIONS[door])

    response = await client.get(peer.url("/packed/text.txt", door))

    assert response.headers["content-encoding"] == "gzip"
    assert response.content == nginx.text


@few
@doors
@pytest.mark.parametrize(
    ("peer", "path"), [("nghttpd", "/hello"), ("caddy", "/trailers"), ("nghttpx", "/trailers")], indirect=["peer"]
)
async def test_trailers(world: World, peer: Peer, authority: Authority, door: str, path: str) -> None:
    client = world.client(verify=authority.roots, **OPTIONS[door])

    response = await client.get(peer.url(path, door))
    async with client.stream("GET", peer.url(path, door)) as stream:
        content = await stream.read()
        trailers = stream.trailers

    assert response.content == content
    assert response.trailers["x-sum"] == trailers["x-sum"] == "4"


@few
@doors
@pytest.mark.parametrize("peer", ["caddy"], indirect=True)
async def test_early_hints(world: World, peer: Peer, authority: Authority, door: str) -> None:
    client = world.client(verify=authority.roots, **OPTIONS[door])
    hints: list[courser.Response] = []

    response = await client.get(peer.url("/hints", door), extensions={"informational": hints.append})

    assert [(each.status_code, each.headers["link"]) for each in hints] == [(103, "</style.css>; rel=preload")]
    assert (response.status_code, response.text) == (200, "hello")


@few
@relaying
@doors
async def test_cookies(world: World, peer: Peer, authority: Authority, door: str) -> None:
    """They may leave in several fields (RFC 9113 section 8.2.3), and are one field again behind the peer."""
    client = world.client(verify=authority.roots, cookies={"a": "1", "b": "2", "c": "3"}, **OPTIONS[door])

    first = await client.get(peer.url("/cookies", door))
    second = await client.get(peer.url("/cookies", door))

    assert first.headers.get_list("set-cookie") == ["one=1; Path=/", "two=2; Path=/"]
    assert sorted(first.text.split("; ")) == ["a=1", "b=2", "c=3"]
    assert sorted(second.text.split("; ")) == ["a=1", "b=2", "c=3", "one=1", "two=2"]


# Many fields, and large ones


@few
@relaying
@doors
async def test_many_fields(world: World, peer: Peer, authority: Authority, door: str) -> None:
    client = world.client(verify=authority.roots, **OPTIONS[door])

    for _ in range(2):
        response = await client.get(
            peer.url("/many?count=90&size=100", door), headers={f"X-{number}": "y" * 200 for number in range(80)}
        )

        assert response.status_code == 200
        assert [response.headers[f"x-{number}"] for number in range(90)] == [f"{n:x}" * 100 for n in range(90)]
    assert client.stats()["connections"] == 1


TOO_MUCH: dict[str, tuple[int, int]] = {
    "nginx": (30_000, 300_000),
    "h2o": (200_000, 2_000_000),
    "nghttpd": (60_000, 300_000),
    "caddy": (300_000, 2_000_000),
    "nghttpx": (30_000, 300_000),
}
"""The bytes of a field that a peer takes, and of one that it does not."""


@few
@doors
async def test_a_field_that_is_too_large_for_the_peer(
    world: World, peer: Peer, authority: Authority, door: str
) -> None:
    """Some answer, some reset the stream, some end the connection; what follows finds one that is well."""
    most, too_much = TOO_MUCH[peer.name]
    client = world.client(verify=authority.roots, **OPTIONS[door])
    url = peer.url("/hello", door)

    for _ in range(2):
        assert (await client.get(url, headers={"X-Large": "x" * most})).text == "hello\n"
        with pytest.raises((courser.LocalProtocolError, courser.RemoteProtocolError, courser.WriteError)):
            await client.get(url, headers={"X-Large": "x" * too_much})
        assert (await client.get(url)).text == "hello\n"
    assert client.stats() == {"connections": 1, "idle": 1}


@few
@doors
@pytest.mark.parametrize("peer", ["caddy"], indirect=True)
@pytest.mark.parametrize(("count", "size"), [(200, 10), (90, 800), (90, 3000)])
async def test_a_head_that_is_too_large_for_us(
    world: World, peer: Peer, authority: Authority, door: str, count: int, size: int
) -> None:
    client = world.client(verify=authority.roots, **OPTIONS[door])

    for _ in range(2):
        assert (await client.get(peer.url("/hello", door))).text == "hello\n"
        with pytest.raises(courser.RemoteProtocolError, match=r"a head of more than|a header block of more than"):
            await client.get(peer.url(f"/many?count={count}&size={size}", door))


# The same in HTTP/1.1

CHANGING = {"alt-svc", "connection", "content-length", "date", "keep-alive", "transfer-encoding", "via"}
"""Fields of the connection, and those that say when and how a message came."""

EXCHANGES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "a file": ("GET", "/text.txt", {}),
    "head": ("HEAD", "/text.txt", {}),
    "a range": ("GET", "/text.txt", {"headers": {"Range": "bytes=1000-199999"}}),
    "a range beyond the end": ("GET", "/text.txt", {"headers": {"Range": "bytes=99999999-"}}),
    "gzip": ("GET", "/packed/text.txt", {}),
    "absent": ("GET", "/absent", {}),
    "an echo": ("POST", "/echo?x=%20&y", {"content": LARGE, "headers": {"Content-Type": "a/b"}}),
    "delete": ("DELETE", "/echo", {}),
    "options": ("OPTIONS", "/echo", {}),
    "an empty post": ("POST", "/echo", {}),
    "cookies": ("GET", "/cookies", {"cookies": {"a": "1", "b": "2"}}),
    "fields": ("GET", "/many?count=50&size=50", {}),
    "no content": ("GET", "/status/204", {}),
    "not modified": ("GET", "/status/304", {}),
}


def told(response: courser.Response) -> Any:
    fields = sorted((name.lower(), value) for name, value in response.headers.multi_items())
    kept = [field for field in fields if field[0] not in CHANGING]
    return response.status_code, kept, response.content, list(response.trailers.multi_items())


@few
@relaying
@pytest.mark.parametrize("kind", EXCHANGES)
async def test_it_is_the_same_in_http1(world: World, peer: Peer, authority: Authority, kind: str) -> None:
    method, path, options = EXCHANGES[kind]
    new = world.client(verify=authority.roots, http2=True)
    old = world.client(verify=authority.roots, http2=False)

    response = await new.request(method, peer.url(path), **options)
    other = await old.request(method, peer.url(path), **options)

    assert (response.http_version, other.http_version) == ("HTTP/2", "HTTP/1.1")
    assert told(response) == told(other)
