"""The part of a pool that belongs to one route, and what those hold who use it.

Most connections carry one request at a time, and lie idle between two. A connection that carries many (HTTP/2) is never
taken away from the others: it stays where everybody finds it, and each request occupies a place in it.

Which of the two a route has is known when its first connection is there, for the peer chooses (ALPN). Until then one
dial decides for all who want to go there; if it fails, each of them tries for itself.
"""

from __future__ import annotations

from collections import OrderedDict
from weakref import ReferenceType, ref

from ..hints import TYPE_CHECKING, Generic, Protocol, TypeVar
from .waiter import Waiter

if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any, ClassVar, Final

    from .pool import Pool
    from .route import Route

__all__ = ["Lane", "Permit", "Pooled", "Ticket"]

ENDS: Final = ("peer", "local", "version", "cipher", "certificate")
"""What a link tells of its ends that is kept for responses; see `core.link.Link.info`."""

STREAMS: Final = 100
"""Requests that a connection is expected to carry at once until the peer has said (RFC 9113 section 6.5.2)."""


class Pooled(Protocol):
    """What the pool needs to know of a connection."""

    shares: ClassVar[bool]
    """Whether it carries many requests at once."""

    idle_since: float
    created: float
    reused: bool
    reactor: Any
    home: ReferenceType[Pool[Any]] | None
    deadline: float
    armed: float

    def leave(self) -> None: ...
    def arm(self, deadline: float) -> None: ...
    def close(self) -> None: ...

    # What only those have that carry many

    @property
    def guests(self) -> Collection[object]:
        """Who occupies a place in it."""
        ...

    def occupy(self) -> Any:
        """A place, which is given back by closing it; None where there is none."""
        ...

    def retire(self) -> bool:
        """Take no more requests, if nobody occupies a place; tell whether that is so."""
        ...


C = TypeVar("C", bound=Pooled)


class Permit:
    """The right to hold one connection open."""

    __slots__ = ("_lane", "_pool")

    def __init__(self, pool: Pool[Any], lane: Lane[Any]) -> None:
        self._pool: ReferenceType[Pool[Any]] | None = ref(pool)
        self._lane: ReferenceType[Lane[Any]] | None = ref(lane)
        lane.dialling.add(id(self))
        lane.permits.add(id(self))
        pool.permits.add(id(self))

    def release(self) -> None:
        """Give it back; more than once is once."""
        pool = None if self._pool is None else self._pool()
        lane = None if self._lane is None else self._lane()
        if lane is not None:
            lane.dialling.discard(id(self))
            lane.permits.discard(id(self))
        if pool is not None:
            pool.permits.discard(id(self))
            if lane is not None:
                pool.returned(lane)
        self._pool = self._lane = None

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
        shared: its connections that carry many requests at once, in use or not.
        plural: whether its connections are such ones; None until one has told.
        failed: whether the dial that was to tell has failed.
        streams: how many requests the last of them carries at once.
        waiting: who waits for a connection, the first come first.
        permits: the identities of the permits of its open connections.
        dialling: of those, the ones whose connections are being made.
        session: the TLS session of its last connection, for resumption.
        ends: what the link of its last connection told; what the next one's tells likewise is the same object.
    """

    __slots__ = (
        "__weakref__",
        "dialling",
        "ends",
        "failed",
        "idle",
        "label",
        "permits",
        "plural",
        "route",
        "session",
        "shared",
        "streams",
        "waiting",
    )

    def __init__(self, route: Route) -> None:
        self.route = route
        host = f"[{route.host}]" if ":" in route.host else route.host
        self.label = route.uds if route.uds is not None else f"{host}:{route.port}"
        self.idle: list[C] = []
        self.shared: list[C] = []
        self.plural: bool | None = route.plural
        self.failed = False
        self.streams = STREAMS
        self.waiting: OrderedDict[Ticket[C], None] = OrderedDict()
        self.permits: set[int] = set()
        self.dialling: set[int] = set()
        self.session: Any = None
        self.ends: tuple[Any, ...] = (None,) * len(ENDS)

    @property
    def may_dial(self) -> bool:
        """Whether those who wait need one more connection than there are, and are being made."""
        if self.plural is None:
            return self.failed or not self.dialling
        return not self.plural or len(self.dialling) * self.streams <= len(self.waiting)
