"""Sending a body: early answers, slow readers, and what fails on the way."""

from __future__ import annotations

import hashlib
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from faultserver import FaultServer, Peer, answering, echo, reply
from worlds import World

import courser

Serve = Callable[..., FaultServer]

REFUSAL = reply(b"too large", "413 Content Too Large", "Connection: close")
KEPT_REFUSAL = reply(b"too large", "413 Content Too Large")


def refuses_and_waits(peer: Peer) -> None:
    peer.head()
    peer.send(REFUSAL)
    peer.server.closing.wait(60)


def refuses_and_keeps(peer: Peer) -> None:
    peer.head()
    peer.send(KEPT_REFUSAL)
    peer.server.closing.wait(60)


def refuses_and_closes(peer: Peer) -> None:
    peer.head()
    peer.send(REFUSAL)
    peer.close()


def pieces(count: int = 400) -> Iterator[bytes]:
    for _ in range(count):
        yield b"x" * 100_000


async def pieces_later() -> AsyncIterator[bytes]:
    for piece in pieces():
        yield piece


BODIES: dict[str, Callable[[], object]] = {
    "bytes": lambda: b"x" * 40_000_000,
    "iterable": pieces,
    "async iterable": pieces_later,
}


@pytest.mark.parametrize("script", [refuses_and_waits, refuses_and_keeps, refuses_and_closes])
@pytest.mark.parametrize("kind", BODIES)
async def test_an_early_answer_ends_the_upload(
    world: World, serve: Serve, kind: str, script: Callable[[Peer], None]
) -> None:
    server = serve(script)
    client = world.client()

    response = await client.post(server.url(), content=BODIES[kind]())

    assert (response.status_code, response.content) == (413, b"too large")
    assert world.left_by(client) == 0


async def test_an_early_answer_is_seen_while_the_body_sleeps(world: World, serve: Serve) -> None:
    if not world.is_async:
        pytest.skip("plain code cannot sleep and look")

    def script(peer: Peer) -> None:
        peer.head()
        peer.receive()
        peer.send(KEPT_REFUSAL)
        peer.wait_for_close()

    server = serve(script)
    client = world.client()
    closed = False

    async def sleeper() -> AsyncIterator[bytes]:
        nonlocal closed
        try:
            yield b"a"
            await world.sleep(5)
        finally:
            closed = True

    response = await client.post(server.url(), content=sleeper())

    assert response.status_code == 413
    assert closed
    assert world.left_by(client) == 0


async def test_a_sleeping_body_meets_the_total_limit(world: World, serve: Serve) -> None:
    if not world.is_async:
        pytest.skip("plain code cannot sleep and look")
    server = serve(answering(echo))
    client = world.client()

    async def sleeper() -> AsyncIterator[bytes]:
        yield b"a"
        await world.sleep(5)

    with pytest.raises(courser.DeadlineExceeded):
        await client.post(server.url(), content=sleeper(), timeout=courser.Timeout(total=0.08))
    assert world.left_by(client) == 0


async def test_a_peer_that_takes_nothing_meets_the_write_limit(world: World, serve: Serve) -> None:
    def script(peer: Peer) -> None:
        peer.head()
        peer.server.closing.wait(3)

    server = serve(script)
    client = world.client(timeout=courser.Timeout(write=0.08))

    for content in (b"x" * 30_000_000, pieces()):
        with pytest.raises(courser.WriteTimeout) as caught:
            await client.post(server.url(), content=content)
        assert caught.value.phase == "write"
        assert 0 < caught.value.bytes_sent < 30_000_000
        assert world.left_by(client) == 0


async def test_a_peer_that_resets_while_it_is_sent_to(world: World, serve: Serve) -> None:
    def script(peer: Peer) -> None:
        peer.head()
        peer.reset()

    server = serve(script)
    client = world.client()

    for content in (b"x" * 30_000_000, pieces()):
        with pytest.raises((courser.WriteError, courser.ReadError)) as caught:
            await client.post(server.url(), content=content)
        assert caught.value.bytes_sent > 0
    assert world.left_by(client) == 0


async def test_a_slow_reader_holds_the_source_back(world: World, serve: Serve) -> None:
    """CVE-2024-12254: memory stays flat while the peer does not read."""
    produced = 0
    most = 0
    taken = 0

    def source() -> Iterator[bytes]:
        nonlocal produced, most
        for _ in range(400):
            produced += 100_000
            most = max(most, produced - taken)
            yield b"x" * 100_000

    def script(peer: Peer) -> None:
        nonlocal taken
        peer.head()
        peer.server.closing.wait(0.05)
        ended = False
        tail = b""
        while not ended:
            data = peer.receive(1 << 20)
            taken += len(data)
            tail = (tail + data)[-5:]
            ended = tail == b"0\r\n\r\n" or not data
        peer.send(reply(b"done"))

    server = serve(script)

    assert (await world.client().post(server.url(), content=source())).content == b"done"
    assert produced == 40_000_000
    assert most < 24_000_000


async def test_a_large_body_is_not_copied(world: World, serve: Serve) -> None:
    body = b"x" * 20_000_000
    digest = hashlib.sha256(body).hexdigest()

    def script(peer: Peer) -> None:
        request = peer.head()
        left, seen = int(request.get("content-length") or 0), hashlib.sha256()
        while left:
            data = peer.receive()
            seen.update(data)
            left -= len(data)
        peer.send(reply(seen.hexdigest().encode()))

    server = serve(script)
    client = world.client()
    tracemalloc.start()
    try:
        response = await client.post(server.url(), content=body)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert response.text == digest
    if world.name != "asyncio-transports":
        assert peak < 5_000_000


async def test_the_connection_goes_on_after_an_upload(world: World, serve: Serve) -> None:
    server = serve(answering(echo))
    client = world.client()

    for size in (0, 1, 65_535, 65_536, 65_537, 3_000_000):
        assert len((await client.post(server.url(), content=b"x" * size)).content) == size
        assert len((await client.post(server.url(), content=[b"x" * size])).content) == size

    assert server.connections == 1


async def test_an_answer_that_comes_with_the_last_byte_of_the_body(world: World, serve: Serve) -> None:
    """The answer may be complete before the client has begun to wait for it."""

    def script(peer: Peer) -> None:
        while True:
            peer.head()
            peer.send(reply(b"early"))
            peer.exactly(3_000_000)

    server = serve(script)
    client = world.client(timeout=3)

    for _ in range(3):
        assert (await client.post(server.url(), content=b"x" * 3_000_000)).content == b"early"
