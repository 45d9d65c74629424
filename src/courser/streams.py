"""Responses whose body is read as it comes: one class per colour, the same names in both."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Self

from .core.reader import BodyReader
from .hosts.inline import run_inline
from .values.response import HeadView, Response
from .values.text import LineDecoder, TextDecoder

if TYPE_CHECKING:
    from .core.reply import Reply
    from .core.send import Sending
    from .session import Session

__all__ = ["AsyncResponseStream", "AsyncStreaming", "ResponseStream", "Streaming"]



class Chunker:
    """Cuts pieces of any size into chunks of one size.

    Args:
        size: bytes of a chunk; None lets the pieces through as they come.
    """

    __slots__ = ("_kept", "_length", "_size")

    def __init__(self, size: int | None) -> None:
        if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 1):
            raise ValueError(f"chunk_size is a number of bytes above 0, or None for what comes, not {size!r}")
        self._size = size
        self._kept: list[bytes] = []
        self._length = 0

    def feed(self, piece: bytes) -> list[bytes]:
        """The chunks that a piece completes."""
        size = self._size
        if size is None:
            return [piece]
        self._kept.append(piece)
        self._length += len(piece)
        if self._length < size:
            return []
        whole = b"".join(self._kept) if len(self._kept) > 1 else piece
        cut = self._length - self._length % size
        self._kept = [whole[cut:]]
        self._length -= cut
        return [whole[at : at + size] for at in range(0, cut, size)]

    def end(self) -> list[bytes]:
        """What is left."""
        rest = b"".join(self._kept)
        self._kept.clear()
        return [rest] if rest else []


class _Stream(HeadView):
    """What both colours share: the head, and the state of the body."""

    __slots__ = ("_content", "_reader", "_reply", "_sending", "_session")

    def __init__(self, session: Session, reply: Reply, sending: Sending) -> None:
        head = reply.final
        self.status_code = head.status
        self.http_version = reply.version
        self.history = session.history(reply, sending)
        self.next_request = session.follow_up(reply)
        self.extensions = {}
        self._reason = head.reason
        self._block = head.fields
        self._headers = None
        self._request = reply.request
        self._times = (sending.deadline.started, reply.head_at, reply.head_at)
        self._session = session
        self._reply = reply
        self._sending = sending
        self._reader = BodyReader(reply, sending.host, sending.limit)
        self._content: bytes | None = None

    @property
    def num_bytes_downloaded(self) -> int:
        """Bytes of body read so far, as they travelled."""
        return self._reader.received

    def _text_decoder(self) -> TextDecoder:
        return TextDecoder(self.headers.get("content-type"), self._session.default_encoding)

    def _complete(self, content: bytes) -> Response:
        head = self._reply.final
        end = self._reply.end
        response = Response.assemble(
            head.status,
            head.reason,
            self._reply.version,
            head.fields,
            self._reply.request,
            (self._times[0], self._times[1], monotonic()),
            self._session.default_encoding,
            content,
            b"" if end is None else end.trailers,
        )
        response.history = self.history
        response.next_request = self.next_request
        return response

    def __repr__(self) -> str:
        return f"<{type(self).__name__} [{self.status_code} {self.reason_phrase}]>"


class ResponseStream(_Stream):
    """A response under way: the head is here, the body comes when it is iterated over. It can be read once."""

    __slots__ = ()

    def iter_bytes(self, chunk_size: int | None = None) -> Iterator[bytes]:
        """The body, decoded.

        Args:
            chunk_size: bytes of every chunk but the last; None gives what comes as it comes, which is fastest.

        Raises:
            StreamConsumed: it was read before.
            TransportError: it broke off.
            DecodingError: it is not what its Content-Encoding says.
        """
        return self._iterate(True, Chunker(chunk_size))

    def iter_raw(self, chunk_size: int | None = None) -> Iterator[bytes]:
        """The body as it travels, not decoded.

        Args:
            chunk_size: as for `iter_bytes`.
        """
        return self._iterate(False, Chunker(chunk_size))

    def _iterate(self, decoded: bool, chunker: Chunker) -> Iterator[bytes]:
        reader = self._reader
        reader.start(decoded)
        while piece := run_inline(reader.next_piece()):
            yield from chunker.feed(piece)
        yield from chunker.end()

    def iter_text(self) -> Iterator[str]:
        """The body as text, decoded as `Response.text` is."""
        decoder = self._text_decoder()
        for piece in self.iter_bytes():
            text = decoder.feed(piece)
            if text:
                yield text
        text = decoder.end()
        if text:
            yield text

    def iter_lines(self, max_line: int | None = None) -> Iterator[str]:
        """The lines of the body, without their ends; only LF, CRLF and CR end a line.

        Args:
            max_line: characters of a line above which LimitExceeded is raised.
        """
        decoder = LineDecoder(max_line)
        for text in self.iter_text():
            yield from decoder.feed(text)
        yield from decoder.end()

    def read(self) -> bytes:
        """The whole body, decoded; may be called again."""
        if self._content is None:
            self._content = b"".join(self.iter_bytes())
        return self._content

    def response(self) -> Response:
        """Read the whole body and make a complete response of it."""
        return self._complete(self.read())

    def raise_for_status(self) -> Self:
        """Give the response back, unless its status is 4xx or 5xx.

        Raises:
            StatusError: it is; the body is read for the error's response.
        """
        if self.status_code >= 400:
            self.response().raise_for_status()
        return self

    def close(self) -> None:
        """Give up what has not been read; the connection closes unless the body was whole."""
        self._reader.close()


class AsyncResponseStream(_Stream):
    """A response under way, in async code; see `ResponseStream`."""

    __slots__ = ()

    def iter_bytes(self, chunk_size: int | None = None) -> AsyncIterator[bytes]:
        """The body, decoded; see `ResponseStream.iter_bytes`."""
        return self._iterate(True, Chunker(chunk_size))

    def iter_raw(self, chunk_size: int | None = None) -> AsyncIterator[bytes]:
        """The body as it travels; see `ResponseStream.iter_raw`."""
        return self._iterate(False, Chunker(chunk_size))

    async def _iterate(self, decoded: bool, chunker: Chunker) -> AsyncIterator[bytes]:
        reader = self._reader
        reader.start(decoded)
        while piece := await reader.next_piece():
            for chunk in chunker.feed(piece):
                yield chunk
        for chunk in chunker.end():
            yield chunk

    async def iter_text(self) -> AsyncIterator[str]:
        """The body as text; see `ResponseStream.iter_text`."""
        decoder = self._text_decoder()
        async for piece in self.iter_bytes():
            text = decoder.feed(piece)
            if text:
                yield text
        text = decoder.end()
        if text:
            yield text

    async def iter_lines(self, max_line: int | None = None) -> AsyncIterator[str]:
        """The lines of the body; see `ResponseStream.iter_lines`."""
        decoder = LineDecoder(max_line)
        async for text in self.iter_text():
            for line in decoder.feed(text):
                yield line
        for line in decoder.end():
            yield line

    async def read(self) -> bytes:
        """The whole body, decoded; may be called again."""
        if self._content is None:
            self._content = b"".join([piece async for piece in self.iter_bytes()])
        return self._content

    async def response(self) -> Response:
        """Read the whole body and make a complete response of it."""
        return self._complete(await self.read())

    async def raise_for_status(self) -> Self:
        """Give the response back, unless its status is 4xx or 5xx; see `ResponseStream.raise_for_status`."""
        if self.status_code >= 400:
            (await self.response()).raise_for_status()
        return self

    async def close(self) -> None:
        """Give up what has not been read; the connection closes unless the body was whole."""
        self._reader.close()

    aclose = close


class Streaming:
    """What `Client.stream` gives: a context manager around a ResponseStream.

    Args:
        start: makes the stream.
    """

    __slots__ = ("_start", "_stream")

    def __init__(self, start: Callable[[], ResponseStream]) -> None:
        self._start = start
        self._stream: ResponseStream | None = None

    def __enter__(self) -> ResponseStream:
        self._stream = stream = self._start()
        return stream

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()


class AsyncStreaming:
    """What `AsyncClient.stream` gives: an async context manager around an AsyncResponseStream.

    Args:
        start: makes the stream.
    """

    __slots__ = ("_start", "_stream")

    def __init__(self, start: Callable[[], Awaitable[AsyncResponseStream]]) -> None:
        self._start = start
        self._stream: AsyncResponseStream | None = None

    async def __aenter__(self) -> AsyncResponseStream:
        self._stream = stream = await self._start()
        return stream

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            await stream.close()
