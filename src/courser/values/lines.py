"""One header line: checked, and brought into its form for the wire (RFC 9110 section 5).

This is the only gate through which a header given by the user passes. What passes cannot start another line, another
header or another message. Errors show the name and the place, never the value.
"""

from __future__ import annotations

from functools import lru_cache

from ..errors import InvalidRequest
from ..hints import TYPE_CHECKING
from .fields import FIELD_VALUE, TOKEN

if TYPE_CHECKING:
    from typing import Final, TypeAlias

__all__ = ["SECRETS", "Line", "check_name", "field_line", "is_sensitive", "split_lines"]

Line: TypeAlias = tuple[bytes, bytes, bytes]
"""The name in lower case, the name, the value without outer white space."""

SECRETS: Final = frozenset({"authorization", "cookie", "cookie2", "proxy-authorization"})
"""Fields that are never sent to another origin than the one they were given for."""

_SENSITIVE: Final = frozenset((b"authorization", b"proxy-authorization", b"cookie", b"set-cookie"))
_SENSITIVE_PARTS: Final = (b"token", b"secret", b"api-key", b"apikey", b"password")


def is_sensitive(name: bytes) -> bool:
    """Tell whether a header's value must not be shown.

    Args:
        name: the header's name in lower case.
    """
    return name in _SENSITIVE or any(part in name for part in _SENSITIVE_PARTS)


def split_lines(block: bytes) -> tuple[Line, ...]:
    """Take apart lines that an engine has validated.

    Args:
        block: whole lines, each with its CRLF; values may have outer white space.
    """
    lines: list[Line] = []
    for line in block.split(b"\r\n")[:-1]:
        name, _, value = line.partition(b":")
        lines.append((name.lower(), name, value.strip(b" \t")))
    return tuple(lines)


def field_line(name: str | bytes, value: str | bytes) -> Line:
    """Check a header.

    Args:
        name: a token.
        value: text, sent as UTF-8, or bytes; outer spaces and tabs are dropped.

    Raises:
        InvalidRequest: a character that may not stand there, or text that is not Unicode.
        TypeError: name or value is neither str nor bytes.
    """
    key, wire_name = _known_name(name) if isinstance(name, str) else check_name(name)
    wire_value = _value_bytes(wire_name, value)
    if FIELD_VALUE.fullmatch(wire_value) is None:
        raise _bad_value(wire_name, value)
    return key, wire_name, wire_value


# Below, methods of str and bytes are called on the class: a subclass may have overridden its own.


def check_name(name: object) -> tuple[bytes, bytes]:
    """Give a name in lower case and as it is.

    Args:
        name: a token, as str or bytes.

    Raises:
        InvalidRequest: it is not a token (RFC 9110 section 5.6.2).
        TypeError: it is neither str nor bytes.
    """
    if isinstance(name, str):
        wire = str.encode(name, "utf-8", "replace")
    elif isinstance(name, bytes):
        wire = bytes.strip(name, b"")
    else:
        raise TypeError(f"a header name is str or bytes, not {type(name).__name__}: {name!r:.60}")
    if TOKEN.fullmatch(wire) is None:
        raise _bad_name(_as_text(name))
    return wire.lower(), wire


# A program uses few names, and uses them again and again.
_known_name = lru_cache(maxsize=256)(check_name)


def _value_bytes(name: bytes, value: object) -> bytes:
    if isinstance(value, bytes):
        return bytes.strip(value, b" \t")
    if not isinstance(value, str):
        raise _wrong_type(name, value)
    try:
        return str.strip(value, " \t").encode("utf-8")
    except UnicodeEncodeError as exc:
        detail = f"header {name.decode()!r}: a lone surrogate at position {exc.start} of the value is not text"
        # The cause would show the value.
        raise InvalidRequest(detail=detail, hint="give bytes to send what is not text") from None


def _wrong_type(name: bytes, value: object) -> TypeError:
    hint, kind = "use str()", type(value).__name__
    if value is None:
        hint = "None removes a header only in update() and headers="
    elif isinstance(value, list | tuple):
        hint = "give pairs of name and value for several values of one name"
    return TypeError(f"the value of header {name.decode()!r} is str or bytes, not {kind}: {hint}")


def _as_text(text: str | bytes) -> str:
    return str.__str__(text) if isinstance(text, str) else bytes.decode(text, "latin-1")


def _bad_name(text: str) -> InvalidRequest:
    hint = "a name is made of letters, digits and !#$%&'*+-.^_`|~"
    if not text:
        return InvalidRequest(detail="a header name is empty", hint=hint)
    position = next(i for i, char in enumerate(text) if TOKEN.fullmatch(char.encode("utf-8", "replace")) is None)
    # Only what is before the bad character is shown: behind it there may be a value ("Authorization: Bearer ...").
    shown = f"header name starting {text[:position][:60]!r}" if position else "header name"
    return InvalidRequest(detail=f"{shown}: {text[position]!a} at position {position} is not allowed", hint=hint)


def _bad_value(name: bytes, value: str | bytes) -> InvalidRequest:
    text = _as_text(value)
    position = next(i for i, char in enumerate(text) if (char < " " and char != "\t") or char == "\x7f")
    hint = "control characters cannot be sent in a header" if text[position:].strip() else "strip() the value"
    detail = f"header {name.decode()!r}: {text[position]!a} at position {position} of the value is not allowed"
    return InvalidRequest(detail=detail, hint=hint)
