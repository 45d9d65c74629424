"""How many Python frames one warm GET enters: what a request costs, counted where a clock would only guess.

Every call event of `sys.setprofile` counts: calls of functions, and each time a coroutine or a generator goes on.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import courser

BUDGET = 60
"""Frames of this library."""

WITH_LOOP = 70
"""Frames of this library and of asyncio, which enters 22 of its own to poll once and to wake one task."""

SOURCE = str(Path(next(iter(courser.__path__))))

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"


class Counter:
    """Counts the frames that this thread enters while it is on."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def __enter__(self) -> list[str]:
        sys.setprofile(self._see)
        return self.names

    def __exit__(self, *error: object) -> None:
        sys.setprofile(None)
        self.names.pop()  # this very method

    def _see(self, frame: FrameType, event: str, argument: Any) -> None:
        if event == "call":
            self.names.append(f"{frame.f_code.co_filename}:{frame.f_code.co_name}")


def answer(listener: socket.socket) -> None:
    """Answer every request on one connection, until its end."""
    peer, _ = listener.accept()
    with peer:
        while data := peer.recv(65536):
            assert data.endswith(b"\r\n\r\n")
            peer.sendall(ANSWER)


@pytest.fixture
def url() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer, args=(listener,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    thread.join(5)


def own(names: list[str]) -> list[str]:
    return [name for name in names if name.startswith(SOURCE)]


def told(names: list[str]) -> str:
    return f"{len(names)} frames:\n" + "\n".join(names)


@pytest.mark.usefixtures("no_collection")
def test_a_sync_get(url: str) -> None:
    with courser.Client() as client:
        for _ in range(3):
            client.get(url)
        with Counter() as names:
            response = client.get(url)

        assert response.text == "hello"
    assert len(names) <= BUDGET, told(names)


@pytest.mark.usefixtures("no_collection")
def test_an_asyncio_get(url: str) -> None:
    async def main() -> list[str]:
        async with courser.AsyncClient() as client:
            for _ in range(3):
                await client.get(url)
            with Counter() as names:
                response = await client.get(url)
            assert response.text == "hello"
            return names

    names = asyncio.run(main())

    assert len(own(names)) <= BUDGET, told(own(names))
    assert len(names) <= WITH_LOOP, told(names)
