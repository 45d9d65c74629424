"""Whatever a caller gives as content becomes the body that it looks like, or is refused by name."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bodies import AsyncRestart, Restart, agenerate, drain, generate, made, whole

from courser.values.body import BytesBody, make_body
from courser.values.content import content_body
from courser.values.files import FileBody, PathBody
from courser.values.pieces import AsyncIterableBody, FactoryBody, IterableBody


class Reader:
    """A file that is callable, and iterable."""

    def __init__(self) -> None:
        self.left = [b"abc", b""]

    def read(self, size: int) -> bytes:
        return self.left.pop(0)

    def __iter__(self) -> Any:
        raise AssertionError

    def __call__(self) -> bytes:
        raise AssertionError


class CallableList(list[bytes]):
    def __call__(self) -> bytes:
        raise AssertionError


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"abc", BytesBody),
        ("abc", BytesBody),
        (bytearray(b"abc"), BytesBody),
        (io.BytesIO(b"abc"), FileBody),
        (Reader(), FileBody),
        ([b"abc"], IterableBody),
        (generate(b"abc"), IterableBody),
        (CallableList([b"abc"]), IterableBody),
        (AsyncRestart(b"abc"), AsyncIterableBody),
        (agenerate(b"abc"), AsyncIterableBody),
        (lambda: b"abc", FactoryBody),
    ],
)
def test_content_is_what_it_looks_like(content: Any, kind: type) -> None:
    body = content_body(content, "content")
    assert type(body) is kind
    assert whole(body) == b"abc"


@pytest.mark.parametrize("name", ["content", "data"])
def test_a_path_is_a_file(name: str, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"abc")
    body = made(**{name: tmp_path / "f"})
    assert type(body) is PathBody
    assert whole(body) == b"abc"


def test_text_is_never_a_path(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"abc")
    assert made(content=str(tmp_path / "f")).data == str(tmp_path / "f").encode()


@pytest.mark.parametrize(("content", "hint"), [({"a": 1}, "into data="), (5, "not int"), (object(), "not object")])
def test_other_types_are_refused(content: Any, hint: str) -> None:
    with pytest.raises(TypeError, match=hint):
        make_body(content=content)


# Functions


@pytest.mark.parametrize(
    "factory",
    [
        lambda: b"abc",
        lambda: "abc",
        lambda: [b"a", b"bc"],
        lambda: generate(b"a", b"bc"),
        lambda: agenerate(b"a", b"bc"),
        lambda: AsyncRestart(b"a", b"bc"),
        lambda: io.BytesIO(b"abc"),
        lambda: lambda: b"abc",
    ],
)
def test_a_function_makes_the_body_anew_each_time(factory: Callable[[], Any]) -> None:
    body = made(content=factory)
    assert (body.length, body.replayable, body.data) == (None, True, None)
    assert whole(body) == whole(body) == b"abc"


def test_a_function_is_not_called_before_it_is_needed() -> None:
    def factory() -> bytes:
        raise RuntimeError("called")

    body = made(content=factory)
    with pytest.raises(RuntimeError, match="called"):
        body.open()


@pytest.mark.parametrize("size", [0, 1, 3])
def test_a_file_that_a_function_opens_is_closed(size: int) -> None:
    files: list[io.BytesIO] = []

    def factory() -> io.BytesIO:
        files.append(io.BytesIO(b"abc"))
        return files[-1]

    body = made(content=factory)
    pieces: Any = body.open()
    taken = [next(pieces) for _ in range(min(size, 1))]
    del pieces
    assert taken == [b"abc"][:size]
    assert files[0].closed
    assert whole(body) == b"abc"
    assert files[1].closed


def test_a_file_that_was_given_is_left_open() -> None:
    file = io.BytesIO(b"abc")
    assert whole(made(content=file)) == b"abc"
    assert not file.closed


def test_a_function_that_gives_one_thing_again_and_again_is_found_out() -> None:
    once = generate(b"abc")
    body = made(content=lambda: once)
    assert drain(body) == [b"abc"]
    with pytest.raises(Exception, match="gave 3 bytes before and only 0 this time"):
        drain(body)


def test_what_a_function_gives_is_named_in_errors() -> None:
    with pytest.raises(TypeError, match=r"what the function given as content gave is bytes, str, .*, not int"):
        made(content=lambda: 5).open()


def test_a_function_gives_nothing_to_await() -> None:
    async def later() -> bytes:
        raise AssertionError

    class Later:
        def __await__(self) -> Any:
            raise AssertionError

    for factory in (later, Later):
        with pytest.raises(TypeError, match="gave something to await"):
            made(content=factory).open()


def test_iterables_are_made_anew_by_themselves() -> None:
    body = made(content=Restart(b"a"))
    assert whole(body) == whole(body) == b"a"
