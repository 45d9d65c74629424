"""pycurl: one easy handle that follows redirects, decodes what libcurl can, and keeps cookies."""

from __future__ import annotations

import io
from typing import Any

import pycurl

from .common import Unsupported, characters, lacks, raw_body


class TimedOut(pycurl.error):
    """The error with the number of a timeout."""


ERRORS = (pycurl.error,)
TIMEOUTS = (TimedOut,)


def numbered(number: int, text: str) -> pycurl.error:
    """The error as a class that tells its number, as callers tell errors apart by it."""
    base = TimedOut if number == pycurl.E_OPERATION_TIMEDOUT else pycurl.error
    return type(f"error {number}", (base,), {})(number, text)


class Driver:
    def __init__(self, options: dict[str, Any]) -> None:
        lacks(options, "cookies")
        self.options = options
        self.curl = pycurl.Curl()

    def send(self, step: dict[str, Any]) -> dict[str, Any]:
        lacks(step, "params", "json", "form")
        want = step.get("want", "content")
        if want not in ("content", "pieces"):
            raise Unsupported(want)
        curl = self.curl
        curl.reset()
        self.dress(curl, step)
        self.load(curl, step)
        pieces: list[bytes] = []
        sizes: list[int] = []
        curl.setopt(
            pycurl.WRITEFUNCTION, pieces.append if want == "content" else lambda piece: sizes.append(len(piece))
        )
        try:
            curl.perform()
        except pycurl.error as error:
            raise numbered(*error.args) from error
        value = characters(b"".join(pieces)) if want == "content" else max(sizes)
        return {"status": curl.getinfo(pycurl.RESPONSE_CODE), "url": curl.getinfo(pycurl.EFFECTIVE_URL), "value": value}

    def dress(self, curl: Any, step: dict[str, Any]) -> None:
        options = self.options
        curl.setopt(pycurl.URL, step["url"])
        curl.setopt(pycurl.FOLLOWLOCATION, 1)
        curl.setopt(pycurl.ACCEPT_ENCODING, "")
        curl.setopt(pycurl.COOKIEFILE, "")
        headers = {**options.get("headers", {}), **step.get("headers", {}), "Expect": ""}
        lines = [f"{name}: {value}" if value else f"{name}:" for name, value in headers.items()]
        curl.setopt(pycurl.HTTPHEADER, [line.encode() for line in lines])
        if "cookies" in step:
            curl.setopt(pycurl.COOKIE, "; ".join(f"{name}={value}" for name, value in step["cookies"].items()))
        if "timeout" in options:
            curl.setopt(pycurl.TIMEOUT_MS, int(options["timeout"] * 1000))
        if options.get("verify") is False:
            curl.setopt(pycurl.SSL_VERIFYPEER, 0)
            curl.setopt(pycurl.SSL_VERIFYHOST, 0)
        if "proxy" in options:
            curl.setopt(pycurl.PROXY, options["proxy"])
        if "local_address" in options:
            curl.setopt(pycurl.INTERFACE, options["local_address"])

    def load(self, curl: Any, step: dict[str, Any]) -> None:
        """Say what is sent, as the documentation of libcurl does: POST by its fields, PUT as an upload."""
        if "files" in step:
            form = [
                (name, (pycurl.FORM_BUFFER, filename.encode(), pycurl.FORM_BUFFERPTR, text.encode()))
                for name, (filename, text) in step["files"].items()
            ]
            curl.setopt(pycurl.HTTPPOST, form)
            return
        body = raw_body(step)
        if step["method"] == "GET" and body is None:
            curl.setopt(pycurl.HTTPGET, 1)
        elif step["method"] == "POST" and (body is None or isinstance(body, bytes)):
            curl.setopt(pycurl.POST, 1)
            curl.setopt(pycurl.POSTFIELDS, body or b"")
        elif step["method"] == "PUT" and body is not None:
            curl.setopt(pycurl.UPLOAD, 1)
            if isinstance(body, bytes):
                curl.setopt(pycurl.INFILESIZE, len(body))
                body = io.BytesIO(body)
            if hasattr(body, "read"):
                start = body.tell()
                curl.setopt(pycurl.READDATA, body)
                curl.setopt(pycurl.SEEKFUNCTION, lambda offset, origin: body.seek(start + offset, origin) and None)
            else:
                curl.setopt(pycurl.READFUNCTION, lambda size: next(body, b""))
        else:
            raise Unsupported(f"{step['method']} with this body")

    def close(self) -> None:
        self.curl.close()
