"""Middleware and transports of the user's: one form, the same everywhere."""

from __future__ import annotations

from collections.abc import Callable, Generator
from time import monotonic
from typing import Any

import pytest
from faultserver import FaultServer, Peer, Received, answering, once, reply, silent, stall
from worlds import World

import courser
from courser import Call, Event, Pause, Read, Request, Response, Send, Wait

Serve = Callable[..., FaultServer]
Flow = Generator[Any, Any, Any]


def by_target(request: Received) -> bytes:
    return reply(request.target.encode() + b" " + (request.get("x-tag") or "-").encode())


async def test_a_flow_changes_the_request_and_sees_the_head(world: World, serve: Serve) -> None:
    server = serve(answering(by_target))
    seen: list[Any] = []

    def tag(request: Request) -> Flow:
        request.headers["X-Tag"] = "tagged"
        response = yield request
        seen.append((response.status_code, response.headers["content-length"], str(response.request.url)))
        return response

    response = await world.client(middleware=[tag]).get(server.url("/a"))

    assert response.content == b"/a tagged"
    assert seen == [(200, "9", server.url("/a"))]


async def test_flows_nest_the_first_outermost(world: World, serve: Serve) -> None:
    server = serve(answering(by_target))
    order: list[str] = []

    def layer(name: str) -> Callable[[Request], Flow]:
        def flow(request: Request) -> Flow:
            order.append(f"{name} in")
            response = yield request
            order.append(f"{name} out")
            return response

        return flow

    await world.client(middleware=[layer("a"), layer("b")]).get(server.url())

    assert order == ["a in", "b in", "b out", "a out"]


async def test_a_flow_may_repeat_and_reads_what_it_needs(world: World, serve: Serve) -> None:
    answers = iter([reply(b"not yet", "503 Later"), reply(b"now")])
    server = serve(answering(lambda request: next(answers)))
    bodies: list[bytes] = []

    def again(request: Request) -> Flow:
        response = yield request
        while response.status_code == 503:
            bodies.append((yield Read(response)))
            yield Pause(0.01)
            response = yield request
        return response

    client = world.client(middleware=[again])
    start = monotonic()

    response = await client.get(server.url())

    assert (response.status_code, response.content) == (200, b"now")
    assert bodies == [b"not yet"]
    assert monotonic() - start >= 0.01
    assert server.connections == 1
    assert client.stats() == {"connections": 1, "idle": 1}


async def test_what_a_flow_has_read_the_caller_reads_too(world: World, serve: Serve) -> None:
    server = serve(answering(reply(b"body" * 1000)))

    def peek(request: Request) -> Flow:
        response = yield request
        assert (yield Read(response)) == b"body" * 1000
        return response

    client = world.client(middleware=[peek])
    assert (await client.get(server.url())).content == b"body" * 1000
    if world.streams:
        async with client.stream("GET", server.url()) as response:
            assert await response.read() == b"body" * 1000
    assert client.stats() == {"connections": 1, "idle": 1}


async def test_reading_is_bounded(world: World, serve: Serve) -> None:
    server = serve(answering(reply(b"x" * 100_000)))

    def greedy(request: Request) -> Flow:
        response = yield request
        yield Read(response, limit=10)
        return response

    client = world.client(middleware=[greedy])
    with pytest.raises(courser.LimitExceeded, match="10"):
        await client.get(server.url())
    assert client.stats()["connections"] == client.stats()["idle"]


async def test_a_request_beside_the_one_under_way(world: World, serve: Serve) -> None:
    server = serve(answering(by_target))

    def with_token(request: Request) -> Flow:
        token = yield Send(Request("GET", server.url("/token")))
        request.headers["X-Tag"] = (yield Read(token)).decode().split()[0]
        return (yield request)

    client = world.client(middleware=[with_token])

    assert (await client.get(server.url("/a"))).content == b"/a /token"
    assert client.stats()["connections"] == client.stats()["idle"]


async def test_errors_come_in_by_throw(world: World, serve: Serve) -> None:
    server = serve(Peer.request, answering(reply(b"fine")))
    seen: list[Exception] = []

    def saviour(request: Request) -> Flow:
        try:
            response = yield request
        except courser.TransportError as error:
            seen.append(error)
            response = yield request
        return response

    assert (await world.client(middleware=[saviour]).get(server.url())).content == b"fine"
    assert type(seen[0]) is courser.RemoteProtocolError


async def test_errors_of_the_flow_go_out(world: World, serve: Serve) -> None:
    server = serve(answering(reply(b"x" * 100_000)))

    def bad(request: Request) -> Flow:
        yield request
        raise KeyError("mine")

    client = world.client(middleware=[bad])
    with pytest.raises(KeyError, match="mine"):
        await client.get(server.url())
    assert client.stats()["connections"] == client.stats()["idle"]


@pytest.mark.parametrize("what", [3, None, "text"])
async def test_a_flow_that_yields_nonsense_is_told(world: World, serve: Serve, what: Any) -> None:
    def bad(request: Request) -> Flow:
        yield what
        return (yield request)

    with pytest.raises(TypeError, match="a flow yielded"):
        await world.client(middleware=[bad]).get("http://127.0.0.1:1/")


async def test_a_flow_that_returns_nothing_is_told(world: World, serve: Serve) -> None:
    server = serve(answering(reply(b"x" * 100_000)))

    def bad(request: Request) -> Flow:
        yield request

    client = world.client(middleware=[bad])
    with pytest.raises(TypeError, match="returned None"):
        await client.get(server.url())
    assert client.stats()["connections"] == client.stats()["idle"]


async def test_calls_run_where_they_may_block(world: World, serve: Serve) -> None:
    import threading

    server = serve(answering(by_target))
    here = threading.get_ident()
    threads: list[int] = []

    def lookup(name: str) -> str:
        threads.append(threading.get_ident())
        return name.upper()

    async def async_lookup(name: str) -> str:
        return name.lower()

    def flow(request: Request) -> Flow:
        tag = yield Call(lookup, "up")
        tag += yield Call(async_lookup, "DOWN")
        request.headers["X-Tag"] = tag
        return (yield request)

    assert (await world.client(middleware=[flow]).get(server.url("/a"))).content == b"/a UPdown"
    assert (threads[0] != here) == world.is_async


async def test_an_error_of_a_call_is_raised_at_the_yield(world: World, serve: Serve) -> None:
    server = serve(answering(by_target))

    def fails() -> None:
        raise LookupError("no token")

    def flow(request: Request) -> Flow:
        with pytest.raises(LookupError, match="no token"):
            yield Call(fails)
        return (yield request)

    assert (await world.client(middleware=[flow]).get(server.url("/a"))).status_code == 200


async def test_waiting_for_an_event(world: World, serve: Serve) -> None:
    import threading

    server = serve(answering(by_target))
    event = Event()

    def flow(request: Request) -> Flow:
        threading.Timer(0.02, event.set).start()
        yield Wait(event)
        yield Wait(event)
        return (yield request)

    assert (await world.client(middleware=[flow]).get(server.url("/a"))).status_code == 200


async def test_waits_of_a_flow_meet_the_total_limit(world: World, serve: Serve) -> None:
    def pauses(request: Request) -> Flow:
        yield Pause(3600)
        return (yield request)

    def waits(request: Request) -> Flow:
        yield Wait(Event())
        return (yield request)

    for flow in (pauses, waits):
        with pytest.raises(courser.DeadlineExceeded):
            await world.client(middleware=[flow]).get("http://127.0.0.1:1/", timeout=courser.Timeout(total=0.05))


async def test_finally_of_a_flow_runs_when_the_call_is_cancelled(world: World, serve: Serve) -> None:
    if not world.is_async:
        pytest.skip("plain code is not cancelled")
    server = serve(silent)
    ended: list[str] = []

    def flow(request: Request) -> Flow:
        try:
            return (yield request)
        finally:
            ended.append("yes")

    client = world.client(middleware=[flow])
    assert await world.cancelled_once(lambda: bool(server.requests), lambda: client.get(server.url()))
    assert ended == ["yes"]
    assert world.left_by(client) == 0


class Upper:
    """A filter that shouts."""

    def __init__(self) -> None:
        self.log: list[str] = []

    def feed(self, data: bytes) -> bytes:
        return data.upper()

    def end(self) -> None:
        self.log.append("end")

    def abort(self) -> None:
        self.log.append("abort")


async def test_body_filters_see_the_body_pass(world: World, serve: Serve) -> None:
    server = serve(answering(lambda request: reply(b"x" * 1000_000 if request.target == "/large" else b"quiet")))
    filters: list[Upper] = []

    def flow(request: Request) -> Flow:
        response = yield request
        filters.append(Upper())
        response.attach(filters[-1])
        return response

    client = world.client(middleware=[flow])

    assert (await client.get(server.url())).content == b"QUIET"
    assert filters[-1].log == ["end"]
    if world.streams:
        async with client.stream("GET", server.url("/large")) as response:
            async for piece in response.iter_bytes(10):
                assert piece == b"X" * 10
                break
        assert filters[-1].log == ["abort"]


async def test_a_filter_is_told_when_the_body_breaks_off(world: World, serve: Serve) -> None:
    server = serve(once(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"))
    filters: list[Upper] = []

    def flow(request: Request) -> Flow:
        response = yield request
        filters.append(Upper())
        response.attach(filters[-1])
        return response

    with pytest.raises(courser.TruncatedBody) as caught:
        await world.client(middleware=[flow]).get(server.url())
    assert filters[-1].log == ["abort"]
    assert caught.value.request is not None


class Canned:
    """A transport that answers by itself."""

    def send(self, request: Request, deadline: float) -> Any:
        return Response(200, text=f"canned {request.url.path}", request=request)


class AsyncCanned:
    async def send(self, request: Request, deadline: float) -> Any:
        return Response(200, json={"path": request.url.path})


async def test_a_transport_answers_instead_of_the_network(world: World) -> None:
    client = world.client(transport=Canned())

    response = await client.get("http://nowhere.example/a")

    assert response.text == "canned /a"
    assert response.request.url.path == "/a"
    if world.streams:
        async with client.stream("GET", "http://nowhere.example/b") as stream:
            assert await stream.read() == b"canned /b"
    assert (await world.client(transport=AsyncCanned()).get("https://x.example/c")).json() == {"path": "/c"}


async def test_mounts_choose_by_pattern(world: World, serve: Serve) -> None:
    server = serve(answering(by_target))
    client = world.client(
        mounts={"https://": Canned(), "http://*.canned.example": Canned(), "all://127.0.0.1": None},
        transport=None,
    )

    assert (await client.get("https://any.example/s")).text == "canned /s"
    assert (await client.get("http://a.canned.example/t")).text == "canned /t"
    assert (await client.get(server.url("/real"))).text == "/real -"


async def test_a_transport_that_answers_nonsense_is_told(world: World) -> None:
    class Wrong:
        def send(self, request: Request, deadline: float) -> Any:
            return "text"

    with pytest.raises(TypeError, match=r"not a courser\.Response"):
        await world.client(transport=Wrong()).get("http://nowhere.example/")


async def test_a_transport_meets_the_limit(world: World) -> None:
    if not world.is_async:
        pytest.skip("plain code cannot interrupt a function")

    class Slow:
        async def send(self, request: Request, deadline: float) -> Any:
            await world.sleep(5)

    with pytest.raises(courser.DeadlineExceeded):
        await world.client(transport=Slow()).get("http://nowhere.example/", timeout=courser.Timeout(total=0.05))


async def test_redirects_lead_through_mounts(world: World) -> None:
    class Redirecting:
        def send(self, request: Request, deadline: float) -> Any:
            if request.url.path == "/end":
                return Response(200, text="end")
            return Response(302, headers={"Location": "/end"})

    response = await world.client(transport=Redirecting()).get("http://nowhere.example/start")

    assert response.text == "end"
    assert len(response.history) == 1


async def test_a_server_that_never_accepts_is_no_matter_for_a_flow(world: World, serve: Serve) -> None:
    server = serve(stall)

    def fallback(request: Request) -> Flow:
        try:
            return (yield request)
        except courser.ReadTimeout:
            return (yield Request("GET", other.url("/fallback")))

    other = serve(answering(by_target))
    client = world.client(middleware=[fallback], timeout=courser.Timeout(read=0.3))

    assert (await client.get(server.url())).content == b"/fallback -"
    left = 2 if world.shares else 1
    assert client.stats() == {"connections": left, "idle": left}
