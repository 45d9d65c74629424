"""The cases and what runs them, and the places that courser is run in."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from guards import watchdog as watchdog
from worlds import WORLDS, World, in_world

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(params=["inline", "asyncio", "trio"])
def world(request: pytest.FixtureRequest) -> World:
    """Each colour that a client has."""
    return WORLDS[request.param]()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run an `async def` test in its world."""
    call = in_world(pyfuncitem)
    if call is None:
        return None
    call()
    return True
