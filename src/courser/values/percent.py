"""Percent-encoding (URL Standard, section 1.3): what stands as it is in which part of a URL, and the way back.

An escape that is already there is never touched: `%` stands for itself everywhere but in `COMPONENT`.
Each set is a pattern of what has to be escaped, so a text without such characters costs one search.
"""

from __future__ import annotations

from ..errors import InvalidURL
from ..hints import TYPE_CHECKING
from .pattern import late_pattern

if TYPE_CHECKING:
    import re
    from typing import Final

__all__ = ["COMPONENT", "FRAGMENT", "PATH", "QUERY", "USERINFO", "decode", "encode", "encode_bytes"]

USERINFO: Final = late_pattern(r"[^A-Za-z0-9!$%&'()*+,\-._~]+")
PATH: Final = late_pattern(r"[^A-Za-z0-9!$%&'()*+,\-./:;=@\[\\\]_|~]+")
QUERY: Final = late_pattern(r"[^A-Za-z0-9!$%&()*+,\-./:;=?@\[\\\]^_`{|}~]+")
FRAGMENT: Final = late_pattern(r"[^A-Za-z0-9!#$%&'()*+,\-./:;=?@\[\\\]^_{|}~]+")
COMPONENT: Final = late_pattern(r"[^A-Za-z0-9\-._~]+")
"""All but the unreserved characters of RFC 3986 section 2.3: for a text that is to come back as it was."""

_ESCAPES: Final = late_pattern(rb"(?:%[0-9A-Fa-f]{2})+")


def encode(text: str, escaped: re.Pattern[str]) -> str:
    """Escape the UTF-8 bytes of every character that `escaped` matches.

    Raises:
        InvalidURL: the text holds a lone surrogate, which has no UTF-8 bytes.
    """
    try:
        return escaped.sub(_escape_utf8, text)
    except UnicodeEncodeError as error:
        raise InvalidURL(detail="a lone surrogate cannot be sent", hint="it often marks undecodable bytes") from error


def encode_bytes(data: bytes, escaped: re.Pattern[str]) -> str:
    """Escape every byte that is not ASCII or that `escaped` matches."""
    return escaped.sub(_escape_bytes, data.decode("latin-1"))


def decode(data: bytes) -> bytes:
    """Turn every well-formed escape into its byte; anything else stays."""
    return _ESCAPES.sub(_unescape, data)


def _escape_utf8(match: re.Match[str]) -> str:
    return "%" + match[0].encode().hex("%").upper()


def _escape_bytes(match: re.Match[str]) -> str:
    return "%" + match[0].encode("latin-1").hex("%").upper()


def _unescape(match: re.Match[bytes]) -> bytes:
    return bytes.fromhex(match[0].replace(b"%", b"").decode("ascii"))
