"""urllib3: a PoolManager, or a ProxyManager. It has no cookies, and heeds no environment."""

from __future__ import annotations

from typing import Any

import urllib3

from .common import CHUNK, Unsupported, characters, lacks, raw_body

ERRORS = (urllib3.exceptions.HTTPError,)
TIMEOUTS = (urllib3.exceptions.TimeoutError,)


class Driver:
    def __init__(self, options: dict[str, Any]) -> None:
        lacks(options, "cookies", "environment", "jar")
        given: dict[str, Any] = {}
        if "timeout" in options:
            given["timeout"] = urllib3.Timeout(total=options["timeout"])
        if "local_address" in options:
            given["source_address"] = (options["local_address"], 0)
        if options.get("verify") is False:
            given["cert_reqs"] = "CERT_NONE"
        if "proxy" in options:
            self.pool = urllib3.ProxyManager(options["proxy"], **given)
        else:
            self.pool = urllib3.PoolManager(**given)
        self.headers = options.get("headers")

    def send(self, step: dict[str, Any]) -> dict[str, Any]:
        want = step.get("want", "content")
        lacks(step, "params", "cookies")
        if "form" in step and "json" in step:
            raise Unsupported("form")
        if want in ("text", "lines", "raise", "pickle"):
            raise Unsupported(want)
        given: dict[str, Any] = {"headers": step.get("headers", self.headers)}
        if "json" in step:
            given["json"] = step["json"]
        if "form" in step:
            given.update(fields=step["form"], encode_multipart=False)
        if "files" in step:
            given["fields"] = {name: (filename, text.encode()) for name, (filename, text) in step["files"].items()}
        body = raw_body(step)
        if body is not None:
            given["body"] = body
        try:
            response = self.pool.request(step["method"], step["url"], preload_content=want != "pieces", **given)
        except urllib3.exceptions.MaxRetryError as error:
            raise error.reason or error from error  # what callers are told to look at
        return {"status": response.status, "url": response.url, "value": self.read(response, want)}

    def read(self, response: Any, want: str) -> Any:
        match want.partition(":"):
            case ("json", _, _):
                return response.json()
            case ("pieces", _, _):
                return max(map(len, response.stream(CHUNK)))
            case ("field", _, name):
                return response.headers[name]
            case _:
                return characters(response.data)

    def close(self) -> None:
        self.pool.clear()
