"""Redirects (RFC 9110 section 15.4), decided by one pure function.

What is stripped when the origin changes stays stripped: the next hop is made from the request before it, so a chain
that leaves an origin and comes back does not find its secrets again.
"""

from __future__ import annotations

from collections.abc import Callable, Container

from ..errors import BodyNotReplayable, HTTPError, RedirectError, TooManyRedirects
from ..hints import TYPE_CHECKING
from ..values.request import NO_FIELDS, Request
from ..values.response import REDIRECTS
from ..values.url import URL

if TYPE_CHECKING:
    from typing import Final

    from .flow import Answer, Flow

__all__ = ["SECRETS", "follow_redirects", "next_request", "redirects"]

SECRETS: Final = frozenset({"authorization", "cookie", "cookie2", "proxy-authorization"})
"""Fields that are never sent to another origin than the one they were given for."""

BODY_FIELDS: Final = frozenset({"transfer-encoding", "digest", "repr-digest", "want-digest", "expect", "trailer"})
"""Fields that speak of a body, and go with it; so do all whose name begins with `content-`."""


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
    """Where to go. A user name in a Location is not sent: which credentials a client shows is not the peer's choice."""
    try:
        target = request.url.join(location).without_userinfo()
    except HTTPError as error:
        raise RedirectError(detail=f"Location: {error.detail}", request=request) from error
    if target.scheme not in ("http", "https"):
        raise RedirectError(detail=f"Location: {target.redacted()} is not http or https", request=request)
    if request.url.fragment and "#" not in location:
        target = target.replace(fragment=request.url.fragment)
    return target


def next_request(request: Request, answer: Answer, secrets: Container[str] = SECRETS) -> Request:
    """The request that a redirect asks for.

    Args:
        request: the request that was redirected.
        answer: the response that redirects.
        secrets: names of fields, in lower case, that do not leave the origin.

    Raises:
        RedirectError: the Location is no URL that can be requested.
        BodyNotReplayable: the body would have to be sent again and cannot.
    """
    url = request.url
    target = _target(request, answer.headers.get_list("location")[0])
    method = _method_after(answer.status_code, request.method)
    body = request.body
    bodiless = method != request.method or answer.status_code == 303
    if bodiless:
        body = None
    elif body is not None and not body.replayable:
        raise BodyNotReplayable(
            detail=f"{answer.status_code} asks for the body once more, and it came from an iterator",
            hint="give bytes, a file or a list; or set follow_redirects=False",
            request=request,
        )
    moved = target.origin != url.origin
    forgotten = not _keeps_secrets(url, target)
    headers = request.headers.copy()
    for name in request.headers:
        key = name.lower()
        if (
            (bodiless and (key in BODY_FIELDS or key.startswith("content-")))
            or (moved and key == "host")
            or (forgotten and key in secrets)
        ):
            del headers[name]
    return Request.assemble(method, target, NO_FIELDS, headers, body, request.extensions)


def follow_redirects(most: int, secrets: Container[str] = SECRETS) -> Callable[[Request], Flow]:
    """The policy that follows redirects.

    Args:
        most: hops that are followed; one more raises TooManyRedirects.
        secrets: names of fields, in lower case, that do not leave the origin.
    """

    def flow(request: Request) -> Flow:
        answer: Answer = yield request
        if answer.status_code not in REDIRECTS:
            return answer
        history: list[Answer] = []
        while redirects(answer):
            if len(history) >= most:
                raise TooManyRedirects(
                    detail=f"more than {most}", hint="max_redirects says how many are followed", request=request
                )
            request = next_request(request, answer, secrets)
            history.append(answer)
            answer = yield request
        answer.history = history
        return answer

    return flow
