"""What both clients are made of: settings, the making of requests and responses, and nothing that waits."""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine, Iterable, Mapping
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, TypedDict, Unpack

from .core.deadline import Deadline
from .core.dial import Dialer, Network
from .core.exchange import HEAD, SETTLED
from .core.mounts import Mounts
from .core.place import Place, Transport
from .core.pool import Pool
from .core.reply import Reply
from .core.route import Routes, TLSPolicy
from .core.send import Sending
from .engines.coding import accept_encoding, decode_all
from .errors import ClientClosed, HTTPError, InvalidRequest, LimitExceeded
from .policies.flow import Middleware
from .policies.redirect import REDIRECTS, follow_redirects, next_request, redirects
from .settings import DEFAULT, HeaderTypes, Limits, ParamTypes, RequestOptions, Timeout, TimeoutTypes, VerifyTypes
from .values.body import make_body
from .values.fields import FieldBlock
from .values.headers import Headers
from .values.query import QueryParams
from .values.request import NO_FIELDS, Request, complete
from .values.response import DefaultEncoding, Response
from .values.url import URL, parse_url
from .version import __version__

if TYPE_CHECKING:
    import ssl

    from .core.http1 import HTTP1Connection
    from .core.waiter import Host
    from .settings import CertTypes

__all__ = ["ClientOptions", "Session"]

REQUEST_OPTIONS: Final = frozenset(RequestOptions.__optional_keys__)

PARTS: Final = frozenset({"params", "headers", "content", "data", "json", "extensions"})
"""Options that make a request; the others say how it is sent."""

NO_PARAMS: Final = QueryParams()

SPECIAL: Final = ("host", "content-length", "transfer-encoding")
"""Fields that a client may be given as defaults, though they cannot go into the block that all requests share."""

NOTHING: Final[Mapping[str, Any]] = {}

VERSIONS: Final = {b"1.1": "HTTP/1.1", b"2": "HTTP/2"}
"""The usual ones, ready made."""


class ClientOptions(TypedDict, total=False):
    """What a client is made with; every one is also what its requests are made with unless they say otherwise.

    Attributes:
        base_url: URLs that are not absolute are appended to it; the client's own headers go to its origin only.
        headers: sent with every request.
        params: added to every URL.
        timeout: the limits of every request.
        follow_redirects: whether redirects are followed (True).
        max_redirects: hops that are followed (20).
        verify: False, a CA file or folder, or an ssl.SSLContext.
        cert: a client certificate: a PEM file, (file, key) or (file, key, password).
        raise_for_status: raise StatusError for 4xx and 5xx.
        max_body_size: bytes of body above which LimitExceeded is raised.
        limits: how many connections, and for how long.
        default_encoding: for text whose charset nobody names: a name, or a function of the bytes.
        transport: answers every request instead of the network.
        mounts: transports by URL pattern; None for the client's own.
        network: connects instead of sockets.
        middleware: flows around every request, the outermost first.
        uds: the path of a Unix socket to connect to, whatever the host.
        local_address: the local address to connect from.
        socket_options: (level, option, value), set on every socket.
        resolver: finds the addresses of a host.
        trust_env: whether the environment is asked for root certificates (True).
    """

    base_url: str | URL
    headers: HeaderTypes
    params: ParamTypes
    timeout: TimeoutTypes
    follow_redirects: bool
    max_redirects: int
    verify: VerifyTypes
    cert: CertTypes
    raise_for_status: bool
    max_body_size: int | None
    limits: Limits
    default_encoding: DefaultEncoding
    transport: Transport | None
    mounts: Mapping[str, Transport | None]
    network: Network | None
    middleware: Iterable[Middleware]
    uds: str | None
    local_address: str | tuple[str, int] | None
    socket_options: Iterable[tuple[int, int, int | bytes]]
    resolver: Callable[[str, int], list[tuple[int, Any]]] | None
    trust_env: bool


CLIENT_OPTIONS: Final = frozenset(ClientOptions.__optional_keys__)


def _check_names(given: Iterable[str], known: frozenset[str], what: str) -> None:
    for name in given:
        if name not in known:
            from difflib import get_close_matches

            near = get_close_matches(name, known, 1)
            raise TypeError(f"{what} has no option {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))


class LazyContexts:
    """The TLS contexts of the process, met when the first one is needed: importing ssl takes its time."""

    __slots__ = ()

    def get(self, policy: TLSPolicy, protocols: tuple[str, ...], /) -> ssl.SSLContext | None:
        from .tls.context import contexts

        return contexts.get(policy, protocols)

    def build(self, policy: TLSPolicy, protocols: tuple[str, ...], /) -> ssl.SSLContext:
        from .tls.context import contexts

        return contexts.build(policy, protocols)


def _resolve(host: str, port: int) -> list[tuple[int, Any]]:
    from .resolve.system import resolve

    return resolve(host, port)


class Session:
    """The settings of a client, and what they make of a call.

    Args:
        **options: see `ClientOptions`.

    Raises:
        TypeError: an option that there is not.
        InvalidRequest, InvalidURL, ValueError: an option that makes no sense.
    """

    def __init__(self, **options: Unpack[ClientOptions]) -> None:
        if not options.keys() <= CLIENT_OPTIONS:
            _check_names(options, CLIENT_OPTIONS, "a client")
        get = options.get
        base_url = get("base_url")
        self.base_url: URL | None = None if base_url is None or base_url == "" else URL(base_url)
        self.headers = _default_headers()
        if "headers" in options:
            self.headers.update(options["headers"])
        self.params = QueryParams(options["params"]) if options.get("params") else NO_PARAMS
        self.timeout = Timeout.of(options["timeout"]) if "timeout" in options else DEFAULT_TIMEOUT
        self.follow_redirects = get("follow_redirects", True)
        self.raise_for_status = get("raise_for_status", False)
        self.max_body_size = get("max_body_size")
        self.default_encoding: DefaultEncoding = get("default_encoding") or "utf-8"
        self.limits = get("limits") or DEFAULT_LIMITS
        self.closed = False
        self._tls = TLSPolicy(_verify(get("verify", True)), _cert(get("cert")))
        self._middleware = tuple(get("middleware") or ())
        self._following = (*self._middleware, follow_redirects(get("max_redirects", 20)))
        self._routes = Routes(
            self._tls,
            get("uds"),
            _local_address(get("local_address")),
            tuple(get("socket_options") or ()),
            get("network"),
        )
        self._mounts = _mounts(get("transport"), get("mounts"))
        self._dialer = Dialer(get("resolver") or _resolve, LazyContexts(), get("network"))
        self._shared: FieldBlock | None = None

    # Where it runs

    def place(self, host: Host) -> Place:
        """A place of this client under a host."""
        pool: Pool[HTTP1Connection] = Pool(self.limits, host.lock, host.deliver, host.turned)
        return Place(host, pool, self._dialer, self._routes, self._mounts)

    # Requests

    def request(self, method: str, url: str | URL, options: RequestOptions) -> Request:
        """Make a request of a call's arguments and the client's defaults."""
        target = parse_url(url) if type(url) is str and self.base_url is None else self._absolute(url)
        if self.params is not NO_PARAMS:
            target = target.with_params(self.params)
        if options:
            if not options.keys() <= REQUEST_OPTIONS:
                _check_names(options, REQUEST_OPTIONS, "a request")
            if not options.keys().isdisjoint(PARTS):
                return self._full(method, target, options)
        block = self.headers.encode()
        if (
            block is not self._shared
            or target.raw_username
            or target.raw_password
            or (self.base_url is not None and not self._trusts(target))
        ):
            return self._full(method, target, options)
        return Request.assemble(method, target, block, None, None, NOTHING)

    def _full(self, method: str, target: URL, options: RequestOptions) -> Request:
        get = options.get
        params = get("params")
        if params is not None:
            target = target.with_params(params)
        body = make_body(content=get("content"), data=get("data"), json=get("json"))
        own = self.headers if self._trusts(target) else _default_headers()
        headers = own.merged(get("headers"))
        if target.raw_username or target.raw_password:
            if "authorization" not in headers:
                headers["Authorization"] = _basic(target.username, target.password)
            target = target.without_userinfo()
        complete(headers, body)
        self._share(self.headers)
        return Request.assemble(method, target, NO_FIELDS, headers, body, get("extensions") or NOTHING)

    def _share(self, headers: Headers) -> None:
        """Note the encoded default fields as fit for every request, unless one of them is no matter of course."""
        block = headers.encode()
        self._shared = None if any(name in headers for name in SPECIAL) else block

    def _trusts(self, target: URL) -> bool:
        """Whether the client's own headers go to an origin: those of a client with a base_url stay with its origin."""
        return self.base_url is None or self.base_url.origin == target.origin

    def _absolute(self, url: str | URL) -> URL:
        if isinstance(url, URL):
            return url
        if self.base_url is None:
            return URL(url)
        return self.base_url.append(url)

    # Sending

    def sending(self, place: Place, options: RequestOptions, streamed: bool) -> Sending:
        """What stays the same over all hops of one call."""
        if not options:
            return Sending(
                place.host,
                Deadline(self.timeout, streamed, monotonic()),
                self._following if self.follow_redirects else self._middleware,
                place.exchange,
                self.max_body_size,
                HEAD if streamed or self._middleware else SETTLED,
            )
        get = options.get
        given = options.get("timeout", DEFAULT)
        timeout = self.timeout if given is DEFAULT else Timeout.of(given)
        follow = get("follow_redirects", self.follow_redirects)
        return Sending(
            place.host,
            Deadline(timeout, streamed, monotonic()),
            self._following if follow else self._middleware,
            place.exchange,
            get("max_body_size", self.max_body_size),
            HEAD if streamed or self._middleware else SETTLED,
            self._policy(options),
        )

    def _policy(self, options: RequestOptions) -> TLSPolicy | None:
        if "verify" not in options and "cert" not in options and "server_hostname" not in options:
            return None
        policy = self._tls
        if "verify" in options:
            policy = policy._replace(verify=_verify(options["verify"]))
        if "cert" in options:
            policy = policy._replace(cert=_cert(options["cert"]))
        return policy._replace(server_hostname=options.get("server_hostname"))

    def how(self, options: RequestOptions) -> RequestOptions:
        """Check the options of `send`, which say how and not what.

        Raises:
            TypeError: one of them would make the request another one.
        """
        if not options.keys() <= REQUEST_OPTIONS:
            _check_names(options, REQUEST_OPTIONS, "send()")
        for name in options.keys() & PARTS:
            raise TypeError(f"send() takes no {name}: the request is made; give {name} to build_request()")
        return options

    def perform(
        self, place: Place, method: str, url: str | URL, options: RequestOptions
    ) -> Coroutine[Any, Any, Response]:
        """One buffered call, from its arguments to its response."""
        return self.send(place, self.request(method, url, options), options)

    async def send(self, place: Place, request: Request, options: RequestOptions) -> Response:
        """One buffered call of a request that is made."""
        if self.closed:
            raise ClientClosed(request=request)
        sending = self.sending(place, options, False)
        reply = await sending.run(request)
        try:
            raw = await (reply.collect(place.host) if reply.filters is None else reply.whole(place.host))
        except BaseException as error:
            reply.abort()
            if isinstance(error, HTTPError) and error.request is None:
                error.request = reply.request
            raise
        response = self.response(reply, raw, sending)
        if response.status_code >= 400 and options.get("raise_for_status", self.raise_for_status):
            response.raise_for_status()
        return response

    async def open(
        self, place: Place, method: str, url: str | URL, options: RequestOptions
    ) -> tuple[Reply, Sending]:
        """One streamed call, up to the head of its response."""
        request = self.request(method, url, options)
        if self.closed:
            raise ClientClosed(request=request)
        sending = self.sending(place, options, True)
        reply = await sending.run(request)
        sending.deadline.to_head()
        return reply, sending

    # Responses

    def response(self, reply: Reply, raw: bytes, sending: Sending) -> Response:
        """A complete response of a reply and its body."""
        head = reply.head or reply.final
        limit = sending.limit
        coding = head.coding
        end = reply.end
        if limit is not None and len(raw) > limit:
            raise LimitExceeded(detail=f"the body is larger than max_body_size, {limit} bytes", request=reply.request)
        response = Response.assemble(
            head.status,
            head.reason,
            VERSIONS.get(head.version) or reply.http_version,
            head.fields,
            reply.request,
            (sending.deadline.started, reply.head_at, monotonic()),
            self.default_encoding,
            raw if coding is None else _decoded(coding, raw, limit, reply.request),
            b"" if end is None else end.trailers,
        )
        if reply.history or head.status in REDIRECTS:
            response.history = self.history(reply, sending)
            response.next_request = self.follow_up(reply)
        return response

    def history(self, reply: Reply, sending: Sending) -> list[Response]:
        """The responses of the redirects that led to a reply."""
        return [self._past(each, sending) for each in reply.history]

    @staticmethod
    def follow_up(reply: Reply) -> Request | None:
        """The request that a redirect asks for, where there is one that can be sent."""
        if not redirects(reply):
            return None
        try:
            return next_request(reply.request, reply)
        except HTTPError:
            return None

    def _past(self, reply: Reply, sending: Sending) -> Response:
        # What a redirect carries as its body is decoded only if somebody asks for it.
        head = reply.final
        raw = b"".join(reply.chunks)
        coding, limit = head.coding, sending.limit
        response = Response.assemble(
            head.status,
            head.reason,
            VERSIONS.get(head.version) or reply.http_version,
            head.fields,
            reply.request,
            (sending.deadline.started, reply.head_at, reply.head_at),
            self.default_encoding,
            raw if coding is None else lambda: _decoded(coding, raw, limit, reply.request),
            b"",
        )
        response.next_request = self.follow_up(reply)
        return response


DEFAULT_TIMEOUT: Final = Timeout()
DEFAULT_LIMITS: Final = Limits()

_defaults: list[Headers] = []


def _default_headers() -> Headers:
    if not _defaults:
        _defaults.append(
            Headers(
                {
                    "User-Agent": f"courser/{__version__}",
                    "Accept": "*/*",
                    "Accept-Encoding": accept_encoding(),
                }
            )
        )
        _defaults[0].encode()
    return _defaults[0].copy()


def _decoded(coding: bytes, raw: bytes, limit: int | None, request: Request) -> bytes:
    try:
        return decode_all(coding, raw, limit)
    except HTTPError as error:
        error.request = request
        raise


def _basic(username: str, password: str) -> str:
    """Credentials for Basic authentication (RFC 7617)."""
    from base64 import b64encode

    return "Basic " + b64encode(f"{username}:{password}".encode()).decode("ascii")


def _verify(verify: VerifyTypes) -> Any:
    if isinstance(verify, bool):
        return verify
    if isinstance(verify, str | os.PathLike):
        return os.fspath(verify)
    if verify is None or not hasattr(verify, "wrap_socket"):
        raise TypeError(f"verify is True, False, the path of a CA file or folder, or an ssl.SSLContext, not {verify!r}")
    return verify


def _cert(cert: CertTypes) -> tuple[str, str | None, str | None] | None:
    if cert is None:
        return None
    if isinstance(cert, str | os.PathLike):
        return (os.fspath(cert), None, None)
    if isinstance(cert, tuple) and 2 <= len(cert) <= 3:
        return (os.fspath(cert[0]), os.fspath(cert[1]), cert[2] if len(cert) == 3 else None)
    raise TypeError("cert is the path of a PEM file, (certificate, key) or (certificate, key, password)")


def _local_address(address: str | tuple[str, int] | None) -> tuple[str, int] | None:
    return (address, 0) if isinstance(address, str) else address


def _mounts(
    transport: Transport | None, mounts: Mapping[str, Transport | None] | None
) -> Mounts[Transport | None] | None:
    table: dict[str, Transport | None] = {}
    if transport is not None:
        table["all://"] = transport
    if mounts:
        table.update(mounts)
    for pattern, each in table.items():
        if each is not None and not hasattr(each, "send"):
            raise InvalidRequest(detail=f"mounts: {pattern!r} leads to {each!r}, which has no method send")
    return Mounts(table) if table else None
