"""What the environment says of proxies: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY.

Each is known in lower and in upper case. Lower case wins, also where it is empty: so a program can be told to forget
what the system says. An empty variable says nothing.
"""

from __future__ import annotations

from ..hints import TYPE_CHECKING, NamedTuple
from .noproxy import NoProxy

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Advice", "Environment"]


class Advice(NamedTuple):
    """What the environment says of a host.

    Attributes:
        proxy: the URL of the proxy as it stands there, None for none.
        reason: which variable, and which of its entries, says so.
    """

    proxy: str | None
    reason: str


class Environment:
    """The variables, as they were when this was made.

    Args:
        variables: the environment.
    """

    __slots__ = ("_no_proxy", "_no_proxy_name", "_proxies")

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._proxies: dict[str, tuple[str, str]] = {}
        for scheme in ("http", "https", "all"):
            name = _name(variables, f"{scheme}_proxy")
            if name == "HTTP_PROXY" and "REQUEST_METHOD" in variables:
                # A CGI program finds the header Proxy of the request that it serves there (CVE-2016-1000110).
                continue
            value = variables.get(name, "").strip()
            if value:
                self._proxies[scheme] = (name, value)
        self._no_proxy_name = _name(variables, "no_proxy")
        self._no_proxy = NoProxy(variables.get(self._no_proxy_name, ""))

    def __bool__(self) -> bool:
        """Whether a proxy is named."""
        return bool(self._proxies)

    def advise(self, secure: bool, host: str, port: int) -> Advice:
        """What is said of a host.

        Args:
            secure: whether TLS is spoken to it: https and wss, else http and ws.
            host: as `URL.host` has it.
            port: the port to connect to.
        """
        found = self._proxies.get("https" if secure else "http") or self._proxies.get("all")
        if found is None:
            return Advice(None, "the environment names no proxy")
        name, value = found
        exempt = self.exempts(host, port)
        return (
            Advice(value, f"{name} in the environment") if exempt is None else Advice(None, f"{exempt}, against {name}")
        )

    def exempts(self, host: str, port: int) -> str | None:
        """Which entry of NO_PROXY says that a host is reached directly; None where none does.

        Args:
            host: as `URL.host` has it.
            port: the port to connect to.
        """
        entry = self._no_proxy.find(host, port)
        return None if entry is None else f"{self._no_proxy_name} has {entry!r}"


def _name(variables: Mapping[str, str], lower: str) -> str:
    return lower if lower in variables else lower.upper()
