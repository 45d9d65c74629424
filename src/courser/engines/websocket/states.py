"""Where a WebSocket stands."""

from __future__ import annotations

from enum import Enum

__all__ = ["State"]


class State(Enum):
    """The states of RFC 6455 section 7.1, as far as frames go."""

    OPEN = "messages go both ways"
    CLOSING = "our Close was sent, the peer's has not come"
    CLOSED = "both have sent Close, or the link has ended"
    FAILED = "the peer broke the protocol or a limit"
