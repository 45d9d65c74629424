"""Links: what bytes travel over.

A link has two calls, both of which return at once. `receive(size)` gives at most that many bytes, `b""` when the
peer has ended, and raises BlockingIOError when there is nothing now. `send(data)` takes as much as it can, says how
much, and raises BlockingIOError when it can take nothing. Any other OSError means that the link is broken.

For a plain socket the two calls *are* the socket's own bound methods: not one Python frame is between an engine and
the kernel.

TLS has a rule that no socket has: when a send could not be finished, the very same bytes must be offered again before
any others. Therefore a link never keeps bytes; who sends keeps what was not taken, unchanged and in order.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    import ssl

    from .reactor import Poller

__all__ = ["RECEIVE_MOST", "Link", "SocketLink", "TLSLink", "TruncatedStream"]

RECEIVE_MOST: Final = 256 * 1024
"""Bytes that one connection may receive in one turn, so that a download beside it never starves a small answer."""

TLS_RECORD: Final = 16 * 1024
"""The most that one TLS record carries (RFC 8446 section 5.1), and the most that is offered to TLS in one send."""


class TruncatedStream(ConnectionError):
    """TLS ended without close_notify: somebody on the path may have cut the stream."""


class Link(Protocol):
    """What the core needs of a connected stream.

    Attributes:
        receive: see the module's text.
        send: see the module's text.
        encrypted: whether what travels cannot be read on the way.
        alpn: the protocol agreed on in the TLS handshake (RFC 7301).
        again_above: a receive of at least this many bytes says that more may lie ready at once.
        send_most: the most bytes worth offering in one send.
        wants_write: whether receiving is stuck until the descriptor is writable.
    """

    @property
    def receive(self) -> Callable[[int], bytes]: ...
    @property
    def send(self) -> Callable[[bytes | memoryview], int]: ...
    @property
    def encrypted(self) -> bool: ...
    @property
    def alpn(self) -> str | None: ...
    @property
    def again_above(self) -> int: ...
    @property
    def send_most(self) -> int: ...
    @property
    def wants_write(self) -> bool: ...

    def fileno(self) -> int:
        """The descriptor to poll, or -1: then the link calls `notify` whenever a call may go further than before."""
        ...

    def attach(self, poller: Poller | None) -> None:
        """Remember the poll object that knows the descriptor, None for none."""
        ...

    def close(self) -> None:
        """Give the descriptor back, at once and without a word to the peer; may be called twice, from any thread."""
        ...

    def info(self) -> dict[str, Any]:
        """What is known of the two ends: `peer`, `local`, and for TLS `version`, `cipher`, `certificate`."""
        ...


class _Socket:
    """What plain and encrypted links over a socket share: the descriptor and its end."""

    __slots__ = ("_poller", "socket")

    socket: socket.socket

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self._poller: Poller | None = None

    def fileno(self) -> int:
        return self.socket.fileno()

    def attach(self, poller: Poller | None) -> None:
        self._poller = poller

    def close(self) -> None:
        poller = self._poller
        if poller is not None:
            # A descriptor that a child process shares would otherwise stay in the poll object after the close.
            self._poller = None
            try:
                poller.unregister(self.socket.fileno())
            except (OSError, ValueError, KeyError):
                pass
        self.socket.close()

    def info(self) -> dict[str, Any]:
        try:
            return {"peer": self.socket.getpeername(), "local": self.socket.getsockname()}
        except OSError:
            return {}


class SocketLink(_Socket):
    """A connected, non-blocking stream socket: TCP or Unix."""

    __slots__ = ("receive", "send")

    encrypted = False
    alpn: str | None = None
    again_above = sys.maxsize
    send_most = 2**20
    wants_write = False

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self.receive: Callable[[int], bytes] = sock.recv
        self.send: Callable[[bytes | memoryview], int] = sock.send


class TLSLink(_Socket):
    """TLS on a non-blocking socket, the handshake done."""

    __slots__ = ("_ssl", "alpn", "wants_write")

    socket: ssl.SSLSocket
    encrypted = True
    again_above = 4096
    send_most = TLS_RECORD

    def __init__(self, sock: ssl.SSLSocket) -> None:
        import ssl

        super().__init__(sock)
        self._ssl = ssl
        self.alpn = sock.selected_alpn_protocol()
        self.wants_write = False

    def receive(self, size: int) -> bytes:
        try:
            return self.socket.recv(size)
        except self._ssl.SSLWantReadError:
            raise BlockingIOError from None
        except self._ssl.SSLWantWriteError:
            self.wants_write = True
            raise BlockingIOError from None
        except self._ssl.SSLEOFError as error:
            raise TruncatedStream("TLS ended without close_notify") from error

    def send(self, data: bytes | memoryview) -> int:
        try:
            return self.socket.send(data)
        except (self._ssl.SSLWantWriteError, self._ssl.SSLWantReadError):
            raise BlockingIOError from None

    def info(self) -> dict[str, Any]:
        facts = super().info()
        try:
            facts["version"] = self.socket.version()
            facts["cipher"] = self.socket.cipher()
            facts["certificate"] = self.socket.getpeercert(binary_form=True)
        except (OSError, ValueError):
            pass
        return facts
