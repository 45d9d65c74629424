"""The server's side of an HTTP/2 connection, against the client's engine and against bare frames."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import serverwire
from serverwire import DATED, Pieces, failing, plain, stubborn

from courser.core.reactor import READ, WRITE, Reactor
from courser.engines.events import End, ResponseHead
from courser.engines.http2 import HTTP2_LIMITS, ClientEngine, ErrorCode, Stream
from courser.engines.http2.frames import goaway, headers
from courser.server import http2
from courser.server.app import Reply, ServerRequest
from courser.server.connection import LINGER
from courser.server.http2 import ANSWERS_MOST, ENOUGH, HTTP2ServerConnection
from courser.server.websocket import WebSocketReply

NAMES = ("settings", "pings", "resets", "others", "updates", "empty", "queued")


class Talk(serverwire.Talk):
    """A connection, the wire that leads to it, and a client's engine at the other end."""

    connection: HTTP2ServerConnection

    def __init__(self, handler: Callable[[ServerRequest], Reply] = plain, window: int = 2**20, **options: Any) -> None:
        super().__init__(HTTP2ServerConnection, handler, **options)
        limits = HTTP2_LIMITS._replace(stream_window=window, max_stream_window=window)
        self.client = ClientEngine(limits=limits)
        self._read = 0
        self.turn()

    def turn(self, now: float = 0.0) -> None:
        """Carry to and fro what both have to say."""
        while True:
            asked = self.client.outgoing()
            if asked:
                self.say(asked, now=now)
            if self.wire.room and self.connection.pending:
                self.take(self.wire.room, now)
            said = bytes(self.wire.out[self._read :])
            self._read += len(said)
            if said:
                self.client.receive(said, now)
            if not asked and not said:
                return

    def ask(self, method: str, path: str, length: int | None = -1, fields: bytes = b"") -> Stream:
        return self.client.start(method.encode(), path.encode(), b"x", fields, length)

    def get(self, path: str = "/a") -> Stream:
        """Ask, and let the answer come."""
        stream = self.ask("GET", path)
        self.turn()
        return stream

    def put(self, body: bytes, path: str = "/a") -> Stream:
        stream = self.ask("PUT", path, len(body))
        self.client.send_data(stream, body)
        self.turn()
        return stream

    def taken(self, stream: Stream, now: float = 0.0) -> int:
        """Read what has come of a body; gives how much that was."""
        size = sum(len(event) for event in stream.events if type(event) is bytes)
        stream.events.clear()
        self.client.consumed(stream, size)
        self.turn(now)
        return size


def status_of(stream: Stream) -> int:
    head = stream.events[0]
    assert isinstance(head, ResponseHead)
    return head.status


def body_of(stream: Stream) -> bytes:
    assert isinstance(stream.events[-1], End)
    return b"".join(event for event in stream.events if type(event) is bytes)


def has_failed(stream: Stream) -> bool:
    return stream.error is not None


# Requests and answers


def test_many_requests_are_answered() -> None:
    talk = Talk()
    streams = [talk.ask("GET", f"/{number}") for number in range(50)]
    talk.turn()

    assert [body_of(stream).decode() for stream in streams] == [f"GET /{number} " for number in range(50)]
    assert all(stream.closed for stream in streams)
    assert not talk.connection.engine.streams


def test_a_request_has_all_that_one_in_http_1_has() -> None:
    seen: list[ServerRequest] = []

    def handler(request: ServerRequest) -> Reply:
        seen.append(request)
        return Reply(status=204)

    talk = Talk(handler)
    stream = talk.ask("GET", "/a?b=c", fields=b"X-Y: z\r\n")
    talk.turn()

    (request,) = seen
    assert (request.method, request.target, request.http_version) == ("GET", "/a?b=c", "HTTP/2")
    assert request.headers.multi_items() == [("host", "x"), ("x-y", "z")]
    assert (status_of(stream), body_of(stream)) == (204, b"")


def test_a_body_is_collected() -> None:
    talk = Talk()

    assert body_of(talk.put(b"hello")) == b"PUT /a hello"
    assert body_of(talk.put(b"x" * 300_000)) == b"PUT /a " + b"x" * 300_000
    assert talk.connection._held == 0


def test_a_body_in_two_turns() -> None:
    talk = Talk()
    stream = talk.ask("PUT", "/a", None)
    talk.client.send_data(stream, b"he")
    talk.turn()
    assert stream.events == []

    talk.client.send_data(stream, b"llo")
    talk.client.send_end(stream)
    talk.turn()

    assert body_of(stream) == b"PUT /a hello"


@pytest.mark.parametrize(
    ("reply", "got"),
    [
        (lambda: Reply(iter([b"ab", b"", b"c"]), headers=DATED), b"abc"),
        (lambda: Reply([b"ab", b"c"], length=3, headers=DATED), b"abc"),
        (lambda: Reply(b"x" * 700_000, headers=DATED), b"x" * 700_000),
        (lambda: Reply([b"x" * 70_000] * 10, headers=DATED), b"x" * 700_000),
        (lambda: Reply(iter(()), headers=DATED), b""),
        (lambda: Reply([], length=0, headers=DATED), b""),
        (lambda: Reply(headers=DATED), b""),
    ],
    ids=["pieces", "length", "large", "large pieces", "nothing", "length 0", "empty"],
)
def test_replies_are_framed(reply: Callable[[], Reply], got: bytes) -> None:
    talk = Talk(lambda request: reply())

    assert body_of(talk.get()) == got
    assert not talk.app.errors


def test_the_answer_to_head_has_a_length_and_no_body() -> None:
    body = Pieces(b"x", 3)
    talk = Talk(lambda request: Reply(body, length=3) if request.path == "/made" else Reply(b"abc"))

    for path in ("/a", "/made"):
        stream = talk.ask("HEAD", path)
        talk.turn()
        head = stream.events[0]
        assert isinstance(head, ResponseHead)
        assert (head.length, body_of(stream)) == (3, b"")
    assert (body.taken, body.closed) == (0, 1)


def test_trailers_follow_a_body() -> None:
    talk = Talk(lambda request: Reply(b"abc", trailers={"X-Sum": "6"}))

    stream = talk.get()

    end = stream.events[-1]
    assert isinstance(end, End)
    assert (body_of(stream), end.trailers) == (b"abc", b"x-sum: 6\r\n")


def test_a_client_that_is_asked_to_go_on_goes_on() -> None:
    talk = Talk()
    stream = talk.ask("PUT", "/a", 2, b"Expect: 100-continue\r\n")
    talk.turn()
    assert (status_of(stream), len(stream.events)) == (100, 1)

    talk.client.send_data(stream, b"hi")
    talk.turn()

    assert body_of(stream) == b"PUT /a hi"


def test_a_client_that_has_gone_on_already_is_not_asked_to() -> None:
    talk = Talk()
    stream = talk.ask("PUT", "/a", 2, b"Expect: 100-continue\r\n")
    talk.client.send_data(stream, b"hi")
    talk.turn()

    assert status_of(stream) == 200


def test_a_sink_takes_a_body_of_any_size() -> None:
    seen: list[bytes] = []
    talk = Talk(sink=lambda request: seen.append if request.path == "/sink" else None, max_body=3)

    assert body_of(talk.put(b"x" * 3_000_000, "/sink")) == b"PUT /sink "
    assert b"".join(seen) == b"x" * 3_000_000
    assert body_of(talk.put(b"abc")) == b"PUT /a abc"


@pytest.mark.parametrize("length", [9, None])
def test_a_body_that_is_too_large_is_refused_and_only_that(length: int | None) -> None:
    talk = Talk(max_body=3)
    stream = talk.ask("PUT", "/a", length)
    talk.client.send_data(stream, b"abcd")
    talk.turn()

    assert (status_of(stream), body_of(stream)) == (413, b"the body is too large\n")
    assert (stream.code, stream.stopped, has_failed(stream)) == (ErrorCode.NO_ERROR, True, False)
    assert talk.connection._held == 0
    assert body_of(talk.get()) == b"GET /a "


def test_what_comes_after_a_refusal_that_waits_is_of_no_interest() -> None:
    """The client's window for answers is full, so the refusal cannot be sent, and it sends on."""
    talk = Talk(max_body=3, window=10)
    stream = talk.ask("PUT", "/a", 9)
    talk.turn()
    assert (status_of(stream), stream.stopped) == (413, False)

    talk.client.send_data(stream, b"abcd")
    talk.turn()
    assert not stream.stopped

    while talk.taken(stream):
        pass
    assert (stream.stopped, has_failed(stream)) == (True, False)


def test_no_tunnel_is_made() -> None:
    talk = Talk()

    stream = talk.ask("CONNECT", "")
    talk.turn()

    assert status_of(stream) == 501
    assert stream.closed
    assert body_of(talk.get()) == b"GET /a "


def test_a_websocket_needs_http1() -> None:
    talk = Talk(lambda request: WebSocketReply(lambda ws, message: None))
    stream = talk.get()

    assert status_of(stream) == 501
    assert body_of(stream) == b"here a WebSocket needs HTTP/1.1\n"


def test_a_handler_that_fails_costs_one_request() -> None:
    talk = Talk(lambda request: Reply() if request.path == "/a" else Reply(status=1))

    assert status_of(talk.get("/b")) == 500
    assert isinstance(talk.app.errors[0], ValueError)
    assert status_of(talk.get()) == 200


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (lambda: Reply(failing()), "x"),
        (lambda: Reply([b"abc"], length=2), "too much data"),
        (lambda: Reply([b"abc"], length=4), "too little data"),
        (lambda: Reply(stubborn(), length=10), "too much data"),
    ],
)
def test_a_body_that_fails_ends_its_stream(reply: Callable[[], Reply], error: str) -> None:
    talk = Talk(lambda request: reply() if request.path == "/b" else Reply(b"fine"))

    stream = talk.get("/b")

    assert stream.code == ErrorCode.INTERNAL_ERROR
    assert error in str(talk.app.errors[0])
    assert body_of(talk.get()) == b"fine"
    assert not talk.connection._sources


def test_an_error_in_the_end_of_a_body_is_kept() -> None:
    talk = Talk(lambda request: Reply(stubborn()))
    stream = talk.get()

    talk.client.reset(stream)
    talk.turn()

    assert [str(error) for error in talk.app.errors] == ["late"]


@pytest.mark.parametrize("at", ["head", "body"])
def test_a_sink_that_fails_costs_one_request(at: str) -> None:
    def take(piece: bytes) -> None:
        raise LookupError("x")

    def sink(request: ServerRequest) -> Callable[[bytes], object] | None:
        if request.path == "/a":
            return None
        return take if at == "body" else take(b"")

    talk = Talk(sink=sink)

    stream = talk.put(b"abc", "/b")

    assert stream.code == ErrorCode.INTERNAL_ERROR
    assert [str(error) for error in talk.app.errors] == ["x"]
    assert body_of(talk.put(b"abc")) == b"PUT /a abc"


# Backpressure


def test_a_body_is_made_only_as_fast_as_its_stream_takes_it() -> None:
    body = Pieces(b"x" * 1000, 500)
    talk = Talk(lambda request: Reply(body, length=500_000), window=100_000)
    most = (100_000 + ENOUGH) // 1000 + 1

    stream = talk.get()
    assert 100 < body.taken <= most
    assert body.taken < 200

    size = 0
    while taken := talk.taken(stream):
        size += taken
        assert body.taken * 1000 <= size + 100_000 + ENOUGH + 1000
    assert (size, body.taken, body.closed, stream.received) == (500_000, 500, 1, True)


def test_who_reads_one_answer_slowly_gets_the_others() -> None:
    body = Pieces(b"x" * 1000)
    talk = Talk(lambda request: Reply(body) if request.path == "/slow" else Reply([b"y" * 1000] * 90), window=100_000)
    slow = [talk.get("/slow") for _ in range(5)]
    taken = body.taken

    for _ in range(5):
        assert body_of(talk.get()) == b"y" * 90_000

    assert body.taken == taken
    assert not any(stream.closed for stream in slow)


def test_answers_take_turns() -> None:
    talk = Talk(lambda request: Reply([b"x" * 1000] * 100))
    talk.wire.room = 0
    streams = [talk.ask("GET", "/a") for _ in range(4)]
    talk.say(talk.client.outgoing())

    talk.take(160_000)
    talk.turn()

    sizes = [sum(len(event) for event in stream.events if type(event) is bytes) for stream in streams]
    assert min(sizes) >= 16_384
    assert max(sizes) <= min(sizes) + 2 * 16_384


def test_nothing_is_made_for_a_link_that_takes_nothing_and_windows_are_read() -> None:
    body = Pieces(b"x" * 1000)
    talk = Talk(lambda request: Reply(body))
    talk.wire.room = 1000

    talk.get()
    taken = body.taken
    assert (taken <= ENOUGH // 1000 + 1, talk.wire.interest) == (True, READ | WRITE)

    talk.get("/b")
    assert body.taken == taken

    talk.take(2**30)
    talk.turn()
    assert body.taken > 1000


def test_a_fast_client_leaves_the_others_their_turn() -> None:
    body = Pieces(b"x" * 100_000, 30)
    talk = Talk(lambda request: Reply(body, length=3_000_000), window=2**24)
    talk.client.outgoing()
    talk.connection.engine._outbox.credit = 2**24

    talk.ask("GET", "/a")
    talk.say(talk.client.outgoing())

    assert 10 <= body.taken <= 13
    assert talk.wire.interest == READ | WRITE
    for _ in range(3):
        talk.take(2**30)
    assert (body.taken, talk.wire.interest) == (30, READ)


def test_a_client_that_asks_and_does_not_read_is_not_read() -> None:
    talk = Talk(lambda request: Reply(status=204), max_concurrent_streams=10_000)
    talk.wire.room = 0
    talk.ask("GET", "/a")
    talk.say(talk.client.outgoing())
    for _ in range(ANSWERS_MOST):
        talk.ask("GET", "/a")
    talk.say(talk.client.outgoing())
    assert talk.wire.interest == READ | WRITE

    talk.ask("GET", "/a")
    talk.say(talk.client.outgoing())
    assert talk.wire.interest == WRITE

    talk.take(2**30)
    assert talk.wire.interest == READ
    talk.turn()
    assert not talk.client.streams


def test_of_much_that_is_collected_the_oldest_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http2, "HELD_MOST", 1_000_000)
    talk = Talk(lambda request: Reply(b"%d" % len(request.body)))
    window = 671_088
    size = 3_000_000
    streams = [talk.ask("PUT", f"/{number}", size) for number in range(3)]
    for stream in streams:
        talk.client.send_data(stream, b"x" * (size - 1))
    talk.turn()

    assert streams[0].queued == 0
    assert all(stream.queued > size - 1_000_000 - window for stream in streams[1:])
    assert talk.connection._held < 1_000_000 + size + 2 * window

    for stream in streams:
        talk.client.send_data(stream, b"x")
        talk.turn()
        assert body_of(stream) == b"%d" % size
    assert (talk.connection._held, talk.connection._collecting) == (0, {})


def test_a_request_that_is_given_up_is_held_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http2, "HELD_MOST", 1_000_000)
    talk = Talk()
    streams = [talk.ask("PUT", f"/{number}", 3_000_000) for number in range(2)]
    for stream in streams:
        talk.client.send_data(stream, b"x" * 2_999_999)
    talk.turn()
    assert streams[1].queued

    talk.client.reset(streams[0])
    talk.turn()

    assert streams[1].queued == 0
    assert talk.connection._held == 2_999_999


@pytest.mark.parametrize("streams", [0, 1, 100, 5000])
def test_all_windows_together_fit_into_what_may_lie_unread(streams: int) -> None:
    talk = Talk(max_concurrent_streams=streams)

    assert talk.client.peer.streams == streams
    assert 0 < talk.client.peer.window * streams <= HTTP2_LIMITS.unread or not streams


def test_no_more_than_so_many_streams_are_open() -> None:
    body = Pieces(b"x" * 1000)
    talk = Talk(lambda request: Reply(body), max_concurrent_streams=2)
    talk.get()
    talk.get()
    assert talk.client.capacity == 0

    talk.client.peer.streams = 3
    stream = talk.get()

    assert (stream.refused, has_failed(stream)) == (True, True)


# Resets


def test_a_stream_that_is_reset_is_no_longer_made() -> None:
    body = Pieces(b"x" * 1000)
    talk = Talk(lambda request: Reply(body))
    stream = talk.get()
    taken = body.taken

    talk.client.reset(stream)
    talk.turn()

    assert (body.taken, body.closed) == (taken, 1)
    assert not talk.connection._sources


def test_a_request_that_is_reset_at_once_is_not_answered() -> None:
    """CVE-2023-44487."""
    asked: list[str] = []

    def handler(request: ServerRequest) -> Reply:
        asked.append(request.path)
        return Reply()

    talk = Talk(handler)
    talk.client.reset(talk.ask("GET", "/a"))
    talk.turn()

    assert asked == []
    assert not talk.connection.engine.streams


def test_a_request_that_is_reset_while_its_refusal_waits() -> None:
    talk = Talk(max_body=3, window=10)
    stream = talk.ask("PUT", "/a", 9)
    talk.turn()

    talk.client.reset(stream)
    talk.turn()

    assert talk.connection._early == []
    assert not talk.connection.closed


# The end of a connection


def test_after_so_many_requests_it_goes_away() -> None:
    talk = Talk(max_streams=2)
    first = talk.get()
    assert talk.client.goaway is None

    second = talk.get()

    assert (body_of(first), body_of(second)) == (b"GET /a ", b"GET /a ")
    assert talk.client.goaway == (second.id, ErrorCode.NO_ERROR, b"")
    assert (talk.wire.finished, talk.connection.closed, talk.connection.deadline) == (1, False, LINGER)

    talk.say(b"more")
    assert not talk.connection.closed
    talk.say(b"")
    assert talk.connection.closed


def test_what_is_under_way_is_answered_before_it_goes_away() -> None:
    talk = Talk(max_streams=1)
    stream = talk.ask("PUT", "/a", 5)
    talk.turn()
    assert (talk.client.draining, talk.wire.finished) == (True, 0)

    talk.client.send_data(stream, b"hello")
    talk.turn()

    assert body_of(stream) == b"PUT /a hello"
    assert talk.wire.finished == 1


def test_a_handler_may_close() -> None:
    talk = Talk(lambda request: Reply(headers={"Connection": "close"}))

    stream = talk.get()

    assert status_of(stream) == 200
    assert (talk.client.goaway, talk.wire.finished) == ((stream.id, ErrorCode.NO_ERROR, b""), 1)


def test_a_client_that_goes_away_is_let_go_when_it_has_its_answers() -> None:
    talk = Talk()
    stream = talk.ask("PUT", "/a", 5)
    talk.client.shutdown()
    talk.turn()
    assert talk.wire.finished == 0

    talk.client.send_data(stream, b"hello")
    talk.turn()

    assert body_of(stream) == b"PUT /a hello"
    assert talk.wire.finished == 1


def test_a_client_that_goes_away_may_be_told_to() -> None:
    talk = Talk(lambda request: Reply(headers={"Connection": "close"}))
    stream = talk.ask("GET", "/a")
    talk.client.shutdown()

    talk.turn()

    assert (status_of(stream), talk.wire.finished) == (200, 1)


def test_what_breaks_the_protocol_is_said_so() -> None:
    talk = Talk()

    said = talk.say(headers(2, b"\x82", 16384, end=True), now=3.0)

    assert said.startswith(goaway(0, ErrorCode.PROTOCOL_ERROR))
    assert (talk.wire.finished, talk.connection.closed, talk.connection.deadline) == (1, False, 3.0 + LINGER)
    talk.connection.expire(3.0 + LINGER)
    assert (talk.connection.closed, talk.open) == (True, set())


def test_what_is_no_preface_is_said_so() -> None:
    talk = serverwire.Talk(HTTP2ServerConnection, plain)

    said = talk.say(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")

    assert said[3] == 4
    assert goaway(0, ErrorCode.PROTOCOL_ERROR) in said
    assert talk.wire.finished == 1


def test_the_servers_settings_wait_for_nobody() -> None:
    talk = serverwire.Talk(HTTP2ServerConnection, plain, timeout=7.0)
    reactor = Reactor()

    talk.connection.serve(reactor, 3.0)

    assert (talk.wire.out[3], talk.connection.deadline) == (4, 10.0)
    talk.connection.close()
    reactor.close()


def test_the_end_of_an_idle_connection_is_its_end() -> None:
    talk = Talk()
    talk.get()

    talk.say(b"")

    assert (talk.connection.closed, talk.open) == (True, set())


def test_who_sends_no_more_gets_what_has_been_begun() -> None:
    body = Pieces(b"x" * 1000, 5)
    talk = Talk(lambda request: Reply(body, length=5000))
    talk.wire.room = 100
    talk.ask("GET", "/a")

    talk.say(talk.client.outgoing(), b"")
    assert (talk.connection.closed, talk.wire.interest) == (False, WRITE)

    talk.take(2**30)
    assert talk.connection.closed
    assert talk.wire.out.count(b"x") >= 5000


def test_a_peer_that_takes_nothing_any_more_is_let_go() -> None:
    body = Pieces(b"x" * 1000)
    talk = Talk(lambda request: Reply(body))
    talk.wire.room = 1000
    talk.get()
    talk.wire.closed = True

    talk.take(2**30)

    assert (talk.connection.closed, body.closed) == (True, 1)


def test_a_peer_that_is_gone_before_the_answer_costs_nothing() -> None:
    talk = Talk()
    talk.wire.closed = True

    talk.get()

    assert (talk.connection.closed, talk.open) == (True, set())


def test_a_reset_is_an_end() -> None:
    talk = Talk()

    talk.say(ConnectionResetError())

    assert talk.connection.closed


def test_a_close_says_what_was_answered() -> None:
    body = Pieces(b"x" * 1000)
    talk = Talk(lambda request: Reply(body), window=10_000)
    stream = talk.get()

    talk.connection.close()
    talk.connection.close()
    talk.turn()

    assert talk.client.goaway == (stream.id, ErrorCode.NO_ERROR, b"")
    assert (body.closed, talk.wire.closed) == (1, True)


# Time


def test_a_silent_client_is_given_up() -> None:
    talk = Talk(timeout=7.0)
    reactor = Reactor()
    talk.connection.serve(reactor, 0.0)
    talk.ask("GET", "/a")
    talk.turn(now=3.0)
    assert talk.connection.deadline == 7.0

    talk.connection.expire(7.0)
    assert (talk.connection.closed, talk.connection.deadline) == (False, 10.0)

    talk.connection.expire(10.0)
    assert talk.connection.closed
    talk.turn()
    assert talk.client.goaway is not None
    reactor.close()


def test_a_stream_that_stalls_is_given_up_and_no_other() -> None:
    bodies = [Pieces(b"x" * 1000), Pieces(b"x" * 1000)]
    talk = Talk(lambda request: Reply(bodies.pop(0)), timeout=10.0, window=10_000)
    stalled = talk.get()
    moving = talk.get()

    for now in (5.0, 9.0, 14.0, 19.0):
        talk.taken(moving, now)
        talk.connection.expire(now)
        assert not stalled.closed
    talk.taken(moving, 20.0)
    talk.connection.expire(25.0)
    talk.turn()

    assert (stalled.code, moving.closed, talk.connection.closed) == (ErrorCode.CANCEL, False, False)
    assert talk.connection.deadline == 30.0


def test_an_upload_that_stalls_is_given_up() -> None:
    talk = Talk(timeout=10.0)
    stream = talk.ask("PUT", "/a", 10)
    talk.client.send_data(stream, b"12345")
    talk.turn(now=1.0)

    for now in (10.0, 15.0, 21.0):
        talk.client.ping()
        talk.turn(now)
        talk.connection.expire(now)
    talk.turn(now=21.0)

    assert (stream.code, talk.connection._held) == (ErrorCode.CANCEL, 0)
