"""Event streams by the HTML Standard, whatever the cuts, in linear time and within bounds."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courser.engines.sse import LONGEST_RETRY, EventParser, is_event_stream
from courser.errors import LimitExceeded
from courser.values.serversent import ServerSentEvent

Found = tuple[list[tuple[str, str, str]], int | None, str]


def said(*pieces: bytes, **options: Any) -> Found:
    """The events of pieces, the time to wait and the last id."""
    parser = EventParser(**options)
    events = [event for piece in pieces for event in parser.feed(piece)] + list(parser.end())
    return [(event.event, event.data, event.id) for event in events], parser.retry, parser.last_event_id


def check(stream: bytes, expected: Found) -> None:
    """A stream is the same fed whole, byte by byte, and in two pieces cut anywhere."""
    assert said(stream) == expected
    assert said(*(stream[at : at + 1] for at in range(len(stream)))) == expected
    splits = range(1, len(stream)) if len(stream) < 500 else range(1, len(stream), len(stream) // 100)
    for at in splits:
        assert said(stream[:at], b"", stream[at:]) == expected, at


CASES: list[tuple[bytes, list[tuple[str, str, str]], int | None, str]] = [
    (b"", [], None, ""),
    (b"data: a\n\n", [("message", "a", "")], None, ""),
    (b"data: a\r\n\r\n", [("message", "a", "")], None, ""),
    (b"data: a\r\r", [("message", "a", "")], None, ""),
    (b"data: a\r\n\r", [("message", "a", "")], None, ""),
    (b"data: a\r\n\ndata: b\r\r\n\r\n", [("message", "a", ""), ("message", "b", "")], None, ""),
    (b"data:a\ndata:  b\ndata\n\n", [("message", "a\n b\n", "")], None, ""),
    (b"data\n\ndata\ndata\n\ndata:", [("message", "", ""), ("message", "\n", "")], None, ""),
    (b"data: a\n", [], None, ""),
    (b"data: a", [], None, ""),
    (b"\n\n\r\r\n", [], None, ""),
    (b":\n: data: a\n:data: a\n\n", [], None, ""),
    (b"event: add\ndata: 1\n\ndata: 2\n\n", [("add", "1", ""), ("message", "2", "")], None, ""),
    (b"event: add\n\ndata: 2\n\n", [("message", "2", "")], None, ""),
    (b"event: add\nevent\ndata: 1\n\n", [("message", "1", "")], None, ""),
    (b"id: 1\ndata: a\n\ndata: b\n\n", [("message", "a", "1"), ("message", "b", "1")], None, "1"),
    (b"id: 1\n\ndata: b\n\n", [("message", "b", "1")], None, "1"),
    (b"id: 1\ndata: a\n\nid\ndata: b\n\n", [("message", "a", "1"), ("message", "b", "")], None, ""),
    (b"id: 1\ndata: a\n\nid: 2\ndata: b\n", [("message", "a", "1")], None, "1"),
    (b"id: 1\nid: 2\0\ndata: a\n\n", [("message", "a", "1")], None, "1"),
    (b"id: \xc3\xa9\xff\ndata: a\n\n", [("message", "a", "é\ufffd")], None, "é\ufffd"),
    (b"retry: 1500\n\n", [], 1500, ""),
    (b"retry: 0\n", [], 0, ""),
    (b"retry:0007\nretry: 8 \nretry: -1\nretry: 1.5\nretry\nretry: \xd9\xa1\n", [], 7, ""),
    (b"retry: " + b"9" * 5000 + b"\n", [], LONGEST_RETRY, ""),
    (b"retry: 00000000000000000000\n", [], 0, ""),
    (b"Data: a\n data: b\ndata : c\nunknown: d\n\n", [], None, ""),
    (b"\xef\xbb\xbfdata: a\n\n", [("message", "a", "")], None, ""),
    (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\ndata: b\n\n", [("message", "b", "")], None, ""),
    (b"\n\xef\xbb\xbfdata: a\n\n", [], None, ""),
    (b"\xef\xbb\xbf\ndata: a\n\n", [("message", "a", "")], None, ""),
    ("data: \u2028\x85\x0b\x1cé€😀\n\n".encode(), [("message", "\u2028\x85\x0b\x1cé€😀", "")], None, ""),
    (b"data: \xe2\x82\ndata: \xac\xff\n\n", [("message", "\ufffd\n\ufffd\ufffd", "")], None, ""),
    (b"data: a\0b\n\n", [("message", "a\0b", "")], None, ""),
    (b"data:\ta\n\n", [("message", "\ta", "")], None, ""),
    (b"data: a: b\n\n", [("message", "a: b", "")], None, ""),
]


@pytest.mark.parametrize(("stream", "events", "retry", "last"), CASES)
def test_streams(stream: bytes, events: list[tuple[str, str, str]], retry: int | None, last: str) -> None:
    check(stream, (events, retry, last))


def test_streams_of_the_web_platform_tests(vectors: Path) -> None:
    path = vectors / "sse" / "sse-vectors.json"
    if not path.is_file():
        pytest.skip(f"no {path}")
    cases = json.loads(path.read_text(encoding="utf-8"))

    assert len(cases) > 20
    for case in cases:
        stream = bytes.fromhex(case["stream_hex"])
        events, retry, last = said(stream)
        assert (case["name"], events) == (case["name"], [tuple(event) for event in case["events"]])
        assert (case["name"], retry) == (case["name"], case["retry"])
        check(stream, (events, retry, last))


texts = st.text(st.characters(blacklist_characters="\r\n\0", blacklist_categories=["Cs"]))


@given(st.lists(st.tuples(texts, st.lists(texts, min_size=1), texts)), st.sampled_from(["\r", "\n", "\r\n"]), st.data())
def test_what_was_written_is_read(events: list[tuple[str, list[str], str]], end: str, data: st.DataObject) -> None:
    lines = [
        line
        for event, parts, name in events
        for line in (f"event: {event}", *[f"data: {part}" for part in parts], f"id: {name}", ": comment", "")
    ]
    stream = "".join(line + end for line in lines).encode()
    size = data.draw(st.integers(1, 1 + len(stream)))
    pieces = [stream[start : start + size] for start in range(0, len(stream), size)]

    expected = [(event or "message", "\n".join(parts), name) for event, parts, name in events]

    assert said(*pieces)[0] == expected


def test_an_event_is_given_when_its_empty_line_is_there() -> None:
    parser = EventParser()

    assert list(parser.feed(b"data: a\r")) == []
    assert list(parser.feed(b"\r")) == [ServerSentEvent(data="a")]
    assert list(parser.feed(b"\ndata: b\n")) == []
    assert list(parser.feed(b"\n")) == [ServerSentEvent(data="b")]


def test_an_event_has_the_time_to_wait_that_came_with_it() -> None:
    events = list(EventParser().feed(b"retry: 1\n\ndata: a\n\nretry: 2\ndata: b\n\ndata: c\n\n"))

    assert [event.retry for event in events] == [None, 2, None]


def test_events_have_the_codec() -> None:
    (event,) = EventParser(loads=lambda data: data * 2).feed(b"data: ab\n\n")

    assert event.json() == b"abab"


def test_the_last_id_is_never_ahead_of_the_events_that_were_given() -> None:
    parser = EventParser()
    events = parser.feed(b"id: 1\ndata: a\n\nid: 2\ndata: b\n\nid: 3\n\n")

    assert parser.last_event_id == ""
    assert next(events).id == parser.last_event_id == "1"
    assert next(events).id == parser.last_event_id == "2"
    assert (list(events), parser.last_event_id) == ([], "3")


@pytest.mark.parametrize(
    "left", [b"data: lost", b"data: lost\n", b"event: lost\ndata: lost\n", b"id: lost\n", b"data: a\n\r", b"dat"]
)
def test_a_stream_that_goes_on_begins_anew(left: bytes) -> None:
    parser = EventParser(last_event_id="0")
    list(parser.feed(b"retry: 5\nid: 1\ndata: a\n\n" + left))

    parser.restart()

    assert parser.retry == 5
    assert list(parser.feed(b"\xef\xbb\xbfdata: b\n\n")) == [ServerSentEvent(data="b", id="1")]
    assert parser.last_event_id == "1"


def test_a_stream_goes_on_behind_an_id_that_is_known() -> None:
    assert said(b"data: a\n\n", last_event_id="7") == ([("message", "a", "7")], None, "7")


@pytest.mark.parametrize(
    ("pieces", "options", "words"),
    [
        ([b"data: 456789\n"], {"max_line": 11}, "a line of an event stream has more than 11 bytes"),
        ([b"data: 45", b"6789"], {"max_line": 11}, "a line of an event stream has more than 11 bytes"),
        ([b": 34567", b"89012\n"], {"max_line": 11}, "a line of an event stream has more than 11 bytes"),
        ([b"data: 456\n", b"data: 456\n"], {"max_event": 7}, "an event has more than 7 bytes of data"),
        ([b"data\n"] * 8, {"max_event": 7}, "an event has more than 7 bytes of data"),
    ],
)
def test_limits(pieces: list[bytes], options: dict[str, int], words: str) -> None:
    with pytest.raises(LimitExceeded, match=words):
        said(*pieces, **options)


def test_what_is_within_the_limits() -> None:
    stream = b"data: 456\ndata: 456\n\n" * 3 + b": comment\n" * 100

    assert len(said(stream, max_line=9, max_event=8)[0]) == 3
    assert len(said(b"data:" + b"x" * 2_000_000 + b"\n\n", max_line=None, max_event=None)[0]) == 1


def test_events_before_one_that_is_too_long_are_given() -> None:
    events = EventParser(max_line=10).feed(b"data: a\n\ndata: 3456789\n\n")

    assert next(events).data == "a"
    with pytest.raises(LimitExceeded):
        next(events)


@pytest.mark.parametrize("size", [1, 64, 4096])
def test_ghsa_f2fp_rgf2_35cp_a_line_without_end(size: int) -> None:
    """8 MB in small reads: each is looked at once, and no more is kept than one line may have."""
    parser = EventParser()
    piece = b"x" * size
    for _ in range(1024 * 1024 // size):
        assert list(parser.feed(piece)) == []
    with pytest.raises(LimitExceeded):
        list(parser.feed(piece))


def test_a_long_line_is_kept_as_it_comes() -> None:
    """The memory moves a few times while it grows, not with every piece."""
    parser = EventParser(max_line=None, max_event=None)
    tracemalloc.start()
    try:
        list(parser.feed(b"data:"))
        for _ in range(2000):
            list(parser.feed(b"x" * 4096))
        held, peak = tracemalloc.get_traced_memory()
        assert held < 1.3 * 8_192_000
        assert peak < 2.6 * 8_192_000
    finally:
        tracemalloc.stop()

    (event,) = parser.feed(b"\n\n")
    assert event.data == "x" * 8_192_000


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("text/event-stream", True),
        ("Text/Event-Stream;charset=latin-1", True),
        (" text/event-stream ; a=b", True),
        ("text/event-stream2", False),
        ("text/plain; text/event-stream", False),
        ("text/event-stream, text/event-stream; charset=utf-8", True),
        ("text/html, text/event-stream, nonsense", True),
        ("text/event-stream, text/html", False),
        ("", False),
        (None, False),
    ],
)
def test_content_types(content_type: str | None, expected: bool) -> None:
    assert is_event_stream(content_type) is expected
