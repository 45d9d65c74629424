"""The server's side: what it takes, how it answers, how it says goodbye."""

from __future__ import annotations

import h2wire as wire
import pytest
from h2wire import Pair, body, get, heads, parse, server, told

from courser.engines.events import END, RequestHead
from courser.engines.hpack import Decoder
from courser.engines.http2 import HTTP2_LIMITS, PREFACE, ErrorCode, ServerEngine, Stream, kept
from courser.engines.http2.stream import Due
from courser.errors import LocalProtocolError, RemoteProtocolError

WIRES = {
    "a request": wire.request(1, ("a", "b")),
    "a body": wire.request(1, ("content-length", "4"), method="PUT", end=False)
    + wire.data(1, b"bo")
    + wire.data(1, b"dy", end=True),
    "trailers": wire.request(1, end=False) + wire.data(1, b"x") + wire.headers(1, ("a", "b"), end=True),
    "a malformed request": wire.request(1, ("connection", "close")) + wire.request(3),
    "a request that goes back": wire.request(3) + wire.request(1),
    "a stream of the server's": wire.request(2),
    "too little": wire.request(1, ("content-length", "4"), end=False) + wire.data(1, b"x", end=True),
    "a reset": wire.request(1, end=False) + wire.data(1, b"x") + wire.rst(1, 8) + wire.data(1, b"y"),
    "a body that was refused": wire.request(1, ("content-length", "x"), end=False) + wire.data(1, b"x"),
}


def fed(pieces: list[bytes]) -> tuple[object, ...]:
    engine = ServerEngine()
    streams: dict[int, Stream] = {}
    said = b""
    for piece in [*pieces, b""]:
        for stream in engine.receive(piece, 0.0):
            streams[stream.id] = stream
        said += engine.outgoing()
    return (
        [(number, told(stream.events), repr(stream.error)) for number, stream in streams.items()],
        repr(engine.error),
        said,
    )


@pytest.mark.parametrize("name", WIRES)
def test_the_cuts_do_not_matter(name: str) -> None:
    whole = PREFACE + wire.settings() + wire.SETTINGS_ACK + WIRES[name]
    expected = fed([whole])

    assert fed([whole[at : at + 1] for at in range(len(whole))]) == expected
    for at in range(1, len(whole)):
        assert fed([whole[:at], whole[at:]]) == expected


@pytest.mark.parametrize("first", [b"GET / HTTP/1.1\r\n", b"\x16\x03\x01", PREFACE[:-1] + b"x"])
def test_the_preface_comes_first(first: bytes) -> None:
    engine = ServerEngine()
    engine.outgoing()

    assert engine.receive(first, 0.0) == []

    assert "not the preface" in str(engine.error)
    assert parse(engine.outgoing())[-1].kind == wire.GOAWAY
    assert engine.receive(PREFACE, 0.0) == []


def test_a_client_that_only_looks_in() -> None:
    engine = ServerEngine()
    assert engine.receive(PREFACE[:5], 0.0) == []
    assert engine.receive(b"", 0.0) == []
    assert engine.error is None
    assert engine.draining


def asked(sent: bytes, engine: ServerEngine | None = None) -> tuple[ServerEngine, Stream]:
    engine = engine or server()
    (stream,) = engine.receive(sent, 0.0)
    return engine, stream


def test_a_request_is_told() -> None:
    engine, stream = asked(wire.request(1, ("a", "b"), ("host", "h"), path="/p"))
    head, end = stream.take()

    assert isinstance(head, RequestHead)
    assert (head.method, head.target, head.version, head.fields) == (b"GET", b"/p", b"2", b"host: h\r\na: b\r\n")
    assert end is END
    assert (stream.received, stream.sent, stream.closed, stream.protocol) == (True, False, False, b"")
    assert list(engine.streams) == [stream]


def sent_fields(engine: ServerEngine) -> list[tuple[list[tuple[bytes, bytes]], int]]:
    decoder = Decoder()
    return [
        (decoder.decode(each.payload), each.flags) for each in parse(engine.outgoing()) if each.kind == wire.HEADERS
    ]


@pytest.mark.parametrize(
    ("method", "status", "length", "said", "ended"),
    [
        ("GET", 200, None, [], False),
        ("GET", 200, 5, [(b"content-length", b"5")], False),
        ("GET", 200, 0, [(b"content-length", b"0")], True),
        ("GET", 200, -1, [], True),
        ("HEAD", 200, 5, [(b"content-length", b"5")], True),
        ("HEAD", 200, None, [], True),
        ("GET", 304, 5, [(b"content-length", b"5")], True),
        ("GET", 204, 5, [], True),
    ],
)
def test_a_head_is_sent(
    method: str, status: int, length: int | None, said: list[tuple[bytes, bytes]], ended: bool
) -> None:
    engine, stream = asked(wire.request(1, method=method))
    engine.respond(stream, status, b"Server: x\r\nConnection: close\r\n", length)

    expected = [(b":status", b"%d" % status), (b"server", b"x"), *said]
    assert sent_fields(engine) == [(expected, 4 | ended)]
    assert (stream.sent, stream.closed) == (ended, ended)


def test_a_tunnel_stays_open() -> None:
    engine, stream = asked(wire.headers(1, (":method", "CONNECT"), (":authority", "h:1")))
    engine.respond(stream, 200, b"", -1)
    engine.receive(wire.data(1, b"x"), 0.0)
    engine.send_data(stream, b"y")

    assert body(stream.events) == b"x"
    assert wire.data(1, b"y") in engine.outgoing()

    engine, stream = asked(wire.headers(1, (":method", "CONNECT"), (":authority", "h:1")))
    engine.respond(stream, 403, b"", -1)
    assert stream.sent


def test_what_is_said_again_becomes_small() -> None:
    engine = server()
    sizes = []
    decoder = Decoder()
    for turn in range(6):
        _, stream = asked(wire.request(2 * turn + 1), engine)
        engine.respond(stream, 200, b"Server: mirror\r\nX: y\r\n", 0)
        (head,) = parse(engine.outgoing())
        sizes.append(len(head.payload))
        assert decoder.decode(head.payload)[1:3] == [(b"server", b"mirror"), (b"x", b"y")]

    assert sizes[-1] == sizes[-2] < sizes[0]


def test_trailers_may_change_what_a_kept_head_refers_to() -> None:
    engine, decoder = server(), Decoder()
    for turn in range(8):
        _, stream = asked(wire.request(2 * turn + 1), engine)
        engine.respond(stream, 200, b"Server: mirror\r\nX: y\r\n", None)
        engine.send_end(stream, b"Checksum: 1\r\n" if turn in (4, 5) else b"")
        head, *trailers = [
            decoder.decode(each.payload) for each in parse(engine.outgoing()) if each.kind == wire.HEADERS
        ]
        assert head == [(b":status", b"200"), (b"server", b"mirror"), (b"x", b"y")]
        assert trailers == [[(b"checksum", b"1")]] * (turn in (4, 5))


@pytest.mark.parametrize("size", [0, 40, 100])
def test_a_client_may_change_the_table_that_a_kept_head_refers_to(size: int) -> None:
    engine, decoder = server(), Decoder()
    for turn in range(8):
        if turn == 5:
            engine.receive(wire.settings((1, size)), 0.0)
            assert engine.outgoing() == wire.SETTINGS_ACK
            decoder.max_table_size = size
        _, stream = asked(wire.request(2 * turn + 1), engine)
        engine.respond(stream, 200, b"Server: mirror\r\nX: y\r\n", 0)
        (head,) = parse(engine.outgoing())
        assert decoder.decode(head.payload)[:3] == [(b":status", b"200"), (b"server", b"mirror"), (b"x", b"y")]


def test_heads_that_are_kept_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "MOST", 3)
    engine = server()
    for turn in range(20):
        _, stream = asked(wire.request(2 * turn + 1), engine)
        engine.respond(stream, 200 + turn, b"", -1)
        assert len(engine._heads) <= 3


@pytest.mark.parametrize(
    ("status", "fields", "length"),
    [(199, b"", None), (1000, b"", None), (200, b"", -2), (200, b"A b\r\n", None), (200, b"A: b\0\r\n", None)],
)
def test_an_answer_that_would_break_the_protocol(status: int, fields: bytes, length: int | None) -> None:
    engine, stream = asked(wire.request(1))

    with pytest.raises(LocalProtocolError):
        engine.respond(stream, status, fields, length)
    assert engine.outgoing() == b""
    engine.respond(stream, 200, b"", 0)
    assert stream.closed


def test_a_request_is_answered_once() -> None:
    engine, stream = asked(wire.request(1, end=False))
    engine.respond(stream, 200, b"", None)
    with pytest.raises(LocalProtocolError, match="has been answered"):
        engine.respond(stream, 200, b"", None)
    with pytest.raises(LocalProtocolError, match="interim"):
        engine.send_interim(stream, 103)
    with pytest.raises(LocalProtocolError, match="has been answered"):
        engine.respond(Stream(1, Due.NOTHING, 0, 0, None), 200, b"", None)
    engine.send_end(stream)
    with pytest.raises(LocalProtocolError, match="has been answered"):
        engine.respond(stream, 200, b"", None)
    with pytest.raises(LocalProtocolError, match="interim"):
        engine.send_interim(stream, 103)


@pytest.mark.parametrize("status", [99, 101, 200])
def test_what_is_no_interim_head(status: int) -> None:
    engine, stream = asked(wire.request(1))
    with pytest.raises(LocalProtocolError, match=f"{status} cannot be sent as an interim response"):
        engine.send_interim(stream, status)


def test_interim_heads() -> None:
    engine, stream = asked(wire.request(1))
    engine.send_interim(stream, 103, b"Link: x\r\n")
    engine.send_interim(stream, 100)

    assert sent_fields(engine) == [([(b":status", b"103"), (b"link", b"x")], 4), ([(b":status", b"100")], 4)]


def test_who_is_over_is_not_answered() -> None:
    engine, stream = asked(wire.request(1) + wire.rst(1, 8))

    engine.send_interim(stream, 103)
    engine.respond(stream, 200, b"", None)
    engine.send_data(stream, b"x")

    assert engine.outgoing() == b""
    assert isinstance(stream.error, RemoteProtocolError)
    assert (stream.stopped, stream.code) == (False, 8)


def test_the_body_before_the_head_is_refused() -> None:
    engine, stream = asked(wire.request(1))
    with pytest.raises(LocalProtocolError, match="no body is being sent"):
        engine.send_data(stream, b"x")


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        (wire.request(1, ("transfer-encoding", "chunked")), "a field about a connection"),
        (wire.request(1, ("content-length", "4"), end=False) + wire.data(1, b"12345"), "more DATA than Content-Length"),
        (wire.request(1, ("content-length", "4")), "before its Content-Length"),
        (wire.request(1, *[("a", "b")] * 200), "a head of more than 128 fields"),
        (wire.request(1, end=False) + wire.request(1), "means nothing"),
        (wire.request(1, end=False) + wire.headers(1, ("a", "b")), "a second head"),
    ],
)
def test_a_fault_of_one_request(sent: bytes, text: str) -> None:
    engine = server()
    streams = engine.receive(sent, 0.0)

    assert all(text in str(stream.error) for stream in streams)
    assert engine.outgoing() == wire.rst(1, ErrorCode.PROTOCOL_ERROR)
    assert engine.error is None
    assert asked(wire.request(3), engine)[1].received


def test_a_request_on_a_stream_that_has_ended() -> None:
    engine, stream = asked(wire.request(1))
    engine.receive(wire.request(1), 0.0)

    assert "HEADERS on stream 1, which has ended" in str(stream.error)


@pytest.mark.parametrize(
    ("sent", "text", "acted"),
    [
        (wire.request(2), "stream 2, which has not begun", 0),
        (wire.data(1, b"x"), "stream 1, which has not begun", 0),
        (wire.request(3) + wire.request(1), "stream 1, which is closed", 3),
        (wire.frame(wire.PUSH_PROMISE, 4, 1, bytes(4)), "PUSH_PROMISE", 0),
    ],
)
def test_a_fault_of_the_connection(sent: bytes, text: str, acted: int) -> None:
    engine = server()
    engine.receive(sent, 0.0)

    assert text in str(engine.error)
    goodbye = parse(engine.outgoing())[-1]
    assert (goodbye.kind, goodbye.payload[:4]) == (wire.GOAWAY, wire.number(acted))


def test_more_streams_than_were_allowed_are_refused() -> None:
    engine = server(limits=HTTP2_LIMITS._replace(streams=2))
    for number in (1, 3):
        asked(wire.request(number), engine)

    assert engine.receive(wire.request(5, end=False) + wire.data(5, b"x", end=True), 0.0) == []

    assert engine.outgoing() == wire.rst(5, ErrorCode.REFUSED_STREAM)
    assert engine.error is None
    engine.reset(next(iter(engine.streams)))
    assert asked(wire.request(7), engine)[1].received


def test_cve_2023_44487_requests_that_are_reset_at_once() -> None:
    engine = server()
    for turn in range(HTTP2_LIMITS.resets + 1):
        engine.receive(wire.request(2 * turn + 1) + wire.rst(2 * turn + 1, 8), 0.0)

    assert "resets" in str(engine.error)
    assert engine.is_idle


def test_requests_beyond_the_allowed_number_are_counted() -> None:
    engine = server(limits=HTTP2_LIMITS._replace(streams=0))
    for turn in range(HTTP2_LIMITS.resets + 1):
        engine.receive(wire.request(2 * turn + 1), 0.0)
        engine.outgoing()

    assert "resets" in str(engine.error)


def test_before_it_knows_our_settings_a_client_goes_by_the_initial_ones() -> None:
    engine = ServerEngine(limits=HTTP2_LIMITS._replace(stream_window=10, max_stream_window=10))
    (stream,) = engine.receive(PREFACE + wire.settings() + wire.request(1, end=False), 0.0)
    engine.receive(wire.data(1, bytes(1000)), 0.0)
    assert stream.error is None
    engine.receive(wire.SETTINGS_ACK, 0.0)
    (stream,) = engine.receive(wire.request(3, end=False) + wire.data(3, bytes(11)), 0.0)
    assert "the stream's window" in str(stream.error)


# Goodbye.


def test_goodbye_comes_twice() -> None:
    """RFC 9113 section 6.8."""
    pair = Pair()
    early, late = get(pair.client), get(pair.client)
    pair.server.shutdown()
    assert pair.server.draining
    wire_out = pair.server.outgoing()
    assert wire.kinds(wire_out) == [wire.GOAWAY, wire.PING]
    pair.client.receive(wire_out, 0.0)
    assert pair.client.draining
    assert pair.client.goaway == (2**31 - 1, 0, b"")
    pair.pump()

    assert pair.client.goaway == (3, 0, b"")
    for stream in (early, late):
        pair.server.respond(pair.served[stream.id], 200, b"", -1)
    pair.pump()
    assert early.received
    assert late.received
    assert (early.error, late.error) == (None, None)


def test_after_it_nothing_is_taken() -> None:
    engine = server()
    asked(wire.request(1), engine)
    engine.shutdown()
    engine.shutdown()
    assert [each.payload[:4] for each in parse(engine.outgoing()) if each.kind == wire.GOAWAY] == [
        wire.number(2**31 - 1),
        wire.number(1),
    ]

    assert engine.receive(wire.request(3), 0.0) == []

    assert engine.outgoing() == wire.rst(3, ErrorCode.REFUSED_STREAM)


def test_with_an_error_it_comes_once() -> None:
    engine = server()
    asked(wire.request(1), engine)
    engine.shutdown(ErrorCode.INTERNAL_ERROR)

    assert engine.outgoing() == wire.goaway(1, ErrorCode.INTERNAL_ERROR)


def test_an_answer_that_comes_late_or_unasked_changes_nothing() -> None:
    engine = server()
    pong = wire.frame(wire.PING, wire.ACK, 0, b"courserG")
    engine.receive(pong, 0.0)
    engine.receive(wire.frame(wire.PING, wire.ACK, 0, b"00000001"), 0.0)
    assert not engine.draining
    asked(wire.request(1), engine)
    engine.shutdown(ErrorCode.INTERNAL_ERROR)
    engine.outgoing()
    engine.receive(pong, 0.0)

    assert engine.outgoing() == b""


def test_heads_of_requests_are_all_told() -> None:
    engine = server()
    streams = [asked(wire.request(number, path=f"/{number}"), engine)[1] for number in (1, 5, 7)]

    targets = [head.target for stream in streams for head in heads(stream.events) if isinstance(head, RequestHead)]
    assert targets == [b"/1", b"/5", b"/7"]
