"""A reader of multipart/form-data for tests: strict, small, and written after RFC 7578 and the HTML Standard alone."""

from __future__ import annotations

import re

_CONTENT_TYPE = re.compile(r'multipart/[a-z-]+; ?boundary="?([^"]+)"?')
_DISPOSITION = re.compile(rb'form-data; name="([^"\r\n]*)"(?:; filename="([^"\r\n]*)")?')


class Entry:
    """One part.

    Attributes:
        name: of the field, its escapes undone.
        filename: likewise, None where there is none.
        fields: name in lower case and value of every line, Content-Disposition included.
        content: what it holds.
    """

    def __init__(self, head: bytes, content: bytes) -> None:
        self.fields = {}
        for line in head.split(b"\r\n"):
            assert b"\r" not in line
            assert b"\n" not in line
            name, colon, value = line.partition(b": ")
            assert colon, line
            assert name.lower() not in self.fields
            self.fields[name.lower()] = value
        found = _DISPOSITION.fullmatch(self.fields[b"content-disposition"])
        assert found, self.fields
        self.name = _unescaped(found[1])
        self.filename = None if found[2] is None else _unescaped(found[2])
        kind = self.fields.get(b"content-type")
        self.content_type = None if kind is None else kind.decode()
        self.content = content

    def __eq__(self, other: object) -> bool:
        return (self.name, self.filename, self.content_type, self.content) == other

    def __repr__(self) -> str:
        return repr((self.name, self.filename, self.content_type, self.content))


def _unescaped(data: bytes) -> str:
    return data.replace(b"%22", b'"').replace(b"%0D", b"\r").replace(b"%0A", b"\n").decode("utf-8")


def read_form(content_type: str | None, data: bytes) -> list[Entry]:
    """The parts of a body, in order; anything that is not as it should be is an AssertionError."""
    match = _CONTENT_TYPE.fullmatch(content_type or "")
    assert match, content_type
    mark = b"--" + match[1].encode()
    assert data.startswith(mark)
    assert data.endswith(b"\r\n" + mark + b"--\r\n") or data == mark + b"--\r\n"
    first, *parts = (b"\r\n" + data).split(b"\r\n" + mark)
    assert first == b""
    assert parts.pop() == b"--\r\n"
    entries = []
    for part in parts:
        assert part.startswith(b"\r\n")
        head, empty, content = part[2:].partition(b"\r\n\r\n")
        assert empty
        entries.append(Entry(head, content))
    return entries
