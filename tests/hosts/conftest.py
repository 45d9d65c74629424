"""One body of behaviour tests, run wherever a client can live: `async def` tests that take a `world`."""

from __future__ import annotations

import gc
import inspect
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

SUPPORT = str(Path(__file__).parents[1] / "support")
if SUPPORT not in sys.path:
    sys.path.insert(0, SUPPORT)

from authority import Authority  # noqa: E402 - its folder is known from here on only
from faultserver import FaultServer, Script, descriptors  # noqa: E402
from worlds import WORLDS, AsyncioWorld, World, has_driver  # noqa: E402

HANGS = 20.0
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


async def nothing() -> None:
    """Do nothing."""


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run an `async def` test in its world, and see that it leaves no descriptor behind."""
    function = pyfuncitem.obj
    if not inspect.iscoroutinefunction(function):
        return None
    arguments: dict[str, Any] = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    world: World = arguments["world"]
    world.run(lambda: function(**arguments))
    return True


@pytest.fixture
def serve() -> Iterator[Callable[..., FaultServer]]:
    """Starts servers that are closed after the test: `serve(script, ..., tls=None, host="127.0.0.1")`."""
    servers: list[FaultServer] = []

    def start(*scripts: Script, **options: Any) -> FaultServer:
        server = FaultServer(*scripts, **options)
        servers.append(server)
        return server

    before = len(descriptors())
    yield start
    for server in servers:
        server.close()
    servers.clear()
    if len(descriptors()) > before:
        gc.collect()
    assert len(descriptors()) <= before, descriptors()


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The certificates of the tests."""
    pytest.importorskip("trustme")
    return Authority(tmp_path_factory.mktemp("authority"))
