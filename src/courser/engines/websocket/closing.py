"""What a Close frame holds: nothing, or a code and a reason (RFC 6455 section 5.5.1)."""

from __future__ import annotations

from ...errors import LocalProtocolError
from .codes import CloseCode, may_travel
from .events import Close
from .faults import Fault
from .frames import MAX_CONTROL
from .text import decode_text, encode_text

__all__ = ["close_payload", "fault_payload", "read_close"]

_MOST = MAX_CONTROL - 2


def close_payload(code: int | None, reason: str) -> bytes:
    """The payload of a Close of ours.

    Raises:
        LocalProtocolError: the code may not be sent, the reason has more than 123 bytes, or there is no code for it.
    """
    text = encode_text(reason)
    if code is None:
        if text:
            raise LocalProtocolError(detail="a reason needs a close code before it")
        return b""
    if not may_travel(code):
        raise LocalProtocolError(detail=f"{code} is no close code that may be sent")
    if len(text) > _MOST:
        raise LocalProtocolError(detail=f"the reason of a Close has at most {_MOST} bytes, not {len(text)}")
    return code.to_bytes(2) + text


def fault_payload(fault: Fault) -> bytes:
    """The payload of a Close that tells the peer what it did wrong."""
    return fault.code.to_bytes(2) + fault.detail[:_MOST].encode("ascii", "replace")


def read_close(payload: bytes) -> Close:
    """What the peer's Close says.

    Raises:
        Fault: it has half a code, a code that may not be sent, or a reason that is not UTF-8.
    """
    if not payload:
        return Close(CloseCode.NO_STATUS_RECEIVED, "")
    if len(payload) == 1:
        raise Fault("a Close frame with half a code")
    code = int.from_bytes(payload[:2])
    if not may_travel(code):
        raise Fault(f"a Close frame with {code}, which may not be sent")
    return Close(code, decode_text(payload[2:]))
