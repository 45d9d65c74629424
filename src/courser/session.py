"""What both clients are made of: settings, the making of requests, the way of a call, and nothing that waits."""

from __future__ import annotations

from collections.abc import Coroutine
from time import monotonic

from .core.deadline import Deadline
from .core.dial import Dialer
from .core.exchange import HEAD, SETTLED
from .core.place import Place
from .core.pool import Pool
from .core.route import Routes, TLSPolicy
from .core.send import Sending
from .defaults import (
    DEFAULT_LIMITS,
    DEFAULT_TIMEOUT,
    NO_PARAMS,
    ORDINARY,
    ClientOptions,
    LazyContexts,
    check_options,
    checked_cert,
    checked_codec,
    checked_count,
    checked_follow,
    checked_limit,
    checked_mounts,
    checked_names,
    checked_verify,
    default_headers,
    detours,
    protocols,
    resolve_late,
    source_address,
)
from .errors import ClientClosed, HTTPError, InvalidRequest
from .hints import TYPE_CHECKING
from .packages import accept_encoding
from .policies.credentials import Credentials
from .policies.keeper import CookieKeeper
from .responding import Responses
from .settings import DEFAULT, RequestOptions, RequestParts, SendOptions, Timeout, check_names
from .values.body import make_body, write_json
from .values.headers import Headers
from .values.lines import SECRETS
from .values.query import QueryParams
from .values.request import NO_FIELDS, NOTHING, PARTS, Request, checked_extensions, complete
from .values.response import REDIRECTS, Response
from .values.url import URL, as_http, parse_url
from .watching import DEBUG, Watchers

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any, Final, Unpack

    from .core.calltls import CallTLS
    from .core.http1 import HTTP1Connection
    from .core.proxies import ProxyChoice, Rules
    from .core.reply import Reply
    from .core.waiter import Host
    from .policies.flow import Flow, Middleware
    from .settings import Coding, ParamTypes, RedirectJudge
    from .values.fields import FieldBlock

__all__ = ["Session"]

REQUEST_OPTIONS: Final = frozenset(RequestOptions.__optional_keys__)

SPECIAL: Final = ("host", "content-length", "transfer-encoding", "expect")
"""Fields that a client may be given as defaults, though they cannot go into the block that all requests share."""

OF_TLS: Final = frozenset({"verify", "cert", "trust_env"})
"""Options of a client that make its policy of TLS another one than the usual."""

USUAL_TLS: Final = TLSPolicy()

SAID_OF_TLS: Final = frozenset({"verify", "cert", "server_hostname"})


class Session:
    """The settings of a client, and what they make of a call.

    Args:
        **options: see `ClientOptions`.

    Raises:
        TypeError: an option that there is not.
        InvalidRequest, InvalidURL, ValueError: an option that makes no sense.
    """

    def __init__(self, **options: Unpack[ClientOptions]) -> None:
        check_options(options)
        self.cookies = CookieKeeper(options.get("cookies"))
        self.rebase(options.get("base_url"))
        self.headers = default_headers()
        if "headers" in options:
            self.headers.update(options["headers"])
        self.params = QueryParams(options.get("params")) if options.get("params") else NO_PARAMS
        self.timeout = Timeout.of(options["timeout"]) if "timeout" in options else DEFAULT_TIMEOUT
        self.raise_for_status = options.get("raise_for_status", False)
        codec = checked_codec(options["json_codec"]) if "json_codec" in options else None
        self._dumps = None if codec is None else codec.dumps
        self.compress: Coding | None = options.get("compress")
        self.limits = options.get("limits") or DEFAULT_LIMITS
        self.closed = False
        sensitive = options.get("sensitive_headers")
        self._secrets = {*SECRETS, *checked_names(sensitive)} if sensitive else {*SECRETS}
        self.responses = Responses(
            options.get("default_encoding") or "utf-8",
            None if codec is None else codec.loads,
            checked_limit("max_decoded_size", options.get("max_decoded_size")),
            self._secrets,
        )
        self._limit = self.responses.travelling(checked_limit("max_body_size", options.get("max_body_size")))
        self._tls = USUAL_TLS
        if not options.keys().isdisjoint(OF_TLS):
            self._tls = TLSPolicy.of(
                checked_verify(options.get("verify", True)),
                checked_cert(options.get("cert")),
                options.get("trust_env", True),
            )
        self._middleware = tuple(options.get("middleware") or ())
        self.watchers = Watchers(options.get("trace"), options.get("event_hooks"), self._secrets)
        self.credentials = Credentials(options.get("auth"), options.get("trust_env", True))
        if self.credentials.auth is not None and "authorization" in self.headers:
            raise InvalidRequest(detail="a client was given auth= and the header Authorization", hint="give one")
        self._max_redirects = 20
        if "max_redirects" in options:
            self._max_redirects = checked_count("max_redirects", options["max_redirects"])
        self._downgrade = options.get("allow_downgrade")
        self._following = self._usual = self._followed_by(None)
        if "follow_redirects" in options:
            self._usual = self._layers(options["follow_redirects"])
        network = options.get("network")
        self._detours = detours(options)
        self._routes = Routes(
            self._tls,
            options.get("uds"),
            source_address(options["local_address"]) if "local_address" in options else None,
            tuple(options.get("socket_options") or ()),
            network,
            self._detours.hops,
            protocols(options),
        )
        self._mounts = checked_mounts(options.get("transport"), options.get("mounts"))
        self._dialer = Dialer(options.get("resolver") or resolve_late, LazyContexts(), network)

    def rebase(self, url: str | URL | None) -> None:
        """Append URLs that are not absolute to another one from now on."""
        self.base_url = None if url is None or url == "" else URL(url)
        self.cookies.home = None if self.base_url is None else self.base_url.origin
        # What is the client's own is noted anew by the next request: it stays with the base_url.
        self._shared: FieldBlock | None = None

    def dump_json(self, value: Any) -> str | bytes:
        """A value as JSON, by the client's codec.

        Raises:
            InvalidRequest: JSON has nothing for it.
        """
        return write_json(value, self._dumps)

    # Where it runs

    def place(self, host: Host) -> Place:
        """A place of this client under a host."""
        pool: Pool[HTTP1Connection] = Pool(self.limits, host.lock, host.deliver, host.turned)
        return Place(host, pool, self._dialer, self._routes, self._mounts)

    def explain_proxy(self, url: str | URL) -> ProxyChoice:
        """Which proxies a URL is reached through, and why; see `Client.explain_proxy`."""
        from .core.proxies import ProxyChoice

        target = self._absolute(url)
        if self._mounts is not None and self._mounts.find(target) is not None:
            return ProxyChoice((), "a transport of the client answers")
        return self._detours.whole().explain(target)

    # Requests

    def request(self, method: str, url: str | URL, options: RequestParts) -> Request:
        """Make a request of a call's arguments and the client's defaults."""
        target = parse_url(url) if type(url) is str and self.base_url is None else self._absolute(url)
        if options:
            if not options.keys() <= REQUEST_OPTIONS:
                check_names(options, REQUEST_OPTIONS, "a request")
            if not options.keys().isdisjoint(PARTS):
                return self._full(method, target, options)
        block = self.headers.encode()
        if (
            block is not self._shared
            or self.params is not NO_PARAMS
            or target.raw_username
            or target.raw_password
            or (self.base_url is not None and not self._trusts(target))
        ):
            return self._full(method, target, options)
        return Request.assemble(method, target, block, None, None, NOTHING)

    def build(self, method: str, url: str | URL, parts: RequestParts) -> Request:
        """Make a request that is sent later.

        Raises:
            TypeError: an option says how to send it.
        """
        for name in parts.keys() & (REQUEST_OPTIONS - PARTS):
            raise TypeError(f"build_request() takes no {name}: give it to send()")
        return self.request(method, url, parts)

    def _full(self, method: str, target: URL, options: RequestParts) -> Request:
        body = make_body(
            content=options.get("content"),
            data=options.get("data"),
            json=options.get("json"),
            files=options.get("files"),
            json_encode=self._dumps,
        )
        if self._trusts(target):
            own, params = self.headers, self.params
        else:
            own, params = default_headers(), NO_PARAMS
        if target.credentials is not None:
            # They are meant for this URL, and the client's for all: theirs is the right of way.
            own = own.merged({"Authorization": None})
        headers = own.merged(options.get("headers"))
        if "range" in headers and headers.get("accept-encoding") == accept_encoding():
            headers["Accept-Encoding"] = "identity"  # a part of an encoded body could not be decoded
        target = _with_params(target, params, options.get("params"))
        extensions = checked_extensions(options.get("extensions"))
        request = Request.assemble(method, target, NO_FIELDS, headers, body, extensions)
        request.move_credentials()
        if options.get("cookies"):
            request.add_cookies(options.get("cookies"))
        coding = options.get("compress", None if "content-encoding" in headers else self.compress)
        request.body = complete(headers, body, coding)
        self._share(self.headers)
        return request

    def _share(self, headers: Headers) -> None:
        """Note the encoded default fields as fit for every request, unless one of them is no matter of course."""
        self.watchers.look()
        block = headers.encode()
        self._shared = None if any(name in headers for name in SPECIAL) else block
        if self.base_url is not None:
            # What was ever the client's own does not leave by a redirect either.
            self._secrets.update({name.lower() for name in headers} - ORDINARY)

    def _trusts(self, target: URL) -> bool:
        """Whether what is the client's own goes to a URL: that of a client with a base_url stays with its origin."""
        return self.base_url is None or self.base_url.origin == target.origin

    def _absolute(self, url: str | URL) -> URL:
        if self.base_url is None or not isinstance(url, str):
            return URL(url)
        return self.base_url.append(url)

    # Sending

    def _layers(self, follow: object) -> tuple[Middleware, ...]:
        """The policies of a call, by its option `follow_redirects`."""
        judge = checked_follow(follow)
        if isinstance(judge, bool):
            return self._following if judge else self._middleware
        return self._followed_by(judge)

    def _followed_by(self, judge: RedirectJudge | None) -> tuple[Middleware, ...]:
        most, secrets, downgrade = self._max_redirects, self._secrets, self._downgrade

        def follow(request: Request) -> Flow:
            # Most clients never meet a redirect.
            from .policies.redirect import follow_redirects

            return follow_redirects(most, secrets, judge, downgrade)(request)

        return (*self._middleware, follow)

    def sending(self, place: Place, options: SendOptions, streamed: bool) -> Sending:
        """What stays the same over all hops of one call."""
        keeper = self.cookies
        jar = keeper.jar
        cookies = None if jar is None or not jar.store.sites else keeper.begin()
        if not options:
            return Sending(
                place.host,
                Deadline(self.timeout, streamed, monotonic()),
                self._usual,
                place.exchange,
                self._limit,
                HEAD if streamed or self._middleware else SETTLED,
                None,
                keeper,
                cookies,
            )
        given = options.get("timeout", DEFAULT)
        return Sending(
            place.host,
            Deadline(self.timeout if given is DEFAULT else Timeout.of(given), streamed, monotonic()),
            self._layers(options["follow_redirects"]) if "follow_redirects" in options else self._usual,
            place.exchange,
            self.responses.travelling(checked_limit("max_body_size", options["max_body_size"]))
            if "max_body_size" in options
            else self._limit,
            HEAD if streamed or self._middleware else SETTLED,
            None,
            keeper,
            cookies,
            _rules(options),
        )

    def _begun(
        self, place: Place, request: Request, options: SendOptions, streamed: bool
    ) -> tuple[Request, Sending, int]:
        """The first request of a call with its credentials, the call, and how many layers lie outside of its hops."""
        layer: Middleware | None = None
        credentials = self.credentials
        if credentials.auth is not None or credentials.ambient is not None or "auth" in options:
            request, layer = credentials.show(request, options, self.headers, self._trusts(request.url))
        sending = self.sending(place, options, streamed)
        if options or self._tls.cert is not None:
            sending.tls = self._said_of_tls(options, request)
        outer = len(sending.layers)
        if layer is not None:
            sending.layers = (*sending.layers, layer)
        watchers = self.watchers
        if (
            watchers.wanted
            or "trace" in request.extensions
            or (watchers.logger is not None and (watchers.logger.level or watchers.root.level) <= DEBUG)
        ):
            watchers.follow(request, sending, None if streamed else self.responses)
        return request, sending, outer

    def _said_of_tls(self, options: SendOptions, request: Request) -> CallTLS | None:
        if self._tls.cert is None and SAID_OF_TLS.isdisjoint(options):
            return None
        from .core.calltls import call_tls

        return call_tls(self._tls, options, request, self._trusts)

    def how(self, request: object, options: SendOptions) -> SendOptions:
        """Check a request that was made before, and the options of `send`, which say how and not what.

        Raises:
            TypeError: it is no request, or an option would make it another one.
        """
        if not isinstance(request, Request):
            raise TypeError(f"send() takes a courser.Request, not {type(request).__name__}; get() takes a URL")
        if options.keys() & PARTS:
            name = min(options.keys() & PARTS)
            raise TypeError(f"send() takes no {name}: the request is made; give {name} to build_request()")
        if not options.keys() <= REQUEST_OPTIONS:
            check_names(options, REQUEST_OPTIONS - PARTS, "send()")
        request.url = URL(request.url)
        request.move_credentials()
        return options

    def perform(
        self, place: Place, method: str, url: str | URL, options: RequestOptions
    ) -> Coroutine[Any, Any, Response]:
        """One buffered call, from its arguments to its response."""
        if (self.compress is not None or "compress" in options) and not place.host.blocking:
            return self._perform_later(place, method, url, options)
        return self.send(place, self.request(method, url, options), options)

    async def _perform_later(self, place: Place, method: str, url: str | URL, options: RequestOptions) -> Response:
        from .compressing import compressed_request

        return await self.send(place, await compressed_request(self, place.host, method, url, options), options)

    async def send(self, place: Place, request: Request, options: SendOptions) -> Response:
        """One buffered call of a request that is made."""
        if self.closed:
            raise ClientClosed(request=request)
        request, sending, outer = self._begun(place, request, options, False)
        if self._middleware:
            reply = await sending.run(request)
        else:
            # The one policy that is left acts upon redirects only: other responses are spared its frames.
            if len(sending.layers) == outer:
                reply = await sending.exchange(request, sending)
            else:
                reply = await sending.run(request, None, outer)
            if outer and reply.status_code in REDIRECTS:
                reply = await sending.run(request, reply)
        try:
            content = await (reply.collect(place.host) if reply.filters is None else reply.whole(place.host))
            head = reply.head or reply.final
            shown = None if sending.shown is None else sending.shown.of(reply, content)
            if shown is None and (head.coding is not None or sending.limit is not None):
                content = await self.responses.content(head.coding, content, sending)
        except BaseException as error:
            reply.abort()
            if isinstance(error, HTTPError) and error.request is None:
                error.request = reply.request
            raise
        # Not `shown or ...`: a response of 4xx is false.
        response = self.responses.make(reply, sending, content, monotonic()) if shown is None else shown
        status = reply.status_code
        if reply.history or status in REDIRECTS:
            self.responses.lead(response, reply, sending)
        if status >= 400 and self.raises(options):
            response.raise_for_status()
        return response

    async def open(self, place: Place, method: str, url: str | URL, options: RequestOptions) -> tuple[Reply, Sending]:
        """One streamed call, up to the head of its response."""
        return await self.open_request(place, await self.prepare(place, method, url, options), options)

    async def prepare(self, place: Place, method: str, url: str | URL, options: RequestOptions) -> Request:
        """Make a request; a large body is compressed where nobody else has to wait for it."""
        if (self.compress is not None or "compress" in options) and not place.host.blocking:
            from .compressing import compressed_request

            return await compressed_request(self, place.host, method, url, options)
        return self.request(method, url, options)

    async def open_request(
        self,
        place: Place,
        request: Request,
        options: SendOptions,
        exchange: Callable[[Request, Sending], Awaitable[Reply]] | None = None,
        endless: bool = False,
    ) -> tuple[Reply, Sending]:
        """One streamed call of a request that is made, up to the head of its response.

        Args:
            place: where.
            request: what is sent.
            options: those of the call.
            exchange: what sends it; None is the place.
            endless: whether the body has no end: a limit of size holds for it only if the call itself has one.
        """
        if self.closed:
            raise ClientClosed(request=request)
        request, sending, _ = self._begun(place, request, options, True)
        if exchange is not None:
            sending.exchange = exchange
        if endless:
            sending.endless, sending.limit = True, options.get("max_body_size")
        reply = await sending.run(request)
        sending.deadline.to_head()
        return reply, sending

    async def upgrade(
        self, place: Place, url: str | URL, options: RequestOptions, fields: list[tuple[str, str]]
    ) -> tuple[Reply, Sending]:
        """One call that asks for a WebSocket, up to the head of its response.

        Args:
            place: where.
            url: of the schemes ws, wss, http and https; the request has one of the last two.
            options: those of the call.
            fields: what asks for it, no matter what the call says.
        """
        request = self.request("GET", as_http(self._absolute(url)), options)
        for name, value in fields:
            request.headers[name] = value
        return await self.open_request(place, request, options, place.upgrade)

    def raises(self, options: SendOptions) -> bool:
        """Whether a status of 4xx or 5xx is an error for this call."""
        return options.get("raise_for_status", self.raise_for_status)


def _rules(options: SendOptions) -> Rules | None:
    """What a call says of proxies."""
    given = options.get("proxy")
    if given is None or given is DEFAULT:
        return None
    from .core.proxies import rules_of

    return rules_of(given)


def _with_params(target: URL, own: QueryParams, given: ParamTypes) -> URL:
    """Add a client's parameters and a request's, which replace the client's of the same name."""
    if given is None:
        return target.with_params(own)
    if isinstance(given, str | bytes):
        return target.with_params(own).with_params(given)
    return target.with_params(own.merge(given))
