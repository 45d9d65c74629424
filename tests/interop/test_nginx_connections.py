"""Connections that nginx ends whenever it likes, and what clients see of it: nothing, wherever that can be."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from nginx import Nginx
from worlds import World

import courser

listeners = pytest.mark.parametrize("listener", ["ten", "ten_tls"])

MANY = 1000
AT_ONCE = 50


async def many(world: World, client: Any, url: str) -> list[courser.Response]:
    """A thousand requests, fifty at once."""
    if not world.is_async:
        return list(client.wrapped.map([url] * MANY, concurrency=AT_ONCE))

    async def worker() -> list[courser.Response]:
        return [await client.get(url) for _ in range(MANY // AT_ONCE)]

    found: list[courser.Response] = []
    for each in await world.together(*[worker] * AT_ONCE):
        if isinstance(each, Exception):
            raise each
        found += each
    return found


@listeners
async def test_connections_that_end_after_ten_requests(
    world: World, nginx: Nginx, authority: Any, listener: str
) -> None:
    client = world.client(verify=authority.roots)

    responses = await many(world, client, nginx.url("/connection", listener))

    used = Counter(response.text.split()[0] for response in responses)
    assert [response.status_code for response in responses] == [200] * MANY
    assert max(used.values()) <= 10
    assert len(used) < MANY / 10 + AT_ONCE
    assert client.stats()["connections"] <= AT_ONCE


async def test_a_few_connections_for_many_requests(world: World, nginx: Nginx) -> None:
    client = world.client(limits=courser.Limits(max_connections=4))

    responses = await many(world, client, nginx.url("/connection"))

    assert len(responses) == MANY
    assert len({response.text.split()[0] for response in responses}) == 4


async def test_a_connection_that_nginx_says_is_over(world: World, nginx: Nginx) -> None:
    client = world.client()

    for _ in range(3):
        response = await client.get(nginx.url("/last"))

        assert response.headers["connection"] == "close"
        assert client.stats() == {"connections": 0, "idle": 0}


@pytest.mark.parametrize("listener", ["plain", "tls"])
async def test_reloads_are_not_noticed(world: World, unsteady: Nginx, authority: Any, listener: str) -> None:
    """Each worker of nginx ends with what it is at, and closes what is idle; every GET has its answer."""
    client = world.client(verify=authority.roots)
    url = unsteady.url("/pid", listener)
    seen: set[str] = set()

    async def until_new(workers: int) -> None:
        while len(seen) < workers:
            response = await client.get(url)
            assert response.status_code == 200
            seen.add(response.text)

    for reloads in range(1, 4):
        await until_new(reloads)
        unsteady.reload()
        if world.is_async:
            results = await world.together(*[lambda: until_new(reloads + 1)] * 20)  # noqa: B023 - called at once
            assert results == [None] * 20
        else:
            await until_new(reloads + 1)


async def test_a_restart_harms_only_what_is_under_way(world: World, unsteady: Nginx) -> None:
    client = world.client()
    url = unsteady.url("/pid")
    before = (await client.get(url)).text
    errors: list[Exception] = []
    restart = threading.Thread(target=unsteady.restart)

    async def until_new() -> None:
        while True:
            try:
                if (await client.get(url)).text != before and not restart.is_alive():
                    return
            except courser.TransportError as error:
                errors.append(error)
                await world.sleep(0.001)

    restart.start()
    if world.is_async:
        assert await world.together(*[until_new] * 20) == [None] * 20
    else:
        await until_new()
    restart.join()

    assert {error.phase for error in errors} <= {"connect", "read", "write"}  # type: ignore[attr-defined]
    assert client.stats()["connections"] <= 20


def wait_for_nginx_to_hang_up(nginx: Nginx, listener: str) -> None:
    """Come back when nginx has closed a connection that went idle now, so all that went idle before are closed too."""
    with socket.create_connection(("127.0.0.1", nginx.ports[listener])) as sock:
        sock.sendall(b"GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
        while sock.recv(65536):
            pass


async def test_an_idle_connection_that_nginx_has_closed_unnoticed(world: World, nginx: Nginx) -> None:
    """The event loop has had no chance to see it; the request goes out once more by itself."""
    client = world.client()
    first = (await client.get(nginx.url("/connection", "hasty"))).text.split()[0]

    wait_for_nginx_to_hang_up(nginx, "hasty")
    response = await client.get(nginx.url("/connection", "hasty"))

    assert response.text.split()[0] != first
    assert client.stats() == {"connections": 1, "idle": 1}


@pytest.mark.parametrize("listener", ["hasty", "hasty_tls"])
async def test_an_idle_connection_that_nginx_has_closed(
    world: World, nginx: Nginx, authority: Any, listener: str
) -> None:
    """Even what may not be repeated finds a connection that lives."""
    client = world.client(verify=authority.roots)
    await client.get(nginx.url("/hello", listener))
    assert client.stats()["idle"] == 1

    wait_for_nginx_to_hang_up(nginx, "hasty")
    if world.is_async:
        assert await world.until(lambda: client.stats()["connections"] == 0)
    response = await client.post(nginx.url("/echo", listener), content=b"once")

    assert response.content == b"once"
    assert client.stats() == {"connections": 1, "idle": 1}


@pytest.mark.parametrize(
    "world", ["inline", "group", "asyncio", "asyncio-direct", "asyncio-transports", "uvloop", "trio"], indirect=True
)
async def test_unix_socket(world: World, nginx: Nginx) -> None:
    client = world.client(uds=nginx.socket)

    for _ in range(2):
        response = await client.post("http://any.example/echo?unix", content=b"body")

        assert (response.content, response.headers["x-target"]) == (b"body", "/echo?unix")
    assert client.stats()["connections"] == 1


@pytest.mark.parametrize(
    ("timeout", "expected"),
    [(courser.Timeout(total=0.4), courser.DeadlineExceeded), (0.4, courser.RequestTimeout)],
    ids=["total", "number"],
)
async def test_a_slow_body_ends_with_the_time(
    world: World, nginx: Nginx, timeout: Any, expected: type[Exception]
) -> None:
    """Pieces keep coming, so no single wait is long; the whole would take a minute."""
    client = world.client()

    with pytest.raises(expected):
        await client.get(nginx.url("/slow/text.txt"), timeout=timeout)

    assert client.stats() == {"connections": 0, "idle": 0}
    assert (await client.get(nginx.url("/hello"))).text == "hello\n"


@pytest.mark.parametrize("world", ["inline", "asyncio"], indirect=True)
async def test_a_number_bounds_single_waits_of_a_stream(world: World, nginx: Nginx) -> None:
    """Five seconds of a slow body pass with a limit of a little less, as no wait is longer than one."""
    size = 0

    async with world.client().stream("GET", nginx.url("/slow/text.txt"), timeout=4.5) as response:
        async for piece in response.iter_bytes():
            size += len(piece)
            if size > 80 * 1024:
                break

    assert size > 80 * 1024


async def test_nobody_listens(world: World, nginx: Nginx, tmp_path: Path) -> None:
    with pytest.raises(courser.ConnectError, match="nothing"):
        await world.client(uds=str(tmp_path / "nothing")).get(nginx.url("/hello"))
