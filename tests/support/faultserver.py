"""A server for tests that says exactly what a script tells it to, byte for byte, and misbehaves on demand.

A script is a function of a `Peer`, called in a thread of its own for each connection. It reads requests, sends bytes,
stalls, cuts, resets. What a script raises is raised again when the server is closed, so no mistake stays unseen.
"""

from __future__ import annotations

import os
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

PATIENCE = 8.0
"""Seconds that a script waits for a client, so that a broken test ends."""


class Received:
    """A request as it came.

    Attributes:
        raw: the bytes of the head.
        method, target: of the request line.
        fields: (name in lower case, value), in order.
        body: without its chunked coding.
        trailers: the raw trailer section.
    """

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        line, _, rest = raw.partition(b"\r\n")
        method, target, _ = line.split(b" ")
        self.method = method.decode()
        self.target = target.decode()
        pairs = [each.split(b":", 1) for each in rest.split(b"\r\n") if each]
        self.fields = [(name.decode().lower(), value.strip().decode("latin-1")) for name, value in pairs]
        self.body = b""
        self.trailers = b""

    def get(self, name: str) -> str | None:
        """The value of a field, those of several lines joined by ", "."""
        values = [value for known, value in self.fields if known == name]
        return ", ".join(values) if values else None


class Gone(Exception):
    """The client has closed its side."""


class Peer:
    """The server's end of one connection.

    Attributes:
        was_reset: whether the client is known to have broken it off.
    """

    def __init__(self, sock: socket.socket, server: FaultServer, number: int) -> None:
        self.socket = sock
        self.server = server
        self.number = number
        self._buffer = b""
        self.was_reset = False

    def receive(self, size: int = 65536) -> bytes:
        """Whatever comes next; `b""` once the client has closed or reset."""
        if self._buffer:
            data, self._buffer = self._buffer, b""
            return data
        try:
            return self.socket.recv(size)
        except (ConnectionError, ssl.SSLError):
            self.was_reset = True
            return b""

    def _more(self) -> None:
        data = self.receive()
        if not data:
            raise Gone
        self._buffer += data

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._buffer:
            kept, self._buffer = self._buffer, b""
            data = self.receive()
            if not data:
                raise Gone
            self._buffer = kept + data
        found, _, self._buffer = self._buffer.partition(mark)
        return found

    def exactly(self, size: int) -> bytes:
        """So many bytes."""
        parts: list[bytes] = []
        while size > 0:
            data = self.receive()
            if not data:
                raise Gone
            parts.append(data[:size])
            self._buffer = data[size:]
            size -= len(parts[-1])
        return b"".join(parts)

    def head(self) -> Received:
        """The next request, its body left unread."""
        request = Received(self._until(b"\r\n\r\n"))
        self.server.requests.append(request)
        return request

    def request(self) -> Received:
        """The next request with its body."""
        request = self.head()
        self.body(request)
        return request

    def body(self, request: Received) -> bytes:
        """The body of a request whose head has been read."""
        if request.get("transfer-encoding") == "chunked":
            parts: list[bytes] = []
            while size := int(self._until(b"\r\n"), 16):
                parts.append(self.exactly(size))
                self._until(b"\r\n")
            request.body = b"".join(parts)
            while line := self._until(b"\r\n"):
                request.trailers += line + b"\r\n"
        else:
            request.body = self.exactly(int(request.get("content-length") or 0))
        return request.body

    def send(self, data: bytes) -> None:
        """Send all of it, as long as the client lives."""
        try:
            self.socket.sendall(data)
        except (ConnectionError, ssl.SSLError):
            self.was_reset = True

    def dribble(self, data: bytes, delay: float) -> None:
        """Send it byte by byte until the client is gone."""
        with suppress(ConnectionError, ssl.SSLError):
            for at in range(len(data)):
                self.socket.sendall(data[at : at + 1])
                if self.server.closing.wait(delay):
                    return

    def wait_for_close(self) -> bytes:
        """Read until the client closes; gives what came."""
        parts: list[bytes] = []
        while data := self.receive():
            parts.append(data)
        return b"".join(parts)

    def reset(self) -> None:
        """Close with RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self) -> None:
        """Close with FIN; under TLS without close_notify."""
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)
        self.socket.close()

    def close_notify(self) -> None:
        """Say goodbye as TLS wants it, and close."""
        assert isinstance(self.socket, ssl.SSLSocket)
        self.socket.settimeout(0)
        with suppress(OSError):
            self.socket.unwrap()
        self.socket.close()


Script = Callable[[Peer], Any]


class FaultServer:
    """Listens on the loopback and runs scripts.

    Args:
        scripts: for the first, second, ... connection; the last one serves all that follow.
        tls: encrypts.
        host: where to listen; a path means a Unix socket.

    Attributes:
        requests: what came, over all connections.
        connections: how many there were.
        shown: the certificates that clients have shown, None for none.
        open: how many scripts run just now.
        tls: encrypts; what is put in its place holds for the next connection.
        closing: set when the server is closed; scripts that stall wait for it.
    """

    def __init__(self, *scripts: Script, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self._scripts: Sequence[Script] = scripts
        self.tls = tls
        self._errors: list[BaseException] = []
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self._changed = threading.Condition()
        self.requests: list[Received] = []
        self.shown: list[Any] = []
        self.connections = 0
        self.open = 0
        self.closing = threading.Event()
        self.host = host
        self._listener, self.port = listening(host)
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    @property
    def accepted(self) -> int:
        """How many connections clients have made."""
        return self.connections

    def url(self, path: str = "/", host: str | None = None) -> str:
        """The URL of a path."""
        name = host or (f"[{self.host}]" if ":" in self.host else self.host)
        return f"{'https' if self.tls else 'http'}://{name}:{self.port}{path}"

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            if self.closing.is_set():
                sock.close()
                return
            sock.settimeout(PATIENCE)
            if sock.family != socket.AF_UNIX:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            number = self.connections
            with self._changed:
                self.connections += 1
                self.open += 1
                self._sockets.append(sock)
            thread = threading.Thread(target=self._serve, args=(sock, number), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket, number: int) -> None:
        try:
            if self.tls is not None:
                try:
                    sock = self.tls.wrap_socket(sock, server_side=True, suppress_ragged_eofs=True)
                except (OSError, ssl.SSLError):
                    return
                with self._changed:
                    self._sockets.append(sock)
                self.shown.append(sock.getpeercert())
            self._scripts[min(number, len(self._scripts) - 1)](Peer(sock, self, number))
        except Gone:
            pass
        except BaseException as error:
            if not self.closing.is_set():
                self._errors.append(error)
        finally:
            sock.close()
            with self._changed:
                self.open -= 1
                self._changed.notify_all()

    def owns(self, sock: socket.socket) -> bool:
        """Whether a socket is one of its own."""
        return sock.family != socket.AF_UNIX and sock.getsockname()[1] == self.port

    def wait_until_left(self, connections: int = 0, seconds: float = PATIENCE) -> bool:
        """Wait until so few scripts still run."""
        end = time.monotonic() + seconds
        with self._changed:
            while self.open > connections:
                if not self._changed.wait(end - time.monotonic()):
                    return False
        return True

    def close(self) -> None:
        """Stop, and raise what a script has raised."""
        self.closing.set()
        # closing a listener wakes no thread that is in accept(); shutting it down does
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join(PATIENCE)
        with self._changed:
            for sock in self._sockets:
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE)
        for sock in self._sockets:
            sock.close()
        if self._errors:
            raise self._errors[0]


def listening(host: str) -> tuple[socket.socket, int]:
    """A listener at an address, or at a path as a Unix socket, and its port."""
    if host.startswith("/"):
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(host)
    else:
        listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, 0))
    listener.listen(128)
    return listener, 0 if host.startswith("/") else listener.getsockname()[1]


def descriptors() -> dict[str, str]:
    """What this process has open."""
    found: dict[str, str] = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[name] = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            pass
    return found


def clients_of(server: FaultServer) -> tuple[int, int]:
    """How many sockets, and how many poll objects, are open in this process that are not the server's."""
    sockets = polls = 0
    for name, what in descriptors().items():
        polls += what == "anon_inode:[eventpoll]"
        if what.startswith("socket:"):
            try:
                with socket.socket(fileno=os.dup(int(name))) as sock:
                    sockets += sock.family != socket.AF_UNIX and not server.owns(sock)
            except OSError:
                pass
    return sockets, polls


# Scripts that many tests want


def answering(answer: Callable[[Received], bytes] | bytes) -> Script:
    """Answer every request, as long as the client keeps the connection."""

    def script(peer: Peer) -> None:
        while True:
            request = peer.request()
            peer.send(answer if isinstance(answer, bytes) else answer(request))

    return script


def once(answer: bytes, then: Callable[[Peer], None] = Peer.close) -> Script:
    """Answer one request and then do something, by default close."""

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(answer)
        then(peer)

    return script


def stall(peer: Peer) -> None:
    """Say nothing until the client goes."""
    peer.wait_for_close()


def silent(peer: Peer) -> None:
    """Take a request and never answer."""
    peer.request()
    peer.wait_for_close()


def reply(body: bytes = b"", status: str = "200 OK", *fields: str) -> bytes:
    """A plain response with a Content-Length."""
    lines = "".join(f"{field}\r\n" for field in fields)
    return f"HTTP/1.1 {status}\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body


def chunked(*pieces: bytes, trailers: str = "", fields: str = "") -> bytes:
    """A response in chunks."""
    head = f"HTTP/1.1 200 OK\r\n{fields}Transfer-Encoding: chunked\r\n\r\n".encode()
    body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return head + body + b"0\r\n" + trailers.encode() + b"\r\n"


def echo(request: Received) -> bytes:
    """The request's body, with what came beside it in the headers."""
    return reply(
        request.body,
        "200 OK",
        f"X-Method: {request.method}",
        f"X-Target: {request.target}",
        f"X-Type: {request.get('content-type') or '-'}",
        f"X-Length: {request.get('content-length') or '-'}",
        f"X-Coding: {request.get('transfer-encoding') or '-'}",
    )
