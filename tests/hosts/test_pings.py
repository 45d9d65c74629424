"""A peer that is gone is noticed: by PING where that was asked for, and by those who waited in vain."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from h2server import FramePeer, FrameServer
from h2wire import ACK, PING
from worlds import World

import courser

pytestmark = pytest.mark.only_http2("HTTP/1.1 has no PING")

Frames = Callable[..., FrameServer]


def silent(peer: FramePeer) -> None:
    """Answers one request, takes another one, and says nothing more."""
    peer.greet()
    asked = peer.request()
    peer.sync()
    peer.answers = False
    peer.answer(asked, b"ok")  # after which nothing comes any more
    peer.request()
    peer.wait_for_close()


def slow(peer: FramePeer) -> None:
    """Answers a request only after it was asked twice whether it is there."""
    peer.greet()
    asked = peer.request()
    for _ in range(2):
        while peer.until(PING).flags & ACK:
            pass
    peer.answer(asked, b"ok")
    peer.wait_for_close()


def prompt(peer: FramePeer) -> None:
    peer.greet()
    peer.answer(peer.request(), b"ok")
    peer.wait_for_close()


async def test_a_peer_that_answers_no_ping_is_given_up(world: World, frames: Frames) -> None:
    server = frames(silent)
    client = world.client(limits=courser.Limits(ping_interval=0.05), timeout=20)
    await client.get(server.url())
    with pytest.raises(courser.ReadError, match="not even the answer to a PING"):
        await client.post(server.url(), content=b"x")

    assert client.stats()["connections"] == 0


async def test_a_peer_that_answers_pings_has_all_the_time_of_the_request(world: World, frames: Frames) -> None:
    server = frames(slow)
    client = world.client(limits=courser.Limits(ping_interval=0.4), timeout=20)
    response = await client.get(server.url())

    assert response.text == "ok"


async def test_after_a_wait_in_vain_others_go_elsewhere(world: World, frames: Frames) -> None:
    server = frames(silent, prompt)
    client = world.client()
    await client.get(server.url())
    with pytest.raises(courser.RequestTimeout):
        await client.get(server.url(), timeout=0.2)
    response = await client.get(server.url(), timeout=20)

    assert response.text == "ok"
    assert server.connections == 2


async def test_the_question_takes_no_longer_than_the_call(
    world: World, frames: Frames, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("courser.core.alive.FRESH", 0.0)
    server = frames(silent)
    client = world.client()
    await client.get(server.url())
    with pytest.raises(courser.ReadTimeout, match=r"0\.2 s, while waiting for 127\.0\.0\.1"):
        await client.post(server.url(), content=b"x", timeout=0.2)

    assert server.connections == len(server.requests) == 1
    assert client.stats()["connections"] == 0


async def test_who_says_nothing_at_all_gets_no_websocket(world: World, frames: Frames) -> None:
    """And is not taken for one that takes none."""
    if not world.streams:
        pytest.skip("map opens no WebSocket")
    server = frames(lambda peer: peer.wait_for_close())
    client = world.client()
    with pytest.raises(courser.ReadTimeout, match=r"0\.2 s, while waiting for 127\.0\.0\.1"):
        async with client.websocket(server.url().replace("http", "ws", 1), timeout=0.2):
            pass

    assert await world.until(lambda: server.connections == 1)
    assert client.stats()["connections"] == 0
