"""What a server is for: requests, the handler that is asked, and its replies."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from os import PathLike, stat
from time import gmtime, time
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self, TypeAlias

from ..engines.http1.framing import keeps_alive
from ..values.fields import FieldBlock
from ..values.headers import Headers
from ..values.query import QueryParams
from ..values.response import REASONS

if TYPE_CHECKING:
    from ..engines.events import RequestHead
    from ..settings import HeaderTypes

__all__ = [
    "FAILED",
    "HTTP1",
    "HTTP2",
    "NO_FIELDS",
    "NO_SWITCH",
    "TOO_LARGE",
    "UNSUPPORTED",
    "App",
    "Handler",
    "Reply",
    "ServerRequest",
    "Sink",
]

HTTP1: Final = "http/1.1"
HTTP2: Final = "h2"
"""Protocols, by the names that ALPN has for them (RFC 7301 section 6, RFC 9113 section 3.2)."""

FRAMING: Final = ("content-length", "transfer-encoding")
"""Fields that the engine writes."""

NO_FIELDS: Final = FieldBlock()

BODYLESS: Final = frozenset({204, 304})
"""Statuses without a body (RFC 9110 sections 15.3.5 and 15.4.5)."""

PIECE: Final = 256 * 1024

ERRORS_KEPT: Final = 100

DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class ServerRequest:
    """A request as its handler sees it.

    Args:
        head: the head, from the engine.
        body: the whole body; empty where a sink has taken it.
    """

    __slots__ = ("_head", "_headers", "body")

    def __init__(self, head: RequestHead, body: bytes = b"") -> None:
        self._head = head
        self._headers: Headers | None = None
        self.body = body

    @property
    def method(self) -> str:
        """The method, in the case that it came in."""
        return self._head.method.decode("latin-1")

    @property
    def target(self) -> str:
        """The request target as it came (RFC 9112 section 3.2)."""
        return self._head.target.decode("latin-1")

    @property
    def path(self) -> str:
        """The path of the target, percent-encoded as it came; a target in absolute form has one too."""
        path = self.target.partition("?")[0]
        if path[:1] == "/":
            return path
        _, mark, rest = path.partition("://")
        return "/" + rest.partition("/")[2] if mark else path

    @property
    def query(self) -> QueryParams:
        """The parameters of the target."""
        return QueryParams(self.target.partition("?")[2])

    @property
    def http_version(self) -> str:
        """HTTP/1.0, HTTP/1.1 or HTTP/2."""
        return "HTTP/" + self._head.version.decode("ascii")

    @property
    def headers(self) -> Headers:
        """The header fields."""
        headers = self._headers
        if headers is None:
            headers = self._headers = Headers.from_block(self._head.fields)
        return headers

    def __repr__(self) -> str:
        return f"<ServerRequest {self.method} {self.target}>"


class Reply:
    """What a handler answers. One with bytes may be made once and given as often as one likes.

    Args:
        body: bytes, or an iterable of bytes that is pulled only as fast as the peer takes it. An iterable with a
            `close` method, a generator for one, is closed in every case.
        status: 200 to 999.
        headers: the header fields, but for those that frame the message; `Connection: close` closes after it.
        length: bytes of an iterable body; where it is None the body goes out chunked, or as HTTP/2 has it.
        trailers: fields that follow the body, which then has no length.

    Raises:
        ValueError: a status or a header that a server does not send this way.
        TypeError: a body that is text.
    """

    switches: ClassVar[bool] = False
    """Whether the connection is to speak another protocol after it."""

    __slots__ = ("_block", "_dated", "_made", "body", "length", "reason", "status", "trailers")

    def __init__(
        self,
        body: bytes | bytearray | memoryview | Iterable[bytes] = b"",
        *,
        status: int = 200,
        headers: HeaderTypes = None,
        length: int | None = None,
        trailers: HeaderTypes = None,
    ) -> None:
        if not 200 <= status <= 999:
            raise ValueError(f"{status} is not the status of a final response")
        fields = Headers(headers)
        for name in FRAMING:
            if name in fields:
                raise ValueError(f"the server writes {name} itself; an iterable body may have a length=")
        if isinstance(body, str):
            raise TypeError("a body is bytes; Reply.text() takes a str")
        if isinstance(body, bytes | bytearray | memoryview):
            body = bytes(body)
            length = -1 if not body and status in BODYLESS else len(body)
        self.status = status
        self.reason = REASONS.get(status, "").encode("ascii")
        self.body: bytes | Iterable[bytes] = body
        self.length = length
        self.trailers = NO_FIELDS
        if trailers is not None:
            self.trailers = Headers(trailers).encode()
            self.length = None
            if isinstance(body, bytes):
                self.body = (body,)
        self._block = fields.encode()
        self._dated = "date" in fields
        self._made: tuple[bytes, FieldBlock] = (b"", self._block)

    @classmethod
    def text(cls, text: str, *, status: int = 200, headers: HeaderTypes = None) -> Self:
        """Answer with text, in UTF-8."""
        return cls._typed(text.encode(), "text/plain; charset=utf-8", status, headers)

    @classmethod
    def json(cls, value: Any, *, status: int = 200, headers: HeaderTypes = None) -> Self:
        """Answer with a value as JSON."""
        from json import dumps

        content = dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
        return cls._typed(content, "application/json", status, headers)

    @classmethod
    def file(cls, path: str | PathLike[str], *, status: int = 200, headers: HeaderTypes = None) -> Self:
        """Answer with a file.

        Raises:
            OSError: there is no such file.
        """
        return cls._typed(_read(path), "application/octet-stream", status, headers, stat(path).st_size)

    @classmethod
    def _typed(
        cls,
        body: bytes | Iterable[bytes],
        content_type: str,
        status: int,
        headers: HeaderTypes,
        length: int | None = None,
    ) -> Self:
        fields = Headers(headers)
        fields.setdefault("Content-Type", content_type)
        return cls(body, status=status, headers=fields, length=length)

    @property
    def closes(self) -> bool:
        """Whether the connection is to end after it."""
        return not keeps_alive(b"1", self._block)

    def fields(self, date: bytes) -> FieldBlock:
        """The header lines, with the Date that an origin server sends (RFC 9110 section 6.6.1)."""
        made = self._made
        if made[0] is not date and not self._dated:
            made = self._made = (date, FieldBlock(date + self._block))
        return made[1]

    def __repr__(self) -> str:
        return f"<Reply {self.status}>"


Handler: TypeAlias = Callable[[ServerRequest], Reply]
"""Answers a request. It is called in the server's thread, so all others wait until it returns."""

Sink: TypeAlias = Callable[[ServerRequest], Callable[[bytes], object] | None]
"""Called with the head of every request; a function that it returns takes the body, piece by piece, unlimited."""

FAILED: Final = Reply.text("the handler failed\n", status=500)
TOO_LARGE: Final = Reply.text("the body is too large\n", status=413, headers={"Connection": "close"})
NO_SWITCH: Final = Reply.text("here a WebSocket needs HTTP/1.1\n", status=501)
UNSUPPORTED: Final = Reply.text("this server is no proxy\n", status=501)


class App:
    """A handler and what its connections share.

    Args:
        handler: answers requests.
        sink: takes bodies that are not to be collected.
        max_body: bytes of a body that is collected; a larger one is answered with 413.
        timeout: seconds that a peer may neither send nor take anything.
        protocols: those that are spoken, by preference.
        max_concurrent_streams: requests that may be under way on one connection, in HTTP/2.
        max_streams: requests after which an HTTP/2 connection takes no more, None for any number.

    Attributes:
        errors: what the handler and the bodies of its replies have raised, the last ones.
    """

    __slots__ = (
        "_date",
        "_date_until",
        "errors",
        "handler",
        "max_body",
        "max_concurrent_streams",
        "max_streams",
        "protocols",
        "sink",
        "timeout",
    )

    def __init__(
        self,
        handler: Handler,
        *,
        sink: Sink | None = None,
        max_body: int = 2**24,
        timeout: float = 60.0,
        protocols: tuple[str, ...] = (HTTP1,),
        max_concurrent_streams: int = 100,
        max_streams: int | None = None,
    ) -> None:
        self.handler = handler
        self.sink = sink
        self.max_body = max_body
        self.timeout = timeout
        self.protocols = protocols
        self.max_concurrent_streams = max_concurrent_streams
        self.max_streams = max_streams
        self.errors: deque[BaseException] = deque(maxlen=ERRORS_KEPT)
        self._date = b""
        self._date_until = float("-inf")

    def answer(self, request: ServerRequest) -> Reply:
        """Ask the handler; what it raises becomes a 500."""
        try:
            reply = self.handler(request)
            if not isinstance(reply, Reply):  # pyright: ignore[reportUnnecessaryIsInstance] - untyped handlers exist
                raise TypeError(f"the handler returned {reply!r}, which is not a Reply")
        except Exception as error:
            self.errors.append(error)
            return FAILED
        return reply

    def date(self, now: float) -> bytes:
        """The Date line, made once a second.

        Args:
            now: on the monotonic clock.
        """
        if now >= self._date_until:
            seconds = time()
            self._date_until = now + 1.0 - seconds % 1.0
            self._date = date_line(seconds)
        return self._date


def date_line(seconds: float) -> bytes:
    """A time as a Date line, in the one form of RFC 9110 section 5.6.7; strftime would ask the locale."""
    at = gmtime(seconds)
    text = f"{DAYS[at.tm_wday]}, {at.tm_mday:02} {MONTHS[at.tm_mon - 1]} {at.tm_year:04}"
    return f"Date: {text} {at.tm_hour:02}:{at.tm_min:02}:{at.tm_sec:02} GMT\r\n".encode("ascii")


def _read(path: str | PathLike[str]) -> Iterator[bytes]:
    with open(path, "rb") as file:
        while piece := file.read(PIECE):
            yield piece
