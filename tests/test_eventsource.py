"""Event sources in both colours, under the same names."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from played import HERE, Play, Stream, in_loop, read
from played import play as play

import courser
from courser.client import AsyncClient, Client
from courser.errors import StatusError, StreamError
from courser.eventsource import AsyncEventSource, EventSource
from courser.streams import AsyncResponseStream, ResponseStream


def plain(events: Any) -> Any:
    """The event source itself."""
    return getattr(events, "wrapped", events)


@in_loop
async def test_events_and_their_response(play: Play) -> None:
    stream = Stream(b"id: 1\nevent: add\nda", b'ta: {"a": 1}\n\ndata: b\r', b"\r")
    events = play(stream).client.sse(HERE, reconnect=False)

    async with events as entered:
        assert plain(entered) is plain(events)
        first = await anext(events)
        assert (first, first.json()) == (courser.ServerSentEvent("add", '{"a": 1}', "1"), {"a": 1})
        response = plain(events).response
        assert isinstance(response, ResponseStream | AsyncResponseStream)
        assert (response.status_code, response.num_bytes_downloaded) == (200, 41)
        assert [event.data async for event in events] == ["b"]
        assert [event.data async for event in events] == []

    assert response.status_code == 200


@in_loop
async def test_there_is_no_response_before_it_is_open(play: Play) -> None:
    with pytest.raises(StreamError, match="the event source is not open"):
        _ = plain(play(Stream()).client.sse(HERE)).response


@in_loop
async def test_leaving_it_closes_the_response(play: Play) -> None:
    stream = Stream(b"data: a\n\n", b"data: b\n\n")
    async with play(stream).client.sse(HERE) as events:
        async for _ in events:
            break

    assert stream.given_up
    await events.close()


@in_loop
async def test_one_that_was_not_opened_can_be_closed(play: Play) -> None:
    await play().client.sse(HERE).close()


@in_loop
async def test_the_body_of_an_error_is_at_hand(play: Play) -> None:
    with pytest.raises(StatusError) as caught:
        await read(play(Stream(b"why", status=401, fields=b"")).client.sse(HERE))

    assert caught.value.response is not None
    assert caught.value.response.text == "why"


@in_loop
async def test_events_are_read_by_the_codec_of_the_client(play: Play) -> None:
    played = play(Stream(b"data: x\n\n"), json_codec=(bytes.decode, str))
    async with played.client.sse(HERE, reconnect=False) as events:
        assert [event.json() async for event in events] == ["x"]


def test_both_colours_have_the_same_names() -> None:
    own = {name for name in dir(EventSource) if not name.startswith("_")}
    other = {name for name in dir(AsyncEventSource) if not name.startswith("_")}

    assert own == {"close", "last_event_id", "response"}
    assert other - own == {"aclose"}


def test_they_are_iterators() -> None:
    events = Client().sse(HERE)

    assert isinstance(events, Iterator)
    assert iter(events) is events
    assert isinstance(AsyncClient().sse(HERE), AsyncIterator)


def test_two_threads_are_told_that_one_reads() -> None:
    """As tasks are."""
    events = Client().sse(HERE)
    events._request = courser.Request("GET", HERE)
    events._busy = True

    with pytest.raises(courser.StreamConsumed):
        next(events)


def test_a_client_that_is_closed_opens_none() -> None:
    async def main() -> None:
        client = AsyncClient()
        await client.aclose()
        with pytest.raises(courser.ClientClosed):
            await client.sse(HERE).__aenter__()

    asyncio.run(main())
    client = Client()
    client.close()
    with pytest.raises(courser.ClientClosed):
        client.sse(HERE).__enter__()
