"""What the values of several header fields share: parameters in the encoding of RFC 8187."""

from __future__ import annotations

import re

from ..hints import TYPE_CHECKING
from .pattern import late_pattern

if TYPE_CHECKING:
    from typing import Final

__all__ = ["decode_extended", "unescape"]

_EXTENDED: Final = late_pattern(r"(utf-?8|iso-8859-1)'[^']*+'((?>(?:[^%]|%[0-9a-f]{2})*))", re.IGNORECASE | re.ASCII)
_ESCAPE: Final = late_pattern(r"%([0-9A-Fa-f]{2})")
_QUOTED_PAIR: Final = late_pattern(r"\\(.)", re.DOTALL)


def decode_extended(value: str) -> str | None:
    """Decode the value of a parameter whose name ends with `*` (RFC 8187 section 3.2); None where it is malformed.

    Args:
        value: charset, language and text with escapes, such as `UTF-8''%e2%82%ac`; UTF-8 and ISO-8859-1 are known.
    """
    match = _EXTENDED.fullmatch(value)
    if match is None:
        return None
    charset, text = match.groups()
    try:
        octets = _ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), text).encode("latin-1")
        return octets.decode("latin-1" if charset[0] in "iI" else "utf-8")
    except UnicodeError:
        return None


def unescape(quoted: str) -> str:
    """Take the backslashes out of what stands between two quotes (RFC 9110 section 5.6.4)."""
    return _QUOTED_PAIR.sub(r"\1", quoted) if "\\" in quoted else quoted
