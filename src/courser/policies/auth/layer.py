"""Authentication as a part of a call: what `auth=` may be, and where it acts.

What is the same for every request to a URL is set on the call's first request, and redirects carry it on or drop it as
any other secret. What depends on answers is a flow: a layer of its own, below redirects, begun anew for every hop. It
acts for one origin, that of the call, and no more once a redirect has left it: neither is a challenge of another origin
answered (CVE-2026-54276), nor is that of the first one if the chain comes back. What a flow sets stays on its hop.
"""

from __future__ import annotations

from collections.abc import Callable, Generator

from ...hints import TYPE_CHECKING, Protocol, cast
from ...values.request import Request
from ..redirect import keeps_secrets

if TYPE_CHECKING:
    from typing import Any, Final, Self, TypeAlias

    from ...values.url import URL
    from ..flow import Answer, Flow, Middleware

__all__ = ["Auth", "FlowAuth", "Signed", "StaticAuth", "authenticated", "checked_auth"]


class StaticAuth(Protocol):
    """Knows what to show without asking anybody."""

    def authorization(self, url: URL, /) -> str | None:
        """The value of the header Authorization for a URL, None for none."""
        ...


class FlowAuth(Protocol):
    """Acts by what servers answer."""

    def flow(self, request: Request, /) -> Flow:
        """Send a request; see policies/flow.py. The request is the flow's own, to be changed at will."""
        ...


WANTED: Final = "auth is (user, password), an auth object or a flow"
HINTS: Final = {"str": "; a token goes into courser.BearerAuth(token)", "list": "; give a tuple"}

Auth: TypeAlias = "StaticAuth | FlowAuth | Callable[[Request], Flow | Request]"


class Signed(Request):
    """A request that is a flow's own, to be changed at will.

    Attributes:
        unsigned: what it was before: the next hop of a redirect is made of this one.
    """

    __slots__ = ("unsigned",)

    unsigned: Request

    @classmethod
    def like(cls, other: Request) -> Self:
        made = super().like(other)
        made.unsigned = other.unsigned if isinstance(other, Signed) else other
        return made

    def with_cookies(self, hand: bytes, field: bytes) -> Self:
        made = super().with_cookies(hand, field)
        made.unsigned = self.unsigned
        return made


def checked_auth(value: object) -> Auth | None:
    """What the option `auth` means.

    Raises:
        TypeError: it is of another kind.
        InvalidRequest: user name or password cannot be sent.
    """
    if value is None:
        return None
    pair: Any = value
    kind = type(value)
    if issubclass(kind, tuple) and len(pair) == 2:
        from .basic import BasicAuth

        return BasicAuth(*pair)
    if hasattr(value, "flow") or hasattr(value, "authorization") or callable(value):
        if not isinstance(value, type):
            return cast("Auth", value)
        raise TypeError(f"{WANTED}, not the class {value.__name__}")
    # What was given may be a secret, so it is not shown.
    raise TypeError(f"{WANTED}, not {kind.__name__}{HINTS.get(kind.__name__, '')}")


def authenticated(request: Request, auth: Auth) -> tuple[Request, Middleware | None]:
    """A request with the credentials of its call, and the layer that sees to them; None where none is needed.

    Args:
        request: the call's first one; it is not changed.
        auth: what sees to it.
    """
    if request.estranged:
        request = Request.like(request)  # where it goes is its caller's wish by now, and so are the credentials
    begin: Any = getattr(auth, "flow", None)
    static: Any = getattr(auth, "authorization", None)
    if begin is not None and not getattr(auth, "is_read", False):
        return request, _layer(begin, request.url)
    if static is None:
        return request, _layer(cast("Callable[[Request], Flow | Request]", auth), request.url)
    value: str | None = static(request.url)
    return (request if value is None else request.with_authorization(value)), None


def _layer(begin: Callable[[Request], Flow | Request], home: URL) -> Middleware:
    def layer(request: Request) -> Flow:
        answer: Answer
        if request.estranged or not keeps_secrets(home, request.url):
            answer = yield request
            return answer
        begun: Any = begin(Signed.like(request))
        if isinstance(begun, Generator):
            return (yield from cast("Flow", begun))
        if not isinstance(begun, Request):
            raise _misbegun(begin, begun)
        answer = yield begun
        return answer

    # Whoever is told of a flow that returns nothing is told its name.
    layer.__qualname__ = _name(begin)
    return layer


def _name(begin: object) -> str:
    return getattr(begin, "__qualname__", type(begin).__name__)


def _misbegun(begin: object, begun: object) -> TypeError:
    close = getattr(begun, "close", None)
    if close is not None:
        close()  # a coroutine that nobody will await
    return TypeError(
        f"auth: {_name(begin)} gave a {type(begun).__name__}: it is a generator function, or gives a request. "
        "What has to be awaited is yielded: token = yield courser.Call(function)"
    )
