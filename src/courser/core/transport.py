"""The pooled transport: a request goes out on a connection from the pool, and its exchange comes back.

This is the seam below which nobody knows of policies, and above which nobody knows of connections.
"""

from __future__ import annotations

from time import monotonic

from ..errors import ClientClosed, HTTPError, LocalProtocolError, RemoteProtocolError
from ..hints import TYPE_CHECKING, cast
from .exchange import HEAD, Exchange
from .http1 import HTTP1Connection
from .lane import Lane, Permit
from .upload import Upload
from .waiter import Host, Waiter

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final

    from ..values.body import Body
    from ..values.fields import FieldBlock
    from ..values.request import Request
    from .deadline import Deadline
    from .dial import Dialer
    from .http2 import HTTP2Connection
    from .reserve import Supply
    from .route import Route
    from .send import Sending
    from .trace import Trace
    from .upload import Pieces

__all__ = ["PooledTransport"]

IDEMPOTENT: Final = frozenset(
    {"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "QUERY", "PROPFIND", "REPORT", "SEARCH"}
)
"""Methods that may be repeated without being done twice (RFC 9110 section 9.2.2, RFC 4918, RFC 10008)."""

MOST_REPEATED: Final = 10
"""Times that a request goes out again on connections that others use too: each may be one that a peer does not take on,
or that has died, and the peer may go on like that for ever. Go's HTTP/2 has 6."""

PAUSE: Final = 0.005
"""Seconds before the second of them, and twice as many before each that follows, 2.6 in all: whoever refuses all that
comes is busy, or about to go. The first goes out at once: nearly always it just meets another connection."""

EXPECTS: Final = b"\nexpect: 100-continue\r\n"
"""What asks the peer for its word before the body is sent, in lower case."""


class PooledTransport:
    """Sends requests over the connections of one pool.

    Args:
        host: who waits.
        pool: whose connections, or what stands before it.
        dialer: makes new ones.
    """

    __slots__ = ("_dialer", "host", "pool")

    def __init__(self, host: Host, pool: Supply[HTTP1Connection], dialer: Dialer) -> None:
        self.host = host
        self.pool = pool
        self._dialer = dialer

    def under(self, host: Host, pool: Supply[HTTP1Connection]) -> PooledTransport:
        """The same under another host of the same thread."""
        return PooledTransport(host, pool, self._dialer)

    async def send(
        self,
        request: Request,
        route: Route,
        deadline: Deadline,
        limit: int | None,
        goal: int = HEAD,
        sending: Sending | None = None,
    ) -> Exchange:
        """Send a request, and come back when its exchange has reached a goal.

        Args:
            request: what to send.
            route: on which way.
            deadline: the limits.
            limit: bytes of response body above which the exchange fails.
            goal: HEAD, SETTLED or COLLECTED.
            sending: the call, which takes the cookies that the response sets.

        Raises:
            TransportError: or one of its kinds.
            InvalidRequest: the header fields contradict the body.
        """
        host, pool = self.host, self.pool
        lane = pool.lanes.get(route) or pool.lane(route)
        body = request.body
        length = -1 if body is None else request.framing()
        extensions = request.extensions
        tell: Any = None
        protocol: str | None = None
        trailers: Callable[[], FieldBlock] | None = None
        if extensions:
            tell = extensions.get("informational")
            protocol = extensions.get("protocol")
            if extensions.get("trailers") is not None:
                from .trailing import checked_trailers

                trailers = checked_trailers(request, length)
        upload: Upload | None = None
        opened: Pieces | None = None
        repeated = 0
        make: Callable[..., Exchange] = Exchange
        trace = deadline.trace
        if trace is not None:
            make = trace.exchange
            await trace.begin(request)
        while True:
            connection = pool.take(lane)
            if connection is None or not connection.usable(pool.limits, deadline.started):
                try:
                    connection = await self._acquire(connection, lane, deadline)
                except BaseException as error:
                    await _failed(error, request, trace)
                    raise
            if connection.shares:
                guest: Any = connection
                if host.blocking and host.reactor is not None:
                    host.adopt(connection)
                try:
                    if request.method not in IDEMPOTENT and not await guest.lives(host, deadline):
                        connection.decline()
                        continue
                    if protocol is not None:
                        await guest.settled(host, deadline)
                    entertained: Exchange | None = guest.entertain(trace, pool, lane, deadline, limit)
                    if entertained is None:
                        repeated += 1
                        if await self._pause(repeated, deadline):
                            continue
                        raise RemoteProtocolError(
                            detail=f"{lane.label} ends each connection before it takes the request", phase="read"
                        )
                except BaseException as error:
                    connection.close()
                    await _failed(error, request, trace)
                    raise
                exchange = entertained
            else:
                if protocol is not None:
                    pool.put(connection, lane)
                    raise LocalProtocolError(detail="the server has chosen HTTP/1.1", request=request)
                if connection.reactor is not host.reactor or connection.fd < 0:
                    host.adopt(connection)
                exchange = make(connection, pool, lane, deadline, limit)
            exchange.request = request
            try:
                if body is not None and body.data is None and opened is None and "expect" not in request.headers:
                    opened = body.open()  # what cannot be opened is told before anything is sent
                head = connection.begin(exchange, request, length)
                if body is None:
                    connection.write(head)
                elif EXPECTS in head.lower():
                    from .expectation import ask

                    if await ask(exchange, connection, head, host, tell):
                        upload = self._upload(exchange, connection, b"", body, None, trailers)
                else:
                    pieces, opened = opened, None
                    upload = self._upload(exchange, connection, head, body, pieces, trailers)
                if tell is None:
                    await exchange.until(host, goal)
                else:
                    from .interim import until_told

                    await until_told(exchange, host, goal, tell)
                answer = exchange.head
                if answer is not None and answer.sets_cookies and sending is not None:
                    sending.keep(request, answer.fields)
                if body is not None and answer is not None and answer.status == 417:
                    from .expectation import unexpecting

                    plainer = unexpecting(request)
                    if plainer is not None:
                        exchange.abort()
                        if upload is not None:
                            await upload.gone(host)
                        if trace is not None:
                            await trace.tell("retry", detail="without Expect")
                            await trace.begin(plainer)
                        request, upload = plainer, None
                        continue
                return exchange
            except BaseException as error:
                again = error is exchange.error and exchange.died_unheard()
                again = again and _repeatable(request, exchange, connection.refused, opened is not None)
                exchange.abort()
                if upload is not None:
                    await upload.gone(host)
                if again and connection.shares:
                    repeated += 1
                    try:
                        again = await self._pause(repeated, deadline)
                    except BaseException as struck:
                        await _failed(struck, request, trace)
                        raise
                if again:
                    if trace is not None:
                        await trace.tell("retry", error=error)
                    continue
                await _failed(error, request, trace)
                raise

    async def _pause(self, repeated: int, deadline: Deadline) -> bool:
        """Wait before a request goes out once more on a connection that others use too; tell whether it may."""
        if repeated < 2:
            return True
        waiter = Waiter()
        waiter.deadline = monotonic() + PAUSE * 2 ** (repeated - 2)
        if repeated > MOST_REPEATED or waiter.deadline >= deadline.final:
            return False
        self.host.arm(waiter)
        await self.host.wait(waiter)
        return True

    # Getting a connection

    async def _acquire(
        self, connection: HTTP1Connection | None, lane: Lane[HTTP1Connection], deadline: Deadline
    ) -> HTTP1Connection:
        """A live connection: an idle one, a new one, or one that somebody gives back, whichever may be had first."""
        pool = self.pool
        while True:
            while connection is not None:
                if connection.usable(pool.limits, monotonic()):
                    return connection
                connection.decline()
                connection = pool.take(lane)
            if pool.closed:
                raise ClientClosed()
            permit = pool.open(lane)
            if permit is None:
                connection, permit = await self._queue(lane, deadline)
            if permit is not None:
                return await self._dial(lane, permit, deadline)

    async def _queue(
        self, lane: Lane[HTTP1Connection], deadline: Deadline
    ) -> tuple[HTTP1Connection | None, Permit | None]:
        pool, host = self.pool, self.host
        began = monotonic()
        ticket = pool.queue(lane)
        try:
            # Who wants a place turns what may give it; where there are few guests, a place may be free already.
            shared = min(cast("list[HTTP2Connection]", lane.shared), key=lambda each: len(each.guests), default=None)
            if shared is not None:
                ticket.source = shared.source
            ticket.deadline = deadline.within(deadline.timeout.pool, monotonic())
            host.arm(ticket)
            await host.wait(ticket)
            connection, ticket.connection = ticket.connection, None
            permit, ticket.permit = ticket.permit, None
        finally:
            pool.leave_queue(ticket, lane)
        if connection is None and permit is None and ticket.expired:
            raise deadline.error("pool", lane.label)
        if deadline.trace is not None:
            await deadline.trace.tell("wait", seconds=monotonic() - began)
        return connection, permit

    async def _dial(self, lane: Lane[HTTP1Connection], permit: Permit, deadline: Deadline) -> HTTP1Connection:
        try:
            if lane.route.proxies:
                from .forward import connect

                return await connect(self._dialer, self.host, self.pool, lane, permit, deadline)
            link = await self._dialer.dial(self.host, lane.route, deadline, lane.session)
        except BaseException as error:
            if isinstance(error, Exception):
                lane.failed = True
            permit.release()
            raise
        if lane.route.speaks_http2(link.alpn):
            from .plural import first_guest

            return cast("HTTP1Connection", first_guest(self.host, link, self.pool, lane, permit))
        made = HTTP1Connection(link, lane, permit, monotonic())
        self.pool.dialled(made, permit, lane)
        return made

    # Sending a body

    def _upload(
        self,
        exchange: Exchange,
        connection: HTTP1Connection,
        head: bytes,
        body: Body,
        pieces: Pieces | None,
        trailers: Callable[[], FieldBlock] | None,
    ) -> Upload | None:
        """Send the head and what can go with it at once; gives what is left."""
        data = body.data
        if data is not None:
            connection.send_whole(head, data)
            if not connection.pending:
                return None
            exchange.upload = upload = Upload(exchange, None)
            if connection.pending:
                return upload
            exchange.upload = None  # another thread has sent it meanwhile, and has told nobody
            return None
        exchange.upload = upload = Upload(exchange, body.open() if pieces is None else pieces, trailers)
        if head:
            connection.write(head)
        if not (self.host.blocking or upload.stopped):
            upload.start(self.host)
        return upload


async def _failed(error: BaseException, request: Request, trace: Trace | None) -> None:
    """Say which request an error is about, and tell of it."""
    if isinstance(error, HTTPError) and error.request is None:
        error.request = request
    if trace is not None:
        await trace.failed(error)


def _repeatable(request: Request, exchange: Exchange, refused: bool, unread: bool) -> bool:
    """Whether a request may go out once more: one whose connection died before a byte of the response came, or which
    the peer has surely not acted upon (RFC 9113 section 8.7).
    """
    body = request.body
    if body is not None and body.spent and not unread:
        return False
    return refused or exchange.withheld or request.method in IDEMPOTENT or exchange.bytes_sent == 0
