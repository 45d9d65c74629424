"""Lanes: what belongs to one route, and who may dial there."""

from __future__ import annotations

import gc
import threading
from typing import Any

import pytest

from courser.core.lane import Lane, Permit, Ticket
from courser.core.pool import Pool
from courser.core.route import Route, TLSPolicy
from courser.settings import Limits

PLAIN = Route("http", "a", 80)
ASKED = Route("https", "a", 443, TLSPolicy(), protocols=("h2", "http/1.1"))
KNOWN = Route("http", "a", 80, protocols=("h2",))


def pool() -> Pool[Any]:
    return Pool(Limits(), threading.Lock, lambda waiter: waiter.complete(), False)


@pytest.mark.parametrize(
    ("route", "label"),
    [
        (PLAIN, "a:80"),
        (Route("http", "::1", 81), "[::1]:81"),
        (Route("http", "a", 80, uds="/s"), "/s"),
    ],
)
def test_a_lane_is_called_by_its_peer(route: Route, label: str) -> None:
    lane: Lane[Any] = Lane(route)

    assert lane.label == label


@pytest.mark.parametrize(("route", "plural"), [(PLAIN, False), (ASKED, None), (KNOWN, True)])
def test_whether_connections_carry_many_requests_may_be_known_beforehand(route: Route, plural: bool | None) -> None:
    lane: Lane[Any] = Lane(route)

    assert lane.plural is plural
    assert lane.may_dial


def test_while_nobody_knows_one_may_dial() -> None:
    lane: Lane[Any] = Lane(ASKED)
    lane.dialling.add(1)
    assert not lane.may_dial
    lane.failed = True

    assert lane.may_dial


def test_as_many_may_dial_as_those_who_wait_need() -> None:
    lane: Lane[Any] = Lane(KNOWN)
    lane.streams = 2
    lane.dialling.add(1)
    assert not lane.may_dial
    tickets = [Ticket[Any]() for _ in range(2)]
    lane.waiting.update(dict.fromkeys(tickets))

    assert lane.may_dial


def test_a_permit_counts_until_it_is_released() -> None:
    owner = pool()
    lane = owner.lane(PLAIN)
    permit = Permit(owner, lane)
    assert lane.permits == lane.dialling == owner.permits == {id(permit)}
    permit.release()
    permit.release()

    assert not lane.permits
    assert not lane.dialling
    assert not owner.permits


def test_a_permit_outlives_its_pool_and_its_lane() -> None:
    owner = pool()
    lane = owner.lane(PLAIN)
    one = Permit(owner, lane)
    del owner
    gc.collect()
    one.release()
    assert not lane.permits

    owner = pool()
    other = Permit(owner, owner.lane(PLAIN))
    owner.lanes.clear()
    gc.collect()
    other.release()
    assert not owner.permits


def test_a_ticket_expires() -> None:
    ticket: Ticket[Any] = Ticket()
    ticket.expire(0.0)

    assert ticket.done
    assert ticket.expired
