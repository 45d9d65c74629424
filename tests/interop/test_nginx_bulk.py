"""64 MB down and up, whose SHA-256 is the same at both ends."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from nginx import BIG, Nginx
from worlds import World

listeners = pytest.mark.parametrize("listener", ["plain", "tls"])

PIECE = 1024 * 1024


@pytest.fixture(scope="session")
def digest(nginx: Nginx) -> str:
    """Of what is sent."""
    return hashlib.sha256(nginx.big).hexdigest()


@listeners
async def test_download(world: World, nginx: Nginx, authority: Any, digest: str, listener: str) -> None:
    client = world.client(verify=authority.roots)
    received = hashlib.sha256()

    async with client.stream("GET", nginx.url("/big.bin", listener)) as response:
        async for piece in response.iter_bytes():
            received.update(piece)
        assert response.num_bytes_downloaded == BIG

    assert received.hexdigest() == digest
    assert client.stats() == {"connections": 1, "idle": 1}


async def test_download_in_one_piece(world: World, nginx: Nginx, digest: str) -> None:
    response = await world.client().get(nginx.url("/big.bin"))

    assert hashlib.sha256(response.content).hexdigest() == digest


async def test_a_download_given_up_half_way(world: World, nginx: Nginx) -> None:
    client = world.client()

    async with client.stream("GET", nginx.url("/big.bin")) as response:
        async for _ in response.iter_bytes(PIECE):
            break

    assert client.stats() == {"connections": 0, "idle": 0}
    assert (await client.get(nginx.url("/hello"))).text == "hello\n"


@listeners
async def test_upload_of_bytes(world: World, nginx: Nginx, authority: Any, digest: str, listener: str) -> None:
    url = nginx.url(f"/digest?{world.name}-{listener}", listener)

    response = await world.client(verify=authority.roots).post(url, content=nginx.big)

    assert response.text == digest


async def test_upload_of_a_file(world: World, nginx: Nginx, digest: str) -> None:
    with open(nginx.folder / "www/big.bin", "rb") as file:
        response = await world.client().post(nginx.url(f"/digest?{world.name}-file"), content=file)

    assert response.text == digest


async def test_upload_of_an_iterator(world: World, nginx: Nginx, digest: str) -> None:
    def pieces() -> Iterator[bytes]:
        for start in range(0, BIG, PIECE):
            yield nginx.big[start : start + PIECE]

    async def awaited() -> AsyncIterator[bytes]:
        for piece in pieces():
            yield piece

    content = awaited() if world.is_async else pieces()

    response = await world.client().post(nginx.url(f"/digest?{world.name}-pieces"), content=content)

    assert response.text == digest


async def test_a_stored_file(world: World, nginx: Nginx, digest: str) -> None:
    if not nginx.has_dav:
        pytest.skip("this nginx was built without its DAV module")
    client = world.client()
    path = f"/store/{world.name}.bin"

    stored = await client.put(nginx.url(path), content=nginx.big)

    assert stored.status_code == 201
    assert hashlib.sha256((nginx.folder / path[1:]).read_bytes()).hexdigest() == digest
    assert (await client.put(nginx.url(path), content=b"less")).status_code == 204
    assert (await client.get(nginx.url(path))).content == b"less"
    assert (await client.delete(nginx.url(path))).status_code == 204
    assert (await client.get(nginx.url(path))).status_code == 404
