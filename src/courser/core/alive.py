"""Whether the peer of a connection that many share is still there: it is asked before what cannot be repeated is sent,
and while something is waited for.
"""

from __future__ import annotations

from abc import abstractmethod
from time import monotonic

from ..engines.http2 import ClientEngine
from ..errors import RemoteProtocolError, TransportError
from ..hints import TYPE_CHECKING
from .connection import Connection
from .pulse import Pulse, Verdict
from .waiter import Waiter

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from typing import Any, Final

    from .deadline import Deadline
    from .lane import Permit
    from .waiter import Host

__all__ = ["FRESH", "PATIENCE", "Alive"]

FRESH: Final = 1.0
"""Seconds for which an idle connection is taken to be there; long enough for a busy client never to ask."""

PATIENCE: Final = 5.0
"""Seconds for an answer when it is asked, at most."""


class Alive(Connection):
    """The part of a connection that speaks HTTP/2 which knows whether its peer is there.

    Args:
        link, permit, now: as for any connection.

    Attributes:
        engine: the protocol.
        pulse: when the peer was heard, and asked.
        guests, label, source: see `HTTP2Connection`.
    """

    __slots__ = ("_pongs", "engine", "pulse")

    guests: Collection[object]
    label: str
    source: Any

    def __init__(self, link: Any, permit: Permit, now: float) -> None:
        super().__init__(link, permit, now)
        self.engine = ClientEngine()
        self.pulse = Pulse(now)
        self._pongs: list[Waiter] = []

    async def lives(self, host: Host, deadline: Deadline) -> bool:
        """Whether the peer is there: it is asked where nothing tells, before what cannot be repeated is sent.

        Raises:
            RequestTimeout: the time of the call was up before it has answered.
        """
        if not self.reused or len(self.guests) > 1 or monotonic() - self.idle_since < FRESH:
            return True
        alive = await self.answers(host, _patience(deadline, monotonic()))
        if not alive and monotonic() >= deadline.final:
            self.drain()
            raise deadline.error("read", self.label)
        return alive

    async def settled(self, host: Host, deadline: Deadline) -> None:
        """Wait until the peer has sent its first SETTINGS: they come before the answer to anything.

        Raises:
            RequestTimeout: the time was up before they came.
            ReadError: the peer says nothing.
            RemoteProtocolError: it has begun with something else, or closed the connection.
        """
        if self.engine.is_settled:
            return
        began = monotonic()
        due = _patience(deadline, began)
        await self.answers(host, due)
        if not self.engine.is_settled:
            self.drain()
            raise self._mute(deadline, began, due)

    def _mute(self, deadline: Deadline, began: float, due: float) -> TransportError:
        """What to raise where the peer has not sent its first SETTINGS."""
        from .broken import silent

        error = self.engine.error
        if error is not None or self.closed:
            why = "the connection was closed before the peer had said anything" if error is None else error.detail
            return RemoteProtocolError(detail=f"{self.label}: {why}", phase="read")
        if due < began + PATIENCE:
            return deadline.error("read", self.label)
        return silent(self.label, monotonic() - began)

    async def answers(self, host: Host, due: float) -> bool:
        """Ask the peer whether it is there; tell whether it has said so by then."""
        waiter = Waiter(self.source)
        waiter.deadline = due
        self.ask(waiter)
        if not self.closed:
            host.arm(waiter)
            await host.wait(waiter)
        try:
            self._pongs.remove(waiter)
        except ValueError:
            return not self.closed
        return False

    def ask(self, waiter: Waiter) -> None:
        """Have a waiter completed when the peer answers a PING."""
        self._pongs.append(waiter)
        self.engine.ping()
        self.pump()

    def _pong(self) -> None:
        waiters, self._pongs = tuple(self._pongs), []  # a thread may take its own out meanwhile
        for waiter in waiters:
            waiter.complete()

    def _keep_alive(self, now: float, interval: float) -> float:
        """Ask a silent peer whether it is there, and give it up if it does not say; tells when to look again."""
        verdict, due = self.pulse.feel(now, interval, waiting=bool(self.guests))
        if verdict is Verdict.GONE:
            from .broken import silent

            self._over(lambda begun: silent(self.label, now - self.pulse.heard_at))
        elif verdict is Verdict.ASK:
            self.engine.ping()
            self.reply()
        if due < self.deadline and not self.closed:
            self.arm(due)
        return due

    def suspect(self, since: float) -> None:
        """A request has waited in vain: where nothing at all has come meanwhile, others had better go elsewhere."""
        if self.pulse.heard_at < since:
            self.drain()

    @abstractmethod
    def drain(self) -> None:
        """Take no more requests; those under way go on."""

    @abstractmethod
    def pump(self) -> None:
        """Send what the engine has, as far as the link takes it."""

    @abstractmethod
    def reply(self) -> None:
        """Send what the bytes that came have caused."""

    @abstractmethod
    def _over(self, make: Callable[[bool], TransportError]) -> None:
        """End everything that is under way with errors of their own."""


def _patience(deadline: Deadline, now: float) -> float:
    """By when the peer has to answer where it is asked: no later than the call can wait for it."""
    limit = deadline.timeout.read
    return deadline.within(PATIENCE if limit is None else min(limit, PATIENCE), now)
