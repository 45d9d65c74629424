"""Bearer tokens (RFC 6750)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine

from ...errors import InvalidRequest
from ...hints import TYPE_CHECKING
from ...values.pattern import late_pattern

if TYPE_CHECKING:
    from typing import Any, Final

    from ...values.url import URL

__all__ = ["BearerAuth"]

# The b64token of RFC 6750 section 2.1 is narrower than the tokens that are in use.
_TOKEN: Final = late_pattern(r"[!-~]++")


class BearerAuth:
    """Shows a token with every request.

    Args:
        token: the token; or a function that gives it. It is called for every call of the client's, where the call was
            made, so it must not block. What blocks or has to be awaited is a flow's: `token = yield Call(function)`.

    Raises:
        InvalidRequest: the token is empty, or holds what cannot be in one, such as white space.
        TypeError: it is neither text nor a function that gives text.
    """

    __slots__ = ("_give", "_value")

    def __init__(self, token: str | Callable[[], str]) -> None:
        self._give: Callable[[], str] | None = None
        self._value = ""
        if callable(token):
            self._give = token
        else:
            self._value = _checked(token)

    def authorization(self, url: URL) -> str:
        """The value of the header Authorization.

        Args:
            url: where the request goes.
        """
        return self._value if self._give is None else _checked(self._give())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BearerAuth) and (self._value, self._give) == (other._value, other._give)

    def __hash__(self) -> int:
        return hash((self._value, self._give))

    def __repr__(self) -> str:
        return "BearerAuth(***)"


def _checked(token: Any) -> str:
    if isinstance(token, Awaitable):
        if isinstance(token, Coroutine):
            token.close()
        raise TypeError("the function that gives the token is async: write a flow that yields courser.Call(function)")
    if not isinstance(token, str):
        raise TypeError(f"a token is str, not {type(token).__name__}")
    if _TOKEN.fullmatch(token) is None:
        hint = ""
        if _TOKEN.fullmatch(token.strip()):
            hint = "strip() it"
        elif token.lower().startswith("bearer "):
            hint = "give it without the word Bearer"
        raise InvalidRequest(detail="a bearer token is empty, or has characters that cannot be in one", hint=hint)
    return f"Bearer {token}"
