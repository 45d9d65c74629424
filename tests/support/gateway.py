"""A gateway for tests: HTTP/2 to the client, HTTP/1.1 to the scripts of a FaultServer.

What a script does to its connection is done to a stream: a response that breaks off or makes no sense resets it. A
script that goes without a word, or resets, takes the client's connection along, if nobody else uses it: that is what
it would mean in HTTP/1.1. Scripts see as many connections as an HTTP/1.1 client would make: one is used again once its
response is complete, and ends with the connection of the client. A stream that is opened for a WebSocket (RFC 8441) is
to a script a connection that is upgraded (RFC 6455).
"""

from __future__ import annotations

import os
import selectors
import socket
import ssl
import struct
import threading
from contextlib import suppress
from time import monotonic
from typing import Any

from faultserver import PATIENCE, FaultServer, Script, listening

from courser.engines.events import Event, RequestHead, ResponseHead
from courser.engines.http1 import WIRE_LIMITS
from courser.engines.http1 import ClientEngine as ScriptEngine
from courser.engines.http2 import HTTP2_LIMITS, ErrorCode, ServerEngine, Stream
from courser.errors import RemoteProtocolError, TruncatedBody
from courser.values.fields import FieldBlock

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE

ENOUGH = 64 * 1024
"""Bytes of a response that wait for the client; beyond, nothing is read of the script."""

FRAMING = (b"content-length", b"transfer-encoding")

UPGRADE = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
"""What a handshake has over HTTP/1.1 only."""

UPGRADED = (b"connection", b"upgrade", b"sec-websocket-accept")
"""What its answer has there only."""

NARROW = HTTP2_LIMITS._replace(stream_window=262144, max_stream_window=262144)
"""What lies here of a request is not to be mistaken for memory of the client, which some tests measure."""

LAX = WIRE_LIMITS._replace(interim=10**6)
"""Interim responses are for the client to count."""


class Entry:
    """A socket that never blocks, and what it has not taken yet.

    Attributes:
        closed: whether it is.
        out: what the peer has not taken yet.
        is_broken: whether the peer takes nothing any more.
    """

    def __init__(self, gateway: Gateway, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.gateway = gateway
        self.socket = sock
        self.closed = False
        self.out = bytearray()
        self.is_broken = False
        self._mask = READ
        gateway.selector.register(sock, READ, self)

    def watch(self, mask: int) -> None:
        """Wait for this; 0 for nothing."""
        if mask != self._mask and not self.closed:
            selector = self.gateway.selector
            if not mask:
                selector.unregister(self.socket)
            elif not self._mask:
                selector.register(self.socket, mask, self)
            else:
                selector.modify(self.socket, mask, self)
            self._mask = mask

    def push(self) -> None:
        """Send what can be sent."""
        try:
            while self.out:
                with memoryview(self.out) as view:
                    sent = self.socket.send(view[:262144])
                del self.out[:sent]
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            pass
        except OSError:
            self.out = bytearray()  # a new one: the error holds a view of the old one
            self.is_broken = True  # what is read now does not tell

    def receive(self) -> bytes | None:
        """What has come; b"" at the end, None for nothing now."""
        try:
            return self.socket.recv(65536)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None

    @property
    def is_quiet(self) -> bool:
        """Whether the peer lives and says nothing."""
        try:
            return self.receive() is None
        except OSError:
            return False

    def ready(self, mask: int) -> None:
        raise NotImplementedError

    def close(self) -> None:
        """Close at once."""
        if not self.closed:
            self.watch(0)
            self.closed = True
            self.socket.close()


class Doorman(Entry):
    """The listener, or what wakes the gateway."""

    def ready(self, mask: int) -> None:
        if self.gateway.stopping:
            return
        with suppress(BlockingIOError):
            sock, _ = self.socket.accept()
            if sock.family != socket.AF_UNIX:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.gateway.admit(sock)


class Back(Entry):
    """A connection to a script, which carries one stream at a time.

    Attributes:
        engine: speaks HTTP/1.1.
        stream: whose request it carries; None while it is idle.
    """

    def __init__(self, front: Front, sock: socket.socket) -> None:
        super().__init__(front.gateway, sock)
        self.engine = ScriptEngine(limits=LAX)
        self.stream: Stream | None = None
        self._front = front
        self._inode = os.fstat(sock.fileno()).st_ino
        front.gateway.inodes.add(self._inode)
        self._owed = 0
        self._answered = False
        # For a WebSocket: whether one was asked for, whether it is open, whether the client will send no more.
        self._asks = self._is_open = self._is_ending = False

    def begin(self, stream: Stream, head: RequestHead, length: int | None) -> None:
        """Send the head of a request."""
        self.stream = stream
        self._owed = 0
        self._answered = False
        fields = FieldBlock(without(FRAMING, head.fields))
        self._asks = head.method == b"CONNECT"
        if self._asks:
            self.out += self.engine.start(b"GET", head.target, b"", FieldBlock(fields + UPGRADE), -1)
        else:
            self.out += self.engine.start(head.method, head.target, b"", fields, length)

    def forward(self, event: Event) -> None:
        """Send a piece of a request's body, or its end."""
        if isinstance(event, bytes):
            self._owed += len(event)
            self.out += event if self._asks else b"".join(self.engine.send_data(event))
        elif self._asks:
            self._is_ending = True
        elif not isinstance(event, RequestHead | ResponseHead) and not self.engine.request_done:
            self.out += self.engine.send_end(FieldBlock(event.trailers))

    def flush(self) -> None:
        """Send what can be sent; as much may follow."""
        self.push()
        stream = self.stream
        if stream is not None:
            taken = self._owed - len(self.out)
            if taken > 0:
                self._front.engine.consumed(stream, taken)
                self._owed -= taken
            if self._is_open:
                if self._is_ending and not self.out:
                    with suppress(OSError):
                        self.socket.shutdown(socket.SHUT_WR)
            elif self._answered and self.engine.request_done and not self.out:
                self._rest(stream)
        self.regard()

    def regard(self) -> None:
        """Read only as long as the client takes what is read."""
        stream = self.stream
        may = stream is None or stream.queued < ENOUGH
        self.watch((READ if may else 0) | (WRITE if self.out else 0))

    def ready(self, mask: int) -> None:
        stream = self.stream
        if stream is None:
            self._front.idle.remove(self)
            self.close()
            return
        if mask & READ:
            self._receive(stream)
        if not self.closed:
            self.flush()
        self._front.flush()

    def _receive(self, stream: Stream) -> None:
        while not self.closed and stream.queued < ENOUGH:
            try:
                data = self.receive()
            except OSError:
                self._fail(stream, ErrorCode.INTERNAL_ERROR, fatal=True, reset=True)
                return
            if data is None:
                return
            if self._is_open:
                self._relay(stream, data)
                continue
            if self._answered:
                self._stop(stream)
                return
            try:
                events = self.engine.receive(data)
            except RemoteProtocolError as error:
                broken = data or isinstance(error, TruncatedBody)
                code = ErrorCode.PROTOCOL_ERROR if data else ErrorCode.INTERNAL_ERROR
                fatal = self.is_broken or (not broken and not self.engine.bytes_received)
                self._fail(stream, code, fatal=fatal, reset=self.is_broken)
                return
            for event in events:
                self._answer(stream, event)

    def _relay(self, stream: Stream, data: bytes) -> None:
        """Pass bytes of a WebSocket on; at their end the script has closed its side."""
        if data:
            self._front.engine.send_data(stream, data)
            return
        self._front.engine.send_end(stream)
        self._front.backs.pop(stream, None)
        self.close()

    def _stop(self, stream: Stream) -> None:
        """The script has answered, and takes no more of the request."""
        self._front.backs.pop(stream, None)
        self._front.early.append(stream)
        self.close()

    def _fail(self, stream: Stream, code: int, *, fatal: bool, reset: bool = False) -> None:
        """The script has broken HTTP/1.1 or its connection."""
        if self._answered:
            self._stop(stream)
            return
        front = self._front
        front.flush()  # what came before has come
        front.backs.pop(stream, None)
        self.close()
        if fatal and not front.backs:
            front.die(reset)
        else:
            front.engine.reset(stream, code)

    def _answer(self, stream: Stream, event: Event) -> None:
        engine = self._front.engine
        if isinstance(event, ResponseHead):
            fields = FieldBlock(without(FRAMING, event.fields))
            if event.status == 101 and self._asks:
                self._is_open = True
                engine.respond(stream, 200, FieldBlock(without(UPGRADED, fields)), None)
            elif event.status < 200:
                engine.send_interim(stream, event.status, fields)
            else:
                engine.respond(stream, event.status, fields, event.length)
        elif isinstance(event, bytes):
            engine.send_data(stream, event)
        elif self._is_open:
            if self.engine.leftover:
                self._relay(stream, bytes(self.engine.leftover))
        elif not isinstance(event, RequestHead):
            if stream.upload is not None and stream.upload.is_open:
                engine.send_end(stream, FieldBlock(event.trailers))
            self._answered = True

    def _rest(self, stream: Stream) -> None:
        """The exchange is complete."""
        self.stream = None
        self._front.backs.pop(stream, None)
        if self.engine.is_idle:
            self._front.idle.append(self)
        else:
            self.close()

    def close(self) -> None:
        super().close()
        self.gateway.inodes.discard(self._inode)


class Front(Entry):
    """A connection of the client.

    Attributes:
        engine: speaks HTTP/2.
        backs: who carries which stream.
        idle: connections to scripts that carry none.
        early: streams that are answered, and whose requests are not complete.
    """

    def __init__(self, gateway: Gateway, sock: socket.socket) -> None:
        super().__init__(gateway, sock)
        self.engine = ServerEngine(limits=NARROW)
        self.backs: dict[Stream, Back] = {}
        self.idle: list[Back] = []
        self.early: list[Stream] = []
        self._dying = False
        self._greeted = not isinstance(sock, ssl.SSLSocket)

    def ready(self, mask: int) -> None:
        if not self._greeted and not self._greet():
            return
        try:
            while not self.closed:
                data = self.receive()
                if data is None:
                    break
                if data and not self._dying:
                    self._take(data)
                elif not data:
                    self.close()
        except OSError:
            self.close()
        self.flush()

    def _greet(self) -> bool:
        """Go on with the TLS handshake; tell whether it is over."""
        assert isinstance(self.socket, ssl.SSLSocket)
        try:
            self.socket.do_handshake()
        except ssl.SSLWantReadError:
            self.watch(READ)
        except ssl.SSLWantWriteError:
            self.watch(WRITE)
        except OSError:
            # What is wrong was said in an alert, which a close with bytes unread would take back.
            self._greeted = True
            self.die(reset=False)
            return False
        else:
            self._greeted = True
            self.gateway.shown.append(self.socket.getpeercert())
        return self._greeted

    def _take(self, data: bytes) -> None:
        for stream in self.engine.receive(data, monotonic()):
            self._serve(stream, stream.take())
        if self.engine.error is not None:
            self.gateway.errors.append(self.engine.error)
            self.flush()
            self.die(reset=False)

    def _serve(self, stream: Stream, events: list[Event]) -> None:
        back = self.backs.get(stream)
        head = events[0] if events else None
        if back is None and isinstance(head, RequestHead):
            back = self.backs[stream] = self._back()
            del events[0]
            has_body = not events or isinstance(events[0], bytes)
            back.begin(stream, head, head.length if has_body or head.length is not None else -1)
        if back is None:
            return
        for event in events:
            back.forward(event)
        back.flush()
        if stream.error is not None:
            # The client has given it up.
            self.backs.pop(stream, None)
            back.close()

    def _back(self) -> Back:
        """A connection to a script, one that was used before if such a one lives."""
        while self.idle:
            back = self.idle.pop()
            if back.is_quiet:
                return back
            back.close()
        sock = socket.socket()
        # Segments as large as the loopback has them let a window that was full stay shut for 200 ms.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1400)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for direction in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            sock.setsockopt(socket.SOL_SOCKET, direction, 256 * 1024)  # on the way there are buffers enough
        sock.settimeout(PATIENCE)
        sock.connect(("127.0.0.1", self.gateway.scripts.port))
        return Back(self, sock)

    def flush(self) -> None:
        """Send what can be sent."""
        if self.closed or self._dying or not self._greeted:
            return
        while True:
            self.push()
            if self.out:
                break
            for stream in [stream for stream in self.early if stream.sent]:
                self.early.remove(stream)
                self.engine.reset(stream, ErrorCode.NO_ERROR)
            data = self.engine.outgoing()
            if not data:
                break
            self.out += data
        self.watch(READ | (WRITE if self.out else 0))
        for back in [*self.backs.values()]:
            back.regard()

    def die(self, reset: bool) -> None:
        """End the connection: with RST, or by sending no more."""
        self._let_go()
        if reset:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close()
            return
        # Closed with bytes unread it would be reset; what comes is read until the client goes too.
        self._dying = True
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)

    def _let_go(self) -> None:
        for back in [*self.backs.values(), *self.idle]:
            back.close()
        self.backs.clear()
        self.idle.clear()

    def close(self) -> None:
        self._let_go()
        super().close()
        self.gateway.fronts.discard(self)


class Gateway:
    """A FaultServer that is spoken to in HTTP/2; see there.

    Args:
        scripts, tls, host: as there; over TLS, ALPN agrees on h2 and nothing else.

    Attributes:
        scripts: the FaultServer behind it, whose other attributes are had from here.
        accepted: how many connections clients have made; `connections` counts those to scripts.
        shown: as there.
        inodes: of its connections to scripts. Their ports may be those of clients too, which go elsewhere.
        errors: what went wrong in here, and what clients did wrong.
    """

    def __init__(self, *scripts: Script, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self.scripts = FaultServer(*scripts)
        self.host = host
        self.tls = tls
        self.accepted = 0
        self.shown: list[Any] = []
        self.inodes: set[int] = set()
        self.errors: list[BaseException] = []
        self.fronts: set[Front] = set()
        self.stopping = False
        self.selector = selectors.PollSelector()
        self._renamed: list[ssl.SSLContext] = []
        listener, self.port = listening(host)
        self._waker, wake = socket.socketpair()
        self._doors = [Doorman(self, listener), Doorman(self, wake)]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.scripts, name)

    def url(self, path: str = "/", host: str | None = None) -> str:
        """The URL of a path."""
        name = host or (f"[{self.host}]" if ":" in self.host else self.host)
        return f"{'https' if self.tls else 'http'}://{name}:{self.port}{path}"

    @property
    def streams(self) -> int:
        """How many streams are under way."""
        return sum(len(front.backs) for front in [*self.fronts])

    def owns(self, sock: socket.socket) -> bool:
        """Whether a socket is one of its own."""
        return sock.family != socket.AF_UNIX and (
            sock.getsockname()[1] in {self.port, self.scripts.port} or os.fstat(sock.fileno()).st_ino in self.inodes
        )

    def admit(self, sock: socket.socket) -> None:
        """Serve one more connection."""
        self.accepted += 1
        if self.tls is not None:
            self._renamed.append(self.tls)
            self.tls.set_alpn_protocols(["h2"])
            sock.setblocking(False)
            sock = self.tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        self.fronts.add(Front(self, sock))

    def _run(self) -> None:
        while not self.stopping:
            for key, mask in self.selector.select():
                entry: Entry = key.data
                if entry.closed:
                    continue
                try:
                    entry.ready(mask)
                except Exception as error:
                    self.errors.append(error)
                    entry.close()
        for front in [*self.fronts]:
            front.close()
        for door in self._doors:
            door.close()
        self.selector.close()

    def close(self) -> None:
        """Stop, and raise what went wrong."""
        self.closing.set()
        self.stopping = True
        with suppress(OSError):  # it may have stopped by now
            self._waker.send(b"stop")
        self._thread.join(PATIENCE)
        self._waker.close()
        for tls in self._renamed:
            tls.set_alpn_protocols(["http/1.1"])
        self.scripts.close()
        if self.errors:
            raise self.errors[0]


def without(names: tuple[bytes, ...], lines: bytes) -> bytes:
    """Header lines without those of some names."""
    kept = [line for line in lines.splitlines(keepends=True) if line.partition(b":")[0].lower() not in names]
    return b"".join(kept)
