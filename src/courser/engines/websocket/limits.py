"""How much a peer may make a WebSocket hold or do.

What is not here needs no number of its own: a frame is a part of a message, and its header alone shows that it would be
too large; nothing is allocated before it comes; an incomplete header has at most 13 bytes; and of the answers to Pings
only the newest waits.
"""

from __future__ import annotations

from ...hints import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Final

__all__ = ["MAX_STREAMS", "WEBSOCKET_LIMITS", "WebSocketLimits"]


class WebSocketLimits(NamedTuple):
    """Bounds on what is received; whatever exceeds one ends the connection with code 1009 or 1008.

    Attributes:
        message: bytes of a message, decompressed; browsers have none, aiohttp 4 MiB, websockets 1 MiB, ws 100 MiB.
        fragments: frames of one message.
    """

    message: int = 16 * 1024 * 1024
    fragments: int = 10_000


WEBSOCKET_LIMITS: Final = WebSocketLimits()

MAX_STREAMS: Final = 64
"""Deflate streams that may end within one message: each costs as much as a message of its own."""
