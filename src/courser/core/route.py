"""Routes: everything that decides whether two requests may share a connection.

Equality of routes is the whole rule of reuse. Whatever changes who is spoken to, by which way, with which proof of
identity, is a field here; nothing else is asked anywhere.
"""

from __future__ import annotations

from ..errors import InvalidRequest
from ..hints import TYPE_CHECKING, NamedTuple
from ..values.reference import bracketed
from ..values.trust import TLS, is_pem

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final

    from ..values.url import URL
    from .proxies import Rules

__all__ = ["ProxyHop", "Route", "Routes", "TLSPolicy"]

WEBSOCKET: Final = frozenset({"ws", "wss"})

HTTP1: Final = ("http/1.1",)
"""What the handshake of a WebSocket is spoken in (RFC 6455 section 4.1)."""

ORIGINS_KEPT: Final = 4096
"""Routes that are remembered by origin; beyond, all are forgotten and made anew when they are needed."""


class TLSPolicy(NamedTuple):
    """How a TLS peer is verified, and how we prove who we are. Its repr shows no secrets.

    Attributes:
        verify: True for the system's roots, False for none, the path of a CA file or folder, certificates as PEM (str)
            or DER (bytes), or an ssl.SSLContext.
        cert: the client certificate: (file, key file, password).
        server_hostname: the name asked for and verified, where it is not the URL's host.
        fingerprints: SHA-256 pins of the peer's public key, any of which must match.
        minimum_version: the lowest TLS version that is accepted, where it is not 1.2.
        ciphers: an OpenSSL cipher list.
        trust_env: whether the environment may name the system's roots.
    """

    verify: Any = True
    cert: tuple[str, str | None, str | None] | None = None
    server_hostname: str | None = None
    fingerprints: tuple[bytes, ...] = ()
    minimum_version: str | None = None
    ciphers: str | None = None
    trust_env: bool = True

    @classmethod
    def of(cls, verify: Any, cert: tuple[str, str | None, str | None] | None, trust_env: bool = True) -> TLSPolicy:
        """The policy that the options `verify` and `cert` mean, once they are checked.

        Raises:
            InvalidRequest: there are two client certificates.
        """
        if not isinstance(verify, TLS):
            return cls(verify, cert, trust_env=trust_env)
        if cert is not None and verify.cert is not None:
            raise InvalidRequest(detail="cert was given, and in verify=courser.TLS(...) as well", hint="give one")
        version = None if verify.minimum_version == "1.2" else verify.minimum_version
        cert = verify.cert if cert is None else cert
        return cls(verify.roots, cert, None, verify.fingerprints, version, verify.ciphers, trust_env)

    def __repr__(self) -> str:
        roots = "PEM" if isinstance(self.verify, bytes) or is_pem(self.verify) else repr(self.verify)
        cert = None if self.cert is None else self.cert[0]
        pins = len(self.fingerprints)
        return f"<TLSPolicy verify={roots} cert={cert!r} server_hostname={self.server_hostname!r} fingerprints={pins}>"


class ProxyHop(NamedTuple):
    """One proxy on the way. Its repr shows no secrets.

    Attributes:
        scheme: http, https, socks4, socks4a, socks5 or socks5h.
        host: its host.
        port: its port.
        credentials: (user, password): what a SOCKS server is told, and what an HTTP proxy's challenge (Digest) is
            answered with.
        headers: header lines that an HTTP proxy is told.
        tls: how its certificate is verified, for https.
        tunnel: whether it is asked for a tunnel where it could forward a plain http request.
    """

    scheme: str
    host: str
    port: int
    credentials: tuple[bytes, bytes] | None = None
    headers: bytes = b""
    tls: TLSPolicy | None = None
    tunnel: bool = False

    @property
    def url(self) -> str:
        """Scheme, host and port: what may be shown."""
        return f"{self.scheme}://{bracketed(self.host)}:{self.port}"

    @property
    def is_http(self) -> bool:
        """Whether it speaks HTTP, not SOCKS."""
        return self.scheme in ("http", "https")

    @property
    def tells_who(self) -> bool:
        """Whether it is told who asks."""
        return self.credentials is not None or b"proxy-authorization:" in self.headers.lower()

    def __repr__(self) -> str:
        return f"<ProxyHop {self.url}>"


class Route(NamedTuple):
    """The key of the pool.

    Attributes:
        scheme: http or https (ws and wss travel as these).
        host: the origin's host as it stands in the URL, ASCII.
        port: the origin's port.
        tls: the TLS policy, None for a route without TLS.
        proxies: the proxies, in the order in which they are met.
        uds: the path of a Unix socket to connect to instead of the host.
        local_address: the local address or (address, port) to connect from.
        socket_options: options set on the socket before it connects.
        protocols: the application protocols on offer, by preference.
        network: the network that connects, None for the real one.
    """

    scheme: str
    host: str
    port: int
    tls: TLSPolicy | None = None
    proxies: tuple[ProxyHop, ...] = ()
    uds: str | None = None
    local_address: tuple[str, int] | None = None
    socket_options: tuple[tuple[int, int, int | bytes], ...] = ()
    protocols: tuple[str, ...] = ("http/1.1",)
    network: Any = None

    @property
    def plural(self) -> bool | None:
        """Whether its connections carry many requests at once; None where the peer decides that (RFC 7301)."""
        if "h2" not in self.protocols or self.forwarder is not None:
            return False
        return True if self.tls is None else None

    def speaks_http2(self, agreed: str | None) -> bool:
        """Whether HTTP/2 is spoken over a new link.

        Args:
            agreed: the protocol that both ends have agreed on in the TLS handshake, if any.
        """
        return self.forwarder is None and (agreed == "h2" or self.protocols == ("h2",))

    @property
    def forwarder(self) -> ProxyHop | None:
        """The proxy that is given whole requests, to send them on: the last one, if it speaks HTTP and nobody TLS."""
        if self.tls is not None or not self.proxies:
            return None
        last = self.proxies[-1]
        return last if last.is_http and not last.tunnel else None


def _untrusting(hop: ProxyHop) -> ProxyHop:
    """A proxy whose roots the environment does not name."""
    return hop if hop.tls is None else hop._replace(tls=hop.tls._replace(trust_env=False))


def _no_hops(url: URL, given: Rules | None) -> tuple[ProxyHop, ...]:
    return ()


class Routes:
    """The routes of one client: what its settings make of an origin.

    Args:
        tls: the client's TLS policy.
        uds, local_address, socket_options, network: as in `Route`.
        protocols: the application protocols that may be spoken, by preference.
        hops: gives the proxies that a URL is reached through; it is told what the request says of them.

    Attributes:
        known: the routes under the client's own policy, by origin; `get` fills it.
    """

    __slots__ = ("_hops", "_plain", "_protocols", "_rest", "known", "tls")

    def __init__(
        self,
        tls: TLSPolicy,
        uds: str | None,
        local_address: tuple[str, int] | None,
        socket_options: tuple[tuple[int, int, int | bytes], ...],
        network: Any,
        hops: Callable[[URL, Rules | None], tuple[ProxyHop, ...]] = _no_hops,
        protocols: tuple[str, ...] = ("http/1.1",),
    ) -> None:
        self.tls = tls
        self._protocols = protocols
        # Without TLS nobody can ask the peer: it has to be known beforehand.
        self._plain = protocols if protocols == ("h2",) else ("http/1.1",)
        self._hops = hops
        self.known: dict[tuple[str, str, int], Route] = {}
        self._rest = (uds, local_address, socket_options, network)

    def get(self, url: URL) -> Route:
        """The route to a URL's origin under the client's own policy."""
        origin = url.origin
        route = self.known.get(origin)
        if route is None:
            if len(self.known) >= ORIGINS_KEPT:
                self.known.clear()
            route = self.known[origin] = self.make(url, self.tls)
        return route

    def make(self, url: URL, tls: TLSPolicy, given: Rules | None = None) -> Route:
        """The route to a URL's origin.

        Args:
            url: the URL.
            tls: the policy for its server.
            given: what the request says of proxies.

        Raises:
            InvalidURL: the environment names a proxy that is none.
        """
        secure = url.is_secure
        hops = self._hops(url, given)
        if hops and not self.tls.trust_env:
            hops = tuple(map(_untrusting, hops))
        if hops and url.scheme == "ws":
            # What follows the handshake of a WebSocket is no request that could be forwarded.
            hops = (*hops[:-1], hops[-1]._replace(tunnel=True))
        uds, local_address, socket_options, network = self._rest
        return Route(
            scheme="https" if secure else "http",
            host=url.host,
            port=url.port,
            tls=tls if secure else None,
            proxies=hops,
            uds=uds,
            local_address=local_address,
            socket_options=socket_options,
            protocols=HTTP1 if url.scheme in WEBSOCKET else self._protocols if secure else self._plain,
            network=network,
        )
