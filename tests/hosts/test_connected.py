"""The connection that a response came over."""

from __future__ import annotations

import pickle
import ssl
import threading
from collections.abc import Callable
from typing import Any

import pytest
from authority import Authority
from faultserver import FaultServer, Peer, Received, answering, reply
from worlds import World

import courser
from courser import Read, Request
from courser.testing import MockTransport

Serve = Callable[..., FaultServer]


def port_of(server: FaultServer) -> int:
    port = courser.URL(server.url()).port
    assert port is not None
    return port


def landing(request: Received) -> bytes:
    if request.target == "/start":
        return reply(b"on", "302 Found", "Location: /end")
    return reply(b"ok")


async def test_it_has_two_ends_and_a_number(world: World, serve: Serve) -> None:
    server = serve(answering(landing))
    client = world.client()

    response = await client.get(server.url("/start"))

    connection = response.connection
    assert connection is not None
    assert connection.peer == ("127.0.0.1", port_of(server))
    assert isinstance(connection.local, tuple)
    assert connection.local[0] == "127.0.0.1"
    assert (connection.tls, connection.cipher, connection.certificate) == (None, None, None)
    assert response.history[0].connection == connection  # the same one
    assert pickle.loads(pickle.dumps(response)).connection == connection


@pytest.mark.parametrize("way", ["whole", "read by a flow", "stream"])
async def test_it_is_told_of_after_its_end(world: World, serve: Serve, way: str) -> None:
    server = serve(answering(reply(b"ok", "200 OK", "Connection: close")))

    def flow(request: Request) -> Any:
        response = yield request
        yield Read(response)
        return response

    client = world.client(middleware=[flow] if way == "read by a flow" else [])
    if way != "stream":
        response = await client.get(server.url())
        assert world.left_by(client) == 0
        assert response.connection.peer == ("127.0.0.1", port_of(server))
    elif world.streams:
        async with client.stream("GET", server.url()) as stream:
            assert stream.connection.peer == ("127.0.0.1", port_of(server))
            assert (await stream.response()).connection == stream.connection


async def test_it_tells_how_it_is_encrypted(world: World, serve: Serve, authority: Authority) -> None:
    server = serve(answering(reply(b"ok")), tls=authority.good)

    response = await world.client(verify=authority.roots).get(server.url())

    connection = response.connection
    assert connection is not None
    assert connection.tls == "TLSv1.3"
    assert connection.cipher is not None
    assert connection.cipher.startswith("TLS_")
    assert connection.certificate is not None
    assert "BEGIN CERTIFICATE" in ssl.DER_cert_to_PEM_cert(connection.certificate)


async def test_without_a_connection_there_is_none(world: World) -> None:
    client = world.client(transport=MockTransport(lambda request: courser.Response(200)))

    assert (await client.get("http://a.example/")).connection is None


async def test_the_first_byte_comes_before_the_head(world: World, serve: Serve) -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        assert told.wait(5)
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    told = threading.Event()
    seen: list[Any] = []

    def tell(hint: Any) -> None:
        seen.append(hint)
        told.set()

    response = await world.client().get(serve(script).url(), extensions={"informational": tell})

    timings = response.timings
    assert seen
    assert 0 < timings.first_byte < timings.head <= timings.total
    assert response.elapsed.total_seconds() == pytest.approx(timings.head, abs=1e-5)
