"""Behaviour against real servers, in the places that a client can live in: `async def` tests that take a `world`."""

from __future__ import annotations

import gc
import inspect
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

for folder in (Path(__file__).parents[1] / "support", Path(__file__).parent):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from authority import Authority  # noqa: E402 - its folder is known from here on only
from faultserver import descriptors  # noqa: E402
from nginx import PROGRAM, Nginx  # noqa: E402
from worlds import WORLDS, World  # noqa: E402

HANGS = 30.0
"""Seconds after which a test is taken to hang."""


def _refuse(number: int, frame: FrameType | None) -> None:
    raise AssertionError(f"the test hangs: nothing came of it in {HANGS} s")


@pytest.fixture(autouse=True)
def watchdog() -> Iterator[None]:
    """No test hangs."""
    before = signal.signal(signal.SIGALRM, _refuse)
    signal.setitimer(signal.ITIMER_REAL, HANGS)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(params=["inline", "asyncio", "uvloop", "trio"])
def world(request: pytest.FixtureRequest) -> World:
    """The places that matter to another program; a test may name others with `indirect=True`."""
    return WORLDS[request.param]()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run an `async def` test in its world, and see that it leaves no descriptor behind."""
    function = pyfuncitem.obj
    if not inspect.iscoroutinefunction(function):
        return None
    arguments: dict[str, Any] = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    world: World = arguments["world"]
    world.run(nothing)  # what a loop opens once and for all is open before anything is counted
    before = len(descriptors())
    world.run(lambda: function(**arguments))
    if len(descriptors()) > before:
        gc.collect()
    assert len(descriptors()) <= before, descriptors()
    return True


async def nothing() -> None:
    """Do nothing."""


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The certificates of the tests."""
    pytest.importorskip("trustme")
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def nginx(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Nginx]:
    """A running nginx."""
    if PROGRAM is None:
        pytest.skip("nginx is not installed (Debian: apt install nginx)")
    certificate, key = authority.files("127.0.0.1", "localhost")
    server = Nginx(tmp_path_factory.mktemp("nginx"), certificate, key, authority.roots)
    try:
        server.start()
        yield server
    finally:
        server.close()
