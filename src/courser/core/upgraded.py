"""A connection that has become something else: after the response that switches protocols it carries a WebSocket.

It takes the link and the permit of the connection that the handshake went over. So it counts in its pool for as long as
it is open, and like any other it closes when nobody holds it any more.
"""

from __future__ import annotations

from time import monotonic
from weakref import ReferenceType, ref

from ..errors import ReadError
from ..hints import TYPE_CHECKING
from .connection import Connection
from .guard import locked
from .waiter import FOREVER

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .exchange import Exchange
    from .talk import Talk
    from .waiter import Host

__all__ = ["ThreadedUpgrade", "UpgradedConnection", "take_over"]


class UpgradedConnection(Connection):
    """A connection that carries the frames of one WebSocket, in the one thread of an event loop.

    Attributes:
        label: the peer's name for errors, `host:port`.
        source: what turns it for threads; None under an event loop.
    """

    __slots__ = ("_talk", "label", "source")

    def __init__(self, link: Any, permit: Any, now: float, label: str) -> None:
        super().__init__(link, permit, now)
        self.label = label
        self.source: Any = None
        self._talk: ReferenceType[Talk] | None = None

    def carry(self, talk: Talk) -> None:
        """Say whose bytes these are."""
        self._talk = ref(talk)

    def early(self, data: bytes, now: float) -> None:
        """Take what has come with the response that switched protocols."""
        self.received(data, now)

    @property
    def blocked(self) -> bool:
        """Whether something that was written has not reached the network."""
        return bool(self.unsent) or self.link.wants_write

    def finish(self) -> None:
        """Tell the peer that no more will be sent."""
        if not self.closed:
            self.link.finish()

    def received(self, data: bytes, now: float) -> None:
        talk = None if self._talk is None else self._talk()
        if talk is None:
            self.close()
        else:
            talk.took(data, now)
            if not data:
                self.close()

    def flushed(self, now: float) -> None:
        talk = None if self._talk is None else self._talk()
        if talk is not None and not self.blocked:
            talk.drained(now)

    def lost(self, error: OSError, now: float, *, sending: bool) -> None:
        from .broken import broken

        self.fail(broken(self.label, error, sending=sending, begun=True))
        self.unsendable = None  # its traceback leads to this connection

    def fail(self, error: BaseException) -> None:
        talk = None if self._talk is None else self._talk()
        self.close()
        if talk is not None:
            talk.lost(error)

    def expire(self, now: float) -> None:
        self.deadline = FOREVER
        talk = None if self._talk is None else self._talk()
        if talk is not None:
            talk.expire(now)


class ThreadedUpgrade(UpgradedConnection):
    """The same for plain code: any number of threads, of whom one turns it for the others (hosts/shared.py)."""

    __slots__ = ("_lock",)

    def be_shared(self, source: Any, lock: Any) -> None:
        """Say what turns it, and what its link and its engine are used under."""
        self.source = source
        self._lock = lock

    def enter(self, act: Callable[[], object]) -> None:
        """Do something to the link or the engine while nobody else does.

        An exception from outside may strike in the middle: nobody knows then what was done, so it is the end.
        """
        try:
            locked(self._lock, act)
        except Exception:
            raise
        except BaseException as error:
            self.fail(error)
            raise

    def ready(self, mask: int, now: float) -> None:
        self.source.polling = False
        self.enter(lambda: UpgradedConnection.ready(self, mask, now))

    def early(self, data: bytes, now: float) -> None:
        self.enter(lambda: self.received(data, now))

    def write(self, data: bytes | memoryview) -> None:
        self.enter(lambda: UpgradedConnection.write(self, data))

    def expire(self, now: float) -> None:
        self.enter(lambda: UpgradedConnection.expire(self, now))

    def look(self) -> None:
        self.source.look(timers=True)

    def _want(self, interest: int) -> None:
        super()._want(interest)
        self.source.look_again()

    def flush(self) -> None:
        """Nothing is left to a leader: each thread sends its own."""


def take_over(exchange: Exchange, host: Host) -> tuple[UpgradedConnection, bytes]:
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
    early = bytes(connection.engine.leftover)
    link, permit = connection.hand_over()
    kind = UpgradedConnection if host.turned else ThreadedUpgrade
    made = kind(link, permit, monotonic(), connection.label)
    made.number, made.watch = connection.number, connection.watch
    if host.turned:
        host.adopt(made)
    else:
        from ..hosts.shared import share

        share(made)
    return made, early
