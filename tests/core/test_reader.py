"""Reading a body: once, as it travels or decoded, within limits."""

from __future__ import annotations

import gzip

import pytest

from courser.core.reader import BodyReader
from courser.core.reply import StaticReply
from courser.engines.events import ResponseHead
from courser.errors import DecodingError, LimitExceeded, StreamClosed, StreamConsumed
from courser.hosts.inline import InlineHost, run_inline
from courser.values.request import Request

HOST = InlineHost()
REQUEST = Request("GET", "http://a/")


class Pieces(StaticReply):
    """A body in pieces."""

    __slots__ = ()

    def __init__(self, *pieces: bytes, coding: bytes | None = None) -> None:
        super().__init__(ResponseHead(200, b"", b"1.1", b"", None, coding, True), b"", REQUEST, 5.0)
        self.chunks.extend(pieces)


def reader(*pieces: bytes, coding: bytes | None = None, limit: int | None = None) -> BodyReader:
    return BodyReader(Pieces(*pieces, coding=coding), HOST, limit, limit)


def read(body: BodyReader) -> list[bytes]:
    pieces = []
    while piece := run_inline(body.next_piece()):
        pieces.append(piece)
    return pieces


def test_a_body_comes_as_it_travels() -> None:
    body = reader(b"ab", b"cd")
    body.start(True)

    assert read(body) == [b"ab", b"cd"]
    assert read(body) == []
    assert body.received == 4


def test_a_coded_body_is_decoded_on_demand() -> None:
    coded = gzip.compress(b"hello" * 100_000)
    decoded = reader(coded[:20], coded[20:], coding=b"gzip")
    decoded.start(True)
    raw = reader(coded, coding=b"gzip")
    raw.start(False)

    assert b"".join(read(decoded)) == b"hello" * 100_000
    assert decoded.received == len(coded)
    assert read(raw) == [coded]


def test_a_body_is_read_once() -> None:
    body = reader(b"ab")
    body.start(True)
    with pytest.raises(StreamConsumed) as caught:
        body.start(True)

    assert caught.value.request is REQUEST


def test_a_closed_body_is_not_read() -> None:
    body = reader(b"ab")
    body.close()
    with pytest.raises(StreamClosed):
        body.start(True)


@pytest.mark.parametrize("coding", [None, b"gzip"])
def test_a_body_may_be_closed_while_it_is_read(coding: bytes | None) -> None:
    content = b"x" * 100 if coding is None else gzip.compress(b"x" * 100)
    body = reader(content, b"more", coding=coding)
    body.start(True)
    run_inline(body.next_piece())
    body.close()
    with pytest.raises(StreamClosed) as caught:
        run_inline(body.next_piece())

    assert caught.value.request is REQUEST


@pytest.mark.parametrize("coding", [None, b"gzip"])
def test_a_body_has_a_limit(coding: bytes | None) -> None:
    """Before and after decoding."""
    content = b"x" * 100 if coding is None else gzip.compress(b"x" * 100)
    body = reader(content, coding=coding, limit=99)
    body.start(True)
    with pytest.raises(LimitExceeded) as caught:
        run_inline(body.next_piece())

    assert caught.value.request is REQUEST
    within = reader(content, coding=coding, limit=100)
    within.start(True)
    assert read(within) == [b"x" * 100]


@pytest.mark.parametrize(("decoded", "within", "beyond"), [(True, 1000, 999), (False, None, 10)])
def test_what_is_decoded_has_a_limit_of_its_own(decoded: bool, within: int | None, beyond: int) -> None:
    coded = gzip.compress(bytes(1000))
    limits = (10, within) if decoded else (len(coded), 1)
    body = BodyReader(Pieces(coded, coding=b"gzip"), HOST, *limits)
    body.start(decoded)
    assert b"".join(read(body)) == (bytes(1000) if decoded else coded)

    limits = (len(coded), beyond) if decoded else (beyond, None)
    body = BodyReader(Pieces(coded, coding=b"gzip"), HOST, *limits)
    body.start(decoded)
    with pytest.raises(LimitExceeded, match=f"larger than {beyond} bytes"):
        read(body)


def test_what_was_decoded_already_is_not_given_after_the_end() -> None:
    body = reader(gzip.compress(bytes(3_000_000)), coding=b"gzip")
    body.start(True)
    run_inline(body.next_piece())
    body.close()
    with pytest.raises(StreamClosed):
        run_inline(body.next_piece())


def test_others_have_their_turn_between_the_pieces_of_a_bomb() -> None:
    class Loop(InlineHost):
        """A host under which others run."""

        blocking = False
        turns = 0

        async def checkpoint(self) -> None:
            self.turns += 1

    loop = Loop()
    body = BodyReader(Pieces(gzip.compress(bytes(3_000_000)), coding=b"gzip"), loop, None, None)
    body.start(True)
    count = len(read(body))

    assert count > 10
    assert loop.turns == count - 1


def test_a_truncated_coding_is_an_error() -> None:
    body = reader(gzip.compress(b"hello" * 100)[:-5], coding=b"gzip")
    body.start(True)
    with pytest.raises(DecodingError) as caught:
        read(body)

    assert caught.value.request is REQUEST


def test_an_error_that_knows_its_request_keeps_it() -> None:
    other = Request("GET", "http://b/")

    class Failing(Pieces):
        __slots__ = ()

        async def piece(self, host: object) -> bytes:
            raise DecodingError(request=other)

    body = BodyReader(Failing(), HOST, None, None)
    body.start(True)
    with pytest.raises(DecodingError) as caught:
        read(body)

    assert caught.value.request is other


def test_what_is_not_ours_passes_as_it_is() -> None:
    class Failing(Pieces):
        __slots__ = ()

        async def piece(self, host: object) -> bytes:
            raise KeyboardInterrupt

    body = BodyReader(Failing(), HOST, None, None)
    body.start(True)
    with pytest.raises(KeyboardInterrupt):
        read(body)


def test_a_body_that_was_read_to_its_end_may_be_closed() -> None:
    body = reader(b"ab")
    body.start(True)
    read(body)
    body.close()

    assert read(body) == []
