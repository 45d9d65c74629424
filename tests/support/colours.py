"""Both clients behind the same async names, and a transport that answers them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from courser.client import AsyncClient, Client
from courser.values.request import Request
from courser.values.response import Response

HERE = "http://a.example/"


class Echo:
    """Answers with the method, and keeps what it was asked."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.asked: list[Request] = []

    def send(self, request: Request, deadline: float, /) -> Response:
        self.asked.append(request)
        return Response(self.status, content=request.method.encode())


class Sync:
    """A sync client behind async names."""

    def __init__(self, **options: Any) -> None:
        self.client = Client(**options)

    async def call(self, name: str, *arguments: Any, **options: Any) -> Any:
        return getattr(self.client, name)(*arguments, **options)

    async def stream(self, *arguments: Any, **options: Any) -> tuple[int, bytes]:
        with self.client.stream(*arguments, **options) as response:
            return response.status_code, response.read()

    async def sse(self, *arguments: Any, **options: Any) -> list[str]:
        with self.client.sse(*arguments, **options) as events:
            return [event.data for event in events]


class Async:
    """An async client."""

    def __init__(self, **options: Any) -> None:
        self.client = AsyncClient(**options)

    async def call(self, name: str, *arguments: Any, **options: Any) -> Any:
        return await getattr(self.client, name)(*arguments, **options)

    async def stream(self, *arguments: Any, **options: Any) -> tuple[int, bytes]:
        async with self.client.stream(*arguments, **options) as response:
            return response.status_code, await response.read()

    async def sse(self, *arguments: Any, **options: Any) -> list[str]:
        async with self.client.sse(*arguments, **options) as events:
            return [event.data async for event in events]


Colour = Callable[..., Any]


@pytest.fixture(params=[Sync, Async])
def colour(request: pytest.FixtureRequest) -> Colour:
    made: Colour = request.param
    return made


def run(call: Awaitable[Any]) -> Any:
    async def main() -> Any:
        return await call

    return asyncio.run(main())
