"""websockets: a connection in either colour, without compression, which its server would decline."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

from websockets.asyncio.client import connect
from websockets.sync.client import connect as connect_sync

from . import Connections


class Sync(Connections):
    @contextmanager
    def websocket(self, url: str) -> Iterator[Callable[[bytes], bytes]]:
        with connect_sync(url, compression=None) as socket:

            def ask(message: bytes) -> bytes:
                socket.send(message)
                return socket.recv()

            yield ask


class Async(Connections):
    @asynccontextmanager
    async def websocket(self, url: str) -> AsyncIterator[Callable[[bytes], Awaitable[bytes]]]:
        async with connect(url, compression=None) as socket:

            async def ask(message: bytes) -> bytes:
                await socket.send(message)
                return await socket.recv()

            yield ask
