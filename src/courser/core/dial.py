"""Dialling: from a route to a connected link.

Resolve, race (`race.py`), and then lay one layer after the other over the link that has won: TLS (`handshake.py`), and
whatever else is stacked on the way to the origin. All of it has one deadline.
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from functools import partial
from time import monotonic

from ..errors import ConnectError, HTTPError, ProxyError, RequestTimeout, ResolveError
from ..hints import TYPE_CHECKING, Protocol
from ..values.reference import bracketed
from .fork import remember
from .link import Link, SocketLink
from .phases import Phases
from .race import Address, Race, interleave
from .reactor import Reactor
from .route import Route
from .waiter import Host, Interrupted, Waiter

if TYPE_CHECKING:
    from typing import Any, ClassVar, Literal

    from ..engines.events import ResponseHead
    from .deadline import Deadline
    from .digests import Digests
    from .handshake import Contexts

__all__ = ["Challenged", "Dial", "Dialer", "Layer", "Network", "Resolver", "Unreached"]


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


class Challenged(Exception):
    """A proxy asks who we are, and the next dial can tell.

    Args:
        refusal: what to raise where there is no next one.
    """

    def __init__(self, refusal: ProxyError) -> None:
        super().__init__()
        self.refusal = refusal


class Unreached(Exception):
    """A proxy does not get to an address, and the layer that asks it has another one for the next dial."""


class Layer(Protocol):
    """What is laid over a link on the way to the origin: encryption, for one.

    Attributes:
        phase: as what its time counts.
        label: the name of whom it is agreed on with.
    """

    phase: ClassVar[Literal["proxy", "tls"]]
    label: str

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

    __slots__ = ("_digests", "contexts", "network", "resolve")

    def __init__(self, resolve: Resolver, contexts: Contexts, network: Network | None = None) -> None:
        self.resolve = resolve
        self.contexts = contexts
        self.network = network
        self._digests: Digests | None = None

    @property
    def digests(self) -> Digests:
        """Answers the challenges of proxies."""
        digests = self._digests
        if digests is None:
            from .digests import Digests

            digests = self._digests = Digests()
        return digests

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
        digests: answers the challenges of proxies.
        answer: the head of what the last HTTP proxy said to CONNECT.
        phases: how long what is over has taken.
    """

    __slots__ = (
        "__weakref__",
        "_deadline",
        "_dialer",
        "_ground",
        "_label",
        "_route",
        "answer",
        "final",
        "host",
        "phases",
        "reactor",
    )

    def __init__(self, dialer: Dialer, host: Host, route: Route, deadline: Deadline) -> None:
        self.host = host
        self.reactor: Reactor = host.reactor or Reactor()
        self.final = deadline.within(deadline.timeout.connect, monotonic())
        self._dialer = dialer
        self._route = route
        self._deadline = deadline
        self._label = route.uds or f"{route.host}:{route.port}"
        if route.proxies:
            self._label = f"{bracketed(route.host)}:{route.port} through {route.proxies[0].url}"
        self._ground: Link | None = None
        self.answer: ResponseHead | None = None
        self.phases = Phases(deadline)
        remember(self)

    async def link(self, session: Any) -> Link:
        """Make the link: connect to the first hop, and lay layer on layer.

        Each proxy on the way may ask once who we are, and is answered on another connection; and one that is told
        addresses is told the next one on another, too.
        """
        layers = self._layers(session)
        challenges = len(self._route.proxies)
        while True:
            try:
                return await self._link(layers)
            except Unreached:
                continue
            except Challenged as challenged:
                if challenges == 0:
                    raise challenged.refusal from None
                challenges -= 1

    async def _link(self, layers: list[Layer]) -> Link:
        try:
            link = self._ground = await self._connect()
            await self.phases.over("connect", link)
            for layer in layers:
                below, link = link, await layer.over(link, self)
                if link is not below or layer.phase != "tls":
                    await self.phases.over(layer.phase, layer.label)
        except BaseException:
            if self._ground is not None:
                self._ground.close()
            raise
        return link

    def _layers(self, session: Any) -> list[Layer]:
        """What lies between the first hop and HTTP, from the bottom up."""
        route = self._route
        if route.proxies:
            from .through import layers_of

            return layers_of(route, self._dialer.contexts, session)
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
        try:
            return await self._connect_first()
        except ConnectError as error:
            if not self._route.proxies or type(error) is not ConnectError:
                raise
            raise ProxyError(phase="connect", detail=error.detail, retryable=True) from error.__cause__

    async def _connect_first(self) -> Link:
        network, route = self._dialer.network, self._route
        if network is not None:
            return await self._ask(network.connect, route, self.final)
        if route.uds is not None:
            addresses: list[Address] = [(socket.AF_UNIX, route.uds)]
        else:
            first = route.proxies[0] if route.proxies else route
            addresses = await self.addresses(first.host, first.port)
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
            raise self._unresolved(error, self._label) from error
        except OSError as error:
            detail = f"{self._label}: {error.strerror or error}"
            raise ConnectError(phase="connect", detail=detail, retryable=True) from error

    def _unresolved(self, error: OSError, label: str) -> ResolveError:
        return ResolveError(phase="resolve", detail=f"{label}: {error.strerror or error}", retryable=True)

    @property
    def digests(self) -> Digests:
        return self._dialer.digests

    async def addresses(self, host: str, port: int) -> list[Address]:
        """The addresses of a host, in the order in which they are to be tried.

        Raises:
            ResolveError: it has none.
            RequestTimeout: the dial's time ran out.
        """
        literal = _literal(host, port)
        if literal is not None:
            return literal
        label = f"{self._label}: {host}" if self._route.proxies else self._label
        try:
            found = await self.host.call(self._dialer.resolve, host, port, deadline=self.final)
        except Interrupted:
            raise self.late(" (name resolution)") from None
        except HTTPError:
            raise
        except OSError as error:
            raise self._unresolved(error, label) from error
        if not found:
            raise ResolveError(phase="resolve", detail=f"{label}: the name has no address")
        await self.phases.over("dns", host)
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
