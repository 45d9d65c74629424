"""A form with files as one body: multipart/form-data (RFC 7578, RFC 2046 section 5.1.1), streamed part by part.

Nothing is read before it is sent, and nothing is held but the lines between the parts, which leave together with the
piece that follows them where that is small. The length is known where that of every part is, and the whole can be sent
again where every part can.
"""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Iterator

from ..errors import InvalidRequest
from ..hints import TYPE_CHECKING, cast
from .body import AnyPieces, Body
from .files import Paced
from .parts import Part, make_parts
from .pattern import late_pattern
from .pieces import end, end_later, following

if TYPE_CHECKING:
    from typing import Any, Final

__all__ = ["MultipartBody", "make_multipart"]

SMALL: Final = 64 * 1024
"""Bytes that are copied to save a send: that is cheaper up to here."""

_BOUNDARY: Final = late_pattern(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]")
"""RFC 2046 section 5.1.1."""

_PARAMETER: Final = late_pattern(r';[ \t]*boundary=(?:"([^"\\]*)"|([^ \t;"]*))[ \t]*(?=;|$)', re.IGNORECASE)
"""The parameter of a Content-Type. What would have to be unescaped is no boundary."""


def make_multipart(data: Any, files: Any) -> MultipartBody:
    """Make the body of a form and files; see `make_parts`."""
    return MultipartBody(make_parts(data, files))


class MultipartBody(Body):
    """Parts, one after the other.

    Args:
        parts: what they are.
        boundary: what separates them; 128 random bits, unless a caller's Content-Type says something else.
    """

    __slots__ = ("_boundary", "_parts")

    def __init__(self, parts: list[Part], boundary: str = "") -> None:
        self._parts = parts
        self._boundary = b""
        super().__init__(
            once=next((f"its part {part.name!r} cannot: {part.body.once}" for part in parts if part.body.once), ""),
            is_async=any(part.body.is_async for part in parts),
        )
        self._bind(boundary or os.urandom(16).hex())
        self.content_type = f"multipart/form-data; boundary={self._boundary.decode()}"

    @property
    def movable(self) -> bool:
        return all(part.body.movable for part in self._parts)

    def _bind(self, boundary: str) -> None:
        """Have a boundary, and a length accordingly."""
        self._boundary = boundary.encode("ascii")
        self.data = None
        self.length = length = self._measure()
        if length is not None and length <= SMALL and all(part.body.data is not None for part in self._parts):
            self.data = b"".join([run for run in self._runs() if isinstance(run, bytes)])

    def _measure(self) -> int | None:
        around = len(self._boundary) + 6  # CR LF, "--", CR LF
        length = around  # of the last one: CR LF at its start is missing in the first, and it has "--" more
        for part in self._parts:
            if part.body.length is None:
                return None
            length += around + len(part.head) + part.body.length
        return length

    def typed(self, given: str) -> str:
        """The Content-Type of a caller, whose boundary is taken over, and added where it is missing.

        Raises:
            InvalidRequest: it is no multipart, or its boundary cannot be one.
        """
        if not given.lower().startswith("multipart/"):
            raise InvalidRequest(
                detail=f"the header Content-Type says {given[:50]!r}, and files make a multipart",
                hint="leave it out, or set it to None where it is the client's: it is set from the body",
            )
        found: list[tuple[str, str]] = _PARAMETER.findall(given)
        if not found and "boundary" not in given.lower():
            return f"{given.rstrip('; ')}; boundary={self._boundary.decode()}"
        boundary = "".join(found[0]) if len(found) == 1 else ""
        if not _BOUNDARY.fullmatch(boundary):
            raise _bad_boundary(given)
        mark = f"--{boundary}".encode("ascii")
        for part in self._parts:
            if part.body.data is not None and mark in part.body.data:
                raise InvalidRequest(
                    detail=f"the boundary of the header Content-Type is found in part {part.name!r}",
                    hint="leave the header out: a boundary is made that is found nowhere",
                )
        self._bind(boundary)
        return given

    # Sending

    def open(self) -> AnyPieces:
        self._begin()
        if self.is_async:
            return self._later()
        pieces = self._pieces()
        return Paced(pieces, slow=self.length is None) if self.movable else pieces

    def _runs(self) -> Iterator[bytes | Body]:
        """Give what is sent in turns: bytes, and bodies that have to be opened. First and last come bytes."""
        run = bytearray()
        mark = b"--%b\r\n" % self._boundary
        for part in self._parts:
            run += mark
            run += part.head
            data = part.body.data
            if data is not None and len(data) <= SMALL:
                run += data
            else:
                yield bytes(run)
                yield part.body
                run.clear()
            run += b"\r\n"
            if len(run) > SMALL:
                yield bytes(run)
                run.clear()
        yield bytes(run + mark[:-2] + b"--\r\n")

    def _pieces(self) -> Iterator[bytes]:
        held = b""
        for run in self._runs():
            if isinstance(run, bytes):
                if held:
                    yield held
                held = run
                continue
            pieces = cast("Iterator[bytes]", run.open())
            try:
                for piece in pieces:
                    yield from _joined(held, piece)
                    held = b""
            finally:
                end(pieces)
        yield held

    async def _later(self) -> AsyncIterator[bytes]:
        held = b""
        for run in self._runs():
            if isinstance(run, bytes):
                if held:
                    yield held
                held = run
                continue
            pieces = run.open()
            try:
                while (piece := await following(pieces)) is not None:
                    for each in _joined(held, piece):
                        yield each
                    held = b""
            finally:
                await end_later(pieces)
        yield held


def _joined(held: bytes, piece: bytes) -> tuple[bytes, ...]:
    if not held:
        return (piece,)
    return (held + piece,) if len(piece) <= SMALL else (held, piece)


def _bad_boundary(given: str) -> InvalidRequest:
    return InvalidRequest(
        detail=f"the header Content-Type says {given[:120]!r}, whose boundary cannot be one (RFC 2046 section 5.1.1)",
        hint="leave it out: it is set from the body",
    )
