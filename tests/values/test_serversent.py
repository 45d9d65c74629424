"""An event: a value, with its JSON read by whatever reads it."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

import courser
from courser.errors import JSONError
from courser.values.serversent import ServerSentEvent


def test_what_an_event_is_without_anything() -> None:
    event = ServerSentEvent()

    assert (event.event, event.data, event.id, event.retry) == ("message", "", "", None)
    assert courser.ServerSentEvent is ServerSentEvent


def test_events_are_compared_by_what_they_say() -> None:
    event = ServerSentEvent("add", "1", "7", 5, loads=lambda data: None)

    assert event == ServerSentEvent("add", "1", "7", 5)
    assert len({event, ServerSentEvent("add", "1", "7", 5)}) == 1
    for other in (("del", "1", "7", 5), ("add", "2", "7", 5), ("add", "1", "8", 5), ("add", "1", "7", None)):
        assert event != ServerSentEvent(*other)
    assert event != ("add", "1", "7", 5)


def test_an_event_cannot_be_changed() -> None:
    event = ServerSentEvent()

    with pytest.raises(AttributeError, match="an event cannot be changed"):
        event.data = "other"
    with pytest.raises(AttributeError, match="an event cannot be changed"):
        del event.data


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda event: pickle.loads(pickle.dumps(event))])
def test_copies_are_equal_and_leave_the_codec_behind(again: Any) -> None:
    event = ServerSentEvent("add", '{"a": 1}', "7", 5, loads=lambda data: "by the codec")

    assert again(event) == event
    assert again(event).json() == {"a": 1}


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (ServerSentEvent(data="a"), "ServerSentEvent(event='message', data='a', id='')"),
        (ServerSentEvent("add", "é", "7", 0), "ServerSentEvent(event='add', data='é', id='7', retry=0)"),
    ],
)
def test_repr_is_how_it_is_made(event: ServerSentEvent, expected: str) -> None:
    assert repr(event) == expected
    assert eval(expected) == event


def test_json() -> None:
    event = ServerSentEvent(data='{"a": "é",\n"b": 1.5}')

    assert event.json() == {"a": "é", "b": 1.5}
    assert event.json(parse_float=str) == {"a": "é", "b": "1.5"}


def test_json_is_read_by_the_codec_unless_the_caller_names_another() -> None:
    event = ServerSentEvent(data="é", loads=lambda data: ("codec", data))

    assert event.json() == ("codec", "é".encode())
    assert event.json(loads=lambda data: ("caller", data)) == ("caller", "é".encode())


@pytest.mark.parametrize("data", ["[DONE]", "", "\ud800"])
def test_data_that_is_no_json(data: str) -> None:
    with pytest.raises(JSONError, match="the data of an event 'add'"):
        ServerSentEvent("add", data).json()
