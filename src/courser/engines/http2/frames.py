"""Frames as bytes (RFC 9113 sections 4 and 6): numbers, sizes, and how each is packed.

A frame is nine bytes of header and a payload. The header is read and written as three numbers, of which the first
holds two: length and type together fill 32 bits.
"""

from __future__ import annotations

from struct import Struct

from ...hints import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final

__all__ = [
    "ACK",
    "CONTINUATION",
    "DATA",
    "END_HEADERS",
    "END_STREAM",
    "FRAME_SIZE",
    "GOAWAY",
    "HEADER",
    "HEADERS",
    "HEADER_SIZE",
    "LAST_ID",
    "MAX_WINDOW",
    "PADDED",
    "PING",
    "PREFACE",
    "PRIORITIZED",
    "PRIORITY",
    "PUSH_PROMISE",
    "RST_STREAM",
    "SETTINGS",
    "SETTINGS_ACK",
    "WINDOW_UPDATE",
    "goaway",
    "headers",
    "kind_name",
    "ping",
    "rst_stream",
    "settings",
    "window_update",
]

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
"""What a client sends first (RFC 9113 section 3.4)."""

DATA: Final = 0
HEADERS: Final = 1
PRIORITY: Final = 2
RST_STREAM: Final = 3
SETTINGS: Final = 4
PUSH_PROMISE: Final = 5
PING: Final = 6
GOAWAY: Final = 7
WINDOW_UPDATE: Final = 8
CONTINUATION: Final = 9

_NAMES: Final = (
    "DATA",
    "HEADERS",
    "PRIORITY",
    "RST_STREAM",
    "SETTINGS",
    "PUSH_PROMISE",
    "PING",
    "GOAWAY",
    "WINDOW_UPDATE",
    "CONTINUATION",
)

END_STREAM: Final = 0x1
ACK: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
PRIORITIZED: Final = 0x20

FRAME_SIZE: Final = 16384
"""The largest payload that each side has to take (RFC 9113 section 4.2), and all that this one takes."""

LAST_ID: Final = 2**31 - 1
"""The largest stream identifier."""

MAX_WINDOW: Final = 2**31 - 1
"""No window may be larger (RFC 9113 section 6.9.1)."""

HEADER: Final = Struct(">IBI")
"""A frame's header: length << 8 | type, flags, stream identifier."""

HEADER_SIZE: Final = 9

_pack = HEADER.pack
_pack_update = Struct(">IBII").pack
_pack_goaway = Struct(">IBIII").pack
_pack_setting = Struct(">HI").pack


def kind_name(kind: int) -> str:
    """The name of a frame type, for errors."""
    return _NAMES[kind] if kind < len(_NAMES) else f"type {kind}"


def headers(number: int, block: bytes, size: int, *, end: bool) -> bytes:
    """HEADERS, and CONTINUATION where the block does not fit into one frame.

    Args:
        number: the stream.
        block: the header block.
        size: the largest payload the peer takes.
        end: whether the stream ends with it.
    """
    flags = END_STREAM if end else 0
    if len(block) <= size:
        return _pack(len(block) << 8 | HEADERS, flags | END_HEADERS, number) + block
    parts = [_pack(size << 8 | HEADERS, flags, number), block[:size]]
    for start in range(size, len(block), size):
        piece = block[start : start + size]
        last = END_HEADERS if start + size >= len(block) else 0
        parts += (_pack(len(piece) << 8 | CONTINUATION, last, number), piece)
    return b"".join(parts)


def rst_stream(number: int, code: int) -> bytes:
    """RST_STREAM."""
    return _pack_update(4 << 8 | RST_STREAM, 0, number, code)


def settings(values: Iterable[tuple[int, int]]) -> bytes:
    """SETTINGS with (identifier, value) pairs."""
    payload = b"".join([_pack_setting(*pair) for pair in values])
    return _pack(len(payload) << 8 | SETTINGS, 0, 0) + payload


SETTINGS_ACK: Final = _pack(SETTINGS, ACK, 0)


def ping(payload: bytes, *, ack: bool = False) -> bytes:
    """PING with eight bytes."""
    return _pack(8 << 8 | PING, ACK if ack else 0, 0) + payload


def goaway(last: int, code: int, debug: bytes = b"") -> bytes:
    """GOAWAY."""
    return _pack_goaway((8 + len(debug)) << 8 | GOAWAY, 0, 0, last, code) + debug


def window_update(number: int, increment: int) -> bytes:
    """WINDOW_UPDATE, of the connection where the number is 0."""
    return _pack_update(4 << 8 | WINDOW_UPDATE, 0, number, increment)
