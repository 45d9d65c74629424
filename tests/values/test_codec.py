"""JSON is read and written by the standard library, or by what a client was given."""

from __future__ import annotations

import json
import types
from typing import Any

import pytest

from courser.errors import JSONError
from courser.values.codec import JSONCodec, codec_of, read_json
from courser.values.request import Request

ASKED = Request("GET", "http://a.example/?token=s")


def loads(data: bytes) -> Any:
    return json.loads(data.decode())


def dumps(value: Any) -> bytes:
    return json.dumps(value).encode()


def read(content: bytes, codec: Any = None, **options: Any) -> Any:
    return read_json(content, codec, options, "status 200", ASKED)


# What a codec is


@pytest.mark.parametrize(
    "codec",
    [
        (loads, dumps),
        [loads, dumps],
        JSONCodec(loads, dumps),
        types.SimpleNamespace(loads=loads, dumps=dumps),
        types.SimpleNamespace(decode=loads, encode=dumps),
        types.SimpleNamespace(loads=loads, dumps=dumps, decode=None, encode=None),
    ],
)
def test_codecs(codec: Any) -> None:
    """A module as orjson, one as msgspec.json, a pair."""
    assert codec_of(codec) == (loads, dumps)


@pytest.mark.parametrize(
    "codec", ["orjson", 5, loads, (loads,), (loads, 5), (loads, dumps, dumps), types.SimpleNamespace(loads=loads)]
)
def test_what_is_no_codec_is_refused(codec: Any) -> None:
    with pytest.raises(TypeError, match="json_codec has loads and dumps"):
        codec_of(codec)


# Reading

TEXTS = [
    '{"é": 1}'.encode(),
    b'\xef\xbb\xbf{"\xc3\xa9": 1}',
    '{"é": 1}'.encode("utf-16"),
    '{"é": 1}'.encode("utf-16-le"),
    '{"é": 1}'.encode("utf-16-be"),
    '{"é": 1}'.encode("utf-32"),
    '{"é": 1}'.encode("utf-32-le"),
    '{"é": 1}'.encode("utf-32-be"),
]


@pytest.mark.parametrize("codec", [None, loads])
@pytest.mark.parametrize("content", TEXTS)
def test_a_text_is_read_by_its_bytes(codec: Any, content: bytes) -> None:
    """Requests and AIOHTTP fail at byte order marks, at UTF-16 and UTF-32."""
    assert read(content, codec) == {"é": 1}


def test_options_go_to_the_codec() -> None:
    assert read(b"[1.5]", parse_float=str) == ["1.5"]
    assert read(b"[1.5]", lambda data, **options: options, strict=True) == {"strict": True}


@pytest.mark.parametrize("codec", [None, loads])
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b" ",
        b"<html>",
        b"{",
        b"\xff",
        b"\xff\xfe",
        b"\0",
        b'"\xc3"',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"9" * 5000,
    ],
)
def test_what_is_not_json_is_an_error_that_shows_it(codec: Any, content: bytes) -> None:
    with pytest.raises(JSONError) as caught:
        read(content, codec)

    text = str(caught.value)
    assert f"status 200, {len(content)} bytes that begin {content[:60]!r}" in text
    assert "token=***" in text
    assert isinstance(caught.value, ValueError)
    assert caught.value.__cause__ is not None


def test_errors_of_a_codec_s_own_are_this_library_s() -> None:
    class OwnError(Exception):
        """As msgspec.DecodeError, none of the builtin ones."""

    def refuse(data: bytes) -> Any:
        raise OwnError

    with pytest.raises(JSONError, match="OwnError; status 200") as caught:
        read(b"1", refuse)

    assert isinstance(caught.value.__cause__, OwnError)


@pytest.mark.parametrize("codec", [None, loads])
def test_an_option_that_there_is_not_is_the_caller_s_fault(codec: Any) -> None:
    with pytest.raises(TypeError):
        read(b"1", codec, nonsense=1)


def test_errors_of_the_caller_s_own_functions_stay() -> None:
    def hook(value: Any) -> Any:
        raise KeyError

    with pytest.raises(KeyError):
        read(b"{}", object_hook=hook)
