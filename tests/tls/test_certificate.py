"""Certificates, read from DER: those that OpenSSL makes, and those that nobody should have made."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courser.tls.certificate import Certificate, public_key_of, read_certificate

x509 = pytest.importorskip("cryptography.x509")
from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402 - where it is not, all of this is skipped
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa  # noqa: E402

KEYS: dict[str, Any] = {
    "RSA 2048": lambda: rsa.generate_private_key(65537, 2048),
    "RSA 4096, whose lengths take two bytes": lambda: rsa.generate_private_key(65537, 3072),
    "EC P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "EC P-521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
    "Ed448": ed448.Ed448PrivateKey.generate,
    "DSA": lambda: dsa.generate_private_key(1024),
}

SIGNER = ec.generate_private_key(ec.SECP256R1())


def make(
    key: Any = SIGNER,
    subject: list[Any] | None = None,
    names: list[Any] | None = None,
    starts: datetime = datetime(2026, 1, 31, 1, 2, 3, tzinfo=UTC),
    ends: datetime = datetime(2050, 12, 1, tzinfo=UTC),
    extensions: int = 0,
) -> bytes:
    attributes = [x509.NameAttribute(oid, text) for oid, text in subject or []]
    issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "an issuer")])
    builder = x509.CertificateBuilder().subject_name(x509.Name(attributes)).issuer_name(issuer)
    builder = builder.public_key(key.public_key()).serial_number(5).not_valid_before(starts).not_valid_after(ends)
    for number in range(extensions):
        kind = x509.UnrecognizedExtension(x509.ObjectIdentifier(f"1.2.3.{number}"), b"x")
        builder = builder.add_extension(kind, critical=bool(number))
    if names is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=True)
    return builder.sign(SIGNER, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


@pytest.mark.parametrize("kind", KEYS)
def test_the_public_key_is_the_one_that_openssl_finds(kind: str) -> None:
    key = KEYS[kind]()
    told = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)

    assert public_key_of(make(key)) == told


def test_what_a_certificate_says() -> None:
    oid = x509.NameOID
    der = make(
        subject=[
            (oid.COUNTRY_NAME, "DE"),
            (oid.ORGANIZATION_NAME, "Ünïts"),
            (oid.COMMON_NAME, "me"),
            (oid.EMAIL_ADDRESS, "x@y"),
        ],
        names=[
            x509.DNSName("a.example"),
            x509.DNSName("*.b.example"),
            x509.RFC822Name("x@y.example"),
            x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
            x509.IPAddress(ipaddress.ip_address("::1")),
        ],
        extensions=2,
    )

    assert read_certificate(der) == Certificate(
        subject="C=DE, O=Ünïts, CN=me",
        issuer="CN=an issuer",
        starts="2026-01-31 01:02:03",
        ends="2050-12-01 00:00:00",
        names=("a.example", "*.b.example", "127.0.0.1", "::1"),
    )


def test_a_certificate_may_say_little() -> None:
    read = read_certificate(make(starts=datetime(1999, 1, 1, tzinfo=UTC)))

    assert (read.subject, read.names, read.starts) == ("", (), "1999-01-01 00:00:00")


def test_other_extensions_are_passed_over() -> None:
    assert read_certificate(make(extensions=3)).names == ()


def test_what_a_stranger_has_written_is_shown_and_does_nothing() -> None:
    name = x509.NameOID.COMMON_NAME
    shown = read_certificate(make(subject=[(name, "a\r\nb\x1b[31m\u202e")])).subject
    long = read_certificate(make(subject=[(name, "c" * 64)] * 4))

    assert shown == r"CN=a\r\nb\x1b[31m\u202e"
    assert len(long.subject) == 203
    assert long.subject.endswith("...")


# Elements by hand


def element(tag: int, *content: bytes) -> bytes:
    data = b"".join(content)
    if len(data) < 0x80:
        return bytes([tag, len(data)]) + data
    digits = len(data).to_bytes((len(data).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(digits)]) + digits + data


def sequence(*content: bytes) -> bytes:
    return element(0x30, *content)


KEY = sequence(sequence(element(6, b"\x2b\x65\x70")), element(3, b"\0" + bytes(32)))
TIMES = element(0x17, b"260131010203Z"), element(0x18, b"20501201000000Z")
NAME = sequence(element(0x31, sequence(element(6, b"\x55\x04\x03"), element(0x0C, b"x"))))


def certificate(
    *,
    version: bytes = element(0xA0, element(2, b"\2")),
    serial: bytes = element(2, b"\5"),
    validity: bytes = sequence(*TIMES),
    subject: bytes = NAME,
    key: bytes = KEY,
    rest: bytes = b"",
) -> bytes:
    signed = sequence(version, serial, sequence(), NAME, validity, subject, key, rest)
    return sequence(signed, sequence(), element(3, b"\0"))


def test_the_first_version_has_no_number() -> None:
    assert public_key_of(certificate(version=b"")) == KEY


@pytest.mark.parametrize(
    ("tag", "raw", "shown"),
    [
        (0x0C, "ü".encode(), "ü"),
        (0x13, b"x", "x"),
        (0x14, b"\xfc", "ü"),
        (0x1E, "ü€".encode("utf-16-be"), "ü€"),
        (0x1C, "ü€".encode("utf-32-be"), "ü€"),
        (0x0C, b"\xff", "\ufffd"),
    ],
)
def test_names_have_several_encodings(tag: int, raw: bytes, shown: str) -> None:
    name = sequence(element(0x31, sequence(element(6, b"\x55\x04\x03"), element(tag, raw))))

    assert read_certificate(certificate(subject=name)).subject == f"CN={shown}"


@pytest.mark.parametrize(
    ("tag", "raw", "shown"),
    [
        (0x17, b"500101000000Z", "1950-01-01 00:00:00"),
        (0x17, b"491231235959Z", "2049-12-31 23:59:59"),
        (0x18, b"99991231235959Z", "9999-12-31 23:59:59"),
        (0x17, b"5001010000Z", ""),
        (0x17, b"500101000000+0100", ""),
        (0x18, b"20500101000000.5Z", ""),
        (0x18, b"2050010100000xZ", ""),
        (0x18, b"20500101000000X", ""),
        (0x18, b"\xff" * 15, ""),
    ],
)
def test_times_are_read_if_they_are_as_they_should_be(tag: int, raw: bytes, shown: str) -> None:
    time = element(tag, raw)

    assert read_certificate(certificate(validity=sequence(time, time))).ends == shown


def test_addresses_of_other_lengths_are_shown_as_they_are() -> None:
    names = sequence(element(0x87, b"\1\2\3"), element(0x82, b"a\0.example"), element(0x82, b"x" * 300))
    extension = sequence(element(6, b"\x55\x1d\x11"), element(4, names))
    rest = element(0x81, b"\0") + element(0xA3, sequence(extension))

    shown = read_certificate(certificate(rest=rest)).names
    assert shown[:2] == ("010203", r"a\x00.example")
    assert len(shown[2]) == 203


PADDED = b"\x30\x81" + sequence(sequence(element(2, b"\0")), element(3, b"\0"))[1:]

BROKEN = {
    "nothing": b"",
    "text": b"-----BEGIN CERTIFICATE-----",
    "two certificates": certificate() * 2,
    "an empty one": sequence(),
    "an empty body": sequence(sequence()),
    "no sequence": element(0x31, b""),
    "a body that is none": sequence(element(0x31, b"")),
    "cut": certificate()[:-1],
    "no key": certificate(key=b""),
    "a key that is no sequence": certificate(key=element(3, b"\0")),
    "a version behind the serial number": certificate(version=element(2, b"\5"), serial=element(0xA0, b"\2\1\2")),
    "two versions": certificate(version=element(0xA0, b"") * 2),
    "a length longer than it has to be": certificate(key=PADDED),
    "a length with a leading zero": certificate(key=b"\x30\x82\x00" + KEY[1:]),
    "an indefinite length": certificate(key=b"\x30\x80" + KEY[2:] + b"\0\0"),
    "a length that is cut": certificate()[:1],
    "digits of a length that are cut": b"\x30\x84\x01",
    "a tag of several bytes": sequence(sequence(b"\x1f\x81\x01\x00")),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_no_certificate_has_no_key(case: str) -> None:
    """CVE-2026-80230: another key than the one that OpenSSL uses must not be found by any spelling."""
    with pytest.raises(ValueError, match=r"."):
        public_key_of(BROKEN[case])


@given(st.integers(0, 10_000), st.integers(1, 255), st.booleans())
def test_no_damage_leads_to_anything_but_a_value_error(at: int, flip: int, cut: bool) -> None:
    whole = certificate(rest=element(0xA3, sequence(sequence(element(6, b"\x55\x1d\x11"), element(4, sequence())))))
    at %= len(whole)
    damaged = whole[:at] if cut else whole[:at] + bytes([whole[at] ^ flip]) + whole[at + 1 :]
    for read in (public_key_of, read_certificate):
        try:
            read(damaged)
        except ValueError:
            pass
