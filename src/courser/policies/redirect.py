"""Redirects (RFC 9110 section 15.4), decided by one pure function.

What is stripped when the origin changes stays stripped: the next hop is made from the request before it, so a chain
that leaves an origin and comes back does not find its secrets again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from ..errors import BodyNotReplayable, HTTPError, RedirectError, TooManyRedirects
from ..values.request import NO_FIELDS, Request
from ..values.url import URL

if TYPE_CHECKING:
    from .flow import Answer, Flow

__all__ = ["REDIRECTS", "SECRETS", "follow_redirects", "next_request", "redirects"]

REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})

SECRETS: Final = frozenset({"authorization", "cookie", "proxy-authorization"})
"""Fields that are never sent to another origin than the one they were given for."""

BODY_FIELDS: Final = (
    "content-type",
    "content-length",
    "content-encoding",
    "content-language",
    "content-location",
    "transfer-encoding",
    "digest",
    "content-digest",
    "expect",
    "trailer",
)
"""Fields that speak of a body, and go with it."""


def redirects(answer: Answer) -> bool:
    """Whether a response sends its client elsewhere."""
    return answer.status_code in REDIRECTS and "location" in answer.headers


def _method_after(status: int, method: str) -> str:
    """The method of the next request: 303 means "look there", 301 and 302 mean so after POST by long custom."""
    if status == 303:
        return "HEAD" if method == "HEAD" else "GET"
    if status in (301, 302) and method == "POST":
        return "GET"
    return method


def _keeps_secrets(old: URL, new: URL) -> bool:
    """Whether credentials may go from one URL to the other.

    They may within an origin, and from http to https on the same host with the default ports, where the same server
    asks for more safety.
    """
    if old.origin == new.origin:
        return True
    return old.host == new.host and (old.scheme, old.port, new.scheme, new.port) == ("http", 80, "https", 443)


def _target(request: Request, location: str) -> URL:
    try:
        target = request.url.join(location)
    except HTTPError as error:
        raise RedirectError(detail=f"Location {location[:200]!r}: {error.detail}", request=request) from error
    if target.scheme not in ("http", "https"):
        raise RedirectError(detail=f"Location {location[:200]!r} leads to the scheme {target.scheme}", request=request)
    if request.url.fragment and not target.fragment and "#" not in location:
        target = target.replace(fragment=request.url.fragment)
    return target


def next_request(request: Request, answer: Answer, secrets: frozenset[str] = SECRETS) -> Request:
    """The request that a redirect asks for.

    Args:
        request: the request that was redirected.
        answer: the response that redirects.
        secrets: names of fields, in lower case, that do not leave the origin.

    Raises:
        RedirectError: the Location is no URL that can be requested.
        BodyNotReplayable: the body would have to be sent again and cannot.
    """
    target = _target(request, answer.headers.get_list("location")[0])
    method = _method_after(answer.status_code, request.method)
    headers = request.headers.copy()
    body = request.body
    if method != request.method or answer.status_code == 303:
        body = None
        for name in BODY_FIELDS:
            if name in headers:
                del headers[name]
    elif body is not None and not body.replayable:
        raise BodyNotReplayable(
            detail=f"{answer.status_code} asks for the body once more, and it came from an iterator",
            hint="give bytes, a file or a list; or set follow_redirects=False",
            request=request,
        )
    if "host" in headers and target.origin != request.url.origin:
        del headers["host"]
    if not _keeps_secrets(request.url, target):
        for name in secrets:
            if name in headers:
                del headers[name]
    return Request.assemble(method, target, NO_FIELDS, headers, body, request.extensions)


def follow_redirects(most: int) -> Callable[[Request], Flow]:
    """The policy that follows redirects.

    Args:
        most: hops that are followed; one more raises TooManyRedirects.
    """

    def flow(request: Request) -> Flow:
        answer: Answer = yield request
        if answer.status_code not in REDIRECTS:
            return answer
        history: list[Answer] = []
        while redirects(answer):
            if len(history) >= most:
                raise TooManyRedirects(detail=f"more than {most}", request=request)
            request = next_request(request, answer)
            history.append(answer)
            answer = yield request
        answer.history = history
        return answer

    return flow
