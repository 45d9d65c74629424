"""Handshakes, and the layer of TLS that a dial lays over a link."""

from __future__ import annotations

import gc
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from time import monotonic
from typing import Any, cast
from weakref import ref

import pytest
import trustme
from judge import Judge

from courser.core import handshake as module
from courser.core.dial import Dial
from courser.core.handshake import Encryption, Handshake, peer_name
from courser.core.link import Link, SocketLink, TLSLink
from courser.core.reactor import READ, WRITE, Reactor
from courser.core.route import TLSPolicy
from courser.core.waiter import FOREVER, Interrupted
from courser.errors import (
    CertificateError,
    ConnectTimeout,
    InvalidRequest,
    InvalidURL,
    RequestTimeout,
    TLSError,
)
from courser.hosts.inline import InlineHost, run_inline

# Handshakes, with a link and a reactor that do what a test says


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


class Recorder:
    """A reactor that only remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.armed: list[float] = []

    def register(self, entry: Any, interest: int) -> None:
        self.told.append(("register", interest))

    def modify(self, entry: Any, interest: int) -> None:
        self.told.append(("modify", interest))

    def unregister(self, entry: Any) -> None:
        self.told.append("unregister")

    def hear(self, entry: Any, link: Any) -> None:
        self.told.append("hear")

    def arm(self, entry: Any, deadline: float) -> None:
        self.armed.append(deadline)


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


# Names


@pytest.mark.parametrize(
    ("host", "given", "name"),
    [
        ("example.org", None, "example.org"),
        ("example.org", "", "example.org"),
        ("example.org.", None, "example.org"),
        ("127.0.0.1", None, "127.0.0.1"),
        ("fe80::1%eth0", None, "fe80::1"),
        ("127.0.0.1", "Example.ORG.", "example.org"),
        ("127.0.0.1", "b\u00fccher.example", "xn--bcher-kva.example"),
        ("example.org", "::1", "::1"),
        ("example.org", "[fe80::1%eth0]", "fe80::1"),
    ],
)
def test_what_a_peer_is_asked_to_be(host: str, given: str | None, name: str) -> None:
    assert peer_name(host, TLSPolicy(server_hostname=given)) == name


@pytest.mark.parametrize(
    "given",
    ["a\0b", "a b", "a\nb", ".a", "a..b", ".", "a" * 64, "a." * 200, "\u2060", "example.org:443", "https://a", "a:\0"],
)
def test_a_name_that_nobody_can_have_is_refused(given: str) -> None:
    with pytest.raises(InvalidRequest, match="server_hostname: the "):
        peer_name("example.org", TLSPolicy(server_hostname=given))


@pytest.mark.parametrize("host", ["a..b", ".a", "."])
def test_a_host_that_no_certificate_can_be_for_is_refused(host: str) -> None:
    with pytest.raises(InvalidURL, match="empty label"):
        peer_name(host, TLSPolicy())


@pytest.mark.parametrize("given", [b"example.org", 5])
def test_a_name_that_is_no_text_is_a_mistake(given: Any) -> None:
    with pytest.raises(TypeError, match="server_hostname is a host name"):
        peer_name("example.org", TLSPolicy(server_hostname=given))


def test_a_bad_name_is_refused_before_there_is_a_link() -> None:
    with pytest.raises(InvalidRequest):
        Encryption(Contexts(), TLSPolicy(server_hostname="a\0b"), "a", ())


# The layer


class Contexts:
    """TLS contexts of a test's choice."""

    def __init__(self, context: ssl.SSLContext | None = None, known: bool = True) -> None:
        self.context = context or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.known = known

    def get(self, policy: TLSPolicy, protocols: tuple[str, ...], /) -> ssl.SSLContext | None:
        return self.context if self.known else None

    def build(self, policy: TLSPolicy, protocols: tuple[str, ...], /) -> ssl.SSLContext:
        return self.context

    def check(self, policy: TLSPolicy, name: str, certificate: bytes | None, /) -> None:
        if certificate not in policy.fingerprints:
            raise CertificateError(detail=f"{name}: {None if certificate is None else certificate[:1]!r}")

    def refusal(
        self, policy: TLSPolicy, name: str, error: ssl.SSLCertVerificationError, certificate: bytes | None, /
    ) -> CertificateError:
        return CertificateError(detail=f"{name}: {error.verify_message}, {len(certificate or b'')}, {policy.verify}")


class Ground:
    """What a layer knows of its dial."""

    def __init__(self, host: InlineHost | None = None, final: float = FOREVER) -> None:
        self.host = host or InlineHost()
        self.reactor = Reactor()
        self.final = final

    def late(self, doing: str = "") -> RequestTimeout:
        return ConnectTimeout(detail=doing)


def encrypt(
    link: Any,
    context: ssl.SSLContext | None = None,
    policy: TLSPolicy | None = None,
    name: str = "localhost",
    session: Any = None,
    known: bool = True,
    host: InlineHost | None = None,
    final: float = FOREVER,
) -> Link:
    layer = Encryption(Contexts(context, known), policy or TLSPolicy(), name, (), session)
    return run_inline(layer.over(link, cast("Dial", Ground(host, final))))


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    return context


Connect = Callable[[], SocketLink]


@pytest.fixture
def connect(authority: trustme.CA) -> Iterator[Connect]:
    """Connects to a server for `localhost` that says hello, one byte, and waits for the end."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    opened: list[tuple[socket.socket, threading.Thread]] = []

    def serve(sock: socket.socket) -> None:
        with sock, suppress(OSError), context.wrap_socket(sock, server_side=True) as wrapped:
            wrapped.sendall(b"!")
            wrapped.recv(1)

    def start() -> SocketLink:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        thread = threading.Thread(target=serve, args=(theirs,))
        opened.append((ours, thread))
        thread.start()
        return SocketLink(ours)

    yield start
    for ours, thread in opened:
        ours.close()
        thread.join(10)


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        yield ours, theirs


@pytest.mark.parametrize("known", [True, False])
def test_a_link_is_encrypted(connect: Connect, trusting: ssl.SSLContext, known: bool) -> None:
    link = encrypt(connect(), trusting, known=known)

    assert isinstance(link, TLSLink)
    assert link.encrypted
    assert link.info()["version"].startswith("TLS")


def test_another_name_may_be_asked_for(connect: Connect, trusting: ssl.SSLContext) -> None:
    encrypt(connect(), trusting, TLSPolicy(server_hostname="localhost."), "127.0.0.1")


def test_what_is_encrypted_is_not_encrypted_again(pair: tuple[socket.socket, socket.socket]) -> None:
    class Encrypted(SocketLink):
        encrypted = True

    link = Encrypted(pair[0])

    assert encrypt(link) is link


def test_a_handshake_may_be_done_at_once(
    pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    link = FakeTLS(-1, "done")
    monkeypatch.setattr(module, "TLSLink", lambda *given: link)

    assert cast("FakeTLS", encrypt(SocketLink(pair[0]))) is link


def receive(link: Link) -> bytes:
    while True:
        with suppress(BlockingIOError):
            return link.receive(10)


def test_a_session_is_resumed(connect: Connect, trusting: ssl.SSLContext) -> None:
    link = encrypt(connect(), trusting)
    receive(link)
    again = encrypt(connect(), trusting, session=link.session)

    assert cast("TLSLink", again)._object.session_reused


class Anything(set[bytes]):
    def __contains__(self, key: object) -> bool:
        return True


def test_who_judges_in_openssls_place_sees_the_certificates_of_every_connection(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a session that is resumed a peer shows none, and truststore would have none to judge."""
    context = Judge(ssl.PROTOCOL_TLS_CLIENT)
    with pytest.raises(CertificateError):
        encrypt(connect(), context)
    monkeypatch.setattr(Judge, "known", Anything())
    link = encrypt(connect(), context)
    receive(link)
    again = encrypt(connect(), context, session=link.session)

    assert not cast("TLSLink", again)._object.session_reused


def test_a_session_of_another_context_is_left(
    connect: Connect, authority: trustme.CA, trusting: ssl.SSLContext
) -> None:
    other = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(other)
    link = encrypt(connect(), other)
    receive(link)
    again = encrypt(connect(), trusting, session=link.session)

    assert not cast("TLSLink", again)._object.session_reused


def test_a_name_that_is_not_in_the_certificate(connect: Connect, trusting: ssl.SSLContext) -> None:
    """What is said of it knows the certificate, in every version of Python that can tell."""
    policy = TLSPolicy(verify="/ca.pem", server_hostname="example.org")
    with pytest.raises(CertificateError, match=r"example\.org: .*not valid for.*, \d{3,}, /ca\.pem") as caught:
        encrypt(connect(), trusting, policy)

    assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)


def test_a_stranger_s_certificate(connect: Connect) -> None:
    with pytest.raises(CertificateError, match="unable to get local issuer certificate"):
        encrypt(connect())


# Fingerprints (the contexts above take the certificate for its own fingerprint)


def test_a_key_that_is_known_is_let_in(connect: Connect, trusting: ssl.SSLContext) -> None:
    certificate = encrypt(connect(), trusting).info()["certificate"]

    assert encrypt(connect(), trusting, TLSPolicy(fingerprints=(certificate,))).encrypted


def test_a_key_that_is_not_known_is_sent_nothing(connect: Connect, trusting: ssl.SSLContext) -> None:
    with pytest.raises(CertificateError, match="localhost: b'0'"):
        encrypt(connect(), trusting, TLSPolicy(fingerprints=(b"other",)))


def test_without_roots_a_key_is_compared_all_the_same(connect: Connect) -> None:
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname = False
    trusting.verify_mode = ssl.CERT_NONE
    certificate = encrypt(connect(), trusting).info()["certificate"]

    assert encrypt(connect(), trusting, TLSPolicy(False, fingerprints=(certificate,))).encrypted
    with pytest.raises(CertificateError):
        encrypt(connect(), trusting, TLSPolicy(False, fingerprints=(b"other",)))


@pytest.mark.parametrize("certificate", [b"shown", None])
def test_a_link_that_is_encrypted_already_has_to_show_its_key(
    pair: tuple[socket.socket, socket.socket], certificate: bytes | None
) -> None:
    class Encrypted(SocketLink):
        encrypted = True

        def info(self) -> dict[str, Any]:
            return {} if certificate is None else {"certificate": certificate}

    policy = TLSPolicy(fingerprints=(b"shown",))
    link = Encrypted(pair[0])
    if certificate is None:
        with pytest.raises(CertificateError, match="None"):
            encrypt(link, policy=policy)
    else:
        assert encrypt(link, policy=policy) is link


def test_a_peer_that_does_not_speak_tls(pair: tuple[socket.socket, socket.socket], trusting: ssl.SSLContext) -> None:
    pair[1].send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    with pytest.raises(TLSError, match=r"localhost: .*does not speak TLS at this port") as caught:
        encrypt(SocketLink(pair[0]), trusting)

    assert caught.value.phase == "tls"


def test_a_peer_that_ends_the_connection_instead(
    pair: tuple[socket.socket, socket.socket], trusting: ssl.SSLContext
) -> None:
    pair[1].shutdown(socket.SHUT_WR)
    with pytest.raises(TLSError, match=r"localhost: .*does it speak TLS at this port\?") as caught:
        encrypt(SocketLink(pair[0]), trusting)

    assert caught.value.phase == "tls"


def test_a_link_that_breaks_in_a_handshake(pair: tuple[socket.socket, socket.socket]) -> None:
    def refuse(data: object) -> int:
        raise OSError

    link = SocketLink(pair[0])
    link.send = refuse
    with pytest.raises(TLSError, match="localhost: OSError"):
        encrypt(link)


def test_a_context_of_the_wrong_kind(pair: tuple[socket.socket, socket.socket]) -> None:
    with pytest.raises(TLSError, match=r"localhost: .*PROTOCOL_TLS_SERVER"):
        encrypt(SocketLink(pair[0]), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))


def test_a_handshake_may_take_too_long(pair: tuple[socket.socket, socket.socket]) -> None:
    with pytest.raises(ConnectTimeout, match="TLS handshake"):
        encrypt(SocketLink(pair[0]), final=monotonic() + 0.01)


class Late(InlineHost):
    """A host on which every call comes too late."""

    async def call(self, function: Any, /, *args: Any, deadline: float = FOREVER) -> Any:
        raise Interrupted


def test_roots_may_be_read_too_late(pair: tuple[socket.socket, socket.socket]) -> None:
    with pytest.raises(ConnectTimeout, match="root certificates"):
        encrypt(SocketLink(pair[0]), known=False, host=Late())


class Failing(InlineHost):
    """A host on which something unforeseen happens to what is waited for."""

    async def wait(self, waiter: Any, /) -> None:
        waiter.fail(ZeroDivisionError())


def test_what_is_unforeseen_in_a_handshake_is_raised(pair: tuple[socket.socket, socket.socket]) -> None:
    with pytest.raises(ZeroDivisionError):
        encrypt(SocketLink(pair[0]), host=Failing())


class Striking(InlineHost):
    """A host that is interrupted while it waits."""

    async def wait(self, waiter: Any, /) -> None:
        raise KeyboardInterrupt


def test_an_exception_from_outside_takes_the_handshake_out_of_the_reactor(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    ground = Ground(Striking())
    layer = Encryption(Contexts(), TLSPolicy(), "localhost", ())
    with pytest.raises(KeyboardInterrupt):
        run_inline(layer.over(SocketLink(pair[0]), cast("Dial", ground)))
    pair[1].send(b"?")

    assert ground.reactor.poller.poll(0) == []


def test_an_error_does_not_hold_what_its_traceback_leads_to(connect: Connect) -> None:
    ground = Ground()
    layer = Encryption(Contexts(), TLSPolicy(), "localhost", ())
    gone = ref(ground.reactor)
    gc.disable()
    try:
        with pytest.raises(CertificateError):
            run_inline(layer.over(connect(), cast("Dial", ground)))
        del ground
        assert gone() is None
    finally:
        gc.enable()
