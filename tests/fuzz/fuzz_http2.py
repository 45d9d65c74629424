"""No bytes make an HTTP/2 engine do anything but hand out events, end streams or end the connection.

    python tests/fuzz/fuzz_http2.py --seconds 60 [--seed 1]

Frames of a corpus are put in a row, mutated and fed to a client and a server engine, whole, byte by byte and in random
pieces. Nothing may be raised; what comes of it must not depend on the pieces; what the engines say must be whole
frames; what they hold must stay within their limits. Then two engines talk to each other, start, send, read, reset and
say goodbye at random, cut at random: every byte has to arrive, and neither may find fault with the other.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import h2wire as wire
from h2wire import body, parse, told
from rounds import main

from courser.engines.events import Event
from courser.engines.http2 import HTTP2_LIMITS, PREFACE, ClientEngine, ServerEngine, Stream
from courser.errors import LocalProtocolError, RemoteProtocolError

LIMITS = HTTP2_LIMITS._replace(
    head=2000,
    block=3000,
    stream_window=500,
    max_stream_window=2000,
    connection_window=65535,
    unread=3000,
    streams=20,
    empty=10,
    queued=50,
)
ADDED = wire.block((":status", "200")) + wire.block(("a", "b" * 40), ("c", "d"), flags=0x40)
REFERRED = wire.block((":status", "200")) + b"\xbe\xbf"

FRAMES = [
    wire.settings((3, 10), (4, 100), (5, 20000)),
    wire.settings((1, 0), (6, 100), (8, 1)),
    wire.SETTINGS_ACK,
    wire.frame(wire.PING, 0, 0, b"12345678"),
    wire.frame(wire.PING, wire.ACK, 0, b"courserR"),
    wire.frame(wire.PING, wire.ACK, 0, b"courserB"),
    wire.frame(wire.PRIORITY, 0, 1, bytes(5)),
    wire.frame(wire.PUSH_PROMISE, 4, 1, bytes(4)),
    wire.frame(0xAB, 0xFF, 1, b"xyz"),
    wire.goaway(2**31 - 1),
    wire.goaway(1, 2, b"debug"),
    wire.update(0, 1000),
    *(
        made
        for number in (1, 3, 5)
        for made in (
            wire.response(number, ("content-length", "5")),
            wire.response(number),
            wire.response(number, status="103"),
            wire.response(number, status="204", end=True),
            wire.response(number, ("Bad", "name")),
            wire.response(number, ("a", "b\n")),
            wire.frame(wire.HEADERS, 4, number, ADDED),
            wire.frame(wire.HEADERS, 4, number, REFERRED),
            wire.frame(wire.HEADERS, 5, number, REFERRED),
            wire.frame(wire.HEADERS, 0, number, ADDED[:9]),
            wire.frame(wire.CONTINUATION, 4, number, ADDED[9:]),
            wire.frame(wire.HEADERS, 0x2D, number, b"\x02" + bytes(5) + ADDED + bytes(2)),
            wire.headers(number, ("a", "b"), end=True),
            wire.request(number),
            wire.request(number, ("content-length", "5"), method="PUT", end=False),
            wire.data(number, b"hello"),
            wire.data(number, b"hello", end=True),
            wire.data(number, b""),
            wire.data(number, bytes(300)),
            wire.data(number, bytes(1200)),
            wire.frame(wire.DATA, wire.PADDED, number, b"\x03abc\0\0\0"),
            wire.rst(number, 8),
            wire.rst(number, 7),
            wire.update(number, 10),
            wire.update(number, 0),
        )
    ),
]


def corpus(rng: random.Random) -> bytes:
    """Frames in a row, now and then with bytes changed."""
    frames = [rng.choice(FRAMES) for _ in range(rng.randrange(1, 25))]
    if rng.random() < 0.9:
        frames.insert(0, wire.settings())
    data = bytearray(b"".join(frames))
    for _ in range(rng.choice((0, 0, 1, 1, 3))):
        at = rng.randrange(len(data)) if data else 0
        match rng.randrange(4):
            case 0:
                data[at : at + 1] = bytes((rng.randrange(256),))
            case 1:
                del data[at : at + rng.choice((1, 9))]
            case 2:
                data[at:at] = rng.randbytes(rng.choice((1, 9, 30)))
            case _:
                data[at] ^= 1 << rng.randrange(8)
    return bytes(data)


def cuts(rng: random.Random, sent: bytes) -> Iterator[list[bytes]]:
    yield [sent[at : at + 1] for at in range(len(sent))]
    places = sorted(rng.randrange(len(sent) + 1) for _ in range(3))
    yield [piece for piece in (sent[: places[0]], sent[places[0] : places[1]], sent[places[1] :]) if piece]


def held(engine: ClientEngine | ServerEngine) -> None:
    """What an engine may hold."""
    if len(engine._buffer) > 16384 + 9:
        raise AssertionError(f"{len(engine._buffer)} bytes of one frame")
    if engine._outbox.answers > LIMITS.queued + 1:
        raise AssertionError(f"{engine._outbox.answers} answers wait")
    unread = sum(stream.unread for stream in engine.streams)
    if engine._inflow.unread != unread or unread > LIMITS.unread + LIMITS.connection_window:
        raise AssertionError(f"{engine._inflow.unread} bytes are unread, or {unread}")
    if engine.error is not None and not engine.is_idle:
        raise AssertionError("streams outlive their connection")


def outcome(engine: ClientEngine | ServerEngine, streams: dict[int, Stream], said: bytes) -> tuple[object, ...]:
    for stream in streams.values():
        if stream.error is not None and not isinstance(stream.error, RemoteProtocolError):
            raise AssertionError(f"{stream.error!r}")
    return (
        {
            number: (
                told(stream.events),
                repr(stream.error),
                stream.refused,
                stream.stopped,
                stream.closed,
                stream.code,
            )
            for number, stream in streams.items()
        },
        repr(engine.error),
        engine.goaway,
        parse(said),
    )


def as_client(pieces: list[bytes], reset: bool) -> tuple[object, ...]:
    """What a client makes of it: one request that is read, one with a body, one that may be reset."""
    engine = ClientEngine(limits=LIMITS)
    engine.outgoing()
    streams = {}
    for method, length in ((b"GET", -1), (b"POST", None), (b"HEAD", -1)):
        stream = engine.start(method, b"/", b"h", b"", length)
        streams[stream.id] = stream
    engine.send_data(streams[3], bytes(200))
    if reset:
        engine.reset(streams[5])
    said = engine.outgoing()
    for piece in [*pieces, b""]:
        engine.receive(piece, 0.0)
        held(engine)
        engine.consumed(streams[1], 0)
    return outcome(engine, streams, said + engine.outgoing())


def as_server(pieces: list[bytes]) -> tuple[object, ...]:
    """What a server makes of it."""
    engine = ServerEngine(limits=LIMITS)
    engine.receive(PREFACE, 0.0)
    streams: dict[int, Stream] = {}
    for piece in [*pieces, b""]:
        for stream in engine.receive(piece, 0.0):
            streams[stream.id] = stream
        held(engine)
    return outcome(engine, streams, engine.outgoing())


class Talk:
    """Two engines and a network that cuts.

    Attributes:
        sent: (side, stream) -> body that was handed over.
        got: (side, stream) -> events that came.
        gone: streams that were reset.
    """

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        limits = LIMITS._replace(head=8192, block=8192, streams=100, updates=100_000)
        self.client, self.server = ClientEngine(limits=limits), ServerEngine(limits=limits)
        self.lines: dict[str, bytearray] = {"client": bytearray(), "server": bytearray()}
        self.asked: dict[int, Stream] = {}
        self.served: dict[int, Stream] = {}
        self.sent: dict[tuple[str, int], bytes] = {}
        self.got: dict[tuple[str, int], list[Event]] = {}
        self.ended: set[tuple[str, int]] = set()
        self.gone: set[int] = set()

    def move(self, side: str, *, whole: bool) -> bool:
        """Carry bytes to one side."""
        receiver, sender = (self.client, self.server) if side == "client" else (self.server, self.client)
        line = self.lines[side]
        line += sender.outgoing()
        size = len(line) if whole else self.rng.randrange(len(line) + 1)
        if not size:
            return False
        for stream in receiver.receive(bytes(line[:size]), 0.0):
            if side == "server":
                self.served[stream.id] = stream
            events = stream.take()
            self.got.setdefault((side, stream.id), []).extend(events)
            receiver.consumed(stream, len(body(events)))
            if stream.error is not None and stream.id not in self.gone:
                raise AssertionError(f"{side} {stream!r}")
        del line[:size]
        held(receiver)
        return True

    def send(self, side: str, engine: ClientEngine | ServerEngine, stream: Stream) -> None:
        key = side, stream.id
        piece = self.rng.randbytes(self.rng.choice((0, 1, 50, 700)))
        engine.send_data(stream, piece)
        if stream.id not in self.gone:
            self.sent[key] = self.sent.get(key, b"") + piece

    def end(self, side: str, engine: ClientEngine | ServerEngine, stream: Stream) -> None:
        self.ended.add((side, stream.id))
        engine.send_end(stream, self.rng.choice((b"", b"T: u\r\n")))

    def act(self) -> None:
        rng = self.rng
        match rng.randrange(9):
            case 0 if self.client.capacity:
                fields = rng.choice((b"", b"A: b\r\n", b"X: %d\r\n" % rng.randrange(3)))
                stream = self.client.start(b"POST", b"/%d" % rng.randrange(5), b"h", fields, None)
                self.asked[stream.id] = stream
            case 1 if (stream := self.pick(self.asked, "client")) is not None:
                self.send("client", self.client, stream)
            case 2 if (stream := self.pick(self.asked, "client")) is not None:
                self.end("client", self.client, stream)
            case 3 if (stream := self.pick(self.served, "server")) is not None and stream.upload is None:
                self.server.respond(stream, rng.choice((200, 404)), rng.choice((b"", b"S: t\r\n")), None)
            case 4 if (stream := self.pick(self.served, "server")) is not None and stream.upload is not None:
                self.send("server", self.server, stream)
            case 5 if (stream := self.pick(self.served, "server")) is not None and stream.upload is not None:
                self.end("server", self.server, stream)
            case 6 if self.asked and rng.random() < 0.3:
                stream = rng.choice([*self.asked.values()])
                if not stream.closed:
                    self.gone.add(stream.id)
                self.client.reset(stream)
            case 7:
                self.move("server", whole=False)
            case _:
                self.move("client", whole=False)

    def pick(self, streams: dict[int, Stream], side: str) -> Stream | None:
        found = [stream for number, stream in streams.items() if (side, number) not in self.ended | {("", 0)}]
        found = [stream for stream in found if not stream.closed]
        return self.rng.choice(found) if found else None

    def finish(self) -> None:
        """End everything, and let everything arrive."""
        self.rest()
        for side, engine, streams in (("client", self.client, self.asked), ("server", self.server, self.served)):
            for number, stream in streams.items():
                if stream.closed or (side, number) in self.ended:
                    continue
                if side == "server" and stream.upload is None:
                    self.server.respond(stream, 200, b"", None)
                self.end(side, engine, stream)
            self.rest()
        for number in self.asked.keys() - self.gone:
            for side, other in (("client", "server"), ("server", "client")):
                if body(self.got[side, number]) != self.sent.get((other, number), b""):
                    raise AssertionError(f"stream {number}: what the {other} sent is not what the {side} got")
        for engine in (self.client, self.server):
            if engine.error is not None or not engine.is_idle or engine._inflow.unread:
                raise AssertionError(f"{engine.error!r} {[*engine.streams]} {engine._inflow.unread}")

    def rest(self) -> None:
        for _ in range(10_000):
            if not self.move("server", whole=True) and not self.move("client", whole=True):
                return
        raise AssertionError("they do not come to rest")


def talk(rng: random.Random) -> None:
    conversation = Talk(rng)
    for _ in range(rng.randrange(60)):
        conversation.act()
    conversation.finish()


def refuse(rng: random.Random) -> None:
    """Whatever a caller asks for is sent as it is, or refused and leaves no trace."""
    engine = wire.client((6, 300))
    line = rng.choice(
        (b"A: b\r\n", b"Connection: a\r\n", b"Host: h\r\n", b"TE: x\r\n", b"A: b", b"Content-Length: 1\r\n")
    )
    target = b"/" + rng.randbytes(rng.randrange(3))
    try:
        engine.start(rng.choice((b"GET", b"CONNECT", b"G T")), target, rng.choice((b"h", b"", b"h/")), line, -1)
    except LocalProtocolError:
        if not engine.is_idle or engine.outgoing():
            raise AssertionError("a refused request left something behind") from None
    parse(engine.outgoing())


def check(rng: random.Random) -> None:
    sent, reset = corpus(rng), rng.random() < 0.5
    whole = as_client([sent] if sent else [], reset)
    for pieces in cuts(rng, sent):
        cut = as_client(pieces, reset)
        if cut != whole:
            raise AssertionError(f"a client of {sent!r} whole: {whole}, in pieces: {cut}")
    whole = as_server([sent] if sent else [])
    for pieces in cuts(rng, sent):
        cut = as_server(pieces)
        if cut != whole:
            raise AssertionError(f"a server of {sent!r} whole: {whole}, in pieces: {cut}")
    talk(rng)
    refuse(rng)


if __name__ == "__main__":
    sys.exit(main("http2", check))
