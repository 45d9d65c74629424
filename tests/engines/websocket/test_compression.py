"""Messages compressed and decompressed, RFC 7692 section 7.2."""

from __future__ import annotations

import zlib
from sys import maxsize

import pytest
import wswire as wire
from hypothesis import given
from hypothesis import strategies as st

from courser.engines.websocket.compression import TAIL, Deflater, Inflater
from courser.engines.websocket.faults import Fault
from courser.engines.websocket.limits import MAX_STREAMS

MOST = 1 << 20

PARTS = st.binary(max_size=60) | st.binary(max_size=3).map(lambda part: part * 200)

EXAMPLES = {
    "one block, 7.2.3.1": "f248cdc9c90700",
    "no compression, 7.2.3.3": "000500faff48656c6c6f00",
    "a final block, 7.2.3.4": "f348cdc9c9070000",
    "two blocks, 7.2.3.5": "f248050000 00ffffcac9c90700".replace(" ", ""),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_of_rfc_7692_7_2_3(name: str) -> None:
    data = bytes.fromhex(EXAMPLES[name])
    assert Inflater(15, True).end(data, MOST) == b"Hello"
    for at in range(len(data)):
        inflater = Inflater(15, True)
        assert inflater.feed(data[:at], MOST) + inflater.end(data[at:], MOST) == b"Hello"


def test_the_second_message_of_rfc_7692_7_2_3_2_refers_to_the_first() -> None:
    inflater = Inflater(15, True)
    assert inflater.end(bytes.fromhex("f248cdc9c90700"), MOST) == b"Hello"
    assert inflater.end(bytes.fromhex("f200110000"), MOST) == b"Hello"

    deflater = Deflater(15, True, 6)
    assert deflater.feed(b"Hello", last=True) == bytes.fromhex("f248cdc9c90700")
    assert deflater.feed(b"Hello", last=True) == bytes.fromhex("f200110000")


def test_without_takeover_each_message_stands_for_itself() -> None:
    deflater = Deflater(15, False, 6)
    once, again = deflater.feed(b"Hello", last=True), deflater.feed(b"Hello", last=True)
    assert once == again

    inflater = Inflater(15, False)
    assert inflater.end(once, MOST) == b"Hello"
    with pytest.raises(Fault, match="corrupt"):
        inflater.end(bytes.fromhex("f200110000"), MOST)


def test_an_empty_message_is_one_byte_rfc_7692_7_2_3_6() -> None:
    deflater = Deflater(15, True, 6)
    inflater = Inflater(15, True)
    for _ in range(3):
        assert deflater.feed(b"", last=True) == b"\x00"
        assert inflater.end(b"\x00", MOST) == b""


def test_a_message_may_end_with_nothing_after_a_fragment() -> None:
    deflater, inflater = Deflater(15, True, 6), Inflater(15, True)
    for _ in range(3):
        parts = [deflater.feed(b"Hello", last=False), deflater.feed(b"", last=False), deflater.feed(b"", last=True)]
        # Some versions of zlib flush nothing for nothing, some an empty block.
        assert parts[1:] in ([b"", b"\x00"], [b"\x00\x00\x00\xff\xff", b"\x00"])
        arrived = inflater.feed(parts[0], MOST) + inflater.feed(parts[1], MOST) + inflater.end(parts[2], MOST)
        assert arrived == b"Hello"


@pytest.mark.parametrize("bits", range(9, 16))
def test_what_is_compressed_with_a_window_is_decompressed_with_it(bits: int) -> None:
    data = bytes(at * at // 99 & 0xFF for at in range(100_000))
    compressed = Deflater(bits, True, 6).feed(data, last=True)
    assert Inflater(bits, True).end(compressed, MOST) == data


def test_a_window_of_256_bytes_can_be_read() -> None:
    assert Inflater(8, True).end(bytes.fromhex("f248cdc9c90700"), MOST) == b"Hello"


def test_cve_2018_1000518_no_more_is_given_out_than_was_asked_for_and_one_byte() -> None:
    bomb = wire.deflated(bytes(10_000_000))
    assert len(bomb) < 10_000
    assert Inflater(15, True).feed(bomb, 1000) == bytes(1001)
    assert Inflater(15, True).end(bomb, 0) == bytes(1)
    assert Inflater(15, True).end(bomb, 10_000_000) == bytes(10_000_000)


def test_a_bomb_after_the_end_of_a_stream_is_bounded_too() -> None:
    compressor = zlib.compressobj(wbits=-15)
    first = compressor.compress(b"x" * 10) + compressor.flush()
    bomb = first + wire.deflated(bytes(1_000_000))
    assert Inflater(15, True).feed(bomb, 1000) == b"x" * 10 + bytes(991)
    assert Inflater(15, True).feed(bomb, 9) == b"x" * 10


def test_only_so_many_streams_may_end_in_one_message() -> None:
    final = bytes.fromhex("0300")
    inflater = Inflater(15, True)
    for _ in range(2):
        assert inflater.feed(final * (MAX_STREAMS - 1), MOST) == b""
        assert inflater.end(final + b"\x00", MOST) == b""
    inflater.feed(final * MAX_STREAMS, MOST)
    with pytest.raises(Fault, match="more than 64 deflate streams") as caught:
        inflater.feed(final, MOST)
    assert caught.value.code == 1008


@pytest.mark.parametrize("data", [b"\xff\xff", b"\x07", b"Hello"])
def test_what_is_no_deflate(data: bytes) -> None:
    with pytest.raises(Fault, match="corrupt") as caught:
        Inflater(15, True).end(data, MOST)
    assert caught.value.code == 1007


@pytest.mark.parametrize("takeover", [False, True])
def test_a_compressed_message_has_at_least_one_byte(takeover: bool) -> None:
    inflater = Inflater(15, takeover)
    for _ in range(2):
        with pytest.raises(Fault, match="without a byte") as caught:
            inflater.end(b"", MOST)
        assert caught.value.code == 1007
        inflater.feed(b"\x00", MOST)
        assert inflater.end(b"", MOST) == b""


@given(
    messages=st.lists(
        st.lists(st.binary(max_size=60) | st.binary(max_size=3).map(lambda part: part * 200)), max_size=6
    ),
    bits=st.integers(9, 15),
    takeover=st.booleans(),
    level=st.integers(1, 9),
)
def test_whatever_the_messages(messages: list[list[bytes]], bits: int, takeover: bool, level: int) -> None:
    deflater, inflater = Deflater(bits, takeover, level), Inflater(bits, takeover)
    for parts in messages:
        arrived = b"".join([inflater.feed(deflater.feed(part, last=False), MOST) for part in parts])
        assert arrived + inflater.end(deflater.feed(b"end", last=True), MOST) == b"".join(parts) + b"end"


def test_as_much_may_be_asked_for_as_there_can_be() -> None:
    packed = Deflater(15, True, 6).feed(b"hello" * 1000, last=True)

    assert Inflater(15, True).end(packed, maxsize) == b"hello" * 1000
    assert Inflater(15, True).feed(packed + TAIL, 10 * maxsize) == b"hello" * 1000
