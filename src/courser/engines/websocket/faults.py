"""What is wrong with what a peer sent, and the close code that tells it so.

What takes frames and messages apart raises a `Fault`; the engine queues the Close and makes the public error of it, at
one place.
"""

from __future__ import annotations

from .codes import CloseCode

__all__ = ["Fault"]


class Fault(Exception):
    """Ends the connection (RFC 6455 section 7.1.7).

    Args:
        detail: what and where, in ASCII.
        code: what to tell the peer.
    """

    def __init__(self, detail: str, code: CloseCode = CloseCode.PROTOCOL_ERROR) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code
