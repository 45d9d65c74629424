"""What is received, in both roles and however it is cut: RFC 6455 sections 5 to 8, RFC 7692 section 6."""

from __future__ import annotations

import zlib
from typing import NamedTuple

import pytest
import wswire as wire
from wswire import BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, RSV1, RSV2, RSV3, TEXT

from courser.engines.websocket.deflate import Deflate
from courser.engines.websocket.engine import WebSocketEngine
from courser.engines.websocket.events import Close, Event, Ping, Pong
from courser.engines.websocket.limits import WEBSOCKET_LIMITS, WebSocketLimits
from courser.engines.websocket.states import State
from courser.errors import RemoteProtocolError

Frames = list[tuple[int, bytes]]


class Heard(NamedTuple):
    """What became of what was received."""

    events: list[Event]
    answers: Frames
    state: State
    code: int
    detail: str


def written(frames: Frames, is_client: bool) -> bytes:
    """Frames as a client or a server receives them."""
    return b"".join(wire.frame(first, payload, None if is_client else wire.KEY) for first, payload in frames)


def hear(
    pieces: list[bytes],
    is_client: bool,
    deflate: Deflate | None = None,
    limits: WebSocketLimits = WEBSOCKET_LIMITS,
) -> Heard:
    engine = WebSocketEngine(is_client=is_client, deflate=deflate, limits=limits)
    events: list[Event] = []
    for piece in pieces:
        events += engine.receive(piece)
    assert engine.has_outgoing is bool(engine._pong is not None or engine._close)
    answers = wire.parse(engine.outgoing())
    assert all((frame.key is not None) is is_client for frame in answers)
    detail = engine.error.detail if engine.error else ""
    assert (engine.state is State.FAILED) == (engine.error is not None) == bool(engine.failed_code)
    return Heard(events, [(frame.first, frame.payload) for frame in answers], engine.state, engine.failed_code, detail)


def closed(code: int, reason: bytes = b"") -> tuple[int, bytes]:
    return FIN | CLOSE, code.to_bytes(2, "big") + reason


GOOD: dict[str, tuple[Frames, list[Event], Frames]] = {
    "text": ([(FIN | TEXT, b"Hello")], ["Hello"], []),
    "binary": ([(FIN | BINARY, b"\xff\x00")], [b"\xff\x00"], []),
    "empty messages": ([(FIN | TEXT, b""), (FIN | BINARY, b"")], ["", b""], []),
    "text that is not ASCII": ([(FIN | TEXT, "\xe9\U0001f600".encode())], ["\xe9\U0001f600"], []),
    "several messages": ([(FIN | TEXT, b"a"), (FIN | BINARY, b"b"), (FIN | TEXT, b"c" * 126)],
                         ["a", b"b", "c" * 126], []),
    "fragments": ([(TEXT, b"Hel"), (FIN | CONTINUATION, b"lo")], ["Hello"], []),
    "empty fragments": ([(BINARY, b""), (CONTINUATION, b""), (FIN | CONTINUATION, b"")], [b""], []),
    "a character over fragments": ([(TEXT, b"\xf0\x9f"), (CONTINUATION, b"\x98"), (FIN | CONTINUATION, b"\x80")],
                                   ["\U0001f600"], []),
    "a message after fragments": ([(BINARY, b"a"), (FIN | CONTINUATION, b""), (FIN | TEXT, b"b")], [b"a", "b"], []),
    "ping": ([(FIN | PING, b"")], [Ping(b"")], [(FIN | PONG, b"")]),
    "ping with a payload": ([(FIN | PING, b"x" * 125)], [Ping(b"x" * 125)], [(FIN | PONG, b"x" * 125)]),
    "two pings, of which the newest is answered": (
        [(FIN | PING, b"1"), (FIN | PING, b"2")], [Ping(b"1"), Ping(b"2")], [(FIN | PONG, b"2")]
    ),
    "pong that nobody asked for": ([(FIN | PONG, b"?")], [Pong(b"?")], []),
    "control frames between fragments": (
        [(TEXT, b"Hel"), (FIN | PING, b"1"), (CONTINUATION, b"l"), (FIN | PONG, b"2"), (FIN | CONTINUATION, b"o")],
        [Ping(b"1"), Pong(b"2"), "Hello"],
        [(FIN | PONG, b"1")],
    ),
}  # fmt: skip

CLOSED: dict[str, tuple[Frames, list[Event], Frames]] = {
    "with a code": ([closed(1000)], [Close(1000, "")], [closed(1000)]),
    "with a reason": ([closed(4999, "\xe9".encode())], [Close(4999, "\xe9")], [closed(4999)]),
    "without a code": ([(FIN | CLOSE, b"")], [Close(1005, "")], [(FIN | CLOSE, b"")]),
    "with a reason of 123 bytes": ([closed(1001, b"x" * 123)], [Close(1001, "x" * 123)], [closed(1001)]),
    "in the middle of a message": ([(TEXT, b"Hel"), closed(1000)], [Close(1000, "")], [closed(1000)]),
    "after a ping": ([(FIN | PING, b"1"), closed(1000)], [Ping(b"1"), Close(1000, "")],
                     [(FIN | PONG, b"1"), closed(1000)]),
    "before what does not count": ([closed(1000), (FIN | TEXT, b"a"), (0x7F, b"")], [Close(1000, "")], [closed(1000)]),
    "before another one": ([closed(1000), closed(1001)], [Close(1000, "")], [closed(1000)]),
}  # fmt: skip

BAD: dict[str, tuple[Frames, list[Event], int, str]] = {
    **{f"reserved opcode {opcode}": ([(FIN | opcode, b"")], [], 1002, f"a reserved (opcode {opcode}) frame")
       for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
    **{f"reserved bits {bits:#x}": ([(FIN | bits | TEXT, b"a")], [], 1002, "a text frame with reserved bits that")
       for bits in (RSV1, RSV2, RSV3, RSV1 | RSV2 | RSV3)},
    "reserved bits of a ping": ([(FIN | RSV1 | PING, b"")], [], 1002, "a Ping frame with reserved bits"),
    "a ping in fragments": ([(PING, b"")], [], 1002, "a Ping frame in fragments"),
    "a close in fragments": ([(CLOSE, b"")], [], 1002, "a Close frame in fragments"),
    "a ping of 126 bytes": ([(FIN | PING, b"x" * 126)], [], 1002, "a Ping frame of 126 bytes, more than 125"),
    "a close of 70000 bytes": ([(FIN | CLOSE, b"x" * 70_000)], [], 1002, "a Close frame of 70000 bytes"),
    "a close of one byte": ([(FIN | CLOSE, b"\x03")], [], 1002, "half a code"),
    **{f"close with {code}": ([closed(code)], [], 1002, f"with {code}, which may not be sent")
       for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535)},
    "close with a reason that is no UTF-8": ([closed(1000, b"\xff")], [], 1007, "not UTF-8"),
    "a continuation of nothing": ([(FIN | CONTINUATION, b"a")], [], 1002, "a continuation frame of no message"),
    "a continuation of what has ended": (
        [(TEXT, b"a"), (FIN | CONTINUATION, b"b"), (CONTINUATION, b"c")], ["ab"], 1002, "of no message"),
    "a continuation after a whole message": ([(FIN | TEXT, b"a"), (CONTINUATION, b"c")], ["a"], 1002, "of no message"),
    "a message within a message": ([(TEXT, b"a"), (FIN | TEXT, b"b")], [], 1002, "a text frame in the middle of"),
    "another kind within": ([(TEXT, b"a"), (BINARY, b"b")], [], 1002, "a binary frame in the middle of a message"),
    "text that is no UTF-8": ([(FIN | TEXT, b"a"), (FIN | TEXT, b"\xff")], ["a"], 1007, "not UTF-8"),
    "text that is cut off": ([(FIN | TEXT, b"\xe2\x82")], [], 1007, "unexpected end"),
    "text that is cut off in fragments": ([(TEXT, b"\xe2"), (FIN | CONTINUATION, b"\x82")], [], 1007, "unexpected end"),
    "text whose first fragment is bad": ([(TEXT, b"\xed\xa0\x80")], [], 1007, "not UTF-8"),
    "a surrogate over fragments": ([(TEXT, b"\xed"), (CONTINUATION, b"\xa0\x80")], [], 1007, "not UTF-8"),
    "after good ones": ([(FIN | TEXT, b"a"), (FIN | PONG, b""), (FIN | 3, b"")], ["a", Pong(b"")], 1002, "opcode 3"),
}  # fmt: skip

ROLES = pytest.mark.parametrize("is_client", [True, False])


@ROLES
@pytest.mark.parametrize("name", GOOD)
def test_what_is_good(name: str, is_client: bool) -> None:
    frames, events, answers = GOOD[name]
    for pieces in wire.cuts(written(frames, is_client)):
        assert hear(pieces, is_client) == Heard(events, answers, State.OPEN, 0, "")


@ROLES
@pytest.mark.parametrize("name", CLOSED)
def test_what_closes(name: str, is_client: bool) -> None:
    frames, events, answers = CLOSED[name]
    for pieces in wire.cuts(written(frames, is_client)):
        assert hear(pieces, is_client) == Heard(events, answers, State.CLOSED, 0, "")


@ROLES
@pytest.mark.parametrize("name", BAD)
def test_websockets_16_1_what_is_bad(name: str, is_client: bool) -> None:
    frames, events, code, text = BAD[name]
    whole = written(frames, is_client)
    for pieces in [[whole]] if len(whole) > 1000 else wire.cuts(whole):
        heard = hear(pieces, is_client)
        assert text in heard.detail
        assert heard == Heard(events, [closed(code, heard.detail.encode()[:123])], State.FAILED, code, heard.detail)


@pytest.mark.parametrize("first", [FIN | TEXT, FIN | BINARY, BINARY, FIN | PING, FIN | CLOSE])
@pytest.mark.parametrize("size", [0, 5])
def test_clients_mask_and_servers_do_not(first: int, size: int) -> None:
    for is_client, key in ((True, wire.KEY), (False, None)):
        for pieces in wire.cuts(wire.frame(first, b"x" * size, key)):
            heard = hear(pieces, is_client)
            assert (heard.events, heard.code) == ([], 1002)
            assert heard.detail == ("a masked frame of a server" if key else "a frame of a client that is not masked")


@ROLES
@pytest.mark.parametrize(
    ("length", "code", "text"),
    [
        ("7e007d", 1002, "125 bytes that is written with more bytes than it needs"),
        ("7f000000000000ffff", 1002, "65535 bytes that is written with more"),
        ("7f8000000000000000", 1002, "a length of 64 bits"),
        ("7fffffffffffffffff", 1002, "a length of 64 bits"),
        ("7f7fffffffffffffff", 1009, "a message of more than 16777216 bytes"),
        ("7f0000010000000000", 1009, "a message of more than 16777216 bytes"),
        ("7f0000000001000001", 1009, "a message of more than 16777216 bytes"),
    ],
)
def test_cve_2026_1528_cve_2026_54274_ghsa_xcgm_r5h9_7989_a_header_is_enough(
    is_client: bool, length: str, code: int, text: str
) -> None:
    header = bytes((FIN | BINARY,)) + bytes.fromhex(length)
    if not is_client:
        header = header[:1] + bytes((header[1] | 0x80,)) + header[2:] + wire.KEY
    for pieces in wire.cuts(header):
        heard = hear(pieces, is_client)
        assert text in heard.detail
        assert (heard.events, heard.code, heard.state) == ([], code, State.FAILED)
        assert len(heard.answers) == 1


@ROLES
def test_a_message_of_the_limit_is_taken_and_one_byte_more_is_not(is_client: bool) -> None:
    limits = WebSocketLimits(message=200)
    for size in (200, 201):
        for frames in (
            [(FIN | BINARY, b"x" * size)],
            [(BINARY, b"x" * 100), (FIN | CONTINUATION, b"x" * (size - 100))],
            [(BINARY, b"x"), (CONTINUATION, b"x" * (size - 2)), (FIN | CONTINUATION, b"x")],
        ):
            for pieces in wire.cuts(written(frames, is_client)):
                heard = hear(pieces, is_client, limits=limits)
                if size == 200:
                    assert heard == Heard([b"x" * 200], [], State.OPEN, 0, "")
                else:
                    assert (heard.events, heard.code) == ([], 1009)


@ROLES
def test_small_limits_count_for_small_messages(is_client: bool) -> None:
    heard = hear(
        [written([(FIN | TEXT, b"abc"), (FIN | TEXT, b"abcd")], is_client)], is_client, None, WebSocketLimits(3)
    )
    assert (heard.events, heard.code) == (["abc"], 1009)


@ROLES
def test_the_fragments_of_a_message_are_counted(is_client: bool) -> None:
    limits = WebSocketLimits(fragments=4)
    more = (CONTINUATION, b"")
    good: Frames = [(BINARY, b""), more, (FIN | PING, b""), more, (FIN | CONTINUATION, b"")]
    heard = hear([written(good * 2, is_client)], is_client, limits=limits)
    assert heard.events == [Ping(b""), b""] * 2
    heard = hear([written([*good[:4], more, *good[4:]], is_client)], is_client, limits=limits)
    assert (heard.events, heard.code, heard.detail) == ([Ping(b"")], 1008, "a message of more than 4 frames")


COMPRESSED: dict[str, tuple[Frames, list[Event]]] = {
    "a message": ([(FIN | RSV1 | TEXT, wire.deflated(b"Hello"))], ["Hello"]),
    "binary": ([(FIN | RSV1 | BINARY, wire.deflated(b"\xff" * 500))], [b"\xff" * 500]),
    "an empty one": ([(FIN | RSV1 | TEXT, b"\x00")], [""]),
    "one that is not compressed": ([(FIN | TEXT, b"a"), (TEXT, b"b"), (FIN | CONTINUATION, b"c")], ["a", "bc"]),
    "in fragments, RFC 7692 7.2.3.1": (
        [(RSV1 | TEXT, b"\xf2\x48\xcd"), (FIN | CONTINUATION, b"\xc9\xc9\x07\x00")], ["Hello"]
    ),
    "with an empty end": ([(RSV1 | TEXT, wire.deflated(b"Hello")), (FIN | CONTINUATION, b"")], ["Hello"]),
    "with an empty beginning": ([(RSV1 | TEXT, b""), (FIN | CONTINUATION, wire.deflated(b"Hello"))], ["Hello"]),
    "with a ping in between": (
        [(RSV1 | TEXT, b"\xf2\x48"), (FIN | PING, b""), (FIN | CONTINUATION, b"\xcd\xc9\xc9\x07\x00")],
        [Ping(b""), "Hello"],
    ),
    "both kinds in turn": (
        [(FIN | TEXT, b"a"), (FIN | RSV1 | TEXT, wire.deflated(b"b")), (FIN | TEXT, b"c")], ["a", "b", "c"]
    ),
}  # fmt: skip


@ROLES
@pytest.mark.parametrize("name", COMPRESSED)
def test_what_is_good_compressed(name: str, is_client: bool) -> None:
    frames, events = COMPRESSED[name]
    for pieces in wire.cuts(written(frames, is_client)):
        heard = hear(pieces, is_client, Deflate())
        assert (heard.events, heard.state) == (events, State.OPEN)


@ROLES
@pytest.mark.parametrize("first", [FIN | RSV1 | TEXT, RSV1 | BINARY])
def test_cve_2026_59881_ghsa_mq44_7p77_q5h7_nothing_is_compressed_that_was_not_negotiated(
    first: int, is_client: bool
) -> None:
    heard = hear([written([(first, wire.deflated(b"Hello"))], is_client)], is_client)
    assert (heard.events, heard.code) == ([], 1002)


BAD_COMPRESSED: dict[str, tuple[Frames, int, str]] = {
    "RSV1 on a continuation": ([(RSV1 | TEXT, b"\x00"), (FIN | RSV1 | CONTINUATION, b"\x00")], 1002, "reserved bits"),
    "RSV1 on the continuation alone": ([(TEXT, b"a"), (FIN | RSV1 | CONTINUATION, b"\x00")], 1002, "reserved bits"),
    "RSV1 on a ping": ([(FIN | RSV1 | PING, b"")], 1002, "a Ping frame with reserved bits"),
    "RSV1 on a close": ([(FIN | RSV1 | CLOSE, b"")], 1002, "a Close frame with reserved bits"),
    "RSV2 beside it": ([(FIN | RSV1 | RSV2 | TEXT, b"\x00")], 1002, "reserved bits"),
    "no deflate": ([(FIN | RSV1 | TEXT, b"\xff\xff")], 1007, "corrupt"),
    "no byte": ([(FIN | RSV1 | TEXT, b"")], 1007, "without a byte"),
    "no byte in fragments": ([(RSV1 | TEXT, b""), (FIN | CONTINUATION, b"")], 1007, "without a byte"),
    "no UTF-8": ([(FIN | RSV1 | TEXT, wire.deflated(b"\xff"))], 1007, "not UTF-8"),
    "a reference to what was never there": ([(FIN | RSV1 | TEXT, b"\xf2\x00\x11\x00\x00")], 1007, "corrupt"),
}


@ROLES
@pytest.mark.parametrize("name", BAD_COMPRESSED)
def test_websockets_16_1_what_is_bad_compressed(name: str, is_client: bool) -> None:
    frames, code, text = BAD_COMPRESSED[name]
    for pieces in wire.cuts(written(frames, is_client)):
        heard = hear(pieces, is_client, Deflate())
        assert text in heard.detail
        assert (heard.events, heard.code, heard.state) == ([], code, State.FAILED)


@ROLES
def test_cve_2026_1526_cve_2018_1000518_ghsa_6g87_ff9q_v847_a_bomb_is_1009(is_client: bool) -> None:
    bomb = wire.deflated(bytes(64 * 1024 * 1024))
    heard = hear([written([(FIN | RSV1 | BINARY, bomb)], is_client)], is_client, Deflate())
    assert (heard.events, heard.code) == ([], 1009)
    assert heard.detail == "a message of more than 16777216 bytes"


@pytest.mark.parametrize(
    ("is_client", "takes_over", "deflate"),
    [
        (True, True, Deflate(client_no_context_takeover=True)),
        (True, False, Deflate(server_no_context_takeover=True)),
        (False, True, Deflate(server_no_context_takeover=True)),
        (False, False, Deflate(client_no_context_takeover=True)),
    ],
)
def test_takeover_is_that_of_the_peer(is_client: bool, takes_over: bool, deflate: Deflate) -> None:
    frames: Frames = [
        (FIN | RSV1 | TEXT, b"\xf2\x48\xcd\xc9\xc9\x07\x00"),
        (FIN | RSV1 | TEXT, b"\xf2\x00\x11\x00\x00"),
    ]
    heard = hear([written(frames, is_client)], is_client, deflate)
    assert heard.events == (["Hello", "Hello"] if takes_over else ["Hello"])
    assert heard.code == (0 if takes_over else 1007)


@pytest.mark.parametrize(
    ("is_client", "deflate"), [(True, Deflate(server_max_window_bits=9)), (False, Deflate(client_max_window_bits=9))]
)
def test_the_window_is_that_of_the_peer(is_client: bool, deflate: Deflate) -> None:
    data = bytes(at * at // 7 % 251 for at in range(2000))
    for bits, events in ((9, [data, data]), (15, [data])):
        compressor = zlib.compressobj(wbits=-bits)
        payloads = [compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH) for _ in range(2)]
        frames: Frames = [(FIN | RSV1 | BINARY, payload[:-4]) for payload in payloads]
        assert hear([written(frames, is_client)], is_client, deflate).events == events


@ROLES
def test_the_close_that_answers_ours_is_not_answered(is_client: bool) -> None:
    for pieces in wire.cuts(written([(FIN | TEXT, b"late"), (FIN | PING, b"1"), closed(1000, b"bye")], is_client)):
        engine = WebSocketEngine(is_client=is_client)
        engine.close(1001)
        events: list[Event] = []
        for piece in pieces:
            events += engine.receive(piece)
        assert events == ["late", Ping(b"1"), Close(1000, "bye")]
        assert (engine.state, engine.close_sent, engine.close_received) == (State.CLOSED, True, True)
        assert (engine.close_code, engine.close_reason) == (1000, "bye")
        assert [frame.payload for frame in wire.parse(engine.outgoing())] == [b"1"]


@ROLES
def test_a_fault_after_our_close_is_not_answered(is_client: bool) -> None:
    engine = WebSocketEngine(is_client=is_client)
    engine.receive(written([(FIN | PING, b"1")], is_client))
    engine.close()
    assert engine.receive(written([(FIN | PING, b"2"), (FIN | 3, b"")], is_client)) == [Ping(b"2")]
    assert isinstance(engine.error, RemoteProtocolError)
    assert (engine.state, engine.failed_code) == (State.FAILED, 1002)
    assert (engine.has_outgoing, engine.outgoing()) == (False, b"")


@ROLES
@pytest.mark.parametrize(
    "frames", [[], [(FIN | TEXT, b"a")], [(TEXT, b"a")], [(FIN | TEXT, b"a"), (TEXT, b"a")]], ids=repr
)
def test_a_link_that_ends_without_close_is_1006(frames: Frames, is_client: bool) -> None:
    for rest in (b"", b"\x81", b"\x82\x7e\x01\x00x"):
        engine = WebSocketEngine(is_client=is_client)
        engine.receive(written(frames, is_client) + rest)
        if engine.error is None:
            assert engine.receive(b"") == []
            assert (engine.state, engine.close_code, engine.close_received) == (State.CLOSED, 1006, False)
            assert (engine.receive(b""), engine.receive(b"\xff"), engine.outgoing()) == ([], [], b"")


@ROLES
def test_the_end_of_the_link_after_close_changes_nothing(is_client: bool) -> None:
    engine = WebSocketEngine(is_client=is_client)
    engine.receive(written([closed(1001)], is_client))
    assert engine.receive(b"") == []
    assert (engine.state, engine.close_code) == (State.CLOSED, 1001)
    assert engine.outgoing() != b""

    engine = WebSocketEngine(is_client=is_client)
    engine.receive(written([(FIN | 3, b"")], is_client))
    assert engine.receive(b"") == []
    assert (engine.state, engine.close_code, engine.failed_code) == (State.FAILED, 0, 1002)
