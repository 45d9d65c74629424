"""The server's side of a connection: wire cases, backpressure, and every way in which it may end."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import serverwire
from serverwire import DATED, Pieces, Wire, failing, plain, stubborn

from courser.core.reactor import READ, WRITE, Reactor
from courser.engines.websocket import Handshake
from courser.server.app import HTTP1, HTTP2, Reply
from courser.server.connection import LINGER
from courser.server.http1 import HTTP1ServerConnection
from courser.server.http2 import HTTP2ServerConnection
from courser.server.websocket import WebSocketReply, WebSocketServerConnection

Talk = partial(serverwire.Talk, HTTP1ServerConnection)


def answer(body: bytes, status: bytes = b"200 OK", more: bytes = b"") -> bytes:
    return b"HTTP/1.1 %b\r\nDate: now\r\nContent-Length: %d\r\n%b\r\n%b" % (status, len(body), more, body)


CLOSING = b"Connection: close\r\n"
GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"

CASES: list[tuple[str, bytes, bytes, bool]] = [
    ("a request without a body", GET, answer(b"GET /a "), False),
    (
        "a body with a length",
        b"POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
        answer(b"POST /b hello"),
        False,
    ),
    (
        "a chunked body",
        b"POST /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        answer(b"POST /b hello"),
        False,
    ),
    (
        "requests one after the other",
        GET + b"POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx" + GET,
        answer(b"GET /a ") + answer(b"POST /b x") + answer(b"GET /a "),
        False,
    ),
    (
        "HEAD has the head of GET",
        b"HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 8\r\n\r\n",
        False,
    ),
    (
        "the client closes",
        b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        answer(b"GET /a ", more=CLOSING),
        True,
    ),
    ("HTTP/1.0 closes", b"GET /a HTTP/1.0\r\n\r\n", answer(b"GET /a ", more=CLOSING), True),
    (
        "HTTP/1.0 may live on",
        b"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        answer(b"GET /a ", more=b"Connection: keep-alive\r\n"),
        False,
    ),
]


@pytest.mark.parametrize(("sent", "reply", "closes"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
@pytest.mark.parametrize("size", [1, 7, 2**20])
def test_requests_are_answered_however_they_are_cut(sent: bytes, reply: bytes, closes: bool, size: int) -> None:
    talk = Talk(plain)

    said = talk.say(*(sent[at : at + size] for at in range(0, len(sent), size)))

    assert said == reply
    assert (talk.connection.closed, talk.wire.closed, not talk.open) == (closes, closes, closes)


def chunks(*pieces: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (*pieces, b""))


@pytest.mark.parametrize(
    ("reply", "sent", "got"),
    [
        (
            lambda: Reply(iter([b"ab", b"", b"c"]), headers=DATED),
            GET,
            b"HTTP/1.1 200 OK\r\nDate: now\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks(b"ab", b"c"),
        ),
        (lambda: Reply([b"ab", b"c"], headers=DATED, length=3), GET, answer(b"abc")),
        (
            lambda: Reply([b"x" * 70_000], headers=DATED),
            GET,
            b"HTTP/1.1 200 OK\r\nDate: now\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks(b"x" * 70_000),
        ),
        (lambda: Reply(b"x" * 70_000, headers=DATED), GET, answer(b"x" * 70_000)),
        (
            lambda: Reply([b"ab"], headers=DATED),
            b"GET /a HTTP/1.0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nDate: now\r\nConnection: close\r\n\r\nab",
        ),
        (lambda: Reply(status=204, headers=DATED), GET, b"HTTP/1.1 204 No Content\r\nDate: now\r\n\r\n"),
        (lambda: Reply(status=304, headers=DATED), GET, b"HTTP/1.1 304 Not Modified\r\nDate: now\r\n\r\n"),
        (lambda: Reply(headers=DATED), GET, answer(b"")),
    ],
    ids=["chunked", "length", "large chunk", "large bytes", "HTTP/1.0 until close", "204", "304", "empty"],
)
def test_replies_are_framed(reply: Callable[[], Reply], sent: bytes, got: bytes) -> None:
    assert Talk(lambda request: reply()).say(sent) == got


def test_a_reply_is_dated() -> None:
    assert b"\r\nDate: " in Talk(lambda request: Reply()).say(GET)


def test_a_body_that_head_does_not_want_is_closed_untouched() -> None:
    body = Pieces(b"x", 3)
    talk = Talk(lambda request: Reply(body, length=3))

    talk.say(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")

    assert (body.taken, body.closed, talk.connection.closed) == (0, 1, False)


def test_a_body_is_made_only_as_fast_as_the_peer_takes_it() -> None:
    body = Pieces(b"x" * 1000, 50)
    talk = Talk(lambda request: Reply(body, length=50_000, headers=DATED), room=2_000)

    talk.say(GET)
    assert (body.taken, talk.wire.interest) == (2, WRITE)

    talk.take(0)
    assert body.taken == 2

    talk.take(10_000)
    assert 11 <= body.taken <= 13

    talk.take(2**30)
    assert (body.taken, body.closed, talk.wire.interest) == (50, 1, READ)
    assert bytes(talk.wire.out) == answer(b"x" * 50_000)
    assert talk.say(GET).startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_fast_peer_leaves_the_others_their_turn() -> None:
    body = Pieces(b"x" * 100_000, 15)
    talk = Talk(lambda request: Reply(body, length=1_500_000, headers=DATED))

    talk.say(GET)
    assert (body.taken, talk.wire.interest) == (11, WRITE)

    talk.take(2**30)
    assert (body.taken, talk.wire.interest) == (15, READ)
    assert bytes(talk.wire.out) == answer(b"x" * 1_500_000)


def test_pipelined_requests_wait_until_an_answer_is_taken() -> None:
    talk = Talk(plain, room=10)

    talk.say(GET + GET + GET)
    assert (len(talk.wire.out), talk.wire.interest) == (10, WRITE)

    talk.take(2**30)
    assert bytes(talk.wire.out) == 3 * answer(b"GET /a ")
    assert talk.wire.interest == READ


def test_a_client_that_is_asked_to_go_on_goes_on() -> None:
    talk = Talk(plain)
    sent = b"PUT /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"

    assert talk.say(sent) == b"HTTP/1.1 100 \r\n\r\n"
    assert talk.say(b"hi") == answer(b"PUT /a hi")


def test_a_client_that_has_gone_on_already_is_not_asked_to() -> None:
    sent = b"PUT /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi"

    assert Talk(plain).say(sent) == answer(b"PUT /a hi")


def test_a_sink_takes_a_body_of_any_size() -> None:
    seen: list[bytes] = []
    talk = Talk(plain, sink=lambda request: seen.append if request.path == "/sink" else None, max_body=3)

    assert talk.say(b"PUT /sink HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc", b"def") == answer(b"PUT /sink ")
    assert seen == [b"abc", b"def"]
    assert talk.say(b"PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc") == answer(b"PUT /a abc")


TOO_LARGE = b"HTTP/1.1 413 Content Too Large\r\n"


@pytest.mark.parametrize(
    "sent",
    [
        b"PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n",
        b"PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc",
        b"PUT /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n",
        b"PUT /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n",
    ],
)
def test_a_body_that_is_too_large_is_refused_and_its_sender_may_read_that(sent: bytes) -> None:
    talk = Talk(plain, max_body=3)

    said = talk.say(sent, now=5.0)

    assert said.startswith(TOO_LARGE)
    assert CLOSING in said
    assert (talk.wire.finished, talk.connection.closed, talk.wire.interest) == (1, False, READ)
    assert talk.connection.deadline == 5.0 + LINGER

    assert talk.say(b"more", b"\0\r\n\r\n") == b""
    assert not talk.connection.closed

    talk.say(b"")
    assert talk.connection.closed


def test_a_handler_may_close() -> None:
    talk = Talk(lambda request: Reply(headers={**DATED, "Connection": "close"}))

    assert CLOSING in talk.say(GET)
    assert (talk.connection.closed, talk.wire.finished) == (True, 1)


@pytest.mark.parametrize(
    ("sent", "before", "status"),
    [
        (b"nonsense\r\n\r\n", b"", 400),
        (b"GET / HTTP/1.1\r\n\r\n", b"", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX : y\r\n\r\n", b"", 400),
        (b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", b"", 501),
        (b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"", 400),
        (GET + b"nonsense\r\n\r\n", answer(b"GET /a "), 400),
    ],
)
def test_what_cannot_be_understood_is_said_so(sent: bytes, before: bytes, status: int) -> None:
    talk = Talk(plain)

    said = talk.say(sent)

    assert said.startswith(before + b"HTTP/1.1 %d " % status)
    assert CLOSING in said
    assert (talk.wire.finished, talk.connection.closed) == (1, False)
    talk.say(b"")
    assert talk.connection.closed


def test_a_bad_request_behind_an_answer_that_waits_is_refused_after_it() -> None:
    talk = Talk(plain, room=10)

    talk.say(GET + b"nonsense\r\n\r\n")
    talk.take(2**30)

    assert bytes(talk.wire.out).startswith(answer(b"GET /a ") + b"HTTP/1.1 400 ")


def test_a_refusal_never_lands_in_the_middle_of_an_answer() -> None:
    talk = Talk(lambda request: Reply(Pieces(b"x" * 1000), headers=DATED), room=5_000)
    talk.say(GET)

    talk.say(b"y" * (2**20 + 1))

    assert talk.connection.closed
    assert b"HTTP/1.1 400" not in talk.wire.out


def test_a_request_that_breaks_off_is_refused_and_nobody_is_waited_for() -> None:
    talk = Talk(plain)

    said = talk.say(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab", b"")

    assert said.startswith(b"HTTP/1.1 400 ")
    assert talk.connection.closed


def test_no_tunnel_is_made() -> None:
    talk = Talk(plain)

    assert talk.say(b"CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n").startswith(b"HTTP/1.1 501 ")
    assert talk.say(GET) == answer(b"GET /a ")


def test_a_handler_that_fails_costs_one_request() -> None:
    talk = Talk(lambda request: Reply(headers=DATED) if request.path == "/a" else Reply(status=1))

    assert talk.say(b"GET /b HTTP/1.1\r\nHost: x\r\n\r\n").startswith(b"HTTP/1.1 500 ")
    assert isinstance(talk.app.errors[0], ValueError)
    assert talk.say(GET) == answer(b"")


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (lambda: Reply(failing()), "x"),
        (lambda: Reply([b"abc"], length=2), "too much data"),
        (lambda: Reply([b"abc"], length=4), "too little data"),
        (lambda: Reply([b"ab", b"c"], length=2), "too much data"),
    ],
)
def test_a_body_that_fails_ends_the_connection(reply: Callable[[], Reply], error: str) -> None:
    talk = Talk(lambda request: reply())

    talk.say(GET)

    assert talk.connection.closed
    assert error in str(talk.app.errors[0])


def test_an_error_in_the_end_of_a_body_is_kept() -> None:
    talk = Talk(lambda request: Reply(stubborn()), room=5_000)
    talk.say(GET)

    talk.connection.close()

    assert str(talk.app.errors[0]) == "late"


def test_a_peer_that_has_ended_gets_the_answer_that_is_due() -> None:
    """Some clients shut their side down after the request: `printf ... | nc`."""
    talk = Talk(lambda request: Reply(Pieces(b"x" * 1000, 5), length=5_000, headers=DATED), room=1_000)

    talk.say(GET, b"")
    assert (talk.connection.closed, talk.wire.interest) == (False, WRITE)

    talk.take(2**30)
    assert bytes(talk.wire.out) == answer(b"x" * 5_000)
    assert (talk.connection.closed, talk.wire.finished) == (True, 1)


def test_the_end_of_an_idle_connection_is_its_end() -> None:
    talk = Talk(plain)
    talk.say(GET)

    talk.say(b"")

    assert (talk.connection.closed, talk.open) == (True, set())


def test_an_answer_and_an_end_in_one_turn() -> None:
    talk = Talk(plain)

    talk.connection.received(b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 0.0)
    talk.connection.received(b"", 0.0)

    assert talk.connection.closed


def test_a_peer_that_takes_nothing_any_more_is_let_go() -> None:
    body = Pieces(b"x" * 1000)
    talk = Talk(lambda request: Reply(body), room=5_000)
    talk.say(GET)
    talk.wire.closed = True

    talk.connection.ready(WRITE, 0.0)

    assert (talk.connection.closed, body.closed) == (True, 1)


def test_a_peer_that_is_gone_before_the_answer_costs_nothing() -> None:
    talk = Talk(plain)
    talk.wire.closed = True

    talk.say(GET)

    assert talk.connection.closed


def test_a_reset_is_an_end() -> None:
    talk = Talk(plain)

    talk.say(ConnectionResetError())

    assert talk.connection.closed


def test_a_silent_peer_is_given_up() -> None:
    talk = Talk(plain, timeout=7.0)

    talk.say(GET, now=3.0)
    assert talk.connection.deadline == 10.0

    talk.connection.expire(10.0)
    assert talk.connection.closed


def test_what_nobody_foresaw_ends_the_connection() -> None:
    talk = Talk(plain)
    error = LookupError("x")

    talk.connection.fail(error)

    assert (talk.connection.closed, list(talk.app.errors)) == (True, [error])


# Trailers


def test_trailers_follow_a_body() -> None:
    reply = Reply(b"abc", headers=DATED, trailers={"X-Sum": "6"})
    talk = Talk(lambda request: reply)

    for _ in range(2):
        assert talk.say(GET) == (
            b"HTTP/1.1 200 OK\r\nDate: now\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 6\r\n\r\n"
        )


def test_a_client_of_http_1_0_gets_no_trailers() -> None:
    talk = Talk(lambda request: Reply(b"abc", headers=DATED, trailers={"X-Sum": "6"}))

    said = talk.say(b"GET /a HTTP/1.0\r\n\r\n")

    assert said == b"HTTP/1.1 200 OK\r\nDate: now\r\nConnection: close\r\n\r\nabc"
    assert not talk.app.errors


# HTTP/2 without TLS (RFC 9113 section 3.3)

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS = b"\0\0\0\4\0\0\0\0\0"
BOTH = (HTTP2, HTTP1)


@pytest.mark.parametrize("size", [1, 7, 24, 100])
def test_a_client_that_begins_with_http_2_gets_that(size: int) -> None:
    talk = Talk(plain, protocols=BOTH)
    sent = PREFACE + SETTINGS
    pieces = [sent[at : at + size] for at in range(0, len(sent), size)]
    talk.wire.incoming.extend(pieces)

    while talk.wire.incoming:
        talk.connection.ready(READ, 0.0)
        (talk.connection,) = talk.open

    assert isinstance(talk.connection, HTTP2ServerConnection)
    assert talk.wire.out[3:5] == b"\4\0"
    assert talk.wire.out.endswith(b"\0\0\0\4\1\0\0\0\0")
    assert not talk.wire.closed


def test_who_turned_it_turns_what_comes_after_it() -> None:
    talk = Talk(plain, protocols=BOTH)
    reactor = Reactor()
    first = talk.connection
    first.serve(reactor, 5.0)

    talk.say(PREFACE, now=6.0)

    (second,) = talk.open
    assert (first.closed, first.reactor, second.reactor, second.closed) == (True, None, reactor, False)
    assert first.deadline > second.deadline == 66.0
    del first, talk.connection
    assert not talk.wire.closed
    second.close()
    assert talk.wire.closed
    reactor.close()


def test_what_goes_wrong_after_the_change_ends_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    def received(self: HTTP2ServerConnection, data: bytes, now: float) -> None:
        raise LookupError("x")

    monkeypatch.setattr(HTTP2ServerConnection, "received", received)
    talk = Talk(plain, protocols=BOTH)

    talk.say(PREFACE)

    assert ([str(error) for error in talk.app.errors], talk.wire.closed, talk.open) == (["x"], True, set())


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_a_client_that_begins_like_http_2_may_mean_something_else(size: int) -> None:
    talk = Talk(plain, protocols=BOTH)
    sent = b"PROPFIND /a HTTP/1.1\r\nHost: x\r\n\r\n"

    said = talk.say(*(sent[at : at + size] for at in range(0, len(sent), size)))

    assert said == answer(b"PROPFIND /a ")
    assert talk.say(PREFACE).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(("sent", "status"), [(b"PR", 400), (b"PRI * HTTP/2.0\r\n\r\nSM", 400), (b"", 0)])
def test_a_client_that_ends_before_it_has_begun(sent: bytes, status: int) -> None:
    talk = Talk(plain, protocols=BOTH)

    said = talk.say(*[sent][: bool(sent)], b"")

    assert said.startswith(b"HTTP/1.1 %d " % status if sent else b"")
    assert bool(said) == bool(sent)
    assert talk.connection.closed


def test_http_2_has_to_be_among_the_protocols_and_is_agreed_on_in_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Talk(plain).say(PREFACE).startswith(b"HTTP/1.1 ")

    monkeypatch.setattr(Wire, "encrypted", True)
    assert Talk(plain, protocols=BOTH).say(PREFACE).startswith(b"HTTP/1.1 ")


# WebSockets


def test_a_handler_may_let_a_websocket_begin() -> None:
    talk = Talk(lambda request: WebSocketReply(lambda ws, message: None, headers=DATED))
    assert talk.say(GET).startswith(b"HTTP/1.1 426 ")
    lines = "".join(f"{name}: {value}\r\n" for name, value in Handshake().request_fields())
    answer = talk.say(f"GET /a HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode())

    assert answer.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
    (successor,) = talk.open
    assert isinstance(successor, WebSocketServerConnection)
    assert talk.connection.closed
    successor.close()
