"""Strings as they are sent (RFC 7541 section 5.2)."""

from __future__ import annotations

from ...hints import TYPE_CHECKING
from .huffman import LONGEST, MOST, encode_huffman
from .integers import encode_integer

if TYPE_CHECKING:
    from typing import Final

__all__ = ["STRINGS", "WORTH", "secret_string", "string"]

WORTH: Final = 256
"""Bytes of the longest string whose Huffman code is worth its time, 6 microseconds for these; it saves a fifth."""

STRINGS: Final[dict[bytes, bytes]] = {}
"""What was sent before, and how. One cache for the process, as that for decoding."""


def string(text: bytes) -> bytes:
    """A string with its length in front, as its Huffman code if that is shorter."""
    found = STRINGS.get(text)
    if found is None:
        found = secret_string(text)
        if len(text) <= LONGEST:
            if len(STRINGS) >= MOST:
                STRINGS.clear()
            STRINGS[text] = found
    return found


def secret_string(text: bytes) -> bytes:
    """As `string`, and nothing of it is kept."""
    length = len(text)
    if length <= WORTH:
        code = encode_huffman(text)
        if len(code) < length:
            return encode_integer(len(code), 0x7F, 0x80) + code
    return encode_integer(length, 0x7F, 0) + text
