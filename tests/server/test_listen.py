"""A server as its users start it: at ports and paths, plain and encrypted, in a thread and in the test's own."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from authority import Authority

import courser
from courser.core.reactor import READ, Reactor
from courser.core.waiter import FOREVER
from courser.server import Reply, Server, ServerRequest
from courser.server.listen import ACCEPT_MOST, Listener


def echo(request: ServerRequest) -> Reply:
    return Reply.text(f"{request.method} {request.target} {request.body.decode()}")


@pytest.fixture
def here() -> Iterator[Callable[..., Server]]:
    """Makes servers that the test turns itself."""
    made: list[Server] = []

    def make(handler: Any = echo, **options: Any) -> Server:
        made.append(Server(handler, **options))
        return made[-1]

    yield make
    for server in made:
        server.close()


def dial(server: Server) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", server.port))
    sock.setblocking(False)
    return sock


def turned(server: Server, done: Callable[[], Any]) -> Any:
    """Turn a server until something is there."""
    while not (found := done()):
        server.reactor.turn(None)
    return found


def received(sock: socket.socket) -> bytes:
    try:
        return sock.recv(65536)
    except BlockingIOError:
        return b""


def has_ended(sock: socket.socket) -> bool:
    try:
        return sock.recv(65536) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


def test_a_server_serves_while_it_is_used() -> None:
    with Server(echo) as server, courser.Client() as client:
        first = client.get(server.url + "a?b=c")
        second = client.post(server.url, content=b"body")

        assert (first.text, second.text) == ("GET /a?b=c ", "POST / body")
        assert server.url == f"http://127.0.0.1:{server.port}/"
        assert repr(server) == f"<Server {server.url} 1 connections>"

    with courser.Client() as client, pytest.raises(courser.ConnectError):
        client.get(server.url)


def test_the_errors_of_a_handler_are_kept() -> None:
    def handler(request: ServerRequest) -> Reply:
        raise LookupError("x")

    with Server(handler) as server:
        assert courser.get(server.url).status_code == 500
        assert [str(error) for error in server.errors] == ["x"]


def test_a_body_may_be_limited_or_sunk() -> None:
    seen: list[bytes] = []
    with Server(echo, max_body=1) as server:
        assert courser.put(server.url, content=b"ab").status_code == 413
    with Server(echo, max_body=1, sink=lambda request: seen.append) as server:
        assert courser.put(server.url, content=b"ab").status_code == 200
    assert seen == [b"ab"]


def test_a_server_listens_at_an_ipv6_address(here: Callable[..., Server]) -> None:
    try:
        server = here(host="::1")
    except OSError:
        pytest.skip("there is no IPv6 here")

    assert server.url == f"http://[::1]:{server.port}/"


def test_a_server_listens_at_a_path_and_removes_it(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with Server(echo, uds=str(path)) as server, courser.Client(uds=str(path)) as client:
        assert (server.url, server.port) == ("http://localhost/", 0)
        assert client.get("http://localhost/x").text == "GET /x "
        assert repr(server) == f"<Server {path} 1 connections>"

    assert not path.exists()


def test_an_address_that_is_taken_is_an_error(here: Callable[..., Server]) -> None:
    with pytest.raises(OSError, match="in use"):
        Server(echo, port=here().port)


def test_a_server_can_be_turned_by_the_thread_that_made_it(here: Callable[..., Server]) -> None:
    server = here()
    with dial(server) as sock:
        sock.send(b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n")

        assert turned(server, lambda: received(sock)).endswith(b"\r\n\r\nGET /x ")
        (connection,) = server.connections
        assert connection.deadline > monotonic()

        server.stop()
        server.run()
        assert received(sock) == b""
        assert not server.connections
    server.close()


def test_a_silent_client_is_given_up(here: Callable[..., Server]) -> None:
    server = here(timeout=1e-6)
    with dial(server) as sock:
        turned(server, lambda: server.connections)
        turned(server, lambda: not server.connections)

        sock.setblocking(True)
        assert sock.recv(1) == b""


@pytest.fixture
def tls(authority: Authority) -> ssl.SSLContext:
    """A context of the test's own, for a server says in it what it speaks."""
    return authority.fresh("127.0.0.1", "localhost")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_server_encrypts(authority: Authority, tls: ssl.SSLContext, host: str) -> None:
    with Server(echo, tls=tls) as server, courser.Client(verify=authority.roots) as client:
        assert server.url.startswith("https://127.0.0.1:")
        assert client.get(f"https://{host}:{server.port}/x").text == "GET /x "
        assert client.put(server.url, content=b"x" * 100_000).text == "PUT / " + "x" * 100_000
        assert len(server.connections) == (1 if host == "127.0.0.1" else 2)


def test_a_large_encrypted_answer_that_is_taken_slowly(authority: Authority, tls: ssl.SSLContext) -> None:
    size = 3_000_000
    pieces = [b"x" * 100_000] * 30
    with (
        Server(lambda request: Reply(pieces, headers={"Connection": "close"}), tls=tls) as server,
        courser.Client(verify=authority.roots) as client,
        client.stream("GET", server.url) as response,
    ):
        assert sum(len(piece) for piece in response.iter_bytes(1000)) == size


BOTH = ("h2", "http/1.1")


@pytest.mark.parametrize(
    ("served", "known", "spoken"),
    [
        (BOTH, BOTH, "HTTP/2"),
        (BOTH, BOTH[1:], "HTTP/1.1"),
        (BOTH[::-1], BOTH, "HTTP/1.1"),
        (BOTH[1:], BOTH, "HTTP/1.1"),
        (BOTH[:1], BOTH, "HTTP/2"),
        (BOTH[:1], BOTH[:1], "HTTP/2"),
    ],
)
def test_tls_agrees_on_a_protocol(
    authority: Authority, tls: ssl.SSLContext, served: Sequence[str], known: Sequence[str], spoken: str
) -> None:
    options: Any = {"http1": BOTH[1] in known, "http2": BOTH[0] in known, "verify": authority.roots}
    with (
        Server(lambda request: Reply.text(request.http_version), tls=tls, protocols=served) as server,
        courser.Client(**options) as client,
    ):
        response = client.get(server.url)
        assert (response.http_version, response.text) == (spoken, spoken)
        assert client.get(server.url).text == spoken


@pytest.mark.parametrize(("served", "known", "spoken"), [(BOTH, False, "HTTP/1.1"), (BOTH, True, "HTTP/2")])
def test_without_tls_a_client_has_to_know(served: Sequence[str], known: bool, spoken: str) -> None:
    with (
        Server(lambda request: Reply.text(request.http_version), protocols=served) as server,
        courser.Client(http1=not known, http2=known) as client,
    ):
        assert client.get(server.url).text == spoken
        assert len(server.connections) == 1


def test_a_server_of_http_2_alone_says_so_to_others(here: Callable[..., Server]) -> None:
    server = here(protocols=["h2"])
    with dial(server) as sock:
        assert turned(server, lambda: received(sock))[3] == 4

        sock.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert turned(server, lambda: received(sock))[3] == 7


@pytest.mark.parametrize("protocols", [(), ("h3",), ("h2", "http/1.0"), "h2"])
def test_other_protocols_are_an_error(protocols: Any) -> None:
    with pytest.raises(ValueError, match=r"'h2', 'http/1\.1' or both, not"):
        Server(echo, protocols=protocols)


def test_a_server_bounds_the_streams_of_a_connection() -> None:
    with (
        Server(echo, max_concurrent_streams=3, max_streams=1) as server,
        courser.Client(http1=False, http2=True) as client,
    ):
        assert [client.get(server.url).status_code for _ in range(3)] == [200] * 3
        assert (server._app.max_concurrent_streams, len(server.errors)) == (3, 0)


def test_what_is_no_handshake_costs_one_connection(tls: ssl.SSLContext, here: Callable[..., Server]) -> None:
    server = here(tls=tls)
    with dial(server) as sock:
        sock.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")

        turned(server, lambda: has_ended(sock))

        assert (server.connections, server._greetings) == (set(), set())


def greeting_of(server: Server) -> Any:
    turned(server, lambda: server._greetings)
    (greeting,) = server._greetings
    return greeting


def test_a_handshake_may_not_take_for_ever(tls: ssl.SSLContext, here: Callable[..., Server]) -> None:
    server = here(tls=tls)
    with dial(server) as sock:
        greeting = greeting_of(server)
        assert monotonic() < greeting.deadline < FOREVER

        greeting.expire(greeting.deadline)

        assert server._greetings == set()
        sock.setblocking(True)
        assert sock.recv(1) == b""


def test_a_server_that_closes_ends_handshakes_too(tls: ssl.SSLContext, here: Callable[..., Server]) -> None:
    server = here(tls=tls)
    with dial(server) as sock:
        greeting_of(server)

        server.close()

        sock.setblocking(True)
        assert sock.recv(1) == b""


def shaken(
    authority: Authority, server: Server, sock: socket.socket, more: bytes
) -> tuple[ssl.SSLObject, ssl.MemoryBIO]:
    """Shake hands, and send something in one piece with the client's last words."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context(cafile=authority.roots)
    client = context.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    while True:
        try:
            client.do_handshake()
            break
        except ssl.SSLWantReadError:
            sock.send(outgoing.read())
            incoming.write(turned(server, lambda: received(sock)))
    client.write(more)
    sock.send(outgoing.read())
    return client, incoming


def decrypted(client: ssl.SSLObject, incoming: ssl.MemoryBIO, server: Server, sock: socket.socket) -> bytes:
    while True:
        try:
            return client.read(65536)
        except ssl.SSLWantReadError:
            incoming.write(turned(server, lambda: received(sock)))


def test_a_request_that_comes_with_the_end_of_the_handshake_is_answered(
    authority: Authority, tls: ssl.SSLContext, here: Callable[..., Server]
) -> None:
    server = here(tls=tls)
    with dial(server) as sock:
        client, incoming = shaken(authority, server, sock, b"GET /early HTTP/1.1\r\nHost: x\r\n\r\n")

        assert decrypted(client, incoming, server, sock).endswith(b"\r\n\r\nGET /early ")


def test_what_a_sink_raises_at_the_end_of_a_handshake_costs_one_connection(
    authority: Authority, tls: ssl.SSLContext, here: Callable[..., Server]
) -> None:
    def sink(request: ServerRequest) -> None:
        raise LookupError("x")

    server = here(tls=tls, sink=sink)
    with dial(server) as sock:
        shaken(authority, server, sock, b"GET /early HTTP/1.1\r\nHost: x\r\n\r\n")

        turned(server, lambda: server.errors)

        assert server.connections == set()


class Doors(socket.socket):
    """A listening socket whose accepts a test decides on."""

    def __init__(self) -> None:
        super().__init__()
        self.bind(("127.0.0.1", 0))
        self.listen()
        self.results: list[Any] = []

    def accept(self) -> Any:
        result = self.results.pop(0) if self.results else BlockingIOError()
        if isinstance(result, OSError):
            raise result
        return result, None


@pytest.fixture
def doors() -> Iterator[Doors]:
    with Doors() as made:
        yield made


@pytest.mark.parametrize("error", [BlockingIOError(), ConnectionAbortedError()])
def test_nobody_at_the_door_is_no_error(doors: Doors, error: OSError) -> None:
    reactor = Reactor()
    admitted: list[Any] = []
    listener = Listener(doors, reactor, admitted.append)
    doors.results = ["a", "b", error, "c"]

    listener.ready(READ, 0.0)

    assert admitted == ["a", "b"]
    listener.close()
    reactor.close()


def test_a_crowd_at_the_door_lets_the_others_have_their_turn(doors: Doors) -> None:
    reactor = Reactor()
    admitted: list[Any] = []
    listener = Listener(doors, reactor, admitted.append)
    doors.results = list(range(ACCEPT_MOST + 1))

    listener.ready(READ, 0.0)

    assert len(admitted) == ACCEPT_MOST
    listener.close()
    reactor.close()


def test_a_listener_without_descriptors_waits_a_little(doors: Doors) -> None:
    reactor = Reactor()
    listener = Listener(doors, reactor, lambda sock: None)
    doors.results = [OSError(errno.EMFILE, "too many open files")]

    listener.ready(READ, 5.0)
    assert (listener.deadline, listener.armed) == (5.1, 5.1)
    assert reactor.poller.poll(0) == []

    listener.expire(5.1)
    assert listener.deadline == FOREVER
    with socket.create_connection(doors.getsockname()):
        assert reactor.poller.poll(1) == [(doors.fileno(), READ)]
    listener.fail(LookupError("x"))
    listener.close()
    reactor.close()


class Fleeting:
    """A socket whose peer has gone."""

    closed = False

    def setblocking(self, flag: bool) -> None:
        raise OSError(errno.ENOTCONN, "gone")

    def close(self) -> None:
        self.closed = True


def test_a_client_that_has_gone_already_costs_nothing(here: Callable[..., Server]) -> None:
    sock: Any = Fleeting()

    here()._admit(sock)

    assert sock.closed
