"""Files are sent from where they stand, paths from their beginning; what a text file holds is not for us to say."""

from __future__ import annotations

import gzip
import io
import mmap
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from bodies import drain, made, whole

from courser.errors import BodyNotReplayable, InvalidRequest
from courser.values import files as module
from courser.values.body import PIECE, make_body
from courser.values.compression import compressed
from courser.values.files import FileBody, FilePieces, Paced, PathBody


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


def test_a_file_comes_in_pieces_of_256_kib(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(2 * PIECE + 1))
    for content in (io.BytesIO(bytes(2 * PIECE + 1)), tmp_path / "file"):
        assert [len(piece) for piece in drain(made(data=content))] == [PIECE, PIECE, 1]
    assert PIECE == 256 * 1024


def test_the_length_is_that_of_what_is_read() -> None:
    """Not that of the compressed file below."""
    packed = io.BytesIO(gzip.compress(bytes(1000)))
    with gzip.GzipFile(fileobj=packed) as file:
        body = made(content=file)
        assert body.length == 1000
        assert drain(body) == [bytes(1000)]


class Spooled(tempfile.SpooledTemporaryFile[bytes]):
    """In memory until it is large."""


def test_a_length_is_known_where_it_can_be_known(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"0123456789")
    with (
        (tmp_path / "file").open("rb", buffering=0) as raw,
        (tmp_path / "file").open("r+b") as both,
        mmap.mmap(both.fileno(), 0) as mapped,
        Spooled() as spooled,
        tempfile.NamedTemporaryFile() as named,
    ):
        for file in (spooled, named):
            file.write(b"0123456789")
            file.seek(0)
        for content in (raw, both, mapped, spooled, named, io.BytesIO(b"0123456789")):
            content.read(3)  # type: ignore[attr-defined]
            body = made(content=content)
            assert (body.length, whole(body)) == (7, b"3456789")


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
        assert (body.length, body.replayable, body.movable) == (None, False, True)
        assert drain(body) == [b"abc"]
        with pytest.raises(BodyNotReplayable, match="its file cannot seek"):
            body.open()


def test_what_comes_from_a_pipe_does_not_wait_for_more() -> None:
    receiver, sender = os.pipe()
    with os.fdopen(receiver, "rb") as file:
        for body in (made(content=file), made(files={"f": file}), compressed(made(content=file), "gzip")):
            assert body.movable
        pieces: Any = made(content=file).open()
        assert pieces.slow
        os.write(sender, b"abc")
        assert next(pieces) == b"abc"
        os.write(sender, b"def")
        assert next(pieces) == b"def"
        os.close(sender)
        assert list(pieces) == []


def test_what_is_made_of_a_pipe_is_slow_too() -> None:
    for wrap in (lambda file: made(files={"f": file}), lambda file: compressed(made(content=file), "gzip")):
        receiver, sender = os.pipe()
        os.close(sender)
        with os.fdopen(receiver, "rb") as file:
            pieces: Any = wrap(file).open()
            assert pieces.slow
            assert list(pieces)
    for body in (made(files={"f": io.BytesIO(b"")}), compressed(made(content=io.BytesIO(b"")), "gzip")):
        assert not body.open().slow  # type: ignore[union-attr]


class Reader:
    """Has nothing of a file but `read`."""

    def __init__(self, *results: Any) -> None:
        self.left = list(results)

    def read(self, size: int) -> Any:
        return self.left.pop(0)


def test_anything_with_read_is_a_file() -> None:
    body = made(content=Reader(bytearray(b"ab"), memoryview(b"c"), b""))
    assert isinstance(body, FileBody)
    assert (body.length, body.replayable, body.movable) == (None, False, False)
    assert drain(body) == [b"ab", b"c"]


@pytest.mark.parametrize(("told", "length"), [(3, 3), (0, 0), (-1, None), ("3", None), (True, None), (None, None)])
def test_an_encoder_for_requests_tells_its_length(told: Any, length: int | None) -> None:
    """As MultipartEncoder of requests-toolbelt does."""
    reader = Reader(b"abc", b"")
    reader.len = told  # type: ignore[attr-defined]
    assert made(data=reader).length == length


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
    with pytest.raises(TypeError, match=error):
        drain(made(content=Reader(result)))


def test_a_closed_file_is_refused() -> None:
    file = io.BytesIO(b"abc")
    body = made(content=file)
    file.close()
    with pytest.raises(BodyNotReplayable, match="cannot go back to position 0"):
        body.open()
    with pytest.raises(InvalidRequest, match="the file to send is closed"):
        make_body(content=file)


# Paths


def opened() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.usefixtures("no_collection")
def test_a_path_is_opened_when_it_is_sent_and_closed_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    before = opened()
    body = made(content=path)
    assert (body.length, body.replayable, body.movable, opened()) == (3, True, True, before)
    assert drain(body) == drain(body) == [b"abc"]
    assert opened() == before


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize("begun", [True, False])
@pytest.mark.parametrize("explicitly", [True, False])
def test_a_path_is_closed_where_it_is_left(tmp_path: Path, begun: bool, explicitly: bool) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(2 * PIECE))
    before = opened()
    pieces: Any = made(content=path).open()
    assert opened() == before + 1
    if begun:
        assert len(next(pieces)) == PIECE
    if explicitly:
        pieces.close()
    else:
        del pieces
    assert opened() == before


def test_a_path_may_be_of_bytes(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")

    class Raw:
        def __fspath__(self) -> bytes:
            return os.fsencode(tmp_path / "file")

    assert whole(PathBody(Raw())) == b"abc"


def test_a_file_that_is_not_there_is_refused_when_the_request_is_made(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"the file to send is not there: .*No such file or directory"):
        make_body(content=tmp_path / "none")
    with pytest.raises(InvalidRequest, match=r"the file to send is not there: (stat: )?embedded null"):
        make_body(content=Path("a\0b"))
    with pytest.raises(InvalidRequest, match="the file to send is a folder"):
        make_body(content=tmp_path)


def test_a_file_that_has_gone_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    body, other = made(content=path), made(content=path)
    assert whole(body) == b"abc"
    path.unlink()
    with pytest.raises(BodyNotReplayable, match=r"cannot be opened: .*No such file"):
        body.open()
    with pytest.raises(InvalidRequest, match=r"cannot be opened: .*No such file"):
        other.open()


@pytest.mark.usefixtures("no_collection")
def test_what_is_no_regular_file_has_no_length_and_runs_once(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    body = PathBody(path)
    assert (body.length, body.replayable, body.movable) == (None, False, True)
    before = opened()
    pieces: Any = body.open()
    assert opened() == before, "a pipe would wait for somebody who writes to it"
    assert pieces.slow
    keeper = os.open(path, os.O_RDWR)
    os.write(keeper, b"abc")
    assert next(pieces) == b"abc"
    os.close(keeper)
    assert list(pieces) == []
    assert opened() == before
    with pytest.raises(BodyNotReplayable, match="is no regular file"):
        body.open()


# How long it takes


def test_pieces_tell_when_they_were_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0, module.SLOW, 1.0, 1.0 + 2 * module.SLOW, 2.0, 2.0])
    monkeypatch.setattr(module, "monotonic", lambda: next(times))
    pieces = Paced(iter((b"a", b"b", b"c")), slow=False)
    assert [(next(pieces), pieces.slow) for _ in range(3)] == [(b"a", False), (b"b", True), (b"c", True)]
    pieces.close()


def test_only_files_of_pythons_own_are_read_by_other_threads(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")

    class Mine(io.BytesIO):
        pass

    with (tmp_path / "file").open("rb") as buffered, (tmp_path / "file").open("rb", buffering=0) as raw:
        for file in (buffered, raw, io.BytesIO(b"abc"), (tmp_path / "file").open("r+b")):
            body = made(content=file)
            assert body.movable
            assert type(body.open()) is Paced
            if file not in (buffered, raw):
                file.close()
    body = made(content=Mine(b"abc"))
    assert not body.movable
    assert type(body.open()) is FilePieces


def test_a_file_without_close_may_be_ours() -> None:
    assert list(FilePieces(Reader(b"abc", b""), owned=True)) == [b"abc"]


def test_a_path_is_known_as_it_was_given(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")

    body = make_body(content=tmp_path / "file")

    assert isinstance(body, PathBody)
    assert body.path == str(tmp_path / "file")
