"""Pieces become one object, in linear memory however small they are."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courser.engines.websocket.gathering import BLOCK, LARGE, Gathering


@pytest.mark.parametrize(
    "sizes",
    [
        [],
        [0],
        [1, 2, 3],
        [LARGE],
        [LARGE, LARGE],
        [5, LARGE, 5],
        [LARGE - 1] * 9,
        [1] * (BLOCK + 1),
        [BLOCK, 1, BLOCK],
    ],
)
def test_the_whole_is_all_pieces_in_order(sizes: list[int]) -> None:
    gathering = Gathering()
    pieces = [bytes((number % 256,)) * size for number, size in enumerate(sizes)]
    for _ in range(2):
        for piece in pieces:
            gathering.add(piece)
        whole = gathering.whole()
        assert whole == b"".join(pieces)
        assert type(whole) is bytes
    assert gathering.whole() == b""


@given(st.lists(st.integers(0, 3 * LARGE), max_size=12))
def test_whatever_the_sizes(sizes: list[int]) -> None:
    gathering = Gathering()
    for size in sizes:
        gathering.add(b"x" * size)
    assert len(gathering.whole()) == sum(sizes)


def test_a_large_piece_alone_is_not_copied() -> None:
    gathering = Gathering()
    piece = b"x" * LARGE
    gathering.add(piece)
    assert gathering.whole() is piece


def test_aiohttp_13350_pieces_of_one_byte_take_no_more_than_twice_the_memory() -> None:
    size = 1024 * 1024
    gathering = Gathering()
    tracemalloc.start()
    try:
        for number in range(size):
            gathering.add(b"%c" % (number % 256))
        held, _ = tracemalloc.get_traced_memory()
        whole = gathering.whole()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(whole) == size
    assert held <= 1.2 * size
    assert peak <= 2.2 * size
