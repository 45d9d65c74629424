"""The cases and what runs them, and the places that courser is run in."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from guards import watchdog as watchdog
from worlds import WORLDS, World
from worlds import pytest_pyfunc_call as pytest_pyfunc_call

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(params=["inline", "asyncio", "trio"])
def world(request: pytest.FixtureRequest) -> World:
    """Each colour that a client has."""
    return WORLDS[request.param]()
