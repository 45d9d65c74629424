"""Redirects that somebody wants to see before they are followed: the option `follow_redirects` as a function."""

from __future__ import annotations

from collections.abc import Container, Generator

from ..hints import TYPE_CHECKING
from ..values.request import Request
from ..values.url import URL
from .flow import Call
from .redirect import Estranged, keeps_secrets, part

if TYPE_CHECKING:
    from typing import Any

    from ..settings import RedirectJudge
    from .flow import Answer

__all__ = ["ask"]


def ask(
    judge: RedirectJudge, answer: Answer, request: Request, following: Request, secrets: Container[str]
) -> Generator[Call, Any, Request | None]:
    """Ask a judge about a redirect; gives the request to send, None where the redirect is not to be followed.

    What the judge has written into a request of its own is sent. Where it has given another URL to the one that it was
    shown, the fields of that one were for its origin, and do not go to the other.

    Args:
        judge: the function; it may give something to await.
        answer: the response that redirects.
        request: what was answered.
        following: the request that the redirect asks for.
        secrets: names of fields, in lower case, that do not leave the origin.

    Raises:
        TypeError: the judge gives something else than a verdict.
    """
    planned = following.url
    verdict: Any = judge(answer, following)
    if hasattr(verdict, "__await__"):
        verdict = yield Call(_itself, verdict)
    if verdict is False:
        return None
    if verdict is True:
        verdict = following
    if not isinstance(verdict, Request):
        raise TypeError(
            f"the function given as follow_redirects returned {verdict!r}: it returns True to follow, False to stop, "
            "or the request to send"
        )
    verdict.url = URL(verdict.url)
    if verdict is following:
        estranged = part(verdict.headers, planned, verdict.url, secrets)
    else:
        estranged = following.estranged or not keeps_secrets(request.url, verdict.url)
    verdict.move_credentials()
    return Estranged.like(verdict) if estranged and not verdict.estranged else verdict


def _itself(value: Any) -> Any:
    return value
