"""A header block that comes in several frames (RFC 9113 section 4.3), bounded before it is whole."""

from __future__ import annotations

from ...hints import TYPE_CHECKING
from .faults import ConnectionFault, ErrorCode

if TYPE_CHECKING:
    from .limits import HTTP2Limits

__all__ = ["Block"]


class Block:
    """Collects the fragments of one block.

    Args:
        number: the stream.
        fragment: of HEADERS.
        is_last: whether the stream ends with it.
    """

    __slots__ = ("_data", "_frames", "is_last", "number")

    def __init__(self, number: int, fragment: bytes, is_last: bool) -> None:
        self.number = number
        self.is_last = is_last
        self._data = bytearray(fragment)
        self._frames = 0

    def add(self, fragment: bytes, limits: HTTP2Limits) -> None:
        """Take the fragment of a CONTINUATION.

        Raises:
            ConnectionFault: it is too much; an undecoded block would leave the tables of both sides out of step.
        """
        self._frames += 1
        if self._frames > limits.continuations or len(self._data) + len(fragment) > limits.block:
            raise ConnectionFault(
                f"a header block of more than {limits.block} bytes or {limits.continuations} CONTINUATION frames",
                ErrorCode.ENHANCE_YOUR_CALM,
            )
        self._data += fragment

    def whole(self) -> bytes:
        """The block."""
        return bytes(self._data)
