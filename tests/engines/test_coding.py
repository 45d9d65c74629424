"""Chains of codings, whole bodies and their limits."""

from __future__ import annotations

import gzip
import os
import tracemalloc
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courser.engines.coding import PIECE, TURN, Decoder, decode_all, decode_in_turns, make_decoder
from courser.engines.inflate import SLICE
from courser.errors import DecodingError, LimitExceeded, TruncatedCoding

BODY = b'{"some": "json"}' * 20


def decode(coding: str, data: bytes, size: int = 1 << 30) -> bytes:
    decoder = make_decoder(coding)
    assert decoder is not None
    parts = [data[start : start + size] for start in range(0, len(data), size)]
    pieces = [piece for part in parts for piece in decoder.feed(part)]
    decoder.end()
    return b"".join(pieces)


@pytest.mark.parametrize(
    ("coding", "layers"),
    [
        ("gzip", [gzip.compress]),
        ("GZip", [gzip.compress]),
        ("x-gzip", [gzip.compress]),
        (" deflate ", [zlib.compress]),
        ("deflate, gzip", [zlib.compress, gzip.compress]),
        ("gzip,\tdeflate", [gzip.compress, zlib.compress]),
        ("identity, gzip,, identity", [gzip.compress]),
        ("gzip, gzip, gzip, gzip, gzip", [gzip.compress] * 5),
    ],
)
def test_codings_are_taken_off_in_reverse(coding: str, layers: list[Callable[[bytes], bytes]]) -> None:
    data = BODY
    for layer in layers:
        data = layer(data)
    for size in (1, 2, 7, 1 << 20):
        assert decode(coding, data, size) == BODY
    assert decode_all(coding, data) == BODY
    assert decode_all(coding.encode(), data) == BODY


@pytest.mark.parametrize("coding", ["", " , ", "identity", "unknown", "gzip, unknown", "aws-chunked", "utf-8", b"\xff"])
def test_without_a_known_coding_the_body_is_handed_out_as_it_is(coding: Any) -> None:
    assert make_decoder(coding) is None
    assert decode_all(coding, BODY) == BODY


@pytest.mark.parametrize("coding", ["gzip, " * 5 + "gzip", "gzip," * 100_000 + "unknown"])
def test_cve_2025_66418_a_chain_has_at_most_five_codings(coding: str) -> None:
    """Also CVE-2022-32206, CVE-2023-23916 and CVE-2026-22036."""
    with pytest.raises(LimitExceeded, match="content codings, 5 are allowed"):
        make_decoder(coding)
    with pytest.raises(LimitExceeded, match="content codings, 5 are allowed"):
        decode_all(coding.encode(), b"")


def packed(*pieces: bytes) -> bytes:
    """A member of gzip, made without ever holding what is in it."""
    made = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join([made.compress(piece) for piece in pieces]) + made.flush()


EMPTY: dict[str, tuple[str, Iterable[bytes]]] = {
    "zeros behind the last member": ("gzip", [gzip.compress(BODY), *[bytes(1 << 20)] * 40]),
    "garbage behind the last member": ("gzip", [gzip.compress(BODY), *[b"x" * (1 << 20)] * 40]),
    "members without content": ("gzip", [gzip.compress(b"") * 50_000] * 4),
    "a file name without an end": ("gzip", [b"\x1f\x8b\x08\x08\0\0\0\0\0\0", *[b"x" * (1 << 20)] * 40]),
    "garbage behind deflate": ("deflate", [zlib.compress(BODY), *[bytes(1 << 20)] * 40]),
    "frames of zstd that are skipped": (
        "zstd",
        [b"\x50\x2a\x4d\x18" + (1 << 20).to_bytes(4, "little") + bytes(1 << 20)] * 40,
    ),
}


@pytest.mark.parametrize("case", EMPTY)
@pytest.mark.parametrize("depth", [1, 2])
def test_cve_2025_66418_a_coding_inside_another_has_to_make_something_of_what_it_is_given(
    case: str, depth: int
) -> None:
    """No limit of the body would end it: a kilobyte can stand for hours of it."""
    coding, pieces = EMPTY[case]
    data = packed(*pieces)
    for _ in range(depth - 1):
        data = packed(data)
    turns = decode_in_turns(f"{coding}, " + ", ".join(["gzip"] * depth), data, 10_000)

    with pytest.raises(LimitExceeded, match=r"of a coding inside another one stand for (0|320) bytes"):
        for _ in turns:
            pass


@pytest.mark.parametrize("layers", [2, 5])
def test_what_is_worth_its_size_may_be_in_many_codings(layers: int) -> None:
    """Noise, as it does not get smaller; and what was flushed after every few bytes, which gets larger."""
    made = zlib.compressobj(9, zlib.DEFLATED, 31)
    lines = [b"data: %d\n\n" % number for number in range(120_000)]
    flushed = b"".join([made.compress(line) + made.flush(zlib.Z_SYNC_FLUSH) for line in lines]) + made.flush()
    noise = os.urandom(3 << 20)
    for inner, content in ((flushed, b"".join(lines)), (gzip.compress(noise, 1), noise)):
        data = inner
        for _ in range(layers - 1):
            data = gzip.compress(data, 1)
        assert decode_all(", ".join(["gzip"] * layers), data) == content


def test_cve_2025_66471_a_bomb_in_a_chain_stays_small() -> None:
    """Also CVE-2026-21441: what nobody asks for is not decoded."""
    bomb = gzip.compress(gzip.compress(bytes(200_000_000), 1))
    decoder = make_decoder("gzip, gzip")
    assert decoder is not None
    tracemalloc.start()
    try:
        pieces = decoder.feed(bomb)
        assert [len(next(pieces)) <= PIECE for _ in range(20)] == [True] * 20
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


@given(st.binary(max_size=100), st.integers(1, 50))
def test_streams_and_whole_bodies_agree(data: bytes, size: int) -> None:
    try:
        whole = decode_all("gzip", data)
    except DecodingError:
        with pytest.raises(DecodingError):
            decode("gzip", data, size)
    else:
        assert decode("gzip", data, size) == whole


# After an error


def test_cve_2026_6100_a_decoder_is_not_used_again_after_an_error() -> None:
    decoder = make_decoder("gzip")
    assert decoder is not None
    with pytest.raises(DecodingError, match="corrupt"):
        list(decoder.feed(b"nonsense, not gzip"))
    with pytest.raises(DecodingError, match="failed or was abandoned before"):
        list(decoder.feed(gzip.compress(BODY)))
    with pytest.raises(DecodingError, match="failed or was abandoned before"):
        decoder.end()


def test_cve_2026_6100_nor_after_a_foreign_error() -> None:
    class Stage:
        def feed(self, data: bytes) -> Iterator[bytes]:
            raise MemoryError

        def end(self) -> None: ...

    decoder = Decoder([Stage()])
    with pytest.raises(MemoryError):
        list(decoder.feed(b"abc"))
    with pytest.raises(DecodingError):
        list(decoder.feed(b"abc"))


def test_a_decoder_that_was_left_half_way_cannot_go_on() -> None:
    decoder = make_decoder("gzip")
    assert decoder is not None
    next(decoder.feed(gzip.compress(bytes(3 * PIECE))))
    with pytest.raises(DecodingError, match="abandoned"):
        decoder.end()


# Whole bodies


@pytest.mark.parametrize("coding", [b"gzip", "gzip", "x-gzip", "deflate", "gzip, deflate", "unknown"])
def test_nothing_decodes_to_nothing(coding: Any) -> None:
    """HEAD, 204, 304 and Content-Length: 0 come with a Content-Encoding too."""
    assert decode_all(coding, b"") == b""


@pytest.mark.parametrize("size", [0, 1, 1000, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE])
def test_whole_bodies(size: int) -> None:
    data = (bytes(range(251)) * (size // 251 + 1))[:size]
    for level in (0, 6):
        assert decode_all(b"gzip", gzip.compress(data, level)) == data


def test_all_members_of_a_small_body_are_decoded() -> None:
    assert decode_all(b"gzip", gzip.compress(b"one ") + gzip.compress(b"two") + b"\n") == b"one two"


@pytest.mark.parametrize("packed", [gzip.compress(bytes(5000)), gzip.compress(bytes(5000), 0) + b"\0" * SLICE])
def test_the_limit_is_on_the_decoded_body(packed: bytes) -> None:
    assert decode_all("gzip", packed, 5000) == bytes(5000)
    with pytest.raises(LimitExceeded, match="the decoded body is larger than 4999 bytes"):
        decode_all("gzip", packed, 4999)
    with pytest.raises(LimitExceeded):
        decode_all("gzip", packed, 0)


def test_cve_2025_66471_no_more_than_one_piece_above_the_limit_is_made() -> None:
    bomb = gzip.compress(bytes(100_000_000), 9)
    tracemalloc.start()
    try:
        with pytest.raises(LimitExceeded):
            decode_all("gzip", bomb, 1_000_000)
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


def turns(coding: str, data: bytes, limit: int | None = None) -> tuple[int, bytes]:
    """How often a decoding lets go, and what it gives."""
    steps = decode_in_turns(coding, data, limit)
    count = 0
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return count, stop.value
        count += 1


def test_decoding_lets_go_now_and_then() -> None:
    """Others have their turn while much is decoded."""
    small = gzip.compress(b"small")
    assert turns("gzip", small) == (0, b"small")
    assert turns("unknown", small) == (0, small)
    count, whole = turns("gzip", gzip.compress(bytes(100 * PIECE)))
    assert whole == bytes(100 * PIECE)
    assert count >= 100 // TURN


def test_what_decodes_to_nothing_takes_turns_too() -> None:
    data = gzip.compress(b"") * 60_000

    count, whole = turns("gzip", data)

    assert whole == b""
    assert count >= len(data) // PIECE


def test_an_error_keeps_the_start_of_the_body() -> None:
    data = gzip.compress(BODY)
    with pytest.raises(TruncatedCoding, match="ends too early") as caught:
        decode_all("gzip", data[:-8])
    assert caught.value.partial == BODY
    with pytest.raises(DecodingError, match="corrupt") as caught:
        decode_all("gzip", data + data[:10] + b"\xff" * 100)
    assert caught.value.partial == BODY
    with pytest.raises(DecodingError) as caught:
        decode_all("gzip", gzip.compress(bytes(100_000_000), 9)[:-1])
    assert 0 < len(caught.value.partial) <= 1024 * 1024
