"""A guest: one stream of an HTTP/2 connection, in the place that a connection of its own has for HTTP/1.1.

An exchange never learns what carries it. What it does to its connection, to close it above all, is done here to one
stream; the others on the same connection do not notice.
"""

from __future__ import annotations

from weakref import ReferenceType, ref

from ..engines.http2.frames import FRAME_SIZE
from ..errors import LocalProtocolError
from ..hints import TYPE_CHECKING
from .exchange import COLLECTED, NOTHING, SETTLED, Exchange
from .waiter import FOREVER, Waiter

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, ClassVar, Final

    from ..engines.events import Event
    from ..engines.http2 import Stream
    from ..settings import Limits
    from ..values.request import Request
    from .deadline import Deadline
    from .http2 import HTTP2Connection
    from .lane import Lane
    from .trace import Trace
    from .waiter import Host

__all__ = ["Guest", "GuestExchange", "SharedExchange"]

HEAD_MARK: Final = b"HEADERS"
"""What stands for a head: the engine has it already."""

EXPECTING: Final = b"\nexpect: 100-continue\r\n"
"""The same for one that asks for the peer's word before the body."""


class Guest:
    """A place in a connection: what an exchange has instead of a connection of its own.

    Args:
        connection: carries it.

    Attributes:
        connection: see there.
        exchange: a weak reference to whose guest it is.
        stream: the stream, once it is open.
        deadline: when `expire` is due.
        heard: whether anything has come of the response, or the peer has said why there is none.
        reused: whether the connection had carried other requests before.
        closed: whether the place was given back.
        key: under which the connection knows the place.
    """

    __slots__ = (
        "__weakref__",
        "_began_at",
        "_framed",
        "_handed",
        "_is_late",
        "_taken",
        "closed",
        "connection",
        "deadline",
        "exchange",
        "heard",
        "key",
        "reactor",
        "reused",
        "stream",
    )

    armed: ClassVar[float] = FOREVER
    unsent: ClassVar[tuple[bytes, ...]] = ()
    broken: ClassVar[bool] = False
    is_idle: ClassVar[bool] = False
    is_tunnel: ClassVar[bool] = False
    shares: ClassVar[bool] = True

    stream: Stream | None

    def __init__(self, connection: HTTP2Connection) -> None:
        self.connection = connection
        self.reactor = connection.reactor if connection.source is None else None
        self.exchange: ReferenceType[Exchange] | None = None
        self.stream = None
        self.deadline = FOREVER
        self.heard = False
        self._is_late = False
        self.key = object()
        self.reused = connection.reused
        self.closed = False
        self._taken = self._handed = self._framed = 0
        self._began_at = connection.written

    @property
    def engine(self) -> Guest:
        """Bodies are handed to a stream by its guest."""
        return self

    @property
    def link(self) -> Any:
        return self.connection.link

    @property
    def label(self) -> str:
        return self.connection.label

    @property
    def number(self) -> int:
        return self.connection.number

    @property
    def idle_since(self) -> float:
        return self.connection.idle_since

    @property
    def watch(self) -> Any:
        return self.connection.watch

    @watch.setter
    def watch(self, watch: Any) -> None:
        self.connection.watch = watch

    @property
    def refused(self) -> bool:
        """Whether the peer has surely not acted upon the request."""
        return self._is_late if self.stream is None else self.stream.refused

    @property
    def written(self) -> int:
        """Bytes of the request that have left: those of its body, and one for a head that is on its way."""
        stream = self.stream
        if stream is None or self.connection.written == self._began_at:
            return 0
        return 1 + self._handed - stream.queued

    @property
    def pending(self) -> bool:
        """Whether something of the body waits for its turn.

        What has had it may lie in the connection still. Whoever waits for the response turns that, too; and while
        another upload keeps the connection full, all of it would never have left.
        """
        stream = self.stream
        return stream is not None and stream.queued > 0

    # The place

    def usable(self, limits: Limits, now: float) -> bool:
        """Whether the connection may carry the request."""
        connection = self.connection
        if limits.max_connection_age is None and len(connection.guests) > 1:
            return not connection.draining
        return connection.usable(limits, now)

    async def lives(self, host: Host, deadline: Deadline) -> bool:
        """Whether the peer is there, see `HTTP2Connection.lives`."""
        return await self.connection.lives(host, deadline)

    async def settled(self, host: Host, deadline: Deadline) -> None:
        """Wait until the peer has said what it can do; see `HTTP2Connection.settled`."""
        await self.connection.settled(host, deadline)

    def decline(self) -> None:
        """Have the connection carry no more requests, this one neither."""
        self.connection.drain()
        self.close()

    def entertain(
        self, trace: Trace | None, pool: Any, lane: Lane[Any], deadline: Deadline, limit: int | None
    ) -> Exchange | None:
        """The exchange to which this place belongs; None where the connection takes no more, and the place is gone.

        Args:
            trace: makes exchanges that are told of.
            pool, lane, deadline, limit: see `Exchange`.
        """
        connection = self.connection
        if connection.draining:
            self.close()
            return None
        at = (self, pool, lane, deadline, limit)
        exchange = connection.kind(*at) if trace is None else trace.exchange(*at)
        exchange.source = connection.source
        return exchange

    # The request

    def begin(self, exchange: Exchange, request: Request, length: int | None) -> bytes:
        """Open the stream; see `HTTP1Connection.begin`."""
        connection = self.connection
        self.exchange = ref(exchange)
        if connection.answer is not None:
            exchange.proxied = connection.answer
        try:
            self.stream = connection.begin(exchange, request, length)
        except LocalProtocolError as error:
            if not connection.engine.capacity:
                # Another thread has been told in the meantime that the connection takes no more requests.
                self._is_late = True
                exchange.fail(error)
            raise
        expects = length != -1 and request.headers.get("expect", "").lower() == "100-continue"
        return EXPECTING if expects else HEAD_MARK

    def write(self, data: bytes) -> None:
        """Have everything sent that was handed over."""
        self.connection.kick()

    def send_whole(self, head: bytes, data: bytes) -> None:
        """Send a body that is in memory."""
        connection, stream = self.connection, self._open
        self._handed = len(data)
        if data:
            connection.give(stream, data)
        connection.end(stream)
        connection.kick()
        if self.pending:
            self._sends(stream)

    def send_data(self, piece: bytes) -> tuple[bytes, ...]:
        connection, stream = self.connection, self._open
        self._sends(stream)
        self._handed += len(piece)
        connection.give(stream, piece)
        connection.kick()
        return ()

    def send_end(self, trailers: bytes = b"") -> bytes:
        connection, stream = self.connection, self._open
        connection.end(stream, trailers)
        connection.kick()
        return b""

    def _sends(self, stream: Stream) -> None:
        if self.exchange is not None and not self.closed:
            self.connection.senders[stream] = self.exchange

    @property
    def _open(self) -> Stream:
        if self.stream is None:
            raise RuntimeError("the stream is not open")
        return self.stream

    def moved(self) -> bool:
        """Whether some of the body has gone into frames since this was asked before: the peer takes it."""
        framed = self._handed - self._open.queued
        before, self._framed = self._framed, framed
        return framed > before

    def forgo(self) -> None:
        """Send no more of the request."""
        stream = self.stream
        if stream is not None:
            self.connection.abandon(stream)

    # The response

    def pause(self) -> None:
        """The stream's window holds the peer back by itself."""

    def resume(self) -> None:
        """The stream's window opens when its reader takes something."""

    def look(self) -> None:
        self.connection.look()

    def taken(self, size: int) -> None:
        """The reader has taken that many bytes in all."""
        stream, more = self.stream, size - self._taken
        if more > 0 and stream is not None and not self.closed:
            self._taken = size
            self.connection.consumed(stream, more)

    # Time

    def arm(self, deadline: float) -> None:
        sooner, self.deadline = deadline < self.deadline, deadline
        connection = self.connection
        if connection.source is None:
            if deadline < connection.deadline:
                connection.arm(deadline)
        elif sooner:
            # Who follows, or stands in a group, sleeps until the deadline that it saw.
            exchange = None if self.exchange is None else self.exchange()
            future = None if exchange is None else exchange.future
            if future is not None:
                future.set_result(None)

    def expire(self, now: float) -> None:
        """The deadline has come."""
        self.deadline = FOREVER
        exchange = None if self.exchange is None else self.exchange()
        error = None if exchange is None else exchange.expired(now)
        if exchange is not None and error is not None:
            self.connection.suspect(exchange.sent_at)
            self.fail(error)

    # The end

    def fail(self, error: BaseException) -> None:
        exchange = None if self.exchange is None else self.exchange()
        self.close()
        if exchange is not None:
            exchange.fail(error)

    def close(self) -> None:
        """Give the place back; a stream that is not over is given up. May be called twice."""
        if not self.closed:
            connection, stream = self.connection, self.stream
            if stream is not None and not stream.closed:
                connection.cancel(stream)
            connection.vacate(self.key)
            self.closed = True  # last: for whoever is struck down before, the finalizer does it

    def __del__(self) -> None:
        if not self.closed:
            self.closed = True
            self.connection.drop(self.key, self.stream)


class GuestExchange(Exchange):
    """An exchange on a stream: it says when its body was taken, for the peer sends no more than it has leave to."""

    __slots__ = ()

    def feed(self, events: list[Event], now: float) -> None:
        goal = self._goal
        super().feed(events, now)
        if self.end is None:
            if goal in (COLLECTED, SETTLED):
                # All of it will be kept, so all of it may come.
                self._took(self.received)
            elif self._goal == NOTHING and not self._paused and self._is_shut:
                self._pause(now)

    async def piece(self, host: Host) -> bytes:
        piece = await super().piece(host)
        if self.end is None:
            self._took(self.received - self._buffered)
        return piece

    def collect(self, host: Host) -> Any:
        if self.end is None:
            self._took(self.received)
        return super().collect(host)

    @property
    def _is_shut(self) -> bool:
        """Whether nothing more can come until the reader takes something: then no time of the peer's runs."""
        guest: Any = self.connection
        stream = None if guest is None else guest.stream
        return stream is not None and stream.window < FRAME_SIZE

    def _took(self, size: int) -> None:
        guest: Any = self.connection
        if guest is not None:
            guest.taken(size)


_told: Callable[[Waiter], bool] = vars(Waiter)["done"].__get__
_tell: Callable[[Waiter, bool], None] = vars(Waiter)["done"].__set__
"""The slot that a property hides: what `complete` has said."""


class SharedExchange(GuestExchange):
    """An exchange of one thread, to which another one may bring what has come.

    Whether it is done is not noted but found out, from what is there. So nothing is lost where one thread begins to
    wait in the very moment in which the other brings what it waits for: the one says what it wants before it looks, the
    other brings what there is before it asks what is wanted.
    """

    __slots__ = ()

    def _is_done(self) -> bool:
        """Whether what is waited for is there."""
        goal = self._goal
        if goal == NOTHING or (self.end is not None and self.upload is None) or self.error is not None:
            return True
        return self._reached(goal) or _told(self)

    done = property(_is_done, _tell)

    @property
    def deadline(self) -> float:  # type: ignore[override]
        """When `expire` is due."""
        guest = self.connection
        return FOREVER if guest is None else guest.deadline

    def expire(self, now: float) -> None:
        guest = self.connection
        if guest is not None:
            guest.expire(now)
