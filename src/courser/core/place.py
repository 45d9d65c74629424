"""A place: one client under one host. It picks who answers a request: a transport of the user's, or the pool."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine
from time import monotonic

from ..engines.events import ResponseHead
from ..errors import HTTPError
from ..hints import TYPE_CHECKING, Protocol
from ..values.response import Response
from .reply import Reply, StaticReply
from .transport import PooledTransport
from .waiter import FOREVER, Host, Interrupted, Waiter

if TYPE_CHECKING:
    from typing import Any

    from ..values.request import Request
    from .deadline import Deadline
    from .dial import Dialer
    from .http1 import HTTP1Connection
    from .mounts import Mounts
    from .pool import Pool
    from .reserve import Supply
    from .route import Routes
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

    __slots__ = ("_mounts", "_routes", "_transport", "host", "pool")

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
        self._routes = routes
        self._mounts = mounts
        self._transport = PooledTransport(host, pool, dialer)

    def under(self, host: Host, supply: Supply[HTTP1Connection]) -> Place:
        """The same under another host of the same thread, with the pool or what stands before it."""
        other = Place.__new__(Place)
        other.host = host
        other.pool = self.pool
        other._routes = self._routes
        other._mounts = self._mounts
        other._transport = self._transport.under(host, supply)
        return other

    def exchange(self, request: Request, sending: Sending) -> Coroutine[Any, Any, Reply]:
        """Send a request by whoever answers its URL."""
        mounts = self._mounts
        if mounts is not None:
            transport = mounts.find(request.url)
            if transport is not None:
                return _ask(transport, request, sending.host, sending.deadline)
        url, tls, routes = request.url, sending.tls, self._routes
        route = (routes.known.get(url.origin) or routes.get(url)) if tls is None else routes.make(url, tls)
        return self._transport.send(request, route, sending.deadline, sending.limit, sending.goal)


async def _ask(transport: Transport, request: Request, host: Host, deadline: Deadline) -> Reply:
    try:
        answer = transport.send(request, deadline.final)
        if not isinstance(answer, Awaitable):
            await host.checkpoint()
        else:
            limit = Waiter()
            limit.deadline = deadline.final
            if limit.deadline < FOREVER:
                host.arm(limit)
            try:
                answer = await host.pull(answer, limit)
            except Interrupted:
                raise deadline.error("read", "the transport") from None
    except HTTPError as error:
        if error.request is None:
            error.request = request
        raise
    answer = _checked(transport, answer)
    head = ResponseHead(
        answer.status_code,
        answer.reason_phrase.encode("latin-1", "replace"),
        answer.http_version.removeprefix("HTTP/").encode("ascii"),
        answer.headers.encode(),
        len(answer.content),
        None,
        True,
    )
    return StaticReply(head, answer.content, request, monotonic())


def _checked(transport: Transport, answer: object) -> Response:
    if isinstance(answer, Response):
        return answer
    raise TypeError(f"{type(transport).__name__}.send returned {answer!r}, which is not a courser.Response")
