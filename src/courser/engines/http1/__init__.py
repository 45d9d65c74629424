"""HTTP/1.1 (RFC 9112) without I/O: bytes in, events out, in both roles."""

from .client import ClientEngine
from .engine import Phase
from .limits import WIRE_LIMITS, WireLimits
from .server import ServerEngine

__all__ = ["WIRE_LIMITS", "ClientEngine", "Phase", "ServerEngine", "WireLimits"]
