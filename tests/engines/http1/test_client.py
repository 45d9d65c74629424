"""The client's side: what it sends, what it takes, and when its connection may be used again."""

from __future__ import annotations

import pytest

from courser.engines.events import END, End, ResponseHead
from courser.engines.http1 import ClientEngine, Phase
from courser.errors import LocalProtocolError, RemoteProtocolError
from courser.values.fields import FieldBlock
from courser.values.request import NO_FIELDS

NONE = FieldBlock()
SMALL = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


def begun(method: bytes = b"GET", fields: bytes = NONE, length: int | None = -1) -> ClientEngine:
    engine = ClientEngine()
    engine.start(method, b"/", b"h", fields, length)
    return engine


@pytest.mark.parametrize(
    ("length", "framing"),
    [
        (-1, b"Content-Length: 0\r\n"),
        (0, b"Content-Length: 0\r\n"),
        (7, b"Content-Length: 7\r\n"),
        (None, b"Transfer-Encoding: chunked\r\n"),
    ],
)
def test_a_head_is_written(length: int | None, framing: bytes) -> None:
    engine = ClientEngine()

    head = engine.start(b"PUT", b"/a", b"h", FieldBlock(b"A: b\r\n"), length)

    assert head == b"PUT /a HTTP/1.1\r\nHost: h\r\nA: b\r\n" + framing + b"\r\n"
    assert engine.request_done == (length in (-1, 0))
    assert engine.phase is Phase.HEAD


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"DELETE", b"OPTIONS", b"M-SEARCH", b"POST", b"PUT", b"PATCH"])
def test_no_body_is_said_to_have_no_bytes_where_a_body_is_usual(method: bytes) -> None:
    """RFC 9110 section 8.6."""
    head = ClientEngine().start(method, b"/", b"h", NO_FIELDS, -1)
    assert (b"Content-Length: 0\r\n" in head) is (method in (b"POST", b"PUT", b"PATCH"))


def test_the_caller_may_bring_the_host() -> None:
    assert ClientEngine().start(b"GET", b"/", b"", b"host: x\r\n", -1) == b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
    with pytest.raises(LocalProtocolError, match="would have 0 Host fields"):
        ClientEngine().start(b"GET", b"/", b"", b"", -1)
    engine = ClientEngine()
    engine.start(b"GET", b"/", b"", b"Host: x\r\n", -1)
    engine.receive(SMALL)
    with pytest.raises(LocalProtocolError, match="would have 2 Host fields"):
        engine.start(b"GET", b"/", b"h", b"Host: x\r\n", -1)


@pytest.mark.parametrize(
    ("method", "target", "host", "fields"),
    [
        (b"G T", b"/", b"h", b""),
        (b"GET", b"/ ", b"h", b""),
        (b"GET", b"/", b"h\n", b""),
        (b"GET", b"/", b"h", b"A: b"),
        (b"GET", b"/", b"h", b"Content-Length: 1\r\n"),
    ],
)
def test_a_refused_request_leaves_the_engine_as_it_was(
    method: bytes, target: bytes, host: bytes, fields: bytes
) -> None:
    engine = ClientEngine()

    for _ in range(2):
        with pytest.raises(LocalProtocolError):
            engine.start(method, target, host, fields, -1)
    with pytest.raises(LocalProtocolError, match="-2 bytes"):
        engine.start(b"GET", b"/", b"h", NONE, -2)

    assert engine.is_idle
    assert engine.start(b"GET", b"/", b"h", NONE, -1) == b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"


def test_cve_2023_46137_one_exchange_at_a_time() -> None:
    engine = begun()

    with pytest.raises(LocalProtocolError, match="cannot start now: a head may start"):
        engine.start(b"GET", b"/", b"h", NONE, -1)


def test_a_small_response_is_one_list_and_its_pieces_are_as_they_came() -> None:
    engine = begun()

    head, body, end = engine.receive(SMALL)

    assert isinstance(head, ResponseHead)
    assert head is engine.head
    assert (head.status, head.reason, head.version, head.fields) == (200, b"OK", b"1.1", b"Content-Length: 2\r\n")
    assert (head.length, head.coding, head.keep_alive) == (2, None, True)
    assert body == b"hi"
    assert end is END
    assert engine.is_idle
    assert engine.bytes_received == len(SMALL)


def test_what_an_equal_head_means_is_remembered_and_nothing_else_is() -> None:
    engine = begun()
    first = engine.receive(SMALL)[0]

    def again(method: bytes, wire: bytes) -> list[object]:
        engine.start(method, b"/", b"h", NONE, -1)
        return list(engine.receive(wire))

    assert again(b"GET", SMALL)[0] is first
    assert again(b"HEAD", SMALL[:-2]) == [first, END]
    assert again(b"GET", SMALL[:-2]) == [first]
    assert engine.receive(b"hi") == [b"hi", END]
    other = again(b"GET", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi!")
    assert other[1] == b"hi!"
    assert again(b"GET", b"HTTP/1.1 201 OK\r\nContent-Length: 0\r\n\r\n")[1:] == [END]
    assert again(b"GET", SMALL[:-2] + b"ho")[1] == b"ho"
    assert engine.is_idle


@pytest.mark.parametrize("status", [101, 199, 204, 304])
def test_a_remembered_head_of_a_bodiless_response_has_no_body(status: int) -> None:
    wire = b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % status
    engine = begun(fields=FieldBlock(b"Upgrade: x\r\n"))

    events = engine.receive(wire)

    assert [type(event) for event in events] == ([ResponseHead] if status == 199 else [ResponseHead, End])
    assert engine.is_tunnel == (status == 101)


def test_interim_responses_are_handed_out_and_counted() -> None:
    """cpython gh-150743, CVE-2021-3737: a server may not send them forever."""
    engine = begun()
    interim = b"HTTP/1.1 100 Continue\r\n\r\n"

    assert len(engine.receive(interim * 32)) == 32
    with pytest.raises(RemoteProtocolError, match="more than 32 interim responses"):
        engine.receive(interim)

    engine = begun()
    engine.receive(interim * 32)
    assert len(engine.receive(SMALL)) == 3
    engine.start(b"GET", b"/", b"h", NONE, -1)
    assert len(engine.receive(interim * 32 + SMALL)) == 35


def test_cve_2026_54273_bytes_that_nobody_asked_for_end_the_connection() -> None:
    engine = begun()
    assert len(engine.receive(SMALL + SMALL)) == 3
    assert engine.leftover == SMALL
    assert not engine.is_idle
    with pytest.raises(LocalProtocolError, match="cannot carry another request"):
        engine.start(b"GET", b"/", b"h", NONE, -1)
    with pytest.raises(RemoteProtocolError, match="bytes came after the end of the message: b'HTTP"):
        engine.receive(b"")

    engine = begun()
    engine.receive(SMALL)
    with pytest.raises(RemoteProtocolError, match="40 bytes came that answer no request"):
        engine.receive(b"HTTP/1.1 408 Request Timeout\r\nA: b\r\n\r\nxx")

    with pytest.raises(RemoteProtocolError, match="answer no request"):
        ClientEngine().receive(b"x")


@pytest.mark.parametrize("wire", [SMALL, b"HTTP/1.1 413 Too Large\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"])
def test_an_early_response_is_handed_out_and_the_upload_may_go_on(wire: bytes) -> None:
    """Go's CVE-2024-24791: a final answer while the body is unsent does not make the connection idle."""
    engine = begun(b"POST", length=2)
    assert isinstance(engine.receive(wire)[-1], End)
    assert engine.phase is Phase.DONE
    assert not engine.is_idle
    assert not engine.request_done
    with pytest.raises(LocalProtocolError, match="cannot start now: it is complete, but ours is not"):
        engine.start(b"GET", b"/", b"h", NONE, -1)

    engine.send_data(b"ab")
    assert engine.request_done
    assert engine.is_idle
    assert engine.start(b"GET", b"/", b"h", NONE, -1)


def test_the_peer_may_close_after_an_early_response() -> None:
    engine = begun(b"POST", length=None)
    engine.receive(SMALL)

    assert engine.receive(b"") == []
    engine.send_end()
    assert not engine.is_idle


def test_bytes_after_an_early_response_are_an_error() -> None:
    engine = begun(b"POST", length=None)
    engine.receive(SMALL)

    with pytest.raises(RemoteProtocolError, match="answer no request"):
        engine.receive(b"x")


@pytest.mark.parametrize(
    ("fields", "idle"),
    [
        (b"Connection: close\r\n", False),
        (b"A: b\r\nCONNECTION: x, Close\r\n", False),
        (b"Connection: keep-alive\r\n", True),
        (b"Proxy-Connection: close\r\n", True),
        (b"X: connection: close\r\n", True),
    ],
)
def test_a_request_that_says_close_is_the_last(fields: bytes, idle: bool) -> None:
    for given in (fields, FieldBlock(fields)):
        engine = begun(fields=given)
        engine.receive(SMALL)
        assert engine.is_idle is idle
        assert engine.reusable is idle


@pytest.mark.parametrize("fields", [b"Connection: close\r\n", b"connection: x\r\nConnection: close\r\n"])
def test_a_response_that_says_close_is_the_last(fields: bytes) -> None:
    engine = begun()
    assert len(engine.receive(b"HTTP/1.1 200 OK\r\n" + fields + b"Content-Length: 2\r\n\r\nhi")) == 3
    assert not engine.is_idle
    with pytest.raises(LocalProtocolError, match="cannot carry another request"):
        engine.start(b"GET", b"/", b"h", NONE, -1)


@pytest.mark.parametrize("whole", [True, False])
def test_a_request_that_is_abandoned_is_the_last(whole: bool) -> None:
    engine = begun(length=4)
    engine.send_data(b"four" if whole else b"fo")
    engine.abandon()
    assert engine.receive(SMALL)[-1] is END
    assert not engine.is_idle
    with pytest.raises(LocalProtocolError, match="no body is being sent"):
        engine.send_data(b"ur")


def test_heads_without_a_length_are_read_in_the_same_way() -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
    engine = begun()
    assert engine.receive(chunked)[1:] == [b"hi", END]
    assert engine.is_idle

    engine = begun()
    assert engine.receive(b"HTTP/1.1 200 OK\r\n\r\nhi")[1:] == [b"hi"]
    assert engine.receive(b"") == [END]
    assert not engine.is_idle


def test_a_head_over_a_limit_is_refused_though_it_is_plain() -> None:
    """CVE-2023-38039."""
    fields = b"A: %b\r\n" % (b"b" * 10)
    with pytest.raises(RemoteProtocolError, match="more than 128 header fields"):
        begun().receive(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + fields * 128 + b"\r\n")
    with pytest.raises(RemoteProtocolError, match="more than 128 header fields"):
        begun().receive(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" + fields * 128 + b"\r\n0\r\n\r\n")
    assert begun().receive(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + fields * 127 + b"\r\n")


def test_a_101_that_nobody_asked_for() -> None:
    with pytest.raises(RemoteProtocolError, match="did not ask for it"):
        begun().receive(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")


def test_closed_before_the_response() -> None:
    with pytest.raises(RemoteProtocolError, match="before any byte of the response") as caught:
        begun().receive(b"")
    assert caught.value.bytes_received == 0
    engine = begun()
    engine.receive(b"HTTP/1.1 100 Continue\r\n\r\n")
    with pytest.raises(RemoteProtocolError, match="after an interim response"):
        engine.receive(b"")


def test_cve_2025_13836_a_length_reserves_nothing() -> None:
    engine = begun()
    engine.receive(b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999999999999\r\n\r\n")

    assert engine.receive(b"x") == [b"x"]


def test_a_connect_that_is_refused_is_a_response() -> None:
    engine = begun(b"CONNECT")

    assert engine.receive(b"HTTP/1.1 407 No\r\nContent-Length: 2\r\n\r\nno")[1:] == [b"no", END]
    assert not engine.is_tunnel
    assert engine.is_idle


def test_heads_in_pieces_and_unusual_heads_are_read_carefully() -> None:
    engine = begun()
    assert engine.receive(b"HTTP/1.1 200 OK\r\nContent-Le") == []
    assert engine.phase is Phase.PARTIAL
    assert engine.receive(b"ngth: 2\r\n\r\nhi")[1:] == [b"hi", END]

    engine.start(b"GET", b"/", b"h", NONE, -1)
    assert engine.receive(b"HTTP/1.1 200 OK\r\nCONTENT-LENGTH: 2\r\n\r\nhi")[1:] == [b"hi", END]
    assert engine.is_idle


def test_a_tunnel_takes_bytes_and_a_failed_engine_takes_none() -> None:
    engine = begun(b"CONNECT")
    engine.receive(b"HTTP/1.1 200 OK\r\n\r\na")
    assert engine.receive(b"b") == []
    assert engine.leftover == b"ab"

    engine = begun()
    for why in ("not an HTTP/1 response", "has already failed"):
        with pytest.raises(RemoteProtocolError, match=why):
            engine.receive(b"220 smtp\r\n")


def test_a_request_may_be_complete_before_its_response_begins() -> None:
    engine = begun(b"POST", length=2)
    engine.send_data(b"ab")
    assert engine.request_done
    assert engine.phase is Phase.HEAD
    engine.receive(SMALL)
    assert engine.is_idle


def test_cve_2018_7159_and_its_like_end_the_connection() -> None:
    """The table of wire cases has all of them; this is about the state that they leave."""
    for fields in (
        b"Content-Length: 1\r\nContent-Length: 2\r\n",
        b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
    ):
        engine = begun(b"POST", length=None)
        with pytest.raises(RemoteProtocolError):
            engine.receive(b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n")
        assert engine.phase is Phase.DEAD
        assert not engine.is_idle
        assert not engine.reusable
        with pytest.raises(LocalProtocolError, match="no body is being sent"):
            engine.send_data(b"x")
