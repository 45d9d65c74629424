"""Dialling: from a route to a connected link.

Resolve, race (`race.py`), and then lay one layer after the other over the link that has won: TLS (`handshake.py`), and
whatever else is stacked on the way to the origin. All of it has one deadline.
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from functools import partial
from time import monotonic

from ..errors import ConnectError, HTTPError, RequestTimeout, ResolveError
from ..hints import TYPE_CHECKING, Protocol
from .fork import remember
from .link import Link, SocketLink
from .race import Address, Race, interleave
from .reactor import Reactor
from .route import Route
from .waiter import Host, Interrupted, Waiter

if TYPE_CHECKING:
    from typing import Any

    from .deadline import Deadline
    from .handshake import Contexts

__all__ = ["Dial", "Dialer", "Layer", "Network", "Resolver"]


class Resolver(Protocol):
    """Finds addresses. May block: it is called in a thread, unless the host is a literal address."""

    def __call__(self, host: str, port: int, /) -> list[Address]: ...


class Network(Protocol):
    """Connects: the seam below the engines, for in-memory, faulty and recorded networks."""

    def connect(self, route: Route, deadline: float, /) -> Link | Awaitable[Link]:
        """Connect to the first hop of a route.

        Args:
            route: where to; for a proxied route the first proxy is meant.
            deadline: on the monotonic clock, when it has to be done.
        """
        ...


class Layer(Protocol):
    """What is laid over a link on the way to the origin: encryption, for one."""

    async def over(self, link: Link, dial: Dial) -> Link:
        """Lay it over a link; the dial closes the link if this fails.

        Args:
            link: what is there so far; a layer that leads on to another hop gives one that is not encrypted yet.
            dial: who waits, until when, and what is said if that is too late.

        Raises:
            ConnectError: or one of its kinds.
            RequestTimeout: the dial's time ran out.
        """
        ...


class Dialer:
    """Makes links.

    Args:
        resolve: finds the addresses of a host.
        contexts: the TLS contexts.
        network: connects instead of sockets.
    """

    __slots__ = ("contexts", "network", "resolve")

    def __init__(self, resolve: Resolver, contexts: Contexts, network: Network | None = None) -> None:
        self.resolve = resolve
        self.contexts = contexts
        self.network = network

    async def dial(self, host: Host, route: Route, deadline: Deadline, session: Any = None) -> Link:
        """Connect a link.

        Args:
            host: who waits.
            route: where to.
            deadline: the limits; the connect limit covers all of this.
            session: a TLS session to resume.

        Raises:
            ConnectError: or one of its kinds: nothing was sent of any request.
            InvalidRequest, InvalidURL: what the route says cannot be dialled; nothing was sent at all.
            RequestTimeout: the time ran out.
        """
        return await Dial(self, host, route, deadline).link(session)


class Dial:
    """One link in the making.

    Attributes:
        host: who waits.
        reactor: turns what is waited for.
        final: when it has to be done.
    """

    __slots__ = ("__weakref__", "_deadline", "_dialer", "_ground", "_label", "_route", "final", "host", "reactor")

    def __init__(self, dialer: Dialer, host: Host, route: Route, deadline: Deadline) -> None:
        self.host = host
        self.reactor: Reactor = host.reactor or Reactor()
        self.final = deadline.within(deadline.timeout.connect, monotonic())
        self._dialer = dialer
        self._route = route
        self._deadline = deadline
        self._label = route.uds or f"{route.host}:{route.port}"
        self._ground: Link | None = None
        remember(self)

    async def link(self, session: Any) -> Link:
        """Make the link: connect to the first hop, and lay layer on layer."""
        layers = self._layers(session)
        try:
            link = self._ground = await self._connect()
            for layer in layers:
                link = await layer.over(link, self)
        except BaseException:
            if self._ground is not None:
                self._ground.close()
            raise
        return link

    def _layers(self, session: Any) -> list[Layer]:
        """What lies between the first hop and HTTP, from the bottom up."""
        route = self._route
        if route.proxies:
            raise ConnectError(phase="connect", detail="proxies are not supported yet")
        layers: list[Layer] = []
        if route.tls is not None:
            from .handshake import Encryption

            layers.append(Encryption(self._dialer.contexts, route.tls, route.host, route.protocols, session))
        return layers

    def late(self, doing: str = "") -> RequestTimeout:
        """What to raise when the time is up.

        Args:
            doing: in the middle of what, to be appended to whom was dialled.
        """
        return self._deadline.error("connect", f"{self._label}{doing}")

    def forget(self) -> None:
        """Close the descriptor in a forked child, and do nothing else; the parent goes on with the dial.

        A link without one belongs to a loop, which would take it out of a poll object that the parent goes on to use.
        """
        if self._ground is not None and self._ground.fileno() >= 0:
            self._ground.close()

    # The first hop

    async def _connect(self) -> Link:
        network = self._dialer.network
        if network is not None:
            return await self._ask(network.connect, self._route, self.final)
        addresses = await self._addresses()
        if self.host.network is not None:
            return await self._ask(self.host.network.open, addresses, self._route)
        return await self._race(addresses)

    async def _ask(self, connect: Callable[..., Link | Awaitable[Link]], *args: Any) -> Link:
        try:
            made = connect(*args)
            if not isinstance(made, Awaitable):
                return made
            limit = Waiter()
            limit.deadline = self.final
            self.host.arm(limit)
            return await self.host.pull(made, limit)
        except Interrupted:
            raise self.late() from None
        except HTTPError:
            raise
        except socket.gaierror as error:
            raise self._unresolved(error) from error
        except OSError as error:
            detail = f"{self._label}: {error.strerror or error}"
            raise ConnectError(phase="connect", detail=detail, retryable=True) from error

    def _unresolved(self, error: OSError) -> ResolveError:
        return ResolveError(phase="resolve", detail=f"{self._label}: {error.strerror or error}", retryable=True)

    async def _addresses(self) -> list[Address]:
        route = self._route
        if route.uds is not None:
            return [(socket.AF_UNIX, route.uds)]
        literal = _literal(route.host, route.port)
        if literal is not None:
            return literal
        try:
            found = await self.host.call(self._dialer.resolve, route.host, route.port, deadline=self.final)
        except Interrupted:
            raise self.late(" (name resolution)") from None
        except HTTPError:
            raise
        except OSError as error:
            raise self._unresolved(error) from error
        if not found:
            raise ResolveError(phase="resolve", detail=f"{self._label}: the name has no address")
        return interleave(found)

    async def _race(self, addresses: list[Address]) -> Link:
        race = Race(self.reactor, addresses, partial(_prepare, self._route), self.final)
        try:
            race.next(monotonic())
            if not race.done:
                await self.host.wait(race)
            if race.error is not None:
                raise race.take_error()
            if race.winner is not None:
                # A fork may come in between: whoever is to forget the socket knows it before the race lets go of it.
                self._ground = link = SocketLink(race.winner)
                race.winner = None
                return link
        finally:
            race.cancel()
        if monotonic() >= self.final:
            raise self.late()
        raise _unreachable(self._label, race.errors)


def _literal(host: str, port: int) -> list[Address] | None:
    """The address of a host that needs no resolver: an IP address, or localhost (RFC 6761 section 6.3)."""
    if ":" in host:
        return _numeric(host, port)
    last = host.rpartition(".")[2]
    if last.isdigit():
        return [(socket.AF_INET, (host, port))]
    if host == "localhost" or last == "localhost":
        return [(socket.AF_INET, ("127.0.0.1", port)), (socket.AF_INET6, ("::1", port, 0, 0))]
    return None


def _numeric(host: str, port: int) -> list[Address] | None:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except OSError:
        return None
    return [(family, address) for family, _, _, _, address in found]


def _prepare(route: Route, sock: socket.socket) -> None:
    """Set a socket up as a route wants it."""
    if sock.family in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, seconds in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 60), ("TCP_KEEPCNT", 5)):
            known = getattr(socket, name, None)
            if known is not None:
                sock.setsockopt(socket.IPPROTO_TCP, known, seconds)
    for level, option, value in route.socket_options:
        sock.setsockopt(level, option, value)
    if route.local_address is not None:
        sock.bind(route.local_address)


def _unreachable(label: str, errors: list[tuple[Address, OSError]]) -> ConnectError:
    told = "; ".join(f"{_spell(address)}: {error.strerror or error}" for address, error in errors[:8])
    failure = ConnectError(phase="connect", detail=f"{label}: {told}", retryable=True)
    failure.__cause__ = errors[-1][1] if errors else None
    return failure


def _spell(address: Address) -> str:
    family, where = address
    return str(where) if family == getattr(socket, "AF_UNIX", None) else str(where[0])
