"""What a request carries: bytes, a file, or pieces that the caller makes as they are sent.

A body may be sent more than once: a redirect, a login or a resend needs it again. So it says beforehand whether it can
start anew, and `open` either starts at the beginning or raises; it never goes on where the last pass ended.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Collection,
    Generator,
    Iterable,
    Iterator,
    Mapping,
)
from functools import cache
from io import TextIOBase

from ..errors import BodyNotReplayable, InvalidRequest
from ..hints import TYPE_CHECKING, cast
from .query import encode_form

if TYPE_CHECKING:
    from typing import Any, ClassVar, Final, NoReturn, TypeAlias

    from ..settings import Content, FormTypes

__all__ = ["AsyncIterableBody", "Body", "BytesBody", "FileBody", "IterableBody", "make_body"]

PIECE: Final = 256 * 1024
"""Bytes read from a file at a time: what a socket takes at once, and little beside the rest of a process."""

JSONEncode: TypeAlias = "Callable[[Any], str | bytes]"


class Body(ABC):
    """What a request carries.

    Attributes:
        length: its length in bytes; None where it is not known, and it goes out chunked unless the caller tells it.
        data: all of it, where it is in memory.
        content_type: the Content-Type that goes with it, None where the caller has to know.
        replayable: whether it can be opened more than once.
        is_async: whether `open` gives an async iterator.
    """

    __slots__ = ("content_type", "data", "length", "replayable")

    is_async: ClassVar[bool] = False

    def __init__(
        self,
        *,
        length: int | None = None,
        replayable: bool,
        data: bytes | None = None,
        content_type: str | None = None,
    ) -> None:
        self.length = length
        self.replayable = replayable
        self.data = data
        self.content_type = content_type

    @abstractmethod
    def open(self) -> Iterator[bytes] | AsyncIterator[bytes]:
        """Start it from its beginning.

        Raises:
            BodyNotReplayable: it was opened before and cannot start anew.
        """

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError(f"a {type(self).__name__} cannot be pickled or copied: only bytes in memory can")

    def __repr__(self) -> str:
        size = "unknown length" if self.length is None else f"{self.length} bytes"
        return f"<{type(self).__name__} {size}>"


class BytesBody(Body):
    """Bytes in memory.

    Args:
        data: all of it.
        content_type: the Content-Type that goes with it.
    """

    __slots__ = ()

    def __init__(self, data: bytes, content_type: str | None = None) -> None:
        super().__init__(length=len(data), replayable=True, data=data, content_type=content_type)

    def open(self) -> Iterator[bytes]:
        return iter((self.data,) if self.data else ())

    def __reduce__(self) -> tuple[Any, ...]:
        return BytesBody, (self.data, self.content_type)


class FileBody(Body):
    """A binary file, from where it stands to its end.

    Args:
        file: anything with a `read` that gives bytes; with `seek` and `tell` it has a length and can be sent again.

    Raises:
        TypeError: the file is open in text mode.
        InvalidRequest: the file is closed.
    """

    __slots__ = ("_file", "_opened", "_start")

    def __init__(self, file: Any) -> None:
        # Text files behind wrappers, as tempfile's, are no TextIOBase but show the encoding of what they wrap.
        if isinstance(file, TextIOBase) or isinstance(getattr(file, "encoding", None), str):
            _refuse_text()
        if getattr(file, "closed", False) is True:
            raise InvalidRequest(detail="the file to send is closed")
        self._file = file
        self._opened = False
        self._start, length = _extent(file)
        super().__init__(length=length, replayable=self._start is not None)

    def open(self) -> Iterator[bytes]:
        if self._start is not None:
            try:
                self._file.seek(self._start)
            except (OSError, ValueError) as exc:
                raise BodyNotReplayable(detail=f"its file cannot go back to position {self._start}: {exc}") from exc
        elif self._opened:
            raise BodyNotReplayable(detail="its file cannot seek", hint="give bytes or a file on disk")
        self._opened = True
        return self._pieces()

    def _pieces(self) -> Iterator[bytes]:
        while True:
            data = self._file.read(PIECE)
            if type(data) is not bytes:
                data = _file_bytes(data)
            if not data:
                return
            yield data


def _extent(file: Any) -> tuple[int | None, int | None]:
    """Give where the file stands and how much is left; fstat would give the size of what a GzipFile reads from."""
    try:
        start: int = file.tell()
        file.seek(0, 2)
        end: int = file.tell()
        file.seek(start)
    except (AttributeError, OSError, ValueError):
        return None, None
    return start, max(end - start, 0)


def _file_bytes(data: object) -> bytes:
    if isinstance(data, str):
        _refuse_text()
    if data is None:
        raise TypeError("read() of the file to send gave None: it is in non-blocking mode")
    return _to_bytes(data, "read() of the file to send gave")


def _refuse_text() -> NoReturn:
    raise TypeError('a text file has no definite bytes: open it in binary mode ("rb")')


class _PiecesBody(Body):
    """What the two kinds of iterables have in common."""

    __slots__ = ("_opened", "_seen", "_source")

    def __init__(self, source: Any, *, replayable: bool) -> None:
        super().__init__(replayable=replayable)
        self._source = source
        self._opened = False
        self._seen = 0

    def _begin(self) -> None:
        if self._opened and not self.replayable:
            raise BodyNotReplayable(
                detail=f"it came from a {type(self._source).__name__}, which runs only once",
                hint="give bytes, a list, a file, or an object that starts anew each time it is iterated over",
            )
        self._opened = True

    def _finish(self, sent: int) -> None:
        """Notice an object that goes on where its last iteration ended: a body must not shrink silently."""
        if sent < self._seen:
            raise BodyNotReplayable(detail=f"its iterable gave {self._seen} bytes before and only {sent} this time")


class IterableBody(_PiecesBody):
    """Pieces from an iterable.

    Args:
        source: gives bytes, or text that is sent as UTF-8; only an iterator cannot be sent again.
    """

    __slots__ = ()

    def __init__(self, source: Iterable[Any]) -> None:
        super().__init__(source, replayable=not isinstance(source, Iterator))

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
                    self._seen = max(sent, self._seen)
                    yield data
        finally:
            # A generator that is merely left would clean up when its last holder goes, by nobody knows whom.
            if isinstance(items, Generator):
                cast("Generator[Any, None, None]", items).close()
        self._finish(sent)


class AsyncIterableBody(_PiecesBody):
    """Pieces from an async iterable, for async clients.

    Args:
        source: gives bytes, or text that is sent as UTF-8; only an async iterator cannot be sent again.
    """

    __slots__ = ()

    is_async = True

    def __init__(self, source: AsyncIterable[Any]) -> None:
        super().__init__(source, replayable=not isinstance(source, AsyncIterator))

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
                    self._seen = max(sent, self._seen)
                    yield data
                index += 1
        finally:
            if isinstance(items, AsyncGenerator):
                await cast("AsyncGenerator[Any, None]", items).aclose()
        self._finish(sent)


def _item_bytes(item: object, index: int) -> bytes:
    return item if type(item) is bytes else _to_bytes(item, f"item {index} of the body is")


def _to_bytes(item: Any, what: str) -> bytes:
    if isinstance(item, str):
        try:
            return item.encode("utf-8")
        except UnicodeEncodeError as exc:
            detail = f"the text of the body has a lone surrogate at position {exc.start}"
            raise InvalidRequest(detail=detail, hint="give bytes to send what is not text") from exc
    try:
        return memoryview(item).tobytes()
    except TypeError:
        raise TypeError(f"{what} {type(item).__name__}: expected bytes or str") from None


def make_body(
    *,
    content: Content | None = None,
    data: FormTypes | Content | None = None,
    json: Any = None,
    json_encode: JSONEncode | None = None,
) -> Body | None:
    """Turn what a request was given into its body; None where it has none.

    Args:
        content: the body itself: bytes, str (sent as UTF-8), a binary file, or an iterable of bytes and str.
        data: a form, as a mapping or a collection of pairs; anything else is taken as `content`. An empty form is none.
        json: any JSON value but None, which is no body, as in Requests and HTTPX; for `null` use `content`.
        json_encode: what writes `json`, instead of the standard library in its compact form.

    Raises:
        InvalidRequest: more than one was given, JSON cannot hold the value, or a file is closed.
        TypeError: a type that cannot be sent.
    """
    if content is None and data is None:
        return None if json is None else _json_body(json, json_encode)
    given = [name for name, value in (("content", content), ("data", data), ("json", json)) if value is not None]
    if len(given) > 1:
        raise InvalidRequest(detail=f"{' and '.join(given)} were given", hint="a request has one body")
    if content is not None:
        return _content_body(content, "content")
    return _form_body(data) if _is_form(data) else _content_body(data, "data")


def _is_form(data: Any) -> bool:
    if hasattr(data, "items"):
        return True
    if not isinstance(data, Collection) or isinstance(data, str | bytes | bytearray | memoryview):
        return False
    # An iterator is not looked into: it is content, and its first item may be long in coming.
    first: object = next(iter(cast("Collection[object]", data)), ())
    return isinstance(first, tuple | list)


def _form_body(data: Any) -> Body | None:
    return BytesBody(encode_form(data), "application/x-www-form-urlencoded") if data else None


def _json_body(value: Any, encode: JSONEncode | None) -> Body:
    try:
        written = (encode or _json_encoder())(value)
        data = written.encode("utf-8") if isinstance(written, str) else written
    except ValueError as exc:
        raise InvalidRequest(detail=f"json: {exc}") from exc
    return BytesBody(data, "application/json")


@cache
def _json_encoder() -> JSONEncode:
    from json import JSONEncoder

    return JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


def _content_body(content: Any, name: str) -> Body:
    if type(content) is bytes:
        return BytesBody(content)
    if hasattr(content, "__aiter__"):
        return AsyncIterableBody(content)
    if hasattr(content, "read"):
        return FileBody(content)
    if isinstance(content, Mapping):
        raise TypeError(f"{name} cannot be a mapping: a form goes into data=, a JSON object into json=")
    try:
        return BytesBody(_to_bytes(content, name))
    except TypeError:
        if hasattr(content, "__iter__"):
            return IterableBody(content)
    kind = type(content).__name__
    raise TypeError(f"{name} is bytes, str, a binary file or an iterable of bytes, not {kind}")
