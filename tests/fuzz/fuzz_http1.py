"""No bytes make an HTTP/1 engine do anything but hand out events or raise its documented errors.

    python tests/fuzz/fuzz_http1.py --seconds 60 [--seed 1]

Messages of a corpus are mutated and fed to a client and a server engine, whole, byte by byte and in random pieces.
Besides RemoteProtocolError (and TruncatedBody), nothing may be raised; the events, the text of the error and the state
must not depend on the pieces; where the one-pattern parser takes a head, the careful one must read the same from it.
"""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Callable, Iterator
from typing import TypeAlias

from rounds import main

from courser.engines.events import End, Event, RequestHead, ResponseHead
from courser.engines.http1 import WIRE_LIMITS, ClientEngine, Phase, ServerEngine
from courser.engines.http1.faults import Fault
from courser.engines.http1.grammar import RESPONSE_HEAD, request_head
from courser.engines.http1.head import (
    careful_request_head,
    careful_response_head,
    plain_request_head,
    plain_response_head,
)
from courser.errors import RemoteProtocolError
from courser.values.fields import FieldBlock

Parse: TypeAlias = Callable[..., tuple[ResponseHead | RequestHead, bool]]

RESPONSES = [
    b"HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;a=b\r\nx\r\n0\r\nX: y\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 20 + b"0\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\nConnection: close, x\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Encoding: gzip\r\n\r\nabc",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n\x81\x00",
    b"HTTP/1.1 200\r\ncontent-length: 3, 3\r\nCONTENT-LENGTH: 3\r\n\r\nabc",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: a\r\nContent-Encoding: b\r\nContent-Length: 0\r\n\r\n",
]
REQUESTS = [
    b"GET /a?b=c HTTP/1.1\r\nHost: example.org\r\nAccept: */*\r\n\r\n",
    b"POST /a HTTP/1.1\r\nHost: h:80\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabc",
    b"PUT * HTTP/1.1\r\nHOST: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\n",
    b"\r\nGET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n",
]
PIECES = [
    *(bytes((byte,)) for byte in b'\r\n: \t\0\x7f\xff;,"01'),
    b"\r\n",
    b"\r\n\r\n",
    b"-1",
    b"Content-Length: 3\r\n",
    b"Content-Length: 4\r\n",
    b"CONTENT-LENGTH",
    b"Transfer-Encoding: chunked\r\n",
    b"chunked",
    b"Connection: close\r\n",
    b"keep-alive",
    b"Host: a\r\n",
    b"HTTP/1.1 ",
    b"HTTP/1.0 ",
    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    b"0\r\n\r\n",
    b"1\r\nx\r\n",
    b"ffffffffffffffff",
    b"99999999999999999999",
    b"a" * 300,
    b"X: y\r\n" * 130,
]
METHODS = [b"GET", b"GET", b"HEAD", b"CONNECT", b"POST"]
FIELDS = [
    FieldBlock(),
    FieldBlock(b"Connection: upgrade\r\nUpgrade: websocket\r\n"),
    FieldBlock(b"Connection: close\r\n"),
]


def mutate(rng: random.Random, wire: bytes) -> bytes:
    data = bytearray(wire)
    for _ in range(rng.choice((0, 1, 1, 1, 2, 3, 6))):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(6):
            case 0:
                data[at:at] = rng.choice(PIECES)
            case 1:
                del data[at : at + rng.choice((1, 1, 2, 8))]
            case 2:
                data[at : at + 1] = bytes((rng.randrange(256),))
            case 3:
                data[at : at + rng.choice((1, 2, 4))] = rng.choice(PIECES)
            case 4:
                start = rng.randrange(len(data) + 1)
                data[at:at] = data[start : start + rng.randrange(40)]
            case _:
                if data:
                    data[at % len(data)] ^= 1 << rng.randrange(8)
    return bytes(data)


def told(events: list[Event]) -> list[object]:
    """Events in a form that compares, pieces of a body joined."""
    said: list[object] = []
    for event in events:
        if isinstance(event, bytes):
            if not event:
                raise AssertionError("an empty piece")
            if said and isinstance(said[-1], bytes):
                said[-1] += event
            else:
                said.append(event)
        elif isinstance(event, End):
            said.append(("end", event.trailers))
        else:
            said.append(seen(event))
    return said


def seen(head: ResponseHead | RequestHead) -> tuple[object, ...]:
    return tuple(getattr(head, name) for name in type(head).__slots__)


def respond(pieces: list[bytes], method: bytes, fields: FieldBlock) -> tuple[object, ...]:
    """What a client makes of it, and how it is left."""
    engine = ClientEngine()
    engine.start(method, b"/", b"example.org", fields, -1)
    events: list[Event] = []
    stray = b""
    try:
        for piece in pieces:
            if engine.phase is Phase.IDLE:
                # Bytes after the response: whole, they lie in `leftover`; in pieces, they raise.
                stray += piece
            else:
                events += engine.receive(piece)
        if engine.phase is not Phase.IDLE:
            events += engine.receive(b"")
    except RemoteProtocolError as error:
        return type(error), str(error), engine.phase
    return told(events), engine.leftover + stray, engine.phase, engine.is_tunnel


def request(pieces: list[bytes]) -> tuple[object, ...]:
    """What a server makes of it, all requests answered."""
    engine = ServerEngine()
    said: list[object] = []
    events: list[Event] = []
    try:
        for piece in [*pieces, b""]:
            events += engine.receive(piece)
            while engine.phase is Phase.DONE:
                said += told(events)
                engine.start_response(200, b"", b"", 0)
                events = engine.resume()
    except RemoteProtocolError as error:
        # How many bytes belong to a pipelined request is counted from when it is looked at.
        return type(error), str(error).partition(", after ")[0], engine.status_hint
    return said + told(events), engine.phase


def agree(wire: bytes) -> None:
    """Both parsers of heads read the same."""
    if match := RESPONSE_HEAD.match(wire):
        compare(plain_response_head, careful_response_head, match, wire)
    if match := request_head().match(wire):
        compare(plain_request_head, careful_request_head, match, wire)


def compare(plain: Parse, careful: Parse, match: re.Match[bytes], wire: bytes) -> None:
    results: list[object] = []
    head = wire[: match.end()]
    for parse, arguments in ((plain, (match,)), (careful, (head, WIRE_LIMITS._replace(fields=1000)))):
        try:
            found, chunked = parse(*arguments)
            results.append((seen(found), chunked))
        except Fault as fault:
            results.append(fault.detail)
    if results[0] != results[1]:
        raise AssertionError(f"the parsers of heads differ: {results}")


def cuts(rng: random.Random, wire: bytes) -> Iterator[list[bytes]]:
    yield [wire[at : at + 1] for at in range(len(wire))]
    places = sorted(rng.randrange(len(wire) + 1) for _ in range(3))
    yield [piece for piece in map(bytes, (wire[: places[0]], wire[places[0] : places[1]], wire[places[1] :])) if piece]


def check(rng: random.Random) -> None:
    method, fields = rng.choice(METHODS), rng.choice(FIELDS)
    reply = mutate(rng, rng.choice(RESPONSES))
    sent = mutate(rng, rng.choice(REQUESTS))
    for wire in (reply, sent):
        agree(wire)
    whole = respond([reply] if reply else [], method, fields)
    for pieces in cuts(rng, reply):
        cut = respond(pieces, method, fields)
        if cut != whole:
            raise AssertionError(f"{method!r} {fields!r} {reply!r} whole: {whole}, in pieces: {cut}")
    whole = request([sent] if sent else [])
    for pieces in cuts(rng, sent):
        cut = request(pieces)
        if cut != whole:
            raise AssertionError(f"{sent!r} whole: {whole}, in pieces: {cut}")


if __name__ == "__main__":
    sys.exit(main("http1", check))
