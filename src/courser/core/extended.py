"""A WebSocket on a stream of an HTTP/2 connection (RFC 8441).

An extended CONNECT opens the stream, and from the response on its DATA are bytes of the WebSocket. What carries them
takes the place of the exchange: the connection knows no difference.

Another thread may turn the connection, and bring what follows the response at any time. So the place changes hands
inside, and what comes before anybody has said whose it is waits, and holds the peer back.
"""

from __future__ import annotations

from time import monotonic
from weakref import ReferenceType, ref

from ..engines.events import End
from ..errors import ReadError
from ..hints import TYPE_CHECKING
from ..values.request import NO_FIELDS, Request
from .fork import remember
from .upgraded import REFUSALS
from .waiter import FOREVER

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, ClassVar, Final

    from ..engines.events import Event
    from ..errors import TransportError
    from .exchange import Exchange
    from .talk import Talk

__all__ = ["StreamCarrier", "as_connect", "take_stream"]

OF_HTTP1: Final = ("Connection", "Upgrade", "Sec-WebSocket-Key")
"""Fields of the handshake that HTTP/2 has no use for."""


def as_connect(request: Request) -> Request:
    """The request that asks over HTTP/2 for what another one asks for over HTTP/1.1."""
    headers = request.headers.copy()
    for name in OF_HTTP1:
        headers.pop(name, None)
    extensions = {**request.extensions, "protocol": "websocket"}
    return Request.assemble("CONNECT", request.url, NO_FIELDS, headers, None, extensions)


class StreamCarrier:
    """Carries the frames of one WebSocket on a stream; to its connection it is the exchange on it.

    Args:
        exchange: has got the response; it gives up the stream. The connection is entered.

    Attributes:
        label: the peer's name for errors, `host:port`.
        source: what turns the connection for threads; None under an event loop.
        connection: the place on the connection.
    """

    end: ClassVar[object] = None

    __slots__ = (
        "__weakref__",
        "_early",
        "_ended",
        "_error",
        "_mark",
        "_paused",
        "_received",
        "_talk",
        "_waits",
        "connection",
        "head",
        "heard_at",
        "label",
        "sent_at",
        "source",
        "upload",
    )

    def __init__(self, exchange: Exchange) -> None:
        guest: Any = exchange.connection
        self.connection = guest
        self.label = guest.label
        self.source: Any = guest.connection.source
        self.head = exchange.head
        self.heard_at = self.sent_at = exchange.head_at
        # As long as there is one, the connection tells of what the stream has taken.
        self.upload: object = None
        self._talk: ReferenceType[Talk] | None = None
        # Bytes that the connection has sent when all is gone that was written here; unknown until it is in frames.
        self._mark = 0.0
        self._received = exchange.received
        # What has come, and how it has ended, before there is a talk; until then no more is asked for.
        self._early = [*exchange.chunks]
        if exchange.end is not None:
            self._early.append(b"")
        self._error: BaseException | None = None
        self._paused = True
        self._ended = self._waits = False
        exchange.chunks.clear()
        exchange.connection = exchange.source = None
        guest.exchange = guest.stream.guest = ref(self)
        remember(self)

    # What the talk calls

    @property
    def closed(self) -> bool:
        """Whether the stream is given up, or its connection gone."""
        guest = self.connection
        return bool(guest.closed or guest.connection.closed)

    @property
    def pending(self) -> bool:
        """Whether something that was written has not reached the network, whatever others have to send after it."""
        guest, connection = self.connection, self.connection.connection
        if guest.pending or connection.written < self._mark:
            return True
        return bool(connection.link.wants_write and not connection.unsent)

    def carry(self, talk: Talk) -> None:
        """Say whose bytes these are, and hand over what has come of them."""
        self.enter(self._carry, talk)

    def _carry(self, talk: Talk) -> None:
        self._talk = ref(talk)
        self._paused = False
        early, self._early = self._early, []
        now = monotonic()
        for data in early:
            self._took(data, now)
        error, self._error = self._error, None
        if error is not None:
            self.fail(error)
        elif not self._paused:
            self.resume()

    def enter(self, act: Callable[..., Any], /, *args: Any) -> Any:
        """Do something to the talk, its engine or the stream while nobody else does."""
        return _entered(self.connection.connection, act, *args)

    def write(self, data: bytes | memoryview) -> bool:
        """Have bytes sent, as far as the peer's windows allow; tells whether something waits for that."""
        if not self.closed and not self._ended:
            self.upload = True
            self._mark = FOREVER
            self.connection.send_data(data)
            if self.connection.pending:
                # What waited for the end of the turn, or for another thread, would count as taken by a peer that lives.
                self.connection.connection.pump()
            self._look_back()
        return self._waits

    def _look_back(self) -> None:
        """See what of that which was written has not left."""
        if self._mark == FOREVER and not self.connection.pending:
            connection = self.connection.connection
            self._mark = connection.written + sum(map(len, connection.unsent))
        self._waits = self.pending
        self.upload = self._waits or None

    def pause(self) -> None:
        """Let the window of the stream run out."""
        self._paused = True

    def resume(self) -> None:
        """Let the peer send as much as has been taken."""
        self._paused = False
        self.connection.taken(self._received)

    def look(self) -> None:
        """Take what has come, without waiting for more; for plain code, which nobody else does it for."""
        self.source.look(timers=True)

    def arm(self, deadline: float) -> None:
        """Have the talk told when a time has come."""
        self.enter(self._arm, deadline)

    def _arm(self, deadline: float) -> None:
        guest = self.connection
        guest.deadline = deadline
        if deadline < guest.connection.deadline:
            guest.connection.arm(deadline)
            if self.source is not None:
                self.source.set_result(None)  # whoever leads has to know before it sleeps on

    def finish(self) -> None:
        """Tell the peer that no more will be sent."""
        if not self.closed and not self._ended:
            self._ended = True
            self.connection.send_end()
            self.connection.connection.pump()  # at once: what follows may be a reset

    def close(self) -> None:
        """Give up the stream."""
        self.upload = None
        self.connection.close()

    def forget(self) -> None:
        """Be of no use in a forked child."""
        talk = self._known()
        if talk is not None:
            talk.forget()

    # What the connection calls

    def feed(self, events: list[Event], now: float) -> None:
        """Take what has come on the stream."""
        for event in events:
            if isinstance(event, bytes):
                self._received += len(event)
                self._took(event, now)
            elif isinstance(event, End):
                self._took(b"", now)
        if not self._paused:
            self.connection.taken(self._received)

    def _took(self, data: bytes, now: float) -> None:
        if self._talk is None:
            self._early.append(data)
            return
        talk = self._talk()
        if talk is None:
            self.close()
        elif not self.connection.closed:
            talk.took(data, now)

    def _known(self) -> Talk | None:
        return None if self._talk is None else self._talk()

    def drained(self, now: float) -> None:
        """The connection has taken something of what was written."""
        talk = self._known()
        if self._waits and talk is not None and not self.closed:
            self._look_back()
            talk.drained(now)

    def expired(self, now: float) -> None:
        """The time has come that it was armed with; the stream goes on unless the talk ends it."""
        talk = self._known()
        if talk is not None:
            talk.expire(now)

    def cut(self, now: float) -> None:
        """The peer takes no more."""
        self._ended = True

    def measure(self, error: TransportError) -> None:
        """There is no request under way of which an error could say how far it has come."""

    def fail(self, error: BaseException) -> None:
        """The stream or its connection has ended before its time."""
        if self._talk is None:
            self._error = error
            return
        self.close()
        talk = self._talk()
        if talk is not None:
            talk.lost(error)


def _entered(connection: Any, act: Callable[..., Any], *args: Any) -> Any:
    """Do something while nobody else does anything to a connection.

    What refuses it is kept until it is over: to the connection, which many share, it would be the end.
    """
    if connection.source is None:
        return act(*args)
    raised: list[Exception] = []

    def spared(connection: object) -> Any:
        try:
            return act(*args)
        except REFUSALS as error:
            raised.append(error)
        return None

    given = connection.enter(spared)
    if raised:
        raise raised.pop()  # no name of this frame, which its traceback holds, may keep it
    return given


def take_stream(exchange: Exchange) -> StreamCarrier:
    """Make the stream of an exchange one that carries a WebSocket; what has come on it waits there.

    Raises:
        ReadError: the stream ended in the meantime.
    """
    guest: Any = exchange.connection
    carrier: StreamCarrier | None = None if guest is None else _entered(guest.connection, _take, exchange, guest)
    if carrier is None:
        raise ReadError(phase="read", detail="the stream ended right after the handshake", request=exchange.request)
    return carrier


def _take(exchange: Exchange, guest: Any) -> StreamCarrier | None:
    over = guest.closed or guest.connection.closed or exchange.error is not None
    return None if over else StreamCarrier(exchange)
