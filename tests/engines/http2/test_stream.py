"""A stream tells what has come, and an upload keeps to what was declared."""

from __future__ import annotations

import pytest

from courser.engines.events import END
from courser.engines.http2.stream import Due, Stream, Upload
from courser.errors import LocalProtocolError, RemoteProtocolError


def test_events_are_taken_once() -> None:
    stream = Stream(1, Due.PLAIN, 10, 20, None)
    stream.events += (b"a", END)

    assert stream.take() == [b"a", END]
    assert stream.take() == []


def test_a_stream_without_a_body_has_sent_all_of_it() -> None:
    assert Stream(1, Due.PLAIN, 10, 20, None).sent
    assert Stream(1, Due.PLAIN, 10, 20, Upload(0)).sent
    assert not Stream(1, Due.PLAIN, 10, 20, Upload(1)).sent
    assert not Stream(1, Due.PLAIN, 10, 20, Upload(-1)).sent


def test_a_stream_shows_where_it_stands() -> None:
    stream = Stream(7, Due.PLAIN, 10, 20, None)

    assert repr(stream) == "<Stream 7 sent=done received=open>"
    stream.error = RemoteProtocolError(detail="why")
    assert repr(stream) == "<Stream 7 error=<RemoteProtocolError: the peer broke the protocol: why>>"


def test_a_declared_length_is_kept() -> None:
    upload = Upload(5)

    upload.add(3)
    assert not upload.ended
    with pytest.raises(LocalProtocolError, match="at least 6 bytes, 5 were declared"):
        upload.add(3)
    with pytest.raises(LocalProtocolError, match="3 of 5 declared bytes"):
        upload.end([])
    upload.add(2)
    assert upload.ended
    upload.add(0)
    with pytest.raises(LocalProtocolError, match="unknown length can have trailers"):
        upload.end([(b"a", b"b")])
    upload.end([])
    assert not upload.is_open


def test_a_body_of_unknown_length_ends_when_it_is_said() -> None:
    upload = Upload(-1)

    upload.add(3)
    assert not upload.ended
    upload.end([(b"a", b"b")])
    assert upload.ended
    assert upload.trailers == [(b"a", b"b")]


def test_after_the_end_nothing_follows() -> None:
    upload = Upload(-1)
    upload.end([])

    with pytest.raises(LocalProtocolError, match="no body is being sent"):
        upload.add(0)
    with pytest.raises(LocalProtocolError, match="no body is being sent"):
        upload.end([])
