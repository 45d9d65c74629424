"""Many requests side by side, in order or as they end, and never too many."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from courser.errors import InvalidURL, StatusError
from courser.hosts.inline import InlineHost
from courser.mapping import run_map
from courser.policies.flow import Event, Wait
from courser.session import Session
from courser.values.request import Request
from courser.values.response import Response

HERE = "http://a.example/"


class Path:
    """Answers with the number in the path; 4xx are statuses."""

    def send(self, request: Request, deadline: float, /) -> Response:
        number = int(request.url.path[1:])
        return Response(number if number >= 400 else 200, content=str(number).encode(), request=request)


class Gate:
    """Middleware that holds a request until others have passed."""

    def __init__(self, held: str) -> None:
        self.held = held
        self.event = Event()
        self.begun: list[str] = []

    def __call__(self, request: Request) -> Any:
        self.begun.append(request.url.path)
        if request.url.path == self.held:
            yield Wait(self.event)
        answer = yield request
        return answer


def mapped(requests: Any, concurrency: int = 100, ordered: bool = True, wanted: bool = False, **options: Any) -> Any:
    client = {name: options.pop(name) for name in ("middleware",) if name in options}
    session = Session(transport=Path(), **client)
    place = session.place(InlineHost())
    return run_map(session, place, requests, concurrency, ordered, wanted, options)  # type: ignore[arg-type]


def urls(*numbers: int) -> list[str]:
    return [f"{HERE}{number}" for number in numbers]


def bodies(responses: Iterator[Any]) -> list[int]:
    return [int(response.content) for response in responses]


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("concurrency", [1, 2, 7, 100])
def test_every_request_is_answered_once(ordered: bool, concurrency: int) -> None:
    numbers = bodies(mapped(urls(*range(50)), concurrency, ordered))

    assert (numbers if ordered else sorted(numbers)) == list(range(50))


def test_nothing_is_asked_for_nothing() -> None:
    assert list(mapped([])) == []


def test_requests_and_options_go_together() -> None:
    (response,) = mapped([Request("PUT", HERE + "1")], timeout=5)
    assert response.request.method == "PUT"
    with pytest.raises(StatusError):
        list(mapped(urls(404), raise_for_status=True))
    with pytest.raises(TypeError, match="send\\(\\) takes no headers"):
        list(mapped([Request("PUT", HERE + "1")], headers={}))


def test_an_error_is_raised_in_its_place() -> None:
    responses = mapped([*urls(1), "nonsense", *urls(2)])
    assert int(next(responses).content) == 1
    with pytest.raises(InvalidURL):
        next(responses)
    with pytest.raises(StopIteration):
        next(responses)


def test_an_error_may_be_given_in_its_place() -> None:
    first, second, third = mapped([*urls(1), "nonsense", 5], wanted=True)
    assert (first.content, type(second), type(third)) == (b"1", InvalidURL, TypeError)


def test_requests_are_taken_as_they_are_needed() -> None:
    taken: list[int] = []

    def source() -> Iterator[str]:
        for number in range(100):
            taken.append(number)
            yield f"{HERE}{number}"

    responses = mapped(source(), concurrency=3)
    assert taken == []
    assert int(next(responses).content) == 0
    assert len(taken) <= 6
    responses.close()
    assert len(taken) <= 6


def test_a_slow_first_one_does_not_let_the_others_pile_up() -> None:
    gate = Gate("/0")
    responses = mapped(urls(*range(100)), concurrency=3, middleware=[gate], wanted=True)

    class Opener:
        def __call__(self, request: Request) -> Any:
            if request.url.path == "/5":
                gate.event.set()
            answer = yield request
            return answer

    responses = mapped(urls(*range(100)), concurrency=3, middleware=[Opener(), gate])
    assert bodies(responses) == list(range(100))
    assert gate.begun.index("/0") == 0
    assert len(gate.begun) == 100


def test_who_ends_first_is_given_first() -> None:
    gate = Gate("/0")

    class Opener:
        def __call__(self, request: Request) -> Any:
            answer = yield request
            if request.url.path == "/3":
                gate.event.set()
            return answer

    assert bodies(mapped(urls(0, 1, 2, 3), ordered=False, middleware=[Opener(), gate])) == [1, 2, 3, 0]


def test_the_errors_of_the_source_come_through() -> None:
    def source() -> Iterator[str]:
        yield HERE + "1"
        raise KeyError("source")

    with pytest.raises(KeyError, match="source"):
        list(mapped(source()))


def test_who_stops_early_gives_up_the_rest() -> None:
    closed: list[str] = []

    def flow(request: Request) -> Any:
        try:
            if request.url.path != "/0":
                yield Wait(Event())
            answer = yield request
            return answer
        finally:
            closed.append(request.url.path)

    responses = mapped(urls(0, 1, 2), middleware=[flow])
    next(responses)
    responses.close()

    assert sorted(closed) == ["/0", "/1", "/2"]


@pytest.mark.parametrize("concurrency", [0, -1, 1.5, "5", True, None])
def test_concurrency_is_a_number_of_requests(concurrency: Any) -> None:
    with pytest.raises(ValueError, match="concurrency is a number of requests above 0"):
        mapped([], concurrency)


@pytest.mark.parametrize("requests", [HERE, b"x", 5, None, Request("GET", HERE)])
def test_one_request_is_not_many(requests: Any) -> None:
    with pytest.raises(TypeError, match=r"map\(\) takes an iterable of URLs or requests, not one \w+"):
        mapped(requests)
