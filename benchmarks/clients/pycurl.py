"""pycurl: one easy handle a thread, reused; for many in flight one multi handle."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator
from io import BytesIO
from itertools import islice
from typing import Any

import pycurl

from . import CHUNK


class Sync:
    def __init__(self, ca: str | None) -> None:
        self.ca = ca
        self.local = threading.local()
        self._handle()

    def _new(self) -> Any:
        curl = pycurl.Curl()
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.TCP_NODELAY, 1)
        if self.ca:
            curl.setopt(pycurl.CAINFO, self.ca)
        return curl

    def _handle(self) -> Any:
        try:
            return self.local.curl
        except AttributeError:
            curl = self.local.curl = self._new()
            return curl

    def get(self, url: str) -> int:
        curl = self._handle()
        curl.setopt(pycurl.URL, url)
        body = curl.perform_rb()
        return len(body) if curl.getinfo(pycurl.RESPONSE_CODE) == 200 else -1

    def map(self, urls: Iterable[str], concurrency: int) -> Iterator[int]:
        multi, waiting, bodies = pycurl.CurlMulti(), iter(urls), {}
        multi.setopt(pycurl.M_MAXCONNECTS, concurrency)

        def begin(curl: Any, url: str) -> None:
            bodies[curl] = BytesIO()
            curl.setopt(pycurl.URL, url)
            curl.setopt(pycurl.WRITEDATA, bodies[curl])
            multi.add_handle(curl)

        for url in islice(waiting, concurrency):
            begin(self._new(), url)
        while bodies:
            multi.perform()
            _, done, failed = multi.info_read(concurrency)
            if failed:
                raise RuntimeError(failed[0][2])
            for curl in done:
                multi.remove_handle(curl)
                body = bodies.pop(curl).getvalue()
                yield len(body) if curl.getinfo(pycurl.RESPONSE_CODE) == 200 else -1
                if (following := next(waiting, None)) is not None:
                    begin(curl, following)
            if not done:
                multi.select(1.0)

    def download(self, url: str) -> int:
        total = 0

        def count(chunk: bytes) -> None:
            nonlocal total
            total += len(chunk)

        curl = self._new()
        curl.setopt(pycurl.URL, url)
        curl.setopt(pycurl.BUFFERSIZE, CHUNK)
        curl.setopt(pycurl.WRITEFUNCTION, count)
        curl.perform()
        return total

    def upload(self, url: str, path: str) -> int:
        curl = self._new()
        with open(path, "rb", buffering=0) as file:
            curl.setopt(pycurl.URL, url)
            curl.setopt(pycurl.UPLOAD, 1)
            curl.setopt(pycurl.UPLOAD_BUFFERSIZE, CHUNK)
            curl.setopt(pycurl.INFILESIZE_LARGE, os.path.getsize(path))
            curl.setopt(pycurl.HTTPHEADER, ["Expect:"])
            curl.setopt(pycurl.READDATA, file)
            return int(curl.perform_rb())
