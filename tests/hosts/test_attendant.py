"""A WebSocket of plain code whose user is away, and the thread that attends to it."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from faultserver import FaultServer
from worlds import World
from wspeer import WebSocketPeer, agreeing, echoing

import courser
from courser.engines.websocket import Close, Pong

Serve = Callable[..., FaultServer]

NAME = "courser-websocket"


def attendants() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == NAME]


@pytest.fixture(autouse=True)
def no_one_stays() -> Iterator[None]:
    yield
    for thread in attendants():
        thread.join(10)
    assert attendants() == []


def open_socket(world: World, server: FaultServer, **options: Any) -> Any:
    if world.is_async or not world.streams:
        pytest.skip("it is for plain code")
    return world.client().websocket(server.url("/ws").replace("http", "ws", 1), keepalive=True, **options)


def asking(answered: list[bytes]) -> Callable[[WebSocketPeer], None]:
    """What a server does that pings, and hears on."""

    def act(ws: WebSocketPeer) -> None:
        for payload in (b"one", b"two"):
            ws.raw(ws.engine.ping(payload))
            event = ws.event()
            assert isinstance(event, Pong)
            answered.append(event.payload)
        echoing(ws)

    return act


async def test_pings_are_answered_while_nobody_receives(world: World, serve: Serve) -> None:
    answered: list[bytes] = []
    server = serve(agreeing(asking(answered)))

    async with open_socket(world, server) as ws:
        assert await world.until(lambda: answered == [b"one", b"two"])
        assert len(attendants()) == 1
        for number in range(50):
            await ws.send_text(f"{number}")
            assert await ws.receive(timeout=10) == f"{number}"
        assert await ws.ping() > 0

    assert ws.close_code == 1000


async def test_what_comes_meanwhile_waits(world: World, serve: Serve) -> None:
    def act(ws: WebSocketPeer) -> None:
        for number in range(10):
            ws.say(f"{number}")
        echoing(ws)

    server = serve(agreeing(act))
    async with open_socket(world, server) as ws:
        assert await world.until(lambda: len(ws._talk.messages) == 10)
        assert [await ws.receive(timeout=0) for _ in range(10)] == [f"{number}" for number in range(10)]


async def test_a_dead_peer_is_noticed(world: World, serve: Serve) -> None:
    over = threading.Event()
    server = serve(agreeing(lambda ws: over.wait(30)))
    async with open_socket(world, server, heartbeat=0.05) as ws:
        try:
            assert await world.until(lambda: ws.closed)
        finally:
            over.set()
        assert ws.close_code == 1006
        with pytest.raises(courser.ConnectionClosed, match="no answer to a ping"):
            await ws.receive()


async def test_a_goodbye_is_answered(world: World, serve: Serve) -> None:
    heard: list[object] = []

    def act(ws: WebSocketPeer) -> None:
        ws.raw(ws.engine.close(4000, "enough"))
        heard.append(ws.event())
        ws.peer.close()

    server = serve(agreeing(act))
    async with open_socket(world, server) as ws:
        assert await world.until(lambda: server.open == 0)
        assert (ws.close_code, ws.close_reason) == (4000, "enough")
        (event,) = heard
        assert isinstance(event, Close)
        assert await world.until(lambda: attendants() == [])


async def test_it_ends_with_the_websocket_that_nobody_holds(world: World, serve: Serve) -> None:
    server = serve(agreeing(lambda ws: ws.peer.receive()))
    opened = open_socket(world, server)
    ws = await opened.__aenter__()
    assert len(attendants()) == 1

    del opened, ws
    gc.collect()

    assert await world.until(lambda: attendants() == [])


@pytest.mark.parametrize("keepalive", ["yes", 1, None])
def test_it_is_a_matter_of_yes_or_no(keepalive: Any) -> None:
    with courser.Client() as client, pytest.raises(TypeError, match="keepalive is True or False"):
        client.websocket("ws://127.0.0.1/", keepalive=keepalive)


async def test_an_event_loop_needs_none(world: World, serve: Serve) -> None:
    if not world.is_async:
        pytest.skip("it is for event loops")
    server = serve(agreeing(echoing))

    async with world.client().websocket(server.url("/ws").replace("http", "ws", 1), keepalive=True) as ws:
        await ws.send_text("hello")
        assert await ws.receive() == "hello"
        assert attendants() == []
