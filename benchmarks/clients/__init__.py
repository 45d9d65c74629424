"""One adapter a client, each used as its own documentation advises for many requests to one server.

An adapter module has `Sync`, `Async` or both. Each method returns what the worker checks, so that no client gets away
with less than the whole answer:

    get(url)            the length of the body read, -1 where the status is not 200
    download(url)       the bytes that came through the client's streaming interface
    upload(url, path)   the bytes that the server says it has received
    map(urls, n)        sync only: the results of `get` with n requests in flight, no thread made by the adapter
    websocket(url)      a context manager that gives a function: what comes back for a message of bytes

`Sync(ca)` and `Async(ca, http2)` take the path of the CA file to trust, or None. `Async` is an async context manager.
What a client cannot do raises `Unsupported`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

REQUESTERS = (
    "bare",
    "courser",
    "requests",
    "urllib3",
    "httpx",
    "httpx2",
    "aiohttp",
    "niquests",
    "pycurl",
    "wreq",
    "pyreqwest",
)
MESSENGERS = ("websockets", "picows")
"""Who speaks WebSocket and nothing else."""
NAMES = REQUESTERS + MESSENGERS

CHUNK = 256 * 1024
POOL, ASYNC_POOL = 1000, 10_000
"""Where a client limits its connections and lets the user say how many: as many as any scenario needs."""


class Unsupported(Exception):
    """The client has no such feature."""


def chunks(path: str) -> Iterator[bytes]:
    """The file in the pieces in which every client is given its upload."""
    with open(path, "rb", buffering=0) as file:
        while piece := file.read(CHUNK):
            yield piece


async def async_chunks(path: str) -> AsyncIterator[bytes]:
    """`chunks` for clients that want an async iterable; the file is in memory, so reading does not block."""
    for piece in chunks(path):
        yield piece


class Connections:
    """The client of a library that has connections alone, each made for itself."""

    def __init__(self, ca: str | None) -> None:
        pass

    async def __aenter__(self) -> Connections:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        pass
