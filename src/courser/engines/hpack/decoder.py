"""From header blocks to fields.

Indexes are resolved by one list: an octet that stands for an indexed field (0x81 to 0xFE, section 6.1) is the place of
this field in it, and the dynamic table, youngest first, is its end.

What a block decodes to is weighed by its parts. No field from the table is larger than the largest that ever was in it,
and no Huffman code stands for more than 8/5 of its own length: so a short block cannot come near the limits, and is not
weighed at all. A longer one is weighed every few bytes of it, and once it is too much, nothing of it is kept.
"""

from __future__ import annotations

from itertools import chain

from ...hints import TYPE_CHECKING
from .faults import HPACKFault, ListTooLarge
from .huffman import DECODED, decode_huffman
from .imprint import imprint
from .integers import decode_integer
from .names import SENSITIVE
from .tables import FIRST_DYNAMIC, OVERHEAD, STATIC, TABLE_SIZE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Final

    from .imprint import Imprint
    from .tables import Field

__all__ = ["Decoder"]

_ZERO: Final = 0x80
"""Where index 0 would be in the list: an indexed field's first bit is one (section 6.1)."""

_YOUNGEST: Final = _ZERO + FIRST_DYNAMIC

_LARGEST_STATIC: Final = max(len(name) + len(value) + OVERHEAD for name, value in STATIC)

_HOPELESS: Final = 16
"""How many times too large a list has to be for the connection to end with it."""

_MOST_PENDING: Final = 256
"""Imprints that are noted before they are entered."""

_STRETCH: Final = 2048
"""Bytes of a block that are decoded between one weighing and the next. Updates of the table's size, of which there are
two at most (section 4.2), have to be among the first."""


class Decoder:
    """Decodes the blocks of one direction of a connection, in the order in which they were sent.

    Args:
        max_table_size: octets of dynamic table, SETTINGS_HEADER_TABLE_SIZE.
        max_list_size: octets of the fields of one block, 32 more for each (section 4.1), SETTINGS_MAX_HEADER_LIST_SIZE.
        max_fields: fields of one block.

    Attributes:
        generation: another number after each change of the dynamic table. A block whose decoding does not change it
            gives the same list again for as long as it stays.
    """

    __slots__ = (
        "_capacity",
        "_entries",
        "_largest",
        "_max_fields",
        "_max_list_size",
        "_max_table_size",
        "_pending",
        "_size",
        "_unweighed",
        "generation",
    )

    def __init__(self, max_table_size: int = TABLE_SIZE, max_list_size: int = 131072, max_fields: int = 256) -> None:
        self._max_table_size = self._capacity = max_table_size
        self._max_list_size = max_list_size
        self._max_fields = max_fields
        self._entries: list[Field] = [(b"", b"")] * (_ZERO + 1) + [*STATIC]
        self._size = 0
        self._largest = _LARGEST_STATIC
        self.generation = 0
        # Imprints of blocks that have come again, the last one at the end, whose fields are not entered yet.
        self._pending: list[Imprint] = []
        self._unweighed = self._bound()

    @property
    def max_table_size(self) -> int:
        """What we allow the encoder, once it has acknowledged our settings; less than it uses now has to be followed by
        an update."""
        return self._max_table_size

    @max_table_size.setter
    def max_table_size(self, size: int) -> None:
        self._max_table_size = size
        self._unweighed = self._bound()
        self.generation += 1

    def decode(self, block: bytes) -> list[Field]:
        """The fields of a whole block.

        Raises:
            HPACKFault: the block breaks RFC 7541, or decodes to very much more than is allowed.
            ListTooLarge: it decodes to more than is allowed.
        """
        if self._pending:
            self._catch_up()
        fields: list[Field] = []
        end = len(block)
        lost = 0
        try:
            if end <= self._unweighed:
                position = self._read(block, 0, end, fields)
            else:
                position, lost = self._read_weighed(block, fields)
        except IndexError as exc:
            raise HPACKFault("an index beyond the tables, or the block ends in the middle of a field") from exc
        if position != end:
            raise HPACKFault("the block ends in the middle of a string")
        if lost:
            raise ListTooLarge(f"a block of {end} bytes decodes to {lost}, or to too many fields")
        return fields

    def imprint(self, block: bytes, fields: Sequence[Field]) -> Imprint | None:
        """What the block that was decoded last adds to the table; None where it does not mean the same for ever."""
        added = imprint(block, fields)
        if added is not None and any(len(name) + len(value) + OVERHEAD > self._capacity for name, value in added):
            return None  # such a field empties the table
        return added

    def replay(self, added: Imprint) -> None:
        """Take note that a block has come again; it need not be decoded.

        Args:
            added: its imprint.
        """
        self.generation += 1
        self._pending.append(added)
        if len(self._pending) >= _MOST_PENDING:
            self._catch_up()

    def _catch_up(self) -> None:
        """Enter what was noted, the youngest first: what would have been evicted since is not even looked at."""
        pending, self._pending = self._pending, []
        entries, capacity = self._entries, self._capacity
        young: list[Field] = []
        size = 0
        for field in chain.from_iterable(map(reversed, reversed(pending))):
            weight = len(field[0]) + len(field[1]) + OVERHEAD
            if size + weight > capacity:
                del entries[_YOUNGEST:]
                self._size = 0
                break
            size += weight
            young.append(field)
        while self._size + size > capacity:
            name, value = entries.pop()
            self._size -= len(name) + len(value) + OVERHEAD
        entries[_YOUNGEST:_YOUNGEST] = young
        self._size += size

    def _read(self, block: bytes, position: int, stop: int, fields: list[Field]) -> int:
        """Decode fields that start before `stop`; returns where the next one would start.

        Where an octet is not there, or a place in the list, this raises IndexError; where a string is cut off, what is
        returned lies behind the end of the block. All in one function: a call costs as much as two indexed fields.
        """
        at_start, changed = not position, False
        entries, capacity, size, largest = self._entries, self._capacity, self._size, self._largest
        append, known = fields.append, DECODED.get
        while position < stop:
            first = block[position]
            position += 1
            if first > 0x80:  # indexed, section 6.1
                if first == 0xFF:
                    index, position = decode_integer(block, position - 1, 0x7F)
                    append(entries[_ZERO + index])
                else:
                    append(entries[first])
                continue
            name = None
            if first >= 0x40:  # a literal with incremental indexing, section 6.2.1
                if first < 0x7F:
                    if first != 0x40:
                        name = entries[first + 0x40][0]
                elif first == 0x7F:
                    index = block[position]
                    if index < 0x80:  # most need no third octet
                        position += 1
                        name = entries[_ZERO + 0x3F + index][0]
                    else:
                        index, position = decode_integer(block, position - 1, 0x3F)
                        name = entries[_ZERO + index][0]
                else:
                    raise HPACKFault("index 0")
            elif first < 0x20:  # a literal without indexing or never indexed, sections 6.2.2 and 6.2.3
                index = first & 0x0F
                if index == 0x0F:
                    index = block[position]
                    if index < 0x80:
                        position += 1
                        index += 0x0F
                    else:
                        index, position = decode_integer(block, position - 1, 0x0F)
                if index:
                    name = entries[_ZERO + index][0]
            else:
                if fields or not at_start:
                    raise HPACKFault("an update of the table's size that is not at the start")
                position = self._update(block, position - 1)
                capacity, size = self._capacity, self._size
                continue
            while True:  # the name, if it was not an index, and the value: strings, section 5.2
                length = block[position]
                start = position + 1
                if length >= 0x80:
                    if length == 0xFF:
                        length, start = decode_integer(block, position, 0x7F)
                        length += 0x80
                    position = start + length - 0x80
                    code = block[start:position]
                    text = known(code)
                    if text is None:
                        text = decode_huffman(code, name not in SENSITIVE and first & 0xF0 != 0x10)
                else:
                    if length == 0x7F:
                        length, start = decode_integer(block, position, 0x7F)
                    position = start + length
                    text = block[start:position]
                if name is not None:
                    break
                name = text
            field = name, text
            append(field)
            if first >= 0x40:
                changed = True
                weight = len(name) + len(text) + OVERHEAD
                size += weight
                while size > capacity and size > weight:
                    old_name, old_value = entries.pop()
                    size -= len(old_name) + len(old_value) + OVERHEAD
                if size > capacity:  # it does not fit alone, and leaves the table empty, section 4.4
                    size = 0
                else:
                    entries.insert(_YOUNGEST, field)
                    if weight > largest:
                        largest = weight
        if changed:
            self._size = size
            if largest > self._largest:
                self._largest = largest
                self._unweighed = self._bound()
            self.generation += 1
        return position

    def _read_weighed(self, block: bytes, fields: list[Field]) -> tuple[int, int]:
        """As `_read` for a whole block, of which not much is kept if it is too much; also returns how much that was."""
        if self._capacity > self._max_table_size and block[0] & 0xE0 != 0x20:
            raise HPACKFault("the table's size is not updated to what our settings allow")
        end = len(block)
        position = lost = 0
        while position < end:
            position = self._read(block, position, min(end, position + _STRETCH), fields)
            count = len(fields)
            if not lost and count <= self._max_fields and count * self._largest + 2 * position <= self._max_list_size:
                continue
            weight = lost + count * OVERHEAD + sum(map(len, chain.from_iterable(fields)))
            if lost or count > self._max_fields or weight > self._max_list_size:
                if weight > self._max_list_size * _HOPELESS:
                    raise HPACKFault(f"a block of {end} bytes decodes to more than {weight}")
                fields.clear()
                lost = weight
        return position, lost

    def _update(self, block: bytes, position: int) -> int:
        """Section 6.3."""
        capacity, position = decode_integer(block, position, 0x1F)
        if capacity > self._max_table_size:
            raise HPACKFault(f"an update of the table's size to {capacity}, {self._max_table_size} are allowed")
        self._capacity = capacity
        while self._size > capacity:
            name, value = self._entries.pop()
            self._size -= len(name) + len(value) + OVERHEAD
        self._unweighed = self._bound()
        self.generation += 1
        return position

    def _bound(self) -> int:
        """How long a block may be that needs no weighing: with a field in each byte of it, each of them as large as the
        largest in the table and all strings of the block together, it is within the limits."""
        if self._capacity > self._max_table_size:
            return 0
        return min(self._max_fields, self._max_list_size // (self._largest + 2 * self._max_fields + 2))
