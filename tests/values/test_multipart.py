"""A multipart: one body of many, streamed, of a length that is known, and sent again only if all of it can be."""

from __future__ import annotations

import asyncio
import email
import email.policy
import io
import os
import pickle
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from bodies import AsyncRestart, Restart, agenerate, drain, generate, made, whole
from formdata import Entry, read_form
from hypothesis import given
from hypothesis import strategies as st

from courser.errors import BodyNotReplayable, InvalidRequest
from courser.values.body import PIECE, Body
from courser.values.files import Paced
from courser.values.multipart import SMALL, make_multipart
from courser.values.request import Request

OCTETS = "application/octet-stream"


def read(body: Body) -> list[Entry]:
    return read_form(body.content_type, whole(body))


def contents(body: Body) -> list[bytes]:
    return [entry.content for entry in read(body)]


def test_the_bytes_of_a_multipart() -> None:
    request = Request(
        "POST",
        "http://a/",
        data={"a": "1"},
        files={"f": ("b.txt", b"abc")},
        headers={"Content-Type": "multipart/form-data; boundary=xyz"},
    )
    assert request.content == (
        b'--xyz\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
        b'--xyz\r\nContent-Disposition: form-data; name="f"; filename="b.txt"\r\n'
        b"Content-Type: text/plain\r\n\r\nabc\r\n"
        b"--xyz--\r\n"
    )


SOURCES: list[Any] = [
    lambda data: data,
    io.BytesIO,
    lambda data: [data[:3], data[3:]],
    lambda data: generate(data[:3], data[3:]),
    lambda data: Restart(data),
    lambda data: AsyncRestart(data[:3], data[3:]),
    lambda data: agenerate(data),
    lambda data: lambda: io.BytesIO(data),
    lambda data: lambda: agenerate(data),
]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("size", [0, 10, SMALL, SMALL + 1, 2 * PIECE + 1])
def test_every_source_comes_whole(source: Any, size: int) -> None:
    data = os.urandom(size)
    body = make_multipart({"a": "1"}, [("f", ("x", source(data))), ("g", b"end"), ("h", ("y", source(data)))])
    assert contents(body) == [b"1", data, b"end", data]


def test_paths_come_whole(tmp_path: Path) -> None:
    paths = [tmp_path / str(size) for size in (0, 10, SMALL, PIECE + 1)]
    for path in paths:
        path.write_bytes(os.urandom(int(path.name)))
    body = make_multipart(None, [("f", path) for path in paths])
    assert contents(body) == contents(body) == [path.read_bytes() for path in paths]


def test_many_small_fields_are_sent_in_pieces_of_some_size() -> None:
    body = make_multipart([(f"field {number}", "x" * 50) for number in range(2000)], {"f": io.BytesIO(b"abc")})
    pieces = drain(body)
    assert len(read(body)) == 2001
    assert 1 < len(pieces) < 10
    assert max(map(len, pieces)) < 2 * SMALL


def test_a_small_one_is_in_memory_and_can_be_pickled() -> None:
    body = make_multipart({"a": "1"}, {"f": b"abc"})
    assert body.data is not None
    assert drain(body) == [body.data]
    thawed = pickle.loads(pickle.dumps(body))
    assert (thawed.data, thawed.content_type) == (body.data, body.content_type)
    assert make_multipart(None, {"f": bytes(SMALL)}).data is None
    with pytest.raises(TypeError, match="a MultipartBody cannot be pickled"):
        pickle.dumps(make_multipart(None, {"f": io.BytesIO(b"abc")}))


def test_what_is_large_is_not_copied() -> None:
    data = bytes(10 * SMALL)
    body = make_multipart(None, {"f": data})
    assert any(piece is data for piece in drain(body))


def test_a_small_file_leaves_with_the_lines_before_it() -> None:
    pieces = drain(make_multipart(None, {"f": io.BytesIO(b"abc")}))
    assert len(pieces) == 2
    assert pieces[0].endswith(b"\r\n\r\nabc")


def test_nothing_is_read_before_it_is_sent() -> None:
    taken: list[int] = []

    def source() -> Iterator[bytes]:
        for number in range(3):
            taken.append(number)
            yield bytes(SMALL + 1)

    pieces: Any = make_multipart(None, {"f": source(), "g": b""}).open()
    assert taken == []
    next(pieces)
    assert taken == [0]
    next(pieces)
    next(pieces)
    assert taken == [0, 1]
    pieces.close()


def test_a_live_piece_does_not_wait_for_the_next() -> None:
    pieces: Any = make_multipart(None, {"f": generate(b"one", b"two")}).open()
    assert next(pieces).endswith(b"\r\n\r\none")
    assert next(pieces) == b"two"


# Length, replay, colour


def test_the_length_is_known_where_that_of_every_part_is(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"abc")
    known: dict[str, Any] = {"a": b"1", "b": io.BytesIO(b"2"), "c": tmp_path / "f", "d": ("x", "é")}
    body = make_multipart({"e": "ü"}, known)
    assert body.length == len(whole(body))
    for unknown in (generate(b"1"), Restart(b"1"), agenerate(b"1"), lambda: b"1"):
        assert make_multipart(None, known | {"z": unknown}).length is None


def test_it_is_sent_again_where_every_part_can_be() -> None:
    body = make_multipart(None, {"a": io.BytesIO(b"1"), "b": Restart(b"2"), "c": lambda: b"3"})
    assert (body.replayable, contents(body), contents(body)) == (True, [b"1", b"2", b"3"], [b"1", b"2", b"3"])


def test_it_is_refused_before_anything_is_sent_twice() -> None:
    body = make_multipart({"a": "1"}, {"f": b"1", "g": generate(b"2")})
    assert not body.replayable
    assert contents(body) == [b"1", b"1", b"2"]
    with pytest.raises(BodyNotReplayable, match="its part 'g' cannot: it came from a generator, which runs only once"):
        body.open()


def test_it_is_async_where_a_part_is() -> None:
    assert not make_multipart(None, {"a": generate(b"")}).is_async
    assert make_multipart(None, {"a": b"", "b": agenerate(b"")}).is_async


def test_threads_may_read_it_where_they_may_read_every_part(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"abc")
    body = make_multipart({"a": 1}, {"f": tmp_path / "f", "g": bytes(SMALL)})
    assert body.movable
    assert type(body.open()) is Paced
    other = make_multipart(None, {"f": tmp_path / "f", "g": generate(b"")})
    assert not other.movable
    assert type(other.open()) is not Paced


def test_a_part_of_another_size_than_it_said() -> None:
    """The engine finds out: the whole is not what its Content-Length says."""
    file = io.BytesIO(b"abc")
    body = make_multipart(None, {"f": file})
    file.seek(0, 2)
    file.write(b"def")
    assert len(b"".join(drain(body))) == (body.length or 0) + 3


# The end


@pytest.mark.parametrize("begun", [1, 2])
def test_sources_are_closed_where_it_is_left(begun: int) -> None:
    closed: list[str] = []

    def sync() -> Iterator[bytes]:
        try:
            yield bytes(SMALL)
            yield bytes(SMALL)
        finally:
            closed.append("sync")

    async def later() -> AsyncIterator[bytes]:
        try:
            yield bytes(SMALL)
            yield bytes(SMALL)
        finally:
            closed.append("async")

    async def leave(pieces: Any) -> None:
        for _ in range(begun):
            await anext(pieces)
        await pieces.aclose()

    source, other = sync(), later()
    pieces: Any = make_multipart(None, {"f": source}).open()
    for _ in range(begun):
        next(pieces)
    pieces.close()
    asyncio.run(leave(make_multipart(None, {"f": other}).open()))
    assert closed == ["sync", "async"]


@pytest.mark.parametrize("source", [generate(b"a", 5), agenerate(b"a", 5)])
def test_what_a_source_raises_comes_out(source: Any) -> None:
    with pytest.raises(TypeError, match="item 1 of the body is int"):
        drain(make_multipart(None, {"f": source}))


# The boundary


def test_a_boundary_is_random() -> None:
    """CVE-2025-22150 of undici: who can foresee it can write parts of his own."""
    seen = set()
    for _ in range(100):
        found = re.fullmatch(
            "multipart/form-data; boundary=([0-9a-f]{32})", make_multipart(None, {"f": b""}).content_type or ""
        )
        assert found
        seen.add(found[1])
    assert len(seen) == 100


@pytest.mark.parametrize("boundary", ["a", "x" * 70, "0'()+_,-./:=?Z", "a b"])
@pytest.mark.parametrize("form", ['multipart/form-data; boundary="{}"', 'Multipart/Mixed;a=b; BOUNDARY="{}"; c=d'])
def test_a_boundary_of_the_callers_is_used(boundary: str, form: str) -> None:
    body = make_multipart({"a": "1"}, {"f": io.BytesIO(b"abc")})
    given = form.format(boundary)
    assert body.typed(given) == given
    data = b"".join(drain(body))
    assert len(data) == body.length
    assert data.startswith(f"--{boundary}\r\n".encode())
    assert data.endswith(f"\r\n--{boundary}--\r\n".encode())


@pytest.mark.parametrize("given", ["multipart/form-data", "multipart/form-data; ", "Multipart/Related; type=x"])
def test_a_boundary_is_added_where_it_is_missing(given: str) -> None:
    """The header that programs set by hand, and that makes servers fail with Requests and HTTPX."""
    body = make_multipart(None, {"f": b"abc"})
    typed = body.typed(given)
    assert typed.startswith(given.rstrip("; ") + "; boundary=")
    assert read_form(typed.replace(" type=x;", "").lower(), whole(body)) == [("f", "upload", OCTETS, b"abc")]


@pytest.mark.parametrize(
    "given",
    [
        "multipart/form-data; boundary=",
        'multipart/form-data; boundary=""',
        "multipart/form-data; boundary=" + "x" * 71,
        'multipart/form-data; boundary="a "',
        'multipart/form-data; boundary="a\\"b"',
        "multipart/form-data; boundary=é",
        "multipart/form-data; boundary=a; boundary=b",
        "multipart/form-data; boundary = a",
        "multipart/form-data; boundary=a b",
        "multipart/form-data; boundary=a<b",
    ],
)
def test_a_boundary_that_cannot_be_one_is_refused(given: str) -> None:
    with pytest.raises(InvalidRequest, match="whose boundary cannot be one"):
        make_multipart(None, {"f": b""}).typed(given)


def test_a_boundary_that_is_found_in_a_part_is_refused() -> None:
    given = "multipart/form-data; boundary=abc"
    with pytest.raises(InvalidRequest, match="is found in part 'g'"):
        make_multipart({"a": "abc"}, {"f": generate(b"--abc"), "g": b"x--abc"}).typed(given)
    make_multipart({"a": "-abc"}, {"f": b"abc"}).typed(given)


def test_another_content_type_is_refused() -> None:
    """Requests and HTTPX send the parts, and call them JSON."""
    with pytest.raises(InvalidRequest, match="says 'application/json', and files make a multipart"):
        Request("POST", "http://a/", files={"f": b""}, headers={"Content-Type": "application/json"})


def test_the_header_says_what_the_body_is() -> None:
    request = Request("POST", "http://a/", files={"f": b"abc"})
    assert request.content is not None
    assert read_form(request.headers["content-type"], request.content) == [("f", "upload", OCTETS, b"abc")]


# Read by others


NAMES = st.text(
    st.characters(min_codepoint=32, exclude_characters='%"\\\x7f', exclude_categories=["Cs", "Cc"]), min_size=1
)


@given(
    st.lists(st.tuples(NAMES, st.binary())),
    st.lists(st.tuples(NAMES, NAMES, st.lists(st.binary())), min_size=1),
)
def test_parts_come_back(fields: list[tuple[str, bytes]], files: list[tuple[str, str, list[bytes]]]) -> None:
    body = make_multipart(fields, [(name, (filename, pieces, "a/b")) for name, filename, pieces in files])
    assert read(body) == [
        *((name, None, None, value) for name, value in fields),
        *((name, filename, "a/b", b"".join(pieces)) for name, filename, pieces in files),
    ]


def test_the_standard_library_reads_it() -> None:
    body = made(data={"a": "1"}, files={"f": ("b.bin", io.BytesIO(b"\0\r\n--\r\n\xff"))})
    head = f"Content-Type: {body.content_type}\r\n\r\n".encode()
    message = email.message_from_bytes(head + whole(body), policy=email.policy.HTTP)
    parts = list(message.iter_parts())
    assert [part.get_param("name", header="content-disposition") for part in parts] == ["a", "f"]
    assert [part.get_filename() for part in parts] == [None, "b.bin"]
    assert parts[0].get_payload(decode=True) == b"1"
    assert parts[1].get_content_type() == OCTETS
