"""Bodies compressed on their way out (RFC 9110 section 8.4).

What is in memory is compressed at once, and its length is known. What is not goes through a compressor piece by piece:
it gives out what it has when it has some, so a piece of a live stream may wait there for those that follow.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Callable, Iterator

from ..errors import InvalidRequest, MissingExtra
from ..hints import TYPE_CHECKING, NamedTuple
from ..packages import brotli, zstd
from .body import AnyPieces, Body, BytesBody
from .files import Paced
from .pieces import end, end_later, following

if TYPE_CHECKING:
    from typing import Any, Final

__all__ = ["CompressedBody", "compressed"]

BROTLI_QUALITY: Final = 5
"""As nginx, for what is compressed once and read once: the default, 11, takes some thirty times as long."""


class Compressor(NamedTuple):
    """One pass: what takes pieces, and what gives the rest."""

    feed: Callable[[bytes], bytes]
    finish: Callable[[], bytes]


def _zlib(window: int) -> Compressor:
    made = zlib.compressobj(wbits=window)
    return Compressor(made.compress, made.flush)


def _brotli() -> Compressor:
    made: Any = _needed("br", brotli(), "brotli").Compressor(quality=BROTLI_QUALITY)
    return Compressor(made.process, made.finish)


def _zstd() -> Compressor:
    made: Any = _needed("zstd", zstd(), "backports.zstd").ZstdCompressor()
    return Compressor(made.compress, made.flush)


COMPRESSORS: Final[dict[str, Callable[[], Compressor]]] = {
    "gzip": lambda: _zlib(31),
    # RFC 9110 section 8.4.1.2: "deflate" has the frame of zlib
    "deflate": lambda: _zlib(15),
    "br": _brotli,
    "zstd": _zstd,
}


def _needed(coding: str, module: Any, package: str) -> Any:
    if module is None:
        raise MissingExtra(
            detail=f"compress={coding!r} needs the package {package}", hint="pip install 'courser[compress]'"
        )
    return module


def compressed(body: Body, coding: str) -> Body:
    """Make the body that another one is when it is compressed.

    Args:
        body: what to compress.
        coding: gzip, deflate, br or zstd.

    Raises:
        InvalidRequest: there is no such coding.
        MissingExtra: it needs a package that is not installed.
    """
    make = COMPRESSORS.get(coding)
    if make is None:
        raise InvalidRequest(detail=f"compress={coding!r}", hint=f"it is one of {', '.join(COMPRESSORS)}")
    compressor = make()
    if body.data is not None:
        return BytesBody(compressor.feed(body.data) + compressor.finish(), body.content_type)
    return CompressedBody(body, make)


class CompressedBody(Body):
    """What another body gives, compressed as it is sent.

    Args:
        body: the other one.
        make: makes the compressor of one pass.
    """

    __slots__ = ("_body", "_make")

    def __init__(self, body: Body, make: Callable[[], Compressor]) -> None:
        super().__init__(once=body.once, content_type=body.content_type, is_async=body.is_async)
        self._body = body
        self._make = make

    @property
    def movable(self) -> bool:
        return self._body.movable

    def open(self) -> AnyPieces:
        self._begin()
        pieces, compressor = self._body.open(), self._make()
        if isinstance(pieces, AsyncIterator):
            return _squeezed_later(pieces, compressor)
        squeezed = _squeezed(pieces, compressor)
        return Paced(squeezed, slow=self._body.length is None) if self.movable else squeezed


def _squeezed(pieces: Iterator[bytes], compressor: Compressor) -> Iterator[bytes]:
    try:
        for piece in pieces:
            if data := compressor.feed(piece):
                yield data
    finally:
        end(pieces)
    yield compressor.finish()


async def _squeezed_later(pieces: AsyncIterator[bytes], compressor: Compressor) -> AsyncIterator[bytes]:
    try:
        while (piece := await following(pieces)) is not None:
            if data := compressor.feed(piece):
                yield data
    finally:
        await end_later(pieces)
    yield compressor.finish()
