"""WebSocket (RFC 6455) with permessage-deflate (RFC 7692) without I/O: bytes in, messages out, in both roles."""

from __future__ import annotations

from .codes import CloseCode
from .deflate import Deflate
from .engine import WebSocketEngine
from .events import Close, Ping, Pong
from .limits import WEBSOCKET_LIMITS, WebSocketLimits
from .states import State

__all__ = [
    "WEBSOCKET_LIMITS",
    "Close",
    "CloseCode",
    "Deflate",
    "Ping",
    "Pong",
    "State",
    "WebSocketEngine",
    "WebSocketLimits",
]
