"""URLs: immutable, compared by their text, parsed by the URL Standard (https://url.spec.whatwg.org).

Most URLs that a program holds are already in the form that the standard would give them. One pattern recognises those
and cuts them into parts; all others go through the steps of `reference`. Both ways lead to the same object, and
reading the text of any URL again gives an equal one. Escapes and valid characters stay byte for byte as the caller
wrote them, so that signed URLs stay signed.
"""

from __future__ import annotations

import re
from functools import lru_cache

from ..errors import InvalidURL, UnsupportedScheme
from ..hints import TYPE_CHECKING, cast, final
from .host import MAX_NAME, parse_host, unicode_host
from .pattern import late_pattern
from .percent import FRAGMENT, PATH, QUERY, USERINFO, decode, encode
from .query import encode_params
from .reference import DEFAULT_PORTS, MAX_LENGTH, Parts, bracketed, parse, strip

if TYPE_CHECKING:
    from types import EllipsisType
    from typing import Any, Final, NoReturn

    from ..settings import ParamTypes

__all__ = ["URL", "as_http", "as_websocket", "parse_url"]

_CACHED_LENGTH: Final = 2048
"""Longer texts are parsed each time: 4096 cached ones then hold 40 MB at the very worst."""

# Left to the steps: IPv6, IPv4 in any form but the usual one, dot segments, a port of 0, empty user names, an empty
# path before a query or a fragment, and all that has to be escaped or put in lower case.
_NORMAL: Final = re.compile(
    r"""
    (?P<scheme>https?|wss?)://
    (?:(?P<username>[A-Za-z0-9!$%&'()*+,\-._~]++)(?>(?::(?P<password>[A-Za-z0-9!$%&'()*+,\-._~]++))?)@)?
    (?P<authority>
        (?P<host>
            (?>(?:[a-z0-9_\-]{1,63}+\.)*)[a-z][a-z0-9_\-]{0,62}+
            | OCTET(?:\.OCTET){3}
        )
        (?>(?::(?P<port>[1-9][0-9]{0,4}+))?)
    )
    (?>(?:
        (?P<target>
            (?P<path>(?>(?:/(?!(?>(?:\.|%2[Ee]){1,2})(?:[/?\#]|\Z))[A-Za-z0-9!$%&'()*+,\-.:;=@\[\]_|~]*+)+))
            (?>(?:\?(?P<query>[A-Za-z0-9!$%&()*+,\-./:;=?@\[\\\]^_`{|}~]*+))?)
        )
        (?>(?:\#(?P<fragment>[A-Za-z0-9!\#$%&'()*+,\-./:;=?@\[\\\]^_{|}~]*+))?)
    )?)
    """.replace("OCTET", "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"),
    re.VERBOSE,
).fullmatch

_SLASHES: Final = "/\\"
_VALUE: Final = late_pattern(r"=[^&]*+")
_ABSOLUTE: Final = late_pattern(r"(?:https?|wss?):|[A-Za-z][A-Za-z0-9+.\-]*+://", re.IGNORECASE)


class _Draft:
    """A URL while it is put together: fourteen plain assignments, where an immutable object needs guarded ones."""

    __slots__ = (
        "authority",
        "explicit_port",
        "fragment",
        "host",
        "is_secure",
        "origin",
        "path",
        "port",
        "query",
        "raw_password",
        "raw_username",
        "scheme",
        "target",
        "text",
    )

    scheme: str
    host: str
    port: int
    explicit_port: int | None
    path: str
    query: str
    fragment: str
    target: bytes
    authority: bytes
    origin: tuple[str, str, int]
    is_secure: bool
    raw_username: str
    raw_password: str
    text: str


@final
class URL(_Draft):
    """An absolute URL of the schemes http, https, ws and wss.

    Args:
        url: the text, or a URL, which is returned as it is.

    Attributes:
        scheme: in lower case.
        host: a name in ASCII, an IPv4 address, or an IPv6 address without brackets.
        port: the port to connect to, the scheme's own where none is given.
        explicit_port: the port in the text, None where it is the scheme's own.
        path: never empty, escapes as given.
        query: what follows `?`, escapes as given; empty where there is none.
        fragment: what follows `#`, escapes as given; empty where there is none.
        target: path and query as a request line has them (RFC 9112 section 3.2.1).
        authority: host and port as the Host field has them (RFC 9110 section 7.2).
        origin: scheme, host and port.
        is_secure: whether the scheme asks for TLS.
        raw_username: the user name, escapes as given.
        raw_password: the password, escapes as given.
        text: the whole URL, as str() returns it.

    Raises:
        InvalidURL: the text is no URL.
        UnsupportedScheme: its scheme is another one.
    """

    __slots__ = ()

    def __new__(cls, url: str | URL) -> URL:
        return url if isinstance(url, URL) else parse_url(_check_text(url))

    @property
    def username(self) -> str:
        """The user name, decoded; empty where there is none."""
        return _decode_text(self.raw_username)

    @property
    def password(self) -> str:
        """The password, decoded; empty where there is none."""
        return _decode_text(self.raw_password)

    @property
    def credentials(self) -> tuple[bytes, bytes] | None:
        """User name and password as the bytes that were escaped; None where the URL has neither."""
        if not self.raw_username and not self.raw_password:
            return None
        return decode(self.raw_username.encode("ascii")), decode(self.raw_password.encode("ascii"))

    @property
    def host_unicode(self) -> str:
        """The host as people write it: `münchen.example` for `xn--mnchen-3ya.example`."""
        return unicode_host(self.host)

    def join(self, reference: str | URL) -> URL:
        """Resolve a reference, such as a Location field, against this URL.

        Raises:
            InvalidURL: the reference cannot be resolved.
            UnsupportedScheme: it leads to another scheme than the four.
        """
        return reference if isinstance(reference, URL) else _build(parse(reference, self._parts()))

    def append(self, reference: str | URL) -> URL:
        """Return this URL, taken as a base, with a path appended to its own.

        Slashes at the start of the reference mean nothing, its query follows the base's, its fragment replaces the
        base's. Only a reference with a scheme replaces everything.

        Raises:
            InvalidURL: the result is no URL.
            UnsupportedScheme: the reference has another scheme than the four.
        """
        if isinstance(reference, URL):
            return reference
        text = strip(reference)
        if _ABSOLUTE.match(text):
            return parse_url(text)
        rest, hash_mark, fragment = text.partition("#")
        path, question_mark, query = rest.partition("?")
        parts = self._parts()
        if path:
            parts = parts._replace(path=f"{self.path.removesuffix('/')}/{path.lstrip(_SLASHES)}")
        if question_mark:
            parts = parts._replace(query=_combine(parts.query, query))
        return _parse(str(parts._replace(fragment=fragment if hash_mark else None)))

    def with_params(self, params: ParamTypes) -> URL:
        """Return this URL with parameters appended to its query, which stays as it is.

        Args:
            params: a mapping, pairs or QueryParams; text and bytes are taken as a query that is already encoded.

        Raises:
            TypeError: a name or a value is none that a query can hold.
        """
        added = encode_params(params)
        if not added:
            return self
        parts = self._parts()
        return parse_url(str(parts._replace(query=_combine(parts.query, added))))

    def replace(
        self,
        *,
        scheme: str | EllipsisType = ...,
        host: str | EllipsisType = ...,
        port: int | EllipsisType | None = ...,
        username: str | EllipsisType | None = ...,
        password: str | EllipsisType | None = ...,
        path: str | EllipsisType = ...,
        query: str | EllipsisType | None = ...,
        fragment: str | EllipsisType | None = ...,
    ) -> URL:
        """Return this URL with some parts replaced; no part can reach into another. What is `...` stays.

        Args:
            scheme: http, https, ws or wss.
            host: a name or an address; an IPv6 address with or without brackets, as `host` gives it or as a URL has it.
            port: None for the scheme's own.
            username: plain text, escaped here; None removes it.
            password: plain text, escaped here; None removes it.
            path: escapes are kept.
            query: without its `?`, escapes are kept; None removes it.
            fragment: without its `#`, escapes are kept; None removes it.

        Raises:
            InvalidURL: a part holds what ends that part.
            UnsupportedScheme: the scheme is another one.
        """
        changes: dict[str, Any] = {}
        if scheme is not ...:
            changes["scheme"] = _check_scheme(scheme)
        if host is not ...:
            changes["host"] = parse_host(bracketed(host) if host.count(":") > 1 and host[:1] != "[" else host)
        if port is not ...:
            changes["port"] = port if port is None else _check_port(port)
        if username is not ...:
            changes["username"] = _encode_plain(username or "")
        if password is not ...:
            changes["password"] = _encode_plain(password or "")
        if path is not ...:
            changes["path"] = "/" + encode(_without(path, "?#", "path"), PATH).replace("\\", "/").removeprefix("/")
        if query is not ...:
            changes["query"] = query if query is None else encode(_without(query, "#", "query"), QUERY)
        if fragment is not ...:
            changes["fragment"] = fragment if fragment is None else encode(fragment, FRAGMENT)
        return _parse(str(self._parts()._replace(**changes)))

    def without_fragment(self) -> URL:
        """Return this URL without its fragment, which servers never see."""
        return self.replace(fragment=None) if "#" in self.text else self

    def without_userinfo(self) -> URL:
        """Return this URL without user name and password."""
        return self.replace(username=None, password=None) if self.raw_username or self.raw_password else self

    def redacted(self) -> str:
        """Return the text for logs: no user information, no values in the query, no fragment."""
        parts = self._parts()
        query = parts.query and _VALUE.sub("=***", parts.query)
        return str(parts._replace(username="", password="", query=query, fragment=None))

    def _parts(self) -> Parts:
        before, hash_mark, _ = self.text.partition("#")
        return Parts(
            self.scheme,
            self.raw_username,
            self.raw_password,
            self.host,
            self.explicit_port,
            self.path,
            self.query if "?" in before else None,
            self.fragment if hash_mark else None,
        )

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"URL({self.redacted()!r})"

    def __eq__(self, other: object) -> bool:
        return self.text == other.text if isinstance(other, URL) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.text)

    def __reduce__(self) -> tuple[type[URL], tuple[str]]:
        return URL, (self.text,)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"a URL is immutable: use replace({name}=...)")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a URL is immutable")


def parse_url(text: str) -> URL:
    """Return the URL of a text, the same object for a text that was seen lately.

    Raises:
        InvalidURL: the text is no URL.
        UnsupportedScheme: its scheme is not http, https, ws or wss.
    """
    return _parse_cached(text) if len(text) <= _CACHED_LENGTH else _parse(text)


def _parse(text: str) -> URL:
    match = _NORMAL(text)
    if match is None or len(text) >= MAX_LENGTH:
        return _build(parse(text))
    scheme, username, password, authority, host, port, target, path, query, fragment = match.groups()
    default_port = DEFAULT_PORTS[scheme]
    number = default_port if port is None else int(port)
    if number > 65535 or len(host) > MAX_NAME or (port is not None and number == default_port):
        return _build(parse(text))
    if target is None:
        text, target, path = text + "/", "/", "/"
    return _make(
        text,
        scheme,
        username or "",
        password or "",
        host,
        number,
        None if port is None else number,
        path,
        query or "",
        fragment or "",
        target,
        authority,
    )


_parse_cached = lru_cache(maxsize=4096)(_parse)


def _build(parts: Parts) -> URL:
    host = bracketed(parts.host.partition("%")[0])  # a zone means nothing to the peer, RFC 6874 section 1
    return _make(
        str(parts),
        parts.scheme,
        parts.username,
        parts.password,
        parts.host,
        DEFAULT_PORTS[parts.scheme] if parts.port is None else parts.port,
        parts.port,
        parts.path,
        parts.query or "",
        parts.fragment or "",
        parts.path if parts.query is None else f"{parts.path}?{parts.query}",
        host if parts.port is None else f"{host}:{parts.port}",
    )


def _make(
    text: str,
    scheme: str,
    username: str,
    password: str,
    host: str,
    port: int,
    explicit_port: int | None,
    path: str,
    query: str,
    fragment: str,
    target: str,
    authority: str,
) -> URL:
    draft = _Draft()
    draft.scheme = scheme
    draft.host = host
    draft.port = port
    draft.explicit_port = explicit_port
    draft.path = path
    draft.query = query
    draft.fragment = fragment
    draft.target = target.encode("ascii")
    draft.authority = authority.encode("ascii")
    draft.origin = (scheme, host, port)
    draft.is_secure = DEFAULT_PORTS[scheme] == 443
    draft.raw_username = username
    draft.raw_password = password
    draft.text = text
    draft.__class__ = URL
    return cast(URL, draft)


def _combine(query: str | None, added: str) -> str:
    if not query or not added:
        return query or added
    return query + added if query[-1] == "&" else f"{query}&{added}"


def _without(text: str, delimiters: str, name: str) -> str:
    for delimiter in delimiters:
        if delimiter in text:
            raise InvalidURL(
                detail=f"the {name} holds {delimiter!r}, at its index {text.index(delimiter)}",
                hint=f"give what follows it as a part of its own, or write %{ord(delimiter):02X}",
            )
    return text


def _check_text(text: object) -> str:
    if not isinstance(text, str):
        raise TypeError(f"a URL is a str or a URL, not {type(text).__name__}")
    return str.__str__(text)


def _check_scheme(scheme: str) -> str:
    if scheme.lower() not in DEFAULT_PORTS:
        raise UnsupportedScheme(detail=f"{scheme[:20]!r} is not http, https, ws or wss")
    return scheme.lower()


def _check_port(port: object) -> int:
    if isinstance(port, bool) or not isinstance(port, int):
        raise TypeError(f"a port is an int or None, not {type(port).__name__}")
    if not 0 <= port <= 65535:
        raise InvalidURL(detail="the port is not a number up to 65535")
    return port


def _encode_plain(text: str) -> str:
    return encode(text.replace("%", "%25"), USERINFO)


def _decode_text(text: str) -> str:
    return decode(text.encode("ascii")).decode("utf-8", "replace")


def as_websocket(url: URL) -> URL:
    """The URL of a WebSocket whose handshake goes to a URL (RFC 6455 section 3)."""
    return URL("ws" + url.text[4:]) if url.scheme in ("http", "https") else url


def as_http(url: URL) -> URL:
    """The URL that the handshake of a WebSocket goes to."""
    return URL("http" + url.text[2:]) if url.scheme in ("ws", "wss") else url
