"""Frames are counted by kind, for ten seconds each."""

from __future__ import annotations

import pytest

from courser.engines.http2.faults import ConnectionFault, ErrorCode
from courser.engines.http2.floods import Floods
from courser.engines.http2.limits import HTTP2_LIMITS

LIMITS = HTTP2_LIMITS._replace(pings=3, empty=1, updates=2)


def test_a_bound_may_be_reached_and_not_exceeded() -> None:
    floods = Floods(LIMITS)
    for _ in range(3):
        floods.count("pings", 5.0)

    with pytest.raises(ConnectionFault, match=r"pings: more than 3") as caught:
        floods.count("pings", 14.9)

    assert caught.value.code is ErrorCode.ENHANCE_YOUR_CALM


def test_each_kind_has_its_own_count() -> None:
    floods = Floods(LIMITS)
    for _ in range(3):
        floods.count("pings", 0.0)
    floods.count("empty", 0.0)

    with pytest.raises(ConnectionFault, match="empty"):
        floods.count("empty", 0.0)


def test_after_ten_seconds_counting_begins_anew() -> None:
    floods = Floods(LIMITS)
    for turn in range(10):
        for _ in range(3):
            floods.count("pings", 100.0 + 10 * turn)


def test_one_kind_can_be_counted_from_the_beginning_again() -> None:
    floods = Floods(LIMITS)
    for _ in range(3):
        floods.count("pings", 0.0)
        floods.forget("empty")
        floods.count("empty", 0.0)

    for what in ("pings", "empty"):
        with pytest.raises(ConnectionFault):
            floods.count(what, 0.0)


def test_what_our_own_frames_bring_about_is_forgiven() -> None:
    floods = Floods(LIMITS)
    floods.forgive(10, 0, 0.0)
    for _ in range(13):
        floods.count("pings", 0.0)
    floods.count("empty", 0.0)

    for what in ("pings", "empty"):
        with pytest.raises(ConnectionFault):
            floods.count(what, 0.0)


def test_more_is_forgiven_to_who_renews_windows() -> None:
    floods = Floods(LIMITS)
    floods.forgive(10, 5, 0.0)
    for _ in range(13):
        floods.count("pings", 0.0)
    for _ in range(17):
        floods.count("updates", 0.0)

    for what in ("pings", "updates"):
        with pytest.raises(ConnectionFault):
            floods.count(what, 0.0)


def test_it_is_forgiven_for_ten_seconds() -> None:
    floods = Floods(LIMITS)
    floods.forgive(10, 0, 0.0)
    for _ in range(3):
        floods.count("pings", 10.0)

    with pytest.raises(ConnectionFault):
        floods.count("pings", 10.0)
