"""Masking is what RFC 6455 section 5.3 says, whichever way it is done."""

from __future__ import annotations

import pytest
import wswire as wire
from hypothesis import given, settings
from hypothesis import strategies as st

from courser.engines.websocket.masking import LARGE, mask


def test_the_example_of_rfc_6455_5_7() -> None:
    assert mask(b"Hello", wire.KEY) == bytes.fromhex("7f9f4d5158")


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 7, 8, 125, 126, *range(LARGE - 2, LARGE + 6), 100_003])
def test_every_way_does_the_same(size: int) -> None:
    data = bytes(at * 7 + at // 256 & 0xFF for at in range(size))
    masked = mask(data, wire.KEY)

    assert masked == wire.xor(data, wire.KEY)
    assert mask(bytes(masked), wire.KEY) == data


@pytest.mark.parametrize("size", [16, LARGE])
def test_a_key_of_zeros_changes_nothing(size: int) -> None:
    assert mask(b"x" * size, bytes(4)) == b"x" * size


@settings(deadline=None)
@given(data=st.binary(max_size=300), key=st.binary(min_size=4, max_size=4), large=st.booleans())
def test_whatever_the_key(data: bytes, key: bytes, large: bool) -> None:
    if large:
        data = data.ljust(LARGE, b"\xff")
    assert mask(data, key) == wire.xor(data, key)
