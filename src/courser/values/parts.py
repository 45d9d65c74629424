"""The parts of a multipart/form-data (RFC 7578), from what a caller gives as `data` and `files`.

Names and file names go out as browsers send them (HTML Standard, "multipart form data"): as UTF-8, with `"`, CR and LF
escaped as %22, %0D and %0A, and with nothing else escaped. What no escape covers, and would break the line or end it
for some reader, is refused, in names, types and fields alike.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from ..errors import InvalidRequest
from ..hints import TYPE_CHECKING, cast
from .body import Body
from .content import content_body
from .form import form_fields, pairs_of
from .headers import Headers
from .pattern import late_pattern

if TYPE_CHECKING:
    from typing import Any, Final, TypeAlias

__all__ = ["Part", "make_parts"]

UNNAMED: Final = "upload"
"""The file name of what has none, as in HTTPX: without one it would be a field, not a file."""

_OCTETS: Final = "application/octet-stream"
_PACKED: Final = {"gzip": "application/gzip", "bzip2": "application/x-bzip2", "xz": "application/x-xz"}
"""The types of files whose encoding is what `mimetypes` knows them by: `x.tar.gz` is no tar."""

_CONTROL: Final = late_pattern(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

Spread: TypeAlias = "tuple[str | None, Any, str | None, Any]"


class Part:
    """One part of a multipart.

    Args:
        name: of the field.
        head: its header lines, and the empty line after them.
        body: what it holds.
    """

    __slots__ = ("body", "head", "name")

    def __init__(self, name: str, head: bytes, body: Body) -> None:
        self.name = name
        self.head = head
        self.body = body


def make_parts(data: Any, files: Any) -> list[Part]:
    """Give the parts that a form and files make: first the fields, then the files, each in their order.

    Args:
        data: a form, or None.
        files: a mapping or pairs; each value is what is sent, or (filename, what), (filename, what, content type) or
            (filename, what, content type, headers). Without a file name (None) it is a field. None is left out.

    Raises:
        InvalidRequest: something that cannot be sent.
        TypeError: something is of another type.
    """
    parts = [_field(name, value) for name, value in form_fields({} if data is None else data)]
    parts.extend(_files(files))
    return parts


def _field(name: str, value: str | bytes) -> Part:
    return Part(name, _disposition(name, None) + b"\r\n", content_body(value, f"part {name!r}"))


def _files(files: Any) -> Iterator[Part]:
    taken: dict[int, str] = {}
    for name, value in pairs_of(files, "files"):
        filename, content, content_type, fields = _spread(name, value)
        if content is None:
            continue
        body = content_body(content, f"part {name!r}")
        if body.once:
            if id(content) in taken:
                raise InvalidRequest(
                    detail=f"the parts {taken[id(content)]!r} and {name!r} are one {type(content).__name__}, "
                    "which can be read only once"
                )
            taken[id(content)] = name
        yield Part(name, _head(name, filename, content_type, fields), body)


def _spread(name: str, value: Any) -> Spread:
    """Give file name, content, content type and fields of one value."""
    if isinstance(value, list):
        # In Requests a list is what a tuple is; as data it would be several fields; as content, pieces.
        raise TypeError(
            f"part {name!r} is a list: give (filename, content) as a tuple, and several files of one name as pairs"
        )
    if not isinstance(value, tuple):
        return _name_of(value), value, None, None
    items = cast("Sequence[Any]", value)
    if not 2 <= len(items) <= 4:
        raise TypeError(
            f"part {name!r} is a tuple of {len(items)}: "
            "it is (filename, content), and content type and headers may follow"
        )
    filename, content, content_type, fields = (*items, None, None)[:4]
    for what, text in (("file name", filename), ("content type", content_type)):
        if text is not None and not isinstance(text, str):
            raise TypeError(f"the {what} of part {name!r} is a str or None, not {type(text).__name__}")
    return filename, content, content_type, fields


def _name_of(content: Any) -> str:
    path = getattr(content, "__fspath__", None)
    name: Any = getattr(content, "name", None) if path is None else path()
    if isinstance(name, bytes):
        name = os.fsdecode(name)
    # A file opened by its descriptor has a number as its name, standard input has "<stdin>".
    if not isinstance(name, str) or name.startswith("<"):
        return UNNAMED
    return os.path.basename(name) or UNNAMED


def _head(name: str, filename: str | None, content_type: str | None, fields: Any) -> bytes:
    given = Headers(fields)
    if "content-disposition" in given:
        raise InvalidRequest(
            detail=f"part {name!r} has a header Content-Disposition", hint="it is made of the name and the file name"
        )
    if content_type is None:
        if filename is not None and "content-type" not in given:
            content_type = _guess(filename)
    elif "content-type" in given:
        raise InvalidRequest(
            detail=f"part {name!r} has a content type and a header Content-Type", hint="give one of them"
        )
    kind = b"" if content_type is None else Headers({"Content-Type": content_type}).encode()
    return b"%b%b%b\r\n" % (_disposition(name, filename), kind, given.encode())


def _disposition(name: str, filename: str | None) -> bytes:
    line = b'Content-Disposition: form-data; name="%b"' % _escaped(name, "name")
    if filename is not None:
        line += b'; filename="%b"' % _escaped(filename, "file name")
    return line + b"\r\n"


def _escaped(text: str, what: str) -> bytes:
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError as exc:
        raise InvalidRequest(detail=f"the {what} {text!r} of a part has a lone surrogate") from exc
    if _CONTROL.search(data):
        raise InvalidRequest(detail=f"the {what} {text!r} of a part has a control character")
    return data.replace(b"\r", b"%0D").replace(b"\n", b"%0A").replace(b'"', b"%22")


def _guess(filename: str) -> str:
    from mimetypes import guess_type

    kind, packed = guess_type(filename)
    return (kind if packed is None else _PACKED.get(packed)) or _OCTETS
