"""TLS: who is trusted, what is shared, how a stream may end."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable
from typing import Any

import pytest
from authority import Authority
from faultserver import FaultServer, Gone, Peer, answering, chunked, once, reply, stall
from worlds import World

import courser

Serve = Callable[..., FaultServer]

FINE = reply(b"fine")


async def test_a_trusted_server(world: World, serve: Serve, authority: Authority) -> None:
    server = serve(answering(FINE), tls=authority.good)
    client = world.client(verify=authority.roots)

    for _ in range(3):
        assert (await client.get(server.url())).content == b"fine"

    assert server.connections == 1
    assert client.stats() == {"connections": 1, "idle": 1}


async def test_a_context_of_ones_own(world: World, serve: Serve, authority: Authority) -> None:
    server = serve(answering(FINE), tls=authority.good)
    context = ssl.create_default_context(cafile=authority.roots)

    assert (await world.client(verify=context).get(server.url())).content == b"fine"


REFUSED = {
    "untrusted": ("stranger", "(?i)certificate"),
    "another name": ("other_name", "(?i)mismatch|not valid for"),
    "expired": ("expired", "(?i)expired"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_a_certificate_that_is_refused(world: World, serve: Serve, authority: Authority, name: str) -> None:
    kind, told = REFUSED[name]
    server = serve(answering(FINE), tls=getattr(authority, kind))
    client = world.client(verify=authority.roots)

    with pytest.raises(courser.CertificateError, match=told) as caught:
        await client.get(server.url())

    assert caught.value.phase == "tls"
    assert caught.value.bytes_sent == 0
    assert caught.value.request is not None
    assert client.stats() == {"connections": 0, "idle": 0}
    assert server.requests == []


async def test_the_systems_roots_do_not_know_ours(world: World, serve: Serve, authority: Authority) -> None:
    server = serve(answering(FINE), tls=authority.good)

    with pytest.raises(courser.CertificateError, match="verify="):
        await world.client().get(server.url())


async def test_connections_are_never_shared_across_what_was_verified(
    world: World, serve: Serve, authority: Authority
) -> None:
    server = serve(answering(FINE), tls=authority.stranger)
    client = world.client(verify=authority.roots)

    assert (await client.get(server.url(), verify=False)).content == b"fine"
    with pytest.raises(courser.CertificateError):
        await client.get(server.url())
    assert (await client.get(server.url(), verify=False)).content == b"fine"
    assert server.connections == 2
    assert len(server.requests) == 2


async def test_another_name_can_be_asked_for(world: World, serve: Serve, authority: Authority) -> None:
    server = serve(answering(FINE), tls=authority.other_name)
    client = world.client(verify=authority.roots)

    assert (await client.get(server.url(), server_hostname="elsewhere.example")).content == b"fine"
    with pytest.raises(courser.CertificateError):
        await client.get(server.url())


async def test_client_certificates(world: World, serve: Serve, authority: Authority) -> None:
    seen: list[Any] = []

    def script(peer: Peer) -> None:
        assert isinstance(peer.socket, ssl.SSLSocket)
        seen.append(peer.socket.getpeercert())
        answering(FINE)(peer)

    server = serve(script, tls=authority.asking)

    with pytest.raises(courser.TransportError):
        await world.client(verify=authority.roots).get(server.url())
    assert (await world.client(verify=authority.roots, cert=authority.client).get(server.url())).content == b"fine"
    assert (("commonName", "the client"),) in seen[0]["subject"]


@pytest.mark.parametrize("name", ["a\0b", "a b", ".a", "example.org:443", "\u2060"])
async def test_a_server_hostname_that_is_none_is_refused_before_anything_is_sent(
    world: World, serve: Serve, authority: Authority, name: str
) -> None:
    server = serve(answering(FINE), tls=authority.good)
    client = world.client(verify=authority.roots)

    with pytest.raises(courser.InvalidRequest, match="server_hostname") as caught:
        await client.get(server.url(), server_hostname=name)

    assert caught.value.request is not None
    assert client.stats() == {"connections": 0, "idle": 0}
    assert server.connections == 0


async def test_a_missing_client_certificate_is_named(world: World, serve: Serve, authority: Authority) -> None:
    server = serve(answering(FINE), tls=authority.good)

    with pytest.raises(courser.InvalidRequest, match="nothing-here"):
        await world.client(verify=authority.roots, cert="/nothing-here.pem").get(server.url())
    with pytest.raises(courser.InvalidRequest, match="nothing-here"):
        await world.client(verify="/nothing-here.pem").get(server.url())


async def test_sessions_resume_on_the_next_connection(world: World, serve: Serve, authority: Authority) -> None:
    reused: list[bool] = []
    answered = threading.Event()

    def script(peer: Peer) -> None:
        assert isinstance(peer.socket, ssl.SSLSocket)
        reused.append(bool(peer.socket.session_reused))
        peer.request()
        peer.send(FINE)
        answered.wait(5)
        answered.clear()
        peer.close_notify()

    server = serve(script, tls=authority.good)
    client = world.client(verify=authority.roots)

    for _ in range(3):
        await client.get(server.url())
        answered.set()
        assert await world.until(lambda: server.open == 0)
        await world.sleep(0.005)

    assert reused == [False, True, True]


@pytest.mark.parametrize("told", [True, False])
async def test_sessions_resume_after_an_end_that_came_with_the_response(
    world: World, serve: Serve, authority: Authority, told: bool
) -> None:
    """Where each request has a connection of its own, resumption is worth the most."""
    reused: list[bool] = []

    def script(peer: Peer) -> None:
        assert isinstance(peer.socket, ssl.SSLSocket)
        reused.append(bool(peer.socket.session_reused))
        peer.request()
        if hasattr(socket, "TCP_CORK"):  # all in one segment
            peer.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        peer.send(reply(b"fine", "200 OK", *(["Connection: close"] if told else [])))
        peer.close_notify()

    server = serve(script, tls=authority.good)
    client = world.client(verify=authority.roots)

    for _ in range(3):
        assert (await client.get(server.url())).content == b"fine"
        assert await world.until(lambda: server.open == 0)

    assert reused == [False, True, True]


async def test_a_server_that_speaks_plain_text(world: World, serve: Serve, authority: Authority) -> None:
    server = serve(lambda peer: (peer.receive(), peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")))

    with pytest.raises(courser.TLSError) as caught:
        await world.client(verify=authority.roots).get(server.url().replace("http:", "https:"))

    assert caught.value.phase == "tls"


async def test_the_handshake_has_a_limit(world: World, serve: Serve, authority: Authority) -> None:
    server = serve(stall)
    client = world.client(verify=authority.roots)

    with pytest.raises(courser.ConnectTimeout):
        await client.get(server.url().replace("http:", "https:"), timeout=courser.Timeout(connect=0.08))

    assert client.stats() == {"connections": 0, "idle": 0}
    assert await world.until(lambda: server.open == 0)


async def test_a_handshake_that_is_cut(world: World, serve: Serve, authority: Authority) -> None:
    server = serve(lambda peer: (peer.receive(), peer.reset()), lambda peer: (peer.receive(), peer.close()))
    client = world.client(verify=authority.roots)

    for _ in range(2):
        with pytest.raises(courser.TLSError):
            await client.get(server.url().replace("http:", "https:"))
    assert client.stats() == {"connections": 0, "idle": 0}


CLOSED = b"HTTP/1.1 200 OK\r\n\r\nall of it?"
CUT = b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nhalf"

ENDS: dict[str, tuple[bytes, Callable[[Peer], None], type[Exception] | None]] = {
    "length, then a ragged end": (FINE, Peer.close, None),
    "chunked, then a ragged end": (chunked(b"fi", b"ne"), Peer.close, None),
    "until the end, said with close_notify": (CLOSED, Peer.close_notify, None),
    "until the end, ragged": (CLOSED, Peer.close, courser.TruncatedBody),
    "cut, ragged": (CUT, Peer.close, courser.TruncatedBody),
    "cut, with close_notify": (CUT, Peer.close_notify, courser.TruncatedBody),
    "cut, reset": (CUT, Peer.reset, courser.ReadError),
    "no head, ragged": (b"", Peer.close, courser.RemoteProtocolError),
    "no head, with close_notify": (b"", Peer.close_notify, courser.RemoteProtocolError),
}


@pytest.mark.parametrize("name", ENDS)
async def test_an_end_without_close_notify_is_an_error_where_it_must_be(
    world: World, serve: Serve, authority: Authority, name: str
) -> None:
    answer, end, kind = ENDS[name]
    server = serve(once(answer, end), tls=authority.good)
    client = world.client(verify=authority.roots)

    if kind is None:
        assert (await client.get(server.url())).content in (b"fine", b"all of it?")
    else:
        with pytest.raises(courser.TransportError) as caught:
            await client.get(server.url())
        assert type(caught.value) is kind, repr(caught.value)


async def test_large_bodies_both_ways(world: World, serve: Serve, authority: Authority) -> None:
    body = bytes(range(256)) * 12_000
    server = serve(answering(lambda request: reply(request.body)), tls=authority.good)
    client = world.client(verify=authority.roots)

    assert (await client.put(server.url(), content=body)).content == body
    assert (await client.put(server.url(), content=[body[:1_000_000], body[1_000_000:]])).content == body
    assert server.connections == 1


async def test_a_reused_connection_that_dies_is_replaced(world: World, serve: Serve, authority: Authority) -> None:
    def dies(peer: Peer) -> None:
        peer.request()
        peer.send(FINE)
        try:
            peer.request()
        except Gone:
            pass
        peer.close()

    server = serve(dies, answering(FINE), tls=authority.good)
    client = world.client(verify=authority.roots)

    for _ in range(2):
        assert (await client.get(server.url())).content == b"fine"
    assert server.connections == 2
