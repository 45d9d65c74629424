"""What stands before a pool for a caller with many requests under way."""

from __future__ import annotations

import threading
from typing import Any

from courser.core.lane import Permit
from courser.core.pool import Pool
from courser.core.reserve import Reservation, Reserve
from courser.core.route import Route
from courser.core.waiter import FOREVER
from courser.settings import Limits

A, B = Route("http", "a", 80), Route("http", "b", 80)


class Idle:
    """A connection, as far as the pool knows."""

    shares = False

    def __init__(self, permit: Permit | None = None) -> None:
        self.idle_since = self.created = 0.0
        self.reused = False
        self.reactor: Any = "the caller's"
        self.home: Any = None
        self.permit = permit
        self.closed = False
        self.deadline = self.armed = FOREVER

    def leave(self) -> None:
        self.reactor = None

    def arm(self, deadline: float) -> None:
        self.deadline = self.armed = deadline

    def close(self) -> None:
        self.closed = True
        if self.permit is not None:
            self.permit.release()


def make(**limits: Any) -> Pool[Idle]:
    return Pool(Limits(**limits), threading.Lock, lambda waiter: waiter.complete(), False)


def opened(reserve: Reserve[Idle], route: Route) -> Idle:
    permit = reserve.open(reserve.lane(route))
    assert permit is not None
    return Idle(permit)


def test_what_comes_back_stays_with_its_reactor_and_is_lent_first() -> None:
    pool = make()
    reserve = Reserve(pool, 2)
    lane = reserve.lane(A)
    old = Idle()
    pool.put(old, lane)
    first, second = Idle(), Idle()
    reserve.put(first, lane)
    reserve.put(second, lane)

    assert (reserve.limits, reserve.lanes, reserve.closed) == (pool.limits, pool.lanes, False)
    assert pool.idle == 1
    assert reserve.take(reserve.lane(B)) is None
    assert [reserve.take(lane) for _ in range(4)] == [second, first, old, None]
    assert (first.reactor, old.reactor) == ("the caller's", None)
    assert first.reused
    assert first.idle_since > 0


def test_what_is_laid_back_is_for_everybody() -> None:
    pool = make()
    reserve = Reserve(pool, 2)
    connections = [Idle() for _ in range(3)]
    for connection, route in zip(connections, (A, A, B), strict=True):
        reserve.put(connection, reserve.lane(route))
    reserve.lay_back()
    reserve.lay_back()

    assert pool.idle == 3
    assert {connection.reactor for connection in connections} == {None}
    assert reserve.take(pool.lane(B)) is connections[2]
    assert pool.take(pool.lane(A)) is connections[1]


def test_who_waits_in_the_pool_comes_first() -> None:
    pool = make(max_connections=1)
    reserve = Reserve(pool, 1)
    lane = reserve.lane(A)
    connection = opened(reserve, A)
    assert reserve.open(lane) is None
    ticket, other = reserve.queue(lane), reserve.queue(lane)
    reserve.put(connection, lane)
    assert ticket.connection is connection
    assert connection.reactor is None

    reserve.leave_queue(ticket, lane)
    assert other.connection is connection
    other.connection = None
    reserve.leave_queue(other, lane)
    reserve.put(connection, lane)
    assert pool.idle == 0


def test_what_is_at_hand_gives_way_to_another_route() -> None:
    pool = make(max_connections=1)
    reserve = Reserve(pool, 1)
    connection = opened(reserve, A)
    reserve.put(connection, reserve.lane(A))

    assert reserve.open(reserve.lane(B)) is not None
    assert connection.closed


def test_a_closed_pool_keeps_nothing_at_hand() -> None:
    pool = make()
    reserve = Reserve(pool, 1)
    pool.close()
    connection = Idle()
    reserve.put(connection, reserve.lane(A))

    assert reserve.closed
    assert connection.closed


def test_beyond_the_limit_connections_stay_until_the_reserve_is_released() -> None:
    pool = make(max_keepalive=1)
    reserve = Reserve(pool, 2)
    for _ in range(3):
        reserve.put(Idle(), reserve.lane(A))
    reserve.lay_back()
    assert pool.idle == 3
    taken = reserve.take(reserve.lane(A))
    assert taken is not None
    reserve.put(taken, reserve.lane(A))
    reserve.release()
    reserve.release()

    assert pool.idle == 1
    assert pool.reserved == []


def test_a_reservation_does_nothing_but_that() -> None:
    pool = make(max_keepalive=0)
    reservation = Reservation(pool, 1)
    connection = Idle()
    pool.put(connection, pool.lane(A))
    assert not connection.closed
    reservation.release()

    assert connection.closed


def test_a_new_connection_is_made_known_to_the_pool() -> None:
    pool = make()
    reserve = Reserve(pool, 1)
    lane = reserve.lane(A)
    permit = reserve.open(lane)
    assert permit is not None
    lane.failed = True
    reserve.dialled(Idle(permit), permit, lane)

    assert not lane.dialling
    assert not lane.failed
    assert pool.idle == 0
