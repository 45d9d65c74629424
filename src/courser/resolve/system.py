"""Names to addresses by the system's resolver."""

from __future__ import annotations

import socket

from ..hints import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

__all__ = ["resolve"]


def resolve(host: str, port: int) -> list[tuple[int, Any]]:
    """The stream addresses of a host, in the order of preference of the system (RFC 6724).

    Args:
        host: an ASCII host name or a literal address.
        port: goes into the addresses as it is.

    Raises:
        OSError: the name cannot be resolved.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        # getaddrinfo encodes names by itself and gives up on labels of more than 63 characters
        raise socket.gaierror(socket.EAI_NONAME, f"not a host name: {error}") from error
    return [(family, address) for family, _, _, _, address in found if family in (socket.AF_INET, socket.AF_INET6)]
