"""Events as text: one line, bounded, without secrets."""

from __future__ import annotations

from typing import Any

import pytest

from courser.errors import HTTPError, ReadError
from courser.values.request import Request
from courser.values.tracing import SHOWN_MOST, TraceEvent

REQUEST = Request("GET", "http://a.example/x?key=s3cret")


def test_an_event_is_a_record() -> None:
    event = TraceEvent("head", 1.5, REQUEST, 7, detail="200 OK")

    assert (event.name, event.at, event.request, event.connection, event.detail) == ("head", 1.5, REQUEST, 7, "200 OK")
    assert (event.seconds, event.size, event.response, event.error) == (None, None, None, None)
    with pytest.raises(AttributeError):
        event.name = "end"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        ({}, "connect GET http://a.example/x?key=***"),
        ({"connection": 3, "detail": "a:80"}, "connect #3 GET http://a.example/x?key=*** a:80"),
        ({"size": 5}, "connect GET http://a.example/x?key=*** 5 bytes"),
        ({"seconds": 0.00125}, "connect GET http://a.example/x?key=*** 1.2 ms"),
        ({"error": ReadError(detail="broken")}, "connect GET http://a.example/x?key=*** ReadError: broken"),
        ({"error": HTTPError()}, "connect GET http://a.example/x?key=*** HTTPError"),
        ({"error": LookupError("s3cret")}, "connect GET http://a.example/x?key=*** LookupError"),
        ({"request": None}, "connect"),
    ],
)
def test_an_event_as_text(facts: dict[str, Any], text: str) -> None:
    event = TraceEvent("connect", 1.0, **{"request": REQUEST, **facts})

    assert str(event) == text
    assert repr(event) == f"<TraceEvent {text}>"


def test_its_text_is_one_bounded_line() -> None:
    event = TraceEvent("head", 1.0, detail="a\nb\x1b[2J" + "c" * 1000)

    assert str(event).startswith("head a\\nb\\x1b[2Jccc")
    assert len(str(event)) == SHOWN_MOST
