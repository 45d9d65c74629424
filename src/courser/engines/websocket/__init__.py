"""WebSocket (RFC 6455) with permessage-deflate (RFC 7692) without I/O: bytes in, messages out, in both roles."""

from __future__ import annotations

from .accepting import Answer, answer_connect, answer_upgrade
from .codes import CloseCode
from .deflate import Deflate
from .engine import WebSocketEngine
from .events import Close, Ping, Pong
from .handshake import Agreement, Handshake
from .limits import WEBSOCKET_LIMITS, WebSocketLimits
from .states import State

__all__ = [
    "WEBSOCKET_LIMITS",
    "Agreement",
    "Answer",
    "Close",
    "CloseCode",
    "Deflate",
    "Handshake",
    "Ping",
    "Pong",
    "State",
    "WebSocketEngine",
    "WebSocketLimits",
    "answer_connect",
    "answer_upgrade",
]
