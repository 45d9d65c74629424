"""Whenever a request is struck, nothing is left of it and the next one works.

In asyncio and trio a request is cancelled at each of its awaits. In plain code an exception is raised at each line
of the library that a request runs through, as a KeyboardInterrupt or a test runner's alarm may.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
from authority import Authority
from faultserver import FaultServer, Peer, Received, answering, clients_of, reply
from strikes import Lines, Struck, struck_asyncio, struck_trio
from worlds import HTTP1, HTTP2, AsyncioWorld, TrioWorld, World

import courser

Serve = Callable[..., FaultServer]
Call = Callable[[Any, str], Awaitable[bytes]]

LARGE = b"x" * 300_000
HUGE = b"x" * 900_000


TOLD = b"id: 1\ndata: " + b"x" * 1000 + b"\n\n" + b": comment\n" * 30_000
"""Events that come in several pieces; behind the last one there is nothing."""


def answer(request: Received) -> bytes:
    if request.target.startswith("/event") and request.get("last-event-id"):
        return b"HTTP/1.1 204 No Content\r\n\r\n"
    if request.target.startswith("/event"):
        told = TOLD if request.target == "/events" else b"id: 1\ndata: x\n\n"
        return reply(told, "200 OK", "Content-Type: text/event-stream")
    return reply({"/large": LARGE, "/huge": HUGE}.get(request.target, request.body or b"fine"))


async def get(client: Any, url: str) -> bytes:
    return (await client.get(url)).content


async def get_large(client: Any, url: str) -> bytes:
    return (await client.get(url + "large")).content


async def stream(client: Any, url: str) -> bytes:
    async with client.stream("GET", url + "large") as response:
        return b"".join([piece async for piece in response.iter_bytes(1000)])


async def events(client: Any, url: str) -> bytes:
    rule = courser.Reconnect(delay=0.001, max_delay=0)
    async with client.sse(url + "events", reconnect=rule) as source:
        return b"".join([event.data.encode() async for event in source])


async def upload(client: Any, url: str) -> bytes:
    return (await client.post(url, content=LARGE * 10)).content


async def pour(client: Any, url: str) -> bytes:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield b"x" * 1000
            await pause()

    return (await client.post(url, content=body())).content


async def pause() -> None:
    if "trio" in sys.modules and sys.modules["trio"].lowlevel.in_trio_task():
        await sys.modules["trio"].lowlevel.checkpoint()
    else:
        await asyncio.sleep(0)


CALLS: dict[str, tuple[Call, bool]] = {
    "fresh": (get, False),
    "reused": (get, True),
    "large": (get_large, True),
    "streamed": (stream, True),
    "streamed fresh": (stream, False),
    "events": (events, True),
    "events fresh": (events, False),
    "uploading": (upload, True),
    "uploading from an async iterable": (pour, True),
}


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "TLS"])
@pytest.mark.parametrize("name", CALLS)
async def test_cancelling_at_every_await_leaves_nothing(
    world: World, serve: Serve, authority: Authority, name: str, encrypted: bool
) -> None:
    if not isinstance(world, AsyncioWorld | TrioWorld):
        pytest.skip("plain code is not cancelled")
    struck = struck_trio if isinstance(world, TrioWorld) else struck_asyncio
    call, warm = CALLS[name]
    server = serve(answering(answer), tls=authority.good if encrypted else None)
    client = world.client(verify=authority.roots, limits=courser.Limits(max_connections=1))
    url = server.url()
    await get(client, url)

    at = 1
    while True:
        if not warm:
            await drop_idle(world, client)
        if not await struck(call(client, url), at):
            break
        assert client.stats()["connections"] == client.stats()["idle"], f"struck at await {at}"
        assert await get(client, url) == b"fine"
        at += 1

    assert at > 1
    assert not world.shares or await world.until(lambda: server.streams == 0)
    assert client.stats() == {"connections": 1, "idle": 1}


async def drop_idle(world: World, client: Any) -> None:
    """Close what is idle, so that the next request dials."""
    for _, place in list(client._places.values()):
        for connection in list(place.pool._order):
            place.pool._order.pop(connection, None)
            for lane in place.pool.lanes.values():
                with suppress(ValueError):
                    lane.idle.remove(connection)
            connection.close()  # one that many requests share leaves its lane by itself


@pytest.mark.parametrize("name", ["fresh", "large", "streamed"])
async def test_timing_out_anywhere_leaves_nothing(world: World, serve: Serve, name: str) -> None:
    call, _ = CALLS[name]
    if not world.streams and name == "streamed":
        pytest.skip("map streams nothing")

    def slow(request: Received) -> bytes:
        server.closing.wait(0.002)
        return answer(request)

    server = serve(answering(slow))
    client = world.client()
    for step in range(12):
        client.timeout = courser.Timeout(total=0.0004 * (step + 1))
        with suppress(courser.RequestTimeout):
            await call(client, server.url())
        assert client.stats()["connections"] == client.stats()["idle"]
    assert not world.shares or await world.until(lambda: server.streams == 0)
    client.timeout = None
    assert await get(client, server.url()) == b"fine"


# Plain code: an exception at every line


def sync_get(client: courser.Client, url: str) -> None:
    client.get(url)


def sync_stream(client: courser.Client, url: str) -> None:
    with client.stream("GET", url + "large") as response:
        for _ in response.iter_bytes(100_000):
            pass


def sync_events(client: courser.Client, url: str) -> None:
    with client.sse(url + "event", reconnect=courser.Reconnect(delay=0, max_delay=0)) as source:
        for _ in source:
            pass


def sync_stream_huge(client: courser.Client, url: str) -> None:
    with client.stream("GET", url + "huge") as response:
        for _ in response.iter_bytes():
            pass


def has(server: FaultServer, sockets: int, polls: int) -> bool:
    """Whether clients have so many sockets and poll objects; one that a server has not noted yet looks the same."""
    for _ in range(400):
        if clients_of(server) == (sockets, polls):
            return True
        server.closing.wait(0.005)
    return False


SYNC = {
    "warm": (sync_get, True),
    "fresh": (sync_get, False),
    "streamed": (sync_stream, True),
    "events": (sync_events, True),
    "streamed, large": (sync_stream_huge, True),
}


# A strike may fall between the birth of a socket and its owner's: the interpreter closes it then, and says so. A
# strike before the first step of a coroutine leaves it unawaited; one in a finalizer is swallowed and told as
# unraisable, which pytest would keep, and all that it refers to.
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@pytest.mark.parametrize("protocol", [HTTP1, HTTP2])
@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "TLS"])
@pytest.mark.parametrize("name", SYNC)
def test_an_exception_at_every_line_leaves_nothing(
    serve: Serve, authority: Authority, monkeypatch: pytest.MonkeyPatch, name: str, encrypted: bool, protocol: str
) -> None:
    if (name, encrypted, protocol) == ("streamed, large", True, HTTP2):
        pytest.skip("without TLS the same lines of HTTP/2 are struck, in half the time")
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: None)
    call, warm = SYNC[name]
    server = serve(answering(answer), tls=authority.good if encrypted else None, protocol=protocol)
    gc.collect()
    others = clients_of(server)[0]  # what clients of other tests may keep
    options: dict[str, Any] = {"verify": authority.roots, "limits": courser.Limits(max_connections=1)}
    if protocol == HTTP2:
        options.update(http1=False, http2=True)
    client = courser.Client(timeout=courser.Timeout(pool=0.2, read=1.0), **options)
    url = server.url()
    for _ in range(2):
        call(client, url)
    wrong: list[str] = []
    at = 0
    if not warm:
        client.close()
    polled = protocol == HTTP2  # a connection that threads share is watched while it is idle too
    polls = clients_of(server)[1] - (warm and polled)
    gc.disable()
    try:
        while True:
            at += 1
            if not warm:
                client = courser.Client(timeout=courser.Timeout(pool=0.2, read=1.0), **options)
            lines = Lines(at, Struck)
            try:
                with lines:
                    call(client, url)
            except Struck:
                pass
            else:
                # a strike inside a finalizer is printed and swallowed by the interpreter
                if not lines.where:
                    break
            stats = client.stats()
            due = others + stats["connections"], polls + polled * stats["connections"]
            if stats["connections"] != stats["idle"]:
                wrong.append(f"{lines.where}: {dict(stats)}")
            elif not has(server, *due):
                wrong.append(f"{lines.where}: {dict(stats)}, but {clients_of(server)} descriptors, not {due}")
            try:
                client.get(url)
            except courser.HTTPError as error:
                wrong.append(f"{lines.where}: then {error!r}")
                client = courser.Client(timeout=courser.Timeout(pool=0.2, read=1.0), **options)
            if len(wrong) > 60:
                break
    finally:
        gc.enable()

    assert at > 50
    assert not wrong, "\n".join(sorted(set(wrong)))
    client.close()


def test_an_alarm_while_waiting_leaves_nothing(serve: Serve) -> None:
    """A signal handler that raises strikes the poll itself."""
    import signal

    waiting = threading.get_ident()

    def alarm(peer: Peer) -> None:
        peer.request()
        server.closing.wait(0.03)
        signal.pthread_kill(waiting, signal.SIGUSR1)
        peer.wait_for_close()

    server = serve(alarm, answering(answer))
    client = courser.Client()

    def ring(number: int, frame: Any) -> None:
        raise Struck

    before = signal.signal(signal.SIGUSR1, ring)
    try:
        with pytest.raises(Struck):
            client.get(server.url())
    finally:
        signal.signal(signal.SIGUSR1, before)

    assert client.stats() == {"connections": 0, "idle": 0}
    assert client.get(server.url()).content == b"fine"
