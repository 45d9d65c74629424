"""Connecting: sockets of every kind, dead addresses, names that do not resolve."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from authority import Authority
from faultserver import FaultServer, answering, echo, reply
from worlds import World

import courser
from courser.core.link import SocketLink

Serve = Callable[..., FaultServer]

FINE = reply(b"fine")


def own_sockets(world: World) -> None:
    if world.name == "asyncio-transports":
        pytest.skip("the transports driver connects with the loop's own means")


@pytest.fixture
def full() -> Iterator[tuple[str, int]]:
    """An address that takes a connection no more than it refuses it: its backlog is full."""
    listener = socket.socket()
    listener.bind(("127.0.0.2", 0))
    listener.listen(0)
    address = listener.getsockname()
    fillers = []
    for _ in range(3):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(address)
        fillers.append(filler)
    yield address
    for each in (*fillers, listener):
        each.close()


def closed_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.2", 0))
        return sock.getsockname()[1]


async def test_unix_sockets(world: World, serve: Serve, tmp_path: Path) -> None:
    server = serve(answering(FINE), host=str(tmp_path / "socket"))
    client = world.client(uds=str(tmp_path / "socket"))

    for _ in range(2):
        assert (await client.get("http://any.example/p")).content == b"fine"

    assert server.requests[0].get("host") == "any.example"
    assert server.connections == 1


async def test_a_missing_unix_socket_is_named(world: World, tmp_path: Path) -> None:
    with pytest.raises(courser.ConnectError, match="nothing-here"):
        await world.client(uds=str(tmp_path / "nothing-here")).get("http://any.example/")


async def test_ipv6(world: World, serve: Serve) -> None:
    server = serve(answering(FINE), host="::1")
    client = world.client()

    assert (await client.get(server.url())).content == b"fine"
    assert server.requests[0].get("host") == f"[::1]:{server.port}"


async def test_localhost_needs_no_resolver(world: World, serve: Serve) -> None:
    own_sockets(world)
    server = serve(answering(FINE))

    def never(host: str, port: int) -> list[Any]:
        raise AssertionError(host)

    client = world.client(resolver=never)
    assert (await client.get(server.url(host="localhost"))).content == b"fine"
    assert (await client.get(server.url(host="a.b.localhost"))).content == b"fine"


async def test_a_refused_connection_says_where(world: World) -> None:
    port = closed_port()

    with pytest.raises(courser.ConnectError, match=f"127.0.0.2:{port}.*(?i:refused|failed)") as caught:
        await world.client().get(f"http://127.0.0.2:{port}/p")

    error = caught.value
    assert type(error) is courser.ConnectError
    assert (error.phase, error.bytes_sent, error.retryable) == ("connect", 0, True)
    assert error.request.url.path == "/p"


async def test_every_address_that_failed_is_told(world: World) -> None:
    own_sockets(world)
    port = closed_port()
    addresses = [(socket.AF_INET, ("127.0.0.2", port)), (socket.AF_INET, ("127.0.0.3", port))]

    with pytest.raises(courser.ConnectError, match=r"127\.0\.0\.2.*127\.0\.0\.3"):
        await world.client(resolver=lambda host, port: addresses).get("http://host.example/")


async def test_a_dead_first_address_costs_nothing(world: World, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("courser.core.race.HEAD_START", 3600.0)
    own_sockets(world)
    server = serve(answering(FINE))
    addresses = [
        (socket.AF_INET6, ("::1", closed_port(), 0, 0)),
        (socket.AF_INET, ("127.0.0.1", server.port)),
    ]
    client = world.client(resolver=lambda host, port: addresses)

    assert (await client.get("http://host.example/")).content == b"fine"


async def test_a_silent_first_address_costs_a_quarter_of_a_second(
    world: World, serve: Serve, full: tuple[str, int]
) -> None:
    own_sockets(world)
    server = serve(answering(FINE))
    addresses = [(socket.AF_INET, full), (socket.AF_INET, ("127.0.0.1", server.port))]
    client = world.client(resolver=lambda host, port: addresses)
    start = monotonic()

    assert (await client.get("http://host.example/")).content == b"fine"
    assert monotonic() - start > 0.2
    assert client.stats() == {"connections": 1, "idle": 1}


@pytest.mark.parametrize(
    ("timeout", "kind"),
    [
        (courser.Timeout(connect=0.08), courser.ConnectTimeout),
        (courser.Timeout(total=0.08), courser.DeadlineExceeded),
        (0.08, courser.ConnectTimeout),
    ],
    ids=["connect", "total", "plain"],
)
async def test_connecting_has_a_limit(
    world: World, full: tuple[str, int], timeout: Any, kind: type[courser.HTTPError]
) -> None:
    client = world.client()
    start = monotonic()

    with pytest.raises(courser.RequestTimeout) as caught:
        await client.get(f"http://{full[0]}:{full[1]}/", timeout=timeout)

    assert type(caught.value) is kind
    assert caught.value.phase == "connect"
    assert str(full[1]) in str(caught.value)
    assert monotonic() - start > 0.07
    assert world.left_by(client) == 0


async def test_a_name_that_does_not_resolve(world: World) -> None:
    own_sockets(world)

    def fails(host: str, port: int) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.raises(courser.ResolveError, match=r"nowhere\.example:80.*not known") as caught:
        await world.client(resolver=fails).get("http://nowhere.example/")
    assert caught.value.phase == "resolve"
    with pytest.raises(courser.ResolveError, match="no address"):
        await world.client(resolver=lambda host, port: []).get("http://nowhere.example/")


async def test_resolving_has_a_limit(world: World) -> None:
    own_sockets(world)
    import threading

    ended = threading.Event()

    def slow(host: str, port: int) -> list[Any]:
        ended.wait(5)
        return []

    client = world.client(resolver=slow)
    with pytest.raises(courser.ConnectTimeout, match="name resolution"):
        await client.get("http://slow.example/", timeout=courser.Timeout(connect=0.05))
    ended.set()
    assert world.left_by(client) == 0


@pytest.mark.only_http1("the script looks at its own socket")
async def test_the_local_address_and_socket_options(world: World, serve: Serve) -> None:
    seen: list[Any] = []

    def script(peer: Any) -> None:
        seen.append(peer.socket.getpeername()[0])
        answering(FINE)(peer)

    server = serve(script)
    client = world.client(local_address="127.0.0.5", socket_options=[(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)])

    await client.get(server.url())

    assert seen == ["127.0.0.5"]


@pytest.mark.only_http1("the test serves HTTP/1.1 over a socket of its own")
async def test_a_network_of_ones_own(world: World) -> None:
    import threading

    ours, theirs = socket.socketpair()
    ours.setblocking(False)

    class Wire:
        """The least that a link has to be."""

        encrypted = False
        alpn = None
        again_above = 10**9
        send_most = 2**20
        wants_write = False

        def __init__(self) -> None:
            self.receive, self.send = ours.recv, ours.send
            self.fileno, self.close = ours.fileno, ours.close

        def attach(self, poller: Any) -> None: ...
        def flush(self) -> None: ...
        def listen(self, wake: Any) -> None: ...
        def want(self, interest: int) -> None: ...
        def info(self) -> dict[str, Any]:
            return {}

    class Network:
        def connect(self, route: Any, deadline: float) -> Any:
            assert (route.host, route.port) == ("inside.example", 80)
            return Wire()

    def serve_pair() -> None:
        assert theirs.recv(65536).startswith(b"GET /p HTTP/1.1")
        theirs.sendall(FINE)

    thread = threading.Thread(target=serve_pair)
    thread.start()
    try:
        assert (await world.client(network=Network()).get("http://inside.example/p")).content == b"fine"
    finally:
        thread.join(2)
        theirs.close()


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "TLS"])
async def test_a_network_of_sockets_works_wherever_a_loop_watches_them(
    world: World, serve: Serve, authority: Authority, encrypted: bool
) -> None:
    server = serve(answering(echo), tls=authority.good if encrypted else None)
    body = b"x" * 3_000_000

    class Network:
        def connect(self, route: Any, deadline: float) -> SocketLink:
            sock = socket.create_connection((server.host, server.port))
            sock.setblocking(False)
            return SocketLink(sock)

    client = world.client(network=Network(), verify=authority.roots)

    for content in (b"small", body, [body]):
        whole = body if isinstance(content, list) else content
        assert (await client.post(server.url(), content=content)).content == whole

    assert server.connections == 1
    assert client.stats() == {"connections": 1, "idle": 1}
