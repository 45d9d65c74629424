"""Sources of bodies for tests, and what takes all that a body gives."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

import pytest

from courser.values.body import Body, make_body


def drain(body: Body) -> list[bytes]:
    """All pieces of a body of either colour; an async one must never really wait here."""
    pieces = body.open()
    if not isinstance(pieces, AsyncIterator):
        return list(pieces)
    taken: list[bytes] = []

    async def collect() -> None:
        async for piece in cast("AsyncIterator[bytes]", pieces):
            taken.append(piece)

    with pytest.raises(StopIteration):
        collect().send(None)
    return taken


def whole(body: Body) -> bytes:
    """All that a body gives; it has the length that it says."""
    data = b"".join(drain(body))
    assert body.length in (None, len(data))
    return data


def made(**given: Any) -> Body:
    """The body of what a caller gives, which is one."""
    body = make_body(**given)
    assert body is not None
    return body


class Restart:
    """Starts anew each time it is iterated over."""

    def __init__(self, *items: Any) -> None:
        self.items = items

    def __iter__(self) -> Iterator[Any]:
        return iter(self.items)


class AsyncRestart(Restart):
    """Likewise, for async code."""

    __iter__ = None  # type: ignore[assignment]

    async def __aiter__(self) -> AsyncIterator[Any]:
        for item in self.items:
            yield item


async def agenerate(*items: Any) -> AsyncIterator[Any]:
    """An async generator of some items."""
    for item in items:
        yield item


def generate(*items: Any) -> Iterator[Any]:
    """A generator of some items."""
    yield from items
