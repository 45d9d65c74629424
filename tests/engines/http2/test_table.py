"""What a caller does to streams, and how they end."""

from __future__ import annotations

import h2wire as wire
import pytest
from h2wire import Frame, Pair, body, client, get, parse, server

from courser.engines.events import END
from courser.engines.http2 import HTTP2_LIMITS, ClientEngine, ErrorCode, ServerEngine, Stream
from courser.engines.http2 import table as module
from courser.errors import LocalProtocolError, RemoteProtocolError, TruncatedBody


def posting(engine: ClientEngine, length: int | None = None) -> Stream:
    return get(engine, method=b"POST", length=length)


def bodies(engine: ClientEngine | ServerEngine) -> list[tuple[int, bytes, int]]:
    return [(each.number, each.payload, each.flags) for each in parse(engine.outgoing()) if each.kind == wire.DATA]


# Sending.


def test_a_body_of_unknown_length_ends_when_it_is_said() -> None:
    engine = client()
    stream = posting(engine)
    engine.send_data(stream, b"ab")
    assert stream.queued == 2
    assert bodies(engine) == [(1, b"ab", 0)]
    assert (stream.queued, stream.sent) == (0, False)

    engine.send_data(stream, b"")
    assert not engine.wants_to_send
    engine.send_end(stream)

    assert bodies(engine) == [(1, b"", wire.END_STREAM)]
    assert stream.sent


def test_the_end_is_said_with_the_last_bytes_where_it_is_known() -> None:
    engine = client()
    declared, said = posting(engine, 4), posting(engine)
    engine.send_data(declared, b"ab")
    engine.send_data(declared, b"cd")
    engine.send_data(said, b"ef")
    engine.send_end(said)

    assert bodies(engine) == [(1, b"abcd", wire.END_STREAM), (3, b"ef", wire.END_STREAM)]
    engine.send_end(declared)
    assert engine.outgoing() == b""


def test_trailers_end_a_body() -> None:
    engine = client()
    full, empty = posting(engine), posting(engine)
    engine.send_data(full, b"x")
    for stream in (full, empty):
        engine.send_end(stream, b"Checksum: 1\r\nConnection: x\r\n")

    frames = parse(engine.outgoing())
    assert [(each.kind, each.number, each.flags) for each in frames] == [
        (wire.HEADERS, 1, 4),
        (wire.HEADERS, 3, 4),
        (wire.HEADERS, 3, 5),
        (wire.DATA, 1, 0),
        (wire.HEADERS, 1, 5),
    ]
    assert full.sent
    assert empty.sent


def test_what_would_break_the_protocol_is_refused() -> None:
    engine = client()
    stream, none = posting(engine, 3), get(engine)
    engine.send_data(stream, b"ab")

    with pytest.raises(LocalProtocolError, match="too much data"):
        engine.send_data(stream, b"cd")
    with pytest.raises(LocalProtocolError, match="too little data"):
        engine.send_end(stream)
    with pytest.raises(LocalProtocolError, match="no colon"):
        engine.send_end(posting(engine), b"nonsense\r\n")
    for call in (engine.send_end, lambda stream: engine.send_data(stream, b"x")):
        with pytest.raises(LocalProtocolError, match="no body is being sent"):
            call(none)
    engine.send_data(stream, b"c")
    engine.send_end(stream)
    with pytest.raises(LocalProtocolError, match="no body is being sent"):
        engine.send_end(stream)
    assert bodies(engine) == [(1, b"abc", wire.END_STREAM)]


def test_who_is_over_sends_nothing_more() -> None:
    engine = client()
    stream = posting(engine)
    engine.receive(wire.rst(1, 2), 0.0)
    engine.outgoing()

    engine.send_data(stream, b"x")
    engine.send_end(stream)

    assert engine.outgoing() == b""
    assert stream.queued == 0


def test_an_abandoned_body_ends_nowhere() -> None:
    engine = client()
    stream = posting(engine)
    engine.send_data(stream, b"x")
    engine.abandon(stream)

    assert bodies(engine) == []
    engine.receive(wire.response(1, end=True), 0.0)
    assert stream.received
    assert not stream.closed
    engine.reset(stream, ErrorCode.NO_ERROR)
    assert parse(engine.outgoing())[0] == Frame(wire.RST_STREAM, 0, 1, wire.number(0))


def test_cve_2019_9511_a_window_that_opens_by_drops_is_waited_for() -> None:
    """CVE-2019-9517: what cannot leave stays where it was handed over, and is seen there."""
    engine = client((4, 1))
    stream = posting(engine)
    engine.send_data(stream, b"x" * 1000)
    sent = len(bodies(engine))
    for _ in range(10):
        assert not engine.wants_to_send
        engine.receive(wire.update(1, 1), 0.0)
        sent += len(bodies(engine))

    assert (sent, stream.queued) == (11, 989)


def test_windows_of_the_connection_and_of_streams() -> None:
    engine = client((4, 2**31 - 1))
    first, second = posting(engine), posting(engine)
    engine.send_data(first, b"x" * 100_000)
    engine.send_data(second, b"y")
    assert sum(len(payload) for _, payload, _ in bodies(engine)) == 65535
    assert not engine.wants_to_send

    engine.receive(wire.update(0, 100_000), 0.0)

    assert sum(len(payload) for _, payload, _ in bodies(engine)) == 100_001 - 65535


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (wire.update(0, 0), ErrorCode.PROTOCOL_ERROR),
        (wire.update(0, 2**31 - 1), ErrorCode.FLOW_CONTROL_ERROR),
        (wire.frame(wire.WINDOW_UPDATE, 0, 1, b"123"), ErrorCode.FRAME_SIZE_ERROR),
        (wire.frame(wire.RST_STREAM, 0, 1, b"123"), ErrorCode.FRAME_SIZE_ERROR),
        (wire.rst(0, 0), ErrorCode.PROTOCOL_ERROR),
        (wire.rst(99, 0), ErrorCode.PROTOCOL_ERROR),
        (wire.rst(2, 0), ErrorCode.PROTOCOL_ERROR),
        (wire.update(99, 1), ErrorCode.PROTOCOL_ERROR),
    ],
)
def test_a_frame_that_breaks_the_connection(wrong: bytes, code: ErrorCode) -> None:
    engine = client()
    get(engine)
    engine.outgoing()

    engine.receive(wrong, 0.0)

    assert engine.error is not None
    assert parse(engine.outgoing())[-1].payload[4:8] == wire.number(code)


@pytest.mark.parametrize(
    ("increment", "code"), [(0, ErrorCode.PROTOCOL_ERROR), (2**31 - 1, ErrorCode.FLOW_CONTROL_ERROR)]
)
def test_a_window_that_breaks_its_stream_only(increment: int, code: ErrorCode) -> None:
    engine = client()
    stream, other = get(engine), get(engine)
    engine.outgoing()

    assert engine.receive(wire.update(1, increment), 0.0) == [stream]

    assert engine.outgoing() == wire.rst(1, code)
    assert isinstance(stream.error, RemoteProtocolError)
    assert stream.closed
    assert other.error is engine.error is None


def test_window_updates_without_number() -> None:
    engine = client()
    for _ in range(HTTP2_LIMITS.updates + 1):
        engine.receive(wire.update(0, 1), 0.0)

    assert "too many frames of one kind" in str(engine.error)


def test_who_sends_much_gets_many_window_updates() -> None:
    engine = client((4, 2**31 - 1))
    stream = posting(engine)
    engine.receive(wire.update(0, 2**30), 0.0)
    for _ in range(1000):
        engine.send_data(stream, bytes(20_000))
        engine.outgoing()
        engine.receive(wire.update(0, 20_000) + wire.update(1, 1), 0.0)

    assert engine.error is None


def uploaded(engine: ClientEngine, step: int) -> int:
    """How much of 4 MB a peer can take that renews both windows whenever it has read so many bytes."""
    stream = posting(engine)
    engine.send_data(stream, bytes(4_000_000))
    sent = renewed = 0
    while engine.error is None and sent < 4_000_000:
        sent += sum(len(payload) for _, payload, _ in bodies(engine))
        steps = (sent - renewed) // step
        renewed += steps * step
        engine.receive((wire.update(0, step) + wire.update(1, step)) * steps, 0.5)
    return sent


@pytest.mark.parametrize("step", [512, 1024, 16384])
@pytest.mark.parametrize("frame", [16384, 2**24 - 1])
def test_windows_may_be_renewed_in_small_steps(step: int, frame: int) -> None:
    engine = client((5, frame))

    assert uploaded(engine, step) == 4_000_000
    assert engine.error is None


@pytest.mark.parametrize("frame", [16384, 2**24 - 1])
def test_windows_that_are_renewed_in_drops_are_a_flood(frame: int) -> None:
    engine = client((5, frame))

    assert uploaded(engine, 32) < 4_000_000
    assert "updates" in str(engine.error)


def test_a_window_that_nobody_needs_may_grow() -> None:
    engine = client()
    stream = get(engine)
    engine.receive(wire.update(1, 5), 0.0)

    assert stream.credit == 65540
    assert stream.error is engine.error is None


# Reading.


def test_a_body_that_is_too_short() -> None:
    engine = client()
    stream = get(engine)
    engine.receive(wire.response(1, ("content-length", "5")) + wire.data(1, b"four", end=True), 0.0)

    assert isinstance(stream.error, TruncatedBody)
    assert body(stream.events) == b"four"
    assert END not in stream.events


def test_a_streams_window_is_renewed_as_its_reader_takes() -> None:
    engine = client(limits=HTTP2_LIMITS._replace(stream_window=1000, max_stream_window=1000))
    stream = get(engine)
    engine.receive(wire.response(1) + wire.data(1, bytes(900)), 0.0)
    engine.outgoing()

    engine.consumed(stream, 499)
    assert engine.outgoing() == b""
    engine.consumed(stream, 1)
    assert engine.outgoing() == wire.update(1, 500)
    engine.consumed(stream, 10**9)
    assert engine.outgoing() == b""
    assert (stream.window, stream.unread) == (600, 0)
    engine.receive(wire.data(1, bytes(100)) + wire.data(1, b"x", end=True), 0.0)
    engine.consumed(stream, 101)
    assert engine.outgoing() == b""


def test_padding_counts_and_is_given_back() -> None:
    engine = client(limits=HTTP2_LIMITS._replace(stream_window=1000, max_stream_window=1000))
    stream = get(engine)
    engine.receive(wire.response(1) + wire.frame(wire.DATA, wire.PADDED, 1, b"\xc8" + bytes(300)), 0.0)
    engine.receive(wire.frame(wire.DATA, wire.PADDED, 1, b"\xc8" + bytes(300)), 0.0)
    engine.outgoing()

    assert (body(stream.take()), stream.window) == (bytes(200), 398)
    engine.consumed(stream, 200)
    assert engine.outgoing() == wire.update(1, 602)


def test_a_slow_reader_does_not_stop_the_others() -> None:
    limits = HTTP2_LIMITS._replace(connection_window=100_000, stream_window=40_000, max_stream_window=40_000)
    pair = Pair(limits, reads=False)
    slow, quick = get(pair.client), get(pair.client)
    pair.step()
    for served in list(pair.served.values()):
        pair.server.respond(served, 200, b"", None)
        pair.server.send_data(served, bytes(500_000))
        pair.server.send_end(served)

    for _ in range(100):
        pair.step()
        pair.client.consumed(quick, quick.unread)

    assert quick.received
    assert (slow.received, slow.unread) == (False, 40_000)


# Resets of ours.


def test_a_reset_tells_the_peer_once() -> None:
    engine = client()
    stream = posting(engine)
    engine.send_data(stream, b"x" * 100)

    engine.reset(stream)
    engine.reset(stream)

    frames = parse(engine.outgoing())
    assert [(each.kind, each.number) for each in frames[:2]] == [(wire.HEADERS, 1), (wire.RST_STREAM, 1)]
    assert frames[1].payload == wire.number(ErrorCode.CANCEL)
    assert [each.kind for each in frames[2:]] == [wire.PING]
    assert (stream.closed, stream.queued, stream.error) == (True, 0, None)
    assert engine.is_idle


def test_a_server_resets_once() -> None:
    engine = server()
    (stream,) = engine.receive(wire.request(1), 0.0)
    for _ in range(2):
        engine.reset(stream, ErrorCode.INTERNAL_ERROR)

    assert engine.outgoing() == wire.rst(1, ErrorCode.INTERNAL_ERROR)


def test_a_request_that_never_was_a_stream_is_reset_too() -> None:
    engine = server()
    engine.receive(wire.request(1, ("Upper", "case")) + wire.data(1, b"on its way"), 0.0)

    assert engine.outgoing() == wire.rst(1, ErrorCode.PROTOCOL_ERROR)
    assert engine.error is None


def test_what_was_on_its_way_is_ignored() -> None:
    engine = client()
    stream, other = get(engine), get(engine)
    engine.reset(stream)
    engine.outgoing()

    late = wire.response(1) + wire.data(1, b"x") + wire.update(1, 1) + wire.rst(1, 0) + wire.data(1, b"", end=True)
    assert engine.receive(late + wire.response(3, end=True), 0.0) == [other]

    assert engine.error is None
    assert stream.take() == []
    assert engine.outgoing() == b""


def test_what_was_on_its_way_keeps_to_its_window() -> None:
    engine = client(limits=HTTP2_LIMITS._replace(stream_window=1000))
    engine.reset(get(engine))

    engine.receive(wire.data(1, bytes(1000)), 0.0)
    assert engine.error is None
    engine.receive(wire.data(1, b"x"), 0.0)
    assert "goes on on stream 1, which was reset" in str(engine.error)


def test_frames_that_mean_nothing_any_more_are_counted() -> None:
    engine = client()
    engine.reset(get(engine))
    for _ in range(HTTP2_LIMITS.others + 4):
        engine.receive(wire.rst(1, 8), 0.0)
    assert engine.error is None
    engine.receive(wire.rst(1, 8), 0.0)

    assert "others" in str(engine.error)


def test_only_the_last_resets_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_REMEMBERED", 3)
    engine = client()
    for _ in range(4):
        engine.reset(get(engine))

    assert list(engine._resets) == [3, 5, 7]
    engine.receive(wire.data(1, b"x"), 0.0)
    assert "DATA on stream 1, which is closed" in str(engine.error)


def test_a_reset_gives_back_what_was_not_read() -> None:
    limits = HTTP2_LIMITS._replace(connection_window=70_000, unread=10, stream_window=70_000)
    engine = client(limits=limits)
    stream = get(engine)
    engine.receive(wire.response(1) + wire.data(1, bytes(16_000)) * 3, 0.0)
    engine.outgoing()

    engine.reset(stream)

    assert wire.update(0, 48_000) in engine.outgoing()


# Resets by the peer.


def test_a_reset_before_the_head() -> None:
    engine = client()
    stream = get(engine)

    assert engine.receive(wire.rst(1, ErrorCode.INTERNAL_ERROR), 0.0) == [stream]

    assert type(stream.error) is RemoteProtocolError
    assert "the peer reset the stream: INTERNAL_ERROR" in str(stream.error)
    assert (stream.code, stream.refused, stream.closed) == (2, False, True)
    assert not stream.error.retryable


def test_a_reset_in_the_body() -> None:
    engine = client()
    stream = get(engine)
    engine.receive(wire.response(1) + wire.data(1, b"half") + wire.rst(1, 0x1234), 0.0)

    assert body(stream.events) == b"half"
    assert isinstance(stream.error, TruncatedBody)
    assert "code 4660" in str(stream.error)


def test_a_refused_stream_was_not_acted_on() -> None:
    engine = client()
    stream = get(engine)
    engine.receive(wire.rst(1, ErrorCode.REFUSED_STREAM), 0.0)

    assert stream.refused
    assert isinstance(stream.error, RemoteProtocolError)
    assert stream.error.retryable


STARTED = {
    "a head": (wire.response(1), TruncatedBody),
    "some of the body": (wire.response(1) + wire.data(1, b"half"), TruncatedBody),
    "an interim head": (wire.response(1, status="103"), RemoteProtocolError),
}


@pytest.mark.parametrize("refusal", [wire.rst(1, ErrorCode.REFUSED_STREAM), wire.goaway(0)])
@pytest.mark.parametrize("name", STARTED)
def test_a_stream_on_which_something_has_come_was_acted_on(name: str, refusal: bytes) -> None:
    """Whatever the peer says: the request must not be done twice."""
    said, kind = STARTED[name]
    engine = client()
    stream = get(engine)
    engine.receive(said + refusal, 0.0)

    assert not stream.refused
    assert type(stream.error) is kind
    assert not stream.error.retryable


NEEDS_HTTP1 = {
    "a reset": wire.rst(1, ErrorCode.HTTP_1_1_REQUIRED),
    "GOAWAY": wire.goaway(0, ErrorCode.HTTP_1_1_REQUIRED),
}


@pytest.mark.parametrize("name", NEEDS_HTTP1)
def test_who_wants_http1_can_be_had(name: str) -> None:
    engine = client()
    stream = get(engine)
    engine.receive(NEEDS_HTTP1[name], 0.0)

    assert stream.error is not None
    assert stream.error.hint == "use HTTP/1.1: http2=False"


@pytest.mark.parametrize("before", [b"", wire.goaway(1)])
def test_other_ends_have_no_hint(before: bytes) -> None:
    engine = client()
    stream = get(engine)
    engine.receive(before + wire.rst(1, ErrorCode.INTERNAL_ERROR), 0.0)

    assert stream.error is not None
    assert stream.error.hint == ""


@pytest.mark.parametrize("code", [ErrorCode.NO_ERROR, ErrorCode.CANCEL])
def test_a_reset_after_the_whole_response_stops_the_request(code: ErrorCode) -> None:
    """RFC 9113 section 8.1."""
    engine = client()
    stream = posting(engine)
    engine.send_data(stream, b"x")
    engine.receive(wire.response(1, ("content-length", "2"), status="413"), 0.0)
    engine.receive(wire.data(1, b"no", end=True) + wire.rst(1, code), 0.0)

    assert (stream.stopped, stream.error, stream.closed) == (True, None, True)
    assert stream.events[1:] == [b"no", END]
    assert bodies(engine) == []


def test_cve_2019_9514_resets_without_number() -> None:
    engine = client((3, 2000))
    for _ in range(HTTP2_LIMITS.resets + 1):
        # A server that refuses everything costs no more than what was asked of it.
        engine.receive(wire.rst(get(engine).id, 7), 0.0)
    assert engine.error is None

    engine.receive(wire.rst(1, 7) * (5 * HTTP2_LIMITS.others + 10), 20.0)
    assert "others" in str(engine.error)


def test_resets_of_requests_without_number() -> None:
    engine = server()
    for turn in range(HTTP2_LIMITS.resets + 1):
        number = 2 * turn + 1
        engine.receive(wire.request(number) + wire.rst(number, 8), 0.0)

    assert "resets" in str(engine.error)


def test_cve_2025_8671_streams_that_we_are_made_to_reset() -> None:
    """MadeYouReset: faults of streams cost as much as resets, and are counted with them."""
    engine = server()
    for turn in range(HTTP2_LIMITS.resets + 1):
        number = 2 * turn + 1
        engine.receive(wire.request(number) + wire.data(number, b"x"), 0.0)
        engine.outgoing()

    assert "resets" in str(engine.error)


# The end of the connection.


def test_the_peer_closes_its_side() -> None:
    engine = client()
    waiting, reading, stopped = get(engine), get(engine), posting(engine)
    engine.receive(wire.response(3) + wire.data(3, b"x") + wire.response(5, end=True), 0.0)

    assert engine.receive(b"", 0.0) == [waiting, reading, stopped]

    assert type(waiting.error) is RemoteProtocolError
    assert type(reading.error) is TruncatedBody
    assert (stopped.error, stopped.stopped) == (None, True)
    assert engine.error is None
    assert engine.draining
    assert engine.receive(b"", 0.0) == []
    assert engine.outgoing() == b""


def test_the_peer_closes_after_it_has_complained() -> None:
    engine = client()
    stream = get(engine)
    engine.receive(wire.goaway(2**31 - 1, ErrorCode.ENHANCE_YOUR_CALM), 0.0)
    engine.receive(b"", 0.0)

    assert "after GOAWAY with ENHANCE_YOUR_CALM" in str(stream.error)


def test_streams_above_the_last_one_are_refused() -> None:
    engine = client()
    below, above = get(engine), get(engine)

    assert engine.receive(wire.goaway(1), 0.0) == [above]
    assert (below.refused, above.refused) == (False, True)
    assert isinstance(above.error, RemoteProtocolError)
    assert above.error.retryable


def test_goaway_of_ours() -> None:
    engine = client()
    stream = get(engine)
    engine.shutdown()

    assert parse(engine.outgoing())[-1] == Frame(wire.GOAWAY, 0, 0, bytes(8))
    assert engine.draining
    engine.receive(wire.response(stream.id, end=True), 0.0)
    assert stream.received
    assert stream.error is None


def test_goaway_says_nothing_about_a_clients_streams_to_a_server() -> None:
    pair = Pair()
    stream = get(pair.client)
    pair.pump()
    pair.client.shutdown(ErrorCode.INTERNAL_ERROR)
    pair.pump()

    assert pair.server.goaway == (0, ErrorCode.INTERNAL_ERROR, b"")
    pair.server.respond(pair.served[1], 200, b"", -1)
    pair.pump()
    assert stream.received


# Frames on streams that are over.


@pytest.mark.parametrize("wrong", [wire.data(1, b"x"), wire.response(1)])
def test_a_stream_that_is_over_takes_no_message(wrong: bytes) -> None:
    engine = client()
    get(engine)
    engine.receive(wire.response(1, end=True), 0.0)

    engine.receive(wire.rst(1, 0) + wire.update(1, 1), 0.0)
    assert engine.error is None
    engine.receive(wrong, 0.0)
    assert "on stream 1, which is closed" in str(engine.error)


@pytest.mark.parametrize("wrong", [wire.data(1, b"x"), wire.response(1)])
def test_a_response_that_is_over_takes_no_more(wrong: bytes) -> None:
    engine = client()
    stream = posting(engine)
    engine.outgoing()
    engine.receive(wire.response(1, end=True), 0.0)

    engine.receive(wrong, 0.0)

    assert engine.error is None
    assert engine.outgoing() == wire.rst(1, ErrorCode.STREAM_CLOSED)
    assert stream.stopped
