"""Policies: what a flow yields, and what it gets for it."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Generator
from functools import partial
from time import monotonic
from typing import Any

import pytest

from courser.core.deadline import Deadline
from courser.core.exchange import HEAD
from courser.core.reply import Reply, StaticReply
from courser.core.send import Sending
from courser.engines.events import ResponseHead
from courser.errors import DeadlineExceeded, ReadError
from courser.hosts.group import GroupHost
from courser.hosts.inline import InlineHost, run_inline
from courser.policies.flow import Call, Event, Note, Pause, Read, Send, Stored, Wait, Whole
from courser.policies.keeper import CookieKeeper
from courser.settings import Timeout
from courser.values.request import Request
from courser.values.response import Response

A, B = Request("GET", "http://a/"), Request("GET", "http://b/")

Flow = Generator[Any, Any, Any]


class Answering:
    """What is below the policies."""

    def __init__(self, content: bytes = b"", coding: bytes | None = None, error: BaseException | None = None) -> None:
        self.asked: list[Request] = []
        self.replies: list[Noting] = []
        self.content, self.coding, self.error = content, coding, error

    async def __call__(self, request: Request, sending: Sending) -> Noting:
        self.asked.append(request)
        if self.error is not None:
            raise self.error
        head = ResponseHead(200, b"", b"1.1", b"", len(self.content), self.coding, True)
        self.replies.append(Noting(head, self.content, request, 5.0))
        return self.replies[-1]


class Noting(StaticReply):
    """A reply that notes what becomes of it."""

    __slots__ = ("told",)

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.told: list[str] = []

    def abort(self) -> None:
        self.told.append("abort")

    def settle(self) -> None:
        self.told.append("settle")


def send(*layers: Any, below: Answering | None = None, timeout: Timeout | None = None, host: Any = None) -> Any:
    sending = Sending(
        host or InlineHost(),
        Deadline(timeout or Timeout(), False, monotonic()),
        layers,
        below or Answering(),
        None,
        HEAD,
    )
    return run_inline(sending.run(A))


def test_without_policies_a_request_just_goes_out() -> None:
    below = Answering()

    assert send(below=below) is below.replies[0]


def test_policies_are_layers() -> None:
    seen: list[str] = []

    def layer(name: str) -> Any:
        def flow(request: Request) -> Flow:
            seen.append(f"{name} out")
            response = yield request
            seen.append(f"{name} in")
            return response

        return flow

    send(layer("outer"), layer("inner"))

    assert seen == ["outer out", "inner out", "inner in", "outer in"]


@pytest.mark.parametrize("content", [b"", b"moved"])
def test_a_request_that_was_answered_already_is_not_sent_again(content: bytes) -> None:
    def flow(request: Request) -> Flow:
        first = yield request
        return first if first.status_code == 200 and not content else (yield B)

    below = Answering()
    first = Noting(ResponseHead(200, b"", b"1.1", b"", len(content), None, True), content, A, 5.0)
    sending = Sending(InlineHost(), Deadline(Timeout(), False, monotonic()), (flow,), below, None, HEAD)
    reply = run_inline(sending.run(A, first))

    assert below.asked == ([B] if content else [])
    assert (reply is first) == (not content)
    assert first.told == (["settle"] if content else [])


def test_an_answer_that_a_flow_refuses_is_given_up() -> None:
    def flow(request: Request) -> Flow:
        yield request
        raise ZeroDivisionError

    first = Noting(ResponseHead(302, b"", b"1.1", b"", 0, None, True), b"", A, 5.0)
    sending = Sending(InlineHost(), Deadline(Timeout(), False, monotonic()), (flow,), Answering(), None, HEAD)
    with pytest.raises(ZeroDivisionError):
        run_inline(sending.run(A, first))

    assert first.told == ["abort"]


async def no_flow(request: Request) -> None:
    """A mistake."""


@pytest.mark.parametrize(
    ("layer", "told"),
    [
        (no_flow, "the middleware no_flow is no generator function, it gave a coroutine"),
        (lambda request: None, "<lambda> is no generator function, it gave a NoneType"),
        (partial(str), r"functools.partial\(.*\) is no generator function, it gave a str"),
    ],
)
def test_what_is_no_flow_is_named(layer: Any, told: str) -> None:
    with pytest.raises(TypeError, match=told):
        send(layer)


def test_a_second_request_gives_up_the_first_response() -> None:
    def flow(request: Request) -> Flow:
        yield request
        return (yield B)

    below = Answering()
    reply = send(flow, below=below)

    assert reply is below.replies[1]
    assert below.asked == [A, B]
    assert below.replies[0].told == ["settle"]
    assert reply.told == []


def test_a_request_beside_keeps_what_is_held() -> None:
    def flow(request: Request) -> Flow:
        held = yield request
        yield Send(B)
        return held

    below = Answering()
    reply = send(flow, below=below)

    assert reply is below.replies[0]
    assert reply.told == []


def test_a_response_that_is_not_returned_is_given_up() -> None:
    def flow(request: Request) -> Flow:
        yield request
        return (yield Send(B))

    below = Answering()
    reply = send(flow, below=below)

    assert reply is below.replies[1]
    assert below.replies[0].told == ["abort"]


def test_errors_arrive_where_a_flow_waits() -> None:
    error = ReadError()

    def flow(request: Request) -> Flow:
        with pytest.raises(ReadError):
            yield request
        below.error = None
        return (yield request)

    below = Answering(error=error)

    assert send(flow, below=below) is below.replies[0]


def test_what_a_flow_raises_gives_up_what_it_holds() -> None:
    def flow(request: Request) -> Flow:
        yield request
        raise ZeroDivisionError

    below = Answering()
    with pytest.raises(ZeroDivisionError):
        send(flow, below=below)

    assert below.replies[0].told == ["abort"]


def test_what_strikes_from_outside_ends_the_flow() -> None:
    ended: list[bool] = []

    def flow(request: Request) -> Flow:
        try:
            return (yield request)
        finally:
            ended.append(True)

    with pytest.raises(KeyboardInterrupt):
        send(flow, below=Answering(error=KeyboardInterrupt()))

    assert ended == [True]


@pytest.mark.parametrize("coding", [None, b"gzip"])
def test_a_flow_reads_a_body(coding: bytes | None) -> None:
    def flow(request: Request) -> Flow:
        response = yield request
        assert (yield Read(response)) == b"hello"
        return response

    content = b"hello" if coding is None else gzip.compress(b"hello")
    reply = send(flow, below=Answering(content, coding))

    assert list(reply.chunks) == [content]


def test_a_flow_calls_a_function() -> None:
    async def later(value: int) -> int:
        return value + 1

    def flow(request: Request) -> Flow:
        assert (yield Call(len, "abc")) == 3
        assert (yield Call(later, 1)) == 2
        with pytest.raises(ZeroDivisionError):
            yield Call(divmod, 1, 0)
        return (yield request)

    send(flow)


class Elsewhere(InlineHost):
    """A host that has users' functions called in a thread."""

    blocking = False


def test_a_flow_s_function_may_run_in_a_thread() -> None:
    def flow(request: Request) -> Flow:
        assert (yield Call(threading.get_ident)) != threading.get_ident()
        return (yield request)

    send(flow, host=Elsewhere(), timeout=Timeout(total=30))


def test_a_call_may_take_too_long() -> None:
    release = threading.Event()

    def flow(request: Request) -> Flow:
        yield Call(release.wait, 10)
        return (yield request)

    with pytest.raises(DeadlineExceeded, match="a policy"):
        send(flow, host=Elsewhere(), timeout=Timeout(total=0.01))
    release.set()


def test_a_flow_waits_for_an_event() -> None:
    event = Event()

    def flow(request: Request) -> Flow:
        yield Wait(event)
        return (yield request)

    timer = threading.Timer(0.01, event.set)
    timer.start()
    send(flow)
    timer.join()
    send(flow)


def test_an_event_may_not_come_in_time() -> None:
    def flow(request: Request) -> Flow:
        yield Wait(Event())
        return (yield request)

    with pytest.raises(DeadlineExceeded):
        send(flow, timeout=Timeout(total=0.01))


def test_a_flow_pauses() -> None:
    def flow(request: Request) -> Flow:
        began = monotonic()
        yield Pause(0.005)
        assert monotonic() >= began + 0.005
        yield Pause(-1)
        return (yield request)

    send(flow)


def test_a_pause_ends_with_the_time() -> None:
    def flow(request: Request) -> Flow:
        yield Pause(10)
        return (yield request)

    with pytest.raises(DeadlineExceeded):
        send(flow, timeout=Timeout(total=0.005))


def test_a_flow_may_yield_only_what_there_is() -> None:
    def flow(request: Request) -> Flow:
        yield "nonsense"

    with pytest.raises(TypeError, match="'nonsense'"):
        send(flow)


def test_a_flow_returns_a_response() -> None:
    def flow(request: Request) -> Flow:
        yield request

    below = Answering()
    with pytest.raises(TypeError, match=r"flow returned None"):
        send(flow, below=below)


def test_only_a_response_can_be_read() -> None:
    def flow(request: Request) -> Flow:
        yield Read(None)  # type: ignore[arg-type]

    with pytest.raises(TypeError):
        send(flow)


def test_a_group_runs_flows_too() -> None:
    def flow(request: Request) -> Flow:
        yield Pause(0.001)
        return (yield request)

    group = GroupHost()
    sending = Sending(group, Deadline(Timeout(), False, monotonic()), (flow,), Answering(), None, HEAD)
    results: list[Any] = []

    async def call() -> None:
        results.append(await sending.run(A))

    group.start(call())
    while group.tasks:
        group.run_once()
    group.close()

    assert results[0].request is A


def test_a_call_takes_cookies_when_the_first_one_comes() -> None:
    keeper = CookieKeeper()
    sending = Sending(InlineHost(), Deadline(Timeout(), False, monotonic()), (), Answering(), None, HEAD, None, keeper)

    sending.keep(A, b"Set-Cookie: a=1\r\n")
    cookies = sending.cookies
    sending.keep(A, b"Set-Cookie: b=2\r\n")

    assert keeper.jar == {"a": "1", "b": "2"}
    assert sending.cookies is cookies is not None


def test_a_call_of_nobody_s_takes_no_cookies() -> None:
    sending = Sending(InlineHost(), Deadline(Timeout(), False, monotonic()), (), Answering(), None, HEAD)

    sending.keep(A, b"Set-Cookie: a=1\r\n")

    assert sending.cookies is None


# Answers of a flow's own, and notes


@pytest.mark.parametrize("answer", [Response(201, content=b"made"), Stored(201, content=b"made")])
@pytest.mark.parametrize("asks", [True, False])
def test_a_flow_may_answer_by_itself(answer: Any, asks: bool) -> None:
    def flow(request: Request) -> Flow:
        if asks:
            yield request
        return answer

    below = Answering()
    reply = send(flow, below=below)

    assert (reply.status_code, run_inline(reply.collect(InlineHost())), reply.request) == (201, b"made", A)
    assert [each.told for each in below.replies] == ([["abort"]] if asks else [])


def test_notes_are_for_those_who_follow_the_call() -> None:
    told: list[Any] = []

    class Telling:
        async def tell(self, name: str, **facts: Any) -> None:
            told.append((name, facts))

    def flow(request: Request) -> Flow:
        yield Note("retry", detail="again")
        return (yield request)

    for trace in (None, Telling()):
        deadline = Deadline(Timeout(), False, monotonic())
        deadline.trace = trace  # type: ignore[assignment]
        run_inline(Sending(InlineHost(), deadline, (flow,), Answering(), None, HEAD).run(A))

    assert told == [("retry", {"detail": "again"})]


def test_hooks_see_the_head_where_nobody_makes_whole_responses() -> None:
    seen: list[Any] = []

    def flow(request: Request) -> Flow:
        response = yield request
        seen.append((yield Whole(response)))
        return response

    below = Answering()
    assert send(flow, below=below) is seen[0] is below.replies[0]


def test_hooks_see_whole_responses_of_whoever_makes_them() -> None:
    seen: list[Any] = []

    def flow(request: Request) -> Flow:
        response = yield request
        seen.append((yield Whole(response)))
        return response

    class Making:
        async def whole(self, reply: Reply, sending: Sending) -> Response:
            seen.append((reply, sending))
            return Response(203)

    below = Answering()
    sending = Sending(InlineHost(), Deadline(Timeout(), False, monotonic()), (flow,), below, None, HEAD)
    sending.shown = Making()  # type: ignore[assignment]
    run_inline(sending.run(A))

    assert seen[0] == (below.replies[0], sending)
    assert seen[1].status_code == 203
