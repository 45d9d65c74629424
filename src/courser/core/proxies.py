"""Which proxies a URL is reached through, and why.

Whoever speaks first has the last word: the request, the client's mounts, the client's option, the environment. Each
may say nothing, that there is no proxy, or which one it is; several, if one shall be reached through another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from ..errors import HTTPError, InvalidRequest, InvalidURL
from ..hints import TYPE_CHECKING, NamedTuple, Protocol, cast
from ..policies.noproxy import NoProxy
from ..settings import DIRECT
from ..values.headers import Headers
from ..values.proxy import Proxy
from ..values.url import URL
from .mounts import Mounts
from .route import ProxyHop, TLSPolicy

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final

    from ..policies.environment import Advice

__all__ = ["Choice", "Oracle", "Proxies", "ProxyChoice", "Rules", "hop_of", "hops_of", "rules_of"]

SHORT: Final = frozenset({"http", "https", "ws", "wss", "all"})
"""Keys that Requests has: a scheme alone."""

EXCEPTIONS: Final = "no_proxy"
"""The key that Requests has for hosts without a proxy."""

PLAIN: Final = {"ws": "http", "wss": "https"}
"""What holds for a WebSocket unless something is said of WebSockets."""


class Choice(NamedTuple):
    """How a URL is reached.

    Attributes:
        hops: the proxies, in the order in which they are met; empty for none.
        reason: who says so.
    """

    hops: tuple[ProxyHop, ...]
    reason: str


class ProxyChoice(NamedTuple):
    """Which proxies a URL is reached through, and why; it holds no secrets.

    Attributes:
        proxies: scheme, host and port of each, in the order in which they are met; empty where there is none.
        reason: the option, or the variable of the environment, that says so.
    """

    proxies: tuple[str, ...]
    reason: str

    def __str__(self) -> str:
        return f"{' then '.join(self.proxies) or 'direct'} ({self.reason})"


class Oracle(Protocol):
    """Knows what the system says of proxies."""

    def advise(self, secure: bool, host: str, port: int, /) -> Advice: ...


class Way(NamedTuple):
    """What a pattern leads to."""

    hops: tuple[ProxyHop, ...]
    pattern: str


class Rules:
    """What one option says.

    Args:
        option: its name, for reasons.
        ways: proxies by URL pattern.
        exceptions: hosts without a proxy, as NO_PROXY has them.
    """

    __slots__ = ("_exceptions", "_mounts", "_option")

    def __init__(self, option: str, ways: Mapping[str, tuple[ProxyHop, ...]], exceptions: str = "") -> None:
        self._option = option
        self._mounts: Mounts[Way] = Mounts({pattern: Way(hops, pattern) for pattern, hops in ways.items()})
        self._exceptions = NoProxy(exceptions)

    def choose(self, url: URL, who: str) -> Choice | None:
        """What is said of a URL; None for nothing."""
        entry = self._exceptions.find(url.host, url.port)
        if entry is not None:
            return Choice((), f"{self._option} of the {who}: {EXCEPTIONS} has {entry!r}")
        way = self._mounts.find(url)
        if way is None and url.scheme in PLAIN:
            way = self._mounts.find(url.replace(scheme=PLAIN[url.scheme]))
        if way is None:
            return None
        pattern = "" if way.pattern == "all://" else f", {way.pattern!r}"
        return Choice(way.hops, f"{self._option} of the {who}{pattern}")


class Proxies:
    """What a client says of proxies.

    Args:
        mounted: its mounts.
        own: its option `proxy`.
        oracle: gives who knows what the system says; None where nobody is to be asked. It is called once, for the first
            URL of which nothing else says anything.
    """

    __slots__ = ("_levels", "_make_oracle", "_oracle")

    def __init__(self, mounted: Rules | None, own: Rules | None, oracle: Callable[[], Oracle] | None) -> None:
        self._levels = tuple(rules for rules in (mounted, own) if rules is not None)
        self._make_oracle = oracle
        self._oracle: Oracle | None = None

    def choose(self, url: URL, given: Rules | None = None) -> Choice:
        """How a URL is reached.

        Args:
            url: the URL.
            given: what the request says.

        Raises:
            InvalidURL: the environment names a proxy that is none.
        """
        choice = None if given is None else given.choose(url, "request")
        for rules in self._levels:
            if choice is None:
                choice = rules.choose(url, "client")
        return self._ask(url) if choice is None else choice

    def _ask(self, url: URL) -> Choice:
        if self._make_oracle is None:
            return Choice((), "nothing names a proxy, and trust_env is off")
        oracle = self._oracle
        if oracle is None:
            oracle = self._oracle = self._make_oracle()
        advice = oracle.advise(url.is_secure, url.host, url.port)
        if advice.proxy is None:
            return Choice((), advice.reason)
        try:
            return Choice((_hop_of_text(advice.proxy),), advice.reason)
        except HTTPError as error:
            # Going direct instead would show to everybody on the way what was meant for the proxy alone.
            raise InvalidURL(
                detail=f"{advice.reason}: {error.detail}",
                hint="correct the variable; or give proxy=, or trust_env=False",
            ) from error

    def explain(self, url: URL, given: Rules | None = None) -> ProxyChoice:
        """The choice for a URL, as it may be shown."""
        hops, reason = self.choose(url, given)
        return ProxyChoice(tuple(hop.url for hop in hops), reason)


def rules_of(value: Any, option: str = "proxy") -> Rules | None:
    """What a value of the option `proxy` says; None where it says nothing.

    Args:
        value: the URL of a proxy or a Proxy; several of them, in the order in which they are met; DIRECT; a mapping of
            URL patterns to these, in which None is DIRECT, and `no_proxy` lists hosts without a proxy; or None.
        option: its name, for errors and reasons.

    Raises:
        InvalidRequest, InvalidURL, UnsupportedScheme: it names no proxy that can be used.
        TypeError: it is of another kind.
    """
    if value is None:
        return None
    if isinstance(value, str):
        return _rules_of_text(value, option)
    if not isinstance(value, Mapping):
        return Rules(option, {"all://": hops_of(value, option)})
    ways: dict[str, tuple[ProxyHop, ...]] = {}
    exceptions = ""
    for key, each in cast("Mapping[object, Any]", value).items():
        if not isinstance(key, str):
            raise TypeError(f"{option}: a URL pattern is a str, not {type(key).__name__}")
        if key == EXCEPTIONS:
            exceptions = _exceptions(each, option)
        else:
            ways[f"{key}://" if key in SHORT else key] = () if each is None else hops_of(each, option)
    return Rules(option, ways, exceptions)


@lru_cache(maxsize=256)
def _rules_of_text(url: str, option: str) -> Rules:
    return Rules(option, {"all://": (_hop_of_text(url),)})


def _exceptions(value: object, option: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TypeError(f"{option}: {EXCEPTIONS} is a str such as 'localhost,.example.org', not {type(value).__name__}")
    return value


def hops_of(value: Any, option: str) -> tuple[ProxyHop, ...]:
    """The proxies that a value names.

    Args:
        value: the URL of a proxy, a Proxy, several of them, or DIRECT.
        option: for errors.

    Raises:
        InvalidRequest, InvalidURL, UnsupportedScheme: it names no proxy that can be used.
        TypeError: it is of another kind.
    """
    if value is DIRECT:
        return ()
    if isinstance(value, str):
        return (_hop_of_text(value),)
    if isinstance(value, Proxy):
        return (hop_of(value),)
    if not isinstance(value, Sequence) or isinstance(value, bytes):
        raise TypeError(
            f"{option} is a URL, a courser.Proxy, a list or a mapping of them, or courser.DIRECT, "
            f"not {type(value).__name__}"
        )
    hops: list[ProxyHop] = []
    for each in cast("Sequence[object]", value):
        if not isinstance(each, str | Proxy):
            raise TypeError(f"{option}: a chain is made of URLs and courser.Proxy, not {type(each).__name__}")
        hops += hops_of(each, option)
    if not hops:
        raise InvalidRequest(detail=f"{option} is an empty list", hint="courser.DIRECT means no proxy")
    return tuple(hops)


@lru_cache(maxsize=256)
def _hop_of_text(url: str) -> ProxyHop:
    return hop_of(Proxy(url))


def hop_of(proxy: Proxy) -> ProxyHop:
    """A proxy as a part of a route.

    Raises:
        InvalidRequest, TypeError: it was given an auth object that says nothing to proxies.
    """
    auth = proxy.auth
    return _known_hop(proxy) if auth is None or isinstance(auth, tuple) else _hop(proxy, *_said_by(auth, proxy))


@lru_cache(maxsize=256)
def _known_hop(proxy: Proxy) -> ProxyHop:
    pair: tuple[bytes, bytes] | None = proxy.auth
    if pair is None or proxy.scheme.startswith("socks"):
        return _hop(proxy, b"", pair)
    from base64 import b64encode

    return _hop(proxy, b"Proxy-Authorization: Basic " + b64encode(b":".join(pair)) + b"\r\n", None)


def _said_by(auth: Any, proxy: Proxy) -> tuple[bytes, tuple[bytes, bytes] | None]:
    """What an auth object says to a proxy: a header line, or what answers a challenge."""
    from ..policies.auth.digestauth import DigestAuth

    if isinstance(auth, DigestAuth):
        return b"", auth.credentials
    if not hasattr(auth, "authorization"):
        raise InvalidRequest(
            detail=f"auth of a proxy was given a value of type {type(auth).__name__}",
            hint="give (user, password), a BasicAuth, a BearerAuth or a DigestAuth",
        )
    value = auth.authorization(URL(f"{proxy.url}/"))
    return (b"" if value is None else Headers({"Proxy-Authorization": value}).encode()), None


def _tls_of(proxy: Proxy) -> TLSPolicy:
    return TLSPolicy.of(proxy.verify, proxy.cert)._replace(server_hostname=proxy.server_hostname)


def _hop(proxy: Proxy, line: bytes, credentials: tuple[bytes, bytes] | None) -> ProxyHop:
    return ProxyHop(
        scheme=proxy.scheme,
        host=proxy.host,
        port=proxy.port,
        credentials=credentials,
        headers=proxy.fields + line,
        tls=_tls_of(proxy) if proxy.scheme == "https" else None,
        tunnel=proxy.tunnel,
    )
