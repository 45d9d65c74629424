"""Trailers of requests: which may be, and what they become."""

from __future__ import annotations

from typing import Any

import pytest

from courser.core.trailing import FORBIDDEN, checked_trailers
from courser.errors import InvalidRequest
from courser.values.request import Request


def asked(trailers: Any) -> Request:
    return Request("POST", "http://a/", content=iter([b"x"]), extensions={"trailers": trailers})


def test_trailers_are_fields_or_a_function_of_nothing() -> None:
    assert checked_trailers(asked({"X-Sum": "1"}), None)() == b"X-Sum: 1\r\n"
    assert checked_trailers(asked(lambda: [("X-Sum", "2"), ("x-sum", "3")]), None)() == b"X-Sum: 2\r\nx-sum: 3\r\n"


def test_a_function_is_called_when_the_body_has_been_sent() -> None:
    checked_trailers(asked(lambda: pytest.fail("called too early")), None)


@pytest.mark.parametrize("length", [-1, 0, 5])
def test_a_body_of_known_length_has_none(length: int) -> None:
    with pytest.raises(InvalidRequest, match="give the body as an iterable"):
        checked_trailers(asked({"X-Sum": "1"}), length)


@pytest.mark.parametrize("name", sorted(FORBIDDEN))
def test_what_decides_about_a_message_is_no_trailer(name: str) -> None:
    with pytest.raises(InvalidRequest, match="may not be a trailer"):
        checked_trailers(asked({name.title(): "1"}), None)
    with pytest.raises(InvalidRequest, match="may not be a trailer"):
        checked_trailers(asked(lambda: {name: "1"}), None)()


def test_no_line_that_nobody_meant() -> None:
    with pytest.raises(ValueError, match="X-Sum"):
        checked_trailers(asked({"X-Sum": "1\r\nX-Other: 2"}), None)
