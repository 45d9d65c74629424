"""Every error that courser raises, in one tree.

    HTTPError                            the caller catches this to catch all
    |- InvalidURL, UnsupportedScheme,
    |  InvalidRequest                    the caller's fault, nothing was sent (also ValueError)
    |- CookieConflict                    a name that cookies of different values have (also LookupError)
    |- MissingExtra                      names what to install (also ImportError)
    |- StatusError                       4xx or 5xx, from raise_for_status()
    |- EventStreamError                  the response is no event stream
    |- TooManyRedirects, RedirectError,
    |  BodyNotReplayable                 a redirect that cannot or must not be followed
    |- DecodingError - TruncatedCoding,
    |  JSONError                         the body is not what its headers say
    |- LimitExceeded, Refused            a bound set by the caller
    |- StreamError                       the body was used in a way it cannot be (also RuntimeError)
    |  |- StreamConsumed, StreamClosed, ClientClosed, NoAsyncHost
    |- TransportError                    the network or the peer
    |  |- RequestTimeout                 (also TimeoutError)
    |  |  |- ConnectTimeout, ReadTimeout, WriteTimeout, PoolTimeout, DeadlineExceeded
    |  |- ConnectError                   (also ConnectionError)
    |  |  |- ResolveError, ProxyError, TLSError - CertificateError
    |  |- ReadError, WriteError          (also ConnectionError)
    |  |- ProtocolError
    |     |- LocalProtocolError, RemoteProtocolError - TruncatedBody
    |- WebSocketError
       |- HandshakeRefused, ConnectionClosed

An error is made of facts, given as keywords; its text is built from them when somebody reads it. The text never
holds a password, a header value of the request or the value of a query parameter.

Errors about a response have it whenever this library raises them. One that somebody else makes without a response does
not have the attribute.
"""

from __future__ import annotations

from .hints import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any, ClassVar

    from .values.request import Request
    from .values.response import Response

__all__ = [
    "BodyNotReplayable",
    "CertificateError",
    "ClientClosed",
    "ConnectError",
    "ConnectTimeout",
    "ConnectionClosed",
    "CookieConflict",
    "DeadlineExceeded",
    "DecodingError",
    "EventStreamError",
    "HTTPError",
    "HandshakeRefused",
    "InvalidRequest",
    "InvalidURL",
    "JSONError",
    "LimitExceeded",
    "LocalProtocolError",
    "MissingExtra",
    "NoAsyncHost",
    "PoolTimeout",
    "ProtocolError",
    "ProxyError",
    "ReadError",
    "ReadTimeout",
    "RedirectError",
    "Refused",
    "RemoteProtocolError",
    "RequestTimeout",
    "ResolveError",
    "StatusError",
    "StreamClosed",
    "StreamConsumed",
    "StreamError",
    "TLSError",
    "TooManyRedirects",
    "TransportError",
    "TruncatedBody",
    "TruncatedCoding",
    "UnsupportedScheme",
    "WebSocketError",
    "WriteError",
    "WriteTimeout",
]


class HTTPError(Exception):
    """The base of every error of this library.

    Args:
        detail: what happened, and where.
        hint: what the caller can do about it.
        request: the request that failed, where there is one.
    """

    summary: ClassVar[str] = "the request failed"

    def __init__(self, *, detail: str = "", hint: str = "", request: Request | None = None) -> None:
        super().__init__()
        self.detail = detail
        self.hint = hint
        self.request = request

    def __str__(self) -> str:
        text, detail = self.summary, self._told()
        if detail:
            text = f"{text}: {detail}"
        if self.request is not None:
            text = f"{text} [{self.request.method} {self.request.url.redacted()}]"
        if self.hint:
            text = f"{text} ({self.hint})"
        return text

    def _told(self) -> str:
        """What the text says beside the summary and the request."""
        return self.detail

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self),), self.__dict__


def _rebuild(cls: type[HTTPError]) -> HTTPError:
    error = cls.__new__(cls)
    HTTPError.__init__(error)
    return error


class InvalidURL(HTTPError, ValueError):
    """The text is not a URL that can be requested."""

    summary = "invalid URL"


class UnsupportedScheme(HTTPError, ValueError):
    """The URL's scheme is not one that the client speaks."""

    summary = "unsupported scheme"


class InvalidRequest(HTTPError, ValueError):
    """An argument cannot be turned into a request."""

    summary = "invalid request"


class CookieConflict(HTTPError, LookupError):
    """Several cookies have the name that was asked for, and different values."""

    summary = "the name of the cookie is ambiguous"


class MissingExtra(HTTPError, ImportError):
    """A feature needs a package that is not installed."""

    summary = "a package is missing"


class StatusError(HTTPError):
    """The response has a status of 400 or above.

    Args:
        response: the response, body included.
    """

    summary = "the server answered with an error"

    response: Response

    def __init__(
        self, *, response: Response | None = None, detail: str = "", hint: str = "", request: Request | None = None
    ) -> None:
        super().__init__(detail=detail, hint=hint, request=request)
        if response is not None:
            self.response = response


class EventStreamError(HTTPError):
    """A response was to be an event stream, and is none.

    Args:
        response: the response.
    """

    summary = "the response is no event stream"

    response: Response

    def __init__(
        self, *, response: Response | None = None, detail: str = "", hint: str = "", request: Request | None = None
    ) -> None:
        super().__init__(detail=detail, hint=hint, request=request)
        if response is not None:
            self.response = response


class TooManyRedirects(HTTPError):
    """More hops than `max_redirects`."""

    summary = "too many redirects"


class RedirectError(HTTPError):
    """The redirect points where the client must not or cannot go."""

    summary = "the redirect cannot be followed"


class BodyNotReplayable(HTTPError):
    """The request's body was consumed and is needed once more."""

    summary = "the request body cannot be sent again"


class DecodingError(HTTPError):
    """The body does not hold what its content coding promises.

    Args:
        partial: what was decoded before the error.
    """

    summary = "the body cannot be decoded"

    def __init__(
        self, *, partial: bytes = b"", detail: str = "", hint: str = "", request: Request | None = None
    ) -> None:
        super().__init__(detail=detail, hint=hint, request=request)
        self.partial = partial


class TruncatedCoding(DecodingError):
    """The body ended before its content coding did; what came is sound."""

    summary = "the encoded body was cut short"


class JSONError(DecodingError, ValueError):
    """The body is not JSON."""

    summary = "the body is not JSON"


class LimitExceeded(HTTPError):
    """A limit on sizes or counts was crossed."""

    summary = "a limit was exceeded"


class Refused(HTTPError):
    """A guard that the caller set refused the request."""

    summary = "refused"


class StreamError(HTTPError, RuntimeError):
    """A body or a client was used in a way or at a time it cannot be."""

    summary = "the stream cannot be used"


class StreamConsumed(StreamError):
    """The body was already read to its end, or is being read."""

    summary = "the body was already consumed"


class StreamClosed(StreamError):
    """The response was closed before its body was read."""

    summary = "the response is closed"


class ClientClosed(StreamError):
    """The client was closed."""

    summary = "the client is closed"


class NoAsyncHost(StreamError):
    """An async client was used outside asyncio and trio."""

    summary = "no asyncio or trio event loop is running here"


class TransportError(HTTPError):
    """The network or the peer failed.

    Args:
        phase: where the exchange stood: pool, resolve, connect, tls, proxy, write, read.
        bytes_sent: how many bytes of the request were handed to the network.
        bytes_received: how many bytes of the response had arrived.
        retryable: whether the same request may be sent again without being processed twice.
    """

    summary = "the exchange failed"

    def __init__(
        self,
        *,
        phase: str = "",
        bytes_sent: int = 0,
        bytes_received: int = 0,
        retryable: bool = False,
        detail: str = "",
        hint: str = "",
        request: Request | None = None,
    ) -> None:
        super().__init__(detail=detail, hint=hint, request=request)
        self.phase = phase
        self.bytes_sent = bytes_sent
        self.bytes_received = bytes_received
        self.retryable = retryable


class RequestTimeout(TransportError, TimeoutError):
    """A time limit ran out."""

    summary = "timed out"


class ConnectTimeout(RequestTimeout):
    """No connection within the connect limit."""

    summary = "timed out while connecting"


class ReadTimeout(RequestTimeout):
    """The peer sent nothing for longer than the read limit."""

    summary = "timed out while reading"


class WriteTimeout(RequestTimeout):
    """The peer took nothing for longer than the write limit."""

    summary = "timed out while writing"


class PoolTimeout(RequestTimeout):
    """No connection became free within the pool limit."""

    summary = "timed out while waiting for a free connection"


class DeadlineExceeded(RequestTimeout):
    """The total time ran out."""

    summary = "the total time ran out"


class ConnectError(TransportError, ConnectionError):
    """No connection could be made."""

    summary = "could not connect"


class ResolveError(ConnectError):
    """The host name has no address."""

    summary = "could not resolve the host name"


class TLSError(ConnectError):
    """The TLS handshake failed."""

    summary = "the TLS handshake failed"


class CertificateError(TLSError):
    """The peer's certificate is not trusted, or is for another name."""

    summary = "the certificate was not accepted"


class ProxyError(ConnectError):
    """The proxy refused or failed.

    Args:
        response: what an HTTP proxy answered to CONNECT instead of opening a tunnel.
    """

    summary = "the proxy refused or failed"

    def __init__(self, *, response: Response | None = None, **facts: Any) -> None:
        super().__init__(**facts)
        self.response = response


class ReadError(TransportError, ConnectionError):
    """The connection broke while the response was awaited or read."""

    summary = "the connection broke while reading"


class WriteError(TransportError, ConnectionError):
    """The connection broke while the request was written."""

    summary = "the connection broke while writing"


class ProtocolError(TransportError):
    """Somebody broke the rules of the protocol."""

    summary = "protocol error"


class LocalProtocolError(ProtocolError):
    """What was to be sent would break the protocol; it was not sent."""

    summary = "this would break the protocol"


class RemoteProtocolError(ProtocolError):
    """What the peer sent breaks the protocol."""

    summary = "the peer broke the protocol"


class TruncatedBody(RemoteProtocolError):
    """The connection ended before the body did.

    Args:
        partial: what had arrived of a body that was being collected.
    """

    summary = "the body was cut short"

    def __init__(self, *, partial: bytes = b"", **facts: Any) -> None:
        super().__init__(**facts)
        self.partial = partial


class WebSocketError(HTTPError):
    """A WebSocket failed."""

    summary = "the WebSocket failed"


class HandshakeRefused(WebSocketError):
    """The server did not agree to speak WebSocket.

    Args:
        response: what it answered instead.
    """

    summary = "the server refused the WebSocket handshake"

    response: Response

    def __init__(
        self, *, response: Response | None = None, detail: str = "", hint: str = "", request: Request | None = None
    ) -> None:
        super().__init__(detail=detail, hint=hint, request=request)
        if response is not None:
            self.response = response


class ConnectionClosed(WebSocketError):
    """The WebSocket is closed.

    Args:
        code: the close code (RFC 6455 section 7.4).
        reason: the reason that came with it.
    """

    summary = "the WebSocket is closed"

    def __init__(
        self, *, code: int = 1006, reason: str = "", detail: str = "", hint: str = "", request: Request | None = None
    ) -> None:
        super().__init__(detail=detail, hint=hint, request=request)
        self.code = code
        self.reason = reason

    def _told(self) -> str:
        return ", ".join(filter(None, (str(self.code), self.reason, self.detail)))
