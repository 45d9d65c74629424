"""Connections of HTTP/2 that end in the middle, and what clients see of it: nothing, wherever that can be."""

from __future__ import annotations

import signal
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from authority import Authority
from http2_peers import OPTIONS, Peer, nghttpx
from nginx import Nginx
from relays import found
from worlds import World

import courser

doors = pytest.mark.parametrize("door", ["tls", "plain"])

few = pytest.mark.parametrize("world", ["group", "asyncio", "trio"], indirect=True)

FLIGHT = 500

EACH = 4
"""Requests of each of those that are in flight."""


@pytest.fixture(scope="module")
def hundred(nginx: Nginx, authority: Authority) -> Iterator[Peer]:
    """An nghttpx that sends GOAWAY after a hundred streams."""
    if found("nghttpx") is None:
        pytest.skip("nghttpx is not installed (Debian: apt install nghttp2-proxy)")
    peer = nghttpx(nginx, *authority.files("127.0.0.1", "localhost"), "--frontend-max-requests=100")
    yield peer
    peer.close()


async def flood(world: World, client: Any, method: str, url: str, **options: Any) -> list[courser.Response]:
    """Two thousand requests, five hundred at once; no error may come."""
    if not world.is_async:
        parts = [client.wrapped.build_request(method, url, **options) for _ in range(FLIGHT * EACH)]
        return list(client.wrapped.map(parts, concurrency=FLIGHT))

    async def worker() -> list[courser.Response]:
        return [await client.request(method, url, **options) for _ in range(EACH)]

    found: list[courser.Response] = []
    for each in await world.together(*[worker] * FLIGHT):
        if isinstance(each, Exception):
            raise each
        found += each
    return found


@few
@pytest.mark.parametrize("listener", ["hundred_h2", "hundred_h2_tls"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_goaway_of_nginx_after_a_hundred_streams(
    world: World, nginx: Nginx, authority: Authority, listener: str, method: str
) -> None:
    client = world.client(verify=authority.roots, **OPTIONS["tls" if "tls" in listener else "plain"])
    options = {"content": b"x"} if method == "POST" else {}
    path = "/echo" if method == "POST" else "/connection"

    responses = await flood(world, client, method, nginx.url(path, listener), **options)

    assert Counter(response.status_code for response in responses) == {200: FLIGHT * EACH}
    if method == "POST":
        assert {response.content for response in responses} == {b"x"}
    else:
        used = Counter(response.text.split()[0] for response in responses)
        assert max(used.values()) <= 100


@few
@doors
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_goaway_of_nghttpx_after_a_hundred_streams(
    world: World, hundred: Peer, authority: Authority, door: str, method: str
) -> None:
    client = world.client(verify=authority.roots, **OPTIONS[door])
    options = {"content": b"x"} if method == "POST" else {}

    responses = await flood(world, client, method, hundred.url("/echo", door), **options)

    assert Counter(response.status_code for response in responses) == {200: FLIGHT * EACH}
    assert {response.content for response in responses} == {options.get("content", b"")}


@pytest.mark.parametrize("listener", ["hundred_h2", "hundred_h2_tls"])
def test_goaway_under_threads(nginx: Nginx, authority: Authority, listener: str) -> None:
    errors: list[Exception] = []
    bodies: list[bytes] = []

    def work() -> None:
        for _ in range(100):
            try:
                bodies.append(client.post(nginx.url("/echo", listener), content=b"x").content)
            except courser.HTTPError as error:
                errors.append(error)

    with courser.Client(verify=authority.roots, **OPTIONS["tls" if "tls" in listener else "plain"]) as client:
        threads = [threading.Thread(target=work) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert errors == []
    assert bodies == [b"x"] * 2000


@pytest.mark.parametrize("world", ["inline", "asyncio", "trio"], indirect=True)
async def test_an_idle_connection_that_nginx_has_closed(world: World, nginx: Nginx, authority: Authority) -> None:
    """Even what may not be repeated finds a connection that lives."""
    client = world.client(verify=authority.roots, http2=True)
    await client.get(nginx.url("/hello", "hasty_h2_tls"))
    assert client.stats()["idle"] == 1

    await world.sleep(1.3)
    response = await client.post(nginx.url("/echo", "hasty_h2_tls"), content=b"once")

    assert response.content == b"once"
    assert client.stats() == {"connections": 1, "idle": 1}


# Servers that start anew


class Load:
    """Requests that go on until they are told to stop, and their errors.

    Args:
        ask: sends one.
    """

    def __init__(self, world: World, ask: Callable[[], Awaitable[Any]]) -> None:
        self._world = world
        self._ask = ask
        self.over = False
        self.answers = 0
        self.errors: list[Exception] = []

    async def _worker(self) -> None:
        while not self.over:
            try:
                await self._ask()
                self.answers += 1
            except courser.TransportError as error:
                self.errors.append(error)
                await self._world.sleep(0.005)

    async def during(self, act: Callable[[], None]) -> None:
        """Do something in a thread while fifty are under way."""

        def run() -> None:
            try:
                self._until_busy()
                act()
                self._until_busy()
            finally:
                self.over = True

        thread = threading.Thread(target=run)
        thread.start()
        if self._world.is_async:
            assert await self._world.together(*[self._worker] * 50) == [None] * 50
        else:
            await self._worker()
        thread.join()

    def _until_busy(self) -> None:
        """Let some more answers come."""
        end, goal = time.monotonic() + 10, self.answers + 100
        while self.answers < goal and time.monotonic() < end:
            time.sleep(0.002)
        assert self.answers >= goal


places = pytest.mark.parametrize("world", ["inline", "asyncio", "trio"], indirect=True)


@places
@pytest.mark.parametrize("listener", ["h2", "h2_tls"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_reloads_are_not_noticed(
    world: World, unsteady: Nginx, authority: Authority, listener: str, method: str
) -> None:
    """Old workers send GOAWAY and end with what they are at; a POST too has its answer."""
    client = world.client(verify=authority.roots, **OPTIONS["tls" if "tls" in listener else "plain"])
    options = {"content": b"x"} if method == "POST" else {}
    load = Load(world, lambda: client.request(method, unsteady.url("/echo", listener), **options))

    await load.during(unsteady.reload)

    assert load.errors == []


@places
@pytest.mark.parametrize("listener", ["h2", "h2_tls"])
async def test_a_worker_of_nginx_that_is_killed(
    world: World, unsteady: Nginx, authority: Authority, listener: str
) -> None:
    client = world.client(verify=authority.roots, **OPTIONS["tls" if "tls" in listener else "plain"])
    load = Load(world, lambda: client.get(unsteady.url("/hello", listener)))

    await load.during(unsteady.strike)

    kinds = (courser.ReadError, courser.RemoteProtocolError, courser.WriteError)
    assert [error for error in load.errors if not isinstance(error, kinds)] == []
    assert len(load.errors) <= 100
    assert (await client.post(unsteady.url("/echo", listener), content=b"x")).content == b"x"


@places
@doors
@pytest.mark.parametrize("peer", ["h2o", "nghttpd", "caddy", "nghttpx"], indirect=True)
@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM])
async def test_a_server_that_starts_again(
    world: World, peer: Peer, authority: Authority, door: str, sign: signal.Signals
) -> None:
    """What was under way is repeated, or ends with an error that says what happened; what follows is answered."""
    client = world.client(verify=authority.roots, **OPTIONS[door])
    load = Load(world, lambda: client.get(peer.url("/hello", door)))

    await load.during(lambda: peer.restart(sign))

    kinds = (courser.ConnectError, courser.ReadError, courser.RemoteProtocolError, courser.WriteError)
    assert [error for error in load.errors if not isinstance(error, kinds)] == []
    assert (await client.post(peer.url("/echo", door), content=b"x")).content == b"x"
    assert client.stats()["connections"] == 1
