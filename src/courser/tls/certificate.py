"""What a certificate says (X.509, RFC 5280 section 4.1), read from its DER encoding (ITU-T X.690).

Nothing is verified here: OpenSSL has done that, or has refused to. What is read is shown to people, except for the
public key, by which a server may be pinned. It must be the very key that OpenSSL speaks of. So the way to it is strict:
one length of one spelling for each element, each tag as the standard has it, nothing beyond the end.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..hints import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Final

__all__ = ["Certificate", "public_key_of", "read_certificate"]

SEQUENCE: Final = 0x30
SET: Final = 0x31
INTEGER: Final = 0x02
OCTETS: Final = 0x04
OID: Final = 0x06
VERSION: Final = 0xA0
EXTENSIONS: Final = 0xA3
DNS_NAME: Final = 0x82
IP_ADDRESS: Final = 0x87
UTC_TIME: Final = 0x17

BODY: Final = (INTEGER, SEQUENCE, SEQUENCE, SEQUENCE, SEQUENCE, SEQUENCE)
"""Serial number, signature algorithm, issuer, validity, subject and public key, behind the version."""

ATTRIBUTES: Final = {
    b"\x55\x04\x03": "CN", b"\x55\x04\x0a": "O", b"\x55\x04\x0b": "OU",
    b"\x55\x04\x07": "L", b"\x55\x04\x08": "ST", b"\x55\x04\x06": "C",
}  # fmt: skip
"""The parts of a name that are shown (RFC 4514 section 3)."""

CHARSETS: Final = {0x1E: "utf-16-be", 0x1C: "utf-32-be", 0x14: "latin-1"}
"""How strings are encoded whose tag says so; all others are UTF-8, or a part of it."""

SUBJECT_ALTERNATIVE: Final = b"\x55\x1d\x11"

LONGEST: Final = 200
"""Characters of a name that are shown: whoever made the certificate has chosen them."""


class Element(NamedTuple):
    """One element.

    Attributes:
        tag: what it is.
        content: what it holds.
        whole: all of it.
    """

    tag: int
    content: bytes
    whole: bytes


class Certificate(NamedTuple):
    """What people are told of a certificate; text that could not be read is empty.

    Attributes:
        subject: whom it is for, as "CN=..., O=...".
        issuer: who has signed it.
        starts, ends: from when to when it is valid, as "2026-01-31 12:00:00".
        names: the host names and addresses that it is for.
    """

    subject: str
    issuer: str
    starts: str
    ends: str
    names: tuple[str, ...]


def public_key_of(certificate: bytes) -> bytes:
    """The SubjectPublicKeyInfo of a certificate.

    Args:
        certificate: in DER.

    Raises:
        ValueError: it is no certificate.
    """
    return _body(certificate)[5].whole


def read_certificate(certificate: bytes) -> Certificate:
    """Read what a certificate says.

    Args:
        certificate: in DER.

    Raises:
        ValueError: it is no certificate.
    """
    body = _body(certificate)
    starts, ends = _elements(body[3].content)
    return Certificate(
        subject=_name(body[4].content),
        issuer=_name(body[2].content),
        starts=_time(starts),
        ends=_time(ends),
        names=tuple(_alternatives(body[6:])),
    )


def _body(certificate: bytes) -> list[Element]:
    """The elements of what is signed, without the version."""
    (whole,) = _elements(certificate)
    signed = next(_elements(_content(whole, SEQUENCE)), None)
    if signed is None:
        raise ValueError("an empty certificate")
    parts = [*_elements(_content(signed, SEQUENCE))]
    if parts and parts[0].tag == VERSION:
        del parts[0]
    if tuple(part.tag for part in parts[: len(BODY)]) != BODY:
        raise ValueError("the parts of a certificate are not in order")
    return parts


def _content(element: Element, tag: int) -> bytes:
    if element.tag != tag:
        raise ValueError(f"an element of kind {element.tag:#x}, not {tag:#x}")
    return element.content


def _elements(data: bytes) -> Iterator[Element]:
    """Take apart what stands one after the other (X.690 sections 8.1 and 10.1)."""
    at = 0
    while at < len(data):
        start, tag = at, data[at]
        if tag & 0x1F == 0x1F:
            raise ValueError("a tag of several bytes")
        size, at = _length(data, at + 1)
        if size > len(data) - at:
            raise ValueError("an element that goes beyond its end")
        yield Element(tag, data[at : at + size], data[start : at + size])
        at += size


def _length(data: bytes, at: int) -> tuple[int, int]:
    """A length, and where it ends; a length that could be written shorter is no DER."""
    first = data[at] if at < len(data) else 0x80
    if first < 0x80:
        return first, at + 1
    end = at + 1 + (first & 0x7F)
    digits = data[at + 1 : end]
    size = int.from_bytes(digits, "big")
    if not digits or len(digits) < end - at - 1 or digits[0] == 0 or size < 0x80:
        raise ValueError("a length that is not as DER has it")
    return size, end


def _name(name: bytes) -> str:
    """A distinguished name, as far as it may be shown."""
    told: list[str] = []
    for part in _elements(name):
        for pair in _elements(_content(part, SET)):
            kind, value = _elements(_content(pair, SEQUENCE))
            label = ATTRIBUTES.get(_content(kind, OID))
            if label is not None:
                text = value.content.decode(CHARSETS.get(value.tag, "utf-8"), "replace")
                told.append(f"{label}={_shown(text)}")
    return _cut(", ".join(told))


def _shown(text: str) -> str:
    """Text of a stranger's, with what would not be seen, or would do something, written out."""
    return "".join([each if each.isprintable() else ascii(each)[1:-1] for each in text])


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[:LONGEST] + "..."


def _time(element: Element) -> str:
    """A time as people read it; years of two digits are those from 1950 to 2049 (RFC 5280 section 4.1.2.5.1)."""
    digits = element.content.decode("ascii", "replace")
    if element.tag == UTC_TIME:
        digits = ("19" if digits[:2] >= "50" else "20") + digits
    if len(digits) != 15 or not digits[:14].isdigit() or digits[14] != "Z":
        return ""
    year, month, day, hour, minute, second = digits[:4], *(digits[at : at + 2] for at in range(4, 14, 2))
    return f"{year}-{month}-{day} {hour}:{minute}:{second}"


def _alternatives(rest: list[Element]) -> Iterator[str]:
    """The names of the extension that holds them (RFC 5280 section 4.2.1.6)."""
    for part in rest:
        if part.tag != EXTENSIONS:
            continue
        (extensions,) = _elements(part.content)
        for extension in _elements(_content(extensions, SEQUENCE)):
            kind, *_, value = _elements(_content(extension, SEQUENCE))
            if kind.content == SUBJECT_ALTERNATIVE:
                (names,) = _elements(_content(value, OCTETS))
                for name in _elements(_content(names, SEQUENCE)):
                    if name.tag == DNS_NAME:
                        yield _cut(_shown(name.content.decode("latin-1")))
                    elif name.tag == IP_ADDRESS:
                        yield _address(name.content)


def _address(packed: bytes) -> str:
    from ipaddress import ip_address

    try:
        return str(ip_address(packed))
    except ValueError:
        return packed[:16].hex()
