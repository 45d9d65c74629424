"""HTTPX and its successor httpx2 have the same interface: one driver, made for either module."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from .common import characters, parts, raw_body, there_and_back


def make_driver(module: ModuleType) -> type:
    """The driver of a module that looks like HTTPX."""

    class Driver:
        def __init__(self, options: dict[str, Any]) -> None:
            given = {
                name: options[name] for name in ("headers", "cookies", "timeout", "verify", "proxy") if name in options
            }
            if "local_address" in options:
                given["transport"] = module.HTTPTransport(local_address=options["local_address"])
                if "proxy" in options:
                    proxy = module.HTTPTransport(local_address=options["local_address"], proxy=given.pop("proxy"))
                    given["transport"] = proxy
            self.client = module.Client(follow_redirects=True, **given)

        def send(self, step: dict[str, Any]) -> dict[str, Any]:
            want = step.get("want", "content")
            given = {name: step[name] for name in ("params", "headers", "cookies", "json") if name in step}
            if "form" in step:
                given["data"] = step["form"]
            if "files" in step:
                given["files"] = parts(step)
            body = raw_body(step)
            if body is not None:
                given["content"] = body
            if want in ("lines", "pieces"):
                with self.client.stream(step["method"], step["url"], **given) as response:
                    value = list(response.iter_lines()) if want == "lines" else max(map(len, response.iter_bytes()))
            else:
                response = self.client.request(step["method"], step["url"], **given)
                value = self.read(response, want)
            return {"status": response.status_code, "url": str(response.url), "value": value}

        def read(self, response: Any, want: str) -> Any:
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
                    except module.HTTPStatusError as error:
                        return characters(error.response.content) if want == "raise" else there_and_back(error)
                    return None
                case _:
                    return characters(response.content)

        def close(self) -> None:
            self.client.close()

    return Driver
