"""Links: sockets as they are, and TLS in memory over any other link."""

from __future__ import annotations

import socket
import ssl
import sys
from collections.abc import Iterator

import pytest
import trustme
from linkpipe import Pipe

from courser.core import link as links
from courser.core.link import RECEIVE_MOST, Link, SocketLink, TLSLink, TruncatedStream
from courser.core.reactor import solo_poll


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    with ours, theirs:
        yield ours, theirs


# Sockets


def test_a_socket_s_own_calls_are_the_link_s(pair: tuple[socket.socket, socket.socket]) -> None:
    link = SocketLink(pair[0])
    pair[1].send(b"hello")

    assert link.fileno() == pair[0].fileno()
    assert link.receive(100) == b"hello"
    assert link.send(b"there") == 5
    assert pair[1].recv(100) == b"there"
    with pytest.raises(BlockingIOError):
        link.receive(100)
    assert (link.encrypted, link.alpn, link.session, link.wants_write) == (False, None, None, False)
    link.listen(None)
    link.want(0)
    link.flush()


def test_finishing_a_socket_ends_the_peer_s_reading(pair: tuple[socket.socket, socket.socket]) -> None:
    link = SocketLink(pair[0])
    link.finish()
    assert pair[1].recv(1) == b""
    link.close()
    link.finish()


def test_who_polls_a_socket_closes_it(pair: tuple[socket.socket, socket.socket]) -> None:
    released: list[socket.socket] = []
    link = SocketLink(pair[0])
    link.attach(released.append)
    link.close()
    assert released == [pair[0]]
    assert link.fileno() >= 0
    link.close()

    assert link.fileno() == -1


def test_a_socket_knows_its_ends() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        sock = socket.create_connection(server.getsockname())
        link = SocketLink(sock)
        assert link.info() == {"peer": server.getsockname(), "local": sock.getsockname()}
        link.close()
        assert link.info() == {}


def test_a_poll_may_be_told_to_wait_for_many_bytes() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname())
        theirs, _ = server.accept()
    ours.setblocking(False)
    link = SocketLink(ours)
    poll = solo_poll(ours)
    with ours, theirs:
        gather = link.gather
        assert gather is not None
        gather(3)
        theirs.send(b"ab")
        assert ours.recv(100, socket.MSG_PEEK) == b"ab"
        assert poll(0) == []
        theirs.send(b"c")
        assert poll(5000) != []
        assert link.receive(2) == b"ab"
        assert poll(0) == []
        gather(1)
        assert poll(0) != []
        gather(3)
        theirs.close()
        assert poll(5000) != []


def test_where_that_is_not_known_to_work_nobody_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "LOW_WATER", False)
    with socket.socket() as sock:
        assert SocketLink(sock).gather is None


# TLS


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def contexts(authority: trustme.CA) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    client, server = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.configure_trust(client)
    authority.issue_cert("localhost").configure_cert(server)
    client.set_alpn_protocols(["http/1.1"])
    server.set_alpn_protocols(["http/1.1"])
    client.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF  # older versions of Python set it
    return client, server


Ends = tuple[TLSLink, TLSLink, Pipe, Pipe]


@pytest.fixture
def ends(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> Ends:
    """Client and server before their handshake, and what is below each."""
    below, above = Pipe(), Pipe()
    below.other, above.other = above, below
    return TLSLink(below, contexts[0], "localhost"), TLSLink(above, contexts[1], None), below, above


def shake(*links: TLSLink) -> None:
    left = list(links)
    for _ in range(10):
        for link in list(left):
            try:
                link.shake()
            except BlockingIOError:
                continue
            left.remove(link)
    assert not left


def drain(link: TLSLink) -> bytes:
    pieces = []
    while True:
        try:
            piece = link.receive(2**20)
        except BlockingIOError:
            return b"".join(pieces)
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)


def test_bytes_pass_both_ways(ends: Ends) -> None:
    client, server, _, _ = ends
    shake(client, server)
    with pytest.raises(BlockingIOError):
        client.receive(100)
    assert client.send(b"hello") == 5
    assert server.receive(100) == b"hello"
    assert server.send(b"there") == 5

    assert drain(client) == b"there"
    assert client.alpn == "http/1.1"
    assert client.session is not None


def test_it_is_read_as_what_it_runs_over(ends: Ends) -> None:
    """What a poll object does not tell of has to be read until it is dry."""
    assert ends[0].again_above == 1
    assert ends[0].gather is None
    assert _over_a_socket(ends).again_above == sys.maxsize
    assert _over_a_socket(ends).gather is not None


def _over_a_socket(ends: Ends) -> TLSLink:
    sock = socket.socket()
    link: Link = SocketLink(sock)
    try:
        return TLSLink(link, ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), "localhost")
    finally:
        sock.close()


def test_many_records_are_one_receive(ends: Ends) -> None:
    client, server, below, _ = ends
    shake(client, server)
    drain(client)
    for _ in range(5):
        server.send(b"x" * 1000)
    joined = b"".join(below.incoming)
    below.incoming.clear()
    below.incoming.append(joined[:-10])
    below.incoming.append(joined[-10:])

    assert len(client.receive(100)) == 4000
    assert len(client.receive(100)) == 1000


def test_large_receives_are_asked_for_once_one_was_full(ends: Ends) -> None:
    client, server, below, _ = ends
    shake(client, server)
    drain(client)
    size = 0
    while size < 2 * RECEIVE_MOST:
        size += server.send(b"x" * 2**16)
    joined = b"".join(below.incoming)
    below.incoming.clear()
    below.incoming.append(joined)

    assert len(drain(client)) == size
    assert client._ask == RECEIVE_MOST


def test_what_the_link_below_does_not_take_is_kept(ends: Ends) -> None:
    client, server, below, _ = ends
    shake(client, server)
    drain(client)
    below.room = 10
    assert client.send(b"hello") == 5
    assert client.wants_write
    with pytest.raises(BlockingIOError):
        client.send(b"there")
    below.room = sys.maxsize
    assert client.send(b"there") == 5
    assert not client.wants_write

    assert drain(server) == b"hellothere"


def test_flushing_goes_on_where_it_stopped(ends: Ends) -> None:
    client, server, below, _ = ends
    shake(client, server)
    drain(client)
    below.room = 3
    client.send(b"hello")
    client.flush()
    assert client.wants_write
    below.room = sys.maxsize
    client.flush()

    assert drain(server) == b"hello"


def test_nothing_is_sent_before_the_handshake(ends: Ends) -> None:
    with pytest.raises(BlockingIOError):
        ends[0].send(b"early")


def test_a_goodbye_is_an_end(ends: Ends) -> None:
    client, server, below, above = ends
    shake(client, server)
    drain(client)
    server.send(b"last")
    server.finish()
    assert above.calls == ["finish"]
    below.incoming.append(b"".join(below.incoming))
    for _ in range(len(below.incoming) - 1):
        below.incoming.popleft()

    assert client.receive(100) == b"last"
    assert client.again_above == 1  # the peer may leave the link below open, and no event would tell of the end
    assert client.receive(100) == b""
    below.ended = True
    assert client.receive(100) == b""


def test_an_end_without_a_goodbye_is_a_truncation(ends: Ends) -> None:
    client, server, below, _ = ends
    shake(client, server)
    drain(client)
    server.send(b"last")
    below.ended = True

    assert client.receive(100) == b"last"
    below.incoming.append(b"")
    with pytest.raises(TruncatedStream, match="close_notify"):
        client.receive(100)


class Faulty:
    """TLS that fails with an error of its own."""

    def __init__(self, error: ssl.SSLError) -> None:
        self.error = error

    def read(self, size: int) -> bytes:
        raise self.error


def test_an_end_that_older_versions_of_python_have_no_error_for(ends: Ends) -> None:
    client, server, below, _ = ends
    shake(client, server)
    error = ssl.SSLError(1, "[SSL: UNEXPECTED_EOF_WHILE_READING] unexpected eof")
    error.reason = "UNEXPECTED_EOF_WHILE_READING"
    client._object = Faulty(error)  # type: ignore[assignment]
    below.incoming.append(b"x")

    with pytest.raises(TruncatedStream, match="close_notify"):
        client.receive(100)


def test_what_is_no_end_is_no_truncation(ends: Ends) -> None:
    client, server, below, _ = ends
    shake(client, server)
    error = ssl.SSLError(1, "[SSL: BAD_RECORD] bad record")
    error.reason = "BAD_RECORD"
    client._object = Faulty(error)  # type: ignore[assignment]
    below.incoming.append(b"x")

    with pytest.raises(ssl.SSLError, match="bad record"):
        client.receive(100)


def test_finishing_waits_for_room_and_forgives_a_peer_that_is_gone(ends: Ends) -> None:
    client, server, below, above = ends
    shake(client, server)
    below.room = 0
    client.finish()
    assert below.calls == []
    above.ended = True
    server.finish()
    assert above.calls == []
    server.finish()


def test_a_refusal_is_told_to_the_peer(ends: Ends) -> None:
    """The alert goes out before the error is raised."""
    _, server, below, above = ends
    stranger = TLSLink(below, ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), "localhost")
    with pytest.raises(BlockingIOError):
        stranger.shake()
    with pytest.raises(BlockingIOError):
        server.shake()
    with pytest.raises(ssl.SSLCertVerificationError):
        stranger.shake()

    assert above.incoming

    def go_on() -> None:
        server.shake()
        drain(server)

    with pytest.raises(ssl.SSLError):
        go_on()


def test_the_link_below_is_asked_for_all_that_is_not_encryption(ends: Ends) -> None:
    client, server, below, _ = ends
    shake(client, server)
    assert client.fileno() == -1
    client.attach(None)
    client.listen(None)
    client.want(3)
    client.close()
    facts = client.info()

    assert below.calls == [("attach", None), ("listen", None), ("want", 3), "close"]
    assert facts["peer"] == "pipe"
    assert facts["version"].startswith("TLS")
    assert facts["certificate"]
    assert len(facts["cipher"]) == 3


def test_a_key_update_is_answered(ends: Ends) -> None:
    """What TLS has to say of itself leaves with a receive (RFC 8446 section 4.6.3)."""
    client, server, below, above = ends
    shake(client, server)
    drain(client)
    client._outgoing.write(b"an answer")
    server.send(b"x")
    drain(client)

    assert b"".join(above.incoming) == b"an answer"
    assert not below.incoming


def test_a_goodbye_alone_is_an_end(ends: Ends) -> None:
    client, server, _, _ = ends
    shake(client, server)
    drain(client)
    server.finish()

    assert client.receive(100) == b""


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_certificate_that_was_refused_can_be_looked_at(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext], version: ssl.TLSVersion
) -> None:
    """Before Python 3.13 this needs a name that is not public; if it should go, errors would say less."""
    below, above = Pipe(), Pipe()
    below.other, above.other = above, below
    mistrusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    mistrusting.maximum_version = version
    client, server = TLSLink(below, mistrusting, "localhost"), TLSLink(above, contexts[1], None)
    assert client.refused() is None
    for link in (client, server):
        with pytest.raises(BlockingIOError):
            link.shake()
    with pytest.raises(ssl.SSLCertVerificationError):
        client.shake()

    shown = client.refused()
    assert shown is not None
    assert b"localhost" in shown


class Der:
    """A certificate as Python has it inside, before 3.13."""

    @staticmethod
    def public_bytes() -> str:
        return ssl.DER_cert_to_PEM_cert(b"shown")


def namespace(**attributes: object) -> object:
    return type("Object", (), attributes)()


OBJECTS = {
    "from 3.13 on": (namespace(get_unverified_chain=lambda self: [b"shown", b"root"]), b"shown"),
    "from 3.13 on, nothing shown": (namespace(get_unverified_chain=lambda self: []), None),
    "before": (namespace(_sslobj=namespace(get_unverified_chain=lambda self: [Der(), Der()])), b"shown"),
    "before, nothing shown": (namespace(_sslobj=namespace(get_unverified_chain=lambda self: None)), None),
    "without a name for it": (namespace(_sslobj=namespace()), None),
    "without anything inside": (namespace(), None),
}


@pytest.mark.parametrize("version", OBJECTS)
def test_every_python_is_asked_in_its_own_way(ends: Ends, version: str) -> None:
    client, _, _, _ = ends
    client._object, told = OBJECTS[version]  # type: ignore[assignment]

    assert client.refused() == told


def test_what_came_with_the_handshake_is_not_lost(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    """In TLS 1.2 the server speaks last, and may go on at once."""
    below, above = Pipe(), Pipe()
    below.other, above.other = above, below
    client, server = TLSLink(below, _older(contexts[0]), "localhost"), TLSLink(above, contexts[1], None)
    for link in (client, server, client):
        with pytest.raises(BlockingIOError):
            link.shake()
    server.shake()
    server.send(b"early")
    joined = b"".join(below.incoming)
    below.incoming.clear()
    below.incoming.append(joined)
    client.shake()

    assert client.receive(100) == b"early"


def _older(context: ssl.SSLContext) -> ssl.SSLContext:
    older = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    older.maximum_version = ssl.TLSVersion.TLSv1_2
    for certificate in context.get_ca_certs(binary_form=True):
        older.load_verify_locations(cadata=certificate)
    return older
