"""A stream of events is taken up again where it broke, as often as its rule says; no event is lost or given twice."""

from __future__ import annotations

import asyncio
import time
import zlib
from itertools import accumulate
from typing import Any

import pytest
from played import EVENTS, HERE, Play, Stream, in_loop, read
from played import play as play

from courser import eventstream
from courser.core.waiter import UNBROKEN, Waiter
from courser.errors import (
    BodyNotReplayable,
    ConnectError,
    DeadlineExceeded,
    DecodingError,
    EventStreamError,
    LimitExceeded,
    ReadError,
    ReadTimeout,
    StatusError,
    StreamClosed,
    StreamConsumed,
    StreamError,
    TruncatedCoding,
)
from courser.eventstream import EventStream
from courser.policies.reconnect import Reconnect
from courser.settings import Timeout
from courser.values.response import Response

AT_ONCE = Reconnect(delay=0, max_delay=0)


def end() -> Stream:
    """The answer that ends an event source."""
    return Stream(status=204, fields=b"")


# Connecting anew


@in_loop
async def test_a_stream_that_ends_or_breaks_is_taken_up_behind_the_last_event(play: Play) -> None:
    played = play(
        Stream(b"id: 1\ndata: a\n\nid: 2\ndata: b\n\nid: 3\ndata: lost\n"),
        Stream(b"data: c\n\n", ReadError()),
        Stream(b"id\ndata: d\n\n"),
        end(),
    )
    events = played.client.sse(HERE, reconnect=AT_ONCE)

    assert await read(events) == ["a", "b", "c", "d"]
    assert [request.headers.get("last-event-id") for request in played.asked] == [None, "2", "2", None]
    assert (events.last_event_id, events.response.status_code) == ("", 204)


@in_loop
async def test_a_stream_that_is_cut_at_every_byte_in_turn_loses_no_event(play: Play) -> None:
    """The first connection is cut before the first byte, each one after it a byte later, up to the end."""
    events = [f'id: {number}\ndata: {{"delta": "w{number}"}}\n\n'.encode() for number in range(1, 301)]
    ends = [0, *accumulate(map(len, events))]
    whole = b"".join(events)

    async def cut() -> Stream:
        at = len(played.asked) - 1
        start = ends[int(played.asked[-1].headers.get("last-event-id") or 0)]
        return Stream(whole[start:at], ReadError())

    played = play(*[cut] * (len(whole) + 1), end())
    given = await read(played.client.sse(HERE, reconnect=AT_ONCE))

    assert given == [f'{{"delta": "w{number}"}}' for number in range(1, 301)]
    assert played.left == 0


@in_loop
async def test_a_coding_that_ends_too_early_is_a_stream_that_breaks(play: Play) -> None:
    """A server that goes away has not ended it; what is corrupt is another thing."""
    packer = zlib.compressobj(wbits=31)
    packed = packer.compress(b"id: 1\ndata: a\n\n") + packer.flush(zlib.Z_SYNC_FLUSH)
    played = play(Stream(packed, coding=b"gzip"), end())

    assert await read(played.client.sse(HERE, reconnect=AT_ONCE)) == ["a"]
    assert played.asked[1].headers["last-event-id"] == "1"

    with pytest.raises(TruncatedCoding):
        await read(play(Stream(packed, coding=b"gzip")).client.sse(HERE, reconnect=False))
    played = play(Stream(packed, b"\xff" * 100, coding=b"gzip"), end())
    with pytest.raises(DecodingError, match="corrupt"):
        await read(played.client.sse(HERE, reconnect=AT_ONCE))
    assert played.left == 1


@in_loop
async def test_an_id_is_sent_as_utf_8(play: Play) -> None:
    played = play(Stream("id: é€\ndata: a\n\n".encode()), end())

    await read(played.client.sse(HERE, reconnect=AT_ONCE))

    assert dict(played.asked[1].headers.raw)[b"Last-Event-ID"] == "é€".encode()


@in_loop
@pytest.mark.parametrize("id", ["\x01", "a\x7f", "\x0b7"])
async def test_an_id_that_no_header_can_carry_is_not_sent(play: Play, id: str) -> None:
    """Neither is the one before it: another event than that is the last one."""
    played = play(Stream(f"id: 1\ndata: a\n\nid: {id}\ndata: b\n\n".encode()), end())
    events = played.client.sse(HERE, reconnect=AT_ONCE)

    async with events:
        assert [event.id async for event in events] == ["1", id]

    assert "last-event-id" not in played.asked[1].headers
    assert events.last_event_id == id


@in_loop
async def test_blanks_around_an_id_are_no_part_of_its_header(play: Play) -> None:
    played = play(Stream(b"id:  1 \ndata: a\n\n"), Stream(b"id:   \ndata: b\n\n"), end())

    await read(played.client.sse(HERE, reconnect=AT_ONCE))

    assert [request.headers.get("last-event-id") for request in played.asked] == [None, "1", None]


@in_loop
async def test_a_stream_is_taken_up_where_another_program_left_it(play: Play) -> None:
    for options in ({"last_event_id": "7"}, {"headers": {"Last-Event-ID": "7"}}):
        played = play(Stream(b"data: a\n\n"), end())
        events = played.client.sse(HERE, reconnect=AT_ONCE, **options)

        assert await read(events) == ["a"]
        assert [request.headers["last-event-id"] for request in played.asked] == ["7", "7"]
        assert events.last_event_id == "7"


@in_loop
async def test_the_first_attempt_is_not_repeated(play: Play) -> None:
    played = play(ConnectError(), Stream())
    events = played.client.sse(HERE, reconnect=AT_ONCE)

    with pytest.raises(ConnectError):
        await read(events)

    assert played.left == 1
    assert [event async for event in events] == []


@in_loop
async def test_later_attempts_are_until_too_many_have_failed_in_a_row(play: Play) -> None:
    refused = [ConnectError(detail=str(number)) for number in range(5)]
    played = play(Stream(), *refused[:2], Stream(b"data: a\n\n"), *refused[2:], Stream())
    events = played.client.sse(HERE, reconnect=Reconnect(delay=0, max_delay=0, attempts=3))
    given: list[str] = []

    with pytest.raises(ConnectError) as caught:
        await read(events, given)

    assert (given, caught.value, played.left) == (["a"], refused[4], 1)
    assert [event async for event in events] == []


@in_loop
async def test_pauses_are_those_of_the_rule(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Any, ...]] = []

    class Rule(Reconnect):
        def pause(self, retry: int | None, failures: int, fruitful: bool, chance: float) -> float:
            assert 0 <= chance < 1
            asked.append((retry, failures, fruitful))
            return 0.0

    played = play(Stream(b"data: a\n\n"), ConnectError(), Stream(b"retry: 9\n"), ReadError(), Stream(), end())

    assert await read(played.client.sse(HERE, reconnect=Rule())) == ["a"]
    assert asked == [(None, 0, True), (None, 1, True), (9, 0, False), (9, 1, False), (9, 0, False)]


@in_loop
async def test_without_reconnection_it_ends_with_the_stream(play: Play) -> None:
    for options in ({"reconnect": False}, {"method": "POST", "json": {}}):
        assert await read(play(Stream(b"data: a\n\n")).client.sse(HERE, **options)) == ["a"]
        with pytest.raises(ReadError):
            await read(play(Stream(b"data: a\n\n", ReadError())).client.sse(HERE, **options))


@in_loop
async def test_a_body_is_sent_again_where_that_was_said(play: Play) -> None:
    played = play(Stream(b"data: a\n\n"), end())

    assert await read(played.client.sse(HERE, method="POST", json={"a": 1}, reconnect=AT_ONCE)) == ["a"]
    assert [(request.method, request.content) for request in played.asked] == [("POST", b'{"a":1}')] * 2


@in_loop
async def test_a_body_that_cannot_be_sent_again_is_an_error_when_it_would_have_to_be(play: Play) -> None:
    broken = ReadError()
    for cause in (None, broken):
        played = play(Stream(b"data: a\n\n", *([cause] if cause else [])), Stream())
        events = played.client.sse(HERE, method="POST", content=iter([b"once"]), reconnect=AT_ONCE)

        with pytest.raises(BodyNotReplayable, match=r"asked for again, and .*; or say reconnect=False") as caught:
            await read(events)

        assert caught.value.__cause__ is cause
        assert played.left == 1
        await events.close()


# Answers that are no event streams


@in_loop
async def test_204_ends_it(play: Play) -> None:
    events = play(end()).client.sse(HERE)

    assert await read(events) == []
    assert events.response.status_code == 204


@in_loop
@pytest.mark.parametrize("before", [0, 1])
async def test_an_error_of_the_server_is_not_repeated(play: Play, before: int) -> None:
    refused = Stream(b"no ", b"more", status=503, fields=b"")
    played = play(*[Stream() for _ in range(before)], refused, Stream())

    with pytest.raises(StatusError) as caught:
        await read(played.client.sse(HERE, reconnect=AT_ONCE))

    assert caught.value.response is not None
    assert (caught.value.response.status_code, caught.value.response.content, played.left) == (503, b"no more", 1)


@in_loop
@pytest.mark.parametrize(
    ("status", "fields", "words"),
    [
        (200, b"Content-Type: application/json\r\n", "status 200, Content-Type 'application/json'"),
        (200, b"", "status 200, Content-Type None"),
        (201, EVENTS, "status 201, Content-Type 'text/event-stream'"),
        (302, b"", "status 302, Content-Type None"),
    ],
)
async def test_another_answer_is_shown(play: Play, status: int, fields: bytes, words: str) -> None:
    played = play(Stream(b'{"a":', b" 1}", status=status, fields=fields), Stream())

    with pytest.raises(EventStreamError, match=words) as caught:
        await read(played.client.sse(HERE))

    response = caught.value.response
    assert isinstance(response, Response)
    assert (response.status_code, response.json(), response.request) == (status, {"a": 1}, played.asked[0])
    assert played.left == 1


@in_loop
@pytest.mark.parametrize("pieces", [(bytes(1_100_000), b"more"), (b"some", ReadError())])
async def test_an_answer_that_is_large_or_breaks_off_is_shown_without_its_body(play: Play, pieces: Any) -> None:
    stream = Stream(*pieces, fields=b"Content-Type: video/mp4\r\n")

    with pytest.raises(EventStreamError, match="video/mp4") as caught:
        await read(play(stream).client.sse(HERE))

    assert stream.given_up
    assert caught.value.response is not None
    with pytest.raises(StreamClosed):
        _ = caught.value.response.content


@in_loop
async def test_of_an_answer_that_does_not_end_the_beginning_is_shown(play: Play) -> None:
    stream = Stream(b"be", b"cause", ReadTimeout(), fields=b"Content-Type: text/plain\r\n")

    with pytest.raises(EventStreamError, match="text/plain") as caught:
        await read(play(stream).client.sse(HERE))

    assert stream.given_up
    assert caught.value.response is not None
    assert caught.value.response.text == "because"


@in_loop
@pytest.mark.parametrize(("status", "error"), [(200, EventStreamError), (404, StatusError)])
async def test_an_answer_is_not_waited_for_longer_than_it_is_worth(
    play: Play, monkeypatch: pytest.MonkeyPatch, status: int, error: type[Exception]
) -> None:
    seen: list[float] = []
    monkeypatch.setattr(eventstream, "PATIENCE", -1000.0)
    played = play(Stream(status=status, fields=b""))
    real = played._open

    async def noted(*arguments: Any, **named: Any) -> Any:
        reply, sending = await real(*arguments, **named)
        reply.pieces.append(lambda: look(sending))
        return reply, sending

    async def look(sending: Any) -> bytes:
        seen.append(sending.deadline.final - sending.deadline.started)
        return b"."

    played._session.open_request = noted

    with pytest.raises(error):
        await read(played.client.sse(HERE))

    assert seen[0] < 0


@in_loop
async def test_an_event_that_is_too_long_ends_it(play: Play) -> None:
    played = play(Stream(b"data: a\n\ndata: 123456789\n\n"), Stream())
    events = played.client.sse(HERE, max_line=10)

    async with events:
        assert (await anext(events)).data == "a"
        with pytest.raises(LimitExceeded, match="more than 10 bytes") as caught:
            await anext(events)
        assert [event async for event in events] == []

    assert caught.value.request is not None
    assert played.left == 1


# Time


async def late() -> bytes:
    time.sleep(0.02)  # in plain code nothing may suspend
    raise ReadTimeout(bytes_received=5)


@in_loop
async def test_a_stream_without_events_is_broken(play: Play) -> None:
    played = play(Stream(b"data: a\n\n", b":\n", late))
    events = played.client.sse(HERE, idle_timeout=0.01, reconnect=False)

    async with events:
        assert (await anext(events)).data == "a"
        with pytest.raises(ReadTimeout, match=r"no event within 0\.01 s") as caught:
            await anext(events)

    assert caught.value.bytes_received == 5
    assert isinstance(caught.value.__cause__, ReadTimeout)


@in_loop
async def test_other_limits_are_what_they_are(play: Play) -> None:
    broken = ReadTimeout()
    for options in ({}, {"idle_timeout": 100.0}):
        with pytest.raises(ReadTimeout) as caught:
            await read(play(Stream(broken)).client.sse(HERE, reconnect=False, **options))
        assert caught.value is broken


@in_loop
async def test_time_without_an_event_counts_while_somebody_waits(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the wait for an event on, whatever comes meanwhile, and anew with each connection."""
    ends: list[float] = []
    read_one = EventStream._read

    async def noted(self: EventStream, request: Any) -> bytes:
        ends.append(self._due)
        return await read_one(self, request)

    monkeypatch.setattr(EventStream, "_read", noted)
    played = play(Stream(b"data: a\n\n", b":\n"), Stream(b"data: b\n\n"), end())

    assert await read(played.client.sse(HERE, idle_timeout=50.0, reconnect=AT_ONCE)) == ["a", "b"]
    first, comment, broken, second, over = ends
    assert first < comment == broken < second < over


@in_loop
async def test_a_total_time_holds_for_all_connections(play: Play) -> None:
    limits = Timeout(total=100.0, connect=1.0, read=2.0, write=3.0, pool=4.0)
    played = play(Stream(b"data: a\n\n"), ConnectError(), end())

    assert await read(played.client.sse(HERE, timeout=limits, reconnect=AT_ONCE)) == ["a"]

    assert played.told[0]["timeout"] is limits
    for told in played.told[1:]:
        timeout = told["timeout"]
        assert 0 < timeout.total < 100.0
        assert (timeout.connect, timeout.read, timeout.write, timeout.pool) == (1.0, 2.0, 3.0, 4.0)


@in_loop
async def test_a_total_time_ends_a_pause(play: Play) -> None:
    played = play(Stream(b"data: a\n\n"), Stream())

    with pytest.raises(DeadlineExceeded, match="before the event stream was open again"):
        await read(played.client.sse(HERE, timeout=Timeout(total=0.05), reconnect=Reconnect(delay=100)))

    assert played.left == 1


@in_loop
async def test_what_breaks_when_the_total_time_is_over_is_not_repeated(play: Play) -> None:
    async def over() -> bytes:
        raise broken

    broken = DeadlineExceeded()
    played = play(Stream(b"data: a\n\n", over), Stream())
    events = played.client.sse(HERE, timeout=Timeout(total=50.0), reconnect=AT_ONCE)
    async with events:
        assert (await anext(events)).data == "a"
        (events if isinstance(events, EventStream) else events.wrapped)._final = 0.0
        with pytest.raises(DeadlineExceeded) as caught:
            await anext(events)

    assert caught.value is broken
    assert played.left == 1


# Wrong use


@in_loop
async def test_it_has_to_be_opened(play: Play) -> None:
    events = play(Stream()).client.sse(HERE, last_event_id="7")

    with pytest.raises(StreamError, match=r"the event source is not open \(with client.sse\(\.\.\.\) as events:\)"):
        await anext(events)
    assert events.last_event_id == "7"


@in_loop
async def test_it_is_opened_once(play: Play) -> None:
    events = play(end(), end()).client.sse(HERE)
    await read(events)
    with pytest.raises(StreamConsumed, match="an event source is opened once"):
        await read(events)

    events = play(end()).client.sse(HERE)
    await events.close()
    with pytest.raises(StreamClosed):
        await read(events)


@in_loop
async def test_there_is_nothing_to_be_read_behind_its_block(play: Play) -> None:
    for piece in (b"data: a\n\ndata: b\n\n", b""):
        async with play(Stream(piece)).client.sse(HERE) as events:
            pass
        with pytest.raises(StreamClosed, match="its block was left"):
            await anext(events)
        await events.__aexit__(None, None, None)
        with pytest.raises(StreamClosed):
            await anext(events)
    for stream, options in ((Stream(status=204, fields=b""), {}), (Stream(), {"reconnect": False})):
        events = play(stream).client.sse(HERE, **options)
        assert await read(events) == []
        assert [event async for event in events] == []


@in_loop
async def test_a_failure_while_opening_leaves_no_response_open(play: Play) -> None:
    stream = Stream(KeyboardInterrupt(), fields=b"")
    events = play(stream).client.sse(HERE)

    with pytest.raises(KeyboardInterrupt):
        await read(events)

    assert stream.given_up


# Closing, and being struck


@in_loop
async def test_closing_it_ends_the_iteration(play: Play) -> None:
    stream = Stream(b"data: a\n\ndata: b\n\n", b"data: c\n\n")
    events = play(stream).client.sse(HERE)
    given = []
    async with events:
        async for event in events:
            given.append(event.data)
            await events.close()

    assert given == ["a"]
    assert stream.given_up


@in_loop
async def test_a_wait_that_is_struck_is_no_end_of_the_stream(play: Play) -> None:
    for rule, left in ((AT_ONCE, 0), (False, 1)):
        stream = Stream(b"id: 1\ndata: a\n\n", KeyboardInterrupt())
        played = play(stream, Stream(b"data: b\n\n"))
        events = played.client.sse(HERE, reconnect=rule)
        async with events:
            assert (await anext(events)).data == "a"
            with pytest.raises(KeyboardInterrupt):
                await anext(events)
            assert stream.given_up
            if rule:
                assert (await anext(events)).data == "b"
                assert played.asked[1].headers["last-event-id"] == "1"
            else:
                with pytest.raises(StreamClosed, match="a wait for an event was given up"):
                    await anext(events)
        assert played.left == left


@in_loop
async def test_a_pause_that_is_struck_is_gone_on_with(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever looks for events now and then is connected in the end, and failures are counted on."""
    asked: list[int] = []
    ends: list[float] = []
    struck = [True, True, False, True, False, False]

    class Rule(Reconnect):
        def pause(self, retry: int | None, failures: int, fruitful: bool, chance: float) -> float:
            asked.append(failures)
            return 1000.0

    async def wait(host: Any, waiter: Waiter) -> None:
        ends.append(waiter.deadline)
        if struck.pop(0):
            raise KeyboardInterrupt

    played = play(Stream(b"data: a\n\n"), ConnectError(), Stream(b"data: b\n\n"), end())
    events = played.client.sse(HERE, reconnect=Rule())
    given: list[str] = []
    async with events:
        source = events if isinstance(events, EventStream) else events.wrapped
        monkeypatch.setattr(type(source._place.host), "wait", wait)
        for _ in range(6):
            try:
                given.append((await anext(events)).data)
            except KeyboardInterrupt:
                given.append("struck")
            except StopAsyncIteration:
                break

    assert given == ["a", "struck", "struck", "struck", "b"]
    first, second, third, failed, last, lost = ends
    assert first == second == third < failed == last < lost
    assert asked == [0, 1, 0]


@in_loop
async def test_whoever_closes_it_during_a_pause_ends_the_pause(play: Play) -> None:
    played = play(Stream(b"data: a\n\n"), Stream())
    events = played.client.sse(HERE, reconnect=Reconnect(delay=1000))
    plain = not isinstance(events, EventStream)

    async with events:
        waiting = asyncio.create_task(asyncio.to_thread(list, events.wrapped) if plain else read_on(events))
        source = events.wrapped if plain else events
        while source._awaited is None:
            await asyncio.sleep(0.001)
        await events.close()
        assert [event.data for event in await waiting] == ["a"]

    assert played.left == 1


@in_loop
async def test_whoever_closes_it_just_before_a_pause_ends_the_pause(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closing() -> Any:
        (events if isinstance(events, EventStream) else events.wrapped)._over = True
        return Waiter()

    monkeypatch.setattr(eventstream, "Waiter", closing)
    played = play(Stream(b"data: a\n\n"), Stream())
    events = played.client.sse(HERE, reconnect=Reconnect(delay=1000))

    assert await read(events) == ["a"]
    assert played.left == 1


async def read_on(events: Any) -> list[Any]:
    return [event async for event in events]


class TestTasks:
    """What only code with tasks can do."""

    @pytest.fixture
    def play(self, play: Play) -> Play:
        if hasattr(play().client, "wrapped"):
            pytest.skip("plain code has one task")
        return play

    @in_loop
    async def test_who_is_struck_while_others_have_their_turn_loses_nothing(
        self, play: Play, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def struck(host: Any) -> None:
            turns.append(len(given))
            if len(turns) == 1:
                raise KeyboardInterrupt

        async def go_on(events: Any) -> None:
            async for event in events:
                given.append(event.data)

        turns: list[int] = []
        given: list[str] = []
        stream = Stream(b"".join([b"data: %d\n\n" % number for number in range(2 * UNBROKEN + 1)]))
        async with play(stream).client.sse(HERE, reconnect=False) as events:
            monkeypatch.setattr(type(events._place.host), "checkpoint", struck)
            with pytest.raises(KeyboardInterrupt):
                await go_on(events)
            assert not stream.given_up
            await go_on(events)

        assert given == [str(number) for number in range(2 * UNBROKEN + 1)]
        assert turns == [UNBROKEN, 2 * UNBROKEN]

    @in_loop
    async def test_one_task_reads(self, play: Play) -> None:
        async def stall() -> bytes:
            await asyncio.sleep(0.01)
            return b"data: a\n\n"

        async with play(Stream(stall)).client.sse(HERE, reconnect=False) as events:
            first = asyncio.create_task(anext(events))
            await asyncio.sleep(0)
            with pytest.raises(StreamConsumed, match="two wait for its next event at once"):
                await anext(events)
            assert (await first).data == "a"

    @in_loop
    async def test_closing_it_while_a_task_waits_for_an_event_ends_that_wait(self, play: Play) -> None:
        async def stall() -> bytes:
            await asyncio.sleep(0.01)
            raise StreamClosed()

        async with play(Stream(stall)).client.sse(HERE) as events:
            waiting = asyncio.create_task(read_on(events))
            await asyncio.sleep(0)
            await events.close()
            assert await waiting == []

    @in_loop
    async def test_closing_it_while_it_connects_leaves_nothing_open(self, play: Play) -> None:
        stream = Stream(b"data: b\n\n")

        async def connecting() -> Stream:
            await events.close()
            return stream

        events = play(Stream(b"data: a\n\n"), connecting).client.sse(HERE, reconnect=AT_ONCE)

        assert await read(events) == ["a"]
        assert stream.given_up
