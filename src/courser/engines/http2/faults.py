"""What is wrong with what a peer sent, before it is known whose fault that is, and the codes that say so on the wire.

What takes frames and heads apart raises one of two faults; the engine into which the bytes came tells the peer, ends
one stream or all of them, and makes the public error, at one place.
"""

from __future__ import annotations

from enum import IntEnum

__all__ = ["ConnectionFault", "ErrorCode", "StreamFault", "code_hint", "code_name"]


class ErrorCode(IntEnum):
    """Why a stream or a connection ends, RFC 9113 section 7."""

    NO_ERROR = 0
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2
    FLOW_CONTROL_ERROR = 3
    SETTINGS_TIMEOUT = 4
    STREAM_CLOSED = 5
    FRAME_SIZE_ERROR = 6
    REFUSED_STREAM = 7
    CANCEL = 8
    COMPRESSION_ERROR = 9
    CONNECT_ERROR = 10
    ENHANCE_YOUR_CALM = 11
    INADEQUATE_SECURITY = 12
    HTTP_1_1_REQUIRED = 13


_NAMES = {code.value: code.name for code in ErrorCode}


def code_name(code: int) -> str:
    """How errors write a code; a peer may send any."""
    return _NAMES.get(code) or f"code {code}"


def code_hint(code: int) -> str:
    """What the caller can do where a code is the peer's reason; "" for nothing."""
    return "use HTTP/1.1: http2=False" if code == ErrorCode.HTTP_1_1_REQUIRED else ""


class ConnectionFault(Exception):
    """Breaks the whole connection (RFC 9113 section 5.4.1).

    Args:
        detail: what and where.
        code: what to tell the peer.
    """

    def __init__(self, detail: str, code: ErrorCode = ErrorCode.PROTOCOL_ERROR) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code


class StreamFault(Exception):
    """Breaks one stream (RFC 9113 section 5.4.2).

    Args:
        detail: what and where.
        code: what to tell the peer.
        truncated: whether a body ended before its end.
    """

    def __init__(self, detail: str, code: ErrorCode = ErrorCode.PROTOCOL_ERROR, *, truncated: bool = False) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code
        self.truncated = truncated
