"""What a call says of TLS: what it takes from the client, and which hops it holds for."""

from __future__ import annotations

import ssl
from typing import Any

import pytest

from courser.core.calltls import CallTLS, call_tls
from courser.core.route import TLSPolicy
from courser.errors import InvalidRequest
from courser.policies.redirect import next_request
from courser.values.request import Request
from courser.values.response import Response
from courser.values.trust import TLS

HOME = Request("GET", "https://a.example/")
CERT = ("client.pem", None, None)
OTHER = ("other.pem", "key.pem", None)
PIN = bytes(32)


def led(to: str, request: Request = HOME) -> Request:
    return next_request(request, Response(302, headers={"Location": to}))


def said(client: TLSPolicy, request: Request = HOME, trusted: bool = True, **options: Any) -> CallTLS:
    return call_tls(client, options, request, lambda url: trusted)  # type: ignore[arg-type]


def own(client: TLSPolicy, trusted: bool = True, **options: Any) -> TLSPolicy:
    return said(client, trusted=trusted, **options).own


def test_a_call_that_says_nothing_has_what_the_client_says() -> None:
    client = TLSPolicy("roots.pem", fingerprints=(PIN,))

    assert own(client, timeout=5) == client


MERGED: dict[str, tuple[TLSPolicy, dict[str, Any], TLSPolicy]] = {
    "verify": (TLSPolicy("r"), {"verify": False}, TLSPolicy(False)),
    "verify alone takes the place of all that it could say": (
        TLSPolicy("r", None, None, (PIN,), "1.3", "HIGH"),
        {"verify": True},
        TLSPolicy(),
    ),
    "verify leaves the certificate": (TLSPolicy("r", CERT), {"verify": False}, TLSPolicy(False, CERT)),
    "all of it": (
        TLSPolicy("r"),
        {"verify": TLS("x", fingerprints=PIN, minimum_version="1.3", ciphers="HIGH")},
        TLSPolicy("x", None, None, (PIN,), "1.3", "HIGH"),
    ),
    "a TLS leaves the certificate": (TLSPolicy("r", CERT), {"verify": TLS(False)}, TLSPolicy(False, CERT)),
    "a TLS with a certificate": (
        TLSPolicy("r", CERT),
        {"verify": TLS("x", cert=("other.pem", "key.pem"))},
        TLSPolicy("x", OTHER),
    ),
    "cert": (TLSPolicy("r", CERT), {"cert": ("other.pem", "key.pem")}, TLSPolicy("r", OTHER)),
    "no cert": (TLSPolicy("r", CERT), {"cert": None}, TLSPolicy("r")),
    "cert and a TLS": (TLSPolicy(), {"cert": "client.pem", "verify": TLS("x")}, TLSPolicy("x", CERT)),
    "server_hostname": (
        TLSPolicy("r", CERT, fingerprints=(PIN,)),
        {"server_hostname": "h"},
        TLSPolicy("r", CERT, "h", (PIN,)),
    ),
    "an untrusted environment": (TLSPolicy(trust_env=False), {"verify": True}, TLSPolicy(trust_env=False)),
}


@pytest.mark.parametrize("case", MERGED)
def test_what_a_call_says_goes_before_what_the_client_says(case: str) -> None:
    client, options, merged = MERGED[case]

    assert own(client, **options) == merged


def test_a_context_brings_its_own_certificate() -> None:
    context = ssl.create_default_context()

    assert own(TLSPolicy(True, CERT), verify=context) == TLSPolicy(context)


def test_two_certificates_for_one_call() -> None:
    with pytest.raises(InvalidRequest, match=r"cert was given, and in verify=courser.TLS"):
        said(TLSPolicy(), cert="a.pem", verify=TLS(cert="b.pem"))


# Where it holds


def test_the_certificate_of_a_client_with_a_base_url_stays_there() -> None:
    assert own(TLSPolicy(True, CERT)).cert == CERT
    assert own(TLSPolicy(True, CERT), trusted=False) == TLSPolicy()
    assert own(TLSPolicy(True, CERT), trusted=False, verify=False) == TLSPolicy(False)
    assert own(TLSPolicy(True, CERT), trusted=False, cert="client.pem").cert == CERT


@pytest.mark.parametrize("options", [{}, {"cert": "client.pem"}, {"cert": "client.pem", "server_hostname": "h"}])
def test_who_we_are_is_not_shown_to_another_origin_nor_after_coming_back(options: dict[str, Any]) -> None:
    """T-RED: a client certificate is a secret, and another name for the server the name of one."""
    tls = said(TLSPolicy("r", CERT, fingerprints=(PIN,)), **options)
    away = led("https://b.example/")

    assert tls.at(HOME).cert == tls.at(led("/next")).cert == CERT
    assert tls.at(away) == tls.at(led("https://a.example/", away)) == TLSPolicy("r", fingerprints=(PIN,))


def test_what_is_said_by_hand_holds_for_a_request_that_was_led_away() -> None:
    """As somebody sends `response.next_request` with a certificate for where it goes."""
    away = led("https://b.example/")
    by_hand = said(TLSPolicy(), away, cert="client.pem")
    by_client = said(TLSPolicy(True, CERT), away)

    assert by_hand.at(away).cert == by_hand.at(led("/next", away)).cert == CERT
    assert by_hand.at(led("https://a.example/", away)).cert is None
    assert by_client.at(away).cert is None
