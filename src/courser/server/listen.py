"""A server: a listener, its connections and one thread that turns them all."""

from __future__ import annotations

import os
import socket
import threading
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from ..core.handshake import Handshake
from ..core.link import Link, SocketLink, TLSLink
from ..core.reactor import READ, Reactor
from ..core.waiter import FOREVER
from .app import HTTP1, HTTP2, App, Handler, Sink
from .connection import ServerConnection
from .http1 import HTTP1ServerConnection

if TYPE_CHECKING:
    import ssl
    from collections import deque
    from collections.abc import Callable, Sequence

__all__ = ["Server"]

BACKLOG: Final = 1024

ACCEPT_MOST: Final = 64
"""Connections that are accepted before those that there are get their turn."""

GREETING: Final = 10.0
"""Seconds that a TLS handshake may take."""

BREATH: Final = 0.1
"""Seconds without accepting when the system has no descriptor or memory left for one more connection."""


class Listener:
    """Accepts connections; an entry of the reactor."""

    __slots__ = ("__weakref__", "_admit", "_reactor", "armed", "deadline", "socket")

    def __init__(self, sock: socket.socket, reactor: Reactor, admit: Callable[[socket.socket], None]) -> None:
        self.socket = sock
        self.deadline = FOREVER
        self.armed = FOREVER
        self._reactor = reactor
        self._admit = admit
        reactor.register(self, READ)

    def fileno(self) -> int:
        return self.socket.fileno()

    def ready(self, mask: int, now: float) -> None:
        for _ in range(ACCEPT_MOST):
            try:
                accepted, _ = self.socket.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError:
                # A listener that cannot accept stays readable, and would be asked again and again.
                self._reactor.unregister(self)
                self.deadline = now + BREATH
                self._reactor.arm(self, self.deadline)
                return
            self._admit(accepted)

    def expire(self, now: float) -> None:
        self.deadline = FOREVER
        self._reactor.register(self, READ)

    def fail(self, error: BaseException) -> None:
        """What went wrong was one connection, which is closed by now."""

    def close(self) -> None:
        self._reactor.unregister(self)
        self.socket.close()


class Greeting(Handshake):
    """The server's side of a TLS handshake, and what is to happen after it."""

    __slots__ = ("_greeted", "link")

    def __init__(self, reactor: Reactor, link: TLSLink, greeted: Callable[[Greeting], None]) -> None:
        super().__init__(reactor, link, monotonic() + GREETING)
        self.link = link
        self._greeted = greeted

    def complete(self) -> None:
        super().complete()
        self._greeted(self)


class Server:
    """Serves HTTP/1.1 and HTTP/2 with a handler, in a thread of its own where it is used as a context manager.

    Args:
        handler: answers requests; called in the server's thread, so it must not wait for anything.
        host: the address to listen at.
        port: the port; 0 takes a free one.
        tls: serve HTTPS with this context, which from now on offers `protocols`.
        uds: listen at this path as a Unix socket, instead of at host and port.
        sink: takes bodies that are not to be collected; called with the head of every request.
        max_body: bytes of a body that is collected; a larger one is answered with 413.
        timeout: seconds after which a peer that neither sends nor takes anything is given up.
        protocols: what is spoken, by preference: "h2", "http/1.1" or both. TLS agrees on one of them; without TLS a
            client that knows that HTTP/2 is spoken here begins with it (RFC 9113 section 3.3).
        max_concurrent_streams: requests that may be under way on one connection, in HTTP/2.
        max_streams: requests after which an HTTP/2 connection is told to go away, None for any number.

    Attributes:
        url: the root of what is served.
        port: the port that was given, or taken; 0 for a Unix socket.

    Raises:
        OSError: the address cannot be listened at.
        ValueError: there is no such protocol.
    """

    def __init__(
        self,
        handler: Handler,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        uds: str | None = None,
        sink: Sink | None = None,
        max_body: int = 2**24,
        timeout: float = 60.0,
        protocols: Sequence[str] = (HTTP2, HTTP1),
        max_concurrent_streams: int = 100,
        max_streams: int | None = None,
    ) -> None:
        if not protocols or not {*protocols} <= {HTTP1, HTTP2}:
            raise ValueError(f"protocols are {HTTP2!r}, {HTTP1!r} or both, not {protocols!r}")
        self._app = App(
            handler,
            sink=sink,
            max_body=max_body,
            timeout=timeout,
            protocols=tuple(protocols),
            max_concurrent_streams=max_concurrent_streams,
            max_streams=max_streams,
        )
        if tls is not None:
            tls.set_alpn_protocols([*protocols])
        self._tls = tls
        self._uds = uds
        sock = _listen(host, port, uds)
        self.port: int = 0 if uds is not None else sock.getsockname()[1]
        name = "localhost" if uds is not None else f"[{host}]" if ":" in host else host
        self.url = f"http{'' if tls is None else 's'}://{name}{f':{self.port}' if self.port else ''}/"
        self._greetings: set[Greeting] = set()
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._closed = False
        self.connections: set[ServerConnection] = set()
        self.reactor = Reactor()
        self.reactor.listen()
        self._listener = Listener(sock, self.reactor, self._admit)

    @property
    def errors(self) -> deque[BaseException]:
        """What the handler and the bodies of its replies have raised, the last hundred."""
        return self._app.errors

    # Connections

    def _admit(self, sock: socket.socket) -> None:
        try:
            sock.setblocking(False)
            if sock.family != socket.AF_UNIX:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is None:
                self._open(SocketLink(sock))
            else:
                self._greet(self._tls, sock)
        except OSError:
            sock.close()  # the peer has gone before it was let in

    def _greet(self, tls: ssl.SSLContext, sock: socket.socket) -> None:
        greeting = Greeting(self.reactor, TLSLink(SocketLink(sock), tls, None), self._greeted)
        self._greetings.add(greeting)
        greeting.start()

    def _greeted(self, greeting: Greeting) -> None:
        self._greetings.discard(greeting)
        greeting.cancel()
        if greeting.agreed:
            connection = self._open(greeting.link)
            try:
                # The first request may have come in one piece with the end of the handshake.
                connection.ready(READ, monotonic())
            except Exception as error:
                connection.fail(error)
        else:
            greeting.link.close()

    def _open(self, link: Link) -> ServerConnection:
        now = monotonic()
        kind: type[ServerConnection] = HTTP1ServerConnection
        if link.alpn == HTTP2 or HTTP1 not in self._app.protocols:
            from .http2 import HTTP2ServerConnection as kind
        connection = kind(link, self._app, self.connections, now)
        connection.serve(self.reactor, now)
        return connection

    # Running

    def run(self) -> None:
        """Serve in this thread, until `stop` is called by another one or by a signal's handler."""
        reactor = self.reactor
        try:
            while not self._stopping:
                reactor.step()
        finally:
            self._clear()

    def stop(self) -> None:
        """Have `run` return; may be called from any thread."""
        self._stopping = True
        self.reactor.post(_nothing)

    def start(self) -> None:
        """Serve in a thread of the server's own."""
        self._thread = threading.Thread(target=self.run, name="courser-server", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving, and close all connections; may be called twice."""
        self.stop()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._clear()

    def _clear(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._listener.close()
        if self._uds is not None:
            os.unlink(self._uds)
        for greeting in list(self._greetings):
            greeting.cancel()
            greeting.link.close()
        self._greetings.clear()
        for connection in list(self.connections):
            connection.close()
        self.reactor.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Server {self._uds or self.url} {len(self.connections)} connections>"


def _listen(host: str, port: int, uds: str | None) -> socket.socket:
    if uds is not None:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    else:
        sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port) if uds is None else uds)
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock


def _nothing() -> None:
    """What a wake-up has to call when waking up is all it is for."""
