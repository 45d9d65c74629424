"""WebSocket frames as bytes, written down from RFC 6455 section 5.2 without a thought of speed."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import NamedTuple

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
FIN, RSV1, RSV2, RSV3 = 0x80, 0x40, 0x20, 0x10

KEY = b"\x37\xfa\x21\x3d"
"""The key of the examples in RFC 6455 section 5.7."""


class Frame(NamedTuple):
    """A frame that was parsed: its first byte, its payload without mask, its key."""

    first: int
    payload: bytes
    key: bytes | None = None


def xor(data: bytes, key: bytes) -> bytes:
    """RFC 6455 section 5.3."""
    return bytes(byte ^ key[at % 4] for at, byte in enumerate(data))


def frame(first: int, payload: bytes = b"", key: bytes | None = None) -> bytes:
    """A frame with the shortest length there is."""
    size = len(payload)
    bit = 0 if key is None else 0x80
    if size < 126:
        length = bytes((bit | size,))
    elif size < 65536:
        length = bytes((bit | 126,)) + size.to_bytes(2, "big")
    else:
        length = bytes((bit | 127,)) + size.to_bytes(8, "big")
    return bytes((first,)) + length + (payload if key is None else key + xor(payload, key))


def close(code: int, reason: bytes = b"", key: bytes | None = None) -> bytes:
    """A Close frame."""
    return frame(FIN | CLOSE, code.to_bytes(2, "big") + reason, key)


def parse(data: bytes) -> list[Frame]:
    """All frames of the data, which must hold nothing else."""
    frames: list[Frame] = []
    while data:
        size, start = data[1] & 0x7F, 2
        if size == 126:
            size, start = int.from_bytes(data[2:4], "big"), 4
        elif size == 127:
            size, start = int.from_bytes(data[2:10], "big"), 10
        key = None
        if data[1] & 0x80:
            key = data[start : start + 4]
            start += 4
        payload = data[start : start + size]
        assert len(payload) == size, "a frame that is cut off"
        frames.append(Frame(data[0], payload if key is None else xor(payload, key), key))
        data = data[start + size :]
    return frames


def cuts(data: bytes) -> Iterator[list[bytes]]:
    """Whole, byte by byte, and at every split."""
    yield [data]
    yield [data[at : at + 1] for at in range(len(data))]
    for at in range(1, len(data)):
        yield [data[:at], data[at:]]


def deflated(data: bytes, bits: int = 15) -> bytes:
    """A compressed message that stands for itself, without its tail (RFC 7692 section 7.2.1)."""
    compressor = zlib.compressobj(wbits=-bits)
    return (compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]
