"""What a machine says of proxies."""

from __future__ import annotations

import socket
import sys
import urllib.request
from contextlib import nullcontext
from types import ModuleType
from typing import Any

import pytest

from courser.policies.environment import Environment
from courser.resolve.proxies import Exemptions, Settings, machine_proxies
from courser.values.proxy import Proxy

VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "request_method")


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def test_the_environment_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setenv("HTTPS_PROXY", "http://p:1")

    assert machine_proxies().advise(True, "a", 443).proxy == "http://p:1"


def test_elsewhere_there_is_nothing_but_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")

    assert isinstance(machine_proxies(), Environment)


# macOS


def macos(monkeypatch: pytest.MonkeyPatch, proxies: dict[str, str], said: dict[str, Any] | None) -> Any:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(urllib.request, "getproxies_macosx_sysconf", lambda: proxies, raising=False)
    monkeypatch.setattr(urllib.request, "_get_proxy_settings", lambda: said, raising=False)
    return machine_proxies()


def test_the_settings_of_macos(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"exclude_simple": True, "exceptions": ("*.local", "169.254/16", "b.example", None)}
    settings = macos(monkeypatch, {"http": "http://p:1", "https": "http://q:2", "ftp": "http://r:3"}, said)

    assert settings.advise(False, "a.example", 80) == ("http://p:1", "the settings of macOS")
    assert settings.advise(True, "a.example", 443) == ("http://q:2", "the settings of macOS")
    for exempt in ("plain", "printer.local", "169.254.7.7", "b.example"):
        assert settings.advise(True, exempt, 443) == (None, "the settings of macOS exempt the host")


def test_a_socks_proxy_of_macos_is_no_http_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules/_scproxy.c of Python writes http:// before all of them."""
    settings = macos(monkeypatch, {"socks": "http://s:1080"}, None)
    advice = settings.advise(True, "a.example", 443)

    assert advice == ("socks://s:1080", "the settings of macOS")
    assert Proxy(advice.proxy).url == "socks5h://s:1080"


def test_macos_may_know_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = macos(monkeypatch, {}, None)

    assert settings.advise(True, "a", 443) == (
        None,
        "neither the environment nor the settings of macOS name a proxy",
    )


# Windows


class Registry(ModuleType):
    """What the module winreg is to whoever reads one value."""

    HKEY_CURRENT_USER = "user"

    def __init__(self, override: str | None) -> None:
        super().__init__("winreg")
        self._override = override

    def OpenKey(self, where: str, path: str) -> Any:
        assert (where, path) == ("user", r"Software\Microsoft\Windows\CurrentVersion\Internet Settings")
        return nullcontext(self)

    def QueryValueEx(self, key: object, name: str) -> tuple[Any, int]:
        assert (key, name) == (self, "ProxyOverride")
        if self._override is None:
            raise FileNotFoundError(2, "no such value")
        return self._override, 1


def windows(monkeypatch: pytest.MonkeyPatch, proxies: dict[str, str], override: str | None) -> Any:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(urllib.request, "getproxies_registry", lambda: proxies, raising=False)
    monkeypatch.setitem(sys.modules, "winreg", Registry(override))
    return machine_proxies()


def test_the_settings_of_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = windows(
        monkeypatch, {"http": "http://p:1", "https": "http://q:2"}, "*.Corp.example;10.*; 192.168.1.? ;<local>;"
    )

    assert settings.advise(False, "a.example", 80) == ("http://p:1", "the settings of Windows")
    assert settings.advise(True, "corp.example", 443) == ("http://q:2", "the settings of Windows")
    assert settings.advise(True, "::1", 443).proxy == "http://q:2"
    for exempt in ("plain", "a.corp.example", "10.1.2.3", "192.168.1.7"):
        assert settings.advise(True, exempt, 443) == (None, "the settings of Windows exempt the host")


@pytest.mark.parametrize("override", [None, ""])
def test_windows_may_exempt_nothing(monkeypatch: pytest.MonkeyPatch, override: str | None) -> None:
    settings = windows(monkeypatch, {"http": "socks4://s:1", "https": "socks4://s:1", "socks": "socks://s:1"}, override)

    assert settings.advise(True, "plain", 443).proxy == "socks4://s:1"


# Both


def test_no_proxy_holds_for_the_settings_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "inside.example")
    settings = windows(monkeypatch, {"https": "http://q:2"}, None)

    assert settings.advise(True, "a.inside.example", 443) == (
        None,
        "NO_PROXY has 'inside.example', against the settings of Windows",
    )
    assert settings.advise(True, "outside.example", 443).proxy == "http://q:2"


@pytest.mark.parametrize(
    ("proxies", "plain", "secure"),
    [
        ({}, None, None),
        ({"http": "http://p:1"}, "http://p:1", None),
        ({"socks": "socks://r:3"}, "socks://r:3", "socks://r:3"),
        ({"http": "http://p:1", "socks": "socks://r:3"}, "http://p:1", "socks://r:3"),
    ],
)
def test_what_no_proxy_is_named_for_goes_by_socks(proxies: Any, plain: str | None, secure: str | None) -> None:
    settings = Settings(proxies, Exemptions((), False), "here", Environment({}))

    assert settings.advise(False, "a", 80).proxy == plain
    assert settings.advise(True, "a", 443).proxy == secure


def test_nobody_is_asked_for_the_address_of_a_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Older Pythons look every host up to compare it with the networks that are exempt."""
    for name in ("gethostbyname", "getfqdn", "getaddrinfo"):
        monkeypatch.setattr(socket, name, None)
    said = {"exclude_simple": False, "exceptions": ("10/8",)}

    assert macos(monkeypatch, {"http": "http://p:1"}, said).advise(False, "a.example", 80).proxy == "http://p:1"


@pytest.mark.parametrize(
    ("pattern", "host", "exempt"),
    [
        ("10", "10.200.3.4", True),
        ("10", "11.0.0.1", False),
        ("10.1", "10.1.255.255", True),
        ("10.1", "10.2.0.0", False),
        ("169.254/16", "169.254.1.1", True),
        ("169.254/16", "169.253.1.1", False),
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "127.0.0.2", False),
        ("192.168.4/22", "192.168.7.9", True),
        ("10.0.0.0/99", "10.0.0.0", False),
        ("999", "9.9.9.9", False),
        ("fe80::/10", "fe80::1%en0", True),
        ("[::1]", "::1", True),
        ("::1", "::2", False),
        ("*.local", "a.b.local", True),
        ("*.local", "local", False),
        ("*.LOCAL", "a.local.", True),
        ("a.example", "b.a.example", False),
        ("10.1.example", "10.1.example", True),
        ("[a]", "a", True),
        ("", "a.example", False),
        (" ", "a.example", False),
    ],
)
def test_exemptions(pattern: str, host: str, exempt: bool) -> None:
    assert Exemptions([pattern], False).have(host, 80) is exempt
