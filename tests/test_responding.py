"""What a client makes of replies: bodies within their limits, responses, and what led to them."""

from __future__ import annotations

import gzip
import pickle
import zlib
from time import monotonic
from typing import Any

import pytest
from calls import HERE, Calls, Fake, hops, redirect

from courser.core.deadline import Deadline
from courser.core.reader import BodyReader
from courser.core.reply import StaticReply
from courser.engines.events import ResponseHead
from courser.errors import DecodingError, HTTPError, LimitExceeded, ReadError, ReadTimeout, StatusError, StreamClosed
from courser.hosts.inline import InlineHost, run_inline
from courser.policies.flow import Read
from courser.responding import PATIENCE, SHOWN_MOST, Shown, body_to_show
from courser.settings import Timeout
from courser.values.request import Request
from courser.values.response import Response


def test_a_response() -> None:
    answer = Response(201, headers={"A": "1"}, content=b"x" * 5, http_version="HTTP/2", reason_phrase="Fine")
    response = Calls(lambda request: answer).get()

    assert (response.status_code, response.reason_phrase, response.http_version) == (201, "Fine", "HTTP/2")
    assert (response.content, response.headers["a"]) == (b"xxxxx", "1")
    assert str(response.url) == HERE
    assert 0 <= response.timings.first_byte <= response.timings.total


def test_an_older_version_is_told_as_well() -> None:
    answer = Response(200, http_version="HTTP/1.0")
    assert Calls(lambda request: answer).get().http_version == "HTTP/1.0"


def test_the_default_encoding_is_the_clients() -> None:
    answer = Response(200, content=b"\xe9")
    assert Calls(lambda request: answer, default_encoding="latin-1").get().text == "é"


def test_a_body_may_be_bounded() -> None:
    calls = Calls(lambda request: Response(200, content=b"12345"), max_body_size=5)

    assert calls.get().content == b"12345"
    with pytest.raises(LimitExceeded, match=r"larger than 4 bytes .*max_body_size"):
        calls.get(max_body_size=4)
    assert calls.get(max_body_size=None).content == b"12345"


def test_a_body_may_be_bounded_after_decoding_only() -> None:
    calls = Calls(lambda request: Response(200, content=b"12345"), max_decoded_size=5)

    assert calls.get().content == b"12345"
    assert calls.get(max_body_size=5).content == b"12345"
    with pytest.raises(LimitExceeded, match="larger than 4 bytes"):
        calls.get(max_body_size=4)
    calls = Calls(lambda request: Response(200, content=b"12345"), max_decoded_size=4, max_body_size=100)
    with pytest.raises(LimitExceeded, match=r"larger than 4 bytes .*max_decoded_size") as caught:
        calls.get()
    assert caught.value.request is not None


def test_what_travels_is_bounded_by_what_may_come_of_it() -> None:
    """Else a body without end would be collected before it is measured."""
    calls = Calls(lambda request: Response(200, content=bytes(200_000)), max_decoded_size=1000)

    sending = calls.session.sending(calls.place, {}, False)
    assert sending.limit is not None
    assert 1000 < sending.limit < 100_000
    assert calls.session.sending(calls.place, {"max_body_size": 5}, False).limit == 5
    assert calls.session.sending(calls.place, {"max_body_size": None}, False).limit == sending.limit
    with pytest.raises(LimitExceeded):
        calls.get()


def test_history() -> None:
    response = Calls(hops).get(headers={"Authorization": "s", "X-Key": "s"})

    assert [(each.status_code, each.content) for each in response.history] == [(302, b"moved"), (302, b"")]
    assert [str(each.url) for each in response.history] == ["http://a.example/", "http://a.example/1"]
    assert str(response.history[0].next_request.url) == "http://a.example/1"  # type: ignore[union-attr]
    assert response.history[0].history == []
    assert "authorization" not in response.request.headers
    assert response.request.headers["x-key"] == "s"


def test_a_response_with_history_pickles() -> None:
    response = pickle.loads(pickle.dumps(Calls(hops).get()))

    assert [each.content for each in response.history] == [b"moved", b""]
    assert str(response.url) == "http://b.example/end"


def test_the_history_tells_what_stayed_behind() -> None:
    response = Calls(hops, sensitive_headers=["x-key"]).get(headers={"AUTHORIZATION": "s", "X-Key": "s", "X": "1"})

    assert [each.stripped for each in response.history] == [(), ("AUTHORIZATION", "X-Key")]
    assert response.stripped == ()
    assert pickle.loads(pickle.dumps(response)).history[1].stripped == ("AUTHORIZATION", "X-Key")


def test_what_a_flow_has_shown_stayed_behind_as_well() -> None:
    response = Calls(hops, auth=lambda request: request.with_authorization("Token s")).get()

    assert [each.stripped for each in response.history] == [(), ("Authorization",)]


def test_unfollowed_redirects_say_what_comes_next() -> None:
    response = Calls(hops).get(follow_redirects=False)
    assert str(response.next_request.url) == "http://a.example/1"  # type: ignore[union-attr]
    assert Calls(lambda request: Response(302)).get().next_request is None
    assert Calls(lambda request: redirect("ftp://x/")).get(follow_redirects=False).next_request is None


class Coded(Fake):
    """A network's answer: a body that is encoded still."""

    def reply(self, request: Request, status: int, fields: bytes, raw: bytes, coding: bytes | None) -> Any:
        head = ResponseHead(status, b"", b"1.1", fields, len(raw), coding, True)
        return StaticReply(head, raw, request, 0.0)


def coded(raw: bytes, status: int = 200, fields: bytes = b"", kind: type[Coded] = Coded, **options: Any) -> Any:
    """A session whose exchanges end in a reply that is gzip."""
    calls = Calls(**options)

    async def exchange(request: Request, sending: Any) -> Any:
        if request.url.path == "/end":
            return Coded().reply(request, 200, b"", b"end", None)
        return kind().reply(request, status, fields, raw, b"gzip")

    place: Any = type("Place", (), {"host": InlineHost(), "exchange": staticmethod(exchange)})()
    calls.place = place
    return calls


def test_a_body_is_decoded() -> None:
    assert coded(gzip.compress(b"plain")).get().content == b"plain"


def test_the_limits_of_a_body_that_is_decoded() -> None:
    packed = gzip.compress(bytes(1000))
    calls = coded(packed)
    assert calls.get(max_body_size=1000).content == bytes(1000)
    with pytest.raises(LimitExceeded, match="the decoded body is larger than 999 bytes"):
        calls.get(max_body_size=999)
    calls.session.responses.max_decoded_size = 1000
    assert calls.get(max_body_size=len(packed)).content == bytes(1000)
    with pytest.raises(LimitExceeded, match=f"the body is larger than {len(packed) - 1} bytes"):
        calls.get(max_body_size=len(packed) - 1)
    calls.session.responses.max_decoded_size = 999
    with pytest.raises(LimitExceeded, match="the decoded body is larger than 999 bytes") as caught:
        calls.get()
    assert caught.value.request is not None


def test_what_cannot_be_decoded_is_an_error_with_its_request() -> None:
    with pytest.raises(DecodingError) as caught:
        coded(b"nonsense").get()
    assert caught.value.request is not None


def test_the_body_of_a_redirect_is_decoded_when_somebody_asks() -> None:
    calls = coded(b"nonsense", 302, b"Location: /end\r\n")

    response = calls.get()

    assert response.content == b"end"
    with pytest.raises(DecodingError):
        _ = pickle.loads(pickle.dumps(response)).history[0].content


def test_the_body_of_a_redirect_that_was_given_up_is_missed_by_whoever_asks() -> None:
    class Endless(Coded):
        def reply(self, *given: Any) -> Any:
            reply = super().reply(*given)
            reply.end = None
            return reply

    calls = coded(b"", 302, b"Location: /end\r\n", Endless)

    response = calls.get()

    assert response.content == b"end"
    assert response.history[0].status_code == 302
    with pytest.raises(StreamClosed, match="was not kept"):
        _ = pickle.loads(pickle.dumps(response)).history[0].content


def test_what_comes_next_has_no_cookies_of_the_jar() -> None:
    calls = Calls(lambda request: redirect("/there"), cookies={"a": "1"}, follow_redirects=False)

    response = calls.get(cookies={"b": "2"})

    assert response.request.headers["cookie"] == "b=2; a=1"
    assert response.next_request is not None
    assert response.next_request.headers["cookie"] == "b=2"


@pytest.mark.parametrize("streamed", [True, False])
def test_what_the_proxy_said_is_with_the_response(streamed: bool) -> None:
    calls = Calls()
    request = Request("GET", HERE)
    reply = StaticReply(ResponseHead(200, b"", b"1.1", b"", 0, None, True), b"", request, 0.0)
    sending = calls.session.sending(calls.place, {}, streamed)
    assert "proxy" not in calls.session.responses.make(reply, sending, b"", 0.0).extensions
    reply.proxied = ResponseHead(200, b"Established", b"1.0", b"X-Exit: 7\r\n", None, None, False)

    answer = calls.session.responses.make(reply, sending, b"", 0.0).extensions["proxy"]

    assert (answer.status_code, answer.reason_phrase, answer.http_version) == (200, "Established", "HTTP/1.0")
    assert answer.headers["x-exit"] == "7"


def test_what_a_transport_adds_the_caller_finds() -> None:
    def answer(request: Request) -> Response:
        made = Response(200)
        made.extensions["from"] = "transport"
        return made

    assert Calls(answer).get().extensions == {"from": "transport"}
    assert Calls().get().extensions == {}


# What hooks are shown


def shown(**options: Any) -> tuple[list[Any], Any]:
    """What response hooks have seen, and what makes calls."""
    seen: list[Any] = []
    return seen, {"event_hooks": {"response": [seen.append]}, **options}


def test_hooks_are_shown_the_responses_that_the_caller_gets() -> None:
    seen, options = shown()

    response = Calls(hops, **options).get()

    assert [each.content for each in seen] == [b"moved", b"", b"ok"]
    assert all(type(each) is Response for each in seen)
    assert seen == [*response.history, response]
    assert [each.next_request is None for each in seen] == [False, False, True]


def test_a_body_is_decoded_once_for_hooks_and_caller() -> None:
    seen, options = shown()

    response = coded(gzip.compress(b"plain"), **options).get(max_body_size=100)

    assert seen == [response]
    assert response.content == b"plain"


@pytest.mark.parametrize(
    ("raw", "options", "error"),
    [(b"nonsense", {}, DecodingError), (gzip.compress(bytes(100)), {"max_body_size": 50}, LimitExceeded)],
)
def test_what_cannot_be_shown_is_an_error_of_its_request(raw: bytes, options: Any, error: type[HTTPError]) -> None:
    seen, client = shown()

    with pytest.raises(error) as caught:
        coded(raw, **client).get(**options)

    assert seen == []
    assert str(caught.value.request.url) == HERE  # type: ignore[union-attr]


def test_an_error_that_knows_its_request_keeps_it() -> None:
    request = Request("GET", "http://b.example/")

    class Failing:
        async def collect(self, host: Any) -> bytes:
            raise DecodingError(request=request)

    calls = Calls()
    with pytest.raises(DecodingError) as caught:
        run_inline(
            Shown(calls.session.responses).whole(Failing(), calls.session.sending(calls.place, {}, False))  # type: ignore[arg-type]
        )
    assert caught.value.request is request


def test_what_is_added_later_is_there_too() -> None:
    seen, options = shown()

    def note(request: Request) -> Any:
        response = yield request
        response.extensions["tries"] = 1
        return response

    response = Calls(middleware=[note], **options).get()

    assert (seen[0] is response, response.extensions) == (True, {"tries": 1})


class Louder:
    """A filter that changes the body."""

    def feed(self, data: bytes) -> bytes:
        return data.upper()

    def end(self) -> None:
        pass

    def abort(self) -> None:
        pass


def test_a_body_that_was_changed_afterwards_is_another_response() -> None:
    seen, options = shown()

    def flow(request: Request) -> Any:
        response = yield request
        assert (yield Read(response)) == b"ok"
        response.attach(Louder())
        return response

    response = Calls(middleware=[flow], **options).get()

    assert (seen[0].content, response.content) == (b"ok", b"OK")


def test_an_error_that_a_hook_raises_has_the_body() -> None:
    calls = Calls(lambda request: Response(404, text="why"), event_hooks={"response": lambda r: r.raise_for_status()})

    with pytest.raises(StatusError) as caught:
        calls.get()

    assert caught.value.response.text == "why"


# The body of an error


class Script(StaticReply):
    """A reply whose pieces are written down; an error among them is raised."""

    __slots__ = ("deadline", "finals", "given_up", "pieces")

    def __init__(self, pieces: list[Any], coding: bytes | None, deadline: Deadline) -> None:
        super().__init__(ResponseHead(500, b"", b"1.1", b"", None, coding, True), b"", Request("GET", HERE), 1.0)
        self.pieces = pieces
        self.deadline = deadline
        self.finals: list[float] = []
        self.given_up = False

    async def piece(self, host: Any) -> bytes:
        self.finals.append(self.deadline.final)
        piece = self.pieces.pop(0) if self.pieces else b""
        if isinstance(piece, Exception):
            raise piece
        assert isinstance(piece, bytes)
        return piece

    def abort(self) -> None:
        self.given_up = True


def read_to_show(*pieces: Any, coding: bytes | None = None, total: float | None = None) -> tuple[bytes | None, Script]:
    deadline = Deadline(Timeout(total), True, monotonic())
    script = Script([*pieces], coding, deadline)
    final = deadline.final
    shown = run_inline(body_to_show(BodyReader(script, InlineHost(), None, None), deadline))
    assert deadline.final == final
    return shown, script


def test_the_body_of_an_error_is_waited_for_a_while() -> None:
    before = monotonic()
    shown, script = read_to_show(b"be", b"cause")

    assert shown == b"because"
    assert before + PATIENCE <= min(script.finals) == max(script.finals) <= monotonic() + PATIENCE
    total = read_to_show(b"because", total=1.0)[1]
    assert max(total.finals) == total.deadline.final


@pytest.mark.parametrize("coding", [None, b"gzip"])
def test_of_a_body_that_does_not_end_an_error_has_the_beginning(coding: bytes | None) -> None:
    writer = zlib.compressobj(wbits=31)
    piece = writer.compress(b"because") + writer.flush(zlib.Z_SYNC_FLUSH) if coding else b"because"

    shown, script = read_to_show(piece, ReadTimeout(), coding=coding)

    assert shown == b"because"
    assert script.given_up


@pytest.mark.parametrize(
    ("pieces", "coding"),
    [
        ([b"a", ReadError()], None),
        ([b"no gzip"], b"gzip"),
        ([b"x" * SHOWN_MOST, b"x"], None),
        ([gzip.compress(bytes(SHOWN_MOST + 1))], b"gzip"),
    ],
    ids=["it breaks off", "it is not what it says", "it is large", "it is large when decoded"],
)
def test_a_body_that_no_error_shows(pieces: list[Any], coding: bytes | None) -> None:
    shown, script = read_to_show(*pieces, coding=coding)

    assert shown is None
    assert script.given_up


def test_a_body_of_as_much_as_is_shown() -> None:
    assert read_to_show(b"x" * SHOWN_MOST)[0] == b"x" * SHOWN_MOST


def test_a_body_that_somebody_reads_is_left_to_him() -> None:
    deadline = Deadline(Timeout(None), True, monotonic())
    reader = BodyReader(Script([b"a"], None, deadline), InlineHost(), None, None)
    reader.start(decoded=False)

    assert run_inline(body_to_show(reader, deadline)) is None
    assert (run_inline(reader.next_piece()), deadline.final) == (b"a", float("inf"))
