"""HTTP/2 on a connection: an engine, and any number of exchanges at a time.

Each exchange is the guest of a stream (`guest.py`). What its engine makes of the bytes that came in one turn, and what
all of them want to send, goes through here: the frames of one turn leave in one send.

The connection belongs to its pool. It stays where everybody finds it for as long as it takes more requests; after that
those under way keep it alive, and the last one to go closes it.
"""

from __future__ import annotations

from collections import deque
from time import monotonic
from weakref import ReferenceType, ref

from ..engines.http2.outbox import BATCH
from ..hints import TYPE_CHECKING, cast
from .alive import FRESH, Alive
from .guest import Guest, GuestExchange
from .waiter import FOREVER

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, ClassVar

    from ..engines.events import ResponseHead
    from ..engines.http2 import Stream
    from ..errors import TransportError
    from ..settings import Limits
    from ..values.request import Request
    from .exchange import Exchange
    from .lane import Lane, Permit
    from .reactor import Reactor

__all__ = ["HTTP2Connection"]


class HTTP2Connection(Alive):
    """A connection that speaks HTTP/2, in the one thread of an event loop.

    Args:
        answer: the head with which an HTTP proxy opened the tunnel that it comes through; None where there is none.
        link, lane, permit, now: as for any connection.

    Attributes:
        engine, pulse: see `Alive`.
        label: the peer's name for errors, `host:port`.
        guests: the keys of those who occupy a place in it.
        most: how many may.
        draining: whether it takes no more requests.
        ends: its number, and what its link tells of its ends; kept, as nobody can tell once it is closed.
        corked: whether what is to be sent waits for the end of the turn.
        senders: the streams whose requests are not sent yet, with their exchanges.
        source: what turns it for threads; None under an event loop.
    """

    __slots__ = (
        "_dropped",
        "_keys",
        "_lane",
        "_later",
        "answer",
        "corked",
        "draining",
        "ends",
        "guests",
        "label",
        "most",
        "senders",
        "source",
    )

    hears_out = True
    kind: ClassVar[type[GuestExchange]] = GuestExchange
    version: ClassVar[str] = "HTTP/2"
    shares: ClassVar[bool] = True

    def __init__(
        self, link: Any, lane: Lane[Any], permit: Permit, now: float, answer: ResponseHead | None = None
    ) -> None:
        super().__init__(link, permit, now)
        self.label = lane.label
        self.ends = self._ends(lane)
        self.answer = answer
        self._keys: dict[object, Stream | None] = {}
        self.guests = self._keys.keys()
        self.most = self.engine.peer.streams
        self.draining = False
        self.corked = False
        self.senders: dict[Stream, ReferenceType[Exchange]] = {}
        self.source: Any = None
        self._lane: ReferenceType[Lane[Any]] = ref(lane)
        self._later: Callable[[Callable[[], None]], None] | None = None
        self._dropped: deque[tuple[object, Stream | None]] = deque()

    def be_turned(self, reactor: Reactor, later: Callable[[Callable[[], None]], None]) -> None:
        """Say what turns it, and what calls something when those who can go on now have done so."""
        self._later = later
        self.join(reactor)

    # Places

    def occupy(self) -> Guest | None:
        if self.draining or len(self.guests) >= self.most or not self.engine.capacity:
            return None
        # The guest is there before its place is taken: whoever is struck down in between takes none with him.
        guest = Guest(self)
        self._keys[guest.key] = None
        return guest

    def vacate(self, key: object) -> None:
        """Give a place back."""
        self._keys.pop(key, None)
        self.reused = True
        pool = None if self.home is None else self.home()
        lane = self._lane()
        if pool is None or lane is None or self.closed:
            return
        if self.draining:
            if not self.guests:
                self.close()
            return
        if lane.waiting:
            pool.admit(self, lane)
        if not self.guests:
            pool.rest(self, lane)

    def retire(self) -> bool:
        if self.guests or self.draining:
            return False
        self.drain()
        return True

    def drain(self) -> None:
        """Take no more requests; those under way go on."""
        if not self.draining:
            self.draining = True
            self._withdraw()
            if not self.guests and not self.closed:
                self.close()

    def _withdraw(self) -> None:
        """Be offered to nobody any more."""
        pool = None if self.home is None else self.home()
        lane = self._lane()
        if pool is not None and lane is not None:
            pool.withdraw(self, lane)

    def usable(self, limits: Limits, now: float) -> bool:
        age = limits.max_connection_age
        if self.source is not None and len(self.guests) == 1 and now - self.idle_since >= FRESH:
            self.source.look()  # nobody has turned it while it was idle
        if self.closed or self.draining:
            return False
        if age is not None and now - self.created >= age:
            self.drain()
            return False
        expiry = limits.keepalive_expiry
        return expiry is None or len(self.guests) > 1 or now - self.idle_since < expiry

    # Requests

    def begin(self, exchange: Exchange, request: Request, length: int | None) -> Stream:
        """Open a stream for an exchange; its head leaves with the next flush.

        Raises:
            LocalProtocolError: the head breaks the protocol.
        """
        method, target, host, fields = request.wire()
        scheme = b"https" if request.url.is_secure else b"http"
        protocol = request.extensions.get("protocol", "").encode() if request.extensions else b""
        stream = self.engine.start(method, target, host, fields, length, scheme, protocol)
        stream.guest = ref(exchange)
        guest: Any = exchange.connection
        self._keys[guest.key] = stream
        exchange.ends = self.ends
        interval = exchange.pool.limits.ping_interval
        if interval is not None:
            now = monotonic()
            if len(self.guests) == 1:
                self.pulse.heard_at = now  # before, nothing was waited for
            self._keep_alive(now, interval)
        return stream

    def kick(self) -> None:
        """Have sent what is to be sent: at once for a request alone, else with all the others of this turn."""
        if self.corked:
            return
        if len(self.guests) > 1 and self._later is not None:
            self.corked = True
            self._later(self.uncork)
        else:
            self.pump()

    def uncork(self) -> None:
        """The turn is over."""
        self.corked = False
        if not self.closed:
            self.pump()

    def pump(self) -> None:
        """Send what the engine has, as far as the link takes it."""
        if self._dropped:
            self._sweep()
        engine = self.engine
        while not self.unsent and not self.closed:
            data = engine.outgoing()
            if data:
                self.write(data)
            if len(data) < BATCH:
                break
        if self.senders:
            self._tell_senders(monotonic())

    def reply(self) -> None:
        """Send what the bytes that came have caused."""
        self.pump()

    def abandon(self, stream: Stream) -> None:
        """Send no more of a request's body; its response goes on."""
        self.senders.pop(stream, None)
        self.engine.abandon(stream)

    def give(self, stream: Stream, piece: bytes) -> None:
        """Have a piece of a request's body sent."""
        self.engine.send_data(stream, piece)

    def end(self, stream: Stream, trailers: bytes = b"") -> None:
        """Say that a request's body is whole, and what follows it."""
        self.engine.send_end(stream, trailers)

    def cancel(self, stream: Stream) -> None:
        """Give up a stream."""
        self.senders.pop(stream, None)
        if not self.closed:
            self.engine.reset(stream)
            self.kick()

    def consumed(self, stream: Stream, size: int) -> None:
        """A reader has taken bytes of a stream: as many may follow."""
        self.engine.consumed(stream, size)
        if self.engine.wants_to_send and not self.closed:
            self.kick()

    def drop(self, key: object, stream: Stream | None) -> None:
        """Give up the place and the stream of a guest that nobody holds any more; from any thread, at any time."""
        self._dropped.append((key, stream))
        if self._later is not None:
            self._later(self.uncork)

    def _sweep(self) -> None:
        while self._dropped:
            key, stream = self._dropped[0]
            if stream is not None and not self.closed:
                self.senders.pop(stream, None)
                self.engine.reset(stream)
            self.vacate(key)
            self._dropped.popleft()  # last: whoever is struck down before has done nothing that cannot be done again

    # Bytes

    def received(self, data: bytes, now: float) -> None:
        engine = self.engine
        self.pulse.heard_at = now
        pongs = engine.ponged
        for stream in engine.receive(data, now):
            reference = stream.guest
            exchange = None if reference is None else reference()
            if exchange is None:
                engine.reset(stream)  # whoever began it was struck down before anybody knew
                continue
            events = stream.events
            if events:
                stream.events = []
                guest = exchange.connection
                if guest is not None and not guest.heard:
                    guest.heard = True
                    exchange.heard_at = now
                exchange.feed(events, now)
            if stream.error is not None or stream.stopped:
                self._ended(stream, exchange, now, said=bool(data))
        if engine.ponged != pongs:
            self._pong()
        if engine.peer.streams != self.most or engine.draining:
            self._resize()
        lane = self._lane()
        if lane is not None and lane.waiting and not self.draining:
            self._admit(lane)  # what was reset has left its place when the peer has seen it
        if engine.error is not None or not data:
            self._finish(now)
        elif engine.wants_to_send and not self.unsent:
            self.reply()

    def _ended(self, stream: Stream, exchange: Exchange, now: float, *, said: bool) -> None:
        """A stream has ended before its time; the peer has said so, or is just gone."""
        error = stream.error
        if error is None:
            exchange.cut(now)  # the peer takes no more of the request
            return
        stream.error = None  # its traceback will lead to the exchange, and from there to the stream
        self.senders.pop(stream, None)
        guest, goaway = exchange.connection, self.engine.goaway
        if guest is not None and (said or (goaway is not None and goaway[1])):
            guest.heard = True  # the request has met its fate; one more of its kind would meet the same
        if not said and self.unsendable is not None and exchange.head is None:
            # The end is what is left of the failure that the send has told of.
            from .broken import broken

            _fail(exchange, broken(self.label, self.unsendable, sending=True, begun=False))
        else:
            _fail(exchange, error)

    def _resize(self) -> None:
        """The peer has said how many streams it carries, or that it takes no more."""
        engine = self.engine
        lane = self._lane()
        if engine.draining:
            self.drain()
            return
        self.most = most = engine.peer.streams
        if lane is not None:
            lane.streams = max(1, most)

    def _admit(self, lane: Lane[Any]) -> None:
        """Offer the free places to those who wait for one."""
        pool = None if self.home is None else self.home()
        if pool is not None:
            pool.admit(self, lane)

    def _finish(self, now: float) -> None:
        """The connection has ended; whoever had a stream knows."""
        if self.engine.error is not None:
            self.pump()  # what is wrong with it is said in a GOAWAY, and nothing after it
            self._shut()
        else:
            self.close()
        self.unsendable = None  # its traceback leads to this connection

    def lost(self, error: OSError, now: float, *, sending: bool) -> None:
        from .broken import broken

        self._over(lambda begun: broken(self.label, error, sending=sending, begun=begun))

    def _over(self, make: Callable[[bool], TransportError]) -> None:
        """End everything that is under way with errors of their own, but for responses that are there in full."""
        under_way = self._under_way()
        self._shut()
        self.unsendable = None  # its traceback leads to this connection
        for stream, exchange in under_way:
            if stream.error is None:
                if exchange.end is not None:
                    exchange.cut(monotonic())
                else:
                    _fail(exchange, make(exchange.head is not None))

    def flushed(self, now: float) -> None:
        if not self.unsent:
            self.pump()
        elif self.senders:
            self._tell_senders(now)

    def _tell_senders(self, now: float) -> None:
        for stream, reference in list(self.senders.items()):
            exchange = reference()
            guest = None if exchange is None else exchange.connection
            if exchange is None or guest is None:
                self.senders.pop(stream, None)
            elif exchange.upload is None:
                if not stream.queued:
                    self.senders.pop(stream, None)
            elif not stream.queued or cast("Guest", guest).moved():
                exchange.drained(now)

    # Time

    def expire(self, now: float) -> None:
        self.deadline = FOREVER
        nearest = FOREVER
        for stream in list(self.engine.streams):
            exchange = None if stream.guest is None else stream.guest()
            guest = None if exchange is None else exchange.connection
            if guest is not None:
                if guest.deadline <= now:
                    guest.expire(now)
                nearest = min(nearest, guest.deadline)
        pool = None if self.home is None else self.home()
        limits = None if pool is None else pool.limits
        if limits is not None and not self.closed:
            nearest = min(nearest, self._kept_until(limits, now))
        if nearest < FOREVER and not self.closed:
            self.arm(nearest)

    def _kept_until(self, limits: Limits, now: float) -> float:
        """When to look again whether the connection is worth keeping; it is closed if it is not now."""
        if self.guests:
            return FOREVER if limits.ping_interval is None else self._keep_alive(now, limits.ping_interval)
        if limits.keepalive_expiry is None:
            return FOREVER
        due = self.idle_since + limits.keepalive_expiry
        if now >= due:
            self.drain()
        return due

    def fail(self, error: BaseException) -> None:
        from .broken import unforeseen

        self._end_all(lambda begun: unforeseen(self.label, error))

    def _end_all(self, make: Callable[[bool], TransportError]) -> None:
        """End everything, also where whoever was about to say how streams have ended did not come to all of them."""
        under_way = self._under_way()
        self._over(make)
        for stream, exchange in under_way:
            if stream.error is not None:
                self._ended(stream, exchange, monotonic(), said=True)

    def _under_way(self) -> list[tuple[Stream, Exchange]]:
        """Streams and their exchanges; the engine may have taken leave of a stream whose exchange does not know it."""
        found: list[tuple[Stream, Exchange]] = []
        for stream in list(self._keys.values()):
            exchange = None if stream is None or stream.guest is None else stream.guest()
            if stream is not None and exchange is not None:
                found.append((stream, exchange))
        return found

    # The end

    def close(self) -> None:
        if not self.closed:
            if not self.unsent and self.unsendable is None:
                self._say_goodbye()
            self._shut()

    def _shut(self) -> None:
        """Close without a word: nobody listens, or nobody knows what the engine would say."""
        if not self.closed:
            self.draining = self.engine.draining = True  # another thread may be about to begin
            super().close()
            self._withdraw()
            self._pong()

    def forget(self) -> None:
        self.draining = True
        super().forget()

    def _say_goodbye(self) -> None:
        """Tell the peer that this is no accident; best effort."""
        self.engine.shutdown()
        try:
            self.link.send(bytes(self.engine.outgoing()))
        except OSError:
            pass


def _fail(exchange: Exchange, error: TransportError) -> None:
    """Have an exchange fail, and say how far it had come."""
    exchange.measure(error)
    exchange.fail(error)
