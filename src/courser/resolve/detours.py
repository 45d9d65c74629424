"""Which proxies the requests of a client take. Nothing of it is imported until there is something to say of proxies."""

from __future__ import annotations

import os
import sys

from ..errors import InvalidRequest
from ..hints import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ..core.proxies import Oracle, Proxies, Rules
    from ..core.route import ProxyHop
    from ..values.url import URL

__all__ = ["Detours"]


class Detours:
    """What a client says of proxies.

    Args:
        proxy: its option of this name; see `core.proxies.rules_of`.
        mounts: its mounts; transports among them say nothing of proxies.
        trusting: whether this machine is asked where the client says nothing.

    Raises:
        InvalidRequest, InvalidURL, UnsupportedScheme, TypeError: an option names no proxy that can be used.
    """

    __slots__ = ("_named", "_proxies", "_trusting")

    def __init__(self, proxy: Any, mounts: Mapping[str, Any], trusting: bool) -> None:
        self._trusting = trusting
        self._named: bool | None = None
        self._proxies: Proxies | None = None
        if proxy is not None or mounts:
            mounted = {pattern: each for pattern, each in mounts.items() if not hasattr(each, "send")}
            if proxy is not None or mounted:
                self._proxies = self._make(proxy, mounted)

    def hops(self, url: URL, given: Rules | None) -> tuple[ProxyHop, ...]:
        """The proxies that a URL is reached through, in the order in which they are met.

        Args:
            url: the URL.
            given: what the request says.

        Raises:
            InvalidURL: the environment names a proxy that is none.
        """
        if self._proxies is None and given is None and not self._may_be_named():
            return ()
        return self.whole().choose(url, given).hops

    def whole(self) -> Proxies:
        """All that is said of proxies."""
        proxies = self._proxies
        if proxies is None:
            proxies = self._proxies = self._make(None, {})
        return proxies

    def _make(self, proxy: Any, mounted: Mapping[str, Any]) -> Proxies:
        from ..core.proxies import Proxies, Rules, rules_of

        ways = {pattern: _mounted(pattern, each) for pattern, each in mounted.items()}
        return Proxies(Rules("mounts", ways), rules_of(proxy), _ask_machine if self._trusting else None)

    def _may_be_named(self) -> bool:
        """Whether this machine may name a proxy; looked up once."""
        named = self._named
        if named is None:
            variables = any(name[-6:].lower() == "_proxy" for name in os.environ)
            named = self._named = self._trusting and (variables or sys.platform in ("darwin", "win32"))
        return named


def _mounted(pattern: str, value: Any) -> tuple[ProxyHop, ...]:
    from ..core.proxies import hops_of

    try:
        return () if value is None else hops_of(value, "mounts")
    except TypeError as error:
        raise InvalidRequest(
            detail=f"mounts: {pattern!r} leads to a value of type {type(value).__name__}, "
            "which has no method send and names no proxy"
        ) from error


def _ask_machine() -> Oracle:
    from .proxies import machine_proxies

    return machine_proxies()
