"""aiohttp: one ClientSession, no limit of connections."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp

from . import CHUNK, Unsupported, async_chunks


class Async:
    def __init__(self, ca: str | None, http2: bool = False) -> None:
        if http2:
            raise Unsupported("no HTTP/2")
        self.context = ssl.create_default_context(cafile=ca) if ca else True

    async def __aenter__(self) -> Async:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            raise Unsupported("asyncio only") from None
        connector = aiohttp.TCPConnector(limit=0, ssl=self.context)
        self.session = aiohttp.ClientSession(connector=connector, read_bufsize=2 * CHUNK)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.session.close()

    async def get(self, url: str) -> int:
        async with self.session.get(url) as response:
            body = await response.read()
            return len(body) if response.status == 200 else -1

    async def download(self, url: str) -> int:
        total = 0
        async with self.session.get(url) as response:
            async for chunk in response.content.iter_any():
                total += len(chunk)
        return total

    async def upload(self, url: str, path: str) -> int:
        headers = {"Content-Length": str(os.path.getsize(path))}
        async with self.session.put(url, data=async_chunks(path), headers=headers) as response:
            return int(await response.text())

    @asynccontextmanager
    async def websocket(self, url: str) -> AsyncIterator[Callable[[bytes], Awaitable[bytes]]]:
        async with self.session.ws_connect(url) as socket:

            async def ask(message: bytes) -> bytes:
                await socket.send_bytes(message)
                return await socket.receive_bytes()

            yield ask
