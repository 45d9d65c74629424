"""What this machine says of proxies: its environment, else the settings of macOS or Windows.

Those settings are read by Python's own urllib, which knows where they are; it is imported on these systems only. Which
hosts they exempt is decided here: urllib looks every host up for that in the Pythons that are in use, which blocks, and
tells a name server what only the proxy was to know.
"""

from __future__ import annotations

import os
import sys
from fnmatch import fnmatchcase

from ..hints import TYPE_CHECKING
from ..policies.environment import Advice, Environment
from ..policies.noproxy import NoProxy
from ..values.pattern import late_pattern

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, Final

__all__ = ["Exemptions", "Settings", "machine_proxies"]

LOCAL: Final = "<local>"
"""What stands in the settings of Windows for all names without a dot."""

_SHORT: Final = late_pattern(r"([0-9]{1,3}(?:\.[0-9]{1,3}){0,3})(/[0-9]{1,2})?")
"""An IPv4 address or a network whose last numbers may be left out, as macOS has them: `169.254/16`, `10`."""

_LONG: Final = late_pattern(r"\[?[0-9a-f:.]*:[0-9a-f:.]*\]?(?:/[0-9]{1,3})?")


class Exemptions:
    """Hosts that the settings of a desktop exempt.

    Args:
        patterns: names, in which `*` and `?` stand for anything; addresses and networks. What is none is ignored.
        plain: whether names without a dot are exempt.
    """

    __slots__ = ("_names", "_networks", "_plain")

    def __init__(self, patterns: Iterable[str | None], plain: bool) -> None:
        self._plain = plain
        self._names: list[str] = []
        networks: list[str] = []
        for each in patterns:
            text = (each or "").strip().lower()
            match = _SHORT.fullmatch(text)
            if match is not None:
                networks.append(_network(match[1], match[2]))
            elif _LONG.fullmatch(text):
                networks.append(text)
            else:
                self._names.append(text)
        self._networks = NoProxy(" ".join(networks))

    def have(self, host: str, port: int) -> bool:
        """Whether a host is one of them.

        Args:
            host: as `URL.host` has it.
            port: the port to connect to.
        """
        name = host.partition("%")[0].removesuffix(".")
        if self._plain and "." not in name and ":" not in name:
            return True
        return any(fnmatchcase(name, each) for each in self._names) or self._networks.find(host, port) is not None


def _network(numbers: str, bits: str | None) -> str:
    """A network in full."""
    count = numbers.count(".") + 1
    return f"{numbers}{'.0' * (4 - count)}{bits or f'/{8 * count}'}"


class Settings:
    """The proxies in the settings of a desktop.

    Args:
        proxies: URLs by scheme.
        exemptions: the hosts that are reached without.
        name: of the system, for reasons.
        environment: it names no proxy, and may have NO_PROXY.
    """

    __slots__ = ("_environment", "_exemptions", "_name", "_proxies")

    def __init__(self, proxies: Mapping[str, str], exemptions: Exemptions, name: str, environment: Environment) -> None:
        self._proxies = proxies
        self._exemptions = exemptions
        self._name = name
        self._environment = environment

    def advise(self, secure: bool, host: str, port: int) -> Advice:
        """What is said of a host; see `Environment.advise`."""
        found = self._proxies.get("https" if secure else "http") or self._proxies.get("socks")
        if not found:
            return Advice(None, f"neither the environment nor the settings of {self._name} name a proxy")
        exempt = self._environment.exempts(host, port)
        if exempt is not None:
            return Advice(None, f"{exempt}, against the settings of {self._name}")
        if self._exemptions.have(host, port):
            return Advice(None, f"the settings of {self._name} exempt the host")
        return Advice(found, f"the settings of {self._name}")


def machine_proxies() -> Environment | Settings:
    """Who knows what this machine says of proxies, as of now."""
    environment = Environment(os.environ)
    read = DESKTOPS.get(sys.platform)
    return environment if environment or read is None else read(environment)


def _of_macos(environment: Environment) -> Settings:
    from urllib import request

    known: Any = request
    proxies: dict[str, str] = dict(known.getproxies_macosx_sysconf())
    socks = proxies.get("socks")
    if socks is not None:
        # Python writes http:// before the host of every proxy that macOS names (Modules/_scproxy.c).
        proxies["socks"] = f"socks://{socks.removeprefix('http://')}"
    said: dict[str, Any] = known._get_proxy_settings() or {}
    exemptions = Exemptions(said.get("exceptions") or (), bool(said.get("exclude_simple")))
    return Settings(proxies, exemptions, "macOS", environment)


def _of_windows(environment: Environment) -> Settings:
    from urllib import request

    known: Any = request
    patterns = [each.strip() for each in _override().split(";")]
    exemptions = Exemptions([each for each in patterns if each != LOCAL], LOCAL in patterns)
    return Settings(known.getproxies_registry(), exemptions, "Windows", environment)


DESKTOPS: Final = {"darwin": _of_macos, "win32": _of_windows}


def _override() -> str:
    """The hosts without a proxy in the registry, as they stand there."""
    from importlib import import_module

    winreg: Any = import_module("winreg")
    path = r"Software\Microsoft\Windows\CurrentVersion\Internet Settings"
    try:
        with winreg.OpenKey(winreg.HKEY_CURRENT_USER, path) as key:
            return str(winreg.QueryValueEx(key, "ProxyOverride")[0])
    except OSError:
        return ""
