"""From a text to the parts of a URL: the parser of the URL Standard (section 4.4) for http, https, ws and wss.

The standard describes one automaton over single characters. For these four schemes it always finds the same borders
as the few steps here: the fragment starts at the first `#`, the query before it at the first `?`, the path at the
first `/` or `\\` after the slashes, the user information ends at the last `@` before that. Each step passes over the
text once. White space and control characters around the text, and tabs and line ends anywhere in it, are dropped
before the first step, as browsers do; no raw control character is left in any part.
"""

from __future__ import annotations

import re

from ..errors import InvalidURL, UnsupportedScheme
from ..hints import TYPE_CHECKING, NamedTuple
from .host import parse_host
from .pattern import late_pattern
from .percent import FRAGMENT, PATH, QUERY, USERINFO, encode

if TYPE_CHECKING:
    from typing import Final

__all__ = ["DEFAULT_PORTS", "MAX_LENGTH", "Parts", "bracketed", "parse", "strip"]

DEFAULT_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}

MAX_LENGTH: Final = 65536
"""Characters of a URL's text; servers stop at about 8 KiB, browsers between 32 KiB and 2 MiB."""

_SHOWN: Final = 100
_AROUND: Final = "".join(map(chr, range(0x21)))
_DROPPED: Final = str.maketrans("", "", "\t\n\r")
_SCHEME: Final = late_pattern(r"([A-Za-z][A-Za-z0-9+.\-]*+):")
_HOST_AND_PORT: Final = late_pattern(r"((?>(?:[^:\[]++|\[[^\]]*+\]?)*))(?::(.*+))?", re.DOTALL)
_PORT: Final = late_pattern(r"0*+([0-9]{0,5})")
_DOT: Final = late_pattern(r"\.|%2e", re.IGNORECASE)
_DOT_DOT: Final = late_pattern(r"(?:\.|%2e){2}", re.IGNORECASE)
_DOTTED: Final = late_pattern(r"/(?:\.|%2e)", re.IGNORECASE)
_STEM: Final = late_pattern(
    r"(?:(?:https?|wss?):[/\\]*+|(?>(?:[A-Za-z][A-Za-z0-9+.\-]*+:)?)[/\\]{2,}+)?", re.IGNORECASE
)
_SECRET: Final = late_pattern(r"[^/\\?#:@]*+:.*@|[^/\\?#]*@", re.DOTALL)


class Parts(NamedTuple):
    """The parts of a URL as they stand in it: escaped, in lower case where case means nothing.

    The port is None where it is the scheme's own; query and fragment are None where their mark is absent.
    """

    scheme: str
    username: str
    password: str
    host: str
    port: int | None
    path: str
    query: str | None
    fragment: str | None

    def __str__(self) -> str:
        userinfo = f"{self.username}:{self.password}" if self.password else self.username
        at = "@" if userinfo else ""
        port = "" if self.port is None else f":{self.port}"
        query = "" if self.query is None else f"?{self.query}"
        fragment = "" if self.fragment is None else f"#{self.fragment}"
        return f"{self.scheme}://{userinfo}{at}{bracketed(self.host)}{port}{self.path}{query}{fragment}"


def parse(text: str, base: Parts | None = None) -> Parts:
    """Return the parts of a URL, or of a reference relative to `base`.

    Raises:
        InvalidURL: the text is no URL; the error names what is wrong, and the text without its secrets.
        UnsupportedScheme: it is one, of a scheme that the client does not speak.
    """
    try:
        _check_length(text)
        parts = _parse(strip(text), base)
        _check_length(str(parts))  # escapes and the base make it longer, and it has to be readable again
        return parts
    except (InvalidURL, UnsupportedScheme) as error:
        error.detail = f"{error.detail}, in {_show(strip(text))}"
        raise


def strip(text: str) -> str:
    """Drop what the standard drops before it parses: white space around the text, tabs and line ends in it."""
    return text.strip(_AROUND).translate(_DROPPED)


def bracketed(host: str) -> str:
    """Return a host as it stands in a URL: IPv6 addresses in brackets, the mark of their zone escaped."""
    return f"[{host.replace('%', '%25')}]" if ":" in host else host


def _check_length(text: str) -> None:
    if len(text) > MAX_LENGTH:
        raise InvalidURL(detail=f"{len(text)} characters, at most {MAX_LENGTH} are taken")


def _parse(text: str, base: Parts | None) -> Parts:
    scheme = _SCHEME.match(text)
    if scheme is None:
        if base is None:
            raise _no_scheme(text)
        return _parse_relative(text, base)
    name, rest = scheme[1].lower(), text[scheme.end() :]
    if name not in DEFAULT_PORTS:
        raise _unsupported(rest)
    if base is not None and base.scheme == name and not _starts_with_two_slashes(rest):
        return _parse_relative(rest, base)
    return _parse_absolute(name, rest)


def _starts_with_two_slashes(text: str) -> bool:
    return text[:1] in ("/", "\\") and text[1:2] in ("/", "\\")


def _parse_absolute(scheme: str, text: str) -> Parts:
    location, query, fragment = _split(text.lstrip("/\\"))
    authority, _, path = location.partition("/")
    userinfo, _, host_and_port = authority.rpartition("@")
    username, _, password = userinfo.partition(":")
    host, port = _parse_host_and_port(host_and_port, scheme)
    return Parts(
        scheme, encode(username, USERINFO), encode(password, USERINFO), host, port, _parse_path(path), query, fragment
    )


def _parse_relative(text: str, base: Parts) -> Parts:
    if _starts_with_two_slashes(text):
        return _parse_absolute(base.scheme, text)
    path, query, fragment = _split(text)
    if path[:1] == "/":
        return base._replace(path=_parse_path(path[1:]), query=query, fragment=fragment)
    if path:
        folder = base.path[1 : base.path.rindex("/") + 1]
        return base._replace(path=_parse_path(folder + path), query=query, fragment=fragment)
    return base._replace(query=base.query if query is None else query, fragment=fragment)


def _split(text: str) -> tuple[str, str | None, str | None]:
    """Cut a text at its first `#` and, before that, at its first `?`; escape what follows them."""
    rest, hash_mark, fragment = text.partition("#")
    location, question_mark, query = rest.partition("?")
    return (
        location.replace("\\", "/"),
        encode(query, QUERY) if question_mark else None,
        encode(fragment, FRAGMENT) if hash_mark else None,
    )


def _parse_host_and_port(text: str, scheme: str) -> tuple[str, int | None]:
    match = _HOST_AND_PORT.fullmatch(text)
    assert match is not None  # the pattern takes any text
    if not match[1]:
        raise InvalidURL(detail="no host")
    host = parse_host(match[1])
    digits = _PORT.fullmatch(match[2] or "")
    if digits is None:
        raise InvalidURL(detail="the port is not a number up to 65535")
    if not match[2]:
        return host, None
    port = int(digits[1] or "0")
    if port > 65535:
        raise InvalidURL(detail="the port is not a number up to 65535")
    return host, None if port == DEFAULT_PORTS[scheme] else port


def _parse_path(text: str) -> str:
    """Return the path without its dot segments (RFC 3986 section 5.2.4), escaped dots included."""
    path = "/" + encode(text, PATH)
    if _DOTTED.search(path) is None:
        return path
    kept: list[str] = []
    segment = ""
    for segment in path[1:].split("/"):
        if _DOT_DOT.fullmatch(segment):
            del kept[-1:]
        elif not _DOT.fullmatch(segment):
            kept.append(segment)
    if _DOT.fullmatch(segment) or _DOT_DOT.fullmatch(segment):
        kept.append("")
    return "/" + "/".join(kept)


def _no_scheme(text: str) -> InvalidURL:
    if text[:2] == "//":
        hint = "add https: in front"
    elif text[:1] == "/":
        hint = "a path alone needs a base URL"
    else:
        hint = "add https:// in front"
    return InvalidURL(detail="no scheme", hint=hint)


def _unsupported(rest: str) -> UnsupportedScheme:
    looks_like_port = rest[:1].isdecimal()
    hint = "for a host and its port, add https:// in front" if looks_like_port else ""
    return UnsupportedScheme(detail="not http, https, ws or wss", hint=hint)


def _show(text: str) -> str:
    """Return the text as an error may name it: escaped, bounded, without user information, query and fragment.

    A password with an unescaped `/` makes a URL invalid, so that its border is a guess; too much is hidden then.
    """
    stem = _STEM.match(text)
    assert stem is not None  # the pattern takes nothing, too
    rest, hidden = text[stem.end() :], _SECRET.match(text, stem.end())
    if hidden is not None:
        rest = "***@" + text[hidden.end() :]
    shown = stem[0] + re.split("[?#]", rest, maxsplit=1)[0]
    return ascii(shown) if len(shown) <= _SHOWN else ascii(shown[:_SHOWN]) + "..."
