"""The clients: both colours, side by side."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterable, Iterator, Mapping
from sys import modules
from weakref import ref

from .adjustable import Adjustable
from .defaults import ClientOptions
from .hints import TYPE_CHECKING, overload
from .hosts.inline import InlineHost, run_inline
from .settings import RequestOptions, SendOptions, WebSocketOptions
from .values.request import Request
from .values.response import Response
from .values.url import URL

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Literal, Never, Self, TypeAlias, Unpack

    from .core.place import Place
    from .eventoptions import EventOptions
    from .eventsource import AsyncEventSource, EventSource
    from .joining import AsyncJoining, Joining
    from .mapping import AsyncResponses
    from .streams import AsyncStreaming, Streaming

    Many: TypeAlias = Iterable[str | URL | Request]
    AsyncMany: TypeAlias = Many | AsyncIterable[str | URL | Request]

__all__ = ["AsyncClient", "Client"]


def _positional(verb: str, given: tuple[Any, ...]) -> TypeError:
    first = given[0]
    what, keyword = type(first).__name__, "content, data or json"
    if verb == "sse" and isinstance(first, str | URL):
        what = keyword = "method"  # in whichever order the two were given
    elif verb == "websocket" and not isinstance(first, Mapping):
        keyword = "subprotocols"
    elif verb in ("get", "head", "options", "delete", "sse", "websocket"):
        keyword = "params"
    alone = "method and URL" if verb in ("request", "stream") else "the URL alone"
    return TypeError(f"{verb}() takes {alone} by position: give the {what} as {keyword}=...")


class Client(Adjustable):
    """A client for synchronous code. It may be shared by any number of threads, and need not be closed.

    Args:
        **options: see `ClientOptions`.

    Raises:
        TypeError: an option that there is not, or of another type.
        InvalidRequest, InvalidURL, ValueError: an option that makes no sense.
    """

    __slots__ = ("_place",)

    def __init__(self, **options: Unpack[ClientOptions]) -> None:
        super().__init__(**options)
        self._place: Place = self._session.place(InlineHost())

    def request(self, method: str, url: str | URL, *wrong: Never, **options: Unpack[RequestOptions]) -> Response:
        """Send a request, and give its response with the whole body.

        Args:
            method: any method; it is sent in upper case.
            url: absolute, or below base_url.
            **options: see `RequestOptions`.

        Raises:
            HTTPError: or one of its kinds; a response of 4xx or 5xx is no error unless raise_for_status says so.
        """
        if wrong:
            raise _positional("request", wrong)
        return run_inline(self._session.perform(self._place, method, url, options))

    def get(self, url: str | URL, *wrong: Never, **options: Unpack[RequestOptions]) -> Response:
        """GET; see `request`."""
        if wrong:
            raise _positional("get", wrong)
        return run_inline(self._session.perform(self._place, "GET", url, options))

    def head(self, url: str | URL, *wrong: Never, **options: Unpack[RequestOptions]) -> Response:
        """HEAD; see `request`."""
        if wrong:
            raise _positional("head", wrong)
        return run_inline(self._session.perform(self._place, "HEAD", url, options))

    def post(self, url: str | URL, *wrong: Never, **options: Unpack[RequestOptions]) -> Response:
        """POST; see `request`."""
        if wrong:
            raise _positional("post", wrong)
        return run_inline(self._session.perform(self._place, "POST", url, options))

    def put(self, url: str | URL, *wrong: Never, **options: Unpack[RequestOptions]) -> Response:
        """PUT; see `request`."""
        if wrong:
            raise _positional("put", wrong)
        return run_inline(self._session.perform(self._place, "PUT", url, options))

    def patch(self, url: str | URL, *wrong: Never, **options: Unpack[RequestOptions]) -> Response:
        """PATCH; see `request`."""
        if wrong:
            raise _positional("patch", wrong)
        return run_inline(self._session.perform(self._place, "PATCH", url, options))

    def delete(self, url: str | URL, *wrong: Never, **options: Unpack[RequestOptions]) -> Response:
        """DELETE; see `request`."""
        if wrong:
            raise _positional("delete", wrong)
        return run_inline(self._session.perform(self._place, "DELETE", url, options))

    def options(self, url: str | URL, *wrong: Never, **options: Unpack[RequestOptions]) -> Response:
        """OPTIONS; see `request`."""
        if wrong:
            raise _positional("options", wrong)
        return run_inline(self._session.perform(self._place, "OPTIONS", url, options))

    def query(self, url: str | URL, *wrong: Never, **options: Unpack[RequestOptions]) -> Response:
        """QUERY (RFC 10008); see `request`."""
        if wrong:
            raise _positional("query", wrong)
        return run_inline(self._session.perform(self._place, "QUERY", url, options))

    def send(self, request: Request, **options: Unpack[SendOptions]) -> Response:
        """Send a request that was made before.

        Args:
            request: what to send; the client's default headers are not added.
            **options: see `SendOptions`.
        """
        return run_inline(self._session.send(self._place, request, self._session.how(request, options)))

    def stream(self, method: str, url: str | URL, *wrong: Never, **options: Unpack[RequestOptions]) -> Streaming:
        """Send a request, and read the body of its response as it comes.

        Use it as a context manager: `with client.stream("GET", url) as response:`.

        Args:
            method: any method.
            url: absolute, or below base_url.
            **options: see `RequestOptions`; a plain number as timeout bounds the head and each later wait.
        """
        if wrong:
            raise _positional("stream", wrong)
        from .streams import ResponseStream, Streaming

        session, place = self._session, self._place

        def start() -> ResponseStream:
            response = ResponseStream(session.responses, *run_inline(session.open(place, method, url, options)))
            return response.raise_for_status() if session.raises(options) else response

        return Streaming(start)

    def websocket(self, url: str | URL, *wrong: Never, **options: Unpack[WebSocketOptions]) -> Joining:
        """Open a WebSocket (RFC 6455): `with client.websocket("wss://...") as ws:`.

        With reconnect=True it is an iterable of them: `for ws in client.websocket("wss://...", reconnect=True):` opens
        one after the other, with pauses that grow while that fails.

        Args:
            url: of the schemes ws, wss, http and https, absolute or below base_url.
            **options: see `WebSocketOptions`; a plain number as timeout bounds the handshake and each later wait.

        Raises:
            HandshakeRefused: the server does not agree; the error has its response.
            TransportError: it cannot be reached.
        """
        if wrong:
            raise _positional("websocket", wrong)
        from .joining import Joining

        place = self._place
        return Joining(self._session, lambda: place, url, options)

    def sse(self, url: str | URL, *wrong: Never, **options: Unpack[EventOptions]) -> EventSource:
        """Read the events of a server (HTML Standard section 9.2), and go on where the stream ends or breaks.

        Use it as a context manager: `with client.sse(url) as events: for event in events:`. It ends when the server
        answers with 204, when it is closed, or with the stream where `reconnect` is False.

        Args:
            url: absolute, or below base_url.
            **options: see `EventOptions`; a plain number as timeout bounds each head and each later wait.

        Raises:
            StatusError: the server has answered with 4xx or 5xx, at first or later; that ends it.
            EventStreamError: it has answered with something else than an event stream.
            TransportError: the first attempt to connect failed, or too many later ones did.
            BodyNotReplayable: the request has to be sent again, and its body cannot be.
            LimitExceeded: a line or an event is too long.
        """
        if wrong:
            raise _positional("sse", wrong)
        from .eventoptions import Asked
        from .eventsource import EventSource

        place = self._place
        return EventSource(self._session, lambda: place, Asked(url, options))

    @overload
    def map(
        self,
        requests: Many,
        *,
        concurrency: int = 100,
        return_exceptions: Literal[False] = False,
        **options: Unpack[RequestOptions],
    ) -> Iterator[Response]: ...
    @overload
    def map(
        self, requests: Many, *, concurrency: int = 100, return_exceptions: bool, **options: Unpack[RequestOptions]
    ) -> Iterator[Response | Exception]: ...
    def map(
        self,
        requests: Many,
        *,
        concurrency: int = 100,
        return_exceptions: bool = False,
        **options: Unpack[RequestOptions],
    ) -> Iterator[Any]:
        """Send many requests side by side, in this thread, and give the responses in the order of the requests.

        Args:
            requests: URLs to GET, or requests; taken as they are needed.
            concurrency: how many are under way at most.
            return_exceptions: give the error of a request that failed in its place, instead of raising it there.
            **options: see `RequestOptions`; for all of them.

        Raises:
            HTTPError: a request failed; those after it are given up.
        """
        from .mapping import run_map

        return run_map(self._session, self._place, requests, concurrency, True, return_exceptions, options)

    @overload
    def as_completed(
        self,
        requests: Many,
        *,
        concurrency: int = 100,
        return_exceptions: Literal[False] = False,
        **options: Unpack[RequestOptions],
    ) -> Iterator[Response]: ...
    @overload
    def as_completed(
        self, requests: Many, *, concurrency: int = 100, return_exceptions: bool, **options: Unpack[RequestOptions]
    ) -> Iterator[Response | Exception]: ...
    def as_completed(
        self,
        requests: Many,
        *,
        concurrency: int = 100,
        return_exceptions: bool = False,
        **options: Unpack[RequestOptions],
    ) -> Iterator[Any]:
        """As `map`, but each response as soon as it is there."""
        from .mapping import run_map

        return run_map(self._session, self._place, requests, concurrency, False, return_exceptions, options)

    @overload
    def stats(self, *, by_origin: Literal[False] = False) -> Mapping[str, int]: ...
    @overload
    def stats(self, *, by_origin: Literal[True]) -> Mapping[str, Mapping[str, int]]: ...
    def stats(self, *, by_origin: bool = False) -> Mapping[str, Any]:
        """How many connections are open, and how many of them idle.

        Args:
            by_origin: give that for each origin, together with how many requests wait for a connection.
        """
        from .core.stats import counts

        return counts([self._place.pool], by_origin)

    def close(self) -> None:
        """Close the connections. What is under way ends with its own; the client takes no more requests."""
        self._session.closed = True
        self._place.pool.close()
        self._session.watchers.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncClient(Adjustable):
    """A client for asyncio and trio. It may be made anywhere and used from several event loops and threads.

    It has a pool of connections for each event loop. It need not be closed.

    Args:
        **options: see `ClientOptions`.
    """

    __slots__ = ("_loop", "_places", "_running")

    def __init__(self, **options: Unpack[ClientOptions]) -> None:
        super().__init__(**options)
        self._places: dict[int, tuple[Callable[[], Any], Place]] = {}
        self._loop: Callable[[], Any] = _nowhere
        self._running: Callable[[], Any] = _nowhere

    def _here(self) -> Place:
        loop = self._running() if "trio" in modules else self._loop()
        known = self._places.get(id(loop))
        if known is not None and known[0]() is loop:
            return known[1]
        return self._settle()

    def _settle(self) -> Place:
        from .hosts.detect import host_of, running, running_loop

        self._loop, self._running = running_loop, running
        loop = running()
        self._sweep()
        places = self._places
        place = self._session.place(host_of(loop))
        key = id(loop)

        clients = ref(self)  # what the places refer to must not refer to them

        def forget(dead: Any) -> None:
            client = clients()
            if client is not None and client._places.get(key, (None,))[0] is dead:
                del client._places[key]

        places[key] = (ref(loop, forget), place)
        return place

    def _sweep(self) -> None:
        """Give up what belongs to loops that are over: a traceback may refer to them for long."""
        from .hosts.detect import is_over

        for key, (reference, _) in list(self._places.items()):
            loop = reference()
            if loop is None or is_over(loop):
                self._places.pop(key, None)

    async def request(self, method: str, url: str | URL, *wrong: Never, **options: Unpack[RequestOptions]) -> Response:
        """Send a request; see `Client.request`."""
        if wrong:
            raise _positional("request", wrong)
        return await self._session.perform(self._here(), method, url, options)

    async def get(self, url: str | URL, *wrong: Never, **options: Unpack[RequestOptions]) -> Response:
        """GET; see `Client.request`."""
        if wrong:
            raise _positional("get", wrong)
        return await self._session.perform(self._here(), "GET", url, options)

    async def head(self, url: str | URL, *wrong: Never, **options: Unpack[RequestOptions]) -> Response:
        """HEAD; see `Client.request`."""
        if wrong:
            raise _positional("head", wrong)
        return await self._session.perform(self._here(), "HEAD", url, options)

    async def post(self, url: str | URL, *wrong: Never, **options: Unpack[RequestOptions]) -> Response:
        """POST; see `Client.request`."""
        if wrong:
            raise _positional("post", wrong)
        return await self._session.perform(self._here(), "POST", url, options)

    async def put(self, url: str | URL, *wrong: Never, **options: Unpack[RequestOptions]) -> Response:
        """PUT; see `Client.request`."""
        if wrong:
            raise _positional("put", wrong)
        return await self._session.perform(self._here(), "PUT", url, options)

    async def patch(self, url: str | URL, *wrong: Never, **options: Unpack[RequestOptions]) -> Response:
        """PATCH; see `Client.request`."""
        if wrong:
            raise _positional("patch", wrong)
        return await self._session.perform(self._here(), "PATCH", url, options)

    async def delete(self, url: str | URL, *wrong: Never, **options: Unpack[RequestOptions]) -> Response:
        """DELETE; see `Client.request`."""
        if wrong:
            raise _positional("delete", wrong)
        return await self._session.perform(self._here(), "DELETE", url, options)

    async def options(self, url: str | URL, *wrong: Never, **options: Unpack[RequestOptions]) -> Response:
        """OPTIONS; see `Client.request`."""
        if wrong:
            raise _positional("options", wrong)
        return await self._session.perform(self._here(), "OPTIONS", url, options)

    async def query(self, url: str | URL, *wrong: Never, **options: Unpack[RequestOptions]) -> Response:
        """QUERY; see `Client.request`."""
        if wrong:
            raise _positional("query", wrong)
        return await self._session.perform(self._here(), "QUERY", url, options)

    async def send(self, request: Request, **options: Unpack[SendOptions]) -> Response:
        """Send a request that was made before; see `Client.send`."""
        return await self._session.send(self._here(), request, self._session.how(request, options))

    def stream(self, method: str, url: str | URL, *wrong: Never, **options: Unpack[RequestOptions]) -> AsyncStreaming:
        """Send a request, and read the body as it comes: `async with client.stream("GET", url) as response:`.

        See `Client.stream`.
        """
        if wrong:
            raise _positional("stream", wrong)
        from .streams import AsyncResponseStream, AsyncStreaming

        session = self._session

        async def start() -> AsyncResponseStream:
            response = AsyncResponseStream(session.responses, *await session.open(self._here(), method, url, options))
            return await response.raise_for_status() if session.raises(options) else response

        return AsyncStreaming(start)

    def websocket(self, url: str | URL, *wrong: Never, **options: Unpack[WebSocketOptions]) -> AsyncJoining:
        """Open a WebSocket: `async with client.websocket("wss://...") as ws:`; see `Client.websocket`."""
        if wrong:
            raise _positional("websocket", wrong)
        from .joining import AsyncJoining

        return AsyncJoining(self._session, self._here, url, options)

    def sse(self, url: str | URL, *wrong: Never, **options: Unpack[EventOptions]) -> AsyncEventSource:
        """Read the events of a server: `async with client.sse(url) as events: async for event in events:`.

        See `Client.sse`.
        """
        if wrong:
            raise _positional("sse", wrong)
        from .eventoptions import Asked
        from .eventsource import AsyncEventSource

        return AsyncEventSource(self._session, self._here, Asked(url, options))

    @overload
    def map(
        self,
        requests: AsyncMany,
        *,
        concurrency: int = 100,
        return_exceptions: Literal[False] = False,
        **options: Unpack[RequestOptions],
    ) -> AsyncResponses[Response]: ...
    @overload
    def map(
        self, requests: AsyncMany, *, concurrency: int = 100, return_exceptions: bool, **options: Unpack[RequestOptions]
    ) -> AsyncResponses[Response | Exception]: ...
    def map(
        self,
        requests: AsyncMany,
        *,
        concurrency: int = 100,
        return_exceptions: bool = False,
        **options: Unpack[RequestOptions],
    ) -> AsyncResponses[Any]:
        """Send many requests side by side: `async for response in client.map(urls):`; see `Client.map`.

        They go on while the caller does something else. Whoever stops early can close it (contextlib.aclosing), and be
        sure that nothing is under way any more. An error closes it, and so does a cancellation that comes while it
        waits. What it takes requests from may be asynchronous, too.
        """
        from .mapping import run_async_map

        return run_async_map(self._session, self._here, requests, concurrency, True, return_exceptions, options)

    @overload
    def as_completed(
        self,
        requests: AsyncMany,
        *,
        concurrency: int = 100,
        return_exceptions: Literal[False] = False,
        **options: Unpack[RequestOptions],
    ) -> AsyncResponses[Response]: ...
    @overload
    def as_completed(
        self, requests: AsyncMany, *, concurrency: int = 100, return_exceptions: bool, **options: Unpack[RequestOptions]
    ) -> AsyncResponses[Response | Exception]: ...
    def as_completed(
        self,
        requests: AsyncMany,
        *,
        concurrency: int = 100,
        return_exceptions: bool = False,
        **options: Unpack[RequestOptions],
    ) -> AsyncResponses[Any]:
        """As `map`, but each response as soon as it is there."""
        from .mapping import run_async_map

        return run_async_map(self._session, self._here, requests, concurrency, False, return_exceptions, options)

    @overload
    def stats(self, *, by_origin: Literal[False] = False) -> Mapping[str, int]: ...
    @overload
    def stats(self, *, by_origin: Literal[True]) -> Mapping[str, Mapping[str, int]]: ...
    def stats(self, *, by_origin: bool = False) -> Mapping[str, Any]:
        """How many connections are open in all event loops, and how many of them idle.

        Args:
            by_origin: give that for each origin, together with how many requests wait for a connection.
        """
        from .core.stats import counts

        if self._places:
            self._sweep()
        return counts([place.pool for _, place in list(self._places.values())], by_origin)

    async def close(self) -> None:
        """Close the connections in all event loops; see `Client.close`."""
        self._session.closed = True
        for _, place in list(self._places.values()):
            place.pool.close()
        self._session.watchers.flush()

    aclose = close

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def _nowhere() -> None:
    """What runs here, before anybody had to know."""
