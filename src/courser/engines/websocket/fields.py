"""The grammar of the handshake's fields: lists of tokens, and of extensions (RFC 6455 section 9.1).

A field may come in several lines, which are one list (section 11.3.2 and 11.3.4); empty elements count as none (RFC
9110 section 5.6.1). Whatever else is not as the grammar says is refused, not skipped.
"""

from __future__ import annotations

from ...hints import TYPE_CHECKING, NamedTuple
from ...values.fields import TOKEN
from ...values.pattern import late_pattern
from .faults import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final

    from .deflate import Parameters

__all__ = ["Extension", "has_token", "read_extensions", "read_tokens"]

_TCHAR: Final = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
_BLANK: Final = rb"[ \t]*+"
_VALUE: Final = rb'(?:(%b++)|"((?>(?:\\?%b)+))")' % (_TCHAR, _TCHAR)

_NAME: Final = late_pattern(rb"(%b++)%b" % (_TCHAR, _BLANK))
# A quoted value has to be a token too: none can hold what separates elements.
_PARAMETER: Final = late_pattern(rb";%b(%b++)%b(?>(?:=%b%b)?)%b" % (_BLANK, _TCHAR, _BLANK, _BLANK, _VALUE, _BLANK))


class Extension(NamedTuple):
    """An element of Sec-WebSocket-Extensions.

    Attributes:
        name: what it is called.
        parameters: their names and values, in order; None for no value.
    """

    name: str
    parameters: Parameters


def _elements(values: Iterable[bytes]) -> list[bytes]:
    stripped = [element.strip(b" \t") for value in values for element in value.split(b",")]
    return [element for element in stripped if element]


def has_token(values: Iterable[bytes], token: bytes) -> bool:
    """Whether a list such as Connection holds a token, in whatever case; part of another word is not it."""
    return token in [element.lower() for element in _elements(values)]


def read_tokens(values: Iterable[bytes]) -> list[str]:
    """A list of tokens.

    Raises:
        Fault: an element is none.
    """
    elements = _elements(values)
    if not all(map(TOKEN.fullmatch, elements)):
        raise Fault("a list of tokens that holds something else")
    return [element.decode("ascii") for element in elements]


def read_extensions(values: Iterable[bytes]) -> list[Extension]:
    """A list of extensions with their parameters.

    Raises:
        Fault: it breaks the grammar.
    """
    return [_read_extension(element) for element in _elements(values)]


def _read_extension(element: bytes) -> Extension:
    match = _NAME.match(element)
    if match is None:
        raise _no_extension()
    name = match[1].decode("ascii")
    parameters: Parameters = []
    position = match.end()
    while position < len(element):
        match = _PARAMETER.match(element, position)
        if match is None:
            raise _no_extension()
        plain, quoted = match[2], match[3]
        value = quoted.replace(b"\\", b"") if quoted is not None else plain
        parameters.append((match[1].decode("ascii"), None if value is None else value.decode("ascii")))
        position = match.end()
    return Extension(name, parameters)


def _no_extension() -> Fault:
    return Fault("an extension that breaks the grammar")
