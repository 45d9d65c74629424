"""`Expect: 100-continue`: a body waits for the peer's word, and for no longer than a moment."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from faultserver import FaultServer, Peer, answering, echo, reply
from worlds import World

import courser
from courser.core import exchange as module

Serve = Callable[..., FaultServer]

EXPECT = {"Expect": "100-continue"}
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"

BODY = b"x" * 200_000


class Source:
    """Notes whether anybody has asked for it."""

    def __init__(self) -> None:
        self.opened = 0

    def __call__(self) -> bytes:
        self.opened += 1
        return BODY


def pieces() -> Iterator[bytes]:
    yield BODY[:7]
    yield BODY[7:]


async def apieces() -> AsyncIterator[bytes]:
    for piece in pieces():
        yield piece


BODIES: dict[str, Callable[[], Any]] = {
    "bytes": lambda: {"content": BODY},
    "small": lambda: {"content": b"abc"},
    "generator": lambda: {"content": pieces()},
    "async generator": lambda: {"content": apieces()},
    "sized": lambda: {"content": pieces(), "headers": EXPECT | {"Content-Length": str(len(BODY))}},
    "multipart": lambda: {"files": {"f": pieces()}},
}


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """The moment is short."""
    monkeypatch.setattr(module, "PATIENCE", 0.02)


@pytest.fixture
def long(monkeypatch: pytest.MonkeyPatch) -> None:
    """The moment lasts longer than the test."""
    monkeypatch.setattr(module, "PATIENCE", 60.0)


def permits(*before: bytes) -> Callable[[Peer], None]:
    """Look whether something comes unasked, then say that it may."""

    def script(peer: Peer) -> None:
        while True:
            request = peer.head()
            assert request.get("expect") == "100-continue"
            peer.socket.settimeout(0.03)
            with pytest.raises(TimeoutError):
                peer.socket.recv(1)
            peer.socket.settimeout(8)
            peer.send(b"".join(before) + CONTINUE)
            body = peer.body(request)
            peer.send(reply(str(len(body)).encode()))

    return script


@pytest.mark.usefixtures("long")
@pytest.mark.parametrize("kind", BODIES)
async def test_the_body_follows_the_peers_word(world: World, serve: Serve, kind: str) -> None:
    server = serve(permits(), permits(HINTS))
    client = world.client(headers=EXPECT)

    for _ in range(2):
        response = await client.post(server.url(), **BODIES[kind]())
        assert response.status_code == 200
        assert int(response.content) >= 3

    assert server.connections == 1
    assert client.stats() == {"connections": 1, "idle": 1}


@pytest.mark.usefixtures("long")
async def test_other_interim_responses_are_no_word(world: World, serve: Serve) -> None:
    gone = threading.Event()

    def script(peer: Peer) -> None:
        request = peer.head()
        peer.send(HINTS)
        peer.socket.settimeout(0.05)
        with pytest.raises(TimeoutError):
            peer.socket.recv(1)
        gone.set()
        peer.socket.settimeout(8)
        peer.send(CONTINUE)
        peer.send(reply(peer.body(request)))

    server = serve(script)
    told: list[int] = []

    response = await world.client().post(
        server.url(),
        content=b"abc",
        headers=EXPECT,
        extensions={"informational": lambda interim: told.append(interim.status_code)},
    )

    assert response.content == b"abc"
    assert told == [103, 100]
    assert gone.is_set()


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("kind", BODIES)
async def test_a_peer_that_says_nothing_gets_the_body(world: World, serve: Serve, kind: str) -> None:
    server = serve(answering(reply(b"thanks")))
    client = world.client(headers=EXPECT)

    for _ in range(2):
        assert (await client.post(server.url(), **BODIES[kind]())).content == b"thanks"

    assert [request.get("expect") for request in server.requests] == ["100-continue"] * 2
    assert server.connections == 1


@pytest.mark.usefixtures("long")
@pytest.mark.parametrize("kept", [True, False])
async def test_a_body_that_is_not_wanted_stays_here(world: World, serve: Serve, kept: bool) -> None:
    """CVE-2024-24791 of Go: the peer may go on reading, and would take the next request for the body."""

    def script(peer: Peer) -> None:
        peer.head()
        peer.send(reply(b"too large", "413 Content Too Large", *([] if kept else ["Connection: close"])))
        assert peer.receive() == b""

    server = serve(script)
    client = world.client()
    source = Source()

    for _ in range(2):
        response = await client.post(server.url(), content=source, headers=EXPECT)
        assert (response.status_code, response.content) == (413, b"too large")
        assert world.left_by(client) == 0

    assert source.opened == 0
    assert server.connections == 2


@pytest.mark.usefixtures("long")
async def test_a_redirect_before_the_body_keeps_it_whole(world: World, serve: Serve) -> None:
    """Not even a generator is used up."""

    def script(peer: Peer) -> None:
        while True:
            request = peer.head()
            if request.target != "/there":
                peer.send(reply(b"", "307 Temporary Redirect", "Location: /there"))
                assert peer.receive() == b""
                return
            peer.send(CONTINUE)
            peer.send(reply(peer.body(request)))

    server = serve(script)

    response = await world.client().post(server.url(), content=pieces(), headers=EXPECT)

    assert (response.status_code, response.content) == (200, BODY)
    assert len(response.history) == 1


@pytest.mark.usefixtures("long")
async def test_a_peer_that_knows_no_expectations_is_asked_without(world: World, serve: Serve) -> None:
    def script(peer: Peer) -> None:
        while True:
            request = peer.head()
            if request.get("expect"):
                peer.send(reply(b"what?", "417 Expectation Failed", "Set-Cookie: a=1"))
                assert peer.receive() == b""
                return
            peer.send(reply(peer.body(request) + (request.get("cookie") or "").encode()))

    server = serve(script)
    client = world.client()

    for content in (pieces(), BODY):
        response = await client.post(server.url(), content=content, headers=EXPECT)
        assert response.content.startswith(BODY)
        assert "expect" not in response.request.headers
        assert response.history == []
    assert client.cookies["a"] == "1"


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("kind", ["bytes", "generator"])
async def test_a_refusal_that_comes_after_the_body(world: World, serve: Serve, kind: str) -> None:
    def script(peer: Peer) -> None:
        while True:
            request = peer.head()
            body = peer.body(request)
            if request.get("expect"):
                peer.send(reply(b"what?", "417 Expectation Failed"))
            else:
                peer.send(reply(body))

    server = serve(script)
    client = world.client()

    response = await client.post(server.url(), headers=EXPECT, **BODIES[kind]())

    if kind == "bytes":
        assert (response.status_code, response.content) == (200, BODY)
    else:
        assert (response.status_code, response.content) == (417, b"what?")
    assert client.stats() == {"connections": 1, "idle": 1}
    assert server.connections == 1


@pytest.mark.usefixtures("long")
async def test_an_early_answer_that_is_none_of_the_two(world: World, serve: Serve) -> None:
    """A status below 300 is no refusal: whoever answers first may read afterwards."""

    def script(peer: Peer) -> None:
        request = peer.head()
        peer.send(reply(b"in advance"))
        assert peer.body(request) == BODY
        peer.wait_for_close()

    server = serve(script)
    client = world.client()

    assert (await client.post(server.url(), content=pieces(), headers=EXPECT)).content == b"in advance"
    assert client.stats() == {"connections": 1, "idle": 1}


@pytest.mark.usefixtures("long")
async def test_the_time_of_the_call_goes_on(world: World, serve: Serve) -> None:
    def script(peer: Peer) -> None:
        peer.head()
        peer.wait_for_close()

    server = serve(script)
    client = world.client()
    source = Source()

    with pytest.raises(courser.DeadlineExceeded):
        await client.post(server.url(), content=source, headers=EXPECT, timeout=courser.Timeout(total=0.05))

    assert source.opened == 0
    assert world.left_by(client) == 0


@pytest.mark.usefixtures("long")
async def test_the_moment_is_no_longer_than_the_limit_for_reading(world: World, serve: Serve) -> None:
    server = serve(answering(echo))

    response = await world.client().post(
        server.url(), content=b"abc", headers=EXPECT, timeout=courser.Timeout(read=0.3)
    )

    assert response.content == b"abc"


@pytest.mark.usefixtures("long")
async def test_a_connection_that_dies_before_the_word(world: World, serve: Serve) -> None:
    """Nothing of the body had been sent, so it goes out on another one, whatever the method."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(reply(b"first"))
        peer.head()
        peer.close()

    def other(peer: Peer) -> None:
        request = peer.head()
        peer.send(CONTINUE)
        peer.send(reply(peer.body(request)))
        peer.wait_for_close()

    server = serve(script, other)
    client = world.client()
    await client.get(server.url())

    assert (await client.post(server.url(), content=pieces(), headers=EXPECT)).content == BODY
    assert server.connections == 2


@pytest.mark.usefixtures("long")
@pytest.mark.parametrize("options", [{}, {"content": b""}, {"data": {}}])
async def test_nothing_is_expected_where_there_is_no_body(world: World, serve: Serve, options: dict[str, Any]) -> None:
    """RFC 9110 section 10.1.1 forbids it; a client that has the header for all its requests may send a GET."""
    server = serve(answering(echo))
    client = world.client(headers=EXPECT)

    for verb in ("get", "post"):
        assert (await getattr(client, verb)(server.url(), **options)).status_code == 200

    assert [request.get("expect") for request in server.requests] == [None, None]


@pytest.mark.usefixtures("long")
async def test_another_expectation_is_sent_as_it_is(world: World, serve: Serve) -> None:
    server = serve(answering(echo))

    assert (await world.client().post(server.url(), content=b"abc", headers={"Expect": "wonders"})).content == b"abc"
    assert server.requests[0].get("expect") == "wonders"


@pytest.mark.usefixtures("long")
async def test_a_cancelled_wait_leaves_nothing(world: World, serve: Serve) -> None:
    if not world.is_async:
        pytest.skip("plain code cannot be cancelled")

    def script(peer: Peer) -> None:
        peer.head()
        peer.wait_for_close()

    server = serve(script)
    client = world.client()
    source = Source()

    assert await world.cancelled_after(0.05, lambda: client.post(server.url(), content=source, headers=EXPECT))
    assert source.opened == 0
    assert world.left_by(client) == 0
