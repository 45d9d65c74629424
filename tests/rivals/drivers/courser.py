"""courser: an AsyncClient under asyncio; the tests run the same in plain code and under trio."""

from __future__ import annotations

import asyncio
from typing import Any

import courser

from .common import characters, parts, raw_body, there_and_back

ERRORS = (courser.HTTPError,)
TIMEOUTS = (courser.RequestTimeout,)

SAME = ("params", "headers", "cookies", "json")
NAMES = {"sensitive": "sensitive_headers"}
TOPICS = ("environment", "jar")


def client_options(options: dict[str, Any]) -> dict[str, Any]:
    """The options of a client under the names that courser has for them."""
    return {NAMES.get(name, name): value for name, value in options.items() if name not in TOPICS}


async def send(client: Any, step: dict[str, Any]) -> dict[str, Any]:
    """Do a step with a client whose verbs are awaited."""
    want = step.get("want", "content")
    given = {name: step[name] for name in SAME if name in step}
    if "form" in step:
        given["data"] = step["form"]
    if "files" in step:
        given["files"] = parts(step)
    body = raw_body(step)
    if body is not None:
        given["content"] = body
    if want in ("lines", "pieces"):
        async with client.stream(step["method"], step["url"], **given) as response:
            if want == "lines":
                value: Any = [line async for line in response.iter_lines()]
            else:
                value = max([len(piece) async for piece in response.iter_bytes()])
    else:
        response = await client.request(step["method"], step["url"], **given)
        value = read(response, want)
    return {"status": response.status_code, "url": str(response.url), "value": value}


def read(response: courser.Response, want: str) -> Any:
    """What a step wants of a response."""
    match want.partition(":"):
        case ("text", _, _):
            return response.text
        case ("json", _, _):
            return response.json()
        case ("field", _, name):
            return response.headers[name]
        case ("raise" | "pickle", _, _):
            try:
                response.raise_for_status()
            except courser.StatusError as error:
                told = response if error.response is None else error.response
                return characters(told.content) if want == "raise" else there_and_back(error)
            return None
        case _:
            return characters(response.content)


class Driver:
    def __init__(self, options: dict[str, Any]) -> None:
        self.runner = asyncio.Runner()
        self.client = courser.AsyncClient(**client_options(options))

    def send(self, step: dict[str, Any]) -> dict[str, Any]:
        return self.runner.run(send(self.client, step))

    def close(self) -> None:
        self.runner.run(self.client.close())
        self.runner.close()
