"""WebSockets as their users see them, in both colours, without a network."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import wswire
from talking import Close, Doing, Ping, Talking, by_its_clock

from courser import websockets as websockets_module
from courser.core.waiter import UNBROKEN
from courser.errors import ConnectionClosed, InvalidRequest, JSONError, LocalProtocolError, ReadTimeout, WebSocketError
from courser.hosts.inline import run_inline
from courser.session import Session
from courser.values.request import Request
from courser.values.url import URL
from courser.websockets import AsyncWebSocket, Joined, WebSocket

URL_ = URL("http://u:p@a/ws")


class Pair:
    """A WebSocket of either colour over a talk without a network, both under the async names.

    Attributes:
        at_wait: what happens while somebody waits, one each.
    """

    def __init__(self, colour: type[Any], wait: float | None = None) -> None:
        self.talking = talking = Talking()
        self.at_wait: list[Callable[[], object]] = []
        talking.host.turn = self._turn
        self.is_async = colour is AsyncWebSocket
        response: Any = SimpleNamespace(url=URL_, request=Request("GET", URL_))
        dumps = Session.dump_json.__get__(SimpleNamespace(_dumps=None))
        self.joined = Joined(talking.talk, talking.host, response, "chat", None, dumps, wait, 5.0)
        self.ws = colour(self.joined)

    def _turn(self) -> None:
        assert self.at_wait, "it waits for ever"
        self.at_wait.pop(0)()

    def do(self, name: str, *args: Any, **options: Any) -> Any:
        """Call a method."""
        result = getattr(self.ws, name)(*args, **options)
        return run_inline(result) if self.is_async else result

    def messages(self) -> list[Any]:
        """Iterate."""
        if not self.is_async:
            return list(self.ws)

        async def collect() -> list[Any]:
            return [message async for message in self.ws]

        collected: list[Any] = run_inline(collect())
        return collected

    def within(self, act: Callable[[], object]) -> None:
        """Do something in a `with`."""
        if not self.is_async:
            with self.ws as ws:
                assert ws is self.ws
                act()
            return

        async def inside() -> None:
            async with self.ws as ws:
                assert ws is self.ws
                act()

        run_inline(inside())

    def bid(self) -> None:
        """Have the peer answer a goodbye, and end the link."""
        self.talking.answer()
        self.talking.come(b"")


@pytest.fixture(params=[WebSocket, AsyncWebSocket])
def pair(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Pair:
    made = Pair(request.param)
    by_its_clock(made.talking, monkeypatch)
    return made


# What it is


def test_what_was_agreed_on(pair: Pair) -> None:
    assert pair.ws.subprotocol == "chat"
    assert pair.ws.response is pair.joined.response
    assert (pair.ws.closed, pair.ws.close_code, pair.ws.close_reason) == (False, None, None)
    assert repr(pair.ws) == f"<{type(pair.ws).__name__} [open] {URL_.redacted()}>"


def test_how_it_has_ended(pair: Pair) -> None:
    pair.talking.come(wswire.close(3000, b"enough"))

    assert (pair.ws.closed, pair.ws.close_code, pair.ws.close_reason) == (True, 3000, "enough")
    assert "[closed, 3000]" in repr(pair.ws)


# Sending


def test_messages_are_sent(pair: Pair) -> None:
    pair.do("send_text", "text")
    pair.do("send_bytes", b"bytes")
    pair.do("send_bytes", bytearray(b"more"), compress=False)
    pair.do("send_json", {"a": [1, "é"]})

    assert pair.talking.heard() == ["text", b"bytes", b"more", '{"a":[1,"é"]}']


@pytest.mark.parametrize(("name", "wrong"), [("send_text", b"bytes"), ("send_text", {"a": 1}), ("send_bytes", "text")])
def test_what_a_message_cannot_be_made_of_is_not_sent(pair: Pair, name: str, wrong: Any) -> None:
    with pytest.raises(TypeError, match=rf"{name}\(\) takes .* not {type(wrong).__name__}; send_"):
        pair.do(name, wrong)
    pair.do("send_text", "still open")

    assert pair.talking.heard() == ["still open"]


def test_what_json_has_nothing_for_is_not_sent(pair: Pair) -> None:
    with pytest.raises(InvalidRequest, match="json: Out of range"):
        pair.do("send_json", [float("nan")])

    assert pair.talking.heard() == []


def test_a_codec_that_gives_bytes_is_fine(pair: Pair) -> None:
    pair.joined.dumps = lambda value: bytearray(b"[1]")  # type: ignore[assignment, return-value]
    pair.do("send_json", [1])

    assert pair.talking.heard() == ["[1]"]


@pytest.mark.parametrize(("name", "message"), [("send_text", "more"), ("send_bytes", b"more")])
def test_a_message_waits_for_room(pair: Pair, name: str, message: str | bytes) -> None:
    pair.talking.stuff()
    pair.at_wait = [pair.talking.drain]
    pair.do(name, message)

    assert pair.talking.heard() == [b"stuffing", message]


@pytest.mark.parametrize(("name", "message"), [("send_text", "large"), ("send_bytes", b"large")])
def test_plain_code_waits_until_the_message_has_left(pair: Pair, name: str, message: str | bytes) -> None:
    """Nobody else would see to that; an event loop does."""
    if pair.is_async:
        pair.talking.host.turn = None
    pair.talking.carrier.takes = False
    pair.at_wait = [pair.talking.drain]
    pair.do(name, message)
    assert pair.talking.carrier.pending is pair.is_async
    pair.talking.drain()

    assert pair.talking.heard() == [message]


def test_a_task_waits_for_room_before_its_message_and_not_after() -> None:
    pair = Pair(AsyncWebSocket)
    pair.talking.host.turn = None
    pair.talking.stuff()
    doing = Doing(pair.ws.send_text("more"))
    assert not doing.ended
    pair.talking.carrier.takes = False
    pair.talking.drain()

    assert doing.go().ended
    pair.talking.drain()
    assert pair.talking.heard() == [b"stuffing", "more"]


def test_nothing_is_sent_after_the_end(pair: Pair) -> None:
    pair.talking.come(wswire.close(1000))
    calls = [("send_text", "a"), ("send_bytes", b"a"), ("send_json", 1), ("send", ["a"]), ("ping",)]
    for name, *args in calls:
        with pytest.raises(ConnectionClosed):
            pair.do(name, *args)


def test_a_message_in_pieces(pair: Pair) -> None:
    pair.do("send", ["in ", "pieces"])
    pair.do("send", iter([b"of ", b"bytes"]), compress=True)
    pair.do("send", [])

    assert pair.talking.heard() == ["in pieces", b"of bytes", b""]
    assert not pair.talking.talk.blocked


def test_pieces_wait_for_room(pair: Pair) -> None:
    def pieces() -> Iterator[str]:
        pair.talking.carrier.takes = False
        yield "in "
        yield "pieces"

    pair.at_wait = [pair.talking.drain] * 3
    pair.do("send", pieces())

    assert pair.talking.heard() == ["in pieces"]


def test_pieces_may_be_asynchronous() -> None:
    async def pieces() -> AsyncIterator[str]:
        yield "in "
        await asyncio.sleep(0)
        yield "pieces"

    pair = Pair(AsyncWebSocket)
    pair.talking.host.turn = None
    asyncio.run(pair.ws.send(pieces()))

    assert pair.talking.heard() == ["in pieces"]


def test_plain_code_takes_no_asynchronous_pieces() -> None:
    async def pieces() -> AsyncIterator[str]:
        yield "never"

    pair = Pair(WebSocket)
    with pytest.raises(InvalidRequest, match="asynchronous iterable") as caught:
        pair.do("send", pieces())

    assert "AsyncClient" in caught.value.hint


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        ("text", "send_text() takes a whole one"),
        (b"bytes", "send_bytes() takes a whole one"),
        (bytearray(b"bytes"), "send_bytes() takes a whole one"),
        (memoryview(b"bytes"), "send_bytes() takes a whole one"),
        ({"a": 1}, "send_json() takes a value"),
        (5, ""),
    ],
)
def test_what_is_no_pieces_of_a_message(pair: Pair, wrong: Any, hint: str) -> None:
    with pytest.raises(InvalidRequest, match=f"the pieces of a message, not {type(wrong).__name__}") as caught:
        pair.do("send", wrong)

    assert caught.value.hint == hint
    assert pair.talking.heard() == []
    assert not pair.talking.talk.blocked


def test_pieces_that_end_with_an_error_end_it(pair: Pair) -> None:
    def pieces() -> Iterator[str]:
        yield "half"
        raise KeyError("lost")

    with pytest.raises(KeyError, match="lost"):
        pair.do("send", pieces())

    assert pair.talking.heard() == [Close(1011, "")]
    assert pair.ws.closed


def test_pieces_of_two_kinds_end_it(pair: Pair) -> None:
    with pytest.raises(LocalProtocolError, match="either text or binary"):
        pair.do("send", ["text", b"bytes"])

    assert pair.ws.closed


def test_pieces_that_fail_before_the_first_cost_nothing(pair: Pair) -> None:
    with pytest.raises(ZeroDivisionError):
        pair.do("send", (1 // 0 for _ in range(1)))
    pair.do("send_text", "fine")

    assert pair.talking.heard() == ["fine"]


# Receiving


def test_messages_are_received(pair: Pair) -> None:
    pair.talking.say("a", b"b", "c", b"d", '{"e": 1}', b"[2]")

    assert pair.do("receive") == "a"
    assert pair.do("receive") == b"b"
    assert pair.do("receive_text") == "c"
    assert pair.do("receive_bytes") == b"d"
    assert pair.do("receive_json") == {"e": 1}
    assert pair.do("receive_json") == [2]


@pytest.mark.parametrize("name", ["receive", "receive_text"])
def test_a_message_is_waited_for(pair: Pair, name: str) -> None:
    pair.at_wait = [lambda: pair.talking.say("hello")]

    assert pair.do(name) == "hello"


@pytest.mark.parametrize("name", ["receive", "receive_text", "receive_bytes", "receive_json"])
def test_a_message_that_does_not_come_in_time(pair: Pair, name: str) -> None:
    pair.at_wait = [lambda: pair.talking.pass_time(2.0)]
    with pytest.raises(ReadTimeout, match="2 s"):
        pair.do(name, timeout=2.0)


@pytest.mark.parametrize("colour", [WebSocket, AsyncWebSocket])
def test_the_plain_timeout_of_the_client_holds_where_nobody_says_otherwise(
    colour: type[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = Pair(colour, wait=3.0)
    by_its_clock(pair.talking, monkeypatch)
    for name in ("receive", "receive_text"):
        pair.at_wait = [lambda: pair.talking.pass_time(3.0)]
        with pytest.raises(ReadTimeout, match="3 s"):
            pair.do(name)


@pytest.mark.parametrize(
    ("name", "message", "text"),
    [
        ("receive_text", b"a", "a binary message has come where a text one"),
        ("receive_bytes", "a", "a text message has come where a binary one"),
    ],
)
def test_a_message_of_the_other_kind_is_still_to_be_received(
    pair: Pair, name: str, message: str | bytes, text: str
) -> None:
    pair.talking.say(message, "next")
    with pytest.raises(WebSocketError, match=text):
        pair.do(name)

    assert pair.do("receive") == message
    assert pair.do("receive") == "next"


def test_what_is_no_json(pair: Pair) -> None:
    pair.talking.say("{")
    with pytest.raises(JSONError, match="a message"):
        pair.do("receive_json")


def test_a_codec_of_the_client_reads_json(pair: Pair) -> None:
    pair.joined.loads = lambda data: ("read", bytes(data))
    pair.talking.say("x")

    assert pair.do("receive_json") == ("read", b"x")


@pytest.mark.parametrize("code", [1000, 1001])
def test_iteration_gives_the_messages_up_to_the_end(pair: Pair, code: int) -> None:
    pair.talking.say("a", b"b")
    pair.at_wait = [lambda: pair.talking.come(wswire.frame(0x81, b"c") + wswire.close(code))]

    assert pair.messages() == ["a", b"b", "c"]
    assert pair.messages() == []


def test_another_end_is_an_error(pair: Pair) -> None:
    pair.talking.come(wswire.close(1011, b"why"))
    with pytest.raises(ConnectionClosed, match="1011, why"):
        pair.messages()


# Pings, and the end


def test_a_ping_tells_how_long_its_answer_took(pair: Pair) -> None:
    def answer() -> None:
        pair.talking.now += 0.5
        pair.talking.answer()

    pair.at_wait = [answer]
    assert pair.do("ping") == 0.5
    pair.at_wait = [lambda: pair.talking.pass_time(1.0)]
    with pytest.raises(ReadTimeout, match="the pong"):
        pair.do("ping", timeout=1.0)
    (ping,) = pair.talking.heard()

    assert isinstance(ping, Ping)
    assert len(ping.payload) == 8


def test_pings_have_their_own_names(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websockets_module, "_pings", iter([99_999_999, 100_000_000]))
    names = []
    for _ in range(2):
        pair.at_wait = [lambda: names.extend(pair.talking.answer())]
        pair.do("ping")

    assert names == [Ping(b"99999999"), Ping(b"00000000")]


def test_it_is_closed_once(pair: Pair) -> None:
    pair.at_wait = [pair.bid]
    pair.do("close", 3000, "enough")
    pair.do("close")
    if pair.is_async:
        pair.do("aclose")

    assert (pair.ws.close_code, pair.ws.close_reason) == (3000, "")


def test_a_goodbye_that_cannot_be_sent(pair: Pair) -> None:
    with pytest.raises(LocalProtocolError):
        pair.do("close", 1005)

    assert not pair.ws.closed


def test_a_with_says_goodbye(pair: Pair) -> None:
    pair.at_wait = [pair.bid]
    pair.within(lambda: None)

    assert pair.ws.close_code == 1000


def test_a_with_that_ends_with_an_error_waits_for_nobody(pair: Pair) -> None:
    def fail() -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        pair.within(fail)

    assert pair.talking.heard() == [Close(1001, "")]
    assert pair.talking.carrier.closed


# Others


@pytest.mark.parametrize("name", ["send_text", "send_bytes", "receive"])
def test_after_many_messages_without_a_wait_others_have_their_turn(name: str) -> None:
    pair = Pair(AsyncWebSocket)
    what = {"send_text": ("x",), "send_bytes": (b"x",), "receive": ()}[name]
    turns: list[int] = []
    pair.at_wait = [lambda: turns.append(pair.talking.talk.unbroken)]
    pair.talking.say(*["x"] * (UNBROKEN + 3))
    for _ in range(UNBROKEN):
        pair.do(name, *what)
    assert turns == []
    for _ in range(2):
        pair.do(name, *what)

    assert turns == [0]


def test_between_many_pieces_others_have_their_turn() -> None:
    pair = Pair(AsyncWebSocket)
    turns: list[int] = []
    pair.at_wait = [lambda: turns.append(pair.talking.talk.unbroken)]
    pair.do("send", ["x"] * (UNBROKEN + 10))

    assert turns == [0]
    assert pair.talking.heard() == ["x" * (UNBROKEN + 10)]


def test_an_error_that_tells_of_the_end_leaves_the_peer_time_to_end_the_link(pair: Pair) -> None:
    pair.talking.come(pair.talking.peer.close(1000))
    pair.at_wait = [lambda: pair.talking.come(b"")]
    with pytest.raises(ConnectionClosed):
        pair.within(lambda: pair.do("receive"))

    assert pair.at_wait == []
    assert pair.talking.carrier.closed


def test_an_error_of_another_websocket_ends_this_one_at_once(pair: Pair) -> None:
    def fail() -> None:
        raise ConnectionClosed(code=1000)

    with pytest.raises(ConnectionClosed):
        pair.within(fail)

    assert pair.talking.heard() == [Close(1001, "")]
    assert pair.talking.carrier.closed
