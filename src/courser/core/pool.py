"""The pool: which connection carries a request, and who waits when none may.

A pool belongs to one client, and in async code to one event loop. It decides and does nothing else: it never dials,
never waits, and closes only what it evicts. Everything is O(1): idle connections lie in a stack per route (the last
used is the most likely to live), in one order across routes (the longest unused is evicted first), and requests that
have to wait stand in one queue per route and one for all.

Several threads may share a pool, and an exception may strike any of them between any two instructions. There is
therefore no lock around the stack, which a thread that is struck down could leave locked. Each step that matters is one
call of a built-in container, which is atomic: whoever pops a connection from its stack owns it, whoever pops a ticket
from its queue serves it, and whoever adds to one side looks at the other side afterwards.

The number of open connections is the number of live permits. A permit goes with its connection from before the dial
until the descriptor is closed, and comes back even if nobody remembers to give it back: the finalizer of the
connection does. Counting permits and adding one is the only step that needs a lock.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from time import monotonic
from weakref import ReferenceType, ref

from ..hints import TYPE_CHECKING, Generic, TypeVar
from ..settings import Limits
from .fork import remember
from .guard import locked
from .lane import Lane, Permit, Pooled, Ticket
from .route import Route
from .waiter import Waiter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from typing import Any, Final


__all__ = ["Pool"]

LANES_KEPT: Final = 256
"""Lanes beyond which one without connections is forgotten, with the TLS session that it knows.

Below, another thread that is about to dial may hold it, and would find that a second one has taken its place.
"""


C = TypeVar("C", bound=Pooled)


class Pool(Generic[C]):
    """The connections of one client in one place.

    Args:
        limits: how many may be open, how many idle, and for how long.
        lock: makes what guards the counting of permits.
        deliver: completes a waiter, from whatever thread.
        turned: whether idle connections are turned by a reactor, which then closes them when they end or expire.

    Attributes:
        reserved: connections that may be idle beyond the limit, for callers that have many requests under way and need
            them again at once; each caller takes its number out again.
    """

    __slots__ = (
        "__weakref__",
        "_deliver",
        "_lock",
        "_make_lock",
        "_missed",
        "_order",
        "_self",
        "_waiting",
        "closed",
        "lanes",
        "limits",
        "permits",
        "reserved",
        "turned",
    )

    def __init__(
        self,
        limits: Limits,
        lock: Callable[[], AbstractContextManager[Any]],
        deliver: Callable[[Waiter], None],
        turned: bool,
    ) -> None:
        self.limits = limits
        self.lanes: dict[Route, Lane[C]] = {}
        self.permits: set[int] = set()
        self.turned = turned
        self.closed = False
        self.reserved: list[int] = []
        self._order: OrderedDict[C, Lane[C]] = OrderedDict()
        self._waiting: OrderedDict[Ticket[C], Lane[C]] = OrderedDict()
        self._make_lock = lock
        self._lock = lock()
        self._missed: deque[Lane[C]] = deque()
        self._deliver = deliver
        self._self: ReferenceType[Pool[Any]] = ref(self)
        remember(self)

    def forget(self) -> None:
        """Be empty in a forked child; the connections forget by themselves."""
        self._lock = self._make_lock()
        self._missed.clear()
        self._order.clear()
        self._waiting.clear()
        self.lanes.clear()
        self.permits.clear()

    def lane(self, route: Route) -> Lane[C]:
        """The lane of a route, made when it is first asked for."""
        return self.lanes.setdefault(route, Lane(route))

    # Idle connections

    def take(self, lane: Lane[C]) -> C | None:
        """The idle connection of a lane that was used last, or a place in one that carries many requests at once.

        The caller looks whether it lives.
        """
        idle = lane.idle
        if idle:
            try:
                # One line, so that no exception from outside comes between the two.
                self._order.pop(connection := idle.pop(), None)
            except IndexError:
                return None
            return connection
        for shared in lane.shared:
            guest: C | None = shared.occupy()
            if guest is not None:
                self._order.pop(shared, None)
                return guest
        return None

    def put(self, connection: C, lane: Lane[C]) -> None:
        """Take a connection back: for the first who waits, or into the stack."""
        now = monotonic()
        connection.reused = True
        connection.idle_since = now
        limits = self.limits
        expiry = limits.keepalive_expiry
        if self.turned:
            connection.home = self._self
            if expiry is not None:
                connection.deadline = due = now + expiry
                if due < connection.armed:
                    connection.arm(due)
        elif connection.reactor is not None:
            connection.leave()
        order = self._order
        order[connection] = lane
        lane.idle.append(connection)
        if connection not in order and _claim(connection, lane):
            # Another thread wanted to evict it between the two lines, and did not find it in its stack.
            self.put(connection, lane)
            return
        if self._waiting or self.closed:
            self._after_put(lane)
        elif limits.max_keepalive is not None and len(order) > limits.max_keepalive:
            self.trim()
        elif expiry is not None and len(order) > 1 and not self.turned:
            self._expire(now - expiry)

    @property
    def wanted(self) -> bool:
        """Whether somebody waits for what is given back, or the pool is closed."""
        return bool(self._waiting) or self.closed

    def trim(self) -> None:
        """Close what is idle beyond the limit, the longest unused first."""
        most = self.limits.max_keepalive
        if most is not None:
            most += sum(self.reserved)
            while len(self._order) > most and self._evict():
                pass

    def _after_put(self, lane: Lane[C]) -> None:
        if self.closed:
            while self._evict():
                pass
        elif lane.waiting:
            connection = self.take(lane)
            if connection is not None:
                self._hand(connection, lane)
        elif not self._room():
            # Who waits wants another route: what is idle here gives way.
            self._evict()

    def _hand(self, connection: C, lane: Lane[C]) -> None:
        """Give a connection to the first who waits for it."""
        ticket = _first(lane.waiting)
        if ticket is None:
            self._lay_back(connection, lane)
            return
        self._waiting.pop(ticket, None)
        ticket.connection = connection
        self._deliver(ticket)

    def _lay_back(self, connection: C, lane: Lane[C]) -> None:
        """Take back what was to be handed to somebody who has gone."""
        if connection.shares:
            connection.close()
        else:
            self.put(connection, lane)

    def remove(self, connection: C) -> None:
        """Take out an idle connection that has ended by itself."""
        lane = self._order.pop(connection, None)
        if lane is not None:
            _claim(connection, lane)

    # Connections that carry many requests at once

    def dialled(self, connection: C, permit: Permit, lane: Lane[C]) -> None:
        """Take note of a new connection; if it carries many requests, its maker has a place in it already."""
        lane.dialling.discard(id(permit))
        lane.failed = False
        if connection.shares:
            lane.plural = True
            connection.home = self._self
            lane.shared.append(connection)
            if self.closed:
                return
            self.admit(connection, lane)
            if lane.waiting:
                self.serve(lane)
        elif lane.plural is not False:
            lane.plural = False
            if lane.waiting:
                self.serve(lane)

    def admit(self, connection: C, lane: Lane[C]) -> None:
        """Hand the free places of a connection to those who wait for one."""
        while lane.waiting and (guest := connection.occupy()) is not None:
            self._hand(guest, lane)

    def rest(self, connection: C, lane: Lane[C]) -> None:
        """Take note that nobody occupies a place in a connection any more."""
        connection.idle_since = now = monotonic()
        if self.closed:
            self.withdraw(connection, lane)
            connection.close()
            return
        self._order[connection] = lane
        limits = self.limits
        if limits.keepalive_expiry is not None and self.turned:
            connection.arm(now + limits.keepalive_expiry)
        if self._waiting and not self._room():
            self._evict()
        elif limits.max_keepalive is not None and len(self._order) > limits.max_keepalive:
            self.trim()
        elif limits.keepalive_expiry is not None and len(self._order) > 1 and not self.turned:
            self._expire(now - limits.keepalive_expiry)

    def withdraw(self, connection: C, lane: Lane[C]) -> None:
        """Offer no more places in a connection; who waits may need a new one."""
        self._order.pop(connection, None)
        try:
            lane.shared.remove(connection)
        except ValueError:
            return
        if lane.waiting:
            self.serve(lane)

    def _evict(self) -> bool:
        """Close the connection that has been idle for longest; tell whether there was one."""
        while self._order:
            try:
                connection, lane = self._order.popitem(last=False)
            except KeyError:
                break
            if _claim(connection, lane):
                connection.close()
                return True
        return False

    def _expire(self, before: float) -> None:
        """Close the connection that has been idle for longest, if that is since before a time."""
        try:
            oldest = next(iter(self._order))
        except (StopIteration, RuntimeError):
            return  # another thread was quicker
        if oldest.idle_since < before:
            self._evict()

    # Permits, and those who wait

    def open(self, lane: Lane[C]) -> Permit | None:
        """The right to dial one more connection, or None where a limit is reached.

        At the client's limit an idle connection of another route gives way.
        """
        permit = self._permit(lane)
        if permit is None and self._room_in(lane) and self._evict():
            permit = self._permit(lane)
        return permit

    def _room(self) -> bool:
        most = self.limits.max_connections
        return most is None or len(self.permits) < most

    def _room_in(self, lane: Lane[C]) -> bool:
        most = self.limits.max_per_host
        return (most is None or len(lane.permits) < most) and (lane.plural is False or lane.may_dial)

    def _permit(self, lane: Lane[C]) -> Permit | None:
        permit: list[Permit | None] = []
        locked(self._lock, lambda: permit.append(self._issue(lane)))
        if self._missed:
            self._catch_up()
        return permit[0]

    def _issue(self, lane: Lane[C]) -> Permit | None:
        if not self._room() or not self._room_in(lane):
            return None
        self.lanes.setdefault(lane.route, lane)
        return Permit(self, lane)

    def returned(self, lane: Lane[C]) -> None:
        """Take note that a permit has come back; called from any thread, at any time."""
        lanes = self.lanes
        if len(lanes) > LANES_KEPT and not lane.permits and not lane.waiting and lanes.get(lane.route) is lane:
            lanes.pop(lane.route, None)
        if self._waiting:
            self.serve(lane)

    def queue(self, lane: Lane[C]) -> Ticket[C]:
        """A place at the end of a lane's queue."""
        ticket: Ticket[C] = Ticket()
        self.lanes.setdefault(lane.route, lane)
        lane.waiting[ticket] = None
        self._waiting[ticket] = lane
        # What has become free since the caller looked is free for whoever is first in the queue.
        connection = self.take(lane)
        if connection is not None:
            self._hand(connection, lane)
        if self.closed:
            self._deliver(ticket)
        elif self._room() and self._room_in(lane):
            self.serve(lane)
        return ticket

    def leave_queue(self, ticket: Ticket[C], lane: Lane[C]) -> None:
        """Give up a place, and whatever had been handed to it meanwhile."""
        lane.waiting.pop(ticket, None)
        self._waiting.pop(ticket, None)
        if ticket.connection is not None:
            connection, ticket.connection = ticket.connection, None
            self._lay_back(connection, lane)
        if ticket.permit is not None:
            permit, ticket.permit = ticket.permit, None
            permit.release()

    def serve(self, lane: Lane[C]) -> None:
        """Hand free permits to those who wait, in their order, now that a lane may have one.

        It may be called by a finalizer in the middle of a decision of the same thread. It therefore never waits for the
        lock: it leaves a note, and whoever holds the lock reads the note afterwards.
        """
        self._missed.append(lane)
        self._catch_up()

    def _catch_up(self) -> None:
        while self._missed and locked(self._lock, self._serve_one, patient=False):
            pass

    def _serve_one(self) -> None:
        try:
            lane = self._missed.popleft()
        except IndexError:
            return  # another thread was quicker
        self._serve(lane)

    def _serve(self, lane: Lane[C]) -> None:
        for ticket, its in self._candidates(lane):
            self._waiting.pop(ticket, None)
            if its.waiting.pop(ticket, self) is not self:  # otherwise somebody else has served it
                ticket.permit = Permit(self, its)
                self._deliver(ticket)

    def _candidates(self, lane: Lane[C]) -> Iterator[tuple[Ticket[C], Lane[C]]]:
        """Those who may have a permit, in their order; the caller takes each out of its queues.

        Many may wait, and each permit that comes back asks: nobody is looked at in vain, except where both limits are
        set and the first in the queue wait for a lane that is full.
        """
        if self.limits.max_connections is None:
            while self._room_in(lane) and (ticket := _peek(lane.waiting)) is not None:
                yield ticket, lane
            return
        if self.limits.max_per_host is None:
            while self._room() and (ticket := _peek(self._waiting)) is not None:
                its = self._waiting.get(ticket, lane)
                if its.plural is not False and not its.may_dial:
                    break  # whoever stands behind may want another route
                yield ticket, its
        if self._room():
            yield from self._scan(lane)

    def _scan(self, lane: Lane[C]) -> Iterator[tuple[Ticket[C], Lane[C]]]:
        try:
            for ticket, its in self._waiting.items():
                if self._room_in(its):
                    yield ticket, its
                    if ticket.permit is not None:
                        return  # one permit has come back, and is given away
        except RuntimeError:
            self._missed.append(lane)  # the queue has changed meanwhile: once more from its start

    @property
    def idle(self) -> int:
        """How many connections are idle."""
        return len(self._order)

    def close(self) -> None:
        """Close what is idle; what is in use closes when it comes back; who waits is woken with nothing."""
        self.closed = True
        while self._evict():
            pass
        while (ticket := _first(self._waiting)) is not None:
            self._deliver(ticket)
        for lane in list(self.lanes.values()):
            lane.waiting.clear()


def _first(queue: OrderedDict[Ticket[C], Any]) -> Ticket[C] | None:
    """Take the first ticket out of a queue."""
    try:
        return queue.popitem(last=False)[0]
    except KeyError:
        return None


def _peek(queue: OrderedDict[Ticket[C], Any]) -> Ticket[C] | None:
    """Look who is first in a queue."""
    while True:
        try:
            return next(iter(queue), None)
        except RuntimeError:
            continue  # another thread changed it meanwhile


def _claim(connection: C, lane: Lane[C]) -> bool:
    """Take an idle connection out of its lane; tell whether it was there, and so is the caller's now."""
    if connection.shares:
        return connection.retire()
    try:
        lane.idle.remove(connection)
    except ValueError:
        return False
    return True
