"""What is sent, in both roles: messages, fragments, control frames, and what may not be."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import pytest
import wswire as wire
from wswire import BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, RSV1, TEXT

from courser.engines.websocket.deflate import Deflate
from courser.engines.websocket.sending import Sending
from courser.engines.websocket.states import State
from courser.errors import LocalProtocolError

SIZES = [0, 1, 2, 3, 4, 5, 124, 125, 126, 127, 65535, 65536, 70_000]
ROLES = pytest.mark.parametrize("is_client", [False, True])


def sent(data: bytes, is_client: bool) -> list[tuple[int, bytes]]:
    """The frames, masked if and only if they must be."""
    frames = wire.parse(data)
    assert all((frame.key is not None) is is_client for frame in frames)
    return [(frame.first, frame.payload) for frame in frames]


@ROLES
@pytest.mark.parametrize("size", SIZES)
def test_a_message_is_one_frame(is_client: bool, size: int) -> None:
    sending = Sending(is_client, None)
    data = bytes(at % 251 for at in range(size))
    text = "x" * size
    assert sent(sending.send_bytes(data), is_client) == [(FIN | BINARY, data)]
    assert sent(sending.send_text(text), is_client) == [(FIN | TEXT, text.encode())]


@ROLES
@pytest.mark.parametrize("make", [bytes, bytearray, memoryview])
def test_what_a_binary_message_may_be(is_client: bool, make: Callable[[bytes], bytes]) -> None:
    sending = Sending(is_client, None)
    assert sent(sending.send_bytes(make(b"abc")), is_client) == [(FIN | BINARY, b"abc")]
    assert sent(sending.send_fragment(make(b"abc"), last=True), is_client) == [(FIN | BINARY, b"abc")]


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ("text", r"takes bytes, not str; send_text\(\) takes str$"),
        (5, r"takes bytes, not int; send_json\(\) takes what JSON can say$"),
        (None, r"takes bytes, not NoneType; send_json\(\)"),
        ([1, 2], r"takes bytes, not list; send_json\(\)"),
    ],
)
def test_what_a_binary_message_may_not_be(wrong: Any, text: str) -> None:
    sending = Sending(True, None)
    with pytest.raises(TypeError, match=r"^send_bytes\(\) " + text):
        sending.send_bytes(wrong)
    assert sent(sending.send_bytes(b"still open"), True) == [(FIN | BINARY, b"still open")]


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        (b"bytes", r"takes str, not bytes; send_bytes\(\) takes bytes$"),
        (bytearray(b"bytes"), r"takes str, not bytearray; send_bytes\(\) takes bytes$"),
        (memoryview(b"bytes"), r"takes str, not memoryview; send_bytes\(\) takes bytes$"),
        ({"a": 1}, r"takes str, not dict; send_json\(\) takes what JSON can say$"),
    ],
)
def test_what_a_text_message_may_not_be(wrong: Any, text: str) -> None:
    sending = Sending(True, None)
    with pytest.raises(TypeError, match=r"^send_text\(\) " + text):
        sending.send_text(wrong)
    assert sent(sending.send_text("still open"), True) == [(FIN | TEXT, b"still open")]


def test_what_a_fragment_may_not_be() -> None:
    wrong: Any = 5
    sending = Sending(True, None)
    with pytest.raises(TypeError, match="a piece of a message is str or bytes, not int"):
        sending.send_fragment(wrong, last=True)
    assert sent(sending.send_text("still open"), True) == [(FIN | TEXT, b"still open")]


def test_a_view_of_larger_items_is_sent_as_bytes() -> None:
    view = memoryview(b"abcdefgh").cast("I")
    assert sent(Sending(False, None).send_bytes(view), False) == [(FIN | BINARY, b"abcdefgh")]


@ROLES
def test_text_is_utf_8_and_a_lone_surrogate_is_not(is_client: bool) -> None:
    sending = Sending(is_client, None)
    assert sent(sending.send_text("\xe9\U0001f600"), is_client) == [(FIN | TEXT, "\xe9\U0001f600".encode())]
    with pytest.raises(LocalProtocolError, match="lone surrogate"):
        sending.send_text("\ud83d")
    with pytest.raises(LocalProtocolError, match="lone surrogate"):
        sending.send_fragment("\ud83d", last=False)
    assert sent(sending.send_bytes(b"still open"), is_client) == [(FIN | BINARY, b"still open")]


@pytest.mark.parametrize("size", [1, 5, 125])
def test_cve_2025_10148_each_frame_has_a_mask_of_its_own(size: int) -> None:
    sending = Sending(True, None)
    data = sending.send_bytes
    keys = {data(b"x" * size)[2:6] for _ in range(5000)} | {sending.send_text("x" * size)[2:6] for _ in range(5000)}
    assert len(keys) > 9_980
    assert all(len({key[at] for key in keys}) == 256 for at in range(4))


@ROLES
def test_fragments(is_client: bool) -> None:
    sending = Sending(is_client, None)
    for first, parts in ((TEXT, ["Hel", "l\xf6", ""]), (BINARY, [b"\0", b"", b"\1" * 200])):
        data = b"".join(sending.send_fragment(part, last=number == 2) for number, part in enumerate(parts))
        payloads = [part.encode() if isinstance(part, str) else part for part in parts]
        assert sent(data, is_client) == [
            (first, payloads[0]),
            (CONTINUATION, payloads[1]),
            (FIN | CONTINUATION, payloads[2]),
        ]
    assert sent(sending.send_fragment("all", last=True), is_client) == [(FIN | TEXT, b"all")]


@ROLES
def test_messages_do_not_mix_but_control_frames_come_between_fragments(is_client: bool) -> None:
    sending = Sending(is_client, None)
    sending.send_fragment("a", last=False)
    with pytest.raises(LocalProtocolError, match="do not mix"):
        sending.send_text("b")
    with pytest.raises(LocalProtocolError, match="do not mix"):
        sending.send_bytes(b"b")
    with pytest.raises(LocalProtocolError, match="either text or binary"):
        sending.send_fragment(b"b", last=True)
    assert sent(sending.ping(b"1"), is_client) == [(FIN | PING, b"1")]
    assert sent(sending.pong(b"2"), is_client) == [(FIN | PONG, b"2")]
    assert sent(sending.send_fragment("c", last=True), is_client) == [(FIN | CONTINUATION, b"c")]
    assert sent(sending.send_bytes(b"d"), is_client) == [(FIN | BINARY, b"d")]


@ROLES
def test_control_frames_carry_at_most_125_bytes(is_client: bool) -> None:
    sending = Sending(is_client, None)
    assert sent(sending.ping(), is_client) == [(FIN | PING, b"")]
    assert sent(sending.pong(), is_client) == [(FIN | PONG, b"")]
    assert sent(sending.ping(b"x" * 125), is_client) == [(FIN | PING, b"x" * 125)]
    for send in (sending.ping, sending.pong):
        with pytest.raises(LocalProtocolError, match="at most 125 bytes, not 126"):
            send(b"x" * 126)


def closed(code: int, reason: bytes = b"") -> tuple[int, bytes]:
    return wire.parse(wire.close(code, reason))[0][:2]


@ROLES
def test_close_says_why(is_client: bool) -> None:
    assert sent(Sending(is_client, None).close(), is_client) == [closed(1000)]
    assert sent(Sending(is_client, None).close(None), is_client) == [(FIN | CLOSE, b"")]
    assert sent(Sending(is_client, None).close(4000, "bye"), is_client) == [closed(4000, b"bye")]


SENDS: dict[str, Callable[[Sending], bytes]] = {
    "send_text": lambda sending: sending.send_text("a"),
    "send_bytes": lambda sending: sending.send_bytes(b"a"),
    "send_bytes, large": lambda sending: sending.send_bytes(b"a" * 1000),
    "send_fragment": lambda sending: sending.send_fragment("a", last=True),
    "ping": lambda sending: sending.ping(),
    "pong": lambda sending: sending.pong(),
    "close": lambda sending: sending.close(),
}


@ROLES
@pytest.mark.parametrize("name", SENDS)
def test_nothing_is_sent_after_close(is_client: bool, name: str) -> None:
    sending = Sending(is_client, None)
    with pytest.raises(LocalProtocolError, match="1005"):
        sending.close(1005)
    assert (sending.state, sending.close_sent) == (State.OPEN, False)
    sending.close()
    assert (sending.state, sending.close_sent, sending.has_outgoing) == (State.CLOSING, True, False)
    with pytest.raises(LocalProtocolError, match="nothing can be sent any more: our Close was sent"):
        SENDS[name](sending)


@ROLES
def test_close_may_come_in_the_middle_of_a_message(is_client: bool) -> None:
    sending = Sending(is_client, None)
    sending.send_fragment("a", last=False)
    assert sent(sending.close(), is_client) == [closed(1000)]
    with pytest.raises(LocalProtocolError, match="nothing can be sent any more"):
        sending.send_fragment("b", last=True)


@ROLES
def test_what_the_protocol_wants_to_be_written(is_client: bool) -> None:
    sending = Sending(is_client, None)
    assert (sending.has_outgoing, sending.outgoing()) == (False, b"")
    for number in range(3):
        sending._queue_pong(b"%d" % number)
    assert sending.has_outgoing
    assert sent(sending.outgoing(), is_client) == [(FIN | PONG, b"2")]
    assert (sending.has_outgoing, sending.outgoing()) == (False, b"")

    sending._queue_pong(b"3")
    assert sent(sending.close(), is_client) == [(FIN | PONG, b"3"), closed(1000)]
    sending._queue_close(b"")
    assert (sending.has_outgoing, sending.outgoing()) == (False, b"")

    sending = Sending(is_client, None)
    sending._queue_pong(b"4")
    sending._queue_close(b"\x03\xe8")
    assert (sending.has_outgoing, sending.close_sent) == (True, True)
    assert sent(sending.outgoing(), is_client) == [(FIN | PONG, b"4"), closed(1000)]


@ROLES
def test_messages_are_compressed_from_a_size_on_or_as_the_caller_says(is_client: bool) -> None:
    sending = Sending(is_client, Deflate(True, True, threshold=10))
    small, large = b"a" * 9, b"a" * 10
    assert sent(sending.send_bytes(small), is_client) == [(FIN | BINARY, small)]
    assert sent(sending.send_bytes(small, compress=True), is_client) == [(FIN | RSV1 | BINARY, wire.deflated(small))]
    assert sent(sending.send_bytes(large), is_client) == [(FIN | RSV1 | BINARY, wire.deflated(large))]
    assert sent(sending.send_text("a" * 10), is_client) == [(FIN | RSV1 | TEXT, wire.deflated(large))]
    assert sent(sending.send_bytes(large, compress=False), is_client) == [(FIN | BINARY, large)]
    assert sent(sending.send_text("", compress=True), is_client) == [(FIN | RSV1 | TEXT, b"\x00")]


@ROLES
def test_a_large_threshold_leaves_the_choice_to_the_caller(is_client: bool) -> None:
    sending = Sending(is_client, Deflate(threshold=1 << 40))
    assert sent(sending.send_bytes(b"a" * 1000), is_client) == [(FIN | BINARY, b"a" * 1000)]
    assert sent(sending.send_text("a" * 1000, compress=True), is_client)[0][0] == FIN | RSV1 | TEXT


@ROLES
def test_only_the_first_fragment_says_that_a_message_is_compressed(is_client: bool) -> None:
    sending = Sending(is_client, Deflate(True, True))
    (first, one), (more, two) = sent(
        sending.send_fragment("Hel", last=False) + sending.send_fragment("lo", last=True, compress=False), is_client
    )
    assert (first, more) == (RSV1 | TEXT, FIN | CONTINUATION)
    assert zlib.decompress(one + two + b"\x00\x00\xff\xff\x03\x00", -15) == b"Hello"
    plain = sending.send_fragment("Hel", last=False, compress=False) + sending.send_fragment("lo", last=True)
    assert sent(plain, is_client) == [(TEXT, b"Hel"), (FIN | CONTINUATION, b"lo")]


@ROLES
def test_compress_means_nothing_where_it_was_not_negotiated(is_client: bool) -> None:
    sending = Sending(is_client, None)
    assert sent(sending.send_text("a" * 1000, compress=True), is_client) == [(FIN | TEXT, b"a" * 1000)]
    assert sent(sending.send_fragment("a", last=True, compress=True), is_client) == [(FIN | TEXT, b"a")]


@pytest.mark.parametrize(
    ("is_client", "deflate"), [(True, Deflate(client_max_window_bits=8)), (False, Deflate(server_max_window_bits=8))]
)
def test_a_window_that_zlib_cannot_keep_to_means_messages_as_they_are(is_client: bool, deflate: Deflate) -> None:
    sending = Sending(is_client, deflate)
    assert sent(sending.send_text("a" * 1000), is_client) == [(FIN | TEXT, b"a" * 1000)]
    assert sent(sending.send_text("a" * 1000, compress=True), is_client) == [(FIN | TEXT, b"a" * 1000)]
    assert sent(Sending(not is_client, deflate).send_text("a" * 1000), not is_client)[0][0] == FIN | RSV1 | TEXT


def test_takeover_is_that_of_the_own_side() -> None:
    for is_client, deflate in ((True, Deflate(True, False)), (False, Deflate(False, True))):
        alone, other = Sending(is_client, deflate), Sending(not is_client, deflate)
        text = "not to be said twice " * 10
        assert len(sent(alone.send_text(text), is_client)) == 1
        assert sent(alone.send_text(text), is_client) == sent(alone.send_text(text), is_client)
        assert sent(other.send_text(text), not is_client) != sent(other.send_text(text), not is_client)
