"""What tests of published holes share: servers, and the places that a client can live in."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from faultserver import FaultServer, Script
from guards import watchdog as watchdog
from worlds import WORLDS, World
from worlds import pytest_pyfunc_call as pytest_pyfunc_call

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))


@pytest.fixture(params=["inline", "asyncio", "uvloop", "trio"])
def world(request: pytest.FixtureRequest) -> World:
    """The places that a client can live in."""
    return WORLDS[request.param]()


@pytest.fixture
def serve() -> Iterator[Callable[..., FaultServer]]:
    """Starts servers that are closed after the test."""
    servers: list[FaultServer] = []

    def start(*scripts: Script, **options: Any) -> FaultServer:
        servers.append(FaultServer(*scripts, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.close()
