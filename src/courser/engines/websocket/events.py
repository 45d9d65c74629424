"""What the engine hands out: a text message is a `str`, a binary one is `bytes`, and control frames are these."""

from __future__ import annotations

from ...hints import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import TypeAlias

__all__ = ["Close", "Data", "Event", "Frame", "Ping", "Pong"]


class Ping(NamedTuple):
    """The peer asks whether anybody is there; the engine has queued the answer.

    Attributes:
        payload: at most 125 bytes.
    """

    payload: bytes


class Pong(NamedTuple):
    """An answer to a Ping, or a sign of life that nobody asked for.

    Attributes:
        payload: that of the Ping.
    """

    payload: bytes


class Close(NamedTuple):
    """The peer will send nothing more.

    Attributes:
        code: why (RFC 6455 section 7.4); 1005 if it did not say.
        reason: what it says to that, at most 123 bytes as UTF-8.
    """

    code: int
    reason: str


Event: TypeAlias = str | bytes | Ping | Pong | Close

Data: TypeAlias = bytes | bytearray | memoryview
"""What a binary message may be given as."""

Frame: TypeAlias = bytes | bytearray
"""What a message is sent as: a bytearray where it is large, for it was masked in its place."""
