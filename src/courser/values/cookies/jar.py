"""The jar: cookies as a mapping of names to values, and all that servers and files do with them.

A name alone says less than there is: several hosts, and several paths of one host, may have set a cookie of one name.
Reading a name is right as long as all of them have the same value; else it is an error that says which there are.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, MutableMapping
from time import time

from ...errors import CookieConflict
from ...hints import TYPE_CHECKING, TypeVar, cast, overload
from ..url import URL
from .choice import choose
from .given import records_of
from .record import Cookie, checked_cookie
from .store import Store

if TYPE_CHECKING:
    from collections.abc import Iterable
    from os import PathLike
    from typing import Any, Self

    from ...settings import CookieTypes

__all__ = ["Cookies"]

T = TypeVar("T")


class Cookies(MutableMapping[str, str]):
    """A cookie jar (RFC 6265bis).

    As a mapping it knows each name once. `cookies["a"] = "1"` changes the value of the cookie `a` where there is one,
    and makes one without a domain where there is none: it goes wherever its owner sends a request, but never along
    with a redirect to another origin. A server that sets or deletes a cookie of that name for its own host has taken
    it over: it is not sent there any more, until it is set again.

    Any number of threads and clients may use one jar at once.

    Args:
        cookies: what is in it: a mapping, pairs, `Cookie` records, another jar, or a `http.cookiejar.CookieJar`.
        accept: whether servers may set cookies.

    Attributes:
        accept: see above.
        store: the cookies by domain.

    Raises:
        InvalidRequest: a cookie that cannot be sent.
    """

    __slots__ = ("accept", "store")

    def __init__(self, cookies: CookieTypes = None, *, accept: bool = True) -> None:
        self.accept = accept
        self.store = Store()
        self.update(cookies)

    # Reading

    def records(self, name: str | None = None, domain: str | None = None, path: str | None = None) -> list[Cookie]:
        """The cookies with all that is known of them, the oldest first.

        Args:
            name: only those of this name.
            domain: only those of this very domain; empty for those without one.
            path: only those of this very path.
        """
        if domain:
            domain = domain.removeprefix(".").lower()
        return [
            cookie
            for cookie in self.store.records(time())
            if (name is None or cookie.name == name)
            and (domain is None or cookie.domain == domain)
            and (path is None or cookie.path == path)
        ]

    def multi_items(self) -> list[tuple[str, str]]:
        """Name and value of every cookie, the oldest first."""
        return [(cookie.name, cookie.value) for cookie in self.records()]

    def __getitem__(self, name: str) -> str:
        return self._one(name, self.records(name)).value

    @overload
    def get(
        self, name: str, default: None = None, domain: str | None = None, path: str | None = None
    ) -> str | None: ...
    @overload
    def get(self, name: str, default: str, domain: str | None = None, path: str | None = None) -> str: ...
    @overload
    def get(self, name: str, default: T, domain: str | None = None, path: str | None = None) -> str | T: ...
    def get(self, name: str, default: Any = None, domain: str | None = None, path: str | None = None) -> Any:
        """The value of a cookie.

        Args:
            name: its name.
            default: what to give where there is none.
            domain: its domain.
            path: its path.

        Raises:
            CookieConflict: there are several, of different values.
        """
        found = self.records(name, domain, path)
        return self._one(name, found).value if found else default

    def _one(self, name: str, found: list[Cookie]) -> Cookie:
        if not found:
            raise KeyError(name)
        nearest = [cookie for cookie in found if cookie.domain] or found
        if len({cookie.value for cookie in nearest}) > 1:
            places = ", ".join(f"{cookie.domain or 'no domain'} {cookie.path}" for cookie in nearest)
            raise CookieConflict(
                detail=f"{name!r} is set for {places}", hint="say which: get(name, domain=..., path=...), or records()"
            )
        return nearest[-1]

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(cookie.name for cookie in self.records()))

    def __len__(self) -> int:
        return len({cookie.name for cookie in self.records()})

    def __contains__(self, name: object) -> bool:
        return any(cookie.name == name for cookie in self.records())

    # Changing

    def __setitem__(self, name: str, value: str) -> None:
        self.add(self._named(Cookie(name, value)))

    def _named(self, cookie: Cookie) -> Cookie:
        """The cookie that a name stands for, with another value."""
        found = self.records(cookie.name)
        return self._one(cookie.name, found)._replace(value=cookie.value) if found else cookie

    def set(
        self,
        name: str,
        value: str,
        domain: str = "",
        path: str = "/",
        *,
        secure: bool = False,
        http_only: bool = False,
        same_site: str | None = None,
        partitioned: bool = False,
        expires: float | None = None,
    ) -> None:
        """Set a cookie, in place of one of the same name, domain and path.

        Args:
            name: its name.
            value: as it travels.
            domain: the host it goes to, and with a dot in front those below it; empty: wherever its owner sends a
                request.
            path: requests to this path and below carry it.
            secure: over encrypted connections only.
            http_only: kept with it.
            same_site: "Strict", "Lax" or "None"; kept with it.
            partitioned: kept with it.
            expires: when it ends, in seconds since 1970; None with the jar.

        Raises:
            InvalidRequest: a part that cannot be sent.
        """
        ends = cast("int | None", expires)
        self.add(Cookie(name, value, domain, path, True, secure, http_only, same_site, partitioned, ends))

    def add(self, cookie: Cookie) -> None:
        """Set a cookie that is a record; see `set`."""
        cookie = checked_cookie(cookie)
        for other in self.records(cookie.name, cookie.domain, cookie.path):
            if other.host_only != cookie.host_only:
                self.store.remove(other)
        self.store.put(cookie, time())

    def update(self, cookies: CookieTypes = None, /, **more: str) -> None:  # type: ignore[override]
        """Set cookies: names of a mapping as `cookies[name] = value` does, others in place of one of the same name,
        domain and path.

        Args:
            cookies: what `Cookies()` takes.
            more: names and values.

        Raises:
            InvalidRequest: one that cannot be sent; nothing is changed then, nor in the next case.
            CookieConflict: a name that several cookies of different values have.
        """
        records = records_of(cookies)
        named = records_of(more)
        if isinstance(cookies, Mapping) and not isinstance(cookies, Cookies):
            records, named = [], [*records, *named]
        now = time()
        for cookie in (*records, *[self._named(each) for each in named]):
            self.store.put(cookie, now)

    def delete(self, name: str, domain: str | None = None, path: str | None = None) -> None:
        """Forget all cookies of a name, where there are any.

        Args:
            name: their name.
            domain: only those of this very domain.
            path: only those of this very path.
        """
        for cookie in self.records(name, domain, path):
            self.store.remove(cookie)

    def __delitem__(self, name: str) -> None:
        if name not in self:
            raise KeyError(name)
        self.delete(name)

    def clear(self, domain: str | None = None, path: str | None = None) -> None:
        """Forget all cookies.

        Args:
            domain: only those of this very domain.
            path: only those of this very path.
        """
        for cookie in self.records(None, domain, path):
            self.store.remove(cookie)

    # As clients do

    def header(self, url: str | URL) -> str:
        """The value of the Cookie field of a request to a URL, empty where there is none.

        Args:
            url: where to.
        """
        return choose(self.store, URL(url), time(), True).decode("utf-8", "surrogateescape")

    def receive(self, url: str | URL, lines: Iterable[str | bytes]) -> None:
        """Take the cookies that a response sets; those that it must not set are ignored, and none is an error.

        Args:
            url: what was requested.
            lines: the values of its Set-Cookie fields.
        """
        if self.accept:
            self.store.receive(URL(url), map(_encoded, lines), time())

    # In files

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """Read a jar from a file: JSON as `save` writes it, or Netscape's cookies.txt.

        Raises:
            InvalidRequest: there is something else in it.
            OSError: it cannot be read.
        """
        from .files import read  # few programs keep cookies in files, and json takes its time to import

        with open(path, "rb") as file:
            return cls(read(file.read()))

    def save(self, path: str | PathLike[str], *, format: str = "json") -> None:
        """Write a jar to a file that nobody else may read; it is replaced whole, or not at all.

        Cookies that end with the session are among them: when it is over is the caller's to say.

        Args:
            path: the file.
            format: "json", or "netscape" for what curl and wget read.

        Raises:
            OSError: it cannot be written.
        """
        from .files import FORMATS, write_file

        if format not in FORMATS:
            raise ValueError(f"format is 'json' or 'netscape', not {format!r}")
        write_file(os.fspath(path), FORMATS[format](self.records()))

    # As a value

    def copy(self) -> Self:
        """A jar with the same cookies, to be changed apart from this one."""
        return type(self)(self, accept=self.accept)

    __copy__ = copy

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Cookies):
            return {each._replace(created=0.0) for each in self.records()} == {
                each._replace(created=0.0) for each in other.records()
            }
        if not isinstance(other, Mapping):
            return NotImplemented
        return sorted(self.multi_items()) == sorted(cast("Mapping[str, str]", other).items())

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), self.records(), self.accept)

    def __repr__(self) -> str:
        return f"<Cookies {self.records()!r}>"


def _encoded(line: str | bytes) -> bytes:
    try:
        return line.encode("utf-8", "surrogateescape") if isinstance(line, str) else line
    except UnicodeEncodeError:
        return b""  # nothing that travels could have become this text


def _restored(kind: type[Cookies], records: list[Cookie], accept: bool) -> Cookies:
    return kind(records, accept=accept)
