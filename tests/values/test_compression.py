"""Bodies are compressed at once where they are in memory, and piece by piece where they are not."""

from __future__ import annotations

import gzip
import io
import os
import sys
import types
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bodies import AsyncRestart, Restart, agenerate, drain, generate, made
from hypothesis import given
from hypothesis import strategies as st

from courser import packages
from courser.errors import BodyNotReplayable, InvalidRequest, MissingExtra
from courser.values.body import PIECE
from courser.values.compression import CompressedBody, compressed
from courser.values.files import Paced
from courser.values.request import Request

UNDO: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.decompress, "deflate": zlib.decompress}


class Reversing:
    """A coding that is easy to undo."""

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.data = b""

    def process(self, data: bytes) -> bytes:
        self.data += data
        return b""

    compress = process

    def finish(self) -> bytes:
        return self.data[::-1]

    flush = finish


class Bounded:
    def can_accept_more_data(self) -> bool:
        raise NotImplementedError


Use = Callable[..., None]


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Iterator[Use]:
    """Make those packages importable, as stand-ins, and no others."""
    absent: Any = None

    def only(**present: Any) -> None:
        for name in (*packages.BROTLI, *packages.ZSTD):
            monkeypatch.setitem(sys.modules, name, absent)
        for name, attributes in present.items():
            module = types.ModuleType(name)
            vars(module).update(attributes)
            monkeypatch.setitem(sys.modules, {"zstd": "backports.zstd"}.get(name, name), module)
        packages._optional.cache_clear()

    yield only
    monkeypatch.undo()
    packages._optional.cache_clear()


SOURCES: list[Any] = [
    lambda data: data,
    io.BytesIO,
    lambda data: [data[:3], data[3:]],
    lambda data: generate(data[:3], data[3:]),
    lambda data: AsyncRestart(data[:3], data[3:]),
    lambda data: agenerate(data),
    lambda data: lambda: data,
]


@pytest.mark.parametrize("coding", UNDO)
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("size", [0, 10, 3 * PIECE])
def test_it_is_what_it_was(coding: str, source: Any, size: int) -> None:
    data = os.urandom(size // 2) * 2
    body = compressed(made(content=source(data)), coding)
    assert UNDO[coding](b"".join(drain(body))) == data


def test_what_is_in_memory_has_a_length() -> None:
    body = compressed(made(json={"a": "x" * 1000}), "gzip")
    assert body.data is not None
    assert body.length == len(body.data) < 100
    assert body.content_type == "application/json"
    assert body.data == made(content=body.data).data


def test_the_same_bytes_give_the_same_bytes() -> None:
    """No time stamp is in them."""
    assert compressed(made(content=b"abc"), "gzip").data == compressed(made(content=b"abc"), "gzip").data
    assert gzip.GzipFile(fileobj=io.BytesIO(compressed(made(content=b"abc"), "gzip").data or b"")).mtime in (None, 0)


def test_a_stream_is_what_its_source_is(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"abc")
    for content, replayable, is_async, movable in (
        (Restart(b"abc"), True, False, False),
        (generate(b"abc"), False, False, False),
        (AsyncRestart(b"abc"), True, True, False),
        (tmp_path / "f", True, False, True),
    ):
        body = compressed(made(content=content), "gzip")
        assert isinstance(body, CompressedBody)
        assert (body.length, body.data) == (None, None)
        assert (body.replayable, body.is_async, body.movable) == (replayable, is_async, movable)
        assert (type(body.open()) is Paced) is movable


def test_it_is_sent_again_where_its_source_can_be() -> None:
    body = compressed(made(content=Restart(b"abc")), "gzip")
    assert drain(body) == drain(body)
    once = compressed(made(content=generate(b"abc")), "gzip")
    drain(once)
    assert once.spent
    with pytest.raises(BodyNotReplayable, match="it came from a generator"):
        once.open()


def test_it_goes_piece_by_piece() -> None:
    taken: list[int] = []

    def source() -> Iterator[bytes]:
        for number in range(50):
            taken.append(number)
            yield os.urandom(PIECE)

    pieces: Any = compressed(made(content=source()), "gzip").open()
    next(pieces)
    next(pieces)
    assert len(taken) < 4
    pieces.close()


@pytest.mark.parametrize("source", [generate(b"a", 5), agenerate(b"a", 5)])
def test_what_a_source_raises_comes_out(source: Any) -> None:
    with pytest.raises(TypeError, match="item 1 of the body is int"):
        drain(compressed(made(content=source), "gzip"))


# Codings


@pytest.mark.parametrize(
    ("coding", "package", "options"),
    [
        ("br", {"brotli": {"Compressor": Reversing, "Decompressor": Bounded}}, {"quality": 5}),
        ("br", {"brotlicffi": {"Compressor": Reversing, "Decompressor": Bounded}}, {"quality": 5}),
        ("zstd", {"zstd": {"ZstdCompressor": Reversing, "ZstdDecompressor": object}}, {}),
    ],
)
def test_packages_do_the_others(coding: str, package: dict[str, Any], options: dict[str, Any], use: Use) -> None:
    use(**package)
    assert compressed(made(content=b"abc"), coding).data == b"cba"
    assert drain(compressed(made(content=[b"a", b"bc"]), coding)) == [b"cba"]
    assert Reversing(**options).options == options


@pytest.mark.parametrize(("coding", "package"), [("br", "brotli"), ("zstd", "backports.zstd")])
def test_a_package_that_is_missing_is_named(coding: str, package: str, use: Use) -> None:
    use()
    for content in (b"abc", [b"abc"]):
        with pytest.raises(MissingExtra, match=f"needs the package {package} .*courser\\[compress\\]"):
            compressed(made(content=content), coding)


@pytest.mark.parametrize(("coding", "name"), [("br", "brotli"), ("zstd", "backports.zstd")])
def test_real_packages(coding: str, name: str) -> None:
    package = pytest.importorskip(name)
    undo = package.decompress
    for content in (b"abc" * 1000, [b"abc"] * 1000, io.BytesIO(b"abc" * 1000)):
        data = b"".join(drain(compressed(made(content=content), coding)))
        assert len(data) < 200
        assert undo(data) == b"abc" * 1000


@pytest.mark.parametrize("coding", ["", "x-gzip", "GZIP", "identity", True])
def test_other_codings_are_refused(coding: Any) -> None:
    with pytest.raises(InvalidRequest, match="it is one of gzip, deflate, br, zstd"):
        compressed(made(content=b"abc"), coding)


# In a request


def test_a_request_says_how_its_body_is_coded() -> None:
    request = Request("POST", "http://a/", data={"a": "1"}, compress="gzip")
    assert request.headers["content-encoding"] == "gzip"
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert gzip.decompress(request.content or b"") == b"a=1"


def test_a_multipart_is_compressed_with_its_boundary() -> None:
    request = Request(
        "POST",
        "http://a/",
        files={"f": io.BytesIO(b"abc")},
        compress="gzip",
        headers={"Content-Type": "multipart/form-data; boundary=xyz"},
    )
    assert request.body is not None
    assert gzip.decompress(b"".join(drain(request.body))).startswith(b"--xyz\r\n")


def test_nothing_is_compressed_where_there_is_nothing() -> None:
    request = Request("POST", "http://a/", compress="gzip")
    assert request.body is None
    assert "content-encoding" not in request.headers


def test_a_coding_is_named_once() -> None:
    with pytest.raises(InvalidRequest, match="compress='gzip' was given, and the header Content-Encoding"):
        Request("POST", "http://a/", content=b"abc", compress="gzip", headers={"content-encoding": "gzip"})


@pytest.mark.parametrize("content", [b"abc", [b"abc"]])
def test_a_length_that_was_told_for_the_body_does_not_hold_for_the_compressed_one(content: Any) -> None:
    with pytest.raises(InvalidRequest, match="Content-Length"):
        Request("POST", "http://a/", content=content, compress="gzip", headers={"Content-Length": "3"})


@given(st.lists(st.binary()))
def test_any_pieces(pieces: list[bytes]) -> None:
    for coding, undo in UNDO.items():
        assert undo(b"".join(drain(compressed(made(content=pieces), coding)))) == b"".join(pieces)
