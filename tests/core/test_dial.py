"""Dialling: who wins a race, what is left of it, and what is said of failures."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
import trustme

from courser.core import dial as module
from courser.core.deadline import Deadline
from courser.core.dial import HEAD_START, Attempt, Dialer, Handshake, Race, interleave
from courser.core.link import SocketLink, TLSLink
from courser.core.reactor import READ, WRITE, Reactor
from courser.core.route import ProxyHop, Route, TLSPolicy
from courser.core.waiter import FOREVER, Interrupted
from courser.errors import (
    CertificateError,
    ConnectError,
    ConnectTimeout,
    HTTPError,
    InvalidRequest,
    ResolveError,
    TLSError,
)
from courser.hosts.aio import current_host
from courser.hosts.inline import InlineHost, run_inline
from courser.settings import Timeout

FOUR, SIX = (socket.AF_INET, ("192.0.2.1", 80)), (socket.AF_INET6, ("2001:db8::1", 80, 0, 0))
OTHER = (socket.AF_INET, ("192.0.2.2", 80))


# Races, with sockets and a reactor that do what a test says


class FakeSocket:
    numbers = iter(range(10**6))

    def __init__(self, family: int, code: Any) -> None:
        self.family = family
        self.code = code
        self.number = next(self.numbers)
        self.error = 0
        self.closed = False

    def setblocking(self, blocking: bool) -> None:
        assert not blocking

    def connect_ex(self, address: Any) -> int:
        if isinstance(self.code, BaseException):
            raise self.code
        return int(self.code)

    def getsockopt(self, level: int, option: int) -> int:
        return self.error

    def fileno(self) -> int:
        return self.number

    def close(self) -> None:
        self.closed = True


class FakeReactor:
    def __init__(self) -> None:
        self.entries: dict[int, Attempt] = {}
        self.armed: list[float] = []

    def register(self, entry: Attempt, interest: int) -> None:
        assert interest == WRITE
        self.entries[entry.fileno()] = entry

    def unregister(self, entry: Attempt) -> None:
        self.entries.pop(entry.fileno(), None)

    def arm(self, race: Race, deadline: float) -> None:
        race.armed = deadline
        self.armed.append(deadline)


class Racing:
    """A race, and all that it made."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *codes: Any, final: float = 10.0) -> None:
        self.sockets: list[FakeSocket] = []
        left = list(codes)

        def make(family: int, kind: int) -> FakeSocket:
            code = left.pop(0)
            if code == "no socket":
                raise OSError(errno.EAFNOSUPPORT, "no such family")
            self.sockets.append(FakeSocket(family, code))
            return self.sockets[-1]

        monkeypatch.setattr(module.socket, "socket", make)
        self.reactor = FakeReactor()
        self.race = Race(self.reactor, [FOUR, SIX, OTHER][: len(codes)], self.prepare, final)  # type: ignore[arg-type]
        self.prepared: list[Any] = []
        self.race.next(0.0)

    def prepare(self, sock: Any) -> None:
        self.prepared.append(sock)

    def attempt(self, number: int) -> Attempt:
        return self.reactor.entries[self.sockets[number].number]


PENDING = errno.EINPROGRESS


def test_who_connects_at_once_has_won(monkeypatch: pytest.MonkeyPatch) -> None:
    racing = Racing(monkeypatch, 0, PENDING)

    assert racing.race.done
    assert racing.race.winner is racing.sockets[0]
    assert len(racing.sockets) == 1
    assert racing.reactor.armed == []
    assert racing.race.deadline == FOREVER


def test_the_next_attempt_starts_when_the_first_has_had_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    racing = Racing(monkeypatch, PENDING, PENDING)
    assert racing.race.deadline == HEAD_START
    racing.race.expire(HEAD_START)
    assert len(racing.sockets) == 2
    assert racing.race.deadline == 10.0
    racing.attempt(1).ready(WRITE, 1.0)

    assert racing.race.winner is racing.sockets[1]
    assert racing.sockets[0].closed
    assert not racing.sockets[1].closed
    assert racing.reactor.entries == {}


def test_the_next_attempt_starts_when_the_first_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    racing = Racing(monkeypatch, PENDING, PENDING)
    racing.sockets[0].error = errno.ECONNREFUSED
    racing.attempt(0).ready(WRITE, 0.01)

    assert racing.sockets[0].closed
    assert len(racing.sockets) == 2
    assert not racing.race.done
    assert [(address, error.errno) for address, error in racing.race.errors] == [(FOUR, errno.ECONNREFUSED)]


@pytest.mark.parametrize("failure", ["no socket", errno.ENETUNREACH, PermissionError(errno.EPERM, "no")])
def test_an_attempt_that_cannot_start_makes_room_for_the_next(monkeypatch: pytest.MonkeyPatch, failure: Any) -> None:
    racing = Racing(monkeypatch, failure, PENDING)

    assert len(racing.race.errors) == 1
    assert len(racing.reactor.entries) == 1
    assert all(each.closed for each in racing.sockets[:-1])


def test_a_race_that_nobody_wins_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    racing = Racing(monkeypatch, PENDING, errno.ENETUNREACH)
    racing.sockets[0].error = errno.ECONNREFUSED
    racing.attempt(0).ready(WRITE, 0.01)

    assert racing.race.done
    assert racing.race.winner is None
    assert len(racing.race.errors) == 2


def test_one_failure_does_not_end_a_race_with_another_runner(monkeypatch: pytest.MonkeyPatch) -> None:
    racing = Racing(monkeypatch, PENDING, PENDING)
    racing.race.expire(HEAD_START)
    racing.sockets[1].error = errno.ECONNREFUSED
    racing.attempt(1).ready(WRITE, 1.0)

    assert not racing.race.done
    assert racing.race.deadline == 10.0


def test_a_race_ends_with_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    racing = Racing(monkeypatch, PENDING, PENDING, final=0.1)
    assert racing.race.deadline == 0.1
    racing.race.expire(0.1)
    assert racing.race.done
    assert racing.race.winner is None
    racing.race.cancel()

    assert racing.sockets[0].closed
    assert racing.reactor.entries == {}


def test_an_attempt_has_no_deadline_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    racing = Racing(monkeypatch, PENDING)
    attempt = racing.attempt(0)
    attempt.deadline = 5.0
    attempt.expire(5.0)
    assert attempt.deadline == FOREVER
    error = ZeroDivisionError()
    attempt.fail(error)

    assert racing.race.error is error


def test_whatever_is_raised_leaves_no_socket_open(monkeypatch: pytest.MonkeyPatch) -> None:
    class Struck(Racing):
        def prepare(self, sock: Any) -> None:
            raise KeyboardInterrupt

    left: list[FakeSocket] = []
    monkeypatch.setattr(FakeSocket, "setblocking", lambda self, blocking: left.append(self))
    with pytest.raises(KeyboardInterrupt) as caught:
        Struck(monkeypatch, PENDING)
    race = next(each.frame.f_locals["self"] for each in caught.traceback if each.name == "next")
    race.cancel()

    assert [each.closed for each in left] == [True]


def test_families_take_turns() -> None:
    assert interleave([SIX, SIX, FOUR, OTHER]) == [SIX, FOUR, SIX, OTHER]
    assert interleave([]) == []


# Dialling


def peer_count() -> int:
    gc.collect()
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


class Contexts:
    """TLS contexts of a test's choice."""

    def __init__(self, context: ssl.SSLContext | None = None, known: bool = True) -> None:
        self.context = context
        self.known = known

    def get(self, policy: TLSPolicy, protocols: tuple[str, ...], /) -> ssl.SSLContext | None:
        return (self.context or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)) if self.known else None

    def build(self, policy: TLSPolicy, protocols: tuple[str, ...], /) -> ssl.SSLContext:
        assert self.context is not None
        return self.context


def unresolved(host: str, port: int) -> Any:
    raise AssertionError("this host needs no resolver")


def dial(
    route: Route,
    resolve: Callable[[str, int], Any] = unresolved,
    contexts: Any = None,
    network: Any = None,
    timeout: Timeout | None = None,
    host: Any = None,
    session: Any = None,
) -> Any:
    dialer = Dialer(resolve, contexts or Contexts(), network)
    deadline = Deadline(timeout or Timeout(connect=5), False, monotonic())
    return run_inline(dialer.dial(host or InlineHost(), route, deadline, session))


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def port_of(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])


def closed_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return port_of(sock)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "a.localhost"])
def test_some_hosts_need_no_resolver(listener: socket.socket, host: str) -> None:
    link = dial(Route("http", host, port_of(listener)))
    sock = link.socket

    assert sock.getpeername() == listener.getsockname()
    assert sock.gettimeout() == 0
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    link.close()


def test_no_limit_of_time_is_needed(listener: socket.socket) -> None:
    dial(Route("http", "127.0.0.1", port_of(listener)), timeout=Timeout.of(None)).close()


def test_an_address_of_the_sixth_version_needs_no_resolver() -> None:
    try:
        server = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("no IPv6 on the loopback")
    with server:
        dial(Route("http", "::1", port_of(server))).close()


def test_what_only_looks_like_an_address_is_resolved() -> None:
    with pytest.raises(ResolveError, match="no address"):
        dial(Route("http", "::nonsense", 80), resolve=lambda host, port: [])


def test_a_name_is_resolved_in_time(listener: socket.socket) -> None:
    asked: list[Any] = []

    def resolve(host: str, port: int) -> Any:
        asked.append((host, port))
        return [(socket.AF_INET, ("127.0.0.1", port))]

    dial(Route("http", "name", port_of(listener)), resolve=resolve).close()

    assert asked == [("name", port_of(listener))]


@pytest.mark.parametrize(
    ("raised", "kind", "text"),
    [
        (socket.gaierror(socket.EAI_NONAME, "not known"), ResolveError, "name:80: not known"),
        (OSError("odd"), ResolveError, "name:80: odd"),
        (ConnectError(phase="resolve", detail="refused by policy"), ConnectError, "refused by policy"),
    ],
)
def test_what_a_resolver_raises(raised: Exception, kind: type[HTTPError], text: str) -> None:
    def resolve(host: str, port: int) -> Any:
        raise raised

    with pytest.raises(kind, match=text):
        dial(Route("http", "name", 80), resolve=resolve)


class Late(InlineHost):
    """A host on which every call and every pull comes too late."""

    async def call(self, function: Any, /, *args: Any, deadline: float = FOREVER) -> Any:
        raise Interrupted

    async def pull(self, awaitable: Any, until: Any, /) -> Any:
        awaitable.close()
        raise Interrupted


def test_a_resolver_may_be_too_late() -> None:
    with pytest.raises(ConnectTimeout, match="name resolution"):
        dial(Route("http", "name", 80), host=Late())


def test_roots_may_be_read_too_late(listener: socket.socket) -> None:
    route = Route("https", "127.0.0.1", port_of(listener), tls=TLSPolicy())
    with pytest.raises(ConnectTimeout, match="root certificates"):
        dial(route, host=Late(), contexts=Contexts(known=False))


def test_a_port_where_nobody_listens() -> None:
    port = closed_port()
    with pytest.raises(ConnectError, match=r"localhost:\d+: 127\.0\.0\.1: .*refused") as caught:
        dial(Route("http", "localhost", port))

    assert caught.value.retryable
    assert isinstance(caught.value.__cause__, OSError)


def test_a_unix_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        dial(Route("http", "a", 80, uds=path)).close()
    with pytest.raises(ConnectError, match=path):
        dial(Route("http", "a", 80, uds=path + "x"))


def test_what_the_route_says_of_the_socket_is_done(listener: socket.socket) -> None:
    options = ((socket.SOL_SOCKET, socket.SO_SNDBUF, 10000),)
    route = Route("http", "127.0.0.1", port_of(listener), local_address=("127.0.0.1", 0), socket_options=options)
    link = dial(route)

    assert link.socket.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == 20000
    link.close()


def test_options_that_a_system_lacks_are_left_out(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(module.socket, "TCP_KEEPIDLE", raising=False)
    dial(Route("http", "127.0.0.1", port_of(listener))).close()


def test_an_option_that_is_refused_is_an_error() -> None:
    with pytest.raises(ConnectError):
        dial(Route("http", "127.0.0.1", 80, socket_options=((socket.SOL_SOCKET, 9999, 1),)))


def test_proxies_are_refused() -> None:
    with pytest.raises(ConnectError, match="proxies"):
        dial(Route("http", "a", 80, proxies=(ProxyHop("http", "p", 80),)))


class Unmoving(InlineHost):
    """A host whose time is up before anything happens."""

    async def wait(self, waiter: Any, /) -> None:
        waiter.expire(1e12)


def test_connecting_may_take_too_long(listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = count(10**9, 10**9)
    monkeypatch.setattr(module, "monotonic", lambda: float(next(clock)))
    before = peer_count()
    with pytest.raises(ConnectTimeout, match="127"):
        dial(Route("http", "127.0.0.1", port_of(listener)), host=Unmoving())

    assert peer_count() <= before


class Striking(InlineHost):
    """An exception comes from outside while something is waited for, after so many waits."""

    __slots__ = ("waits",)

    def __init__(self, waits: int = 0) -> None:
        self.waits = waits

    async def wait(self, waiter: Any, /) -> None:
        self.waits -= 1
        if self.waits < 0:
            raise KeyboardInterrupt
        await super().wait(waiter)


def test_an_exception_while_connecting_leaves_nothing_open(listener: socket.socket) -> None:
    before = peer_count()
    with pytest.raises(KeyboardInterrupt):
        dial(Route("http", "127.0.0.1", port_of(listener)), host=Striking())

    assert peer_count() == before


def test_an_exception_after_the_race_is_won_leaves_nothing_open(listener: socket.socket) -> None:
    class After(InlineHost):
        async def wait(self, waiter: Any, /) -> None:
            await super().wait(waiter)
            raise KeyboardInterrupt

    before = peer_count()
    with pytest.raises(KeyboardInterrupt):
        dial(Route("http", "127.0.0.1", port_of(listener)), host=After())

    assert peer_count() == before


def test_what_is_unforeseen_in_a_race_is_raised(listener: socket.socket) -> None:
    class Failing(InlineHost):
        async def wait(self, waiter: Any, /) -> None:
            waiter.fail(ZeroDivisionError())

    before = peer_count()
    with pytest.raises(ZeroDivisionError):
        dial(Route("http", "127.0.0.1", port_of(listener)), host=Failing())

    assert peer_count() == before


# Networks


class Network:
    def __init__(self, made: Any) -> None:
        self.made = made

    def connect(self, route: Route, deadline: float, /) -> Any:
        if isinstance(self.made, Exception):
            raise self.made
        return self.made


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        yield ours, theirs


def test_a_network_connects(pair: tuple[socket.socket, socket.socket]) -> None:
    link = SocketLink(pair[0])

    assert dial(Route("http", "a", 80), network=Network(link)) is link


def test_a_network_may_be_asynchronous(pair: tuple[socket.socket, socket.socket]) -> None:
    link = SocketLink(pair[0])

    async def connect() -> SocketLink:
        return link

    assert dial(Route("http", "a", 80), network=Network(connect())) is link
    with pytest.raises(ConnectTimeout):
        dial(Route("http", "a", 80), network=Network(connect()), host=Late())


@pytest.mark.parametrize(
    ("raised", "kind", "text"),
    [
        (socket.gaierror(socket.EAI_NONAME, "not known"), ResolveError, "a:80: not known"),
        (OSError(), ConnectError, "a:80"),
        (InvalidRequest(detail="not here"), InvalidRequest, "not here"),
    ],
)
def test_what_a_network_raises(raised: Exception, kind: type[HTTPError], text: str) -> None:
    with pytest.raises(kind, match=text):
        dial(Route("http", "a", 80), network=Network(raised))


def test_the_host_s_own_network_gets_addresses(pair: tuple[socket.socket, socket.socket]) -> None:
    link = SocketLink(pair[0])

    class Opening:
        def open(self, addresses: Any, route: Route) -> SocketLink:
            assert addresses == [(socket.AF_INET, ("127.0.0.1", 80))]
            return link

    class Host(InlineHost):
        network = Opening()

    assert dial(Route("http", "127.0.0.1", 80), host=Host()) is link


def test_what_is_encrypted_is_not_encrypted_again(pair: tuple[socket.socket, socket.socket]) -> None:
    class Encrypted(SocketLink):
        encrypted = True

    link = Encrypted(pair[0])

    assert dial(Route("https", "a", 443, tls=TLSPolicy()), network=Network(link)) is link


# TLS


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    return context


@pytest.fixture
def secure(authority: trustme.CA) -> Iterator[Callable[[], int]]:
    """Start a server for one handshake; gives its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    started: list[tuple[socket.socket, threading.Thread]] = []

    def serve(listener: socket.socket) -> None:
        with suppress(OSError):
            sock, _ = listener.accept()
            with sock, suppress(OSError), context.wrap_socket(sock, server_side=True) as wrapped:
                wrapped.recv(1)

    def start() -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        thread = threading.Thread(target=serve, args=(listener,))
        started.append((listener, thread))
        thread.start()
        return port_of(listener)

    yield start
    for listener, thread in started:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


@pytest.mark.parametrize("known", [True, False])
def test_a_link_is_encrypted(secure: Callable[[], int], trusting: ssl.SSLContext, known: bool) -> None:
    link = dial(Route("https", "localhost", secure(), tls=TLSPolicy()), contexts=Contexts(trusting, known))

    assert isinstance(link, TLSLink)
    assert link.info()["version"].startswith("TLS")
    link.close()


def test_another_name_may_be_asked_for(secure: Callable[[], int], trusting: ssl.SSLContext) -> None:
    policy = TLSPolicy(server_hostname="localhost.")
    dial(Route("https", "127.0.0.1", secure(), tls=policy), contexts=Contexts(trusting)).close()


def test_a_name_that_is_not_in_the_certificate(secure: Callable[[], int], trusting: ssl.SSLContext) -> None:
    before = peer_count()
    port = secure()
    policy = TLSPolicy(verify="/ca.pem", server_hostname="example.org")
    with pytest.raises(CertificateError, match=r"example\.org.*roots of /ca\.pem") as caught:
        dial(Route("https", "127.0.0.1", port, tls=policy), contexts=Contexts(trusting))

    assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
    del caught
    assert peer_count() <= before + 2  # the server's


def test_a_stranger_s_certificate(secure: Callable[[], int]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with pytest.raises(CertificateError, match="the system's roots"):
        dial(Route("https", "127.0.0.1", secure(), tls=TLSPolicy()), contexts=Contexts(context))


def test_a_peer_that_does_not_speak_tls(listener: socket.socket, trusting: ssl.SSLContext) -> None:
    def speak() -> None:
        sock, _ = listener.accept()
        with sock:
            sock.recv(100)
            sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    thread = threading.Thread(target=speak)
    thread.start()
    with pytest.raises(TLSError, match="127"):
        dial(Route("https", "127.0.0.1", port_of(listener), tls=TLSPolicy()), contexts=Contexts(trusting))
    thread.join(10)


def test_a_name_that_cannot_be_asked_for(listener: socket.socket, trusting: ssl.SSLContext) -> None:
    policy = TLSPolicy(server_hostname=".a")
    with pytest.raises(TLSError):
        dial(Route("https", "127.0.0.1", port_of(listener), tls=policy), contexts=Contexts(trusting))


def test_a_handshake_may_take_too_long(listener: socket.socket, trusting: ssl.SSLContext) -> None:
    route = Route("https", "127.0.0.1", port_of(listener), tls=TLSPolicy())
    with pytest.raises(ConnectTimeout, match="TLS handshake"):
        dial(route, contexts=Contexts(trusting), timeout=Timeout(connect=0.02))


def test_a_handshake_may_have_no_limit(secure: Callable[[], int], trusting: ssl.SSLContext) -> None:
    route = Route("https", "localhost", secure(), tls=TLSPolicy())
    dial(route, contexts=Contexts(trusting), timeout=Timeout.of(None)).close()


def test_an_exception_in_a_handshake_leaves_nothing_open(listener: socket.socket, trusting: ssl.SSLContext) -> None:
    before = peer_count()
    route = Route("https", "127.0.0.1", port_of(listener), tls=TLSPolicy())
    with pytest.raises(KeyboardInterrupt):
        dial(route, contexts=Contexts(trusting), host=Striking(waits=1))

    assert peer_count() == before


def test_what_is_unforeseen_in_a_handshake_is_raised(listener: socket.socket, trusting: ssl.SSLContext) -> None:
    class Failing(InlineHost):
        async def wait(self, waiter: Any, /) -> None:
            if isinstance(waiter, Handshake):
                waiter.fail(ZeroDivisionError())
            await super().wait(waiter)

    with pytest.raises(ZeroDivisionError):
        dial(
            Route("https", "127.0.0.1", port_of(listener), tls=TLSPolicy()),
            contexts=Contexts(trusting),
            host=Failing(),
        )


class FakeTLS:
    """A TLS link that goes through a handshake as a test says."""

    def __init__(self, fd: int, *steps: Any) -> None:
        self.fd = fd
        self.steps = list(steps)
        self.wants_write = False
        self.heard: list[Any] = []

    def shake(self) -> None:
        step = self.steps.pop(0)
        self.wants_write = step == "write"
        if step == "done":
            return
        if isinstance(step, Exception):
            raise step
        raise BlockingIOError

    def fileno(self) -> int:
        return self.fd

    def listen(self, wake: Any) -> None:
        self.heard.append(wake)


class Recorder(FakeReactor):
    def __init__(self) -> None:
        super().__init__()
        self.told: list[Any] = []

    def register(self, entry: Any, interest: int) -> None:
        self.told.append(("register", interest))

    def modify(self, entry: Any, interest: int) -> None:
        self.told.append(("modify", interest))

    def unregister(self, entry: Any) -> None:
        self.told.append("unregister")

    def hear(self, entry: Any, link: Any) -> None:
        self.told.append("hear")


def test_a_handshake_says_what_it_waits_for() -> None:
    reactor = Recorder()
    handshake = Handshake(reactor, FakeTLS(5, "read", "read", "write", "done"), 7.0)  # type: ignore[arg-type]
    handshake.start()
    assert reactor.armed == [7.0]
    for _ in range(3):
        handshake.ready(READ, 1.0)

    assert reactor.told == [("register", READ), ("modify", READ | WRITE), "unregister"]
    assert handshake.done
    assert handshake.agreed
    assert handshake.fileno() == 5


def test_a_handshake_without_a_descriptor_is_heard() -> None:
    reactor = Recorder()
    link = FakeTLS(-1, "read", "write", ValueError("no"))
    handshake = Handshake(reactor, link, FOREVER)  # type: ignore[arg-type]
    handshake.start()
    handshake.ready(READ, 1.0)
    handshake.ready(READ, 1.0)

    assert reactor.told == ["hear"]
    assert reactor.armed == []
    assert link.heard == [None]
    assert isinstance(handshake.error, ValueError)
    assert not handshake.agreed


def test_a_link_that_breaks_in_a_handshake() -> None:
    error = module._refusal(OSError(), "a", TLSPolicy())

    assert isinstance(error, TLSError)
    assert "OSError" in str(error)


# Under a loop


def test_a_loop_s_reactor_runs_the_race(listener: socket.socket) -> None:
    async def main() -> None:
        host = current_host(asyncio.get_running_loop())
        dialer = Dialer(unresolved, Contexts())
        deadline = Deadline(Timeout(connect=5), False, monotonic())
        link = await dialer.dial(host, Route("http", "127.0.0.1", port_of(listener)), deadline)
        assert isinstance(host.reactor, Reactor)
        link.close()

    asyncio.run(main())


def test_an_attempt_may_be_dropped_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    racing = Racing(monkeypatch, PENDING)
    attempt = racing.attempt(0)
    racing.race.cancel()
    racing.race.lost(attempt, OSError(), 1.0)

    assert racing.race.done


def test_a_handshake_may_be_done_at_once(
    pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    link = FakeTLS(-1, "done")
    monkeypatch.setattr(module, "TLSLink", lambda *given: link)
    route = Route("https", "a", 443, tls=TLSPolicy())

    assert dial(route, network=Network(SocketLink(pair[0])), contexts=Contexts(known=True), timeout=Timeout()) is link
