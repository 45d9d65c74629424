"""Nothing is verified less than was asked for."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from authority import Authority
from faultserver import FaultServer, answering, reply
from worlds import World

import courser
from courser.core.route import TLSPolicy
from courser.tls.context import Contexts

Serve = Callable[..., FaultServer]
FINE = answering(reply(b"fine"))
BAD: tuple[type[Exception], ...] = (courser.TLSError, courser.ReadError, courser.RemoteProtocolError)


@pytest.mark.parametrize("virtue", ["good", "stranger", "other_name", "expired", "not_yet_valid"])
async def test_cve_2014_9365_verification_is_on_by_default(
    world: World, serve: Serve, authority: Authority, virtue: str
) -> None:
    server = serve(FINE, tls=getattr(authority, virtue))

    with pytest.raises(courser.CertificateError):
        await world.client().get(server.url())
    assert server.requests == []


def old(authority: Authority) -> ssl.SSLContext:
    """A server that goes no further than TLS 1.2, with one cipher."""
    context = authority.crafted(_address(), subject="old")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
    return context


def _address() -> Any:
    from ipaddress import ip_address

    from cryptography import x509

    return x509.IPAddress(ip_address("127.0.0.1"))


OPTIONS: dict[str, tuple[Callable[[Authority], ssl.SSLContext], Callable[[Authority], dict[str, Any]]]] = {
    "roots CVE-2017-2629": (lambda made: made.stranger, lambda made: {"verify": made.roots}),
    "roots in a TLS": (lambda made: made.stranger, lambda made: {"verify": courser.TLS(made.roots)}),
    "fingerprints CVE-2026-7009": (
        lambda made: made.good,
        lambda made: {"verify": courser.TLS(made.roots, fingerprints=made.pins[made.stranger])},
    ),
    "fingerprints alone CVE-2020-8286": (
        lambda made: made.good,
        lambda made: {"verify": courser.TLS(False, fingerprints=made.pins[made.stranger])},
    ),
    "minimum_version CVE-2024-8096": (old, lambda made: {"verify": courser.TLS(made.roots, minimum_version="1.3")}),
    "ciphers": (old, lambda made: {"verify": courser.TLS(made.roots, ciphers="ECDHE-ECDSA-AES256-GCM-SHA384")}),
    "server_hostname CVE-2025-14819": (
        lambda made: made.good,
        lambda made: {"verify": made.roots, "server_hostname": "elsewhere.example"},
    ),
}


@pytest.mark.parametrize("option", OPTIONS)
async def test_every_option_of_verification_can_refuse(
    world: World, serve: Serve, authority: Authority, option: str
) -> None:
    """CVE-2025-14819, CVE-2020-8286, CVE-2024-8096, CVE-2026-7009, CVE-2017-2629: none is taken and forgotten."""
    context, options = OPTIONS[option]
    server = serve(FINE, tls=context(authority))
    client = world.client(verify=authority.roots)

    with pytest.raises(BAD):
        await client.get(server.url(), **options(authority))
    assert server.requests == []


async def test_what_was_refused_is_fine_without_the_option(world: World, serve: Serve, authority: Authority) -> None:
    server = serve(FINE, tls=old(authority))

    assert (await world.client(verify=authority.roots).get(server.url())).content == b"fine"


async def test_requests_2_32_5_a_context_of_ones_own_changes_nobody_elses(
    world: World, serve: Serve, authority: Authority
) -> None:
    server = serve(FINE, tls=authority.stranger)
    context = ssl.create_default_context()
    mine, other = world.client(verify=context), world.client()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE

    assert (await mine.get(server.url())).content == b"fine"
    with pytest.raises(courser.CertificateError):
        await other.get(server.url())


def test_cve_2024_5642_no_empty_list_of_protocols(monkeypatch: pytest.MonkeyPatch) -> None:
    offered: list[list[str]] = []
    monkeypatch.setattr(ssl.SSLContext, "set_alpn_protocols", lambda self, protocols: offered.append(protocols))

    Contexts().build(TLSPolicy(verify=False), ())
    Contexts().build(TLSPolicy(verify=False), ("http/1.1",))

    assert offered == [["http/1.1"]]


def test_cve_2024_0397_roots_of_a_live_context_are_not_listed() -> None:
    sources = Path(courser.__file__).parent.rglob("*.py")

    assert not [path for path in sources if "get_ca_certs" in (text := path.read_text()) or "cert_store_stats" in text]
