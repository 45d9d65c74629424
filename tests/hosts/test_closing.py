"""The edges of streams and clients: closed early, twice, from elsewhere, and bodies that are none."""

from __future__ import annotations

import asyncio
import gzip
import threading
from collections.abc import Callable

import pytest
from faultserver import FaultServer, answering, reply
from worlds import InlineWorld, World

import courser

Serve = Callable[..., FaultServer]

LARGE = b"x" * 3_000_000


async def test_a_client_that_is_closed_lets_a_stream_end(world: World, serve: Serve) -> None:
    server = serve(answering(reply(LARGE)))
    client = world.client()

    async with client.stream("GET", server.url()) as response:
        size = 0
        async for piece in response.iter_bytes():
            size += len(piece)
            await client.close()
            await client.close()
        assert size == len(LARGE)
        with pytest.raises(courser.ClientClosed):
            await client.get(server.url())

    assert world.left_by(client) == 0
    assert await world.until(lambda: server.open == 0)


async def test_a_stream_that_another_task_closes_ends(world: World, serve: Serve) -> None:
    if not world.is_async:
        pytest.skip("plain code does one thing at a time")
    server = serve(lambda peer: (peer.request(), peer.send(reply(LARGE)[:100]), peer.wait_for_close()))
    client = world.client(timeout=None)

    async with client.stream("GET", server.url()) as response:

        async def read() -> None:
            async for _ in response.iter_bytes():
                pass

        async def close() -> None:
            await world.sleep(0.02)
            await response.close()

        ended, _ = await world.together(read, close)

    assert isinstance(ended, courser.StreamClosed)


async def test_a_client_may_be_closed_by_another_thread(world: World, serve: Serve) -> None:
    """An async one by another event loop: its connections are closed in whatever way their own loop needs."""
    server = serve(answering(reply(LARGE)))
    client = world.client()
    close = client.wrapped.close if isinstance(world, InlineWorld) else lambda: asyncio.run(client.aclose())
    await client.get(server.url())

    async with client.stream("GET", server.url()) as response:
        thread = threading.Thread(target=close)
        thread.start()
        thread.join()
        assert len(await response.read()) == len(LARGE)

    assert await world.until(lambda: client.stats() == {"connections": 0, "idle": 0})
    assert await world.until(lambda: server.open == 0)


async def test_an_idle_connection_may_be_closed_by_another_thread(world: World, serve: Serve) -> None:
    server = serve(answering(reply()))
    client = world.client()
    close = client.wrapped.close if isinstance(world, InlineWorld) else lambda: asyncio.run(client.aclose())
    await client.get(server.url())
    assert client.stats() == {"connections": 1, "idle": 1}

    thread = threading.Thread(target=close)
    thread.start()
    thread.join()

    assert world.left_by(client) == 0
    assert await world.until(lambda: server.open == 0)


@pytest.mark.parametrize("method", ["HEAD", "GET"])
async def test_no_body_is_decoded_to_nothing(world: World, serve: Serve, method: str) -> None:
    """Whatever the fields say of the body that another request would have brought (RFC 9110 section 8.6)."""
    status = "200 OK" if method == "HEAD" else "304 Not Modified"
    server = serve(answering(f"HTTP/1.1 {status}\r\nContent-Encoding: gzip\r\nContent-Length: 500\r\n\r\n".encode()))
    client = world.client(max_body_size=10)

    assert (await client.request(method, server.url())).content == b""
    if world.streams:
        async with client.stream(method, server.url()) as response:
            assert [piece async for piece in response.iter_bytes()] == []
        async with client.stream(method, server.url()) as response:
            assert response.headers["content-length"] == "500"

    assert client.stats() == {"connections": 1, "idle": 1}
    assert server.connections == 1


@pytest.mark.parametrize("coding", ["", "Content-Encoding: gzip"])
@pytest.mark.parametrize("raw", [True, False])
async def test_the_size_of_a_streamed_body_is_bounded(world: World, serve: Serve, coding: str, raw: bool) -> None:
    body = b"y" * 100_000
    server = serve(answering(reply(gzip.compress(body) if coding else body, "200 OK", *([coding] if coding else []))))
    client = world.client(max_body_size=50_000)

    async with client.stream("GET", server.url()) as response:
        pieces = response.iter_raw() if raw else response.iter_bytes()
        if raw and coding:
            assert gzip.decompress(b"".join([piece async for piece in pieces])) == body
            return
        with pytest.raises(courser.LimitExceeded, match="larger than 50000 bytes") as caught:
            _ = [piece async for piece in pieces]

    assert caught.value.request is not None
    whole = 1 if coding or world.shares else 0
    assert client.stats() == {"connections": whole, "idle": whole}


async def test_a_client_may_raise_for_every_status(world: World, serve: Serve) -> None:
    server = serve(
        answering(
            lambda request: (
                reply(b"why", "503 Busy") if request.target == "/503" else reply(b"", "302 Found", "Location: /503")
            )
        )
    )
    client = world.client(raise_for_status=True)

    assert (await client.get(server.url("/302"), follow_redirects=False)).status_code == 302
    assert (await client.get(server.url("/302"), raise_for_status=False)).status_code == 503
    with pytest.raises(courser.StatusError) as caught:
        await client.get(server.url("/302"))
    assert [each.status_code for each in caught.value.response.history] == [302]
    assert client.stats() == {"connections": 1, "idle": 1}
    if not world.streams:
        return
    with pytest.raises(courser.StatusError) as caught:
        async with client.stream("GET", server.url("/302")):
            raise KeyError
    assert caught.value.response.content == b"why"
    async with client.stream("GET", server.url("/302"), raise_for_status=False) as response:
        assert response.status_code == 503
        assert [piece async for piece in response.iter_bytes()] == [b"why"]
    with pytest.raises(courser.StatusError):
        await response.raise_for_status()
    assert server.connections == 1
