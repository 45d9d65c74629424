"""Responses whose body is read as it comes: one class per colour, the same names in both."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from time import monotonic

from .core.reader import BodyReader
from .core.waiter import UNBROKEN
from .cutting import Chunker, Cutter, Lines, Texts
from .defaults import checked_limit
from .errors import EventStreamError, StreamConsumed, StreamError
from .hints import TYPE_CHECKING, TypeVar
from .hosts.inline import run_inline
from .responding import body_to_show, not_kept
from .values.headers import Headers
from .values.response import HeadView, Response
from .values.text import MAX_EVENT, MAX_EVENT_LINE, MAX_LINE, TextDecoder

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Self

    from .core.reply import Reply
    from .core.send import Sending
    from .core.waiter import Host
    from .engines.sse import EventParser
    from .responding import Responses
    from .values.ndjson import JSONLines
    from .values.response import Times
    from .values.serversent import ServerSentEvent

__all__ = ["AsyncResponseStream", "AsyncStreaming", "ResponseStream", "Streaming"]

T = TypeVar("T")


class Pieces(AsyncIterator[T]):
    """Iterates over a body in async code.

    Not a generator: one that is left half-way would want closing, of trio with a warning, of asyncio with a task.

    Args:
        reader: reads the body.
        host: who waits for it.
        decoded: whether its content coding is undone.
        cutter: makes what is given of what is read.
    """

    __slots__ = ("_cutter", "_decoded", "_ended", "_host", "_reader", "_reading", "_ready", "_unbroken")

    def __init__(self, reader: BodyReader, host: Host, decoded: bool, cutter: Cutter[T]) -> None:
        self._reader = reader
        self._host = host
        self._decoded: bool | None = decoded
        self._cutter = cutter
        self._ready: Iterator[T] = iter(())
        self._reading = False
        self._ended = False
        self._unbroken = 0

    async def __anext__(self) -> T:
        if self._decoded is not None:
            check_here(self._host)
            self._reader.start(self._decoded)
            self._decoded = None
        if self._unbroken == UNBROKEN:
            self._unbroken = 0
            if not self._host.blocking:
                # What is read at once may have thousands of lines in it. Nothing is taken yet that would be lost here.
                await self._host.checkpoint()
        self._unbroken += 1
        while True:
            try:
                for each in self._ready:
                    return each
            except BaseException:
                self._ended = True
                raise
            if self._reading:
                raise StreamConsumed(detail="two tasks iterate over it at once", hint="give the pieces to a queue")
            if self._ended:
                raise StopAsyncIteration
            self._ended = self._reading = True
            try:
                piece = await self._reader.next_piece()
            finally:
                self._reading = False
            self._ready = iter(self._cutter.feed(piece) if piece else self._cutter.end())
            self._ended = not piece


class _Stream(HeadView):
    """What both colours share: the head, and the state of the body."""

    __slots__ = ("_content", "_reader", "_reply", "_responses", "_sending")

    def __init__(self, responses: Responses, reply: Reply, sending: Sending) -> None:
        head = reply.final
        self.status_code = head.status
        self.http_version = reply.http_version
        self._reason = head.reason
        self._block = head.fields
        self._headers = None
        self._request = reply.request
        self._reply = reply
        self._sending = sending
        self._times = self._timed(reply.head_at)
        self._ends = reply.ends
        self._responses = responses
        decoded_limit = sending.limit if sending.endless else responses.decoded_limit(sending)
        self._reader = BodyReader(reply, sending.host, sending.limit, decoded_limit)
        self._content: bytes | None = None
        self.next_request = None
        responses.extend(self, reply)
        responses.lead(self, reply, sending)

    @property
    def num_bytes_downloaded(self) -> int:
        """Bytes of body read so far, as they travelled."""
        return self._reader.received

    @property
    def trailers(self) -> Headers:
        """The trailer fields (RFC 9110 section 6.5); there are none before the body has come to its end."""
        end = self._reply.end
        return Headers.from_block(b"" if end is None else end.trailers)

    if TYPE_CHECKING:
        pass
    else:

        def __getattr__(self, name):
            """Say how a whole response is come by, where that has what is asked for."""
            if hasattr(Response, name) and not hasattr(type(self), name):
                raise AttributeError(
                    f"a {type(self).__name__} has no {name}, its body is still to come: "
                    f"response() gives a whole response, with its {name}"
                )
            return object.__getattribute__(self, name)  # which fails as it did

    def _texts(self) -> Texts:
        return Texts(self._text_decoder())

    def _lines(self, max_line: int | None) -> Lines:
        return Lines(self._text_decoder(), max_line)

    def _text_decoder(self) -> TextDecoder:
        return TextDecoder(self.headers.get("content-type"), self._responses.default_encoding)

    def _json_lines(self, max_line: int | None) -> JSONLines:
        from .values.ndjson import JSONLines

        return JSONLines(self._responses.loads, max_line, self._request)

    def _events(self, max_line: int | None, max_event: int | None, check_type: bool) -> EventParser:
        from .engines.sse import EventParser, is_event_stream

        told = self.headers.get("content-type")
        if check_type and not is_event_stream(told):
            raise EventStreamError(
                response=self._told(),
                detail=f"status {self.status_code}, Content-Type {told!r:.100}",
                hint="check_type=False reads it nevertheless",
                request=self._request,
            )
        limits = checked_limit("max_line", max_line), checked_limit("max_event", max_event)
        return EventParser(self._responses.loads, *limits, request=self._request)

    def _complete(self, content: bytes | Callable[[], bytes]) -> Response:
        response = self._responses.make(self._reply, self._sending, content, self._times[2])
        response.history = self.history
        response.next_request = self.next_request
        response.stripped = self.stripped
        return response

    def _timed(self, ended: float) -> Times:
        reply, started = self._reply, self._sending.deadline.started
        return (started, reply.head_at, ended, reply.sent_at, reply.opening, reply.heard_at)

    def _keep(self, content: bytes) -> bytes:
        """Take note of the whole body."""
        self._times = self._timed(monotonic())
        self._content = content
        return content

    def _explain(self, content: bytes | None) -> None:
        """Keep what an error is to show of the body, if anything."""
        if content is not None:
            self._keep(content)

    def _told(self) -> Response:
        """A response for an error to show; without a body that was read piece by piece, given up, or is large."""
        return self._complete(partial(not_kept, self.request) if self._content is None else self._content)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} [{self.status_code}{self.reason_phrase and ' '}{self.reason_phrase}]>"


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
        return self._pieces(True) if chunk_size is None else self._iterate(True, Chunker(chunk_size))

    def iter_raw(self, chunk_size: int | None = None) -> Iterator[bytes]:
        """The body as it travels, not decoded.

        Args:
            chunk_size: as for `iter_bytes`.
        """
        return self._pieces(False) if chunk_size is None else self._iterate(False, Chunker(chunk_size))

    def _pieces(self, decoded: bool) -> Iterator[bytes]:
        reader = self._reader
        reader.start(decoded)
        while piece := run_inline(reader.next_piece()):
            yield piece

    def _iterate(self, decoded: bool, cutter: Cutter[T]) -> Iterator[T]:
        reader = self._reader
        reader.start(decoded)
        while piece := run_inline(reader.next_piece()):
            yield from cutter.feed(piece)
        yield from cutter.end()

    def iter_text(self) -> Iterator[str]:
        """The body as text, decoded as `Response.text` is."""
        return self._iterate(True, self._texts())

    def iter_lines(self, max_line: int | None = MAX_LINE) -> Iterator[str]:
        """The lines of the body, without their ends; only LF, CRLF and CR end a line.

        Args:
            max_line: characters of a line above which LimitExceeded is raised (16 Mi); None is no limit.
        """
        return self._iterate(True, self._lines(max_line))

    def iter_json_lines(self, max_line: int | None = MAX_LINE) -> Iterator[Any]:
        """The values of a body in which every line is a JSON text (NDJSON), read by the client's codec.

        Args:
            max_line: bytes of a line above which LimitExceeded is raised (16 Mi); None is no limit.

        Raises:
            JSONError: a line is not JSON; the error names it, and comes after the values before it.
        """
        return self._iterate(True, self._json_lines(max_line))

    def iter_events(
        self, max_line: int | None = MAX_EVENT_LINE, max_event: int | None = MAX_EVENT, *, check_type: bool = True
    ) -> Iterator[ServerSentEvent]:
        """The events of an event stream (HTML Standard section 9.2); `Client.sse` also resumes a stream that breaks.

        Args:
            max_line: bytes of a line above which LimitExceeded is raised (1 Mi); None is no limit.
            max_event: bytes of data of an event above which it is (8 Mi); None is no limit.
            check_type: whether the Content-Type has to be text/event-stream.

        Raises:
            EventStreamError: it is not.
        """
        return self._iterate(True, self._events(max_line, max_event, check_type))

    def read(self) -> bytes:
        """The whole body, decoded; may be called again."""
        if self._content is None:
            return self._keep(b"".join(self.iter_bytes()))
        return self._content

    def response(self) -> Response:
        """Read the whole body and make a complete response of it."""
        return self._complete(self.read())

    def raise_for_status(self) -> Self:
        """Give the response back, unless its status is 4xx or 5xx.

        Raises:
            StatusError: it is; the error's response has the body, if it is no more than 1 MiB and nobody has begun to
                read it. Of a body that is not whole within 5 seconds it has the beginning.
        """
        if self.status_code >= 400:
            if self._content is None:
                self._explain(run_inline(body_to_show(self._reader, self._sending.deadline)))
            self._told().raise_for_status()
        return self

    def close(self) -> None:
        """Give up what has not been read; the connection closes unless the body was whole."""
        self._reader.close()


class AsyncResponseStream(_Stream):
    """A response under way, in async code; see `ResponseStream`."""

    __slots__ = ()

    def iter_bytes(self, chunk_size: int | None = None) -> AsyncIterator[bytes]:
        """The body, decoded; see `ResponseStream.iter_bytes`."""
        return self._pieces(True, Chunker(chunk_size))

    def iter_raw(self, chunk_size: int | None = None) -> AsyncIterator[bytes]:
        """The body as it travels; see `ResponseStream.iter_raw`."""
        return self._pieces(False, Chunker(chunk_size))

    def iter_text(self) -> AsyncIterator[str]:
        """The body as text; see `ResponseStream.iter_text`."""
        return self._pieces(True, self._texts())

    def iter_lines(self, max_line: int | None = MAX_LINE) -> AsyncIterator[str]:
        """The lines of the body; see `ResponseStream.iter_lines`."""
        return self._pieces(True, self._lines(max_line))

    def iter_json_lines(self, max_line: int | None = MAX_LINE) -> AsyncIterator[Any]:
        """The values of a body of JSON lines; see `ResponseStream.iter_json_lines`."""
        return self._pieces(True, self._json_lines(max_line))

    def iter_events(
        self, max_line: int | None = MAX_EVENT_LINE, max_event: int | None = MAX_EVENT, *, check_type: bool = True
    ) -> AsyncIterator[ServerSentEvent]:
        """The events of an event stream; see `ResponseStream.iter_events`."""
        return self._pieces(True, self._events(max_line, max_event, check_type))

    def _pieces(self, decoded: bool, cutter: Cutter[T]) -> AsyncIterator[T]:
        return Pieces(self._reader, self._sending.host, decoded, cutter)

    async def read(self) -> bytes:
        """The whole body, decoded; may be called again."""
        if self._content is None:
            return self._keep(b"".join([piece async for piece in self.iter_bytes()]))
        return self._content

    async def response(self) -> Response:
        """Read the whole body and make a complete response of it."""
        return self._complete(await self.read())

    async def raise_for_status(self) -> Self:
        """Give the response back, unless its status is 4xx or 5xx; see `ResponseStream.raise_for_status`."""
        if self.status_code >= 400:
            if self._content is None:
                check_here(self._sending.host)
                self._explain(await body_to_show(self._reader, self._sending.deadline))
            self._told().raise_for_status()
        return self

    async def close(self) -> None:
        """Give up what has not been read; the connection closes unless the body was whole."""
        self._reader.close()

    aclose = close


def check_here(host: Host) -> None:
    """See that the event loop of a host is the one that runs: in another one nobody would come back from a wait.

    Raises:
        StreamError: it is not.
    """
    if host.blocking:
        return
    from .hosts.detect import host_of, running

    if host_of(running()) is not host:
        raise StreamError(detail="another event loop runs here", hint="read a response where it was asked for")


class Streaming:
    """What `Client.stream` gives: a context manager around a ResponseStream.

    Args:
        start: makes the stream.
    """

    __slots__ = ("_start", "_stream")

    def __init__(self, start: Callable[[], ResponseStream]) -> None:
        self._start = start
        self._stream: ResponseStream | None = None

    if TYPE_CHECKING:
        pass
    else:

        def __getattr__(self, name):
            raise AttributeError(f"no {name} before the request is sent: with client.stream(...) as response:")

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

    if TYPE_CHECKING:
        pass
    else:

        def __getattr__(self, name):
            raise AttributeError(f"no {name} before the request is sent: async with client.stream(...) as response:")

    async def __aenter__(self) -> AsyncResponseStream:
        self._stream = stream = await self._start()
        return stream

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            await stream.close()
