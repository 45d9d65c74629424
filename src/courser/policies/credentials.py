"""Whose credentials a call carries: its own, its client's, or those that the user's netrc file has.

A client that has none costs its requests two looks; what knows of schemes is imported with the first of them.
"""

from __future__ import annotations

import os

from ..errors import InvalidRequest
from ..hints import TYPE_CHECKING
from ..settings import DEFAULT, SendOptions

if TYPE_CHECKING:
    from typing import Any, Final, Literal

    from ..settings import Sentinel
    from ..values.headers import Headers
    from ..values.request import Request
    from .auth.layer import Auth
    from .auth.netrcauth import NetrcAuth
    from .flow import Middleware

__all__ = ["Credentials", "find_netrc"]

NETRC: Final = ("~/.netrc", "~/_netrc")
"""Where the file is unless NETRC says so; the second is the custom of Windows."""


class Credentials:
    """What authenticates the calls of a client.

    Args:
        auth: what the client was given.
        trust_env: whether the user's netrc file is asked where nobody says anything.

    Attributes:
        auth: what authenticates calls that bring nothing of their own.
        ambient: knows what the user's netrc file has; the default as long as nobody has looked for the file.

    Raises:
        TypeError: auth is of another kind.
        InvalidRequest: user name or password cannot be sent.
    """

    __slots__ = ("ambient", "auth")

    def __init__(self, auth: Any, trust_env: bool) -> None:
        self.auth: Auth | None = _checked(auth)
        self.ambient: NetrcAuth | Literal[Sentinel.DEFAULT] | None = DEFAULT if trust_env else None

    def replace(self, auth: Any) -> None:
        """Authenticate in another way from now on."""
        self.auth = _checked(auth)

    def show(
        self, request: Request, options: SendOptions, headers: Headers, trusted: bool
    ) -> tuple[Request, Middleware | None]:
        """A request with the credentials of its call, and the layer that sees to them where they depend on answers.

        Args:
            request: the first one of the call; it is not changed.
            options: those of the call.
            headers: the default ones of the client.
            trusted: whether what is the client's own goes where the request goes.

        Raises:
            InvalidRequest: there are two sets of credentials for one call.
        """
        given = options.get("auth", DEFAULT)
        auth = self._own(request, headers, trusted) if given is DEFAULT else _checked(given)
        if auth is None:
            return request, None
        if given is not DEFAULT and _brings_its_own(request, headers):
            raise InvalidRequest(
                detail="auth= was given, and the header Authorization or a user name in the URL as well",
                hint="give one of them",
                request=request,
            )
        from .auth.layer import authenticated

        return authenticated(request, auth)

    def _own(self, request: Request, headers: Headers, trusted: bool) -> Auth | None:
        """What authenticates a call that says nothing of it."""
        if request.estranged:
            return None
        if self.auth is not None:
            return self.auth if trusted and not _brings_its_own(request, headers) else None
        ambient = self.ambient
        if ambient is DEFAULT:
            ambient = self.ambient = _ambient()
        elif ambient is not None and ambient.is_empty:
            ambient = self.ambient = None
        return ambient if request.authorization is None else None


def _checked(auth: Any) -> Auth | None:
    if auth is None:
        return None
    from .auth.layer import checked_auth

    return checked_auth(auth)


def _brings_its_own(request: Request, headers: Headers) -> bool:
    """Whether a request has credentials that are not the default header of its client."""
    value = request.authorization
    return value is not None and value != headers.get("authorization")


def _ambient() -> NetrcAuth | None:
    file = find_netrc()
    if file is None:
        return None
    from .auth.netrcauth import NetrcAuth

    return NetrcAuth.unasked(file)


def find_netrc() -> str | None:
    """The netrc file of the user; None where there is none."""
    named = os.environ.get("NETRC")
    for name in NETRC if named is None else (named,):
        path = os.path.expanduser(name)
        if os.path.isfile(path):
            return path
    return None
