"""Pieces of a body that came in one go, as one: frames are small, and whoever reads a body wants few large pieces."""

from __future__ import annotations

from ...hints import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Final

    from ..events import Event

__all__ = ["LARGE", "join_pieces"]

LARGE: Final = 1024
"""Bytes of a piece that is worth looking at instead of copying it, until it is joined with its neighbours."""


def join_pieces(events: list[Event | memoryview]) -> list[Event]:
    """The same events, with pieces of body that follow each other as one.

    What stands before the first view came earlier, or is small: it stays as it is, so that nothing is joined twice.

    Args:
        events: in which pieces may be views of what was received.
    """
    found: list[Event] = []
    pieces: list[bytes | memoryview] = []
    for event in events:
        if isinstance(event, memoryview) or (pieces and isinstance(event, bytes)):
            pieces.append(event)
            continue
        if pieces:
            found.append(b"".join(pieces))
            pieces.clear()
        found.append(event)
    if pieces:
        found.append(b"".join(pieces))
    return found
