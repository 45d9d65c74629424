"""The content codings one by one (RFC 9110 section 8.4.1), each with a bound on every piece it gives out.

Three bytes of a hostile body can stand for megabytes, so `feed` is lazy: nothing is decoded before somebody asks for
the next piece, and none is larger than `PIECE`. Input goes in by slices, because a decompressor hands back a copy of
what it did not use at the end of each piece and each member: with large input that would take quadratic time.

What follows a complete gzip or deflate stream and is no further gzip member is ignored, as gzip(1), browsers, Requests
and HTTPX do: some servers pad with zeros or append a newline. After br and zstd, which are younger, it is an error.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator

from ..errors import DecodingError, MissingExtra, TruncatedCoding
from ..hints import TYPE_CHECKING, Protocol
from ..packages import brotli, zstd

if TYPE_CHECKING:
    from typing import Any, ClassVar, Final

__all__ = ["CODINGS", "GZIP", "PIECE", "SLICE", "Stage"]

PIECE: Final = 256 * 1024
"""Bytes of decoded body at a time."""

SLICE: Final = 16 * 1024
"""Bytes that a decompressor is given at a time."""

GZIP: Final = 31
_ZLIB: Final = 15
_RAW_DEFLATE: Final = -15
"""What zlib takes as `wbits` for each frame."""

_GZIP_MAGIC: Final = b"\x1f\x8b"

_ZSTD_WINDOW_LOG: Final = 23
"""8 MB, the most that RFC 9659 lets a sender use and the least that a receiver must support."""


class Stage(Protocol):
    """One coding."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Decode a piece; it must be iterated over to its end before the next one is fed.

        Raises:
            DecodingError: the data is corrupt.
            MissingExtra: the package for it is not installed.
        """
        ...

    def end(self) -> None:
        """Make sure that the data was complete; none at all is.

        Raises:
            TruncatedCoding: it was not.
        """
        ...


def _slices(data: bytes) -> Iterator[bytes]:
    if len(data) <= SLICE:
        return iter((data,) if data else ())
    return (data[start : start + SLICE] for start in range(0, len(data), SLICE))


def _corrupt(name: str, error: Exception) -> DecodingError:
    return DecodingError(detail=f"the {name} data is corrupt: {error}")


def _truncated(name: str) -> TruncatedCoding:
    return TruncatedCoding(detail=f"the {name} data ends too early", hint="it was cut off before it was sent")


class _Inflate:
    """What gzip and deflate share: streams of zlib, one after the other."""

    __slots__ = ("_head", "_ignore", "_inflater", "_streams")

    name: ClassVar[str]

    def __init__(self) -> None:
        self._inflater: Any = None
        self._head = b""
        self._streams = 0
        self._ignore = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        for part in _slices(data):
            left = self._head + part
            self._head = b""
            while left and not self._ignore:
                if self._inflater is None:
                    left = self._start(left)
                    if self._inflater is None:
                        self._head = left
                        break
                yield from self._inflate(left)
                left = self._rest()

    def _inflate(self, data: bytes) -> Iterator[bytes]:
        inflater = self._inflater
        try:
            while True:
                piece = inflater.decompress(data, PIECE)
                if piece:
                    yield piece
                data = inflater.unconsumed_tail
                # Behind a full piece zlib may hold more, though it has taken all its input.
                if inflater.eof or (not data and len(piece) < PIECE):
                    return
        except zlib.error as exc:
            raise _corrupt(self.name, exc) from exc

    def _rest(self) -> bytes:
        if not self._inflater.eof:
            return b""
        rest: bytes = self._inflater.unused_data
        self._inflater = None
        self._streams += 1
        return rest

    def _start(self, data: bytes) -> bytes:
        """Make the inflater for the stream that starts here; give what of the data to go on with."""
        raise NotImplementedError

    def end(self) -> None:
        if self._inflater is not None or (self._head and not self._streams):
            raise _truncated(self.name)


class _Gzip(_Inflate):
    """RFC 1952: members, one after the other (section 2.2)."""

    __slots__ = ()

    name = "gzip"

    def _start(self, data: bytes) -> bytes:
        if self._streams:
            data = data.lstrip(b"\0")
            if not data.startswith(_GZIP_MAGIC):
                self._ignore = data not in (b"", _GZIP_MAGIC[:1])
                return data
        self._inflater = zlib.decompressobj(GZIP)
        return data


class _Deflate(_Inflate):
    """RFC 9110 section 8.4.1.2: in the frame of zlib, as it should be, or without, as some servers send it."""

    __slots__ = ()

    name = "deflate"

    def _start(self, data: bytes) -> bytes:
        if self._streams:
            self._ignore = True
        elif len(data) > 1:
            # RFC 1950 section 2.2. A stream without frame cannot look like this: it would start with a stored block
            # whose padding is not zero.
            framed = data[0] & 0x0F == 8 and (data[0] << 8 | data[1]) % 31 == 0
            self._inflater = zlib.decompressobj(_ZLIB if framed else _RAW_DEFLATE)
        return data


class _Brotli:
    """RFC 7932."""

    __slots__ = ("_decompressor", "_error", "_fed")

    def __init__(self, module: Any) -> None:
        self._decompressor = module.Decompressor()
        self._error: type[Exception] = module.error
        self._fed = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        decompressor = self._decompressor
        for part in _slices(data):
            self._fed = True
            try:
                while True:
                    # The limit is a soft one: up to twice as much may come.
                    piece = decompressor.process(part, output_buffer_limit=PIECE // 2)
                    if piece:
                        yield piece
                    # To accept more data is no sign that there is no more output: only an empty piece is.
                    if decompressor.is_finished() or (not piece and decompressor.can_accept_more_data()):
                        break
                    part = b""
            except self._error as exc:
                raise _corrupt("br", exc) from exc

    def end(self) -> None:
        if self._fed and not self._decompressor.is_finished():
            raise _truncated("br")


class _Zstd:
    """RFC 8878: frames, one after the other."""

    __slots__ = ("_decompressor", "_module")

    def __init__(self, module: Any) -> None:
        self._module = module
        self._decompressor: Any = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        for part in _slices(data):
            left = part
            while left:
                if self._decompressor is None:
                    options = {self._module.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG}
                    self._decompressor = self._module.ZstdDecompressor(options=options)
                yield from self._frame(left)
                left = self._rest()

    def _frame(self, data: bytes) -> Iterator[bytes]:
        decompressor = self._decompressor
        try:
            while True:
                piece = decompressor.decompress(data, PIECE)
                if piece:
                    yield piece
                if decompressor.eof or decompressor.needs_input:
                    return
                data = b""
        except self._module.ZstdError as exc:
            raise _corrupt("zstd", exc) from exc

    def _rest(self) -> bytes:
        if not self._decompressor.eof:
            return b""
        rest: bytes = self._decompressor.unused_data
        self._decompressor = None
        return rest

    def end(self) -> None:
        if self._decompressor is not None:
            raise _truncated("zstd")


class _Missing:
    """A coding whose package is not here: a body without bytes can do without it."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def feed(self, data: bytes) -> Iterator[bytes]:
        if data:
            raise MissingExtra(
                detail=f"the body is coded as {self._name}, which nothing here can decode",
                hint="pip install 'courser[compress]', leave it out of Accept-Encoding, or use iter_raw()",
            )
        return iter(())

    def end(self) -> None:
        """It was empty."""


CODINGS: Final[dict[str, Callable[[], Stage]]] = {
    "gzip": _Gzip,
    "x-gzip": _Gzip,
    "deflate": _Deflate,
    "br": lambda: _Missing("br") if brotli() is None else _Brotli(brotli()),
    "zstd": lambda: _Missing("zstd") if zstd() is None else _Zstd(zstd()),
}
"""How to make each coding's stage."""
