"""Connections are used again where they may be, given up where they must be, and waited for in order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from authority import Authority
from faultserver import PATIENCE, FaultServer, Peer, Received, answering, once, reply, silent
from worlds import World

import courser

Serve = Callable[..., FaultServer]

FINE = reply(b"fine")


async def test_a_connection_is_used_again(world: World, serve: Serve) -> None:
    server = serve(answering(FINE))
    client = world.client()

    for _ in range(5):
        assert (await client.get(server.url())).content == b"fine"

    assert server.connections == 1
    assert client.stats() == {"connections": 1, "idle": 1}
    await client.close()
    assert await world.until(lambda: server.open == 0)


@pytest.mark.parametrize(
    "answer",
    [
        reply(b"fine", "200 OK", "Connection: close"),
        b"HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nfine",
        FINE + b"more",
    ],
    ids=["Connection: close", "HTTP/1.0", "too many bytes"],
)
async def test_a_connection_that_ends_is_not_used_again(world: World, serve: Serve, answer: bytes) -> None:
    server = serve(once(answer, Peer.wait_for_close))
    client = world.client()

    assert (await client.get(server.url())).content == b"fine"

    assert world.left_by(client) == 0
    assert await world.until(lambda: server.open == 0)


async def test_connection_close_of_the_caller_is_kept(world: World, serve: Serve) -> None:
    server = serve(once(FINE, Peer.wait_for_close))
    client = world.client()

    await client.get(server.url(), headers={"Connection": "close"})

    assert world.left_by(client) == 0


async def test_an_idle_connection_that_the_server_closed_is_not_used(world: World, serve: Serve) -> None:
    server = serve(once(FINE))
    client = world.client()

    for count in range(1, 4):
        assert (await client.post(server.url(), content=b"x")).content == b"fine"
        assert await world.until(lambda: server.open == 0)
        await world.sleep(0.005)
        assert server.connections == count
    assert len(server.requests) == 3


async def test_an_idle_connection_that_speaks_is_closed(world: World, serve: Serve) -> None:
    is_answered, has_spoken = threading.Event(), threading.Event()

    def speaks(peer: Peer) -> None:
        peer.request()
        peer.send(FINE)
        is_answered.wait(PATIENCE)
        peer.send(reply(b"evil"))
        has_spoken.set()
        peer.wait_for_close()

    server = serve(speaks, answering(FINE))
    client = world.client()
    await client.get(server.url())
    is_answered.set()
    assert await world.until(has_spoken.is_set)
    await world.sleep(0.02)

    assert (await client.get(server.url())).content == b"fine"
    assert server.connections == 2


def dies_when_reused(peer: Peer) -> None:
    """Answers once, and closes on receipt of the second request."""
    peer.request()
    peer.send(FINE)
    peer.request()


def resets_when_reused(peer: Peer) -> None:
    dies_when_reused(peer)
    peer.reset()


DYING = pytest.mark.parametrize("script", [dies_when_reused, resets_when_reused], ids=["close", "reset"])


@DYING
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "QUERY"])
async def test_a_reused_connection_that_dies_unheard_is_replaced_once(
    world: World, serve: Serve, script: Callable[[Peer], None], method: str
) -> None:
    server = serve(script, answering(FINE))
    client = world.client()
    content = b"body" if method in ("PUT", "QUERY") else None

    for _ in range(2):
        assert (await client.request(method, server.url(), content=content)).content == b"fine"

    assert server.connections == 2
    assert [request.method for request in server.requests] == [method] * 3
    assert client.stats() == {"connections": 1, "idle": 1}


@DYING
async def test_a_post_is_not_repeated(world: World, serve: Serve, script: Callable[[Peer], None]) -> None:
    server = serve(script, answering(FINE))
    client = world.client()
    await client.get(server.url())

    with pytest.raises(courser.TransportError) as caught:
        await client.post(server.url(), content=b"x")

    assert caught.value.bytes_sent > 0
    assert caught.value.bytes_received == 0
    assert server.connections == 1
    assert world.left_by(client) == 0


@DYING
async def test_a_body_that_runs_once_is_not_repeated(
    world: World, serve: Serve, script: Callable[[Peer], None]
) -> None:
    server = serve(script, answering(FINE))
    client = world.client()
    await client.get(server.url())

    def body() -> Iterator[bytes]:
        yield b"x"

    with pytest.raises(courser.TransportError):
        await client.put(server.url(), content=body())
    assert server.connections == 1


async def test_a_fresh_connection_that_dies_is_not_replaced(world: World, serve: Serve) -> None:
    server = serve(Peer.request)

    with pytest.raises(courser.TransportError):
        await world.client().get(server.url())

    assert server.connections == 1


async def test_a_connection_that_dies_after_a_byte_is_not_replaced(world: World, serve: Serve) -> None:
    def script(peer: Peer) -> None:
        peer.request()
        peer.send(FINE)
        peer.request()
        peer.send(b"H")

    server = serve(script)
    client = world.client()
    await client.get(server.url())

    with pytest.raises(courser.TransportError):
        await client.get(server.url())
    assert server.connections == 1


async def test_idle_connections_expire(world: World, serve: Serve) -> None:
    server = serve(answering(FINE))
    client = world.client(limits=courser.Limits(keepalive_expiry=0.03))

    await client.get(server.url())
    await world.sleep(0.06)
    assert not world.is_async or await world.until(lambda: world.left_by(client) == 0)
    await client.get(server.url())

    assert server.connections == 2
    assert client.stats() == {"connections": 1, "idle": 1}


async def test_connections_have_an_age(world: World, serve: Serve) -> None:
    server = serve(answering(FINE))
    client = world.client(limits=courser.Limits(max_connection_age=0.03))

    await client.get(server.url())
    await world.sleep(0.05)
    await client.get(server.url())

    assert server.connections == 2


async def test_max_keepalive_closes_the_one_idle_for_longest(world: World, serve: Serve) -> None:
    servers = [serve(answering(FINE)) for _ in range(3)]
    client = world.client(limits=courser.Limits(max_keepalive=2))

    for server in servers:
        await client.get(server.url())

    assert client.stats() == {"connections": 2, "idle": 2}
    assert await world.until(lambda: servers[0].open == 0)
    assert (servers[1].open, servers[2].open) == (1, 1)


async def test_at_the_limit_an_idle_connection_to_another_host_gives_way(world: World, serve: Serve) -> None:
    servers = [serve(answering(FINE)) for _ in range(2)]
    client = world.client(limits=courser.Limits(max_connections=1))

    for _ in range(2):
        for server in servers:
            assert (await client.get(server.url())).content == b"fine"

    assert client.stats() == {"connections": 1, "idle": 1}
    assert [server.connections for server in servers] == [2, 2]


async def test_hosts_share_no_connection(world: World, serve: Serve, authority: Authority) -> None:
    """Not even where one address serves them, under a certificate that names both."""
    server = serve(answering(FINE), tls=authority.good)
    client = world.client(verify=authority.roots)
    hosts = ("localhost", "alias.localhost")

    for host in hosts * 2:
        assert (await client.get(server.url(host=host))).content == b"fine"

    assert server.accepted == 2
    assert client.stats() == {"connections": 2, "idle": 2}
    assert [request.get("host") for request in server.requests] == [f"{host}:{server.port}" for host in hosts * 2]


LIMITS = pytest.mark.parametrize(
    "limits", [courser.Limits(max_connections=2), courser.Limits(max_per_host=2)], ids=["client", "host"]
)


@pytest.mark.only_http1("a connection carries one request at a time")
@pytest.mark.parametrize(
    "limits", [courser.Limits(max_connections=1), courser.Limits(max_per_host=1)], ids=["client", "host"]
)
async def test_who_waits_is_served_in_order(world: World, serve: Serve, limits: courser.Limits) -> None:
    server = serve(answering(FINE))
    client = world.client(limits=limits)
    begun: list[str] = []

    def call(number: int) -> Callable[[], object]:
        async def get() -> bytes:
            begun.append(f"/{number}")
            return (await client.get(server.url(f"/{number}"))).content

        return get

    results = await world.together(*(call(number) for number in range(20)))

    assert results == [b"fine"] * 20
    assert [request.target for request in server.requests] == begun
    assert server.connections == 1
    assert client.stats() == {"connections": 1, "idle": 1}


@pytest.mark.only_http1("a connection carries one request at a time")
@LIMITS
async def test_the_wait_for_a_connection_has_a_limit(world: World, serve: Serve, limits: courser.Limits) -> None:
    server = serve(silent)
    client = world.client(limits=limits, timeout=courser.Timeout(pool=0.05, read=1.0))

    results = await world.together(*(lambda: client.get(server.url()) for _ in range(3)))

    kinds = sorted(type(result).__name__ for result in results)
    assert kinds == ["PoolTimeout", "ReadTimeout", "ReadTimeout"]
    late = next(result for result in results if isinstance(result, courser.PoolTimeout))
    assert late.phase == "pool"
    assert str(server.port) in str(late)
    assert late.request is not None
    assert world.left_by(client) == 0


@pytest.mark.only_http1("a connection carries one request at a time")
async def test_the_wait_for_a_connection_has_a_limit_in_plain_code(world: World, serve: Serve) -> None:
    if world.is_async or not world.streams:
        pytest.skip("the other test is for async code")
    server = serve(answering(reply(b"x" * 1_000_000)), answering(FINE))
    client = world.client(limits=courser.Limits(max_connections=1), timeout=courser.Timeout(pool=0.05))

    async with client.stream("GET", server.url()):
        with pytest.raises(courser.PoolTimeout):
            await client.get(server.url())
    assert (await client.get(server.url())).content == b"fine"


async def test_a_permit_of_a_failed_dial_goes_to_who_waits(world: World, serve: Serve) -> None:
    def leave(peer: Peer) -> None:
        peer.request()
        # Who shares the connection has a request of its own on the way; it is not to be lost with the first one.
        while world.shares and len(server.requests) < 4 and not server.closing.wait(0.002):
            pass

    server = serve(leave, answering(FINE))
    client = world.client(limits=courser.Limits(max_connections=1))

    results = await world.together(*(lambda: client.get(server.url()) for _ in range(4)))

    assert isinstance(results[0], courser.TransportError)
    assert [each.content for each in results[1:]] == [b"fine"] * 3


@pytest.mark.only_http1("a connection carries one request at a time")
async def test_a_cancelled_wait_leaves_the_queue(world: World, serve: Serve) -> None:
    if not world.is_async:
        pytest.skip("plain code is not cancelled")

    is_cancelled = threading.Event()

    def answer(request: Received) -> bytes:
        is_cancelled.wait(PATIENCE)
        return FINE

    server = serve(answering(answer))
    client = world.client(limits=courser.Limits(max_connections=1))

    async def given_up() -> None:
        assert await world.cancelled_once(lambda: bool(server.requests), lambda: client.get(server.url("/cancelled")))
        is_cancelled.set()

    results = await world.together(
        lambda: client.get(server.url("/first")), given_up, lambda: client.get(server.url("/last"))
    )

    assert [results[0].content, results[2].content] == [b"fine", b"fine"]
    assert [request.target for request in server.requests] == ["/first", "/last"]
    assert client.stats() == {"connections": 1, "idle": 1}


@pytest.mark.only_http1("a connection carries one request at a time")
async def test_closing_a_client_wakes_who_waits(world: World, serve: Serve) -> None:
    server = serve(silent)
    client = world.client(limits=courser.Limits(max_connections=1), timeout=courser.Timeout(read=1.0))

    async def close() -> None:
        assert await world.until(lambda: bool(server.requests))
        await client.close()

    results = await world.together(
        lambda: client.get(server.url()),
        lambda: client.get(server.url()),
        close,
    )

    assert isinstance(results[0], courser.ReadTimeout)
    assert isinstance(results[1], courser.ClientClosed)
    assert world.left_by(client) == 0


async def test_many_at_once(world: World, serve: Serve) -> None:
    server = serve(answering(lambda request: reply(request.target.encode())))
    client = world.client()

    results = await world.together(*((lambda n=n: client.get(server.url(f"/{n}"))) for n in range(100)))

    assert [each.content for each in results] == [f"/{n}".encode() for n in range(100)]
    assert client.stats()["connections"] == client.stats()["idle"] <= 100
