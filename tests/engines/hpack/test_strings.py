"""Strings are sent as their Huffman code where that is shorter."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courser.engines.hpack.huffman import LONGEST, MOST, decode_huffman
from courser.engines.hpack.integers import decode_integer
from courser.engines.hpack.strings import STRINGS, WORTH, secret_string, string


@pytest.fixture(autouse=True)
def empty_cache() -> Iterator[None]:
    STRINGS.clear()
    yield
    STRINGS.clear()


def read(wire: bytes) -> tuple[bytes, bool]:
    """The text, and whether it was coded."""
    length, start = decode_integer(wire, 0, 0x7F)
    assert start + length == len(wire)
    if wire[0] & 0x80:
        return decode_huffman(wire[start:], keep=False), True
    return wire[start:], False


@given(st.binary(max_size=2 * WORTH))
def test_a_string_is_itself_or_its_shorter_code(text: bytes) -> None:
    wire = secret_string(text)

    assert read(wire)[0] == text
    assert len(wire) <= len(text) + 3
    assert string(text) == wire == string(text)


@pytest.mark.parametrize(
    ("text", "is_coded"),
    [
        (b"", False),
        (b"a", False),
        (b"307", False),
        (b"302", True),
        (b"www.example.com", True),
        (b"\0\1\2", False),
        (b"<>{}", False),
        (b"a" * WORTH, True),
        (b"a" * (WORTH + 1), False),
    ],
)
def test_which_strings_are_coded(text: bytes, is_coded: bool) -> None:
    """A code as long as the string is no gain, and a long one is not worth its time."""
    assert read(string(text)) == (text, is_coded)


def test_the_cache_is_bounded() -> None:
    for number in range(MOST):
        string(b"%d" % number)
    assert len(STRINGS) == MOST

    string(b"0")
    assert len(STRINGS) == MOST
    string(b"one more")
    assert [*STRINGS] == [b"one more"]


def test_what_is_long_or_secret_is_not_kept() -> None:
    string(b"a" * (LONGEST + 1))
    secret_string(b"password")
    assert not STRINGS

    string(b"a" * LONGEST)
    assert [*STRINGS] == [b"a" * LONGEST]
