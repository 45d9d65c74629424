"""HTTP/1.1 (RFC 9112) without I/O: bytes in, events out, in both roles."""

from __future__ import annotations

from ...hints import TYPE_CHECKING
from .client import ClientEngine
from .engine import Phase
from .limits import WIRE_LIMITS, WireLimits

if TYPE_CHECKING:
    from .server import ServerEngine
else:

    def __getattr__(name: str) -> object:
        """Import the server's side when somebody asks for it (PEP 562): a client does without."""
        if name != "ServerEngine":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from .server import ServerEngine

        return ServerEngine


__all__ = ["WIRE_LIMITS", "ClientEngine", "Phase", "ServerEngine", "WireLimits"]
