"""Over lines that break at any moment an answer is right or an error says so; nobody waits on, and nothing is left."""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from authority import Authority
from child import Child
from guards import no_leak
from http2_peers import Peer
from nginx import Nginx
from worlds import World

import courser

PROGRAM = Path(__file__).with_name("badlines.py")

SECONDS = 2.0
"""For how long requests are begun."""

LIMITS = courser.Limits(max_per_host=6, max_keepalive=4)

TIMEOUT = courser.Timeout(total=8, connect=4, read=4, pool=8)

few = pytest.mark.parametrize("peer", ["nginx", "h2o"], indirect=True)
protocols = pytest.mark.parametrize("http2", [False, True], ids=["http1", "http2"])


@pytest.fixture
def line(peer: Peer) -> Iterator[str]:
    """A URL that leads to the peer over a line that breaks."""
    port = int(peer.url("").rsplit(":", 1)[1])
    child = Child(sys.executable, f"{PROGRAM.read_text()}\nmain({port})\n", "asyncio")
    yield f"https://127.0.0.1:{child.port}"
    child.close()


class Outcomes:
    """What has come of requests."""

    def __init__(self) -> None:
        self.right = 0
        self.wrong: list[str] = []
        self.end = monotonic() + SECONDS

    @property
    def goes_on(self) -> bool:
        """Whether another request is to be made; some have to be right, or nothing was tried."""
        now = monotonic()
        return now < self.end or (not self.right and now < self.end + 10)

    def note(self, expected: bytes | None, found: object) -> None:
        """Take note of a body or an error; what was left early has no body to compare."""
        if isinstance(found, courser.Response):
            found = found.content if found.status_code == 200 else found.status_code
        if found == expected:
            self.right += 1
        elif not isinstance(found, courser.TransportError):
            self.wrong.append(f"{found!r:.300}")

    def judge(self, client: Any) -> None:
        """Nothing is wrong, something is right, and no connection is held by anybody."""
        counts = client.stats()
        assert not self.wrong, self.wrong[:3]
        assert self.right
        assert counts["connections"] == counts["idle"]


def asked(url: str, nginx: Nginx) -> tuple[str, str, bytes | None, bytes]:
    """A request of any kind: method, URL, body, the body of its answer."""
    kind = random.randrange(3)
    if kind == 0:
        return "GET", f"{url}/hello", None, b"hello\n"
    if kind == 1:
        return "GET", f"{url}/text.txt", None, nginx.text
    body = random.randbytes(random.choice((10, 1000, 100_000)))
    return "POST", f"{url}/echo", body, body


@few
@protocols
@pytest.mark.parametrize("world", ["asyncio", "uvloop", "trio"], indirect=True)
async def test_tasks(world: World, nginx: Nginx, authority: Authority, line: str, http2: bool) -> None:
    """Some are cancelled, and some leave a response in the middle."""
    client = world.client(verify=authority.roots, http2=http2, http1=not http2, limits=LIMITS, timeout=TIMEOUT)
    outcomes = Outcomes()

    async def left() -> None:
        async with client.stream("GET", f"{line}/text.txt") as response:
            async for _ in response.iter_bytes():
                if random.random() < 0.5:
                    break

    async def whole() -> None:
        method, url, body, answer = asked(line, nginx)
        try:
            outcomes.note(answer, await client.request(method, url, content=body))
        except Exception as error:
            outcomes.note(answer, error)

    async def one() -> None:
        while outcomes.goes_on:
            chance = random.random()
            if chance < 0.2:
                await world.cancelled_after(random.random() * 0.2, whole)
            elif chance < 0.4:
                try:
                    await left()
                except Exception as error:
                    outcomes.note(None, error)
            else:
                await whole()

    calls: list[Callable[[], Awaitable[Any]]] = [one] * 20
    assert await world.together(*calls) == [None] * len(calls)
    outcomes.judge(client)


@few
@protocols
def test_threads(peer: Peer, nginx: Nginx, authority: Authority, line: str, http2: bool) -> None:
    outcomes = Outcomes()

    def one() -> None:
        while outcomes.goes_on:
            method, url, body, answer = asked(line, nginx)
            try:
                if random.random() < 0.2:
                    with client.stream(method, url, content=body) as response:
                        next(response.iter_bytes(), b"")
                else:
                    outcomes.note(answer, client.request(method, url, content=body))
            except Exception as error:
                outcomes.note(answer, error)

    with (
        no_leak(),
        courser.Client(verify=authority.roots, http2=http2, http1=not http2, limits=LIMITS, timeout=TIMEOUT) as client,
    ):
        threads = [threading.Thread(target=one, daemon=True) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(25)
        assert not any(thread.is_alive() for thread in threads)
        outcomes.judge(client)
