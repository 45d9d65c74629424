"""The pool: who gets which connection, who waits, and what becomes of it when threads and exceptions interfere."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from typing import Any
from weakref import ref

import pytest

from courser.core import pool as module
from courser.core.lane import Lane, Permit, Ticket
from courser.core.pool import Pool, _peek
from courser.core.route import Route, TLSPolicy
from courser.core.waiter import FOREVER
from courser.settings import Limits

A, B = Route("http", "a", 80), Route("http", "b", 80)


class Idle:
    """A connection, as far as the pool knows."""

    shares = False

    def __init__(self, permit: Permit | None = None) -> None:
        self.idle_since = self.created = 0.0
        self.reused = False
        self.reactor: Any = None
        self.home: Any = None
        self.permit = permit
        self.closed = 0
        self.deadline = 0.0
        self.armed = FOREVER
        self.left = False

    def leave(self) -> None:
        self.left = True

    def arm(self, deadline: float) -> None:
        self.deadline = self.armed = deadline

    def close(self) -> None:
        self.closed += 1
        if self.permit is not None:
            self.permit.release()


def make(turned: bool = False, lock: Callable[[], Any] = threading.Lock, **limits: Any) -> Pool[Idle]:
    return Pool(Limits(**limits), lock, lambda waiter: waiter.complete(), turned)


def opened(pool: Pool[Idle], lane: Lane[Idle]) -> Idle:
    permit = pool.open(lane)
    assert permit is not None
    return Idle(permit)


# Idle connections


def test_the_last_used_is_taken_first() -> None:
    pool = make()
    lane = pool.lane(A)
    first, second = Idle(), Idle()
    pool.put(first, lane)
    pool.put(second, lane)

    assert pool.idle == 2
    assert pool.take(lane) is second
    assert pool.take(lane) is first
    assert pool.take(lane) is None
    assert first.reused
    assert first.idle_since > 0


def test_a_lane_has_its_own_connections() -> None:
    pool = make()
    pool.put(Idle(), pool.lane(A))

    assert pool.take(pool.lane(B)) is None
    assert pool.lane(A) is pool.lane(A)


@pytest.mark.parametrize(
    ("route", "label"),
    [(A, "a:80"), (Route("http", "::1", 80), "[::1]:80"), (Route("http", "a", 80, uds="/run/s"), "/run/s")],
)
def test_a_lane_is_called_by_its_peer(route: Route, label: str) -> None:
    assert make().lane(route).label == label


def test_it_says_whether_what_comes_back_is_wanted() -> None:
    pool = make(max_connections=1)
    assert not pool.wanted
    used = opened(pool, pool.lane(A))
    ticket = pool.queue(pool.lane(A))
    assert pool.wanted
    pool.leave_queue(ticket, pool.lane(A))
    assert not pool.wanted
    used.close()
    pool.close()
    assert pool.wanted


def test_beyond_the_limit_the_longest_unused_goes() -> None:
    pool = make(max_keepalive=2)
    idle = [Idle() for _ in range(3)]
    for number, connection in enumerate(idle):
        pool.put(connection, pool.lane(B if number else A))

    assert [each.closed for each in idle] == [1, 0, 0]
    assert pool.idle == 2


def test_an_expired_connection_goes_when_another_comes() -> None:
    pool = make(keepalive_expiry=10.0)
    lane = pool.lane(A)
    old = Idle()
    pool.put(old, lane)
    old.idle_since -= 20
    young = Idle()
    pool.put(young, lane)

    assert old.closed
    assert not young.closed


def test_a_turned_connection_keeps_its_own_expiry_and_knows_its_home() -> None:
    pool = make(turned=True, keepalive_expiry=10.0)
    connection = Idle()
    pool.put(connection, pool.lane(A))

    assert connection.deadline == connection.armed == connection.idle_since + 10.0
    pool.put(pool.take(pool.lane(A)) or Idle(), pool.lane(A))
    assert connection.armed <= connection.deadline == connection.idle_since + 10.0
    assert connection.home() is pool
    pool.remove(connection)
    pool.remove(connection)
    assert pool.idle == 0
    assert pool.take(pool.lane(A)) is None


def test_a_turned_connection_may_never_expire() -> None:
    pool = make(turned=True, keepalive_expiry=None)
    connection = Idle()
    pool.put(connection, pool.lane(A))

    assert connection.deadline == 0.0


def test_an_idle_connection_leaves_the_reactor_of_a_call() -> None:
    pool = make(keepalive_expiry=None)
    connection = Idle()
    connection.reactor = object()
    pool.put(connection, pool.lane(A))

    assert connection.left


# Permits


def test_no_more_than_the_limit_are_open() -> None:
    pool = make(max_connections=2)
    first, second = pool.open(pool.lane(A)), pool.open(pool.lane(B))
    assert first is not None
    assert second is not None
    assert pool.open(pool.lane(A)) is None
    first.release()
    first.release()

    assert len(pool.permits) == 1
    assert pool.open(pool.lane(A)) is not None


def test_no_more_than_the_limit_of_a_host_are_open() -> None:
    pool = make(max_per_host=1)
    permit = pool.open(pool.lane(A))
    assert permit is not None

    assert pool.open(pool.lane(A)) is None
    assert pool.open(pool.lane(B)) is not None


def test_at_the_limit_an_idle_connection_of_another_route_gives_way() -> None:
    pool = make(max_connections=1)
    idle = opened(pool, pool.lane(A))
    pool.put(idle, pool.lane(A))

    assert pool.open(pool.lane(B)) is not None
    assert idle.closed


def test_a_forgotten_permit_comes_back() -> None:
    pool = make(max_connections=1)
    permit = pool.open(pool.lane(A))
    del permit
    gc.collect()

    assert not pool.permits


def test_beyond_a_number_of_lanes_one_without_connections_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LANES_KEPT", 1)
    pool = make()
    first, second = pool.lane(A), pool.lane(B)
    permits = [pool.open(lane) for lane in (first, first, second)]

    for kept in (2, 2, 1):
        assert len(pool.lanes) == kept
        del permits[0]
    assert pool.lanes == {B: second}
    del permits
    assert pool.lanes == {B: second}


def test_a_lane_is_not_forgotten_in_the_place_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread may hold a lane that was forgotten, while another has made a new one."""
    monkeypatch.setattr(module, "LANES_KEPT", 0)
    pool = make()
    old, new = Lane[Idle](A), pool.lane(A)
    Permit(pool, old).release()

    assert pool.lanes == {A: new}


def test_a_permit_outlives_its_pool() -> None:
    pool = make()
    permit = pool.open(pool.lane(A))
    assert permit is not None
    del pool
    gc.collect()
    permit.release()


def test_a_permit_outlives_its_lane() -> None:
    pool = make()
    lane: Lane[Idle] | None = Lane(A)
    assert lane is not None
    permit = Permit(pool, lane)
    lane = None
    permit.release()

    assert not pool.permits


# The queue


def test_who_waits_gets_what_comes_back_first_come_first_served() -> None:
    pool = make(max_connections=1)
    lane = pool.lane(A)
    used = opened(pool, lane)
    first, second = pool.queue(lane), pool.queue(lane)
    pool.put(used, lane)

    assert first.done
    assert first.connection is used
    assert not second.done


def test_who_waits_gets_a_permit_that_comes_back() -> None:
    pool = make(max_connections=1)
    used = opened(pool, pool.lane(A))
    ticket = pool.queue(pool.lane(B))
    used.close()

    assert ticket.done
    assert ticket.permit is not None
    assert len(pool.permits) == 1


def test_an_idle_connection_gives_way_to_who_waits_for_another_route() -> None:
    pool = make(max_connections=1)
    used = opened(pool, pool.lane(A))
    ticket = pool.queue(pool.lane(B))
    pool.put(used, pool.lane(A))

    assert used.closed
    assert ticket.permit is not None


def test_an_idle_connection_does_not_give_way_where_there_is_room() -> None:
    """Who waits is kept waiting by the limit of its own host."""
    pool = make(max_connections=10, max_per_host=1)
    used = opened(pool, pool.lane(A))
    permit = pool.open(pool.lane(B))
    ticket = pool.queue(pool.lane(B))
    pool.put(used, pool.lane(A))

    assert not used.closed
    assert permit is not None
    assert not ticket.done


def test_what_became_free_while_somebody_looked_is_given_at_once() -> None:
    pool = make(max_connections=1)
    lane = pool.lane(A)
    used = opened(pool, lane)
    pool.put(used, lane)

    assert pool.queue(lane).connection is used


def test_room_that_came_while_somebody_looked_is_given_at_once() -> None:
    pool = make(max_connections=1)

    assert pool.queue(pool.lane(A)).permit is not None


def test_who_leaves_the_queue_gives_back_what_was_handed_over() -> None:
    pool = make(max_connections=1)
    lane = pool.lane(A)
    used = opened(pool, lane)
    first, second = pool.queue(lane), pool.queue(lane)
    pool.put(used, lane)
    pool.leave_queue(first, lane)
    assert second.connection is used
    used.close()
    second.connection = None
    third = pool.queue(lane)
    assert third.permit is not None
    pool.leave_queue(third, lane)
    pool.leave_queue(third, lane)

    assert not pool.permits


def test_a_ticket_expires() -> None:
    ticket: Ticket[Idle] = Ticket()
    ticket.expire(0.0)

    assert ticket.done
    assert ticket.expired


def test_both_limits_hold_for_who_waits() -> None:
    pool = make(max_connections=2, max_per_host=1)
    first, second = opened(pool, pool.lane(A)), opened(pool, pool.lane(B))
    one, other, third = pool.queue(pool.lane(A)), pool.queue(pool.lane(A)), pool.queue(pool.lane(B))
    second.close()
    assert (one.done, other.done, third.done) == (False, False, True)
    first.close()

    assert (one.done, other.done) == (True, False)


def test_a_queue_that_changes_meanwhile_is_read_again() -> None:
    pool = make(max_connections=2, max_per_host=1)
    first = opened(pool, pool.lane(A))
    stale, ticket = pool.queue(pool.lane(A)), pool.queue(pool.lane(A))
    pool.lane(A).waiting.pop(stale)
    first.close()

    assert not stale.done
    assert ticket.permit is not None


@pytest.mark.parametrize("limits", [{"max_connections": 1}, {"max_per_host": 1}])
def test_a_stale_entry_of_the_queue_does_no_harm(limits: dict[str, int]) -> None:
    """An exception may have struck between the two queues that a ticket stands in."""
    pool = make(**limits)
    lane = pool.lane(A)
    used = opened(pool, lane)
    stale, ticket = pool.queue(lane), pool.queue(lane)
    lane.waiting.pop(stale)
    used.close()

    assert ticket.permit is not None
    assert not stale.done


@pytest.mark.parametrize(
    "limits", [{"max_connections": 5}, {"max_per_host": 5}, {"max_connections": 9, "max_per_host": 5}]
)
def test_many_may_wait(monkeypatch: pytest.MonkeyPatch, limits: dict[str, int]) -> None:
    """Counted, not timed: a permit that comes back looks at few of those who wait."""
    pool = make(**limits)
    lane = pool.lane(A)
    used = [opened(pool, lane) for _ in range(5)]
    looked = [0]
    room_in = Pool._room_in

    def counted(pool: Pool[Idle], lane: Lane[Idle]) -> bool:
        looked[0] += 1
        return room_in(pool, lane)

    monkeypatch.setattr(Pool, "_room_in", counted)
    tickets = [pool.queue(lane) for _ in range(300)]
    while used:
        used.pop().close()
    for ticket in tickets:
        assert ticket.permit is not None
        ticket.permit.release()

    assert looked[0] < 10 * len(tickets)


def test_a_note_left_for_the_holder_of_the_lock_is_read() -> None:
    """A finalizer may run while a permit is being counted."""
    pool = make(max_connections=2)
    lane = pool.lane(A)
    first, second = opened(pool, lane), opened(pool, lane)
    ticket = pool.queue(lane)
    with pool._lock:
        first.close()
        assert not ticket.done
    second.close()
    assert ticket.permit is not None
    with pool._lock:
        pool.serve(lane)
    assert pool.open(lane) is not None

    assert not pool._missed


# Threads, forced to interfere at the worst moment


class Meddled(list[Idle]):
    """A stack that lets another thread act right before something is added."""

    def __init__(self, meddle: Callable[[], None]) -> None:
        super().__init__()
        self.meddle: Callable[[], None] | None = meddle

    def append(self, connection: Idle, /) -> None:
        meddle, self.meddle = self.meddle, None
        if meddle is not None:
            meddle()
        super().append(connection)


def test_a_note_is_read_once() -> None:
    """Another thread may be quicker."""
    pool = make()
    pool._serve_one()

    assert not pool._missed


def test_who_evicts_in_the_middle_of_a_return_leaves_it_whole() -> None:
    pool = make()
    lane = pool.lane(A)
    connection = Idle()

    def meddle() -> None:
        pool._evict()

    lane.idle = Meddled(meddle)
    pool.put(connection, lane)

    assert not connection.closed
    assert pool.idle == len(lane.idle) == 1


def test_who_takes_at_once_leaves_nothing_behind() -> None:
    class Quick(list[Idle]):
        def append(self, connection: Idle, /) -> None:
            super().append(connection)
            taken.append(pool.take(lane))

    pool = make()
    lane = pool.lane(A)
    taken: list[Idle | None] = []
    lane.idle = Quick()
    connection = Idle()
    pool.put(connection, lane)

    assert taken == [connection]
    assert pool.idle == 0


class Emptied(list[Idle]):
    """A stack that another thread empties after somebody has looked."""

    def __bool__(self) -> bool:
        return True


def test_a_stack_that_is_emptied_meanwhile_has_nothing() -> None:
    pool = make()
    lane = pool.lane(A)
    lane.idle = Emptied()

    assert pool.take(lane) is None


def test_what_was_taken_meanwhile_is_not_evicted() -> None:
    pool = make()
    lane = pool.lane(A)
    connection = Idle()
    pool.put(connection, lane)
    lane.idle.clear()
    assert not pool._evict()
    pool._expire(1e9)

    assert not connection.closed


def test_an_order_that_is_emptied_meanwhile_has_nothing() -> None:
    class Always(type(make()._order)):  # type: ignore[misc]
        def __bool__(self) -> bool:
            return True

    pool = make()
    pool._order = Always()

    assert not pool._evict()


def test_a_connection_for_which_nobody_waits_any_more_is_kept() -> None:
    pool = make(max_connections=2)
    lane = pool.lane(A)
    opened(pool, lane)
    used = opened(pool, lane)
    pool._hand(used, lane)

    assert pool.take(lane) is used


def test_a_connection_that_another_thread_takes_first_is_not_handed_over() -> None:
    pool = make(max_connections=1)
    lane = pool.lane(A)
    used = opened(pool, lane)
    ticket = pool.queue(lane)
    pool._after_put(lane)

    assert not ticket.done
    used.close()


def test_a_queue_is_looked_at_while_others_change_it() -> None:
    class Shy:
        tries = 0

        def __iter__(self) -> Any:
            self.tries += 1
            if self.tries == 1:
                raise RuntimeError("mutated")
            return iter(["first"])

    assert _peek(Shy()) == "first"  # type: ignore[arg-type, comparison-overlap]


def test_threads_share_a_pool() -> None:
    pool = make(max_connections=3)
    lane = pool.lane(A)
    errors: list[BaseException] = []

    def work() -> None:
        try:
            for turn in range(200):
                connection = pool.take(lane)
                if connection is None:
                    permit = pool.open(lane)
                    if permit is None:
                        continue
                    connection = Idle(permit)
                assert not connection.closed
                assert len(pool.permits) <= 3
                if turn % 7:
                    pool.put(connection, lane)
                else:
                    connection.close()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pool.close()

    assert errors == []
    assert pool.idle == len(pool.permits) == 0


# The end


def test_closing_wakes_who_waits_and_closes_what_is_idle_now_and_later() -> None:
    pool = make(max_connections=2)
    lane = pool.lane(A)
    idle, used = opened(pool, lane), opened(pool, lane)
    other = pool.lane(B)
    ticket = pool.queue(other)
    pool._order[idle] = lane
    lane.idle.append(idle)
    pool.close()
    assert idle.closed
    assert ticket.done
    assert not other.waiting
    pool.put(used, lane)

    assert used.closed


def test_who_comes_to_the_queue_of_a_closed_pool_is_woken() -> None:
    pool = make(max_connections=1)
    lane = pool.lane(A)
    opened_one = opened(pool, lane)
    pool.close()

    assert pool.queue(lane).done
    opened_one.close()


def test_a_child_process_begins_anew() -> None:
    pool = make(max_connections=1)
    lane = pool.lane(A)
    pool.put(opened(pool, lane), lane)
    pool._lock.__enter__()
    pool.forget()

    assert pool.idle == 0
    assert pool.open(pool.lane(A)) is not None


def test_a_pool_is_gone_when_nobody_holds_it() -> None:
    pool = make()
    pool.put(Idle(), pool.lane(A))
    alive = ref(pool)
    del pool

    assert alive() is None


def test_closing_wakes_who_waits_with_nothing() -> None:
    pool = make(max_connections=1)
    used = opened(pool, pool.lane(A))
    ticket = pool.queue(pool.lane(B))
    pool.close()

    assert ticket.done
    assert ticket.connection is ticket.permit is None
    used.close()


def test_nobody_is_served_where_there_is_no_room() -> None:
    pool = make(max_connections=2, max_per_host=1)
    first = opened(pool, pool.lane(A))
    ticket = pool.queue(pool.lane(A))
    pool.serve(pool.lane(A))
    second = opened(pool, pool.lane(B))
    pool.serve(pool.lane(A))

    assert not ticket.done
    second.close()
    first.close()
    assert ticket.permit is not None


def test_what_was_reserved_for_a_while_is_trimmed_afterwards() -> None:
    pool = make(max_keepalive=1)
    pool.reserved.append(2)
    idle = [Idle() for _ in range(4)]
    for connection in idle:
        pool.put(connection, pool.lane(A))
    assert [each.closed for each in idle] == [1, 0, 0, 0]
    pool.reserved.remove(2)
    pool.trim()

    assert [each.closed for each in idle] == [1, 1, 1, 0]
    unlimited = make(max_keepalive=None)
    unlimited.put(Idle(), unlimited.lane(A))
    unlimited.trim()
    assert unlimited.idle == 1


# Connections that carry many requests at once

H2 = Route("https", "a", 443, TLSPolicy(), protocols=("h2", "http/1.1"))


class Visitor(Idle):
    """A place in one of them."""

    shares = True

    def __init__(self, connection: Many) -> None:
        super().__init__()
        self.connection = connection

    def close(self) -> None:
        self.connection.guests.discard(self)


class Many(Idle):
    """One of them."""

    shares = True
    most = 2
    draining = False

    def __init__(self, permit: Permit | None = None) -> None:
        super().__init__(permit)
        self.guests: set[Any] = set()
        self.occupy()

    def occupy(self) -> Visitor | None:
        if len(self.guests) >= self.most or self.draining:
            return None
        visitor = Visitor(self)
        self.guests.add(visitor)
        return visitor

    def retire(self) -> bool:
        self.draining = not self.guests
        return self.draining


def dialled(pool: Pool[Idle], lane: Lane[Idle], kind: type[Idle] = Many) -> Any:
    permit = pool.open(lane)
    assert permit is not None
    made = kind(permit)
    pool.dialled(made, permit, lane)
    return made


def place_of(ticket: Ticket[Idle]) -> Any:
    """The connection in which somebody was given a place."""
    return None if ticket.connection is None else getattr(ticket.connection, "connection")  # noqa: B009 - a fake's


def test_one_dial_decides_for_all_who_want_to_go_there() -> None:
    pool = make()
    lane = pool.lane(H2)
    permit = pool.open(lane)
    assert permit is not None
    assert pool.open(lane) is None
    first, second = pool.queue(lane), pool.queue(lane)
    made = Many(permit)
    pool.dialled(made, permit, lane)

    assert lane.plural
    assert place_of(first) is made
    assert second.permit is not None


def test_where_connections_carry_one_request_all_who_wait_dial_for_themselves() -> None:
    pool = make()
    lane = pool.lane(H2)
    permit = pool.open(lane)
    assert permit is not None
    tickets = [pool.queue(lane) for _ in range(3)]
    pool.dialled(Idle(permit), permit, lane)

    assert lane.plural is False
    assert all(ticket.permit is not None for ticket in tickets)
    pool.dialled(Idle(permit), permit, lane)


def test_one_dial_decides_also_where_nobody_else_wants_to_go() -> None:
    pool = make()
    lane = pool.lane(H2)
    assert lane.plural is None
    permit = pool.open(lane)
    assert permit is not None
    pool.dialled(Idle(permit), permit, lane)

    assert lane.plural is False


def test_where_that_is_known_nobody_waits_for_one_dial_to_decide() -> None:
    pool = make(max_per_host=1)
    lane = pool.lane(A)
    assert lane.plural is False
    permit = pool.open(lane)
    assert permit is not None
    ticket = pool.queue(lane)
    pool.dialled(Idle(permit), permit, lane)

    assert lane.plural is False
    assert not ticket.done


def test_when_the_first_dial_fails_all_who_wait_try_for_themselves() -> None:
    pool = make()
    lane = pool.lane(H2)
    permit = pool.open(lane)
    assert permit is not None
    tickets = [pool.queue(lane) for _ in range(3)]
    lane.failed = True
    permit.release()

    assert all(ticket.permit is not None for ticket in tickets)


def test_a_first_dial_that_is_given_up_leaves_the_next_one_to_the_next() -> None:
    pool = make()
    lane = pool.lane(H2)
    permit = pool.open(lane)
    assert permit is not None
    tickets = [pool.queue(lane) for _ in range(2)]
    permit.release()

    assert [ticket.permit is not None for ticket in tickets] == [True, False]


def test_a_connection_is_shared_until_it_is_full() -> None:
    pool = make()
    lane = pool.lane(H2)
    made = dialled(pool, lane)

    taken = pool.take(lane)
    assert taken in made.guests
    assert pool.take(lane) is None


def test_as_many_are_dialled_as_those_who_wait_need() -> None:
    pool = make()
    lane = pool.lane(H2)
    lane.streams = 2
    dialled(pool, lane).occupy()
    assert pool.open(lane) is not None
    tickets = [pool.queue(lane) for _ in range(5)]

    assert [ticket.permit is not None for ticket in tickets].count(True) == 2


def test_a_place_that_becomes_free_goes_to_who_waits() -> None:
    pool = make(max_per_host=1)
    lane = pool.lane(H2)
    made = dialled(pool, lane)
    visitor = made.occupy()
    ticket = pool.queue(lane)
    assert ticket.connection is None
    visitor.close()
    pool.admit(made, lane)

    assert place_of(ticket) is made
    assert len(made.guests) == 2
    pool.leave_queue(ticket, lane)
    assert len(made.guests) == 1


def test_a_free_place_for_which_nobody_waits_any_more_stays_free() -> None:
    pool = make()
    lane = pool.lane(H2)
    made = dialled(pool, lane)
    pool._hand(made.occupy(), lane)

    assert len(made.guests) == 1


def test_who_rests_is_found_again_and_can_be_evicted() -> None:
    pool = make()
    lane = pool.lane(H2)
    made = dialled(pool, lane)
    made.guests.clear()
    pool.rest(made, lane)
    assert pool.idle == 1
    assert pool.take(lane) in made.guests
    assert pool.idle == 0
    made.guests.clear()
    pool.rest(made, lane)
    pool.close()

    assert made.draining
    assert made.closed == 1


def test_who_rests_beyond_the_limit_goes() -> None:
    pool = make(max_keepalive=0)
    lane = pool.lane(H2)
    made = dialled(pool, lane)
    made.guests.clear()
    pool.rest(made, lane)

    assert made.closed == 1


def test_who_rests_while_another_route_has_no_room_gives_way() -> None:
    pool = make(max_connections=1)
    lane = pool.lane(H2)
    made = dialled(pool, lane)
    ticket = pool.queue(pool.lane(A))
    made.guests.clear()
    pool.rest(made, lane)

    assert made.closed == 1
    assert ticket.permit is not None


def test_who_rests_too_long_goes_when_another_comes_to_rest() -> None:
    pool = make(keepalive_expiry=10.0)
    lane = pool.lane(H2)
    lane.streams = 1
    first, second = dialled(pool, lane), dialled(pool, lane)
    first.guests.clear()
    second.guests.clear()
    pool.rest(first, lane)
    first.idle_since -= 11.0
    pool.rest(second, lane)

    assert (first.closed, second.closed) == (1, 0)


def test_a_turned_connection_that_rests_has_a_deadline() -> None:
    pool = make(turned=True, keepalive_expiry=10.0)
    lane = pool.lane(H2)
    made = dialled(pool, lane)
    made.guests.clear()
    pool.rest(made, lane)

    assert made.deadline == made.idle_since + 10.0


def test_in_a_closed_pool_nothing_rests() -> None:
    pool = make()
    lane = pool.lane(H2)
    made = dialled(pool, lane)
    made.guests.clear()
    pool.close()
    pool.rest(made, lane)

    assert made.closed == 1
    assert lane.shared == []


def test_a_connection_that_is_made_in_a_closed_pool_is_its_makers_alone() -> None:
    pool = make()
    lane = pool.lane(H2)
    permit = pool.open(lane)
    assert permit is not None
    ticket = pool.queue(lane)
    pool.close()
    made = Many(permit)
    pool.dialled(made, permit, lane)

    assert ticket.connection is None
    assert len(made.guests) == 1


def test_who_is_withdrawn_is_offered_no_more() -> None:
    pool = make()
    lane = pool.lane(H2)
    made = dialled(pool, lane)
    made.occupy()
    ticket = pool.queue(lane)
    assert ticket.permit is not None
    other = pool.queue(lane)
    pool.withdraw(made, lane)
    pool.withdraw(made, lane)

    assert lane.shared == []
    assert other.permit is None
    lane.dialling.clear()
    pool.serve(lane)
    assert other.permit is not None


def test_a_full_route_does_not_keep_others_from_room() -> None:
    """The one who waits first waits for a dial that decides; the one behind wants another route."""
    pool = make(max_connections=2)
    lane = pool.lane(H2)
    permit = pool.open(lane)
    used = opened(pool, pool.lane(A))
    first, second = pool.queue(lane), pool.queue(pool.lane(B))
    used.close()

    assert permit is not None
    assert first.permit is None
    assert second.permit is not None
