"""The pool: which connection carries a request, and who waits when none may.

A pool belongs to one client, and in async code to one event loop. It decides and does nothing else: it never dials,
never waits and closes only what it evicts. Everything is O(1): idle connections lie in a stack per route (the last
used is the most likely to live), in one order across routes (the longest unused is evicted first), and requests that
have to wait stand in one queue per route.

The number of open connections is the number of live permits. A permit goes with its connection from before the dial
until the descriptor is closed, and comes back even if nobody remembers to give it back: the finalizer of the
connection does. That may happen in any thread and between any two instructions, also in the middle of a method here,
so a permit that comes back only leaves a note (`_dirty`), and whoever leaves the lock next acts upon it.
"""

from __future__ import annotations

from collections import OrderedDict
from time import monotonic
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar
from weakref import ReferenceType, ref

from ..settings import Limits
from .fork import remember
from .route import Route
from .waiter import Waiter

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

__all__ = ["Lane", "Permit", "Pool", "Pooled", "Ticket"]


class Pooled(Protocol):
    """What the pool needs to know of a connection."""

    idle_since: float
    created: float
    reused: bool
    reactor: Any
    home: ReferenceType[Pool[Any]] | None

    def leave(self) -> None: ...
    def arm(self, deadline: float) -> None: ...
    def close(self) -> None: ...


C = TypeVar("C", bound=Pooled)


class Permit:
    """The right to hold one connection open."""

    __slots__ = ("_lane", "_pool")

    def __init__(self, pool: Pool[Any], lane: Lane[Any]) -> None:
        self._pool: ReferenceType[Pool[Any]] | None = ref(pool)
        self._lane: ReferenceType[Lane[Any]] | None = ref(lane)

    def release(self) -> None:
        """Give it back; more than once is once."""
        pool = None if self._pool is None else self._pool()
        lane = None if self._lane is None else self._lane()
        self._pool = self._lane = None
        if lane is not None:
            lane.permits.discard(id(self))
        if pool is not None:
            pool.permits.discard(id(self))
            pool.settle()

    def __del__(self) -> None:
        self.release()


class Ticket(Waiter, Generic[C]):
    """A place in the queue of a lane. When it is done it holds a connection, a permit, or neither: try again."""

    __slots__ = ("connection", "expired", "permit")

    def __init__(self) -> None:
        super().__init__()
        self.connection: C | None = None
        self.permit: Permit | None = None
        self.expired = False

    def expire(self, now: float) -> None:
        self.expired = True
        super().expire(now)


class Lane(Generic[C]):
    """The part of a pool that belongs to one route.

    Attributes:
        route: the route.
        label: its peer, for errors: `host:port`, or the path of a Unix socket.
        idle: its idle connections, the last used at the end.
        waiting: who waits for a connection, the first come first.
        permits: the identities of the permits of its open connections.
        session: the TLS session of its last connection, for resumption.
    """

    __slots__ = ("__weakref__", "idle", "label", "permits", "route", "session", "waiting")

    def __init__(self, route: Route) -> None:
        self.route = route
        host = f"[{route.host}]" if ":" in route.host else route.host
        self.label = route.uds if route.uds is not None else f"{host}:{route.port}"
        self.idle: list[C] = []
        self.waiting: OrderedDict[Ticket[C], None] = OrderedDict()
        self.permits: set[int] = set()
        self.session: Any = None


class Pool(Generic[C]):
    """The connections of one client in one place.

    Args:
        limits: how many may be open, how many idle, and for how long.
        lock: makes what guards the decisions where several threads share the client.
        deliver: completes a waiter, from whatever thread.
        turned: whether idle connections are turned by a reactor, which then closes them when they end or expire.
    """

    __slots__ = ("__weakref__", "_deliver", "_dirty", "_lock", "_make_lock", "_order", "_self", "closed", "lanes", "limits", "permits", "turned")

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
        self._order: OrderedDict[C, Lane[C]] = OrderedDict()
        self._make_lock = lock
        self._lock: Any = lock()
        self._deliver = deliver
        self._dirty = False
        self._self = ref(self)
        remember(self)

    def forget(self) -> None:
        """Be empty in a forked child; the connections forget by themselves."""
        self._lock = self._make_lock()
        self._dirty = False
        self._order.clear()
        self.lanes.clear()
        self.permits.clear()

    def lane(self, route: Route) -> Lane[C]:
        """The lane of a route, made when it is first asked for."""
        lane = self.lanes.get(route)
        if lane is None:
            with self._lock:
                lane = self.lanes.setdefault(route, Lane(route))
        return lane

    def take(self, lane: Lane[C]) -> C | None:
        """The idle connection of a lane that was used last, if there is one; the caller looks whether it lives."""
        with self._lock:
            if lane.idle:
                connection = lane.idle.pop()
                del self._order[connection]
            else:
                connection = None
        if self._dirty:
            self.settle()
        return connection

    def fresh_enough(self, connection: C, now: float) -> bool:
        """Whether a connection may carry another request, by its age and idleness."""
        limits = self.limits
        expiry, age = limits.keepalive_expiry, limits.max_connection_age
        return (expiry is None or now - connection.idle_since < expiry) and (
            age is None or now - connection.created < age
        )

    def put(self, connection: C, lane: Lane[C]) -> None:
        """Take a connection back: for the first who waits, or into the stack."""
        now = monotonic()
        connection.reused = True
        connection.idle_since = now
        if not self.turned and connection.reactor is not None:
            connection.leave()
        ticket: Ticket[C] | None = None
        victim: C | None = None
        expiry = self.limits.keepalive_expiry
        with self._lock:
            if self.closed:
                victim = connection
            elif lane.waiting:
                ticket, _ = lane.waiting.popitem(last=False)
                ticket.connection = connection
            else:
                order = self._order
                lane.idle.append(connection)
                order[connection] = lane
                most = self.limits.max_keepalive
                if most is not None and len(order) > most:
                    victim = self._evict()
                elif expiry is not None and not self.turned:
                    victim = self._stale(now - expiry)
        if ticket is not None:
            self._deliver(ticket)
        elif victim is not connection and self.turned:
            connection.home = self._self
            if expiry is not None:
                connection.arm(now + expiry)
        if victim is not None:
            victim.close()
        if self._dirty:
            self.settle()

    def remove(self, connection: C) -> None:
        """Take out an idle connection that has ended by itself."""
        with self._lock:
            lane = self._order.pop(connection, None)
            if lane is not None:
                lane.idle.remove(connection)
        if self._dirty:
            self.settle()

    def _evict(self) -> C:
        """Take out the connection that has been idle for longest."""
        connection, lane = self._order.popitem(last=False)
        lane.idle.remove(connection)
        return connection

    def _stale(self, before: float) -> C | None:
        """Take out the connection that has been idle for longest, if that is since before a time."""
        oldest = next(iter(self._order))
        return self._evict() if oldest.idle_since < before else None

    def open(self, lane: Lane[C]) -> Permit | None:
        """The right to dial one more connection, or None where a limit is reached.

        At the client's limit an idle connection of another route gives way.
        """
        victim: C | None = None
        with self._lock:
            permit = self._permit(lane)
            if permit is None and self._order and self._room_in(lane):
                victim = self._evict()
        if victim is not None:
            victim.close()
            with self._lock:
                permit = self._permit(lane)
        if self._dirty:
            self.settle()
        return permit

    def _room_in(self, lane: Lane[C]) -> bool:
        most = self.limits.max_per_host
        return most is None or len(lane.permits) < most

    def _permit(self, lane: Lane[C]) -> Permit | None:
        most = self.limits.max_connections
        if (most is not None and len(self.permits) >= most) or not self._room_in(lane):
            return None
        permit = Permit(self, lane)
        self.lanes.setdefault(lane.route, lane)
        lane.permits.add(id(permit))
        self.permits.add(id(permit))
        return permit

    def queue(self, lane: Lane[C]) -> Ticket[C]:
        """A place at the end of a lane's queue."""
        ticket: Ticket[C] = Ticket()
        with self._lock:
            lane.waiting[ticket] = None
        self.settle()
        return ticket

    def leave_queue(self, ticket: Ticket[C], lane: Lane[C]) -> None:
        """Give up a place, and whatever had been handed to it meanwhile."""
        with self._lock:
            lane.waiting.pop(ticket, None)
        if ticket.connection is not None:
            connection, ticket.connection = ticket.connection, None
            self.put(connection, lane)
        if ticket.permit is not None:
            permit, ticket.permit = ticket.permit, None
            permit.release()

    def settle(self) -> None:
        """Hand free permits to those who wait, if nobody is deciding just now; else leave a note for who is."""
        self._dirty = True
        while self._dirty and self._lock.acquire(False):
            try:
                self._dirty = False
                woken = self._serve()
            finally:
                self._lock.release()
            for ticket in woken:
                self._deliver(ticket)

    def _serve(self) -> list[Ticket[C]]:
        served: list[Ticket[C]] = []
        for lane in list(self.lanes.values()):
            if not lane.permits and not lane.waiting:
                del self.lanes[lane.route]
            while lane.waiting:
                permit = self._permit(lane)
                if permit is None:
                    break
                ticket, _ = lane.waiting.popitem(last=False)
                ticket.permit = permit
                served.append(ticket)
        return served

    @property
    def idle(self) -> int:
        """How many connections are idle."""
        return len(self._order)

    def close(self) -> None:
        """Close what is idle; what is in use closes when it comes back; who waits is woken with nothing."""
        with self._lock:
            self.closed = True
            idle = list(self._order)
            self._order.clear()
            waiting: list[Ticket[C]] = []
            for lane in self.lanes.values():
                lane.idle.clear()
                waiting.extend(lane.waiting)
                lane.waiting.clear()
        for connection in idle:
            connection.close()
        for ticket in waiting:
            self._deliver(ticket)
        self.settle()
