"""Real proxies: squid (forwarding, CONNECT, TLS, Basic and Digest), haproxy in front of it, microsocks, dante."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
from authority import Authority
from faultserver import FaultServer, answering, echo
from nginx import Nginx
from relays import USER, Program, at
from worlds import World

import courser

everywhere = pytest.mark.parametrize(
    "world", ["inline", "group", "asyncio", "asyncio-direct", "asyncio-transports", "uvloop", "trio"], indirect=True
)


@pytest.fixture
def mirror() -> Iterator[FaultServer]:
    """A server that shows what it was sent."""
    server = FaultServer(answering(echo))
    yield server
    server.close()


# squid


@everywhere
async def test_squid_forwards_and_tunnels(world: World, cache: Program, nginx: Nginx, authority: Authority) -> None:
    client = world.client(proxy=at(cache), verify=authority.roots)

    for _ in range(2):
        response = await client.get(nginx.url("/hello"))
        assert (response.text, "squid" in response.headers["via"]) == ("hello\n", True)
        response = await client.get(nginx.url("/hello", "tls", host="localhost"))
        assert (response.text, "via" in response.headers) == ("hello\n", False)
        assert response.extensions["proxy"].status_code == 200
    assert client.stats() == {"connections": 2, "idle": 2}


@everywhere
async def test_tls_to_squid_itself(world: World, cache: Program, nginx: Nginx, authority: Authority) -> None:
    client = world.client(proxy=at(cache, "tls", "https", verify=authority.roots), verify=authority.roots)

    for _ in range(2):
        assert (await client.get(nginx.url("/hello"))).text == "hello\n"
        assert (await client.get(nginx.url("/hello", "tls"))).text == "hello\n"
    assert client.stats() == {"connections": 2, "idle": 2}


@pytest.mark.parametrize("listener", ["tls12", "tls13"])
@pytest.mark.parametrize("port", ["plain", "tls"])
async def test_large_bodies_through_squid(
    world: World, cache: Program, nginx: Nginx, authority: Authority, port: str, listener: str
) -> None:
    proxy = at(cache, port, "https" if port == "tls" else "http", verify=authority.roots)
    client = world.client(proxy=proxy, verify=authority.roots)
    body = random.Random(1).randbytes(3_000_000)

    assert (await client.get(nginx.url("/big.bin", listener), timeout=60)).content == nginx.big
    assert (await client.put(nginx.url("/echo", listener), content=body, timeout=60)).content == body


@pytest.mark.parametrize(
    "auth", [USER, courser.BasicAuth(*USER), courser.DigestAuth(*USER)], ids=["pair", "Basic", "Digest"]
)
async def test_squid_wants_to_know_who_asks(
    world: World, cache: Program, nginx: Nginx, mirror: FaultServer, authority: Authority, auth: Any
) -> None:
    client = world.client(proxy=at(cache, "members", auth=auth), verify=authority.roots)

    # More often than squid lets a nonce be used.
    for _ in range(6):
        assert (await client.put(mirror.url(), content=b"x")).content == b"x"
        response = await client.get(nginx.url("/hello", "tls"), headers={"Connection": "close"})
        assert response.text == "hello\n"
    assert {request.get("proxy-authorization") for request in mirror.requests} == {None}
    mirror.close()


async def test_squid_does_not_know_who_asks(world: World, cache: Program, nginx: Nginx, authority: Authority) -> None:
    nobody = world.client(proxy=at(cache, "members"), verify=authority.roots)
    assert (await nobody.get(nginx.url("/hello"))).status_code == 407
    with pytest.raises(courser.ProxyError, match="407") as caught:
        await nobody.get(nginx.url("/hello", "tls"))
    assert caught.value.response is not None
    assert len(caught.value.response.headers.get_list("proxy-authenticate")) == 2

    for auth in (("member", "wrong"), courser.DigestAuth("member", "wrong")):
        client = world.client(proxy=at(cache, "members", auth=auth), verify=authority.roots)
        assert (await client.get(nginx.url("/hello"))).status_code == 407
        with pytest.raises(courser.ProxyError, match="did not accept"):
            await client.get(nginx.url("/hello", "tls"))


async def test_squid_resolves_and_refuses(world: World, cache: Program, nginx: Nginx) -> None:
    client = world.client(proxy=at(cache))

    assert (await client.get(nginx.url("/hello", host="inner.example"))).text == "hello\n"
    assert (await client.get("http://forbidden.example/")).status_code == 403
    with pytest.raises(courser.ProxyError, match="403 Forbidden") as caught:
        await client.get("https://forbidden.example/")
    assert caught.value.response is not None
    assert "ERR_ACCESS_DENIED" in caught.value.response.headers["x-squid-error"]
    assert "forbidden.example" in caught.value.response.text
    with pytest.raises(courser.ProxyError, match="503 Service Unavailable"):
        await client.get("https://127.0.0.1:1/")


# haproxy


@everywhere
@pytest.mark.parametrize("port", ["tls", "tcp"])
async def test_haproxy_in_front_of_squid(
    world: World, front: Program, nginx: Nginx, authority: Authority, port: str
) -> None:
    client = world.client(proxy=at(front, port, "https", verify=authority.roots), verify=authority.roots)

    for _ in range(2):
        assert (await client.get(nginx.url("/hello"))).text == "hello\n"
        assert (await client.get(nginx.url("/hello", "tls"))).text == "hello\n"
    with pytest.raises(courser.CertificateError, match=r"the proxy 127\.0\.0\.1"):
        await client.get(nginx.url("/hello"), proxy=at(front, port, "https"))


async def test_large_bodies_through_haproxy(world: World, front: Program, nginx: Nginx, authority: Authority) -> None:
    client = world.client(proxy=at(front, "tls", "https", verify=authority.roots), verify=authority.roots)
    body = random.Random(2).randbytes(3_000_000)

    assert (await client.get(nginx.url("/big.bin", "tls"), timeout=60)).content == nginx.big
    assert (await client.put(nginx.url("/echo", "tls"), content=body, timeout=60)).content == body


# SOCKS


@everywhere
@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
@pytest.mark.parametrize("listener", ["plain", "tls"])
async def test_microsocks(
    world: World, socks: Program, nginx: Nginx, authority: Authority, scheme: str, listener: str
) -> None:
    client = world.client(proxy=at(socks, scheme=scheme), verify=authority.roots)

    for _ in range(2):
        assert (await client.get(nginx.url("/hello", listener, host="localhost"))).text == "hello\n"
    assert client.stats() == {"connections": 1, "idle": 1}


async def test_microsocks_with_a_password(
    world: World, private_socks: Program, nginx: Nginx, authority: Authority
) -> None:
    url = nginx.url("/hello", "tls")
    client = world.client(verify=authority.roots)

    assert (await client.get(url, proxy=at(private_socks, scheme="socks5", auth=USER))).text == "hello\n"
    with pytest.raises(courser.ProxyError, match="did not accept"):
        await client.get(url, proxy=at(private_socks, scheme="socks5", auth=("member", "wrong")))
    with pytest.raises(courser.ProxyError, match="wants a user name"):
        await client.get(url, proxy=at(private_socks, scheme="socks5"))


async def test_microsocks_cannot_connect(world: World, socks: Program) -> None:
    with pytest.raises(courser.ProxyError, match=r"refused the connection|failure") as caught:
        await world.client(proxy=at(socks, scheme="socks5h")).get("http://127.0.0.1:1/")
    assert caught.value.phase == "proxy"


@everywhere
@pytest.mark.parametrize("scheme", ["socks4", "socks4a", "socks5", "socks5h"])
async def test_dante(world: World, old_socks: Program, nginx: Nginx, authority: Authority, scheme: str) -> None:
    client = world.client(proxy=at(old_socks, scheme=scheme), verify=authority.roots)
    # dante takes the mark of SOCKS 4a, 0.0.0.1, for an address; it is told names by version 5 only.
    host = "127.0.0.1" if scheme == "socks4a" else "localhost"

    assert (await client.get(nginx.url("/hello", host=host))).text == "hello\n"
    assert (await client.get(nginx.url("/hello", "tls", host=host))).text == "hello\n"


@pytest.mark.parametrize(("scheme", "text"), [("socks4", "rejected"), ("socks5", "rules do not allow")])
async def test_dante_refuses(world: World, old_socks: Program, scheme: str, text: str) -> None:
    with pytest.raises(courser.ProxyError, match=text):
        await world.client(proxy=at(old_socks, scheme=scheme)).get("http://127.0.0.9:80/")


# Chains


@everywhere
async def test_a_chain_of_all(
    world: World,
    cache: Program,
    front: Program,
    socks: Program,
    old_socks: Program,
    nginx: Nginx,
    authority: Authority,
) -> None:
    chain = [
        at(old_socks, scheme="socks4"),
        at(socks, scheme="socks5h"),
        at(front, "tls", "https", verify=authority.roots),
        at(cache, "tls", "https", verify=authority.roots),
    ]
    client = world.client(proxy=chain, verify=authority.roots)

    for _ in range(2):
        assert (await client.get(nginx.url("/hello", "tls"))).text == "hello\n"
        assert (await client.get(nginx.url("/hello"))).text == "hello\n"
    assert client.stats() == {"connections": 2, "idle": 2}
