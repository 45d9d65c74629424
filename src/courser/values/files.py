"""Bodies from files: those that are open already, and paths, which are opened when they are sent.

Reading a file blocks. Where the system has it in memory that takes some 30 µs for a piece, and to have a thread do it
takes 110 µs more; from a slow disk or a network it may take long, and an event loop would stand still meanwhile. So a
file is read where it is asked for until it was slow once; from then on an async client asks by a worker thread. What
has no length is no file on a disk, but a pipe or a terminal, which gives something when it likes: there a thread asks
from the start.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from io import BufferedRandom, BufferedReader, BytesIO, FileIO, TextIOBase
from stat import S_ISDIR, S_ISREG
from time import monotonic

from ..errors import BodyNotReplayable, InvalidRequest
from ..hints import TYPE_CHECKING
from .body import PIECE, Body, to_bytes

if TYPE_CHECKING:
    from typing import Any, Final, NoReturn

__all__ = ["FileBody", "FilePieces", "Paced", "PathBody"]

SLOW: Final = 0.005
"""Seconds that a piece may take to make before the next one is asked for by a thread: as long as an upload may work
without giving way to others."""

MOVABLE: Final = frozenset((BufferedRandom, BufferedReader, BytesIO, FileIO))
"""Files that any thread may read. Others may belong to the thread that made them, as the blobs of sqlite3 do."""


class Paced(Iterator[bytes]):
    """Pieces that any thread may ask for, with an eye on how long they take.

    Args:
        pieces: makes them.
        slow: see the attribute.

    Attributes:
        slow: whether the next of them had better be asked for by a worker thread: one has taken long, or may do so.
    """

    __slots__ = ("_pieces", "slow")

    def __init__(self, pieces: Iterator[bytes], *, slow: bool) -> None:
        self._pieces = pieces
        self.slow = slow

    def __next__(self) -> bytes:
        begun = monotonic()
        piece = next(self._pieces)
        if monotonic() - begun > SLOW:
            self.slow = True
        return piece

    def close(self) -> None:
        """Let the pieces clean up."""
        close = getattr(self._pieces, "close", None)
        if close is not None:
            close()


class FilePieces(Iterator[bytes]):
    """What is read from a file, to its end.

    Args:
        file: what has `read`.
        owned: whether the file is closed afterwards.
        live: whether it gives something when it likes, and what it has is not to wait for more.
    """

    __slots__ = ("_file", "_owned", "_read")

    def __init__(self, file: Any, *, owned: bool, live: bool = False) -> None:
        self._file = file
        self._owned = owned
        self._read: Callable[[int], Any] = file.read1 if live and type(file) is BufferedReader else file.read

    def __next__(self) -> bytes:
        data = self._read(PIECE)
        if type(data) is not bytes:
            data = _file_bytes(data)
        if not data:
            self.close()
            raise StopIteration
        return data

    def close(self) -> None:
        """Close the file, if that falls to us."""
        if self._owned:
            close = getattr(self._file, "close", None)
            if close is not None:
                close()

    __del__ = close


class FileBody(Body):
    """A binary file, from where it stands to its end.

    Args:
        file: anything with a `read` that gives bytes; with `seek` and `tell` it has a length and can be sent again.
        owned: whether it is closed after it was sent.

    Raises:
        TypeError: the file is open in text mode.
        InvalidRequest: the file is closed.
    """

    __slots__ = ("_file", "_owned", "_start")

    def __init__(self, file: Any, *, owned: bool = False) -> None:
        # Text files behind wrappers, as tempfile's, are no TextIOBase but show the encoding of what they wrap.
        if isinstance(file, TextIOBase) or isinstance(getattr(file, "encoding", None), str):
            _refuse_text()
        if getattr(file, "closed", False) is True:
            raise InvalidRequest(detail="the file to send is closed")
        self._file = file
        self._owned = owned
        self._start, length = _extent(file)
        super().__init__(length=length, once="its file cannot seek" if self._start is None else "")

    @property
    def movable(self) -> bool:
        return type(self._file) in MOVABLE

    def open(self) -> Iterator[bytes]:
        self._begin()
        if self._start is not None:
            try:
                self._file.seek(self._start)
            except (OSError, ValueError) as exc:
                raise BodyNotReplayable(detail=f"its file cannot go back to position {self._start}: {exc}") from exc
        live = self.length is None
        pieces = FilePieces(self._file, owned=self._owned, live=live)
        return Paced(pieces, slow=live) if self.movable else pieces


class PathBody(Body):
    """A file that is opened each time it is sent, and closed afterwards.

    Args:
        path: where it is.

    Raises:
        InvalidRequest: there is no file that can be sent.
    """

    __slots__ = ("_path",)

    def __init__(self, path: os.PathLike[str] | os.PathLike[bytes]) -> None:
        self._path = os.fspath(path)
        try:
            found = os.stat(self._path)
        except (OSError, ValueError) as exc:
            raise InvalidRequest(detail=f"the file to send is not there: {exc}") from exc
        if S_ISDIR(found.st_mode):
            raise InvalidRequest(detail=f"the file to send is a folder: {self._path!r}")
        # The size that a pipe or a device tells is not what can be read from it.
        if S_ISREG(found.st_mode):
            super().__init__(length=found.st_size)
        else:
            super().__init__(once=f"{self._path!r} is no regular file")

    @property
    def path(self) -> str | bytes:
        """Where the file is."""
        return self._path

    @property
    def movable(self) -> bool:
        return True

    def open(self) -> Iterator[bytes]:
        again = self._opened
        self._begin()
        if self.length is None:
            return Paced(self._late(), slow=True)
        return Paced(FilePieces(self._open(again), owned=True), slow=False)

    def _open(self, again: bool) -> FileIO:
        try:
            return open(self._path, "rb", buffering=0)
        except OSError as exc:
            kind = BodyNotReplayable if again else InvalidRequest
            raise kind(detail=f"the file to send cannot be opened: {exc}") from exc

    def _late(self) -> Iterator[bytes]:
        """Open it by whoever asks for its first piece: a pipe opens when somebody writes to it."""
        yield from FilePieces(self._open(False), owned=True)


def _extent(file: Any) -> tuple[int | None, int | None]:
    """Give where the file stands and how much is left; fstat would give the size of what a GzipFile reads from.

    Where it cannot seek there may be an attribute `len`: so encoders made for Requests tell what they will give.
    """
    try:
        start: int = file.tell()
        file.seek(0, 2)
        end: int = file.tell()
        file.seek(start)
    except (AttributeError, OSError, ValueError):
        told = getattr(file, "len", None)
        return None, told if type(told) is int and told >= 0 else None
    return start, max(end - start, 0)


def _file_bytes(data: object) -> bytes:
    if isinstance(data, str):
        _refuse_text()
    if data is None:
        raise TypeError("read() of the file to send gave None: it is in non-blocking mode")
    return to_bytes(data, "read() of the file to send gave")


def _refuse_text() -> NoReturn:
    raise TypeError('a text file has no definite bytes: open it in binary mode ("rb")')
