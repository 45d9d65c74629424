"""Requests: one Session, its pool made wide enough for threads."""

from __future__ import annotations

import requests
from requests.adapters import HTTPAdapter

from . import CHUNK, POOL, chunks


class Sync:
    def __init__(self, ca: str | None) -> None:
        self.session = requests.Session()
        self.session.mount("http://", HTTPAdapter(pool_maxsize=POOL))
        self.session.mount("https://", HTTPAdapter(pool_maxsize=POOL))
        if ca:
            self.session.verify = ca

    def get(self, url: str) -> int:
        response = self.session.get(url)
        return len(response.content) if response.status_code == 200 else -1

    def download(self, url: str) -> int:
        with self.session.get(url, stream=True) as response:
            return sum(map(len, response.iter_content(CHUNK)))

    def upload(self, url: str, path: str) -> int:
        return int(self.session.put(url, data=chunks(path)).text)
