"""Dialling: what is connected to, what is laid over it, what is said of failures and left of them."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import ssl
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any
from weakref import ref

import pytest
import trustme

from courser.core import dial as module
from courser.core.deadline import Deadline
from courser.core.dial import Challenged, Dial, Dialer, Unreached
from courser.core.handshake import Handshake
from courser.core.link import SocketLink, TLSLink
from courser.core.race import Race
from courser.core.reactor import Reactor
from courser.core.route import ProxyHop, Route, TLSPolicy
from courser.core.waiter import FOREVER, Interrupted
from courser.errors import (
    CertificateError,
    ConnectError,
    ConnectTimeout,
    HTTPError,
    InvalidRequest,
    InvalidURL,
    ProxyError,
    ResolveError,
)
from courser.hosts.aio import current_host
from courser.hosts.inline import InlineHost, run_inline
from courser.settings import Timeout


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
        raise AssertionError("known")

    def check(self, policy: TLSPolicy, name: str, certificate: bytes | None, /) -> None:
        raise AssertionError("no fingerprints")

    def refusal(self, policy: TLSPolicy, name: str, error: Any, certificate: bytes | None, /) -> CertificateError:
        return CertificateError(detail=name)


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


# Proxies; what is laid over the link to them is the business of `through`


def test_the_first_proxy_is_what_is_connected_to(listener: socket.socket) -> None:
    port = port_of(listener)
    asked: list[Any] = []

    def resolve(host: str, number: int) -> Any:
        asked.append(host)
        return [(socket.AF_INET, ("127.0.0.1", port))]

    route = Route("http", "a.example", 80, proxies=(ProxyHop("http", "p.example", 3128),))
    link = dial(route, resolve=resolve)

    assert link.socket.getpeername() == listener.getsockname()
    assert asked == ["p.example"]
    link.close()


def test_a_proxy_may_be_behind_a_unix_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        link = dial(Route("http", "a", 80, uds=path, proxies=(ProxyHop("http", "p", 3128),)))
        assert link.socket.getpeername() == path
        link.close()


def test_a_proxy_that_cannot_be_reached_has_failed() -> None:
    port = closed_port()
    route = Route("http", "::2", 80, proxies=(ProxyHop("http", "127.0.0.1", port),))

    with pytest.raises(ProxyError, match=rf"\[::2\]:80 through http://127\.0\.0\.1:{port}: 127\.0\.0\.1: ") as caught:
        dial(route)
    assert (caught.value.phase, caught.value.retryable) == ("connect", True)
    assert isinstance(caught.value.__cause__, OSError)


def test_a_proxy_whose_name_is_unknown_is_named() -> None:
    def fails(host: str, port: int) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    route = Route("http", "a", 80, proxies=(ProxyHop("http", "p.example", 80),))
    with pytest.raises(ResolveError, match=r"a:80 through http://p\.example:80: p\.example: Name or service"):
        dial(route, resolve=fails)
    with pytest.raises(ResolveError, match=r"p\.example: the name has no address"):
        dial(route, resolve=lambda host, port: [])


def test_a_network_connects_to_the_first_proxy() -> None:
    ours, theirs = socket.socketpair()
    seen: list[Route] = []

    class Network:
        def connect(self, route: Route, deadline: float) -> SocketLink:
            seen.append(route)
            return SocketLink(ours)

    route = Route("http", "a", 80, proxies=(ProxyHop("http", "p.example", 80),))
    with theirs:
        dial(route, network=Network()).close()
    assert seen == [route]


class Asking:
    """A layer that is challenged so many times."""

    phase = "proxy"
    label = "http://proxy.example:3128"

    phase = "proxy"
    label = "p"

    def __init__(self, times: int) -> None:
        self.times = times
        self.dials = 0

    async def over(self, link: Any, dial: Dial) -> Any:
        self.dials += 1
        if self.dials <= self.times:
            raise Challenged(ProxyError(detail="who?"))
        return link


@pytest.mark.parametrize(
    ("hops", "times", "met"), [(1, 0, True), (1, 1, True), (1, 2, False), (3, 3, True), (3, 4, False)]
)
def test_each_proxy_may_ask_once_who_we_are(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch, hops: int, times: int, met: bool
) -> None:
    layer = Asking(times)
    monkeypatch.setattr(Dial, "_layers", lambda dial, session: [layer])
    route = Route("http", "a", 80, proxies=(ProxyHop("http", "127.0.0.1", port_of(listener)),) * hops)
    before = peer_count()

    if met:
        dial(route).close()
        assert layer.dials == times + 1
    else:
        with pytest.raises(ProxyError, match="who"):
            dial(route)
        assert layer.dials == hops + 1
    assert peer_count() <= before


def test_a_layer_with_another_address_is_asked_again_on_another_connection(
    listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = Asking(0)
    tries = iter([Unreached(), Challenged(ProxyError(detail="who?")), Unreached(), None])

    async def over(link: Any, dial: Dial) -> Any:
        error = next(tries)
        if error is not None:
            raise error
        return link

    layer.over = over  # type: ignore[method-assign]
    monkeypatch.setattr(Dial, "_layers", lambda dial, session: [layer])
    before = peer_count()
    dial(Route("http", "a", 80, proxies=(ProxyHop("socks5", "127.0.0.1", port_of(listener)),))).close()

    assert next(tries, "no more") == "no more"
    assert peer_count() <= before


def test_a_dialer_answers_challenges_in_one_place() -> None:
    dialer = Dialer(unresolved, Contexts())
    made = Dial(dialer, InlineHost(), Route("http", "a", 80), Deadline(Timeout(), False, 0.0))

    assert made.digests is dialer.digests
    assert dialer.digests is dialer.digests


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


# Layers


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    return context


@pytest.fixture
def may_speak() -> threading.Event:
    """What the server waits for before it takes part in the handshake."""
    event = threading.Event()
    event.set()
    return event


@pytest.fixture
def secure(authority: trustme.CA, may_speak: threading.Event) -> Iterator[int]:
    """The port of a server for one handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            sock, _ = listener.accept()
            may_speak.wait(10)
            with sock, suppress(OSError), context.wrap_socket(sock, server_side=True) as wrapped:
                wrapped.recv(1)

    thread = threading.Thread(target=serve)
    thread.start()
    yield port_of(listener)
    with suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(10)


def test_encryption_is_laid_over_the_first_hop(secure: int, trusting: ssl.SSLContext) -> None:
    link = dial(Route("https", "localhost", secure, tls=TLSPolicy()), contexts=Contexts(trusting))

    assert isinstance(link, TLSLink)
    assert link.info()["peer"] == ("127.0.0.1", secure)
    link.close()


def test_a_layer_that_cannot_be_laid_closes_what_is_below(secure: int) -> None:
    with pytest.raises(CertificateError, match="localhost"):
        dial(Route("https", "localhost", secure, tls=TLSPolicy()))


def test_a_handshake_may_take_too_long(listener: socket.socket) -> None:
    route = Route("https", "127.0.0.1", port_of(listener), tls=TLSPolicy())
    before = peer_count()
    with pytest.raises(ConnectTimeout, match=r"127\.0\.0\.1:\d+ \(TLS handshake\)"):
        dial(route, timeout=Timeout(connect=0.02))

    assert peer_count() == before


def test_an_exception_in_a_handshake_leaves_nothing_open(listener: socket.socket) -> None:
    before = peer_count()
    route = Route("https", "127.0.0.1", port_of(listener), tls=TLSPolicy())
    with pytest.raises(KeyboardInterrupt):
        dial(route, host=Striking(waits=1))

    assert peer_count() == before


@pytest.mark.parametrize(
    ("host", "name", "kind"), [("a", "a\0b", InvalidRequest), ("a", ".a", InvalidRequest), ("a..b", None, InvalidURL)]
)
def test_a_name_that_cannot_be_asked_for_is_refused_before_anything_is_sent(
    host: str, name: str | None, kind: type[HTTPError]
) -> None:
    class Untouched:
        def connect(self, route: Route, deadline: float, /) -> Any:
            raise AssertionError("connected")

    with pytest.raises(kind):
        dial(Route("https", host, 443, tls=TLSPolicy(server_hostname=name)), network=Untouched())


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


# What errors hold


def test_an_error_does_not_hold_what_its_traceback_leads_to(listener: socket.socket) -> None:
    class Failing(InlineHost):
        async def wait(self, waiter: Any, /) -> None:
            try:
                raise ZeroDivisionError
            except ZeroDivisionError as error:
                waiter.fail(error)

    host = Failing()
    gone = ref(host)
    gc.disable()
    try:
        with pytest.raises(ZeroDivisionError):
            dial(Route("http", "127.0.0.1", port_of(listener)), host=host)
        del host
        assert gone() is None
    finally:
        gc.enable()


# After a fork


def in_child(work: Callable[[], bool]) -> bool:
    """What something is in a forked process."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forking with threads, from Python 3.12 on
        pid = os.fork()
    if pid == 0:
        os._exit(0 if work() else 1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


class Forking(InlineHost):
    """Forks each time that something is waited for, and looks which sockets the child has."""

    def __init__(self, port: int, may_speak: threading.Event) -> None:
        self.port = port
        self.may_speak = may_speak
        self.forgot: list[tuple[type, bool]] = []

    async def wait(self, waiter: Any, /) -> None:
        assert sockets_to(self.port) == 1
        self.forgot.append((type(waiter), in_child(lambda: sockets_to(self.port) == 0)))
        if type(waiter) is Handshake:
            self.may_speak.set()
        await super().wait(waiter)


def sockets_to(port: int) -> int:
    """How many sockets of this process are, or are being, connected to a port of the loopback by a client."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    inodes = {each.split()[9] for each in lines if each.split()[2] == f"0100007F:{port:04X}"}
    found = 0
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            found += os.readlink(f"/proc/self/fd/{name}")[8:-1] in inodes
    return found


@pytest.mark.skipif(not os.path.isfile("/proc/net/tcp"), reason="finds sockets by /proc")
def test_a_forked_child_has_no_socket_of_a_dial_under_way(
    secure: int, trusting: ssl.SSLContext, may_speak: threading.Event
) -> None:
    """Neither while it is racing nor in the handshake; and the parent goes on as if nothing had happened."""
    may_speak.clear()
    host = Forking(secure, may_speak)
    link = dial(Route("https", "localhost", secure, tls=TLSPolicy()), contexts=Contexts(trusting), host=host)
    version = link.info()["version"]
    link.close()

    assert host.forgot == [(Race, True), (Handshake, True)]
    assert version.startswith("TLS")


class Numbered:
    """A link with a descriptor of a test's choice."""

    encrypted = False

    def __init__(self, number: int) -> None:
        self.number = number
        self.closed = False

    def fileno(self) -> int:
        return self.number

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize("number", [5, -1])
def test_a_forked_child_leaves_a_link_without_a_descriptor_to_its_loop(number: int) -> None:
    link, closed = Numbered(number), []

    class Forgetting(InlineHost):
        async def call(self, function: Any, /, *args: Any, deadline: float = FOREVER) -> Any:
            made.forget()
            closed.append(link.closed)
            raise Interrupted

    dialer = Dialer(unresolved, Contexts(known=False), Network(link))
    deadline = Deadline(Timeout(connect=5), False, monotonic())
    made = Dial(dialer, Forgetting(), Route("https", "a", 443, tls=TLSPolicy()), deadline)
    made.forget()
    with pytest.raises(ConnectTimeout, match="root certificates"):
        run_inline(made.link(None))

    assert closed == [number == 5]


@pytest.mark.parametrize(("phase", "noted"), [("tls", False), ("proxy", True)])
def test_a_layer_that_was_not_needed_took_no_time(
    pair: tuple[socket.socket, socket.socket], phase: str, noted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = Asking(0)
    layer.phase = phase
    monkeypatch.setattr(Dial, "_layers", lambda self, session: [layer])
    deadline = Deadline(Timeout(), False, monotonic())
    contexts: Any = None
    dialer = Dialer(lambda host, port: [], contexts, Network(SocketLink(pair[0])))

    run_inline(dialer.dial(InlineHost(), Route("http", "a", 80), deadline))

    assert deadline.opening is not None
    assert list(deadline.opening) == ["connect", *([phase] if noted else [])]
