"""Proxies of every kind in front of servers of every kind: who is told what, and what never crosses."""

from __future__ import annotations

import base64
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from authority import Authority
from faultserver import FaultServer, Gone, Peer, answering, echo, reply, stall
from proxies import CLIENT_HELLO, HTTPProxy, Relay, SocksProxy, through
from worlds import HTTP1, World

import courser

Serve = Callable[..., FaultServer]

FINE = reply(b"fine")
BASIC = "Basic " + base64.b64encode(b"user:secret").decode()

KINDS = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")


class Scene:
    """A server, a proxy in front of it, and what both have seen.

    Attributes:
        origin: the server.
        proxy: the proxy.
        relay: what it does, and what was asked of it.
        url: the server's URL.
    """

    def __init__(self, origin: FaultServer, proxy: FaultServer, relay: Relay, kind: str, authority: Authority) -> None:
        self.origin = origin
        self.proxy = proxy
        self.relay = relay
        self.kind = kind
        self._authority = authority
        host = "a.localhost" if kind in ("socks4", "socks5") else "alias.localhost"
        relay.names = {"alias.localhost": ("127.0.0.1", origin.port)}
        self.host = host if origin.url().startswith("http:") else "localhost"
        if kind not in ("socks4", "socks5"):
            relay.names = {self.host: ("127.0.0.1", origin.port)}
        self.url = origin.url("/p?q", host=self.host)

    def value(self, userinfo: str = "", **options: Any) -> courser.Proxy:
        if self.kind == "https":
            options.setdefault("verify", self._authority.roots)
        return courser.Proxy(f"{self.kind}://{userinfo}127.0.0.1:{self.proxy.port}", **options)


Stage = Callable[..., Scene]


@pytest.fixture
def stage(world: World, serve: Serve, authority: Authority) -> Stage:
    """Sets up a server and a proxy: `stage("socks5", secure=True, ...)`; the server speaks what the world does."""

    def build(
        kind: str, *scripts: Any, secure: bool = False, tls: Any = None, protocol: str = world.protocol, **options: Any
    ) -> Scene:
        if world.shares and not secure:
            pytest.skip("without TLS, what passes is looked at as HTTP/1.1")
        policy = (tls or authority.good) if secure else None
        origin = serve(*(scripts or (answering(echo),)), tls=policy, protocol=protocol)
        relay = SocksProxy(**options) if kind.startswith("socks") else HTTPProxy(**options)
        proxy = serve(relay, tls=authority.good if kind == "https" else None)
        return Scene(origin, proxy, relay, kind, authority)

    return build


# The matrix


@pytest.mark.parametrize("scheme", ["http", "https", "ws", "wss"])
@pytest.mark.parametrize("kind", ["direct", *KINDS])
async def test_ghsa_7mj9_2mp8_4m2p_cve_2026_84381_what_is_to_be_encrypted_is_encrypted_through_every_proxy(
    world: World, stage: Stage, authority: Authority, kind: str, scheme: str
) -> None:
    secure = scheme in ("https", "wss")
    # Connections for WebSockets are opened for HTTP/1.1, whatever is asked over them.
    protocol = world.protocol if scheme.startswith("http") else HTTP1
    scene = stage("http" if kind == "direct" else kind, secure=secure, protocol=protocol)
    scene.url = scheme + scene.url[scene.url.index(":") :]
    client = world.client(verify=authority.roots, proxy=courser.DIRECT if kind == "direct" else scene.value())

    for _ in range(2):
        response = await client.get(scene.url)
        assert response.headers["x-target"] == "/p?q"

    forwarded = kind in ("http", "https") and scheme == "http"
    assert scene.origin.connections == (2 if forwarded else 1)
    assert client.stats() == {"connections": 1, "idle": 1}
    if kind == "direct":
        assert scene.relay.seen == []
    elif forwarded:
        assert through(scene.relay.seen) == [("GET", scene.host, scene.origin.port)] * 2
    else:
        (seen,) = scene.relay.seen
        assert seen.first.startswith(CLIENT_HELLO if secure else b"GET /p?q HTTP/1.1")
        # Four bytes alone would come in what is encrypted by chance, once in so many runs.
        assert (b"/p?q " in seen.sent) is not secure


@pytest.mark.parametrize("kind", KINDS)
async def test_the_certificate_of_the_server_is_verified_behind_every_proxy_undici_cve_2022_32210(
    world: World, stage: Stage, authority: Authority, kind: str
) -> None:
    for context, detail in ((authority.stranger, "verify="), (authority.other_name, "localhost")):
        scene = stage(kind, secure=True, tls=context)
        with pytest.raises(courser.CertificateError, match=detail):
            await world.client(verify=authority.roots, proxy=scene.value()).get(scene.url)
        assert scene.origin.requests == []


# Who resolves, and what a proxy is told


@pytest.mark.parametrize(
    ("kind", "asked"),
    [
        ("socks4", [("4", "127.0.0.1")]),
        ("socks4a", [("4a", "only.there.example")]),
        ("socks5", [("5 with an address", "::2"), ("5 with an address", "127.0.0.1")]),
        ("socks5h", [("5 with a name", "only.there.example")]),
        ("http", [("CONNECT", "only.there.example")]),
        ("https", [("CONNECT", "only.there.example")]),
    ],
)
async def test_who_resolves_names(world: World, stage: Stage, kind: str, asked: list[tuple[str, str]]) -> None:
    """And a proxy that does not get to the first address is told the second one."""
    scene = stage(kind)
    resolved: list[str] = []

    def resolve(host: str, port: int) -> list[Any]:
        resolved.append(host)
        return [(socket.AF_INET6, ("::2", port, 0, 0)), (socket.AF_INET, ("127.0.0.1", port))]

    scene.relay.names = {"only.there.example": ("127.0.0.1", scene.origin.port), "::2": ("127.0.0.1", 1)}
    options = {"tunnel": True} if kind.startswith("http") else {}
    client = world.client(proxy=scene.value(**options), resolver=resolve)

    await client.get(f"http://only.there.example:{scene.origin.port}/")

    assert through(scene.relay.seen) == [(*each, scene.origin.port) for each in asked]
    assert resolved == (["only.there.example"] if kind in ("socks4", "socks5") else [])


@pytest.mark.parametrize("kind", ["http", "socks5", "socks5h"])
async def test_ipv6_addresses_go_as_they_are(world: World, serve: Serve, stage: Stage, kind: str) -> None:
    scene = stage(kind)
    server = serve(answering(echo), host="::1")
    options = {"tunnel": True} if kind == "http" else {}

    response = await world.client(proxy=scene.value(**options)).get(server.url("/six"))

    assert response.headers["x-target"] == "/six"
    assert scene.relay.seen[0].host == "::1"
    assert server.requests[0].get("host") == f"[::1]:{server.port}"


@pytest.mark.parametrize("kind", ["socks4", "socks4a"])
async def test_socks_4_knows_no_ipv6(world: World, stage: Stage, kind: str) -> None:
    scene = stage(kind)
    with pytest.raises(courser.HTTPError, match="IPv"):
        await world.client(proxy=scene.value()).get("http://[::1]:80/")
    assert scene.relay.seen == []
    assert world._clients[-1].stats() == {"connections": 0, "idle": 0}


async def test_a_name_without_an_address_that_socks_4_knows(world: World, stage: Stage) -> None:
    scene = stage("socks4")
    client = world.client(proxy=scene.value(), resolver=lambda host, port: [(socket.AF_INET6, ("::1", port, 0, 0))])

    with pytest.raises(courser.ProxyError, match=r"six\.example has no IPv4 address"):
        await client.get("http://six.example/")


@pytest.mark.parametrize("kind", ["socks4", "socks4a", "socks5", "socks5h"])
async def test_a_socks_server_is_told_the_user(world: World, stage: Stage, kind: str) -> None:
    old = kind.startswith("socks4")
    scene = stage(kind, **({} if old else {"user": ("us er", "s:é@")}))

    response = await world.client(proxy=scene.value("us%20er@" if old else "us%20er:s%3A%C3%A9%40@")).get(scene.url)

    assert response.status_code == 200
    assert scene.relay.seen[0].user == ("us er" if old else "us er:s:é@")
    assert b"us er" not in scene.relay.seen[0].sent


async def test_connect_names_the_server_and_tells_the_proxy_what_is_its_own_cve_2023_32681_cve_2003_1605_cve_2015_3153(
    world: World, stage: Stage, authority: Authority
) -> None:
    scene = stage("http", secure=True, user=("user", "secret"))
    client = world.client(
        verify=authority.roots,
        proxy=scene.value("user:secret@", headers={"X-Proxy-Only": "1"}),
        headers={"Authorization": "Bearer for the server", "X-Mine": "1", "Cookie": "a=b"},
    )

    await client.get(scene.url)

    head = scene.relay.seen[0].head
    assert head is not None
    authority_form = f"{scene.host}:{scene.origin.port}"
    assert head.raw.decode().split("\r\n") == [
        f"CONNECT {authority_form} HTTP/1.1",
        f"Host: {authority_form}",
        "X-Proxy-Only: 1",
        f"Proxy-Authorization: {BASIC}",
    ]
    (request,) = scene.origin.requests
    assert request.get("proxy-authorization") is None
    assert request.get("x-proxy-only") is None
    assert request.get("authorization") == "Bearer for the server"


async def test_the_default_port_stands_in_connect_and_not_in_host(world: World, stage: Stage) -> None:
    scene = stage("http")
    scene.relay.names = {"a.example": ("127.0.0.1", scene.origin.port)}

    await world.client(proxy=scene.value(tunnel=True)).get("http://a.example/")

    head = scene.relay.seen[0].head
    assert head is not None
    assert head.raw.startswith(b"CONNECT a.example:80 HTTP/1.1\r\nHost: a.example:80")
    assert scene.origin.requests[0].get("host") == "a.example"


@pytest.mark.parametrize("kind", ["http", "https"])
async def test_plain_requests_are_forwarded_whole(world: World, stage: Stage, kind: str) -> None:
    scene = stage(kind, user=("user", "secret"))
    client = world.client(proxy=scene.value("user:secret@", headers={"X-Proxy": "1", "X-Mine": "proxy's"}))

    for _ in range(2):
        response = await client.put(scene.url, content=b"body", headers={"X-Mine": "request's"})
        assert response.content == b"body"

    for seen in scene.relay.seen:
        assert seen.head is not None
        assert seen.head.target == f"http://{scene.host}:{scene.origin.port}/p?q"
        assert seen.head.get("host") == f"{scene.host}:{scene.origin.port}"
        assert seen.head.get("proxy-authorization") == BASIC
        assert seen.head.get("x-proxy") == "1"
        assert seen.head.get("x-mine") == "request's"
    assert [request.get("proxy-authorization") for request in scene.origin.requests] == [None, None]
    assert scene.proxy.connections == 1
    assert "proxy-authorization" not in response.request.headers


async def test_streams_and_bodies_of_unknown_length_are_forwarded(world: World, serve: Serve) -> None:
    if not world.streams:
        pytest.skip("map streams nothing")

    def script(peer: Peer) -> None:
        request = peer.request()
        peer.send(reply(request.target.encode() + b" " + request.body))

    proxy = serve(script, raw=True)
    client = world.client(proxy=proxy.url())

    async with client.stream("POST", "http://a.example/up", content=[b"pi", b"eces"]) as response:
        assert await response.read() == b"http://a.example/up pieces"
        assert "proxy" not in response.extensions


# Ways to say which proxy


async def test_a_request_may_say_which_proxy(world: World, stage: Stage) -> None:
    first, second = stage("http"), stage("socks5h")
    second.relay.names = first.relay.names
    client = world.client(proxy=first.value())

    await client.get(first.url)
    await client.get(first.url, proxy=second.value())
    await client.get(first.url, proxy=f"socks5h://127.0.0.1:{second.proxy.port}")
    await client.get(first.url, proxy={"all://nobody": None})
    await client.get(first.url, proxy=None)
    await client.get(first.origin.url("/direct"), proxy=courser.DIRECT)

    assert len(first.relay.seen) == 3
    assert through(second.relay.seen) == [("5 with a name", first.host, first.origin.port)]
    assert first.origin.requests[-1].target == "/direct"
    assert client.stats()["connections"] == 3


async def test_mounts_choose_proxies_by_pattern(world: World, stage: Stage) -> None:
    scene = stage("http")
    scene.relay.names = {"a.corp": ("127.0.0.1", scene.origin.port), "b.corp": ("127.0.0.1", scene.origin.port)}

    class Transport:
        def send(self, request: courser.Request, deadline: float) -> courser.Response:
            return courser.Response(204)

    client = world.client(
        mounts={"http://*.corp": scene.value(), "http://127.0.0.1": None, "all://t.corp": Transport()},
        proxy="http://127.0.0.1:1",
    )

    await client.get("http://a.corp/")
    await client.get(scene.origin.url("/direct"))
    assert (await client.get("http://t.corp/")).status_code == 204
    assert through(scene.relay.seen) == [("GET", "a.corp", 80)]
    assert scene.origin.requests[-1].get("host") == f"127.0.0.1:{scene.origin.port}"
    with pytest.raises(courser.ProxyError, match=r"127\.0\.0\.1:1"):
        await client.get("http://other.example/")
    assert str(client.explain_proxy("http://t.corp")) == "direct (a transport of the client answers)"
    assert str(client.explain_proxy("http://a.corp")).endswith("(mounts of the client, 'http://*.corp')")


async def test_the_environment_is_asked_at_the_first_request_and_once(
    world: World, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = stage("http", user=("user", "secret"))
    client = world.client()
    monkeypatch.setenv("HTTP_PROXY", f"http://user:secret@127.0.0.1:{scene.proxy.port}")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    await client.get(scene.url)
    monkeypatch.setenv("NO_PROXY", "*")
    await client.get(scene.url)
    assert len(scene.relay.seen) == 2
    await client.get(scene.origin.url("/direct"))
    assert len(scene.relay.seen) == 2
    assert str(client.explain_proxy(scene.origin.url())) == "direct (NO_PROXY has '127.0.0.1', against HTTP_PROXY)"
    assert "secret" not in str(client.explain_proxy(scene.url))
    await world.client(trust_env=False).get(scene.origin.url("/direct"))
    await world.client(proxy=courser.DIRECT).get(scene.origin.url("/direct"))
    assert len(scene.relay.seen) == 2


async def test_broken_variables_cost_nobody_else_anything(
    world: World, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks9://user:secret@nowhere")
    monkeypatch.setenv("NO_PROXY", "[,10.0.0.0/99,::/0x,\x01")
    server = serve(answering(FINE))
    client = world.client()

    assert (await client.get(server.url())).content == b"fine"
    with pytest.raises(ValueError, match="HTTPS_PROXY") as caught:
        await client.get("https://a.example/")
    assert "secret" not in str(caught.value)


async def test_a_network_of_ones_own_and_unix_sockets_do_not_ask_the_environment(
    world: World, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    serve(answering(FINE), host=str(tmp_path / "socket"))

    assert (await world.client(uds=str(tmp_path / "socket")).get("http://any.example/")).content == b"fine"


async def test_a_proxy_behind_a_unix_socket(world: World, serve: Serve, tmp_path: Path) -> None:
    server = serve(answering(echo))
    relay = HTTPProxy({"a.example": ("127.0.0.1", server.port)})
    serve(relay, host=str(tmp_path / "proxy"))
    client = world.client(uds=str(tmp_path / "proxy"), proxy=courser.Proxy("http://proxy.example", tunnel=True))

    assert (await client.get("http://a.example/x")).headers["x-target"] == "/x"
    assert through(relay.seen) == [("CONNECT", "a.example", 80)]


async def test_local_address_and_socket_options_are_for_the_first_hop(world: World, stage: Stage) -> None:
    seen: list[str] = []
    scene = stage("http")
    relay = scene.proxy._scripts[0]

    def script(peer: Peer) -> None:
        seen.append(peer.socket.getpeername()[0])
        relay(peer)

    scene.proxy._scripts = (script,)
    client = world.client(
        proxy=scene.value(), local_address="127.0.0.5", socket_options=[(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)]
    )

    await client.get(scene.url)

    assert seen == ["127.0.0.5"]


# Chains


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
@pytest.mark.parametrize(
    "kinds",
    [
        ("http", "http"),
        ("socks5h", "https"),
        ("https", "socks5"),
        ("https", "https", "http"),
        ("https", "https", "https"),
    ],
    ids=" ".join,
)
async def test_chains_of_proxies(
    world: World, serve: Serve, stage: Stage, authority: Authority, kinds: tuple[str, ...], secure: bool
) -> None:
    body = bytes(range(256)) * 2_000
    origin = serve(answering(lambda request: reply(request.body)), tls=authority.good if secure else None)
    scenes = [stage(kind) for kind in kinds]
    client = world.client(verify=authority.roots, proxy=[scene.value() for scene in scenes])

    for _ in range(2):
        assert (await client.put(origin.url("/end"), content=body)).content == body

    for scene, following in zip(scenes, [*scenes[1:], None], strict=True):
        port = origin.port if following is None else following.proxy.port
        assert scene.relay.seen[0].port == port
    assert client.stats() == {"connections": 1, "idle": 1}


@pytest.mark.parametrize("size", [1, 100_000, 3_000_000])
async def test_large_bodies_through_tls_in_tls(world: World, stage: Stage, authority: Authority, size: int) -> None:
    body = bytes(range(251)) * (size // 251 + 1)
    scene = stage("https", answering(lambda request: reply(request.body)), secure=True)
    client = world.client(verify=authority.roots, proxy=scene.value())

    assert (await client.put(scene.url, content=body)).content == body
    assert (await client.put(scene.url, content=[body[: size // 2], body[size // 2 :]])).content == body
    assert scene.proxy.connections == 1


# TLS to the proxy: CVE-2021-28363


async def test_cve_2021_28363_the_certificate_of_a_proxy_is_for_its_own_name(
    world: World, serve: Serve, authority: Authority
) -> None:
    origin = serve(answering(FINE), tls=authority.good)
    for context in (authority.other_name, authority.stranger, authority.expired):
        proxy = serve(HTTPProxy(), tls=context)
        value = courser.Proxy(f"https://127.0.0.1:{proxy.port}", verify=authority.roots)
        for url in (origin.url(), "http://a.example/"):
            # What a client says of servers is nothing that its proxies are measured by.
            for verify in (authority.roots, False):
                with pytest.raises(courser.CertificateError, match=r"the proxy 127\.0\.0\.1.*Proxy\(url, verify="):
                    await world.client(proxy=value, verify=verify).get(url)
        assert proxy.requests == []
    assert origin.connections == 0


async def test_a_proxy_may_be_trusted_blindly_and_the_server_not(
    world: World, serve: Serve, authority: Authority
) -> None:
    origin = serve(answering(FINE), tls=authority.good)
    proxy = serve(HTTPProxy(), tls=authority.stranger)
    value = courser.Proxy(f"https://127.0.0.1:{proxy.port}", verify=False)

    assert (await world.client(proxy=value, verify=authority.roots).get(origin.url())).content == b"fine"
    with pytest.raises(courser.CertificateError):
        await world.client(proxy=value).get(origin.url())


@pytest.mark.only_http1("what is not encrypted is forwarded in HTTP/1.1")
async def test_a_proxy_may_ask_for_a_certificate(world: World, serve: Serve, authority: Authority) -> None:
    origin = serve(answering(FINE))
    relay = HTTPProxy()
    proxy = serve(relay, tls=authority.asking)
    value = courser.Proxy(f"https://127.0.0.1:{proxy.port}", verify=authority.roots, cert=authority.client)

    assert (await world.client(proxy=value).get(origin.url())).content == b"fine"
    with pytest.raises(courser.TransportError):
        await world.client(
            proxy=courser.Proxy(f"https://127.0.0.1:{proxy.port}", verify=authority.roots), cert=authority.client
        ).get(origin.url())


# What never crosses


async def test_cve_2014_1830_what_was_for_the_proxy_does_not_follow_to_a_host_without_one(
    world: World, serve: Serve, stage: Stage
) -> None:
    direct = serve(answering(FINE))
    moved = reply(b"", "302 Found", f"Location: {direct.url('/there')}")
    scene = stage("http", answering(moved), user=("user", "secret"))
    client = world.client(proxy={"all": scene.value("user:secret@"), "no_proxy": f"127.0.0.1:{direct.port}"})

    response = await client.get(scene.url, headers={"Proxy-Authorization": BASIC})

    assert response.content == b"fine"
    (request,) = direct.requests
    assert "proxy" not in request.raw.lower().decode()


async def test_cve_2023_32681_what_was_for_the_proxy_does_not_go_into_the_tunnel_after_a_redirect(
    world: World, serve: Serve, stage: Stage, authority: Authority
) -> None:
    secure = serve(answering(FINE), tls=authority.good)
    scene = stage(
        "http", answering(reply(b"", "302 Found", f"Location: {secure.url('/there')}")), user=("user", "secret")
    )
    client = world.client(proxy=scene.value("user:secret@"), verify=authority.roots)

    assert (await client.get(scene.url, headers={"Proxy-Authorization": BASIC})).content == b"fine"

    connect = scene.relay.seen[-1].head
    assert connect is not None
    assert connect.get("proxy-authorization") == BASIC
    assert "proxy" not in secure.requests[0].raw.lower().decode()


@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("kind", KINDS)
async def test_cve_2026_44431_secrets_are_stripped_behind_every_proxy(
    world: World, serve: Serve, stage: Stage, authority: Authority, kind: str, secure: bool
) -> None:
    other = serve(answering(FINE), tls=authority.good if secure else None)
    moved = reply(b"", "302 Found", f"Location: {other.url('/there', host='127.0.0.1')}", "Set-Cookie: mine=1")
    scene = stage(kind, answering(moved), secure=secure)
    client = world.client(proxy=scene.value(), verify=authority.roots, cookies={"given": "1"})
    secrets = {"Authorization": "Bearer s", "cookie": "a=b", "X-Keep": "1"}

    assert (await client.get(scene.url, headers=secrets)).content == b"fine"
    if world.streams:
        async with client.stream("GET", scene.url, headers=secrets) as response:
            assert await response.read() == b"fine"

    assert scene.origin.requests[0].get("authorization") == "Bearer s"
    for request in other.requests:
        assert [request.get(name) for name in ("authorization", "cookie", "x-keep")] == [None, None, "1"]


async def test_the_header_by_hand_goes_to_the_proxy_once_and_never_into_a_tunnel(
    world: World, stage: Stage, authority: Authority
) -> None:
    scene = stage("http", user=("by", "hand"))
    by_hand = "Basic " + base64.b64encode(b"by:hand").decode()
    client = world.client(proxy=scene.value("user:secret@"))

    assert (await client.get(scene.url, headers={"proxy-AUTHORIZATION": by_hand})).status_code == 200
    assert (await client.get(scene.url)).status_code == 407
    for kind in KINDS:
        secure = stage(kind, secure=True)
        with pytest.raises(courser.InvalidRequest, match=r"would reach the server.*Proxy\(") as caught:
            await world.client(proxy=secure.value(), verify=authority.roots).get(
                secure.url, headers={"proxy-authorization": by_hand}
            )
        assert by_hand not in str(caught.value)
        assert secure.proxy.connections == 0


async def test_credentials_for_the_server_do_not_reach_the_proxy(
    world: World, stage: Stage, authority: Authority
) -> None:
    scene = stage("http", secure=True)
    url = scene.url.replace("https://", "https://me:mine@")

    await world.client(proxy=scene.value(), verify=authority.roots).get(url)

    head = scene.relay.seen[0].head
    assert head is not None
    assert [name for name, _ in head.fields] == ["host"]
    assert b"me:mine" not in scene.relay.seen[0].sent
    assert scene.origin.requests[0].get("authorization") == "Basic " + base64.b64encode(b"me:mine").decode()


async def test_curl_cve_2026_3784_2026_9079_2026_6429_connections_are_never_shared_across_proxies(
    world: World, stage: Stage, authority: Authority
) -> None:
    scene = stage("http", secure=True)
    client = world.client(verify=authority.roots)
    ways: list[Any] = [
        courser.DIRECT,
        scene.value(),
        scene.value("user:secret@"),
        scene.value("user:other@"),
        scene.value(headers={"X-Session": "1"}),
        scene.value(headers={"X-Session": "2"}),
        [scene.value(), scene.value()],
        courser.DIRECT,
        scene.value("user:secret@"),
    ]
    scene.relay.names = {**scene.relay.names, "localhost": ("127.0.0.1", scene.origin.port)}

    for way in ways:
        await client.get(scene.url, proxy=way)

    assert scene.origin.connections == len(ways) - 2
    assert client.stats() == {"connections": len(ways) - 2, "idle": len(ways) - 2}


async def test_forwarded_connections_are_not_shared_across_users_and_servers(world: World, stage: Stage) -> None:
    scene = stage("http")
    scene.relay.names = dict.fromkeys(("a.example", "b.example"), ("127.0.0.1", scene.origin.port))
    client = world.client()

    for userinfo in ("", "user:secret@", "user:other@", ""):
        for host in ("a.example", "b.example"):
            await client.get(f"http://{host}/", proxy=scene.value(userinfo))

    assert scene.proxy.connections == 6


@pytest.mark.only_http1("its scripts look at their own TLS")
async def test_curl_cve_2021_22890_sessions_with_proxies_and_servers_are_kept_apart(
    world: World, stage: Stage, authority: Authority
) -> None:
    resumed: dict[str, list[bool]] = {"server": [], "proxy": []}
    answered = threading.Event()

    def script(peer: Peer) -> None:
        assert isinstance(peer.socket, ssl.SSLSocket)
        resumed["server"].append(bool(peer.socket.session_reused))
        peer.request()
        peer.send(FINE)
        answered.wait(5)
        answered.clear()
        peer.close_notify()

    scene = stage("https", script, secure=True)
    passes_on = scene.proxy._scripts[0]

    def noting(peer: Peer) -> None:
        assert isinstance(peer.socket, ssl.SSLSocket)
        resumed["proxy"].append(bool(peer.socket.session_reused))
        passes_on(peer)

    scene.proxy._scripts = (noting,)
    client = world.client(verify=authority.roots, proxy=scene.value())

    for _ in range(3):
        assert (await client.get(scene.url)).content == b"fine"
        answered.set()
        assert await world.until(lambda: scene.proxy.open == 0)
        await world.sleep(0.005)

    assert resumed == {"server": [False, True, True], "proxy": [False, False, False]}


# What a proxy answers


async def test_the_answer_to_connect_is_on_the_response(world: World, stage: Stage, authority: Authority) -> None:
    scene = stage("http", secure=True, fields="X-Exit: 203.0.113.7\r\n")
    client = world.client(verify=authority.roots, proxy=scene.value())

    for _ in range(2):
        answer = (await client.get(scene.url)).extensions["proxy"]
        assert (answer.status_code, answer.reason_phrase) == (200, "Connection established")
        assert answer.headers["x-exit"] == "203.0.113.7"
    if world.streams:
        async with client.stream("GET", scene.url) as response:
            assert response.extensions["proxy"].headers["x-exit"] == "203.0.113.7"
    assert "proxy" not in (await client.get(scene.url, proxy=courser.DIRECT)).extensions


async def test_a_refusal_is_an_error_that_holds_the_answer(world: World, stage: Stage) -> None:
    scene = stage("http")

    with pytest.raises(courser.ProxyError, match="502 Bad Gateway") as caught:
        await world.client(proxy=scene.value("user:secret@")).get("https://unknown.example/")

    error = caught.value
    assert error.response is not None
    assert (error.response.status_code, error.response.text) == (502, "unknown name unknown.example")
    assert error.response.headers["x-why"] == "name"
    assert error.phase == "proxy"
    assert error.retryable
    assert f"http://127.0.0.1:{scene.proxy.port}, asked for unknown.example:443" in str(error)
    assert "secret" not in str(error)
    assert error.request is not None
    assert world._clients[-1].stats() == {"connections": 0, "idle": 0}


async def test_a_proxy_that_wants_to_know_who_asks(world: World, stage: Stage) -> None:
    scene = stage("http", user=("user", "secret"))
    client = world.client(proxy=scene.value())

    assert (await client.get(scene.url)).status_code == 407
    with pytest.raises(courser.ProxyError, match=r"407 Proxy Auth.*auth=\(user, password\)") as caught:
        await client.get("https://a.example/")
    assert caught.value.response is not None
    assert caught.value.response.headers["proxy-authenticate"].startswith("Basic")


@pytest.mark.parametrize(
    ("kind", "code", "text"), [("socks4", 0x5B, "rejected"), ("socks5h", 5, "refused the connection")]
)
async def test_a_socks_server_that_refuses(world: World, stage: Stage, kind: str, code: int, text: str) -> None:
    scene = stage(kind, refusal=code)

    with pytest.raises(courser.ProxyError, match=text) as caught:
        await world.client(proxy=scene.value()).get(scene.url)
    assert caught.value.phase == "proxy"
    assert await world.until(lambda: scene.proxy.open == 0)


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
@pytest.mark.parametrize("kind", ["http", "https"])
async def test_digest_rfc_7616(world: World, stage: Stage, authority: Authority, kind: str, algorithm: str) -> None:
    for secure in (False, True):
        scene = stage(kind, secure=secure, user=("user", "secret"), digest=algorithm)
        value = scene.value(auth=courser.DigestAuth("user", "secret"))
        client = world.client(verify=authority.roots, proxy=value)

        for _ in range(2):
            response = await client.put(scene.url, content=b"body")
            assert response.content == b"body"
            assert "proxy-authorization" not in response.request.headers

        assert [request.get("proxy-authorization") for request in scene.origin.requests] == [None, None]
        assert scene.relay.challenges == 1
        assert scene.proxy.connections == (2 if secure else 1)
        # Another connection to the same proxy answers at once.
        assert (await client.get(scene.url, headers={"Connection": "close"})).status_code == 200
        assert (await client.get(scene.url)).status_code == 200
        assert scene.relay.challenges == 1


async def test_digest_with_the_wrong_password_ends(world: World, stage: Stage) -> None:
    scene = stage("http", user=("user", "secret"), digest="MD5")
    client = world.client(proxy=scene.value(auth=courser.DigestAuth("user", "wrong")))

    assert (await client.get(scene.url)).status_code == 407
    with pytest.raises(courser.ProxyError, match="did not accept"):
        await client.get("https://a.example/")
    assert scene.relay.challenges == 4
    assert client.stats()["connections"] <= 1


async def test_digest_and_a_nonce_that_is_used_up(world: World, stage: Stage) -> None:
    scene = stage("http", user=("user", "secret"), digest="MD5", one_use=True)
    client = world.client(proxy=scene.value(auth=courser.DigestAuth("user", "secret")))

    for _ in range(3):
        assert (await client.put(scene.url, content=b"x")).content == b"x"
    with pytest.raises(courser.BodyNotReplayable, match="the proxy asks"):
        await client.put(scene.url, content=iter([b"x"]))


async def test_other_ways_to_say_who_asks(world: World, stage: Stage) -> None:
    scene = stage("http", user=("user", "secret"))

    for auth in (courser.BasicAuth("user", "secret"), ("user", "secret")):
        assert (await world.client(proxy=scene.value(auth=auth)).get(scene.url)).status_code == 200
    await world.client(proxy=scene.value(auth=courser.BearerAuth("token"))).get(scene.url)
    assert scene.proxy.requests[-1].get("proxy-authorization") == "Bearer token"
    with pytest.raises(courser.InvalidRequest, match="type object"):
        world.client(proxy=scene.value(auth=object()))


async def test_a_socks_server_that_does_not_take_the_password(world: World, stage: Stage) -> None:
    scene = stage("socks5h", user=("user", "secret"))

    with pytest.raises(courser.ProxyError, match="did not accept") as caught:
        await world.client(proxy=scene.value("user:wrong@")).get(scene.url)
    assert "wrong" not in str(caught.value)
    with pytest.raises(courser.ProxyError, match="wants a user name"):
        await world.client(proxy=scene.value()).get(scene.url)


@pytest.mark.parametrize("url", ["http://a.example/", "https://a.example/"])
@pytest.mark.parametrize("kind", ["http", "socks5h"])
async def test_a_proxy_that_is_not_there(world: World, kind: str, url: str) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.2", 0))
        port = sock.getsockname()[1]
    client = world.client(proxy=f"{kind}://127.0.0.2:{port}")

    with pytest.raises(courser.ProxyError, match=rf"a\.example:\d+ through {kind}://127\.0\.0\.2:{port}") as caught:
        await client.get(url)
    assert caught.value.phase == "connect"
    assert caught.value.retryable


async def test_a_proxy_whose_name_does_not_resolve(world: World) -> None:
    def fails(host: str, port: int) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.raises(courser.ResolveError, match=r"through http://proxy\.example:80: proxy\.example: Name"):
        await world.client(proxy="http://proxy.example", resolver=fails).get("http://a.example/")


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 200", b"HTTP/1.1 403 No\r\nContent-Length: 9\r\n\r\nno", b"\5\0\0\0 what is that?"]
)
async def test_a_proxy_that_breaks_off(world: World, serve: Serve, answer: bytes) -> None:
    proxy = serve(lambda peer: (peer.head(), peer.send(answer), peer.close()), raw=True)

    with pytest.raises(courser.ProxyError) as caught:
        await world.client(proxy=proxy.url()).get("https://a.example/")
    assert (caught.value.response is not None) is (b"403" in answer)


async def test_a_proxy_that_resets(world: World, serve: Serve) -> None:
    proxy = serve(lambda peer: (peer.head(), peer.reset()), raw=True)

    with pytest.raises(courser.ProxyError, match=r"connection broke|closed"):
        await world.client(proxy=proxy.url()).get("https://a.example/")


@pytest.mark.only_http1("its bytes are of HTTP/1.1")
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_cve_2023_40217_bytes_before_anything_was_asked_are_nobodys(
    world: World, serve: Serve, scheme: str
) -> None:
    answer = b"HTTP/1.1 200 OK\r\n\r\n" + FINE

    def script(peer: Peer) -> None:
        peer.head()
        peer.send(answer)
        peer.wait_for_close()

    proxy = serve(script, raw=True)
    with pytest.raises(courser.ProxyError, match=f"{len(FINE)} bytes came before"):
        await world.client(proxy=courser.Proxy(proxy.url(), tunnel=True)).get(f"{scheme}://a.example/")


# Time


def dribbling(data: bytes) -> Callable[[Peer], None]:
    def script(peer: Peer) -> None:
        peer.receive()
        peer.dribble(data, 0.02)
        peer.wait_for_close()

    return script


SLOW = {
    "http, silent": ("http", stall),
    "http, slow": ("http", dribbling(b"HTTP/1.1 200 " + b"x" * 1000)),
    "https, silent": ("https", stall),
    "socks4a, silent": ("socks4a", stall),
    "socks5h, silent": ("socks5h", stall),
    "socks5h, slow": ("socks5h", lambda peer: (peer.send(b"\5\0"), dribbling(b"\5\0\0\3\xff" + b"x" * 255)(peer))),
}


@pytest.mark.parametrize("name", SLOW)
@pytest.mark.parametrize(
    ("timeout", "kind"),
    [(courser.Timeout(connect=0.06), courser.ConnectTimeout), (courser.Timeout(total=0.06), courser.DeadlineExceeded)],
    ids=["connect", "total"],
)
async def test_every_step_is_within_the_limits(
    world: World, serve: Serve, name: str, timeout: courser.Timeout, kind: type[courser.RequestTimeout]
) -> None:
    scheme, script = SLOW[name]
    proxy = serve(script, raw=True)
    client = world.client(proxy=f"{scheme}://127.0.0.1:{proxy.port}", timeout=timeout)

    with pytest.raises(courser.RequestTimeout, match=f"through {scheme}://") as caught:
        await client.get("https://a.example/")

    assert type(caught.value) is kind
    assert world.left_by(client) == 0
    assert await world.until(lambda: proxy.open == 0)


async def test_a_refusal_whose_body_stalls_is_the_refusal(world: World, serve: Serve) -> None:
    def script(peer: Peer) -> None:
        peer.head()
        peer.send(b"HTTP/1.1 403 No\r\nContent-Length: 10\r\n\r\nbecause")
        peer.wait_for_close()

    proxy = serve(script, raw=True)
    with pytest.raises(courser.ProxyError, match="403 No") as caught:
        await world.client(proxy=proxy.url(), timeout=courser.Timeout(connect=0.5)).get("https://a.example/")
    assert caught.value.response is not None
    assert caught.value.response.content == b"because"


async def test_a_tunnel_that_was_cancelled_leaves_nothing(world: World, serve: Serve) -> None:
    if not world.is_async:
        pytest.skip("plain code cannot be cancelled")
    proxy = serve(stall, raw=True)
    client = world.client(proxy=f"socks5h://127.0.0.1:{proxy.port}")

    assert await world.cancelled_once(lambda: proxy.open == 1, lambda: client.get("https://a.example/"))
    assert world.left_by(client) == 0
    assert await world.until(lambda: proxy.open == 0)


# Reuse


async def test_a_reused_tunnel_that_died_is_replaced(world: World, stage: Stage, authority: Authority) -> None:
    def dies(peer: Peer) -> None:
        peer.request()
        peer.send(FINE)
        try:
            peer.request()
        except Gone:
            pass
        peer.close()

    scene = stage("http", dies, answering(FINE), secure=True)
    client = world.client(verify=authority.roots, proxy=scene.value())

    for _ in range(2):
        assert (await client.get(scene.url)).content == b"fine"
    assert len(scene.relay.seen) == 2


@pytest.mark.only_http1("a connection carries one request at a time")
async def test_requests_side_by_side_have_tunnels_of_their_own(
    world: World, stage: Stage, authority: Authority
) -> None:
    scene = stage("http", secure=True)
    client = world.client(verify=authority.roots, proxy=scene.value())

    answers = await world.together(*[lambda: client.get(scene.url)] * 5)

    assert [answer.status_code for answer in answers] == [200] * 5
    assert len(scene.relay.seen) == scene.origin.connections
