"""The chunked coding, whatever the size of the chunks and however they are cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from courser.engines.events import End, Event
from courser.engines.http1.chunked import ChunkedReader, ChunkedWriter
from courser.engines.http1.faults import Fault
from courser.engines.http1.limits import WIRE_LIMITS
from courser.errors import LocalProtocolError
from courser.values.fields import FieldBlock


def chunk(data: bytes, extension: bytes = b"") -> bytes:
    return b"%x%b\r\n%b\r\n" % (len(data), extension, data)


def read(*pieces: bytes) -> tuple[list[Event], bytes | None]:
    reader = ChunkedReader(WIRE_LIMITS)
    events: list[Event] = []
    rest: bytes | None = None
    for piece in pieces:
        rest = reader.feed(piece, events)
    return events, rest


def body(events: list[Event]) -> bytes:
    return b"".join(event for event in events if isinstance(event, bytes))


@settings(max_examples=150)
@given(
    st.lists(st.tuples(st.integers(1, 200), st.integers(1, 60)), max_size=6),
    st.lists(st.integers(0, 1 << 30), max_size=6),
)
def test_runs_of_equal_chunks_come_out_as_they_went_in(runs: list[tuple[int, int]], places: list[int]) -> None:
    """A run repeats one size many times: this is what the strided slices are for."""
    plain = b""
    wire = b""
    for size, count in runs:
        for number in range(count):
            data = bytes((number * 7 + offset) % 256 for offset in range(size))
            plain += data
            wire += chunk(data)
    wire += b"0\r\n\r\nrest"
    cuts = sorted({0, len(wire) - 4, *(place % (len(wire) - 4) for place in places)})

    events, rest = read(*(wire[start:stop] for start, stop in pairwise(cuts)))

    assert body(events) == plain
    assert rest == b""
    assert isinstance(events[-1], End)
    assert read(wire)[1] == b"rest"


def test_a_run_stops_where_its_shape_does() -> None:
    """What looks like a frame of the run, but is not, is read as what it is."""
    for offset in range(6):
        for at in range(1, 40):
            wire = bytearray(b"1\r\nx\r\n" * 40 + b"0\r\n\r\n")
            wire[at * 6 + offset] ^= 0x40
            if offset == 3:
                assert body(read(bytes(wire))[0]) == b"x" * at + b"8" + b"x" * (39 - at)
            else:
                with pytest.raises(Fault):
                    read(bytes(wire))


def test_runs_of_one_size_follow_runs_of_another() -> None:
    wire = chunk(b"a") * 20 + chunk(b"bc") * 50 + chunk(b"d") * 4 + chunk(b"e" * 20) * 3 + b"0\r\n\r\n"

    events, rest = read(wire)

    assert events[0] == b"a" * 20 + b"bc" * 50 + b"d" * 4 + b"e" * 60
    assert len(events) == 2
    assert rest == b""


def test_cve_2025_69229_tiny_chunks_are_joined_into_one_piece() -> None:
    count = 50_000
    events, _ = read(chunk(b"x") * count + b"0\r\n\r\n")

    assert body(events) == b"x" * count
    assert len(events) <= 3

    mixed, _ = read((chunk(b"x") + chunk(b"yz")) * 1000 + b"0\r\n\r\n")
    assert mixed[0] == b"xyz" * 1000
    assert len(mixed) == 2


def test_large_pieces_are_not_joined_nor_copied() -> None:
    large = bytes(100_000)
    events, _ = read(chunk(b"a") + chunk(b"b") + chunk(large) + chunk(b"c") + chunk(large) + b"0\r\n\r\n")
    assert [event if isinstance(event, bytes) else b"" for event in events] == [b"ab", large, b"c", large, b""]

    reader = ChunkedReader(WIRE_LIMITS)
    pieces: list[Event] = []
    reader.feed(b"30d40\r\n", pieces)
    reader.feed(large, pieces)
    assert pieces[0] is large


@pytest.mark.parametrize("extension", [b";a", b";a=b", b' ; a = "b;\\"c"', b";" + b"a" * 255])
def test_extensions_are_read_over(extension: bytes) -> None:
    wire = chunk(b"hello", extension) + b"0;last\r\n\r\n"

    assert body(read(wire)[0]) == b"hello"
    assert body(read(*(wire[i : i + 1] for i in range(len(wire))))[0]) == b"hello"


def test_cve_2023_39326_extensions_are_bounded_in_each_chunk_and_by_the_body() -> None:
    with pytest.raises(Fault, match="too many bytes of chunk extensions"):
        read(chunk(b"x", b";" + b"a" * 256))
    with pytest.raises(Fault, match="longer than 274 bytes"):
        read(chunk(b"x", b";" + b"a" * 300))
    with pytest.raises(Fault, match="longer than 274 bytes"):
        read(b"1;", b"a" * 272)

    generous = chunk(b"x" * 200, b";" + b"a" * 100)
    assert body(read(generous * 1000 + b"0\r\n\r\n")[0]) == b"x" * 200_000
    with pytest.raises(Fault, match="too many bytes of chunk extensions"):
        read(chunk(b"x", b";" + b"a" * 100) * 1000)


def test_trailers_are_handed_out_apart() -> None:
    events, rest = read(b"0\r\nX: y\r\nSet-Cookie: a\r\n\r\nrest")
    assert isinstance(events[0], End)
    assert events[0].trailers == b"X: y\r\nSet-Cookie: a\r\n"
    assert rest == b"rest"
    events, rest = read(b"0\r\n\r", b"\nrest")
    assert (len(events), rest) == (1, b"rest")
    events, rest = read(b"0\r\nX: ", b"y\r\n\r\n")
    assert isinstance(events[0], End)
    assert events[0].trailers == b"X: y\r\n"


def test_cve_2026_22815_trailers_are_bounded_like_headers() -> None:
    with pytest.raises(Fault, match="more than 128 header fields"):
        read(b"0\r\n" + b"X: y\r\n" * 129 + b"\r\n")
    with pytest.raises(Fault, match="a line is longer"):
        read(b"0\r\nX: ", b"y" * 70_000)
    with pytest.raises(Fault, match="larger than 131072 bytes"):
        read(b"0\r\n", *[b"X: " + b"y" * 2000 + b"\r\n"] * 70)


@pytest.mark.parametrize(
    ("wire", "where"),
    [
        (b"", "between chunks, after 0 bytes"),
        (b"5\r\nhello\r\n", "between chunks, after 5 bytes"),
        (b"5\r\nhello\r\n3", "between chunks, after 5 bytes"),
        (b"5\r\nhello\r", "between chunks, after 5 bytes"),
        (b"5\r\nhel", "in a chunk, 3 of its 5 bytes"),
        (b"5\r\n", "in a chunk, 0 of its 5 bytes"),
        (b"5\r\nhello\r\n0\r\n", "in the trailers, after all 5 bytes"),
    ],
)
def test_an_early_end_is_told_by_its_place(wire: bytes, where: str) -> None:
    reader = ChunkedReader(WIRE_LIMITS)
    if wire:
        reader.feed(wire, [])

    with pytest.raises(Fault, match=where) as caught:
        reader.close([])
    assert caught.value.truncated


@pytest.mark.parametrize(
    "pieces",
    [(b"5\r\nhelloX",), (b"5\r\nhello", b"X"), (b"5\r\nhello\r", b"X"), (b"5\r\nhelloXX",), (b"5\r\nhello\rX",)],
)
def test_cve_2025_43859_a_chunk_ends_with_cr_lf(pieces: tuple[bytes, ...]) -> None:
    with pytest.raises(Fault, match="a chunk of 5 bytes is not followed by CR LF"):
        read(*pieces)


def test_chunks_are_written() -> None:
    writer = ChunkedWriter()
    large = bytes(65_536)

    assert writer.data(b"") == ()
    assert writer.data(b"hello world, yes") == (b"10\r\nhello world, yes\r\n",)
    assert writer.data(large) == (b"10000\r\n", large, b"\r\n")
    assert writer.data(large)[1] is large
    assert not writer.done
    with pytest.raises(LocalProtocolError, match="trailer line 1"):
        writer.end(b"X\r\n")
    assert not writer.done
    assert writer.end(FieldBlock(b"X: y\r\n")) == b"0\r\nX: y\r\n\r\n"
    assert writer.done


@given(st.lists(st.binary(max_size=50), max_size=10))
def test_what_is_written_is_read(chunks: list[bytes]) -> None:
    writer = ChunkedWriter()
    wire = b"".join(b"".join(writer.data(data)) for data in chunks) + writer.end(b"")

    assert body(read(wire)[0]) == b"".join(chunks)
