"""The limits are the ones that other people's holes have taught."""

from __future__ import annotations

from courser.engines.http1.limits import MAX_EXTENSION, MAX_EXTENSIONS, MAX_SIZE_LINE, WIRE_LIMITS, WireLimits


def test_the_defaults() -> None:
    assert WireLimits() == WIRE_LIMITS
    assert WIRE_LIMITS.line == 64 * 1024
    assert WIRE_LIMITS.fields == 128
    assert WIRE_LIMITS.head == 128 * 1024
    assert WIRE_LIMITS.interim == 32
    assert (MAX_EXTENSION, MAX_EXTENSIONS, MAX_SIZE_LINE) == (256, 16 * 1024, 16 + 256 + 2)
