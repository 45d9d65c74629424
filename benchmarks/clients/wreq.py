"""wreq: one Client, its shared runtime (as many workers as the process may use cores)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import wreq
from wreq import blocking

from . import Unsupported, async_chunks, chunks


def _options(ca: str | None) -> dict[str, Any]:
    return {"tls_verify": Path(ca)} if ca else {}


class Sync:
    def __init__(self, ca: str | None) -> None:
        self.client = blocking.Client(**_options(ca))

    def get(self, url: str) -> int:
        response = self.client.get(url)
        body = response.bytes()
        return len(body) if response.status.as_int() == 200 else -1

    def download(self, url: str) -> int:
        with self.client.get(url) as response, response.stream() as stream:
            return sum(map(len, stream))

    def upload(self, url: str, path: str) -> int:
        return int(self.client.put(url, body=chunks(path)).text())


class Async:
    def __init__(self, ca: str | None, http2: bool = False) -> None:
        self.options = _options(ca)
        if http2:
            self.options["http2_only"] = True

    async def __aenter__(self) -> Async:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            raise Unsupported("asyncio only") from None
        self.client = wreq.Client(**self.options)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.client.close()

    async def get(self, url: str) -> int:
        response = await self.client.get(url)
        body = await response.bytes()
        return len(body) if response.status.as_int() == 200 else -1

    async def download(self, url: str) -> int:
        total = 0
        async with self.client.get(url) as response, response.stream() as stream:
            async for chunk in stream:
                total += len(chunk)
        return total

    async def upload(self, url: str, path: str) -> int:
        response = await self.client.put(url, body=async_chunks(path))
        return int(await response.text())
