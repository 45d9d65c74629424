"""Replies: heads, filters, bodies that are read, peeked at or given up."""

from __future__ import annotations

import gzip
from collections import deque
from typing import Any

import pytest

from courser.core.reply import DISCARD_MOST, Reply, StaticReply, too_large
from courser.core.waiter import FOREVER
from courser.engines.events import END, ResponseHead
from courser.errors import LimitExceeded, ReadError, StatusError, StreamClosed
from courser.hosts.inline import InlineHost, run_inline
from courser.policies.flow import Call, Stored
from courser.values.request import Request
from courser.values.response import Response

HOST = InlineHost()
REQUEST = Request("GET", "http://a/")


def head(length: int | None = None) -> ResponseHead:
    return ResponseHead(200, b"Fine \xe9", b"1.1", b"A: b\r\nC: d\r\n", length, None, True)


def static(content: bytes = b"hello") -> StaticReply:
    return StaticReply(head(len(content)), content, REQUEST, 5.0)


class Pieces(Reply):
    """A reply whose body comes as a test says."""

    __slots__ = ("aborted", "pieces", "settled")

    def __init__(self, *pieces: Any, length: int | None = None) -> None:
        super().__init__()
        self.head = head(length)
        self.request = REQUEST
        self.chunks = deque()
        self.end = None
        self.filters = None
        self._headers = None
        self.pieces = list(pieces)
        self.aborted = self.settled = 0

    async def piece(self, host: Any) -> bytes:
        piece = self.pieces.pop(0) if self.pieces else b""
        if isinstance(piece, BaseException):
            raise piece
        assert isinstance(piece, bytes)
        return piece

    def abort(self) -> None:
        self.aborted += 1

    def settle(self) -> None:
        super().settle()
        self.settled += 1


class Filter:
    """Upper case; what it is told is written down."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def feed(self, data: bytes, /) -> bytes:
        return b"" if data == b"drop" else data.upper()

    def end(self) -> None:
        self.told.append("end")

    def abort(self) -> None:
        self.told.append("abort")


def test_a_head_as_policies_see_it() -> None:
    reply = static()

    assert reply.status_code == 200
    assert reply.reason_phrase == "Fine \xe9"
    assert reply.http_version == "HTTP/1.1"
    assert reply.headers["a"] == "b"
    assert reply.headers is reply.headers
    assert reply.head_at == 5.0
    assert reply.version == "HTTP/1.1"


def test_there_is_no_head_before_it_has_come() -> None:
    reply = Pieces()
    reply.head = None
    with pytest.raises(RuntimeError, match="head"):
        _ = reply.final


def test_a_body_in_memory_is_read_once() -> None:
    reply = static()

    assert run_inline(reply.collect(HOST)) == b"hello"
    assert run_inline(reply.collect(HOST)) == b""
    assert reply.end is END
    assert not static(b"").chunks


def test_pieces_are_joined() -> None:
    assert run_inline(Pieces(b"ab", b"cd").collect(HOST)) == b"abcd"
    assert run_inline(Pieces(b"ab", b"cd").whole(HOST)) == b"abcd"
    assert run_inline(Pieces(b"ab").passed(HOST)) == b"ab"


def test_filters_see_the_body_pass() -> None:
    reply = Pieces(b"ab", b"drop", b"cd")
    first, second = Filter(), Filter()
    reply.attach(first)
    reply.attach(second)

    assert run_inline(reply.whole(HOST)) == b"ABCD"
    assert first.told == second.told == ["end"]


def test_filters_are_told_of_an_error() -> None:
    reply = Pieces(b"ab", ReadError())
    watching = Filter()
    reply.attach(watching)
    with pytest.raises(ReadError):
        run_inline(reply.whole(HOST))

    assert watching.told == ["abort"]


def test_a_body_that_was_peeked_at_can_be_read() -> None:
    reply = static()

    assert run_inline(reply.peek(HOST, 5)) == b"hello"
    assert run_inline(reply.collect(HOST)) == b"hello"
    assert run_inline(reply.peek(HOST, 5)) == b""


def test_a_peek_has_a_limit() -> None:
    reply = Pieces(b"abc", b"def")
    with pytest.raises(LimitExceeded, match="5 bytes"):
        run_inline(reply.peek(HOST, 5))

    assert reply.aborted


@pytest.mark.parametrize("length", [None, DISCARD_MOST + 1])
def test_a_large_body_is_given_up(length: int | None) -> None:
    reply = Pieces(b"x", length=length)
    watching = Filter()
    reply.attach(watching)
    run_inline(reply.discard(HOST))

    assert (reply.aborted, reply.settled) == (1, 0)
    assert watching.told == ["abort"]


def test_a_small_body_is_kept() -> None:
    reply = Pieces(b"x", length=1)
    run_inline(reply.discard(HOST))

    assert (reply.aborted, reply.settled) == (0, 1)
    assert list(reply.chunks) == [b"x"]


def test_a_body_that_is_there_is_kept() -> None:
    reply = Pieces()
    reply.end = END
    run_inline(reply.discard(HOST))

    assert (reply.aborted, reply.settled) == (0, 1)


def test_a_small_body_that_fails_is_given_up() -> None:
    reply = Pieces(ReadError(), length=1)
    run_inline(reply.discard(HOST))

    assert reply.aborted == 1


def test_a_reply_without_a_head_is_given_up() -> None:
    reply = Pieces()
    reply.head = None
    run_inline(reply.discard(HOST))

    assert reply.aborted == 1


def test_a_body_in_memory_can_be_given_up() -> None:
    reply = static()
    watching = Filter()
    reply.attach(watching)
    reply.abort()

    assert watching.told == ["abort"]
    assert run_inline(reply.collect(HOST)) == b""


def test_the_base_has_no_body() -> None:
    reply = Reply()
    with pytest.raises(NotImplementedError):
        run_inline(reply.piece(HOST))
    with pytest.raises(NotImplementedError):
        reply.abort()


# What policies make of it


def test_what_policies_ask_of_a_head() -> None:
    reply = static()

    assert (reply.ok, reply.is_error, reply.url) == (True, False, REQUEST.url)
    assert reply.raise_for_status() is reply
    assert reply.extra is None
    reply.extensions["a"] = 1
    assert reply.extensions == reply.extra == {"a": 1}


def refused(coding: bytes | None = None, content: bytes = b"why") -> StaticReply:
    return StaticReply(ResponseHead(404, b"No", b"1.1", b"A: b\r\n", None, coding, True), content, REQUEST, 5.0)


@pytest.mark.parametrize(("coding", "content"), [(None, b"why"), (b"gzip", gzip.compress(b"why"))])
def test_an_error_has_the_body_that_was_read(coding: bytes | None, content: bytes) -> None:
    with pytest.raises(StatusError, match="404 No") as caught:
        refused(coding, content).raise_for_status()

    response = caught.value.response
    assert (response.status_code, response.headers["a"], response.content) == (404, "b", b"why")
    assert response.request is caught.value.request is REQUEST


def test_an_error_says_that_nobody_has_read_the_body() -> None:
    reply = refused()
    reply.end = None
    with pytest.raises(StatusError) as caught:
        reply.raise_for_status()
    with pytest.raises(StreamClosed, match=r"nobody has read the body.*courser\.Read"):
        _ = caught.value.response.content


def test_filters_may_have_something_done_at_the_end() -> None:
    done: list[int] = []

    class Ending(Filter):
        def end(self) -> Any:
            return Call(done.append, 1)

    reply = static()
    reply.attach(Filter())
    reply.attach(Ending())

    assert run_inline(reply.whole(HOST)) == b"HELLO"
    assert done == [1]
    assert reply.final_at == FOREVER


def test_a_reply_can_be_made_of_a_response() -> None:
    response = Response(
        201, headers={"Content-Encoding": "gzip"}, content=b"made", http_version="HTTP/2", reason_phrase="Mine"
    )
    reply = StaticReply.of(response, REQUEST)

    assert (reply.status_code, reply.reason_phrase, reply.http_version) == (201, "Mine", "HTTP/2")
    assert (reply.final.coding, reply.final.length, run_inline(reply.collect(HOST))) == (None, 4, b"made")
    assert (reply.extra, reply.opening, reply.sent_at) == (None, None, 0.0)
    response.extensions["a"] = 1
    assert StaticReply.of(response, REQUEST).extra == {"a": 1}


@pytest.mark.parametrize(
    ("headers", "content", "coding"),
    [({"Content-Encoding": "gzip"}, b"x", b"gzip"), ({"Content-Encoding": "gzip"}, b"", None), ({}, b"x", None)],
)
def test_a_reply_can_be_made_of_what_was_stored(headers: Any, content: bytes, coding: bytes | None) -> None:
    reply = StaticReply.of(Stored(200, headers=headers, content=content, reason_phrase="Kept"), REQUEST)

    assert (reply.final.coding, reply.reason_phrase, reply.http_version) == (coding, "Kept", "HTTP/1.1")
    assert run_inline(reply.collect(HOST)) == content


def test_a_limit_is_told_with_its_option() -> None:
    assert "larger than 5 bytes (max_body_size" in str(too_large(5))
