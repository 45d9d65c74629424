"""An HTTP/2 connection that threads share.

Whoever waits turns it for all the others (hosts/shared.py), and each thread begins its own requests. So the engine and
the link are under a lock, which is never held while anybody waits for the network.

An exception from outside may strike whoever holds it, in the middle of the engine. Nobody can say then what the engine
has done and what not: the connection ends with an error that says so, at once, or when the next one who enters finds
the mark.

What a thread wants to send it leaves to the leader where that one is at work: before it polls again it sends what all
have left, in one go. A thread hands over and says so under the lock, and then looks whether the leader is at work; the
leader says first that it is not, and then looks whether something was left. So one of the two sends it.
"""

from __future__ import annotations

from ..errors import HTTPError, ReadError
from ..hints import TYPE_CHECKING
from .guest import SharedExchange
from .http2 import HTTP2Connection
from .threadshared import ThreadShared

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..engines.http2 import Stream
    from ..values.request import Request
    from .deadline import Deadline
    from .exchange import Exchange
    from .waiter import Host, Waiter

__all__ = ["ThreadedHTTP2Connection"]


class ThreadedHTTP2Connection(ThreadShared, HTTP2Connection):
    """A connection that speaks HTTP/2, for any number of threads; see `HTTP2Connection`."""

    __slots__ = ("_lock", "_owns")

    kind = SharedExchange

    def __init__(self, *at: Any) -> None:
        super().__init__(*at)
        self._lock: Any = None
        self._owns: Callable[[], bool] = lambda: True

    def _enter(self, act: Callable[..., Any], *args: Any) -> Any:
        """Do something to the engine while nobody else does."""
        if self._owns():
            return act(self, *args)
        try:
            with self._lock:
                if self.broken:
                    self._give_up()
                self.broken = True
                result = act(self, *args)
                self.broken = False
        except BaseException as error:
            self._clear_up(error)
            raise
        if self._dropped:
            self._enter(HTTP2Connection.pump)  # a finalizer has found the lock taken
        return result

    def _give_up(self) -> None:
        def make(begun: bool) -> ReadError:
            return ReadError(
                phase="read",
                detail=f"{self.label}: the thread that turned the connection was interrupted in the middle",
            )

        self._end_all(make)
        self.source.wake_all()

    def enter(self, act: Callable[[object], Any]) -> Any:
        """Do something while nobody else does anything to the engine."""
        return self._enter(act)

    # What enters the engine

    def ready(self, mask: int, now: float) -> None:
        source = self.source
        source.rings.polling = False
        source.has_served = True
        self._enter(HTTP2Connection.ready, mask, now)

    def begin(self, exchange: Exchange, request: Request, length: int | None) -> Stream:
        act = _leave if length != -1 or self.source.is_at_work else _send_alone
        stream: Stream = self._enter(act, HTTP2Connection.begin, exchange, request, length)
        return stream

    def kick(self) -> None:
        source = self.source
        if source.has_left and not source.is_at_work:
            self.flush()

    def flush(self) -> None:
        """Send what is to be sent."""
        self._enter(_flush)

    def reply(self) -> None:
        self.source.has_left = True  # the leader sends before it polls again

    def give(self, stream: Stream, piece: bytes) -> None:
        self._enter(_leave, HTTP2Connection.give, stream, piece)

    def end(self, stream: Stream, trailers: bytes = b"") -> None:
        self._enter(_leave, HTTP2Connection.end, stream, trailers)

    def cancel(self, stream: Stream) -> None:
        self._enter(_leave, HTTP2Connection.cancel, stream)

    def consumed(self, stream: Stream, size: int) -> None:
        self._enter(_leave, HTTP2Connection.consumed, stream, size)

    def abandon(self, stream: Stream) -> None:
        self._enter(HTTP2Connection.abandon, stream)

    def drop(self, key: object, stream: Stream | None) -> None:
        super().drop(key, stream)
        source = self.source
        source.has_left = True
        # A finalizer comes in the middle of whatever a thread does. It must not wait for another one, who may wait for
        # this one; who has the lock now, or leads, sends it.
        if source.is_at_work or self._owns():
            return
        try:
            if self._lock.acquire(blocking=False) and not self.broken and not self.closed:
                self.broken = True
                source.has_left = False
                self.pump()
                self.broken = False
        finally:
            self._open_up()

    def expire(self, now: float) -> None:
        self.source.rings.polling = False
        self._enter(HTTP2Connection.expire, now)

    def retire(self) -> bool:
        retired: bool = self._enter(HTTP2Connection.retire)
        return retired

    def ask(self, waiter: Waiter) -> None:
        self._enter(HTTP2Connection.ask, waiter)

    async def lives(self, host: Host, deadline: Deadline) -> bool:
        if len(self.guests) == 1:
            self.source.look()
        return not self.draining and await super().lives(host, deadline)

    def look(self) -> None:
        self.source.look()


# What is done under the lock. What others go by changes here too, so that whoever is struck down leaves a mark.


def _leave(connection: HTTP2Connection, act: Callable[..., Any], *args: Any) -> Any:
    """Do what gives the engine something to send."""
    connection.source.has_left = True
    try:
        return act(connection, *args)
    except HTTPError:
        connection.broken = False  # what was asked of the engine was wrong, and it has refused
        raise


def _flush(connection: HTTP2Connection) -> None:
    connection.source.has_left = False
    HTTP2Connection.pump(connection)


def _send_alone(connection: HTTP2Connection, act: Callable[..., Any], *args: Any) -> Any:
    """Do it and send that, where nobody else is about to send anything."""
    try:
        result = act(connection, *args)
    except HTTPError:
        connection.broken = False
        raise
    connection.source.has_left = False
    HTTP2Connection.pump(connection)
    return result
