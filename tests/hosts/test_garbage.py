"""A request that fails leaves nothing for the garbage collector: when its error is dropped, all of it is gone.

An error holds its traceback, that the frames, and these an exchange, a connection, a client. If one of them held the
error in turn, sockets would stay open until some later collection.
"""

from __future__ import annotations

import gc
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from authority import Authority
from faultserver import FaultServer, Peer, once, silent
from worlds import World

import courser

Serve = Callable[..., FaultServer]

SOURCE = str(Path(courser.__file__).parent)

CUT = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"


def ours(thing: object) -> bool:
    """Whether something is of this library: an object, or a frame that runs its code."""
    if isinstance(thing, FrameType):
        return thing.f_code.co_filename.startswith(SOURCE)
    return type(thing).__module__.startswith("courser.")


class Collector:
    """Collects what one block of code leaves: `found` is what of ours is only freed by that."""

    def __init__(self) -> None:
        self.found: list[object] = []

    def __enter__(self) -> None:
        gc.collect()  # only what is new is of interest
        gc.disable()

    def __exit__(self, *error: object) -> None:
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        gc.set_debug(0)
        self.found = [each for each in gc.garbage if ours(each)]
        gc.garbage.clear()
        gc.enable()


async def failing(client: Any, kind: type[Exception], url: str, options: dict[str, Any]) -> None:
    """Make a call that fails, and drop the error."""
    with pytest.raises(kind):
        await client.request(options.pop("method", "GET"), url, **options)


async def leavings(client: Any, kind: type[Exception], url: str, **options: Any) -> list[object]:
    """What a failing call leaves behind, when one like it has made whatever is made only once."""
    await failing(client, kind, url, dict(options))
    collector = Collector()
    with collector:
        await failing(client, kind, url, dict(options))
    return collector.found


def nobody(host: str, port: int) -> list[Any]:
    raise socket.gaierror(socket.EAI_NONAME, "not known")


def closed_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


async def test_a_refused_connection(world: World) -> None:
    assert await leavings(world.client(), courser.ConnectError, f"http://127.0.0.1:{closed_port()}/") == []


async def test_an_address_that_cannot_be_tried(world: World) -> None:
    client = world.client(socket_options=[(socket.SOL_SOCKET, 9999, 1)])

    assert await leavings(client, courser.ConnectError, "http://127.0.0.1/") == []


async def test_a_name_that_does_not_resolve(world: World) -> None:
    assert await leavings(world.client(resolver=nobody), courser.ResolveError, "http://nowhere.example/") == []


async def test_a_certificate_that_is_refused(world: World, serve: Serve, authority: Authority) -> None:
    server = serve(silent, tls=authority.stranger)
    client = world.client(verify=authority.roots)

    assert await leavings(client, courser.CertificateError, server.url()) == []


async def test_a_handshake_that_takes_too_long(world: World, serve: Serve) -> None:
    server = serve(lambda peer: peer.wait_for_close(), raw=True)
    client = world.client(verify=ssl.create_default_context(), timeout=courser.Timeout(connect=0.02))

    assert await leavings(client, courser.ConnectTimeout, server.url().replace("http:", "https:")) == []


@pytest.mark.parametrize("timeout", [courser.Timeout(read=0.02), courser.Timeout(total=0.02)], ids=["read", "total"])
async def test_an_answer_that_takes_too_long(world: World, serve: Serve, timeout: courser.Timeout) -> None:
    server = serve(silent)

    assert await leavings(world.client(), courser.RequestTimeout, server.url(), timeout=timeout) == []


@pytest.mark.parametrize(("then", "kind"), [(Peer.close, courser.TruncatedBody), (Peer.reset, courser.TransportError)])
async def test_a_body_that_is_cut_short(
    world: World, serve: Serve, then: Callable[[Peer], None], kind: type[Exception]
) -> None:
    server = serve(once(CUT, then))

    assert await leavings(world.client(), kind, server.url()) == []


async def test_a_body_that_is_too_large(world: World, serve: Serve) -> None:
    server = serve(once(CUT))

    assert await leavings(world.client(), courser.LimitExceeded, server.url(), max_body_size=2) == []


async def test_an_upload_that_is_cut_short(world: World, serve: Serve) -> None:
    server = serve(lambda peer: (peer.head(), peer.reset()))
    sent = b"x" * 10_000_000

    assert await leavings(world.client(), courser.TransportError, server.url(), method="POST", content=sent) == []


async def test_an_upload_that_its_source_breaks_off(world: World, serve: Serve) -> None:
    server = serve(lambda peer: (peer.head(), peer.wait_for_close()))

    class Source:
        def __iter__(self) -> Iterator[bytes]:
            yield b"x"
            raise ZeroDivisionError

    assert await leavings(world.client(), ZeroDivisionError, server.url(), method="POST", content=Source()) == []


async def test_an_asynchronous_upload_that_its_source_breaks_off(world: World, serve: Serve) -> None:
    if not world.is_async:
        pytest.skip("plain code takes no async iterables")
    server = serve(lambda peer: (peer.head(), peer.wait_for_close()))

    class Source:
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b"x"
            raise ZeroDivisionError

    assert await leavings(world.client(), ZeroDivisionError, server.url(), method="POST", content=Source()) == []


async def test_a_stream_that_is_cut_short(world: World, serve: Serve) -> None:
    if not world.streams:
        pytest.skip("this world streams nothing")
    server = serve(once(CUT))
    client = world.client()

    async def read() -> None:
        with pytest.raises(courser.TruncatedBody):
            async with client.stream("GET", server.url()) as response:
                await response.read()

    await read()
    collector = Collector()
    with collector:
        await read()

    assert collector.found == []


async def test_an_event_stream_that_is_not_taken_up(world: World, serve: Serve) -> None:
    if not world.streams:
        pytest.skip("this world streams nothing")
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 99\r\n\r\ndata: a\n\n"
    server = serve(*[once(answer) for answer in (head, b"", b"") * 2])
    client = world.client()
    given: list[str] = []
    rule = courser.Reconnect(delay=0, max_delay=0, attempts=2)

    async def all_events() -> None:
        async with client.sse(server.url(), reconnect=rule) as events:
            async for event in events:
                given.append(event.data)

    async def read() -> None:
        with pytest.raises(courser.TransportError):
            await all_events()

    await read()
    collector = Collector()
    with collector:
        await read()

    assert collector.found == []
    assert given == ["a", "a"]
