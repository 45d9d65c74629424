"""Interim responses (RFC 9110 section 15.2), shown to whom they are of interest: 103 (Early Hints) above all."""

from __future__ import annotations

from time import monotonic

from ..hints import TYPE_CHECKING
from ..values.response import Response

if TYPE_CHECKING:
    from typing import Any

    from ..engines.events import ResponseHead
    from .exchange import Exchange
    from .waiter import Host

__all__ = ["until_told"]


async def until_told(exchange: Exchange, host: Host, goal: int, tell: Any) -> None:
    """Wait until a goal is reached, and call a function of the caller's with every interim response meanwhile.

    It is called where the caller waits, not where bytes come in: what it raises is raised there.

    Args:
        exchange: what is under way.
        host: who waits.
        goal: see `Exchange.until`.
        tell: takes a response without a body.

    Raises:
        TypeError: it cannot be called.
        HTTPError: the exchange failed.
    """
    if not callable(tell):
        raise TypeError(f'extensions: "informational" is a function of a response, not {tell!r}')
    heads: list[ResponseHead] = []
    before = exchange.informational
    reached = False

    def take(head: ResponseHead) -> None:
        nonlocal reached
        if before is not None and before(head):
            reached = True
        heads.append(head)
        exchange.reach()

    exchange.informational = take
    try:
        await exchange.until(host, goal)
        while heads:
            for head in heads:
                tell(_shown(head, exchange))
            heads.clear()
            if not reached:
                await exchange.until(host, goal)
    finally:
        exchange.informational = before  # `take` holds the exchange, which would hold itself


def _shown(head: ResponseHead, exchange: Exchange) -> Response:
    version, now = "HTTP/" + head.version.decode("ascii"), monotonic()
    times = (exchange.limits.started, now, now, exchange.sent_at, exchange.opening, now)
    return Response.assemble(head.status, head.reason, version, head.fields, exchange.request, times, "utf-8", b"", b"")
