"""Frames are taken from bytes, however those are cut, and each ends up where it belongs."""

from __future__ import annotations

import h2wire as wire
import pytest
from h2wire import body, client, get, parse, told
from hypothesis import given
from hypothesis import strategies as st

from courser.engines.events import END, ResponseHead
from courser.engines.http2 import HTTP2_LIMITS, ClientEngine, ErrorCode, Stream
from courser.errors import RemoteProtocolError, TruncatedBody

OPENING = wire.settings() + wire.SETTINGS_ACK
HELLO = wire.response(1, ("content-length", "5")) + wire.data(1, b"hello", end=True)
LONG = wire.block((":status", "200"), *((f"x-{count}", "y" * 50) for count in range(20)))

WIRES = {
    "a response": HELLO,
    "a response without a length": wire.response(1) + wire.data(1, b"a") * 5 + wire.data(1, b"", end=True),
    "a head alone": wire.response(1, ("content-length", "0"), end=True),
    "padding and priority": wire.frame(
        wire.HEADERS, 0x2D, 1, b"\x03" + bytes(5) + wire.block((":status", "200")) + bytes(3)
    )
    + wire.frame(wire.DATA, wire.PADDED | 1, 3, b"\x02hi\0\0")
    + wire.frame(wire.DATA, wire.PADDED | 1, 1, b"\x00hi"),
    "a block in pieces": wire.frame(wire.HEADERS, 1, 1, LONG[:7])
    + wire.frame(wire.CONTINUATION, 0, 1, LONG[7:50])
    + wire.frame(wire.CONTINUATION, 0, 1)
    + wire.frame(wire.CONTINUATION, 4, 1, LONG[50:]),
    "an empty beginning of a block": wire.frame(wire.HEADERS, 0, 1)
    + wire.frame(wire.CONTINUATION, 4, 1, LONG)
    + wire.data(1, b"x", end=True),
    "trailers": wire.response(1) + wire.data(1, b"x") + wire.headers(1, ("a", "b"), ("c", "d"), end=True),
    "interim heads": wire.response(1, status="103") + wire.response(1, ("a", "b"), status="100") + HELLO,
    "interleaved": wire.response(3)
    + wire.response(1)
    + wire.data(3, b"a")
    + wire.data(1, b"b")
    + wire.data(3, b"c", end=True)
    + wire.data(1, b"d", end=True),
    "a reserved bit": wire.response(1 | 1 << 31) + wire.data(1 | 1 << 31, b"x", end=True),
    "too little": wire.response(1, ("content-length", "5")) + wire.data(1, b"four", end=True),
    "too little, in the trailers": wire.response(1, ("content-length", "5")) + wire.headers(1, ("a", "b"), end=True),
    "nothing of what was promised": wire.response(1, ("content-length", "5"), end=True),
    "too much": wire.response(1, ("content-length", "5")) + wire.data(1, b"hello!"),
    "a body of a bodiless response": wire.response(1, status="204") + wire.data(1, b"x"),
    "a body before its head": wire.data(1, b"x"),
    "a malformed head": wire.response(1, ("Upper", "case")) + wire.response(3, end=True),
    "a malformed head that is known": wire.response(1) + wire.response(3, ("a", "b\n")),
    "malformed trailers": wire.response(1) + wire.headers(1, (":status", "200"), end=True),
    "trailers without an end": wire.response(1) + wire.headers(1, ("a", "b")),
    "a stream above all": wire.response(99),
    "a stream of the server's": wire.response(2),
    "no stream": wire.data(0, b"x"),
    "a block of no stream": wire.frame(wire.HEADERS, 0, 0, LONG),
    "a reset": wire.response(1) + wire.data(1, b"x") + wire.rst(1, 2) + HELLO,
    "a frame between the pieces of a block": wire.frame(wire.HEADERS, 0, 1, LONG[:7]) + wire.data(1, b"x"),
    "a piece of another block": wire.frame(wire.HEADERS, 0, 1, LONG[:7]) + wire.frame(wire.CONTINUATION, 4, 3, LONG),
    "a piece of no block": wire.frame(wire.CONTINUATION, 4, 1, LONG),
    "padding of more than there is": wire.response(1) + wire.frame(wire.DATA, wire.PADDED, 1, b"\x04aaa"),
    "padding of nothing": wire.response(1) + wire.frame(wire.DATA, wire.PADDED, 1),
    "a priority of too little": wire.frame(wire.HEADERS, 0x24, 1, b"1234"),
    "a frame too large": wire.response(1) + wire.frame(wire.DATA, 0, 1, bytes(16385)),
    "a block that cannot be decoded": wire.frame(wire.HEADERS, 4, 1, b"\xff\xff\xff\xff\xff\xff"),
    "a table that changes": wire.frame(wire.HEADERS, 5, 1, wire.block((":status", "200"), ("a", "b"), flags=0x40))
    + wire.frame(wire.HEADERS, 5, 3, b"\xbf\xbe"),
    "goodbye": wire.response(1) + wire.goaway(1, 2, b"why") + wire.data(1, b"x", end=True),
    "other frames": wire.frame(wire.PRIORITY, 0, 5, bytes(5))
    + wire.frame(0xFF, 0xFF, 0xFFFF, b"what")
    + wire.frame(wire.PING, 0, 0, b"12345678")
    + wire.settings((3, 5))
    + wire.update(0, 5)
    + wire.update(1, 5)
    + HELLO,
}


def fed(pieces: list[bytes], *, end: bool = True) -> tuple[object, ...]:
    """What a client with two requests makes of it, and says."""
    engine = ClientEngine()
    engine.receive(OPENING, 0.0)
    engine.outgoing()
    streams = [get(engine), get(engine)]
    said = parse(engine.outgoing())
    touched: list[Stream] = []
    for piece in [*pieces, b""] if end else pieces:
        for stream in engine.receive(piece, 0.0):
            if stream not in touched:
                touched.append(stream)
        said += parse(engine.outgoing())
    return (
        [(stream.id, told(stream.events), repr(stream.error), stream.refused, stream.closed) for stream in streams],
        [stream.id for stream in touched],
        repr(engine.error),
        engine.goaway,
        said,
    )


@pytest.mark.parametrize("name", WIRES)
def test_the_cuts_do_not_matter(name: str) -> None:
    whole = WIRES[name]
    expected = fed([whole])

    assert fed([whole[at : at + 1] for at in range(len(whole))]) == expected
    for at in range(1, min(len(whole), 700)):
        assert fed([whole[:at], whole[at:]]) == expected


@given(st.data())
def test_nor_do_three_of_them(data: st.DataObject) -> None:
    whole = WIRES[data.draw(st.sampled_from(sorted(WIRES)))]
    places = sorted(data.draw(st.lists(st.integers(0, len(whole)), min_size=1, max_size=3)))
    pieces = [whole[start:stop] for start, stop in zip([0, *places], [*places, len(whole)], strict=True)]

    assert fed([piece for piece in pieces if piece]) == fed([whole])


def got(name: str) -> tuple[ClientEngine, Stream, Stream]:
    engine = client()
    streams = get(engine), get(engine)
    engine.outgoing()
    engine.receive(WIRES[name], 0.0)
    return engine, *streams


GOOD = {
    "a response": ([b"hello", END], []),
    "a response without a length": ([b"a"] * 5 + [END], []),
    "a head alone": ([END], []),
    "a block in pieces": ([END], []),
    "an empty beginning of a block": ([b"x", END], []),
    "a reserved bit": ([b"x", END], []),
    "interleaved": ([b"b", b"d", END], [b"a", b"c", END]),
    "a table that changes": ([END], [END]),
    "other frames": ([b"hello", END], []),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_comes_is_handed_out(name: str) -> None:
    engine, one, two = got(name)

    assert ([*one.events[1:]], [*two.events[1:]]) == GOOD[name]
    assert engine.error is one.error is two.error is None
    assert one.closed


def test_trailers_and_interim_heads() -> None:
    assert told(got("trailers")[1].events)[1:] == [b"x", ("end", b"a: b\r\nc: d\r\n")]
    events = got("interim heads")[1].events
    assert [getattr(event, "status", None) for event in events] == [103, 100, 200, None, None]


STREAM_FAULTS = {
    "too little": "the body ended 1 bytes before its Content-Length",
    "too little, in the trailers": "5 bytes before its Content-Length",
    "nothing of what was promised": "5 bytes before its Content-Length",
    "too much": "more DATA than Content-Length says",
    "a body of a bodiless response": "or where there is no body",
    "a body before its head": "DATA before the head",
    "a malformed head": "is not in lower case",
    "malformed trailers": "means nothing",
    "trailers without an end": "a second head",
}


@pytest.mark.parametrize("name", STREAM_FAULTS)
def test_a_fault_of_one_stream_leaves_the_others(name: str) -> None:
    engine, one, two = got(name)

    assert isinstance(one.error, RemoteProtocolError)
    assert STREAM_FAULTS[name] in str(one.error)
    assert isinstance(one.error, TruncatedBody) == ("before its Content-Length" in str(one.error))
    assert (engine.error, two.error) == (None, None)
    assert engine.outgoing() == wire.rst(1, ErrorCode.PROTOCOL_ERROR)
    engine.receive(wire.response(3, end=True) if two.events == [] else b"", 0.0)
    assert two.received


CONNECTION_FAULTS = {
    "a stream above all": ("stream 99, which has not begun", ErrorCode.PROTOCOL_ERROR),
    "a stream of the server's": ("stream 2, which has not begun", ErrorCode.PROTOCOL_ERROR),
    "no stream": ("DATA on stream 0", ErrorCode.PROTOCOL_ERROR),
    "a block of no stream": ("HEADERS on stream 0", ErrorCode.PROTOCOL_ERROR),
    "a frame between the pieces of a block": ("in the middle of a header block", ErrorCode.PROTOCOL_ERROR),
    "a piece of another block": ("in the middle of a header block", ErrorCode.PROTOCOL_ERROR),
    "a piece of no block": ("CONTINUATION without HEADERS", ErrorCode.PROTOCOL_ERROR),
    "padding of more than there is": ("DATA of which more is padding", ErrorCode.PROTOCOL_ERROR),
    "padding of nothing": ("DATA of which more is padding", ErrorCode.PROTOCOL_ERROR),
    "a priority of too little": ("too short for its priority", ErrorCode.FRAME_SIZE_ERROR),
    "a frame too large": ("a frame of 16385 bytes", ErrorCode.FRAME_SIZE_ERROR),
    "a block that cannot be decoded": ("a header block: ", ErrorCode.COMPRESSION_ERROR),
}


@pytest.mark.parametrize("name", CONNECTION_FAULTS)
def test_a_fault_of_the_connection_ends_all_streams(name: str) -> None:
    engine, one, two = got(name)
    text, code = CONNECTION_FAULTS[name]

    assert text in str(engine.error)
    assert text in str(one.error)
    assert text in str(two.error)
    assert engine.is_idle
    assert parse(engine.outgoing())[-1].payload[4:8] == wire.number(code)


@pytest.mark.parametrize(
    ("first", "text"),
    [
        (wire.response(1), "begins with HEADERS"),
        (wire.data(1, b"x"), "begins with DATA"),
        (wire.SETTINGS_ACK, "begins with SETTINGS"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "answers in HTTP/1.1"),
        (b"\x15\x03\x01\x00\x02\x02\x50\0\0\0\0", "a frame of 1377025 bytes"),
    ],
)
@pytest.mark.parametrize("piece", [1, 1000])
def test_settings_come_first(first: bytes, text: str, piece: int) -> None:
    engine = ClientEngine()
    get(engine)

    for at in range(0, len(first), piece):
        engine.receive(first[at : at + piece], 0.0)

    assert text in str(engine.error)


def test_a_frame_that_is_too_large_is_refused_before_it_comes() -> None:
    engine = client()
    engine.receive((16385).to_bytes(3, "big") + bytes(6), 0.0)

    assert engine.error is not None
    assert len(engine._buffer) == 0


def test_streams_are_named_once_in_their_order() -> None:
    engine = client()
    streams = [get(engine) for _ in range(3)]
    order = [streams[2], streams[0]]
    sent = b"".join(wire.response(stream.id) + wire.data(stream.id, b"x") * 2 for stream in order)

    assert engine.receive(sent, 0.0) == order
    assert engine.receive(wire.data(5, b"y") + wire.data(1, b"z"), 0.0) == order
    assert engine.receive(wire.data(5, b"y"), 0.0) == order[:1]


def test_h2_4_4_1_many_small_frames_are_taken_one_after_the_other() -> None:
    """100 000 frames in one buffer; one that comes byte by byte is joined once."""
    engine = client(limits=HTTP2_LIMITS._replace(stream_window=1 << 20))
    stream = get(engine)
    engine.receive(wire.response(1), 0.0)

    engine.receive(wire.data(1, b"x") * 100_000, 0.0)
    assert stream.take()[1:] == [b"x"] * 100_000
    large = wire.data(1, bytes(16384))
    for at in range(len(large)):
        engine.receive(large[at : at + 1], 0.0)
        assert len(engine._buffer) <= len(large)
    assert [len(event) for event in stream.take() if isinstance(event, bytes)] == [16384]


def test_more_than_the_windows_take() -> None:
    """RFC 9113 section 6.9.1."""
    engine = client(limits=HTTP2_LIMITS._replace(stream_window=100))
    stream = get(engine)
    engine.receive(wire.response(1) + wire.data(1, bytes(101)), 0.0)
    assert "the stream's window" in str(stream.error)
    assert parse(engine.outgoing())[-1].payload == wire.number(ErrorCode.FLOW_CONTROL_ERROR)

    engine = client(limits=HTTP2_LIMITS._replace(stream_window=100_000, connection_window=65535, unread=0))
    stream = get(engine)
    engine.receive(wire.response(1) + wire.data(1, bytes(16000)) * 4, 0.0)
    assert engine.error is None
    engine.receive(wire.data(1, bytes(1536)), 0.0)
    assert "the connection's window" in str(engine.error)
    assert body(stream.events) == bytes(64000)


def test_what_was_on_its_way_keeps_to_its_window() -> None:
    engine = client(limits=HTTP2_LIMITS._replace(stream_window=10))
    engine.reset(get(engine))
    engine.receive(wire.data(1, bytes(11)), 0.0)

    assert "goes on on stream 1, which was reset" in str(engine.error)


def test_trailers_that_were_on_their_way_are_decoded_and_ignored() -> None:
    engine = client()
    gone, other = get(engine), get(engine)
    engine.receive(wire.response(1), 0.0)
    engine.reset(gone)
    engine.receive(wire.frame(wire.HEADERS, 5, 1, wire.block(("a", "b"), flags=0x40)), 0.0)
    engine.receive(wire.frame(wire.HEADERS, 5, 3, wire.block((":status", "200")) + b"\xbe"), 0.0)

    assert gone.take()[1:] == []
    assert told(other.events)[1:] == [("end", b"")]
    assert b"a: b" in repr(told(other.events)).encode()


def test_a_response_may_end_before_the_request() -> None:
    engine = client()
    stream = get(engine, method=b"POST", length=None)
    engine.receive(wire.response(1) + wire.data(1, b"x", end=True), 0.0)
    assert (stream.received, stream.closed) == (True, False)
    engine.send_end(stream)
    assert stream.closed


def test_heads_that_add_to_the_table_are_kept() -> None:
    engine = client()
    streams = [get(engine) for _ in range(8)]
    adding = wire.block((":status", "200"), ("a", "b"), flags=0x40)
    referring = b"\xbf\xbe"
    blocks = [adding, adding, referring, referring, adding, adding, referring, adding]
    for stream, block in zip(streams, blocks, strict=True):
        engine.receive(wire.frame(wire.HEADERS, 4, stream.id, block), 0.0)

    assert [told(stream.events)[0] for stream in streams] == [told(streams[0].events)[0]] * 8
    assert engine.error is None


def test_a_known_head_after_an_interim_one() -> None:
    engine = client()
    streams = [get(engine) for _ in range(2)]
    for stream in streams:
        assert engine.receive(wire.response(stream.id, status="103") + wire.response(stream.id), 0.0) == [stream]

    assert [len(stream.events) for stream in streams] == [2, 2]


def test_a_probe_goes_out_with_the_bytes_that_come() -> None:
    engine = client(limits=HTTP2_LIMITS._replace(stream_window=2000))
    stream = get(engine)
    engine.receive(wire.response(1) + wire.data(1, bytes(1000)), 0.0)
    engine.consumed(stream, 1000)
    engine.outgoing()
    engine.receive(wire.data(1, b"x"), 0.0)

    assert wire.kinds(engine.outgoing()) == [wire.PING]


EMPTY = {
    "CVE-2019-9518 DATA": wire.data(1, b""),
    "DATA with padding": wire.frame(wire.DATA, wire.PADDED, 1, b"\0"),
    "DATA of a stream that was reset": wire.data(3, b""),
}


@pytest.mark.parametrize("name", EMPTY)
def test_empty_frames_without_number(name: str) -> None:
    engine = client()
    get(engine)
    engine.reset(get(engine))
    engine.receive(wire.response(1), 0.0)

    engine.receive(EMPTY[name] * HTTP2_LIMITS.empty, 0.0)
    assert engine.error is None
    engine.receive(EMPTY[name], 0.0)
    assert "empty" in str(engine.error)


BETWEEN = {
    "a piece of body": wire.data(1, b"x"),
    "a piece of body with padding": wire.frame(wire.DATA, wire.PADDED, 1, b"\1x\0"),
    "a piece of body on its way when its stream was reset": wire.data(3, b"x"),
    "a large piece of body": wire.data(1, bytes(5000)) * 2,
    "an end": wire.data(5, b"", end=True),
    "a head": wire.response(7, status="404"),
    "a head that has come before": wire.response(9, end=False),
    "the head of a response to HEAD": wire.response(11, end=True),
    "a head in pieces": wire.frame(wire.HEADERS, 0, 7, LONG[:7]) + wire.frame(wire.CONTINUATION, 4, 7, LONG[7:]),
}


@pytest.mark.parametrize("name", BETWEEN)
def test_empty_frames_are_a_flood_only_in_a_row(name: str) -> None:
    engine = client()
    get(engine)
    engine.reset(get(engine))
    for _ in range(3):
        get(engine)
    get(engine, method=b"HEAD")
    empty = wire.data(1, b"") * HTTP2_LIMITS.empty
    engine.receive(wire.response(1) + wire.response(5) + empty, 0.0)

    engine.receive(BETWEEN[name] + empty, 0.0)
    assert engine.error is None
    engine.receive(wire.data(1, b""), 0.0)
    assert "empty" in str(engine.error)


@pytest.mark.parametrize("between", [wire.frame(wire.DATA, wire.PADDED, 1, b"\1\0"), wire.data(3, b"", end=True)])
def test_cve_2019_9518_what_says_nothing_does_not_interrupt_a_flood(between: bytes) -> None:
    engine = client()
    get(engine)
    engine.reset(get(engine))
    engine.receive(wire.response(1), 0.0)
    for _ in range(HTTP2_LIMITS.empty + 1):
        engine.receive(wire.data(1, b"") + between, 0.0)

    assert "empty" in str(engine.error)


def test_a_server_that_flushes_once_for_each_response_is_no_flood() -> None:
    engine = client()
    for _ in range(3 * HTTP2_LIMITS.empty):
        stream = get(engine)
        number = stream.id
        engine.outgoing()
        engine.receive(wire.response(number) + wire.data(number, b"") + wire.data(number, b"", end=True), 0.0)
        assert stream.received

    assert engine.error is None


def test_padding_alone_is_given_back() -> None:
    engine = client(limits=HTTP2_LIMITS._replace(stream_window=1000, max_stream_window=1000))
    stream = get(engine)
    padding = wire.frame(wire.DATA, wire.PADDED, 1, b"\xff" + bytes(255))
    engine.receive(wire.response(1) + padding, 0.0)
    assert wire.update(1, 256) not in engine.outgoing()
    engine.receive(padding, 0.0)

    assert engine.outgoing() == wire.update(1, 512)
    assert stream.window == 1000


def test_padding_at_the_end_is_not_given_back() -> None:
    engine = client(limits=HTTP2_LIMITS._replace(stream_window=300, max_stream_window=300))
    stream = get(engine)
    engine.outgoing()
    engine.receive(wire.response(1) + wire.frame(wire.DATA, wire.PADDED | 1, 1, b"\xff" + bytes(255)), 0.0)

    assert stream.received
    assert engine.outgoing() == b""


def test_cve_2024_27316_a_block_without_end() -> None:
    engine = client()
    stream = get(engine)
    piece = wire.frame(wire.CONTINUATION, 0, 1, bytes(16384))
    engine.receive(wire.frame(wire.HEADERS, 0, 1, b"\0"), 0.0)
    for _ in range(100):
        engine.receive(piece, 0.0)

    assert "a header block of more than" in str(engine.error)
    assert isinstance(stream.error, RemoteProtocolError)
    assert engine._block is None


def test_empty_pieces_of_a_block_are_counted() -> None:
    engine = client(limits=HTTP2_LIMITS._replace(continuations=1000))
    get(engine)
    engine.receive(wire.frame(wire.HEADERS, 0, 1) + wire.frame(wire.CONTINUATION, 0, 1) * HTTP2_LIMITS.empty, 0.0)

    assert "empty" in str(engine.error)


def bomb(count: int) -> bytes:
    """CVE-2016-6581: a large field goes into the table, and each byte more means it again."""
    return wire.block((":status", "200")) + wire.block(("a", "b" * 3900), flags=0x40) + b"\xbe" * count


@pytest.mark.parametrize("count", [40, 200])
def test_cve_2016_6581_what_a_block_decodes_to_is_bounded(count: int) -> None:
    """CVE-2026-54428, CVE-2026-54399."""
    engine = client()
    stream, other = get(engine), get(engine)
    engine.outgoing()

    engine.receive(wire.frame(wire.HEADERS, 5, 1, bomb(count)), 0.0)

    assert "a head of more than 128 fields or 131072 bytes" in str(stream.error)
    assert stream.events == []
    # Both sides' tables are in step nevertheless.
    engine.receive(wire.frame(wire.HEADERS, 5, 3, wire.block((":status", "200")) + b"\xbe"), 0.0)
    assert other.received
    assert len(told(other.events)) == 2


def test_trailers_are_bounded_as_heads_are() -> None:
    engine = client()
    stream, over = get(engine), get(engine)
    engine.receive(wire.response(1) + wire.response(3), 0.0)
    engine.reset(over)
    trailers = bomb(200)[len(wire.block((":status", "200"))) :]

    engine.receive(wire.frame(wire.HEADERS, 5, 3, trailers), 0.0)
    assert engine.error is None
    engine.receive(wire.frame(wire.HEADERS, 5, 1, trailers), 0.0)
    assert "a head of more than" in str(stream.error)


def test_hpack_4_2_0_integers_without_end() -> None:
    engine = client()
    get(engine)
    engine.receive(wire.frame(wire.HEADERS, 5, 1, b"\xff" + b"\x80" * 100 + b"\x01"), 0.0)

    assert parse(engine.outgoing())[-1].payload[4:8] == wire.number(ErrorCode.COMPRESSION_ERROR)


def test_cve_2019_9516_fields_of_nothing() -> None:
    engine = client()
    stream = get(engine)
    engine.receive(wire.response(1, *[("", "")] * 100), 0.0)

    assert "the name of a field is empty" in str(stream.error)


def test_two_responses_do_not_disturb_a_slow_reader() -> None:
    """What is unread of a stream no longer counts for the connection once the stream has all of it."""
    engine = client()
    stream = get(engine)
    engine.receive(wire.response(1) + wire.data(1, bytes(1000)), 0.0)
    assert engine._inflow.unread == 1000
    engine.receive(wire.data(1, b"x", end=True), 0.0)

    assert engine._inflow.unread == 0
    assert len(body(stream.events)) == 1001


def test_pieces_that_come_in_one_go_are_one() -> None:
    engine = wire.client()
    stream = wire.get(engine)
    large = bytes(range(256)) * 16
    came = wire.response(1) + wire.data(1, large) + wire.data(1, b"small") + wire.data(1, large)
    engine.receive(came, 0.0)

    assert [type(event) for event in stream.events] == [ResponseHead, bytes]
    assert stream.events[1] == large + b"small" + large


def test_pieces_that_come_before_a_fault_are_whole() -> None:
    engine = wire.client()
    stream = wire.get(engine)
    large = b"x" * 4096
    engine.receive(wire.response(1) + wire.data(1, large) + wire.frame(wire.PING, 0, 1, b"12345678"), 0.0)

    assert engine.error is not None
    assert stream.events[1:] == [large]


ALIKE = wire.data(1, b"x" * 2000) * 6
RUNS = {
    "all alike": ((), ALIKE),
    "then a smaller one": ((), ALIKE + wire.data(1, b"y" * 1999)),
    "then the last": ((), ALIKE + wire.data(1, b"y" * 2000, end=True)),
    "then one of another stream": ((), ALIKE + wire.response(3) + wire.data(3, b"z" * 2000, end=True) + ALIKE),
    "as long as was promised": ((("content-length", "12000"),), ALIKE + wire.data(1, b"", end=True)),
    "longer than was promised": ((("content-length", "9000"),), ALIKE),
    "longer than was promised by a frame": ((("content-length", "10000"),), ALIKE),
}


@pytest.mark.parametrize("limits", [{}, {"stream_window": 10_000}, {"stream_window": 11_999}, {"unread": 0}])
@pytest.mark.parametrize("name", RUNS)
def test_frames_that_are_alike_are_taken_as_if_they_came_one_by_one(name: str, limits: dict[str, int]) -> None:
    fields, frames = RUNS[name]

    def taken(pieces: list[bytes]) -> tuple[object, ...]:
        engine = client(limits=HTTP2_LIMITS._replace(**limits))
        streams = [get(engine), get(engine)]
        engine.outgoing()
        engine.receive(wire.response(1, *fields), 0.0)
        for piece in pieces:
            engine.receive(piece, 0.0)
        states = [(s.left, s.window, s.unread, repr(s.error), body(s.events), s.closed) for s in streams]
        return states, engine._inflow.room, engine._inflow.unread, repr(engine.error), parse(engine.outgoing())

    one_by_one = [frames[at : at + 1] for at in range(len(frames))]
    assert taken([frames]) == taken(one_by_one)
    assert taken([frames[:-1], frames[-1:]]) == taken(one_by_one)


def test_frames_that_are_alike_keep_to_the_connections_window() -> None:
    engine = client(limits=HTTP2_LIMITS._replace(connection_window=65535, unread=0))
    stream = get(engine)
    engine.receive(wire.response(1) + wire.data(1, bytes(16000)) * 5, 0.0)

    assert "the connection's window" in str(engine.error)
    assert body(stream.events) == bytes(64000)
