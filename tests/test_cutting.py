"""Chunks, text and lines of a body that comes in pieces of any size."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courser.cutting import Chunker, Lines, Texts
from courser.errors import LimitExceeded
from courser.values.text import TextDecoder


def cut(cutter: Any, pieces: Iterable[bytes]) -> list[Any]:
    return [*[made for piece in pieces for made in cutter.feed(piece)], *cutter.end()]


@given(st.lists(st.binary(min_size=1, max_size=20)), st.integers(1, 12))
def test_chunks_have_one_size_and_lose_nothing(pieces: list[bytes], size: int) -> None:
    chunks = cut(Chunker(size), pieces)

    assert b"".join(chunks) == b"".join(pieces)
    assert all(len(chunk) == size for chunk in chunks[:-1])
    assert all(0 < len(chunk) <= size and type(chunk) is bytes for chunk in chunks)


def test_pieces_that_fit_are_not_copied() -> None:
    piece = b"abcd"
    assert Chunker(None).feed(piece)[0] is piece
    assert Chunker(4).feed(piece)[0] is piece


@pytest.mark.parametrize("size", [0, -1, 1.5, "1", True])
def test_a_chunk_has_a_size(size: Any) -> None:
    with pytest.raises(ValueError, match="chunk_size is a number of bytes above 0"):
        Chunker(size)


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_text_and_lines_do_not_depend_on_the_pieces(size: int) -> None:
    data = "ä\r\nb€\rc\n\n😀".encode()
    pieces = [data[at : at + size] for at in range(0, len(data), size)]

    texts = cut(Texts(TextDecoder(None)), pieces)

    assert "".join(texts) == data.decode()
    assert all(texts)
    assert cut(Lines(TextDecoder(None), None), pieces) == ["ä", "b€", "c", "", "😀"]


def test_what_is_no_whole_character_becomes_a_mark_at_the_end() -> None:
    assert cut(Texts(TextDecoder(None)), [b"a\xe2\x82"]) == ["a", "�"]
    assert cut(Lines(TextDecoder(None), None), [b"a\n\xe2\x82"]) == ["a", "�"]
    assert cut(Texts(TextDecoder(None)), []) == []


def test_lines_may_be_bounded() -> None:
    with pytest.raises(LimitExceeded):
        cut(Lines(TextDecoder(None), 3), [b"ab", b"cd"])
