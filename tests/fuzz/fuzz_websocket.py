"""No bytes make a WebSocket engine do anything but hand out messages or fail as documented, however they are cut.

    python tests/fuzz/fuzz_websocket.py --seconds 60 [--seed 1]

Frames good and bad, compressed or not, are mutated and fed to both roles whole, byte by byte and in random pieces: what
is handed out, answered and refused must be the same. Without compression it must be what a second decoder, written down
from RFC 6455 without a thought of speed, makes of the same bytes. What one engine sends must arrive at the other.
Answers to a handshake are mutated too: besides HandshakeRefused nothing may be raised, and what is agreed on was asked
for; a mutated request must get one of the statuses that there are.
"""

from __future__ import annotations

import codecs
import random
import sys
import zlib
from typing import TypeAlias

from rounds import main

from courser.engines.websocket import (
    Close,
    Deflate,
    Handshake,
    Ping,
    Pong,
    WebSocketEngine,
    WebSocketLimits,
    answer_connect,
    answer_upgrade,
)
from courser.errors import HandshakeRefused

Event: TypeAlias = "str | bytes | Ping | Pong | Close"

LIMITS = WebSocketLimits(message=2000, fragments=5)
DEFLATES = [
    Deflate(threshold=0),
    Deflate(True, True, 9, 9),
    Deflate(True, False, 15, 8, 1),
    Deflate(False, True, 8, 12, 9, 40),
]
PAYLOADS = [
    b"",
    b"a",
    b"Hello",
    "\xe9\u20ac\U0001f600".encode(),
    b"\xe2\x82",
    b"\xed\xa0\x80",
    b"\xff",
    b"\x03\xe8",
    b"\x03\xe8bye",
    b"\x03\xed",
    b"\x0b\xb8" + b"x" * 123,
    b"x" * 125,
    b"y" * 126,
    b"z" * 1999,
    b"z" * 2001,
    bytes.fromhex("f248cdc9c90700"),
    bytes.fromhex("f200110000"),
    bytes.fromhex("f348cdc9c9070000"),
    bytes.fromhex("0300") * 3,
    zlib.compress(bytes(3000), wbits=-15),
]
FIRSTS = [0x81, 0x81, 0x82, 0x82, 0x01, 0x02, 0x00, 0x80, 0x80, 0x89, 0x8A, 0x88, 0xC1, 0xC2, 0x41, 0x83, 0x09, 0xA1]
PIECES = [bytes((byte,)) for byte in (0, 1, 0x7D, 0x7E, 0x7F, 0x80, 0x81, 0x82, 0x88, 0xFD, 0xFE, 0xFF)]
REGISTERED = {1000, 1001, 1002, 1003, *range(1007, 1015), *range(3000, 5000)}
STATUSES = {101, 200, 400, 405, 426}


class Refused(Exception):
    """What the plain decoder says to bad frames; its argument is the close code."""


def xor(data: bytes, key: bytes) -> bytes:
    return bytes(byte ^ key[at % 4] for at, byte in enumerate(data))


def frame(rng: random.Random, first: int, payload: bytes, masked: bool) -> bytes:
    size = len(payload)
    width = 0 if size < 126 else 2
    if rng.random() < 0.02:
        width = 8
    length = {0: size, 2: 126, 8: 127}[width].to_bytes(1, "big") + (size.to_bytes(width, "big") if width else b"")
    if not masked:
        return bytes((first,)) + length + payload
    key = rng.choice((bytes(4), rng.randbytes(4)))
    return bytes((first, length[0] | 0x80)) + length[1:] + key + xor(payload, key)


def mutate(rng: random.Random, data: bytes) -> bytes:
    for _ in range(rng.choice((0, 0, 0, 1, 1, 2, 4))):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(4):
            case 0:
                data = data[:at] + rng.choice(PIECES) + data[at:]
            case 1:
                data = data[:at] + data[at + rng.choice((1, 1, 2, 8)) :]
            case 2:
                data = data[:at]
            case _:
                data = data[:at] + rng.randbytes(1) + data[at + 1 :]
    return data


class Plain:
    """RFC 6455 without any thought of speed."""

    def __init__(self, is_client: bool) -> None:
        self.is_client = is_client
        self.events: list[Event] = []
        self.opcode = self.fragments = 0
        self.message = b""

    def decode(self, data: bytes) -> int:
        """Take all there is; returns the code of what is wrong, 0 for nothing."""
        try:
            while data and not (self.events and isinstance(self.events[-1], Close)):
                data = self.frame(data)
        except Refused as refused:
            return int(refused.args[0])
        return 0

    def frame(self, data: bytes) -> bytes:
        length, start = data[1] & 0x7F if len(data) > 1 else 0, 2
        if length > 125:
            start = 4 if length == 126 else 10
            length = int.from_bytes(data[2:start], "big")
        masked = len(data) > 1 and data[1] >= 0x80
        end = start + 4 * masked
        if len(data) < end:
            return b""
        if (start == 4 and length < 126) or (start == 10 and not 65535 < length < 1 << 63):
            raise Refused(1002)
        first, opcode, is_last = data[0], data[0] & 15, data[0] >= 0x80
        if opcode not in (0, 1, 2, 8, 9, 10) or first & 0x70 or masked is self.is_client:
            raise Refused(1002)
        if opcode > 7 and (not is_last or length > 125):
            raise Refused(1002)
        if opcode < 8:
            self.start(opcode, length)
        payload = data[end : end + length]
        if masked:
            payload = xor(payload, data[start:end])
        if len(payload) < length:
            if opcode < 8:
                self.check(payload, False)
            return b""
        if opcode > 7:
            self.events.append(self.control(opcode, payload))
        else:
            self.take(payload, is_last)
        return data[end + length :]

    def start(self, opcode: int, length: int) -> None:
        if (opcode == 0) is (self.opcode == 0):
            raise Refused(1002)
        self.opcode = opcode or self.opcode
        self.fragments += 1
        if self.fragments > LIMITS.fragments:
            raise Refused(1008)
        if len(self.message) + length > LIMITS.message:
            raise Refused(1009)

    def check(self, payload: bytes, is_last: bool) -> None:
        if self.opcode == 1:
            try:
                codecs.getincrementaldecoder("utf-8")().decode(self.message + payload, is_last)
            except UnicodeDecodeError:
                raise Refused(1007) from None

    def take(self, payload: bytes, is_last: bool) -> None:
        self.check(payload, is_last)
        self.message += payload
        if is_last:
            self.events.append(self.message.decode() if self.opcode == 1 else self.message)
            self.opcode = self.fragments = 0
            self.message = b""

    def control(self, opcode: int, payload: bytes) -> Event:
        if opcode == 9:
            return Ping(payload)
        if opcode == 10:
            return Pong(payload)
        if not payload:
            return Close(1005, "")
        code = int.from_bytes(payload[:2], "big")
        if len(payload) == 1 or code not in REGISTERED:
            raise Refused(1002)
        try:
            return Close(code, payload[2:].decode())
        except UnicodeDecodeError:
            raise Refused(1007) from None


def told(is_client: bool, deflate: Deflate | None, pieces: list[bytes]) -> tuple[object, ...]:
    """What an engine makes of pieces; and it must hold no more than it may."""
    engine = WebSocketEngine(is_client=is_client, deflate=deflate, limits=LIMITS)
    events: list[Event] = []
    for piece in pieces:
        events += engine.receive(piece)
    if len(engine._held) > 13 or len(engine._control_payload) > 125:
        raise AssertionError(f"{engine._held!r} and {engine._control_payload!r} are held")
    if engine.has_outgoing is not bool(answer := engine.outgoing()):
        raise AssertionError(f"{answer!r} is no secret")
    if any(isinstance(event, str | bytes) and len(event) > LIMITS.message for event in events):
        raise AssertionError("a message that is too large")
    if deflate is not None and engine.failed_code in (1007, 1009):
        # What zlib gives out before it finds that data is corrupt depends on the pieces, and may itself be a fault.
        return events, engine.state
    mirror = WebSocketEngine(is_client=not is_client)
    return events, engine.state, engine.failed_code, repr(engine.error), mirror.receive(answer) if answer else []


def cut(rng: random.Random, data: bytes) -> list[bytes]:
    ends = sorted(rng.randrange(len(data) + 1) for _ in range(4))
    return [data[start:end] for start, end in zip([0, *ends], [*ends, len(data)], strict=True) if end > start]


def check_frames(rng: random.Random) -> None:
    is_client = rng.random() < 0.5
    # Within one call zlib lets data refer to more than a smaller window holds: there, cuts do matter.
    deflate = rng.choice((None, None, Deflate(), Deflate(True, True)))
    count = rng.choice((1, 1, 2, 3, 6))
    frames = [frame(rng, rng.choice(FIRSTS), rng.choice(PAYLOADS), not is_client) for _ in range(count)]
    data = mutate(rng, b"".join(frames))
    whole = told(is_client, deflate, [data] if data else [])
    for pieces in ([data[at : at + 1] for at in range(len(data))], cut(rng, data)):
        found = told(is_client, deflate, pieces)
        if found != whole:
            raise AssertionError(f"cuts matter: {data.hex()} for {deflate}: {whole!r} is not {found!r}")
    if deflate is None:
        plain = Plain(is_client)
        code = plain.decode(data)
        if (plain.events, code) != (whole[0], whole[2]):
            raise AssertionError(f"{data.hex()} means {plain.events!r} {code}, not {whole!r}")


def check_conversation(rng: random.Random) -> None:
    deflate = rng.choice((None, *DEFLATES))
    client, server = (WebSocketEngine(is_client=role, deflate=deflate) for role in (True, False))
    for sender, receiver in ((client, server), (server, client)):
        data, sent = b"", []
        for _ in range(rng.choice((1, 3, 6))):
            payload = rng.choice((*PAYLOADS, rng.randbytes(rng.choice((10, 300, 9000)))))
            text = payload.decode("latin-1")
            compress = rng.choice((None, True, False))
            match rng.randrange(4):
                case 0:
                    data += sender.send_text(text, compress)
                    sent.append(text)
                case 1:
                    data += sender.send_bytes(payload, compress)
                    sent.append(payload)
                case 2:
                    parts = [text[at : at + 70] for at in range(0, len(text), 70)]
                    data += b"".join(sender.send_fragment(part, last=False, compress=compress) for part in parts)
                    data += sender.send_fragment("", last=True, compress=compress)
                    sent.append(text)
                case _:
                    data += sender.ping(payload[:125])
                    sent.append(Ping(payload[:125]))
        arrived = [event for piece in cut(rng, data) for event in receiver.receive(piece)]
        if arrived != sent:
            raise AssertionError(f"{sent!r} arrive as {arrived!r} with {deflate}: {receiver.error!r}")


LINES = [
    b"Upgrade: websocket\r\n",
    b"Connection: Upgrade\r\n",
    b"Sec-WebSocket-Version: 13\r\n",
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    b"Sec-WebSocket-Protocol: a\r\n",
    b"Sec-WebSocket-Protocol: b, a\r\n",
    b"Sec-WebSocket-Extensions: permessage-deflate\r\n",
    b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits; server_max_window_bits=10\r\n",
    b'Sec-WebSocket-Extensions: x; y="z", permessage-deflate; server_no_context_takeover\r\n',
]
WORDS = [b",", b";", b"=", b'"', b"\\", b" ", b"\t", b"15", b"8", b"deflate", b"websocket", b"upgrade", b"\xe9", b"\0"]


def garble(rng: random.Random, fields: bytes) -> bytes:
    for _ in range(rng.choice((0, 0, 1, 2, 4))):
        at = rng.randrange(len(fields) + 1)
        fields = fields[:at] + rng.choice((*WORDS, b"", *LINES)) + fields[at + rng.choice((0, 0, 1, 3)) :]
    return fields


def check_handshake(rng: random.Random) -> None:
    wish = rng.choice((None, Deflate(), Deflate(True, True, 9, 10)))
    names = rng.choice(([], ["a"], ["b", "a"]))
    asked = Handshake(subprotocols=names, deflate=wish)
    request = b"".join(b"%b: %b\r\n" % (name.encode(), value.encode()) for name, value in asked.request_fields())
    fields = garble(rng, rng.choice((request, b"".join(rng.choices(LINES, k=6)))))
    for answer in (
        answer_upgrade(b"GET", b"1.1", fields, subprotocols=["a", "c"], deflate=Deflate()),
        answer_connect(fields, subprotocols=["a", "c"], deflate=Deflate()),
    ):
        if answer.status not in STATUSES or (answer.agreement is None) is not (answer.status > 200):
            raise AssertionError(f"{fields!r} is answered with {answer!r}")
        response = b"".join(b"%b: %b\r\n" % (name.encode(), value.encode()) for name, value in answer.fields)
        try:
            judge = asked.check if answer.status == 101 else asked.check_connect
            agreement = judge(answer.status, garble(rng, response))
        except HandshakeRefused:
            continue
        if agreement.subprotocol not in (None, *names) or (agreement.deflate is not None and wish is None):
            raise AssertionError(f"{response!r} agrees on {agreement!r}")


def check(rng: random.Random) -> None:
    check_frames(rng)
    if rng.random() < 0.3:
        check_conversation(rng)
        check_handshake(rng)


if __name__ == "__main__":
    sys.exit(main("websocket", check))
