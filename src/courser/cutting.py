"""What callers want of a body that comes in pieces: chunks of one size, text, lines.

A cutter is fed with the pieces as they come and gives what they complete, in plain calls, so both colours share it.
"""

from __future__ import annotations

from collections.abc import Iterable

from .hints import Protocol, TypeVar
from .settings import is_whole
from .values.text import LineDecoder, TextDecoder

__all__ = ["Chunker", "Cutter", "Lines", "Texts"]

T_co = TypeVar("T_co", covariant=True)


class Cutter(Protocol[T_co]):
    """Makes what a caller wants of the pieces of a body."""

    def feed(self, piece: bytes, /) -> Iterable[T_co]:
        """What a piece completes."""
        ...

    def end(self) -> Iterable[T_co]:
        """What is left."""
        ...


class Chunker:
    """Cuts pieces of any size into chunks of one size, copying each byte at most once.

    Args:
        size: bytes of a chunk; None lets the pieces through as they come.
    """

    __slots__ = ("_kept", "_length", "_size")

    def __init__(self, size: int | None) -> None:
        if size is not None and (not is_whole(size) or size < 1):
            raise ValueError(f"chunk_size is a number of bytes above 0, or None for what comes, not {size!r}")
        self._size = size
        self._kept: list[bytes | memoryview] = []
        self._length = 0

    def feed(self, piece: bytes) -> list[bytes]:
        """The chunks that a piece completes."""
        size = self._size
        if size is None or (len(piece) == size and not self._length):
            return [piece]
        chunks: list[bytes] = []
        view = memoryview(piece)
        at = size - self._length
        while at <= len(view):
            self._kept.append(view[max(at - size, 0) : at])
            chunks.append(b"".join(self._kept))
            self._kept.clear()
            at += size
        rest = view[max(at - size, 0) :]
        if rest:
            self._kept.append(rest)
        self._length = (self._length + len(view)) % size
        return chunks

    def end(self) -> list[bytes]:
        """What is left."""
        rest = b"".join(self._kept)
        self._kept.clear()
        self._length = 0
        return [rest] if rest else []


class Texts:
    """Decodes pieces into text.

    Args:
        decoder: knows the encoding.
    """

    __slots__ = ("_decoder",)

    def __init__(self, decoder: TextDecoder) -> None:
        self._decoder = decoder

    def feed(self, piece: bytes) -> list[str]:
        """The text of a piece; what is not a whole character waits."""
        text = self._decoder.feed(piece)
        return [text] if text else []

    def end(self) -> list[str]:
        """What is left."""
        text = self._decoder.end()
        return [text] if text else []


class Lines:
    """Decodes pieces into lines.

    Args:
        decoder: knows the encoding.
        max_line: see LineDecoder.
    """

    __slots__ = ("_decoder", "_lines")

    def __init__(self, decoder: TextDecoder, max_line: int | None) -> None:
        self._decoder = decoder
        self._lines = LineDecoder(max_line)

    def feed(self, piece: bytes) -> list[str]:
        """The lines that a piece completes."""
        return self._lines.feed(self._decoder.feed(piece))

    def end(self) -> list[str]:
        """What is left."""
        return [*self._lines.feed(self._decoder.end()), *self._lines.end()]
