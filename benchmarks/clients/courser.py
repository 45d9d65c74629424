"""courser: one Client or AsyncClient; like its rivals it may keep more idle connections than by default."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager

import courser

from . import Unsupported


def _options(ca: str | None, http2: bool) -> dict[str, object]:
    """What is no default; the servers of the other scenarios do not offer HTTP/2."""
    options: dict[str, object] = {"limits": courser.Limits(max_keepalive=None)}
    if ca:
        options["verify"] = ca
    if http2:
        options["http1"] = False
    return options


class Sync:
    def __init__(self, ca: str | None, http2: bool = False) -> None:
        self.client = courser.Client(**_options(ca, http2))

    def get(self, url: str) -> int:
        response = self.client.get(url)
        return len(response.content) if response.status_code == 200 else -1

    def map(self, urls: Iterable[str], concurrency: int) -> Iterator[int]:
        if not hasattr(self.client, "map"):
            raise Unsupported("no map")
        for response in self.client.map(urls, concurrency=concurrency):
            yield len(response.content) if response.status_code == 200 else -1

    def download(self, url: str) -> int:
        with self.client.stream("GET", url) as response:
            return sum(map(len, response.iter_bytes()))

    def upload(self, url: str, path: str) -> int:
        with open(path, "rb") as file:
            return int(self.client.put(url, content=file).text)

    @contextmanager
    def websocket(self, url: str) -> Iterator[Callable[[bytes], bytes]]:
        with self.client.websocket(url) as socket:

            def ask(message: bytes) -> bytes:
                socket.send_bytes(message)
                return socket.receive_bytes()

            yield ask


class Async:
    def __init__(self, ca: str | None, http2: bool = False) -> None:
        self.client = courser.AsyncClient(**_options(ca, http2))

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
            async for chunk in response.iter_bytes():
                total += len(chunk)
        return total

    async def upload(self, url: str, path: str) -> int:
        with open(path, "rb") as file:
            return int((await self.client.put(url, content=file)).text)

    @asynccontextmanager
    async def websocket(self, url: str) -> AsyncIterator[Callable[[bytes], Awaitable[bytes]]]:
        async with self.client.websocket(url) as socket:

            async def ask(message: bytes) -> bytes:
                await socket.send_bytes(message)
                return await socket.receive_bytes()

            yield ask
