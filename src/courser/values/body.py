"""What a request carries: bytes, a file, or pieces that the caller makes as they are sent.

A body may be sent more than once: a redirect, a login or a resend needs it again. So it says beforehand whether it can
start anew, and `open` either starts at the beginning or raises; it never goes on where the last pass ended.

Most requests carry nothing, and most of the others JSON or bytes: that is here. The other kinds have modules of their
own, which are imported when one of them is met.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from functools import cache

from ..errors import BodyNotReplayable, InvalidRequest
from ..hints import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from typing import Any, Final, TypeAlias

    from ..settings import Content, FileTypes, FormTypes
    from .request import Request

__all__ = ["PIECE", "AnyPieces", "Body", "BytesBody", "make_body", "to_bytes", "write_json"]

PIECE: Final = 256 * 1024
"""Bytes read from a file at a time: what a socket takes at once, and little beside the rest of a process."""

ANEW: Final = "give bytes, a list, a file, a path, or a function that makes it anew"
"""What can be sent again."""

AnyPieces: TypeAlias = "Iterator[bytes] | AsyncIterator[bytes]"
JSONEncode: TypeAlias = "Callable[[Any], str | bytes]"


class Body(ABC):
    """What a request carries.

    Args:
        length: see the attributes, as with the others.
        once: why it can be opened only once; empty where it can be opened again.

    Attributes:
        length: its length in bytes; None where it is not known, and it goes out chunked unless the caller tells it.
        data: all of it, where it is in memory.
        content_type: the Content-Type that goes with it, None where the caller has to know.
        is_async: whether `open` may give an async iterator.
        once: why it can be opened only once, for the error that says so.
    """

    __slots__ = ("_opened", "content_type", "data", "is_async", "length", "once")

    def __init__(
        self,
        *,
        length: int | None = None,
        once: str = "",
        data: bytes | None = None,
        content_type: str | None = None,
        is_async: bool = False,
    ) -> None:
        self.length = length
        self.once = once
        self.data = data
        self.content_type = content_type
        self.is_async = is_async
        self._opened = False

    @abstractmethod
    def open(self) -> AnyPieces:
        """Start it from its beginning.

        Raises:
            BodyNotReplayable: it was opened before and cannot start anew.
        """

    @property
    def replayable(self) -> bool:
        """Whether it can be opened more than once."""
        return not self.once

    @property
    def spent(self) -> bool:
        """Whether it was opened and cannot be once more."""
        return self._opened and bool(self.once)

    @property
    def movable(self) -> bool:
        """Whether any thread may ask for its pieces: they come from memory and from files, not from a caller's code."""
        return False

    def typed(self, given: str) -> str:
        """The Content-Type that goes with it where the caller has given one.

        Raises:
            InvalidRequest: it is not what this body is.
        """
        return given

    def refusal(self, why: str = "", *, hint: str = "", request: Request | None = None) -> BodyNotReplayable:
        """The error for sending it once more.

        Args:
            why: what asks for that.
            hint: what else could be done.
            request: which it is the body of.
        """
        return BodyNotReplayable(
            detail=f"{why}, and {self.once}" if why else self.once,
            hint=f"{ANEW}; or {hint}" if hint else ANEW,
            request=request,
        )

    def _begin(self) -> None:
        """Note that it is opened.

        Raises:
            BodyNotReplayable: it was, and cannot be again.
        """
        if self.spent:
            raise self.refusal()
        self._opened = True

    def __reduce__(self) -> tuple[Any, ...]:
        if self.data is None:
            raise TypeError(f"a {type(self).__name__} cannot be pickled or copied: only bytes in memory can")
        return BytesBody, (self.data, self.content_type)

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
        super().__init__(length=len(data), data=data, content_type=content_type)

    @property
    def movable(self) -> bool:
        return True

    def open(self) -> Iterator[bytes]:
        return iter((self.data,) if self.data else ())


def to_bytes(item: Any, what: str) -> bytes:
    """Give text as UTF-8, and what has a buffer as bytes.

    Args:
        item: the text or the buffer.
        what: begins the sentence of the error: `item 2 of the body is`.

    Raises:
        InvalidRequest: the text has a lone surrogate.
        TypeError: it is neither.
    """
    if type(item) is bytes:
        return item
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
    files: FileTypes | None = None,
    json_encode: JSONEncode | None = None,
) -> Body | None:
    """Turn what a request was given into its body; None where it has none.

    Args:
        content: the body itself: bytes, str (sent as UTF-8), a binary file, a path, an iterable of bytes and str, or a
            function that gives one of them each time the body is sent.
        data: a form, as a mapping or a collection of pairs; anything else is taken as `content`. An empty form is none.
        json: any JSON value but None, which is no body, as in Requests and HTTPX; for `null` use `content`.
        files: files, as a mapping or pairs: they and the form make a multipart. Where there is none in it, it counts
            as None.
        json_encode: what writes `json`, instead of the standard library in its compact form.

    Raises:
        InvalidRequest: more than one was given, JSON cannot hold the value, or something cannot be sent.
        TypeError: a type that cannot be sent.
    """
    if content is None and data is None and not files:
        return None if json is None else _json_body(json, json_encode)
    given = [name for name, value in (("content", content), ("data", data), ("json", json)) if value is not None]
    if files:
        return _multipart(data, files, given)
    if len(given) > 1:
        raise _two_bodies(given)
    if content is not None:
        return _content(content, "content")
    return _form(data) if _is_form(data) else _content(data, "data")


def _two_bodies(given: list[str]) -> InvalidRequest:
    return InvalidRequest(detail=f"{' and '.join(given)} were given", hint="a request has one body")


def _multipart(data: Any, files: Any, given: list[str]) -> Body:
    if given and given != ["data"]:
        raise _two_bodies([*given, "files"])
    if data is not None and not _is_form(data):
        raise InvalidRequest(
            detail=f"data is a {type(data).__name__}, and with files it has to be a form",
            hint="give a mapping or pairs as data, or all that is sent as content",
        )
    from .multipart import make_multipart

    return make_multipart(data, files)


def _is_form(data: Any) -> bool:
    if hasattr(data, "items"):
        return True
    if not isinstance(data, Collection) or isinstance(data, str | bytes | bytearray | memoryview):
        return False
    # An iterator is not looked into: it is content, and its first item may be long in coming.
    first: object = next(iter(cast("Collection[object]", data)), ())
    return isinstance(first, tuple | list)


def _form(data: Any) -> Body | None:
    if not data:
        return None
    from .form import encode_form

    return BytesBody(encode_form(data), "application/x-www-form-urlencoded")


def _content(content: Any, name: str) -> Body:
    if type(content) is bytes:
        return BytesBody(content)
    from .content import content_body

    return content_body(content, name)


def write_json(value: Any, encode: JSONEncode | None) -> str | bytes:
    """A value as JSON.

    Args:
        value: the value.
        encode: what writes it; None is the standard library.

    Raises:
        InvalidRequest: JSON has nothing for it, as for NaN.
    """
    try:
        return (encode or _json_encoder())(value)
    except ValueError as exc:
        raise InvalidRequest(detail=f"json: {exc}") from exc


def _json_body(value: Any, encode: JSONEncode | None) -> Body:
    written = write_json(value, encode)
    try:
        data = written.encode("utf-8") if isinstance(written, str) else written
    except UnicodeEncodeError as exc:
        raise InvalidRequest(detail=f"json: {exc}") from exc
    return BytesBody(data, "application/json")


@cache
def _json_encoder() -> JSONEncode:
    from json import JSONEncoder

    return JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode
