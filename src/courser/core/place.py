"""A place: one client under one host. It picks who answers a request: a transport of the user's, or the pool."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine

from ..errors import HTTPError, InvalidRequest, LocalProtocolError, WebSocketError
from ..hints import TYPE_CHECKING, Protocol
from ..values.response import Response
from ..values.url import as_websocket
from .reply import Reply, StaticReply
from .transport import PooledTransport
from .waiter import Host, Interrupted

if TYPE_CHECKING:
    from typing import Any

    from ..values.request import Request
    from .dial import Dialer
    from .http1 import HTTP1Connection
    from .mounts import Mounts
    from .pool import Pool
    from .reserve import Supply
    from .route import Route, Routes
    from .send import Sending

__all__ = ["Place", "Transport"]


class Transport(Protocol):
    """Answers requests: the seam below the policies, for mocks, applications, replay.

    An implementation has to answer every request that it is given or raise one of this library's errors, must not
    change the request, and must give a response whose content is not encoded. It is called by any number of tasks
    and threads at once.
    """

    def send(self, request: Request, deadline: float, /) -> Response | Awaitable[Response]:
        """Answer a request.

        Args:
            request: the request.
            deadline: when the answer must be there, on the monotonic clock; infinite where there is no limit.
        """
        ...


class Place:
    """Where the requests of a client go under one host.

    Args:
        host: who waits.
        pool: the connections.
        dialer: makes new ones.
        routes: says on which way a URL is reached.
        mounts: transports of the user's by pattern.
    """

    __slots__ = ("_dialer", "_mounts", "_routes", "_transport", "host", "pool")

    def __init__(
        self,
        host: Host,
        pool: Pool[HTTP1Connection],
        dialer: Dialer,
        routes: Routes,
        mounts: Mounts[Transport | None] | None,
    ) -> None:
        self.host = host
        self.pool = pool
        self._dialer = dialer
        self._routes = routes
        self._mounts = mounts
        self._transport = PooledTransport(host, pool, dialer)

    def under(self, host: Host, supply: Supply[HTTP1Connection]) -> Place:
        """The same under another host of the same thread, with the pool or what stands before it."""
        other = Place.__new__(Place)
        other.host = host
        other.pool = self.pool
        other._dialer = self._dialer
        other._routes = self._routes
        other._mounts = self._mounts
        other._transport = self._transport.under(host, supply)
        return other

    def exchange(self, request: Request, sending: Sending) -> Coroutine[Any, Any, Reply]:
        """Send a request by whoever answers its URL, with the cookies that belong to it."""
        if sending.cookies is not None:
            request = sending.cookies.dress(request)
        mounts = self._mounts
        if mounts is not None:
            transport = mounts.find(request.url)
            if transport is not None:
                return _ask(transport, request, sending)
        url, tls, rules, routes = request.url, sending.tls, sending.rules, self._routes
        if tls is None and rules is None:
            route = routes.known.get(url.origin) or routes.get(url)
        else:
            route = routes.make(url, routes.tls if tls is None else tls.at(request), rules)
        if route.proxies:
            from .forward import send_proxied

            return send_proxied(self._transport, self._dialer.digests, request, route, sending)
        return self._transport.send(request, route, sending.deadline, sending.limit, sending.goal, sending)

    async def upgrade(self, request: Request, sending: Sending) -> Reply:
        """Send the handshake of a WebSocket: over HTTP/2 where a connection is open on which that is known to work, or
        where nothing else is allowed, and over HTTP/1.1 else.

        Raises:
            InvalidRequest: a transport answers the URL.
            WebSocketError: nothing but HTTP/2 is allowed, and the server takes no WebSockets over that.
        """
        if sending.cookies is not None:
            request = sending.cookies.dress(request)
        url, routes = request.url, self._routes
        if self._mounts is not None and self._mounts.find(url) is not None:
            raise InvalidRequest(
                detail="a transport of the client answers this URL, and gives whole responses",
                hint="a WebSocket needs a network",
                request=request,
            )
        tls = routes.tls if sending.tls is None else sending.tls.at(request)
        usual = routes.make(url, tls, sending.rules)
        alone = usual.protocols == ("h2",)
        if alone or self._extends(usual):
            from .extended import as_connect

            try:
                return await self._on(usual, as_connect(request), sending)
            except LocalProtocolError as error:
                if alone:
                    raise WebSocketError(
                        detail="the server takes no WebSockets over HTTP/2", hint="allow HTTP/1.1: http1=True"
                    ) from error
        return await self._on(routes.make(as_websocket(url), tls, sending.rules), request, sending)

    def _extends(self, route: Route) -> bool:
        """Whether there is a connection on which WebSockets are known to have streams (RFC 8441 section 3)."""
        lane = self.pool.lanes.get(route)
        shared: list[Any] = [] if lane is None else list(lane.shared)
        return any(each.engine.peer.connects and not each.draining for each in shared)

    async def _on(self, route: Route, request: Request, sending: Sending) -> Reply:
        if route.proxies:
            from .forward import send_proxied

            return await send_proxied(self._transport, self._dialer.digests, request, route, sending)
        return await self._transport.send(request, route, sending.deadline, sending.limit, sending.goal, sending)


async def _ask(transport: Transport, request: Request, sending: Sending) -> Reply:
    host, deadline = sending.host, sending.deadline
    trace = deadline.trace
    if trace is not None:
        await trace.begin(request)
    try:
        answer = transport.send(request, deadline.final)
        if not isinstance(answer, Awaitable):
            await host.checkpoint()
        else:
            try:
                answer = await host.pull(answer, deadline.waiter(host))
            except Interrupted:
                raise deadline.error("read", "the transport") from None
        answer = _checked(transport, answer)
    except BaseException as error:
        if isinstance(error, HTTPError) and error.request is None:
            error.request = request
        if trace is not None:
            await trace.failed(error)
        raise
    reply = StaticReply.of(answer, request)
    if reply.final.sets_cookies:
        sending.keep(request, reply.final.fields)
    if trace is not None:
        await trace.answered(reply, len(answer.content))
    return reply


def _checked(transport: Transport, answer: object) -> Response:
    if isinstance(answer, Response):
        return answer
    raise TypeError(f"{type(transport).__name__}.send returned {answer!r}, which is not a courser.Response")
