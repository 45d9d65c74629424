"""Which protocol is spoken: with servers that leave no choice, and with those that are reached through others."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

import pytest
from authority import Authority
from faultserver import FaultServer, answering, reply
from http2_peers import OPTIONS, Peer
from nginx import Nginx
from relays import Program, at
from worlds import World

import courser

everywhere = pytest.mark.parametrize(
    "world", ["inline", "group", "asyncio", "asyncio-direct", "asyncio-transports", "uvloop", "trio"], indirect=True
)


@pytest.fixture
def silent(authority: Authority) -> Iterator[FaultServer]:
    """A server that has never heard of ALPN."""
    from cryptography import x509

    context = authority.crafted(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    server = FaultServer(answering(reply(b"hello\n")), tls=context)
    yield server
    server.close()


@everywhere
async def test_a_server_that_chooses_http1(world: World, nginx: Nginx, authority: Authority) -> None:
    client = world.client(verify=authority.roots, http2=True)

    for _ in range(2):
        response = await client.get(nginx.url("/hello", "tls"))

        assert (response.text, response.http_version) == ("hello\n", "HTTP/1.1")
    assert client.stats() == {"connections": 1, "idle": 1}


@everywhere
async def test_a_server_without_alpn(world: World, silent: FaultServer, authority: Authority) -> None:
    client = world.client(verify=authority.roots, http2=True)

    for _ in range(2):
        response = await client.get(silent.url())

        assert (response.text, response.http_version) == ("hello\n", "HTTP/1.1")
    assert client.stats() == {"connections": 1, "idle": 1}


async def test_both_protocols_at_once(world: World, nginx: Nginx, peer: Peer, authority: Authority) -> None:
    """A client finds out for each server, and stays with it."""
    client = world.client(verify=authority.roots, http2=True)

    for _ in range(2):
        assert (await client.get(nginx.url("/hello", "tls"))).http_version == "HTTP/1.1"
        assert (await client.get(nginx.url("/hello", "h2_tls"))).http_version == "HTTP/2"
        assert (await client.get(nginx.url("/hello"))).http_version == "HTTP/1.1"
        assert (await client.get(peer.url("/hello"))).http_version == "HTTP/2"
    assert client.stats()["connections"] == (3 if peer.name == "nginx" else 4)


@pytest.mark.parametrize("server", ["nginx", "silent"])
async def test_http2_only_where_there_is_none(
    world: World, nginx: Nginx, silent: FaultServer, authority: Authority, server: str
) -> None:
    url = nginx.url("/hello", "tls") if server == "nginx" else silent.url()
    client = world.client(verify=authority.roots, **OPTIONS["plain"])

    with pytest.raises((courser.ConnectError, courser.RemoteProtocolError)):
        await client.get(url)
    assert client.stats() == {"connections": 0, "idle": 0}


async def test_prior_knowledge_that_is_wrong(world: World, nginx: Nginx) -> None:
    client = world.client(**OPTIONS["plain"])

    with pytest.raises(courser.RemoteProtocolError, match=r"answers in HTTP/1\.1"):
        await client.get(nginx.url("/hello"))
    assert client.stats() == {"connections": 0, "idle": 0}


@everywhere
async def test_through_the_tunnel_of_squid(world: World, cache: Program, peer: Peer, authority: Authority) -> None:
    client = world.client(proxy=at(cache), verify=authority.roots, http2=True)

    for _ in range(2):
        response = await client.get(peer.url("/hello", host="localhost"))

        assert (response.text, response.http_version) == ("hello\n", "HTTP/2")
        assert response.extensions["proxy"].status_code == 200
    assert client.stats() == {"connections": 1, "idle": 1}


async def test_through_proxies_that_are_spoken_to_in_tls(
    world: World, cache: Program, front: Program, peer: Peer, authority: Authority
) -> None:
    """One of them speaks HTTP/2 too; it is not asked to."""
    for proxy in (at(cache, "tls", "https", verify=authority.roots), at(front, "tls", "https", verify=authority.roots)):
        client = world.client(proxy=proxy, verify=authority.roots, http2=True)

        for _ in range(2):
            assert (await client.get(peer.url("/hello"))).http_version == "HTTP/2"
        assert client.stats() == {"connections": 1, "idle": 1}


async def test_a_proxy_is_asked_in_http1(world: World, cache: Program, nginx: Nginx) -> None:
    """Where there is no tunnel the proxy is the server, and it has no ALPN."""
    client = world.client(proxy=at(cache), http2=True)

    response = await client.get(nginx.url("/hello"))

    assert (response.text, response.http_version) == ("hello\n", "HTTP/1.1")


@everywhere
@pytest.mark.parametrize("door", ["tls", "plain"])
async def test_through_socks(
    world: World, socks: Program, old_socks: Program, peer: Peer, authority: Authority, door: str
) -> None:
    for proxy in (at(socks, scheme="socks5h"), at(old_socks, scheme="socks4")):
        client = world.client(proxy=proxy, verify=authority.roots, **OPTIONS[door])

        for _ in range(2):
            assert (await client.get(peer.url("/hello", door))).http_version == "HTTP/2"
        assert client.stats() == {"connections": 1, "idle": 1}


@pytest.mark.parametrize("world", ["asyncio", "trio"], indirect=True)
async def test_many_at_once_through_a_chain(
    world: World, cache: Program, socks: Program, peer: Peer, nginx: Nginx, authority: Authority
) -> None:
    """One tunnel carries them all."""
    client = world.client(
        proxy=[at(socks, scheme="socks5"), at(cache, "tls", "https", verify=authority.roots)],
        verify=authority.roots,
        http2=True,
    )
    assert (await client.get(peer.url("/hello"))).text == "hello\n"

    async def get() -> bytes:
        return bytes((await client.get(peer.url("/text.txt"))).content)

    assert await world.together(*[get] * 50) == [nginx.text] * 50
    assert client.stats() == {"connections": 1, "idle": 1}
