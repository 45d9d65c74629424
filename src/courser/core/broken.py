"""What it means for a message that what carries it is of no use any more."""

from __future__ import annotations

from ..errors import ReadError, RemoteProtocolError, TruncatedBody, WriteError
from ..hints import TYPE_CHECKING
from .link import TruncatedStream

if TYPE_CHECKING:
    from ..errors import TransportError

__all__ = ["broken", "silent", "unforeseen"]


def broken(label: str, error: OSError, *, sending: bool, begun: bool) -> TransportError:
    """The failure of a message whose link broke.

    Args:
        label: the peer's name.
        error: what the link has raised.
        sending: whether it was asked to send.
        begun: whether the head of a response had come.
    """
    reason = getattr(error, "reason", None)  # as TLS has it
    why = reason or error.strerror or str(error) or type(error).__name__
    kind: type[TransportError] = WriteError if sending else ReadError
    if isinstance(error, TruncatedStream):
        kind = TruncatedBody if begun else RemoteProtocolError
    failure = kind(detail=f"{label}: {why}", phase="write" if sending else "read")
    failure.__cause__ = error
    if reason:
        from .handshake import HINTS

        failure.hint = HINTS.get(reason, "")
    return failure


def silent(label: str, seconds: float) -> ReadError:
    """The failure of a message whose peer has not been heard for so long, though it was asked."""
    return ReadError(phase="read", detail=f"{label}: nothing for {seconds:.3g} s, not even the answer to a PING")


def unforeseen(label: str, error: BaseException) -> ReadError:
    """The failure of a message on whose connection something was raised that nobody had thought of."""
    failure = ReadError(phase="read", detail=f"{label}: {type(error).__name__}: {error}")
    failure.__cause__ = error
    return failure
