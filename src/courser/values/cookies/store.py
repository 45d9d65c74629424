"""The cookies of a jar, by the domains they belong to.

Any number of threads may use a store at once, without a lock: every change is one assignment to, or one removal from,
a plain dictionary, and whoever reads takes a snapshot first. A domain whose last cookie went is forgotten. The one
subtle thing is to do so while another thread puts a cookie there: `put` looks whether its cookie can be found, and
`remove` looks whether it has taken one away that it did not mean.

What a server sets or deletes for itself takes the place of a cookie of that name that has no domain, for as long as the
caller does not set that one again. So a deletion is kept there as a cookie that has ended.
"""

from __future__ import annotations

from ...hints import TYPE_CHECKING
from .choice import has_expired
from .record import is_address
from .rules import accept, is_confidential, overlays

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Final, TypeAlias

    from ..url import URL
    from .choice import Choice
    from .record import Cookie

    Key: TypeAlias = tuple[str, str, bool]

__all__ = ["KEPT", "PER_DOMAIN", "TOTAL", "Site", "Store"]

PER_DOMAIN: Final = 50
"""Cookies that servers may set for one domain, RFC 6265bis section 6.1."""

TOTAL: Final = 3000
"""Cookies that servers may set altogether, RFC 6265bis section 6.1."""

KEPT: Final = TOTAL * 9 // 10
"""Cookies that are left when there were too many: the oldest are looked for once, and go by the hundred."""

TICK: Final = 1e-6
"""Seconds between the creation of two cookies at the least, so that their order is always known."""


class Site(dict["Key", "Cookie"]):
    """The cookies of one domain, by what makes two of them the same.

    Attributes:
        used: when one of them was last set or sent.
    """

    __slots__ = ("used",)

    def __init__(self, now: float) -> None:
        super().__init__()
        self.used = now


def _key(cookie: Cookie) -> Key:
    return cookie.name, cookie.path, cookie.host_only


class Store:
    """The cookies of a jar.

    Attributes:
        sites: the cookies by domain; those under the empty one have none.
        choices: what has been chosen of them for which host; another dictionary after every change, so that what is
            chosen meanwhile goes into one that nobody looks at any more.
    """

    __slots__ = ("_count", "_last", "choices", "sites")

    def __init__(self) -> None:
        self.sites: dict[str, Site] = {}
        self.choices: dict[tuple[str, bool, bool], Choice] = {}
        self._last = 0.0
        # At least as many as there are, a race of threads apart: counting them is left until there may be too many.
        self._count = 0

    # Changing

    def put(self, cookie: Cookie, now: float, late: bool = False) -> None:
        """Keep a cookie, in place of one of the same name, domain and path.

        Args:
            cookie: the cookie.
            now: the time.
            late: let the other one stay, if there is one.
        """
        key, domain, sites = _key(cookie), cookie.domain, self.sites
        if not domain:
            self._forget_ended(cookie.name, now)
        while True:
            site = sites.get(domain) or sites.setdefault(domain, Site(now))
            old = site.get(key)
            if old is None:
                cookie = self._counted(cookie, now)
            elif not late:
                cookie = cookie._replace(created=old.created)
                if cookie == old:  # as when every response sets the same once more
                    site.used = now
                    return
            if late:
                site.setdefault(key, cookie)
            else:
                site[key] = cookie
            site.used = now
            self.choices = {}
            if sites.get(domain) is site:
                return

    def _forget_ended(self, name: str, now: float) -> None:
        """Forget which servers have taken a cookie away: the caller sets it again, for them as well."""
        for site in tuple(self.sites.values()):
            for cookie in tuple(site.values()):
                if cookie.name == name and has_expired(cookie, now):
                    self.remove(cookie)

    def _counted(self, cookie: Cookie, now: float) -> Cookie:
        self._count += 1
        if cookie.created:
            return cookie
        self._last = max(now, self._last + TICK)
        return cookie._replace(created=self._last)

    def remove(self, cookie: Cookie) -> None:
        """Forget the cookie of a name, domain and path, and the domain if it was the last there."""
        site = self.sites.get(cookie.domain)
        if site is None:
            return
        site.pop(_key(cookie), None)
        if not site:
            gone = self.sites.pop(cookie.domain, None)
            if gone:
                for other in tuple(gone.values()):
                    self.put(other, gone.used, late=True)
        self.choices = {}

    def receive(self, url: URL, lines: Iterable[bytes], now: float) -> list[str]:
        """Take the cookies that a response sets; those that it must not set are ignored.

        Args:
            url: what was requested.
            lines: the values of the Set-Cookie fields.
            now: the time, in seconds since 1970.

        Returns:
            the names of the cookies that are set.
        """
        names: list[str] = []
        guarded: list[Cookie] | None = [] if is_confidential(url) else None
        for line in lines:
            cookie = accept(line, url, now)
            if cookie is None:
                continue
            if guarded is None:
                guarded = [old for site in tuple(self.sites.values()) for old in tuple(site.values()) if old.secure]
            if any(overlays(cookie, old) for old in guarded):
                continue
            ended = has_expired(cookie, now)
            if ended and not self._is_general(cookie.name):
                self.remove(cookie)
                continue
            self.put(cookie, now)
            self._limit_site(cookie, now)
            if not ended:
                names.append(cookie.name)
        if self._count > TOTAL:
            self._limit_all()
        return names

    def _is_general(self, name: str) -> bool:
        """Whether there is a cookie of a name that has no domain."""
        general = self.sites.get("")
        return general is not None and any(key[0] == name for key in tuple(general))

    def _limit_site(self, newest: Cookie, now: float) -> None:
        """Evict from one domain: what has expired, then what is not `Secure`, of these the oldest first."""
        site = self.sites.get(newest.domain)
        if site is None or len(site) <= PER_DOMAIN:
            return
        others = [cookie for cookie in tuple(site.values()) if _key(cookie) != _key(newest)]
        others.sort(key=lambda cookie: (not has_expired(cookie, now), cookie.secure, cookie.created))
        for cookie in others[: len(site) - PER_DOMAIN]:
            self.remove(cookie)

    def _limit_all(self) -> None:
        """Evict whole domains, those first that were used longest ago; what has no domain is the caller's own."""
        found = [(domain, self.sites.get(domain)) for domain in tuple(self.sites) if domain]
        sites = sorted(((site.used, domain, len(site)) for domain, site in found if site is not None), reverse=True)
        left = sum(size for _, _, size in sites)
        if left > TOTAL:
            while left > KEPT:
                _, domain, size = sites.pop()
                self.sites.pop(domain, None)
                left -= size
            self.choices = {}
        self._count = left

    # Reading

    def records(self, now: float) -> list[Cookie]:
        """All cookies, the oldest first."""
        found = [
            cookie
            for site in tuple(self.sites.values())
            for cookie in tuple(site.values())
            if not has_expired(cookie, now)
        ]
        found.sort(key=lambda cookie: cookie.created)
        return found

    def sites_of(self, host: str) -> list[Site]:
        """The cookies of a host, if it has any, then those of the domains above it."""
        found: list[Site] = []
        domain = host
        while True:
            site = self.sites.get(domain)
            if site is not None:
                found.append(site)
            dot = domain.find(".")
            if dot < 0 or (domain is host and is_address(host)):
                return found
            domain = domain[dot + 1 :]
