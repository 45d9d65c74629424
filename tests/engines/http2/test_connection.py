"""Settings, pings, the connection's windows, GOAWAY."""

from __future__ import annotations

import h2wire as wire
import pytest
from h2wire import Frame, Pair, client, get, parse

from courser.engines.http2 import HTTP2_LIMITS, PREFACE, ClientEngine, ErrorCode, ServerEngine, Stream
from courser.errors import LocalProtocolError, RemoteProtocolError


def goodbye(engine: ClientEngine | ServerEngine) -> tuple[int, int]:
    """The last stream and the code of the GOAWAY that waits."""
    last = parse(engine.outgoing())[-1]
    assert last.kind == wire.GOAWAY
    return int.from_bytes(last.payload[:4], "big"), int.from_bytes(last.payload[4:8], "big")


def test_a_client_begins_with_preface_settings_and_a_large_window() -> None:
    engine = ClientEngine()
    assert engine.wants_to_send

    sent = engine.outgoing()

    assert sent.startswith(PREFACE)
    assert parse(sent) == [
        Frame(wire.SETTINGS, 0, 0, wire.settings((2, 0), (4, 1048576), (6, 131072))[9:]),
        Frame(wire.WINDOW_UPDATE, 0, 0, wire.number(16777216 - 65535)),
    ]
    assert not engine.wants_to_send


def test_a_server_begins_with_settings() -> None:
    small = HTTP2_LIMITS._replace(connection_window=1000)
    assert parse(ServerEngine(limits=small).outgoing()) == [
        Frame(wire.SETTINGS, 0, 0, wire.settings((3, 128), (8, 1), (4, 1048576), (6, 131072))[9:])
    ]


def test_settings_are_acknowledged_and_taken_over() -> None:
    engine = ClientEngine()
    engine.outgoing()
    assert engine.peer.streams == 100

    engine.receive(wire.settings((3, 7), (6, 5000)), 0.0)

    assert engine.outgoing() == wire.SETTINGS_ACK
    assert (engine.peer.streams, engine.peer.head) == (7, 5000)


def test_a_server_that_does_not_bound_streams_does_not() -> None:
    assert client().capacity == 2**31 - 1
    engine = client((3, 5))
    engine.receive(wire.settings((6, 10000)), 0.0)
    assert engine.capacity == 5


def test_a_new_initial_window_changes_open_streams() -> None:
    """RFC 9113 section 6.9.2."""
    engine = client((4, 10))
    reader, writer = get(engine), get(engine, method=b"POST", length=None)
    engine.send_data(writer, b"x" * 30)
    assert len(parse(engine.outgoing())[-1].payload) == 10

    engine.receive(wire.settings((4, 5)), 0.0)
    assert (reader.credit, writer.credit) == (5, -5)
    engine.receive(wire.settings((4, 12)), 0.0)
    assert [each.payload for each in parse(engine.outgoing()) if each.kind == wire.DATA] == [b"xx"]

    engine.receive(wire.update(writer.id, 2**31 - 1), 0.0)
    engine.receive(wire.settings((4, 100)), 0.0)
    assert engine.error is not None
    assert goodbye(engine) == (0, ErrorCode.FLOW_CONTROL_ERROR)


def test_a_smaller_header_table_is_followed() -> None:
    engine = client((1, 0))
    get(engine)

    block = parse(engine.outgoing())[-1].payload

    assert block[0] == 0x20


def test_settings_are_acknowledged_behind_heads_that_were_encoded_before() -> None:
    engine = client()
    get(engine)
    engine.receive(wire.settings((1, 0)), 0.0)
    get(engine)

    assert [(each.kind, each.flags & 1) for each in parse(engine.outgoing())] == [
        (wire.HEADERS, 1),
        (wire.SETTINGS, 1),
        (wire.HEADERS, 1),
    ]


BROKEN = {
    "SETTINGS of a stream": (wire.frame(wire.SETTINGS, 0, 1), ErrorCode.PROTOCOL_ERROR),
    "SETTINGS of five bytes": (wire.frame(wire.SETTINGS, 0, 0, b"12345"), ErrorCode.FRAME_SIZE_ERROR),
    "an acknowledgement that holds something": (
        wire.frame(wire.SETTINGS, 1, 0, b"123456"),
        ErrorCode.FRAME_SIZE_ERROR,
    ),
    "an acknowledgement of nothing": (wire.SETTINGS_ACK, ErrorCode.PROTOCOL_ERROR),
    "PING of a stream": (wire.frame(wire.PING, 0, 1, b"12345678"), ErrorCode.PROTOCOL_ERROR),
    "PING of seven bytes": (wire.frame(wire.PING, 0, 0, b"1234567"), ErrorCode.FRAME_SIZE_ERROR),
    "GOAWAY of a stream": (wire.frame(wire.GOAWAY, 0, 1, bytes(8)), ErrorCode.PROTOCOL_ERROR),
    "GOAWAY of seven bytes": (wire.frame(wire.GOAWAY, 0, 0, bytes(7)), ErrorCode.FRAME_SIZE_ERROR),
    "PRIORITY of no stream": (wire.frame(wire.PRIORITY, 0, 0, bytes(5)), ErrorCode.PROTOCOL_ERROR),
    "PRIORITY of four bytes": (wire.frame(wire.PRIORITY, 0, 1, bytes(4)), ErrorCode.FRAME_SIZE_ERROR),
    "CVE-2024-2398 CVE-2026-18924 PUSH_PROMISE": (
        wire.frame(wire.PUSH_PROMISE, 4, 1, wire.number(2) + wire.block((":method", "GET"))),
        ErrorCode.PROTOCOL_ERROR,
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_frame_that_breaks_the_connection(name: str) -> None:
    wrong, code = BROKEN[name]
    engine = client()
    stream = get(engine)
    engine.outgoing()

    assert engine.receive(wrong, 0.0) == [stream]

    assert isinstance(engine.error, RemoteProtocolError)
    assert isinstance(stream.error, RemoteProtocolError)
    assert engine.error.phase == "read"
    assert goodbye(engine) == (0, code)
    assert engine.receive(wire.SETTINGS_ACK, 0.0) == []
    with pytest.raises(LocalProtocolError, match="takes no more requests"):
        get(engine)


def test_a_ping_is_answered_before_bodies() -> None:
    engine = client()
    stream = get(engine, method=b"POST", length=None)
    engine.send_data(stream, b"x")
    engine.receive(wire.frame(wire.PING, 0, 0, b"abcdefgh"), 0.0)

    assert [each.kind for each in parse(engine.outgoing())] == [wire.HEADERS, wire.PING, wire.DATA]
    engine.send_data(stream, b"x")
    engine.receive(wire.frame(wire.PING, 0, 0, b"abcdefgh"), 0.0)
    assert parse(engine.outgoing()) == [
        Frame(wire.PING, wire.ACK, 0, b"abcdefgh"),
        Frame(wire.DATA, 0, 1, b"x"),
    ]


def test_our_pings_are_counted() -> None:
    pair = Pair()
    pair.client.ping()
    pair.client.ping()
    pair.pump()

    assert (pair.client.pinged, pair.client.ponged) == (2, 2)


def test_answers_to_our_pings_are_no_flood() -> None:
    engine = client()
    for _ in range(5 * HTTP2_LIMITS.pings):
        engine.ping()
        engine.outgoing()
        engine.receive(wire.frame(wire.PING, wire.ACK, 0, b"00000001"), 0.0)

    assert engine.error is None
    assert engine.ponged == 5 * HTTP2_LIMITS.pings


def test_who_gets_much_may_ask_often() -> None:
    """A server that measures round trips sends a PING for each batch of DATA."""
    engine = client((4, 2**31 - 1))
    stream = get(engine, method=b"POST", length=None)
    engine.receive(wire.update(0, 2**30), 0.0)
    for _ in range(5 * HTTP2_LIMITS.pings):
        engine.send_data(stream, b"x")
        engine.outgoing()
        engine.receive(wire.frame(wire.PING, 0, 0, bytes(8)), 0.0)

    assert engine.error is None


@pytest.mark.parametrize("payload", [b"00000001", b"unasked!", b"courserB", b"courserR"])
def test_an_answer_to_no_ping_is_nothing(payload: bytes) -> None:
    engine = client()
    engine.receive(wire.frame(wire.PING, wire.ACK, 0, payload), 0.0)

    assert engine.ponged == 0
    assert engine.error is None
    assert engine.outgoing() == b""


FLOODS = {
    "CVE-2019-9512 pings": wire.frame(wire.PING, 0, 0, bytes(8)),
    "answers to no ping": wire.frame(wire.PING, wire.ACK, 0, bytes(8)),
    "CVE-2019-9515 settings": wire.settings(),
    "CVE-2019-9513 CVE-2016-6580 priorities": wire.frame(wire.PRIORITY, 0, 1, bytes(5)),
    "CVE-2026-10536 a stream that depends on itself": wire.frame(wire.PRIORITY, 0, 1, wire.number(1) + b"\0"),
    "unknown frames": wire.frame(0xAB, 0, 0, b"x"),
    "GOAWAY": wire.goaway(2**31 - 1),
}


@pytest.mark.parametrize("name", FLOODS)
def test_frames_without_number(name: str) -> None:
    engine = client()

    engine.receive(FLOODS[name] * 50, 0.0)
    assert engine.error is None
    for turn in range(20):
        engine.receive(FLOODS[name] * 60, turn / 100)
        engine.outgoing()

    assert "too many frames of one kind" in str(engine.error)


def test_cve_2019_9512_answers_that_nobody_reads() -> None:
    """A few each second never are a flood; what piles up is one."""
    engine = client()
    for second in range(2000):
        engine.receive(wire.frame(wire.PING, 0, 0, bytes(8)) * 2, float(second))

    assert "the peer reads no answers" in str(engine.error)
    frames = parse(engine.outgoing())
    assert len(frames) == HTTP2_LIMITS.queued + 1
    assert frames[-1].payload[4:8] == wire.number(ErrorCode.ENHANCE_YOUR_CALM)


def test_answers_that_leave_behind_requests_are_no_flood() -> None:
    engine = client()
    for second in range(HTTP2_LIMITS.queued + 10):
        stream = get(engine)
        engine.receive(wire.frame(wire.PING, 0, 0, bytes(8)), float(second))
        assert wire.kinds(engine.outgoing()) == [wire.HEADERS, wire.PING]
        engine.receive(wire.response(stream.id, end=True), float(second))

    assert engine.error is None


def test_requests_that_wait_are_no_flood() -> None:
    engine = client((3, 5000))
    for _ in range(2000):
        get(engine)
    engine.receive(wire.frame(wire.PING, 0, 0, bytes(8)), 0.0)

    assert engine.error is None


def test_priority_and_unknown_frames_mean_nothing() -> None:
    engine = client()
    stream = get(engine)
    engine.receive(wire.frame(wire.PRIORITY, 0, 7, bytes(5)) + wire.frame(0xAB, 0xFF, 99, b"x"), 0.0)
    engine.receive(wire.response(1, end=True), 0.0)

    assert stream.error is None
    assert stream.received


def test_the_connections_window_is_renewed_as_bytes_come() -> None:
    limits = HTTP2_LIMITS._replace(connection_window=100_000, unread=1000, stream_window=50_000)
    engine = client(limits=limits)
    streams = [get(engine) for _ in range(3)]
    engine.outgoing()
    for stream in streams:
        engine.receive(wire.response(stream.id), 0.0)

    engine.receive(wire.data(1, bytes(1000)), 0.0)
    for _ in range(3):
        engine.receive(wire.data(3, bytes(16000)), 0.0)
    assert engine.outgoing() == b""
    # More lies unread than may: the reader has to take some of it first.
    engine.receive(wire.data(5, bytes(1000)), 0.0)
    assert engine.outgoing() == b""
    engine.reset(streams[1])
    updates = [each for each in parse(engine.outgoing()) if each.kind == wire.WINDOW_UPDATE]
    assert updates == []
    engine.consumed(streams[2], 1000)
    assert wire.update(0, 50_000) in engine.outgoing()


def probed() -> tuple[ClientEngine, Stream]:
    """A client with a window of 90 000 bytes that has just asked how far away the server is."""
    engine = client(limits=HTTP2_LIMITS._replace(stream_window=90_000, max_stream_window=150_000))
    stream = get(engine)
    engine.outgoing()
    engine.receive(wire.response(1) + wire.data(1, bytes(15_000)) * 3, 1.0)
    assert engine.outgoing() == b""
    engine.consumed(stream, 45_000)
    assert engine.outgoing() == wire.update(1, 45_000)
    engine.receive(wire.data(1, bytes(15_000)), 1.1)
    assert engine.outgoing() == PROBE
    return engine, stream


PROBE = wire.frame(wire.PING, 0, 0, b"courserB")
PROBED = wire.frame(wire.PING, wire.ACK, 0, b"courserB")


def test_windows_grow_where_a_round_trip_fills_them() -> None:
    engine, stream = probed()
    engine.receive(wire.data(1, bytes(15_000)) * 5, 1.2)

    engine.receive(PROBED, 1.2)

    assert engine.outgoing() == wire.settings((4, 150_000))
    assert stream.window == 60_000
    assert get(engine).window == 150_000
    engine.receive(wire.SETTINGS_ACK, 1.3)
    assert engine.error is None
    engine.consumed(stream, 90_000)
    engine.outgoing()
    engine.receive(wire.data(1, b"x"), 1.4)
    assert engine.outgoing() == b""


def test_windows_do_not_grow_where_little_comes() -> None:
    engine, stream = probed()
    engine.receive(wire.data(1, bytes(15_000)) * 3, 1.2)

    engine.receive(PROBED * 2, 1.2)

    assert engine.outgoing() == b""
    engine.consumed(stream, 60_000)
    engine.receive(wire.data(1, b"x"), 1.4)
    assert engine.outgoing() == wire.update(1, 60_000) + PROBE


def test_before_it_knows_our_settings_a_client_goes_by_the_initial_ones() -> None:
    """RFC 9113 section 6.9.2; what it has sent by then is taken off its smaller window."""
    engine = ServerEngine(limits=HTTP2_LIMITS._replace(stream_window=1000, max_stream_window=1000))
    engine.outgoing()
    sent = PREFACE + wire.settings() + wire.request(1, end=False) + wire.request(3, end=False) + wire.request(5)
    read, unread, over = engine.receive(sent, 0.0)
    engine.receive(wire.data(1, bytes(1500)) + wire.data(3, bytes(1500)), 0.0)
    engine.consumed(read, 1500)
    assert wire.kinds(engine.outgoing()) == [wire.SETTINGS]

    engine.receive(wire.SETTINGS_ACK, 0.0)

    assert engine.outgoing() == wire.update(1, 1500)
    assert (read.window, unread.window, over.window) == (1000, -500, 1000)
    engine.receive(wire.data(3, b"", end=True), 0.0)
    assert unread.error is None


def test_goaway_is_remembered() -> None:
    engine = client()
    stream = get(engine)

    assert engine.receive(wire.goaway(2**31 - 1, 0, b"x" * 2000), 0.0) == []
    assert engine.draining
    assert engine.goaway == (2**31 - 1, 0, b"x" * 1024)
    assert engine.capacity == 0
    assert engine.receive(wire.goaway(1, 0, b"now"), 0.0) == []
    assert engine.goaway == (1, 0, b"now")
    engine.receive(wire.goaway(99, 2), 0.0)
    assert engine.goaway == (1, 2, b"")
    assert not engine.is_idle
    assert list(engine.streams) == [stream]

    engine.receive(wire.response(1, end=True), 0.0)
    assert stream.error is None
    assert engine.is_idle


def test_streams_above_the_last_one_were_not_acted_on() -> None:
    """RFC 9113 section 6.8."""
    engine = client()
    streams = [get(engine) for _ in range(3)]

    assert engine.receive(wire.goaway(3, 11), 0.0) == [streams[2]]

    assert [stream.refused for stream in streams] == [False, False, True]
    error = streams[2].error
    assert isinstance(error, RemoteProtocolError)
    assert error.retryable
    assert "going away (ENHANCE_YOUR_CALM)" in str(error)


def test_a_peer_has_settled_once_its_first_settings_are_here() -> None:
    engine = ClientEngine()
    assert not engine.is_settled

    engine.receive(wire.settings((3, 7)), 0.0)
    assert engine.is_settled
