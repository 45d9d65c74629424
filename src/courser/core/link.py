"""Links: what bytes travel over.

A link has two calls, both of which return at once. `receive(size)` gives at most that many bytes, `b""` when the
peer has ended, and raises BlockingIOError when there is nothing now. `send(data)` takes as much as it can, says how
much, and raises BlockingIOError when it can take nothing. Any other OSError means that the link is broken.

For a plain socket the two calls *are* the socket's own bound methods: not one Python frame is between an engine and
the kernel.

A link over a socket has a third, `gather`, for the poll object of its descriptor; other links need not have it.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from functools import partial

from ..hints import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import ssl
    from typing import Any, Final

Release = Callable[[socket.socket], None]
"""Takes a socket out of a poll object, and closes it."""

__all__ = ["RECEIVE_FIRST", "RECEIVE_MOST", "Link", "Release", "SocketLink", "TLSLink", "TruncatedStream"]

RECEIVE_MOST: Final = 256 * 1024
"""Bytes that one connection may receive in one turn, so that a download beside it never starves a small answer."""

RECEIVE_FIRST: Final = 64 * 1024
"""What a connection asks for until a receive was full: small enough to come from the heap, not from a fresh map."""

LOW_WATER: Final = sys.platform == "linux"
"""Whether SO_RCVLOWAT is known to do what `gather` says."""

TLS_RECORD: Final = 16 * 1024
"""The most that one TLS record carries (RFC 8446 section 5.1), and the most that is offered to TLS in one send."""


class TruncatedStream(ConnectionError):
    """TLS ended without close_notify: somebody on the path may have cut the stream."""


Gather = Callable[[int], object]
"""Has a poll tell of bytes only when there are so many, or no more will come; with 1 it does as usual."""


class Receive(Protocol):
    """The type of a link's `receive`."""

    def __call__(self, size: int, /) -> bytes: ...


class Send(Protocol):
    """The type of a link's `send`."""

    def __call__(self, data: bytes | memoryview, /) -> int: ...


class Link(Protocol):
    """What the core needs of a connected stream.

    Attributes:
        receive: see the module's text.
        send: see the module's text.
        encrypted: whether what travels cannot be read on the way.
        alpn: the protocol agreed on in the TLS handshake (RFC 7301).
        session: the TLS session, which the next handshake with this peer may resume.
        again_above: a receive of at least this many bytes says that more may lie ready at once.
        send_most: the most bytes worth offering in one send.
        wants_write: whether `flush` has to be called when the descriptor is writable.
    """

    def receive(self, size: int, /) -> bytes: ...
    def send(self, data: bytes | memoryview, /) -> int: ...
    @property
    def encrypted(self) -> bool: ...
    @property
    def alpn(self) -> str | None: ...
    @property
    def session(self) -> Any: ...
    @property
    def again_above(self) -> int: ...
    @property
    def send_most(self) -> int: ...
    @property
    def wants_write(self) -> bool: ...

    def fileno(self) -> int:
        """The descriptor to poll, or -1: then the link calls `notify` whenever a call may go further than before."""
        ...

    def attach(self, release: Release | None) -> None:
        """Remember who has to know before the descriptor is closed, None for nobody."""
        ...

    def listen(self, wake: Callable[[], None] | None) -> None:
        """Say whom to call when a call may go further than before, where there is no descriptor to poll."""
        ...

    def want(self, interest: int) -> None:
        """Say which calls are of interest, where there is no descriptor to poll."""
        ...

    def flush(self) -> None:
        """Go on with what a call could not finish, now that the descriptor is writable."""
        ...

    def finish(self) -> None:
        """Tell the peer that no more will be sent; best effort, at once."""
        ...

    def close(self) -> None:
        """Give the descriptor back, at once and without a word to the peer; may be called twice, from any thread."""
        ...

    def info(self) -> dict[str, Any]:
        """What is known of the two ends: `peer`, `local`, and for TLS `version`, `cipher`, `certificate`."""
        ...


class SocketLink:
    """A connected, non-blocking stream socket: TCP or Unix."""

    __slots__ = ("_release", "receive", "send", "socket")

    encrypted = False
    alpn: str | None = None
    session: Any = None
    again_above = sys.maxsize
    send_most = 2**20
    wants_write = False

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self._release: Release | None = None
        self.receive: Receive = sock.recv
        self.send: Send = sock.send

    @property
    def gather(self) -> Gather | None:
        return partial(self.socket.setsockopt, socket.SOL_SOCKET, socket.SO_RCVLOWAT) if LOW_WATER else None

    def fileno(self) -> int:
        return self.socket.fileno()

    def attach(self, release: Release | None) -> None:
        self._release = release

    def listen(self, wake: Callable[[], None] | None) -> None:
        """There is a descriptor to poll."""

    def want(self, interest: int) -> None:
        """There is a descriptor to poll."""

    def flush(self) -> None:
        """A socket keeps nothing."""

    def finish(self) -> None:
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the peer is gone already

    def close(self) -> None:
        release, self._release = self._release, None
        if release is not None:
            # A descriptor that a child process shares would otherwise stay in the poll object after the close.
            release(self.socket)
        else:
            self.socket.close()

    def info(self) -> dict[str, Any]:
        try:
            return {"peer": self.socket.getpeername(), "local": self.socket.getsockname()}
        except OSError:
            return {}


class TLSLink:
    """TLS over any other link, in memory.

    Records are received many at a time and decrypted here. Letting OpenSSL read the socket by itself costs two system
    calls for every record, and measured a quarter more for a small response.

    What TLS makes of a send is kept until the link below takes it; until then nothing more is taken, and `flush` has to
    be called. So no bytes have ever to be offered to TLS twice.

    Args:
        below: the link that carries the records.
        context: the TLS settings.
        server_hostname: the name to ask for and to verify; None on a server's side.
        session: a TLS session to resume.
    """

    __slots__ = (
        "_ask",
        "_below",
        "_ended",
        "_incoming",
        "_kept",
        "_object",
        "_outgoing",
        "_ssl",
        "again_above",
    )

    encrypted = True
    send_most = 5 * TLS_RECORD

    def __init__(self, below: Link, context: ssl.SSLContext, server_hostname: str | None, session: Any = None) -> None:
        import ssl

        self._ssl = ssl
        self._below = below
        self.again_above = below.again_above
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._object = context.wrap_bio(
            self._incoming,
            self._outgoing,
            server_side=server_hostname is None,
            server_hostname=server_hostname,
            session=session,
        )
        self._kept: bytes | memoryview = b""
        self._ask = RECEIVE_FIRST
        self._ended = False

    @property
    def alpn(self) -> str | None:
        return self._object.selected_alpn_protocol()

    @property
    def wants_write(self) -> bool:
        return bool(self._kept)

    @property
    def gather(self) -> Gather | None:
        return getattr(self._below, "gather", None)

    def shake(self) -> None:
        """Go on with the handshake; BlockingIOError says that it is not done."""
        while True:
            try:
                self._object.do_handshake()
            except self._ssl.SSLWantReadError:
                self.flush()
                self._fill()
            except BaseException:
                self.flush()
                raise
            else:
                self.flush()
                return

    def _fill(self) -> None:
        data = self._below.receive(self._ask)
        if data:
            if len(data) == self._ask:
                self._ask = RECEIVE_MOST
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    def receive(self, size: int) -> bytes:
        """Decrypt all that has come; what came in one receive from below is never left for a later call."""
        incoming, outgoing, read = self._incoming, self._outgoing, self._object.read
        pieces: list[bytes] = []
        while True:
            if not incoming.pending:
                if self._ended:
                    return b""
                self._fill()
            try:
                while True:
                    piece = read(TLS_RECORD)
                    if not piece:
                        # The peer may leave the link below open: no poll object will ever tell of this end.
                        self._ended, self.again_above = True, 1
                        break
                    pieces.append(piece)
                    if not incoming.pending:
                        break
            except self._ssl.SSLWantReadError:
                pass
            except self._ssl.SSLError as error:
                # Before Python 3.11.4 it was no error of its own.
                if isinstance(error, self._ssl.SSLEOFError) or error.reason == "UNEXPECTED_EOF_WHILE_READING":
                    raise TruncatedStream("TLS ended without close_notify") from error
                raise
            else:
                if not pieces:
                    return b""
            if outgoing.pending:
                self.flush()  # a key update wants its answer (RFC 8446 section 4.6.3)
            if pieces:
                return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def send(self, data: bytes | memoryview) -> int:
        if self._kept:
            self.flush()
            if self._kept:
                raise BlockingIOError
        try:
            size = self._object.write(data)
        except self._ssl.SSLWantReadError:
            raise BlockingIOError from None
        self.flush()
        return size

    def flush(self) -> None:
        """Hand down what TLS has made, as far as the link below takes it."""
        while True:
            kept = self._kept or self._outgoing.read()
            if not kept:
                self._kept = b""
                return
            self._kept = kept
            try:
                taken = self._below.send(kept)
            except BlockingIOError:
                return
            self._kept = memoryview(kept)[taken:] if taken < len(kept) else b""

    def finish(self) -> None:
        try:
            self._object.unwrap()
        except (OSError, ValueError):
            pass  # close_notify is on its way, or never will be
        try:
            self.flush()
        except OSError:
            return  # the peer is gone already
        if not self._kept:
            self._below.finish()

    @property
    def session(self) -> Any:
        """What the next handshake with this peer may resume."""
        return self._object.session

    def fileno(self) -> int:
        return self._below.fileno()

    def attach(self, release: Release | None) -> None:
        self._below.attach(release)

    def listen(self, wake: Callable[[], None] | None) -> None:
        self._below.listen(wake)

    def want(self, interest: int) -> None:
        self._below.want(interest)

    def close(self) -> None:
        self._below.close()

    def info(self) -> dict[str, Any]:
        facts = self._below.info()
        facts["version"] = self._object.version()
        facts["cipher"] = self._object.cipher()
        facts["certificate"] = self._object.getpeercert(binary_form=True)
        return facts

    def refused(self) -> bytes | None:
        """The certificate that the peer has shown, in DER, if the handshake has failed and Python can tell."""
        tell = getattr(self._object, "get_unverified_chain", None)
        if tell is not None:  # from Python 3.13 on
            return next(iter(tell()), None)
        try:
            chain = getattr(self._object, "_sslobj").get_unverified_chain()  # noqa: B009 - before, it has no public name
            return self._ssl.PEM_cert_to_DER_cert(chain[0].public_bytes()) if chain else None
        except AttributeError:
            return None
