"""HTTP/2 as bytes, written and read without the code under test, and two engines that talk to each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from courser.engines.events import End, Event, RequestHead, ResponseHead
from courser.engines.http2 import HTTP2_LIMITS, PREFACE, ClientEngine, HTTP2Limits, ServerEngine, Stream

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM = ACK = 0x1
END_HEADERS, PADDED, PRIORITIZED = 0x4, 0x8, 0x20

Field = tuple[str, str]


class Frame(NamedTuple):
    """A frame as it stands on the wire."""

    kind: int
    flags: int
    number: int
    payload: bytes


def frame(kind: int, flags: int, number: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + number.to_bytes(4, "big") + payload


def parse(wire: bytes) -> list[Frame]:
    """Whole frames and nothing else; a client's preface may come first."""
    wire = wire.removeprefix(PREFACE)
    found = []
    while wire:
        assert len(wire) >= 9
        end = 9 + int.from_bytes(wire[:3], "big")
        assert len(wire) >= end
        found.append(Frame(wire[3], wire[4], int.from_bytes(wire[5:9], "big"), wire[9:end]))
        wire = wire[end:]
    return found


def kinds(wire: bytes) -> list[int]:
    return [each.kind for each in parse(wire)]


def integer(value: int, bits: int, flags: int = 0) -> bytes:
    """RFC 7541 section 5.1."""
    most = (1 << bits) - 1
    if value < most:
        return bytes((flags | value,))
    out = bytearray((flags | most,))
    value -= most
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def block(*fields: Field, flags: int = 0) -> bytes:
    """A header block of literals; with 0x40 for flags each goes into the table."""
    out = b""
    for pair in fields:
        out += bytes((flags,))
        for text in pair:
            raw = text.encode("latin-1")
            out += integer(len(raw), 7) + raw
    return out


def headers(number: int, *fields: Field, end: bool = False, flags: int = END_HEADERS) -> bytes:
    return frame(HEADERS, flags | (END_STREAM if end else 0), number, block(*fields))


def response(number: int, *fields: Field, status: str = "200", end: bool = False) -> bytes:
    return headers(number, (":status", status), *fields, end=end)


def request(number: int, *fields: Field, method: str = "GET", path: str = "/", end: bool = True) -> bytes:
    pseudo = ((":method", method), (":scheme", "https"), (":authority", "h"), (":path", path))
    return headers(number, *pseudo, *fields, end=end)


def data(number: int, payload: bytes, *, end: bool = False) -> bytes:
    return frame(DATA, END_STREAM if end else 0, number, payload)


def settings(*pairs: tuple[int, int]) -> bytes:
    return frame(SETTINGS, 0, 0, b"".join(name.to_bytes(2, "big") + value.to_bytes(4, "big") for name, value in pairs))


def number(value: int) -> bytes:
    return value.to_bytes(4, "big")


def rst(stream: int, code: int) -> bytes:
    return frame(RST_STREAM, 0, stream, number(code))


def update(stream: int, increment: int) -> bytes:
    return frame(WINDOW_UPDATE, 0, stream, number(increment))


def goaway(last: int, code: int = 0, debug: bytes = b"") -> bytes:
    return frame(GOAWAY, 0, 0, number(last) + number(code) + debug)


SETTINGS_ACK = frame(SETTINGS, ACK, 0)


def client(*pairs: tuple[int, int], limits: HTTP2Limits = HTTP2_LIMITS) -> ClientEngine:
    """A client that has seen the settings of its server, and has nothing more to say."""
    engine = ClientEngine(limits=limits)
    assert engine.receive(settings(*pairs) + SETTINGS_ACK, 0.0) == []
    engine.outgoing()
    return engine


def server(*pairs: tuple[int, int], limits: HTTP2Limits = HTTP2_LIMITS) -> ServerEngine:
    """A server likewise."""
    engine = ServerEngine(limits=limits)
    assert engine.receive(PREFACE + settings(*pairs) + SETTINGS_ACK, 0.0) == []
    engine.outgoing()
    return engine


def get(engine: ClientEngine, target: bytes = b"/", method: bytes = b"GET", length: int | None = -1) -> Stream:
    return engine.start(method, target, b"h", b"", length)


def told(events: Iterable[Event]) -> list[object]:
    """Events in a form that compares, pieces of a body joined."""
    said: list[object] = []
    for event in events:
        if isinstance(event, bytes):
            assert event
            if said and isinstance(said[-1], bytes):
                said[-1] += event
            else:
                said.append(event)
        elif isinstance(event, End):
            said.append(("end", event.trailers))
        else:
            said.append(tuple(getattr(event, name) for name in type(event).__slots__))
    return said


def body(events: Iterable[Event]) -> bytes:
    return b"".join(event for event in events if isinstance(event, bytes))


def heads(events: Iterable[Event]) -> list[RequestHead | ResponseHead]:
    return [event for event in events if isinstance(event, RequestHead | ResponseHead)]


class Pair:
    """A client and a server, joined.

    Attributes:
        client, server: the engines.
        events: what has come, by side and stream: ("client" or "server", identifier) -> events.
        served: the server's streams, by identifier.
    """

    def __init__(self, limits: HTTP2Limits = HTTP2_LIMITS, *, reads: bool = True) -> None:
        self.client = ClientEngine(limits=limits)
        self.server = ServerEngine(limits=limits)
        self.reads = reads
        self.events: dict[tuple[str, int], list[Event]] = {}
        self.served: dict[int, Stream] = {}
        self.now = 0.0
        self.pump()

    def step(self) -> bool:
        """One batch each way; tells whether anything moved."""
        sides: Iterator[tuple[str, ClientEngine | ServerEngine, ClientEngine | ServerEngine]] = iter(
            (("server", self.client, self.server), ("client", self.server, self.client))
        )
        moved = False
        for side, sender, receiver in sides:
            wire = sender.outgoing()
            if not wire:
                continue
            moved = True
            parse(wire)
            for stream in receiver.receive(wire, self.now):
                if side == "server":
                    self.served[stream.id] = stream
                events = stream.take()
                self.events.setdefault((side, stream.id), []).extend(events)
                if self.reads:
                    receiver.consumed(stream, len(body(events)))
        return moved

    def pump(self) -> None:
        """Until nothing moves."""
        for _ in range(100_000):
            if not self.step():
                return
        raise AssertionError("they do not come to rest")

    def got(self, stream: Stream, side: str = "client") -> list[object]:
        return told(self.events.get((side, stream.id), []))
