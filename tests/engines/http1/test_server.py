"""The server's side: requests one at a time, and responses that fit them."""

from __future__ import annotations

import pytest

from courser.engines.events import END, Event, RequestHead
from courser.engines.http1 import Phase, ServerEngine, WireLimits
from courser.errors import LocalProtocolError, RemoteProtocolError, TruncatedBody

GET = b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n"


def asked(wire: bytes = GET) -> ServerEngine:
    engine = ServerEngine()
    engine.receive(wire)
    return engine


def targets(events: list[Event]) -> list[bytes]:
    return [event.target for event in events if isinstance(event, RequestHead)]


def test_a_request_head() -> None:
    head, body, end = ServerEngine().receive(
        b"PUT /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi"
    )

    assert isinstance(head, RequestHead)
    assert (head.method, head.target, head.version, head.length) == (b"PUT", b"/a", b"1.1", 2)
    assert head.keep_alive
    assert head.expects_continue
    assert (body, end) == (b"hi", END)


@pytest.mark.parametrize(
    ("wire", "length", "head"),
    [
        (GET, 3, b"Content-Length: 3\r\n"),
        (GET, 0, b"Content-Length: 0\r\n"),
        (GET, None, b"Transfer-Encoding: chunked\r\n"),
        (GET, -1, b"Connection: close\r\n"),
        (b"GET / HTTP/1.0\r\n\r\n", 3, b"Content-Length: 3\r\nConnection: close\r\n"),
        (b"GET / HTTP/1.0\r\n\r\n", None, b"Connection: close\r\n"),
        (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 3, b"Content-Length: 3\r\nConnection: keep-alive\r\n"),
        (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", None, b"Connection: close\r\n"),
        (b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", 3, b"Content-Length: 3\r\n"),
        (b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", None, b"Transfer-Encoding: chunked\r\n"),
        (b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", -1, b""),
    ],
)
def test_responses_are_framed_for_their_request(wire: bytes, length: int | None, head: bytes) -> None:
    engine = asked(wire)

    assert engine.start_response(200, b"OK", b"A: b\r\n", length) == b"HTTP/1.1 200 OK\r\nA: b\r\n" + head + b"\r\n"
    assert engine.reusable == (b"close" not in head)
    done = length == 0 or wire.startswith(b"HEAD")
    assert engine.response_done is done
    assert engine.is_idle == (done and engine.reusable)


@pytest.mark.parametrize(("status", "framing"), [(204, b""), (304, b"Content-Length: 5\r\n")])
def test_statuses_without_a_body(status: int, framing: bytes) -> None:
    engine = asked()

    assert engine.start_response(status, b"", b"", 5) == b"HTTP/1.1 %d \r\n%b\r\n" % (status, framing)
    assert engine.response_done
    with pytest.raises(LocalProtocolError, match="too much data"):
        engine.send_data(b"x")
    assert engine.send_end() == b""


def test_a_response_that_says_close_is_the_last_and_says_it_once() -> None:
    engine = asked()

    assert engine.start_response(200, b"", b"Connection: close\r\n", 0).count(b"close") == 1
    assert engine.phase is Phase.IDLE
    assert engine.receive(GET) == []
    assert engine.receive(b"") == []


def test_a_body_until_close() -> None:
    engine = asked()
    engine.start_response(200, b"", b"", -1)

    assert engine.send_data(b"abc") == (b"abc",)
    assert engine.send_end() == b""
    assert engine.response_done
    assert not engine.reusable


def test_requests_are_handed_out_one_at_a_time() -> None:
    engine = ServerEngine()
    assert targets(engine.receive(GET + GET.replace(b"/a", b"/b"))) == [b"/a"]
    assert engine.receive(GET.replace(b"/a", b"/c")) == []
    assert engine.resume() == []

    engine.start_response(200, b"", b"", 0)
    assert not engine.is_idle
    assert targets(engine.resume()) == [b"/b"]
    engine.start_response(200, b"", b"", None)
    assert engine.resume() == []
    engine.send_end()
    assert targets(engine.resume()) == [b"/c"]
    engine.start_response(200, b"", b"", 0)
    assert engine.resume() == []
    assert engine.is_idle


def test_cve_2026_54273_what_waits_is_bounded() -> None:
    engine = ServerEngine(limits=WireLimits(pipelined=50))
    engine.receive(GET)
    engine.receive(b"x" * 50)

    with pytest.raises(RemoteProtocolError, match="more than 50 bytes of further requests"):
        engine.receive(b"x")


def test_empty_lines_before_a_request_are_skipped_however_they_come() -> None:
    for pieces in ([b"\r\n" * 3 + GET], [b"\r", b"\n", b"\r\n\r", b"\n" + GET], [b"\r\n", GET]):
        engine = ServerEngine()
        assert [target for piece in pieces for target in targets(engine.receive(piece))] == [b"/a"]
    with pytest.raises(RemoteProtocolError, match="the request line holds a CR"):
        ServerEngine().receive(b"\rGET / HTTP/1.1\r\n\r\n")


def test_an_answer_before_the_end_of_the_request_is_the_last() -> None:
    engine = asked(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab")
    engine.start_response(413, b"", b"", 0)

    assert not engine.reusable
    assert not engine.is_idle
    assert engine.receive(b"cde" + GET) == []
    assert engine.resume() == []


def test_an_answer_may_begin_before_the_end_of_the_request() -> None:
    engine = asked(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
    engine.start_response(200, b"", b"", 2)
    assert engine.receive(b"1\r\nx\r\n0\r\n\r\n") == [b"x", END]
    engine.send_data(b"hi")

    assert engine.is_idle
    assert targets(engine.receive(GET)) == [b"/a"]


def test_interim_responses() -> None:
    engine = asked()
    assert engine.send_interim(100) == b"HTTP/1.1 100 \r\n\r\n"
    assert engine.send_interim(103, b"Link: </a>\r\n") == b"HTTP/1.1 103 \r\nLink: </a>\r\n\r\n"
    for status in (99, 101, 200):
        with pytest.raises(LocalProtocolError, match="cannot be sent as an interim response"):
            engine.send_interim(status)
    with pytest.raises(LocalProtocolError, match=r"to HTTP/1\.0"):
        asked(b"GET / HTTP/1.0\r\n\r\n").send_interim(100)
    with pytest.raises(LocalProtocolError, match="header line 1"):
        engine.send_interim(103, b"x\r\n")


def test_responses_that_are_refused() -> None:
    with pytest.raises(LocalProtocolError, match="no request waits"):
        ServerEngine().start_response(200, b"", b"", 0)
    engine = asked()
    for status in (100, 199, 1000):
        with pytest.raises(LocalProtocolError, match="not the status of a final response"):
            engine.start_response(status, b"", b"", 0)
    with pytest.raises(LocalProtocolError, match="reason phrase holds a control character"):
        engine.start_response(200, b"a\r\nb", b"", 0)
    with pytest.raises(LocalProtocolError, match="written by the engine itself"):
        engine.start_response(200, b"", b"Content-Length: 1\r\n", 0)
    engine.start_response(200, b"", b"", 1)
    with pytest.raises(LocalProtocolError, match="no request waits"):
        engine.start_response(200, b"", b"", 0)


def test_a_protocol_changes_after_the_request_only() -> None:
    engine = asked(b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: x\r\nContent-Length: 1\r\n\r\n")
    with pytest.raises(LocalProtocolError, match="before the request is complete"):
        engine.start_response(101, b"", b"", -1)
    engine.receive(b"xrest")

    assert engine.start_response(101, b"", b"Upgrade: x\r\n", -1) == b"HTTP/1.1 101 \r\nUpgrade: x\r\n\r\n"
    assert engine.is_tunnel
    assert engine.receive(b" more") == []
    assert engine.leftover == b"rest more"
    assert engine.response_done


def test_what_cannot_be_read_can_be_answered_once() -> None:
    engine = ServerEngine()
    with pytest.raises(RemoteProtocolError, match="without Host"):
        engine.receive(b"GET / HTTP/1.1\r\n\r\n")
    assert engine.status_hint == 400
    assert b"Connection: close\r\n" in engine.start_response(400, b"Bad Request", b"", 0)
    assert engine.phase is Phase.DEAD
    with pytest.raises(RemoteProtocolError, match="has already failed"):
        engine.receive(GET)
    with pytest.raises(LocalProtocolError, match="no request waits"):
        engine.start_response(400, b"", b"", 0)

    with pytest.raises(RemoteProtocolError):
        (engine := ServerEngine()).receive(b"GET / HTTP/1.1\r\nHost: h\r\n" + b"A: b\r\n" * 128 + b"\r\n")
    assert engine.status_hint == 431


def test_a_response_that_had_begun_is_not_followed_by_an_error_response() -> None:
    engine = asked(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
    engine.start_response(200, b"", b"", 5)
    with pytest.raises(RemoteProtocolError, match="a chunk starts with"):
        engine.receive(b"zz\r\n")
    with pytest.raises(LocalProtocolError, match="no request waits"):
        engine.start_response(400, b"", b"", 0)


def test_a_client_that_closes() -> None:
    engine = ServerEngine()
    assert engine.receive(b"") == []
    assert not engine.reusable

    engine = asked()
    assert engine.receive(b"") == []
    assert engine.start_response(200, b"", b"", 0).startswith(b"HTTP/1.1 200")
    assert not engine.is_idle

    engine = asked(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab")
    with pytest.raises(TruncatedBody, match="after 2 of 5"):
        engine.receive(b"")


def test_heads_in_pieces_and_unusual_heads_are_read_carefully() -> None:
    for wire in (GET, b"GET /a HTTP/1.1\r\nHOST: h\r\n\r\n"):
        engine = ServerEngine()
        assert engine.receive(wire[:20]) == []
        assert targets(engine.receive(wire[20:])) == [b"/a"]
    with pytest.raises(RemoteProtocolError, match="in the middle of a head"):
        (engine := ServerEngine()).receive(GET[:9]) + engine.receive(b"")


def test_one_request_may_follow_another() -> None:
    engine = asked()
    for _ in range(3):
        engine.start_response(200, b"", b"", 0)
        assert engine.bytes_received == 0
        assert targets(engine.receive(GET)) == [b"/a"]
        assert engine.bytes_received == len(GET)


def test_the_end_of_an_early_answer_comes_but_once() -> None:
    engine = asked(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab")
    engine.start_response(413, b"", b"", 2)
    engine.send_data(b"no")

    assert engine.response_done
    assert engine.send_end() == b""
    assert engine.phase is Phase.IDLE
