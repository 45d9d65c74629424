"""Text on the wire is UTF-8, and nothing else (RFC 6455 section 8.1)."""

from __future__ import annotations

from codecs import utf_8_decode

from ...errors import LocalProtocolError
from .codes import CloseCode
from .faults import Fault

__all__ = ["TextCheck", "decode_text", "encode_text", "no_unicode"]


def encode_text(text: str) -> bytes:
    """Text of ours.

    Raises:
        LocalProtocolError: it holds a lone surrogate.
    """
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise no_unicode() from None


def no_unicode() -> LocalProtocolError:
    """The error for text of ours that UTF-8 cannot say."""
    return LocalProtocolError(detail="the text holds a lone surrogate, which UTF-8 cannot say")


def decode_text(data: bytes) -> str:
    """Text of the peer, the whole of it.

    Raises:
        Fault: it is not UTF-8.
    """
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise _no_text(error) from None


class TextCheck:
    """Judges text that comes in pieces, so that what cannot become good is refused as soon as it comes."""

    __slots__ = ("_begun",)

    def __init__(self) -> None:
        # The first bytes of a character whose last ones have not come.
        self._begun = b""

    def add(self, piece: bytes) -> None:
        """Look at a piece.

        Raises:
            Fault: whatever follows, it is not UTF-8.
        """
        data = self._begun + piece
        try:
            self._begun = data[utf_8_decode(data, "strict", False)[1] :]
        except UnicodeDecodeError as error:
            raise _no_text(error) from None


def _no_text(error: UnicodeDecodeError) -> Fault:
    return Fault(f"text that is not UTF-8: {error.reason}", CloseCode.INVALID_DATA)
