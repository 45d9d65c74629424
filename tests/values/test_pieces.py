"""Bodies in pieces: all of it in order, never less than before, and sources that are closed where they are left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from bodies import AsyncRestart, Restart, agenerate, drain, generate, made
from hypothesis import given
from hypothesis import strategies as st

from courser.errors import BodyNotReplayable
from courser.values.pieces import AsyncIterableBody, FactoryBody, IterableBody, end, end_later, following


@pytest.mark.parametrize("source", [[b"ab", "é", bytearray(b"c"), b"", ""], Restart(b"ab", "éc"), (b"ab", "éc")])
def test_what_can_start_anew_is_replayable(source: Any) -> None:
    body = made(content=source)
    assert (body.length, body.replayable, body.is_async, body.data) == (None, True, False, None)
    assert b"".join(drain(body)) == b"".join(drain(body)) == "abéc".encode()
    assert all(drain(body))
    assert not body.movable


@pytest.mark.parametrize("source", [AsyncRestart(b"ab", "", "é", memoryview(b"c"))])
def test_async_iterables_likewise(source: Any) -> None:
    body = made(content=source)
    assert (body.length, body.replayable, body.is_async, body.data) == (None, True, True, None)
    assert drain(body) == drain(body) == [b"ab", "é".encode(), b"c"]


def test_an_asynchronous_iterator_need_not_be_a_generator() -> None:
    class Items:
        def __init__(self) -> None:
            self.left = [b"a", b"b"]

        def __aiter__(self) -> Items:
            return self

        async def __anext__(self) -> bytes:
            if not self.left:
                raise StopAsyncIteration
            return self.left.pop(0)

    assert drain(made(content=Items())) == [b"a", b"b"]


@pytest.mark.parametrize("name", ["content", "data"])
@pytest.mark.parametrize("make", [generate, agenerate, lambda *items: iter(items), lambda *items: map(bytes, items)])
def test_a_generator_is_never_sent_a_second_time_as_nothing(name: str, make: Any) -> None:
    body = made(**{name: make(b"a", b"b")})
    assert not body.replayable
    assert drain(body) == [b"a", b"b"]
    with pytest.raises(BodyNotReplayable, match=r"came from a \w+, which runs only once"):
        body.open()


@pytest.mark.parametrize("kind", [Restart, AsyncRestart])
@pytest.mark.parametrize("by_function", [False, True])
def test_a_second_pass_that_gives_less_is_an_error(kind: type[Restart], by_function: bool) -> None:
    """An object may claim to start anew and hand out one iterator that is used up."""
    source = kind(b"a", b"b")
    body = made(content=(lambda: kind(*source.items)) if by_function else source)
    assert drain(body) == [b"a", b"b"]
    source.items = (b"a",)
    with pytest.raises(BodyNotReplayable, match="gave 2 bytes before and only 1 this time"):
        drain(body)


@pytest.mark.parametrize("kind", [Restart, AsyncRestart])
@pytest.mark.parametrize("item", [5, None, ("a", "b"), {"a": 1}])
def test_an_item_of_another_type_is_named(kind: type[Restart], item: Any) -> None:
    with pytest.raises(TypeError, match=rf"item 2 of the body is {type(item).__name__}: expected bytes or str"):
        drain(made(content=kind(b"a", b"", item)))


@given(st.lists(st.binary(max_size=5) | st.text("aé", max_size=3)))
def test_all_pieces_arrive_in_order(items: list[bytes | str]) -> None:
    whole = b"".join(item.encode() if isinstance(item, str) else item for item in items)
    for body in (
        IterableBody(items),
        AsyncIterableBody(AsyncRestart(*items)),
        FactoryBody(lambda: IterableBody(items)),
        FactoryBody(lambda: AsyncIterableBody(AsyncRestart(*items))),
    ):
        assert b"".join(drain(body)) == whole


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("by_function", [False, True])
def test_a_generator_is_closed_where_it_is_left(whole: bool, by_function: bool) -> None:
    """Whoever made it may keep it: it cleans up nevertheless."""
    closed: list[str] = []

    def sync() -> Iterator[bytes]:
        try:
            yield b"a"
            yield b"b"
        finally:
            closed.append("sync")

    async def later() -> AsyncIterator[bytes]:
        try:
            yield b"a"
            yield b"b"
        finally:
            closed.append("async")

    async def leave(pieces: Any) -> None:
        assert await anext(pieces) == b"a"
        if whole:
            assert [piece async for piece in pieces] == [b"b"]
        await pieces.aclose()

    source, other = sync(), later()
    pieces: Any = made(content=(lambda: source) if by_function else source).open()
    assert next(pieces) == b"a"
    if whole:
        assert list(pieces) == [b"b"]
    pieces.close()
    asyncio.run(leave(made(content=(lambda: other) if by_function else other).open()))

    assert closed == ["sync", "async"]


def test_pieces_of_either_colour() -> None:
    closed: list[str] = []

    class Pieces:
        def __init__(self) -> None:
            self.left = [b"a"]

        def __iter__(self) -> Pieces:
            return self

        def __next__(self) -> bytes:
            if not self.left:
                raise StopIteration
            return self.left.pop()

        def close(self) -> None:
            closed.append("closed")

    async def check() -> None:
        for pieces in (Pieces(), iter((b"a",)), agenerate(b"a")):
            assert await following(pieces) == b"a"
            assert await following(pieces) is None
            await end_later(pieces)

    asyncio.run(check())
    assert closed == ["closed"]
    end(Pieces())
    end(iter(()))
    assert closed == ["closed", "closed"]
