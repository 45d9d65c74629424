"""Header blocks as they were encoded, for as long as the encoder's dynamic table stays as it is.

A block may refer to the table, and whatever is encoded in between may change what stands there: the head of another
message, trailers, a peer that wants another size. So whoever looks for a block compares the generations first.
"""

from __future__ import annotations

from ...hints import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from typing import Final

    from ..hpack import Encoder

__all__ = ["LARGEST", "MOST", "Kept"]

MOST: Final = 256
"""Entries of each cache."""

LARGEST: Final = 4096
"""Bytes of what one entry stands for."""

K = TypeVar("K")
V = TypeVar("V")


class Kept(dict[K, "V | None"]):
    """What heads are as blocks. What has been seen once only is None.

    Args:
        encoder: encodes them.

    Attributes:
        generation: of the table for which all of it holds; where the encoder has another one, `renew` first.
    """

    __slots__ = ("_encoder", "generation")

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self._encoder = encoder
        self.generation = encoder.generation

    def renew(self) -> None:
        """Begin anew with the table as it is now."""
        self.clear()
        self.generation = self._encoder.generation

    def keep(self, key: K, block: V, size: int) -> None:
        """Keep what comes again: the encoder enters a field into its table when it sees it for the second time.

        Args:
            key: the head.
            block: what it was encoded to, just now.
            size: bytes of the head.
        """
        if self.generation != self._encoder.generation or size > LARGEST:
            return
        if key in self:
            self[key] = block
            return
        if len(self) >= MOST:
            self.clear()
        self[key] = None
