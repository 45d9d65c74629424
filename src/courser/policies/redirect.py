"""Redirects (RFC 9110 section 15.4), decided by one pure function.

Whoever has to know what comes next asks `next_request`: the policy that follows, and a response that was not followed.
What is stripped when the origin changes stays stripped: the next hop is made from the request before it, so a chain
that leaves an origin and comes back does not find its secrets again.
"""

from __future__ import annotations

from collections.abc import Callable, Container

from ..errors import HTTPError, RedirectError, TooManyRedirects
from ..hints import TYPE_CHECKING
from ..values.lines import SECRETS
from ..values.request import NO_FIELDS, Request
from ..values.response import REDIRECTS
from ..values.url import URL, as_http
from .flow import Note

if TYPE_CHECKING:
    from typing import Final

    from ..settings import RedirectJudge
    from ..values.headers import Headers
    from .flow import Answer, Flow

__all__ = [
    "SECRETS",
    "Estranged",
    "follow_redirects",
    "keeps_secrets",
    "left_behind",
    "next_request",
    "part",
    "redirects",
]

FOR_THE_ORIGIN: Final = frozenset({"host", "proxy-authorization"})
"""Fields that go with every change of origin, even where other secrets stay: the way there is another one, too."""

BODY_FIELDS: Final = frozenset({"transfer-encoding", "digest", "repr-digest", "want-digest", "expect", "trailer"})
"""Fields that speak of a body, and go with it; so do all whose name begins with `content-`."""


class Estranged(Request):
    """A request that redirects have led to another origin: nobody adds credentials to it, wherever it goes next."""

    __slots__ = ()

    estranged = True


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


def keeps_secrets(old: URL, new: URL) -> bool:
    """Whether credentials may go from one URL to the other.

    They may within an origin, and from http to https on the same host with the default ports, where the same server
    asks for more safety.
    """
    if old.origin == new.origin:
        return True
    return old.host == new.host and (old.scheme, old.port, new.scheme, new.port) == ("http", 80, "https", 443)


def _location(answer: Answer) -> str:
    """The Location as browsers read it: UTF-8. Of what is not UTF-8 the bytes are kept, escaped."""
    raw = next(value for name, value in answer.headers.raw if name.lower() == b"location")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return "".join([chr(byte) if byte < 0x80 else f"%{byte:02X}" for byte in raw])


def _target(request: Request, location: str) -> URL:
    """Where to go. A user name in a Location is not sent: which credentials a client shows is not the peer's choice."""
    try:
        target = request.url.join(location).without_userinfo()
    except HTTPError as error:
        raise RedirectError(detail=f"Location: {error.detail}", request=request) from error
    if target.scheme in ("ws", "wss") and request.headers.get("upgrade", "").lower() == "websocket":
        target = as_http(target)
    if target.scheme not in ("http", "https"):
        raise RedirectError(detail=f"Location: {target.redacted()} is not http or https", request=request)
    if request.url.fragment and "#" not in location:
        target = target.replace(fragment=request.url.fragment)
    return target


def part(headers: Headers, old: URL, new: URL, secrets: Container[str]) -> bool:
    """Take from header fields what must not go from one URL to another; gives whether secrets had to stay behind."""
    moved, forgotten = new.origin != old.origin, not keeps_secrets(old, new)
    for name in list(headers):
        key = name.lower()
        if (moved and key in FOR_THE_ORIGIN) or (forgotten and key in secrets):
            del headers[name]
    return forgotten


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
    target = _target(request, _location(answer))
    method = _method_after(answer.status_code, request.method)
    body = request.body
    bodiless = method != request.method or answer.status_code == 303
    if bodiless:
        body = None
    elif body is not None and body.spent:
        raise body.refusal(f"{answer.status_code} asks for it", hint="set follow_redirects=False", request=request)
    headers = request.by_hand()
    if bodiless:
        for name in list(headers):
            if name.lower() in BODY_FIELDS or name.lower().startswith("content-"):
                del headers[name]
    forgotten = part(headers, request.url, target, secrets)
    kind = Estranged if forgotten or request.estranged else Request
    return kind.assemble(method, target, NO_FIELDS, headers, body, request.extensions)


def left_behind(request: Request, following: Request, secrets: Container[str] = SECRETS) -> tuple[str, ...]:
    """Names of the fields that a redirect has not carried on, as they are for the origin that was left.

    Args:
        request: what was sent.
        following: the next request.
        secrets: names of fields, in lower case, that do not leave the origin.
    """
    before, after = request.by_hand(), request.by_hand()
    part(after, request.url, following.url, secrets)
    carried = following.by_hand()
    return tuple(name for name in before if name not in after and name not in carried)


def _check_downgrade(request: Request, following: Request, allowed: bool | None) -> None:
    """Refuse to go on without encryption, unless that is allowed; None allows it as long as no body goes along."""
    if allowed or not request.url.is_secure or following.url.is_secure:
        return
    if allowed is None and following.body is None:
        return
    what = "" if allowed is False else ", and the body would travel for everybody to read"
    raise RedirectError(
        detail=f"Location: {following.url.redacted()} leads from https to http{what}",
        hint="allow_downgrade=True follows it",
        request=request,
    )


def follow_redirects(
    most: int,
    secrets: Container[str] = SECRETS,
    judge: RedirectJudge | None = None,
    allow_downgrade: bool | None = None,
) -> Callable[[Request], Flow]:
    """The policy that follows redirects.

    Args:
        most: hops that are followed; one more raises TooManyRedirects.
        secrets: names of fields, in lower case, that do not leave the origin.
        judge: is asked about each hop: given the response and the next request, it says True to follow, False to stop,
            gives the request to send instead, or raises.
        allow_downgrade: whether https may lead to http; None for as long as no body goes along.
    """

    def flow(request: Request) -> Flow:
        answer: Answer = yield request
        if answer.status_code not in REDIRECTS:
            return answer
        history: list[Answer] = []
        while redirects(answer):
            following = next_request(request, answer, secrets)
            if judge is not None:
                answer.history = [*history]  # for whoever counts
                from .judging import ask

                chosen = yield from ask(judge, answer, request, following, secrets)
                if chosen is None:
                    break
                following = chosen
            _check_downgrade(request, following, allow_downgrade)
            if len(history) >= most:
                raise TooManyRedirects(
                    detail=f"more than {most}", hint="max_redirects says how many are followed", request=request
                )
            history.append(answer)
            towards = f"{answer.status_code} to {following.method} {following.url.redacted()}"
            yield Note("redirect", request=request, response=answer, detail=towards)
            request = following
            answer = yield request
        answer.history = history
        return answer

    return flow
