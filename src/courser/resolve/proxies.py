"""What this machine says of proxies: its environment, else the settings of macOS or Windows.

Those settings are read by Python's own urllib, which knows where they are; it is imported on these systems only.
"""

from __future__ import annotations

import os
import sys

from ..hints import TYPE_CHECKING
from ..policies.environment import Advice, Environment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

__all__ = ["Settings", "machine_proxies"]


class Settings:
    """The proxies in the settings of a desktop.

    Args:
        proxies: URLs by scheme.
        bypasses: tells whether a host is reached without.
        name: of the system, for reasons.
    """

    __slots__ = ("_bypasses", "_name", "_proxies")

    def __init__(self, proxies: Mapping[str, str], bypasses: Callable[[str], Any], name: str) -> None:
        self._proxies = proxies
        self._bypasses = bypasses
        self._name = name

    def advise(self, secure: bool, host: str, port: int) -> Advice:
        """What is said of a host; see `Environment.advise`."""
        proxies = self._proxies
        found = proxies.get("https" if secure else "http") or proxies.get("socks") or proxies.get("all")
        if not found:
            return Advice(None, f"neither the environment nor the settings of {self._name} name a proxy")
        if self._bypasses(host):
            return Advice(None, f"the settings of {self._name} exempt the host")
        return Advice(found, f"the settings of {self._name}")


def machine_proxies() -> Environment | Settings:
    """Who knows what this machine says of proxies, as of now."""
    environment = Environment(os.environ)
    if environment or sys.platform not in ("darwin", "win32"):
        return environment
    return _settings(sys.platform)


def _settings(platform: str) -> Settings:
    from urllib import request

    known: Any = request
    if platform == "darwin":
        return Settings(known.getproxies_macosx_sysconf(), known.proxy_bypass_macosx_sysconf, "macOS")
    return Settings(known.getproxies_registry(), known.proxy_bypass_registry, "Windows")
