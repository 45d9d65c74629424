"""Cookies on their way: what a hop of a call sends, and what its response sets.

This is decided anew for every hop, below redirects and authentication, from the URL of that very hop: a cookie goes
where its domain, path and scheme say, whoever has sent the client there. What the caller gave for one request is a
Cookie field by hand, which a redirect to another origin takes away like every other secret; so are the jar's cookies
without a domain.
"""

from __future__ import annotations

from time import time

from ..hints import TYPE_CHECKING
from ..values.cookies.choice import choose
from ..values.cookies.setcookie import set_cookie_lines

if TYPE_CHECKING:
    from collections.abc import Collection

    from ..values.cookies.jar import Cookies
    from ..values.request import Request

__all__ = ["CallCookies"]


class CallCookies:
    """The cookies of one call.

    Args:
        jar: where they are from, and where they go.
        home: the origin that those without a domain stay with, None where they go wherever the caller sends a request.
    """

    __slots__ = ("_home", "_jar", "_renewed")

    def __init__(self, jar: Cookies, home: tuple[str, str, int] | None) -> None:
        self._jar = jar
        self._home = home
        self._renewed: Collection[str] = ()

    def dress(self, request: Request) -> Request:
        """The request with the cookies that belong to it; the request itself where there are none."""
        url, home = request.url, self._home
        hand, present = request.cookie_fields
        general = not request.estranged and (home is None or home == url.origin)
        field = choose(self._jar.store, url, time(), general, hand, self._renewed)
        return request if field == present else request.with_cookies(hand, field)

    def keep(self, request: Request, fields: bytes) -> None:
        """Put into the jar what a response sets.

        Args:
            request: what was answered: cookies belong to the host of its URL, whatever its Host field says.
            fields: the header lines of the response.
        """
        if self._jar.accept:
            names = self._jar.store.receive(request.url, set_cookie_lines(fields), time())
            self._renewed = {*self._renewed, *names}
