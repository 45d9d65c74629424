"""From fields to header blocks.

A field enters the dynamic table when it is seen for the second time, so that what differs in each message never drives
out what does not. Secrets are sent as such and leave no trace here: in no table, in no cache.
"""

from __future__ import annotations

from ...hints import TYPE_CHECKING
from .integers import encode_integer
from .names import SENSITIVE, UNINDEXED
from .strings import secret_string, string
from .tables import STATIC_FIELDS, STATIC_NAMES, TABLE_SIZE, Table

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from typing import Final

    from .tables import Field

__all__ = ["Encoder"]

_SEEN: Final = 256
"""How many fields that were seen once are remembered, by their hashes."""

_PLAIN_NAMES: Final[dict[bytes, bytes]] = {name: encode_integer(index, 0x0F, 0) for name, index in STATIC_NAMES.items()}
"""How a literal without indexing begins (section 6.2.2)."""


class Encoder:
    """Encodes the blocks of one direction of a connection, in the order in which they are sent.

    Args:
        sensitive: names, in lower case, of fields that are secrets besides those in `names.SENSITIVE`.

    Attributes:
        generation: another number after each change of the dynamic table. A block whose encoding does not change it
            can be sent again for as long as it stays; only the second encoding of new fields enters them, though.
        pending_update: whether the next block will begin with an update of the table's size.
    """

    __slots__ = ("_indexed", "_seen", "_sensitive", "_size", "_smallest", "_table", "generation", "pending_update")

    def __init__(self, sensitive: Collection[bytes] = ()) -> None:
        self._sensitive = SENSITIVE.union(sensitive)
        self._table = Table()
        # Fields of both tables, as they are sent while the generation lasts.
        self._indexed: dict[Field, bytes] = {}
        self._seen: set[int] = set()
        self._size = self._smallest = TABLE_SIZE
        self.generation = 0
        self.pending_update = False

    def resize(self, size: int) -> None:
        """Follow the peer's SETTINGS_HEADER_TABLE_SIZE, from the next block on.

        Args:
            size: octets; of more than 4096, 4096 are used.
        """
        size = min(size, TABLE_SIZE)
        if size == self._size:
            return
        if not self.pending_update:
            self.pending_update = True
            self._smallest = size
        self._smallest = min(self._smallest, size)
        self._size = size
        self.generation += 1

    def encode(self, fields: Sequence[Field]) -> bytes:
        """The block of these fields; names are in lower case, pseudo-header fields come first."""
        pieces = [self._update()] if self.pending_update else []
        append, known = pieces.append, self._indexed.get
        for field in fields:
            append(known(field) or self._encode(field))
        return b"".join(pieces)

    def literal(self, name: bytes, value: bytes) -> bytes:
        """One field that can stand in any block, whatever was encoded before; it is not indexed."""
        if name in self._sensitive:
            return _never_indexed(name, value)
        return (_PLAIN_NAMES.get(name) or b"\0" + string(name)) + string(value)

    def _encode(self, field: Field) -> bytes:
        name, value = field
        if name in self._sensitive:
            return _never_indexed(name, value)
        index = STATIC_FIELDS.get(field)
        if not index:
            if name in UNINDEXED:
                return _PLAIN_NAMES[name] + string(value)
            index = self._table.index(field)
        if index:
            indexed = self._indexed[field] = encode_integer(index, 0x7F, 0x80)
            return indexed
        if not self._table.fits(field) or self._is_new(field):
            return self._literal(name, value, 0x0F, 0)
        literal = self._literal(name, value, 0x3F, 0x40)
        self._table.add(field)
        self._indexed.clear()
        self.generation += 1
        return literal

    def _literal(self, name: bytes, value: bytes, mask: int, flags: int) -> bytes:
        index = STATIC_NAMES.get(name) or self._table.name_index(name)
        if index:
            return encode_integer(index, mask, flags) + string(value)
        return bytes((flags,)) + string(name) + string(value)

    def _is_new(self, field: Field) -> bool:
        """Whether this is its first sight; to take one for its second is no harm."""
        seen, key = self._seen, hash(field)
        if key in seen:
            seen.remove(key)
            return False
        if len(seen) >= _SEEN:
            seen.clear()
        seen.add(key)
        return True

    def _update(self) -> bytes:
        """Where the size changed more than once, also the smallest is said (section 4.2)."""
        updates = b""
        if self._smallest < self._size:
            self._table.resize(self._smallest)
            updates = encode_integer(self._smallest, 0x1F, 0x20)
        self._table.resize(self._size)
        self._indexed.clear()
        self.pending_update = False
        self.generation += 1
        return updates + encode_integer(self._size, 0x1F, 0x20)


def _never_indexed(name: bytes, value: bytes) -> bytes:
    """Section 6.2.3."""
    index = STATIC_NAMES.get(name)
    start = encode_integer(index, 0x0F, 0x10) if index else b"\x10" + string(name)
    return start + secret_string(value)
