"""wreq: a blocking Client with redirects and cookies switched on."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_address
from typing import Any

import wreq
from wreq import blocking, exceptions, redirect

from .common import Unsupported, characters, lacks, raw_body, there_and_back

ERRORS = tuple(each for each in vars(exceptions).values() if isinstance(each, type) and issubclass(each, Exception))
"""They have no base of their own."""

TIMEOUTS = (exceptions.TimeoutError,)

SAME = ("headers", "cookies", "json", "form")


class Driver:
    def __init__(self, options: dict[str, Any]) -> None:
        lacks(options, "cookies")
        given: dict[str, Any] = {"redirect": redirect.Policy.limited(), "cookie_store": True}
        if "headers" in options:
            given["headers"] = options["headers"]
        if "timeout" in options:
            given["timeout"] = timedelta(seconds=options["timeout"])
        if "verify" in options:
            given["tls_verify"] = options["verify"]
        if "proxy" in options:
            given["proxies"] = [wreq.Proxy.all(options["proxy"])]
        if "local_address" in options:
            given["local_address"] = ip_address(options["local_address"])
        self.client = blocking.Client(**given)

    def send(self, step: dict[str, Any]) -> dict[str, Any]:
        given = {name: step[name] for name in SAME if name in step}
        if "params" in step:
            given["query"] = step["params"]
        if "files" in step:
            parts = [wreq.Part(name, text.encode(), filename=file) for name, (file, text) in step["files"].items()]
            given["multipart"] = wreq.Multipart(*parts)
        body = raw_body(step)
        if hasattr(body, "read"):
            raise Unsupported("file")
        if body is not None:
            given["body"] = body
        response = self.client.request(getattr(wreq.Method, step["method"]), step["url"], **given)
        value = self.read(response, step.get("want", "content"))
        return {"status": response.status.as_int(), "url": response.url, "value": value}

    def read(self, response: Any, want: str) -> Any:
        match want.partition(":"):
            case ("text", _, _):
                return response.text()
            case ("json", _, _):
                return response.json()
            case ("lines", _, _):
                raise Unsupported("lines")
            case ("pieces", _, _):
                with response.stream() as stream:
                    return max(len(piece) for piece in stream if isinstance(piece, memoryview))
            case ("field", _, name):
                return characters(response.headers[name])
            case ("raise" | "pickle", _, _):
                try:
                    response.raise_for_status()
                except exceptions.StatusError as error:
                    return characters(response.bytes()) if want == "raise" else there_and_back(error)
                return None
            case _:
                return characters(response.bytes())

    def close(self) -> None:
        self.client.close()
