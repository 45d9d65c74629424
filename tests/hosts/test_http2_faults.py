"""Each way in which a server can break HTTP/2 gives its own error, and costs no more than it has to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import h2wire
import pytest
from authority import Authority
from h2server import Asked, FramePeer, FrameServer, answering, saying
from h2wire import GOAWAY, HEADERS, PUSH_PROMISE, SETTINGS
from worlds import World

import courser

pytestmark = pytest.mark.only_http2("its frames are said")

Frames = Callable[..., FrameServer]

INTERNAL_ERROR, REFUSED_STREAM, CANCEL = 2, 7, 8


HEAD = h2wire.response(1)
LONG = h2wire.response(1, ("content-length", "10"))

STREAM: dict[str, tuple[list[bytes], type[courser.HTTPError], str]] = {
    "reset before the head": ([h2wire.rst(1, INTERNAL_ERROR)], courser.RemoteProtocolError, "INTERNAL_ERROR"),
    "reset in the body": ([HEAD + h2wire.data(1, b"ab"), h2wire.rst(1, CANCEL)], courser.TruncatedBody, "CANCEL"),
    "a body that is too short": ([LONG + h2wire.data(1, b"abc", end=True)], courser.TruncatedBody, "7 bytes before"),
    "a body that is too long": ([LONG + h2wire.data(1, b"x" * 11)], courser.RemoteProtocolError, "Content-Length"),
    "a body before its head": ([h2wire.data(1, b"abc")], courser.RemoteProtocolError, "before the head"),
    "no status": ([h2wire.headers(1, ("a", "b"))], courser.RemoteProtocolError, ":status"),
    "upper case": ([h2wire.response(1, ("A", "b"))], courser.RemoteProtocolError, "lower case"),
    "a line end in a value": (
        [h2wire.response(1, ("a", "b\r\nc: d"))],
        courser.RemoteProtocolError,
        "control character",
    ),
    "transfer-encoding": ([h2wire.response(1, ("transfer-encoding", "chunked"))], courser.RemoteProtocolError, "1.1"),
    "trailers in the middle": ([HEAD + h2wire.headers(1, ("a", "b"))], courser.RemoteProtocolError, "trailers"),
}

CONNECTION: dict[str, tuple[list[bytes], type[courser.HTTPError], str]] = {
    "DATA on a stream that is none": ([h2wire.data(7, b"x")], courser.RemoteProtocolError, "DATA on stream 7"),
    "PUSH_PROMISE": ([h2wire.frame(PUSH_PROMISE, 4, 1, b"\0\0\0\2")], courser.RemoteProtocolError, "PUSH_PROMISE"),
    "a frame that is too large": ([b"\0\x40\1\0\0\0\0\0\1" + b"x" * 16385], courser.RemoteProtocolError, "16385"),
    "a header block that is none": ([h2wire.frame(HEADERS, 4, 1, b"\xff" * 9)], courser.RemoteProtocolError, "block"),
    "an interrupted header block": (
        [h2wire.frame(HEADERS, 0, 1, h2wire.block((":status", "200"))) + h2wire.data(1, b"x")],
        courser.RemoteProtocolError,
        "middle of a header block",
    ),
    "a window of nothing": ([h2wire.update(0, 0)], courser.RemoteProtocolError, "WINDOW_UPDATE of 0"),
    "a window that is too large": ([h2wire.update(0, 2**31 - 1)], courser.RemoteProtocolError, "a window of"),
    "half a setting": ([h2wire.frame(SETTINGS, 0, 0, b"\0\1\0")], courser.RemoteProtocolError, "3 bytes"),
}


def as_cases(table: dict[str, tuple[list[bytes], type[courser.HTTPError], str]]) -> Any:
    return pytest.mark.parametrize(("said", "kind", "text"), list(table.values()), ids=list(table))


@as_cases(STREAM)
async def test_what_breaks_a_stream_costs_one_request(
    world: World, frames: Frames, said: list[bytes], kind: type[courser.HTTPError], text: str
) -> None:
    def script(peer: FramePeer) -> None:
        peer.greet()
        peer.request()
        for part in said:
            peer.send(part)
        while True:
            peer.answer(peer.request(), b"fine")

    server = frames(script)
    client = world.client()

    with pytest.raises(kind, match=text):
        await client.post(server.url(), content=b"x")

    assert (await client.get(server.url())).text == "fine"
    assert server.connections == 1


@as_cases(CONNECTION)
async def test_what_breaks_the_connection_is_an_error(
    world: World, frames: Frames, said: list[bytes], kind: type[courser.HTTPError], text: str
) -> None:
    server = frames(saying(*said), answering(lambda peer, asked: peer.answer(asked, b"fine")))
    client = world.client()

    with pytest.raises(kind, match=text):
        await client.post(server.url(), content=b"x")

    assert (await client.get(server.url())).text == "fine"
    assert server.connections == 2


@pytest.mark.parametrize("said", [b"", b"\0\0", HEAD[:5], HEAD, LONG + h2wire.data(1, b"abc")])
async def test_a_connection_that_ends_in_the_middle(world: World, frames: Frames, said: bytes) -> None:
    def script(peer: FramePeer) -> None:
        peer.greet()
        peer.request()
        peer.send(said)
        peer.close()

    server = frames(script)

    with pytest.raises(courser.TransportError, match="closed"):
        await world.client().post(server.url(), content=b"x")


async def test_a_request_that_was_refused_is_sent_again(world: World, frames: Frames) -> None:
    def answer(peer: FramePeer, asked: Asked) -> None:
        if asked.number == 1:
            peer.send(h2wire.rst(1, REFUSED_STREAM))
        else:
            peer.answer(asked, asked.body)

    server = frames(answering(answer))

    response = await world.client().post(server.url(), content=b"x" * 100_000)

    assert len(response.content) == 100_000
    assert [request.number for request in server.requests] == [1, 3]


async def test_a_request_above_the_last_one_is_sent_again_elsewhere(world: World, frames: Frames) -> None:
    def leaving(peer: FramePeer) -> None:
        peer.greet()
        peer.answer(peer.request(), b"first")
        peer.head()
        peer.send(h2wire.goaway(1))
        peer.wait_for_close()

    server = frames(leaving, answering(lambda peer, asked: peer.answer(asked, b"second")))
    client = world.client()

    assert (await client.get(server.url())).text == "first"
    assert (await client.post(server.url(), content=b"x")).text == "second"
    assert server.connections == 2


async def test_a_body_waits_for_its_windows(world: World, frames: Frames) -> None:
    sizes: list[int] = []

    def script(peer: FramePeer) -> None:
        peer.greet((4, 10))  # INITIAL_WINDOW_SIZE
        peer.answer(peer.request())
        peer.sync()
        request = peer.head()
        while not request.ended:
            peer.sync()
            sizes.append(len(request.body))
            peer.send(h2wire.update(request.number, 7) + h2wire.update(0, 7))
        peer.answer(request, request.body)
        peer.until(GOAWAY)

    server = frames(script)

    client = world.client()
    await client.get(server.url())  # from here on the client knows the settings

    response = await client.post(server.url(), content=bytes(range(31)))

    assert response.content == bytes(range(31))
    assert len(sizes) >= 4
    assert all(size <= 10 + 7 * updates for updates, size in enumerate(sizes))


async def test_frames_arrive_byte_by_byte(world: World, frames: Frames) -> None:
    wire = h2wire.response(1, ("a", "b")) + h2wire.data(1, b"abc") + h2wire.data(1, b"", end=True)
    server = frames(saying(*(wire[at : at + 1] for at in range(len(wire)))))

    response = await world.client().get(server.url())

    assert (response.text, response.headers["a"]) == ("abc", "b")


async def test_over_tls(world: World, frames: Frames, authority: Authority) -> None:
    def answer(peer: FramePeer, asked: Asked) -> None:
        assert (asked.method, asked.target, asked.get(":scheme")) == ("PUT", "/a?b", "https")
        peer.answer(asked, asked.body, ("x-length", asked.get("content-length") or "-"))

    server = frames(answering(answer), tls=authority.fresh("127.0.0.1", protocols=("h2",)))

    response = await world.client(verify=authority.roots).put(server.url("/a?b"), content=b"body")

    assert (response.content, response.headers["x-length"], response.http_version) == (b"body", "4", "HTTP/2")
