"""The log: one record an event, at DEBUG, bounded, and without secrets."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from courser.core.reply import StaticReply
from courser.tracing.log import FIELDS_MOST, Log
from courser.values.request import Request
from courser.values.response import Response
from courser.values.tracing import SHOWN_MOST, TraceEvent

REQUEST = Request(
    "GET",
    "http://a.example/?key=s3cret",
    headers={"Authorization": "s3cret", "X-Mine": "s3cret", "Cookie": "a=s3cret", "Accept": "text/plain"},
)


@pytest.fixture
def log() -> Any:
    """What is logged of an event."""
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[method-assign]
    logger = logging.Logger("courser", logging.DEBUG)
    logger.addHandler(handler)
    made = Log(logger, {"x-mine"})

    def texts(event: TraceEvent) -> list[str]:
        records.clear()
        made(event)
        assert all(record.levelno == logging.DEBUG for record in records)
        return [record.getMessage() for record in records]

    return texts


def reply(**headers: str) -> Any:
    return StaticReply.of(
        Response(200, headers={name.replace("_", "-"): value for name, value in headers.items()}), REQUEST
    )


def test_an_event_is_a_record(log: Any) -> None:
    assert log(TraceEvent("connect", 1.0, REQUEST, seconds=0.001, detail="a:80")) == [
        "connect GET http://a.example/?key=*** a:80 1.0 ms"
    ]


def test_a_request_shows_its_fields(log: Any) -> None:
    (text,) = log(TraceEvent("request", 1.0, REQUEST))

    assert text == (
        "request GET http://a.example/?key=***; Authorization: ***; X-Mine: ***; Cookie: ***; Accept: text/plain"
    )


def test_a_response_shows_its_fields(log: Any) -> None:
    answer = reply(Set_Cookie="a=s3cret", Location="/?code=s3cret", X_Mine="s3cret", Server="a\x85b")

    (text,) = log(TraceEvent("head", 1.0, REQUEST, response=answer, detail="200 OK"))

    assert text == (
        "head GET http://a.example/?key=*** 200 OK; Set-Cookie: ***; Location: /?code=***; X-Mine: ***; Server: a\\x85b"
    )


def test_pieces_of_bodies_are_no_records(log: Any) -> None:
    assert log(TraceEvent("bytes", 1.0, REQUEST, size=5)) == []
    assert log(TraceEvent("sending", 1.0, REQUEST, size=5)) == []


def test_cve_2025_69230_a_record_is_bounded_however_many_fields_a_peer_sends(log: Any) -> None:
    answer = StaticReply.of(Response(200, headers=[("A" * 1000, "x" * 5000)] * 3000), REQUEST)

    (text,) = log(TraceEvent("head", 1.0, REQUEST, response=answer))

    assert len(text) <= SHOWN_MOST + FIELDS_MOST


def test_what_has_no_request_and_no_response_is_logged_as_it_is(log: Any) -> None:
    assert log(TraceEvent("request", 1.0)) == ["request"]
    assert log(TraceEvent("head", 1.0)) == ["head"]
