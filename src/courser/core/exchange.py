"""An exchange: one request and its response, on whatever connection carries it.

The connection feeds it with events. The procedure that owns it says what it waits for (a goal) and is woken once,
when the goal is reached, however many events came before.

An exchange owns its connection; the connection knows its exchange weakly. Letting go of an unfinished exchange
therefore closes the connection, and finishing one gives it back to the pool.
"""

from __future__ import annotations

from collections import deque
from time import monotonic

from ..engines.events import End, Event, ResponseHead
from ..errors import HTTPError, StreamClosed, TransportError
from ..hints import TYPE_CHECKING
from .reply import Reply, too_large
from .upload import end_pieces, next_piece
from .waiter import FOREVER, Host

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final, TypeAlias

    from .deadline import Deadline
    from .guest import Guest
    from .http1 import HTTP1Connection
    from .lane import Lane
    from .reserve import Supply
    from .upload import Upload

Carrier: TypeAlias = "HTTP1Connection | Guest"
"""What carries an exchange: a connection of its own, or a stream of one that it shares."""

__all__ = ["ALLOWED", "COLLECTED", "DATA", "HEAD", "NOTHING", "SETTLED", "Exchange"]

NOTHING: Final = 0

HEAD: Final = 1
"""The final response head."""

DATA: Final = 2
"""A piece of the body, or its end."""

SETTLED: Final = 3
"""What COLLECTED is, or the head alone where its status is one that a policy may act upon before the body is in."""

COLLECTED: Final = 4
"""The whole message, and nothing left of the request that it answers."""

ALLOWED: Final = 5
"""The peer's word on a body that waits for it (core/expectation.py), or that it has not come for a while."""

PATIENCE: Final = 1.0
"""Seconds that such a body waits: as long as curl's and Go's do. Many servers never say it."""

FULL: Final = 1024 * 1024
"""Bytes that may wait for a slow reader before the connection receives no more."""


class Exchange(Reply):
    """The state of one exchange.

    Args:
        connection: what carries it.
        pool: where the connection goes afterwards.
        lane: the part of the pool that it belongs to.
        deadline: the limits of the request.
        limit: bytes of body, as they travel, above which it fails; None is no limit.

    Attributes:
        upload: what is left of the request, None where that is nothing.
        received: bytes of body received, as they travelled.
        withheld: whether the body of the request waits for the peer's word, or was not sent for want of it.
        informational: called with every interim head; tells whether what is waited for has come with it.
    """

    __slots__ = (
        "_buffered",
        "_goal",
        "_limit",
        "_paused",
        "_written_before",
        "connection",
        "informational",
        "lane",
        "limits",
        "pool",
        "received",
        "upload",
        "withheld",
    )

    def __init__(
        self,
        connection: Any,
        pool: Supply[Any],
        lane: Lane[HTTP1Connection],
        deadline: Deadline,
        limit: int | None,
    ) -> None:
        self.done = False
        self.error = None
        self.future = None
        self.source = connection
        self.connection: Carrier | None = connection
        self.pool = pool
        self.lane = lane
        self.limits = deadline
        self.head = None
        self.sent_at = self.head_at = 0.0
        self.chunks = deque()
        self.end = None
        self.history = []
        self.filters = None
        self.proxied = self.extra = None
        self.opening = None if connection.reused else deadline.opening
        self._headers = None
        self.upload: Upload | None = None
        self.received = 0
        self.withheld = False
        self.informational: Callable[[ResponseHead], object] | None = None
        self._buffered = 0
        self._goal = NOTHING
        self._limit = limit
        self._paused = False
        self._written_before = connection.written

    # What the connection calls

    def feed(self, events: list[Event], now: float) -> None:
        """Take what the engine made of the bytes that came."""
        for event in events:
            if isinstance(event, bytes):
                size = len(event)
                self.chunks.append(event)
                self._buffered += size
                self.received += size
            elif isinstance(event, ResponseHead):
                status = event.status
                if status >= 200 or status == 101:
                    self.head = event
                    self.status_code = status
                    self.head_at = now
                elif self.informational is not None:
                    self.informational(event)
            elif isinstance(event, End):
                self.end = event
        limit = self._limit
        if limit is not None and self.received > limit and self.error is None:
            self._overflow(limit)
            return
        if self.upload is not None and self.is_refused:
            self.cut(now)
        goal = self._goal
        if goal == NOTHING:
            if self._buffered > FULL and self.end is None:
                self._pause(now)
        elif (self.end is not None and self.upload is None) or self._reached(goal):
            self.reach()
        else:
            self.rearm(now)

    def _reached(self, goal: int) -> bool:
        """Whether a goal is reached by a message that is not whole."""
        head = self.head
        if goal == SETTLED:
            return head is not None and head.status >= 300 and self.upload is None
        if goal == DATA:
            return bool(self.chunks)
        return head is not None and goal != COLLECTED

    @property
    def is_refused(self) -> bool:
        """Whether the peer has answered in a way that leaves the rest of the request without a reader."""
        head, connection = self.head, self.connection
        return head is not None and (head.status >= 300 or (connection is not None and connection.engine.is_tunnel))

    def reach(self) -> None:
        """The goal is reached: stop the clock, wake the owner."""
        self._goal = NOTHING
        connection = self.connection
        if connection is not None:
            connection.deadline = FOREVER
            if self.upload is not None:
                self.rearm(monotonic())
        # Waiter.complete, spelled out: this runs once for every response
        self.done = True
        future = self.future
        if future is not None:
            self.future = None
            if not future.done():
                future.set_result(None)

    def rearm(self, now: float) -> None:
        """Set the clock anew: by what is waited for, if anything is.

        First the peer has to take the request, then it has to answer. While it waits for a source of ours, or for a
        reader of ours, the time is not the peer's.
        """
        connection, upload, timeout = self.connection, self.upload, self.limits.timeout
        if connection is None or self._goal == ALLOWED:
            return
        if self._goal == NOTHING and (upload is None or upload.room is None):
            connection.deadline = FOREVER
            return
        idle = timeout.read
        if upload is not None:
            idle = timeout.write if connection.pending and not self._paused else None
        connection.arm(self.limits.within(idle, now))

    def drained(self, now: float) -> None:
        """The link has taken something of what was written, or all of it."""
        connection, upload = self.connection, self.upload
        if connection is None or upload is None:
            return
        if not connection.pending:
            room, upload.room = upload.room, None
            if room is not None:
                room.complete()
            elif upload.handed:
                self.sent(now)
                return
        self.rearm(now)

    def offered(self, size: int) -> None:
        """Take note that a piece of the request's body was handed over, where anybody wants to know."""

    def sent(self, now: float) -> None:
        """Nothing of the request is left to be sent."""
        self.upload = None
        self.sent_at = now
        goal = self._goal
        if goal != NOTHING and (self.end is not None or self._reached(goal)):
            self.reach()
        else:
            self.rearm(now)

    def cut(self, now: float) -> None:
        """The peer takes no more of the request; its answer is still of interest."""
        connection, upload = self.connection, self.upload
        if connection is not None:
            connection.forgo()
        if upload is None:
            return
        if upload.stop():
            self.sent(now)
        else:
            self.rearm(now)

    def expired(self, now: float) -> HTTPError | None:
        """What it means for this exchange that its time is up; None where it goes on."""
        if self._goal == ALLOWED and now < self.limits.final:
            self.reach()
            return None
        connection = self.connection
        phase = "read" if self.upload is None else "write"
        error = self.limits.error(phase, "the peer" if connection is None else connection.label, now)
        self.measure(error)
        return error

    def measure(self, error: TransportError) -> None:
        """Say in an error how far this exchange has come."""
        error.bytes_sent = self.bytes_sent
        error.bytes_received = self.received

    def fail(self, error: BaseException) -> None:
        """Take note that no more will come."""
        if self.error is None and (self.end is None or self.upload is not None):
            self.error = error
            self._goal = NOTHING
            self._stop_upload()
            self.complete()

    def _stop_upload(self) -> None:
        """Let go of what is left of the request."""
        upload, self.upload = self.upload, None
        if upload is not None:
            upload.stop()

    def _overflow(self, limit: int) -> None:
        self.end = None
        self.fail(too_large(limit))
        if self.connection is not None:
            self.connection.close()

    def _pause(self, now: float) -> None:
        if not self._paused and self.connection is not None:
            self._paused = True
            self.connection.pause()
            self.rearm(now)

    def _resume(self, connection: Carrier) -> None:
        self._paused = False
        connection.resume()

    # What its owner calls

    @property
    def final_at(self) -> float:
        return self.limits.final

    @property
    def bytes_sent(self) -> int:
        """Bytes of the request that the network has taken."""
        connection = self.connection
        return 0 if connection is None else connection.written - self._written_before

    async def until(self, host: Host, goal: int) -> None:
        """Wait until a goal is reached; in plain code, send meanwhile what is left of the request.

        Raises:
            HTTPError: the exchange failed, or ran out of time.
        """
        connection = self.connection
        if self.error is None and connection is not None:
            if self.head is not None and ((self.end is not None and self.upload is None) or self._reached(goal)):
                return  # the peer has answered before it had the whole request
            if self._paused:
                self._resume(connection)
            self._goal = goal
            self.done = False
            if self.upload is None:
                now = monotonic()
                if not self.sent_at:
                    self.sent_at = now
                limits = self.limits
                idle = limits.timeout.read
                if goal == ALLOWED and (idle is None or idle > PATIENCE):
                    idle = PATIENCE
                due = limits.final
                if idle is not None and now + idle < due:
                    due = now + idle
                connection.deadline = due
                if due < connection.armed and connection.reactor is not None:
                    connection.arm(due)
            else:
                await self._send_on(host, connection, self.upload)
            await host.wait(self)
        if self.error is not None and (self.head is None or not self._reached(goal)):
            raise self.error  # no name of this frame, which its traceback holds, may keep it

    async def _send_on(self, host: Host, connection: Carrier, upload: Upload) -> None:
        """Send until the goal is reached or all is handed over, where no task does it."""
        pieces = upload.pieces
        if pieces is not None:
            try:
                while self._goal != NOTHING and not (upload.handed or upload.stopped):
                    if upload.blocked(self):
                        await host.wait(self)
                        upload.room = None
                    else:
                        upload.offer(await next_piece(pieces, host, self))
                        connection.look()
            except BaseException:
                upload.stop()
                raise
            finally:
                if upload.handed or upload.stopped:
                    upload.pieces = None
                    await end_pieces(pieces, host)
        self.done = self._goal == NOTHING
        self.rearm(monotonic())

    async def piece(self, host: Host) -> bytes:
        """The next piece of the body, `b""` at its end; what had arrived before an error comes before the error."""
        chunks = self.chunks
        while not chunks:
            if self.end is not None and self.upload is None and self.error is None:
                if self.connection is not None:
                    self.finish()
                return b""
            if self.connection is None and self.error is None:
                raise StreamClosed()
            await self.until(host, DATA)
        piece = chunks.popleft()
        self._buffered -= len(piece)
        if self._paused and not chunks and self.connection is not None:
            self._resume(self.connection)
        return piece

    async def collect(self, host: Host) -> bytes:
        """The rest of the body in one piece."""
        if self.end is None or self.upload is not None or self.error is not None:
            await self.until(host, COLLECTED)
        if self.connection is not None:
            self.finish()
        chunks = self.chunks
        if len(chunks) == 1:
            return chunks.pop()
        body = b"".join(chunks)
        chunks.clear()
        return body

    def settle(self) -> None:
        self.finish()

    def finish(self) -> None:
        """The message is whole: give the connection back, or close it where it cannot be used again."""
        connection = self.connection
        if connection is not None:
            self.connection = None
            self.source = None
            connection.exchange = None
            if self._paused:
                self._resume(connection)
            if not connection.reused and connection.link.encrypted:
                # TLS 1.3 sends what can be resumed after the handshake (RFC 8446 section 4.6.1)
                self.lane.session = connection.link.session
            if self.upload is not None:
                self._stop_upload()
                connection.close()
            elif (
                connection.engine.is_idle
                and not connection.broken
                and not connection.closed
                and not connection.unsent
                and not connection.link.wants_write
            ):
                self.pool.put(connection, self.lane)
            else:
                connection.close()

    def abort(self) -> None:
        """Give up; a connection whose message is not whole is of no use to anybody else."""
        self.drop_filters()
        if self.end is not None and self.error is None:
            self.finish()
            return
        self._stop_upload()
        connection = self.connection
        if connection is not None:
            self.connection = None
            self.source = None
            connection.exchange = None
            connection.close()
        # In the place of an error that was raised: it would hold itself, by its traceback and this exchange in a frame.
        self.error = StreamClosed()
        self._goal = NOTHING
        self.complete()  # another task may wait for a piece

    def died_unheard(self) -> bool:
        """Whether the peer refused to act upon the request, or a connection that had been used before broke unheard."""
        error = self.error
        connection = self.connection
        return (
            isinstance(error, TransportError)
            and not isinstance(error, TimeoutError)
            and self.head is None
            and connection is not None
            and (connection.refused or (connection.reused and not connection.heard))
        )
