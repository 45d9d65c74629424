"""HTTPX and its successor httpx2 have the same interface: one adapter, made for either module.

Limits are lifted, because the default of 100 connections would decide the scenarios with 500 in flight; `iter_bytes`
gets no size, because cutting to a size costs it a copy.
"""

from __future__ import annotations

import os
import ssl
from types import ModuleType
from typing import Any

from . import async_chunks, chunks


def _options(module: ModuleType, ca: str | None) -> dict[str, Any]:
    options: dict[str, Any] = {
        "limits": module.Limits(max_connections=None, max_keepalive_connections=None),
        "timeout": 60.0,
    }
    if ca:
        options["verify"] = ssl.create_default_context(cafile=ca)
    return options


def adapters(module: ModuleType) -> tuple[type, type]:
    """The `Sync` and `Async` adapters of a module that looks like httpx."""

    class Sync:
        def __init__(self, ca: str | None) -> None:
            self.client = module.Client(**_options(module, ca))

        def get(self, url: str) -> int:
            response = self.client.get(url)
            return len(response.content) if response.status_code == 200 else -1

        def download(self, url: str) -> int:
            with self.client.stream("GET", url) as response:
                return sum(map(len, response.iter_bytes()))

        def upload(self, url: str, path: str) -> int:
            headers = {"Content-Length": str(os.path.getsize(path))}
            return int(self.client.put(url, content=chunks(path), headers=headers).text)

    class Async:
        def __init__(self, ca: str | None, http2: bool = False) -> None:
            self.client = module.AsyncClient(http2=http2, **_options(module, ca))

        async def __aenter__(self) -> Async:
            await self.client.__aenter__()
            return self

        async def __aexit__(self, *exc_info: object) -> None:
            await self.client.__aexit__(None, None, None)

        async def get(self, url: str) -> int:
            response = await self.client.get(url)
            return len(response.content) if response.status_code == 200 else -1

        async def download(self, url: str) -> int:
            total = 0
            async with self.client.stream("GET", url) as response:
                async for chunk in response.aiter_bytes():
                    total += len(chunk)
            return total

        async def upload(self, url: str, path: str) -> int:
            headers = {"Content-Length": str(os.path.getsize(path))}
            return int((await self.client.put(url, content=async_chunks(path), headers=headers)).text)

    return Sync, Async
