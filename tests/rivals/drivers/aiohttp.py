"""aiohttp: a ClientSession under asyncio that heeds the environment."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp

from .common import CHUNK, characters, generated, opened, there_and_back

ERRORS = (aiohttp.ClientError,)
TIMEOUTS = (TimeoutError,)


async def _slowly(pieces: list[str]) -> Any:
    for piece in generated(pieces):
        yield piece


def _body(step: dict[str, Any]) -> Any:
    if "content" in step:
        return step["content"].encode()
    if "chunks" in step:
        return _slowly(step["chunks"])
    if "file" in step:
        return opened(step["file"])
    if "files" in step:
        form = aiohttp.FormData()
        for name, (filename, text) in step["files"].items():
            form.add_field(name, text.encode(), filename=filename)
        return form
    return step.get("form")


class Driver:
    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options
        self.runner = asyncio.Runner()
        self.session = self.runner.run(self.open(options))

    async def open(self, options: dict[str, Any]) -> aiohttp.ClientSession:
        given: dict[str, Any] = {name: options[name] for name in ("headers", "cookies", "proxy") if name in options}
        connecting: dict[str, Any] = {}
        if "timeout" in options:
            given["timeout"] = aiohttp.ClientTimeout(total=options["timeout"])
        if "local_address" in options:
            connecting["local_addr"] = (options["local_address"], 0)
        if options.get("verify") is False:
            connecting["ssl"] = False
        return aiohttp.ClientSession(connector=aiohttp.TCPConnector(**connecting), trust_env=True, **given)

    def send(self, step: dict[str, Any]) -> dict[str, Any]:
        return self.runner.run(self.exchange(step))

    async def exchange(self, step: dict[str, Any]) -> dict[str, Any]:
        given = {name: step[name] for name in ("params", "headers", "json") if name in step}
        if "cookies" in step:
            given["cookies"] = step["cookies"]
        body = _body(step)
        if body is not None:
            given["data"] = body
        async with self.session.request(step["method"], step["url"], **given) as response:
            value = await self.read(response, step.get("want", "content"))
            return {"status": response.status, "url": str(response.url), "value": value}

    async def read(self, response: Any, want: str) -> Any:
        match want.partition(":"):
            case ("text", _, _):
                return await response.text()
            case ("json", _, _):
                return await response.json()
            case ("lines", _, _):
                return [line.decode().rstrip("\r\n") async for line in response.content]
            case ("pieces", _, _):
                return max([len(piece) async for piece in response.content.iter_chunked(CHUNK)])
            case ("field", _, name):
                return response.headers[name]
            case ("raise" | "pickle", _, _):
                try:
                    response.raise_for_status()
                except aiohttp.ClientResponseError as error:
                    return characters(await response.read()) if want == "raise" else there_and_back(error)
                return None
            case _:
                return characters(await response.read())

    def close(self) -> None:
        self.runner.run(self.session.close())
        self.runner.close()
