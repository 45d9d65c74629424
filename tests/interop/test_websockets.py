"""WebSockets with servers of other makers, at first hand, behind nginx and haproxy, and through proxies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from authority import Authority
from nginx import Nginx
from relays import Program, at, fronting
from socket_servers import PROGRAMS, PYTHON, SocketServer
from worlds import World

import courser


@pytest.fixture(scope="module", params=sorted(PROGRAMS))
def server(request: pytest.FixtureRequest) -> Iterator[SocketServer]:
    """Each of them in turn."""
    if PYTHON is None:
        pytest.skip("COURSER_HTTPBIN names no interpreter with websockets and aiohttp (make interop makes one)")
    running = SocketServer(PYTHON, request.param)
    yield running
    running.close()


async def talk(ws: Any) -> None:
    """Everything that a conversation has."""
    for message in ("", "hello", "grüße", "x" * 70_000, b"", b"\0\1", bytes(1_000_000)):
        await (ws.send_text(message) if isinstance(message, str) else ws.send_bytes(message))
        assert await ws.receive() == message
    await ws.send(["in ", "pieces"])
    assert await ws.receive() == "in pieces"
    assert await ws.ping() > 0
    await ws.send_text("ping")
    assert await ws.receive() == "pong"


async def test_a_conversation(world: World, server: SocketServer) -> None:
    client = world.client()
    async with client.websocket(server.url, subprotocols=["other", "chat"]) as ws:
        assert ws.subprotocol == "chat"
        await talk(ws)

    assert (ws.close_code, client.stats()["connections"]) == (1000, 0)


@pytest.mark.parametrize(
    "deflate",
    [
        True,
        courser.Deflate(client_no_context_takeover=True, server_no_context_takeover=True),
        courser.Deflate(client_max_window_bits=10, server_max_window_bits=11),
    ],
    ids=["with contexts", "without", "small windows"],
)
async def test_compressed(world: World, server: SocketServer, deflate: Any) -> None:
    async with world.client().websocket(server.url, deflate=deflate) as ws:
        assert "permessage-deflate" in ws.response.headers["sec-websocket-extensions"]
        await talk(ws)
        for _ in range(20):
            await ws.send_text("much the same " * 500)
            assert await ws.receive() == "much the same " * 500


async def test_the_server_is_answered_while_plain_code_is_away(world: World, server: SocketServer) -> None:
    if world.is_async or not world.streams:
        pytest.skip("it is for plain code")
    async with world.client().websocket(server.url, keepalive=True) as ws:
        await ws.send_text("ping")
        assert await world.until(lambda: bool(ws._talk.messages))
        assert await ws.receive(timeout=0) == "pong"


async def test_the_server_says_goodbye(world: World, server: SocketServer) -> None:
    async with world.client().websocket(server.url) as ws:
        await ws.send_text("goodbye")
        with pytest.raises(courser.ConnectionClosed) as caught:
            await ws.receive()

    assert (caught.value.code, caught.value.reason) == (4001, "as you wish")


async def test_behind_nginx(world: World, unsteady: Nginx, server: SocketServer, authority: Authority) -> None:
    unsteady.talk_to(server.port)
    client = world.client(verify=authority.roots)
    for listener in ("plain", "tls", "h2_tls"):
        async with client.websocket(unsteady.url("/ws", listener)) as ws:
            await talk(ws)


async def test_behind_haproxy(world: World, server: SocketServer, authority: Authority) -> None:
    """It speaks HTTP/2, and takes WebSockets on streams (RFC 8441)."""
    program = fronting(*authority.files("127.0.0.1", "localhost"), server.port)
    url = f"wss://127.0.0.1:{program.ports['tls']}/ws"
    try:
        async with world.client(verify=authority.roots).websocket(url) as ws:
            assert ws.response.http_version == "HTTP/1.1"
            await talk(ws)
        client = world.client(verify=authority.roots, http1=False)
        async with client.websocket(url) as one, client.websocket(url, deflate=True) as other:
            assert one.response.http_version == other.response.http_version == "HTTP/2"
            for ws in (one, other):
                await talk(ws)
            assert client.stats()["connections"] == 1
        # Once a connection is known to take them, they go there by themselves.
        known = world.client(verify=authority.roots)
        await known.get(url.replace("wss", "https"))
        async with known.websocket(url) as ws:
            assert ws.response.http_version == "HTTP/2"
            await talk(ws)
    finally:
        program.close()


async def test_through_the_tunnel_of_squid(world: World, cache: Program, server: SocketServer) -> None:
    async with world.client(proxy=at(cache)).websocket(server.url) as ws:
        assert ws.response.extensions["proxy"].status_code == 200
        await talk(ws)


async def test_through_socks(world: World, socks: Program, server: SocketServer) -> None:
    async with world.client(proxy=at(socks, scheme="socks5h")).websocket(server.url) as ws:
        await talk(ws)
