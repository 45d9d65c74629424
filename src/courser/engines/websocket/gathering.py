"""Pieces of a message, held until the last one has come.

A peer decides how small its pieces are, and an object for each byte would take forty times the memory. So small ones
are put together in blocks, large ones are kept as they are, and all are copied once, into the whole. That takes linear
time and at most twice the memory of the message.
"""

from __future__ import annotations

from ...hints import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Final

__all__ = ["Gathering"]

LARGE: Final = 16 * 1024
"""Bytes from which a piece stays as it is."""

BLOCK: Final = 64 * 1024
"""Bytes of small pieces that become a large one."""


class Gathering:
    """Bytes that become one object at the end."""

    __slots__ = ("_block", "_pieces")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._block = bytearray()

    def add(self, piece: bytes) -> None:
        """Take a piece."""
        if len(piece) < LARGE:
            self._block += piece
            if len(self._block) >= BLOCK:
                self._freeze()
        else:
            if self._block:
                self._freeze()
            self._pieces.append(piece)

    def _freeze(self) -> None:
        self._pieces.append(bytes(self._block))
        self._block.clear()

    def whole(self) -> bytes:
        """All pieces together; nothing is held afterwards."""
        pieces = self._pieces
        if self._block or not pieces:
            self._freeze()
        whole = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        return whole
