"""A message that comes in more than one piece, or compressed."""

from __future__ import annotations

from ...hints import TYPE_CHECKING
from .codes import CloseCode
from .faults import Fault
from .gathering import Gathering
from .text import TextCheck, decode_text

if TYPE_CHECKING:
    from .compression import Inflater
    from .limits import WebSocketLimits

__all__ = ["Message"]


class Message:
    """Collects one message; every fault is found as soon as the bytes that make it have come.

    Args:
        is_text: whether it has to be UTF-8.
        inflater: what decompresses it, None where it is not compressed.
        limits: bounds on it.
    """

    __slots__ = ("_check", "_fragments", "_gathering", "_inflater", "_limits", "_room", "_wire")

    def __init__(self, is_text: bool, inflater: Inflater | None, limits: WebSocketLimits) -> None:
        self._check = TextCheck() if is_text else None
        self._inflater = inflater
        self._limits = limits
        self._gathering = Gathering()
        self._fragments = 0
        # What may still come, after decompression and before.
        self._room = limits.message
        # Data that cannot be compressed gets larger by a little; what decompresses to nothing is no message.
        self._wire = limits.message if inflater is None else limits.message + limits.message // 8 + 64

    def start_frame(self, length: int) -> None:
        """The header of another frame has come.

        Args:
            length: bytes of its payload.
        """
        self._fragments += 1
        if self._fragments > self._limits.fragments:
            detail = f"a message of more than {self._limits.fragments} frames"
            raise Fault(detail, CloseCode.POLICY_VIOLATION)
        self._wire -= length
        if self._wire < 0:
            raise self._too_large()

    def add(self, piece: bytes) -> None:
        """Take a piece of the payload, unmasked, after which more will come."""
        if self._inflater is not None:
            piece = self._inflater.feed(piece, self._room)
        self._count(piece)
        if self._check is not None:
            self._check.add(piece)
        self._gathering.add(piece)

    def end(self, piece: bytes) -> str | bytes:
        """Take the last piece; returns the message."""
        if self._inflater is not None:
            piece = self._inflater.end(piece, self._room)
        self._count(piece)
        self._gathering.add(piece)
        whole = self._gathering.whole()
        return whole if self._check is None else decode_text(whole)

    def _count(self, piece: bytes) -> None:
        self._room -= len(piece)
        if self._room < 0:
            raise self._too_large()

    def _too_large(self) -> Fault:
        return Fault(f"a message of more than {self._limits.message} bytes", CloseCode.MESSAGE_TOO_BIG)
