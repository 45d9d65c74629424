"""Frames as bytes (RFC 6455 section 5.2).

The first byte holds FIN, three reserved bits and the opcode; the second whether the payload is masked, and its length
or how many bytes say it; then come those bytes, the masking key where there is one, and the payload.
"""

from __future__ import annotations

from ...hints import TYPE_CHECKING, NamedTuple
from .faults import Fault
from .masking import LARGE, keys, mask, mask_in_place

if TYPE_CHECKING:
    from typing import Final

    from .events import Frame

__all__ = [
    "BINARY",
    "CLOSE",
    "CONTINUATION",
    "CONTROL",
    "FIN",
    "MASKED",
    "MAX_CONTROL",
    "MAX_HEADER",
    "OPCODE",
    "PING",
    "PONG",
    "RSV",
    "RSV1",
    "TEXT",
    "Header",
    "build_control",
    "build_frame",
    "opcode_name",
    "read_header",
]

CONTINUATION: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA

FIN: Final = 0x80
RSV1: Final = 0x40
RSV: Final = 0x70
CONTROL: Final = 0x08
"""The bit that all opcodes of control frames have."""
OPCODE: Final = 0x0F
"""The bits of the first byte that are the opcode."""
MASKED: Final = 0x80
"""The bit of the second byte."""

MAX_CONTROL: Final = 125
"""Bytes that a control frame may carry."""
MAX_HEADER: Final = 14
"""Bytes of the largest header."""

_NAMES: Final = {
    CONTINUATION: "a continuation",
    TEXT: "a text",
    BINARY: "a binary",
    CLOSE: "a Close",
    PING: "a Ping",
    PONG: "a Pong",
}


def opcode_name(opcode: int) -> str:
    """How errors write an opcode, with its article."""
    return _NAMES.get(opcode) or f"a reserved (opcode {opcode})"


def build_frame(first: int, payload: bytes, masked: bool) -> Frame:
    """A whole frame.

    Args:
        first: its first byte.
        payload: the payload, not yet masked.
        masked: whether to mask it, with a key that nobody can foresee (RFC 6455 section 10.3).
    """
    size = len(payload)
    header = _header(first, size, MASKED if masked else 0)
    if not masked:
        return header + payload
    key = next(keys.ready, None) or keys.more()
    if size < LARGE:
        return b"".join((header, key, mask(payload, key)))
    frame = bytearray().join((header, key, payload))
    mask_in_place(frame, key, len(header) + len(key))
    return frame


def build_control(opcode: int, payload: bytes, masked: bool) -> bytes:
    """A whole control frame; see `build_frame`."""
    return bytes(build_frame(FIN | opcode, payload, masked))


def _header(first: int, size: int, bit: int) -> bytes:
    if size < 126:
        return bytes((first, bit | size))
    if size < 65536:
        return bytes((first, bit | 126, size >> 8, size & 0xFF))
    return bytes((first, bit | 127)) + size.to_bytes(8)


class Header(NamedTuple):
    """What stands before a payload.

    Attributes:
        first: the first byte.
        length: bytes of payload.
        key: what masks them, None where they are not masked.
        size: bytes of the header itself.
    """

    first: int
    length: int
    key: bytes | None
    size: int


def read_header(data: bytes) -> Header | None:
    """The header at the beginning of the data; None as long as it is not all there.

    Raises:
        Fault: its length is written with more bytes than it needs, or has 64 bits.
    """
    if len(data) < 2:
        return None
    second = data[1]
    length = second & 0x7F
    size = 2 if length < 126 else 4 if length == 126 else 10
    end = size + 4 if second & MASKED else size
    if len(data) < end:
        return None
    if size > 2:
        written = int.from_bytes(data[2:size])
        if written < 126 or (size == 10 and written < 65536):
            raise Fault(f"a length of {written} bytes that is written with more bytes than it needs")
        if written >> 63:
            raise Fault("a length of 64 bits")
        length = written
    return Header(data[0], length, data[size:end] if second & MASKED else None, end)
