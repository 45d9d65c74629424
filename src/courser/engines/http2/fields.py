"""Header fields as they come out of HPACK, checked and brought into lines (RFC 9113 section 8.2).

Everything above the engines reads `name: value` lines, whatever the version of HTTP. So nothing may pass here that
would be another line, or another name, once it is one.
"""

from __future__ import annotations

from ...hints import TYPE_CHECKING
from ...values.pattern import late_pattern
from .faults import StreamFault

if TYPE_CHECKING:
    from typing import Final, TypeAlias

__all__ = ["CONNECTION_FIELDS", "Fields", "Meaning", "excerpt", "is_length", "read_length", "translate"]

Fields: TypeAlias = list[tuple[bytes, bytes]]
"""Names and values, in their order."""

_NAME: Final = late_pattern(rb"[!#$%&'*+\-.^_`|~0-9a-z]++")
"""A token without upper case."""

_DIGITS: Final = 19
"""As many as 64 bits have at most."""

_TEXT: Final = bytes((0x09, *range(0x20, 0x7F), *range(0x80, 0x100)))
"""What a value may hold (RFC 9110 section 5.5)."""

CONNECTION_FIELDS: Final = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade")
)
"""Fields about a connection of HTTP/1.1, which have no place here (RFC 9113 section 8.2.2)."""


class Meaning:
    """What a name means to the engine: plain integers, because each field of each head asks."""

    NONE: Final = 0
    LENGTH: Final = 1
    CODING: Final = 2
    EXPECT: Final = 3
    CONNECTION: Final = 4


_MEANINGS: Final[dict[bytes, int]] = {
    b"content-length": Meaning.LENGTH,
    b"content-encoding": Meaning.CODING,
    b"expect": Meaning.EXPECT,
    **dict.fromkeys((*CONNECTION_FIELDS, b"te"), Meaning.CONNECTION),
}

_known: Final[dict[bytes, int]] = {}
"""Names that were found good before, in any thread: peers use few, again and again."""

_MOST_KNOWN: Final = 1024
_LONGEST_KNOWN: Final = 64


def excerpt(data: bytes) -> str:
    """The beginning of what a peer sent, safe to print."""
    return f"{data[:32]!r}..." if len(data) > 32 else f"{data!r}"


def translate(fields: Fields) -> tuple[bytes, list[tuple[int, bytes]]]:
    """Check fields, and bring them into lines.

    Args:
        fields: names and values, without pseudo-header fields.

    Returns:
        the lines, each with its CRLF; and the values that mean something to the engine, each with its Meaning.

    Raises:
        StreamFault: a field that may not stand there.
    """
    known = _known
    parts: list[bytes] = []
    special: list[tuple[int, bytes]] = []
    for name, value in fields:
        meaning = known.get(name)
        if meaning is None:
            meaning = _learn(name)
        if meaning:
            if meaning >= Meaning.CONNECTION:
                _check_connection(name, value)
            special.append((meaning, value))
        if value.strip(b" \t") != value:
            raise StreamFault(f"the value of {excerpt(name)} has white space around it")
        parts += (name, b": ", value, b"\r\n")
    lines = b"".join(parts)
    # One look at all of them: without text, the ends of the lines are left and nothing else.
    if lines.translate(None, _TEXT) != b"\r\n" * len(fields):
        raise _bad_value(fields)
    return lines, special


def _learn(name: bytes) -> int:
    if _NAME.fullmatch(name) is None:
        raise _bad_name(name)
    meaning = _MEANINGS.get(name, Meaning.NONE)
    if len(name) <= _LONGEST_KNOWN:
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        _known[name] = meaning
    return meaning


def _bad_name(name: bytes) -> StreamFault:
    if name.startswith(b":"):
        return StreamFault(f"{excerpt(name)} stands twice, after other fields, or where it means nothing")
    if _NAME.fullmatch(name.lower()):
        return StreamFault(f"the name of {excerpt(name)} is not in lower case")
    return StreamFault(f"a bad name of a field: {excerpt(name)}" if name else "the name of a field is empty")


def _bad_value(fields: Fields) -> StreamFault:
    name, control = next((name, bad[:1]) for name, value in fields if (bad := value.translate(None, _TEXT)))
    return StreamFault(f"the value of {excerpt(name)} holds the control character {control!r}")


def _check_connection(name: bytes, value: bytes) -> None:
    if name != b"te":
        raise StreamFault(f"{name.decode()}, a field about a connection of HTTP/1.1")
    if value.lower() != b"trailers":
        raise StreamFault(f"te is {excerpt(value)}; only 'trailers' has a meaning here")


def is_length(value: bytes) -> bool:
    """Whether a value of Content-Length is one number that can be."""
    return value.isdigit() and len(value) <= _DIGITS


def read_length(special: list[tuple[int, bytes]]) -> int | None:
    """The Content-Length; equal ones are one, however often a proxy has repeated it (RFC 9110 section 8.6).

    Raises:
        StreamFault: it is no number, or two differ.
    """
    values = [value for meaning, value in special if meaning == Meaning.LENGTH]
    found = {item.strip(b" \t") for value in values for item in value.split(b",")}
    for digits in found:
        if not is_length(digits):
            raise StreamFault(f"Content-Length is {excerpt(digits)}, not a number of at most {_DIGITS} digits")
    if len(found) > 1:
        raise StreamFault("two values of Content-Length differ")
    return int(found.pop()) if found else None
