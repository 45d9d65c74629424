"""The system's resolver: addresses that can be raced."""

from __future__ import annotations

import socket

import pytest

from courser.resolve import system
from courser.resolve.system import resolve


def test_a_literal_address_is_itself() -> None:
    assert resolve("127.0.0.1", 80) == [(socket.AF_INET, ("127.0.0.1", 80))]


def test_other_families_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    four, six = ("192.0.2.1", 1), ("2001:db8::1", 1, 0, 0)
    found = [(socket.AF_INET6, 1, 6, "", six), (socket.AF_UNIX, 1, 0, "", "/s"), (socket.AF_INET, 1, 6, "", four)]
    monkeypatch.setattr(system.socket, "getaddrinfo", lambda *given, **options: found)

    assert resolve("name", 1) == [(socket.AF_INET6, six), (socket.AF_INET, four)]


def test_a_label_that_is_too_long_is_not_found() -> None:
    with pytest.raises(socket.gaierror, match="not a host name"):
        resolve("a" * 64 + ".org", 80)
