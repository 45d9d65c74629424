"""What the fields of a head say about its message: how long it is, and whether the connection outlives it.

Only for heads that the plain pattern does not cover; every line has been validated before it comes here.
"""

from __future__ import annotations

from ...hints import TYPE_CHECKING, NamedTuple
from ...values.pattern import late_pattern
from .faults import Fault, excerpt

if TYPE_CHECKING:
    from typing import Final

__all__ = ["Framing", "keeps_alive", "read_framing", "values_of"]

_DIGITS: Final = late_pattern(rb"[0-9]{1,19}+")


class Framing(NamedTuple):
    """What `read_framing` found: Content-Length, whether the body is chunked, Content-Encoding."""

    length: int | None
    chunked: bool
    coding: bytes | None


def values_of(fields: bytes, name: bytes) -> list[bytes]:
    """The values of a field, one for each of its lines.

    Args:
        fields: validated field lines.
        name: the field's name in lower case.
    """
    values: list[bytes] = []
    for line in fields.split(b"\r\n"):
        found, _, value = line.partition(b":")
        if found.lower() == name:
            values.append(value.strip(b" \t"))
    return values


def keeps_alive(minor: bytes, fields: bytes) -> bool:
    """Whether the connection persists after this message, RFC 9112 section 9.3."""
    if b"connection" not in fields.lower():
        return minor == b"1"
    tokens = {token.strip(b" \t").lower() for value in values_of(fields, b"connection") for token in value.split(b",")}
    return b"close" not in tokens and (minor == b"1" or b"keep-alive" in tokens)


def read_framing(minor: bytes, fields: bytes) -> Framing:
    """How the message is framed, RFC 9112 section 6.3.

    Raises:
        Fault: two parties could disagree about it.
    """
    length = _content_length(values_of(fields, b"content-length"))
    codings = values_of(fields, b"transfer-encoding")
    if codings:
        _check_transfer_encoding(minor, codings, length)
    content = values_of(fields, b"content-encoding")
    return Framing(length, bool(codings), b", ".join(content) if content else None)


def _content_length(values: list[bytes]) -> int | None:
    """Equal lengths are one length (RFC 9110 section 8.6), however often a proxy has repeated it."""
    found: bytes | None = None
    for value in values:
        for item in value.split(b","):
            digits = item.strip(b" \t")
            if _DIGITS.fullmatch(digits) is None:
                raise Fault(f"Content-Length is {excerpt(digits)}, not a number of at most 19 digits")
            if found is not None and digits != found:
                raise Fault(f"two values of Content-Length differ: {excerpt(found)} and {excerpt(digits)}")
            found = digits
    return None if found is None else int(found)


def _check_transfer_encoding(minor: bytes, codings: list[bytes], length: int | None) -> None:
    if length is not None:
        raise Fault("both Content-Length and Transfer-Encoding are there: one of them lies")
    if minor == b"0":
        raise Fault("Transfer-Encoding in HTTP/1.0, which does not have it")
    if len(codings) != 1 or codings[0].lower() != b"chunked":
        raise Fault(f"Transfer-Encoding is {excerpt(b', '.join(codings))}, only 'chunked' is understood", status=501)
