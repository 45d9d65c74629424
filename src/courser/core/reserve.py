"""Connections for one caller that has many requests under way.

Such a caller needs a connection again in the very moment in which it has given one back. A reservation keeps the pool
from closing what is idle for that moment. A reserve goes further, for callers whose connections are turned by a reactor
of their own: what comes back stays with the reactor, since to leave it and to join it again costs half as much as the
request itself, and is lent on at once. Whatever the caller does not need after all, it lays back into the pool before
it waits for anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic

from ..hints import TYPE_CHECKING, Generic, Protocol, TypeVar
from .lane import Lane, Permit, Pooled, Ticket
from .pool import Pool

if TYPE_CHECKING:
    from ..settings import Limits
    from .route import Route

__all__ = ["Reservation", "Reserve", "Supply"]

C = TypeVar("C", bound=Pooled)


class Supply(Protocol[C]):
    """Where connections come from and go to: what requests know of a pool."""

    @property
    def limits(self) -> Limits: ...
    @property
    def closed(self) -> bool: ...
    @property
    def lanes(self) -> Mapping[Route, Lane[C]]: ...

    def lane(self, route: Route, /) -> Lane[C]: ...
    def take(self, lane: Lane[C], /) -> C | None: ...
    def put(self, connection: C, lane: Lane[C], /) -> None: ...
    def open(self, lane: Lane[C], /) -> Permit | None: ...
    def dialled(self, connection: C, permit: Permit, lane: Lane[C], /) -> None: ...
    def queue(self, lane: Lane[C], /) -> Ticket[C]: ...
    def leave_queue(self, ticket: Ticket[C], lane: Lane[C], /) -> None: ...


class Reservation(Generic[C]):
    """Room for idle connections beyond the limit of a pool, until it is released.

    Args:
        pool: the pool.
        count: for how many.
    """

    __slots__ = ("_count", "pool")

    def __init__(self, pool: Pool[C], count: int) -> None:
        self.pool = pool
        self._count = count
        pool.reserved.append(count)

    def release(self) -> None:
        """Close what is idle beyond the limit; twice is once."""
        count, self._count = self._count, 0
        if count:
            self.pool.reserved.remove(count)
            self.pool.trim()


class Reserve(Reservation[C]):
    """A pool, for one caller whose connections are turned by a reactor of its own; used by one thread alone.

    Args:
        pool: the pool, which does not turn its connections itself.
        count: how many connections the caller may use at once.
    """

    __slots__ = ("_kept", "lanes", "limits")

    def __init__(self, pool: Pool[C], count: int) -> None:
        super().__init__(pool, count)
        self.limits = pool.limits
        self.lanes = pool.lanes
        self._kept: dict[Lane[C], list[C]] = {}

    @property
    def closed(self) -> bool:
        """Whether the pool is."""
        return self.pool.closed

    def lane(self, route: Route, /) -> Lane[C]:
        """The lane of a route."""
        return self.pool.lane(route)

    def take(self, lane: Lane[C], /) -> C | None:
        """The connection of a lane that was used last, of those at hand or in the pool."""
        kept = self._kept.get(lane)
        return kept.pop() if kept else self.pool.take(lane)

    def put(self, connection: C, lane: Lane[C], /) -> None:
        """Keep a connection at hand, unless somebody waits for one."""
        if self.pool.wanted:
            self.pool.put(connection, lane)
            return
        connection.reused = True
        connection.idle_since = monotonic()
        kept = self._kept.get(lane)
        if kept is None:
            kept = self._kept[lane] = []
        kept.append(connection)

    def lay_back(self) -> None:
        """Give what is at hand back to the pool: whoever else uses it may need it, and may look how much there is."""
        kept = self._kept
        if kept:
            self._kept = {}
            for lane, connections in kept.items():
                for connection in connections:
                    self.pool.put(connection, lane)

    def open(self, lane: Lane[C], /) -> Permit | None:
        """The right to dial one more connection; at the client's limit one of another route gives way."""
        permit = self.pool.open(lane)
        if permit is None and self._kept:
            self.lay_back()
            permit = self.pool.open(lane)
        return permit

    def dialled(self, connection: C, permit: Permit, lane: Lane[C], /) -> None:
        """Take note of a new connection."""
        self.pool.dialled(connection, permit, lane)

    def queue(self, lane: Lane[C], /) -> Ticket[C]:
        """A place at the end of a lane's queue."""
        return self.pool.queue(lane)

    def leave_queue(self, ticket: Ticket[C], lane: Lane[C], /) -> None:
        """Give up a place in a queue."""
        self.pool.leave_queue(ticket, lane)

    def release(self) -> None:
        self.lay_back()
        super().release()
