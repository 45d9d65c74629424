"""What a client is made with: its options, the checks they pass, and what holds where nothing was given.

Whatever can be wrong with an option is said when the client is made, not at its first request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache

from .hints import TYPE_CHECKING, TypedDict, cast
from .packages import accept_encoding
from .resolve.detours import Detours
from .settings import Limits, Timeout, check_names, is_whole
from .values.headers import Headers
from .values.query import QueryParams
from .values.trust import checked_cert, checked_verify
from .version import __version__

if TYPE_CHECKING:
    import ssl
    from typing import Any, Final, Literal

    from .core.dial import Network
    from .core.mounts import Mounts
    from .core.place import Transport
    from .core.route import TLSPolicy
    from .errors import CertificateError
    from .policies.flow import Middleware
    from .policies.hooks import HookTypes
    from .settings import (
        AuthTypes,
        CertTypes,
        Coding,
        CookieTypes,
        FollowTypes,
        HeaderTypes,
        ParamTypes,
        ProxyTypes,
        TimeoutTypes,
        VerifyTypes,
    )
    from .values.codec import JSONCodec, JSONCodecTypes
    from .values.text import DefaultEncoding
    from .values.tracing import TraceEvent
    from .values.url import URL

__all__ = [
    "DEFAULT_LIMITS",
    "DEFAULT_TIMEOUT",
    "NO_PARAMS",
    "ORDINARY",
    "ClientOptions",
    "LazyContexts",
    "check_options",
    "checked_cert",
    "checked_codec",
    "checked_count",
    "checked_follow",
    "checked_limit",
    "checked_mounts",
    "checked_names",
    "checked_verify",
    "default_headers",
    "detours",
    "resolve_late",
    "source_address",
]

DEFAULT_TIMEOUT: Final = Timeout()
DEFAULT_LIMITS: Final = Limits()

PROTOCOLS: Final = {
    (True, True): ("h2", "http/1.1"),
    (True, False): ("h2",),
    (False, True): ("http/1.1",),
    (False, False): (),
}
"""The application protocols, by preference, of a client that may speak HTTP/2 and HTTP/1.1 or may not."""

NO_PARAMS: Final = QueryParams()
"""The parameters of a client that has none: this very object, so that one look tells."""


class ClientOptions(TypedDict, total=False):
    """What a client is made with; every one is also what its requests are made with unless they say otherwise.

    Attributes:
        base_url: URLs that are not absolute are appended to it; the client's own headers and params go to its origin
            only.
        headers: sent with every request.
        params: added to every URL.
        cookies: what the jar begins with, or a `Cookies` to share; those without a domain go wherever the caller sends
            a request, with a base_url to its origin. False: what servers set is not kept.
        auth: (user, password), an auth object, or a flow; for requests without a header Authorization of their own,
            with a base_url to its origin only.
        compress: the content coding of every body, except where a request has a Content-Encoding: gzip, deflate, br or
            zstd.
        timeout: the limits of every request.
        follow_redirects: whether redirects are followed (True), or a function that says so for each; see `SendOptions`.
        max_redirects: hops that are followed (20).
        allow_downgrade: whether redirects lead from https to http: True, False, or None for as long as no body goes
            along (None).
        proxy: the URL of a proxy or a Proxy; a list of them, in the order in which they are met; a mapping of URL
            patterns to them; DIRECT for none. Without it the environment is asked.
        verify: how servers' certificates are verified: True for the system's roots, False for not at all, a CA file or
            folder, certificates as PEM, an ssl.SSLContext, or a TLS, which knows fingerprints too.
        cert: a client certificate: a PEM file, (file, key) or (file, key, password); with a base_url for its origin
            only.
        raise_for_status: raise StatusError for 4xx and 5xx.
        max_body_size: bytes of body above which LimitExceeded is raised, before and after decoding; not of `sse`, whose
            streams have no end.
        max_decoded_size: bytes of body after decoding, where another number holds for them; likewise.
        json_codec: what reads and writes JSON: a module or an object with loads and dumps, as orjson, or with decode
            and encode, as msgspec.json, or a pair of such functions.
        limits: how many connections, and for how long.
        http1: whether HTTP/1.1 may be spoken.
        http2: whether HTTP/2 may be: over TLS where the server chooses it (RFC 7301), and without TLS from the first
            byte where http1 is False (RFC 9113 section 3.3).
        default_encoding: for text whose charset nobody names: a name, or a function of the bytes.
        transport: answers every request instead of the network.
        mounts: transports and proxies by URL pattern; None connects to the server itself.
        network: connects instead of sockets.
        middleware: flows around every request, the outermost first.
        event_hooks: {"request": [...], "response": [...]}: functions that see every request before it goes out, and
            every response, those of redirects too: whole, or the head of one that is streamed; what an async function
            gives is awaited.
        trace: a function that is told of everything that happens on the way, as a TraceEvent.
        uds: the path of a Unix socket to connect to, whatever the host.
        local_address: the local address to connect from.
        socket_options: (level, option, value), set on every socket.
        resolver: finds the addresses of a host.
        sensitive_headers: names of more fields that redirects do not carry to another origin; Authorization, Cookie and
            Proxy-Authorization never are.
        trust_env: take from the environment what nothing is said of here: proxies, root certificates, passwords from a
            netrc file (True).
    """

    base_url: str | URL
    headers: HeaderTypes
    params: ParamTypes
    cookies: CookieTypes | Literal[False]
    auth: AuthTypes
    compress: Coding | None
    timeout: TimeoutTypes
    follow_redirects: FollowTypes
    max_redirects: int
    allow_downgrade: bool | None
    proxy: ProxyTypes
    verify: VerifyTypes
    cert: CertTypes
    raise_for_status: bool
    max_body_size: int | None
    max_decoded_size: int | None
    json_codec: JSONCodecTypes | None
    limits: Limits
    http1: bool
    http2: bool
    default_encoding: DefaultEncoding
    transport: Transport | None
    mounts: Mapping[str, Transport | ProxyTypes]
    network: Network | None
    middleware: Iterable[Middleware]
    event_hooks: HookTypes | None
    trace: Callable[[TraceEvent], object] | None
    uds: str | None
    local_address: str | tuple[str, int] | None
    socket_options: Iterable[tuple[int, int, int | bytes]]
    resolver: Callable[[str, int], list[tuple[int, Any]]] | None
    sensitive_headers: Iterable[str]
    trust_env: bool


ORDINARY: Final = frozenset({"user-agent", "accept", "accept-encoding"})
"""Fields of every client's that tell nothing of whom it was made for."""

CLIENT_OPTIONS: Final = frozenset(ClientOptions.__optional_keys__)

KINDS: Final[dict[str, tuple[Callable[[Any], bool], str]]] = {
    "allow_downgrade": (lambda value: isinstance(value, bool), "True, False or None"),
    "compress": (lambda value: value in ("gzip", "deflate", "br", "zstd"), "gzip, deflate, br or zstd"),
    "http1": (lambda value: isinstance(value, bool), "True or False"),
    "http2": (lambda value: isinstance(value, bool), "True or False"),
    "limits": (lambda value: isinstance(value, Limits), "a courser.Limits"),
    "trace": (callable, "a function of a courser.TraceEvent"),
    "middleware": (lambda value: isinstance(value, Iterable), "an iterable of flows, such as [flow]"),
    "mounts": (lambda value: isinstance(value, Mapping), "a mapping of URL patterns to transports and proxies"),
    "network": (lambda value: hasattr(value, "connect"), "a courser.Network: it has a method connect"),
    "transport": (lambda value: hasattr(value, "send"), "a courser.Transport: it has a method send"),
    "resolver": (callable, "a function of host and port"),
    "socket_options": (lambda value: isinstance(value, Iterable), "an iterable of (level, option, value)"),
    "uds": (lambda value: isinstance(value, str), "the path of a Unix socket"),
    "default_encoding": (
        lambda value: isinstance(value, str) or callable(value),
        "the name of an encoding, or a function of bytes",
    ),
}
"""Options that are used as they are, and what tells whether they can be; None stands for nothing in each."""


def check_options(options: ClientOptions) -> None:
    """Look at the names of a client's options, and at the kinds of those that are used as they are.

    Raises:
        TypeError: an option that there is not, or that is of another kind.
    """
    if not options.keys() <= CLIENT_OPTIONS:
        check_names(options, CLIENT_OPTIONS, "a client")
    for name in options.keys() & KINDS.keys():
        fits, wanted = KINDS[name]
        value = cast("dict[str, Any]", options)[name]
        if value is not None and not fits(value):
            raise TypeError(f"{name} is {wanted}, not {value!r}")


def detours(options: ClientOptions) -> Detours:
    """What a client says of proxies.

    Raises:
        InvalidRequest, InvalidURL, UnsupportedScheme, TypeError: an option names no proxy that can be used.
    """
    # Where somebody else than the host itself is connected to, nobody but the caller knows of a proxy.
    elsewhere = options.get("network") is not None or options.get("uds") is not None
    trusting = options.get("trust_env", True) and not elsewhere
    return Detours(options.get("proxy"), options.get("mounts") or {}, trusting)


def protocols(options: ClientOptions) -> tuple[str, ...]:
    """The application protocols that a client speaks, by preference.

    Raises:
        ValueError: there are none.
    """
    found = PROTOCOLS[bool(options.get("http2", True)), bool(options.get("http1", True))]
    if not found:
        raise ValueError("http1 and http2 are both False: there is no protocol left to speak")
    return found


class LazyContexts:
    """The TLS contexts of the process, met when the first one is needed: importing ssl takes its time."""

    __slots__ = ()

    def get(self, policy: TLSPolicy, protocols: tuple[str, ...], /) -> ssl.SSLContext | None:
        from .tls.context import contexts

        return contexts.get(policy, protocols)

    def build(self, policy: TLSPolicy, protocols: tuple[str, ...], /) -> ssl.SSLContext:
        from .tls.context import contexts

        return contexts.build(policy, protocols)

    def check(self, policy: TLSPolicy, name: str, certificate: bytes | None, /) -> None:
        from .tls.refusal import check_fingerprints

        check_fingerprints(policy, name, certificate)

    def refusal(
        self, policy: TLSPolicy, name: str, error: ssl.SSLCertVerificationError, certificate: bytes | None, /
    ) -> CertificateError:
        from .tls.refusal import refusal

        return refusal(policy, name, error, certificate)


def resolve_late(host: str, port: int) -> list[tuple[int, Any]]:
    """Ask the system's resolver, met when the first name is looked up."""
    from .resolve.system import resolve

    return resolve(host, port)


def checked_codec(codec: Any) -> JSONCodec | None:
    """What reads and writes JSON for the option `json_codec`; None is the standard library.

    Raises:
        TypeError: it can neither read nor write.
    """
    if codec is None:
        return None
    from .values.codec import codec_of

    return codec_of(codec)


def checked_follow(follow: Any) -> FollowTypes:
    """What the option `follow_redirects` means.

    Raises:
        TypeError: it is of another kind.
    """
    if isinstance(follow, bool) or (callable(follow) and not isinstance(follow, type)):
        return cast("FollowTypes", follow)
    raise TypeError(f"follow_redirects is True, False or a function of a response and the next request, not {follow!r}")


def checked_count(name: str, value: int) -> int:
    """A number of bytes or hops.

    Raises:
        TypeError: it is no whole number.
        ValueError: it is below 0.
    """
    if not is_whole(value):
        raise TypeError(f"{name} is a whole number, not {value!r}")
    if value < 0:
        raise ValueError(f"{name} is {value}: it must not be below 0")
    return value


def checked_limit(name: str, value: int | None) -> int | None:
    """A number of bytes or hops, or None for no limit; see `checked_count`."""
    return None if value is None else checked_count(name, value)


def checked_names(names: Any) -> set[str]:
    """Names of header fields, in lower case.

    Raises:
        TypeError: they are no iterable of str.
    """
    if isinstance(names, str | bytes) or not isinstance(names, Iterable):
        raise TypeError(f"sensitive_headers is an iterable of names, such as ['X-Api-Key'], not {names!r}")
    return {name.lower() for name in cast("Iterable[str]", names)}


def source_address(address: object) -> tuple[str, int] | None:
    """What a socket binds to for the option `local_address`.

    Raises:
        TypeError: it is of another kind.
    """
    match address:
        case None:
            return None
        case str():
            return (address, 0)
        case (str() as host, int() as port):
            return (host, port)
        case _:
            raise TypeError(f"local_address is an address or (address, port), not {address!r}")


def checked_mounts(transport: Transport | None, mounts: Mapping[str, Any] | None) -> Mounts[Transport | None] | None:
    """The transports of a client by pattern, None where it has none; no transport is where a proxy is mounted.

    Raises:
        InvalidRequest: a pattern that is none.
    """
    if transport is None and not mounts:
        return None
    table: dict[str, Transport | None] = {}
    if transport is not None:
        table["all://"] = transport
    for pattern, each in (mounts or {}).items():
        table[pattern] = each if hasattr(each, "send") else None
    if not any(each is not None for each in table.values()):
        return None
    from .core.mounts import Mounts

    return Mounts(table)


def default_headers() -> Headers:
    """What is sent with every request of a client that was given no headers."""
    return _pristine().copy()


@cache
def _pristine() -> Headers:
    headers = Headers({"User-Agent": f"courser/{__version__}", "Accept": "*/*", "Accept-Encoding": accept_encoding()})
    headers.encode()  # once, for all copies
    return headers
