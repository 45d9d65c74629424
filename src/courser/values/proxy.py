"""A proxy, as a user or the environment names it."""

from __future__ import annotations

import re

from ..errors import InvalidRequest, InvalidURL, UnsupportedScheme
from ..hints import TYPE_CHECKING, cast, final
from .headers import Headers
from .host import parse_host
from .pattern import late_pattern
from .percent import decode
from .reference import bracketed
from .trust import checked_cert, checked_verify

if TYPE_CHECKING:
    from typing import Any, Final, NoReturn

    from ..settings import CertTypes, HeaderTypes, VerifyTypes
    from .fields import FieldBlock

__all__ = ["Proxy"]

PORTS: Final = {"http": 80, "https": 443, "socks4": 1080, "socks4a": 1080, "socks5": 1080, "socks5h": 1080}

ALIASES: Final = {"socks": "socks5h"}
"""What desktops write into the environment for a SOCKS server, and what browsers make of it."""

RESERVED: Final = ("host", "content-length", "transfer-encoding")
"""Fields that say what a request is, not what the proxy shall know."""

LONGEST: Final = 255
"""Bytes of a user name or a password for SOCKS 5 (RFC 1929 section 2)."""

# The user information ends at the last @: nothing but a slash may follow the port, so a raw / ? or # in a password
# leaves no doubt.
_URL: Final = late_pattern(
    r"""
    (?>(?: ([A-Za-z][A-Za-z0-9+.\-]*) :/{1,2}+ )?)
    (?: (.*) @ )?
    ( \[[^\]]*\] | [^:/?\#@\[\]]+ )
    (?: : ([0-9]{1,5})? )?
    /?
    """,
    re.DOTALL | re.VERBOSE,
)


@final
class Proxy:
    """A proxy, and what it is told of us. Immutable; its repr shows no secrets.

    Args:
        url: `scheme://user:password@host:port`, of the schemes http, https, socks4, socks4a, socks5 and socks5h;
            without a scheme http is meant. Names are resolved here for `socks4` and `socks5`, and by the proxy for
            all others.
            Escapes in user name and password are decoded.
        auth: (user, password); for HTTP proxies also a BasicAuth, a BearerAuth or a DigestAuth. Instead of user name
            and password in the URL.
        headers: more header fields for an HTTP proxy. They go with CONNECT; plain http requests that the proxy forwards
            carry them themselves.
        verify: for https: True for the system's roots, False, a CA file or folder, or an ssl.SSLContext. What a client
            says of the verification of servers has no meaning for its proxies.
        cert: for https: a client certificate: a PEM file, (file, key) or (file, key, password).
        server_hostname: for https: the name to ask for and to verify instead of the URL's host.
        tunnel: ask an HTTP proxy for a tunnel (CONNECT) also where it could forward a plain http request.

    Attributes:
        scheme, host, port: of the URL.
        auth: (user, password) in bytes, an auth object, or None.
        fields: the headers as they stand on the wire.

    Raises:
        InvalidURL: the URL is none.
        UnsupportedScheme: its scheme is another one.
        InvalidRequest: what the proxy shall be told cannot be told it.
        TypeError: an argument is of another kind.
    """

    __slots__ = ("auth", "cert", "fields", "host", "port", "scheme", "server_hostname", "tunnel", "verify")

    scheme: str
    host: str
    port: int
    auth: Any
    fields: FieldBlock
    verify: Any
    cert: tuple[str, str | None, str | None] | None
    server_hostname: str | None
    tunnel: bool

    def __init__(
        self,
        url: str,
        *,
        auth: Any = None,
        headers: HeaderTypes = None,
        verify: VerifyTypes = True,
        cert: CertTypes = None,
        server_hostname: str | None = None,
        tunnel: bool = False,
    ) -> None:
        scheme, host, port, credentials = _parse(url)
        if auth is not None and credentials is not None:
            raise InvalidRequest(detail="a proxy was given a user name in its URL and auth= as well")
        values = {
            "scheme": scheme,
            "host": host,
            "port": port,
            "auth": credentials if auth is None else _checked_auth(auth),
            "fields": _checked_headers(Headers(headers)).encode(),
            "verify": checked_verify(verify),
            "cert": checked_cert(cert),
            "server_hostname": server_hostname,
            "tunnel": bool(tunnel),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)
        if scheme.startswith("socks"):
            self._check_socks()
        elif self.auth is not None and "proxy-authorization" in self.headers:
            raise InvalidRequest(detail="a proxy was given the header Proxy-Authorization and a user as well")

    def _check_socks(self) -> None:
        auth = self.auth
        if self.fields or not (auth is None or isinstance(auth, tuple)):
            raise InvalidRequest(detail=f"a {self.scheme} proxy knows no headers, and no auth but (user, password)")
        user, password = cast("tuple[bytes, bytes]", auth or (b"", b""))
        if self.scheme.startswith("socks4") and (password or b"\0" in user):
            raise InvalidRequest(detail="SOCKS 4 knows a user name without NUL, and no password")
        if auth is not None and self.scheme.startswith("socks5") and not 0 < len(user) <= LONGEST >= len(password):
            raise InvalidRequest(detail=f"SOCKS 5: a user name has 1 to {LONGEST} bytes, a password at most {LONGEST}")

    @property
    def url(self) -> str:
        """Scheme, host and port: what may be shown."""
        return f"{self.scheme}://{bracketed(self.host)}:{self.port}"

    @property
    def headers(self) -> Headers:
        """The header fields for the proxy; a copy."""
        return Headers.from_block(self.fields)

    def _key(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self.__slots__)

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, Proxy) else NotImplemented

    def __hash__(self) -> int:
        return hash((self.scheme, self.host, self.port))

    def __repr__(self) -> str:
        auth = "" if self.auth is None else ", auth=***"
        headers = f", headers=[{', '.join(self.headers)}]" if self.fields else ""
        return f"Proxy({self.url!r}{auth}{headers}{', tunnel=True' if self.tunnel else ''})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self._key(),)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a Proxy is immutable: make another one")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a Proxy is immutable")


def _restore(values: tuple[Any, ...]) -> Proxy:
    proxy = Proxy.__new__(Proxy)
    for name, value in zip(Proxy.__slots__, values, strict=True):
        object.__setattr__(proxy, name, value)
    return proxy


def _parse(url: object) -> tuple[str, str, int, tuple[bytes, bytes] | None]:
    """Take a proxy's URL apart; no error shows any of it, for nobody knows where the password is in a broken one."""
    if not isinstance(url, str):
        raise TypeError(f"a proxy's URL is a str, not {type(url).__name__}")
    match = _URL.fullmatch(url.strip())
    if match is None:
        raise InvalidURL(detail="the URL of a proxy is scheme://user:password@host:port, and this one is not")
    given, userinfo, host, port = match.groups()
    scheme = "http" if given is None else ALIASES.get(given.lower(), given.lower())
    if scheme not in PORTS:
        raise UnsupportedScheme(detail=f"{scheme[:20]!r} is no scheme of a proxy", hint=f"known are {', '.join(PORTS)}")
    number = int(port) if port else PORTS[scheme]
    if not 0 < number < 65536:
        raise InvalidURL(detail="the port of a proxy is a number from 1 to 65535")
    return scheme, parse_host(host), number, _credentials(userinfo)


def _credentials(userinfo: str | None) -> tuple[bytes, bytes] | None:
    if not userinfo:
        return None
    user, _, password = userinfo.partition(":")
    return decode(_encoded(user)), decode(_encoded(password))


def _encoded(text: object) -> bytes:
    if isinstance(text, bytes):
        return text
    if not isinstance(text, str):
        raise TypeError(f"user name and password of a proxy are str or bytes, not {type(text).__name__}")
    try:
        return text.encode()
    except UnicodeEncodeError:
        # The cause would show the secret.
        raise InvalidRequest(detail="user name or password of a proxy hold a lone surrogate") from None


def _checked_auth(auth: Any) -> Any:
    """The credentials as bytes, or an auth object as it is."""
    if not isinstance(auth, tuple):
        return auth
    pair = cast("tuple[object, ...]", auth)
    if len(pair) != 2:
        raise TypeError("auth of a proxy is (user, password) or an auth object")
    return _encoded(pair[0]), _encoded(pair[1])


def _checked_headers(headers: Headers) -> Headers:
    for name in RESERVED:
        if name in headers:
            raise InvalidRequest(detail=f"headers of a proxy: {name} is written by the client itself")
    return headers
