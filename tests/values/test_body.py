"""A body starts at its beginning each time it is opened, or says that it cannot."""

from __future__ import annotations

import array
import asyncio
import gzip
import io
import os
import pickle
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courser.errors import BodyNotReplayable, InvalidRequest
from courser.values.body import (
    PIECE,
    AsyncIterableBody,
    Body,
    BytesBody,
    FileBody,
    IterableBody,
    make_body,
)
from courser.values.query import QueryParams


def drain(body: Body) -> list[bytes]:
    """All pieces of a body of either colour; an async one must never really wait here."""
    if not body.is_async:
        return list(cast("Iterator[bytes]", body.open()))
    pieces: list[bytes] = []

    async def collect() -> None:
        async for piece in cast("AsyncIterator[bytes]", body.open()):
            pieces.append(piece)

    with pytest.raises(StopIteration):
        collect().send(None)
    return pieces


def made(**given: Any) -> Body:
    body = make_body(**given)
    assert body is not None
    return body


class Restart:
    """Starts anew each time it is iterated over, in both colours."""

    def __init__(self, *items: Any) -> None:
        self.items = items

    def __iter__(self) -> Iterator[Any]:
        return iter(self.items)


class AsyncRestart(Restart):
    __iter__ = None  # type: ignore[assignment]

    async def __aiter__(self) -> AsyncIterator[Any]:
        for item in self.items:
            yield item


async def agenerate(*items: Any) -> AsyncIterator[Any]:
    for item in items:
        yield item


def generate(*items: Any) -> Iterator[Any]:
    yield from items


# In memory


@pytest.mark.parametrize(
    ("content", "data"),
    [
        (b"abc", b"abc"),
        (b"", b""),
        ("é", "é".encode()),
        (bytearray(b"abc"), b"abc"),
        (memoryview(b"abcdef")[::2], b"ace"),
        (array.array("H", [1]), array.array("H", [1]).tobytes()),
    ],
)
@pytest.mark.parametrize("name", ["content", "data"])
def test_what_is_in_memory_is_bytes(name: str, content: Any, data: bytes) -> None:
    body = made(**{name: content})
    assert (body.data, body.length, body.replayable, body.is_async) == (data, len(data), True, False)
    assert body.content_type is None
    assert drain(body) == drain(body) == ([data] if data else [])


def test_a_buffer_is_copied_when_the_request_is_made() -> None:
    buffer = bytearray(b"abc")
    body = made(content=buffer)
    buffer[:] = b"xyz"
    assert body.data == b"abc"


def test_nothing_is_no_body() -> None:
    assert make_body() is None
    assert make_body(content=None, data=None, json=None) is None


# JSON


@pytest.mark.parametrize(
    ("value", "data"),
    [
        ({}, b"{}"),
        ([], b"[]"),
        (0, b"0"),
        (False, b"false"),
        ("", b'""'),
        ({"a": [1, "é"]}, '{"a":[1,"é"]}'.encode()),
    ],
)
def test_json_is_compact_utf_8(value: Any, data: bytes) -> None:
    body = made(json=value)
    assert (body.data, body.content_type) == (data, "application/json")


@pytest.mark.parametrize("value", [float("nan"), [float("inf")], "\udc80"])
def test_what_json_cannot_hold_is_refused(value: Any) -> None:
    with pytest.raises(InvalidRequest, match="json: "):
        make_body(json=value)


def test_a_type_that_json_does_not_know_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="set is not JSON serializable"):
        make_body(json={1})


@pytest.mark.parametrize("written", ["é", "é".encode()])
def test_a_codec_may_write_text_or_bytes(written: str | bytes) -> None:
    body = made(json=5, json_encode=lambda value: written)
    assert (body.data, body.content_type) == ("é".encode(), "application/json")


# Forms


@pytest.mark.parametrize(
    "form",
    [
        {"a": "1", "b": ["2", "é"]},
        [("a", "1"), ("b", "2"), ("b", "é")],
        (("a", "1"), ["b", "2"], ("b", "é")),
        QueryParams([("a", "1"), ("b", "2"), ("b", "é")]),
        {"a": "1", "b": ("2", "é")}.items(),
    ],
)
def test_a_mapping_or_pairs_are_a_form(form: Any) -> None:
    body = made(data=form)
    assert (body.data, body.content_type) == (b"a=1&b=2&b=%C3%A9", "application/x-www-form-urlencoded")


@pytest.mark.parametrize("form", [{}, [], (), QueryParams()])
def test_an_empty_form_is_no_body(form: Any) -> None:
    assert make_body(data=form) is None


@pytest.mark.parametrize("name", ["content", "data"])
def test_a_list_of_bytes_is_no_form(name: str) -> None:
    body = made(**{name: [b"a", "b"]})
    assert isinstance(body, IterableBody)
    assert drain(body) == [b"a", b"b"]


def test_a_generator_of_pairs_is_not_taken_for_a_form() -> None:
    with pytest.raises(TypeError, match="item 0 of the body is tuple: expected bytes or str"):
        drain(made(data=generate(("a", "1"))))


@pytest.mark.parametrize(
    "given", [{"content": b"", "data": b""}, {"content": b"a", "json": 1}, {"data": {"a": 1}, "json": {}}]
)
def test_only_one_body_can_be_given(given: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match=" and ".join(given)):
        make_body(**given)


@pytest.mark.parametrize(("content", "hint"), [({"a": 1}, "into data="), (5, "not int"), (Path("x"), "not PosixPath")])
def test_other_types_are_refused(content: Any, hint: str) -> None:
    with pytest.raises(TypeError, match=hint if os.name == "posix" else ""):
        make_body(content=content)


@pytest.mark.parametrize("name", ["content", "data"])
def test_text_that_is_no_unicode_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest, match="lone surrogate at position 1"):
        make_body(**{name: "a\udc80"})


# Files


def test_a_file_is_sent_from_where_it_stood(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    with path.open("rb") as file:
        file.read(4)
        body = made(content=file)
        assert (body.length, body.replayable, body.data, body.content_type) == (6, True, None, None)
        assert file.tell() == 4
        file.seek(0)
        assert drain(body) == drain(body) == [b"456789"]


def test_a_file_comes_in_pieces_of_256_kib() -> None:
    pieces = drain(made(data=io.BytesIO(bytes(2 * PIECE + 1))))
    assert [len(piece) for piece in pieces] == [PIECE, PIECE, 1]
    assert PIECE == 256 * 1024


def test_the_length_is_that_of_what_is_read() -> None:
    """Not that of the compressed file below."""
    packed = io.BytesIO(gzip.compress(bytes(1000)))
    with gzip.GzipFile(fileobj=packed) as file:
        body = made(content=file)
        assert body.length == 1000
        assert drain(body) == [bytes(1000)]


def test_a_file_that_shrank_or_grew_is_delivered_as_it_is() -> None:
    file = io.BytesIO(b"0123456789")
    body = made(content=file)
    file.truncate(3)
    assert (body.length, drain(body)) == (10, [b"012"])
    file.seek(0, 2)
    file.write(b"-" * 20)
    assert drain(body) == [b"012" + b"-" * 20]


def test_a_position_behind_the_end_leaves_nothing() -> None:
    file = io.BytesIO(b"abc")
    file.seek(10)
    assert made(content=file).length == 0


def test_a_pipe_has_no_length_and_runs_once() -> None:
    receiver, sender = os.pipe()
    with os.fdopen(receiver, "rb") as file:
        os.write(sender, b"abc")
        os.close(sender)
        body = made(content=file)
        assert (body.length, body.replayable) == (None, False)
        assert drain(body) == [b"abc"]
        with pytest.raises(BodyNotReplayable, match="its file cannot seek"):
            body.open()


def test_anything_with_read_is_a_file() -> None:
    class Reader:
        def __init__(self) -> None:
            self.left: list[Any] = [bytearray(b"ab"), memoryview(b"c"), b""]

        def read(self, size: int) -> Any:
            return self.left.pop(0)

    body = made(content=Reader())
    assert isinstance(body, FileBody)
    assert (body.length, body.replayable) == (None, False)
    assert drain(body) == [b"ab", b"c"]


def test_text_files_are_refused_before_anything_is_sent(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("abc")
    with (tmp_path / "file").open() as plain, tempfile.NamedTemporaryFile("w+") as wrapped:
        for file in (plain, wrapped, io.StringIO("abc")):
            with pytest.raises(TypeError, match=r'open it in binary mode \("rb"\)'):
                make_body(content=file)


@pytest.mark.parametrize(
    ("result", "error"),
    [("text", "open it in binary mode"), (None, "it is in non-blocking mode"), (5, "to send gave int")],
)
def test_a_read_that_gives_no_bytes_is_refused(result: Any, error: str) -> None:
    class Reader:
        def read(self, size: int) -> Any:
            return result

    with pytest.raises(TypeError, match=error):
        drain(made(content=Reader()))


def test_a_closed_file_is_refused() -> None:
    file = io.BytesIO(b"abc")
    body = made(content=file)
    file.close()
    with pytest.raises(BodyNotReplayable, match="cannot go back to position 0"):
        body.open()
    with pytest.raises(InvalidRequest, match="the file to send is closed"):
        make_body(content=file)


# Iterables


@pytest.mark.parametrize("source", [[b"ab", "é", bytearray(b"c"), b"", ""], Restart(b"ab", "éc"), (b"ab", "éc")])
def test_what_can_start_anew_is_replayable(source: Any) -> None:
    body = made(content=source)
    assert (body.length, body.replayable, body.is_async, body.data) == (None, True, False, None)
    assert b"".join(drain(body)) == b"".join(drain(body)) == "abéc".encode()
    assert all(drain(body))


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
def test_a_second_pass_that_gives_less_is_an_error(kind: type[Restart]) -> None:
    """An object may claim to start anew and hand out one iterator that is used up."""
    source = kind(b"a", b"b")
    body = made(content=source)
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
    for body in (IterableBody(items), AsyncIterableBody(AsyncRestart(*items))):
        assert b"".join(drain(body)) == whole


# As values


@pytest.mark.parametrize("whole", [True, False])
def test_a_generator_is_closed_where_it_is_left(whole: bool) -> None:
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
    pieces: Any = IterableBody(source).open()
    assert next(pieces) == b"a"
    if whole:
        assert list(pieces) == [b"b"]
    pieces.close()
    asyncio.run(leave(AsyncIterableBody(other).open()))

    assert closed == ["sync", "async"]


def test_bytes_pickle() -> None:
    thawed = pickle.loads(pickle.dumps(BytesBody(b"abc", "text/plain")))
    assert (thawed.data, thawed.length, thawed.content_type) == (b"abc", 3, "text/plain")


@pytest.mark.parametrize("content", [[b"a"], io.BytesIO(b"a"), AsyncRestart(b"a")])
def test_streams_do_not_pickle(content: Any) -> None:
    with pytest.raises(TypeError, match="Body cannot be pickled or copied: only bytes in memory can"):
        pickle.dumps(made(content=content))


def test_repr_shows_the_size_alone() -> None:
    assert repr(BytesBody(b"secret")) == "<BytesBody 6 bytes>"
    assert repr(IterableBody([b"secret"])) == "<IterableBody unknown length>"
