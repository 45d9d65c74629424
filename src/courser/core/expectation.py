"""`Expect: 100-continue` (RFC 9110 section 10.1.1): a body that waits for the peer's word.

The head goes out alone. An answer of 300 or above means that the body is not wanted: it is not even opened, and the
connection is closed after the response, for a peer that goes on reading would take the next request for the body
(RFC 9112 section 9.5; CVE-2024-24791 of Go). 100 (Continue), and no word at all for a second, mean that it is sent.
417 says that the peer does not know of expectations: the request goes out once more without.
"""

from __future__ import annotations

from ..hints import TYPE_CHECKING
from .exchange import ALLOWED

if TYPE_CHECKING:
    from typing import Any

    from ..engines.events import ResponseHead
    from ..values.request import Request
    from .exchange import Carrier, Exchange
    from .waiter import Host

__all__ = ["ask", "unexpecting"]


async def ask(exchange: Exchange, connection: Carrier, head: bytes, host: Host, tell: Any) -> bool:
    """Send the head alone, and wait for what the peer says to it.

    Args:
        exchange: what has begun.
        connection: what carries it.
        head: what to send.
        host: who waits.
        tell: takes interim responses, None where nobody wants them.

    Returns:
        Whether the body is to be sent.

    Raises:
        HTTPError: the exchange failed.
    """

    def take(interim: ResponseHead) -> bool:
        if interim.status != 100:
            return False
        exchange.reach()
        return True

    exchange.withheld = True
    exchange.informational = take
    connection.write(head)
    try:
        if tell is None:
            await exchange.until(host, ALLOWED)
        else:
            from .interim import until_told

            await until_told(exchange, host, ALLOWED, tell)
    finally:
        exchange.informational = None  # `take` holds the exchange, which would hold itself
    exchange.sent_at = 0.0  # that was the head
    if exchange.is_refused:
        connection.forgo()
        return False
    exchange.withheld = False
    return True


def unexpecting(request: Request) -> Request | None:
    """The request to send after a 417 (Expectation Failed): the same without Expect; None where there is none."""
    if "expect" not in request.headers or request.body is None or request.body.spent:
        return None
    plainer = request.copy()
    del plainer.headers["expect"]
    return plainer
