"""A cookie as it is kept, and what a caller may put into one.

Names and values are what travels, byte for byte: they are never quoted, unquoted, escaped or unescaped. As text they
are UTF-8; bytes that are none are kept as surrogate escapes (PEP 383) and go out as they came.
"""

from __future__ import annotations

from math import isfinite

from ...errors import InvalidRequest, InvalidURL
from ...hints import TYPE_CHECKING, NamedTuple
from ...settings import is_number
from ..host import parse_host
from ..pattern import late_pattern
from ..reference import bracketed

if TYPE_CHECKING:
    import re
    from typing import Any, Final

__all__ = ["SAME_SITES", "Cookie", "checked_cookie", "is_address"]

SAME_SITES: Final = {"strict": "Strict", "lax": "Lax", "none": "None"}
"""The values of SameSite (RFC 6265bis section 5.6.7), by what stands in the attribute in whatever case."""

_NAME: Final = late_pattern(r"[^\x00-\x1f\x7f;=]+")
_VALUE: Final = late_pattern(r"[^\x00-\x08\x0a-\x1f\x7f;]*")
_PATH: Final = late_pattern(r"/[^\x00-\x1f\x7f;]*")
_ADDRESS: Final = late_pattern(r".*:.*|(?:[0-9]+\.){3}[0-9]+")
_AROUND: Final = " \t"


class Cookie(NamedTuple):
    """A cookie.

    Attributes:
        name: what it is called, in the case it came in.
        value: as it travels.
        domain: the host that it belongs to; a dot in front of what a caller gives stands for `host_only=False`. Empty
            for a cookie that goes wherever its owner sends a request.
        path: requests to this path and below carry it.
        host_only: whether it goes to the very host, and not to the hosts below.
        secure: whether it goes over encrypted connections only.
        http_only: whether its server meant it for no script; kept.
        same_site: "Strict", "Lax", "None", or None where its server did not say; kept.
        partitioned: whether its server wants it kept apart for each site that embeds it; kept.
        expires: when it ends, in seconds since 1970; None with the session.
        created: when its name was first set in this place, in seconds since 1970; 0 where nobody knows.
    """

    name: str
    value: str
    domain: str = ""
    path: str = "/"
    host_only: bool = True
    secure: bool = False
    http_only: bool = False
    same_site: str | None = None
    partitioned: bool = False
    expires: int | None = None
    created: float = 0.0

    def __repr__(self) -> str:
        where = f"{self.domain or 'anywhere'}{self.path}"
        return f"<Cookie {self.name} for {where if self.host_only else '.' + where}>"


def is_address(host: str) -> bool:
    """Whether the host of a URL is an IP address; nothing is below one."""
    return _ADDRESS.fullmatch(host) is not None


def checked_cookie(cookie: Cookie) -> Cookie:
    """A cookie of a caller's, with its domain in the spelling that URLs have.

    Raises:
        InvalidRequest: a part that could not be sent, or would be taken for something else.
        TypeError: a part of another type.
    """
    name = _checked_text("the name of a cookie", cookie.name)
    what = f"cookie {name[:60]!r}"
    value = _checked_text(f"the value of {what}", cookie.value)
    _check_all(name, _NAME, "the name of a cookie", "letters, digits and most signs, but no ; = or control character")
    _check_all(value, _VALUE, f"the value of {what}", "encode it (percent or base64): cookies have no escapes")
    path = _checked_text(f"the path of {what}", cookie.path)
    if _PATH.fullmatch(path) is None:
        raise InvalidRequest(detail=f"the path of {what} is {path[:60]!r}", hint="it begins with / and has no ;")
    given = _checked_text(f"the domain of {what}", cookie.domain)
    domain = _checked_domain(what, given)
    wide = given.startswith(".") or not cookie.host_only
    return cookie._replace(
        domain=domain,
        host_only=not wide or not domain or is_address(domain),
        same_site=_checked_same_site(what, cookie.same_site),
        expires=_checked_time(what, cookie.expires),
    )


def _checked_text(what: str, text: Any) -> str:
    if not isinstance(text, str):
        raise TypeError(f"{what} is a str, not {type(text).__name__}")
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        # The cause would show the value.
        raise InvalidRequest(detail=f"{what} holds a lone surrogate at position {error.start}") from None
    return text


def _check_all(text: str, allowed: re.Pattern[str], what: str, hint: str) -> None:
    if text.strip(_AROUND) != text:
        raise InvalidRequest(detail=f"{what} begins or ends with white space", hint="servers would not see it: strip()")
    if allowed.fullmatch(text) is None:
        if not text:
            raise InvalidRequest(detail=f"{what} is empty", hint=hint)
        position = next(at for at, char in enumerate(text) if allowed.fullmatch(char) is None)
        raise InvalidRequest(detail=f"{what} holds {text[position]!a} at position {position}", hint=hint)


def _checked_domain(what: str, domain: str) -> str:
    if not domain:
        return ""
    try:
        return parse_host(bracketed(domain.removeprefix(".")))
    except InvalidURL as error:
        raise InvalidRequest(detail=f"the domain of {what} is {domain[:60]!r}: {error.detail}") from error


def _checked_same_site(what: str, same_site: Any) -> str | None:
    if same_site is None:
        return None
    known = SAME_SITES.get(same_site.lower()) if isinstance(same_site, str) else None
    if known is None:
        raise InvalidRequest(
            detail=f"same_site of {what} is {same_site!r:.60}", hint="it is 'Strict', 'Lax', 'None' or None"
        )
    return known


def _checked_time(what: str, expires: Any) -> int | None:
    if expires is None:
        return None
    if not is_number(expires):
        raise TypeError(f"expires of {what} is a number of seconds since 1970 or None, not {type(expires).__name__}")
    return int(expires) if isfinite(expires) else None
