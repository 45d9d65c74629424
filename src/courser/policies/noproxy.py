"""NO_PROXY: which hosts are reached without a proxy.

There is no standard. This follows curl and Go where they agree: entries are separated by commas or white space;

    *                     every host
    host                  this host and all below it, at the border of a label; a dot in front changes nothing
    *.host                all hosts below it
    address               this IPv4 or IPv6 address, in any spelling, with or without brackets
    network/bits          every address of this network

and each may end in `:port`. An entry that is none of them is ignored: it must not cost anybody the
request.
"""

from __future__ import annotations

from ..errors import InvalidURL
from ..hints import TYPE_CHECKING
from ..values.host import parse_host
from ..values.pattern import late_pattern

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
    from typing import Final

__all__ = ["NoProxy"]

_ADDRESS: Final = late_pattern(r"[0-9.]+|[0-9a-f:.]*:[0-9a-f:.]*")
_WITH_PORT: Final = late_pattern(r"(\[[^\]]*\]|[^:]+):([0-9]{1,5})")


class _Entry:
    """One entry: a name, an address, a network or everything."""

    __slots__ = ("below", "name", "network", "port", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.port: int | None = None
        self.name = ""
        self.below = False
        self.network: IPv4Network | IPv6Network | None = None
        match = _WITH_PORT.fullmatch(text)
        host = text.lower()
        if match is not None:
            host, self.port = match[1].lower(), int(match[2])
        if host == "*":
            return
        plain, slash, bits = host.partition("/")
        plain = plain.removeprefix("[").removesuffix("]").partition("%")[0]
        if _ADDRESS.fullmatch(plain) and (not slash or bits.isdecimal()):
            self.network = _network(plain + slash + bits)
            return
        self.below = host.startswith("*.")
        self.name = parse_host(host.removeprefix("*").removeprefix(".").removesuffix("."))

    def matches(self, name: str, address: IPv4Address | IPv6Address | None, port: int) -> bool:
        if self.port is not None and self.port != port:
            return False
        if self.network is not None:
            return address is not None and address in self.network
        if not self.name:
            return True
        if address is not None:
            return False
        return (name == self.name and not self.below) or name.endswith("." + self.name)


class NoProxy:
    """A list of hosts that are reached directly.

    Args:
        text: the value of NO_PROXY; nothing in it is an error.
    """

    __slots__ = ("_entries",)

    def __init__(self, text: str) -> None:
        self._entries: list[_Entry] = []
        for each in text.replace(",", " ").split():
            try:
                self._entries.append(_Entry(each))
            except (InvalidURL, ValueError):
                continue

    def find(self, host: str, port: int) -> str | None:
        """The entry that a host and a port match, as it was written; None where there is none.

        Args:
            host: as `URL.host` has it.
            port: the port to connect to.
        """
        if not self._entries:
            return None
        # A zone is for the local end alone; as part of the text it could pass for a domain (Go, CVE-2025-22870).
        name = host.partition("%")[0].removesuffix(".")
        address = _address(name)
        for entry in self._entries:
            if entry.matches(name, address, port):
                return entry.text
        return None


def _address(host: str) -> IPv4Address | IPv6Address | None:
    if not _ADDRESS.fullmatch(host):
        return None
    from ipaddress import IPv6Address, ip_address

    try:
        address = ip_address(host)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _network(text: str) -> IPv4Network | IPv6Network:
    """The network of an address, or of an address and bits; bits of the host part do not matter.

    Raises:
        ValueError: it is none.
    """
    from ipaddress import IPv6Network, ip_network

    network = ip_network(text, strict=False)
    if isinstance(network, IPv6Network) and network.prefixlen >= 96:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return ip_network(f"{mapped}/{network.prefixlen - 96}", strict=False)
    return network
