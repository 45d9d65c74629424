"""Hosts (URL Standard, section 3): names, IPv4 and IPv6 addresses, each in the one spelling that everybody sees.

What is looked up, sent as Host, compared for cookies and checked against the certificate has to be the same text.
So every spelling is reduced to one here, before anything else sees it: `2130706433` and `0x7f.1` are `127.0.0.1`,
`%41.example` and `A.example` are `a.example`.

Names beyond ASCII follow UTS #46 as browsers apply it: non-transitional, with the rules for joiners and text
direction, without IDNA2008's narrower repertoire, so that `☕.example` can be requested. Two things are stricter
than in browsers: invisible characters are refused, and so are names longer than DNS can carry. The length is
checked first, because the algorithms behind are not all linear. A name that is ASCII already is its own identity:
it is neither mapped nor judged, whatever its labels in punycode would decode to.
"""

from __future__ import annotations

from ..errors import InvalidURL
from ..hints import TYPE_CHECKING
from .pattern import late_pattern
from .percent import decode

if TYPE_CHECKING:
    from typing import Final

__all__ = ["parse_host", "unicode_host"]

MAX_NAME: Final = 253
"""Characters of a name without its final dot: 255 octets on the wire, RFC 1035 section 2.3.4."""

MAX_LABEL: Final = 63
"""RFC 1035 section 2.3.4."""

_FORBIDDEN: Final = late_pattern(r"[\x00-\x20\x7f#/:<>?@\[\\\]^|%]")
_INVISIBLE: Final = late_pattern("[\u00ad\u034f\u180b-\u180f\u200b\u2060-\u2064\ufeff\U000e0100-\U000e01ef]")
_JOINER: Final = late_pattern("[\u200c\u200d]")
_NUMBER: Final = late_pattern(r"[0-9]+|0[xX][0-9a-fA-F]*")
_OCTET: Final = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_DOTTED_QUAD: Final = late_pattern(rf"{_OCTET}(?:\.{_OCTET}){{3}}")
_HEX_PIECE: Final = late_pattern(r"[0-9A-Fa-f]{1,4}")
_ZERO_RUN: Final = late_pattern(r"(?<![0-9a-f])0(?::0)+(?![0-9a-f])")
_BRACKETED: Final = late_pattern(r"\[([0-9A-Fa-f:.]{2,45})(?:%25([A-Za-z0-9._~-]{1,64}))?\]")


def parse_host(text: str) -> str:
    """Return the one spelling of a host as it stands in a URL.

    Args:
        text: a name, an IPv4 address, or an IPv6 address in brackets, which may end in `%25` and a zone.

    Returns:
        ASCII; an IPv6 address without brackets, its zone after a plain `%`.

    Raises:
        InvalidURL: it is none of them.
    """
    if text[:1] == "[":
        return _parse_bracketed(text)
    name = decode(text.encode("utf-8", "replace")).decode("utf-8", "replace") if "%" in text else text
    host = name.lower() if name.isascii() else _to_ascii(name)
    _check_name(host)
    return _parse_ipv4(host) if _ends_in_number(host) else host


def unicode_host(host: str) -> str:
    """Return a parsed host as people write it: labels in punycode are decoded, as long as all are valid."""
    if "xn--" not in host:
        return host
    try:
        return ".".join(_checked_labels(host))
    except ValueError:
        return host


def _check_name(host: str) -> None:
    name = host[:-1] if host[-1:] == "." else host
    if not host:
        raise InvalidURL(detail="the host is empty")
    if len(name) > MAX_NAME:
        raise InvalidURL(detail=f"the host has {len(name)} characters, a name has at most {MAX_NAME}")
    if bad := _FORBIDDEN.search(host):
        raise InvalidURL(detail=f"the host holds {bad[0]!r}, at its index {bad.start()}")
    if len(name) > MAX_LABEL and max(map(len, name.split("."))) > MAX_LABEL:
        raise InvalidURL(detail=f"the host has a label of more than {MAX_LABEL} characters")


# IDNA


def _to_ascii(name: str) -> str:
    """Domain to ASCII (URL Standard, section 3.3; UTS #46, section 4) with the flags that browsers set."""
    import idna

    if len(name) > MAX_NAME + 1:
        raise InvalidURL(detail=f"the host has {len(name)} characters, a name has at most {MAX_NAME}")
    if bad := _INVISIBLE.search(name):
        raise InvalidURL(detail=f"the host holds the invisible character {bad[0]!a}, at its index {bad.start()}")
    try:
        labels = _checked_labels(idna.uts46_remap(name, std3_rules=False))
    except ValueError as error:
        raise InvalidURL(detail="the host is not a valid internationalised name") from error
    return ".".join([_encode_label(label) for label in labels])


def _checked_labels(mapped: str) -> list[str]:
    """Return the labels of a mapped name in Unicode.

    Raises:
        ValueError: one of them breaks the rules.
    """
    labels = [_decode_label(label) for label in mapped.split(".")]
    for label in labels:
        _check_label(label)
    _check_direction(labels)
    return labels


def _decode_label(label: str) -> str:
    """Return the Unicode form of a mapped label.

    Raises:
        ValueError: what follows xn-- is not the punycode of anything, or of something that needs none.
    """
    if label[:4] != "xn--":
        return label
    decoded = label[4:].encode("ascii").decode("punycode")
    if decoded.isascii() or _encode_label(decoded) != label:
        raise ValueError("not a label that punycode was made for")
    return decoded


def _encode_label(label: str) -> str:
    return label if label.isascii() else "xn--" + label.encode("punycode").decode("ascii")


def _check_label(label: str) -> None:
    """The validity criteria of UTS #46, section 4.1, without those on hyphens.

    Raises:
        ValueError: one of them is not met.
    """
    import idna

    if label.isascii():
        return
    if label[:4] == "xn--" or idna.uts46_remap(label, std3_rules=False) != label:
        raise ValueError("a label holds what no label can hold after mapping")
    idna.check_initial_combiner(label)
    for joiner in _JOINER.finditer(label):
        if not idna.valid_contextj(label, joiner.start()):
            raise ValueError("a joiner stands where it joins nothing")


def _check_direction(labels: list[str]) -> None:
    """The Bidi rule (RFC 5893 section 2), which binds every label as soon as one holds right-to-left text.

    Raises:
        ValueError: a label breaks it.
    """
    import unicodedata

    import idna

    if not any(unicodedata.bidirectional(char) in ("R", "AL", "AN") for label in labels for char in label):
        return
    for label in filter(None, labels):
        idna.check_bidi(label, check_ltr=True)


# IPv4


def _ends_in_number(host: str) -> bool:
    last = host.removesuffix(".").rpartition(".")[2]
    return _NUMBER.fullmatch(last) is not None


def _parse_ipv4(host: str) -> str:
    """The IPv4 parser (URL Standard, section 3.5): one to four numbers, decimal, octal or hexadecimal."""
    parts = host.removesuffix(".").split(".")
    if len(parts) > 4:
        raise InvalidURL(detail="the host ends in a number, but has more than the four parts of an IPv4 address")
    numbers = [_parse_ipv4_number(part) for part in parts]
    last = numbers.pop()
    if any(number > 255 for number in numbers) or last >= 256 ** (4 - len(numbers)):
        raise InvalidURL(detail="the host is an IPv4 address with a part that is too large")
    value = last + sum(number << (24 - 8 * index) for index, number in enumerate(numbers))
    return ".".join([str(value >> shift & 255) for shift in (24, 16, 8, 0)])


def _parse_ipv4_number(part: str) -> int:
    if _NUMBER.fullmatch(part) is None:
        raise InvalidURL(detail="the host ends in a number, but is not an IPv4 address")
    base, digits = 10, part
    if part[:2] == "0x":
        base, digits = 16, part[2:]
    elif part[0] == "0":
        base, digits = 8, part[1:]
    try:
        return int(digits or "0", base)
    except ValueError as error:
        raise InvalidURL(detail="the host is an IPv4 address with an 8 or 9 in an octal number") from error


# IPv6


def _parse_bracketed(text: str) -> str:
    match = _BRACKETED.fullmatch(text)
    if match is None:
        raise InvalidURL(detail="the brackets of the host hold no IPv6 address")
    address = _serialise_ipv6(_parse_ipv6(match[1]))
    return address if match[2] is None else f"{address}%{match[2]}"


def _parse_ipv6(text: str) -> list[int]:
    head, gap, tail = text.partition("::")
    if not gap:
        pieces = _parse_pieces(head, may_end_in_ipv4=True)
        missing = 8 - len(pieces)
        if missing:
            raise InvalidURL(detail="the IPv6 address of the host has not eight pieces")
        return pieces
    before = _parse_pieces(head, may_end_in_ipv4=False)
    after = _parse_pieces(tail, may_end_in_ipv4=True)
    missing = 8 - len(before) - len(after)
    if missing < 1:
        raise InvalidURL(detail="the IPv6 address of the host has more than eight pieces")
    return [*before, *[0] * missing, *after]


def _parse_pieces(text: str, *, may_end_in_ipv4: bool) -> list[int]:
    if not text:
        return []
    pieces = text.split(":")
    numbers: list[int] = []
    if may_end_in_ipv4 and _DOTTED_QUAD.fullmatch(pieces[-1]):
        a, b, c, d = map(int, pieces.pop().split("."))
        numbers = [a << 8 | b, c << 8 | d]
    if not all(map(_HEX_PIECE.fullmatch, pieces)):
        raise InvalidURL(detail="the brackets of the host hold no IPv6 address")
    return [int(piece, 16) for piece in pieces] + numbers


def _serialise_ipv6(pieces: list[int]) -> str:
    """The shortest form, RFC 5952 section 4: the first longest run of zeros becomes `::`."""
    text = ":".join([f"{piece:x}" for piece in pieces])
    runs = list(_ZERO_RUN.finditer(text))
    if not runs:
        return text
    longest = max(runs, key=lambda run: run.end() - run.start())
    return f"{text[: longest.start()].removesuffix(':')}::{text[longest.end() :].removeprefix(':')}"
