"""Responses that begin before their request is out: below 300 both go on side by side."""

from __future__ import annotations

import gc
import io
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from authority import Authority
from faultserver import FaultServer, Peer, Received, reply
from worlds import World

import courser

Serve = Callable[..., FaultServer]

PIECE = bytes(range(256)) * 400
COUNT = 200
BODY = PIECE * COUNT
"""20 MB: far more than the buffers of both kernels hold."""

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def pieces_of(peer: Peer, request: Received) -> Iterator[bytes]:
    """The body of a request, as it comes."""
    if request.get("transfer-encoding") == "chunked":
        while size := int(peer._until(b"\r\n"), 16):
            yield peer.exactly(size)
            peer.exactly(2)
        peer.exactly(2)
        return
    left = int(request.get("content-length") or 0)
    while left:
        yield (data := peer.exactly(min(left, 100_000)))
        left -= len(data)


def echoes(peer: Peer, tell: Callable[[bytes], None] = lambda data: None) -> None:
    """Send the head at once, and then each piece as soon as it is read and told."""
    while True:
        request = peer.head()
        peer.send(HEAD)
        for data in pieces_of(peer, request):
            tell(data)
            peer.send(b"%x\r\n%b\r\n" % (len(data), data))
        peer.send(b"0\r\n\r\n")


class Source:
    """A body that counts what it gives.

    Attributes:
        given: bytes so far.
        ended: whether the iterator has ended, or was closed.
    """

    def __init__(self, count: int = COUNT) -> None:
        self.count = count
        self.given = 0
        self.ended = False

    def sync(self) -> Iterator[bytes]:
        try:
            for _ in range(self.count):
                self.given += len(PIECE)
                yield PIECE
        finally:
            self.ended = True

    async def eager(self) -> AsyncIterator[bytes]:
        for piece in self.sync():
            yield piece

    def waiting(self, world: World) -> Callable[[], AsyncIterator[bytes]]:
        async def pieces() -> AsyncIterator[bytes]:
            for number, piece in enumerate(self.sync()):
                if number % 20 == 0:
                    await world.sleep(0)
                yield piece

        return pieces


def body_of(kind: str, world: World, source: Source) -> Any:
    if kind == "async iterable":
        if not world.is_async:
            pytest.skip("plain code takes no async iterable that waits")
        return source.waiting(world)()
    kinds: dict[str, Callable[[], Any]] = {
        "bytes": lambda: PIECE * source.count,
        "iterable": source.sync,
        "async iterable that never waits": source.eager,
        "file": lambda: io.BytesIO(PIECE * source.count),
    }
    return kinds[kind]()


KINDS = ["bytes", "iterable", "async iterable", "async iterable that never waits", "file"]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_whole_response_comes_while_its_request_goes(world: World, serve: Serve, kind: str) -> None:
    server = serve(echoes)
    client = world.client(timeout=15)

    for _ in range(2):
        response = await client.post(server.url(), content=body_of(kind, world, Source()))
        assert response.content == BODY

    assert server.connections == 1
    assert client.stats() == {"connections": 1, "idle": 1}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_response_is_read_while_its_request_goes(world: World, serve: Serve, kind: str) -> None:
    taken = 0

    def take(data: bytes) -> None:
        nonlocal taken
        taken += len(data)

    server = serve(lambda peer: echoes(peer, take))
    client = world.client(timeout=15)
    source = Source()
    received = most = 0

    async with client.stream("POST", server.url(), content=body_of(kind, world, source)) as response:
        assert response.status_code == 200
        assert source.given < len(BODY)
        async for piece in response.iter_bytes():
            assert piece == BODY[received : received + len(piece)]
            received += len(piece)
            most = max(most, source.given - taken)

    assert received == taken == len(BODY)
    assert most < 15_000_000
    assert client.stats() == {"connections": 1, "idle": 1}


@pytest.mark.parametrize("kind", ["bytes", "iterable"])
async def test_encrypted_too(world: World, serve: Serve, authority: Authority, kind: str) -> None:
    server = serve(echoes, tls=authority.good)
    client = world.client(timeout=15, verify=authority.roots)

    response = await client.post(server.url(), content=body_of(kind, world, Source(50)))

    assert response.content == PIECE * 50
    assert client.stats() == {"connections": 1, "idle": 1}


async def test_middleware_sees_the_head_first(world: World, serve: Serve) -> None:
    server = serve(echoes)
    source = Source()
    seen: list[int] = []

    def look(request: courser.Request) -> Any:
        response = yield request
        seen.append(source.given)
        return response

    response = await world.client(timeout=15, middleware=[look]).post(server.url(), content=source.sync())

    assert response.content == BODY
    assert seen[0] < len(BODY)


async def test_question_and_answer(world: World, serve: Serve) -> None:
    """Each piece of the body is made from the answer to the one before."""
    if not world.is_async:
        pytest.skip("plain code does one thing at a time")
    server = serve(echoes)
    client = world.client(timeout=courser.Timeout(total=10))
    answers: list[bytes] = []

    async def questions() -> AsyncIterator[bytes]:
        for number in range(20):
            assert await world.until(lambda: len(answers) == number)  # noqa: B023 - it is awaited within the loop
            yield b"question %d" % number

    async with client.stream("POST", server.url(), content=questions()) as response:
        async for piece in response.iter_bytes():
            answers.append(piece)

    assert answers == [b"question %d" % number for number in range(20)]
    assert client.stats() == {"connections": 1, "idle": 1}


async def test_plain_code_sends_on_whenever_it_reads(world: World, serve: Serve) -> None:
    """Nothing is sent while the caller does something else: what is asked for next depends on what was read."""
    if world.is_async or not world.streams:
        pytest.skip("this is about plain code")
    server = serve(echoes)
    source = Source()

    async with world.client(timeout=15).stream("POST", server.url(), content=source.sync()) as response:
        given = source.given
        server.closing.wait(0.02)
        assert source.given == given < len(BODY)
        assert await response.read() == BODY


# The answer is whole before the request is


def answers_first(peer: Peer) -> None:
    while True:
        request = peer.head()
        peer.send(reply(b"early"))
        peer.server.closing.wait(0.01)
        request.body = b"".join(pieces_of(peer, request))


@pytest.mark.parametrize("kind", KINDS)
async def test_a_request_is_sent_to_its_end(world: World, serve: Serve, kind: str) -> None:
    server = serve(answers_first)
    client = world.client(timeout=15)

    for _ in range(2):
        response = await client.post(server.url(), content=body_of(kind, world, Source()))
        assert (response.status_code, response.content) == (200, b"early")

    assert await world.until(lambda: all(request.body for request in server.requests))
    assert [request.body for request in server.requests] == [BODY, BODY]
    assert server.connections == 1 or world.shares


@pytest.mark.parametrize("kind", KINDS)
async def test_a_stream_ends_when_its_request_is_out(world: World, serve: Serve, kind: str) -> None:
    server = serve(answers_first)
    client = world.client(timeout=15)

    async with client.stream("POST", server.url(), content=body_of(kind, world, Source())) as response:
        assert await response.read() == b"early"

    assert await world.until(lambda: server.requests[0].body == BODY)
    assert client.stats() == {"connections": 1, "idle": 1}


@pytest.mark.parametrize("ending", ["close", "reset"])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_peer_that_reads_no_more_has_answered(world: World, serve: Serve, kind: str, ending: str) -> None:
    def script(peer: Peer) -> None:
        peer.head()
        peer.send(reply(b"enough"))
        peer.server.closing.wait(0.02)
        peer.close() if ending == "close" else peer.reset()

    server = serve(script)
    client = world.client(timeout=15)

    response = await client.post(server.url(), content=body_of(kind, world, Source()))

    assert (response.status_code, response.content) == (200, b"enough")
    assert world.left_by(client) == 0


@pytest.mark.parametrize("kind", KINDS)
async def test_an_answer_that_is_cut_off_is_an_error(world: World, serve: Serve, kind: str) -> None:
    def script(peer: Peer) -> None:
        peer.head()
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
        peer.server.closing.wait(0.02)
        peer.close()

    server = serve(script)
    client = world.client(timeout=15)

    with pytest.raises((courser.TruncatedBody, courser.ReadError)):
        await client.post(server.url(), content=body_of(kind, world, Source()))

    assert world.left_by(client) == 0


# What fails on the way


@pytest.mark.parametrize("kind", KINDS)
async def test_leaving_a_stream_stops_the_request(world: World, serve: Serve, kind: str) -> None:
    server = serve(echoes)
    client = world.client(timeout=15)
    source = Source()

    async with client.stream("POST", server.url(), content=body_of(kind, world, source)) as response:
        async for _ in response.iter_bytes():
            break

    assert world.left_by(client) == 0
    assert await world.until(lambda: server.open == 0)
    assert source.given < len(BODY)
    if source.given:
        gc.collect()
        assert await world.until(lambda: source.ended)


async def test_a_stream_that_is_dropped_stops_the_request(world: World, serve: Serve) -> None:
    if not world.is_async:
        pytest.skip("in plain code nobody else holds it")
    server = serve(echoes)
    client = world.client(timeout=15)
    begun = ended = False

    async def sleeper() -> AsyncIterator[bytes]:
        nonlocal begun, ended
        try:
            begun = True
            yield b"x"
            await world.sleep(20)
        finally:
            ended = True

    manager = client.stream("POST", server.url(), content=sleeper())
    await manager.__aenter__()
    assert await world.until(lambda: begun)
    del manager

    assert await world.until(lambda: server.open == 0 and ended)
    assert world.left_by(client) == 0


@pytest.mark.parametrize("kind", ["iterable", "async iterable"])
async def test_a_source_that_fails_fails_the_stream(world: World, serve: Serve, kind: str) -> None:
    server = serve(echoes)
    client = world.client(timeout=15)

    def broken() -> Iterator[bytes]:
        yield PIECE
        yield PIECE
        raise KeyError("mine")

    async def broken_too() -> AsyncIterator[bytes]:
        for piece in broken():
            await world.sleep(0)
            yield piece

    if kind == "async iterable" and not world.is_async:
        pytest.skip("plain code takes no async iterable that waits")
    content = broken() if kind == "iterable" else broken_too()

    with pytest.raises(KeyError, match="mine"):
        async with client.stream("POST", server.url(), content=content) as response:
            await response.read()

    assert world.left_by(client) == 0


@pytest.mark.parametrize("kind", ["bytes", "iterable", "async iterable"])
async def test_a_peer_that_answers_and_takes_nothing_meets_the_write_limit(
    world: World, serve: Serve, kind: str
) -> None:
    def script(peer: Peer) -> None:
        peer.head()
        peer.send(HEAD)
        peer.server.closing.wait(5)

    server = serve(script)
    client = world.client(timeout=courser.Timeout(write=0.08))

    with pytest.raises(courser.WriteTimeout):
        await client.post(server.url(), content=body_of(kind, world, Source()))
    if world.streams:
        with pytest.raises(courser.WriteTimeout):
            async with client.stream("POST", server.url(), content=body_of(kind, world, Source())) as response:
                await response.read()

    assert world.left_by(client) == 0


@pytest.mark.parametrize("kind", ["bytes", "iterable"])
async def test_a_peer_that_takes_it_slowly_is_not_late(world: World, serve: Serve, kind: str) -> None:
    """The limit is for each wait, not for the whole body."""

    def script(peer: Peer) -> None:
        request = peer.head()
        for number, _ in enumerate(pieces_of(peer, request)):
            if number % 10 == 0:
                peer.server.closing.wait(0.035)
        peer.send(reply(b"thanks"))

    server = serve(script)
    client = world.client(timeout=courser.Timeout(write=0.5))

    response = await client.post(server.url(), content=body_of(kind, world, Source()))

    assert response.content == b"thanks"


async def test_a_caller_who_is_slow_to_read_is_not_the_peer_s_fault(world: World, serve: Serve) -> None:
    if not world.streams:
        pytest.skip("map streams nothing")
    server = serve(echoes)
    client = world.client(timeout=courser.Timeout(write=0.5, read=5))
    source = Source()

    async with client.stream("POST", server.url(), content=source.sync()) as response:
        await world.sleep(0.8)
        assert source.given < len(BODY)  # how much less is up to the buffers of the system
        assert await response.read() == BODY

    assert client.stats() == {"connections": 1, "idle": 1}


async def test_a_source_that_takes_its_time_is_not_the_peer_s_fault(world: World, serve: Serve) -> None:
    if not world.is_async:
        pytest.skip("plain code cannot sleep in its source")
    server = serve(echoes)
    client = world.client(timeout=courser.Timeout(write=0.5, read=0.5))

    async def slow() -> AsyncIterator[bytes]:
        for _ in range(2):
            yield b"x"
            await world.sleep(0.6)

    assert (await client.post(server.url(), content=slow())).content == b"xx"
