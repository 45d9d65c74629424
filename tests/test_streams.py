"""Responses whose body is read as it comes, in both colours under the same names."""

from __future__ import annotations

import asyncio
import gzip
import pickle
import tracemalloc
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from courser.core.reply import StaticReply
from courser.core.waiter import UNBROKEN
from courser.engines.events import End, ResponseHead
from courser.errors import (
    DecodingError,
    EventStreamError,
    JSONError,
    LimitExceeded,
    ReadError,
    StatusError,
    StreamClosed,
    StreamConsumed,
    StreamError,
)
from courser.hosts.aio import current_host
from courser.hosts.inline import InlineHost
from courser.session import Session
from courser.streams import AsyncResponseStream, AsyncStreaming, Pieces, ResponseStream, Streaming
from courser.values.request import Request
from courser.values.serversent import ServerSentEvent

ASKED = Request("GET", "http://a.example/")


class Script(StaticReply):
    """A reply whose pieces are written down; an error among them is raised."""

    __slots__ = ("given_up", "pieces")

    def __init__(self, pieces: list[Any], status: int = 200, fields: bytes = b"", coding: Any = None) -> None:
        super().__init__(ResponseHead(status, b"", b"1.1", fields, None, coding, True), b"", ASKED, 1.0)
        self.end = None
        self.pieces = pieces
        self.given_up = False

    async def piece(self, host: Any) -> bytes:
        if not self.pieces:
            self.end = End(b"T: 1\r\n")
            return b""
        piece = self.pieces.pop(0)
        if isinstance(piece, Exception):
            raise piece
        return piece

    def abort(self) -> None:
        self.given_up = self.end is None


class Sync:
    """A ResponseStream behind async names."""

    def __init__(self, session: Session, reply: Script, limit: int | None) -> None:
        self.stream = ResponseStream(
            session.responses, reply, session.sending(place(session), {"max_body_size": limit}, True)
        )

    async def listed(self, name: str, *arguments: Any, **options: Any) -> list[Any]:
        return list(getattr(self.stream, name)(*arguments, **options))

    async def first(self, name: str) -> Any:
        return next(iter(getattr(self.stream, name)()))

    async def call(self, name: str) -> Any:
        return getattr(self.stream, name)()


class Async:
    """An AsyncResponseStream."""

    def __init__(self, session: Session, reply: Script, limit: int | None) -> None:
        self.stream = AsyncResponseStream(
            session.responses, reply, session.sending(place(session), {"max_body_size": limit}, True)
        )

    async def listed(self, name: str, *arguments: Any, **options: Any) -> list[Any]:
        return [each async for each in getattr(self.stream, name)(*arguments, **options)]

    async def first(self, name: str) -> Any:
        return await anext(getattr(self.stream, name)())

    async def call(self, name: str) -> Any:
        return await getattr(self.stream, name)()


def place(session: Session) -> Any:
    return session.place(InlineHost())


Make = Callable[..., Any]


@pytest.fixture(params=[Sync, Async])
def make(request: pytest.FixtureRequest) -> Make:
    """Makes a stream of pieces: `make([b"piece"], status=, fields=, coding=)`."""

    def made(pieces: list[Any], limit: int | None = None, **options: Any) -> Any:
        return request.param(Session(), Script(pieces, **options), limit)

    return made


def run(call: Awaitable[Any]) -> Any:
    async def main() -> Any:
        return await call

    return asyncio.run(main())


def test_the_head(make: Make) -> None:
    stream = make([], status=302, fields=b"Location: /y\r\nA: 1\r\n").stream

    assert (stream.status_code, stream.reason_phrase, stream.http_version) == (302, "Found", "HTTP/1.1")
    assert (stream.headers["a"], stream.request, str(stream.url)) == ("1", ASKED, "http://a.example/")
    assert str(stream.next_request.url) == "http://a.example/y"
    assert (stream.history, stream.extensions, stream.num_bytes_downloaded) == ([], {}, 0)
    assert stream.timings.first_byte == stream.timings.total
    assert repr(stream) == f"<{type(stream).__name__} [302 Found]>"


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("iter_bytes", (), [b"ab\n", b"c\xc3", b"\xa9\r\n", b"d"]),
        ("iter_bytes", (2,), [b"ab", b"\nc", b"\xc3\xa9", b"\r\n", b"d"]),
        ("iter_bytes", (100,), [b"ab\nc\xc3\xa9\r\nd"]),
        ("iter_raw", (), [b"ab\n", b"c\xc3", b"\xa9\r\n", b"d"]),
        ("iter_raw", (8,), [b"ab\nc\xc3\xa9\r\n", b"d"]),
        ("iter_text", (), ["ab\n", "c", "é\r\n", "d"]),
        ("iter_lines", (), ["ab", "cé", "d"]),
        ("iter_lines", (2,), ["ab", "cé", "d"]),
        ("iter_lines", (None,), ["ab", "cé", "d"]),
    ],
)
def test_iterating(make: Make, name: str, arguments: tuple[Any, ...], expected: list[Any]) -> None:
    made = make([b"ab\n", b"c\xc3", b"\xa9\r\n", b"d"])

    assert run(made.listed(name, *arguments)) == expected
    assert made.stream.num_bytes_downloaded == 9


@pytest.mark.parametrize("name", ["iter_bytes", "iter_raw", "iter_text", "iter_lines", "iter_json_lines"])
def test_nothing_gives_nothing(make: Make, name: str) -> None:
    assert run(make([]).listed(name)) == []


def test_decoding(make: Make) -> None:
    raw = gzip.compress(b"plain " * 1000)
    pieces = [raw[:10], raw[10:]]

    made = make(list(pieces), coding=b"gzip")
    assert b"".join(run(made.listed("iter_bytes"))) == b"plain " * 1000
    assert made.stream.num_bytes_downloaded == len(raw)
    assert run(make(list(pieces), coding=b"gzip").listed("iter_raw")) == pieces
    with pytest.raises(DecodingError):
        run(make([raw[:-9]], coding=b"gzip").listed("iter_bytes"))


def test_json_lines(make: Make) -> None:
    made = make([b'{"a": 1}\n[', b"2]\r\n\n3"])

    assert run(made.listed("iter_json_lines")) == [{"a": 1}, [2], 3]


def test_json_lines_up_to_one_that_is_none(make: Make) -> None:
    """The values before it are given, and nothing after it."""
    made = make([b"1\n2\n<html>\n", b"4\n"])
    seen: list[Any] = []

    async def main() -> None:
        values = made.stream.iter_json_lines()
        if isinstance(made, Async):
            async for value in values:
                seen.append(value)
        else:
            for value in values:
                seen.append(value)

    with pytest.raises(JSONError, match="line 3") as caught:
        run(main())

    assert seen == [1, 2]
    assert caught.value.request is ASKED


def test_an_iteration_over_json_lines_that_failed_is_over() -> None:
    async def main() -> None:
        values = Async(Session(), Script([b"x\n", b"1\n"]), None).stream.iter_json_lines()
        with pytest.raises(JSONError):
            await anext(values)
        with pytest.raises(StopAsyncIteration):
            await anext(values)

    asyncio.run(main())


def test_json_lines_are_read_by_the_codec_of_the_client() -> None:
    session = Session(json_codec=(bytes.decode, str))
    made = Async(session, Script([b"x\ny"]), None)

    assert run(made.listed("iter_json_lines")) == ["x", "y"]


STREAMING = b"Content-Type: text/event-stream; charset=latin-1\r\n"


def test_events(make: Make) -> None:
    made = make([b"data: a\r", b"\r", b"\nid: 7\ndata: \xc3", b"\xa9\n\ndata: lost\n"], fields=STREAMING)

    assert run(made.listed("iter_events")) == [ServerSentEvent(data="a"), ServerSentEvent(data="é", id="7")]


@pytest.mark.parametrize(("fields", "told"), [(b"", "None"), (b"Content-Type: text/html\r\n", "'text/html'")])
def test_events_come_in_event_streams_only(make: Make, fields: bytes, told: str) -> None:
    made = make([b"data: a\n\n"], fields=fields)

    with pytest.raises(EventStreamError, match=f"status 200, Content-Type {told}") as caught:
        made.stream.iter_events()

    assert caught.value.request is ASKED
    assert caught.value.response.status_code == 200
    assert [event.data for event in run(made.listed("iter_events", check_type=False))] == ["a"]


@pytest.mark.parametrize("limits", [(5, None), (None, 5)])
def test_events_are_bounded_as_the_caller_says(make: Make, limits: tuple[Any, ...]) -> None:
    with pytest.raises(LimitExceeded, match="more than 5 bytes") as caught:
        run(make([b"data: 12345\n\n"], fields=STREAMING).listed("iter_events", *limits))

    assert caught.value.request is ASKED
    with pytest.raises(ValueError, match="max_line is -1"):
        make([], fields=STREAMING).stream.iter_events(-1)


def test_events_have_the_codec_of_the_client() -> None:
    made = Async(Session(json_codec=(bytes.decode, str)), Script([b"data: x\n\n"], fields=STREAMING), None)

    assert [event.json() for event in run(made.listed("iter_events"))] == ["x"]


@pytest.mark.parametrize("name", ["iter_lines", "iter_json_lines"])
def test_ghsa_8xx6_hgc6_gc2m_a_line_is_bounded_unless_the_caller_says_otherwise(make: Make, name: str) -> None:
    with pytest.raises(LimitExceeded):
        run(make([bytes(9_000_000)] * 2).listed(name))


def test_trailers_come_with_the_end(make: Make) -> None:
    made = make([b"a"])

    assert made.stream.trailers == {}
    run(made.listed("iter_bytes"))
    assert made.stream.trailers == {"T": "1"}


@pytest.mark.parametrize("name", ["content", "text", "json", "encoding"])
def test_what_only_a_whole_response_has_is_told(make: Make, name: str) -> None:
    stream = make([b"a"]).stream

    with pytest.raises(AttributeError, match=rf"has no {name}, its body is still to come: response\(\) gives"):
        getattr(stream, name)
    with pytest.raises(AttributeError, match=r"has no attribute 'nonsense'$"):
        _ = stream.nonsense


def test_what_the_header_says(make: Make) -> None:
    stream = make([], fields=b"Link: </2>; rel=next\r\nContent-Disposition: attachment; filename=a.txt\r\n").stream

    assert stream.links["next"]["url"] == "http://a.example/2"
    assert stream.content_disposition.filename == "a.txt"


def test_decoded_bodies_have_a_limit_of_their_own() -> None:
    packed = gzip.compress(bytes(1000))

    def stream(size: int, limit: int | None = None) -> Async:
        return Async(Session(max_decoded_size=size), Script([packed], coding=b"gzip"), limit)

    assert run(stream(1000).listed("iter_bytes")) == [bytes(1000)]
    assert run(stream(1000, 100).listed("iter_bytes")) == [bytes(1000)]
    assert run(stream(10).listed("iter_raw")) == [packed]
    with pytest.raises(LimitExceeded, match="larger than 999 bytes"):
        run(stream(999).listed("iter_bytes"))


def test_a_body_that_has_no_end_has_the_limits_of_its_call_only() -> None:
    packed = gzip.compress(bytes(1000))
    for limit, fits in ((None, True), (999, False)):
        session = Session(max_decoded_size=10)
        sending = session.sending(place(session), {}, True)
        sending.endless, sending.limit = True, limit
        pieces = ResponseStream(session.responses, Script([packed], coding=b"gzip"), sending).iter_bytes()
        if fits:
            assert list(pieces) == [bytes(1000)]
        else:
            with pytest.raises(LimitExceeded, match="larger than 999 bytes"):
                list(pieces)


def test_text_has_the_charset_of_the_header(make: Make) -> None:
    made = make([b"\xe9"], fields=b"Content-Type: text/plain; charset=latin-1\r\n")
    assert run(made.listed("iter_text")) == ["é"]


def test_reading(make: Make) -> None:
    made = make([b"a", b"b"])

    async def main() -> Any:
        assert await made.call("read") == b"ab"
        assert await made.call("read") == b"ab"
        return await made.call("response")

    response = run(main())

    assert (response.content, response.status_code, response.trailers) == (b"ab", 200, {"T": "1"})
    assert response.request is ASKED
    assert response.timings.total > response.timings.first_byte


def test_a_response_keeps_what_led_to_it(make: Make) -> None:
    made = make([], status=302, fields=b"Location: /y\r\n")

    response = run(made.call("response"))

    assert response.history is made.stream.history
    assert response.next_request is made.stream.next_request
    assert response.stripped is made.stream.stripped


def test_a_body_is_read_once(make: Make) -> None:
    made = make([b"a"])
    run(made.listed("iter_bytes"))

    with pytest.raises(StreamConsumed, match="keep what read"):
        run(made.listed("iter_raw"))


def test_a_closed_stream_is_not_read(make: Make) -> None:
    made = make([b"a"])
    run(made.call("close"))

    with pytest.raises(StreamClosed):
        run(made.listed("iter_bytes"))
    assert made.stream._reply.given_up


def test_a_stream_that_is_left_is_not_read_on(make: Make) -> None:
    made = make([b"a", b"b"])

    async def main() -> None:
        assert await made.first("iter_bytes") == b"a"
        await made.call("close")
        await made.first("iter_bytes")

    with pytest.raises(StreamClosed):
        run(main())


def test_what_breaks_off_is_an_error_with_its_request(make: Make) -> None:
    made = make([b"a", ReadError()])

    with pytest.raises(ReadError) as caught:
        run(made.listed("iter_bytes"))

    assert caught.value.request is ASKED
    assert made.stream._reply.given_up


def test_a_body_may_be_bounded(make: Make) -> None:
    with pytest.raises(LimitExceeded, match=r"larger than 2 bytes .*max_body_size"):
        run(make([b"abc"], limit=2).listed("iter_bytes"))
    with pytest.raises(LimitExceeded):
        run(make([b"abc"]).listed("iter_lines", 2))


@pytest.mark.parametrize("size", [0, -5, "1"])
def test_a_chunk_size_that_makes_no_sense_is_refused(make: Make, size: Any) -> None:
    with pytest.raises(ValueError, match="chunk_size"):
        run(make([b"a"]).listed("iter_bytes", size))


def test_raise_for_status(make: Make) -> None:
    fine = make([b"a"], status=304)
    assert run(fine.call("raise_for_status")) is fine.stream

    with pytest.raises(StatusError) as caught:
        run(make([b"why"], status=404).call("raise_for_status"))
    assert caught.value.response.content == b"why"


@pytest.mark.parametrize("before", ["iter_bytes", "close"])
def test_raise_for_status_comes_too_late_for_the_body_only(make: Make, before: str) -> None:
    made = make([b"why"], status=503)
    run(made.listed(before) if before == "iter_bytes" else made.call(before))

    with pytest.raises(StatusError, match="503") as caught:
        run(made.call("raise_for_status"))

    error = pickle.loads(pickle.dumps(caught.value))
    assert error.response.status_code == 503
    with pytest.raises(StreamClosed, match="was not kept"):
        _ = error.response.content


def test_cve_2025_66471_an_error_keeps_a_small_body_only(make: Make) -> None:
    """A bomb may come with any status."""
    bomb = gzip.compress(bytes(50_000_000))
    made = make([bomb], status=500, coding=b"gzip")
    tracemalloc.start()
    try:
        with pytest.raises(StatusError, match="500") as caught:
            run(made.call("raise_for_status"))
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()

    assert made.stream._reply.given_up
    with pytest.raises(StreamClosed, match="was not kept"):
        _ = caught.value.response.content


@pytest.mark.parametrize("broken", [[b"a", ReadError()], [b"no gzip"]])
def test_an_error_that_cannot_show_its_body_is_raised_without(make: Make, broken: list[Any]) -> None:
    """The status is what was asked for."""
    made = make(broken, status=500, coding=b"gzip" if broken == [b"no gzip"] else None)

    with pytest.raises(StatusError, match="500"):
        run(made.call("raise_for_status"))


def test_raise_for_status_may_be_called_again(make: Make) -> None:
    made = make([b"why"], status=500)

    for _ in range(2):
        with pytest.raises(StatusError) as caught:
            run(made.call("raise_for_status"))
        assert caught.value.response.content == b"why"


def test_the_total_time_ends_with_the_body(make: Make) -> None:
    made = make([b"a"])

    async def main() -> None:
        first = await made.call("response")
        second = await made.call("response")
        assert first.timings == second.timings == made.stream.timings
        assert first.timings.total > first.timings.first_byte

    run(main())


def test_an_iteration_that_failed_is_over(make: Make) -> None:
    """As a generator is that has raised."""
    made = make([b"long line\n", b"next\n"])

    async def main() -> None:
        lines = made.stream.iter_lines(4)
        following = (lambda: anext(lines)) if isinstance(made, Async) else (lambda: returned(next, lines))
        with pytest.raises(LimitExceeded):
            await following()
        with pytest.raises((StopIteration, StopAsyncIteration)):
            await following()

    async def returned(function: Any, *arguments: Any) -> Any:
        try:
            return function(*arguments)
        except StopIteration:
            raise StopAsyncIteration from None

    run(main())


def test_two_tasks_cannot_iterate_at_once() -> None:
    class Slow(Script):
        async def piece(self, host: Any) -> bytes:
            await asyncio.sleep(0)
            return await super().piece(host)

    async def main() -> None:
        pieces = Async(Session(), Slow([b"a", b"b"]), None).stream.iter_bytes()

        async def rest() -> list[bytes]:
            return [each async for each in pieces]

        first, second = await asyncio.gather(rest(), rest(), return_exceptions=True)
        assert first == [b"a", b"b"]
        assert isinstance(second, StreamConsumed)
        assert "two tasks" in str(second)

    asyncio.run(main())


def test_a_body_is_read_in_the_event_loop_that_asked_for_it() -> None:
    """In another one nobody would be woken."""

    def stream() -> AsyncResponseStream:
        session = Session()
        here = session.place(current_host(asyncio.get_running_loop()))
        return AsyncResponseStream(session.responses, Script([b"a"]), session.sending(here, {}, True))

    async def opened() -> AsyncResponseStream:
        assert await stream().read() == b"a"
        return stream()

    async def read(response: AsyncResponseStream) -> None:
        with pytest.raises(StreamError, match="another event loop runs here"):
            await response.read()
        await response.close()

    loop = asyncio.new_event_loop()
    asyncio.run(read(loop.run_until_complete(opened())))
    loop.close()


# Context managers


class Closing:
    """Something to close, in either colour."""

    def __init__(self) -> None:
        self.closed = 0


class SyncClosing(Closing):
    def close(self) -> None:
        self.closed += 1


class AsyncClosing(Closing):
    async def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize("error", [None, KeyError])
def test_leaving_closes(error: type[Exception] | None) -> None:
    stream: Any = SyncClosing()
    try:
        with Streaming(lambda: stream) as entered:
            assert entered is stream
            if error:
                raise error
    except KeyError:
        assert error
    assert stream.closed == 1

    async_stream: Any = AsyncClosing()

    async def start() -> Any:
        return async_stream

    async def main() -> None:
        try:
            async with AsyncStreaming(start) as entered:
                assert entered is async_stream
                if error:
                    raise error
        except KeyError:
            assert error

    asyncio.run(main())
    assert async_stream.closed == 1


def test_what_never_began_is_not_closed() -> None:
    def refuse() -> Any:
        raise KeyError

    with pytest.raises(KeyError), Streaming(refuse):
        pass
    Streaming(refuse).__exit__(None, None, None)

    async def main() -> None:
        await AsyncStreaming(refuse).__aexit__(None, None, None)

    asyncio.run(main())


def test_a_stream_that_was_not_entered_says_how() -> None:
    with pytest.raises(AttributeError, match=r"no text before the request is sent: with client.stream"):
        _ = Streaming(lambda: None).text  # type: ignore[arg-type,return-value,attr-defined]
    with pytest.raises(AttributeError, match=r"no text before the request is sent: async with client.stream"):
        _ = AsyncStreaming(lambda: None).text  # type: ignore[arg-type,return-value,attr-defined]


def test_who_is_struck_while_others_have_their_turn_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    many = 2 * UNBROKEN + 1
    turns: list[int] = []
    given: list[str] = []

    async def struck(host: Any) -> None:
        turns.append(len(given))
        if len(turns) == 1:
            raise KeyboardInterrupt

    async def main() -> None:
        session = Session()
        host = current_host(asyncio.get_running_loop())
        monkeypatch.setattr(type(host), "checkpoint", struck)
        sending = session.sending(session.place(host), {}, True)
        stream = AsyncResponseStream(session.responses, Script([b"x\n" * many]), sending)
        lines = stream.iter_lines()
        with pytest.raises(KeyboardInterrupt):
            await go_on(lines)
        await go_on(lines)

    async def go_on(lines: Any) -> None:
        async for line in lines:
            given.append(line)

    asyncio.run(main())

    assert len(given) == many
    assert turns == [UNBROKEN, 2 * UNBROKEN]


def test_plain_code_has_nobody_to_give_a_turn_to() -> None:
    assert len(run(Async(Session(), Script([b"x\n" * 1000]), None).listed("iter_lines"))) == 1000


def test_async_iterators_are_no_generators() -> None:
    """One that is left half-way wants no closing."""
    assert not hasattr(Pieces, "aclose")


def test_what_the_proxy_said_is_with_the_stream() -> None:
    session, reply = Session(), Script([])
    sending = session.sending(place(session), {}, True)
    assert ResponseStream(session.responses, reply, sending).extensions == {}
    reply.proxied = ResponseHead(200, b"Established", b"1.1", b"X-Exit: 7\r\n", None, None, True)

    assert ResponseStream(session.responses, reply, sending).extensions["proxy"].headers["x-exit"] == "7"
