"""64 MB down and up in HTTP/2, whose SHA-256 is the same at both ends."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterator
from itertools import count

import pytest
from authority import Authority
from http2_peers import OPTIONS, Peer
from nginx import BIG, Nginx
from worlds import World

few = pytest.mark.parametrize("world", ["inline", "asyncio", "trio"], indirect=True)

PIECE = 1024 * 1024

doors = pytest.mark.parametrize("door", ["tls", "plain"])

fresh = map(str, count())
"""Names that nobody else uses: the server behind the peers tells uploads apart by them."""


@pytest.fixture(scope="session")
def digest(nginx: Nginx) -> str:
    """Of what is sent."""
    return hashlib.sha256(nginx.big).hexdigest()


@few
@doors
async def test_download(world: World, peer: Peer, authority: Authority, digest: str, door: str) -> None:
    client = world.client(verify=authority.roots, **OPTIONS[door])
    received = hashlib.sha256()

    async with client.stream("GET", peer.url("/big.bin", door)) as response:
        async for piece in response.iter_bytes():
            received.update(piece)
        assert (response.num_bytes_downloaded, response.http_version) == (BIG, "HTTP/2")

    assert received.hexdigest() == digest
    assert client.stats() == {"connections": 1, "idle": 1}


@few
async def test_small_requests_beside_a_download_that_is_not_read(
    world: World, peer: Peer, authority: Authority, digest: str
) -> None:
    """The window of one stream is full; the others do not notice, and nothing of it is lost."""
    client = world.client(verify=authority.roots, http2=True)
    received = hashlib.sha256()

    async with client.stream("GET", peer.url("/big.bin")) as response:
        read = 0
        async for piece in response.iter_bytes(PIECE):
            received.update(piece)
            read += 1
            if read % 16 == 1:
                assert (await client.get(peer.url("/hello"))).text == "hello\n"

    assert received.hexdigest() == digest
    assert client.stats() == {"connections": 1, "idle": 1}


@few
async def test_a_download_given_up_half_way(world: World, peer: Peer, authority: Authority) -> None:
    """Its stream is reset; the connection goes on."""
    client = world.client(verify=authority.roots, http2=True)

    for _ in range(3):
        async with client.stream("GET", peer.url("/big.bin")) as response:
            async for _ in response.iter_bytes(PIECE):
                break
        assert (await client.get(peer.url("/hello"))).text == "hello\n"
    assert client.stats() == {"connections": 1, "idle": 1}


@few
@doors
@pytest.mark.parametrize("peer", ["nginx", "h2o", "caddy", "nghttpx"], indirect=True)
async def test_upload(world: World, peer: Peer, nginx: Nginx, authority: Authority, digest: str, door: str) -> None:
    client = world.client(verify=authority.roots, **OPTIONS[door])

    response = await client.post(peer.url(f"/digest?{next(fresh)}", door), content=nginx.big)

    assert (response.text, response.http_version) == (digest, "HTTP/2")
    assert client.stats() == {"connections": 1, "idle": 1}


@few
@pytest.mark.parametrize("peer", ["nghttpd"], indirect=True)
async def test_upload_and_download_at_once(
    world: World, peer: Peer, nginx: Nginx, authority: Authority, digest: str
) -> None:
    response = await world.client(verify=authority.roots, http2=True).post(peer.url("/echo"), content=nginx.big)

    assert hashlib.sha256(response.content).hexdigest() == digest


@few
@pytest.mark.parametrize("peer", ["nginx", "caddy"], indirect=True)
async def test_upload_of_an_iterator(world: World, peer: Peer, nginx: Nginx, authority: Authority, digest: str) -> None:
    def pieces() -> Iterator[bytes]:
        for start in range(0, BIG, PIECE):
            yield nginx.big[start : start + PIECE]

    async def awaited() -> AsyncIterator[bytes]:
        for piece in pieces():
            yield piece

    client = world.client(verify=authority.roots, http2=True)

    response = await client.post(peer.url(f"/digest?{next(fresh)}"), content=awaited() if world.is_async else pieces())

    assert response.text == digest


@few
@pytest.mark.parametrize("peer", ["nginx", "caddy", "nghttpx"], indirect=True)
async def test_several_uploads_and_downloads_side_by_side(
    world: World, peer: Peer, nginx: Nginx, authority: Authority, digest: str
) -> None:
    """Eight megabytes each way on every one of eight streams of one connection."""
    client = world.client(verify=authority.roots, http2=True)
    part = nginx.big[: BIG // 8]
    expected = hashlib.sha256(part).hexdigest()
    urls = [peer.url(f"/digest?{next(fresh)}") for _ in range(4)]

    async def up(url: str) -> str:
        text: str = (await client.post(url, content=part)).text
        return text

    async def down() -> str:
        response = await client.get(peer.url("/big.bin"), headers={"Range": f"bytes=0-{len(part) - 1}"})
        return hashlib.sha256(response.content).hexdigest()

    if not world.is_async:
        parts = [client.wrapped.build_request("POST", url, content=part) for url in urls]
        assert [response.text for response in client.wrapped.map(parts)] == [expected] * 4
        return
    results = await world.together(*[lambda url=url: up(url) for url in urls], *[down] * 4)  # type: ignore[misc]

    assert results == [expected] * 8
    assert client.stats() == {"connections": 1, "idle": 1}
