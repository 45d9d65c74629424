"""A FaultServer that speaks HTTP/2 frame by frame, and so can say anything at any moment.

    def script(peer: FramePeer) -> None:
        peer.greet()
        asked = peer.request()
        peer.send(h2wire.response(asked.number, end=False) + h2wire.data(asked.number, b"half"))
        peer.send(h2wire.rst(asked.number, 2))
        peer.wait_for_close()

    server = FrameServer(script, tls=authority.fresh("127.0.0.1", protocols=("h2",)))

What is to be sent is packed by `h2wire`, or is any bytes. What comes is taken apart here, and SETTINGS and PING are
answered, so a script sees requests; it may look at each frame instead. A server that answers properly, with a
handler, is `courser.server.Server`.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from functools import partial
from typing import Any

import h2wire
from faultserver import FaultServer, Gone, Peer
from h2wire import ACK, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, RST_STREAM, SETTINGS, Field, Frame

from courser.engines.hpack import Decoder
from courser.engines.http2 import PREFACE


class Asked:
    """A request as it came.

    Attributes:
        number: its stream.
        method, target: of the pseudo-header fields.
        fields: (name, value) of all fields, in order, pseudo-header fields among them.
        body: what came of it.
        trailers: fields after the body.
        ended: whether it is complete.
    """

    def __init__(self, number: int, fields: list[Field]) -> None:
        self.number = number
        self.fields = fields
        self.method = self.get(":method") or ""
        self.target = self.get(":path") or ""
        self.body = b""
        self.trailers: list[Field] = []
        self.ended = False

    def get(self, name: str) -> str | None:
        """The value of a field, those of several lines joined by ", "."""
        values = [value for known, value in self.fields if known == name]
        return ", ".join(values) if values else None


class FramePeer(Peer):
    """The server's end of one connection, in frames.

    Attributes:
        answers: whether SETTINGS and PING are answered by themselves.
        seen: every frame that has come, in order.
        asked: requests that have begun, by their streams.
        resets: error codes of streams that the client has reset.
        goaway: the client's GOAWAY: the last stream and the error code.
    """

    def __init__(self, sock: socket.socket, server: FaultServer, number: int) -> None:
        super().__init__(sock, server, number)
        self.answers = True
        self.seen: list[Frame] = []
        self.asked: dict[int, Asked] = {}
        self.resets: dict[int, int] = {}
        self.goaway: tuple[int, int] | None = None
        self._decoder = Decoder()
        self._waiting: list[Asked] = []

    def greet(self, *settings: tuple[int, int]) -> None:
        """Take the client's preface, and say what is to hold here."""
        assert self.exactly(len(PREFACE)) == PREFACE
        self.send(h2wire.settings(*settings))

    def frame(self) -> Frame:
        """The next frame, after it has been noted and answered."""
        head = self.exactly(9)
        number = int.from_bytes(head[5:], "big") & 0x7FFFFFFF
        frame = Frame(head[3], head[4], number, self.exactly(int.from_bytes(head[:3], "big")))
        self.seen.append(frame)
        if self.answers and frame.kind in (SETTINGS, PING) and not frame.flags & ACK:
            self.send(h2wire.frame(frame.kind, ACK, 0, frame.payload if frame.kind == PING else b""))
        self._note(frame)
        return frame

    def until(self, kind: int, number: int | None = None) -> Frame:
        """Go on to a frame of a kind, and of a stream if one is given."""
        while True:
            frame = self.frame()
            if frame.kind == kind and number in (None, frame.number):
                return frame

    def head(self) -> Asked:
        """The next request, as soon as its head is there."""
        while not self._waiting:
            self.frame()
        return self._waiting.pop(0)

    def body(self, request: Any) -> bytes:
        """The body of a request whose head has been read, for which all windows are opened as it comes."""
        while not request.ended:
            if request.number in self.resets:
                raise Gone
            frame = self.frame()
            if frame.kind == DATA and frame.payload:
                size = len(frame.payload)
                self.send(h2wire.update(0, size))
                if not frame.flags & END_STREAM:
                    self.send(h2wire.update(frame.number, size))
        return bytes(request.body)

    def request(self) -> Any:
        """The next request with its body."""
        request = self.head()
        self.body(request)
        return request

    def answer(self, request: Asked, body: bytes = b"", *fields: Field, status: str = "200") -> None:
        """Answer properly, with a body that fits into the client's windows."""
        frames = [h2wire.response(request.number, *fields, status=status, end=not body)]
        for start in range(0, len(body), 16384):
            piece = body[start : start + 16384]
            frames.append(h2wire.data(request.number, piece, end=start + 16384 >= len(body)))
        self.send(b"".join(frames))

    def sync(self) -> None:
        """Wait until the client has taken all that was sent; it answers a PING in its turn."""
        mark = f"sync{len(self.seen):04}".encode()[-8:]
        self.send(h2wire.frame(PING, 0, 0, mark))
        while self.until(PING).payload != mark:
            pass

    def _note(self, frame: Frame) -> None:
        number, payload = frame.number, frame.payload
        if frame.kind == HEADERS:
            self._note_head(frame)
        elif frame.kind == DATA and number in self.asked:
            self.asked[number].body += payload
            self.asked[number].ended = bool(frame.flags & END_STREAM)
        elif frame.kind == RST_STREAM:
            self.resets[number] = int.from_bytes(payload, "big")
        elif frame.kind == GOAWAY:
            self.goaway = (int.from_bytes(payload[:4], "big"), int.from_bytes(payload[4:8], "big"))

    def _note_head(self, frame: Frame) -> None:
        block, last = frame.payload, frame.flags
        while not last & END_HEADERS:
            more = self.frame()
            block += more.payload
            last = more.flags
        fields = [(name.decode(), value.decode("latin-1")) for name, value in self._decoder.decode(block)]
        known = self.asked.get(frame.number)
        if known is None:
            known = self.asked[frame.number] = Asked(frame.number, fields)
            self._waiting.append(known)
            requests: list[Any] = self.server.requests
            requests.append(known)
        else:
            known.trailers = fields
        known.ended = bool(frame.flags & END_STREAM)


FrameScript = Callable[[FramePeer], Any]


class FrameServer(FaultServer):
    """Listens on the loopback and runs scripts that speak HTTP/2; see FaultServer.

    Args:
        scripts: for the first, second, ... connection; the last one serves all that follow.
        tls: encrypts; it has to offer "h2".
        host: where to listen.
    """

    def __init__(self, *scripts: FrameScript, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        super().__init__(*[partial(_framed, script) for script in scripts], tls=tls, host=host)


def _framed(script: FrameScript, peer: Peer) -> None:
    script(FramePeer(peer.socket, peer.server, peer.number))


# Scripts that many tests want


def answering(answer: Callable[[FramePeer, Asked], Any]) -> FrameScript:
    """Greet, and do something for every request."""

    def script(peer: FramePeer) -> None:
        peer.greet()
        while True:
            answer(peer, peer.request())

    return script


def saying(*parts: bytes) -> FrameScript:
    """Greet, take one request, say something in so many sends, and go on reading until the client goes."""

    def script(peer: FramePeer) -> None:
        peer.greet()
        peer.request()
        for part in parts:
            peer.send(part)
        while True:
            peer.frame()

    return script
