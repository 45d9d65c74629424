"""Bodies with a length and bodies until close."""

from __future__ import annotations

import pytest

from courser.engines.events import END, Event
from courser.engines.http1.body import CloseReader, CloseWriter, LengthReader, LengthWriter
from courser.engines.http1.faults import Fault
from courser.errors import LocalProtocolError


def test_a_piece_in_the_middle_of_a_body_is_handed_out_uncopied() -> None:
    piece = bytes(1000)
    events: list[Event] = []

    assert LengthReader(1001).feed(piece, events) is None
    assert events[0] is piece
    assert CloseReader().feed(piece, events) is None
    assert events[1] is piece


@pytest.mark.parametrize(("data", "rest"), [(b"abc", b""), (b"abcde", b"de")])
def test_a_length_ends_a_body(data: bytes, rest: bytes) -> None:
    events: list[Event] = []

    assert LengthReader(3).feed(data, events) == rest
    assert events == [b"abc", END]


def test_a_length_that_is_not_reached() -> None:
    reader = LengthReader(3)
    reader.feed(b"a", [])

    with pytest.raises(Fault, match="after 1 of 3 bytes") as caught:
        reader.close([])
    assert caught.value.truncated


def test_close_ends_a_body_without_a_length() -> None:
    events: list[Event] = []

    CloseReader().close(events)

    assert events == [END]


def test_a_declared_length_is_kept() -> None:
    writer = LengthWriter(3)
    chunk = b"ab"

    assert not writer.done
    assert writer.data(b"") == ()
    assert writer.data(chunk)[0] is chunk
    with pytest.raises(LocalProtocolError, match="too little data for the body: 2 of 3"):
        writer.end(b"")
    with pytest.raises(LocalProtocolError, match="too much data for the body: at least 4 bytes, 3 were declared"):
        writer.data(b"cd")
    assert writer.data(b"c") == (b"c",)
    assert writer.done
    with pytest.raises(LocalProtocolError, match="trailers"):
        writer.end(b"X: y\r\n")
    assert writer.end(b"") == b""


def test_a_length_of_nothing_is_done_at_once_and_none_is_negative() -> None:
    assert LengthWriter(0).done
    with pytest.raises(LocalProtocolError, match="-2 bytes"):
        LengthWriter(-2)


def test_a_body_until_close_is_written_as_it_is() -> None:
    writer = CloseWriter()

    assert writer.data(b"") == ()
    assert writer.data(b"abc") == (b"abc",)
    assert not writer.done
    with pytest.raises(LocalProtocolError, match="trailers"):
        writer.end(b"X: y\r\n")
    assert writer.end(b"") == b""
    assert writer.done
