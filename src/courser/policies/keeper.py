"""Who keeps the cookies of a client: it has no jar, and imports nothing about cookies, until there is one to keep."""

from __future__ import annotations

from ..hints import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any, Final, Literal

    from ..settings import CookieTypes
    from ..values.cookies.jar import Cookies
    from .cookies import CallCookies

__all__ = ["PER_CALL", "CookieKeeper"]

PER_CALL: Final[Any] = object()
"""Stands for a jar of its own for every call: what one hop sets the next one sends, and then it is forgotten."""


class CookieKeeper:
    """The cookies of a client.

    Args:
        given: what the jar begins with; False for one into which no server can put anything; PER_CALL.

    Attributes:
        jar: the cookies, None as long as there were none.
        home: the origin that those without a domain stay with, None where they go wherever the caller sends a request.

    Raises:
        InvalidRequest: a cookie that cannot be sent.
        TypeError: something that is no cookies.
    """

    __slots__ = ("_call", "_first", "_per_call", "home", "jar")

    def __init__(self, given: CookieTypes | Literal[False] = None) -> None:
        self.home: tuple[str, str, int] | None = None
        self.jar: Cookies | None = None
        self._call: type[CallCookies] | None = None
        self._first: dict[str, Cookies] = {}
        self._per_call = given is PER_CALL
        if given is not None and not self._per_call:
            self.replace(given)

    def replace(self, given: CookieTypes | Literal[False]) -> None:
        """Take another jar; what is a jar is taken itself and not its contents."""
        from ..values.cookies.jar import Cookies

        if given is False:
            self.jar = Cookies(accept=False)
        else:
            self.jar = given if isinstance(given, Cookies) else Cookies(given)

    def open(self) -> Cookies:
        """The jar."""
        jar = self.jar
        if jar is None:
            from ..values.cookies.jar import Cookies

            # Of two threads that come here at once, both get the jar of one.
            jar = self.jar = self._first.setdefault("jar", Cookies())
        return jar

    def begin(self) -> CallCookies:
        """The cookies of a call that begins."""
        kind = self._call
        if kind is None:
            from .cookies import CallCookies

            kind = self._call = CallCookies
        if self._per_call:
            from ..values.cookies.jar import Cookies

            return kind(Cookies(), None)
        jar = self.jar
        return kind(self.open() if jar is None else jar, self.home)
