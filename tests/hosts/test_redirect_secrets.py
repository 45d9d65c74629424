"""Secrets and redirects, as they travel (SECURITY.md, T-RED): what was for one origin reaches no other one, ever.

Every secret here has the same word in it, in the clear or as Basic writes it, so one look at the bytes that came tells.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from authority import Authority
from faultserver import FaultServer, Received, answering, reply
from proxies import HTTPProxy, SocksProxy
from worlds import World

import courser

Serve = Callable[..., FaultServer]

SECRET = "S3cret"
BASIC = base64.b64encode(f"user:{SECRET}".encode()).decode()

CODES = {301: "Moved Permanently", 302: "Found", 303: "See Other", 307: "Temporary", 308: "Permanent"}


def leaked(request: Received) -> bool:
    return SECRET.encode() in request.raw or BASIC.encode() in request.raw


def flow(request: courser.Request) -> Any:
    request.headers["X-Signature"] = SECRET
    response = yield request
    return response


HEADERS = [
    (name, value)
    for name, value in (("Authorization", f"Bearer {SECRET}"), ("Cookie", f"a={SECRET}"), ("X-Key", SECRET))
    for name in (name, name.lower(), name.upper())
] + [("Proxy-Authorization", f"Basic {BASIC}")]
"""In each case, and so several times over."""

SHOWN: dict[str, dict[str, Any]] = {
    "headers": {"headers": HEADERS},
    "a user and a password": {"auth": ("user", SECRET)},
    "a token": {"auth": courser.BearerAuth(SECRET)},
    "a flow": {"auth": flow},
    "cookies": {"cookies": {"a": SECRET}},
}
"""What a call shows; ids of the rows that they stand for are in the names of the tests."""


class Places:
    """Servers that send each other clients: what each has seen, and where it sends the next one who comes.

    Attributes:
        a: where a call begins.
        b: another origin.
    """

    def __init__(self, serve: Serve, authority: Authority, how: str) -> None:
        tls = authority.good
        # Another port alone; or another host as well, and with it another scheme or none.
        secure = {"another port": (None, None), "https to http": (tls, None), "http to https": (None, tls)}
        first, second = secure.get(how, (tls, tls) if how == "https" else (None, None))
        self.status = 302
        self.a = serve(answering(self._answer_a), tls=first)
        self.b = serve(answering(self._answer_b), tls=second)
        host = "localhost" if how == "another host" else "127.0.0.1"
        self.there = self.b.url("/there", host=host)
        if how == "the same scheme, unsaid":
            self.there = self.there.removeprefix("http:")
        elif how == "a user in it":
            self.there = self.there.replace("://", f"://user:{SECRET}@")
        self.how = how

    def _moved(self, to: str) -> bytes:
        return reply(b"", f"{self.status} {CODES[self.status]}", f"Location: {to}")

    def _answer_a(self, request: Received) -> bytes:
        return reply(b"home") if request.target == "/back" else self._moved(self.there)

    def _answer_b(self, request: Received) -> bytes:
        return self._moved(self.a.url("/back"))


HOW = [
    "another port",
    "another host",
    "https to http",
    "http to https",
    "https",
    "the same scheme, unsaid",
    "a user in it",
]


@pytest.mark.parametrize("shown", SHOWN)
@pytest.mark.parametrize("how", HOW)
async def test_t_red_no_secret_leaves_its_origin_nor_is_it_there_again_after_coming_back(
    world: World, serve: Serve, authority: Authority, how: str, shown: str
) -> None:
    """CVE-2014-1829, CVE-2018-18074, CVE-2018-20060, CVE-2018-25091, CVE-2023-43804, CVE-2024-37891, CVE-2026-34518,
    CVE-2026-47265, CVE-2021-21330, CVE-2018-1000007, CVE-2022-27774, CVE-2022-27776, CVE-2025-14524, CVE-2024-45336,
    CVE-2022-23607, CVE-2022-24737, CVE-2022-0430, GHSA-wgrq-f894-59q5, GHSA-966j-vmvw-g2g9, GHSA-hg6j-4rv6-33pg,
    aiohttp #13180.
    """
    places = Places(serve, authority, how)
    client = world.client(verify=authority.roots, sensitive_headers=["x-key"], trust_env=False)

    for status in CODES:
        places.status = status
        response = await client.request("GET" if status % 2 else "POST", places.a.url("/"), **SHOWN[shown])
        assert response.content == b"home"

    assert len(places.a.requests) == 2 * len(places.b.requests) == 2 * len(CODES)
    assert all(leaked(request) for request in places.a.requests[::2])
    assert not any(leaked(request) for request in [*places.a.requests[1::2], *places.b.requests])
    if shown == "headers":
        assert response.history[0].stripped == ("Authorization", "Cookie", "X-Key", "Proxy-Authorization")
    assert response.history[1].stripped == ()


@pytest.mark.parametrize("kind", ["http", "https", "socks4", "socks5h"])
async def test_cve_2026_44431_the_way_through_a_proxy_has_no_rules_of_its_own(
    world: World, serve: Serve, authority: Authority, kind: str
) -> None:
    """GHSA-qccp-gfcp-xxvc."""
    if world.shares and kind in ("http", "https"):
        pytest.skip("a proxy that sends requests on is spoken to in HTTP/1.1")
    relay = SocksProxy() if kind.startswith("socks") else HTTPProxy()
    proxy = serve(relay, tls=authority.good if kind == "https" else None)
    way = courser.Proxy(f"{kind}://127.0.0.1:{proxy.port}", **({"verify": authority.roots} if kind == "https" else {}))
    client = world.client(verify=authority.roots, sensitive_headers=["x-key"], trust_env=False, proxy=way)

    for how in ("another port", "https to http", "http to https", "https"):
        places = Places(serve, authority, how)
        shown = [(name, value) for name, value in HEADERS if not name.startswith("Proxy")]
        assert (await client.get(places.a.url("/"), headers=shown)).content == b"home"
        assert [leaked(request) for request in places.a.requests] == [True, False]
        assert not leaked(places.b.requests[0])


async def test_what_is_within_an_origin_is_carried_on(world: World, serve: Serve) -> None:
    moved = reply(b"", "302 Found", "Location: /end")
    server = serve(answering(lambda request: moved if request.target == "/" else reply()))

    for shown in SHOWN.values():
        await world.client().get(server.url(), **shown)

    assert all(leaked(request) for request in server.requests)
    assert len(server.requests) == 2 * len(SHOWN)


async def test_cve_2026_54276_a_challenge_of_a_stranger_is_not_answered(world: World, serve: Serve) -> None:
    """CVE-2026-11856, CVE-2026-54280: nor does it get to know what was computed for somebody else."""
    challenge = 'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth", algorithm=SHA-256'
    stranger = serve(answering(reply(b"who?", "401 Unauthorized", challenge)))

    def ask(request: Received) -> bytes:
        if request.get("authorization") is None:
            return reply(b"", "401 Unauthorized", challenge)
        return reply(b"", "302 Found", f"Location: {stranger.url()}")

    server = serve(answering(ask))
    client = world.client(auth=courser.DigestAuth("user", SECRET))
    for _ in range(2):
        response = await client.get(server.url())
        assert (response.status_code, response.content) == (401, b"who?")

    assert [request.get("authorization") for request in stranger.requests] == [None, None]
    assert response.history[0].stripped == ("Authorization",)


async def test_passwords_of_the_netrc_file_stay_with_their_host(
    world: World, serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """CVE-2014-1829, CVE-2024-11053, CVE-2025-0167, CVE-2026-3783, CVE-2026-6429, CVE-2026-8926: `default` too."""
    file = tmp_path / "netrc"
    file.write_text(f"machine localhost login user password {SECRET}\ndefault login user password {SECRET}\n")
    file.chmod(0o600)
    monkeypatch.setenv("NETRC", str(file))
    other = serve(answering(reply()))
    server = serve(answering(reply(b"", "302 Found", f"Location: {other.url(host='127.0.0.1')}")))

    await world.client().get(server.url(host="localhost"))

    assert leaked(server.requests[0])
    assert not leaked(other.requests[0])
    assert other.requests[0].get("authorization") is None


async def test_cookies_of_the_jar_go_where_they_belong(world: World, serve: Serve) -> None:
    """CVE-2015-2296: one that a server has set for itself is not for whom it sends its clients to."""
    other = serve(answering(reply()))
    lines = f"Location: {other.url(host='localhost')}", f"Set-Cookie: sid={SECRET}", "Set-Cookie: b=1; Domain=localhost"
    server = serve(answering(reply(b"", "302 Found", *lines)))
    client = world.client(cookies={"everywhere": SECRET})

    for _ in range(2):
        await client.get(server.url(host="127.0.0.1"))

    assert leaked(server.requests[0])
    assert [request.get("cookie") for request in other.requests] == [None, None]


async def test_cve_2026_6276_a_host_by_hand_is_not_told_to_others(world: World, serve: Serve) -> None:
    other = serve(answering(reply()))
    server = serve(answering(reply(b"", "302 Found", f"Location: {other.url()}")))

    await world.client().get(server.url(), headers={"Host": "inner.example"})

    assert server.requests[0].get("host") == "inner.example"
    assert other.requests[0].get("host") == f"127.0.0.1:{other.port}"


async def test_cve_2021_22876_no_server_is_told_who_has_sent_the_client(world: World, serve: Serve) -> None:
    other = serve(answering(reply()))
    server = serve(answering(reply(b"", "302 Found", f"Location: {other.url()}")))

    await world.client().get(server.url(f"/?s={SECRET}").replace("//", f"//user:{SECRET}@"))

    assert other.requests[0].get("referer") is None
    assert not leaked(other.requests[0])


@pytest.mark.parametrize("of", ["client", "call", "TLS"])
async def test_a_client_certificate_is_shown_to_nobody_else(
    world: World, serve: Serve, authority: Authority, of: str
) -> None:
    other = serve(answering(reply(b"there")), tls=authority.curious)
    moved = reply(b"", "302 Found", f"Location: {other.url()}")
    server = serve(answering(moved), tls=authority.asking)
    client = world.client(verify=authority.roots, **({"cert": authority.client} if of == "client" else {}))
    options: dict[str, Any] = {
        "client": {},
        "call": {"cert": authority.client},
        "TLS": {"verify": courser.TLS(authority.roots, cert=authority.client)},
    }[of]

    response = await client.get(server.url(), **options)

    assert response.content == b"there"
    assert (("commonName", "the client"),) in server.shown[0]["subject"]
    assert other.shown == [None]
    if of == "client":
        assert (await client.get(other.url())).content == b"there"  # the caller's wish, and another connection
        assert len(other.shown) == 2
        assert other.shown[1]


async def test_another_name_for_a_server_is_the_name_of_one(world: World, serve: Serve, authority: Authority) -> None:
    other = serve(answering(reply(b"there")), tls=authority.good)
    server = serve(answering(reply(b"", "302 Found", f"Location: {other.url()}")), tls=authority.other_name)
    client = world.client(verify=authority.roots)

    response = await client.get(server.url(), server_hostname="elsewhere.example")

    assert response.content == b"there"


async def test_pins_hold_wherever_a_redirect_leads(world: World, serve: Serve, authority: Authority) -> None:
    """They may stand in place of all roots: without them anybody would do."""
    other = serve(answering(reply(b"there")), tls=authority.other_name)
    server = serve(answering(reply(b"", "302 Found", f"Location: {other.url()}")), tls=authority.stranger)
    client = world.client(verify=courser.TLS(False, fingerprints=authority.pins[authority.stranger]))

    with pytest.raises(courser.CertificateError, match="none of the fingerprints"):
        await client.get(server.url())

    assert other.requests == []


async def test_cve_2026_21441_what_a_redirect_carries_is_not_decoded(world: World, serve: Serve) -> None:
    """GHSA-38jv-5279-wg99: nor is it read beyond a bound, whatever its coding."""
    moved = reply(b"no gzip at all", "302 Found", "Location: /end", "Content-Encoding: gzip")
    server = serve(answering(lambda request: reply(b"done") if request.target == "/end" else moved))
    response = await world.client().get(server.url())

    assert response.content == b"done"
    with pytest.raises(courser.DecodingError):
        _ = response.history[0].content
