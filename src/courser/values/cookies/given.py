"""What a caller may give as cookies, and the records that it stands for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from time import time

from ...hints import TYPE_CHECKING, cast
from .choice import below, fitting
from .header import joined
from .record import SAME_SITES, Cookie, checked_cookie
from .rules import domain_matches

if TYPE_CHECKING:
    from typing import Any

    from ..url import URL

__all__ = ["field_of", "records_of"]


def records_of(given: Any) -> list[Cookie]:
    """The cookies that a caller gives.

    Args:
        given: a Cookies; a mapping of names to values; pairs of name and value, or Cookie records; a
            `http.cookiejar.CookieJar`; None for none.

    Raises:
        InvalidRequest: a name or a value that cannot be sent.
        TypeError: something else.
    """
    if given is None:
        return []
    records = getattr(given, "records", None)
    if records is not None:
        return cast("list[Cookie]", records())
    if isinstance(given, Mapping):
        pairs = cast("Mapping[str, str]", given)
        return [checked_cookie(Cookie(name, pairs[name])) for name in pairs]
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise TypeError(
            f"cookies are a mapping, pairs, courser.Cookies or a CookieJar, not {type(given).__name__}: "
            "give a header that is ready as headers={'Cookie': ...}"
        )
    return [checked_cookie(_record(each)) for each in cast("Iterable[object]", given)]


def field_of(given: Any, url: URL) -> bytes:
    """The Cookie field of the cookies that a caller gives for one request.

    Args:
        given: see `records_of`; of cookies that have a domain, those that belong to the URL are taken.
        url: where the request goes.

    Raises:
        InvalidRequest: a name or a value that cannot be sent.
        TypeError: something that is no cookies.
    """
    host = url.host
    found = [
        cookie
        for cookie in records_of(given)
        if not cookie.domain or (host == cookie.domain if cookie.host_only else domain_matches(host, cookie.domain))
    ]
    return joined(below(fitting(found, url, time()), url.path))


def _record(each: Any) -> Cookie:
    if isinstance(each, Cookie):
        return each
    if hasattr(each, "domain_specified"):
        return _from_jar(each)
    kind = type(each).__name__
    pair = cast("tuple[str, ...]", each) if isinstance(each, tuple | list) else ()
    if len(pair) != 2:
        raise TypeError(f"cookies are pairs of name and value, or records; this item is a {kind}")
    return Cookie(*pair)


def _from_jar(cookie: Any) -> Cookie:
    """A record of what `http.cookiejar` has: a domain with a dot in front, or a host; `.local` if it had no dot."""
    domain: str = cookie.domain
    return Cookie(
        cookie.name,
        cookie.value or "",
        "localhost" if domain == "localhost.local" else domain,
        cookie.path or "/",
        True,
        cookie.secure,
        cookie.has_nonstandard_attr("HttpOnly"),
        SAME_SITES.get((cookie.get_nonstandard_attr("SameSite") or "").lower()),
        cookie.has_nonstandard_attr("Partitioned"),
        cookie.expires,
    )
