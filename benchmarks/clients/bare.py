"""The floor: what any client has to do at least, without parsing, pool, limits or errors.

Sync: one send and one receive on a blocking socket. Async: an `asyncio.Protocol` that writes a request when the answer
to the last one came. Both know beforehand how long an answer is.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import threading
from urllib.parse import urlsplit

from . import CHUNK, Unsupported


def _request(url: str, method: str = "GET", extra: str = "") -> bytes:
    parts = urlsplit(url)
    return f"{method} {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAccept: */*\r\n{extra}\r\n".encode()


def _context(ca: str | None) -> ssl.SSLContext | None:
    return ssl.create_default_context(cafile=ca) if ca else None


def _body_size(head: bytes) -> int:
    return int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])


def _measure(answer: bytes) -> int:
    head, _, body = answer.partition(b"\r\n\r\n")
    return len(body) if head.startswith(b"HTTP/1.1 200") and _body_size(head) == len(body) else -1


class Sync:
    def __init__(self, ca: str | None) -> None:
        self.context = _context(ca)
        self.local = threading.local()

    def _connect(self, url: str) -> socket.socket:
        parts = urlsplit(url)
        sock = socket.create_connection((parts.hostname, parts.port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.context.wrap_socket(sock, server_hostname=parts.hostname) if self.context else sock

    def get(self, url: str) -> int:
        try:
            sock, request, whole, body = self.local.known
        except AttributeError:
            return self._first(url)
        sock.send(request)
        return body if len(sock.recv(65536)) == whole else -1

    def _first(self, url: str) -> int:
        sock, request = self._connect(url), _request(url)
        sock.sendall(request)
        answer = sock.recv(65536)
        body = _measure(answer)
        self.local.known = sock, request, len(answer), body
        return body

    def download(self, url: str) -> int:
        sock = self._connect(url)
        sock.sendall(_request(url))
        head, _, body = sock.recv(65536).partition(b"\r\n\r\n")
        wanted, got, buffer = _body_size(head), len(body), bytearray(CHUNK)
        while got < wanted and (count := sock.recv_into(buffer)):
            got += count
        sock.close()
        return got

    def upload(self, url: str, path: str) -> int:
        sock = self._connect(url)
        sock.sendall(_request(url, "PUT", f"Content-Length: {os.path.getsize(path)}\r\n"))
        buffer = bytearray(CHUNK)
        view = memoryview(buffer)
        with open(path, "rb", buffering=0) as file:
            while count := file.readinto(buffer):
                sock.sendall(view[:count])
        answer = sock.recv(65536)
        sock.close()
        return int(answer.partition(b"\r\n\r\n")[2])


class _Echo(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.answer.set_result(data)

    def connection_lost(self, exc: Exception | None) -> None:
        pass


class Async:
    def __init__(self, ca: str | None, http2: bool = False) -> None:
        if http2:
            raise Unsupported("no HTTP/2")
        self.context = _context(ca)
        self.whole, self.body = 0, -1
        self.idle: list[_Echo] = []
        self.all: list[_Echo] = []

    async def __aenter__(self) -> Async:
        try:
            self.loop = asyncio.get_running_loop()
        except RuntimeError:
            raise Unsupported("asyncio only") from None
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        for echo in self.all:
            echo.transport.abort()

    async def _connect(self, url: str) -> _Echo:
        parts = urlsplit(url)
        self.request = _request(url)
        _, echo = await self.loop.create_connection(_Echo, parts.hostname, parts.port, ssl=self.context)
        self.all.append(echo)
        return echo

    async def get(self, url: str) -> int:
        echo = self.idle.pop() if self.idle else await self._connect(url)
        echo.answer = self.loop.create_future()
        echo.transport.write(self.request)
        answer = await echo.answer
        self.idle.append(echo)
        if len(answer) != self.whole:
            self.whole, self.body = len(answer), _measure(answer)
        return self.body

    async def download(self, url: str) -> int:
        raise Unsupported("sync only")

    async def upload(self, url: str, path: str) -> int:
        raise Unsupported("sync only")
