"""The grammar of header fields accepts what RFC 9110 section 5 does, and no more."""

from __future__ import annotations

import pickle
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courser.values.fields import FIELD_LINES, FIELD_VALUE, TOKEN, FieldBlock

TCHAR = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@pytest.mark.parametrize("byte", range(256))
def test_token_is_made_of_tchar(byte: int) -> None:
    data = bytes((byte,))
    assert bool(TOKEN.fullmatch(data)) is (data in TCHAR)
    assert bool(TOKEN.fullmatch(b"a" + data + b"b")) is (data in TCHAR)


def test_a_token_is_not_empty() -> None:
    assert not TOKEN.fullmatch(b"")


@pytest.mark.parametrize("byte", range(256))
def test_a_value_is_made_of_visible_and_high_characters_with_blanks_inside(byte: int) -> None:
    data = bytes((byte,))
    blank = data in b" \t"
    visible = byte > 32 and byte != 127
    assert bool(FIELD_VALUE.fullmatch(data)) is visible
    assert bool(FIELD_VALUE.fullmatch(b"a" + data)) is visible
    assert bool(FIELD_VALUE.fullmatch(data + b"b")) is visible
    assert bool(FIELD_VALUE.fullmatch(b"a" + data + b"b")) is (visible or blank)
    assert bool(FIELD_LINES.fullmatch(b"n:" + data + b"\r\n")) is (visible or blank)


@pytest.mark.parametrize(
    ("lines", "good"),
    [
        (b"", True),
        (b"A:\r\n", True),
        (b"A: b\r\n", True),
        (b"A:\t b \t\r\nC:d\r\n", True),
        (b"A: b", False),
        (b"A: b\n", False),
        (b"A: b\r", False),
        (b"A b\r\n", False),
        (b"A : b\r\n", False),
        (b" A: b\r\n", False),
        (b": b\r\n", False),
        (b"\r\n", False),
        (b"A: b\r\n\r\n", False),
        (b"A: b\r\n c\r\n", False),
        (b"A: b\rc\r\n", False),
        (b"A: b\nc: d\r\n", False),
        (b"A: \0\r\n", False),
    ],
)
def test_field_lines(lines: bytes, good: bool) -> None:
    assert bool(FIELD_LINES.fullmatch(lines)) is good


@given(st.binary(max_size=12) | st.text("a \t\r\n:", max_size=12).map(str.encode))
def test_the_patterns_agree_with_plain_ones(data: bytes) -> None:
    plain_value = rb"(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*[!-~\x80-\xff])?)?"
    assert bool(FIELD_VALUE.fullmatch(data)) is bool(re.fullmatch(plain_value, data))
    plain_lines = rb"(?:[" + re.escape(TCHAR) + rb"]+:[\t -~\x80-\xff]*\r\n)*"
    assert bool(FIELD_LINES.fullmatch(data)) is bool(re.fullmatch(plain_lines, data))


@pytest.mark.parametrize("data", [b" " * 100_000, b"a" + b" " * 100_000, b"a " * 50_000, b"a\t" * 50_000 + b"\0"])
def test_a_value_that_fails_fails_in_one_pass(data: bytes) -> None:
    """With backtracking this would not come to an end."""
    assert not FIELD_VALUE.fullmatch(data)


def test_a_field_block_is_bytes_that_somebody_validated() -> None:
    block = FieldBlock(b"A: b\r\n")
    assert block == b"A: b\r\n"
    assert isinstance(block, bytes)
    assert type(pickle.loads(pickle.dumps(block))) is FieldBlock
