"""courser: one HTTP client for Python, for sync code, asyncio and trio.

import courser

courser.get("https://example.org/").text

with courser.Client() as client:
    for response in client.map(urls, concurrency=500):
        ...

async with courser.AsyncClient() as client:
    response = await client.get(url)
"""

from __future__ import annotations

from .version import __version__

TYPE_CHECKING = False  # type checkers know this name wherever it comes from; importing typing takes its time
if TYPE_CHECKING:
    from .api import delete, get, head, options, patch, post, put, query, request, sse, stream, websocket
    from .client import AsyncClient, Client
    from .core.dial import Network
    from .core.place import Transport
    from .core.proxies import ProxyChoice
    from .engines.websocket import CloseCode, Deflate
    from .errors import (
        BodyNotReplayable,
        CertificateError,
        ClientClosed,
        ConnectError,
        ConnectionClosed,
        ConnectTimeout,
        CookieConflict,
        DeadlineExceeded,
        DecodingError,
        EventStreamError,
        HandshakeRefused,
        HTTPError,
        InvalidRequest,
        InvalidURL,
        JSONError,
        LimitExceeded,
        LocalProtocolError,
        MissingExtra,
        NoAsyncHost,
        PoolTimeout,
        ProtocolError,
        ProxyError,
        ReadError,
        ReadTimeout,
        RedirectError,
        Refused,
        RemoteProtocolError,
        RequestTimeout,
        ResolveError,
        StatusError,
        StreamClosed,
        StreamConsumed,
        StreamError,
        TLSError,
        TooManyRedirects,
        TransportError,
        TruncatedBody,
        TruncatedCoding,
        UnsupportedScheme,
        WebSocketError,
        WriteError,
        WriteTimeout,
    )
    from .eventsource import AsyncEventSource, EventSource
    from .policies.auth.basic import BasicAuth
    from .policies.auth.bearer import BearerAuth
    from .policies.auth.digestauth import DigestAuth
    from .policies.auth.netrcauth import NetrcAuth
    from .policies.auth.oauth2 import OAuth2ClientCredentials, OAuth2RefreshToken
    from .policies.flow import (
        Answer,
        BodyFilter,
        Call,
        Event,
        Flow,
        Middleware,
        Pause,
        Read,
        Send,
        Step,
        Stored,
        Wait,
    )
    from .policies.reconnect import Reconnect
    from .settings import DEFAULT, DIRECT, Limits, Timeout
    from .streams import AsyncResponseStream, ResponseStream
    from .tracing.har import HARRecorder
    from .values.connected import ConnectionInfo
    from .values.cookies.jar import Cookies
    from .values.cookies.record import Cookie
    from .values.disposition import ContentDisposition
    from .values.headers import Headers
    from .values.links import Links
    from .values.proxy import Proxy
    from .values.query import QueryParams
    from .values.request import Request
    from .values.response import Response
    from .values.serversent import ServerSentEvent
    from .values.timings import Timings
    from .values.tracing import TraceEvent
    from .values.trust import TLS
    from .values.url import URL
    from .websockets import AsyncWebSocket, WebSocket

__all__ = [
    "DEFAULT",
    "DIRECT",
    "TLS",
    "URL",
    "Answer",
    "AsyncClient",
    "AsyncEventSource",
    "AsyncResponseStream",
    "AsyncWebSocket",
    "BasicAuth",
    "BearerAuth",
    "BodyFilter",
    "BodyNotReplayable",
    "Call",
    "CertificateError",
    "Client",
    "ClientClosed",
    "CloseCode",
    "ConnectError",
    "ConnectTimeout",
    "ConnectionClosed",
    "ConnectionInfo",
    "ContentDisposition",
    "Cookie",
    "CookieConflict",
    "Cookies",
    "DeadlineExceeded",
    "DecodingError",
    "Deflate",
    "DigestAuth",
    "Event",
    "EventSource",
    "EventStreamError",
    "Flow",
    "HARRecorder",
    "HTTPError",
    "HandshakeRefused",
    "Headers",
    "InvalidRequest",
    "InvalidURL",
    "JSONError",
    "LimitExceeded",
    "Limits",
    "Links",
    "LocalProtocolError",
    "Middleware",
    "MissingExtra",
    "NetrcAuth",
    "Network",
    "NoAsyncHost",
    "OAuth2ClientCredentials",
    "OAuth2RefreshToken",
    "Pause",
    "PoolTimeout",
    "ProtocolError",
    "Proxy",
    "ProxyChoice",
    "ProxyError",
    "QueryParams",
    "Read",
    "ReadError",
    "ReadTimeout",
    "Reconnect",
    "RedirectError",
    "Refused",
    "RemoteProtocolError",
    "Request",
    "RequestTimeout",
    "ResolveError",
    "Response",
    "ResponseStream",
    "Send",
    "ServerSentEvent",
    "StatusError",
    "Step",
    "Stored",
    "StreamClosed",
    "StreamConsumed",
    "StreamError",
    "TLSError",
    "Timeout",
    "Timings",
    "TooManyRedirects",
    "TraceEvent",
    "Transport",
    "TransportError",
    "TruncatedBody",
    "TruncatedCoding",
    "UnsupportedScheme",
    "Wait",
    "WebSocket",
    "WebSocketError",
    "WriteError",
    "WriteTimeout",
    "__version__",
    "delete",
    "get",
    "head",
    "options",
    "patch",
    "post",
    "put",
    "query",
    "request",
    "sse",
    "stream",
    "websocket",
]

HOMES = (
    "errors",
    "settings",
    "values.url",
    "values.query",
    "values.headers",
    "values.request",
    "values.response",
    "values.trust",
    "policies.flow",
    "core.place",
    "core.dial",
    "client",
    "api",
    "streams",
    "values.timings",
    "values.connected",
    "values.tracing",
    "values.links",
    "values.disposition",
    "values.proxy",
    "core.proxies",
    "values.cookies.record",
    "values.cookies.jar",
    "policies.auth.basic",
    "policies.auth.bearer",
    "policies.auth.netrcauth",
    "policies.auth.digestauth",
    "policies.auth.oauth2",
    "tracing.har",
    "values.serversent",
    "policies.reconnect",
    "eventsource",
    "engines.websocket",
    "websockets",
)
"""The modules that the public names are at home in, from the ground up: a name is looked for no higher than it lies.

Last come those that few name and that the others import when they need them.
"""


if TYPE_CHECKING:
    pass  # else they would take any name for a public one
else:

    def __getattr__(name: str) -> object:
        """Import what a public name needs when it is first used (PEP 562): what is not used costs nothing."""
        if name in __all__:
            for home in HOMES:
                module = __import__(home, globals(), fromlist=[name], level=1)  # without importing importlib first
                if name in module.__all__:
                    globals()[name] = value = getattr(module, name)
                    return value
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
