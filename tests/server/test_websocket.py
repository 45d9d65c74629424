"""WebSockets of a server: the switch, messages both ways, and every way in which one may end."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import pytest
import serverwire
import wswire
from serverwire import DATED

from courser.core.reactor import READ, WRITE
from courser.engines.websocket import Close, Deflate, Handshake, Ping, Pong, WebSocketEngine
from courser.errors import ConnectionClosed, LocalProtocolError
from courser.server import ServerWebSocket, WebSocketReply
from courser.server.connection import LINGER
from courser.server.http1 import HTTP1ServerConnection
from courser.server.websocket import WebSocketServerConnection

TIMEOUT = 7.0


class Client:
    """A client whose every byte a test decides about.

    Attributes:
        told: what the handler was told.
        socket: what it was given.
    """

    def __init__(
        self,
        act: Callable[[ServerWebSocket, str | bytes], object] = lambda ws, message: ws.send(message),
        *,
        fields: str = "",
        agrees: bool = True,
        **options: Any,
    ) -> None:
        self.told: list[Any] = []
        self.socket: Any = None

        def opened(ws: ServerWebSocket) -> None:
            self.socket = ws
            self.told.append("open")

        def receive(ws: ServerWebSocket, message: str | bytes) -> None:
            self.told.append(message)
            act(ws, message)

        def closed(ws: ServerWebSocket) -> None:
            self.told.append((ws.close_code, ws.close_reason))

        calls: dict[str, Any] = {"on_open": opened, "on_close": closed, **options}
        self.talk = serverwire.Talk(
            HTTP1ServerConnection, lambda request: WebSocketReply(receive, headers=DATED, **calls), timeout=TIMEOUT
        )
        self.wire = self.talk.wire
        self.handshake = Handshake()
        lines = "".join(f"{name}: {value}\r\n" for name, value in self.handshake.request_fields())
        self.head = f"GET /chat HTTP/1.1\r\nHost: x\r\n{lines}{fields}\r\n".encode()
        self.engine = WebSocketEngine(is_client=True)
        if agrees:
            self.answer = self.talk.say(self.head)
            (self.talk.connection,) = self.talk.open

    @property
    def connection(self) -> WebSocketServerConnection:
        found = self.talk.connection
        assert isinstance(found, WebSocketServerConnection)
        return found

    def say(self, data: bytes | bytearray, now: float = 0.0) -> list[Any]:
        """Let bytes come; give what the server said to them."""
        said = self.talk.say(bytes(data), now=now)
        return self.engine.receive(said) if said else []


# The switch


def test_a_handshake_switches_protocols() -> None:
    client = Client(subprotocols=["b", "a"], fields="Sec-WebSocket-Protocol: a, b\r\n")
    head, _, rest = client.answer.partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 101 Switching Protocols\r\nDate: now\r\nConnection: Upgrade\r\n")
    assert b"Sec-WebSocket-Protocol: b" in head
    assert rest == b""
    assert client.told == ["open"]
    assert (client.socket.subprotocol, client.socket.request.path) == ("b", "/chat")
    assert repr(client.socket) == "<ServerWebSocket [open] /chat>"


def test_who_asks_for_no_websocket_is_told_what_there_is() -> None:
    client = Client(agrees=False)
    answer = client.talk.say(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 426 ")
    assert b"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" in answer
    assert answer.endswith(b"the request does not ask for websocket\n")
    assert client.told == []
    assert client.talk.say(client.head).startswith(b"HTTP/1.1 101 ")


def test_what_comes_with_the_handshake_is_not_lost() -> None:
    client = Client(agrees=False)
    answer = client.talk.say(client.head + client.engine.send_text("early"))
    _, _, frames = answer.partition(b"\r\n\r\n")

    assert client.engine.receive(frames) == ["early"]


def test_compression_is_agreed_on() -> None:
    client = Client(fields="Sec-WebSocket-Extensions: permessage-deflate\r\n")
    client.engine = WebSocketEngine(is_client=True, deflate=Deflate())

    assert b"Sec-WebSocket-Extensions: permessage-deflate" in client.answer
    assert client.say(client.engine.send_text("x" * 5000)) == ["x" * 5000]
    assert len(client.talk.wire.out) < 1000
    refusing = Client(compress=False, fields="Sec-WebSocket-Extensions: permessage-deflate\r\n")
    assert b"Extensions" not in refusing.answer


# Messages


def test_messages_go_both_ways() -> None:
    client = Client()

    assert client.say(client.engine.send_text("hello")) == ["hello"]
    assert client.say(client.engine.send_bytes(b"x" * 100_000)) == [b"x" * 100_000]
    assert client.say(client.engine.ping(b"there?")) == [Pong(b"there?")]
    assert client.say(client.engine.pong(b"here")) == []
    assert client.told[1:] == ["hello", b"x" * 100_000]


def test_nothing_is_read_while_what_was_said_waits_for_room() -> None:
    client = Client()
    client.wire.room = 10
    client.talk.say(bytes(client.engine.send_text("x" * 50)))
    assert client.wire.interest == WRITE
    assert client.talk.take(10) != b""
    assert client.wire.interest & WRITE
    client.talk.take(1000)

    assert client.wire.interest == READ
    assert client.engine.receive(bytes(client.wire.out[len(client.answer) :])) == ["x" * 50]


def test_what_the_handler_raises_ends_it() -> None:
    def fail(ws: ServerWebSocket, message: str | bytes) -> None:
        raise LookupError(message)

    client = Client(fail)
    said = client.say(client.engine.send_text("a") + client.engine.send_text("b"))

    assert said == [Close(1011, "")]
    assert client.told == ["open", "a"]
    assert [str(error) for error in client.talk.app.errors] == ["a"]


def test_a_handler_that_fails_after_its_goodbye_has_said_it_already() -> None:
    def fail(ws: ServerWebSocket, message: str | bytes) -> None:
        ws.close(1000)
        raise LookupError(message)

    client = Client(fail)

    assert client.say(client.engine.send_text("a")) == [Close(1000, "")]
    assert len(client.talk.app.errors) == 1


def test_a_handler_that_fails_when_it_is_over_changes_nothing() -> None:
    def fail(ws: ServerWebSocket) -> None:
        raise LookupError("x")

    client = Client(on_close=fail)
    client.say(b"")

    assert client.wire.closed
    assert len(client.talk.app.errors) == 1


def test_it_needs_no_more_than_a_function() -> None:
    client = Client(on_open=None, on_close=None)

    assert client.say(client.engine.send_text("x")) == ["x"]
    assert client.say(client.engine.close()) == [Close(1000, "")]
    assert client.told == ["x"]


# The end


def test_the_client_says_goodbye() -> None:
    client = Client()

    assert client.say(client.engine.close(1001, "away")) == [Close(1001, "")]
    assert client.told == ["open", (1001, "away")]
    assert client.wire.finished == 1
    assert not client.wire.closed
    client.say(b"more")
    assert not client.wire.closed
    client.say(b"")

    assert client.wire.closed
    assert client.told == ["open", (1001, "away")]
    assert repr(client.socket) == "<ServerWebSocket [closed, 1001] /chat>"


def test_a_client_that_says_goodbye_and_stays_is_left() -> None:
    client = Client()
    client.say(client.engine.close())
    client.connection.expire(LINGER)

    assert client.wire.closed


def test_the_server_says_goodbye() -> None:
    client = Client(lambda ws, message: ws.close(4000, "enough"))
    said = client.say(client.engine.send_text("a") + client.engine.send_text("b"))

    assert said == [Close(4000, "enough")]
    assert client.told == ["open", "a"]
    with pytest.raises(ConnectionClosed):
        client.socket.send("late")
    client.say(client.engine.outgoing())
    assert client.told == ["open", "a", (4000, "")]
    assert client.wire.finished == 1


def test_a_goodbye_that_waits_for_room_leaves_before_the_link_ends() -> None:
    client = Client()
    client.wire.room = 0
    client.say(client.engine.close())
    assert client.wire.finished == 0
    assert Close(1000, "") in client.engine.receive(client.talk.take(1000))

    assert client.wire.finished == 1


def test_a_client_that_does_not_answer_a_goodbye_is_left() -> None:
    client = Client(lambda ws, message: ws.close())
    client.say(client.engine.send_text("a"))
    client.connection.expire(TIMEOUT)

    assert client.wire.closed
    assert client.told == ["open", "a", (1006, "")]


def test_a_goodbye_that_cannot_be_said_is_refused() -> None:
    client = Client()
    with pytest.raises(LocalProtocolError):
        client.socket.close(1005)

    assert client.say(client.engine.send_text("x")) == ["x"]


def test_who_breaks_the_protocol_is_told() -> None:
    client = Client()
    (said,) = client.say(b"\x83\x80" + wswire.KEY)

    assert said.code == 1002
    assert client.told[1][0] == 1002
    assert client.wire.finished == 1


def test_a_link_that_just_ends() -> None:
    client = Client()
    client.say(b"")

    assert client.told == ["open", (1006, "")]
    assert client.wire.closed
    with pytest.raises(ConnectionClosed) as caught:
        client.socket.send("late")
    assert caught.value.code == 1006


@pytest.mark.parametrize("end", ["lost", "handler"])
def test_a_link_that_breaks_while_something_is_sent(end: str) -> None:
    client = Client(lambda ws, message: client.connection.close() if end == "handler" else ws.send(message))
    if end == "lost":
        client.wire.closed = True
    client.talk.say(bytes(client.engine.send_text("a") + client.engine.send_text("b")))

    assert client.told == ["open", "a", (1006, "")]


def test_a_server_that_closes_says_goodbye() -> None:
    client = Client()
    before = len(client.wire.out)
    client.connection.close()
    client.connection.close()

    assert client.engine.receive(bytes(client.wire.out[before:])) == [Close(1001, "")]
    assert client.told == ["open", (1006, "")]


def test_a_goodbye_that_cannot_be_sent_is_none() -> None:
    client = Client()
    client.wire.room = 0
    client.connection.close()

    assert client.wire.closed


def test_one_that_is_opened_and_closed_at_once_reads_nothing() -> None:
    client = Client(agrees=False, on_open=lambda ws: client.talk.open.pop().close())
    client.talk.say(client.head + client.engine.send_text("early"))

    assert client.told == [(1006, "")]


# Time


def test_a_silent_client_is_asked_and_given_up() -> None:
    client = Client()
    assert client.connection.deadline == TIMEOUT
    client.connection.expire(TIMEOUT)
    assert client.engine.receive(bytes(client.wire.out[len(client.answer) :])) == [Ping(b"")]
    assert client.connection.deadline == 2 * TIMEOUT
    client.connection.expire(2 * TIMEOUT)

    assert client.wire.closed


def test_a_client_that_answers_stays() -> None:
    client = Client()
    client.connection.expire(TIMEOUT)
    client.say(client.engine.pong(b""), now=8.0)
    client.connection.expire(8.0 + TIMEOUT)

    assert not client.wire.closed


def test_what_was_let_go_is_gone() -> None:
    client = Client()
    socket = client.socket
    client.connection.close()
    del client.talk
    gc.collect()

    with pytest.raises(ConnectionClosed):
        socket.close()
