"""What a client is made with: its options, the checks they pass, and what holds where nothing was given.

Whatever can be wrong with an option is said when the client is made, not at its first request.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from functools import cache

from .engines.packages import accept_encoding
from .errors import InvalidRequest
from .hints import TYPE_CHECKING, TypedDict, cast
from .settings import Limits, Timeout, check_names, is_whole
from .values.headers import Headers
from .values.query import QueryParams
from .version import __version__

if TYPE_CHECKING:
    import ssl
    from typing import Any, Final

    from .core.dial import Network
    from .core.mounts import Mounts
    from .core.place import Transport
    from .core.route import TLSPolicy
    from .policies.flow import Middleware
    from .settings import CertTypes, HeaderTypes, ParamTypes, TimeoutTypes, VerifyTypes
    from .values.text import DefaultEncoding
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
    "checked_count",
    "checked_limit",
    "checked_mounts",
    "checked_names",
    "checked_verify",
    "default_headers",
    "resolve_late",
    "source_address",
]

DEFAULT_TIMEOUT: Final = Timeout()
DEFAULT_LIMITS: Final = Limits()

NO_PARAMS: Final = QueryParams()
"""The parameters of a client that has none: this very object, so that one look tells."""


class ClientOptions(TypedDict, total=False):
    """What a client is made with; every one is also what its requests are made with unless they say otherwise.

    Attributes:
        base_url: URLs that are not absolute are appended to it; the client's own headers and params go to its origin
            only.
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
        sensitive_headers: names of more fields that redirects do not carry to another origin; Authorization, Cookie and
            Proxy-Authorization never are.
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
    sensitive_headers: Iterable[str]


ORDINARY: Final = frozenset({"user-agent", "accept", "accept-encoding"})
"""Fields of every client's that tell nothing of whom it was made for."""

CLIENT_OPTIONS: Final = frozenset(ClientOptions.__optional_keys__)

KINDS: Final[dict[str, tuple[Callable[[Any], bool], str]]] = {
    "limits": (lambda value: isinstance(value, Limits), "a courser.Limits"),
    "middleware": (lambda value: isinstance(value, Iterable), "an iterable of flows, such as [flow]"),
    "mounts": (lambda value: isinstance(value, Mapping), "a mapping of URL patterns to transports"),
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


class LazyContexts:
    """The TLS contexts of the process, met when the first one is needed: importing ssl takes its time."""

    __slots__ = ()

    def get(self, policy: TLSPolicy, protocols: tuple[str, ...], /) -> ssl.SSLContext | None:
        from .tls.context import contexts

        return contexts.get(policy, protocols)

    def build(self, policy: TLSPolicy, protocols: tuple[str, ...], /) -> ssl.SSLContext:
        from .tls.context import contexts

        return contexts.build(policy, protocols)


def resolve_late(host: str, port: int) -> list[tuple[int, Any]]:
    """Ask the system's resolver, met when the first name is looked up."""
    from .resolve.system import resolve

    return resolve(host, port)


def checked_verify(verify: Any) -> Any:
    """What a TLS policy takes for the option `verify`.

    Raises:
        TypeError: it is of another kind; None too, which could be meant either way.
    """
    if isinstance(verify, bool):
        return verify
    if isinstance(verify, str) or hasattr(verify, "__fspath__"):
        return os.fspath(verify)
    if not hasattr(verify, "wrap_socket"):
        raise TypeError(f"verify is True, False, the path of a CA file or folder, or an ssl.SSLContext, not {verify!r}")
    return verify


def checked_cert(cert: Any) -> tuple[str, str | None, str | None] | None:
    """What a TLS policy takes for the option `cert`.

    Raises:
        TypeError: it is of another kind.
    """
    if cert is None:
        return None
    parts: list[Any] = [*cert] if type(cert) is tuple else [cert]
    if 1 <= len(parts) <= 3 and all(isinstance(part, str) or hasattr(part, "__fspath__") for part in parts[:2]):
        paths: list[str] = [os.fspath(part) for part in parts[:2]]
        return (paths[0], paths[1] if len(paths) == 2 else None, parts[2] if len(parts) == 3 else None)
    raise TypeError("cert is the path of a PEM file, (certificate, key) or (certificate, key, password)")


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


def checked_mounts(
    transport: Transport | None, mounts: Mapping[str, Transport | None] | None
) -> Mounts[Transport | None] | None:
    """The transports of a client by pattern, None where it has none.

    Raises:
        InvalidRequest: a pattern that is none, or what it leads to is no transport.
    """
    table: dict[str, Transport | None] = {}
    if transport is not None:
        table["all://"] = transport
    table.update(mounts or {})
    for pattern, each in table.items():
        if each is not None and not hasattr(each, "send"):
            raise InvalidRequest(detail=f"mounts: {pattern!r} leads to {each!r}, which has no method send")
    if not table:
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
