"""What a block does to the dynamic table, where it stands for itself.

Many servers enter the fields of every response into the table and never refer to it. Such a block means the same
whatever is in the table, but the table has to keep up with it. Its imprint is what it adds: whoever sees the block
again need not decode it (`Decoder.replay`).
"""

from __future__ import annotations

from ...hints import TYPE_CHECKING
from .integers import decode_integer
from .tables import FIRST_DYNAMIC

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    from .tables import Field

    Imprint: TypeAlias = tuple[Field, ...]

__all__ = ["imprint"]


def imprint(block: bytes, fields: Sequence[Field]) -> Imprint | None:
    """The fields that a block adds to the table; None where it refers to what others have added, or resizes the table.

    Args:
        block: a block that was decoded without an error.
        fields: what it decoded to.
    """
    added: list[Field] = []
    position, end = 0, len(block)
    number = 0
    while position < end:
        first = block[position]
        if first >= 0x80:  # indexed, section 6.1
            index, position = decode_integer(block, position, 0x7F)
        elif first >= 0x40:  # a literal with incremental indexing, section 6.2.1
            index, position = decode_integer(block, position, 0x3F)
            position = _behind_strings(block, position, 1 if index else 2)
            added.append(fields[number])
        elif first >= 0x20:  # an update of the table's size, section 6.3
            return None
        else:  # a literal that is not entered, sections 6.2.2 and 6.2.3
            index, position = decode_integer(block, position, 0x0F)
            position = _behind_strings(block, position, 1 if index else 2)
        if index >= FIRST_DYNAMIC:
            return None
        number += 1
    return tuple(added)


def _behind_strings(block: bytes, position: int, count: int) -> int:
    """Where the next thing starts after some strings, section 5.2."""
    for _ in range(count):
        length, position = decode_integer(block, position, 0x7F)
        position += length
    return position
