"""TLS: who is trusted, what is shared, how a stream may end."""

from __future__ import annotations

import base64
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from authority import Authority
from faultserver import FaultServer, Gone, Peer, answering, chunked, once, reply, stall
from judge import Judge
from worlds import World

import courser
from courser.tls.context import Contexts

x509 = pytest.importorskip("cryptography.x509")

Serve = Callable[..., FaultServer]

FINE = reply(b"fine")


async def test_a_trusted_server(world: World, serve: Serve, authority: Authority) -> None:
    server = serve(answering(FINE), tls=authority.good)
    client = world.client(verify=authority.roots)

    for _ in range(3):
        assert (await client.get(server.url())).content == b"fine"

    assert server.connections == 1
    assert client.stats() == {"connections": 1, "idle": 1}


def context_of(world: World, authority: Authority) -> ssl.SSLContext:
    """A context of the caller's own, who also says what it offers."""
    context = ssl.create_default_context(cafile=authority.roots)
    context.set_alpn_protocols([world.protocol])
    return context


async def test_a_context_of_ones_own(world: World, serve: Serve, authority: Authority) -> None:
    server = serve(answering(FINE), tls=authority.good)
    context = context_of(world, authority)

    assert (await world.client(verify=context).get(server.url())).content == b"fine"


ALIAS = x509.DNSName("alias.localhost")
HERE = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))

REFUSED: dict[str, tuple[str, str, Callable[[Authority], ssl.SSLContext]]] = {
    "untrusted": ("127.0.0.1", r"unable to get .*issuer.*O=trustme.*verify='/path", lambda make: make.stranger),
    "another name": ("127.0.0.1", r"not valid for '127.0.0.1'.*for elsewhere\.example", lambda make: make.other_name),
    "expired": ("127.0.0.1", r"expired.*to 2020-01-01 00:00:00 UTC.*clock", lambda make: make.expired),
    "not yet valid": ("127.0.0.1", r"not yet valid.*from 2200-01-01", lambda make: make.not_yet_valid),
    "signed by itself": (
        "127.0.0.1",
        r"self-signed certificate.*CN=crafted was issued by CN=crafted",
        lambda make: make.crafted(HERE, signed_by_itself=True),
    ),
    "for clients": ("127.0.0.1", "something else than a server", lambda make: make.crafted(HERE, usage="client")),
    "a weak key": ("127.0.0.1", "key too weak.*SECLEVEL", lambda make: make.crafted(HERE, usage="weak")),
    "a name in the subject alone": ("alias.localhost", "no name", lambda make: make.crafted(subject="alias.localhost")),
    "CVE-2013-7440 a part of a label": (
        "alias.localhost",
        r"mismatch.*al\*\.localhost",
        lambda make: make.crafted(x509.DNSName("al*.localhost")),
    ),
    "CVE-2013-2099 many stars": (
        "alias.localhost",
        "mismatch",
        lambda make: make.crafted(x509.DNSName("a*l*i*a*s.localhost")),
    ),
    "CVE-2013-4238 a NUL": (
        "alias.localhost",
        r"mismatch.*alias\.localhost\\x00",
        lambda make: make.crafted(x509.DNSName("alias.localhost\0.evil.example")),
    ),
    "CVE-2023-28321 a star in a label of IDNA": (
        "xn--bcher-kva.localhost",
        "mismatch",
        lambda make: make.crafted(x509.DNSName("x*.localhost"), x509.DNSName("xn--*.localhost")),
    ),
    "CVE-2014-2522 an address as a name": (
        "127.0.0.1",
        "mismatch",
        lambda make: make.crafted(x509.DNSName("127.0.0.1")),
    ),
    "CVE-2014-1263 another address": (
        "127.0.0.1",
        r"mismatch.*127\.0\.0\.2",
        lambda make: make.crafted(x509.IPAddress(ipaddress.ip_address("127.0.0.2"))),
    ),
    "CVE-2014-0139 a star in an address": (
        "127.0.0.1",
        "mismatch",
        lambda make: make.crafted(x509.DNSName("*.0.0.1"), subject="127.0.0.1"),
    ),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_cve_2016_9015_a_certificate_that_is_refused(
    world: World, serve: Serve, authority: Authority, case: str
) -> None:
    """A matrix like badssl's: every one fails, and is sent nothing; PSF-2019-13 among them."""
    host, told, server_side = REFUSED[case]
    server = serve(answering(FINE), tls=server_side(authority))
    client = world.client(verify=authority.roots)

    with pytest.raises(courser.CertificateError, match=f"(?s){told}") as caught:
        await client.get(server.url(host=host))

    assert f"checked against the roots in {authority.roots}" in str(caught.value)
    assert caught.value.phase == "tls"
    assert caught.value.bytes_sent == 0
    assert caught.value.request is not None
    assert world.left_by(client) == 0
    assert server.requests == []


@pytest.mark.parametrize("how", ["path", "text", "bytes", "context", "TLS"])
async def test_roots_may_be_given_in_several_ways(world: World, serve: Serve, authority: Authority, how: str) -> None:
    """And are the only ones: CVE-2019-11324, CVE-2014-7143."""
    pem = Path(authority.roots).read_text()
    verify: Any = {
        "path": Path(authority.roots),
        "text": pem,
        "bytes": pem.encode(),
        "context": context_of(world, authority),
        "TLS": courser.TLS(authority.roots, minimum_version="1.3"),
    }[how]
    server = serve(answering(FINE), tls=authority.good)
    stranger = serve(answering(FINE), tls=authority.stranger)
    client = world.client()

    assert (await client.get(server.url(), verify=verify)).content == b"fine"
    with pytest.raises(courser.CertificateError):
        await client.get(stranger.url(), verify=verify)
    with pytest.raises(courser.CertificateError, match="checked against the system's roots"):
        await client.get(server.url())


async def test_the_systems_roots_do_not_know_ours(world: World, serve: Serve, authority: Authority) -> None:
    server = serve(answering(FINE), tls=authority.good)

    with pytest.raises(courser.CertificateError, match="verify="):
        await world.client().get(server.url())


async def test_cve_2024_35195_connections_are_never_shared_across_what_was_verified(
    world: World, serve: Serve, authority: Authority
) -> None:
    server = serve(answering(FINE), tls=authority.stranger)
    client = world.client(verify=authority.roots)

    assert (await client.get(server.url(), verify=False)).content == b"fine"
    with pytest.raises(courser.CertificateError):
        await client.get(server.url())
    assert (await client.get(server.url(), verify=False)).content == b"fine"
    assert server.accepted == 2
    assert len(server.requests) == 2


async def test_cve_2026_54275_another_name_can_be_asked_for(world: World, serve: Serve, authority: Authority) -> None:
    server = serve(answering(FINE), tls=authority.other_name)
    client = world.client(verify=authority.roots)

    assert (await client.get(server.url(), server_hostname="elsewhere.example")).content == b"fine"
    for name in (None, "other.example", "127.0.0.1"):
        with pytest.raises(courser.CertificateError):
            await client.get(server.url(), server_hostname=name)
    assert len(server.requests) == 1


# Fingerprints


@pytest.mark.parametrize("virtue", ["good", "stranger", "expired", "other_name"])
async def test_a_key_may_be_known_instead_of_its_issuer(
    world: World, serve: Serve, authority: Authority, virtue: str
) -> None:
    context: ssl.SSLContext = getattr(authority, virtue)
    server = serve(answering(FINE), tls=context)
    client = world.client(verify=courser.TLS(False, fingerprints=[authority.pins[context], bytes(32)]))

    for _ in range(2):
        assert (await client.get(server.url())).content == b"fine"
    assert server.connections == 1


async def test_cve_2026_80230_a_key_that_is_not_known_gets_no_byte_of_a_request(
    world: World, serve: Serve, authority: Authority
) -> None:
    server = serve(answering(FINE), tls=authority.good)
    client = world.client(verify=courser.TLS(authority.roots, fingerprints=authority.pins[authority.stranger]))

    with pytest.raises(courser.CertificateError, match="none of the fingerprints") as caught:
        await client.post(server.url(), content=b"secret", timeout=5)

    assert authority.pins[authority.good] in str(caught.value)
    assert caught.value.bytes_sent == 0
    assert server.requests == []
    assert world.left_by(client) == 0


async def test_a_known_key_excuses_nothing_else(world: World, serve: Serve, authority: Authority) -> None:
    server = serve(answering(FINE), tls=authority.expired)
    client = world.client(verify=courser.TLS(authority.roots, fingerprints=authority.pins[authority.expired]))

    with pytest.raises(courser.CertificateError, match="expired"):
        await client.get(server.url())


@pytest.mark.only_http1("its script looks at its own TLS")
async def test_a_resumed_session_does_not_let_another_key_in(world: World, serve: Serve, authority: Authority) -> None:
    """What was agreed on without a pin is not gone on with under one.

    CVE-2016-5419, CVE-2017-7468, CVE-2021-22890, CVE-2021-22901, CVE-2024-0853, CVE-2026-9545.
    """
    server = serve(once(FINE, Peer.close_notify), tls=authority.good)
    client = world.client(verify=authority.roots)

    for _ in range(2):
        assert (await client.get(server.url())).content == b"fine"
        assert await world.until(lambda: server.open == 0)
    with pytest.raises(courser.CertificateError):
        await client.get(server.url(), verify=courser.TLS(authority.roots, fingerprints=bytes(32)))


# Reuse


async def test_cve_2022_27782_whatever_is_said_of_tls_has_connections_of_its_own(
    world: World, serve: Serve, authority: Authority
) -> None:
    """CVE-2016-5420, CVE-2016-7141, CVE-2021-22924, CVE-2026-8932, CVE-2026-11564, CVE-2026-4873, CVE-2026-8286,
    CVE-2026-80231.
    """
    server = serve(answering(FINE), tls=authority.good)
    client = world.client(verify=authority.roots)
    roots, pin = authority.roots, authority.pins[authority.good]
    ways: list[dict[str, Any]] = [
        {},
        {"verify": False},
        {"verify": Path(roots).read_text()},
        {"verify": context_of(world, authority)},
        {"verify": courser.TLS(roots, fingerprints=pin)},
        {"verify": courser.TLS(roots, fingerprints=[pin, bytes(32)])},
        {"verify": courser.TLS(False, fingerprints=pin)},
        {"verify": courser.TLS(roots, minimum_version="1.3")},
        {"verify": courser.TLS(roots, ciphers="ECDHE+AESGCM")},
        {"verify": courser.TLS(roots, cert=authority.client)},
        {"server_hostname": "localhost"},
    ]
    for _ in range(2):
        for number, way in enumerate(ways, 1):
            assert (await client.get(server.url(), **way)).content == b"fine"
            assert server.connections >= number
    assert (await client.get(server.url(), cert=authority.client)).content == b"fine"
    assert (await client.get(server.url(), verify=courser.TLS(roots))).content == b"fine"

    assert server.connections == len(ways)


@pytest.mark.only_http1("its connections end with their responses")
async def test_cve_2013_2037_a_server_is_verified_again_on_every_connection(
    world: World, serve: Serve, authority: Authority
) -> None:
    good, bad = authority.good, authority.other_name
    server = serve(once(FINE, Peer.close_notify), once(FINE), tls=good)
    client = world.client(verify=authority.roots)

    assert (await client.get(server.url())).content == b"fine"
    assert await world.until(lambda: server.open == 0)
    server.tls = bad
    with pytest.raises(courser.CertificateError):
        await client.get(server.url())


@pytest.mark.only_http1("its script plays with its own TLS")
async def test_cve_2023_40217_what_comes_before_the_handshake_is_nobodys(
    world: World, serve: Serve, authority: Authority
) -> None:
    def eager(peer: Peer) -> None:
        peer.send(FINE)
        peer.receive()

    server = serve(eager)

    with pytest.raises(courser.TLSError, match="does not speak TLS at this port"):
        await world.client(verify=False).get(server.url().replace("http:", "https:"))


@pytest.mark.parametrize("name", ["CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"])
async def test_an_empty_variable_does_not_switch_verification_off(
    world: World, serve: Serve, authority: Authority, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """psf/requests#6074."""
    monkeypatch.setenv(name, "")
    server = serve(answering(FINE), tls=authority.good)

    with pytest.raises(courser.CertificateError, match="checked against the system's roots"):
        await world.client().get(server.url())


async def test_the_environment_may_name_roots_unless_it_is_not_trusted(
    world: World, serve: Serve, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", authority.roots)
    server = serve(answering(FINE), tls=authority.good)

    assert (await world.client().get(server.url())).content == b"fine"
    with pytest.raises(courser.CertificateError):
        await world.client(trust_env=False).get(server.url())


# Who we are


async def test_client_certificates(world: World, serve: Serve, authority: Authority) -> None:
    server = serve(answering(FINE), tls=authority.asking)

    with pytest.raises(courser.TransportError):
        await world.client(verify=authority.roots).get(server.url())
    assert (await world.client(verify=authority.roots, cert=authority.client).get(server.url())).content == b"fine"
    assert (("commonName", "the client"),) in server.shown[-1]["subject"]


@pytest.mark.parametrize("name", ["a\0b", "a b", ".a", "example.org:443", "\u2060"])
async def test_a_server_hostname_that_is_none_is_refused_before_anything_is_sent(
    world: World, serve: Serve, authority: Authority, name: str
) -> None:
    server = serve(answering(FINE), tls=authority.good)
    client = world.client(verify=authority.roots)

    with pytest.raises(courser.InvalidRequest, match="server_hostname") as caught:
        await client.get(server.url(), server_hostname=name)

    assert caught.value.request is not None
    assert world.left_by(client) == 0
    assert server.connections == 0


async def test_a_missing_client_certificate_is_named(world: World, serve: Serve, authority: Authority) -> None:
    server = serve(answering(FINE), tls=authority.good)

    with pytest.raises(courser.InvalidRequest, match="nothing-here"):
        await world.client(verify=authority.roots, cert="/nothing-here.pem").get(server.url())
    with pytest.raises(courser.InvalidRequest, match="nothing-here"):
        await world.client(verify="/nothing-here.pem").get(server.url())


@pytest.mark.only_http1("its connections end with their responses")
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


@pytest.mark.only_http1("its connections end with their responses")
async def test_where_the_system_judges_it_is_asked_for_every_connection(
    world: World, serve: Serve, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As macOS and Windows are, by the package truststore."""
    monkeypatch.setattr("courser.tls.context.judging_context", lambda: Judge)
    monkeypatch.setattr("courser.tls.roots.judging_context", lambda: Judge)
    monkeypatch.setattr("courser.tls.context.contexts", Contexts())
    monkeypatch.setattr(Judge, "known", {base64.b64decode(authority.pins[authority.good].removeprefix("sha256//"))})
    good = serve(once(FINE, Peer.close_notify), tls=authority.good)
    bad = serve(answering(FINE), tls=authority.stranger)
    client = world.client()

    for _ in range(3):
        assert (await client.get(good.url())).content == b"fine"
        assert await world.until(lambda: good.open == 0)
    with pytest.raises(courser.CertificateError, match=r"not trusted; .*O=trustme.*the system's roots.*verify='/path"):
        await client.get(bad.url())
    assert bad.requests == []
    assert (await client.get(good.url(), verify=authority.roots)).content == b"fine"


@pytest.mark.only_http1("its connections end with their responses")
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
    server = serve(lambda peer: (peer.receive(), peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")), raw=True)

    with pytest.raises(courser.TLSError) as caught:
        await world.client(verify=authority.roots).get(server.url().replace("http:", "https:"))

    assert caught.value.phase == "tls"


async def test_the_handshake_has_a_limit(world: World, serve: Serve, authority: Authority) -> None:
    server = serve(stall, raw=True)
    client = world.client(verify=authority.roots)

    with pytest.raises(courser.ConnectTimeout):
        await client.get(server.url().replace("http:", "https:"), timeout=courser.Timeout(connect=0.08))

    assert world.left_by(client) == 0
    assert await world.until(lambda: server.open == 0)


async def test_a_handshake_that_is_cut(world: World, serve: Serve, authority: Authority) -> None:
    scripts = (lambda peer: (peer.receive(), peer.reset()), lambda peer: (peer.receive(), peer.close()))
    server = serve(*scripts, raw=True)
    client = world.client(verify=authority.roots)

    for _ in range(2):
        with pytest.raises(courser.TLSError):
            await client.get(server.url().replace("http:", "https:"))
    assert world.left_by(client) == 0


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


@pytest.mark.only_http1("in HTTP/2 it is frames that say where a body ends")
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


async def test_ciphers_and_certificates_that_cannot_be_used_are_named(
    world: World, serve: Serve, authority: Authority
) -> None:
    server = serve(answering(FINE), tls=authority.good)

    for verify, told in (
        (courser.TLS(ciphers="nonsense"), "ciphers: OpenSSL knows none of 'nonsense'"),
        ("-----BEGIN CERTIFICATE-----\nnonsense", "verify: the certificates that were given cannot be read"),
    ):
        with pytest.raises(courser.InvalidRequest, match=told) as caught:
            await world.client(verify=verify).get(server.url())
        assert caught.value.request is not None
    assert server.connections == 0 or server.requests == []
