"""A connection that has become something else: after the response that switches protocols it carries a WebSocket.

It takes the link and the permit of the connection that the handshake went over. So it counts in its pool for as long as
it is open, and like any other it closes when nobody holds it any more.
"""

from __future__ import annotations

from time import monotonic
from weakref import ref

from ..errors import HTTPError, ReadError
from ..hints import TYPE_CHECKING
from .broken import broken, unforeseen
from .connection import Connection
from .threadshared import ThreadShared
from .waiter import FOREVER

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final

    from .exchange import Exchange
    from .reactor import Reactor
    from .talk import Talk
    from .waiter import Host

__all__ = ["ThreadedUpgrade", "UpgradedConnection", "take_over"]

RECEIVES: Final = 96 * 1024
"""Bytes that a receive asks for. What is larger comes from a fresh map (128 KiB with glibc): 64 KiB sent back and forth
cost 172 us with 256 KiB, and 122 with this."""

REFUSALS: Final = (HTTPError, AttributeError, TypeError, ValueError)
"""What an act raises that has done nothing: it was asked for what cannot be."""


class UpgradedConnection(Connection):
    """A connection that carries the frames of one WebSocket, in the one thread of an event loop.

    Attributes:
        label: the peer's name for errors, `host:port`.
        source: what turns it for threads; None under an event loop.
    """

    __slots__ = ("_talk", "label", "source")

    receives = RECEIVES
    hears_out = True

    def __init__(self, link: Any, permit: Any, now: float, label: str) -> None:
        super().__init__(link, permit, now)
        self.label = label
        self.source: Any = None
        self._talk: Callable[[], Talk | None] = _nobody

    def be_turned(self, reactor: Reactor, later: object) -> None:
        """Say which event loop turns it."""
        self.join(reactor)

    def carry(self, talk: Talk) -> None:
        """Say whose bytes these are."""
        self._talk = ref(talk)

    def enter(self, act: Callable[..., Any], /, *args: Any) -> Any:
        """Do something to the talk, its engine or the link: nobody else does meanwhile."""
        return act(*args)

    def early(self, data: bytes, now: float) -> None:
        """Take what has come with the response that switched protocols."""
        self.enter(self.received, data, now)

    def finish(self) -> None:
        """Tell the peer that no more will be sent."""
        if not self.closed:
            self.link.finish()

    def received(self, data: bytes, now: float) -> None:
        talk = self._talk()
        if talk is None:
            self.close()
        else:
            talk.took(data, now)

    def flushed(self, now: float) -> None:
        talk = self._talk()
        if talk is not None and not self.closed:
            talk.drained(now)

    def lost(self, error: OSError, now: float, *, sending: bool) -> None:
        self._over(broken(self.label, error, sending=sending, begun=True))
        self.unsendable = None  # its traceback leads to this connection

    def fail(self, error: BaseException) -> None:
        self._over(unforeseen(self.label, error))

    def _over(self, error: BaseException) -> None:
        talk = self._talk()
        self.close()
        if talk is not None:
            talk.lost(error)

    def expire(self, now: float) -> None:
        self.deadline = FOREVER
        talk = self._talk()
        if talk is not None:
            talk.expire(now)

    def forget(self) -> None:
        super().forget()
        talk = self._talk()
        if talk is not None:
            talk.forget()


class ThreadedUpgrade(ThreadShared, UpgradedConnection):
    """The same for plain code: any number of threads, of whom one turns it for the others (hosts/shared.py).

    An exception from outside may strike whoever has entered, in the middle. Nobody can say then what was done and what
    not: it is the end, at once, or when the next one who enters finds the mark.
    """

    __slots__ = ("_lock", "_owns")

    def enter(self, act: Callable[..., Any], /, *args: Any) -> Any:
        if self._owns():
            return act(*args)
        try:
            with self._lock:
                if self.broken:
                    why = "a thread that used the connection was interrupted in the middle"
                    self._over(ReadError(phase="read", detail=f"{self.label}: {why}"))
                self.broken = True
                result = self._do(act, args)
                self.broken = False
        except BaseException as error:
            self._clear_up(error)
            raise
        return result

    def _do(self, act: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        try:
            return act(*args)
        except REFUSALS:
            self.broken = False
            raise

    def ready(self, mask: int, now: float) -> None:
        self.source.rings.polling = False
        self.enter(UpgradedConnection.ready, self, mask, now)

    def expire(self, now: float) -> None:
        self.source.rings.polling = False
        self.enter(UpgradedConnection.expire, self, now)

    def fail(self, error: BaseException) -> None:
        self.enter(UpgradedConnection.fail, self, error)

    def look(self) -> None:
        self.source.look(timers=True)


def _nobody() -> None:
    """The talk of a connection that carries none."""


def take_over(exchange: Exchange, host: Host) -> tuple[UpgradedConnection, list[bytes]]:
    """Make the connection of an exchange one that carries a WebSocket.

    Args:
        exchange: has ended with a response that switches protocols (RFC 9110 section 15.2.2).
        host: who turns it.

    Returns:
        The connection, and what has come behind the response.

    Raises:
        ReadError: the connection broke in the meantime.
    """
    connection: Any = exchange.connection
    if connection is None or connection.closed:
        raise ReadError(phase="read", detail="the connection broke right after the handshake", request=exchange.request)
    exchange.connection = exchange.source = None
    early = [bytes(connection.engine.leftover)] if connection.engine.leftover else []
    link, permit = connection.hand_over()
    kind = UpgradedConnection if host.turned else ThreadedUpgrade
    made = kind(link, permit, monotonic(), connection.label)
    made.number, made.watch = connection.number, connection.watch
    host.share(made)
    return made, early
