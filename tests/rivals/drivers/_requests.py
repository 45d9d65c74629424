"""Requests and niquests have the same interface: one driver, made for either module."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from .common import CHUNK, characters, lacks, parts, raw_body, there_and_back


def make_driver(module: ModuleType) -> type:
    """The driver of a module that looks like Requests."""

    class Driver:
        def __init__(self, options: dict[str, Any]) -> None:
            lacks(options, "local_address")
            self.session = module.Session()
            self.session.headers.update(options.get("headers") or {})
            self.session.cookies.update(options.get("cookies") or {})
            if "verify" in options:
                self.session.verify = options["verify"]
            if "proxy" in options:
                self.session.proxies = {"http": options["proxy"], "https": options["proxy"]}
            self.timeout = options.get("timeout")

        def send(self, step: dict[str, Any]) -> dict[str, Any]:
            want = step.get("want", "content")
            given = {name: step[name] for name in ("params", "headers", "cookies", "json") if name in step}
            if "form" in step:
                given["data"] = step["form"]
            body = raw_body(step)
            if body is not None:
                given["data"] = body
            if "files" in step:
                given["files"] = parts(step)
            if self.timeout is not None:
                given["timeout"] = self.timeout
            streamed = want in ("lines", "pieces")
            response = self.session.request(step["method"], step["url"], stream=streamed, **given)
            return {"status": response.status_code, "url": str(response.url), "value": self.read(response, want)}

        def read(self, response: Any, want: str) -> Any:
            match want.partition(":"):
                case ("text", _, _):
                    return response.text
                case ("json", _, _):
                    return response.json()
                case ("lines", _, _):
                    return [line if isinstance(line, str) else line.decode() for line in response.iter_lines()]
                case ("pieces", _, _):
                    return max(map(len, response.iter_content(CHUNK)))
                case ("field", _, name):
                    return response.headers[name]
                case ("raise" | "pickle", _, _):
                    try:
                        response.raise_for_status()
                    except module.HTTPError as error:
                        return characters(error.response.content) if want == "raise" else there_and_back(error)
                    return None
                case _:
                    return characters(response.content)

        def close(self) -> None:
            self.session.close()

    return Driver
