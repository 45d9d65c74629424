"""One body of behaviour tests, run wherever a client can live: `async def` tests that take a `world`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from faultserver import FaultServer, Script
from gateway import Gateway
from guards import no_leak
from guards import watchdog as watchdog
from h2server import FrameScript, FrameServer
from proxies import Relay
from worlds import HTTP1, HTTP2, WORLDS, World, nothing
from worlds import pytest_pyfunc_call as pytest_pyfunc_call

PLACES = [(name, protocol) for name in WORLDS for protocol in (HTTP1, HTTP2)]

ELSEWHERE = ("asyncio-direct", "asyncio-transports")
"""Drivers of asyncio differ below the protocols: over HTTP/2, only some tests are run under all of them."""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "only_http1(reason): it is about something that HTTP/2 does not have, or not so")
    config.addinivalue_line("markers", "only_http2(reason): it is about something that HTTP/1.1 does not have")
    config.addinivalue_line("markers", "everywhere: over HTTP/2 too it is run under every driver of asyncio")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what means nothing in the place where it would be run."""
    items[:] = [item for item in items if means_something(item)]


def means_something(item: pytest.Item) -> bool:
    """Whether a test is about what is spoken in its world."""
    place = (
        item.callspec.params.get("world") if isinstance(item, pytest.Function) and hasattr(item, "callspec") else None
    )
    if place not in PLACES:
        return True
    name, protocol = place
    for mark, spoken in (("only_http1", HTTP1), ("only_http2", HTTP2)):
        found = item.get_closest_marker(mark)
        if found is not None:
            assert found.args, f"{item.nodeid}: {mark} wants a reason"
            if spoken != protocol:
                return False
    return protocol == HTTP1 or name not in ELSEWHERE or item.get_closest_marker("everywhere") is not None


def named(place: tuple[str, str]) -> str:
    name, protocol = place
    return name if protocol == HTTP1 else f"{name} {protocol}"


@pytest.fixture(params=PLACES, ids=named)
def world(request: pytest.FixtureRequest) -> World:
    """A place that a client can live in, and what it speaks."""
    name, protocol = request.param
    return WORLDS[name](protocol)


@pytest.fixture(scope="session", autouse=True)
def once_per_process() -> None:
    """What loops open once and for all is open before any test counts."""
    for name in ("uvloop", "trio"):
        try:
            WORLDS[name]().run(nothing)
        except pytest.skip.Exception:
            pass


@pytest.fixture
def serve(request: pytest.FixtureRequest) -> Iterator[Callable[..., FaultServer]]:
    """Starts servers that are closed after the test: `serve(script, ..., tls=None, host="127.0.0.1")`.

    Their scripts speak HTTP/1.1, and what the world (or `protocol=`) speaks reaches the client; with `raw=True`, and
    for proxies, the bytes of the scripts do.
    """
    servers: list[FaultServer] = []
    spoken = request.getfixturevalue("world").protocol if "world" in request.fixturenames else HTTP1

    def start(*scripts: Script, raw: bool = False, protocol: str = spoken, **options: Any) -> FaultServer:
        kind: Any = FaultServer if protocol == HTTP1 or raw or isinstance(scripts[0], Relay) else Gateway
        server: FaultServer = kind(*scripts, **options)
        servers.append(server)
        return server

    with no_leak():
        yield start
        for server in servers:
            server.close()
        servers.clear()


@pytest.fixture
def frames() -> Iterator[Callable[..., FrameServer]]:
    """Starts servers whose scripts speak HTTP/2, and which are closed after the test."""
    servers: list[FrameServer] = []

    def start(*scripts: FrameScript, **options: Any) -> FrameServer:
        servers.append(FrameServer(*scripts, **options))
        return servers[-1]

    with no_leak():
        yield start
        for server in servers:
            server.close()
        servers.clear()
