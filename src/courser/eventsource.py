"""Event sources, in both colours: what `sse` gives."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from .eventstream import EventStream
from .hints import TYPE_CHECKING
from .hosts.inline import run_inline
from .streams import AsyncResponseStream, ResponseStream

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Self

    from .core.reply import Reply
    from .core.send import Sending
    from .values.serversent import ServerSentEvent

__all__ = ["AsyncEventSource", "EventSource"]


class EventSource(EventStream):
    """The events of a server, as they come: `with client.sse(url) as events: for event in events: ...`."""

    __slots__ = ("_pieces", "_response")

    _response: ResponseStream | None
    _pieces: Iterator[bytes]

    def __init__(self, *settings: Any) -> None:
        super().__init__(*settings)
        self._response = None

    @property
    def response(self) -> ResponseStream:
        """The response that events are read from; after a reconnection it is another one.

        Raises:
            StreamError: it was not opened.
        """
        if self._response is None:
            raise self._not_open()
        return self._response

    def _begin(self, reply: Reply, sending: Sending) -> None:
        self._response = ResponseStream(self._session.responses, reply, sending)
        self._pieces = self._response.iter_bytes()

    async def _piece(self) -> bytes:
        return next(self._pieces, b"")

    async def _refuse(self) -> None:
        self.response.raise_for_status()

    async def _shut(self) -> None:
        if self._response is not None:
            self._response.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> ServerSentEvent:
        """Wait for the next event; connect anew where that is needed, see `Client.sse`."""
        event = run_inline(self._next())
        if event is None:
            raise StopIteration
        return event

    def close(self) -> None:
        """End it; whoever waits to connect anew waits no longer. It cannot be opened again."""
        run_inline(self._end())

    def __enter__(self) -> Self:
        run_inline(self._enter())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        run_inline(self._leave())


class AsyncEventSource(EventStream, AsyncIterator["ServerSentEvent"]):
    """The events of a server, in async code: `async with client.sse(url) as events: async for event in events: ...`.

    A wait for an event may be cancelled. The next one connects anew, where the event source may do that.
    """

    __slots__ = ("_pieces", "_response")

    _response: AsyncResponseStream | None
    _pieces: AsyncIterator[bytes]

    def __init__(self, *settings: Any) -> None:
        super().__init__(*settings)
        self._response = None

    @property
    def response(self) -> AsyncResponseStream:
        """The response that events are read from; see `EventSource.response`."""
        if self._response is None:
            raise self._not_open()
        return self._response

    def _begin(self, reply: Reply, sending: Sending) -> None:
        self._response = AsyncResponseStream(self._session.responses, reply, sending)
        self._pieces = self._response.iter_bytes()

    async def _piece(self) -> bytes:
        return await anext(self._pieces, b"")

    async def _refuse(self) -> None:
        await self.response.raise_for_status()

    async def _shut(self) -> None:
        if self._response is not None:
            await self._response.close()

    async def __anext__(self) -> ServerSentEvent:
        event = await self._next()
        if event is None:
            raise StopAsyncIteration
        return event

    async def close(self) -> None:
        """End it; see `EventSource.close`."""
        await self._end()

    aclose = close

    async def __aenter__(self) -> Self:
        await self._enter()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._leave()
