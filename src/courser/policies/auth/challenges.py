"""Challenges: how a server or a proxy says what it wants to be told (RFC 9110 section 11).

One field may hold several challenges and a challenge several parameters, with the same comma between them all: what a
word is shows in what follows it. Every pattern reads on from where the last one ended and never goes back, so the time
it takes does not depend on how ill-made a field is (CVE-2020-8492).

Text here stands for bytes, as in ISO-8859-1: a realm that is sent back is the very bytes that came.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ...hints import TYPE_CHECKING, NamedTuple
from ...values.pattern import late_pattern

if TYPE_CHECKING:
    from typing import Final

    from ...values.headers import Headers

__all__ = ["Challenge", "challenges_in", "parameters_in", "parse_challenges", "quoted"]

MOST: Final = 50
"""Challenges of one field, and parameters of one challenge, that are read; servers send two, and eight."""

WITH_PARAMETERS: Final = frozenset({"basic", "bearer", "digest"})
"""Schemes that have parameters only: `realm=` after them is an empty realm, no token68."""

_SCHEME: Final = late_pattern(
    r"(?:\A[ \t,]*+|[ \t]*+,[ \t,]*+)([!#$%&'*+\-.^_`|~0-9A-Za-z]++)(?:[ \t]++|(?=,)|\Z)",
)
_TOKEN68: Final = late_pattern(r"[A-Za-z0-9\-._~+/]++=*+(?=[ \t]*+(?:,|\Z))")
_BORDER: Final = late_pattern(r"[ \t]*+(?:,|\Z)")

# By the grammar an unquoted value is a token; seen are base64 and URLs too, nothing at all, and no comma before the
# next parameter.
_PARAMETER: Final = late_pattern(
    r"""
    [ \t,]*+ ([!\#$%&'*+\-.^_`|~0-9A-Za-z]++) [ \t]*+ = [ \t]*+
    (?: "((?>(?: [^"\\]++ | \\. )*))" | ([^",\ \t]*+) )
    (?= [,\ \t] | \Z )
    """,
    re.VERBOSE | re.DOTALL,
)
_PAIR: Final = late_pattern(r"\\(.)", re.DOTALL)
_SPECIAL: Final = late_pattern(r'(["\\])')


class Challenge(NamedTuple):
    """One way in.

    Attributes:
        scheme: in lower case.
        token: what some schemes have instead of parameters; empty where there is none.
        parameters: by name in lower case; quoted strings without their quotes and escapes.
    """

    scheme: str
    token: str
    parameters: Mapping[str, str]


def challenges_in(headers: Headers, name: str = "www-authenticate") -> list[Challenge]:
    """The challenges of a response, of all fields of a name, in their order.

    Args:
        headers: those of the response.
        name: in lower case; `proxy-authenticate` where a proxy asks.
    """
    return [challenge for field in _fields(headers, name) for challenge in parse_challenges(field)]


def parameters_in(headers: Headers, name: str) -> Mapping[str, str]:
    """The parameters of a field that has nothing else, such as Authentication-Info; empty where it is ill-made.

    Args:
        headers: those of the response.
        name: in lower case.
    """
    value = ", ".join(_fields(headers, name))
    parameters, at = _read_parameters(value, 0)
    return {} if parameters is None or value[at:].strip(" \t,") else parameters


def _fields(headers: Headers, name: str) -> list[str]:
    key = name.encode("ascii")
    return [value.decode("latin-1") for known, value in headers.raw if known.lower() == key]


def parse_challenges(value: str) -> list[Challenge]:
    """Take a field apart.

    A challenge that names a parameter twice is left out. So is one with a syntax error in it, and what comes after:
    nobody knows where that begins.
    """
    found: list[Challenge] = []
    at = 0
    while len(found) < MOST and (match := _SCHEME.match(value, at)) is not None:
        scheme, at = match[1].lower(), match.end()
        token = ""
        match = None if scheme in WITH_PARAMETERS else _TOKEN68.match(value, at)
        if match is not None:
            token, at = match[0], match.end()
        parameters, at = _read_parameters(value, at)
        if _BORDER.match(value, at) is None:
            break
        if parameters is not None and not (token and parameters):
            found.append(Challenge(scheme, token, parameters))
    return found


def _read_parameters(value: str, at: int) -> tuple[dict[str, str] | None, int]:
    """The parameters from a position on, None where a name comes twice; and the position of what is none."""
    parameters: dict[str, str] = {}
    count = 0
    while count < MOST and (match := _PARAMETER.match(value, at)) is not None:
        name, text, plain = match.groups()
        parameters[name.lower()] = plain if text is None else _PAIR.sub(r"\1", text)
        at = match.end()
        count += 1
    return (parameters if len(parameters) == count else None), at


def quoted(text: str) -> str:
    """A text as a quoted string (RFC 9110 section 5.6.4)."""
    return '"' + _SPECIAL.sub(r"\\\1", text) + '"'
