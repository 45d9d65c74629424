"""HTTP/2 (RFC 9113) without I/O: bytes in, events of streams out, in both roles."""

from __future__ import annotations

from ...hints import TYPE_CHECKING
from .client import ClientEngine
from .faults import ErrorCode
from .frames import PREFACE
from .limits import HTTP2_LIMITS, HTTP2Limits
from .stream import Stream

if TYPE_CHECKING:
    from .server import ServerEngine
else:

    def __getattr__(name: str) -> object:
        """Import the server's side when somebody asks for it (PEP 562): a client does without."""
        if name != "ServerEngine":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from .server import ServerEngine

        return ServerEngine


__all__ = ["HTTP2_LIMITS", "PREFACE", "ClientEngine", "ErrorCode", "HTTP2Limits", "ServerEngine", "Stream"]
