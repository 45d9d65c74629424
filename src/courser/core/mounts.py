"""Which transport answers which URL."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import InvalidRequest, InvalidURL
from ..hints import TYPE_CHECKING, Generic, TypeVar
from ..values.host import parse_host

if TYPE_CHECKING:
    from ..values.url import URL

__all__ = ["Mounts", "Pattern"]

T = TypeVar("T")


class Pattern:
    """A pattern of URLs: `scheme://host:port`, of which any part may be left open.

    `all://` is every URL; `https://` every one of a scheme; a host may be `*`, a name, `*.name`, which is every name
    below, or `*name`, which is both, as in HTTPX. Without a port every port is meant.

    Args:
        text: the pattern.

    Raises:
        InvalidRequest: it is not one.
    """

    __slots__ = ("_above", "_host", "_port", "_scheme", "_tail", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        scheme, mark, rest = text.partition("://")
        if not mark or scheme not in ("all", "http", "https", "ws", "wss"):
            raise InvalidRequest(
                detail=f"mounts: {text!r} is not a pattern",
                hint="a pattern is scheme://host:port, for example all:// or https://*.example.org",
            )
        host, colon, port = rest.rstrip("/").rpartition(":")
        if not colon or port.endswith("]"):
            host, port = rest.rstrip("/"), ""
        if "/" in host or (port and not port.isdecimal()):
            raise InvalidRequest(detail=f"mounts: {text!r} has more than a scheme, a host and a port")
        self._scheme = "" if scheme == "all" else scheme
        self._port = int(port) if port else None
        starred = host.removeprefix("*")
        name = _spelled(starred.removeprefix(".") if starred != host else host, text) if starred else ""
        wide = name != "" and starred != host
        self._host = "" if wide else name
        self._tail = f".{name}" if wide else ""
        self._above = name if wide and not starred.startswith(".") else ""

    def matches(self, url: URL) -> bool:
        """Whether a URL is meant."""
        return (
            (not self._scheme or self._scheme == url.scheme)
            and (self._port is None or self._port == url.port)
            and (not self._host or self._host == url.host)
            and (not self._tail or url.host.endswith(self._tail) or url.host == self._above)
        )

    @property
    def rank(self) -> tuple[bool, int, bool]:
        """How much the pattern says; of several that match, the one that says most wins."""
        return (self._port is not None, 2 * len(self._host) + len(self._tail), bool(self._scheme))


def _spelled(host: str, text: str) -> str:
    """A host in the spelling that URLs have: a name that is spelled otherwise would match nothing."""
    try:
        if "*" in host:
            raise InvalidURL(detail="a star stands at the beginning of a name")
        return parse_host(host)
    except InvalidURL as error:
        raise InvalidRequest(
            detail=f"mounts: {text!r} names no host: {error.detail}",
            hint="a host is *, a name, *.name for every name below, or *name for both",
        ) from error


class Mounts(Generic[T]):
    """Transports by pattern.

    Args:
        mounts: patterns, and what answers what they match.
    """

    __slots__ = ("_entries",)

    def __init__(self, mounts: Mapping[str, T]) -> None:
        entries = [(Pattern(text), transport) for text, transport in mounts.items()]
        self._entries = sorted(entries, key=lambda entry: entry[0].rank, reverse=True)

    def find(self, url: URL) -> T | None:
        """What answers a URL; None where nothing matches."""
        for pattern, transport in self._entries:
            if pattern.matches(url):
                return transport
        return None
