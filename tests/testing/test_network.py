"""A network in memory, under every kind of host, in fair weather and in foul."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

import courser
from courser.core.link import Link
from courser.server import Reply, ServerRequest, ServerWebSocket, WebSocketReply
from courser.testing import Conditions, Fault, MemoryNetwork
from courser.testing.network import BUFFER, Net

URL = "http://x.test/a?b=c"
BIG = 3_000_000


def handler(request: ServerRequest) -> Reply:
    if request.path == "/big":
        return Reply(b"x" * 100_000 for _ in range(BIG // 100_000))
    return Reply.text(f"{request.method} {request.target} {request.body.decode()}")


def echoing(request: ServerRequest) -> Reply:
    def receive(ws: ServerWebSocket, message: str | bytes) -> None:
        if message == b"goodbye":
            ws.close(4001, "so be it")
        else:
            ws.send(message)

    return WebSocketReply(receive)


def by_trio(main: Callable[[], Awaitable[Any]]) -> Any:
    return pytest.importorskip("trio").run(main)


def by_asyncio(main: Callable[[], Awaitable[Any]]) -> Any:
    return asyncio.run(main())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "conditions", [Conditions(), Conditions(piece=1), Conditions(take=1), Conditions(piece=7, take=3)]
)
def test_a_client_is_served(conditions: Conditions) -> None:
    network = MemoryNetwork(handler, conditions=conditions)

    with courser.Client(network=network) as client:
        assert client.get(URL).text == "GET /a?b=c "
        assert client.post(URL, content=b"body").text == "POST /a?b=c body"
        assert (len(network.links), network.connections, client.stats()) == (1, 1, {"connections": 1, "idle": 1})

    assert (network.connections, network.links[0].closed) == (0, True)
    assert repr(network) == "<MemoryNetwork 1 connections>"


@pytest.mark.parametrize("run", [by_asyncio, by_trio])
@pytest.mark.parametrize("conditions", [Conditions(), Conditions(piece=1), Conditions(take=1)])
def test_an_async_client_is_served(run: Callable[..., Any], conditions: Conditions) -> None:
    network = MemoryNetwork(handler, conditions=conditions)

    async def main() -> list[str]:
        async with courser.AsyncClient(network=network) as client:
            return [(await client.get(URL)).text, (await client.post(URL, content=b"body")).text]

    assert run(main) == ["GET /a?b=c ", "POST /a?b=c body"]
    assert (len(network.links), network.connections) == (1, 0)


SIZES = [0, 5, 125, 126, 1000, 100_000]


@pytest.mark.parametrize("conditions", [Conditions(), Conditions(piece=1), Conditions(take=1), Conditions(7, 3)])
def test_a_websocket_is_served(conditions: Conditions) -> None:
    network = MemoryNetwork(echoing, conditions=conditions)
    with courser.Client(network=network) as client, client.websocket("wss://x.test/ws") as ws:
        for size in SIZES if conditions.piece > 1 else SIZES[:-1]:
            ws.send_text("x" * size)
            assert ws.receive() == "x" * size
        ws.send_bytes(b"goodbye")
        with pytest.raises(courser.ConnectionClosed) as caught:
            ws.receive()

    assert (caught.value.code, caught.value.reason) == (4001, "so be it")
    assert (network.connections, list(network.errors)) == (0, [])


@pytest.mark.parametrize("run", [by_asyncio, by_trio])
@pytest.mark.parametrize("conditions", [Conditions(), Conditions(piece=1), Conditions(take=1)])
def test_an_async_websocket_is_served(run: Callable[..., Any], conditions: Conditions) -> None:
    network = MemoryNetwork(echoing, conditions=conditions)

    async def main() -> list[str | bytes]:
        async with courser.AsyncClient(network=network) as client, client.websocket("ws://x.test/ws") as ws:
            got = []
            for _ in range(3):
                await ws.send_text("x" * 1000)
                got.append(await ws.receive())
            return got

    assert run(main) == ["x" * 1000] * 3
    assert (network.connections, list(network.errors)) == (0, [])


def test_many_requests_travel_side_by_side() -> None:
    network = MemoryNetwork(handler)
    urls = [f"http://x.test/{number}" for number in range(50)]

    with courser.Client(network=network) as client:
        texts = [response.text for response in client.map(urls, concurrency=7)]

    assert texts == [f"GET /{number} " for number in range(50)]
    assert len(network.links) == 7


def test_a_large_answer_is_made_as_it_is_read() -> None:
    network = MemoryNetwork(handler)

    with courser.Client(network=network) as client, client.stream("GET", "http://x.test/big") as response:
        size = 0
        for piece in response.iter_bytes():
            size += len(piece)
            assert network.links[0].waiting <= BUFFER

    assert size == BIG


@pytest.mark.parametrize("run", [by_asyncio, by_trio])
def test_a_large_answer_reaches_an_async_client(run: Callable[..., Any]) -> None:
    async def main() -> int:
        async with courser.AsyncClient(network=MemoryNetwork(handler)) as client:
            return len((await client.get("http://x.test/big")).content)

    assert run(main) == BIG


def test_a_client_that_leaves_early_ends_the_making() -> None:
    ended: list[bool] = []

    def pieces() -> Iterator[bytes]:
        try:
            while True:
                yield b"x" * 10_000
        finally:
            ended.append(True)

    network = MemoryNetwork(lambda request: Reply(pieces()))
    with courser.Client(network=network) as client:
        with client.stream("GET", URL) as response:
            next(response.iter_bytes())
        assert (ended, network.connections) == ([True], 0)


def test_an_encrypted_route_passes_for_encrypted() -> None:
    network = MemoryNetwork(handler)

    with courser.Client(network=network) as client:
        assert client.get("https://x.test/a").text == "GET /a "

    assert [(route.scheme, route.host, route.port) for route in network.routes] == [("https", "x.test", 443)]
    assert network.links[0].encrypted


def test_errors_of_the_handler_are_kept() -> None:
    def broken(request: ServerRequest) -> Reply:
        raise LookupError("x")

    network = MemoryNetwork(broken)

    with courser.Client(network=network) as client:
        assert client.get(URL).status_code == 500
    assert [str(error) for error in network.errors] == ["x"]


def test_bodies_may_be_sunk_or_refused() -> None:
    seen: list[bytes] = []
    sinking = MemoryNetwork(handler, sink=lambda request: seen.append, max_body=1)
    refusing = MemoryNetwork(handler, max_body=1)

    with courser.Client(network=sinking) as client:
        assert client.put(URL, content=b"abc").status_code == 200
    with courser.Client(network=refusing) as client:
        assert client.put(URL, content=b"abc").status_code == 413
    assert seen == [b"abc"]


def test_what_nobody_foresaw_on_the_servers_side_ends_the_connection() -> None:
    def sink(request: ServerRequest) -> None:
        raise LookupError("sink")

    network = MemoryNetwork(handler, sink=sink)

    with courser.Client(network=network) as client, pytest.raises(courser.RemoteProtocolError):
        client.get(URL)
    assert [str(error) for error in network.errors] == ["sink"]


HEAD = len(b"GET /a?b=c HTTP/1.1\r\n")


@pytest.mark.parametrize("after", [0, 1, HEAD, 100])
@pytest.mark.parametrize("what", ["close", "reset"])
@pytest.mark.parametrize("way", ["incoming", "outgoing"])
def test_a_fault_is_an_error_of_the_exchange(way: str, what: str, after: int) -> None:
    network = MemoryNetwork(handler, conditions=Conditions(**{way: Fault(after, what)}))  # type: ignore[arg-type]

    with courser.Client(network=network) as client, pytest.raises(courser.TransportError):
        client.post(URL, content=b"x" * 100)


def test_the_weather_may_change_from_connection_to_connection() -> None:
    storm = Conditions(incoming=Fault(0, "reset"))
    network = MemoryNetwork(handler, conditions=[ConnectionRefusedError(111, "refused"), storm])

    with courser.Client(network=network) as client:
        with pytest.raises(courser.ConnectError, match="refused"):
            client.get(URL)
        with pytest.raises(courser.TransportError):
            client.get(URL)
        assert client.get(URL).text == "GET /a?b=c "
    assert (len(network.routes), len(network.links)) == (3, 2)


def test_a_network_may_refuse_everybody() -> None:
    with courser.Client(network=MemoryNetwork(handler, conditions=OSError(101, "unreachable"))) as client:
        for _ in range(2):
            with pytest.raises(courser.ConnectError, match="unreachable"):
                client.get(URL)


def test_a_server_may_close_an_idle_connection() -> None:
    network = MemoryNetwork(handler)

    with courser.Client(network=network) as client:
        client.get(URL)
        network.links[0].end()
        assert client.get(URL).text == "GET /a?b=c "
    assert len(network.links) == 2


def route() -> Any:
    from courser.core.route import Route

    return Route("http", "x.test", 80)


def test_the_servers_end_is_a_link_like_any_other() -> None:
    network = MemoryNetwork(handler)
    link = network.connect(route(), 0.0)
    (connection,) = network._open
    far: Link = connection.link

    assert (far.fileno(), far.encrypted, far.alpn, far.session, far.wants_write) == (-1, False, None, None, False)
    assert far.info() == {"peer": "memory", "local": "memory"}
    far.attach(None)
    far.listen(None)
    far.flush()
    with pytest.raises(BlockingIOError):
        far.receive(10)
    link.close()
    with pytest.raises(BrokenPipeError):
        far.send(b"x")


def test_a_server_that_is_gone_has_ended_its_connections() -> None:
    network = MemoryNetwork(handler)
    link = network.connect(route(), 0.0)

    network._open.clear()

    assert link.receive(1) == b""
    link.close()


def test_a_server_that_is_under_way_is_not_turned_again() -> None:
    """A handler that receives what it has just sent, on its own link, finds that its turn is not over."""
    network: MemoryNetwork

    def hasty(request: ServerRequest) -> Reply:
        if request.path == "/1":
            network.links[0].send(b"GET /2 HTTP/1.1\r\nHost: x\r\n\r\n")
        return Reply.text(request.path)

    network = MemoryNetwork(hasty)
    link = network.connect(route(), 0.0)

    link.send(b"GET /1 HTTP/1.1\r\nHost: x\r\n\r\n")

    said = b""
    while link.waiting:
        said += link.receive(1000)
    assert said.index(b"/1") < said.index(b"/2")
    link.close()


def test_a_net_is_what_it_leads_to() -> None:
    net = Net(Conditions())

    with pytest.raises(NotImplementedError):
        net.connect(route(), 0.0)
    net.links[0].close()
