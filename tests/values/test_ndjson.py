"""Values come as soon as their lines end, whatever the cuts."""

from __future__ import annotations

import json
import tracemalloc
from itertools import chain
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courser.errors import JSONError, LimitExceeded
from courser.values.ndjson import JSONLines
from courser.values.request import Request

ASKED = Request("GET", "http://a.example/")


def values(*pieces: bytes, max_line: int | None = None, loads: Any = None) -> list[Any]:
    lines = JSONLines(loads, max_line, ASKED)
    return [value for piece in pieces for value in lines.feed(piece)] + list(lines.end())


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", []),
        (b"\n\r\n \t\n", []),
        (b'{"a": 1}', [{"a": 1}]),
        (b"1\n2\n", [1, 2]),
        (b"1\r\n2\r\n", [1, 2]),
        (b"1\n\n \n2", [1, 2]),
        (b" 1 \n", [1]),
        (b"\xef\xbb\xbf1\n2", [1, 2]),
        (b'null\nfalse\n""', [None, False, ""]),
        ('"a\u2028b\x85c"\n"d"'.encode(), ["a\u2028b\x85c", "d"]),
        (b"[1,\r2]\n", [[1, 2]]),
    ],
)
def test_lines(body: bytes, expected: list[Any]) -> None:
    for size in range(1, len(body) + 1):
        assert values(*(body[start : start + size] for start in range(0, len(body), size))) == expected
    assert values(b"", body, b"") == expected


@given(st.lists(st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=5)), st.integers(1, 9))
def test_what_was_written_is_read(given_: list[Any], size: int) -> None:
    body = b"".join(json.dumps(value, ensure_ascii=False).encode() + b"\n" for value in given_)

    assert values(*(body[start : start + size] for start in range(0, len(body), size))) == given_


def test_a_value_comes_when_its_line_ends() -> None:
    lines = JSONLines(None, None, None)

    assert list(lines.feed(b'{"a"')) == []
    assert list(lines.feed(b":1}\n[")) == [{"a": 1}]
    assert list(lines.feed(b"]\n")) == [[]]
    assert list(lines.end()) == []


def test_the_codec_is_the_client_s() -> None:
    assert values(b"a\nb\n", loads=bytes.decode) == ["a", "b"]


def test_an_error_names_its_line_and_comes_after_the_values_before_it() -> None:
    seen: list[Any] = []

    with pytest.raises(JSONError, match=r"line 4, 6 bytes that begin b'<html>'") as caught:
        seen.extend(JSONLines(None, None, ASKED).feed(b"1\n\n2\n<html>\n3\n"))

    assert seen == [1, 2]
    assert caught.value.request is ASKED


@pytest.mark.parametrize(
    "pieces", [[b"123456\n"], [b"123", b"456"], [b"1\n123", b"456\n"], [b"123456"], [b"1\n123456"]]
)
def test_a_line_that_is_too_long_is_refused(pieces: list[bytes]) -> None:
    number = 2 if pieces[0][1:2] == b"\n" else 1
    with pytest.raises(LimitExceeded, match=f"line {number} has more than 5 bytes"):
        values(*pieces, max_line=5)


def test_lines_up_to_the_limit_pass() -> None:
    assert values(b"12345\n123", b"45", b"\n", b"12345", max_line=5) == [12345] * 3


def test_ghsa_f2fp_rgf2_35cp_a_long_line_in_small_pieces_is_kept_once() -> None:
    """Joining what there is with each new piece would take quadratic time."""
    lines = JSONLines(None, None, None)
    for _ in range(100_000):
        assert list(lines.feed(b"1")) == []
    assert len(lines._parts) == 100_000


def test_ghsa_8xx6_hgc6_gc2m_a_line_without_end_is_bounded() -> None:
    lines = JSONLines(None, 1_000_000, None)
    tracemalloc.start()
    try:
        with pytest.raises(LimitExceeded):
            list(chain.from_iterable(lines.feed(b"1" * 100_000) for _ in range(1000)))
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()
