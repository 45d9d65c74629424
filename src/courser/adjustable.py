"""A client's defaults, which may be changed at any time; what is under way keeps what it began with."""

from __future__ import annotations

from .defaults import NO_PARAMS, ClientOptions
from .hints import TYPE_CHECKING
from .session import Session
from .settings import RequestParts, Timeout
from .values.headers import Headers
from .values.query import QueryParams
from .values.request import Request
from .values.url import URL

if TYPE_CHECKING:
    from typing import Literal, Unpack

    from .core.proxies import ProxyChoice
    from .policies.auth.layer import Auth
    from .policies.hooks import EventHooks, HookTypes
    from .settings import AuthTypes, CookieTypes, HeaderTypes, ParamTypes, TimeoutTypes
    from .values.cookies.jar import Cookies

__all__ = ["Adjustable"]


class Adjustable:
    """What both clients are, but for their verbs.

    Args:
        **options: see `ClientOptions`.
    """

    __slots__ = ("__weakref__", "_session")

    def __init__(self, **options: Unpack[ClientOptions]) -> None:
        self._session = Session(**options)

    @property
    def headers(self) -> Headers:
        """Sent with every request."""
        return self._session.headers

    @headers.setter
    def headers(self, headers: HeaderTypes) -> None:
        self._session.headers = Headers(headers)

    @property
    def cookies(self) -> Cookies:
        """The jar: what servers have set, and what is sent with every request that it belongs to."""
        return self._session.cookies.open()

    @cookies.setter
    def cookies(self, cookies: CookieTypes | Literal[False]) -> None:
        self._session.cookies.replace(cookies)

    @property
    def params(self) -> QueryParams:
        """Added to every URL."""
        return self._session.params

    @params.setter
    def params(self, params: ParamTypes) -> None:
        self._session.params = QueryParams(params) if params else NO_PARAMS

    @property
    def auth(self) -> Auth | None:
        """What authenticates requests without a header Authorization of their own."""
        return self._session.credentials.auth

    @auth.setter
    def auth(self, auth: AuthTypes) -> None:
        self._session.credentials.replace(auth)

    @property
    def timeout(self) -> Timeout:
        """The limits of every request."""
        return self._session.timeout

    @timeout.setter
    def timeout(self, timeout: TimeoutTypes) -> None:
        self._session.timeout = Timeout.of(timeout)

    @property
    def event_hooks(self) -> EventHooks:
        """Lists of functions: "request" sees every request before it goes, "response" every response."""
        return self._session.watchers.hooks

    @event_hooks.setter
    def event_hooks(self, hooks: HookTypes) -> None:
        self._session.watchers.hooks = hooks

    @property
    def base_url(self) -> URL | None:
        """What URLs that are not absolute are appended to."""
        return self._session.base_url

    @base_url.setter
    def base_url(self, url: str | URL | None) -> None:
        self._session.rebase(url)

    @property
    def is_closed(self) -> bool:
        """Whether the client was closed."""
        return self._session.closed

    def build_request(self, method: str, url: str | URL, **parts: Unpack[RequestParts]) -> Request:
        """Make a request with the client's defaults, to be changed and then given to `send`.

        Args:
            method: any method.
            url: absolute, or below base_url.
            **parts: see `RequestParts`.
        """
        return self._session.build(method, url, parts)

    def explain_proxy(self, url: str | URL) -> ProxyChoice:
        """Say which proxies a URL is reached through, and why: which option, or which variable of the environment.

        Args:
            url: absolute, or below base_url.

        Raises:
            InvalidURL: the environment names a proxy that is none.
        """
        return self._session.explain_proxy(url)

    def __repr__(self) -> str:
        base = "" if self.base_url is None else f" {self.base_url.redacted()}"
        return f"<{type(self).__name__}{base}{' closed' if self.is_closed else ''}>"
