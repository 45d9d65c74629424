"""Many requests on one connection: what becomes of the others when something happens to one of them."""

from __future__ import annotations

import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import h2wire
import pytest
from authority import Authority
from faultserver import FaultServer, Received, answering, reply
from h2server import Asked, FramePeer, FrameServer
from h2server import answering as answering_frames
from h2wire import DATA, RST_STREAM
from worlds import World

import courser
from courser.engines.http2 import ErrorCode

pytestmark = [pytest.mark.only_http2("HTTP/1.1 carries one request at a time"), pytest.mark.everywhere]

Frames = Callable[..., FrameServer]
Serve = Callable[..., FaultServer]

CODES = [int(code) for code in ErrorCode if code != ErrorCode.REFUSED_STREAM] + [99]
STREAMS, WINDOW = 3, 4
"""SETTINGS_MAX_CONCURRENT_STREAMS and SETTINGS_INITIAL_WINDOW_SIZE."""


async def every(responses: Any) -> list[Any]:
    """All that an iterator of either colour gives."""
    if isinstance(responses, AsyncIterator):
        return [each async for each in responses]
    return list(responses)


async def side_by_side(client: Any, *requests: courser.Request, **options: Any) -> list[Any]:
    """Send requests in one go; gives responses and errors."""
    return await every(client.map(requests, concurrency=len(requests), return_exceptions=True, **options))


def paths(client: Any, server: FrameServer, *names: str, method: str = "GET") -> list[courser.Request]:
    return [client.build_request(method, server.url(f"/{name}")) for name in names]


def fine(peer: FramePeer, asked: Asked) -> None:
    peer.answer(asked, asked.target.encode())


def leave(peer: FramePeer) -> None:
    """Read on until the client goes."""
    while True:
        peer.frame()


# A stream is reset


@pytest.mark.parametrize("code", CODES)
async def test_a_reset_is_the_error_of_one_request(world: World, frames: Frames, code: int) -> None:
    def script(peer: FramePeer) -> None:
        peer.greet()
        peer.send(h2wire.rst(peer.request().number, code))
        while True:
            fine(peer, peer.request())

    server = frames(script)
    client = world.client()
    name = ErrorCode(code).name if code < 14 else "99"

    with pytest.raises(courser.RemoteProtocolError, match=name) as caught:
        await client.get(server.url("/reset"))

    assert caught.value.phase == "read"
    assert world.left_by(client) == 0
    assert (await client.get(server.url("/after"))).text == "/after"
    assert server.connections == 1
    assert [request.target for request in server.requests] == ["/reset", "/after"]


@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "PATCH"])
async def test_what_was_refused_is_sent_again_whatever_it_is(world: World, frames: Frames, method: str) -> None:
    def answer(peer: FramePeer, asked: Asked) -> None:
        if asked.number in (1, 3):
            peer.send(h2wire.rst(asked.number, ErrorCode.REFUSED_STREAM))
        else:
            fine(peer, asked)

    server = frames(answering_frames(answer))

    assert (await world.client().request(method, server.url("/a"), content=b"body")).text == "/a"
    assert [(request.method, request.body) for request in server.requests] == [(method, b"body")] * 3


async def test_who_refuses_for_ever_is_not_asked_for_ever(
    world: World, frames: Frames, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("courser.core.transport.PAUSE", 0.0001)
    server = frames(answering_frames(lambda peer, asked: peer.send(h2wire.rst(asked.number, ErrorCode.REFUSED_STREAM))))
    client = world.client()

    with pytest.raises(courser.RemoteProtocolError, match="REFUSED_STREAM"):
        await client.get(server.url())

    assert 2 < len(server.requests) < 20
    assert world.left_by(client) == 0


async def test_a_body_that_is_gone_is_not_sent_again(world: World, frames: Frames) -> None:
    def answer(peer: FramePeer, asked: Asked) -> None:
        peer.send(h2wire.rst(asked.number, ErrorCode.REFUSED_STREAM))

    def once() -> Iterator[bytes]:
        yield b"body"

    server = frames(answering_frames(answer))

    with pytest.raises(courser.HTTPError):
        await world.client().post(server.url(), content=once())

    assert len(server.requests) == 1


# The server goes


@pytest.mark.parametrize("code", [ErrorCode.NO_ERROR, ErrorCode.ENHANCE_YOUR_CALM])
async def test_goaway_ends_what_is_above_its_stream_and_nothing_else(world: World, frames: Frames, code: int) -> None:
    def leaving(peer: FramePeer) -> None:
        peer.greet()
        fine(peer, peer.request())
        kept, above = peer.request(), peer.request()
        elsewhere.append(above.target)
        peer.send(h2wire.goaway(kept.number, code))
        peer.sync()
        fine(peer, kept)
        leave(peer)

    elsewhere: list[str] = []
    server = frames(leaving, answering_frames(fine))
    client = world.client()
    await client.get(server.url("/first"))

    got = await side_by_side(client, *paths(client, server, "a", "b", method="POST"))

    assert [each.text for each in got] == ["/a", "/b"]
    assert server.connections == 2
    assert [request.target for request in server.requests[3:]] == elsewhere


async def test_a_connection_that_dies_is_repeated_where_that_is_safe(world: World, frames: Frames) -> None:
    def dying(peer: FramePeer) -> None:
        peer.greet()
        fine(peer, peer.request())
        for _ in range(3):
            peer.request()
        peer.close()

    server = frames(dying, answering_frames(fine))
    client = world.client()
    await client.get(server.url("/first"))
    asked = [*paths(client, server, "a", "b"), *paths(client, server, "c", method="POST")]

    got = await side_by_side(client, *asked)

    assert [each.text for each in got[:2]] == ["/a", "/b"]
    assert isinstance(got[2], courser.TransportError)
    assert sorted(request.target for request in server.requests) == ["/a", "/a", "/b", "/b", "/c", "/first"]
    assert server.connections == 2


async def test_a_new_connection_that_dies_is_an_error(world: World, frames: Frames) -> None:
    def dying(peer: FramePeer) -> None:
        peer.greet()
        peer.request()
        peer.close()

    server = frames(dying, answering_frames(fine))
    client = world.client()

    with pytest.raises(courser.TransportError):
        await client.get(server.url("/a"))
    assert (await client.get(server.url("/b"))).text == "/b"
    assert client.stats() == {"connections": 1, "idle": 1}


# How many there may be


@pytest.mark.parametrize("most", [1, 2])
async def test_there_are_never_more_than_the_server_takes(world: World, frames: Frames, most: int) -> None:
    crowds: list[int] = []

    def script(peer: FramePeer) -> None:
        peer.greet((STREAMS, 100))
        fine(peer, peer.request())
        peer.send(h2wire.settings((STREAMS, most)))
        peer.sync()
        while True:
            asked = peer.request()
            peer.sync()  # whatever the client has sent by now has come
            crowds.append(1 + len(peer._waiting))
            fine(peer, asked)

    server = frames(script)
    client = world.client(limits=courser.Limits(max_connections=1))
    await client.get(server.url("/first"))
    await client.get(server.url("/second"))
    names = [str(number) for number in range(9)]

    got = await side_by_side(client, *paths(client, server, *names))

    assert [each.text for each in got] == [f"/{name}" for name in names]
    assert max(crowds) == most
    assert server.connections == 1


async def test_where_the_server_takes_no_more_there_is_a_second_connection(world: World, frames: Frames) -> None:
    elsewhere = threading.Event()

    def full(peer: FramePeer) -> None:
        peer.greet((STREAMS, 2))
        fine(peer, peer.request())
        both = peer.request(), peer.request()
        assert elsewhere.wait(5)
        for asked in both:
            fine(peer, asked)
        while True:
            fine(peer, peer.request())

    def other(peer: FramePeer, asked: Asked) -> None:
        elsewhere.set()
        fine(peer, asked)

    server = frames(full, answering_frames(other))
    client = world.client()
    await client.get(server.url("/first"))

    got = await side_by_side(client, *paths(client, server, "a", "b", "c"))

    assert [each.text for each in got] == ["/a", "/b", "/c"]
    assert server.connections == 2
    assert client.stats() == {"connections": 2, "idle": 2}


async def test_where_the_server_takes_none_at_all_nothing_more_is_sent(world: World, frames: Frames) -> None:
    shut = threading.Event()

    def script(peer: FramePeer) -> None:
        peer.greet()
        fine(peer, peer.request())
        peer.send(h2wire.settings((STREAMS, 0)))
        shut.set()
        # In plain code nobody reads while nobody waits: a request may be on its way before it is known.
        late.append(peer.request())
        peer.send(h2wire.rst(late[0].number, ErrorCode.REFUSED_STREAM))
        leave(peer)

    late: list[Asked] = []
    server = frames(script, answering_frames(fine))
    client = world.client()
    await client.get(server.url("/first"))
    assert await world.until(shut.is_set)
    await world.sleep(0.01)  # it has come; an event loop has yet to read it

    for name in ("/second", "/third"):
        assert (await client.get(server.url(name))).text == name
    assert server.connections == 2
    assert not (late and world.is_async)
    assert [request.target for request in server.requests if request not in late] == ["/first", "/second", "/third"]


# Time


@pytest.mark.parametrize(
    ("timeout", "kind"),
    [
        (courser.Timeout(read=0.4), courser.ReadTimeout),
        (courser.Timeout(total=0.4), courser.DeadlineExceeded),
    ],
    ids=["read", "total"],
)
async def test_the_time_of_one_request_is_not_that_of_the_others(
    world: World, frames: Frames, timeout: courser.Timeout, kind: type[Exception]
) -> None:
    resets: dict[str, int] = {}

    def script(peer: FramePeer) -> None:
        peer.greet()
        for asked in [peer.request() for _ in range(4)]:
            if asked.target != "/silent":
                fine(peer, asked)
        while not peer.resets:
            peer.frame()
        resets.update({peer.asked[number].target: code for number, code in peer.resets.items()})
        while True:
            fine(peer, peer.request())

    server = frames(script)
    client = world.client(timeout=timeout)

    got = await side_by_side(client, *paths(client, server, "silent", "a", "b", "c"))

    assert type(got[0]) is kind
    assert [each.text for each in got[1:]] == ["/a", "/b", "/c"]
    assert (await client.get(server.url("/after"))).text == "/after"
    assert resets == {"/silent": ErrorCode.CANCEL}
    assert server.connections == 1
    assert client.stats() == {"connections": 1, "idle": 1}


async def test_a_slow_reader_of_one_stream_stalls_no_other(world: World, serve: Serve) -> None:
    if not world.streams:
        pytest.skip("map streams nothing")
    large = bytes(range(256)) * 20_000

    def answer(request: Received) -> bytes:
        return reply(large if request.target == "/large" else b"x" * 300_000)

    server = serve(answering(answer))
    client = world.client(timeout=10)

    async with client.stream("GET", server.url("/large")) as slow, client.stream("GET", server.url("/large")) as slower:
        for _ in range(20):
            assert len((await client.get(server.url("/other"))).content) == 300_000
        assert await slow.read() == large
        assert await slower.read() == large

    assert server.accepted == 1
    assert client.stats() == {"connections": 1, "idle": 1}


# One is given up


async def test_a_cancelled_request_resets_its_stream_and_no_other(world: World, frames: Frames) -> None:
    if not world.is_async:
        pytest.skip("plain code is not cancelled")
    resets: list[dict[int, int]] = []

    def script(peer: FramePeer) -> None:
        peer.greet()
        fine(peer, peer.request())
        one, other = sorted((peer.request(), peer.request()), key=lambda asked: asked.target)
        frame = peer.until(RST_STREAM)
        assert frame.number == one.number
        fine(peer, other)
        fine(peer, peer.request())
        resets.append(peer.resets)

    server = frames(script)
    client = world.client()
    await client.get(server.url("/first"))

    cancelled, got = await world.together(
        lambda: world.cancelled_once(lambda: len(server.requests) == 3, lambda: client.get(server.url("/1"))),
        lambda: client.get(server.url("/2")),
    )

    assert cancelled
    assert got.text == "/2"
    assert (await client.get(server.url("/3"))).text == "/3"
    assert await world.until(lambda: resets != [])
    assert list(resets[0].values()) == [ErrorCode.CANCEL]
    assert server.connections == 1


async def test_a_stream_that_is_dropped_is_reset(world: World, frames: Frames) -> None:
    if not world.streams:
        pytest.skip("map streams nothing")
    reset = threading.Event()

    def script(peer: FramePeer) -> None:
        peer.greet()
        asked = peer.request()
        peer.send(h2wire.response(asked.number) + h2wire.data(asked.number, b"begun"))
        assert peer.until(RST_STREAM).number == asked.number
        reset.set()
        while True:
            fine(peer, peer.request())

    server = frames(script)
    client = world.client()

    manager = client.stream("GET", server.url("/dropped"))
    await manager.__aenter__()
    del manager

    assert await world.until(reset.is_set)
    assert client.stats() == {"connections": 1, "idle": 1}
    assert (await client.get(server.url("/after"))).text == "/after"
    assert server.connections == 1


@pytest.mark.parametrize("status", ["200", "413"])
async def test_an_answer_that_makes_the_rest_of_a_request_needless(world: World, frames: Frames, status: str) -> None:
    def script(peer: FramePeer) -> None:
        peer.greet()
        asked = peer.head()
        peer.until(DATA)
        peer.answer(asked, b"enough", status=status)
        peer.send(h2wire.rst(asked.number, ErrorCode.NO_ERROR))
        while True:
            fine(peer, peer.request())

    server = frames(script)
    client = world.client(timeout=10)

    response = await client.post(server.url("/upload"), content=(b"x" * 50_000 for _ in range(100)))

    assert (response.status_code, response.text) == (int(status), "enough")
    assert (await client.get(server.url("/after"))).text == "/after"
    assert server.connections == 1
    assert client.stats() == {"connections": 1, "idle": 1}


# Sessions of TLS


async def test_sessions_resume_on_the_next_connection_and_let_no_other_key_in(
    world: World, frames: Frames, authority: Authority
) -> None:
    resumed: list[bool] = []

    def script(peer: FramePeer) -> None:
        assert isinstance(peer.socket, ssl.SSLSocket)
        resumed.append(bool(peer.socket.session_reused))
        peer.greet()
        fine(peer, peer.request())
        peer.send(h2wire.goaway(1))
        leave(peer)

    server = frames(script, tls=authority.fresh("127.0.0.1", protocols=("h2",)))
    client = world.client(verify=authority.roots)

    for _ in range(3):
        assert (await client.get(server.url("/a"))).text == "/a"
        # In plain code nobody reads before the next request, which goes elsewhere or is repeated there.
        assert not world.is_async or await world.until(lambda: server.open == 0)
    with pytest.raises(courser.CertificateError):
        await client.get(server.url(), verify=courser.TLS(authority.roots, fingerprints=bytes(32)))

    assert resumed[:3] == [False, True, True]


# What else a message may be


async def test_every_shape_of_a_response(world: World, frames: Frames) -> None:
    def answer(peer: FramePeer, asked: Asked) -> None:
        number = asked.number
        said = {
            "/head": h2wire.response(number, ("content-length", "5"), end=True),
            "/204": h2wire.response(number, status="204", end=True),
            "/empty": h2wire.response(number) + h2wire.data(number, b"", end=True),
            "/interim": h2wire.response(number, ("link", "</a>"), status="103")
            + h2wire.response(number, status="100")
            + h2wire.response(number)
            + h2wire.data(number, b"interim", end=True),
            "/trailers": h2wire.response(number)
            + h2wire.data(number, b"trailers")
            + h2wire.headers(number, ("x-sum", "1"), end=True),
            "/padded": h2wire.response(number)
            + h2wire.frame(DATA, h2wire.PADDED | h2wire.END_STREAM, number, b"\x04padded\0\0\0\0"),
        }
        peer.send(said[asked.target])

    server = frames(answering_frames(answer))
    client = world.client()

    head = await client.head(server.url("/head"))
    assert (head.content, head.headers["content-length"]) == (b"", "5")
    for name in ("204", "empty"):
        assert (await client.get(server.url(f"/{name}"))).content == b""
    for name in ("interim", "trailers", "padded"):
        response = await client.get(server.url(f"/{name}"))
        assert response.text == name
        assert response.trailers.multi_items() == ([("x-sum", "1")] if name == "trailers" else [])
    assert server.connections == 1


async def test_a_window_of_one_byte(world: World, frames: Frames) -> None:
    sizes: set[int] = set()

    def script(peer: FramePeer) -> None:
        peer.greet((WINDOW, 1))
        fine(peer, peer.request())
        asked = peer.request()
        sizes.update(len(frame.payload) for frame in peer.seen if frame.kind == DATA)
        peer.answer(asked, asked.body)
        leave(peer)

    server = frames(script)
    client = world.client()
    await client.get(server.url("/first"))
    body = bytes(range(256))

    assert (await client.post(server.url("/a"), content=body)).content == body
    assert sizes <= {0, 1}
