"""pyreqwest: a SyncClient with cookies switched on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pyreqwest.client import SyncClientBuilder
from pyreqwest.exceptions import PyreqwestError, StatusError
from pyreqwest.multipart import FormBuilder, PartBuilder
from pyreqwest.proxy import ProxyBuilder

from .common import CHUNK, Unsupported, characters, lacks, raw_body, there_and_back

ERRORS = (PyreqwestError,)
TIMEOUTS = (TimeoutError,)


class Driver:
    def __init__(self, options: dict[str, Any]) -> None:
        lacks(options, "cookies")
        builder = SyncClientBuilder().follow_redirects(True).default_cookie_store(True)
        if "headers" in options:
            builder = builder.default_headers(options["headers"])
        if "timeout" in options:
            builder = builder.timeout(timedelta(seconds=options["timeout"]))
        if options.get("verify") is False:
            builder = builder.danger_accept_invalid_certs(True)
        if "proxy" in options:
            builder = builder.proxy(ProxyBuilder.all(options["proxy"]))
        if "local_address" in options:
            builder = builder.local_address(options["local_address"])
        self.client = builder.build()

    def send(self, step: dict[str, Any]) -> dict[str, Any]:
        lacks(step, "cookies")
        want = step.get("want", "content")
        builder = self.made(self.client.request(step["method"], step["url"]), step)
        if want == "pieces":
            with builder.streamed_read_buffer_limit(CHUNK).build_streamed() as response:
                return {"status": response.status, "url": "", "value": self.largest(response.body_reader)}
        response = builder.build().send()
        return {"status": response.status, "url": "", "value": self.read(response, want)}

    def made(self, builder: Any, step: dict[str, Any]) -> Any:
        if "params" in step:
            builder = builder.query(step["params"])
        if "headers" in step:
            builder = builder.headers(step["headers"])
        if "form" in step:
            builder = builder.form(step["form"])
        if "json" in step:
            builder = builder.body_json(step["json"])
        if "files" in step:
            form = FormBuilder()
            for name, (filename, text) in step["files"].items():
                form = form.part(name, PartBuilder.from_bytes(text.encode()).file_name(filename))
            builder = builder.multipart(form)
        body = raw_body(step)
        if isinstance(body, bytes):
            return builder.body_bytes(body)
        if hasattr(body, "read"):
            raise Unsupported("file")
        return builder if body is None else builder.body_stream(body)

    def largest(self, reader: Any) -> int:
        most = 0
        while piece := reader.read(CHUNK):
            most = max(most, len(piece))
        return most

    def read(self, response: Any, want: str) -> Any:
        match want.partition(":"):
            case ("text", _, _):
                return response.text()
            case ("json", _, _):
                return response.json()
            case ("lines", _, _):
                raise Unsupported("lines")
            case ("field", _, name):
                return response.headers[name]
            case ("raise" | "pickle", _, _):
                try:
                    response.error_for_status()
                except StatusError as error:
                    return characters(response.bytes()) if want == "raise" else there_and_back(error)
                return None
            case _:
                return characters(response.bytes())

    def close(self) -> None:
        self.client.close()
