"""One body of behaviour tests, run wherever a client can live: `async def` tests that take a `world`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from faultserver import FaultServer, Script
from guards import no_leak
from guards import watchdog as watchdog
from worlds import WORLDS, AsyncioWorld, World, has_driver, nothing
from worlds import pytest_pyfunc_call as pytest_pyfunc_call


@pytest.fixture(params=list(WORLDS))
def world(request: pytest.FixtureRequest) -> World:
    """Each place that a client can live in."""
    made = WORLDS[request.param]()
    if isinstance(made, AsyncioWorld) and not has_driver(made.driver):
        pytest.skip(f"the asyncio host has no driver {made.driver} yet")
    return made


@pytest.fixture(scope="session", autouse=True)
def once_per_process() -> None:
    """What loops open once and for all is open before any test counts."""
    for name in ("uvloop", "trio"):
        try:
            WORLDS[name]().run(nothing)
        except pytest.skip.Exception:
            pass


@pytest.fixture
def serve() -> Iterator[Callable[..., FaultServer]]:
    """Starts servers that are closed after the test: `serve(script, ..., tls=None, host="127.0.0.1")`."""
    servers: list[FaultServer] = []

    def start(*scripts: Script, **options: Any) -> FaultServer:
        server = FaultServer(*scripts, **options)
        servers.append(server)
        return server

    with no_leak():
        yield start
        for server in servers:
            server.close()
        servers.clear()
