"""Control events are tuples with names, and neither text nor bytes."""

from __future__ import annotations

from courser.engines.websocket.events import Close, Ping, Pong


def test_what_control_events_hold() -> None:
    assert Ping(b"1").payload == b"1"
    assert Pong(b"2").payload == b"2"
    code, reason = close = Close(1000, "bye")
    assert (code, reason) == (close.code, close.reason) == (1000, "bye")
    assert repr(close) == "Close(code=1000, reason='bye')"
    assert not any(isinstance(event, str | bytes) for event in (Ping(b""), Pong(b""), close))
