"""The engine as its caller meets it: a client against a server, the hot path, and what a peer cannot make it hold."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable
from itertools import pairwise, product

import pytest
import wswire as wire
from hypothesis import given
from hypothesis import strategies as st
from wswire import BINARY, CONTINUATION, FIN, PING, PONG, TEXT

from courser.engines.websocket.deflate import Deflate
from courser.engines.websocket.engine import WebSocketEngine
from courser.engines.websocket.events import Close, Event, Ping, Pong
from courser.engines.websocket.masking import keys
from courser.engines.websocket.states import State

ROLES = pytest.mark.parametrize("is_client", [True, False])


def pair(deflate: Deflate | None = None) -> tuple[WebSocketEngine, WebSocketEngine]:
    return WebSocketEngine(is_client=True, deflate=deflate), WebSocketEngine(is_client=False, deflate=deflate)


def both(deflate: Deflate | None = None) -> list[tuple[WebSocketEngine, WebSocketEngine]]:
    """A sender and a receiver: a client and a server, and the other way round."""
    client, server = pair(deflate)
    return [(client, server), (server, client)]


def key_for(is_client: bool) -> bytes | None:
    """What masks what such an engine receives."""
    return None if is_client else wire.KEY


@ROLES
@pytest.mark.parametrize("size", [0, 1, 5, 125, 126, 127, 8191, 8192, 65535, 65536, 100_000])
def test_a_whole_message_in_one_piece(is_client: bool, size: int) -> None:
    data = bytes(at % 251 for at in range(size))
    text = "x" * size
    engine = WebSocketEngine(is_client=is_client)
    key = key_for(is_client)
    events = engine.receive(wire.frame(FIN | BINARY, data, key))
    assert events == [data]
    assert type(events[0]) is bytes
    assert engine.receive(wire.frame(FIN | TEXT, text.encode(), key)) == [text]
    many = wire.frame(FIN | TEXT, text.encode(), key) + wire.frame(FIN | BINARY, data, key)
    assert engine.receive(many * 3) == [text, data] * 3


@ROLES
def test_the_examples_of_rfc_6455_5_7(is_client: bool) -> None:
    engine = WebSocketEngine(is_client=is_client)
    if is_client:
        assert engine.receive(bytes.fromhex("810548656c6c6f")) == ["Hello"]
        assert engine.receive(bytes.fromhex("010348656c80026c6f")) == ["Hello"]
        assert engine.receive(bytes.fromhex("890548656c6c6f")) == [Ping(b"Hello")]
        assert engine.receive(bytes.fromhex("827e0100") + bytes(256)) == [bytes(256)]
        assert engine.receive(bytes.fromhex("827f0000000000010000") + bytes(65536)) == [bytes(65536)]
    else:
        assert engine.receive(bytes.fromhex("818537fa213d7f9f4d5158")) == ["Hello"]
        assert engine.receive(bytes.fromhex("8a8537fa213d7f9f4d5158")) == [Pong(b"Hello")]


@ROLES
@pytest.mark.usefixtures("no_collection")
def test_a_small_message_enters_one_python_frame(is_client: bool) -> None:
    engine, peer = WebSocketEngine(is_client=is_client), WebSocketEngine(is_client=not is_client)
    text, data = peer.send_text("x" * 16), peer.send_bytes(b"x" * 16)
    calls: list[Callable[[], object]] = [
        lambda: engine.send_text("x" * 16),
        lambda: engine.send_bytes(b"x" * 16),
        lambda: engine.receive(text),
        lambda: engine.receive(data),
        lambda: engine.receive(data * 10),
    ]
    keys.more()  # else the first message might fetch some
    for call in calls:
        entered: list[str] = []
        sys.setprofile(
            lambda frame, event, _, entered=entered: entered.append(frame.f_code.co_name) if event == "call" else None
        )
        try:
            call()
        finally:
            sys.setprofile(None)
        assert len([name for name in entered if name != "<lambda>"]) == 1


@ROLES
def test_the_hot_path_comes_back_after_what_is_unusual(is_client: bool) -> None:
    engine = WebSocketEngine(is_client=is_client)
    key = key_for(is_client)
    small = wire.frame(FIN | TEXT, b"a", key)
    unusual = [
        (wire.frame(FIN | PING, b"", key), [Ping(b"")]),
        (wire.frame(BINARY, b"b", key) + wire.frame(FIN | CONTINUATION, b"c", key), [b"bc"]),
        (wire.frame(FIN | BINARY, bytes(65536), key), [bytes(65536)]),
    ]
    for data, events in unusual:
        for at in (1, len(data) // 2, len(data)):
            assert engine.receive(small + data[:at]) + engine.receive(data[at:] + small) == ["a", *events, "a"]
            assert engine._plain


@ROLES
@pytest.mark.parametrize(
    ("data", "code"),
    [
        ("827e00057878787878", 1002),  # a length that is written with more bytes than it needs
        ("c20178", 1002),  # compressed, which was not negotiated
        ("81027880", 1007),  # text that is no UTF-8
        ("837e0080", 1002),  # an opcode that does not exist
    ],
)
def test_what_only_looks_plain_is_judged(is_client: bool, data: str, code: int) -> None:
    engine = WebSocketEngine(is_client=is_client)
    raw = bytes.fromhex(data)
    if not is_client:
        end = 4 if raw[1] == 126 else 2
        raw = raw[:1] + bytes((raw[1] | 0x80,)) + raw[2:end] + bytes(4) + raw[end:]
    assert engine.receive(wire.frame(FIN | TEXT, b"a", key_for(is_client)) + raw) == ["a"]
    assert engine.failed_code == code


def test_a_conversation() -> None:
    client, server = pair()
    assert server.receive(client.send_text("hi")) == ["hi"]
    assert client.receive(server.send_bytes(b"\0")) == [b"\0"]
    assert server.receive(client.ping(b"1")) == [Ping(b"1")]
    assert client.receive(server.outgoing()) == [Pong(b"1")]
    assert server.receive(client.close(1001, "bye")) == [Close(1001, "bye")]
    assert (client.state, server.state) == (State.CLOSING, State.CLOSED)
    assert client.receive(server.outgoing()) == [Close(1001, "")]
    assert (client.state, client.has_outgoing, client.error) == (State.CLOSED, False, None)
    assert client.receive(b"") == []
    assert client.close_code == 1001


def test_both_may_close_at_once() -> None:
    client, server = pair()
    from_client, from_server = client.close(1000), server.close(1001)
    assert client.receive(from_server) == [Close(1001, "")]
    assert server.receive(from_client) == [Close(1000, "")]
    assert (client.outgoing(), server.outgoing()) == (b"", b"")
    assert client.state is server.state is State.CLOSED


@ROLES
def test_a_fault_is_told_to_the_peer(is_client: bool) -> None:
    engine, peer = WebSocketEngine(is_client=is_client), WebSocketEngine(is_client=not is_client)
    assert engine.receive(wire.frame(FIN | TEXT, b"\xff", key_for(is_client))) == []
    (close,) = peer.receive(engine.outgoing())
    assert isinstance(close, Close)
    assert close.code == engine.failed_code == 1007
    assert engine.error is not None
    assert close.reason == engine.error.detail
    assert "the peer broke the protocol" in str(engine.error)


@ROLES
def test_cve_2026_11586_any_number_of_pings_make_one_pong(is_client: bool) -> None:
    engine = WebSocketEngine(is_client=is_client)
    pings = b"".join(wire.frame(FIN | PING, b"%04d" % number, key_for(is_client)) for number in range(10_000))
    for _ in range(20):
        assert len(engine.receive(pings)) == 10_000
    (pong,) = wire.parse(engine.outgoing())
    assert (pong.first, pong.payload) == (FIN | PONG, b"9999")
    assert engine.outgoing() == b""


@ROLES
def test_cve_2025_5399_every_byte_is_taken_or_waited_for(is_client: bool) -> None:
    """Whatever comes is done with in one call, and what is held of it is never a whole header."""
    for first, second in product(range(256), range(256)):
        engine = WebSocketEngine(is_client=is_client)
        engine.receive(bytes((first, second)))
        assert len(engine._held) < 14
        engine.receive(bytes(14))
        assert engine._held == b"" or engine.state is not State.FAILED


def received(is_client: bool, data: bytes, piece: int) -> tuple[list[Event], int]:
    """What comes of data that is cut into pieces, and how many bytes an engine allocates for it at most.

    Whoever measures coverage allocates something for each line that is new to it: the first result says nothing.
    """
    engine = WebSocketEngine(is_client=is_client)
    tracemalloc.start()
    try:
        events: list[Event] = []
        for at in range(0, len(data), piece):
            events += engine.receive(data[at : at + piece])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert engine.error is None
    return events, peak


@ROLES
def test_cve_2026_54274_aiohttp_13350_a_message_byte_by_byte_takes_no_more_than_twice_its_size(is_client: bool) -> None:
    for size in (1000, 128 * 1024):
        events, peak = received(is_client, wire.frame(FIN | BINARY, bytes(size), key_for(is_client)), 1)
        assert events == [bytes(size)]
    assert peak <= 2.2 * size


def test_a_header_alone_takes_no_memory() -> None:
    for _ in range(2):
        _, peak = received(True, bytes.fromhex("827f0000000000ffffff"), 10)
    assert peak < 4096


TEXTS = st.text(max_size=200) | st.text(max_size=5).map(lambda text: text * 100)
DATA = st.binary(max_size=200) | st.binary(max_size=3).map(lambda data: data * 3000)
CHOICES = st.sampled_from([None, True, False])
DEFLATES = st.none() | st.builds(
    Deflate,
    st.booleans(),
    st.booleans(),
    st.integers(8, 15),
    st.integers(8, 15),
    st.integers(1, 9),
    st.sampled_from([0, 1, 10, 128, 1000]),
)
FRAGMENTS = st.lists(TEXTS, min_size=2, max_size=4) | st.lists(DATA, min_size=2, max_size=4)
MESSAGES = st.lists(st.tuples(TEXTS | DATA | FRAGMENTS, CHOICES), max_size=6)


@given(messages=MESSAGES, deflate=DEFLATES, cut=st.integers(1, 5000), between=st.booleans())
def test_whatever_is_sent_arrives(
    messages: list[tuple[str | bytes | list[str] | list[bytes], bool | None]],
    deflate: Deflate | None,
    cut: int,
    between: bool,
) -> None:
    for sender, receiver in both(deflate):
        data, expected = b"", []
        for message, compress in messages:
            if isinstance(message, str):
                data += sender.send_text(message, compress)
                expected.append(message)
            elif isinstance(message, bytes):
                data += sender.send_bytes(message, compress)
                expected.append(message)
            else:
                last = len(message) - 1
                for number, part in enumerate(message):
                    data += sender.send_fragment(part, last=number == last, compress=compress)
                    if between:
                        data += sender.ping(b"?")
                        expected.append(Ping(b"?"))
                whole = message[0][:0].join(message)  # type: ignore[arg-type]
                expected.insert(len(expected) - between, whole)
        arrived: list[Event] = []
        for at in range(0, len(data), cut):
            arrived += receiver.receive(data[at : at + cut])
        assert arrived == expected
        assert [type(event) for event in arrived] == [type(event) for event in expected]
        assert (sender.state, receiver.state, receiver.error) == (State.OPEN, State.OPEN, None)


@given(data=st.binary(max_size=400), cuts=st.lists(st.integers(0, 400), max_size=5), deflate=DEFLATES)
def test_whatever_comes_means_the_same_however_it_is_cut(data: bytes, cuts: list[int], deflate: Deflate | None) -> None:
    for is_client in (True, False):
        told = []
        for at in ([0, len(data)], sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})):
            engine = WebSocketEngine(is_client=is_client, deflate=deflate)
            events: list[Event] = []
            for start, end in pairwise(at):
                events += engine.receive(data[start:end]) if end > start else []
            answers = [frame[:2] for frame in wire.parse(engine.outgoing())]
            told.append((events, engine.state, engine.failed_code, repr(engine.error), answers))
        assert told[0] == told[1]


@ROLES
def test_what_is_received_may_be_the_frame_of_a_large_message_as_it_was_made(is_client: bool) -> None:
    engine, peer = WebSocketEngine(is_client=is_client), WebSocketEngine(is_client=not is_client)
    large = b"x" * 100_000
    (message,) = engine.receive(bytearray(peer.send_bytes(large)))

    assert type(message) is bytes
    assert message == large
