"""What is sent to one host: chosen once, then used until a cookie changes or expires.

Nearly all cookies are for the path `/`, so that all requests to a host carry the same field. It is made once; only
where there are paths to compare it is made for each request.
"""

from __future__ import annotations

from ...hints import TYPE_CHECKING
from .header import cookie_field
from .rules import is_confidential, path_matches

if TYPE_CHECKING:
    from collections.abc import Container, Iterable
    from typing import Final

    from ..url import URL
    from .record import Cookie
    from .store import Store

__all__ = ["Choice", "below", "choose", "fitting", "has_expired"]

HOSTS: Final = 256
"""Choices that are remembered; then all are forgotten."""

FOREVER: Final = float("inf")


class Choice:
    """The cookies for one host.

    Attributes:
        general: cookies without a domain.
        gone: cookies of the host and of the domains above it that have ended, of the names of those without a domain.
        stored: cookies of the host and of the domains above it.
        sites: where these are from.
        field: the Cookie field with all of them, None where paths have to be compared first.
        until: when the first of them expires.
    """

    __slots__ = ("field", "general", "gone", "sites", "stored", "until")

    def __init__(self, store: Store, url: URL, now: float, general: bool) -> None:
        self.sites = store.sites_of(url.host)
        found = [each for site in self.sites for each in tuple(site.values())]
        found = [each for each in found if not each.host_only or each.domain == url.host]
        own = store.sites.get("") if general else None
        self.stored = fitting(found, url, now)
        self.general = fitting(tuple(own.values()) if own else (), url, now)
        names = {cookie.name for cookie in self.general}
        self.gone = [each for each in found if each.name in names and has_expired(each, now)] if names else []
        chosen = self.general + self.stored
        everywhere = all(cookie.path == "/" for cookie in chosen + self.gone)
        self.field = cookie_field(b"", _left(self.general, self.gone), self.stored) if everywhere else None
        self.until = min((cookie.expires for cookie in chosen if cookie.expires is not None), default=FOREVER)


def choose(store: Store, url: URL, now: float, general: bool, hand: bytes = b"", renewed: Container[str] = ()) -> bytes:
    """The value of the Cookie field of a request, empty where there is none.

    Args:
        store: the cookies.
        url: where to.
        now: the time, in seconds since 1970.
        general: whether cookies without a domain go there.
        hand: the field that the request was given by hand.
        renewed: names that a response to the same call has set.
    """
    choices = store.choices
    key = (url.host, url.is_secure, general)
    choice = choices.get(key)
    if choice is None or choice.until <= now:
        if len(choices) >= HOSTS:
            choices.clear()
        choice = choices[key] = Choice(store, url, now, general)
    for site in choice.sites:
        site.used = now
    if choice.field is not None and not hand:
        return choice.field
    path = url.path
    left = _left(below(choice.general, path), below(choice.gone, path))
    return cookie_field(hand, left, below(choice.stored, path), renewed)


def _left(general: list[Cookie], gone: list[Cookie]) -> list[Cookie]:
    """Cookies without a domain, but for those that the server has set and taken away for itself."""
    names = {cookie.name for cookie in gone}
    return [cookie for cookie in general if cookie.name not in names] if names else general


def has_expired(cookie: Cookie, now: float) -> bool:
    """Whether a cookie has ended."""
    return cookie.expires is not None and cookie.expires <= now


def fitting(cookies: Iterable[Cookie], url: URL, now: float) -> list[Cookie]:
    """Those cookies that may travel to a URL now, in the order in which they are sent, whatever their hosts and paths.

    Longer paths come first, then older cookies (RFC 6265bis section 5.8.3).
    """
    found = [
        cookie for cookie in cookies if not has_expired(cookie, now) and (not cookie.secure or is_confidential(url))
    ]
    found.sort(key=lambda cookie: (-len(cookie.path), cookie.created))
    return found


def below(cookies: Iterable[Cookie], path: str) -> list[Cookie]:
    """Those cookies whose path a path is, or is below."""
    return [cookie for cookie in cookies if cookie.path == "/" or path_matches(path, cookie.path)]
