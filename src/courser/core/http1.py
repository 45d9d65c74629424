"""HTTP/1.1 on a connection: an engine, and at most one exchange at a time."""

from __future__ import annotations

from weakref import ReferenceType, ref

from ..engines.http1 import ClientEngine
from ..errors import RemoteProtocolError
from ..hints import TYPE_CHECKING
from .connection import Connection
from .waiter import FOREVER

if TYPE_CHECKING:
    from typing import ClassVar, Final

    from ..values.request import Request
    from .exchange import Exchange
    from .lane import Lane, Permit
    from .link import Link

__all__ = ["HTTP1Connection"]

TOGETHER: Final = 64 * 1024
"""A body of at most this many bytes leaves in one piece with its head."""

EARLY: Final = 64 * 1024
"""Bytes of another protocol that are read before somebody takes the connection over."""


class HTTP1Connection(Connection):
    """A connection that speaks HTTP/1.1.

    Attributes:
        engine: the protocol.
        exchange: a weak reference to the exchange under way, None while idle.
        heard: whether a byte has come since the exchange under way began.
        label: the peer's name for errors, `host:port`.
        ends: its number, and what its link tells of its ends; kept, as nobody can tell once it is closed.
    """

    __slots__ = ("ends", "engine", "exchange", "heard", "label")

    version: ClassVar[str] = "HTTP/1.1"

    def __init__(self, link: Link, lane: Lane[HTTP1Connection], permit: Permit, now: float) -> None:
        super().__init__(link, permit, now)
        self.engine = ClientEngine()
        self.exchange: ReferenceType[Exchange] | None = None
        self.heard = False
        self.label = lane.label
        self.ends = self._ends(lane)

    def begin(self, exchange: Exchange, request: Request, length: int | None) -> bytes:
        """Carry an exchange from now on.

        Args:
            exchange: takes what comes.
            request: whose head is to be sent.
            length: bytes of its body; -1 for none, None for a body of unknown length.

        Returns:
            The head.
        """
        self.exchange = ref(exchange)
        exchange.ends = self.ends
        self.heard = False
        method, target, host, fields = request.wire()
        return self.engine.start(method, target, host, fields, length)

    @property
    def refused(self) -> bool:
        """Whether the peer has surely not acted upon the request, and has said so."""
        return False

    def send_whole(self, head: bytes, data: bytes) -> None:
        """Send a head, where it has not left yet, and a body that is in memory."""
        engine = self.engine
        pieces = [*engine.send_data(data), engine.send_end()] if data else [engine.send_end()]
        if len(data) <= TOGETHER:
            self.write(b"".join((head, *pieces)))
            return
        for piece in (head, *pieces):
            if piece:
                self.write(piece)

    def received(self, data: bytes, now: float) -> None:
        reference = self.exchange
        exchange = None if reference is None else reference()
        if exchange is None or exchange.end is not None:
            if exchange is not None and self.engine.is_tunnel:
                if data:
                    self.engine.receive(data)  # it is kept for whoever takes the connection over
                if not data or len(self.engine.leftover) > EARLY:
                    self.pause()  # until then
                return
            # Nothing was asked for: the peer has closed, or says what nobody may take for an answer.
            self.close()
            if exchange is not None:
                exchange.cut(now)
            return
        if data and not self.heard:
            self.heard = True
            exchange.heard_at = now
        try:
            events = self.engine.receive(data)
        except RemoteProtocolError as error:
            if not data and self.unsendable is not None and exchange.head is None:
                # The end is what is left of the failure that the send has told of.
                self.lost(self.unsendable, now, sending=True)
                return
            error.phase = "read"
            exchange.measure(error)
            self._over(error)
            return
        exchange.feed(events, now)

    def due(self) -> int:
        reference = self.exchange
        exchange = None if reference is None else reference()
        head = None if exchange is None else exchange.head
        if exchange is None or head is None or head.length is None:
            return 0
        return head.length - exchange.received

    def lost(self, error: OSError, now: float, *, sending: bool) -> None:
        reference = self.exchange
        exchange = None if reference is None else reference()
        if exchange is not None and (exchange.end is not None or (sending and exchange.head is not None)):
            # The peer answers without having read everything; its answer is here, or still being received.
            if not sending:
                self.close()
            exchange.cut(now)
            return
        from .broken import broken

        begun = exchange is not None and exchange.head is not None
        failure = broken(self.label, error, sending=sending, begun=begun)
        if exchange is not None:
            exchange.measure(failure)
        self._over(failure)

    def flushed(self, now: float) -> None:
        reference = self.exchange
        exchange = None if reference is None else reference()
        if exchange is not None:
            exchange.drained(now)

    def forgo(self) -> None:
        self.engine.abandon()
        super().forgo()

    def expire(self, now: float) -> None:
        self.deadline = FOREVER
        reference = self.exchange
        exchange = None if reference is None else reference()
        if exchange is None:
            self.close()
            return
        error = exchange.expired(now)
        if error is not None:
            self._over(error)

    def fail(self, error: BaseException) -> None:
        self._over(error)

    def _over(self, error: BaseException) -> None:
        reference = self.exchange
        exchange = None if reference is None else reference()
        self.close()
        self.unsendable = None  # its traceback leads to this connection
        if exchange is not None:
            exchange.fail(error)
