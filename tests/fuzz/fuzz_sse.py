"""No bytes make the parser of event streams do anything but give the events that the HTML Standard has in them.

    python tests/fuzz/fuzz_sse.py --seconds 60 [--seed 1]

Streams are mutated and fed whole, byte by byte and cut at random; each way has to give what the text of the standard
(section 9.2.6), followed word for word, finds in the whole stream. With limits there is LimitExceeded besides, after
the same events, or none. A stream that is cut anywhere, and taken up behind its last event, gives every event once.
"""

from __future__ import annotations

import random
import re
import sys
from typing import TypeAlias

from rounds import main, mutate

from courser.engines.sse import LONGEST_RETRY, EventParser
from courser.errors import LimitExceeded

Events: TypeAlias = list[tuple[str, str, str]]
Found: TypeAlias = tuple[Events, int | None, str]

STREAMS = [
    b"data: a\n\ndata: b\r\rdata: c\r\n\r\n",
    b"\xef\xbb\xbfid: 1\nevent: add\ndata: x\ndata:y\n\n: comment\n\nretry: 100\nid\ndata\n\n",
    'event: delta\ndata: {"content": "wörd €😀"}\nid: 77\n\n'.encode() * 3,
    b"id: a\0b\ndata: 1\n\nretry: 1x\nretry: 0020\ndata: 2\n\nunknown: 3\ndata:\n\n",
    b"data: " + b"x" * 300 + b"\n\n:" + b"y" * 300 + b"\ndata: z\n\n",
]
PIECES = [
    b"\r", b"\n", b"\r\n", b"\n\n", b":", b" ", b"\0", b"data", b"id", b"event", b"retry: 7\n", b"\xef\xbb\xbf",
    b"\xff", b"\xe2\x82", b"\xf0\x9f", "\u2028".encode(), b"data: m\n\n",
]  # fmt: skip
TIMES = (0, 1, 1, 2, 4, 8)


def standard(stream: bytes) -> Found:
    """What the standard finds in a stream."""
    text = stream.decode("utf-8", "replace").removeprefix("\ufeff")
    *lines, _ = re.split("\r\n|\n|\r", text)
    events: Events = []
    data, kind, buffered, last = "", "", "", ""
    retry: int | None = None
    for line in lines:
        if not line:
            last = buffered
            if data:
                events.append((kind or "message", data.removesuffix("\n"), last))
            data, kind = "", ""
        elif not line.startswith(":"):
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            match field:
                case "event":
                    kind = value
                case "data":
                    data += value + "\n"
                case "id" if "\0" not in value:
                    buffered = value
                case "retry" if re.fullmatch("[0-9]+", value):
                    retry = min(int(value), LONGEST_RETRY)
    return events, retry, last


def parsed(pieces: list[bytes], parser: EventParser) -> Found:
    events: Events = []
    for piece in pieces:
        events += [(event.event, event.data, event.id) for event in parser.feed(piece)]
    return events, parser.retry, parser.last_event_id


def ways(rng: random.Random, stream: bytes) -> list[list[bytes]]:
    cuts = sorted(rng.randrange(len(stream) + 1) for _ in range(4))
    cut = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    return [[stream], [stream[at : at + 1] for at in range(len(stream))], cut]


def check_streams(rng: random.Random) -> None:
    stream = mutate(rng, rng.choice(STREAMS), PIECES, TIMES)
    expected = standard(stream)
    for pieces in ways(rng, stream):
        found = parsed(pieces, EventParser())
        if found != expected:
            raise AssertionError(f"{stream!r} in {len(pieces)} pieces: {found!r} is not {expected!r}")


def check_limits(rng: random.Random) -> None:
    stream = mutate(rng, rng.choice(STREAMS), PIECES, TIMES)
    expected, _, _ = standard(stream)
    line, event = rng.choice((5, 50, 400)), rng.choice((5, 50, 400))
    results: list[object] = []
    for pieces in ways(rng, stream):
        parser = EventParser(None, line, event)
        events: Events = []
        ended = "whole"
        try:
            for piece in pieces:
                for each in parser.feed(piece):
                    events.append((each.event, each.data, each.id))
        except LimitExceeded:
            ended = "too long"
        if events != expected[: len(events)] or (ended == "whole" and len(events) < len(expected)):
            raise AssertionError(f"{stream!r}: {events!r} are not the first of {expected!r}")
        results.append((ended, events))
    if any(result != results[0] for result in results):
        raise AssertionError(f"cuts matter: {stream!r}: {results!r}")


def check_resuming(rng: random.Random) -> None:
    events = [b"id: %d\ndata: %b\n\n" % (number, rng.randbytes(4).hex().encode()) for number in range(1, 9)]
    expected = standard(b"".join(events))[0]
    parser = EventParser()
    found: Events = []
    for _ in range(100):
        rest = b"".join(events[int(parser.last_event_id or 0) :])
        if not rest:
            break
        parser.restart()
        found += parsed([rest[: rng.randrange(len(rest) + 1)]], parser)[0]
    if found != expected[: len(found)]:
        raise AssertionError(f"{found!r} is not {expected!r}")


def check(rng: random.Random) -> None:
    check_streams(rng)
    check_limits(rng)
    check_resuming(rng)


if __name__ == "__main__":
    sys.exit(main("sse", check))
