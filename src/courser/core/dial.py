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

from ..errors import CertificateError, ConnectError, HTTPError, ResolveError, TLSError
from .link import BufferedTLSLink, Link, SocketLink, TLSLink
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
        if self.winner is None and not self._attempts:
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


class Shaking(Waiter):
    """A TLS handshake under way: what the two kinds of TLS link share."""

    __slots__ = ("_interest", "_reactor")

    def __init__(self, reactor: Reactor, final: float) -> None:
        super().__init__(reactor)
        self._reactor = reactor
        self._interest = 0
        self.deadline = final

    def start(self) -> None:
        """Say hello."""
        self.ready(0, 0.0)
        if not self.done and self.deadline < FOREVER:
            self._reactor.arm(self, self.deadline)

    def ready(self, mask: int, now: float) -> None:
        """Go as far as possible."""
        try:
            interest = self._go_on()
        except (OSError, ValueError) as error:
            self.cancel()
            self.fail(error)
        else:
            if interest:
                self._want(interest)
            else:
                self.cancel()
                self.complete()

    def _go_on(self) -> int:
        """Go as far as possible; tell what to wait for, 0 when it is done."""
        raise NotImplementedError

    @property
    def agreed(self) -> bool:
        """Whether the handshake is done."""
        raise NotImplementedError

    def _want(self, interest: int) -> None:
        if self._interest == 0:
            self._begin(interest)
        elif self._interest != interest:
            self._reactor.modify(self, interest)
        self._interest = interest

    def _begin(self, interest: int) -> None:
        self._reactor.register(self, interest)

    def fileno(self) -> int:
        raise NotImplementedError

    def cancel(self) -> None:
        """Leave the reactor."""
        self.deadline = FOREVER
        if self._interest:
            self._interest = 0
            self._end()

    def _end(self) -> None:
        self._reactor.unregister(self)


class Handshake(Shaking):
    """A TLS handshake on a connected socket."""

    __slots__ = ("_socket",)

    def __init__(self, reactor: Reactor, sock: ssl.SSLSocket, final: float) -> None:
        super().__init__(reactor, final)
        self._socket = sock

    def fileno(self) -> int:
        return self._socket.fileno()

    def _go_on(self) -> int:
        import ssl

        try:
            self._socket.do_handshake()
        except ssl.SSLWantReadError:
            return READ
        except ssl.SSLWantWriteError:
            return WRITE
        return 0

    @property
    def agreed(self) -> bool:
        return self._socket.version() is not None


class BufferedHandshake(Shaking):
    """A TLS handshake over another link."""

    __slots__ = ("_agreed", "_link")

    def __init__(self, reactor: Reactor, link: BufferedTLSLink, final: float) -> None:
        super().__init__(reactor, final)
        self._link = link
        self._agreed = False

    def fileno(self) -> int:
        return self._link.fileno()

    def _go_on(self) -> int:
        try:
            self._link.shake()
        except BlockingIOError:
            return READ | WRITE if self._link.wants_write else READ
        self._agreed = True
        return 0

    @property
    def agreed(self) -> bool:
        return self._agreed

    def _want(self, interest: int) -> None:
        if self.fileno() >= 0:
            super()._want(interest)
        elif self._interest == 0:
            self._interest = interest
            self._reactor.hear(self, self._link)

    def _end(self) -> None:
        if self.fileno() >= 0:
            super()._end()
        else:
            self._link.listen(None)


async def _shake(host: Host, handshake: Shaking, route: Route, policy: TLSPolicy, deadline: Deadline) -> None:
    """Wait for a handshake.

    Raises:
        TLSError: it failed.
        ConnectTimeout: it took too long.
    """
    try:
        handshake.start()
        if not handshake.done:
            await host.wait(handshake)
    finally:
        handshake.cancel()
    name = _verified_name(route, policy)
    if handshake.error is not None:
        raise _refusal(handshake.error, name, policy)
    if not handshake.agreed:
        raise deadline.error("connect", f"{name} (TLS handshake)")


def _verified_name(route: Route, policy: TLSPolicy) -> str:
    """The name that the peer has to prove: without the zone of an address, and without the root's dot."""
    return (policy.server_hostname or route.host.partition("%")[0]).rstrip(".")


class Dialer:
    """Makes links.

    Args:
        resolve: finds the addresses of a host.
        contexts: the TLS contexts.
        network: connects instead of sockets.
    """

    __slots__ = ("_contexts", "_network", "_resolve")

    def __init__(
        self,
        resolve: Resolver,
        contexts: Contexts,
        network: Network | None = None,
    ) -> None:
        self._resolve = resolve
        self._contexts = contexts
        self._network = network

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
        label = route.uds or f"{route.host}:{route.port}"
        final = deadline.within(deadline.timeout.connect, monotonic())
        if route.proxies:
            raise ConnectError(phase="connect", detail="proxies are not supported yet")
        network = self._network or host.network
        if network is not None:
            return await self._over(network, host, route, deadline, final, label, session)
        reactor = host.reactor or Reactor()
        sock = await self._connect(host, reactor, route, deadline, final, label)
        if route.tls is None:
            return SocketLink(sock)
        try:
            return await self._encrypt(host, reactor, sock, route, deadline, final, session)
        except BaseException:
            sock.close()
            raise

    async def _over(
        self,
        network: Network,
        host: Host,
        route: Route,
        deadline: Deadline,
        final: float,
        label: str,
        session: Any,
    ) -> Link:
        try:
            made = network.connect(route, final)
            if isinstance(made, Awaitable):
                limit = Waiter()
                limit.deadline = final
                host.arm(limit)
                made = await host.pull(made, limit)
        except Interrupted:
            raise deadline.error("connect", label) from None
        except socket.gaierror as error:
            raise ResolveError(phase="resolve", detail=f"{label}: {error.strerror or error}", retryable=True) from error
        except OSError as error:
            if isinstance(error, HTTPError):
                raise
            raise ConnectError(phase="connect", detail=f"{label}: {error.strerror or error}", retryable=True) from error
        if route.tls is None or made.encrypted:
            return made
        try:
            context = await self._context(host, route, route.tls, deadline, final)
            secure = BufferedTLSLink(made, context, _verified_name(route, route.tls), session)
            shake = BufferedHandshake(host.reactor or Reactor(), secure, final)
            await _shake(host, shake, route, route.tls, deadline)
        except BaseException:
            made.close()
            raise
        return secure

    async def _context(
        self, host: Host, route: Route, policy: TLSPolicy, deadline: Deadline, final: float
    ) -> ssl.SSLContext:
        contexts = self._contexts
        known = contexts.get(policy, route.protocols)
        if known is not None:
            return known
        try:
            return await host.call(contexts.build, policy, route.protocols, deadline=final)
        except Interrupted:
            raise deadline.error("connect", f"{route.host} (reading root certificates)") from None

    async def _addresses(self, host: Host, route: Route, deadline: Deadline, final: float, label: str) -> list[Address]:
        if route.uds is not None:
            return [(socket.AF_UNIX, route.uds)]
        literal = _literal(route.host, route.port)
        if literal is not None:
            return literal
        try:
            found = await host.call(self._resolve, route.host, route.port, deadline=final)
        except Interrupted:
            raise deadline.error("connect", f"{label} (name resolution)") from None
        except OSError as error:
            if isinstance(error, HTTPError):
                raise
            raise ResolveError(phase="resolve", detail=f"{label}: {error.strerror or error}", retryable=True) from error
        if not found:
            raise ResolveError(phase="resolve", detail=f"{label}: the name has no address")
        return interleave(found)

    async def _connect(
        self, host: Host, reactor: Reactor, route: Route, deadline: Deadline, final: float, label: str
    ) -> socket.socket:
        addresses = await self._addresses(host, route, deadline, final, label)
        race = Race(reactor, addresses, _preparer(route), final)
        try:
            race.next(monotonic())
            if not race.done:
                await host.wait(race)
            sock, race.winner = race.winner, None
        finally:
            race.cancel()
            if race.winner is not None:
                race.winner.close()
        if race.error is not None:
            if sock is not None:
                sock.close()
            raise race.error
        if sock is not None:
            return sock
        if monotonic() >= final:
            raise deadline.error("connect", label)
        raise _unreachable(label, race.errors)

    async def _encrypt(
        self,
        host: Host,
        reactor: Reactor,
        sock: socket.socket,
        route: Route,
        deadline: Deadline,
        final: float,
        session: Any,
    ) -> Link:
        policy = route.tls
        if policy is None:  # pragma: no cover - the caller has asked
            raise TypeError("a route without TLS")
        context = await self._context(host, route, policy, deadline, final)
        name = _verified_name(route, policy)
        try:
            secure = context.wrap_socket(
                sock,
                server_hostname=name,
                do_handshake_on_connect=False,
                suppress_ragged_eofs=False,
                session=session,
            )
        except (OSError, ValueError) as error:
            raise TLSError(phase="tls", detail=f"{name}: {error}") from error
        try:
            await _shake(host, Handshake(reactor, secure, final), route, policy, deadline)
        except BaseException:
            secure.close()
            raise
        return TLSLink(secure)


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
            for name, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 60), ("TCP_KEEPCNT", 5)):
                option = getattr(socket, name, None)
                if option is not None:
                    sock.setsockopt(socket.IPPROTO_TCP, option, value)
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
    where = address[1]
    return str(where[0]) if isinstance(where, tuple) else str(where)


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
