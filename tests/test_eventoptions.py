"""What can be said to an event source, and what is asked of the server then."""

from __future__ import annotations

from typing import Any

import pytest
from played import HERE, Play, Stream, in_loop, read
from played import play as play

from courser.client import Client
from courser.errors import InvalidRequest
from courser.eventoptions import Asked


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"reconect": True}, TypeError, r"sse\(\) has no option 'reconect'; did you mean 'reconnect'\?"),
        ({"event_hooks": {}}, TypeError, r"sse\(\) has no option 'event_hooks'; they are an option of a client"),
        ({"method": "G T"}, InvalidRequest, "method 'G T' is not a token"),
        ({"method": None}, TypeError, "method is a str"),
        ({"reconnect": 3}, TypeError, "reconnect is True, False, a courser.Reconnect or None, not 3"),
        ({"last_event_id": "a\nb"}, InvalidRequest, "Last-Event-ID"),
        ({"last_event_id": 7}, TypeError, "Last-Event-ID"),
        ({"idle_timeout": "1"}, TypeError, "idle_timeout is a number of seconds or None, not '1'"),
        ({"idle_timeout": 0}, ValueError, "idle_timeout is 0: it must be above 0, or None for no limit"),
        ({"idle_timeout": float("nan")}, ValueError, "idle_timeout is nan"),
        ({"max_line": -1}, ValueError, "max_line is -1"),
        ({"max_event": "1"}, TypeError, "max_event is a whole number, not '1'"),
    ],
)
def test_what_makes_no_sense_is_said_at_once(options: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        Client().sse(HERE, **options)


def test_what_is_asked() -> None:
    asked = Asked(HERE, {"method": "post", "json": 1, "idle_timeout": 5, "reconnect": True, "last_event_id": "7"})

    assert (asked.url, asked.method, asked.options, asked.idle) == (HERE, "POST", {"json": 1}, 5)
    assert (asked.rule is not None, asked.last_event_id) == (True, "7")
    assert Asked(HERE, {}).rule is not None
    assert Asked(HERE, {"idle_timeout": None}).idle is None


@in_loop
@pytest.mark.parametrize("options", [{}, {"last_event_id": None}, {"last_event_id": ""}])
async def test_no_event_may_be_known(play: Play, options: dict[str, Any]) -> None:
    """As where nothing has been stored yet."""
    played = play(Stream(b"data: a\n\n"))
    events = played.client.sse(HERE, reconnect=False, **options)

    assert events.last_event_id == ""
    async with events:
        assert [event.id async for event in events] == [""]
    assert "last-event-id" not in played.asked[0].headers


async def sent(play: Play, options: dict[str, Any], **of_client: Any) -> tuple[str | None, str | None]:
    played = play(Stream(status=204, fields=b""), **of_client)
    await read(played.client.sse(HERE, **options))
    headers = played.asked[0].headers
    return headers.get("accept"), headers.get("cache-control")


@in_loop
async def test_an_event_stream_is_asked_for(play: Play) -> None:
    assert await sent(play, {}) == ("text/event-stream", "no-store")
    assert await sent(play, {"headers": {"X": "1"}}, headers={"Y": "2"}) == ("text/event-stream", "no-store")


@in_loop
@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"accept": "*/*"}, ("*/*", "no-store")),
        ({"Accept": "a/b", "Cache-Control": "max-age=1"}, ("a/b", "max-age=1")),
        ({"Accept": None, "Cache-Control": None}, (None, None)),
        ({"Accept": "text/event-stream"}, ("text/event-stream", "no-store")),
        ([("Accept", "a/b")], ("a/b", "no-store")),
    ],
)
async def test_unless_the_caller_says_otherwise(
    play: Play, headers: Any, expected: tuple[str | None, str | None]
) -> None:
    assert await sent(play, {"headers": headers}) == expected
    if isinstance(headers, list):
        assert await sent(play, {"headers": iter(headers)}) == expected


@in_loop
async def test_unless_the_client_says_otherwise(play: Play) -> None:
    said = {"Accept": "a/b", "Cache-Control": "max-age=1"}

    assert await sent(play, {}, headers=said) == ("a/b", "max-age=1")
    assert await sent(play, {}, headers={"Accept": None}) == (None, "no-store")
    assert await sent(play, {"headers": {"Accept": "c/d"}}, headers=said) == ("c/d", "max-age=1")


@in_loop
async def test_options_of_a_request_are_those_of_any(play: Play) -> None:
    played = play(Stream(status=204, fields=b""), base_url=HERE)
    options = {"params": {"a": "1"}, "json": {"b": 2}, "timeout": 5, "auth": None, "method": "post"}

    await read(played.client.sse("c", idle_timeout=5, max_line=None, **options))

    (request,) = played.asked
    assert (request.method, str(request.url), request.content) == ("POST", f"{HERE}c?a=1", b'{"b":2}')
    assert played.told[0].keys() == {"params", "json", "timeout", "auth"}


@in_loop
async def test_the_last_event_is_named_once(play: Play) -> None:
    with pytest.raises(InvalidRequest, match="last_event_id= and the header Last-Event-ID were given"):
        await read(play().client.sse(HERE, last_event_id="7", headers={"Last-Event-ID": "8"}))
