"""Connections that carry many requests at once: how one begins, and which kind a host needs."""

from __future__ import annotations

from time import monotonic

from ..errors import ConnectError
from ..hints import TYPE_CHECKING, cast
from .http2 import HTTP2Connection

if TYPE_CHECKING:
    from typing import Any

    from ..engines.events import ResponseHead
    from .guest import Guest
    from .lane import Lane, Permit
    from .link import Link
    from .reserve import Supply
    from .waiter import Host

__all__ = ["first_guest"]


def first_guest(
    host: Host, link: Link, pool: Supply[Any], lane: Lane[Any], permit: Permit, answer: ResponseHead | None = None
) -> Guest:
    """A new connection over a link on which the peer speaks HTTP/2, and its maker's place in it.

    Args:
        host: who turns it.
        pool, lane, permit: whose it is.
        answer: the head with which an HTTP proxy opened the tunnel that the link goes through.

    Raises:
        ConnectError: the peer does not speak HTTP/2, and nothing else is allowed.
    """
    if link.encrypted and link.alpn != "h2":
        link.close()
        permit.release()
        raise ConnectError(
            phase="connect",
            detail=f"{lane.label} does not speak HTTP/2: in the TLS handshake it chose {link.alpn or 'no protocol'}",
            hint="allow HTTP/1.1 too: http1=True",
        )
    kind: type[HTTP2Connection] = HTTP2Connection
    if not host.turned:
        from .threaded import ThreadedHTTP2Connection

        kind = ThreadedHTTP2Connection
    connection = kind(link, lane, permit, monotonic(), answer)
    host.share(connection)
    guest = cast("Guest", connection.occupy())
    pool.dialled(connection, permit, lane)
    return guest
