"""Behaviour against real servers, in the places that a client can live in: `async def` tests that take a `world`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from authority import Authority
from guards import no_leak
from guards import watchdog as watchdog
from nginx import PROGRAM, Nginx
from worlds import WORLDS, World, in_world, nothing


@pytest.fixture(params=["inline", "asyncio", "uvloop", "trio"])
def world(request: pytest.FixtureRequest) -> World:
    """The places that matter to another program; a test may name others with `indirect=True`."""
    return WORLDS[request.param]()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run an `async def` test in its world, and see that it leaves no descriptor behind."""
    call = in_world(pyfuncitem)
    if call is None:
        return None
    world: World = pyfuncitem.funcargs["world"]
    world.run(nothing)  # what a loop opens once and for all is open before anything is counted
    with no_leak():
        call()
    return True


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
