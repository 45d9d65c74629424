"""Many requests side by side over real connections, wherever a client can live."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import pytest
from faultserver import FaultServer, Peer, Received, answering, echo, reply, silent
from worlds import World

import courser

Serve = Callable[..., FaultServer]

FINE = reply(b"fine")
WAYS = pytest.mark.parametrize("way", ["map", "as_completed"])


async def every(responses: Any) -> list[Any]:
    """All that an iterator of either colour gives."""
    if isinstance(responses, AsyncIterator):
        return [each async for each in responses]
    return list(responses)


def target(response: courser.Response) -> str:
    return response.headers["x-target"]


@pytest.mark.only_http1("one request at a time is what a connection carries")
@WAYS
@pytest.mark.parametrize("concurrency", [1, 7, 50])
async def test_connections_go_from_request_to_request(world: World, serve: Serve, way: str, concurrency: int) -> None:
    server = serve(answering(echo))
    client = world.client()
    wanted = [f"/{number}" for number in range(100)]

    got = [target(each) for each in await every(getattr(client, way)(map(server.url, wanted), concurrency=concurrency))]

    assert (got if way == "map" else sorted(got)) == (wanted if way == "map" else sorted(wanted))
    assert server.connections <= concurrency
    assert client.stats() == {"connections": server.connections, "idle": server.connections}


@pytest.mark.only_http1("one request at a time is what a connection carries")
async def test_a_limit_of_the_client_holds(world: World, serve: Serve) -> None:
    """Whoever gets no connection waits for one of the others."""
    server = serve(answering(echo))
    client = world.client(limits=courser.Limits(max_connections=3))
    wanted = [f"/{number}" for number in range(50)]

    got = await every(client.map(map(server.url, wanted), concurrency=20))

    assert [target(each) for each in got] == wanted
    assert server.connections <= 3


@pytest.mark.only_http1("one request at a time is what a connection carries")
async def test_idle_connections_stay_while_they_may_be_needed(world: World, serve: Serve) -> None:
    server = serve(answering(echo))
    client = world.client(limits=courser.Limits(max_keepalive=2))

    await every(client.map([server.url()] * 50, concurrency=10))

    assert server.connections <= 10
    assert client.stats()["idle"] == 2
    assert await world.until(lambda: server.open == 2)


async def test_connections_of_one_server_give_way_to_another(world: World, serve: Serve) -> None:
    one, other = serve(answering(echo)), serve(answering(echo))
    client = world.client(limits=courser.Limits(max_connections=1))
    urls = [one.url(), other.url()] * 5

    assert len(await every(client.map(urls, concurrency=4))) == 10


@pytest.mark.only_http1("a connection that dies takes nobody else along")
async def test_connections_that_die_are_replaced(world: World, serve: Serve) -> None:
    def dies_when_reused(peer: Peer) -> None:
        peer.request()
        peer.send(FINE)
        peer.request()

    server = serve(dies_when_reused)
    client = world.client()

    got = await every(client.map([server.url()] * 30, concurrency=5))

    assert [each.content for each in got] == [b"fine"] * 30


async def test_what_fails_fails_alone(world: World, serve: Serve) -> None:
    def answer(request: Received) -> bytes:
        return b"nonsense\r\n\r\n" if request.target.endswith("3") else echo(request)

    server = serve(answering(answer))
    client = world.client()
    urls = [server.url(f"/{number}") for number in range(20)]

    got = await every(client.map(urls, concurrency=4, return_exceptions=True))
    assert [number for number, each in enumerate(got) if isinstance(each, courser.RemoteProtocolError)] == [3, 13]
    with pytest.raises(courser.RemoteProtocolError):
        await every(client.map(urls, concurrency=4))
    assert client.stats()["connections"] == client.stats()["idle"]


async def test_uploads_and_redirects_go_side_by_side(world: World, serve: Serve) -> None:
    def answer(request: Received) -> bytes:
        if request.target == "/old":
            return reply(b"", "307 Temporary Redirect", "Location: /new")
        return reply(request.body)

    server = serve(answering(answer))
    client = world.client()
    body = bytes(300_000)
    requests = [client.build_request("PUT", server.url("/old"), content=body) for _ in range(10)]

    assert [each.content for each in await every(client.map(requests, concurrency=5))] == [body] * 10


async def test_who_stops_early_leaves_nothing_behind(world: World, serve: Serve) -> None:
    server = serve(answering(FINE), silent)
    client = world.client()
    responses = client.as_completed([server.url()] * 5, concurrency=5)

    if world.is_async:
        async with aclosing(responses):
            async for response in responses:
                assert response.content == b"fine"
                break
    else:
        assert next(responses).content == b"fine"
        responses.close()

    assert client.stats()["connections"] == client.stats()["idle"]
    assert await world.until(lambda: server.open == client.stats()["idle"])


async def test_a_timeout_of_one_gives_up_the_others(world: World, serve: Serve) -> None:
    server = serve(silent)
    client = world.client()

    with pytest.raises(courser.RequestTimeout):
        await every(client.map([server.url()] * 5, timeout=0.05))
    assert world.left_by(client) == 0


async def test_a_cancelled_caller_gives_up_everything(world: World, serve: Serve) -> None:
    if not world.is_async:
        pytest.skip("plain code cannot be cancelled")
    server = serve(silent)
    client = world.client()

    async def call() -> None:
        await every(client.map([server.url()] * 5))

    assert await world.cancelled_once(lambda: len(server.requests) == 5, call)
    assert world.left_by(client) == 0
    assert await world.until(lambda: server.open == 0)


async def test_bodies_and_sources_may_be_asynchronous(world: World, serve: Serve) -> None:
    if not world.is_async:
        pytest.skip("plain code has no async iterables")
    server = serve(answering(lambda request: reply(request.body)))
    client = world.client()

    async def body(number: int) -> AsyncIterator[bytes]:
        for _ in range(3):
            await world.sleep(0.001)
            yield b"%d" % number

    async def source() -> AsyncIterator[courser.Request]:
        for number in range(10):
            await world.sleep(0.001)
            yield client.build_request("POST", server.url(), content=body(number))

    got = await every(client.map(source(), concurrency=4))
    assert [each.content for each in got] == [b"%d" % number * 3 for number in range(10)]


async def test_a_closed_client_sends_no_more(world: World, serve: Serve) -> None:
    server = serve(answering(FINE))
    client = world.client()
    responses = client.map([server.url()] * 50, concurrency=2, return_exceptions=True)
    first = await anext(responses) if world.is_async else next(responses)
    await client.close()
    rest = await every(responses)

    assert first.content == b"fine"
    assert isinstance(rest[-1], courser.ClientClosed)
    assert await world.until(lambda: server.open == 0)
