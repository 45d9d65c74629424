"""A transport that asks a function."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from ..values.request import Request
    from ..values.response import Response

__all__ = ["MockTransport"]

MockHandler: TypeAlias = "Callable[[Request], Response | Awaitable[Response]]"


class MockTransport:
    """Answers every request of a client with a function: `Client(transport=MockTransport(handler))`.

    Policies run as ever: redirects are followed, middleware is asked. A body that is not in memory is not read; a
    handler that wants it reads `request.body.open()`.

    Args:
        handler: takes the request and gives the response, or raises what the client is to see; it may be an
            `async def`, which under a synchronous client must not wait for anything.

    Attributes:
        requests: what was asked, in order.
    """

    def __init__(self, handler: MockHandler) -> None:
        self._handler = handler
        self.requests: list[Request] = []

    def send(self, request: Request, deadline: float, /) -> Response | Awaitable[Response]:
        """Answer a request; see `courser.Transport`."""
        self.requests.append(request)
        return self._handler(request)

    def __repr__(self) -> str:
        return f"<MockTransport {len(self.requests)} requests>"
