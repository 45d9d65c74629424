"""What a client says of proxies, and that nothing is imported as long as it says nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import courser
from courser.core.proxies import rules_of
from courser.errors import InvalidRequest, InvalidURL
from courser.resolve import detours as module
from courser.resolve.detours import Detours
from courser.settings import DIRECT
from courser.values.proxy import Proxy
from courser.values.url import URL


class Transport:
    def send(self, request: Any, deadline: float) -> Any:
        raise AssertionError


def hops(detours: Detours, url: str, given: Any = None) -> list[str]:
    return [hop.url for hop in detours.hops(URL(url), rules_of(given))]


def test_who_says_nothing_goes_direct(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    detours = Detours(None, {"https://a": Transport()}, True)

    assert hops(detours, "http://a") == []
    assert hops(detours, "http://a", "http://p:1") == ["http://p:1"]
    assert hops(detours, "http://a") == []
    assert detours.whole() is detours.whole()


def test_option_and_mounts() -> None:
    detours = Detours("http://p:1", {"http://a": Proxy("http://q:2"), "http://b": None, "http://c": DIRECT}, True)

    assert hops(detours, "http://a") == ["http://q:2"]
    assert hops(detours, "http://b") == []
    assert hops(detours, "http://c") == []
    assert hops(detours, "http://d") == ["http://p:1"]
    assert str(detours.whole().explain(URL("http://b"))) == "direct (mounts of the client, 'http://b')"


def test_the_environment_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://p:1")
    detours, late = Detours(None, {}, True), Detours(None, {}, True)
    assert hops(detours, "http://a") == ["http://p:1"]
    monkeypatch.setenv("ALL_PROXY", "http://q:2")

    assert hops(detours, "http://b") == ["http://p:1"]
    assert detours._may_be_named()
    assert hops(late, "http://a") == ["http://q:2"]
    assert hops(Detours(None, {}, False), "http://a") == []


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_desktops_are_asked_even_if_the_environment_is_empty(monkeypatch: pytest.MonkeyPatch, platform: str) -> None:
    from courser.policies.environment import Environment
    from courser.resolve import proxies

    monkeypatch.setattr(sys, "platform", platform)
    said = proxies.Settings({"http": "http://p:1"}, proxies.Exemptions((), False), "here", Environment({}))
    monkeypatch.setitem(proxies.DESKTOPS, platform, lambda environment: said)

    assert hops(Detours(None, {}, True), "http://a") == ["http://p:1"]
    assert module.sys is sys


def test_what_is_mounted_and_neither_transport_nor_proxy() -> None:
    with pytest.raises(InvalidRequest, match="'http://a' leads to a value of type int, which has no method send"):
        Detours(None, {"http://a": 5}, True)
    with pytest.raises(InvalidRequest, match="not a pattern"):
        Detours(None, {"a": None}, True)
    with pytest.raises(InvalidURL):
        Detours("http://", {}, True)


def test_a_client_without_proxies_imports_nothing_of_them() -> None:
    path = str(Path(next(iter(courser.__path__))).parent)
    code = (
        f"import sys; sys.path.insert(0, {path!r}); sys.platform = 'linux'; import courser\n"
        "from courser.defaults import detours\nfrom courser.values.url import URL\n"
        "assert detours({}).hops(URL('http://a'), None) == ()\n"
        "print(*[name for name in sys.modules if name.startswith('courser') and 'prox' in name])"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], env={}, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == ""
