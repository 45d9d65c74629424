"""Integers of any prefix, with bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courser.engines.hpack.faults import HPACKFault
from courser.engines.hpack.integers import LARGEST, decode_integer, encode_integer

MASKS = st.sampled_from([0x0F, 0x1F, 0x3F, 0x7F, 0xFF])


@pytest.mark.parametrize(
    ("value", "mask", "flags", "wire"),
    [
        (10, 0x1F, 0, "0a"),
        (10, 0x1F, 0xE0, "ea"),
        (1337, 0x1F, 0, "1f9a0a"),
        (42, 0xFF, 0, "2a"),
        (30, 0x1F, 0x20, "3e"),
        (31, 0x1F, 0x20, "3f00"),
        (127 + 127, 0x7F, 0x80, "ff7f"),
        (127 + 128, 0x7F, 0x80, "ff8001"),
        (LARGEST, 0x0F, 0, "0ff1ffffff0f"),
    ],
)
def test_integers_as_octets(value: int, mask: int, flags: int, wire: str) -> None:
    """RFC 7541 appendix C.1, and where one octet more begins."""
    octets = bytes.fromhex(wire)

    assert encode_integer(value, mask, flags) == octets
    assert decode_integer(b"\xaa" + octets + b"\xff", 1, mask) == (value, 1 + len(octets))


@given(st.integers(0, LARGEST), MASKS, st.binary(max_size=5), st.binary(max_size=5))
def test_what_is_encoded_is_decoded(value: int, mask: int, before: bytes, after: bytes) -> None:
    octets = encode_integer(value, mask, ~mask & 0xFF)

    assert octets[0] | mask == 0xFF
    assert decode_integer(before + octets + after, len(before), mask) == (value, len(before) + len(octets))


@pytest.mark.parametrize("wire", ["ff80808000", "ff8080808000"])
def test_zeros_in_front_do_no_harm(wire: str) -> None:
    assert decode_integer(bytes.fromhex(wire), 0, 0x7F) == (127, len(wire) // 2)


@pytest.mark.parametrize(
    ("wire", "text"),
    [
        ("ff808080808000", "more than 6 octets"),
        ("ff" + "80" * 100_000, "more than 6 octets"),
        ("ffffffffff7f", "an integer of 34359738494"),
        ("ff82ffffff0f", "an integer of 4294967297"),
        ("ff", "ends in the middle of an integer"),
        ("ff80", "ends in the middle of an integer"),
        ("ff80808080", "ends in the middle of an integer"),
    ],
)
def test_hpack_4_2_0_integers_have_an_end(wire: str, text: str) -> None:
    """hpack 4.2.0: neither more than six octets nor more than 2**32."""
    with pytest.raises(HPACKFault, match=text):
        decode_integer(bytes.fromhex(wire), 0, 0x7F)
