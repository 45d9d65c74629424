"""The language of policies: what may be yielded, and events that wake whoever waits."""

from __future__ import annotations

import typing
from collections.abc import Callable, Generator
from typing import Any, get_type_hints

import pytest

from courser.policies.flow import (
    Answer,
    Call,
    Event,
    Flow,
    Middleware,
    Note,
    Pause,
    Read,
    Send,
    Step,
    Stored,
    Wait,
    Whole,
)
from courser.values.request import Request
from courser.values.response import Response


def test_steps_hold_what_they_were_given() -> None:
    response, request, event = Response(200), Request("GET", "http://a.example/"), Event()

    assert (Read(response, 5).response, Read(response, 5).limit) == (response, 5)  # type: ignore[arg-type]
    assert Read(response).limit == 1024 * 1024  # type: ignore[arg-type]
    assert Pause(1.5).seconds == 1.5
    assert Wait(event).event is event
    assert (Call(max, 1, 2).function, Call(max, 1, 2).args) == (max, (1, 2))
    assert Send(request).request is request
    assert Whole(response).response is response  # type: ignore[arg-type]


@pytest.mark.parametrize("seconds", [float("nan"), None, "5", True])
def test_a_pause_is_a_number_of_seconds(seconds: Any) -> None:
    with pytest.raises(ValueError, match="pauses for a number of seconds"):
        Pause(seconds)


def test_an_event_wakes_those_who_wait_once() -> None:
    event = Event()
    woken: list[int] = []
    event.notify(lambda: woken.append(1))
    event.notify(lambda: woken.append(2))
    assert not event.is_set()
    assert woken == []

    event.set()
    event.set()

    assert event.is_set()
    assert sorted(woken) == [1, 2]


def test_who_comes_late_is_woken_at_once() -> None:
    event = Event()
    event.set()
    woken: list[int] = []

    event.notify(lambda: woken.append(1))

    assert woken == [1]


def test_an_event_may_be_set_while_it_wakes() -> None:
    event = Event()
    woken: list[int] = []
    event.notify(lambda: woken.append(1))
    event.notify(event.set)

    event.set()

    assert woken == [1]


def test_another_thread_may_take_the_last_one_who_waits() -> None:
    class Stolen(list[object]):
        def __bool__(self) -> bool:
            return True

    event = Event()
    event._waiting = Stolen()  # type: ignore[assignment]

    event.set()

    assert event.is_set()


def test_what_was_stored_has_bytes_of_its_own() -> None:
    content = bytearray(b"kept")
    stored = Stored(203, headers={"A": "b"}, content=content)  # type: ignore[arg-type]
    content[:] = b"lost"

    assert (stored.status_code, stored.headers, stored.content, stored.reason_phrase) == (203, {"A": "b"}, b"kept", "")


def test_a_note_holds_facts() -> None:
    note = Note("retry", detail="again")

    assert (note.name, note.facts) == ("retry", {"detail": "again"})


def test_who_gives_up_is_not_woken() -> None:
    event = Event()
    woken: list[int] = []

    def wake() -> None:
        woken.append(1)

    event.notify(wake)
    event.forget(wake)
    event.forget(wake)
    event.set()

    assert woken == []


def test_types_can_be_named_where_annotations_are_evaluated() -> None:
    def middleware(request: Request) -> Flow | None: ...

    def takes(given: Middleware | Step) -> None: ...

    scope = {"Request": Request, "Flow": Flow, "Middleware": Middleware, "Step": Step}
    assert get_type_hints(middleware, scope)["return"] == Flow | None
    assert get_type_hints(takes, scope)["given"] == Middleware | Step
    assert typing.get_origin(Flow) is Generator
    assert typing.get_args(Flow)[0] == Step
    assert typing.get_args(Flow)[2] == Answer | Response | Stored
    assert Middleware == Callable[[Request], Flow]
