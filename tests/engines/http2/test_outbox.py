"""What leaves, in which order, and how much of it."""

from __future__ import annotations

import h2wire as wire
import pytest
from h2wire import Frame, parse

from courser.engines.http2.fields import Fields
from courser.engines.http2.frames import MAX_WINDOW
from courser.engines.http2.outbox import BATCH, Outbox
from courser.engines.http2.stream import Due, Stream, Upload


class Desk:
    """An outbox and what it says about ends."""

    def __init__(self, credit: int = MAX_WINDOW) -> None:
        self.outbox = Outbox()
        self.outbox.credit = credit
        self.finished: list[int] = []

    def stream(self, number: int, *chunks: bytes, credit: int = MAX_WINDOW, end: bool = True) -> Stream:
        upload = Upload(-1)
        stream = Stream(number, Due.PLAIN, 0, credit, upload)
        for chunk in chunks:
            upload.chunks.append(chunk)
            stream.queued += len(chunk)
        upload.ended = end
        self.outbox.schedule(stream, upload)
        return stream

    def take(self) -> bytes:
        return self.outbox.take(self.finish)

    def finish(self, stream: Stream, trailers: Fields) -> bytes:
        self.finished.append(stream.id)
        return wire.headers(stream.id, ("t", "u"), end=True) if trailers else b""

    def frames(self) -> list[Frame]:
        return parse(self.take())


def upload_of(stream: Stream) -> Upload:
    assert stream.upload is not None
    return stream.upload


def test_nothing_is_due_and_nothing_leaves() -> None:
    desk = Desk()
    assert not desk.outbox.is_due()
    assert desk.take() == b""


def test_control_then_heads_then_bodies() -> None:
    desk = Desk()
    desk.stream(1, b"body")
    desk.outbox.heads.append(b"<head>")
    desk.outbox.control.append(b"<control>")
    desk.outbox.answers = 1
    assert desk.outbox.is_due()

    assert desk.take() == b"<control><head>" + wire.data(1, b"body", end=True)
    assert desk.outbox.answers == 0
    assert not desk.outbox.is_due()


def test_what_must_not_overtake_heads_goes_behind_them() -> None:
    desk = Desk()
    desk.outbox.after_heads(b"<1>")
    desk.outbox.heads.append(b"<head>")
    desk.outbox.after_heads(b"<2>")

    assert desk.take() == b"<1><head><2>"


def test_answers_that_left_behind_heads_wait_no_more() -> None:
    desk = Desk()
    desk.outbox.heads.append(b"<head>")
    desk.outbox.after_heads(b"<answer>")
    desk.outbox.answers = 1

    assert desk.take() == b"<head><answer>"
    assert desk.outbox.answers == 0


def test_streams_take_turns() -> None:
    desk = Desk()
    for number, size in ((1, 40000), (3, 20000), (5, 10)):
        desk.stream(number, b"x" * size)

    frames = desk.frames()

    assert [(each.number, len(each.payload), each.flags) for each in frames] == [
        (1, 16384, 0),
        (3, 16384, 0),
        (5, 10, 1),
        (1, 16384, 0),
        (3, 3616, 1),
        (1, 7232, 1),
    ]
    assert desk.finished == [5, 3, 1]
    assert (desk.outbox.frames, desk.outbox.sent) == (6, 60_010)


def test_a_stream_alone_sends_as_much_in_a_frame_as_the_peer_takes() -> None:
    desk = Desk()
    desk.outbox.frame = 50_000
    desk.stream(1, b"x" * 60_000)

    assert [len(each.payload) for each in desk.frames()] == [50_000, 10_000]
    assert (desk.outbox.frames, desk.outbox.sent) == (2, 60_000)


def test_chunks_are_cut_and_joined() -> None:
    desk = Desk()
    desk.outbox.frame = 5
    desk.stream(1, b"abc", b"defghijkl", b"m", b"n")

    assert [each.payload for each in desk.frames()] == [b"abcde", b"fghij", b"klmn"]


def test_one_batch_is_bounded() -> None:
    desk = Desk()
    stream = desk.stream(1, b"x" * (BATCH + 1000))

    first, second = desk.take(), desk.take()

    assert BATCH <= len(first) <= BATCH + 16 * 9
    assert parse(second) == [Frame(wire.DATA, 1, 1, b"x" * 1000)]
    assert stream.queued == 0


def test_both_windows_hold() -> None:
    desk = Desk(credit=25)
    one = desk.stream(1, b"a" * 10, credit=7)
    two = desk.stream(3, b"b" * 30)

    assert [(each.number, each.payload) for each in desk.frames()] == [(1, b"a" * 7), (3, b"b" * 18)]
    assert (one.credit, one.queued, two.queued, desk.outbox.credit) == (0, 3, 12, 0)
    assert not desk.outbox.is_due()
    assert desk.take() == b""

    desk.outbox.credit = 100
    assert desk.outbox.is_due()
    assert desk.frames() == [Frame(wire.DATA, 1, 3, b"b" * 12)]

    desk.outbox.schedule(one, upload_of(one))
    assert not desk.outbox.is_due()
    one.credit = 50
    desk.outbox.schedule(one, upload_of(one))
    desk.outbox.schedule(one, upload_of(one))
    assert desk.frames() == [Frame(wire.DATA, 1, 1, b"aaa")]
    assert desk.finished == [3, 1]


def test_a_window_that_shrinks_under_a_waiting_stream() -> None:
    desk = Desk()
    stream = desk.stream(1, b"abc")
    stream.credit = -1

    assert desk.take() == b""
    stream.credit = 1
    desk.outbox.schedule(stream, upload_of(stream))
    assert desk.frames() == [Frame(wire.DATA, 0, 1, b"a")]


def test_what_has_no_end_yet_gets_none() -> None:
    desk = Desk()
    stream = desk.stream(1, b"abc", end=False)

    assert desk.frames() == [Frame(wire.DATA, 0, 1, b"abc")]
    assert desk.finished == []
    assert not upload_of(stream).is_ready


def test_trailers_follow_the_last_data() -> None:
    desk = Desk()
    stream = desk.stream(1, b"abc")
    upload_of(stream).trailers = [(b"t", b"u")]

    assert [(each.kind, each.flags) for each in desk.frames()] == [(wire.DATA, 0), (wire.HEADERS, 5)]


@pytest.mark.parametrize("credit", [0, 10])
def test_what_is_dropped_does_not_leave(credit: int) -> None:
    desk = Desk()
    stream = desk.stream(1, b"abc", credit=credit)

    desk.outbox.drop(stream)

    assert desk.take() == b""
    assert (stream.queued, stream.upload) == (0, None)
    desk.outbox.drop(stream)


def test_heads_and_bodies_can_be_forgotten() -> None:
    desk = Desk()
    desk.stream(1, b"abc")
    desk.outbox.heads.append(b"<head>")
    desk.outbox.control.append(b"<control>")

    desk.outbox.clear()

    assert desk.take() == b"<control>"
