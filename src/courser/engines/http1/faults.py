"""What is wrong with bytes, before it is known whose fault that is.

The parsers raise a `Fault`; the engine into which the bytes came turns it into the public error, at one place.
"""

from __future__ import annotations

__all__ = ["Fault", "excerpt"]


class Fault(Exception):
    """Bytes that break the protocol.

    Args:
        detail: what and where.
        status: what a server should answer.
        truncated: whether a body ended before its end.
    """

    def __init__(self, detail: str, *, status: int = 400, truncated: bool = False) -> None:
        super().__init__(detail)
        self.detail = detail
        self.status = status
        self.truncated = truncated


def excerpt(data: bytes) -> str:
    """The beginning of what a peer sent, safe to print."""
    return f"{data[:32]!r}..." if len(data) > 32 else f"{data!r}"
