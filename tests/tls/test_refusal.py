"""What is said of certificates that are not accepted."""

from __future__ import annotations

import base64
import hashlib
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme

from courser.core.route import TLSPolicy
from courser.errors import CertificateError
from courser.tls import refusal as module
from courser.tls.certificate import public_key_of
from courser.tls.refusal import check_fingerprints, refusal


@pytest.fixture(scope="module")
def certificate() -> bytes:
    made = trustme.CA(organization_name="Aunt Agatha").issue_cert(
        "a.example",
        "127.0.0.1",
        common_name="me",
        not_before=datetime(2026, 1, 1, tzinfo=UTC),
        not_after=datetime(2027, 1, 1, tzinfo=UTC),
    )
    return ssl.PEM_cert_to_DER_cert(made.cert_chain_pems[0].bytes().decode())


def refused(code: int = 20, message: str = "unable to get local issuer certificate") -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError()
    error.verify_code = code
    error.verify_message = message
    return error


def told(error: ssl.SSLCertVerificationError, certificate: bytes | None, **policy: Any) -> str:
    failure = refusal(TLSPolicy(**policy), "b.example", error, certificate)
    assert failure.phase == "tls"
    return str(failure)


def test_issuer_subject_names_and_dates_are_told(certificate: bytes) -> None:
    text = told(refused(), certificate, verify="/my/ca.pem")

    assert text.startswith("the certificate was not accepted: b.example: unable to get local issuer certificate; ")
    assert "the certificate of O=Aunt Agatha" not in text
    assert "CN=me was issued by O=Aunt Agatha" in text
    assert "for a.example, 127.0.0.1, and is valid from 2026-01-01 00:00:00 to 2027-01-01 00:00:00 UTC" in text
    assert "checked against the roots in /my/ca.pem" in text


def test_the_source_of_roots_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))

    assert f"checked against the roots that SSL_CERT_FILE={tmp_path}/ca.pem names" in told(refused(), None)
    monkeypatch.setenv("CURL_CA_BUNDLE", str(tmp_path / "ca.pem"))
    assert "or name the file in CURL_CA_BUNDLE;" in told(refused(), None)
    assert "or name the file in SSL_CERT_FILE;" in told(refused(), None, verify="/ca.pem")
    assert "checked against the system's roots in " in told(refused(), None, trust_env=False)
    assert "the certificates given as verify" in told(refused(), None, verify="-----BEGIN CERTIFICATE-----")


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (("Peer sent no certificates to verify",), "Peer sent no certificates to verify"),
        ((), "SSLCertVerificationError"),
    ],
)
def test_who_judges_in_openssls_place_may_say_less(given: tuple[str, ...], text: str) -> None:
    assert f": b.example: {text}; checked against" in told(ssl.SSLCertVerificationError(*given), None)


HINTS = {
    18: "verify='/path/to/ca.pem'.*SSL_CERT_FILE.*fingerprints",
    19: "verify='/path/to/ca.pem'",
    20: "verify='/path/to/ca.pem'",
    10: r"unless the clock here is wrong: it is \d{4}-\d\d-\d\d \d\d:\d\d UTC",
    9: "unless the clock here is wrong",
    62: "server_hostname=",
    64: "server_hostname=",
    26: "something else than a server",
    66: "SECLEVEL",
    0x800B0109: "verify='/path/to/ca.pem'",
    0x800B010A: "verify='/path/to/ca.pem'",
    0x800B0101: "unless the clock here is wrong",
    0x800B010F: "server_hostname=",
    0x800B0110: "something else than a server",
    -67843: "verify='/path/to/ca.pem'",
    -67818: "unless the clock here is wrong",
    -67602: "server_hostname=",
}


@pytest.mark.parametrize("code", HINTS)
def test_it_is_told_what_can_be_done(code: int) -> None:
    with pytest.raises(CertificateError, match=HINTS[code]):
        raise refusal(TLSPolicy(), "b.example", refused(code, "why"), None)


def test_what_nobody_knows_a_way_out_of_has_no_hint() -> None:
    assert refusal(TLSPolicy(), "b.example", refused(1, "why"), None).hint == ""


def test_a_certificate_that_nobody_can_read() -> None:
    assert "the certificate cannot be read: " in told(refused(), b"nonsense")


def test_a_certificate_with_little_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    many = tuple(f"{number}.example" for number in range(20))
    for names, shown in ((), "no name"), (many, "7.example, and 12 more"):
        read = module.read_certificate.__annotations__ and module.read_certificate
        assert read is not None
        made = trustme.CA().issue_cert("x.example")
        der = ssl.PEM_cert_to_DER_cert(made.cert_chain_pems[0].bytes().decode())
        plain = read(der)._replace(subject="", issuer="", names=names)
        with monkeypatch.context() as patch:
            patch.setattr(module, "read_certificate", lambda der, plain=plain: plain)
            text = told(refused(), der)
        assert "the certificate of nobody was issued by nobody for " in text
        assert f"{shown}, and is valid" in text


# Fingerprints


def pin(certificate: bytes) -> bytes:
    return hashlib.sha256(public_key_of(certificate)).digest()


def test_one_of_several_has_to_match(certificate: bytes) -> None:
    check_fingerprints(TLSPolicy(fingerprints=(pin(certificate),)), "a.example", certificate)
    check_fingerprints(TLSPolicy(fingerprints=(bytes(32), pin(certificate))), "a.example", certificate)


def test_a_key_of_nobody_s_is_refused_and_told(certificate: bytes) -> None:
    with pytest.raises(CertificateError, match=r"a.example: its key is sha256//.*none of the fingerprints") as caught:
        check_fingerprints(TLSPolicy(fingerprints=(bytes(32), b"\1" * 32)), "a.example", certificate)

    assert base64.b64encode(pin(certificate)).decode() in str(caught.value)
    assert caught.value.phase == "tls"


@pytest.mark.parametrize(("shown", "why"), [(None, "is not known.*Link.info"), (b"nonsense", "cannot be read")])
def test_a_certificate_that_cannot_be_compared_is_refused(shown: bytes | None, why: str) -> None:
    with pytest.raises(CertificateError, match=f"a.example: its certificate {why}"):
        check_fingerprints(TLSPolicy(fingerprints=(bytes(32),)), "a.example", shown)


def test_pins_are_compared_without_telling_time(monkeypatch: pytest.MonkeyPatch, certificate: bytes) -> None:
    """CVE-2021-33880: whatever is a secret to somebody is compared in constant time, and so are these."""
    import hmac

    compared: list[Any] = []
    monkeypatch.setattr(hmac, "compare_digest", lambda one, other: compared.append(other) or one == other)
    check_fingerprints(TLSPolicy(fingerprints=(pin(certificate), bytes(32))), "a.example", certificate)

    assert compared == [pin(certificate), bytes(32)]
