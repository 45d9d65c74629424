"""Messages compressed and decompressed (RFC 7692 section 7.2).

A message ends with a flush, whose last four bytes are always the same and are left out; the next message may refer to
what this one has said, unless that was agreed otherwise. A compressor takes 270 KB and a decompressor 40, so each is
made when the first message needs it.
"""

from __future__ import annotations

import zlib
from sys import maxsize

from ...hints import TYPE_CHECKING
from .codes import CloseCode
from .faults import Fault
from .limits import MAX_STREAMS

if TYPE_CHECKING:
    from typing import Any, Final

__all__ = ["Deflater", "Inflater"]

TAIL: Final = b"\x00\x00\xff\xff"
"""How every flush ends."""

MOST: Final = maxsize - 1
"""Bytes that zlib can be asked for, and for one more."""

EMPTY: Final = b"\x00"
"""A flush that flushes nothing, without its tail (RFC 7692 section 7.2.3.6)."""


class Deflater:
    """Compresses messages.

    Args:
        bits: the binary logarithm of the window, 9 to 15; zlib has no raw deflate with 8.
        takeover: whether a message may refer to those before.
        level: of zlib, 1 to 9.
    """

    __slots__ = ("_bits", "_compressor", "_level", "_takeover")

    def __init__(self, bits: int, takeover: bool, level: int) -> None:
        self._bits = bits
        self._takeover = takeover
        self._level = level
        self._compressor: Any = None

    def feed(self, data: bytes, *, last: bool) -> bytes:
        """Compress a fragment.

        Args:
            data: any piece of the message.
            last: whether it ends the message.
        """
        compressor = self._compressor
        if compressor is None:
            compressor = self._compressor = zlib.compressobj(self._level, zlib.DEFLATED, -self._bits)
        done: bytes = compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH)
        if not last:
            return done
        if not self._takeover:
            self._compressor = None
        # zlib gives nothing where nothing has come since the last flush.
        return done[: -len(TAIL)] or EMPTY


class Inflater:
    """Decompresses messages.

    A sender may end its deflate stream within a message (RFC 7692 section 7.2.3.4). Whoever does that starts the next
    one with an empty window, and so does this.

    Args:
        bits: the binary logarithm of the window, 8 to 15.
        takeover: whether a message may refer to those before.
    """

    __slots__ = ("_begun", "_bits", "_decompressor", "_streams", "_takeover")

    def __init__(self, bits: int, takeover: bool) -> None:
        self._bits = bits
        self._takeover = takeover
        self._decompressor: Any = None
        self._begun = False
        self._streams = 0

    def feed(self, data: bytes, most: int) -> bytes:
        """Decompress a piece.

        Args:
            data: whatever has come of the message.
            most: how many bytes the caller takes; one more is given out to say that there are more.

        Raises:
            Fault: that is not deflate.
        """
        self._begun = True
        most = min(most, MOST)
        decompressor = self._decompressor
        if decompressor is None:
            decompressor = self._decompressor = zlib.decompressobj(-self._bits)
        try:
            done: bytes = decompressor.decompress(data, most + 1)
            while decompressor.eof and len(done) <= most:
                data = decompressor.unused_data
                decompressor = self._decompressor = self._next()
                done += decompressor.decompress(data, most + 1 - len(done))
        except zlib.error as error:
            raise Fault(f"the compressed data is corrupt: {error}", CloseCode.INVALID_DATA) from None
        return done

    def end(self, data: bytes, most: int) -> bytes:
        """Decompress the last piece of a message; arguments, result and faults are those of `feed`."""
        if not data and not self._begun:
            # The tail would be the beginning of a block, and the next message its middle.
            raise Fault("a compressed message without a byte", CloseCode.INVALID_DATA)
        done = self.feed(data + TAIL, most)
        self._begun = False
        self._streams = 0
        if not self._takeover:
            self._decompressor = None
        return done

    def _next(self) -> Any:
        self._streams += 1
        if self._streams > MAX_STREAMS:
            raise Fault(f"more than {MAX_STREAMS} deflate streams in one message", CloseCode.POLICY_VIOLATION)
        return zlib.decompressobj(-self._bits)
