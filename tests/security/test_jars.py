"""Cookies in files, and cookies without number."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from faultserver import FaultServer, answering, reply
from worlds import World

import courser

Serve = Callable[..., FaultServer]


@pytest.mark.parametrize("layout", ["json", "netscape"])
def test_cve_2026_54279_what_is_for_one_host_stays_so_in_a_file(tmp_path: Path, layout: str) -> None:
    jar = courser.Cookies()
    jar.receive("https://example.org/", ["mine=1; Max-Age=60", "ours=2; Domain=example.org; Max-Age=60"])
    jar.save(tmp_path / "jar", format=layout)

    back = courser.Cookies.load(tmp_path / "jar")

    for known in (jar, back):
        assert known.header("https://example.org/") == "mine=1; ours=2"
        assert known.header("https://www.example.org/") == "ours=2"


async def test_cve_2025_58186_cookies_are_bounded_in_number(world: World, serve: Serve) -> None:
    """As many as a head may have fields; a jar keeps fewer, and a request carries fewer still."""
    lines = [f"Set-Cookie: c{number}=x" for number in range(120)]
    server = serve(answering(reply(b"", "200 OK", *lines)))
    client = world.client()

    await client.get(server.url())
    await client.get(server.url())

    assert len(client.cookies) <= 50
    assert len((server.requests[1].get("cookie") or "").split("; ")) == len(client.cookies)
