"""Header fields: several values a name, names in any case, order and case kept for the wire.

A `Headers` is either still the block of bytes an engine handed over, or a tuple of lines. The block is split when
somebody reads it: most responses are used without a look at more than one or two of their headers. Neither the
block nor the tuple is ever changed in place, so copies share them.

Values are bytes inside. Text goes out as UTF-8 (ASCII in nearly all cases) and is read as UTF-8; what is not UTF-8 is
read as ISO-8859-1, which never fails and loses nothing.
"""

from __future__ import annotations

from collections.abc import Container, ItemsView, Iterable, Iterator, KeysView, Mapping, MutableMapping, ValuesView

from ..errors import InvalidRequest
from ..hints import TYPE_CHECKING, cast
from .fields import FieldBlock
from .lines import Line, check_name, field_line, is_sensitive, split_lines

if TYPE_CHECKING:
    from typing import Any

    from _typeshed import SupportsKeysAndGetItem

    from ..settings import HeaderTypes

__all__ = ["Headers"]


def _read(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _pairs(other: Any) -> Iterator[tuple[Any, Any]]:
    if hasattr(other, "keys"):
        for name in other.keys():  # noqa: SIM118 (a mapping need not be iterable)
            yield name, other[name]
        return
    if not hasattr(other, "__iter__"):
        raise TypeError(f"headers are a mapping, or pairs of name and value, not {type(other).__name__}")
    for pair in other:
        if isinstance(pair, str | bytes) or not hasattr(pair, "__len__") or len(pair) != 2:
            raise TypeError(f"headers are a mapping, or pairs of name and value; this item is a {type(pair).__name__}")
        yield pair[0], pair[1]


def _parse(other: Any) -> tuple[list[Line], set[bytes]]:
    """Give the lines to put in, and the names they replace; a value of None only replaces."""
    lines: list[Line] = []
    names: set[bytes] = set()
    for name, value in _pairs(other):
        if value is None:
            names.add(check_name(name)[0])
        else:
            line = field_line(name, value)
            lines.append(line)
            names.add(line[0])
    return lines, names


def _replaced(old: tuple[Line, ...], new: Iterable[Line], names: set[bytes]) -> Iterable[Line]:
    """Put new lines where the first of their name stood, those of new names at the end."""
    if not old:
        return new
    present = {line[0] for line in old}
    moved: dict[bytes, list[Line]] = {}
    for line in new:
        if line[0] in present:
            moved.setdefault(line[0], []).append(line)
    lines: list[Line] = []
    for line in old:
        if line[0] in names:
            lines.extend(moved.pop(line[0], ()))
        else:
            lines.append(line)
    lines.extend(line for line in new if line[0] not in present)
    return lines


def _join(lines: Iterable[Line]) -> FieldBlock:
    return FieldBlock(b"".join([b"%b: %b\r\n" % (name, value) for _, name, value in lines]))


class Headers(MutableMapping[str, str]):
    """Header fields as a mapping that knows several values of one name (RFC 9110 section 5).

    Indexing, `get`, `items` and `values` join several values with ", ". Set-Cookie cannot be taken apart again after
    that: read it with `get_list`. Iterating gives each name once, in the case it came in.

    Args:
        init: another Headers, a mapping, or pairs; values are str or bytes. None as a value is no header.

    Raises:
        InvalidRequest: a name or a value that cannot be sent.
        TypeError: a name or a value that is neither str nor bytes.
    """

    __slots__ = ("_block", "_encoded", "_lines")

    _block: bytes
    _lines: tuple[Line, ...] | None
    _encoded: tuple[tuple[Line, ...], FieldBlock] | None
    """The lines that were encoded, and what came out: another thread may put new lines in at any time."""

    def __init__(self, init: HeaderTypes = None) -> None:
        self._block = b""
        self._lines = ()
        self._encoded = None
        if init is not None:
            self.update(init)

    @classmethod
    def from_block(cls, block: bytes) -> Headers:
        """Wrap field lines that an engine has validated, without looking at them.

        Args:
            block: whole lines, each with its CRLF; values may have outer white space.
        """
        self = cls.__new__(cls)
        self._block = block
        self._lines = None
        self._encoded = None
        return self

    def _fields(self) -> tuple[Line, ...]:
        lines = self._lines
        if lines is None:
            lines = self._lines = split_lines(self._block)
        return lines

    def _replace(self, lines: Iterable[Line]) -> None:
        self._lines = tuple(lines)

    # Reading

    def __getitem__(self, name: str) -> str:
        key = name.encode("utf-8", "replace").lower()
        joined = None
        for line in self._fields():
            if line[0] == key:
                joined = _read(line[2]) if joined is None else f"{joined}, {_read(line[2])}"
        if joined is None:
            raise KeyError(name)
        return joined

    def get_list(self, name: str) -> list[str]:
        """Give the values of a name, one for each line it came in.

        Args:
            name: in any case.
        """
        key = name.encode("utf-8", "replace").lower()
        return [_read(line[2]) for line in self._fields() if line[0] == key]

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        key = name.encode("utf-8", "replace").lower()
        # What every response is asked ("set-cookie"?) is mostly answered without splitting.
        if self._lines is None and key not in self._block.lower():
            return False
        return key in [line[0] for line in self._fields()]

    def _joined(self) -> dict[str, str]:
        names: dict[bytes, str] = {}
        values: dict[bytes, str] = {}
        for key, name, value in self._fields():
            text = _read(value)
            values[key] = f"{values[key]}, {text}" if key in values else text
            names.setdefault(key, name.decode())
        return dict(zip(names.values(), values.values(), strict=True))

    def __iter__(self) -> Iterator[str]:
        return iter(self._joined())

    def __len__(self) -> int:
        return len({line[0] for line in self._fields()})

    def keys(self) -> KeysView[str]:
        """Give each name once, in the case it came in first."""
        return self._joined().keys()

    def values(self) -> ValuesView[str]:
        """Give the values, one for each name."""
        return self._joined().values()

    def items(self) -> ItemsView[str, str]:
        """Give name and value, once for each name."""
        return self._joined().items()

    def multi_items(self) -> list[tuple[str, str]]:
        """Give name and value of every line, in order."""
        return [(name.decode(), _read(value)) for _, name, value in self._fields()]

    @property
    def raw(self) -> list[tuple[bytes, bytes]]:
        """Name and value of every line, in order, as they stand on the wire."""
        return [(name, value) for _, name, value in self._fields()]

    # Changing

    def __setitem__(self, name: str | bytes, value: str | bytes) -> None:
        line = field_line(name, value)
        self._replace(_replaced(self._fields(), [line], {line[0]}))

    def __delitem__(self, name: str) -> None:
        key = name.encode("utf-8", "replace").lower()
        lines = self._fields()
        left = [line for line in lines if line[0] != key]
        if len(left) == len(lines):
            raise KeyError(name)
        self._replace(left)

    def add(self, name: str | bytes, value: str | bytes) -> None:
        """Add a line and keep those of the same name.

        Args:
            name: a token.
            value: text, sent as UTF-8, or bytes.

        Raises:
            InvalidRequest: a name or a value that cannot be sent.
        """
        self._replace((*self._fields(), field_line(name, value)))

    def update(
        self, other: HeaderTypes | SupportsKeysAndGetItem[str, str] = None, /, **more: str | bytes | None
    ) -> None:
        """Put all values of the given names in the place of those that are here.

        Args:
            other: what `Headers()` takes; a value of None removes the name.
            more: the same by keyword.

        Raises:
            InvalidRequest: a name or a value that cannot be sent; nothing is changed then.
        """
        given: tuple[Iterable[Line], set[bytes]]
        if isinstance(other, Headers):
            given = other._fields(), {line[0] for line in other._fields()}
        else:
            given = _parse(() if other is None else other)
        for new, names in (given, _parse(more)) if more else (given,):
            if names:
                self._replace(_replaced(self._fields(), new, names))

    def clear(self) -> None:
        """Remove all headers."""
        self._replace(())

    def copy(self) -> Headers:
        """Make a copy that can be changed apart from this one; it costs next to nothing."""
        made = self.from_block(self._block)
        made._lines = self._lines
        made._encoded = self._encoded
        return made

    def merged(self, other: HeaderTypes) -> Headers:
        """Make a copy and update it.

        Args:
            other: what `update` takes.
        """
        made = self.copy()
        made.update(other)
        return made

    # On the wire

    def encode(self) -> FieldBlock:
        """Give all lines as they go onto an HTTP/1.1 connection; made once, then kept until the next change."""
        encoded = self._encoded
        if encoded is None or encoded[0] is not self._lines:
            lines = self._fields()
            encoded = self._encoded = (lines, _join(lines))
        return encoded[1]

    def encode_without(self, names: Container[bytes]) -> FieldBlock:
        """Give the lines as `encode` does, but leave some out.

        Args:
            names: what to leave out, in lower case.
        """
        return _join([line for line in self._fields() if line[0] not in names])

    # As a value

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Headers):
            return self._by_name() == other._by_name()
        if not isinstance(other, Mapping):
            return NotImplemented
        try:
            return self._by_name() == Headers(cast("Mapping[str, str]", other))._by_name()
        except (TypeError, InvalidRequest):
            return False

    def _by_name(self) -> dict[bytes, list[bytes]]:
        values: dict[bytes, list[bytes]] = {}
        for key, _, value in self._fields():
            values.setdefault(key, []).append(value)
        return values

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.raw,)

    def __repr__(self) -> str:
        shown = [(name.decode(), "***" if is_sensitive(key) else _read(value)) for key, name, value in self._fields()]
        return f"Headers({shown!r})"
