"""Events over real connections, in every place that a client can live in."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from faultserver import FaultServer, Peer, Received, Script, answering, reply, silent
from worlds import AsyncioWorld, TrioWorld, World

import courser

Serve = Callable[..., FaultServer]

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
GONE = reply(status="204 No Content").replace(b"Content-Length: 0\r\n", b"")

AT_ONCE = courser.Reconnect(delay=0, max_delay=0)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def token(number: int, end: str = "\n") -> bytes:
    """An event as those of large language models: a delta as JSON, with an id."""
    delta = json.dumps({"choices": [{"delta": {"content": f"wörd {number}"}}]}, ensure_ascii=False)
    return end.join([f"id: {number}", "event: delta", f"data: {delta}", "", ""]).encode()


def known(request: Received) -> int:
    """The number of the last event that a client has had; 0 for none."""
    return int(request.get("last-event-id") or 0)


async def numbers(events: Any) -> list[int]:
    return [int(event.id) async for event in events]


async def test_events_come_as_they_are_sent(world: World, serve: Serve) -> None:
    """Each before the server says another word; the second ends with a bare CR."""
    seen: list[str] = []

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(HEAD + chunk(b"\xef\xbb\xbfdata: a\r\n\r\n"))
        assert until(peer, lambda: seen == ["a"])
        peer.send(chunk(b"data: b\r\r"))
        assert until(peer, lambda: seen == ["a", "b"])
        peer.send(chunk(b"\ndata: c\n\n") + b"0\r\n\r\n")

    server = serve(script)
    async with world.client().sse(server.url(), reconnect=False) as events:
        async for event in events:
            seen.append(event.data)

    assert seen == ["a", "b", "c"]
    assert server.requests[0].get("accept") == "text/event-stream"
    assert server.requests[0].get("cache-control") == "no-store"


def until(peer: Peer, happened: Callable[[], bool]) -> bool:
    """Wait until something has happened in the client."""
    for _ in range(4000):
        if happened():
            return True
        peer.server.closing.wait(0.002)
    return False


async def test_iter_events_of_a_stream(world: World, serve: Serve) -> None:
    body = b"".join(token(number, "\r\n") for number in range(1, 200))
    server = serve(answering(reply(body, "200 OK", "Content-Type: text/event-stream; charset=latin-1")))
    client = world.client()

    async with client.stream("GET", server.url()) as response:
        events = [event async for event in response.iter_events()]

    assert [int(event.id) for event in events] == list(range(1, 200))
    assert events[6].json() == {"choices": [{"delta": {"content": "wörd 7"}}]}
    assert client.stats() == {"connections": 1, "idle": 1}


async def test_ten_thousand_events(world: World, serve: Serve) -> None:
    body = gzip.compress(b"".join(token(number) for number in range(1, 10_001)))
    fields = ("Content-Type: text/event-stream", "Content-Encoding: gzip")
    server = serve(answering(lambda request: GONE if known(request) else reply(body, "200 OK", *fields)))
    client = world.client()

    async with client.sse(server.url(), reconnect=AT_ONCE) as events:
        assert await numbers(events) == list(range(1, 10_001))

    assert len(server.requests) == 2
    assert client.stats() == {"connections": 1, "idle": 1}


async def test_the_limits_of_the_client_are_for_bodies_that_end(world: World, serve: Serve) -> None:
    body = b"".join(token(number) for number in range(1, 101))
    served = (
        reply(body, "200 OK", "Content-Type: text/event-stream"),
        reply(gzip.compress(body), "200 OK", "Content-Type: text/event-stream", "Content-Encoding: gzip"),
    )
    for answer in served:
        server = serve(answering(lambda request, answer=answer: answer))
        for options in ({"max_body_size": 100}, {"max_decoded_size": 100}):
            client = world.client(**options)
            async with client.sse(server.url(), reconnect=False) as events:
                assert await numbers(events) == list(range(1, 101))
            async with client.sse(server.url(), reconnect=False, max_body_size=100) as events:
                with pytest.raises(courser.LimitExceeded, match="larger than 100 bytes"):
                    await numbers(events)
            with pytest.raises(courser.LimitExceeded):
                await client.get(server.url())


# Dropped and taken up again


def cutting(last: int, cuts: Iterator[int], end: str = "\n", how: Callable[[Peer], None] = Peer.close) -> Script:
    """Send the events behind the last one that a client has, up to a number of bytes; without events there is 204."""

    def script(peer: Peer) -> None:
        request = peer.request()
        if known(request) >= last:
            peer.send(GONE)
            return
        size = next(cuts)
        body = b""
        for number in range(known(request) + 1, last + 1):
            body += token(number, end)
            if len(body) >= size:
                break
        peer.send(HEAD + chunk(body[:size]) if size else HEAD)
        how(peer)

    return script


@pytest.mark.only_http1("cut is the same to whoever reads events, and slow to be told of over many connections")
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
async def test_a_stream_that_is_cut_at_every_byte_loses_no_event(world: World, serve: Serve, end: str) -> None:
    """Each connection brings one byte more than the last one: through two events and into a third."""
    size = 2 * len(token(100, end)) + 10
    cuts = (at % size for at in range(10**9))
    last = 300
    server = serve(cutting(last, cuts, end))

    async with world.client().sse(server.url(), reconnect=AT_ONCE) as events:
        given = await numbers(events)

    assert given == list(range(1, last + 1))
    assert len(server.requests) > size


@pytest.mark.parametrize(
    "how", [Peer.close, Peer.reset, lambda peer: peer.send(b"0\r\n\r\n")], ids=["FIN", "RST", "end"]
)
async def test_however_a_stream_ends_it_is_taken_up(world: World, serve: Serve, how: Callable[[Peer], None]) -> None:
    server = serve(cutting(40, iter([0, 500, 700, 20, 3000] * 100), how=how))

    async with world.client().sse(server.url(), reconnect=AT_ONCE) as events:
        assert await numbers(events) == list(range(1, 41))


async def test_a_compressed_stream_that_is_cut_is_taken_up(world: World, serve: Serve) -> None:
    """No matter that its chunks are whole, or that it ends with the connection."""
    fields = b"Content-Type: text/event-stream\r\nContent-Encoding: gzip\r\n"

    def script(peer: Peer) -> None:
        number = known(peer.request())
        if number == 2:
            peer.send(GONE)
            return
        packer = zlib.compressobj(wbits=31)
        packed = packer.compress(token(number + 1)) + packer.flush(zlib.Z_SYNC_FLUSH)
        chunked = b"Transfer-Encoding: chunked\r\n\r\n" + chunk(packed) + b"0\r\n\r\n"
        peer.send(b"HTTP/1.1 200 OK\r\n" + fields + (b"\r\n" + packed if number else chunked))
        peer.close()

    async with world.client().sse(serve(script).url(), reconnect=AT_ONCE) as events:
        assert await numbers(events) == [1, 2]


async def test_the_server_says_how_long_to_wait(world: World, serve: Serve) -> None:
    def answer(request: Received) -> bytes:
        return (
            GONE
            if known(request)
            else reply(b"retry: 1\nid: 1\ndata: a\n\n", "200 OK", "Content-Type: text/event-stream")
        )

    server = serve(answering(answer))

    async with world.client().sse(server.url(), reconnect=courser.Reconnect(delay=3600)) as events:
        assert await numbers(events) == [1]


async def test_a_server_that_is_away_is_waited_for(world: World, serve: Serve) -> None:
    """The connection that was kept is dead, and so are the next two."""
    served = iter([reply(token(1), "200 OK", "Content-Type: text/event-stream"), b"", b"", GONE])

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(next(served))
        peer.close()

    server = serve(script)

    async with world.client().sse(server.url(), reconnect=courser.Reconnect(delay=0, max_delay=0.01)) as events:
        assert await numbers(events) == [1]

    assert len(server.requests) == 4


async def test_a_request_with_a_body_is_not_repeated_by_itself(world: World, serve: Serve) -> None:
    seen: list[bytes] = []

    def answer(request: Received) -> bytes:
        seen.append(request.body)
        return reply(token(1) + b"data: [DONE]\n\n", "200 OK", "Content-Type: text/event-stream")

    client = world.client()
    server = serve(answering(answer))
    async with client.sse(server.url(), method="POST", json={"stream": True}) as events:
        assert [event.data async for event in events][-1] == "[DONE]"

    assert seen == [b'{"stream":true}']
    assert client.stats() == {"connections": 1, "idle": 1}


async def test_a_body_that_is_made_as_it_is_sent_is_sent_once(world: World, serve: Serve) -> None:
    async def later() -> AsyncIterator[bytes]:
        yield b"once"

    server = serve(answering(lambda request: reply(token(1), "200 OK", "Content-Type: text/event-stream")))
    content: Any = later() if world.is_async else iter([b"once"])
    given: list[int] = []

    async with world.client().sse(server.url(), method="POST", content=content, reconnect=AT_ONCE) as events:
        given.append(int((await anext(events)).id))
        with pytest.raises(courser.BodyNotReplayable):
            await anext(events)

    assert given == [1]
    assert [request.body for request in server.requests] == [b"once"]


# Answers of other kinds


async def test_a_refusal_is_shown_and_ends_it(world: World, serve: Serve) -> None:
    def answer(request: Received) -> bytes:
        if known(request):
            return reply(b'{"error": "later"}', "429 Too Many Requests", "Content-Type: application/json")
        return reply(token(1), "200 OK", "Content-Type: text/event-stream")

    server = serve(answering(answer))
    client = world.client()

    async with client.sse(server.url(), reconnect=AT_ONCE) as events:
        assert (await anext(events)).id == "1"
        with pytest.raises(courser.StatusError) as caught:
            await anext(events)
        assert await numbers(events) == []

    assert caught.value.response is not None
    assert caught.value.response.json() == {"error": "later"}
    assert len(server.requests) == 2
    assert client.stats() == {"connections": 1, "idle": 1}


async def test_what_is_no_event_stream_is_shown(world: World, serve: Serve) -> None:
    server = serve(answering(reply(b"<p>log in</p>", "200 OK", "Content-Type: text/html")))
    client = world.client()

    with pytest.raises(courser.EventStreamError, match="status 200, Content-Type 'text/html'") as caught:
        async with client.sse(server.url()):
            pass

    assert caught.value.response is not None
    assert caught.value.response.text == "<p>log in</p>"
    assert client.stats() == {"connections": 1, "idle": 1}


async def test_the_body_of_an_error_is_not_waited_for(
    world: World, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No single wait for a byte of it is long; what has come by then is shown."""
    from courser import eventstream

    monkeypatch.setattr(eventstream, "PATIENCE", 0.3)
    refused = HEAD.replace(b"200 OK", b"503 Service Unavailable").replace(b"text/event-stream", b"text/plain")

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(refused)
        peer.dribble(chunk(b".") * 300 + b"0\r\n\r\n", 0.003)

    client = world.client(timeout=30.0)

    with pytest.raises(courser.StatusError, match="503") as caught:
        async with client.sse(serve(script).url()):
            pass

    content = caught.value.response.content
    assert content == b"." * len(content)
    assert 0 < len(content) < 300
    assert world.left_by(client) == 0


async def test_a_stream_of_another_kind_is_not_waited_for(
    world: World, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    from courser import eventstream

    monkeypatch.setattr(eventstream, "PATIENCE", 0.05)

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(HEAD.replace(b"text/event-stream", b"application/x-ndjson") + chunk(b'{"a": 1}\n'))
        peer.wait_for_close()

    client = world.client()

    with pytest.raises(courser.EventStreamError, match="application/x-ndjson"):
        async with client.sse(serve(script).url()):
            pass

    assert world.left_by(client) == 0


async def test_what_is_around_any_request_is_around_this_one(world: World, serve: Serve) -> None:
    """Redirects, cookies, credentials, middleware: of each connection anew."""
    passed: list[str | None] = []

    def watch(request: courser.Request) -> Any:
        passed.append(request.headers.get("last-event-id"))
        return (yield request)

    def answer(request: Received) -> bytes:
        if request.target == "/":
            return reply(b"", "307 Temporary Redirect", "Location: /events", "Set-Cookie: sid=1; Path=/")
        assert (request.get("authorization"), request.get("cookie")) == ("Bearer t", "sid=1")
        return (
            GONE
            if known(request) == 2
            else reply(token(known(request) + 1), "200 OK", "Content-Type: text/event-stream")
        )

    client = world.client(middleware=[watch], auth=courser.BearerAuth("t"))
    server = serve(answering(answer))

    async with client.sse(server.url(), reconnect=AT_ONCE) as events:
        assert await numbers(events) == [1, 2]
        assert [each.status_code for each in events.response.history] == [307]

    assert [request.target for request in server.requests] == ["/", "/events"] * 3
    assert passed[0] is None
    assert passed[-1] == "2"


# Time


async def test_a_stream_of_comments_only_is_broken_at_last(world: World, serve: Serve) -> None:
    """The peer is there, so the read limit does not strike."""

    def script(peer: Peer) -> None:
        if known(peer.request()):
            peer.send(GONE)
            return
        peer.send(HEAD + chunk(token(1)))
        peer.dribble(chunk(b":\n") * 2000, 0.002)

    server = serve(script)
    options = {"idle_timeout": 0.1, "timeout": courser.Timeout(read=30.0)}

    async with world.client().sse(server.url(), reconnect=AT_ONCE, **options) as events:
        assert await numbers(events) == [1]
    async with world.client().sse(server.url(), reconnect=False, **options) as events:
        assert (await anext(events)).id == "1"
        with pytest.raises(courser.ReadTimeout, match=r"no event within 0\.1 s"):
            await anext(events)


async def test_silence_is_a_broken_stream(world: World, serve: Serve) -> None:
    def script(peer: Peer) -> None:
        if known(peer.request()):
            peer.send(GONE)
            return
        peer.send(HEAD + chunk(token(1)))
        peer.wait_for_close()

    client = world.client(timeout=courser.Timeout(read=0.5))

    async with client.sse(serve(script).url(), reconnect=AT_ONCE) as events:
        assert await numbers(events) == [1]

    assert client.stats()["connections"] == client.stats()["idle"]


# Being cancelled, and closed


@pytest.mark.parametrize("how", ["sse", "iter_events", "iter_lines", "iter_json_lines"])
async def test_who_never_has_to_wait_gives_others_their_turn(world: World, serve: Serve, how: str) -> None:
    """Who is cancelled then has lost nothing, and the connection neither."""
    if not world.is_async:
        pytest.skip("plain code does one thing at a time")
    many = 2000
    form = b"%d\n" if "lines" in how else b"data: %d\n\n"
    body = b"".join([form % number for number in range(many)])
    server = serve(answering(reply(body, "200 OK", "Content-Type: text/event-stream")))
    client = world.client()
    given: list[int] = []

    async def go_on() -> None:
        async for each in items:
            given.append(int(each.data if isinstance(each, courser.ServerSentEvent) else each))

    manager = client.sse(server.url(), reconnect=False) if how == "sse" else client.stream("GET", server.url())
    async with manager as opened:
        items = opened if how == "sse" else getattr(opened, how)()
        given.append(int(getattr(first := await anext(items), "data", first)))
        assert await world.cancelled_after(0.0, go_on)
        assert len(given) < many
        await go_on()

    assert given == list(range(many))
    assert len(server.requests) == 1


async def test_a_cancelled_wait_for_an_event_leaves_nothing_and_is_no_end(world: World, serve: Serve) -> None:
    if not world.is_async:
        pytest.skip("plain code is not cancelled")

    def script(peer: Peer) -> None:
        request = peer.request()
        peer.send(HEAD + chunk(token(known(request) + 1)))
        peer.wait_for_close()

    client = world.client()
    async with client.sse(serve(script).url(), reconnect=AT_ONCE) as events:
        assert (await anext(events)).id == "1"
        assert await world.cancelled_after(0.03, lambda: anext(events))
        assert world.left_by(client) == 0
        assert (await anext(events)).id == "2"

    assert world.left_by(client) == 0


async def test_a_pause_can_be_cancelled(world: World, serve: Serve) -> None:
    if not world.is_async:
        pytest.skip("plain code is not cancelled")
    client = world.client()
    server = serve(answering(reply(token(1), "200 OK", "Content-Type: text/event-stream")))
    async with client.sse(server.url(), reconnect=courser.Reconnect(delay=3600)) as events:
        assert (await anext(events)).id == "1"
        assert await world.cancelled_after(0.03, lambda: anext(events))

    assert client.stats() == {"connections": 1, "idle": 1}
    assert len(server.requests) == 1


async def test_whoever_looks_for_events_more_often_than_it_connects_anew_gets_them(world: World, serve: Serve) -> None:
    """Each look that is in vain takes the connection, or a part of the pause."""
    if not world.is_async:
        pytest.skip("plain code is not cancelled")

    def script(peer: Peer) -> None:
        number = known(peer.request())
        peer.send(HEAD + chunk(token(number + 1)))
        peer.wait_for_close()

    client = world.client()
    given: list[str] = []

    async def look() -> None:
        given.append((await anext(events)).id)

    async with client.sse(serve(script).url(), reconnect=courser.Reconnect(delay=0.2, max_delay=0.2)) as events:
        for _ in range(200):
            await world.cancelled_after(0.05, look)
            if len(given) == 2:
                break

    assert given == ["1", "2"]


@pytest.mark.parametrize("when", ["silent", "paused", "unanswered", "refused"])
async def test_another_task_may_close_it(world: World, serve: Serve, when: str) -> None:
    if not isinstance(world, AsyncioWorld | TrioWorld):
        pytest.skip("plain code does one thing at a time")
    anew: list[int] = []

    def script(peer: Peer) -> None:
        if known(peer.request()):
            if when == "refused":
                peer.send(HEAD.replace(b"200 OK", b"503 Service Unavailable"))
            anew.append(1)
        else:
            peer.send(HEAD + chunk(token(1)) + (b"" if when == "silent" else b"0\r\n\r\n"))
            if when not in ("silent", "paused"):
                peer.close()
                return
        peer.wait_for_close()

    client = world.client(timeout=60.0)
    given: list[int] = []
    rule = courser.Reconnect(delay=3600) if when == "paused" else AT_ONCE

    async def read() -> None:
        async for event in events:
            given.append(int(event.id))

    async def close() -> None:
        assert await world.until(lambda: bool(anew if when in ("unanswered", "refused") else given))
        await world.sleep(0.02)
        await events.close()

    async with client.sse(serve(script).url(), reconnect=rule) as events:
        assert await world.together(read, close) == [None, None]

    assert given == [1]
    assert client.stats()["connections"] == client.stats()["idle"]


async def test_a_first_answer_that_does_not_come(world: World, serve: Serve) -> None:
    client = world.client(timeout=0.25)

    with pytest.raises(courser.ReadTimeout):
        async with client.sse(serve(silent).url()):
            pass

    assert world.left_by(client) == 0
