"""Dialling: from a route to a connected link.

Resolve, race, tunnel, encrypt. Addresses are raced as RFC 8305 says, "happy eyeballs": families take turns, the next
attempt starts when the last has failed or has had a quarter of a second, and the first that connects wins. The race
is state with deadlines in a reactor, not tasks: it runs the same under asyncio, trio and plain code, and when its
owner goes away nothing is left of it.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Awaitable, Callable, Iterable
from itertools import chain, zip_longest
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Protocol

from ..errors import CertificateError, ConnectError, HTTPError, RequestTimeout, ResolveError, TLSError
from .link import Link, SocketLink, TLSLink
from .reactor import READ, WRITE, Reactor
from .route import Route, TLSPolicy
from .waiter import FOREVER, Host, Interrupted, Waiter

if TYPE_CHECKING:
    import ssl

    from .deadline import Deadline

__all__ = ["Address", "Contexts", "Dialer", "Handshake", "Network", "Race", "Resolver", "interleave"]

HEAD_START: Final = 0.25
"""Seconds that an attempt has for itself (RFC 8305 section 5: Connection Attempt Delay, recommended value)."""

Address = tuple[int, Any]
"""An address family and a socket address of that family."""


class Resolver(Protocol):
    """Finds addresses. May block: it is called in a thread, unless the host is a literal address."""

    def __call__(self, host: str, port: int, /) -> list[Address]: ...


class Contexts(Protocol):
    """Gives TLS contexts."""

    def get(self, policy: TLSPolicy, protocols: tuple[str, ...], /) -> ssl.SSLContext | None:
        """The context for a policy, if it was built before."""
        ...

    def build(self, policy: TLSPolicy, protocols: tuple[str, ...], /) -> ssl.SSLContext:
        """The context for a policy; reads files."""
        ...


class Network(Protocol):
    """Connects: the seam below the engines, for in-memory, faulty and recorded networks."""

    def connect(self, route: Route, deadline: float, /) -> Link | Awaitable[Link]:
        """Connect to the first hop of a route.

        Args:
            route: where to; for a proxied route the first proxy is meant.
            deadline: on the monotonic clock, when it has to be done.
        """
        ...


def interleave(addresses: Iterable[Address]) -> list[Address]:
    """Let the address families take turns, the resolver's favourite first (RFC 8305 section 4)."""
    families: dict[int, list[Address]] = {}
    for address in addresses:
        families.setdefault(address[0], []).append(address)
    rounds = zip_longest(*families.values())
    return [address for address in chain.from_iterable(rounds) if address is not None]


class Attempt:
    """One socket on its way to one address."""

    __slots__ = ("__weakref__", "address", "armed", "deadline", "race", "socket")

    def __init__(self, race: Race, address: Address, sock: socket.socket) -> None:
        self.race = race
        self.address = address
        self.socket = sock
        self.deadline = FOREVER
        self.armed = FOREVER

    def fileno(self) -> int:
        return self.socket.fileno()

    def ready(self, mask: int, now: float) -> None:
        code = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code == 0:
            self.race.won(self)
        else:
            self.race.lost(self, OSError(code, os.strerror(code)), now)

    def expire(self, now: float) -> None:
        self.deadline = FOREVER

    def fail(self, error: BaseException) -> None:
        self.race.fail(error)


class Race(Waiter):
    """Attempts to connect, of which one wins.

    Args:
        reactor: turns the attempts.
        addresses: where to, in the order of preference.
        prepare: sets a fresh socket up before it connects.
    """

    __slots__ = ("_attempts", "_left", "_prepare", "_reactor", "errors", "final", "winner")

    def __init__(
        self, reactor: Reactor, addresses: list[Address], prepare: Callable[[socket.socket], None], final: float
    ) -> None:
        super().__init__(reactor)
        self._reactor = reactor
        self._left = addresses[::-1]
        self._prepare = prepare
        self._attempts: list[Attempt] = []
        self.final = final
        self.winner: socket.socket | None = None
        self.errors: list[tuple[Address, OSError]] = []

    def next(self, now: float) -> None:
        """Start attempts until one is under way, has won, or no address is left."""
        while self._left and self.winner is None:
            address = self._left.pop()
            if self._start(address):
                break
        if self.winner is not None:
            return
        if not self._attempts:
            self.complete()
            return
        due = min(now + HEAD_START, self.final) if self._left else self.final
        self.deadline = due
        if due < self.armed:
            self._reactor.arm(self, due)

    def _start(self, address: Address) -> bool:
        try:
            sock = socket.socket(address[0], socket.SOCK_STREAM)
        except OSError as error:
            self.errors.append((address, error))
            return False
        attempt = Attempt(self, address, sock)
        self._attempts.append(attempt)
        try:
            sock.setblocking(False)
            self._prepare(sock)
            code = sock.connect_ex(address[1])
        except OSError as error:
            self._drop(attempt)
            self.errors.append((address, error))
            return False
        if code == 0:
            self.won(attempt)
        elif code in (errno.EINPROGRESS, errno.EWOULDBLOCK):
            self._reactor.register(attempt, WRITE)
        else:
            self._drop(attempt)
            self.errors.append((address, OSError(code, os.strerror(code))))
            return False
        return True

    def won(self, attempt: Attempt) -> None:
        """An attempt has connected."""
        self._reactor.unregister(attempt)
        self._attempts.remove(attempt)
        self.winner = attempt.socket
        self.cancel()
        self.deadline = FOREVER
        self.complete()

    def lost(self, attempt: Attempt, error: OSError, now: float) -> None:
        """An attempt has failed."""
        self._drop(attempt)
        self.errors.append((attempt.address, error))
        self.next(now)

    def expire(self, now: float) -> None:
        if now >= self.final:
            self.deadline = FOREVER
            self.complete()
        else:
            self.next(now)

    def _drop(self, attempt: Attempt) -> None:
        if attempt in self._attempts:
            self._attempts.remove(attempt)
        self._reactor.unregister(attempt)
        attempt.socket.close()

    def cancel(self) -> None:
        """Close every attempt that is still under way."""
        for attempt in list(self._attempts):
            self._drop(attempt)


class Handshake(Waiter):
    """A TLS handshake under way.

    Args:
        reactor: turns the link.
        link: the link.
        final: when it has to be done.

    Attributes:
        agreed: whether it is.
    """

    __slots__ = ("_interest", "_link", "_reactor", "agreed")

    def __init__(self, reactor: Reactor, link: TLSLink, final: float) -> None:
        super().__init__(reactor)
        self._reactor = reactor
        self._link = link
        self._interest = 0
        self.agreed = False
        self.deadline = final

    def fileno(self) -> int:
        return self._link.fileno()

    def start(self) -> None:
        """Say hello."""
        self.ready(0, 0.0)
        if not self.done and self.deadline < FOREVER:
            self._reactor.arm(self, self.deadline)

    def ready(self, mask: int, now: float) -> None:
        """Go as far as possible."""
        try:
            self._link.shake()
        except BlockingIOError:
            self._want(READ | WRITE if self._link.wants_write else READ)
        except (OSError, ValueError) as error:
            self.cancel()
            self.fail(error)
        else:
            self.agreed = True
            self.cancel()
            self.complete()

    def _want(self, interest: int) -> None:
        before, self._interest = self._interest, interest
        if self.fileno() < 0:
            if before == 0:
                self._reactor.hear(self, self._link)
        elif before == 0:
            self._reactor.register(self, interest)
        elif before != interest:
            self._reactor.modify(self, interest)

    def cancel(self) -> None:
        """Leave the reactor."""
        self.deadline = FOREVER
        if self._interest:
            self._interest = 0
            if self.fileno() < 0:
                self._link.listen(None)
            else:
                self._reactor.unregister(self)


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
            RequestTimeout: the time ran out.
        """
        return await Dial(self, host, route, deadline).link(session)


class Dial:
    """One link in the making: resolve, race, encrypt, all by one deadline."""

    __slots__ = ("_deadline", "_dialer", "_final", "_host", "_label", "_reactor", "_route")

    def __init__(self, dialer: Dialer, host: Host, route: Route, deadline: Deadline) -> None:
        self._dialer = dialer
        self._host = host
        self._route = route
        self._deadline = deadline
        self._final = deadline.within(deadline.timeout.connect, monotonic())
        self._label = route.uds or f"{route.host}:{route.port}"
        self._reactor: Reactor = host.reactor or Reactor()

    async def link(self, session: Any) -> Link:
        """Make the link."""
        route = self._route
        if route.proxies:
            raise ConnectError(phase="connect", detail="proxies are not supported yet")
        network = self._dialer.network
        if network is not None:
            link = await self._ask(network.connect, route, self._final)
        elif self._host.network is not None:
            link = await self._ask(self._host.network.open, await self._addresses(), route)
        else:
            link = SocketLink(await self._socket())
        if route.tls is None or link.encrypted:
            return link
        try:
            return await self._encrypt(link, route.tls, session)
        except BaseException:
            link.close()
            raise

    def _late(self, doing: str = "") -> RequestTimeout:
        return self._deadline.error("connect", f"{self._label}{doing}")

    async def _ask(self, connect: Callable[..., Link | Awaitable[Link]], *args: Any) -> Link:
        try:
            made = connect(*args)
            if not isinstance(made, Awaitable):
                return made
            limit = Waiter()
            limit.deadline = self._final
            self._host.arm(limit)
            return await self._host.pull(made, limit)
        except Interrupted:
            raise self._late() from None
        except HTTPError:
            raise
        except socket.gaierror as error:
            raise self._unresolved(error) from error
        except OSError as error:
            detail = f"{self._label}: {error.strerror or error}"
            raise ConnectError(phase="connect", detail=detail, retryable=True) from error

    # Addresses and sockets

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
            found = await self._host.call(self._dialer.resolve, route.host, route.port, deadline=self._final)
        except Interrupted:
            raise self._late(" (name resolution)") from None
        except HTTPError:
            raise
        except OSError as error:
            raise self._unresolved(error) from error
        if not found:
            raise ResolveError(phase="resolve", detail=f"{self._label}: the name has no address")
        return interleave(found)

    async def _socket(self) -> socket.socket:
        race = Race(self._reactor, await self._addresses(), _preparer(self._route), self._final)
        try:
            race.next(monotonic())
            if not race.done:
                await self._host.wait(race)
            if race.error is not None:
                raise race.error
            sock, race.winner = race.winner, None
        finally:
            race.cancel()
            if race.winner is not None:
                race.winner.close()
        if sock is not None:
            return sock
        if monotonic() >= self._final:
            raise self._late()
        raise _unreachable(self._label, race.errors)

    # TLS

    async def _encrypt(self, link: Link, policy: TLSPolicy, session: Any) -> Link:
        context = await self._context(policy)
        # The zone of an address and the dot of the root are no part of what a certificate names.
        name = (policy.server_hostname or self._route.host.partition("%")[0]).rstrip(".")
        try:
            secure = TLSLink(link, context, name, session)
        except (OSError, ValueError) as error:
            raise TLSError(phase="tls", detail=f"{name}: {error}") from error
        handshake = Handshake(self._reactor, secure, self._final)
        try:
            handshake.start()
            if not handshake.done:
                await self._host.wait(handshake)
        finally:
            handshake.cancel()
        if handshake.error is not None:
            raise _refusal(handshake.error, name, policy)
        if not handshake.agreed:
            raise self._late(" (TLS handshake)")
        return secure

    async def _context(self, policy: TLSPolicy) -> ssl.SSLContext:
        contexts, protocols = self._dialer.contexts, self._route.protocols
        known = contexts.get(policy, protocols)
        if known is not None:
            return known
        try:
            return await self._host.call(contexts.build, policy, protocols, deadline=self._final)
        except Interrupted:
            raise self._late(" (reading root certificates)") from None


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


def _preparer(route: Route) -> Callable[[socket.socket], None]:
    def prepare(sock: socket.socket) -> None:
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

    return prepare


def _unreachable(label: str, errors: list[tuple[Address, OSError]]) -> ConnectError:
    told = "; ".join(f"{_spell(address)}: {error.strerror or error}" for address, error in errors[:8])
    failure = ConnectError(phase="connect", detail=f"{label}: {told}", retryable=True)
    failure.__cause__ = errors[-1][1] if errors else None
    return failure


def _spell(address: Address) -> str:
    family, where = address
    return str(where) if family == getattr(socket, "AF_UNIX", None) else str(where[0])


def _refusal(error: BaseException, name: str, policy: TLSPolicy) -> BaseException:
    import ssl

    if isinstance(error, ssl.SSLCertVerificationError):
        roots = "the system's roots" if policy.verify is True else f"the roots of {policy.verify}"
        failure: TLSError = CertificateError(
            phase="tls",
            detail=f"{name}: {error.verify_message}; checked against {roots}",
            hint="for a private CA give verify='/path/to/ca.pem'",
        )
    elif isinstance(error, OSError):
        reason = getattr(error, "reason", None) or error.strerror or str(error) or type(error).__name__
        failure = TLSError(phase="tls", detail=f"{name}: {reason}")
    else:
        return error
    failure.__cause__ = error
    return failure
