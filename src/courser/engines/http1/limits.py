"""How much a peer may make an engine hold or do."""

from __future__ import annotations

from ...hints import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Final

__all__ = ["MAX_EXTENSION", "MAX_EXTENSIONS", "MAX_SIZE_LINE", "WIRE_LIMITS", "WireLimits"]


class WireLimits(NamedTuple):
    """Bounds on heads and trailers, counted over reads.

    Attributes:
        line: bytes of one line, its end included; 64 KiB as in CPython's http.client.
        fields: field lines of one head; Apache has 100, aiohttp 128.
        head: bytes of one head; Chromium has 256 KiB, curl 300 KiB, h11 100 KiB.
        interim: 1xx responses before the final one.
        pipelined: bytes of further requests that a server holds while it answers one.
    """

    line: int = 65536
    fields: int = 128
    head: int = 131072
    interim: int = 32
    pipelined: int = 1048576


WIRE_LIMITS: Final = WireLimits()

MAX_EXTENSION: Final = 256
"""Bytes of chunk extensions in one chunk."""

MAX_EXTENSIONS: Final = 16384
"""Bytes of chunk extensions in one message, beyond as many as it has bytes of body (Go has the same rule)."""

MAX_SIZE_LINE: Final = 16 + MAX_EXTENSION + 2
"""Bytes of the line that starts a chunk, its end included."""
