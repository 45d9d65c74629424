"""Becoming a WebSocket: what is asked for, what is refused, and trying again."""

from __future__ import annotations

import asyncio
import gzip
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
import wswire
from faultserver import FaultServer, Peer, once, reply, silent
from gateway import Gateway
from worlds import WORLDS, World
from wspeer import WebSocketPeer, agreeing, echoing

import courser
from courser import joining as joining_module
from courser.engines.websocket import WEBSOCKET_LIMITS, Pong
from courser.engines.websocket.handshake import accept_of
from courser.joining import Terms
from courser.responding import SHOWN_MOST

Serve = Callable[..., FaultServer]


@pytest.fixture
def serve() -> Iterator[Serve]:
    servers: list[FaultServer] = []

    def start(*scripts: Any) -> FaultServer:
        servers.append(FaultServer(*scripts))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture(params=["inline", "asyncio"])
def world(request: pytest.FixtureRequest) -> World:
    return WORLDS[request.param]()


def run(world: World, body: Callable[[Any], Awaitable[None]], **options: Any) -> None:
    """Run something with a client."""

    async def whole() -> None:
        await body(world.client(**options))

    world.run(whole)


def raised(world: World, server: FaultServer, kind: type[Any], **options: Any) -> Any:
    """The error that a handshake with a server ends with."""
    caught: list[Any] = []

    async def body(client: Any) -> None:
        with pytest.raises(kind) as found:
            await client.websocket(server.url("/ws"), **options).__aenter__()
        caught.append(found.value)

    run(world, body)
    return caught[0]


def switching(*lines: str, accept: bool = True) -> Callable[[Peer], None]:
    """Answer with 101 and these fields, and with the right digest where that is wanted."""

    def script(peer: Peer) -> None:
        request = peer.head()
        digest = accept_of((request.get("sec-websocket-key") or "").encode()).decode()
        fields = [*lines, f"Sec-WebSocket-Accept: {digest if accept else 'x' + digest}"]
        peer.send("\r\n".join(["HTTP/1.1 101 Switching Protocols", *fields, "", ""]).encode())
        peer.wait_for_close()

    return script


AGREED = ("Upgrade: websocket", "Connection: Upgrade")


# What is asked for


def test_the_handshake_is_what_the_standard_says(world: World, serve: Serve) -> None:
    server = serve(agreeing(echoing, subprotocols=["b"], deflate=courser.Deflate()))

    async def body(client: Any) -> None:
        url = server.url("/ws?a=b").replace("http", "ws")
        async with client.websocket(url, subprotocols=("a", "b"), deflate=True, headers={"Upgrade": "h2c"}) as ws:
            assert ws.subprotocol == "b"
            assert ws.response.status_code == 101
            assert ws.response.url.scheme == "http"
            await ws.send_text("hello " * 1000)
            assert await ws.receive() == "hello " * 1000

    run(world, body)
    request = server.requests[0]
    assert (request.method, request.target) == ("GET", "/ws?a=b")
    assert [request.get(name) for name in ("upgrade", "connection", "sec-websocket-version")] == [
        "websocket",
        "Upgrade",
        "13",
    ]
    assert request.get("sec-websocket-protocol") == "a, b"
    assert (request.get("sec-websocket-extensions") or "").startswith("permessage-deflate")


def test_frames_that_come_with_the_response_are_received(world: World, serve: Serve) -> None:
    def script(peer: Peer) -> None:
        send = peer.send
        sent: list[bytes] = []
        peer.send = sent.append  # type: ignore[method-assign]

        def act(ws: WebSocketPeer) -> None:
            ws.say("early")
            peer.send = send  # type: ignore[method-assign]
            peer.send(b"".join(sent))
            echoing(ws)

        agreeing(act)(peer)

    server = serve(script)

    async def body(client: Any) -> None:
        async with client.websocket(server.url()) as ws:
            assert await ws.receive() == "early"

    run(world, body)


@pytest.mark.parametrize("most", [None, 5])
def test_a_message_may_be_as_large_as_was_said(world: World, serve: Serve, most: int | None) -> None:
    server = serve(agreeing(lambda ws: (ws.say("x" * 6), echoing(ws))))

    async def body(client: Any) -> None:
        async with client.websocket(server.url(), max_message_size=most) as ws:
            if most is None:
                assert await ws.receive() == "x" * 6
                return
            with pytest.raises(courser.ConnectionClosed) as caught:
                await ws.receive()
            assert caught.value.code == 1009

    run(world, body)


def test_the_timeouts_of_the_call_hold_for_the_waits(world: World, serve: Serve) -> None:
    server = serve(agreeing(lambda ws: ws.peer.wait_for_close()))

    async def body(client: Any) -> None:
        ws = await client.websocket(server.url(), timeout=1.5).__aenter__()
        with pytest.raises(courser.ReadTimeout, match=r"1\.5 s, while waiting for a message"):
            await ws.receive()

    run(world, body)


def test_what_is_agreed_on_where_nothing_is_said() -> None:
    assert Terms.of({}) == Terms((), None, 20.0, WEBSOCKET_LIMITS.message) == Terms()
    assert Terms.of({"deflate": False, "heartbeat": None, "max_message_size": None}) == Terms((), None, None, None)
    assert Terms.of({"deflate": True, "subprotocols": iter("ab")}).deflate == courser.Deflate()
    wish = courser.Deflate(level=1)
    assert Terms.of({"deflate": wish, "heartbeat": 5}) == Terms((), wish, 5, WEBSOCKET_LIMITS.message)


@pytest.mark.parametrize(
    ("options", "kind", "text"),
    [
        ({"json": {}}, TypeError, "takes no json: a handshake has no body"),
        ({"content": b""}, TypeError, "takes no content"),
        ({"subprotocol": "a"}, TypeError, "subprotocol"),
        ({"subprotocols": "chat"}, TypeError, r"such as \['chat'\]"),
        ({"subprotocols": [1]}, TypeError, "a subprotocol is a str, not 1"),
        ({"subprotocols": ["a b"]}, courser.LocalProtocolError, "'a b' is no name"),
        ({"subprotocols": ["a", "a"]}, courser.LocalProtocolError, "twice"),
        ({"deflate": 15}, TypeError, "True, False or a courser.Deflate, not 15"),
        ({"deflate": courser.Deflate(server_max_window_bits=7)}, courser.LocalProtocolError, "must be 9 to 15"),
        ({"heartbeat": 0}, ValueError, "above 0"),
        ({"heartbeat": "20"}, ValueError, "heartbeat is a number of seconds"),
        ({"heartbeat": True}, ValueError, "heartbeat is a number of seconds"),
        ({"keepalive": 1}, TypeError, "keepalive is True or False, not 1"),
        ({"max_message_size": -1}, ValueError, "max_message_size"),
        ({"max_message_size": "1"}, TypeError, "max_message_size"),
    ],
)
@pytest.mark.parametrize("kind_of_client", [courser.Client, courser.AsyncClient])
def test_a_wrong_option_is_told_before_anything_is_sent(
    kind_of_client: Any, options: dict[str, Any], kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind, match=text):
        kind_of_client().websocket("ws://a.example/", **options)


# What is refused


def test_an_answer_that_is_no_agreement(world: World, serve: Serve) -> None:
    server = serve(once(reply(b"not here", "404 Not Found", "X-A: b")))
    error = raised(world, server, courser.HandshakeRefused)

    assert str(error).startswith("the server refused the WebSocket handshake: it answered 404 Not Found [GET http://")
    assert (error.response.status_code, error.response.text, error.response.headers["X-A"]) == (404, "not here", "b")
    assert str(error.request.url) == server.url("/ws")


def test_the_body_of_a_refusal_is_decoded_and_has_its_history(world: World, serve: Serve) -> None:
    body = gzip.compress(b"why")
    refusal = once(reply(body, "403 Forbidden", "Content-Encoding: gzip"))
    error = raised(world, serve(once(reply(b"", "302 Found", "Location: /there")), refusal), courser.HandshakeRefused)

    assert error.response.content == b"why"
    assert [each.status_code for each in error.response.history] == [302]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 403 F\r\nContent-Length: 10\r\n\r\nhalf",
        reply(b"no gzip", "403 F", "Content-Encoding: gzip"),
        reply(b"x" * (SHOWN_MOST + 1), "403 F"),
    ],
    ids=["cut off", "not what it says", "too large"],
)
def test_a_refusal_whose_body_cannot_be_shown_has_none(world: World, serve: Serve, answer: bytes) -> None:
    error = raised(world, serve(once(answer)), courser.HandshakeRefused)

    assert error.response.status_code == 403
    assert error.response.content == b""


@pytest.mark.parametrize(
    ("script", "text"),
    [
        (switching(*AGREED, accept=False), "does not answer our key"),
        (switching("Upgrade: h2c", "Connection: Upgrade"), "does not upgrade to websocket"),
        (switching("Upgrade: websocket"), "does not say Upgrade"),
        (switching(*AGREED, "Sec-WebSocket-Protocol: chat"), "was not offered"),
        (switching(*AGREED, "Sec-WebSocket-Extensions: permessage-deflate"), "extension that was not offered"),
    ],
)
def test_a_server_that_agrees_to_something_else_is_left(
    world: World, serve: Serve, script: Callable[[Peer], None], text: str
) -> None:
    server = serve(script)
    error = raised(world, server, courser.HandshakeRefused)

    assert text in error.detail
    assert (error.response.status_code, str(error.request.url)) == (101, server.url("/ws"))
    assert server.wait_until_left()


def test_a_server_that_says_nothing(world: World, serve: Serve) -> None:
    error = raised(world, serve(silent), courser.RequestTimeout, timeout=0.05)

    assert error.request.method == "GET"


@pytest.mark.parametrize("url", ["ftp://a.example/", "/ws"])
def test_a_url_that_no_websocket_has(world: World, url: str) -> None:
    async def body(client: Any) -> None:
        with pytest.raises(courser.HTTPError):
            await client.websocket(url).__aenter__()

    run(world, body)


def test_a_client_that_is_closed_opens_nothing(world: World) -> None:
    async def body(client: Any) -> None:
        await client.close()
        with pytest.raises(courser.ClientClosed):
            await client.websocket("ws://a.example/").__aenter__()

    run(world, body)


# A context manager


def test_it_says_goodbye(world: World, serve: Serve) -> None:
    server = serve(agreeing(echoing))

    async def body(client: Any) -> None:
        joining = client.websocket(server.url())
        for _ in range(2):
            async with joining as ws:
                await ws.send_text("hello")
            assert ws.close_code == 1000

    run(world, body)
    assert server.connections == 2


def test_a_thread_keeps_it_alive_where_that_is_wanted(world: World, serve: Serve) -> None:
    answered = threading.Event()

    def act(ws: WebSocketPeer) -> None:
        ws.raw(ws.engine.ping(b"there?"))
        assert isinstance(ws.event(), Pong)
        answered.set()
        echoing(ws)

    server = serve(agreeing(act))

    async def body(client: Any) -> None:
        async with client.websocket(server.url(), keepalive=True):
            assert await world.until(answered.is_set)

    run(world, body)


def test_one_of_them_is_open_at_a_time(serve: Serve) -> None:
    server = serve(agreeing(echoing))
    with courser.Client() as client:
        joining = client.websocket(server.url("/ws"))
        with joining as ws:
            with pytest.raises(courser.InvalidRequest, match="open already"):
                joining.__enter__()
            ws.send_text("still here")
            assert ws.receive() == "still here"


def test_an_error_within_waits_for_nobody(world: World, serve: Serve) -> None:
    said: list[bytes] = []
    server = serve(agreeing(lambda ws: said.append(ws.peer.wait_for_close())))

    async def body(client: Any) -> None:
        with pytest.raises(KeyError, match="mine"):
            async with client.websocket(server.url()):
                raise KeyError("mine")

    run(world, body)
    assert server.wait_until_left()
    assert wswire.parse(said[0])[0].payload == (1001).to_bytes(2, "big")


@pytest.mark.parametrize(("kind", "told"), [(courser.Client, "with"), (courser.AsyncClient, "async with")])
def test_before_the_handshake_there_is_nothing_to_use(kind: Any, told: str) -> None:
    with pytest.raises(AttributeError, match=rf"no send_text before the handshake: {told} client\.websocket"):
        kind().websocket("ws://a.example/").send_text("hello")


# Trying again


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds of the pauses; none takes any time."""
    made: list[float] = []

    async def pause(host: object, seconds: float) -> None:
        made.append(seconds)

    monkeypatch.setattr(joining_module, "pause", pause)
    monkeypatch.setattr(joining_module, "random", lambda: 0.0)
    return made


def greeting(ws: WebSocketPeer) -> None:
    ws.say(f"number {ws.peer.number}")
    echoing(ws)


def test_one_websocket_follows_the_other(world: World, serve: Serve, pauses: list[float]) -> None:
    server = serve(agreeing(greeting))
    got: list[Any] = []

    async def body(client: Any) -> None:
        sockets = aiter(client.websocket(server.url(), reconnect=True))
        first = await anext(sockets)
        got.append(await first.receive())
        second = await anext(sockets)
        assert first.close_code == 1000, "it is closed before the next one"
        got.append(await second.receive())
        await second.close()

    run(world, body)
    assert got == ["number 0", "number 1"]
    assert pauses == [0.5]


def test_pauses_grow_while_it_fails(world: World, serve: Serve, pauses: list[float]) -> None:
    failing = [once(reply(b"", "503 Busy")), once(reply(b"", "429 Slower")), once(b"")] * 3
    server = serve(*failing, agreeing(greeting), once(reply(b"", "500 Again")), agreeing(greeting))
    got: list[Any] = []

    async def body(client: Any) -> None:
        async for ws in client.websocket(server.url(), reconnect=True):
            got.append(await ws.receive())
            await ws.close()
            if len(got) == 2:
                break

    run(world, body)
    assert got == ["number 9", "number 11"]
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60, 0.5, 1]


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (once(reply(b"", "404 Not Found")), courser.HandshakeRefused),
        (once(reply(b"", "200 OK")), courser.HandshakeRefused),
        (switching(*AGREED, accept=False), courser.HandshakeRefused),
        (once(reply(b"", "302 Found", "Location: ftp://a/")), courser.HTTPError),
    ],
)
def test_what_will_not_get_better_is_raised(
    world: World, serve: Serve, pauses: list[float], script: Any, kind: type[Exception]
) -> None:
    server = serve(script)

    async def body(client: Any) -> None:
        with pytest.raises(kind):
            await anext(aiter(client.websocket(server.url(), reconnect=True)))

    run(world, body)
    assert pauses == []
    assert server.connections == 1


def test_how_often_it_is_tried_is_the_callers_say(world: World, serve: Serve, pauses: list[float]) -> None:
    server = serve(once(reply(b"", "503 Busy")))
    rule = courser.Reconnect(delay=3, attempts=3)

    async def body(client: Any) -> None:
        with pytest.raises(courser.HandshakeRefused):
            await anext(aiter(client.websocket(server.url(), reconnect=rule)))

    run(world, body)
    assert pauses == [6, 12]
    assert server.connections == 3


def test_a_pause_takes_its_time(world: World, serve: Serve) -> None:
    server = serve(once(reply(b"", "503 Busy")), agreeing(greeting))
    rule = courser.Reconnect(delay=0.001, max_delay=0.001)

    async def body(client: Any) -> None:
        sockets = aiter(client.websocket(server.url(), reconnect=rule))  # who drops it drops the WebSocket
        ws = await anext(sockets)
        assert await ws.receive() == "number 1"
        del sockets

    run(world, body)


def test_reconnect_is_a_rule_or_not(world: World) -> None:
    async def body(client: Any) -> None:
        with pytest.raises(TypeError, match=r"a courser\.Reconnect or None, not 3"):
            client.websocket("ws://a.example/", reconnect=3)

    run(world, body)


def test_only_who_reconnects_can_be_iterated_over(world: World) -> None:
    async def body(client: Any) -> None:
        with pytest.raises(courser.InvalidRequest, match="context manager") as caught:
            await anext(aiter(client.websocket("ws://a.example/")))
        assert "reconnect=True" in caught.value.hint

    run(world, body)


@pytest.mark.parametrize("rule", [True, courser.Reconnect()])
def test_who_reconnects_is_no_context_manager(serve: Serve, rule: Any) -> None:
    """It would open one WebSocket, and no other after it."""
    server = serve(agreeing(greeting))
    joining = courser.Client().websocket(server.url(), reconnect=rule)
    with pytest.raises(courser.InvalidRequest, match="one WebSocket after the other") as caught, joining:
        pass
    assert caught.value.hint == "for ws in client.websocket(...):"

    async def body() -> None:
        with pytest.raises(courser.InvalidRequest, match="one WebSocket after the other") as caught:
            async with courser.AsyncClient() as client, client.websocket(server.url(), reconnect=rule):
                pass
        assert caught.value.hint == "async for ws in client.websocket(...):"

    asyncio.run(body())
    assert server.connections == 0


@pytest.mark.parametrize("rule", [False, None])
def test_who_does_not_reconnect_is_one(world: World, serve: Serve, rule: Any) -> None:
    server = serve(agreeing(greeting))

    async def body(client: Any) -> None:
        async with client.websocket(server.url(), reconnect=rule) as ws:
            assert await ws.receive() == "number 0"

    run(world, body)


def test_who_leaves_the_loop_in_plain_code_says_goodbye_in_short(serve: Serve) -> None:
    said: list[bytes] = []
    server = serve(agreeing(lambda ws: said.append(ws.peer.wait_for_close())))
    with courser.Client() as client:
        for _ in client.websocket(server.url(), reconnect=True):
            break

    assert server.wait_until_left()
    assert wswire.parse(said[0])[0].payload == (1001).to_bytes(2, "big")


def test_the_sockets_of_async_code_are_their_own_iterator() -> None:
    sockets: Any = aiter(courser.AsyncClient().websocket("ws://a.example/", reconnect=True))

    assert aiter(sockets) is sockets


# Over HTTP/2


def test_a_websocket_has_a_stream_where_nothing_but_http2_is_spoken(world: World) -> None:
    def act(ws: WebSocketPeer) -> None:
        ws.say("early")
        echoing(ws)

    async def body(client: Any) -> None:
        async with client.websocket(gateway.url("/ws"), subprotocols=("a", "b")) as ws:
            assert (ws.subprotocol, ws.response.status_code) == ("b", 200)
            assert await ws.receive() == "early"
            await ws.send_text("hello")
            assert await ws.receive() == "hello"

    with closing(Gateway(agreeing(act, subprotocols=["b"]))) as gateway:
        run(world, body, http1=False, http2=True)
