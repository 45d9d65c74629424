"""What a user can set: timeouts, limits, the sentinels, and the options that every request takes."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Mapping, Sequence
from enum import Enum

from .hints import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    import ssl
    from http.cookiejar import CookieJar
    from os import PathLike
    from typing import IO, Any, Final, Literal, TypeAlias

    from .engines.websocket import Deflate
    from .policies.auth.layer import Auth
    from .policies.flow import Answer
    from .policies.reconnect import Reconnect
    from .values.cookies.jar import Cookies
    from .values.cookies.record import Cookie
    from .values.headers import Headers
    from .values.proxy import Proxy
    from .values.query import QueryParams
    from .values.request import Request
    from .values.trust import TLS

__all__ = [
    "DEFAULT",
    "DIRECT",
    "AuthTypes",
    "Content",
    "CookieTypes",
    "FileTypes",
    "FollowTypes",
    "FormTypes",
    "HeaderTypes",
    "Limits",
    "ParamTypes",
    "RedirectJudge",
    "RequestOptions",
    "RequestParts",
    "SendOptions",
    "Sentinel",
    "Timeout",
    "TimeoutTypes",
    "WebSocketOptions",
    "check_names",
    "is_number",
    "is_whole",
]


class Sentinel(Enum):
    """Values that mean something no ordinary value can."""

    DEFAULT = "the client's default"
    DIRECT = "no proxy"

    def __repr__(self) -> str:
        return f"courser.{self.name}"


DEFAULT: Final = Sentinel.DEFAULT
"""Where an option may be None, this stands for "as the client has it"."""

DIRECT: Final = Sentinel.DIRECT
"""`proxy=DIRECT`: connect to the origin itself, whatever the client or the environment say."""

_INFINITY: Final = float("inf")


def is_whole(value: object) -> bool:
    """Whether a caller gave a whole number; True and False are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: object) -> bool:
    """Whether a caller gave a number; True and False are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _seconds(name: str, value: float | None) -> float | None:
    if value is None:
        return None
    if not is_number(value):
        raise TypeError(f"Timeout {name} is a number of seconds or None, not {value!r}")
    if not value > 0:
        raise ValueError(f"Timeout {name} is {value!r}: it must be above 0, or None for no limit")
    return None if value == _INFINITY else float(value)


class Timeout:
    """How long each phase of a request may last, in seconds; None is no limit.

    Args:
        total: everything, from the call to the last byte of the body.
        connect: name resolution, connecting, proxies and TLS together.
        read: each wait for bytes of the response.
        write: each wait for the peer to take bytes of the request.
        pool: the wait for a free connection.

    Raises:
        ValueError: a limit is zero, negative or not a number.
    """

    __slots__ = ("connect", "plain", "pool", "read", "total", "write")

    total: float | None
    connect: float | None
    read: float | None
    write: float | None
    pool: float | None
    plain: float | None
    """Set where the user gave one plain number: total for buffered calls, each wait for streams."""

    def __init__(
        self,
        total: float | None = None,
        connect: float | None = 10.0,
        read: float | None = 60.0,
        write: float | None = 60.0,
        pool: float | None = 60.0,
    ) -> None:
        self.total = _seconds("total", total)
        self.connect = _seconds("connect", connect)
        self.read = _seconds("read", read)
        self.write = _seconds("write", write)
        self.pool = _seconds("pool", pool)
        self.plain = None

    @classmethod
    def of(cls, value: TimeoutTypes) -> Timeout:
        """Turn what a caller may give into a Timeout.

        Args:
            value: a Timeout; a number of seconds for everything; (connect, read); None for no limit at all.
        """
        if isinstance(value, Timeout):
            return value
        if value is None:
            return cls(connect=None, read=None, write=None, pool=None)
        if isinstance(value, tuple):
            if len(value) != 2:
                raise ValueError(f"timeout {value!r}: a tuple is (connect, read)")
            return cls(connect=value[0], read=value[1])
        limit = _seconds("total", value)
        made = cls(connect=limit, read=limit, write=limit, pool=limit)
        made.plain = limit
        return made

    def _key(self) -> tuple[float | None, ...]:
        return (self.total, self.connect, self.read, self.write, self.pool, self.plain)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Timeout) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        if self.plain is not None:
            return f"Timeout.of({self.plain!r})"
        return (
            f"Timeout(total={self.total!r}, connect={self.connect!r}, read={self.read!r}, "
            f"write={self.write!r}, pool={self.pool!r})"
        )


def _count(name: str, value: int | None) -> int | None:
    if value is not None and (not is_whole(value) or value < 0):
        raise ValueError(f"Limits {name} is a whole number or None, not {value!r}")
    return value


def _age(name: str, value: float | None) -> float | None:
    if value is None:
        return None
    if not is_number(value):
        raise TypeError(f"Limits {name} is a number of seconds or None, not {value!r}")
    if not value >= 0:
        raise ValueError(f"Limits {name} is {value!r}: it must not be below 0; None is for ever")
    return value


class Limits:
    """How many connections a client keeps, and for how long.

    Args:
        max_connections: open at once, idle ones included; None is no limit.
        max_per_host: open at once to one origin; None is no limit.
        max_keepalive: idle at once.
        keepalive_expiry: seconds that a connection may be idle; None is for ever.
        max_connection_age: seconds after which a connection takes no new request; None is for ever.
        ping_interval: seconds of silence after which the peer of an HTTP/2 connection with requests under way is asked
            whether it is there (PING, RFC 9113 section 6.7); the connection is given up where it does not answer within
            as many. None asks nothing: the limits of the requests are the only ones.
    """

    __slots__ = (
        "keepalive_expiry",
        "max_connection_age",
        "max_connections",
        "max_keepalive",
        "max_per_host",
        "ping_interval",
    )

    def __init__(
        self,
        max_connections: int | None = None,
        max_per_host: int | None = None,
        max_keepalive: int | None = 100,
        keepalive_expiry: float | None = 30.0,
        max_connection_age: float | None = None,
        ping_interval: float | None = None,
    ) -> None:
        self.max_connections = _count("max_connections", max_connections)
        self.max_per_host = _count("max_per_host", max_per_host)
        self.max_keepalive = _count("max_keepalive", max_keepalive)
        if self.max_connections == 0 or self.max_per_host == 0:
            raise ValueError("Limits: with 0 connections nothing can be requested; None is no limit")
        self.keepalive_expiry = _age("keepalive_expiry", keepalive_expiry)
        self.max_connection_age = _age("max_connection_age", max_connection_age)
        self.ping_interval = _age("ping_interval", ping_interval)
        if self.ping_interval == 0:
            raise ValueError("Limits ping_interval is 0: it must be above 0; None asks nothing")

    def __repr__(self) -> str:
        return (
            f"Limits(max_connections={self.max_connections!r}, max_per_host={self.max_per_host!r}, "
            f"max_keepalive={self.max_keepalive!r}, keepalive_expiry={self.keepalive_expiry!r}, "
            f"max_connection_age={self.max_connection_age!r}, ping_interval={self.ping_interval!r})"
        )


TimeoutTypes: TypeAlias = "float | tuple[float | None, float | None] | Timeout | None"
CookieTypes: TypeAlias = "Cookies | CookieJar | Mapping[str, str] | Iterable[tuple[str, str] | Cookie] | None"
Scalar: TypeAlias = "str | int | float | bool | None"
ParamTypes: TypeAlias = (
    "Mapping[str, Scalar | Sequence[Scalar]] | Iterable[tuple[str, Scalar]] | QueryParams | str | bytes | None"
)
HeaderTypes: TypeAlias = "Headers | Mapping[str, str | bytes | None] | Iterable[tuple[str | bytes, str | bytes]] | None"
InMemory: TypeAlias = "bytes | bytearray | memoryview | str"
Source: TypeAlias = "IO[bytes] | IO[str] | PathLike[str] | Iterable[bytes | str] | AsyncIterable[bytes | str]"
Content: TypeAlias = "InMemory | Source | Callable[[], InMemory | Source]"
Field: TypeAlias = "Scalar | bytes"
FormTypes: TypeAlias = "Mapping[str, Field | Sequence[Field]] | Iterable[tuple[str, Field | Sequence[Field]]]"
NamedFile: TypeAlias = "tuple[str | None, Content | None] | tuple[str | None, Content | None, str | None]"
DescribedFile: TypeAlias = "tuple[str | None, Content | None, str | None, HeaderTypes]"
FileType: TypeAlias = "Content | NamedFile | DescribedFile | None"
FileTypes: TypeAlias = "Mapping[str, FileType] | Iterable[tuple[str, FileType]]"
Coding: TypeAlias = "Literal['gzip', 'deflate', 'br', 'zstd']"
OneProxy: TypeAlias = "str | Proxy | Sequence[str | Proxy] | Literal[Sentinel.DIRECT] | None"
ProxyTypes: TypeAlias = "OneProxy | Mapping[str, OneProxy]"
Verdict: TypeAlias = "bool | Request"
RedirectJudge: TypeAlias = "Callable[[Answer, Request], Verdict | Awaitable[Verdict]]"
FollowTypes: TypeAlias = "bool | RedirectJudge"
VerifyTypes: TypeAlias = "bool | str | bytes | PathLike[str] | ssl.SSLContext | TLS"
CertTypes: TypeAlias = "str | tuple[str, str] | tuple[str, str, str | None] | None"
AuthTypes: TypeAlias = "tuple[str | bytes, str | bytes] | Auth | None"


class RequestParts(TypedDict, total=False):
    """The options that make a request.

    Attributes:
        params: added to the URL's query; True is `true`, None is dropped. They replace the client's of the same name.
        headers: replace the client's headers of the same name; None removes one.
        cookies: sent with this request and on redirects within its origin, and not kept; they stand before the client's
            of the same name.
        content: the body: bytes, str, a binary file, a path, an iterable of bytes (async in async clients), or a
            function that makes one of them each time the body is sent.
        data: a form as a mapping or pairs; bytes, str and files are taken as `content`.
        files: as a mapping or pairs of a field's name and a file, (filename, file), (filename, file, content type) or
            (filename, file, content type, headers); sent with `data` as multipart/form-data.
        json: any value that the JSON codec can write.
        compress: the content coding of the body: gzip, deflate, br or zstd.
        extensions: whatever middleware and transports understand. The library itself knows "informational": a
            function that is called with every interim response, such as 103 (Early Hints); "trace": one that is told
            of everything that happens on the way, as a TraceEvent; and "trailers": fields to be sent behind a body of
            unknown length (RFC 9110 section 6.5), or a function that gives them once the body has been sent.
    """

    params: ParamTypes
    headers: HeaderTypes
    cookies: CookieTypes
    content: Content | None
    data: FormTypes | Content | None
    files: FileTypes | None
    json: Any
    compress: Coding | None
    extensions: Mapping[str, Any]


class SendOptions(TypedDict, total=False):
    """The options that say how a request is sent.

    Attributes:
        auth: (user, password), an auth object, or a flow; None for no credentials, whatever the client has.
        timeout: seconds for everything, a `Timeout`, (connect, read), or None for no limit.
        follow_redirects: whether redirects are followed; or a function that is given the head of such a response and
            the next request, and says True to follow, False to stop, gives the request to send instead, or raises.
        proxy: the URL of a proxy or a `Proxy`; a list of them, in the order in which they are met; a mapping of URL
            patterns to them; `DIRECT` for none; None says nothing.
        verify: how the server's certificate is verified, in place of all that the client says of it: True for the
            system's roots, False for not at all, a CA file or folder, certificates as PEM, an `ssl.SSLContext`, or a
            `TLS`, which knows fingerprints too.
        cert: a client certificate: a PEM file, (file, key) or (file, key, password); redirects do not show it to
            another origin.
        server_hostname: the name to ask for and to verify instead of the URL's host, for its origin only.
        raise_for_status: raise `StatusError` for 4xx and 5xx.
        max_body_size: bytes of body, before and after decoding, above which `LimitExceeded` is raised.
    """

    auth: AuthTypes | Literal[Sentinel.DEFAULT]
    timeout: TimeoutTypes | Literal[Sentinel.DEFAULT]
    follow_redirects: FollowTypes
    proxy: ProxyTypes | Literal[Sentinel.DEFAULT]
    verify: VerifyTypes
    cert: CertTypes
    server_hostname: str | None
    raise_for_status: bool
    max_body_size: int | None


class RequestOptions(RequestParts, SendOptions, total=False):
    """What every verb takes beside the URL, each by keyword: `RequestParts` and `SendOptions`."""


class WebSocketOptions(RequestOptions, total=False):
    """What `websocket` takes: what a request takes that has no body, and what a WebSocket is.

    Attributes:
        subprotocols: the names on offer, by preference.
        deflate: whether messages may be compressed (RFC 7692): True, or a `Deflate` that says how.
        heartbeat: seconds of silence after which the server is asked whether it is there, and for which its answer is
            waited for (20); None for never. In plain code it is kept while somebody receives, or with `keepalive`.
        max_message_size: bytes of a message, after decompression, above which the WebSocket is closed with 1009
            (16 Mi); None is no limit.
        keepalive: whether a thread of the library answers pings and keeps the heartbeat of a WebSocket of plain code
            while no thread of yours is in it (False); in async code the event loop does so in any case.
        reconnect: makes an iterable of WebSockets of what is a context manager else: True, or a `Reconnect` that says
            how long to wait in between. None is as False.
    """

    subprotocols: Iterable[str]
    deflate: bool | Deflate
    heartbeat: float | None
    max_message_size: int | None
    keepalive: bool
    reconnect: bool | Reconnect | None


ELSEWHERE: Final = {
    "hooks": "a client has event_hooks",
    "event_hooks": "they are an option of a client",
    "middleware": "it is an option of a client",
    "stream": "client.stream(method, url) leaves the body to be read",
    "ssl": "did you mean 'verify'?",
}
"""What users of other libraries give, and no misspelling leads to."""


def check_names(given: Iterable[str], known: frozenset[str], what: str) -> None:
    """Refuse options that there are not, and say which one may have been meant.

    Raises:
        TypeError: a name is not known.
    """
    for name in given:
        if name not in known:
            hint = ELSEWHERE.get(name, "")
            if not hint:
                from difflib import get_close_matches

                hint = "".join([f"did you mean {near!r}?" for near in get_close_matches(name, known, 1)])
            raise TypeError(f"{what} has no option {name!r}" + (f"; {hint}" if hint else ""))
