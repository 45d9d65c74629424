"""What a trace function is told: one small record for each thing that happens to a request."""

from __future__ import annotations

from ..errors import HTTPError
from ..hints import TYPE_CHECKING, NamedTuple
from .redaction import bounded

if TYPE_CHECKING:
    from collections.abc import Container
    from typing import Final, Literal, TypeAlias

    from ..policies.flow import Answer
    from .request import Request

    EventName: TypeAlias = Literal[
        "request", "wait", "dns", "connect", "proxy", "tls", "created", "reused", "sending", "sent", "interim", "head",
        "bytes", "end", "redirect", "retry", "error", "closed",
    ]  # fmt: skip

__all__ = ["TraceEvent"]

SHOWN_MOST: Final = 400
"""Characters of an event as text; a URL may have 65536."""


class TraceEvent(NamedTuple):
    """Something that has happened on the way of a request.

    Attributes:
        name: what; docs/inside/tracing.md has the table.
        at: when, in seconds on the monotonic clock.
        request: the request on whose way it happened; None where a connection was closed that carried none.
        connection: the number of the connection in this process, where one is concerned.
        seconds: how long that took which has ended with this, where something has.
        size: bytes that were sent or received.
        response: the response, of which the head is there; whoever keeps it keeps its connection.
        error: what went wrong.
        detail: what else there is to say; it holds no secrets.
        secrets: with `request`: names, in lower case, of the fields whose values the client keeps to itself, besides
            those that are always taken for secret; see `sensitive_headers`.
    """

    name: EventName
    at: float
    request: Request | None = None
    connection: int | None = None
    seconds: float | None = None
    size: int | None = None
    response: Answer | None = None
    error: BaseException | None = None
    detail: str = ""
    secrets: Container[str] = ()

    def __str__(self) -> str:
        """One line without secrets, such as `head #1 GET http://a.example/ 200 OK`."""
        parts: list[str] = [self.name]
        if self.connection is not None:
            parts.append(f"#{self.connection}")
        if self.request is not None:
            parts.append(f"{self.request.method} {self.request.url.redacted()}")
        if self.detail:
            parts.append(self.detail)
        if self.size is not None:
            parts.append(f"{self.size} bytes")
        if self.seconds is not None:
            parts.append(f"{self.seconds * 1000:.1f} ms")
        if self.error is not None:
            parts.append(_told(self.error))
        return bounded(" ".join(parts), SHOWN_MOST)

    def __repr__(self) -> str:
        return f"<TraceEvent {self}>"


def _told(error: BaseException) -> str:
    """An error without secrets: only the text of our own is known to hold none."""
    name = type(error).__name__
    return f"{name}: {error.detail}" if isinstance(error, HTTPError) and error.detail else name
