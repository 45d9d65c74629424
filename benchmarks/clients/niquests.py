"""niquests: one Session or AsyncSession, its pool made wide enough."""

from __future__ import annotations

import asyncio

import niquests

from . import ASYNC_POOL, CHUNK, POOL, Unsupported, async_chunks, chunks


class Sync:
    def __init__(self, ca: str | None) -> None:
        self.session = niquests.Session(pool_maxsize=POOL)
        if ca:
            self.session.verify = ca

    def get(self, url: str) -> int:
        response = self.session.get(url)
        return len(response.content) if response.status_code == 200 else -1

    def download(self, url: str) -> int:
        with self.session.get(url, stream=True) as response:
            return sum(map(len, response.iter_content(CHUNK)))

    def upload(self, url: str, path: str) -> int:
        return int(self.session.put(url, data=chunks(path)).text)


class Async:
    def __init__(self, ca: str | None, http2: bool = False) -> None:
        self.ca = ca

    async def __aenter__(self) -> Async:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            raise Unsupported("asyncio only") from None
        self.session = niquests.AsyncSession(pool_maxsize=ASYNC_POOL)
        if self.ca:
            self.session.verify = self.ca
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.session.close()

    async def get(self, url: str) -> int:
        response = await self.session.get(url)
        return len(response.content) if response.status_code == 200 else -1

    async def download(self, url: str) -> int:
        total = 0
        response = await self.session.get(url, stream=True)
        async for chunk in await response.iter_content(CHUNK):
            total += len(chunk)
        return total

    async def upload(self, url: str, path: str) -> int:
        return int((await self.session.put(url, data=async_chunks(path))).text)
