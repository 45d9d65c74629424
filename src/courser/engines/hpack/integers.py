"""Integers with a prefix in their first octet (RFC 7541 section 5.1)."""

from __future__ import annotations

from ...hints import TYPE_CHECKING
from .faults import HPACKFault

if TYPE_CHECKING:
    from typing import Final

__all__ = ["LARGEST", "decode_integer", "encode_integer"]

LARGEST: Final = 1 << 32
"""The largest integer that is taken. Section 5.1 asks for a limit; nothing here has a use for half as much."""

_SHIFTS: Final = (0, 7, 14, 21, 28)
"""Of the octets after the first: six in all are as many as `LARGEST` needs."""


def decode_integer(data: bytes, position: int, mask: int) -> tuple[int, int]:
    """The integer that starts at a position, and the position after it.

    Args:
        data: what it stands in, up to the end of which it may go.
        position: of the octet that holds the prefix.
        mask: the bits of the prefix.

    Raises:
        HPACKFault: it is too large or too long, or the data ends before it does.
    """
    value = data[position] & mask
    if value < mask:
        return value, position + 1
    octets = data[position + 1 : position + 1 + len(_SHIFTS)]
    for shift, octet in zip(_SHIFTS, octets, strict=False):
        value += (octet & 0x7F) << shift
        if octet < 0x80:
            if value > LARGEST:
                raise HPACKFault(f"an integer of {value}")
            return value, position + 2 + shift // 7
    if len(octets) < len(_SHIFTS):
        raise HPACKFault("the block ends in the middle of an integer")
    raise HPACKFault(f"an integer of more than {len(_SHIFTS) + 1} octets")


def encode_integer(value: int, mask: int, flags: int) -> bytes:
    """An integer as octets.

    Args:
        value: not negative.
        mask: the bits of the prefix.
        flags: the other bits of the first octet.
    """
    if value < mask:
        return bytes((flags | value,))
    octets = bytearray((flags | mask,))
    value -= mask
    while value > 0x7F:
        octets.append(value & 0x7F | 0x80)
        value >>= 7
    octets.append(value)
    return bytes(octets)
