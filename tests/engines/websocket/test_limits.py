"""The defaults."""

from __future__ import annotations

from courser.engines.websocket.limits import MAX_STREAMS, WEBSOCKET_LIMITS, WebSocketLimits


def test_the_defaults() -> None:
    assert WebSocketLimits() == WEBSOCKET_LIMITS == (16 * 1024 * 1024, 10_000)
    assert (WebSocketLimits(message=5).message, WebSocketLimits(fragments=5).fragments) == (5, 5)
    assert MAX_STREAMS > 1
