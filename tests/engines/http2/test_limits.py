"""The limits are the ones that other people's holes have taught."""

from __future__ import annotations

from courser.engines.http1 import WIRE_LIMITS
from courser.engines.http2.limits import HTTP2_LIMITS, PERIOD, HTTP2Limits


def test_heads_are_bounded_as_over_http1() -> None:
    assert HTTP2Limits() == HTTP2_LIMITS
    assert (HTTP2_LIMITS.fields, HTTP2_LIMITS.head) == (WIRE_LIMITS.fields, WIRE_LIMITS.head)
    assert HTTP2_LIMITS.interim == WIRE_LIMITS.interim


def test_floods_are_bounded() -> None:
    assert HTTP2_LIMITS.queued <= 1000
    assert HTTP2_LIMITS.empty <= 100
    assert PERIOD == 10


def test_windows_are_in_order() -> None:
    limits = HTTP2_LIMITS
    assert 65535 < limits.stream_window <= limits.max_stream_window <= limits.connection_window <= limits.unread
