"""Frames are packed as RFC 9113 section 6 draws them."""

from __future__ import annotations

import h2wire as wire
import pytest
from h2wire import Frame, parse

from courser.engines.http2 import frames


def test_the_header_holds_length_type_flags_and_stream() -> None:
    assert frames.HEADER.size == frames.HEADER_SIZE == 9
    assert frames.HEADER.pack(0x012345 << 8 | frames.DATA, 9, 7) == bytes.fromhex("012345000900000007")


def test_a_block_that_fits_is_one_frame() -> None:
    assert parse(frames.headers(3, b"abcd", 4, end=True)) == [Frame(wire.HEADERS, 5, 3, b"abcd")]
    assert parse(frames.headers(3, b"", 4, end=False)) == [Frame(wire.HEADERS, 4, 3, b"")]


@pytest.mark.parametrize("end", [False, True])
def test_a_block_that_does_not_fit_goes_on_in_continuation(end: bool) -> None:
    assert parse(frames.headers(3, b"abcdefghi", 4, end=end)) == [
        Frame(wire.HEADERS, int(end), 3, b"abcd"),
        Frame(wire.CONTINUATION, 0, 3, b"efgh"),
        Frame(wire.CONTINUATION, wire.END_HEADERS, 3, b"i"),
    ]
    assert [each.flags for each in parse(frames.headers(3, b"abcdefgh", 4, end=end))] == [int(end), wire.END_HEADERS]


@pytest.mark.parametrize(
    ("packed", "expected"),
    [
        (frames.rst_stream(5, 8), wire.rst(5, 8)),
        (frames.settings([(4, 2**31 - 1), (2, 0)]), wire.settings((4, 2**31 - 1), (2, 0))),
        (frames.settings([]), wire.settings()),
        (frames.SETTINGS_ACK, wire.SETTINGS_ACK),
        (frames.ping(b"12345678"), wire.frame(wire.PING, 0, 0, b"12345678")),
        (frames.ping(b"12345678", ack=True), wire.frame(wire.PING, wire.ACK, 0, b"12345678")),
        (frames.goaway(7, 2, b"why"), wire.goaway(7, 2, b"why")),
        (frames.window_update(0, 2**31 - 1), wire.update(0, 2**31 - 1)),
    ],
)
def test_small_frames(packed: bytes, expected: bytes) -> None:
    assert packed == expected


def test_types_have_names() -> None:
    assert [frames.kind_name(kind) for kind in (0, 9, 10, 255)] == ["DATA", "CONTINUATION", "type 10", "type 255"]
