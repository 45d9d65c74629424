"""How much a peer may make an HTTP/2 engine hold or do."""

from __future__ import annotations

from ...hints import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Final

__all__ = ["HTTP2_LIMITS", "PERIOD", "HTTP2Limits"]

PERIOD: Final = 10.0
"""Seconds in which frames are counted."""


class HTTP2Limits(NamedTuple):
    """Bounds on heads, windows, and on frames that cost the sender little.

    Numbers of frames hold for 10 seconds. Where they are exceeded, the connection ends with ENHANCE_YOUR_CALM. Of those
    that our own frames bring about (`pings`, `updates`, `others`), 10 more may come for each DATA frame sent, as Envoy
    has it for WINDOW_UPDATE, and 4 for each stream. A peer renews windows by the bytes that it has read, in whatever
    steps it reads: one more of `updates` may come for each 256 bytes sent, so both windows may be renewed for 512.

    Attributes:
        fields: fields of one head; as over HTTP/1.1, where Apache has 100 and aiohttp 128.
        head: bytes of one head, 32 counted for each field (RFC 9113 section 10.5.1); Chromium has 256 KiB, Go 1 MiB.
        block: bytes of one header block as it comes, before it is decoded; half as much again as `head`.
        continuations: CONTINUATION frames of one block; nghttp2 has 8, Apache about 100.
        interim: 1xx responses before the final one.
        streams: streams that a client may have open at once; nginx and nghttp2 have 100 to 128, RFC 9113 wants 100.
        stream_window: bytes of one stream that may come unread, to begin with; curl has 10 MiB, Go 4 MiB.
        max_stream_window: likewise, once the connection has proved to need it; gRPC's bound is 16 MiB too.
        connection_window: bytes of all streams that may be on their way; Chromium has 15 MiB.
        unread: bytes of all streams that may wait for their readers; beyond, the connection's window is not renewed.
        settings: SETTINGS frames.
        settings_items: settings in one frame; nghttp2 has 32.
        pings: PING frames; nghttp2 and Go bound only the answers that wait, see `queued`.
        resets: streams that a client resets, breaks or has refused; nghttp2 lets 1000 come at once.
        others: PRIORITY and unknown frames, GOAWAY, and frames on streams that were reset, all of which mean nothing.
        updates: WINDOW_UPDATE frames.
        empty: frames of DATA, HEADERS or CONTINUATION in a row that hold nothing and end nothing.
        queued: answers (acknowledgements, resets) that wait because the peer does not read; Go has 10000, Envoy 1000.
    """

    fields: int = 128
    head: int = 131072
    block: int = 196608
    continuations: int = 32
    interim: int = 32
    streams: int = 128
    stream_window: int = 1048576
    max_stream_window: int = 16777216
    connection_window: int = 16777216
    unread: int = 67108864
    settings: int = 100
    settings_items: int = 32
    pings: int = 500
    resets: int = 1000
    others: int = 1000
    updates: int = 1000
    empty: int = 100
    queued: int = 1000


HTTP2_LIMITS: Final = HTTP2Limits()
