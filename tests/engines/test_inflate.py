"""Each coding is decoded in bounded pieces, to its end or to an error.

br and zstd are run on whatever package is here, and on stand-ins with the same calls over zlib in any case.
"""

from __future__ import annotations

import gzip
import random
import sys
import types
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courser import packages as optional
from courser.engines import inflate
from courser.engines.inflate import CODINGS, PIECE, SLICE, Stage
from courser.errors import DecodingError, MissingExtra, TruncatedCoding

RANDOM = random.Random(1)
TEXT = b"".join(b"line %d of some text\n" % RANDOM.randrange(10**6) for _ in range(40_000))


def raw_deflate(data: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=-15)
    return deflater.compress(data) + deflater.flush()


class StandInError(Exception):
    """What a stand-in raises where its model raises its own error."""


class BrotliStandIn:
    """brotli.Decompressor of version 1.2, over zlib."""

    def __init__(self) -> None:
        self._inflater: Any = zlib.decompressobj()
        self._left = b""

    def process(self, data: bytes, output_buffer_limit: int) -> bytes:
        if data and (self._left or self._inflater.eof):
            raise StandInError("more than can be accepted")
        try:
            piece: bytes = self._inflater.decompress(data or self._left, output_buffer_limit)
        except zlib.error as exc:
            raise StandInError(str(exc)) from exc
        if self._inflater.unused_data:
            raise StandInError("excess")
        self._left = self._inflater.unconsumed_tail
        return piece

    def can_accept_more_data(self) -> bool:
        return not self._left

    def is_finished(self) -> bool:
        return bool(self._inflater.eof)


class ZstdStandIn:
    """compression.zstd.ZstdDecompressor, over zlib."""

    def __init__(self, options: dict[Any, int]) -> None:
        assert options == {"window_log_max": 23}
        self._inflater: Any = zlib.decompressobj()
        self.needs_input = True

    def decompress(self, data: bytes, max_length: int) -> bytes:
        try:
            piece: bytes = self._inflater.decompress(self._inflater.unconsumed_tail + data, max_length)
        except zlib.error as exc:
            raise StandInError(str(exc)) from exc
        self.needs_input = len(piece) < max_length and not self._inflater.unconsumed_tail
        return piece

    @property
    def eof(self) -> bool:
        return bool(self._inflater.eof)

    @property
    def unused_data(self) -> bytes:
        return bytes(self._inflater.unused_data)


def stand_in(name: str) -> Any:
    module: Any = types.ModuleType(name)
    module.error = module.ZstdError = StandInError
    module.Decompressor = BrotliStandIn
    module.ZstdDecompressor = ZstdStandIn
    module.DecompressionParameter = types.SimpleNamespace(window_log_max="window_log_max")
    return module


ABSENT: Any = None
PACKAGES = (*optional.BROTLI, *optional.ZSTD)


@pytest.fixture
def packages(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Make those optional packages importable, as stand-ins, and no others."""

    def use(*present: Any) -> None:
        for name in PACKAGES:
            monkeypatch.setitem(sys.modules, name, ABSENT)
        for module in present:
            monkeypatch.setitem(sys.modules, module.__name__, module)
        optional._optional.cache_clear()

    yield use
    monkeypatch.undo()
    optional._optional.cache_clear()


def _real(name: str) -> Any:
    try:
        return __import__(name, fromlist=["compress"])
    except ImportError:
        return None


BROTLI = _real("brotli") or _real("brotlicffi")
ZSTD = _real("compression.zstd") or _real("backports.zstd")

CASES = [
    pytest.param("gzip", gzip.compress, id="gzip"),
    pytest.param("x-gzip", gzip.compress, id="x-gzip"),
    pytest.param("deflate", zlib.compress, id="zlib"),
    pytest.param("deflate", raw_deflate, id="raw"),
    pytest.param("br-stand-in", zlib.compress, id="br stand-in"),
    pytest.param("zstd-stand-in", zlib.compress, id="zstd stand-in"),
    pytest.param(
        "br",
        BROTLI and (lambda data: BROTLI.compress(data, quality=5)),
        id="br",
        marks=pytest.mark.skipif(BROTLI is None, reason="no brotli here"),
    ),
    pytest.param(
        "zstd",
        ZSTD and ZSTD.compress,
        id="zstd",
        marks=pytest.mark.skipif(ZSTD is None, reason="no zstd here"),
    ),
]
coded = pytest.mark.parametrize(("coding", "compress"), CASES)
Make = Callable[[str], Stage]


@pytest.fixture
def make(packages: Callable[..., None]) -> Make:
    def stage(coding: str) -> Stage:
        if coding.endswith("stand-in"):
            packages(stand_in("brotli"), stand_in("compression.zstd"))
        return CODINGS[coding.removesuffix("-stand-in")]()

    return stage


def decode(stage: Stage, *parts: bytes) -> list[bytes]:
    pieces = [piece for part in parts for piece in stage.feed(part)]
    stage.end()
    return pieces


@coded
@pytest.mark.parametrize("size", [0, 1, 1000, 300_000, len(TEXT)])
def test_what_was_compressed_comes_back(coding: str, compress: Callable[[bytes], bytes], size: int, make: Make) -> None:
    data = compress(TEXT[:size])
    assert b"".join(decode(make(coding), data)) == TEXT[:size]


@coded
def test_input_may_be_cut_anywhere(coding: str, compress: Callable[[bytes], bytes], make: Make) -> None:
    data = compress(TEXT[:2000])
    assert b"".join(decode(make(coding), *(data[i : i + 1] for i in range(len(data))))) == TEXT[:2000]
    for cut in range(0, len(data), 7):
        assert b"".join(decode(make(coding), data[:cut], b"", data[cut:])) == TEXT[:2000]


@coded
def test_cve_2025_66471_a_bomb_comes_in_bounded_pieces(
    coding: str, compress: Callable[[bytes], bytes], make: Make
) -> None:
    """Also CVE-2025-6176 (brotli) and CVE-2026-44432 (the pieces after the first)."""
    pieces = decode(make(coding), compress(bytes(20_000_000)))
    assert sum(map(len, pieces)) == 20_000_000
    assert all(0 < len(piece) <= PIECE for piece in pieces)


@coded
def test_nothing_is_decoded_before_it_is_asked_for(coding: str, compress: Callable[[bytes], bytes], make: Make) -> None:
    pieces = make(coding).feed(compress(bytes(100_000_000)))
    assert len(next(pieces)) <= PIECE


@coded
def test_a_cut_off_body_is_an_error(coding: str, compress: Callable[[bytes], bytes], make: Make) -> None:
    data = compress(TEXT[:2000])
    for cut in (1, 2, len(data) // 2, len(data) - 1):
        with pytest.raises(TruncatedCoding, match="data ends too early"):
            decode(make(coding), data[:cut])


@coded
def test_no_body_at_all_is_none(coding: str, compress: Callable[[bytes], bytes], make: Make) -> None:
    """The answer to HEAD names a coding and has no body."""
    assert decode(make(coding)) == []
    assert decode(make(coding), b"", b"") == []


@coded
def test_corrupt_data_is_an_error(coding: str, compress: Callable[[bytes], bytes], make: Make) -> None:
    with pytest.raises(DecodingError, match="data is corrupt") as caught:
        decode(make(coding), b"\xff" * 100)
    assert caught.value.__cause__ is not None


@coded
@given(data=st.binary(max_size=200))
def test_no_data_leads_to_another_error(coding: str, compress: Any, data: bytes) -> None:
    try:
        decode(CODINGS[coding.removesuffix("-stand-in")](), data)
    except (DecodingError, MissingExtra):
        pass


def test_a_wrong_checksum_is_an_error() -> None:
    data = bytearray(gzip.compress(TEXT[:2000]))
    data[-6] ^= 1
    with pytest.raises(DecodingError, match="the gzip data is corrupt"):
        decode(CODINGS["gzip"](), bytes(data))


# Members, frames, and what follows


@pytest.mark.parametrize("padding", [b"", b"\0" * 5])
def test_all_members_of_gzip_are_decoded(padding: bytes, make: Make) -> None:
    data = padding.join((gzip.compress(b"one "), gzip.compress(b""), gzip.compress(b"two")))
    assert b"".join(decode(make("gzip"), data)) == b"one two"
    for cut in range(len(data)):
        assert b"".join(decode(make("gzip"), data[:cut], data[cut:])) == b"one two"
    assert b"".join(decode(make("gzip"), *(data[i : i + 1] for i in range(len(data))))) == b"one two"


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
@pytest.mark.parametrize("tail", [b"\0", b"\0" * 50_000, b"\n", b"\x1f", b"\x1fx", b"x" * 50_000, b"\0\0x", b"\0\x1f"])
def test_what_follows_a_complete_stream_is_ignored(coding: str, tail: bytes, make: Make) -> None:
    data = (gzip.compress if coding == "gzip" else zlib.compress)(b"all of it")
    assert decode(make(coding), data + tail) == [b"all of it"]
    assert decode(make(coding), data, tail) == [b"all of it"]
    assert decode(make(coding), *((data + tail[:5])[i : i + 1] for i in range(len(data) + len(tail[:5]))))
    assert decode(make(coding), data, tail, tail, data if coding == "deflate" else b"") == [b"all of it"]


def test_a_second_member_that_is_cut_off_is_an_error(make: Make) -> None:
    second = gzip.compress(b"two")
    for cut in range(2, len(second)):
        with pytest.raises(TruncatedCoding, match="ends too early"):
            decode(make("gzip"), gzip.compress(b"one") + second[:cut])


def test_a_stored_raw_stream_is_not_taken_for_a_framed_one(make: Make) -> None:
    deflater = zlib.compressobj(0, wbits=-15)
    data = deflater.compress(b"stored") + deflater.flush()
    assert decode(make("deflate"), data) == [b"stored"]


@pytest.mark.parametrize(
    ("coding", "compress"),
    [case for case in CASES if str(case.values[0]).startswith("zstd")],
)
def test_all_frames_of_zstd_are_decoded(coding: str, compress: Callable[[bytes], bytes], make: Make) -> None:
    data = compress(b"one ") + compress(b"") + compress(b"two")
    assert b"".join(decode(make(coding), data)) == b"one two"
    assert b"".join(decode(make(coding), *(data[i : i + 1] for i in range(len(data))))) == b"one two"
    with pytest.raises(DecodingError, match="zstd data is corrupt"):
        decode(make(coding), data + b"garbage")


@pytest.mark.skipif(BROTLI is None, reason="no brotli here")
@pytest.mark.parametrize("tail", [b"\n", b"\0", b"x" * 50_000])
def test_what_follows_br_is_an_error(tail: bytes, make: Make) -> None:
    data = BROTLI.compress(b"all of it")
    for parts in ((data + tail,), (data, tail), (data[:-1], data[-1:] + tail)):
        with pytest.raises(DecodingError, match="the br data is corrupt"):
            decode(make("br"), *parts)


@pytest.mark.skipif(ZSTD is None, reason="no zstd here")
@pytest.mark.parametrize("magic", [0x184D2A50, 0x184D2A5F])
def test_frames_of_zstd_that_are_to_be_skipped(magic: int, make: Make) -> None:
    """RFC 8878 section 3.1.2."""
    skipped = magic.to_bytes(4, "little") + (3).to_bytes(4, "little") + b"abc"
    data = skipped + ZSTD.compress(b"one ") + skipped + skipped + ZSTD.compress(b"two") + skipped
    assert b"".join(decode(make("zstd"), data)) == b"one two"
    assert b"".join(decode(make("zstd"), *(data[i : i + 1] for i in range(len(data))))) == b"one two"


@pytest.mark.skipif(ZSTD is None, reason="no zstd here")
def test_a_window_above_8_mb_is_refused(make: Make) -> None:
    """RFC 9659 section 3."""
    data = ZSTD.compress(bytes(20_000_000), options={ZSTD.CompressionParameter.window_log: 27})
    with pytest.raises(DecodingError, match="zstd data is corrupt"):
        decode(make("zstd"), data)


def test_many_small_members_cost_no_more_than_their_number(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each member's end makes zlib copy what follows: of a slice, not of the whole body."""
    copied: list[int] = []

    class Counting:
        def __init__(self, wbits: int) -> None:
            self._inflater: Any = zlib.decompressobj(wbits)

        def __getattr__(self, name: str) -> Any:
            value = getattr(self._inflater, name)
            if name == "unused_data":
                copied.append(len(value))
            return value

    monkeypatch.setattr(inflate, "zlib", types.SimpleNamespace(decompressobj=Counting, error=zlib.error))
    member = gzip.compress(b"")
    assert decode(make("gzip"), member * 5000) == []
    assert len(copied) == 5000
    assert max(copied) <= SLICE + len(member)


# Which packages are used


@pytest.mark.parametrize("coding", ["br", "zstd"])
def test_what_is_missing_is_named(coding: str, packages: Callable[..., None]) -> None:
    """A server may send it though it was not offered, or the caller may have offered it by hand."""
    packages()
    stage = CODINGS[coding]()
    with pytest.raises(MissingExtra, match=rf"the body is coded as {coding}.*pip install 'courser\[compress\]'"):
        stage.feed(b"x")


@pytest.mark.parametrize("coding", ["br", "zstd"])
def test_an_empty_body_misses_nothing(coding: str, packages: Callable[..., None]) -> None:
    packages()
    assert decode(CODINGS[coding](), b"") == []
