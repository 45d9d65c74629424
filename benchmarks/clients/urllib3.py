"""urllib3: one PoolManager."""

from __future__ import annotations

import os

import urllib3

from . import CHUNK, POOL, chunks


class Sync:
    def __init__(self, ca: str | None) -> None:
        self.pool = urllib3.PoolManager(maxsize=POOL, ca_certs=ca)

    def get(self, url: str) -> int:
        response = self.pool.request("GET", url)
        return len(response.data) if response.status == 200 else -1

    def download(self, url: str) -> int:
        response = self.pool.request("GET", url, preload_content=False)
        total = sum(map(len, response.stream(CHUNK)))
        response.release_conn()
        return total

    def upload(self, url: str, path: str) -> int:
        headers = {"Content-Length": str(os.path.getsize(path))}
        return int(self.pool.request("PUT", url, body=chunks(path), headers=headers).data)
