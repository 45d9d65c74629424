"""The static table (RFC 7541 appendix A) and the dynamic table of an encoder (section 2.3)."""

from __future__ import annotations

from collections import deque

from ...hints import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Final, TypeAlias

    Field: TypeAlias = tuple[bytes, bytes]

__all__ = ["FIRST_DYNAMIC", "OVERHEAD", "STATIC", "STATIC_FIELDS", "STATIC_NAMES", "TABLE_SIZE", "Table"]

STATIC: Final[tuple[Field, ...]] = (
    (b":authority", b""),
    (b":method", b"GET"),
    (b":method", b"POST"),
    (b":path", b"/"),
    (b":path", b"/index.html"),
    (b":scheme", b"http"),
    (b":scheme", b"https"),
    (b":status", b"200"),
    (b":status", b"204"),
    (b":status", b"206"),
    (b":status", b"304"),
    (b":status", b"400"),
    (b":status", b"404"),
    (b":status", b"500"),
    (b"accept-charset", b""),
    (b"accept-encoding", b"gzip, deflate"),
    (b"accept-language", b""),
    (b"accept-ranges", b""),
    (b"accept", b""),
    (b"access-control-allow-origin", b""),
    (b"age", b""),
    (b"allow", b""),
    (b"authorization", b""),
    (b"cache-control", b""),
    (b"content-disposition", b""),
    (b"content-encoding", b""),
    (b"content-language", b""),
    (b"content-length", b""),
    (b"content-location", b""),
    (b"content-range", b""),
    (b"content-type", b""),
    (b"cookie", b""),
    (b"date", b""),
    (b"etag", b""),
    (b"expect", b""),
    (b"expires", b""),
    (b"from", b""),
    (b"host", b""),
    (b"if-match", b""),
    (b"if-modified-since", b""),
    (b"if-none-match", b""),
    (b"if-range", b""),
    (b"if-unmodified-since", b""),
    (b"last-modified", b""),
    (b"link", b""),
    (b"location", b""),
    (b"max-forwards", b""),
    (b"proxy-authenticate", b""),
    (b"proxy-authorization", b""),
    (b"range", b""),
    (b"referer", b""),
    (b"refresh", b""),
    (b"retry-after", b""),
    (b"server", b""),
    (b"set-cookie", b""),
    (b"strict-transport-security", b""),
    (b"transfer-encoding", b""),
    (b"user-agent", b""),
    (b"vary", b""),
    (b"via", b""),
    (b"www-authenticate", b""),
)
"""The fields of index 1 and on."""

FIRST_DYNAMIC: Final = len(STATIC) + 1
"""The index of the field that came last into the dynamic table (section 2.3.3)."""

STATIC_FIELDS: Final[dict[Field, int]] = {field: index for index, field in enumerate(STATIC, 1)}

STATIC_NAMES: Final[dict[bytes, int]] = {name: index for index, (name, _) in reversed([*enumerate(STATIC, 1)])}
"""The lowest index of each name."""

OVERHEAD: Final = 32
"""What a field counts beyond the bytes of its name and its value (section 4.1)."""

TABLE_SIZE: Final = 4096
"""The size of a dynamic table at first (RFC 9113 section 6.5.2), and the most that we use of what a peer allows."""


class Table:
    """The dynamic table of an encoder: finds the index of a field, or of a name."""

    __slots__ = ("_count", "_fields", "_names", "_numbers", "_size", "capacity")

    def __init__(self) -> None:
        self.capacity = TABLE_SIZE
        self._size = 0
        # Fields are numbered as they come in. What is numbered n has the index FIRST_DYNAMIC + _count - n.
        self._count = 0
        self._fields: deque[Field] = deque()
        self._numbers: dict[Field, int] = {}
        self._names: dict[bytes, int] = {}

    def index(self, field: Field) -> int:
        """Of a field; 0 if it is not here."""
        number = self._numbers.get(field)
        return FIRST_DYNAMIC + self._count - number if number else 0

    def name_index(self, name: bytes) -> int:
        """Of the youngest field of this name; 0 if there is none."""
        number = self._names.get(name)
        return FIRST_DYNAMIC + self._count - number if number else 0

    def fits(self, field: Field) -> bool:
        """Whether it would stay in the table."""
        return len(field[0]) + len(field[1]) + OVERHEAD <= self.capacity

    def add(self, field: Field) -> None:
        """Take in a field that is not here and fits; the oldest make room for it (section 4.4)."""
        size = len(field[0]) + len(field[1]) + OVERHEAD
        self._evict(self.capacity - size)
        self._size += size
        self._count += 1
        self._fields.append(field)
        self._numbers[field] = self._names[field[0]] = self._count

    def resize(self, capacity: int) -> None:
        """Section 4.3."""
        self.capacity = capacity
        self._evict(capacity)

    def _evict(self, room: int) -> None:
        while self._size > room:
            field = self._fields.popleft()
            name, value = field
            self._size -= len(name) + len(value) + OVERHEAD
            number = self._numbers.pop(field)
            if self._names[name] == number:
                del self._names[name]
