"""What is told of a request on its way: the same events in the same order wherever a client lives."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest
from authority import Authority
from faultserver import FaultServer, Peer, Received, answering, chunked, once, reply, silent
from proxies import HTTPProxy, SocksProxy
from worlds import World

import courser
from courser import Limits, Request, Response, TraceEvent

Serve = Callable[..., FaultServer]


class Told(list[TraceEvent]):
    """A trace function that keeps what it is told."""

    def __call__(self, event: TraceEvent) -> None:
        self.append(event)

    @property
    def names(self) -> str:
        """The names in their order; how many receives a body takes is the kernel's affair."""
        names = [event.name for event in self]
        return " ".join(
            name for number, name in enumerate(names) if not (name == "bytes" and names[number - 1] == "bytes")
        )

    def of(self, name: str) -> TraceEvent:
        """The only event of a name."""
        found = [event for event in self if event.name == name]
        assert len(found) == 1, (name, found)
        return found[0]


FRESH = "request connect created sent head bytes end"
REUSED = "request reused sent head bytes end"


async def test_on_a_new_connection_and_on_one_that_was_there(world: World, serve: Serve) -> None:
    server = serve(answering(reply(b"hello")))
    told = Told()
    client = world.client(trace=told)

    await client.get(server.url("/a?key=s3cret"))

    assert told.names == FRESH
    assert [event.at for event in told] == sorted(event.at for event in told)
    number = told.of("created").connection
    assert told.of("connect").detail == f"127.0.0.1:{server.port}"
    assert told.of("connect").seconds is not None
    assert world.shares or told.of("sent").size == len(server.requests[0].raw) + 4
    assert (told.of("bytes").size, told.of("end").size) == (5, 5)
    head = told.of("head").response
    assert head is not None
    assert (head.status_code, head.headers["content-length"]) == (200, "5")
    assert {event.connection for event in told[2:]} == {number}
    assert len({id(event.request) for event in told}) == 1
    assert "s3cret" not in "".join(map(str, told))
    del told[:], head

    await client.get(server.url("/b"))

    assert told.names == REUSED
    reused = told.of("reused")
    assert reused.connection == number
    assert reused.seconds is not None
    assert reused.seconds >= 0


async def test_a_name_is_looked_up(world: World, serve: Serve) -> None:
    server = serve(answering(reply(b"hello")))
    told = Told()

    def resolve(host: str, port: int) -> Any:
        return [(socket.AF_INET, ("127.0.0.1", port))]

    client = world.client(trace=told, resolver=resolve)
    response = await client.get(server.url(host="name.example"))

    assert told.names == "request dns connect created sent head bytes end"
    assert (told.of("dns").detail, told.of("dns").seconds) == ("name.example", response.timings.dns)
    assert told.of("connect").seconds == response.timings.connect
    assert (await client.get(server.url(host="name.example"))).timings[:4] == (None, None, None, None)


async def test_encryption_is_agreed_on(world: World, serve: Serve, authority: Authority) -> None:
    server = serve(answering(reply(b"hello")), tls=authority.good)
    told = Told()

    response = await world.client(trace=told, verify=authority.roots).get(server.url())

    assert told.names == "request connect tls created sent head bytes end"
    assert told.of("tls").detail == "127.0.0.1"
    assert told.of("tls").seconds == response.timings.tls
    assert response.timings.dns is None


@pytest.mark.parametrize(
    ("kind", "secure", "names"),
    [
        ("http", False, "connect"),
        ("https", False, "connect proxy"),
        ("http", True, "connect proxy tls"),
        ("https", True, "connect proxy proxy tls"),
        ("socks5h", True, "connect proxy tls"),
    ],
)
async def test_a_way_through_a_proxy(
    world: World, serve: Serve, authority: Authority, kind: str, secure: bool, names: str
) -> None:
    if world.shares and not secure:
        pytest.skip("what is not encrypted is forwarded in HTTP/1.1")
    server = serve(answering(reply(b"hello")), tls=authority.good if secure else None)
    relay = SocksProxy() if kind == "socks5h" else HTTPProxy()
    proxy = serve(relay, tls=authority.good if kind == "https" else None)
    told = Told()
    url = f"{kind}://user:s3cret@127.0.0.1:{proxy.port}"
    how = courser.Proxy(url, verify=authority.roots) if kind == "https" else courser.Proxy(url)
    client = world.client(trace=told, verify=authority.roots, proxy=how)

    timings = (await client.get(server.url())).timings

    assert told.names == FRESH.replace("connect", names)
    assert told.of("connect").detail == f"127.0.0.1:{proxy.port}"
    assert {event.detail for event in told if event.name == "proxy"} <= {
        "127.0.0.1",
        f"{kind}://127.0.0.1:{proxy.port}",
    }
    assert ((timings.proxy is None), (timings.tls is None)) == ("proxy" not in names, "tls" not in names)
    assert "s3cret" not in "".join(map(str, told))


async def test_each_hop_of_a_redirect(world: World, serve: Serve) -> None:
    def answer(request: Received) -> bytes:
        return reply(b"end") if request.target == "/end" else reply(b"on", "302 Found", "Location: /end?key=s3cret")

    server = serve(answering(lambda request: reply(b"end") if "end" in request.target else answer(request)))
    told = Told()

    response = await world.client(trace=told).get(server.url("/start"))

    assert told.names == f"{FRESH} redirect {REUSED}"
    redirect = told.of("redirect")
    assert redirect.detail == f"302 to GET {server.url('/end')}?key=***"
    assert redirect.request is not None
    assert redirect.request.url.path == "/start"
    assert len(response.history) == 1
    first, last = response.history[0].timings, response.timings
    assert first.connect is not None
    assert last.connect is None
    assert first.sent is not None
    assert last.sent is not None
    assert 0 < first.sent <= first.first_byte <= last.sent <= last.first_byte <= last.total


async def test_a_server_that_is_not_there(world: World, serve: Serve) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    told = Told()

    with pytest.raises(courser.ConnectError) as caught:
        await world.client(trace=told).get(f"http://127.0.0.1:{port}/")

    assert told.names == "request error"
    assert told.of("error").error is caught.value
    del told[:]


async def test_a_body_that_breaks_off(world: World, serve: Serve) -> None:
    server = serve(once(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"))
    told = Told()

    with pytest.raises(courser.TruncatedBody) as caught:
        await world.client(trace=told).get(server.url())

    assert told.names == f"request connect created sent head bytes {'' if world.shares else 'closed '}error"
    assert told.of("error").error is caught.value
    assert world.shares or told.of("closed").connection == told.of("created").connection
    del told[:]


async def test_a_call_that_is_cancelled(world: World, serve: Serve) -> None:
    if not world.is_async:
        pytest.skip("plain code is not cancelled")
    server = serve(silent)
    told = Told()
    client = world.client(trace=told)

    assert await world.cancelled_once(lambda: "sent" in told.names, lambda: client.get(server.url()))

    assert told.names == f"request connect created sent {'' if world.shares else 'closed '}error"
    assert not isinstance(told.of("error").error, Exception)
    del told[:]


async def test_a_call_that_is_cancelled_in_the_middle_of_a_body(world: World, serve: Serve) -> None:
    if not world.is_async:
        pytest.skip("plain code is not cancelled")
    server = serve(once(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", Peer.wait_for_close))
    told = Told()
    client = world.client(trace=told, middleware=[passing])

    assert await world.cancelled_once(lambda: "bytes" in told.names, lambda: client.get(server.url()))

    assert told.names == "request connect created sent head bytes error" + ("" if world.shares else " closed")
    del told[:]


def passing(request: Request) -> Any:
    response = yield request
    return response


async def test_a_connection_that_died_is_replaced(world: World, serve: Serve) -> None:
    def leave(peer: Peer) -> None:
        peer.request()
        peer.send(reply(b"one"))
        peer.request()

    server = serve(leave, answering(reply(b"two")))
    told = Told()
    client = world.client(trace=told)
    await client.get(server.url())
    del told[:]

    assert (await client.get(server.url())).content == b"two"

    assert told.names == "request reused sent closed retry connect created sent head bytes end"
    assert isinstance(told.of("retry").error, courser.TransportError)
    del told[:]


@pytest.mark.only_http1("a response ends its connection")
async def test_a_connection_that_is_not_kept(world: World, serve: Serve) -> None:
    server = serve(once(reply(b"bye", "200 OK", "Connection: close")))
    told = Told()
    client = world.client(trace=told)

    await client.get(server.url())

    assert told.names == f"{FRESH} closed"


async def test_what_was_idle_is_told_when_the_client_is_closed(world: World, serve: Serve) -> None:
    server = serve(answering(reply(b"hello")))
    told = Told()
    client = world.client(trace=told)
    await client.get(server.url())

    await client.close()

    assert told.names == f"{FRESH} closed"
    assert told[-1].request is None


async def test_a_stream(world: World, serve: Serve) -> None:
    if not world.streams:
        pytest.skip("map streams nothing")
    server = serve(answering(chunked(b"one", b"two")), once(b"HTTP/1.1 200 OK\r\n\r\nmore", Peer.wait_for_close))
    told = Told()
    client = world.client(trace=told)

    async with client.stream("GET", server.url()) as response:
        assert await response.read() == b"onetwo"
    assert told.names == FRESH
    assert told.of("end").size == 6
    del told[:], response

    async with client.stream("GET", server.url(), headers={"Connection": "close"}) as response:
        assert response.timings.total == response.timings.first_byte
    assert told.names.startswith(f"{REUSED[: -len(' bytes end')]}")
    assert told.names.endswith("closed") is not world.shares


async def test_a_body_that_is_sent_in_pieces(world: World, serve: Serve) -> None:
    server = serve(answering(reply(b"thanks")))
    told = Told()

    response = await world.client(trace=told).post(server.url(), content=iter([b"one", b"three"]))

    assert told.names == "request connect created sending sending sent head bytes end"
    assert [event.size for event in told if event.name == "sending"] == [3, 5]
    assert response.timings.sent is not None


async def test_interim_responses(world: World, serve: Serve) -> None:
    server = serve(answering(b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n" + reply(b"hello")))
    told, seen = Told(), []
    client = world.client(trace=told)

    await client.get(server.url(), extensions={"informational": lambda answer: seen.append(answer.status_code)})

    assert told.names == "request connect created sent interim head bytes end"
    assert told.of("interim").detail == "103 Early Hints"
    assert seen == [103]


async def test_a_body_that_waits_to_be_asked_for(world: World, serve: Serve) -> None:
    def script(peer: Peer) -> None:
        peer.head()
        peer.send(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert peer.exactly(4) == b"body"
        peer.send(reply(b"thanks"))
        peer.wait_for_close()

    told = Told()

    response = await world.client(trace=told).put(
        serve(script).url(), content=b"body", headers={"Expect": "100-continue"}
    )

    assert response.content == b"thanks"
    assert told.names == "request connect created interim interim sent head bytes end"


async def test_an_expectation_that_is_not_met(world: World, serve: Serve) -> None:
    def refuse(peer: Peer) -> None:
        peer.head()
        peer.send(reply(b"", "417 No"))
        peer.wait_for_close()

    told = Told()
    client = world.client(trace=told)

    response = await client.put(
        serve(refuse, answering(reply(b"thanks"))).url(), content=b"body", headers={"Expect": "100-continue"}
    )

    assert response.content == b"thanks"
    first, _, second = told.names.partition(" retry ")
    assert first == "request connect created head end" + ("" if world.shares else " closed")
    assert second == (REUSED if world.shares else FRESH)
    assert told.of("retry").detail == "without Expect"


async def test_a_body_that_is_refused_was_not_sent(world: World, serve: Serve) -> None:
    def refuse(peer: Peer) -> None:
        peer.head()
        peer.send(reply(b"", "413 Too Large"))
        peer.wait_for_close()

    timings = (
        await world.client().put(serve(refuse).url(), content=b"body", headers={"Expect": "100-continue"})
    ).timings

    assert timings.sent is None
    assert timings.first_byte > 0


@pytest.mark.only_http1("a connection carries one request at a time")
async def test_a_wait_for_a_connection(world: World, serve: Serve) -> None:
    server = serve(answering(reply(b"hello")))
    told = Told()
    client = world.client(trace=told, limits=Limits(max_connections=1))

    await world.together(lambda: client.get(server.url("/a")), lambda: client.get(server.url("/b")))

    wait = told.of("wait")
    assert wait.seconds is not None
    assert wait.seconds > 0
    assert [event.name for event in told if event.request is wait.request] == REUSED.replace(
        "request", "request wait"
    ).split()


async def test_a_transport_of_the_user_s(world: World) -> None:
    class Canned:
        def send(self, request: Request, deadline: float) -> Any:
            if request.url.path == "/bad":
                raise courser.ReadError(detail="broken")
            return Response(200, text="hello" if request.url.path == "/body" else "")

    told = Told()
    client = world.client(trace=told, transport=Canned())

    await client.get("http://a.example/body")
    await client.get("http://a.example/")
    with pytest.raises(courser.ReadError):
        await client.get("http://a.example/bad")

    assert told.names == "request head bytes end request head end request error"
    assert told.of("error").error.request.url.path == "/bad"  # type: ignore[union-attr]
    del told[:]


async def test_of_one_request_only(world: World, serve: Serve) -> None:
    server = serve(answering(reply(b"hello")))
    told = Told()
    client = world.client()

    await client.get(server.url(), extensions={"trace": told})
    assert told.names == FRESH
    await client.get(server.url())
    await client.close()

    assert told.names == FRESH


@pytest.mark.only_http1("a response ends its connection")
async def test_one_request_hears_of_its_own_connections_only(world: World, serve: Serve) -> None:
    leaving = once(reply(b"bye", "200 OK", "Connection: close"))
    server = serve(leaving, leaving)
    everything, own = Told(), Told()
    client = world.client(trace=everything)

    await client.get(server.url(), extensions={"trace": own})
    await client.get(server.url())

    assert everything.names == f"{FRESH} closed {FRESH} closed"
    assert own.names == f"{FRESH} closed"


@pytest.mark.parametrize("given", [3, "trace"])
async def test_a_trace_is_a_function(world: World, given: Any) -> None:
    with pytest.raises(TypeError, match="TraceEvent"):
        await world.client().get("http://a.example/", extensions={"trace": given})
    with pytest.raises(TypeError, match="TraceEvent"):
        world.client(trace=given)


async def test_an_asynchronous_function_is_awaited(world: World, serve: Serve) -> None:
    server = serve(answering(reply(b"hello")))
    names: list[str] = []

    async def told(event: TraceEvent) -> None:
        if world.is_async:
            await world.sleep(0.001)
        names.append(event.name)

    await world.client(trace=told).get(server.url())

    assert names == FRESH.split()


async def test_an_asynchronous_function_is_bounded_as_the_call_is(world: World, serve: Serve) -> None:
    if not world.is_async:
        pytest.skip("plain code does not wait for it")
    server = serve(answering(reply(b"hello")))

    async def told(event: TraceEvent) -> None:
        await world.sleep(5)

    with pytest.raises(courser.DeadlineExceeded, match="a trace function"):
        await world.client(trace=told).get(server.url(), timeout=courser.Timeout(total=0.05))


@pytest.mark.only_http1("a cancelled request ends its connection")
async def test_of_a_cancellation_an_asynchronous_function_hears_before_its_first_wait(
    world: World, serve: Serve
) -> None:
    if not world.is_async:
        pytest.skip("plain code is not cancelled")
    server = serve(silent)
    before: list[str] = []
    after: list[str] = []

    async def told(event: TraceEvent) -> None:
        before.append(event.name)
        if len(before) > 4:
            await world.sleep(0)
        after.append(event.name)

    client = world.client(trace=told)
    assert await world.cancelled_once(lambda: "sent" in after, lambda: client.get(server.url()))

    assert before == ["request", "connect", "created", "sent", "closed", "error"]
    assert after == before[:4]


@pytest.mark.parametrize("when", [*FRESH.split()])
async def test_what_it_raises_is_raised_in_the_call(world: World, serve: Serve, when: str) -> None:
    server = serve(answering(reply(b"hello")))
    seen: list[str] = []

    def told(event: TraceEvent) -> None:
        seen.append(event.name)
        if event.name == when:
            raise LookupError("mine")

    client = world.client(trace=told)
    with pytest.raises(LookupError, match="mine"):
        await client.get(server.url())

    stats = client.stats()
    assert stats["connections"] == stats["idle"]
    assert seen[-1] == ("request" if when == "request" else "error")


async def test_what_it_raises_does_not_hide_an_error(world: World, serve: Serve) -> None:
    server = serve(Peer.request)

    def told(event: TraceEvent) -> None:
        if event.name == "error":
            raise LookupError("mine")

    with pytest.raises(courser.RemoteProtocolError) as caught:
        await world.client(trace=told).get(server.url())

    assert caught.value.__notes__ == ["the trace function raised LookupError"]


async def test_timings(world: World, serve: Serve) -> None:
    server = serve(answering(reply(b"hello")))
    client = world.client()

    first = (await client.get(server.url())).timings
    second = (await client.post(server.url(), content=b"body")).timings

    assert first.connect is not None
    assert first.sent is not None
    assert 0 < first.connect <= first.sent <= first.first_byte <= first.total
    assert (first.dns, first.proxy, first.tls) == (None, None, None)
    assert second.sent is not None
    assert second[:4] == (None, None, None, None)
    assert 0 < second.sent <= second.first_byte <= second.total
