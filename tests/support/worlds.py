"""Where a client can live: plain code, asyncio under each driver, uvloop, trio; behind one set of async names.

A behaviour is written once, as `async def`, against a `World`. Under the inline world nothing ever suspends, so the
coroutine runs to its end in one step.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

import pytest

import courser
from courser.settings import RequestParts

Body = Callable[[], Coroutine[Any, Any, Any]]

HTTP1, HTTP2 = "http/1.1", "h2"

PARTS = RequestParts.__optional_keys__


class World:
    """What a behaviour may use of the place it runs in.

    Args:
        protocol: what its clients speak, as ALPN has it.

    Attributes:
        name: for the ids of tests.
        protocol: likewise.
        is_async: whether a client can be given async iterables, and can be cancelled.
        streams: whether responses can be streamed.
    """

    name = ""
    is_async = True
    streams = True
    _clients: list[Any]

    def __init__(self, protocol: str = HTTP1) -> None:
        self._clients = []
        self.protocol = protocol

    @property
    def shares(self) -> bool:
        """Whether a connection carries many requests, so that a request that fails leaves it open."""
        return self.protocol == HTTP2

    def spoken(self, options: dict[str, Any]) -> dict[str, Any]:
        """The options of a client, and what it speaks: without TLS, HTTP/2 has to be known beforehand."""
        return {"http1": False, "http2": True, **options} if self.shares else options

    def client(self, **options: Any) -> Any:
        """A client, closed when the test is over."""
        client = courser.AsyncClient(**self.spoken(options))
        self._clients.append(client)
        return client

    def left_by(self, client: Any) -> int:
        """How many connections are left over by requests that have failed: over HTTP/2 one may stay, idle."""
        counts = client.stats()
        return counts["connections"] - (min(counts["idle"], 1) if self.shares else 0)

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError

    async def together(self, *calls: Callable[[], Awaitable[Any]]) -> list[Any]:
        """Run calls side by side, begun in their order; gives results and errors."""
        raise NotImplementedError

    def cancelled_after(self, seconds: float, call: Callable[[], Awaitable[Any]]) -> Coroutine[Any, Any, bool]:
        """Cancel a call after a time; gives whether it was under way still."""
        raise NotImplementedError

    def cancelled_once(
        self, happened: Callable[[], bool], call: Callable[[], Awaitable[Any]]
    ) -> Coroutine[Any, Any, bool]:
        """Cancel a call once something has happened; gives whether it was under way still."""
        raise NotImplementedError

    async def until(self, happened: Callable[[], bool], seconds: float = 10.0) -> bool:
        """Wait until something has happened elsewhere; gives whether it has."""
        end = time.monotonic() + seconds
        while not happened():
            if time.monotonic() > end:
                return False
            await self.sleep(0.002)
        return True

    async def close(self) -> None:
        while self._clients:
            await self._clients.pop().close()

    async def _whole(self, body: Body) -> None:
        try:
            await body()
        finally:
            await self.close()

    def run(self, body: Body) -> None:
        raise NotImplementedError


async def outcome(call: Callable[[], Awaitable[Any]]) -> Any:
    """What a call gives or raises."""
    try:
        return await call()
    except Exception as error:
        return error


class InlineStream:
    """A ResponseStream under the names of the async one."""

    def __init__(self, stream: courser.ResponseStream) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def iter_bytes(self, chunk_size: int | None = None) -> AsyncIterator[bytes]:
        return eager(self._stream.iter_bytes(chunk_size))

    def iter_raw(self, chunk_size: int | None = None) -> AsyncIterator[bytes]:
        return eager(self._stream.iter_raw(chunk_size))

    def iter_text(self) -> AsyncIterator[str]:
        return eager(self._stream.iter_text())

    def iter_lines(self, max_line: int | None = None) -> AsyncIterator[str]:
        return eager(self._stream.iter_lines(max_line))

    def iter_json_lines(self, max_line: int | None = None) -> AsyncIterator[Any]:
        return eager(self._stream.iter_json_lines(max_line))

    def iter_events(self, *arguments: Any, **options: Any) -> AsyncIterator[courser.ServerSentEvent]:
        return eager(self._stream.iter_events(*arguments, **options))

    async def read(self) -> bytes:
        return self._stream.read()

    async def response(self) -> courser.Response:
        return self._stream.response()

    async def raise_for_status(self) -> InlineStream:
        self._stream.raise_for_status()
        return self

    async def close(self) -> None:
        self._stream.close()


class InlineSocket:
    """A WebSocket under the names of the async one."""

    def __init__(self, socket: courser.WebSocket) -> None:
        self._socket = socket

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._socket, name)
        if not callable(found):
            return found

        async def call(*arguments: Any, **options: Any) -> Any:
            return found(*arguments, **options)

        return call

    def __aiter__(self) -> AsyncIterator[str | bytes]:
        return eager(self._socket)


class InlineJoining:
    def __init__(self, joining: Any) -> None:
        self._joining = joining

    async def __aenter__(self) -> InlineSocket:
        return InlineSocket(self._joining.__enter__())

    async def __aexit__(self, *error: Any) -> Any:
        return self._joining.__exit__(*error)

    async def __aiter__(self) -> AsyncIterator[InlineSocket]:
        for socket in self._joining:
            yield InlineSocket(socket)


async def eager(source: Any) -> AsyncIterator[Any]:
    for each in source:
        yield each


class InlineEvents:
    """An EventSource under the names of the async one."""

    def __init__(self, events: courser.EventSource) -> None:
        self.wrapped = events

    def __getattr__(self, name: str) -> Any:
        return getattr(self.wrapped, name)

    @property
    def response(self) -> InlineStream:
        return InlineStream(self.wrapped.response)

    async def __aenter__(self) -> InlineEvents:
        self.wrapped.__enter__()
        return self

    async def __aexit__(self, *error: Any) -> Any:
        return self.wrapped.__exit__(*error)

    def __aiter__(self) -> InlineEvents:
        assert iter(self.wrapped) is self.wrapped
        return self

    async def __anext__(self) -> courser.ServerSentEvent:
        try:
            return next(self.wrapped)
        except StopIteration:
            raise StopAsyncIteration from None

    async def close(self) -> None:
        self.wrapped.close()


class InlineStreaming:
    def __init__(self, manager: Any) -> None:
        self._manager = manager

    async def __aenter__(self) -> InlineStream:
        return InlineStream(self._manager.__enter__())

    async def __aexit__(self, *error: Any) -> Any:
        return self._manager.__exit__(*error)


def _verb(name: str) -> Any:
    async def verb(self: InlineClient, url: Any, **options: Any) -> courser.Response:
        return self.perform(name, url, options)

    return verb


class InlineClient:
    """A Client under the names of the async one."""

    def __init__(self, client: courser.Client) -> None:
        self.wrapped = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self.wrapped, name)

    def perform(self, method: str, url: Any, options: dict[str, Any]) -> courser.Response:
        return self.wrapped.request(method, url, **options)

    async def request(self, method: str, url: Any, **options: Any) -> courser.Response:
        return self.perform(method, url, options)

    async def send(self, request: courser.Request, **options: Any) -> courser.Response:
        return self.wrapped.send(request, **options)

    get, head, post, put, patch, delete, options, query = map(
        _verb, ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY")
    )

    def stream(self, method: str, url: Any, **options: Any) -> Any:
        return InlineStreaming(self.wrapped.stream(method, url, **options))

    def websocket(self, url: Any, **options: Any) -> Any:
        return InlineJoining(self.wrapped.websocket(url, **options))

    def sse(self, url: Any, **options: Any) -> Any:
        return InlineEvents(self.wrapped.sse(url, **options))

    async def close(self) -> None:
        self.wrapped.close()


class InlineWorld(World):
    name = "inline"
    is_async = False

    def client(self, **options: Any) -> Any:
        client = InlineClient(courser.Client(**self.spoken(options)))
        self._clients.append(client)
        return client

    async def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    async def together(self, *calls: Callable[[], Awaitable[Any]]) -> list[Any]:
        pytest.skip("plain code does one thing at a time")

    def run(self, body: Body) -> None:
        procedure = self._whole(body)
        try:
            procedure.send(None)
        except StopIteration:
            return
        procedure.close()
        raise AssertionError("something suspended under the inline host")


class GroupClient(InlineClient):
    """Every call is a `map` of one request: the host of many requests in one thread."""

    def perform(self, method: str, url: Any, options: dict[str, Any]) -> courser.Response:
        parts = {name: value for name, value in options.items() if name in PARTS}
        how = {name: value for name, value in options.items() if name not in PARTS}
        return next(iter(self.wrapped.map([self.wrapped.build_request(method, url, **parts)], **how)))

    async def send(self, request: courser.Request, **options: Any) -> courser.Response:
        return next(iter(self.wrapped.map([request], **options)))

    def stream(self, method: str, url: Any, **options: Any) -> Any:
        pytest.skip("map streams nothing")

    def sse(self, url: Any, **options: Any) -> Any:
        pytest.skip("map streams nothing")


class GroupWorld(InlineWorld):
    name = "group"
    streams = False

    def client(self, **options: Any) -> Any:
        client = GroupClient(courser.Client(**self.spoken(options)))
        self._clients.append(client)
        return client


class AsyncioWorld(World):
    name = "asyncio"
    driver = "nested"

    def new_loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.new_event_loop()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def together(self, *calls: Callable[[], Awaitable[Any]]) -> list[Any]:
        return await asyncio.gather(*(outcome(call) for call in calls))

    async def cancelled_after(self, seconds: float, call: Callable[[], Awaitable[Any]]) -> bool:
        task = asyncio.ensure_future(outcome(call))
        await asyncio.wait([task], timeout=seconds)
        return await self._cancelled(task)

    async def cancelled_once(self, happened: Callable[[], bool], call: Callable[[], Awaitable[Any]]) -> bool:
        task = asyncio.ensure_future(outcome(call))
        assert await self.until(happened)
        return await self._cancelled(task)

    async def _cancelled(self, task: asyncio.Task[Any]) -> bool:
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    def run(self, body: Body) -> None:
        before = os.environ.get("COURSER_DRIVER")
        os.environ["COURSER_DRIVER"] = self.driver
        try:
            with asyncio.Runner(loop_factory=self.new_loop) as runner:
                runner.run(self._whole(body))
        finally:
            if before is None:
                del os.environ["COURSER_DRIVER"]
            else:
                os.environ["COURSER_DRIVER"] = before


class DirectWorld(AsyncioWorld):
    name = "asyncio-direct"
    driver = "direct"


class TransportsWorld(AsyncioWorld):
    name = "asyncio-transports"
    driver = "transports"


class UvloopWorld(AsyncioWorld):
    name = "uvloop"

    def new_loop(self) -> asyncio.AbstractEventLoop:
        return pytest.importorskip("uvloop").new_event_loop()


class TrioWorld(World):
    name = "trio"

    async def sleep(self, seconds: float) -> None:
        import trio

        await trio.sleep(seconds)

    async def together(self, *calls: Callable[[], Awaitable[Any]]) -> list[Any]:
        import trio

        results: list[Any] = [None] * len(calls)

        async def one(index: int) -> None:
            results[index] = await outcome(calls[index])

        async with trio.open_nursery() as nursery:
            for index in range(len(calls)):
                nursery.start_soon(one, index)
                # trio starts tasks of one batch in any order
                await trio.lowlevel.checkpoint()
        return results

    async def cancelled_after(self, seconds: float, call: Callable[[], Awaitable[Any]]) -> bool:
        import trio

        with trio.move_on_after(seconds) as scope:
            await outcome(call)
        return scope.cancelled_caught

    async def cancelled_once(self, happened: Callable[[], bool], call: Callable[[], Awaitable[Any]]) -> bool:
        import trio

        scope = trio.CancelScope()

        async def run() -> None:
            with scope:
                await outcome(call)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(run)
            assert await self.until(happened)
            scope.cancel()
        return scope.cancelled_caught

    def run(self, body: Body) -> None:
        trio = pytest.importorskip("trio")
        trio.run(self._whole, body)


WORLDS = {
    each.name: each
    for each in (InlineWorld, GroupWorld, AsyncioWorld, DirectWorld, TransportsWorld, UvloopWorld, TrioWorld)
}


def in_world(test: pytest.Function) -> Callable[[], None] | None:
    """What runs an `async def` test in the world that it takes; None for a plain test."""
    function = test.obj
    if not inspect.iscoroutinefunction(function):
        return None
    arguments: dict[str, Any] = {name: test.funcargs[name] for name in test._fixtureinfo.argnames}
    world: World = arguments["world"]
    return lambda: world.run(lambda: function(**arguments))


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run an `async def` test in its world, where a conftest imports this."""
    call = in_world(pyfuncitem)
    if call is None:
        return None
    call()
    return True


async def nothing() -> None:
    """Do nothing."""
