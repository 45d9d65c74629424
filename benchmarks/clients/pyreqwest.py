"""pyreqwest: one client from its builder, its default runtime of one thread."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from pyreqwest.client import ClientBuilder, SyncClientBuilder

from . import CHUNK, Unsupported, async_chunks, chunks


def _trusting(builder: Any, ca: str | None) -> Any:
    return builder.add_root_certificate_pem(Path(ca).read_bytes()) if ca else builder


class Sync:
    def __init__(self, ca: str | None) -> None:
        self.client = _trusting(SyncClientBuilder(), ca).build()

    def get(self, url: str) -> int:
        response = self.client.get(url).build().send()
        body = response.bytes()
        return len(body) if response.status == 200 else -1

    def download(self, url: str) -> int:
        total = 0
        with self.client.get(url).streamed_read_buffer_limit(CHUNK).build_streamed() as response:
            while chunk := response.body_reader.read(CHUNK):
                total += len(chunk)
        return total

    def upload(self, url: str, path: str) -> int:
        return int(self.client.put(url).body_stream(chunks(path)).build().send().text())


class Async:
    def __init__(self, ca: str | None, http2: bool = False) -> None:
        self.builder = _trusting(ClientBuilder(), ca).http2(http2)

    async def __aenter__(self) -> Async:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            raise Unsupported("asyncio only") from None
        self.client = self.builder.build()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.client.close()

    async def get(self, url: str) -> int:
        response = await self.client.get(url).build().send()
        body = await response.bytes()
        return len(body) if response.status == 200 else -1

    async def download(self, url: str) -> int:
        total = 0
        async with self.client.get(url).streamed_read_buffer_limit(CHUNK).build_streamed() as response:
            while chunk := await response.body_reader.read(CHUNK):
                total += len(chunk)
        return total

    async def upload(self, url: str, path: str) -> int:
        response = await self.client.put(url).body_stream(async_chunks(path)).build().send()
        return int(await response.text())
