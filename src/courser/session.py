"""What both clients are made of: settings, the making of requests and responses, and nothing that waits."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import partial
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
    checked_count,
    checked_limit,
    checked_mounts,
    checked_names,
    checked_verify,
    default_headers,
    resolve_late,
    source_address,
)
from .errors import ClientClosed, HTTPError, LimitExceeded, StreamClosed
from .hints import TYPE_CHECKING
from .policies.redirect import SECRETS, follow_redirects, next_request, redirects
from .settings import DEFAULT, RequestOptions, RequestParts, SendOptions, Timeout, check_names
from .values.body import make_body
from .values.headers import Headers
from .values.query import QueryParams
from .values.request import NO_FIELDS, NOTHING, PARTS, Request, checked_extensions, complete
from .values.response import REDIRECTS, Response
from .values.url import URL, parse_url

if TYPE_CHECKING:
    from typing import Any, Final, Unpack

    from .core.http1 import HTTP1Connection
    from .core.reply import Reply
    from .core.waiter import Host
    from .settings import ParamTypes
    from .values.fields import FieldBlock
    from .values.text import DefaultEncoding

__all__ = ["Session", "not_kept"]

REQUEST_OPTIONS: Final = frozenset(RequestOptions.__optional_keys__)

SPECIAL: Final = ("host", "content-length", "transfer-encoding")
"""Fields that a client may be given as defaults, though they cannot go into the block that all requests share."""

VERSIONS: Final = {b"1.1": "HTTP/1.1", b"2": "HTTP/2"}
"""The usual ones, ready made."""


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
        self.rebase(options.get("base_url"))
        self.headers = default_headers()
        if "headers" in options:
            self.headers.update(options["headers"])
        self.params = QueryParams(options.get("params")) if options.get("params") else NO_PARAMS
        self.timeout = Timeout.of(options["timeout"]) if "timeout" in options else DEFAULT_TIMEOUT
        self.follow_redirects = options.get("follow_redirects", True)
        self.raise_for_status = options.get("raise_for_status", False)
        self.max_body_size = checked_limit("max_body_size", options.get("max_body_size"))
        self.default_encoding: DefaultEncoding = options.get("default_encoding") or "utf-8"
        self.limits = options.get("limits") or DEFAULT_LIMITS
        self.closed = False
        self._secrets = checked_names(options.get("sensitive_headers") or ()) | SECRETS
        self._tls = TLSPolicy(checked_verify(options.get("verify", True)), checked_cert(options.get("cert")))
        self._middleware = tuple(options.get("middleware") or ())
        hops = checked_count("max_redirects", options.get("max_redirects", 20))
        self._following = (*self._middleware, follow_redirects(hops, self._secrets))
        network = options.get("network")
        self._routes = Routes(
            self._tls,
            options.get("uds"),
            source_address(options.get("local_address")),
            tuple(options.get("socket_options") or ()),
            network,
        )
        self._mounts = checked_mounts(options.get("transport"), options.get("mounts"))
        self._dialer = Dialer(options.get("resolver") or resolve_late, LazyContexts(), network)

    def rebase(self, url: str | URL | None) -> None:
        """Append URLs that are not absolute to another one from now on."""
        self.base_url = None if url is None or url == "" else URL(url)
        # What is the client's own is noted anew by the next request: it stays with the base_url.
        self._shared: FieldBlock | None = None

    # Where it runs

    def place(self, host: Host) -> Place:
        """A place of this client under a host."""
        pool: Pool[HTTP1Connection] = Pool(self.limits, host.lock, host.deliver, host.turned)
        return Place(host, pool, self._dialer, self._routes, self._mounts)

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
        body = make_body(content=options.get("content"), data=options.get("data"), json=options.get("json"))
        if self._trusts(target):
            own, params = self.headers, self.params
        else:
            own, params = default_headers(), NO_PARAMS
        if target.credentials is not None:
            # They are meant for this URL, and the client's for all: theirs is the right of way.
            own = own.merged({"Authorization": None})
        headers = own.merged(options.get("headers"))
        target = _with_params(target, params, options.get("params"))
        extensions = checked_extensions(options.get("extensions"))
        request = Request.assemble(method, target, NO_FIELDS, headers, body, extensions)
        request.move_credentials()
        complete(headers, body)
        self._share(self.headers)
        return request

    def _share(self, headers: Headers) -> None:
        """Note the encoded default fields as fit for every request, unless one of them is no matter of course."""
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

    def sending(self, place: Place, options: SendOptions, streamed: bool) -> Sending:
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
        given = options.get("timeout", DEFAULT)
        return Sending(
            place.host,
            Deadline(self.timeout if given is DEFAULT else Timeout.of(given), streamed, monotonic()),
            self._following if options.get("follow_redirects", self.follow_redirects) else self._middleware,
            place.exchange,
            checked_limit("max_body_size", options.get("max_body_size", self.max_body_size)),
            HEAD if streamed or self._middleware else SETTLED,
            self._policy(options),
        )

    def _policy(self, options: SendOptions) -> TLSPolicy | None:
        if "verify" not in options and "cert" not in options and "server_hostname" not in options:
            return None
        policy = self._tls
        if "verify" in options:
            policy = policy._replace(verify=checked_verify(options["verify"]))
        if "cert" in options:
            policy = policy._replace(cert=checked_cert(options["cert"]))
        return policy._replace(server_hostname=options.get("server_hostname"))

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
        return self.send(place, self.request(method, url, options), options)

    async def send(self, place: Place, request: Request, options: SendOptions) -> Response:
        """One buffered call of a request that is made."""
        if self.closed:
            raise ClientClosed(request=request)
        sending = self.sending(place, options, False)
        if self._middleware:
            reply = await sending.run(request)
        else:
            # The one policy that is left acts upon redirects only: other responses are spared its frames.
            reply = await sending.exchange(request, sending)
            if sending.layers and reply.status_code in REDIRECTS:
                reply = await sending.run(request, reply)
        try:
            content = await (reply.collect(place.host) if reply.filters is None else reply.whole(place.host))
            head = reply.head or reply.final
            if head.coding is not None or sending.limit is not None:
                content = _decoded(head.coding, content, sending.limit, reply.request)
        except BaseException as error:
            reply.abort()
            if isinstance(error, HTTPError) and error.request is None:
                error.request = reply.request
            raise
        response = self.response(reply, sending, content, monotonic())
        status = reply.status_code
        if reply.history or status in REDIRECTS:
            response.history = self.history(reply, sending)
            response.next_request = self.follow_up(reply)
        if status >= 400 and self.raises(options):
            response.raise_for_status()
        return response

    async def open(self, place: Place, method: str, url: str | URL, options: RequestOptions) -> tuple[Reply, Sending]:
        """One streamed call, up to the head of its response."""
        request = self.request(method, url, options)
        if self.closed:
            raise ClientClosed(request=request)
        sending = self.sending(place, options, True)
        reply = await sending.run(request)
        sending.deadline.to_head()
        return reply, sending

    # Responses

    def raises(self, options: SendOptions) -> bool:
        """Whether a status of 4xx or 5xx is an error for this call."""
        return options.get("raise_for_status", self.raise_for_status)

    def response(self, reply: Reply, sending: Sending, content: bytes | Callable[[], bytes], ended: float) -> Response:
        """A response of a reply that is whole.

        Args:
            reply: the head, and what is around it.
            sending: the call.
            content: the decoded body, or what decodes it when somebody asks.
            ended: when the body had come.
        """
        head = reply.head or reply.final
        end = reply.end
        return Response.assemble(
            head.status,
            head.reason,
            VERSIONS.get(head.version) or reply.http_version,
            head.fields,
            reply.request,
            (sending.deadline.started, reply.head_at, ended),
            self.default_encoding,
            content,
            b"" if end is None else end.trailers,
        )

    def history(self, reply: Reply, sending: Sending) -> list[Response]:
        """The responses of the redirects that led to a reply."""
        return [self._past(each, sending) for each in reply.history]

    def follow_up(self, reply: Reply) -> Request | None:
        """The request that a redirect asks for, where there is one that can be sent."""
        if not redirects(reply):
            return None
        try:
            return next_request(reply.request, reply, self._secrets)
        except HTTPError:
            return None

    def _past(self, reply: Reply, sending: Sending) -> Response:
        # What a redirect carries as its body is decoded only if somebody asks for it.
        raw, coding, request = b"".join(reply.chunks), reply.final.coding, reply.request
        content: bytes | Callable[[], bytes] = raw
        if reply.end is None:
            content = partial(not_kept, request)
        elif coding is not None:
            content = partial(_decoded, coding, raw, sending.limit, request)
        response = self.response(reply, sending, content, reply.head_at)
        response.next_request = self.follow_up(reply)
        return response


def not_kept(request: Request) -> bytes:
    """Stands for a body that nobody can have any more."""
    raise StreamClosed(detail="the body of this response was not kept", request=request)


def _with_params(target: URL, own: QueryParams, given: ParamTypes) -> URL:
    """Add a client's parameters and a request's, which replace the client's of the same name."""
    if given is None:
        return target.with_params(own)
    if isinstance(given, str | bytes):
        return target.with_params(own).with_params(given)
    return target.with_params(own.merge(given))


def _decoded(coding: bytes | None, raw: bytes, limit: int | None, request: Request) -> bytes:
    if limit is not None and len(raw) > limit:
        raise LimitExceeded(detail=f"the body is larger than max_body_size, {limit} bytes", request=request)
    if coding is None:
        return raw
    from .engines.coding import decode_all

    try:
        return decode_all(coding, raw, limit)
    except HTTPError as error:
        error.request = request
        raise
