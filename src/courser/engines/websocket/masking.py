"""Masking: what a client sends is XORed with four bytes again and again (RFC 6455 section 5.3).

Python has no XOR of bytes. One of integers is the fastest for small payloads, but making an integer of bytes and bytes
of an integer goes digit by digit: from some kilobytes on, four translations, one for each byte of the key, take less
(64 KiB: 50 us against 145 in one integer and 63 in the best pieces of it). They are made in place: a lane that is
written where it was just read finds its memory near (60 us from the data into an empty bytearray).

What is much is masked where it will be sent from. Every copy of a megabyte comes from a fresh map, and the system has
to clear that first: a frame of 1 MiB takes 0.8 ms so, and 1.6 ms where its payload is masked and then copied into it.
"""

from __future__ import annotations

import os
from functools import cache
from operator import itemgetter
from struct import iter_unpack

from ...hints import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

__all__ = ["LARGE", "keys", "mask", "mask_in_place"]

LARGE: Final = 2048
"""Bytes from which translating is faster; well below 64 KiB, from which integers become slow out of proportion."""

BLOCK: Final = 65536
"""Bytes that are masked before the next ones: their lanes stay in the processor's cache, and in the heap."""

KEYS: Final = 1024
"""Keys that are fetched at once."""

_ALL: Final = int.from_bytes(bytes(range(256)))
_ONES: Final = int.from_bytes(b"\x01" * 256)


def mask(data: bytes, key: bytes) -> bytes:
    """Mask or unmask: the same operation.

    Args:
        data: the payload, or a piece of it.
        key: the four bytes that go with the first four of the data.
    """
    size = len(data)
    if size < LARGE:
        return (int.from_bytes(data) ^ int.from_bytes((key * (size // 4 + 1))[:size])).to_bytes(size)
    masked = bytearray(data)
    mask_in_place(masked, key, 0)
    return bytes(masked)


@cache
def _table(byte: int) -> bytes:
    """What each byte becomes by one of the key; all of them take 74 KB."""
    return (_ALL ^ _ONES * byte).to_bytes(256)


def mask_in_place(data: bytearray, key: bytes, start: int) -> None:
    """Mask the end of something where it is.

    Args:
        data: what holds it.
        key: the four bytes that go with the first four of it.
        start: where it begins.
    """
    tables = [_table(byte) for byte in key]
    for block in range(start, len(data), BLOCK):
        end = block + BLOCK
        for lane, table in enumerate(tables, block):
            data[lane:end:4] = data[lane:end:4].translate(table)


class Keys:
    """Keys that nobody can foresee (RFC 6455 section 10.3).

    To ask the system for one takes twice as long as masking a small message. So many are fetched at once, and each is
    used once: `next(keys.ready, None) or keys.more()`. A forked child has to begin anew, or it would use those of its
    parent.

    Attributes:
        ready: those that were fetched.
    """

    __slots__ = ("ready",)

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Use none of those that were fetched."""
        self.ready: Iterator[bytes] = iter(())

    def more(self) -> bytes:
        """Fetch some; gives the first of them."""
        fetched: Iterator[bytes] = map(itemgetter(0), iter_unpack("4s", os.urandom(4 * KEYS)))
        self.ready = fetched
        return next(fetched)


keys: Final = Keys()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=keys.forget)
