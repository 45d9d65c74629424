"""What a machine says of proxies."""

from __future__ import annotations

import sys
import urllib.request
from typing import Any

import pytest

from courser.policies.environment import Environment
from courser.resolve.proxies import Settings, machine_proxies

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


SYSTEMS = [
    ("darwin", "getproxies_macosx_sysconf", "proxy_bypass_macosx_sysconf", "macOS"),
    ("win32", "getproxies_registry", "proxy_bypass_registry", "Windows"),
]


@pytest.mark.parametrize(("platform", "getter", "bypasses", "name"), SYSTEMS)
def test_the_settings_of_desktops(
    monkeypatch: pytest.MonkeyPatch, platform: str, getter: str, bypasses: str, name: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(urllib.request, getter, lambda: {"http": "http://p:1", "https": "http://q:2"}, raising=False)
    monkeypatch.setattr(urllib.request, bypasses, lambda host: int(host == "b"), raising=False)

    settings = machine_proxies()

    assert settings.advise(False, "a", 80) == ("http://p:1", f"the settings of {name}")
    assert settings.advise(True, "a", 443) == ("http://q:2", f"the settings of {name}")
    assert settings.advise(True, "b", 443) == (None, f"the settings of {name} exempt the host")


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
    settings = Settings(proxies, lambda host: False, "here")

    assert settings.advise(False, "a", 80).proxy == plain
    assert settings.advise(True, "a", 443).proxy == secure
    if secure is None:
        assert settings.advise(True, "a", 443).reason == "neither the environment nor the settings of here name a proxy"
