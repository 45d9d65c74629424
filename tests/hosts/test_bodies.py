"""Bodies of responses: framing, codings, and reading them piece by piece."""

from __future__ import annotations

import gzip
import itertools
import zlib
from collections.abc import Callable

import pytest
from authority import Authority
from faultserver import FaultServer, Peer, answering, chunked, once, reply
from worlds import World

import courser
from courser import responding

Serve = Callable[..., FaultServer]

TEXT = "".join(f"line {number} – é\r\n" for number in range(2000))
BODY = TEXT.encode()

FRAMINGS = {
    "length": reply(BODY),
    "chunked": chunked(*(BODY[at : at + 777] for at in range(0, len(BODY), 777))),
    "close": b"HTTP/1.1 200 OK\r\n\r\n" + BODY,
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\n\r\n" + BODY,
    "HTTP/1.0 with length": b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY,
    "gzip": reply(gzip.compress(BODY), "200 OK", "Content-Encoding: gzip"),
    "gzip of two members": reply(
        gzip.compress(BODY[:99]) + gzip.compress(BODY[99:]), "200 OK", "Content-Encoding: gzip"
    ),
    "deflate": reply(zlib.compress(BODY), "200 OK", "Content-Encoding: deflate"),
    "raw deflate": reply(zlib.compress(BODY)[2:-4], "200 OK", "Content-Encoding: deflate"),
    "chunked gzip": chunked(*(bytes([byte]) for byte in gzip.compress(BODY)), fields="Content-Encoding: gzip\r\n"),
    "after interim responses": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
    + reply(BODY),
}
KEPT = set(FRAMINGS) - {"close", "HTTP/1.0", "HTTP/1.0 with length"}


@pytest.mark.parametrize("framing", FRAMINGS)
async def test_every_framing_gives_the_same_body(world: World, serve: Serve, framing: str) -> None:
    server = serve(once(FRAMINGS[framing], Peer.wait_for_close if framing in KEPT else Peer.close))
    client = world.client()

    response = await client.get(server.url())

    assert response.content == BODY
    assert response.text == TEXT
    kept = framing in KEPT or world.shares
    assert client.stats() == ({"connections": 1, "idle": 1} if kept else {"connections": 0, "idle": 0})
    said = "HTTP/1.0" if framing.startswith("HTTP/1.0") else "HTTP/1.1"
    assert response.http_version == ("HTTP/2" if world.shares else said)


LARGE = BODY * 70
LARGE_FRAMINGS = {
    "length": reply(LARGE),
    "chunked": chunked(*(LARGE[at : at + 99_999] for at in range(0, len(LARGE), 99_999))),
    "close": b"HTTP/1.1 200 OK\r\n\r\n" + LARGE,
}


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "TLS"])
@pytest.mark.parametrize("framing", LARGE_FRAMINGS)
async def test_a_large_body_in_bursts_is_whole_and_a_small_one_follows(
    world: World, serve: Serve, authority: Authority, framing: str, encrypted: bool
) -> None:
    answer = LARGE_FRAMINGS[framing]
    ends = framing == "close"

    def burst(peer: Peer) -> None:
        peer.request()
        at = 0
        for size in (700_000, 1, 300_000, 200_000, len(answer)):
            peer.send(answer[at : at + size])
            at += size
            server.closing.wait(0.003)
        if ends and encrypted and not world.shares:
            peer.close_notify()
        elif not ends:
            peer.request()
            peer.send(reply(b"small"))
            peer.wait_for_close()

    server = serve(burst, answering(reply(b"small")), tls=authority.good if encrypted else None)
    client = world.client(verify=authority.roots, timeout=5)

    response = await client.get(server.url())

    assert response.content == LARGE
    assert (await client.get(server.url())).content == b"small"
    assert server.connections == 1 + ends


@pytest.mark.parametrize("size", [None, 1, 2, 1000, 4096, len(BODY) - 1, len(BODY), len(BODY) + 1])
async def test_chunks_have_the_size_that_was_asked_for(world: World, serve: Serve, size: int | None) -> None:
    server = serve(answering(FRAMINGS["chunked gzip"]))
    client = world.client()

    async with client.stream("GET", server.url()) as response:
        chunks = [chunk async for chunk in response.iter_bytes(size)]
        assert response.num_bytes_downloaded == len(gzip.compress(BODY))

    assert b"".join(chunks) == BODY
    assert all(chunks)
    if size is not None:
        assert {len(chunk) for chunk in chunks[:-1]} <= {size}
        assert len(chunks[-1]) <= size
    assert client.stats() == {"connections": 1, "idle": 1}


async def test_bad_chunk_sizes_are_refused(world: World, serve: Serve) -> None:
    server = serve(answering(reply(b"hello")))

    async with world.client().stream("GET", server.url()) as response:
        for wrong in (0, -1, True, 1.5):
            with pytest.raises(ValueError, match="chunk_size"):
                response.iter_bytes(wrong)
        assert await response.read() == b"hello"
        assert await response.read() == b"hello"


async def test_raw_is_what_travelled(world: World, serve: Serve) -> None:
    packed = gzip.compress(BODY)
    server = serve(answering(reply(packed, "200 OK", "Content-Encoding: gzip")))

    async with world.client().stream("GET", server.url()) as response:
        assert b"".join([piece async for piece in response.iter_raw(100)]) == packed


async def test_text_and_lines_decode_as_they_come(world: World, serve: Serve) -> None:
    server = serve(answering(FRAMINGS["chunked"]))
    client = world.client()

    async with client.stream("GET", server.url()) as response:
        assert "".join([text async for text in response.iter_text()]) == TEXT
    async with client.stream("GET", server.url()) as response:
        assert [line async for line in response.iter_lines()] == TEXT.splitlines()
    async with client.stream("GET", server.url()) as response:
        with pytest.raises(courser.LimitExceeded):
            [line async for line in response.iter_lines(max_line=5)]

    assert server.connections <= 2


async def test_a_body_is_read_once(world: World, serve: Serve) -> None:
    server = serve(answering(FRAMINGS["chunked"]))

    async with world.client().stream("GET", server.url()) as response:
        await response.read()
        with pytest.raises(courser.StreamConsumed, match="read"):
            [piece async for piece in response.iter_bytes()]


async def test_closing_early_closes_the_connection_only_where_it_must(world: World, serve: Serve) -> None:
    server = serve(answering(lambda request: reply(b"x" * (1 if request.target == "/small" else 5_000_000))))
    client = world.client()

    async with client.stream("GET", server.url("/large")) as response:
        await response.close()
        assert world.left_by(client) == 0
        with pytest.raises(courser.StreamClosed):
            await response.read()
    async with client.stream("GET", server.url("/small")) as response:
        pass
    assert response.status_code == 200
    assert (await client.get(server.url("/small"))).content == b"x"


async def test_an_iteration_that_is_left_gives_up_the_connection(world: World, serve: Serve) -> None:
    server = serve(answering(reply(b"x" * 5_000_000)))
    client = world.client()

    async with client.stream("GET", server.url()) as response:
        async for _ in response.iter_bytes(10):
            break

    assert world.left_by(client) == 0
    assert await world.until(lambda: server.open == 0)


async def test_an_error_inside_the_block_gives_up_the_connection(world: World, serve: Serve) -> None:
    server = serve(answering(reply(b"x" * 5_000_000)))
    client = world.client()

    with pytest.raises(KeyError):
        async with client.stream("GET", server.url()):
            raise KeyError

    assert world.left_by(client) == 0


async def test_a_stream_that_is_dropped_leaves_nothing(world: World, serve: Serve) -> None:
    server = serve(answering(reply(b"x" * 5_000_000)))
    client = world.client()

    manager = client.stream("GET", server.url())
    await manager.__aenter__()
    del manager

    assert await world.until(lambda: server.open == 0)
    assert world.left_by(client) == 0


async def test_response_and_raise_for_status_read_the_rest(world: World, serve: Serve) -> None:
    server = serve(answering(reply(b"why", "500 Oh")))
    client = world.client()

    async with client.stream("GET", server.url()) as response:
        whole = await response.response()
        assert (whole.status_code, whole.content) == (500, b"why")
        with pytest.raises(courser.StatusError) as caught:
            await response.raise_for_status()
        assert caught.value.response.content == b"why"

    assert client.stats() == {"connections": 1, "idle": 1}


async def test_an_error_does_not_wait_for_a_body_without_end(
    world: World, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every byte that drips in renews the limit of a read."""
    monkeypatch.setattr(responding, "PATIENCE", 0.4)
    server = serve(once(b"HTTP/1.1 500 Oh\r\n\r\nbecause", lambda peer: peer.dribble(b"." * 1_000_000, 0.01)))
    client = world.client(timeout=5)

    async with client.stream("GET", server.url()) as response:
        with pytest.raises(courser.StatusError) as caught:
            await response.raise_for_status()
        assert caught.value.response.content.rstrip(b".") == b"because"

    assert await world.until(lambda: server.open == 0)


async def test_trailers_are_kept(world: World, serve: Serve) -> None:
    server = serve(answering(chunked(b"hello", trailers="X-Sum: 1\r\nX-Sum: 2\r\n")))
    client = world.client()

    response = await client.get(server.url())

    assert response.trailers.get_list("x-sum") == ["1", "2"]
    assert "x-sum" not in response.headers


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
async def test_statuses_without_bodies(world: World, serve: Serve, status: str) -> None:
    lie = "Content-Length: 5\r\n" if status.startswith("304") else ""
    server = serve(answering(f"HTTP/1.1 {status}\r\n{lie}\r\n".encode()))
    client = world.client()

    for _ in range(2):
        assert (await client.get(server.url())).content == b""

    assert server.connections == 1


async def test_a_body_that_comes_in_two_parts_at_every_split(world: World, serve: Serve) -> None:
    answer = chunked(b"hello", trailers="A: b\r\n")
    cuts = itertools.cycle(range(1, len(answer)))

    def script(peer: Peer) -> None:
        while True:
            peer.request()
            cut = next(cuts)
            peer.send(answer[:cut])
            peer.server.closing.wait(0.0005)
            peer.send(answer[cut:])

    server = serve(script)
    client = world.client()

    for _ in range(len(answer) - 1):
        assert (await client.get(server.url())).content == b"hello"

    assert server.connections == 1


async def test_a_slow_reader_makes_the_peer_wait(world: World, serve: Serve) -> None:
    sent = 0

    def script(peer: Peer) -> None:
        nonlocal sent
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 40000000\r\n\r\n")
        for _ in range(400):
            peer.send(b"x" * 100_000)
            sent += 100_000
        peer.wait_for_close()

    server = serve(script)
    client = world.client()

    async with client.stream("GET", server.url()) as response:
        pieces = response.iter_bytes()
        total = len(await pieces.__anext__())
        await world.sleep(0.1)
        assert sent < 30_000_000
        async for piece in pieces:
            total += len(piece)

    assert total == 40_000_000
    assert client.stats() == {"connections": 1, "idle": 1}


async def test_a_bomb_is_decoded_in_bounded_pieces(world: World, serve: Serve) -> None:
    packed = gzip.compress(bytes(50_000_000))
    server = serve(answering(reply(packed, "200 OK", "Content-Encoding: gzip")))
    client = world.client()

    async with client.stream("GET", server.url()) as response:
        largest = total = 0
        async for piece in response.iter_bytes():
            largest = max(largest, len(piece))
            total += len(piece)
            if total > 5_000_000:
                break

    assert largest <= 1_100_000
