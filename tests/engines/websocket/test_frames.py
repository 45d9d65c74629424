"""Frames are packed and their headers read as RFC 6455 section 5.2 draws them."""

from __future__ import annotations

import pytest
import wswire as wire

from courser.engines.websocket.faults import Fault
from courser.engines.websocket.frames import (
    FIN,
    MAX_HEADER,
    PING,
    TEXT,
    Header,
    build_control,
    build_frame,
    opcode_name,
    read_header,
)

SIZES = [0, 1, 125, 126, 127, 65535, 65536, 70_000]


def test_the_example_of_rfc_6455_5_7() -> None:
    assert build_frame(FIN | TEXT, b"Hello", False) == bytes.fromhex("810548656c6c6f")


@pytest.mark.parametrize("masked", [False, True])
def test_a_control_frame_is_one_frame_of_few_bytes(masked: bool) -> None:
    (parsed,) = wire.parse(build_control(PING, b"there?", masked))

    assert (parsed.first, parsed.payload) == (FIN | PING, b"there?")


@pytest.mark.parametrize("size", SIZES)
def test_lengths_are_written_with_as_few_bytes_as_can_be(size: int) -> None:
    payload = b"x" * size
    plain = build_frame(0x82, payload, False)
    assert plain == wire.frame(0x82, payload)
    assert read_header(plain[:MAX_HEADER]) == Header(0x82, size, None, len(plain) - size)

    masked = build_frame(0x82, payload, True)
    (parsed,) = wire.parse(masked)
    assert (parsed.first, parsed.payload) == (0x82, payload)
    assert read_header(masked[:MAX_HEADER]) == Header(0x82, size, parsed.key, len(masked) - size)


@pytest.mark.parametrize("size", [5, 300, 70_000])
@pytest.mark.parametrize("key", [None, wire.KEY])
def test_a_header_is_read_once_it_is_all_there(size: int, key: bytes | None) -> None:
    header = wire.frame(0x81, bytes(size), key)[: -size or None]
    for end in range(len(header)):
        assert read_header(header[:end]) is None
    assert read_header(header) == Header(0x81, size, key, len(header))


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("827e0000", "0 bytes that is written with more"),
        ("827e007d", "125 bytes that is written with more"),
        ("827f000000000000007e", "126 bytes that is written with more"),
        ("827f000000000000ffff", "65535 bytes that is written with more"),
        ("827f8000000000000000", "a length of 64 bits"),
        ("82ffffffffffffffffff00000000", "a length of 64 bits"),
    ],
)
def test_cve_2026_1528_lengths_that_are_none(data: str, text: str) -> None:
    with pytest.raises(Fault, match=text) as caught:
        read_header(bytes.fromhex(data))
    assert caught.value.code == 1002


def test_a_length_of_63_bits_is_one() -> None:
    header = read_header(bytes.fromhex("827f7fffffffffffffff"))
    assert header == Header(0x82, 2**63 - 1, None, 10)


def test_cve_2025_10148_each_frame_has_its_own_key() -> None:
    keys = {build_frame(0x82, b"x" * 130, True)[4:8] for _ in range(10_000)}
    assert len(keys) > 9_980  # ten thousand of four thousand million: 12 pairs or more are as good as impossible
    assert all(len({key[at] for key in keys}) == 256 for at in range(4))


def test_opcodes_have_names() -> None:
    names = ["a continuation", "a text", "a binary", "a reserved (opcode 3)", "a Close", "a Ping", "a Pong"]
    assert [opcode_name(opcode) for opcode in (0, 1, 2, 3, 8, 9, 10)] == names
