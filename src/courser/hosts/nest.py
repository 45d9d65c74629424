"""A connection that threads share, watched by one of them that waits for many things at once.

A group (hosts/group.py) has a reactor of its own, and cannot give itself to one connection. It watches the descriptor
instead, and leads for a moment whenever something has come and nobody else leads.
"""

from __future__ import annotations

from ..core.reactor import READ, WRITE
from ..core.waiter import FOREVER
from ..hints import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from ..core.reactor import Reactor
    from ..core.waiter import Waiter

__all__ = ["Nest"]


class Nest:
    """A reactor entry for a connection that is turned elsewhere.

    Args:
        connection: the connection.
        reactor: the watcher's own.

    Attributes:
        waiting: what the watcher waits for on it.
        deadline, armed: as of any entry.
    """

    __slots__ = ("__weakref__", "_connection", "_fd", "_interest", "_reactor", "armed", "deadline", "waiting")

    def __init__(self, connection: Any, reactor: Reactor) -> None:
        self._connection = connection
        self._fd: int = connection.fd if connection.fd >= 0 else connection.reactor.fileno()
        self._reactor = reactor
        self._interest = READ
        self.waiting: set[Waiter] = set()
        self.deadline = FOREVER
        self.armed = FOREVER
        reactor.register(self, READ)

    def fileno(self) -> int:
        return self._fd

    def expect(self, waiter: Waiter) -> None:
        """Something is waited for, and so is its deadline."""
        self.waiting.add(waiter)
        self._look_at(waiter.deadline)

    def _look_at(self, deadline: float) -> None:
        if deadline < self.deadline:
            self.deadline = deadline
            if deadline < self.armed:
                self._reactor.arm(self, deadline)

    def refresh(self) -> None:
        """Watch for what the connection wants now."""
        connection = self._connection
        if connection.closed:
            self._reactor.unregister(self)  # a plain poll object would tell of its descriptor again and again
            return
        self._look_at(connection.reactor.due)
        interest = READ | WRITE if connection.pending else READ
        if interest != self._interest and connection.fd >= 0:
            self._interest = interest
            self._reactor.modify(self, interest)

    def ready(self, mask: int, now: float) -> None:
        self._connection.source.look()

    def expire(self, now: float) -> None:
        self.deadline = FOREVER
        nearest = FOREVER
        connection = self._connection
        if not connection.closed and connection.reactor.due <= now:
            connection.source.look(timers=True)
        for waiter in list(self.waiting):
            if waiter.deadline <= now:
                waiter.expire(now)
            nearest = min(nearest, waiter.deadline)
        if nearest < FOREVER:
            self.deadline = nearest
            self._reactor.arm(self, nearest)

    def fail(self, error: BaseException) -> None:
        self._connection.fail(error)
