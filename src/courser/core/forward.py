"""Requests through proxies: what an HTTP proxy that is given whole requests is told, and what never goes elsewhere."""

from __future__ import annotations

from time import monotonic
from weakref import ref

from ..errors import InvalidRequest
from ..hints import TYPE_CHECKING, cast
from ..values.fields import FieldBlock
from .dial import Dial
from .http1 import HTTP1Connection

if TYPE_CHECKING:
    from typing import Any

    from ..engines.events import ResponseHead
    from ..values.request import Request
    from .deadline import Deadline
    from .dial import Dialer
    from .digests import Digests
    from .exchange import Exchange
    from .lane import Lane, Permit
    from .link import Link
    from .reply import Reply
    from .reserve import Supply
    from .route import ProxyHop, Route
    from .send import Sending
    from .transport import PooledTransport
    from .waiter import Host

__all__ = ["ForwardedConnection", "TunnelledConnection", "connect", "send_proxied"]


class ForwardedConnection(HTTP1Connection):
    """A connection to a proxy that sends requests on: each names its server, and says to the proxy who asks.

    Args:
        hop: the proxy.
        digests: answers its challenges.
        at: what `HTTP1Connection` takes.
    """

    __slots__ = ("_digests", "_hop", "_lines")

    def __init__(self, hop: ProxyHop, digests: Digests, *at: Any) -> None:
        super().__init__(*at)
        self._hop = hop
        self._digests = digests
        self._lines = hop.headers.splitlines(keepends=True)

    def begin(self, exchange: Exchange, request: Request, length: int | None) -> bytes:
        self.exchange = ref(exchange)
        exchange.ends = self.ends
        self.heard = False
        method, target, host, fields = request.wire()
        absolute = b"http://%b%b" % (request.url.authority, target)
        lines = self._lines
        if self._hop.credentials is not None:
            lines = [*lines, self._digests.line(self._hop, request.method, absolute, request.body)]
        return self.engine.start(method, absolute, host, _completed(fields, lines), length)


def _completed(fields: FieldBlock, lines: list[bytes]) -> FieldBlock:
    """The fields of a request, and those for the proxy that the caller has not set for this very request."""
    present = b"\n" + fields.lower()
    added = [line for line in lines if b"\n" + line.partition(b":")[0].lower() + b":" not in present]
    return FieldBlock(fields + b"".join(added))


class TunnelledConnection(HTTP1Connection):
    """A connection through a tunnel that an HTTP proxy has opened.

    Args:
        answer: the head with which it did.
        at: what `HTTP1Connection` takes.
    """

    __slots__ = ("_answer",)

    def __init__(self, answer: ResponseHead, *at: Any) -> None:
        super().__init__(*at)
        self._answer = answer

    def begin(self, exchange: Exchange, request: Request, length: int | None) -> bytes:
        exchange.proxied = self._answer
        return super().begin(exchange, request, length)


async def connect(
    dialer: Dialer,
    host: Host,
    pool: Supply[HTTP1Connection],
    lane: Lane[HTTP1Connection],
    permit: Permit,
    deadline: Deadline,
) -> HTTP1Connection:
    """A new connection on a route with proxies; see `Dialer.dial`."""
    dial = Dial(dialer, host, lane.route, deadline)
    link: Link = await dial.link(lane.session)
    if lane.route.speaks_http2(link.alpn):
        from .plural import first_guest

        return cast("HTTP1Connection", first_guest(host, link, pool, lane, permit, dial.answer))
    at = (link, lane, permit, monotonic())
    forwarder = lane.route.forwarder
    if forwarder is not None:
        made: HTTP1Connection = ForwardedConnection(forwarder, dialer.digests, *at)
    elif dial.answer is not None:
        made = TunnelledConnection(dial.answer, *at)
    else:
        made = HTTP1Connection(*at)
    pool.dialled(made, permit, lane)
    return made


async def send_proxied(
    transport: PooledTransport, digests: Digests, request: Request, route: Route, sending: Sending
) -> Reply:
    """Send a request on a route with proxies; once more where the proxy asks who we are, and we can tell.

    Raises:
        InvalidRequest: it holds what is meant for a proxy, and the proxy would pass it on unseen.
        BodyNotReplayable: the proxy asks, and the body cannot be sent again.
    """
    hop = route.forwarder
    if hop is None and "proxy-authorization" in request.headers:
        raise InvalidRequest(
            detail=f"the header Proxy-Authorization would reach the server: what {route.proxies[-1].url} passes on, "
            "it does not read",
            hint="give it to the proxy: Proxy(url, auth=(user, password)) or Proxy(url, headers={...})",
            request=request,
        )
    at = (request, route, sending.deadline, sending.limit, sending.goal, sending)
    reply = await transport.send(*at)
    if hop is None or "proxy-authorization" in request.headers:
        return reply
    if not digests.challenged(hop, reply.status_code, reply.headers):
        return reply
    if request.body is not None and request.body.spent:
        reply.abort()
        raise request.body.refusal(
            "the proxy asks for Digest authentication",
            hint="send a GET first: the proxy's next challenge is then known",
            request=request,
        )
    await reply.discard(sending.host)
    return await transport.send(*at)
