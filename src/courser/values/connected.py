"""The connection that a response came over: who was at its two ends, and how it was encrypted."""

from __future__ import annotations

from ..hints import TYPE_CHECKING, NamedTuple, cast

if TYPE_CHECKING:
    from typing import Self, TypeAlias

__all__ = ["ConnectionInfo"]

Address: TypeAlias = "tuple[str, int] | str | None"


class ConnectionInfo(NamedTuple):
    """The connection that a response came over.

    Attributes:
        number: its number in this process, which the events of a trace function have, too.
        peer: who was connected to: (address, port) or the path of a Unix socket; with a proxy, that proxy.
        local: the own end, likewise.
        tls: the version of TLS, such as "TLSv1.3"; None where the connection is not encrypted.
        cipher: the name of the cipher suite.
        certificate: the certificate that the peer has shown, in DER; None where it has shown none.
    """

    number: int
    peer: tuple[str, int] | str | None
    local: tuple[str, int] | str | None
    tls: str | None
    cipher: str | None
    certificate: bytes | None

    @classmethod
    def of(
        cls,
        number: int,
        peer: object,
        local: object,
        version: str | None = None,
        cipher: tuple[str, str, int] | None = None,
        certificate: bytes | None = None,
    ) -> Self:
        """Make it of what a connection keeps of what its link tells; see `core.link.Link.info`."""
        return cls(number, _address(peer), _address(local), version, cipher[0] if cipher else None, certificate)


def _address(given: object) -> Address:
    """An address as sockets have it, without what those of IPv6 have besides."""
    if isinstance(given, tuple):
        host, port = cast("tuple[str, int]", given[:2])
        return host, port
    return given if isinstance(given, str) and given else None
