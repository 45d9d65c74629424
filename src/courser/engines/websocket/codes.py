"""Close codes: why a WebSocket ends (RFC 6455 section 7.4, and what IANA has registered since)."""

from __future__ import annotations

from enum import IntEnum

from ...hints import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Final

__all__ = ["CloseCode", "may_travel"]


class CloseCode(IntEnum):
    """The registered codes; 3000 to 3999 are for libraries, 4000 to 4999 for applications."""

    NORMAL_CLOSURE = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    UNSUPPORTED_DATA = 1003
    NO_STATUS_RECEIVED = 1005
    ABNORMAL_CLOSURE = 1006
    INVALID_DATA = 1007
    POLICY_VIOLATION = 1008
    MESSAGE_TOO_BIG = 1009
    MANDATORY_EXTENSION = 1010
    INTERNAL_ERROR = 1011
    SERVICE_RESTART = 1012
    TRY_AGAIN_LATER = 1013
    BAD_GATEWAY = 1014
    TLS_HANDSHAKE = 1015


_LOCAL: Final = frozenset((CloseCode.NO_STATUS_RECEIVED, CloseCode.ABNORMAL_CLOSURE, CloseCode.TLS_HANDSHAKE))
"""They tell a program what happened, and are never in a frame (RFC 6455 section 7.4.1)."""

_REGISTERED: Final = frozenset(code.value for code in CloseCode if code not in _LOCAL)


def may_travel(code: int) -> bool:
    """Whether a Close frame may hold the code, in either direction: 1004 and what is not registered may not."""
    return 3000 <= code <= 4999 or code in _REGISTERED
