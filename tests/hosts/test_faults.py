"""Each way in which a server can break HTTP/1.1 gives its own error, within the deadline, and leaves nothing behind."""

from __future__ import annotations

import gzip
import pickle
import re
import zlib
from collections.abc import Callable
from time import monotonic
from typing import Any

import pytest
from faultserver import FaultServer, Peer, answering, chunked, once, reply, silent
from worlds import World

import courser

Serve = Callable[..., FaultServer]

HEAD = b"HTTP/1.1 200 OK\r\n"


def reset(peer: Peer) -> None:
    peer.reset()


def hold(peer: Peer) -> None:
    peer.wait_for_close()


BROKEN: dict[str, tuple[bytes, Callable[[Peer], None], type[courser.HTTPError], str]] = {
    "nothing": (b"", Peer.close, courser.RemoteProtocolError, "before any byte"),
    "reset at once": (b"", reset, courser.ReadError, "(?i)reset"),
    "truncated status line": (b"HTTP/1.1 20", Peer.close, courser.RemoteProtocolError, "closed"),
    "truncated head": (HEAD + b"Content-Le", Peer.close, courser.RemoteProtocolError, "closed"),
    "truncated body": (HEAD + b"Content-Length: 10\r\n\r\nabc", Peer.close, courser.TruncatedBody, "3 of 10"),
    "truncated chunk": (
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab",
        Peer.close,
        courser.TruncatedBody,
        "chunk",
    ),
    "missing last chunk": (
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
        Peer.close,
        courser.TruncatedBody,
        "chunk",
    ),
    "reset in the body": (HEAD + b"Content-Length: 10\r\n\r\nabc", reset, courser.ReadError, "(?i)reset"),
    "bad chunk size": (
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n",
        hold,
        courser.RemoteProtocolError,
        "(?i)chunk",
    ),
    "chunk without end": (
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nabXX0\r\n\r\n",
        hold,
        courser.RemoteProtocolError,
        "(?i)chunk",
    ),
    "length with chunked": (
        HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
        hold,
        courser.RemoteProtocolError,
        "Transfer-Encoding",
    ),
    "differing lengths": (
        HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
        hold,
        courser.RemoteProtocolError,
        "Content-Length",
    ),
    "length that is no number": (HEAD + b"Content-Length: +2\r\n\r\nab", hold, courser.RemoteProtocolError, "Length"),
    "unknown coding": (HEAD + b"Transfer-Encoding: foo\r\n\r\n", hold, courser.RemoteProtocolError, "Encoding"),
    "garbage": (b"\x16\x03\x01\x02\x00garbage\r\n\r\n", hold, courser.RemoteProtocolError, ""),
    "another protocol": (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", hold, courser.RemoteProtocolError, "SSH"),
    "folded line": (HEAD + b"A: b\r\n c\r\nContent-Length: 0\r\n\r\n", hold, courser.RemoteProtocolError, ""),
    "space before colon": (HEAD + b"Content-Length : 0\r\n\r\n", hold, courser.RemoteProtocolError, ""),
    "NUL in a value": (HEAD + b"A: b\0c\r\nContent-Length: 0\r\n\r\n", hold, courser.RemoteProtocolError, ""),
    "endless head": (HEAD + b"A: b\r\n" * 100_000, hold, courser.RemoteProtocolError, ""),
    "endless line": (HEAD + b"A: " + b"b" * 1_000_000, hold, courser.RemoteProtocolError, ""),
    "endless interim responses": (
        b"HTTP/1.1 100 Continue\r\n\r\n" * 1000,
        hold,
        courser.RemoteProtocolError,
        "interim",
    ),
    "unasked-for upgrade": (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", hold, courser.RemoteProtocolError, "101"),
    "status of two digits": (b"HTTP/1.1 20 OK\r\n\r\n", hold, courser.RemoteProtocolError, ""),
}


@pytest.mark.only_http1("these are bytes of HTTP/1.1")
@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_response_is_told_apart(world: World, serve: Serve, name: str) -> None:
    answer, then, kind, told = BROKEN[name]
    server = serve(once(answer, then), answering(reply(b"fine")))
    client = world.client(timeout=5)

    with pytest.raises(courser.TransportError) as caught:
        await client.get(server.url("/p?token=secret"))

    error = caught.value
    assert type(error) is kind, repr(error)
    assert re.search(told, str(error)), str(error)
    assert error.phase == "read"
    assert error.bytes_sent > 0
    assert error.request.method == "GET"
    assert "secret" not in str(error)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    assert world.left_by(client) == 0
    assert (await client.get(server.url())).content == b"fine"


@pytest.mark.parametrize("name", ["truncated body", "truncated chunk", "reset in the body", "bad chunk size"])
async def test_a_stream_gives_what_came_before_the_fault(world: World, serve: Serve, name: str) -> None:
    answer, then, kind, _ = BROKEN[name]
    server = serve(once(answer, then))
    client = world.client(timeout=5)
    got = b""

    async def read() -> None:
        nonlocal got
        async with client.stream("GET", server.url()) as response:
            async for piece in response.iter_bytes():
                got += piece

    # Over HTTP/2 the client has something to send now and then, and a send that fails takes the news of a reset away.
    with pytest.raises((kind, courser.TruncatedBody) if world.shares else kind) as caught:
        await read()

    assert got in (b"", b"ab", b"abc")
    assert caught.value.request is not None
    assert world.left_by(client) == 0


LIMITS: dict[str, tuple[Callable[[Peer], None], dict[str, Any], type[courser.HTTPError]]] = {
    "silence, read": (silent, {"timeout": courser.Timeout(read=0.1)}, courser.ReadTimeout),
    "silence, total": (silent, {"timeout": courser.Timeout(total=0.1)}, courser.DeadlineExceeded),
    "silence, plain": (silent, {"timeout": 0.25}, courser.ReadTimeout),
    "dribbled head": (
        lambda peer: (peer.request(), peer.dribble(HEAD + b"A: b\r\n" * 1000, 0.01)),
        {"timeout": courser.Timeout(total=0.15)},
        courser.DeadlineExceeded,
    ),
    "dribbled body": (
        lambda peer: (peer.request(), peer.dribble(HEAD + b"Content-Length: 9999\r\n\r\n" + b"x" * 9999, 0.002)),
        {"timeout": courser.Timeout(total=0.15)},
        courser.DeadlineExceeded,
    ),
    "half a body": (
        once(HEAD + b"Content-Length: 10\r\n\r\nabc", hold),
        {"timeout": courser.Timeout(read=0.1)},
        courser.ReadTimeout,
    ),
    "half a large body": (
        once(HEAD + b"Content-Length: 2000000\r\n\r\n" + b"x" * 1000000, hold),
        {"timeout": courser.Timeout(read=0.1)},
        courser.ReadTimeout,
    ),
    "half a large body, total": (
        once(HEAD + b"Content-Length: 2000000\r\n\r\n" + b"x" * 1000000, hold),
        {"timeout": courser.Timeout(total=0.1)},
        courser.DeadlineExceeded,
    ),
    "half a body, plain": (once(HEAD + b"Content-Length: 10\r\n\r\nabc", hold), {"timeout": 0.25}, courser.ReadTimeout),
}


@pytest.mark.parametrize("name", LIMITS)
async def test_a_slow_server_meets_the_limit(world: World, serve: Serve, name: str) -> None:
    script, options, kind = LIMITS[name]
    server = serve(script)
    client = world.client()
    start = monotonic()

    with pytest.raises(courser.RequestTimeout) as caught:
        await client.get(server.url(), **options)

    assert type(caught.value) is kind, repr(caught.value)
    assert monotonic() - start > 0.09
    assert f"127.0.0.1:{server.port}" in str(caught.value)
    assert world.left_by(client) == 0


@pytest.mark.only_http1("a head of HTTP/2 comes in one frame")
async def test_a_read_limit_is_for_each_wait(world: World, serve: Serve) -> None:
    def slow(peer: Peer) -> None:
        peer.request()
        peer.dribble(reply(b"x" * 10), 0.012)

    server = serve(slow)

    response = await world.client().get(server.url(), timeout=courser.Timeout(read=0.5))

    assert response.content == b"x" * 10


async def test_a_plain_number_bounds_each_wait_of_a_stream(world: World, serve: Serve) -> None:
    def slow(peer: Peer) -> None:
        peer.request()
        peer.send(HEAD + b"Content-Length: 8\r\n\r\n")
        peer.dribble(b"x" * 7, 0.07)
        peer.wait_for_close()

    server = serve(slow)
    got = b""

    async def read() -> None:
        nonlocal got
        async with world.client().stream("GET", server.url(), timeout=0.4) as response:
            async for piece in response.iter_bytes():
                got += piece

    with pytest.raises(courser.ReadTimeout):
        await read()
    assert got == b"x" * 7


async def test_max_body_size_counts_before_and_after_decoding(world: World, serve: Serve) -> None:
    plain = reply(b"x" * 100_000)
    packed = gzip.compress(b"x" * 100_000)
    bomb = reply(packed, "200 OK", "Content-Encoding: gzip")
    client = world.client(max_body_size=50_000)

    for answer in (plain, bomb, chunked(b"x" * 30_000, b"x" * 30_000)):
        server = serve(answering(answer))
        with pytest.raises(courser.LimitExceeded, match=r"50000|max_body_size") as caught:
            await client.get(server.url())
        assert caught.value.request is not None
        assert client.stats()["connections"] == client.stats()["idle"]
        assert len((await client.get(server.url(), max_body_size=None)).content) in (100_000, 60_000)


async def test_max_body_size_ends_an_endless_body(world: World, serve: Serve) -> None:
    def endless(peer: Peer) -> None:
        peer.request()
        peer.send(HEAD + b"\r\n" + b"x" * 5_000_000)
        peer.wait_for_close()

    server = serve(endless)

    with pytest.raises(courser.LimitExceeded):
        await world.client(max_body_size=10_000).get(server.url())


DAMAGED = {
    "truncated gzip": (gzip.compress(b"hello" * 100)[:-4], "gzip"),
    "garbage gzip": (b"this is not gzip at all", "gzip"),
    "wrong checksum": (gzip.compress(b"hello" * 100)[:-8] + b"\0" * 8, "gzip"),
    "truncated deflate": (zlib.compress(b"hello" * 100)[:-3], "deflate"),
}


@pytest.mark.parametrize("name", DAMAGED)
async def test_a_damaged_coding_is_an_error(world: World, serve: Serve, name: str) -> None:
    body, coding = DAMAGED[name]
    server = serve(answering(reply(body, "200 OK", f"Content-Encoding: {coding}")))
    client = world.client()

    with pytest.raises(courser.DecodingError) as caught:
        await client.get(server.url())

    assert caught.value.request is not None
    assert client.stats()["connections"] == client.stats()["idle"]


async def test_extra_bytes_after_a_response_are_no_response(world: World, serve: Serve) -> None:
    server = serve(once(reply(b"good") + reply(b"evil"), hold), answering(reply(b"fine")))
    client = world.client()

    assert (await client.get(server.url())).content == b"good"
    assert (await client.get(server.url())).content == b"fine"
    assert server.connections == 2
