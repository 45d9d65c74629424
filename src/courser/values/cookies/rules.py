"""Who may set which cookie, and who gets it back (RFC 6265bis sections 5.1.3, 5.1.4 and 5.7): decisions, no state."""

from __future__ import annotations

from ...hints import TYPE_CHECKING
from ..pattern import late_pattern
from .record import Cookie, is_address
from .setcookie import parse_set_cookie
from .suffixes import is_public_suffix

if TYPE_CHECKING:
    from typing import Final

    from ..url import URL
    from .setcookie import SetCookie

__all__ = ["accept", "default_path", "domain_matches", "is_confidential", "overlays", "path_matches"]

_LOOPBACK: Final = late_pattern(r"localhost|127(?:\.[0-9]+){3}|::1")


def domain_matches(host: str, domain: str) -> bool:
    """Whether a host is a domain, or below it (section 5.1.3)."""
    return host == domain or (host.endswith("." + domain) and not is_address(host))


def path_matches(path: str, prefix: str) -> bool:
    """Whether a path is another one, or below it (section 5.1.4)."""
    return path.startswith(prefix) and (len(path) == len(prefix) or prefix[-1] == "/" or path[len(prefix)] == "/")


def default_path(path: str) -> str:
    """The path of a cookie that came without one: the folder of what was requested (section 5.1.4)."""
    return path[: path.rindex("/")] or "/"


def is_confidential(url: URL) -> bool:
    """Whether cookies that are `Secure` may travel to and from a URL.

    They may on encrypted connections, and to this very machine, as in browsers: development servers speak plain HTTP,
    and nobody listens on the way.
    """
    return url.is_secure or _LOOPBACK.fullmatch(url.host) is not None


def accept(line: bytes, url: URL, now: float) -> Cookie | None:
    """The cookie that a response sets, None where it must not (section 5.7).

    Args:
        line: the value of the Set-Cookie field.
        url: what was requested.
        now: the time, in seconds since 1970.
    """
    said = parse_set_cookie(line, now)
    if said is None or not said.domain.isascii():
        return None
    host, domain = url.host, said.domain
    if domain and not domain_matches(host, domain):
        return None  # before anybody looks through the list of suffixes for it
    if domain and (is_address(domain) or is_public_suffix(domain)):
        if domain != host:
            return None
        domain = ""
    path = said.path if said.path.startswith("/") else default_path(url.path)
    if (said.secure and not is_confidential(url)) or not _keeps_promise(said, path) or "\t" in path:
        return None  # no URL has a tab in its path, and in a Netscape file it would be a border
    return Cookie(
        said.name,
        said.value,
        domain or host,
        path,
        not domain,
        said.secure,
        said.http_only,
        said.same_site,
        said.partitioned,
        said.expires,
    )


def _keeps_promise(said: SetCookie, path: str) -> bool:
    """Whether a cookie is what its name promises (section 4.1.3), in whatever case the promise is written."""
    name = said.name[:9].lower()
    if name.startswith("__host-"):
        return said.secure and not said.domain and path == "/" and said.path != ""
    return said.secure or name != "__secure-"


def overlays(new: Cookie, old: Cookie) -> bool:
    """Whether a cookie from an open connection would stand before, or in place of, one that is `Secure`."""
    return (
        old.secure
        and old.name == new.name
        and path_matches(new.path, old.path)
        and (domain_matches(old.domain, new.domain) or domain_matches(new.domain, old.domain))
    )
