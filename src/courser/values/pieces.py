"""Bodies in pieces: from iterables of either colour, and from functions that make what is sent anew each time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Generator, Iterable, Iterator

from ..errors import BodyNotReplayable
from ..hints import TYPE_CHECKING, cast
from .body import AnyPieces, Body, to_bytes

if TYPE_CHECKING:
    from typing import Any

__all__ = ["AsyncIterableBody", "FactoryBody", "IterableBody", "end", "end_later", "following"]


async def following(pieces: AnyPieces) -> bytes | None:
    """The next piece of pieces of either colour, None at their end."""
    if isinstance(pieces, AsyncIterator):
        return await anext(pieces, None)
    return next(pieces, None)


def end(pieces: object) -> None:
    """Let the pieces of a body clean up; left alone they would when their last holder goes, whoever that is."""
    close = getattr(pieces, "close", None)
    if close is not None:
        close()


async def end_later(pieces: object) -> None:
    """Let pieces of either colour clean up."""
    close = getattr(pieces, "aclose", None)
    if close is None:
        end(pieces)
    else:
        await close()


class _PiecesBody(Body):
    """What bodies have in common whose pieces nobody knows beforehand."""

    __slots__ = ("_seen",)

    def __init__(self, once: str, *, is_async: bool) -> None:
        super().__init__(once=once, is_async=is_async)
        self._seen = 0

    def _count(self, sent: int) -> None:
        if sent > self._seen:
            self._seen = sent

    def _finish(self, sent: int) -> None:
        """Notice an object that goes on where its last iteration ended: a body must not shrink silently."""
        if sent < self._seen:
            raise BodyNotReplayable(detail=f"its source gave {self._seen} bytes before and only {sent} this time")


def _runs_once(source: object) -> str:
    return f"it came from a {type(source).__name__}, which runs only once"


class IterableBody(_PiecesBody):
    """Pieces from an iterable.

    Args:
        source: gives bytes, or text that is sent as UTF-8; only an iterator cannot be sent again.
    """

    __slots__ = ("_source",)

    def __init__(self, source: Iterable[Any]) -> None:
        super().__init__(_runs_once(source) if isinstance(source, Iterator) else "", is_async=False)
        self._source = source

    def open(self) -> Iterator[bytes]:
        self._begin()
        return self._pieces()

    def _pieces(self) -> Iterator[bytes]:
        sent = 0
        items = iter(self._source)
        try:
            for index, item in enumerate(items):
                if data := _item_bytes(item, index):
                    sent += len(data)
                    self._count(sent)
                    yield data
        finally:
            # only generators are closed: what else is iterated over may be somebody's file
            if isinstance(items, Generator):
                cast("Generator[Any, None, None]", items).close()
        self._finish(sent)


class AsyncIterableBody(_PiecesBody):
    """Pieces from an async iterable, for async clients.

    Args:
        source: gives bytes, or text that is sent as UTF-8; only an async iterator cannot be sent again.
    """

    __slots__ = ("_source",)

    def __init__(self, source: AsyncIterable[Any]) -> None:
        super().__init__(_runs_once(source) if isinstance(source, AsyncIterator) else "", is_async=True)
        self._source = source

    def open(self) -> AsyncIterator[bytes]:
        self._begin()
        return self._pieces()

    async def _pieces(self) -> AsyncIterator[bytes]:
        sent = index = 0
        items = aiter(self._source)
        try:
            async for item in items:
                if data := _item_bytes(item, index):
                    sent += len(data)
                    self._count(sent)
                    yield data
                index += 1
        finally:
            if isinstance(items, AsyncGenerator):
                await cast("AsyncGenerator[Any, None]", items).aclose()
        self._finish(sent)


class FactoryBody(_PiecesBody):
    """What a function makes, anew each time it is sent.

    Args:
        make: calls the function, and makes a body of what it gives; one of either colour.
    """

    __slots__ = ("_make",)

    def __init__(self, make: Callable[[], Body]) -> None:
        super().__init__("", is_async=True)
        self._make = make

    def open(self) -> AnyPieces:
        pieces = self._make().open()
        return self._later(pieces) if isinstance(pieces, AsyncIterator) else self._pieces(pieces)

    def _pieces(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        sent = 0
        try:
            for piece in pieces:
                sent += len(piece)
                self._count(sent)
                yield piece
        finally:
            end(pieces)
        self._finish(sent)

    async def _later(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        sent = 0
        try:
            while (piece := await following(pieces)) is not None:
                sent += len(piece)
                self._count(sent)
                yield piece
        finally:
            await end_later(pieces)
        self._finish(sent)


def _item_bytes(item: object, index: int) -> bytes:
    return item if type(item) is bytes else to_bytes(item, f"item {index} of the body is")
