"""Leader and followers: how threads wait on one connection that carries the exchanges of all of them.

Whoever waits and finds that nobody turns the connection becomes its leader: it polls, and completes the others too.
The others follow: each sleeps on a bell of its own, which costs nothing until its waiter is done. The leader rings for
those who are done when it has served all that came, so that nobody wakes to wait for the lock of the connection. When
it has what it wanted it resigns, and one follower is woken to lead.

There is no lock, because an exception may strike a thread between any two lines (KeyboardInterrupt), and would leave a
lock locked. A seat in a dict is taken by `setdefault` and given up by nobody but who sits in it. A follower enters its
name before it looks whether the seat is taken; a leader leaves the seat before it looks whether somebody follows. So
one of the two always sees the other: leadership may be offered once too often, never once too seldom.

Until the one to whom it was offered comes, many may go by an empty seat. They rely on it: it is named first and then
looked for among the followers, and it leaves their ranks before it takes its name back and looks at the seat itself.
"""

from __future__ import annotations

import os
from _thread import RLock, get_ident  # threading.RLock, without what threading takes to be imported
from functools import partial
from time import monotonic, sleep
from weakref import ReferenceType, ref

from ..core.reactor import LONGEST, Reactor, can_nest
from ..core.waiter import FOREVER, Waiter
from ..hints import TYPE_CHECKING
from .bell import Bell, Rings

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final

    from .inline import Latch

__all__ = ["SharedSource", "share"]

LEADER: Final = "leader"

_give_way: Callable[[], object] = getattr(os, "sched_yield", partial(sleep, 0.0))
"""Lets other threads have the interpreter and the processor, and comes back when they sleep."""


class SharedSource:
    """The source of every waiter of a connection that threads share.

    Args:
        reactor: turns the connection, and nothing else. Only the leader polls it; what it is interested in may be
            changed by any thread meanwhile.
        connection: what is turned; it is told to send what threads have left to the leader.

    Attributes:
        rings: what the leader has to ring; also whether it polls, and can be left nothing to send.
        has_served: whether something has come since the leader last polled.
        has_left: whether a thread has left something to be sent.
    """

    __slots__ = (
        "_connection",
        "_followers",
        "_heir",
        "_idle",
        "_notices",
        "_seat",
        "has_left",
        "has_served",
        "reactor",
        "rings",
    )

    def __init__(self, reactor: Reactor, connection: Any) -> None:
        self.reactor = reactor
        self.rings = Rings()
        self.has_served = self.has_left = False
        self._heir: Waiter | None = None
        self._connection: ReferenceType[Any] = ref(connection)
        self._seat: dict[str, Waiter] = {}
        self._followers: dict[Waiter, Bell | Latch] = {}
        self._idle: list[Bell] = []
        self._notices = can_nest()
        if not self._notices:
            reactor.listen()

    def step(self, waiter: Waiter) -> None:
        """Lead until the waiter is done, or follow until it is, or until it is this thread's turn to lead."""
        resigned = False
        latch: Bell | Latch | None = None
        try:
            try:
                if self._seat.setdefault(LEADER, waiter) is waiter:
                    self._lead(waiter)
                else:
                    latch = self._latch()
                    self._follow(waiter, latch)
            finally:
                resigned = self._resign(waiter)
        finally:
            # An exception from outside may have struck in the line above; it does not strike twice.
            if not resigned:
                self._heir = None  # it may have been named, and not woken
                self._resign(waiter)
        if isinstance(latch, Bell):
            self._idle.append(latch)

    def look(self, *, timers: bool = False) -> None:
        """Serve what is ready now, unless somebody leads.

        Args:
            timers: whether something may be due, though nothing is ready.
        """
        seat = Waiter()
        resigned = False
        try:
            try:
                if self._seat.setdefault(LEADER, seat) is seat and (timers or self.reactor.poller.poll(0.0, 1)):
                    self.reactor.turn(0.0)
            finally:
                resigned = self._resign(seat)
        finally:
            if not resigned:
                self._heir = None
                self._resign(seat)

    def _lead(self, waiter: Waiter) -> None:
        reactor, rings = self.reactor, self.rings
        rings.thread = get_ident()
        waiter.future = self
        while not waiter.done:
            if self.has_served:
                self.has_served = False
                if self._followers:
                    self._let_go_on()
            # Whoever has something to send looks here after having said so; we look for it after having said this.
            rings.polling = True
            if self.has_left:
                self._send()
                if waiter.done:
                    return  # what could not be sent has shown that the connection is over
            if rings.due:
                rings.ring()
            deadline = waiter.deadline
            if deadline == FOREVER:
                reactor.turn(None)
            else:
                now = monotonic()
                if now >= deadline:
                    rings.polling = False
                    waiter.expire(now)
                    return
                reactor.turn(reactor.patience(deadline - now))
            rings.polling = False

    def _let_go_on(self) -> None:
        """Let those go on who have got what they wanted, as long as that makes them fewer.

        What they send next goes with our own: without it each sends for itself.
        """
        self.rings.ring()
        before = len(self._followers)
        while before:
            _give_way()
            now = sum([latch.is_open for latch in list(self._followers.values())])
            before = now if now < before else 0

    @property
    def is_at_work(self) -> bool:
        """Whether somebody leads, or is about to, who will send before waiting for anything."""
        return not self.rings.polling and (LEADER in self._seat or self._heir is not None)

    # The leader has no latch: this is the future of its waiter, for another thread may complete that one too.

    def done(self) -> bool:
        return False

    def set_result(self, result: None, /) -> None:
        rings = self.rings
        if get_ident() != rings.thread or rings.polling:
            self.reactor.listen()
            self.reactor.post(_nothing)

    def wake_all(self) -> None:
        """Have everybody look at what there is, where nobody can say who has been told."""
        for latch in list(self._followers.values()):
            latch.set_result(None)
        if LEADER in self._seat:
            self.set_result(None)

    def look_again(self) -> None:
        """Have the leader poll anew, where its poll object does not notice what others change meanwhile."""
        if not self._notices:
            self.set_result(None)

    def _send(self) -> None:
        connection = self._connection()
        if connection is not None:
            connection.flush()

    def _latch(self) -> Bell | Latch:
        """What is rung for a follower: a bell that nobody uses, or a new one."""
        try:
            latch = self._idle.pop()
        except IndexError:
            return self.rings.bell()
        latch.is_open = False
        return latch

    def _follow(self, waiter: Waiter, latch: Bell | Latch) -> None:
        waiter.future = latch
        self._followers[waiter] = latch
        if waiter.done or LEADER not in self._seat:
            return
        deadline = waiter.deadline
        if not latch.wait(max(0.0, min(LONGEST, deadline - monotonic()))):
            now = monotonic()
            if now >= waiter.deadline:  # the leader may have moved it
                waiter.expire(now)

    def _resign(self, waiter: Waiter) -> bool:
        """Be neither leader nor follower any more, and see to it that somebody leads; twice is once."""
        self._followers.pop(waiter, None)
        if self._seat.get(LEADER) is waiter:
            rings = self.rings
            rings.polling = False
            rings.ring()  # those who wake leave to us what they send next, and we leave it to the one who leads then
            rings.thread = 0
            del self._seat[LEADER]
        waiter.future = None
        if self._heir is waiter:
            self._heir = None
        while self._heir is None and LEADER not in self._seat:
            heir = self._successor() if self._followers else None
            if heir is None:
                if self.has_left:
                    self._send()
                break
            self._heir = heir  # before the look: one that goes meanwhile takes it back
            latch = self._followers.get(heir)
            if latch is not None:
                latch.set_result(None)
                break
            self._heir = None
        return True

    def _successor(self) -> Waiter | None:
        """The last to come of the followers that have not got yet what they wait for, or any, if all have."""
        followers = list(self._followers)
        for waiter in reversed(followers):
            if not waiter.done:
                return waiter
        return followers[0] if followers else None


def _nothing() -> None:
    """What a wake-up has to call when waking up is all it is for."""


def share(connection: Any) -> None:
    """Have a connection turned by whoever waits for something on it."""
    reactor = Reactor()
    connection.be_shared(SharedSource(reactor, connection), RLock())
    connection.join(reactor)
