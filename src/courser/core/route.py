"""Routes: everything that decides whether two requests may share a connection.

Equality of routes is the whole rule of reuse. Whatever changes who is spoken to, by which way, with which proof of
identity, is a field here; nothing else is asked anywhere.
"""

from __future__ import annotations

from ..hints import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any, Final

    from ..values.url import URL

__all__ = ["ProxyHop", "Route", "Routes", "TLSPolicy"]

ORIGINS_KEPT: Final = 4096
"""Routes that are remembered by origin; beyond, all are forgotten and made anew when they are needed."""


class TLSPolicy(NamedTuple):
    """How a TLS peer is verified, and how we prove who we are.

    Attributes:
        verify: True for the system's roots, False for none, the path of a CA file or folder, or an ssl.SSLContext.
        cert: the client certificate: (file, key file, password).
        server_hostname: the name asked for and verified, where it is not the URL's host.
        fingerprints: SHA-256 pins of the peer's public key, any of which must match.
        minimum_version: the lowest TLS version that is accepted, for example "1.3".
        ciphers: an OpenSSL cipher list.
    """

    verify: Any = True
    cert: tuple[str, str | None, str | None] | None = None
    server_hostname: str | None = None
    fingerprints: tuple[bytes, ...] = ()
    minimum_version: str | None = None
    ciphers: str | None = None


class ProxyHop(NamedTuple):
    """One proxy on the way.

    Attributes:
        scheme: http, https, socks4, socks4a, socks5 or socks5h.
        host: its host.
        port: its port.
        credentials: what it is told of us: (user, password).
        headers: more header lines for CONNECT.
        tls: how its certificate is verified, for https.
    """

    scheme: str
    host: str
    port: int
    credentials: tuple[str, str] | None = None
    headers: bytes = b""
    tls: TLSPolicy | None = None


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


class Routes:
    """The routes of one client: what its settings make of an origin.

    Args:
        tls: the client's TLS policy.
        uds, local_address, socket_options, network: as in `Route`.

    Attributes:
        known: the routes under the client's own policy, by origin; `get` fills it.
    """

    __slots__ = ("_rest", "known", "tls")

    def __init__(
        self,
        tls: TLSPolicy,
        uds: str | None,
        local_address: tuple[str, int] | None,
        socket_options: tuple[tuple[int, int, int | bytes], ...],
        network: Any,
    ) -> None:
        self.tls = tls
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

    def make(self, url: URL, tls: TLSPolicy) -> Route:
        """The route to a URL's origin under another policy."""
        secure = url.is_secure
        uds, local_address, socket_options, network = self._rest
        return Route(
            scheme="https" if secure else "http",
            host=url.host,
            port=url.port,
            tls=tls if secure else None,
            uds=uds,
            local_address=local_address,
            socket_options=socket_options,
            network=network,
        )
