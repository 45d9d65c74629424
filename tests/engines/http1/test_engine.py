"""What both roles share, shown by a client and a server that talk to each other."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from courser.engines.events import End, Event, RequestHead, ResponseHead
from courser.engines.http1 import ClientEngine, Phase, ServerEngine, WireLimits
from courser.errors import LocalProtocolError, RemoteProtocolError, TruncatedBody
from courser.values.fields import FieldBlock

FIELDS = FieldBlock(b"A: b\r\n")


def sent(engine: ClientEngine | ServerEngine, chunks: list[bytes], trailers: FieldBlock) -> bytes:
    wire = b"".join(b"".join(engine.send_data(chunk)) for chunk in chunks)
    return wire + engine.send_end(trailers)


def pieces(wire: bytes, size: int) -> list[bytes]:
    return [wire[start : start + size] for start in range(0, len(wire), size)]


def parts(events: list[Event]) -> tuple[bytes, bytes]:
    """Body and trailers."""
    (end,) = (event for event in events if isinstance(event, End))
    return b"".join(event for event in events if isinstance(event, bytes)), end.trailers


CHUNKS = st.lists(st.binary(max_size=40), max_size=5)
FRAMES = st.sampled_from(["length", "chunked"])


@settings(max_examples=120)
@given(st.lists(st.tuples(CHUNKS, FRAMES, CHUNKS, FRAMES), min_size=1, max_size=3), st.integers(1, 200))
def test_exchanges_go_through_both_engines(
    exchanges: list[tuple[list[bytes], str, list[bytes], str]], size: int
) -> None:
    client, server = ClientEngine(), ServerEngine()
    for asked, request_frame, answered, response_frame in exchanges:
        trailers = FieldBlock(b"T: u\r\n") if request_frame == "chunked" else FieldBlock()
        length = None if request_frame == "chunked" else sum(map(len, asked))
        wire = client.start(b"POST", b"/a", b"h", FIELDS, length) + sent(client, asked, trailers)
        events: list[Event] = []
        for piece in pieces(wire, size):
            events += server.receive(piece)
        assert isinstance(events[0], RequestHead)
        assert events[0].fields.startswith(b"Host: h\r\nA: b\r\n")
        assert parts(events) == (b"".join(asked), trailers)

        trailers = FieldBlock(b"T: v\r\n") if response_frame == "chunked" else FieldBlock()
        length = None if response_frame == "chunked" else sum(map(len, answered))
        wire = server.send_interim(103) + server.start_response(200, b"OK", FIELDS, length)
        wire += sent(server, answered, trailers)
        events = []
        for piece in pieces(wire, size):
            events += client.receive(piece)
        assert [event.status for event in events if isinstance(event, ResponseHead)] == [103, 200]
        assert parts(events) == (b"".join(answered), trailers)
        assert client.is_idle
        assert server.is_idle


def test_nothing_is_sent_where_no_body_is_open() -> None:
    client = ClientEngine()
    for call in (lambda: client.send_data(b"x"), client.send_end):
        with pytest.raises(LocalProtocolError, match="no body is being sent"):
            call()
    client.start(b"GET", b"/", b"h", FIELDS, -1)
    with pytest.raises(LocalProtocolError, match="no body is being sent"):
        client.send_data(b"x")


def test_a_chunked_body_ends_once_and_one_with_a_length_ends_by_itself() -> None:
    client = ClientEngine()
    client.start(b"POST", b"/", b"h", FIELDS, None)
    assert client.send_end() == b"0\r\n\r\n"
    with pytest.raises(LocalProtocolError, match="no body is being sent"):
        client.send_end()

    client = ClientEngine()
    client.start(b"POST", b"/", b"h", FIELDS, 1)
    assert not client.request_done
    client.send_data(b"x")
    assert client.request_done
    assert client.send_end() == b""


def test_an_engine_that_failed_stays_failed() -> None:
    client = ClientEngine()
    client.start(b"GET", b"/", b"h", FIELDS, None)
    with pytest.raises(RemoteProtocolError) as caught:
        client.receive(b"SSH-2.0-x\r\n")
    assert (caught.value.phase, caught.value.bytes_received) == ("read", 11)
    assert client.phase is Phase.DEAD

    for data in (b"HTTP/1.1 200 OK\r\n\r\n", b""):
        with pytest.raises(RemoteProtocolError, match="has already failed"):
            client.receive(data)
    with pytest.raises(LocalProtocolError, match="no body is being sent"):
        client.send_data(b"x")
    with pytest.raises(LocalProtocolError, match="cannot start now: the connection broke the protocol"):
        client.start(b"GET", b"/", b"h", FIELDS, -1)


def test_an_early_end_in_each_phase() -> None:
    client = ClientEngine()
    assert client.receive(b"") == []
    assert not client.is_idle

    client = ClientEngine()
    client.start(b"GET", b"/", b"h", FIELDS, -1)
    client.receive(b"HTTP/1.1 200")
    with pytest.raises(RemoteProtocolError, match="in the middle of a head, after 12 bytes"):
        client.receive(b"")

    client = ClientEngine()
    client.start(b"GET", b"/", b"h", FIELDS, -1)
    client.receive(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nx")
    with pytest.raises(TruncatedBody, match="after 1 of 2 bytes"):
        client.receive(b"")

    client = ClientEngine()
    client.start(b"GET", b"/", b"h", FIELDS, -1)
    client.receive(b"HTTP/1.1 200 OK\r\n\r\nx")
    assert len(client.receive(b"")) == 1
    assert client.phase is Phase.IDLE
    assert not client.is_idle


def test_the_limits_are_arguments() -> None:
    limits = WireLimits(line=100, fields=2, head=120)
    for fields, why in (
        (b"A: b\r\n" * 3, "more than 2 header fields"),
        (b"A: " + b"b" * 100 + b"\r\n", "longer than 100 bytes"),
        ((b"A: " + b"b" * 60 + b"\r\n") * 2, "larger than 120 bytes"),
    ):
        client = ClientEngine(limits=limits)
        client.start(b"GET", b"/", b"h", FIELDS, -1)
        with pytest.raises(RemoteProtocolError, match=why):
            client.receive(b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n")

        client = ClientEngine(limits=limits)
        client.start(b"GET", b"/", b"h", FIELDS, -1)
        client.receive(b"HTTP/1.1 200 OK\r\n")
        with pytest.raises(RemoteProtocolError, match=why):
            client.receive(fields + b"\r\n")


def test_a_head_beyond_what_surely_fits_is_measured_and_taken() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + (b"A: " + b"b" * 600 + b"\r\n") * 100 + b"\r\n"
    for cut in (len(head) + 2, 1000, len(head) - 1):
        client = ClientEngine()
        client.start(b"GET", b"/", b"h", FIELDS, -1)
        events = [event for piece in pieces(head + b"hi", cut) for event in client.receive(piece)]
        assert parts(events) == (b"hi", b"")


def test_after_connect_and_101_the_rest_is_left_over() -> None:
    client, server = ClientEngine(), ServerEngine()
    wire = client.start(b"CONNECT", b"h:443", b"h:443", FIELDS, -1)
    server.receive(wire + b"early")
    events = client.receive(server.start_response(200, b"", b"", -1) + b"banner")

    assert isinstance(events[-1], End)
    for engine, leftover in ((client, b"banner"), (server, b"early")):
        assert engine.is_tunnel
        assert engine.leftover == leftover
        assert not engine.is_idle
        assert not engine.reusable
        assert engine.receive(b"more") == []
        assert engine.leftover == leftover + b"more"
        assert engine.receive(b"") == []


def test_bytes_after_a_message_are_an_error_when_the_peer_closes() -> None:
    client = ClientEngine()
    client.start(b"GET", b"/", b"h", FIELDS, -1)
    client.receive(b"HTTP/1.1 204 No\r\n\r\nxyz")

    with pytest.raises(RemoteProtocolError, match="bytes came after the end of the message: b'xyz'"):
        client.receive(b"")
