"""Trailers of a request (RFC 9110 section 6.5): fields that are sent behind its body, such as a checksum of it."""

from __future__ import annotations

from ..errors import InvalidRequest
from ..hints import TYPE_CHECKING
from ..values.headers import Headers

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final

    from ..values.fields import FieldBlock
    from ..values.request import Request

__all__ = ["FORBIDDEN", "checked_trailers"]

FORBIDDEN: Final = frozenset(
    {
        "authorization",
        "cache-control",
        "connection",
        "content-encoding",
        "content-length",
        "content-range",
        "content-type",
        "cookie",
        "expect",
        "host",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "keep-alive",
        "max-forwards",
        "pragma",
        "proxy-authorization",
        "range",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""What decides about a message before its body comes, or who may send it (RFC 9110 section 6.5.1)."""


def checked_trailers(request: Request, length: int | None) -> Callable[[], FieldBlock]:
    """What gives the trailer lines of a request when its body has been sent; looked at before anything is sent.

    Args:
        length: bytes of its body; -1 for none, None for a body of unknown length.

    Raises:
        InvalidRequest: only a body of unknown length is followed by anything; or a field may not stand there.
    """
    if length is not None:
        raise InvalidRequest(
            detail='extensions: "trailers" were given, and the body has a length that is known beforehand',
            hint="give the body as an iterable: trailers follow what is sent in pieces",
            request=request,
        )
    given: Any = request.extensions["trailers"]
    if callable(given):
        return lambda: _lines(given(), request)
    lines = _lines(given, request)
    return lambda: lines


def _lines(given: Any, request: Request) -> FieldBlock:
    headers = Headers(given)
    for name in headers:
        if name.lower() in FORBIDDEN:
            detail = f"the field {name!r} may not be a trailer (RFC 9110 section 6.5.1)"
            raise InvalidRequest(detail=detail, request=request)
    return headers.encode()
