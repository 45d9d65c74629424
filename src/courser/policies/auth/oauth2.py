"""OAuth 2.0 where no user is asked: client credentials and refresh tokens (RFC 6749 sections 4.4 and 6).

The token is asked for through the client that needs it, below redirects and authentication: its proxies, its
certificates and its time limits hold, and a token endpoint that redirects is in error.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from math import isfinite
from time import monotonic, time

from ...errors import InvalidRequest, RemoteProtocolError, StatusError
from ...hints import TYPE_CHECKING, cast
from ...values.form import encode_form
from ...values.request import Request
from ...values.response import Response
from ...values.url import URL
from ..flow import Read, Send
from .basic import BasicAuth
from .tokens import FOREVER, Grant, Token, TokenAuth

if TYPE_CHECKING:
    from typing import Any, Final, Literal

    from ..flow import Answer, Step
    from .tokens import Load, Save

__all__ = ["OAuth2ClientCredentials", "OAuth2RefreshToken"]

ANSWER_AT_MOST: Final = 256 * 1024
"""Bytes of a token endpoint's answer; a token is a few KiB at most."""

TEXT_SHOWN: Final = 200

HINTS: Final = {
    "invalid_client": "look at client_id and client_secret; some servers want client_auth='post'",
    "invalid_grant": "the refresh token is used up, expired or revoked: log in again",
    "invalid_scope": "look at scope",
    "unauthorized_client": "the server does not allow this client to do so",
    "unsupported_grant_type": "the server knows no such grant",
}
"""What can be done about the errors of RFC 6749 section 5.2."""


class _Endpoint(TokenAuth):
    """What both grants have in common: a client that is known to a token endpoint."""

    def __init__(
        self,
        token_url: str | URL,
        client_id: str,
        client_secret: str | None,
        scope: str | None,
        parameters: Mapping[str, str] | None,
        client_auth: Literal["basic", "post"],
        leeway: float,
        load: Load | None,
        save: Save | None,
    ) -> None:
        if client_auth not in ("basic", "post"):
            raise InvalidRequest(detail=f"client_auth is 'basic' or 'post', not {client_auth!r}")
        super().__init__(load, save)
        self._url = URL(token_url)
        self._client_id = client_id
        self._leeway = leeway
        self._form = dict(parameters or {})
        self._authorization: str | None = None
        if scope is not None:
            self._form["scope"] = scope
        if client_secret is not None and client_auth == "basic":
            # RFC 6749 section 2.3.1: both are encoded as in a form first.
            self._authorization = BasicAuth(_escaped(client_id), _escaped(client_secret)).authorization(self._url)
            return
        self._form["client_id"] = client_id
        if client_secret is not None:
            self._form["client_secret"] = client_secret

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._url.redacted()!r}, {self._client_id!r}, ***)"

    def restore(self, stored: Mapping[str, Any]) -> Token | None:
        value, expires = stored.get("access_token"), stored.get("expires_at")
        if value is None:
            return None
        return Token(str(value), FOREVER if expires is None else float(expires) - self._leeway, -FOREVER)

    def _ask(self, request: Request, grant: dict[str, str]) -> Generator[Step, Any, Grant]:
        """Ask the token endpoint.

        Raises:
            StatusError: it refuses.
            RemoteProtocolError: it answers with what is no token.
        """
        asking = Request("POST", self._url, data={**grant, **self._form}, headers={"Accept": "application/json"})
        if "user-agent" in request.headers:
            asking.headers["User-Agent"] = request.headers["user-agent"]
        if self._authorization is not None:
            asking.headers["Authorization"] = self._authorization
        answer: Answer = yield Send(asking)
        content: bytes = yield Read(answer, ANSWER_AT_MOST)
        facts = _facts(content)
        where = f"the token endpoint {self._url.redacted()}"
        if answer.status_code >= 400:
            raise _refusal(where, answer, content, facts, request)
        try:
            return self._granted(facts)
        except ValueError as error:
            detail = f"{where} answered {answer.status_code} and {error}"
            raise RemoteProtocolError(phase="read", detail=detail, request=request) from None

    def _granted(self, facts: Mapping[str, Any]) -> Grant:
        value, kind = facts.get("access_token"), str(facts.get("token_type", "Bearer"))
        if not isinstance(value, str) or not value:
            raise ValueError("gave no access_token")
        if not (value.isascii() and value.isprintable() and " " not in value):
            raise ValueError("gave an access_token that cannot be sent")
        if kind.lower() != "bearer":
            raise ValueError(f"gave a token of the type {_text(kind)}, where bearer is known")
        now, life = time(), _seconds(facts.get("expires_in"))
        # A life that is shorter than the leeway is used too.
        due = FOREVER if life is None else now + life - min(self._leeway, life / 2)
        kept = {
            "access_token": value,
            "token_type": "Bearer",
            "expires_at": None if life is None else now + life,
            "scope": facts.get("scope", self._form.get("scope")),
        }
        return Token(value, due, monotonic()), kept


class OAuth2ClientCredentials(_Endpoint):
    """Gets tokens for a client that acts for itself (RFC 6749 section 4.4), and shows them.

    One request is sent for a token, however many wait for it, and one more where a server says that the token is no
    good. It may be shared by clients, threads and event loops.

    Args:
        token_url: the token endpoint.
        client_id, client_secret: what it knows the client by.
        scope: what for, names with spaces between them.
        parameters: more fields of the form that is sent, such as `audience` or `resource`.
        client_auth: whether the client is named in the header Authorization ("basic"), or in the form ("post").
        leeway: seconds before its end from which a token is not used any more.
        load: a function that gives what was stored the last time, or None; called once, before the first request.
        save: a function that stores a token: a mapping that JSON can hold, with `access_token` and `expires_at`, in
            seconds since 1970. Both may block or be async; neither may use a client with this very object.
    """

    def __init__(
        self,
        token_url: str | URL,
        client_id: str,
        client_secret: str,
        *,
        scope: str | None = None,
        parameters: Mapping[str, str] | None = None,
        client_auth: Literal["basic", "post"] = "basic",
        leeway: float = 30.0,
        load: Load | None = None,
        save: Save | None = None,
    ) -> None:
        super().__init__(token_url, client_id, client_secret, scope, parameters, client_auth, leeway, load, save)

    def obtain(self, request: Request) -> Generator[Step, Any, Grant]:
        return (yield from self._ask(request, {"grant_type": "client_credentials"}))


class OAuth2RefreshToken(_Endpoint):
    """Gets tokens by a refresh token (RFC 6749 section 6), and shows them.

    A server may give another refresh token with each token, and take the old one no more. Give `save` then, and `load`,
    or the next start of the program has none.

    Args:
        token_url: the token endpoint.
        refresh_token: the first one; None where `load` gives it. What `load` gives comes first.
        client_id, client_secret: what the endpoint knows the client by; public clients have no secret.
        scope, parameters, client_auth, leeway, load, save: see `OAuth2ClientCredentials`; the mapping has
            `refresh_token` too.
    """

    def __init__(
        self,
        token_url: str | URL,
        refresh_token: str | None,
        client_id: str,
        client_secret: str | None = None,
        *,
        scope: str | None = None,
        parameters: Mapping[str, str] | None = None,
        client_auth: Literal["basic", "post"] = "basic",
        leeway: float = 30.0,
        load: Load | None = None,
        save: Save | None = None,
    ) -> None:
        super().__init__(token_url, client_id, client_secret, scope, parameters, client_auth, leeway, load, save)
        self._refresh_token = refresh_token

    def restore(self, stored: Mapping[str, Any]) -> Token | None:
        self._refresh_token = stored.get("refresh_token") or self._refresh_token
        return super().restore(stored)

    def obtain(self, request: Request) -> Generator[Step, Any, Grant]:
        refresh_token = self._refresh_token
        if refresh_token is None:
            raise InvalidRequest(detail="OAuth 2: there is no refresh token", hint="give it, or load=", request=request)
        return (yield from self._ask(request, {"grant_type": "refresh_token", "refresh_token": refresh_token}))

    def _granted(self, facts: Mapping[str, Any]) -> Grant:
        token, kept = super()._granted(facts)
        renewed = facts.get("refresh_token")
        if isinstance(renewed, str) and renewed:
            self._refresh_token = renewed
        return token, {**kept, "refresh_token": self._refresh_token}


def _escaped(text: str) -> bytes:
    return encode_form({"": text})[1:]


def _facts(content: bytes) -> Mapping[str, Any]:
    """The object that an answer holds, an empty one where it is none."""
    from json import loads

    try:
        value = loads(content)
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _seconds(value: object) -> float | None:
    """How long a token lives; some servers say it in a string, and some do not say it."""
    try:
        seconds = float(cast("str", value))
    except (TypeError, ValueError, OverflowError):
        return None
    return max(seconds, 0.0) if isfinite(seconds) else None


def _text(value: object) -> str:
    """What a server says, as it may be shown."""
    return ascii(str(value)[:TEXT_SHOWN])


def _refusal(where: str, answer: Answer, content: bytes, facts: Mapping[str, Any], request: Request) -> StatusError:
    error, description = facts.get("error"), facts.get("error_description")
    detail = f"{where} answered {answer.status_code}"
    if error is not None:
        detail = f"{detail}: {_text(error)}"
    if description is not None:
        detail = f"{detail}, {_text(description)}"
    response = Response(answer.status_code, headers=answer.headers, content=content)
    return StatusError(detail=detail, hint=HINTS.get(str(error), ""), response=response, request=request)
