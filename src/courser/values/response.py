"""A response: the head, and the body complete in memory. The same class for sync and async code."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import StatusError
from ..hints import TYPE_CHECKING, cast
from .headers import Headers
from .text import DefaultEncoding, charset_of, decode_text
from .url import URL

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import timedelta
    from typing import Any, Final, Self, TypeAlias

    from ..settings import HeaderTypes
    from .connected import ConnectionInfo
    from .cookies.jar import Cookies
    from .disposition import ContentDisposition
    from .links import Links
    from .request import Request
    from .timings import Timings

__all__ = ["REDIRECTS", "Ends", "HeadView", "Response", "Status", "Times"]

REASONS: Final = {
    100: "Continue", 101: "Switching Protocols", 102: "Processing", 103: "Early Hints",
    200: "OK", 201: "Created", 202: "Accepted", 203: "Non-Authoritative Information", 204: "No Content",
    205: "Reset Content", 206: "Partial Content", 207: "Multi-Status", 208: "Already Reported", 226: "IM Used",
    300: "Multiple Choices", 301: "Moved Permanently", 302: "Found", 303: "See Other", 304: "Not Modified",
    305: "Use Proxy", 307: "Temporary Redirect", 308: "Permanent Redirect",
    400: "Bad Request", 401: "Unauthorized", 402: "Payment Required", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 406: "Not Acceptable", 407: "Proxy Authentication Required", 408: "Request Timeout",
    409: "Conflict", 410: "Gone", 411: "Length Required", 412: "Precondition Failed", 413: "Content Too Large",
    414: "URI Too Long", 415: "Unsupported Media Type", 416: "Range Not Satisfiable", 417: "Expectation Failed",
    421: "Misdirected Request", 422: "Unprocessable Content", 423: "Locked", 424: "Failed Dependency",
    425: "Too Early", 426: "Upgrade Required", 428: "Precondition Required", 429: "Too Many Requests",
    431: "Request Header Fields Too Large", 451: "Unavailable For Legal Reasons",
    500: "Internal Server Error", 501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable",
    504: "Gateway Timeout", 505: "HTTP Version Not Supported", 506: "Variant Also Negotiates",
    507: "Insufficient Storage", 508: "Loop Detected", 511: "Network Authentication Required",
}  # fmt: skip
"""The registered reason phrases (IANA HTTP Status Code Registry), for responses that come without one."""

REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
"""Statuses that send the client to their Location (RFC 9110 section 15.4)."""

SCALARS: Final = frozenset({type(None), bool, int, float, complex, str, bytes, bytearray})
SERIES: Final = frozenset({tuple, list, set, frozenset})
"""What a pickled response keeps of its extensions; no subclasses, which another program may not have."""

Times: TypeAlias = "tuple[float, float, float, float, dict[str, float] | None, float]"
"""When the call began, the head had come, the body had, the request was sent, all on the monotonic clock; how many
seconds each phase of connecting took, None where the connection was there; and when the first byte had come. 0.0 stands
for a time that is not known."""

Ends: TypeAlias = "tuple[int, Any, Any, *tuple[Any, ...]]"
"""The number of a connection, and what its link tells of its ends: what `values.connected.ConnectionInfo.of` takes."""


class Status:
    """What a status means, for whatever has one, and headers beside it."""

    __slots__ = ()

    status_code: int

    if TYPE_CHECKING:

        @property
        def headers(self) -> Headers: ...

    @property
    def is_informational(self) -> bool:
        """Whether the status is 1xx."""
        return 100 <= self.status_code < 200

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status_code < 300

    @property
    def is_redirect(self) -> bool:
        """Whether the response sends its client elsewhere: 301, 302, 303, 307 or 308, and a Location."""
        return self.status_code in REDIRECTS and "location" in self.headers

    @property
    def is_client_error(self) -> bool:
        """Whether the status is 4xx."""
        return 400 <= self.status_code < 500

    @property
    def is_server_error(self) -> bool:
        """Whether the status is 5xx or above."""
        return self.status_code >= 500

    @property
    def is_error(self) -> bool:
        """Whether the status is 4xx, 5xx or above."""
        return self.status_code >= 400

    @property
    def ok(self) -> bool:
        """Whether the status is below 400, as in Requests."""
        return self.status_code < 400


class HeadView(Status):
    """What a response says before its body: shared by `Response` and the streamed responses.

    Attributes:
        status_code: the status.
        request: the request that this answers, after redirects the last one.
        http_version: "HTTP/1.0", "HTTP/1.1", "HTTP/2" or "HTTP/3".
        history: the redirects that led here, the first one first.
        next_request: where a redirect that was not followed leads.
        extensions: whatever transports and middleware add.
    """

    __slots__ = (
        "_block",
        "_cookies",
        "_ends",
        "_headers",
        "_reason",
        "_request",
        "_stripped",
        "_times",
        "extensions",
        "history",
        "http_version",
        "next_request",
        "status_code",
    )

    status_code: int
    http_version: str
    history: list[Response]
    next_request: Request | None
    extensions: dict[str, Any]
    _reason: bytes
    _block: bytes
    _cookies: Cookies
    _ends: Ends | None
    _headers: Headers | None
    _request: Request | None
    _stripped: tuple[str, ...]
    _times: Times

    @property
    def request(self) -> Request:
        """What this answers, after redirects the last request.

        Raises:
            RuntimeError: the response was made without one.
        """
        request = self._request
        if request is None:
            raise RuntimeError("this response was made without a request: give Response(..., request=...)")
        return request

    @property
    def url(self) -> URL:
        """The URL that was answered."""
        return self.request.url

    @property
    def stripped(self) -> tuple[str, ...]:
        """Of a redirect: the names of the header fields that stayed behind, because it leads to another origin."""
        try:
            return self._stripped
        except AttributeError:
            return ()

    @stripped.setter
    def stripped(self, names: tuple[str, ...]) -> None:
        self._stripped = names

    @property
    def reason_phrase(self) -> str:
        """The reason phrase of the status line, or the registered one where there is none."""
        return self._reason.decode("latin-1") if self._reason else REASONS.get(self.status_code, "")

    @property
    def headers(self) -> Headers:
        """The header fields."""
        headers = self._headers
        if headers is None:
            headers = self._headers = Headers.from_block(self._block)
        return headers

    @property
    def links(self) -> Links:
        """The links of the header (RFC 8288) by relation type, such as `links["next"]["url"]`; URLs are absolute."""
        from .links import parse_links

        return parse_links(self.headers.get_list("link"), None if self._request is None else self._request.url)

    @property
    def content_disposition(self) -> ContentDisposition | None:
        """Whether the body is to be saved, and under which name (RFC 6266); None where nothing is said of it."""
        from .disposition import parse_disposition

        return parse_disposition(next(iter(self.headers.get_list("content-disposition")), None))

    @property
    def cookies(self) -> Cookies:
        """The cookies that this response has set for its URL; those of redirects before it are in its history."""
        try:
            return self._cookies
        except AttributeError:
            # Few ask for them, and making room for them in every response would cost all.
            from .cookies.jar import Cookies
            from .cookies.setcookie import set_cookie_lines

            self._cookies = cookies = Cookies()
            lines = set_cookie_lines(self.headers.encode())
            if lines:
                cookies.receive(self.request.url, lines)
            return cookies

    @property
    def connection(self) -> ConnectionInfo | None:
        """The connection that it came over; None where it did not come over any."""
        if self._ends is None:
            return None
        from .connected import ConnectionInfo

        return ConnectionInfo.of(*self._ends)

    @property
    def timings(self) -> Timings:
        """How long the parts of the call took, in seconds."""
        from .timings import Timings

        return Timings.of(*self._times)

    @property
    def elapsed(self) -> timedelta:
        """From the start of the call to the head of the response."""
        from datetime import timedelta  # takes longer to import than the rest of the values, and few ask

        return timedelta(seconds=self._times[1] - self._times[0])


class Response(HeadView):
    """A complete response. A client makes it; tests may, too.

    It can be pickled and copied. Of its extensions those come along that are plain data: None, numbers, text, bytes,
    and the built-in containers of them. Its client's JSON codec and a function for its encoding stay behind.

    Args:
        status_code: the status.
        headers: the header fields.
        content: the body as it is after decoding.
        text: the body as text, sent as UTF-8.
        json: the body as a value.
        request: what this answers.
        http_version: see `HeadView`.
        reason_phrase: where it is not the registered one.
    """

    __slots__ = ("_content", "_default_encoding", "_encoding", "_loads", "_text", "_trailers")

    _content: bytes | Callable[[], bytes]
    """The body, or what decodes it when somebody asks."""
    _trailers: bytes
    _text: str | None
    _encoding: str | None
    _default_encoding: DefaultEncoding
    _loads: Callable[..., Any] | None

    def __new__(
        cls,
        status_code: int,
        *,
        headers: HeaderTypes = None,
        content: bytes = b"",
        text: str | None = None,
        json: Any = None,
        request: Request | None = None,
        http_version: str = "HTTP/1.1",
        reason_phrase: str = "",
    ) -> Self:
        if sum((bool(content), text is not None, json is not None)) > 1:
            raise TypeError("a Response has one of content, text and json")
        body = memoryview(content).tobytes()
        fields = Headers(headers)
        if text is not None:
            body = text.encode()
            fields.setdefault("Content-Type", "text/plain; charset=utf-8")
        elif json is not None:
            from json import dumps

            body = dumps(json, ensure_ascii=False, separators=(",", ":")).encode()
            fields.setdefault("Content-Type", "application/json")
        if body:
            fields.setdefault("Content-Length", str(len(body)))
        reason, times = reason_phrase.encode("latin-1"), (0.0, 0.0, 0.0, 0.0, None, 0.0)
        self = cls.assemble(status_code, reason, http_version, b"", request, times, "utf-8", body, b"")
        self._headers = fields
        return self

    @classmethod
    def assemble(
        cls,
        status: int,
        reason: bytes,
        version: str,
        block: bytes,
        request: Request | None,
        times: Times,
        default_encoding: DefaultEncoding,
        content: bytes | Callable[[], bytes],
        trailers: bytes,
        loads: Callable[..., Any] | None = None,
        ends: Ends | None = None,
    ) -> Self:
        """Make a response of what an exchange has brought.

        Args:
            status: the status.
            reason: the reason phrase.
            version: see `HeadView`.
            block: the header lines.
            request: what this answers.
            times: see `Times`.
            default_encoding: for text whose charset nobody names.
            content: the decoded body, or what decodes it when somebody asks; it can be pickled.
            trailers: the trailer lines.
            loads: reads JSON; None is the standard library.
            ends: see `Ends`; None where no connection was needed.
        """
        self = object.__new__(cls)
        self.status_code = status
        self.http_version = version
        self.history = []
        self.next_request = None
        self.extensions = {}
        self._reason = reason
        self._block = block
        self._headers = None
        self._request = request
        self._times = times
        self._content = content
        self._trailers = trailers
        self._text = None
        self._encoding = None
        self._default_encoding = default_encoding
        self._loads = loads
        self._ends = ends
        return self

    @property
    def content(self) -> bytes:
        """The body, decoded.

        Raises:
            DecodingError: the body of a redirect on the way here is not what its Content-Encoding says.
            StreamClosed: the body of a redirect was given up as too large, or that of an error was read as a stream.
        """
        content = self._content
        if not isinstance(content, bytes):
            content = self._content = content()
        return content

    @property
    def encoding(self) -> str:
        """The character encoding of `text`: what was set, or the charset parameter, a BOM, the client's default."""
        if self._encoding is None:
            self._text, self._encoding = decode_text(
                self.content, self.headers.get("content-type"), self._default_encoding
            )
        return self._encoding

    @encoding.setter
    def encoding(self, encoding: str) -> None:
        "".encode(encoding)  # an unknown name is an error here, not at the first use of `text`
        self._encoding = encoding
        self._text = None

    @property
    def charset(self) -> str | None:
        """The charset parameter of Content-Type, where there is one."""
        return charset_of(self.headers.get("content-type"))

    @property
    def text(self) -> str:
        """The body as text by its `encoding`, without a byte order mark; what cannot be decoded becomes U+FFFD."""
        if self._text is None:
            encoding = self.encoding
            if self._text is None:
                self._text = self.content.decode(encoding, "replace").removeprefix("\ufeff")
        return self._text

    def json(self, *, loads: Callable[..., Any] | None = None, **options: Any) -> Any:
        """The body as JSON, by its bytes, whatever the Content-Type says (RFC 8259 section 8.1).

        Args:
            loads: what reads it, given UTF-8, instead of the client's codec: `loads=Decoder(Item).decode`.
            **options: what else that takes; the standard library's are those of json.loads.

        Raises:
            JSONError: the body is not JSON.
        """
        from .codec import read_json

        return read_json(self.content, loads or self._loads, options, f"status {self.status_code}", self._request)

    @property
    def trailers(self) -> Headers:
        """The trailer fields (RFC 9110 section 6.5)."""
        return Headers.from_block(self._trailers)

    def raise_for_status(self) -> Response:
        """Give the response back, unless its status is 4xx or 5xx.

        Raises:
            StatusError: it is; the error has the response, body included.
        """
        if self.status_code >= 400:
            kind = "client error" if self.status_code < 500 else "server error"
            wants_websocket = self.status_code == 426 and "websocket" in self.headers.get("upgrade", "").lower()
            raise StatusError(
                response=self,
                request=self._request,
                detail=f"{self.status_code} {self.reason_phrase}".rstrip() + f" ({kind})",
                hint="client.websocket() opens a WebSocket" if wants_websocket else "",
            )
        return self

    if TYPE_CHECKING:
        pass
    else:

        def __getattr__(self, name):
            """Say how that is come by which other libraries have here."""
            from .absent import explain

            raise AttributeError(explain(name), name=name, obj=self)

    def __bool__(self) -> bool:
        return self.ok

    def __iter__(self) -> Any:
        raise TypeError("a Response is complete: use .content or .text, or client.stream(...) to iterate over a body")

    def __repr__(self) -> str:
        return f"<Response [{self.status_code}{self.reason_phrase and ' '}{self.reason_phrase}]>"

    def __reduce__(self) -> tuple[Any, ...]:
        default = self._default_encoding
        given = (
            self.status_code,
            self._reason,
            self.http_version,
            b"",
            self._request,
            self._times,
            default if isinstance(default, str) else "utf-8",
            self._content,
            self._trailers,
        )
        more = {
            "_headers": self.headers,
            "_encoding": self._encoding,
            "_ends": self._ends,
            "history": self.history,
            "next_request": self.next_request,
            "_stripped": self.stripped,
            "extensions": {name: value for name, value in self.extensions.items() if _is_plain(value)},
        }
        return type(self).assemble, given, (None, more)


def _is_plain(value: object) -> bool:
    """Whether a value is built of nothing but what every program that unpickles it knows."""
    kind = type(value)
    if kind is dict:
        return all(map(_is_plain, cast("dict[object, object]", value).items()))
    return kind in SCALARS or (kind in SERIES and all(map(_is_plain, cast("Iterable[object]", value))))
