"""WebSockets, wherever a client can live."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import pytest
from authority import Authority
from faultserver import FaultServer, Peer, clients_of, once, reply
from worlds import World
from wspeer import WebSocketPeer, agreeing, echoing

import courser
from courser import responding
from courser.engines.websocket import Close, Deflate, Pong

Serve = Callable[..., FaultServer]


def ws_url(server: FaultServer, path: str = "/ws") -> str:
    return server.url(path).replace("http", "ws", 1)


def open_socket(world: World, server: FaultServer, **options: Any) -> Any:
    if not world.streams:
        pytest.skip("map opens no WebSocket")
    client = world.client()
    return client.websocket(ws_url(server), **options)


async def test_messages_go_there_and_back(world: World, serve: Serve) -> None:
    server = serve(agreeing(echoing))

    async with open_socket(world, server) as ws:
        for message in ("", "hello", "grüße", "x" * 126, "y" * 70_000):
            await ws.send_text(message)
            assert await ws.receive() == message
            await ws.send_bytes(message.encode())
            assert await ws.receive() == message.encode()
        await ws.send_json({"a": [1, "ü"]})
        assert await ws.receive_json() == {"a": [1, "ü"]}
        assert ws.response.status_code == (200 if world.shares else 101)
        assert not ws.closed

    assert ws.closed
    assert ws.close_code == 1000
    assert server.requests[0].get("sec-websocket-version") == "13"


@pytest.mark.parametrize("deflate", [True, Deflate(client_no_context_takeover=True, server_max_window_bits=9)])
async def test_messages_are_compressed_where_both_want_it(world: World, serve: Serve, deflate: Any) -> None:
    sizes: list[int] = []

    def act(ws: WebSocketPeer) -> None:
        before = ws.peer.receive

        def receive(size: int = 65536) -> bytes:
            data = before(size)
            sizes.append(len(data))
            return data

        ws.peer.receive = receive  # type: ignore[method-assign]
        echoing(ws)

    server = serve(agreeing(act, deflate=Deflate()))
    async with open_socket(world, server, deflate=deflate) as ws:
        for _ in range(3):
            await ws.send_text("again and " * 1000)
            assert await ws.receive() == "again and " * 1000
        await ws.send_text("as it is " * 1000, compress=False)
        assert await ws.receive() == "as it is " * 1000

    assert sum(sizes) < 12_000


async def test_a_message_in_pieces(world: World, serve: Serve) -> None:
    server = serve(agreeing(echoing))

    async with open_socket(world, server) as ws:
        await ws.send(["one ", "two ", "three"])
        assert await ws.receive_text() == "one two three"
        await ws.send(iter([b"\0", b"\1"]))
        assert await ws.receive_bytes() == b"\0\1"
        await ws.send([])
        assert await ws.receive() == b""


async def test_a_message_that_breaks_off_ends_the_conversation(world: World, serve: Serve) -> None:
    codes: list[int] = []

    def act(ws: WebSocketPeer) -> None:
        while not isinstance(event := ws.event(), Close):
            pass
        codes.append(event.code)

    def pieces() -> Any:
        yield "one"
        raise ZeroDivisionError

    server = serve(agreeing(act))
    with pytest.raises(ZeroDivisionError):
        async with open_socket(world, server) as ws:
            await ws.send(pieces())
    assert await world.until(lambda: server.open == 0)

    assert codes == [1011]


async def test_iterating_ends_with_the_conversation(world: World, serve: Serve) -> None:
    def act(ws: WebSocketPeer) -> None:
        ws.say("one")
        ws.say(b"two")
        ws.close(1001, "later")

    server = serve(agreeing(act))
    async with open_socket(world, server) as ws:
        assert [message async for message in ws] == ["one", b"two"]
        assert (ws.close_code, ws.close_reason) == (1001, "later")


@pytest.mark.parametrize("code", [1011, 4000])
async def test_another_end_is_an_error_with_its_code(world: World, serve: Serve, code: int) -> None:
    server = serve(agreeing(lambda ws: ws.close(code, "why")))
    async with open_socket(world, server) as ws:
        with pytest.raises(courser.ConnectionClosed, match=f"{code}, why") as caught:
            [message async for message in ws]
        assert (caught.value.code, caught.value.reason) == (code, "why")
        with pytest.raises(courser.ConnectionClosed):
            await ws.send_text("more")


@pytest.mark.parametrize("end", [Peer.close, Peer.reset])
async def test_a_connection_that_breaks_is_1006(world: World, serve: Serve, end: Any) -> None:
    server = serve(agreeing(lambda ws: (ws.message(), end(ws.peer))))  # a reset would outrun the handshake
    async with open_socket(world, server) as ws:
        await ws.send_text("go")
        with pytest.raises(courser.ConnectionClosed) as caught:
            await ws.receive()
        assert (caught.value.code, ws.close_code) == (1006, 1006)


@pytest.mark.parametrize("end", [Peer.close, Peer.reset])
async def test_a_connection_that_breaks_with_the_handshake_is_told(world: World, serve: Serve, end: Any) -> None:
    server = serve(agreeing(lambda ws: end(ws.peer)))

    async def talk() -> None:
        async with open_socket(world, server) as ws:
            await ws.receive()

    for _ in range(10):
        with pytest.raises((courser.ConnectionClosed, courser.ReadError)):
            await talk()


async def test_a_message_that_was_there_before_the_end_is_received(world: World, serve: Serve) -> None:
    def act(ws: WebSocketPeer) -> None:
        ws.say("last")
        ws.peer.close()

    server = serve(agreeing(act))
    async with open_socket(world, server) as ws:
        assert await ws.receive() == "last"
        with pytest.raises(courser.ConnectionClosed):
            await ws.receive()


@pytest.mark.only_http1("the script writes the response itself")
async def test_frames_that_come_with_the_response_are_not_lost(world: World, serve: Serve) -> None:
    def script(peer: Peer) -> None:
        send = peer.send
        held: list[bytes] = []
        peer.send = held.append  # type: ignore[method-assign, assignment]

        def act(ws: WebSocketPeer) -> None:
            ws.say("early")
            peer.send = send  # type: ignore[method-assign]
            peer.send(b"".join(held))
            echoing(ws)

        agreeing(act)(peer)

    server = serve(script, raw=True)
    async with open_socket(world, server) as ws:
        assert await ws.receive() == "early"


@pytest.mark.parametrize(
    ("nonsense", "code"),
    [
        (b"\x81\x85\0\0\0\0hello", 1002),
        (b"\xc1\x05hello", 1002),
        (b"\x83\x00", 1002),
        (b"\x81\x01\xff", 1007),
        (b"\x82\x7f" + (1 << 40).to_bytes(8), 1009),
    ],
    ids=["masked", "compressed", "an opcode that there is not", "no UTF-8", "too large"],
)
async def test_who_breaks_the_protocol_is_told_and_left(world: World, serve: Serve, nonsense: bytes, code: int) -> None:
    told: list[int] = []

    def act(ws: WebSocketPeer) -> None:
        ws.raw(nonsense)
        while not isinstance(event := ws.event(), Close):
            pass
        told.append(event.code)
        ws.peer.wait_for_close()

    server = serve(agreeing(act))
    async with open_socket(world, server) as ws:
        with pytest.raises(courser.ConnectionClosed) as caught:
            await ws.receive()
        assert caught.value.code == code
    assert await world.until(lambda: server.open == 0)

    assert told == [code]


async def test_who_breaks_the_protocol_and_goes_on_sending_hears_why(world: World, serve: Serve) -> None:
    """A link that is closed with bytes unread is reset."""
    told: list[tuple[int, bool]] = []

    def act(ws: WebSocketPeer) -> None:
        ws.raw(b"\x83\x00" + b"x" * 400_000)
        while not isinstance(event := ws.event(), Close):
            pass
        ws.peer.wait_for_close()
        for _ in range(2):
            ws.raw(b"x" * 1000)
        told.append((event.code, ws.peer.was_reset))

    server = serve(agreeing(act))
    with pytest.raises(courser.ConnectionClosed):
        async with open_socket(world, server) as ws:
            await ws.receive()
    assert await world.until(lambda: server.open == 0)

    assert told == [(1002, False)]


async def test_pings_are_answered_while_nobody_receives(world: World, serve: Serve) -> None:
    if not world.is_async:
        pytest.skip("nothing runs in plain code while nobody calls it")
    answered: list[bytes] = []

    def act(ws: WebSocketPeer) -> None:
        ws.raw(ws.engine.ping(b"there?"))
        event = ws.event()
        assert isinstance(event, Pong)
        answered.append(event.payload)
        echoing(ws)

    server = serve(agreeing(act))
    async with open_socket(world, server):
        assert await world.until(lambda: answered == [b"there?"])


async def test_a_ping_tells_how_long_its_answer_took(world: World, serve: Serve) -> None:
    server = serve(agreeing(echoing))
    async with open_socket(world, server) as ws:
        assert 0 < await ws.ping() < 8


async def test_a_message_that_does_not_come_in_time(world: World, serve: Serve) -> None:
    server = serve(agreeing(echoing))
    async with open_socket(world, server) as ws:
        with pytest.raises(courser.ReadTimeout, match="a message"):
            await ws.receive(0.02)
        await ws.send_text("still open")
        assert await ws.receive() == "still open"


async def test_a_plain_timeout_bounds_each_wait(world: World, serve: Serve) -> None:
    server = serve(agreeing(echoing))
    async with open_socket(world, server, timeout=0.5) as ws:
        with pytest.raises(courser.ReadTimeout):
            await ws.receive()


async def test_a_message_of_the_other_kind_is_not_lost(world: World, serve: Serve) -> None:
    server = serve(agreeing(echoing))
    async with open_socket(world, server) as ws:
        await ws.send_text("text")
        with pytest.raises(courser.WebSocketError, match="a text message"):
            await ws.receive_bytes()
        assert await ws.receive_text() == "text"


async def test_a_peer_that_says_nothing_is_asked_and_given_up(world: World, serve: Serve) -> None:
    pings: list[object] = []

    def act(ws: WebSocketPeer) -> None:
        # It takes no notice of what comes, and so answers nothing.
        pings.append(ws.peer.receive())
        ws.peer.wait_for_close()

    server = serve(agreeing(act))
    async with open_socket(world, server, heartbeat=0.05) as ws:
        with pytest.raises(courser.ConnectionClosed, match="no answer to a ping"):
            await ws.receive()
    assert await world.until(lambda: server.open == 0)

    assert len(pings) == 1


async def test_a_slow_reader_holds_the_peer_back(world: World, serve: Serve) -> None:
    sent = [0]

    def act(ws: WebSocketPeer) -> None:
        for _ in range(400):
            ws.say(b"x" * 100_000)
            sent[0] += 1
        echoing(ws)

    server = serve(agreeing(act))
    async with open_socket(world, server) as ws:
        assert await ws.receive() == b"x" * 100_000
        await world.sleep(0.1)
        assert sent[0] < 400  # 40 MB do not fit into the buffers on the way
        for _ in range(399):
            assert len(await ws.receive()) == 100_000
        await ws.send_text("done")
        assert await ws.receive() == "done"


async def test_who_sends_to_a_peer_that_does_not_read_waits_so_long(world: World, serve: Serve) -> None:
    server = serve(agreeing(lambda ws: ws.peer.server.closing.wait(8)))

    async def flood(ws: Any) -> None:
        for _ in range(200):
            await ws.send_bytes(bytes(1_000_000))

    with pytest.raises(courser.WriteTimeout, match="took nothing"):
        async with open_socket(world, server, timeout=courser.Timeout(write=0.05)) as ws:
            await flood(ws)


async def test_who_sends_to_a_slow_peer_waits_for_it(world: World, serve: Serve) -> None:
    sizes: list[int] = []

    def act(ws: WebSocketPeer) -> None:
        ws.peer.server.closing.wait(0.1)
        while not isinstance(event := ws.event(), Close):
            assert isinstance(event, bytes)
            sizes.append(len(event))

    server = serve(agreeing(act))
    async with open_socket(world, server) as ws:
        for _ in range(20):
            await ws.send_bytes(bytes(1_000_000))
    assert await world.until(lambda: server.open == 0)

    assert sizes == [1_000_000] * 20


@pytest.mark.parametrize("status", ["401 Unauthorized", "200 OK", "503 Service Unavailable"])
async def test_a_refusal_shows_its_response(world: World, serve: Serve, status: str) -> None:
    if world.shares and status == "200 OK":
        pytest.skip("over HTTP/2 it agrees")
    server = serve(once(reply(b"because", status)))
    with pytest.raises(courser.HandshakeRefused, match=status[:3]) as caught:
        async with open_socket(world, server):
            pass

    assert caught.value.response.content == b"because"
    assert str(caught.value.response.status_code) == status[:3]


async def test_a_refusal_does_not_wait_for_a_body_without_end(
    world: World, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every byte that drips in renews the limit of a read."""
    monkeypatch.setattr(responding, "PATIENCE", 0.4)
    status = b"500 Oh" if world.shares else b"200 OK"  # over HTTP/2 the latter agrees
    head = b"HTTP/1.1 %b\r\nContent-Type: text/event-stream\r\n\r\n" % status
    server = serve(once(head + b"data: a\n\n", lambda peer: peer.dribble(b":" * 1_000_000, 0.01)))
    with pytest.raises(courser.HandshakeRefused) as caught:
        async with open_socket(world, server, timeout=5):
            pass

    assert caught.value.response.content.rstrip(b":") == b"data: a\n\n"
    assert await world.until(lambda: server.open == 0)


@pytest.mark.only_http1("HTTP/2 has no key")
async def test_an_answer_to_another_key_is_none(world: World, serve: Serve) -> None:
    answer = (
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
    )
    server = serve(once(answer, Peer.wait_for_close))
    with pytest.raises(courser.HandshakeRefused, match="does not answer our key"):
        async with open_socket(world, server):
            pass

    assert await world.until(lambda: server.open == 0)


async def test_subprotocols(world: World, serve: Serve) -> None:
    server = serve(agreeing(echoing, subprotocols=["b"]))
    async with open_socket(world, server, subprotocols=["a", "b"]) as ws:
        assert ws.subprotocol == "b"

    assert server.requests[0].get("sec-websocket-protocol") == "a, b"


async def test_what_a_client_has_goes_with_the_handshake(world: World, serve: Serve) -> None:
    if not world.streams:
        pytest.skip("map opens no WebSocket")
    server = serve(agreeing(echoing))
    client = world.client(
        base_url=server.url("/api"), headers={"X-Key": "k"}, cookies={"c": "1"}, auth=("user", "pass")
    )
    async with client.websocket("/ws", params={"q": "1"}) as ws:
        assert str(ws.response.url).endswith("/api/ws?q=1")
    request = server.requests[0]

    assert request.target == "/api/ws?q=1"
    assert (request.get("x-key"), request.get("cookie")) == ("k", "c=1")
    assert request.get("authorization") == "Basic dXNlcjpwYXNz"


async def test_websockets_16_1_redirects_are_followed_and_leave_secrets_behind(world: World, serve: Serve) -> None:
    server = serve(agreeing(echoing))
    first = serve(once(reply(b"", "302 Found", f"Location: {server.url('/there')}")))
    async with open_socket(world, first, headers={"Authorization": "secret"}) as ws:
        await ws.send_text("here")
        assert await ws.receive() == "here"
        assert [each.status_code for each in ws.response.history] == [302]

    assert server.requests[0].target == "/there"
    assert server.requests[0].get("authorization") is None


async def test_over_tls(world: World, serve: Serve, authority: Authority) -> None:
    if not world.streams:
        pytest.skip("map opens no WebSocket")
    server = serve(agreeing(echoing), tls=authority.good)
    client = world.client(verify=authority.roots)
    async with client.websocket(ws_url(server)) as ws:
        await ws.send_bytes(b"x" * 300_000)
        assert await ws.receive() == b"x" * 300_000
        assert ws.response.connection.tls is not None


async def test_reconnecting(world: World, serve: Serve) -> None:
    rule = courser.Reconnect(delay=0.01)

    def act(ws: WebSocketPeer) -> None:
        ws.say(f"number {ws.peer.number}")
        ws.peer.close()

    server = serve(agreeing(act), once(reply(b"", "503 Service Unavailable")), agreeing(act))
    seen: list[str] = []
    async for ws in open_socket(world, server, reconnect=rule):
        try:
            async for message in ws:
                seen.append(message)
        except courser.ConnectionClosed:
            if len(seen) == 2:
                break

    assert seen == ["number 0", "number 2"]


async def test_what_will_not_get_better_is_not_tried_again(world: World, serve: Serve) -> None:
    server = serve(once(reply(b"", "404 Not Found")))

    async def first() -> Any:
        async for ws in open_socket(world, server, reconnect=True):
            return ws

    with pytest.raises(courser.HandshakeRefused):
        await first()
    assert server.connections == 1


async def test_a_cancelled_receive_loses_nothing(world: World, serve: Serve) -> None:
    if not world.is_async:
        pytest.skip("plain code is not cancelled")
    server = serve(agreeing(echoing))
    async with open_socket(world, server) as ws:
        assert await world.cancelled_after(0.02, ws.receive)
        await ws.send_text("after")
        assert await ws.receive() == "after"


async def test_two_who_receive_at_once(world: World, serve: Serve) -> None:
    if not world.is_async:
        pytest.skip("plain code does one thing at a time")
    server = serve(agreeing(echoing))
    async with open_socket(world, server) as ws:

        async def second() -> Any:
            await world.sleep(0.01)
            try:
                return await ws.receive()
            finally:
                await ws.send_text("for the first")

        first, other = await world.together(ws.receive, second)

    assert first == "for the first"
    assert isinstance(other, courser.StreamConsumed)


async def test_tasks_send_side_by_side(world: World, serve: Serve) -> None:
    if not world.is_async:
        pytest.skip("plain code does one thing at a time")
    server = serve(agreeing(echoing))
    async with open_socket(world, server) as ws:

        async def pieces(letter: str) -> Any:
            for _ in range(10):
                await world.sleep(0)
                yield letter

        def sender(letter: str) -> Callable[[], Any]:
            return lambda: ws.send(pieces(letter))

        await world.together(*(sender(letter) for letter in "abcdef"))
        got = [await ws.receive() for _ in range(6)]

    assert sorted(got) == [letter * 10 for letter in "abcdef"]


@pytest.mark.parametrize("does", ["send_text", "send_bytes", "receive"])
async def test_who_never_has_to_wait_gives_others_their_turn(world: World, serve: Serve, does: str) -> None:
    if not world.is_async:
        pytest.skip("plain code does one thing at a time")
    many = 5000

    def act(ws: WebSocketPeer) -> None:
        ws.raw(b"".join([ws.engine.send_text("x") for _ in range(many)]))
        while ws.event() != "enough":
            pass

    server = serve(agreeing(act))
    async with open_socket(world, server) as ws:
        what: dict[str, tuple[Any, ...]] = {"send_text": ("x",), "send_bytes": (b"x",), "receive": ()}
        call, done, had_a_turn = getattr(ws, does), 0, False

        async def go_on() -> None:
            nonlocal done
            while done < many and not had_a_turn:
                await call(*what[does])
                done += 1

        async def another() -> None:
            nonlocal had_a_turn
            while not done:
                await world.sleep(0)
            await world.sleep(0)
            had_a_turn = True

        await world.together(go_on, another)
        await ws.send_text("enough")

    assert 0 < done < many


async def test_one_that_is_left_without_a_word_is_closed(world: World, serve: Serve) -> None:
    server = serve(agreeing(lambda ws: ws.peer.wait_for_close()))
    gc.collect()
    others = clients_of(server)[0]  # what clients of other tests may keep
    manager = open_socket(world, server)
    ws = await manager.__aenter__()
    await ws.send_text("hello")
    del ws, manager
    await world.close()

    assert await world.until(lambda: server.open == 0)
    assert clients_of(server)[0] == others
