"""Set-Cookie, from bytes to its parts (RFC 6265bis section 5.6): whatever a server sends, this never raises."""

from __future__ import annotations

import re

from ...hints import TYPE_CHECKING, NamedTuple
from ..pattern import late_pattern
from .dates import parse_date
from .record import SAME_SITES

if TYPE_CHECKING:
    from typing import Final

__all__ = ["SetCookie", "parse_set_cookie", "set_cookie_lines"]

MOST: Final = 4096
"""Bytes of name and value together, RFC 6265bis section 5.6."""

MOST_OF_ATTRIBUTE: Final = 1024
"""Bytes of an attribute's value, RFC 6265bis section 5.6; a longer one is ignored."""

LONGEST: Final = 400 * 24 * 3600
"""Seconds that a cookie may live, RFC 6265bis section 5.5."""

_LINES: Final = re.compile(rb"^set-cookie:[ \t]*+([^\r\n]*+)", re.IGNORECASE | re.MULTILINE)
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_SECONDS: Final = late_pattern(r"-?[0-9]+")
_AROUND: Final = b" \t"
_DIGITS_READ: Final = 12


class SetCookie(NamedTuple):
    """What one Set-Cookie field says.

    Attributes:
        name: never empty.
        value: as it came.
        domain: in lower case without its leading dot; empty where there is none.
        path: as it came; empty where there is none.
        secure, http_only, same_site, partitioned: see `Cookie`.
        expires: when it ends, in seconds since 1970; None with the session.
    """

    name: str
    value: str
    domain: str
    path: str
    secure: bool
    http_only: bool
    same_site: str | None
    partitioned: bool
    expires: int | None


def set_cookie_lines(block: bytes) -> list[bytes]:
    """The values of the Set-Cookie fields among header lines.

    Args:
        block: whole lines, each with its CRLF.
    """
    return _LINES.findall(block)


def parse_set_cookie(line: bytes, now: float) -> SetCookie | None:
    """Read the value of one Set-Cookie field; None where it has to be ignored as a whole.

    A cookie without a name is ignored, as it was by RFC 6265: what its server meant, no two servers agree upon, and
    what comes back could be taken for a cookie of another name.

    Args:
        line: the value of the field.
        now: the time, in seconds since 1970.
    """
    pair, _, rest = line.partition(b";")
    name, equals, value = pair.partition(b"=")
    name, value = name.strip(_AROUND), value.strip(_AROUND)
    # A tab inside a name would be a border in a Netscape file.
    if not equals or not name or b"\t" in name or len(name) + len(value) > MOST or _CONTROL.search(line):
        return None
    attributes = _attributes(rest) if rest else {}
    return SetCookie(
        _text(name),
        _text(value),
        attributes.get("domain", ""),
        attributes.get("path", ""),
        "secure" in attributes,
        "httponly" in attributes,
        SAME_SITES.get(attributes.get("samesite", "").lower()),
        "partitioned" in attributes,
        _expiry(attributes, now),
    )


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _attributes(rest: bytes) -> dict[str, str]:
    """The attributes by name in lower case; of several the last counts, where it says anything."""
    found: dict[str, str] = {}
    for each in rest.split(b";"):
        key, _, data = each.partition(b"=")
        data = data.strip(_AROUND)
        if len(data) > MOST_OF_ATTRIBUTE:
            continue
        name, value = _text(key.strip(_AROUND)).lower(), _text(data)
        if name == "domain":
            value = value.removeprefix(".").lower()
        elif name == "expires":
            date = parse_date(value)
            value = "" if date is None else str(date)
        elif name == "max-age" and _SECONDS.fullmatch(value) is None:
            value = ""
        # An empty Path stands for the default, and takes the place of one before.
        if value or name not in ("domain", "expires", "max-age"):
            found[name] = value
    return found


def _expiry(attributes: dict[str, str], now: float) -> int | None:
    """When the cookie ends: Max-Age comes before Expires (RFC 6265bis section 5.7)."""
    latest = int(now) + LONGEST
    age, date = attributes.get("max-age"), attributes.get("expires")
    if age is not None:
        if age.startswith("-"):
            return 0
        return min(int(now) + int(age), latest) if len(age) <= _DIGITS_READ else latest
    return None if date is None else min(int(date), latest)
