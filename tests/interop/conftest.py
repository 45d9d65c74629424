"""Behaviour against real servers, in the places that a client can live in: `async def` tests that take a `world`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from authority import Authority
from guards import no_leak
from guards import watchdog as watchdog
from http2_peers import PEERS, Peer, Peers
from nginx import PROGRAM, Nginx
from relays import USER, Program, dante, found, haproxy, microsocks, squid
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


@contextmanager
def running_nginx(folder: Path, authority: Authority) -> Iterator[Nginx]:
    """An nginx, until the tests are over."""
    if PROGRAM is None:
        pytest.skip("nginx is not installed (Debian: apt install nginx)")
    certificate, key = authority.files("127.0.0.1", "localhost")
    server = Nginx(folder, certificate, key, authority.roots)
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(scope="session")
def nginx(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Nginx]:
    """A running nginx. Other servers keep connections to it: who has to end it takes `unsteady`."""
    with running_nginx(tmp_path_factory.mktemp("nginx"), authority) as server:
        yield server


@pytest.fixture(scope="session")
def unsteady(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Nginx]:
    """Another nginx, for tests to reload, kill and start again; nothing leans on it."""
    with running_nginx(tmp_path_factory.mktemp("unsteady"), authority) as server:
        yield server


@pytest.fixture(scope="session")
def peers(nginx: Nginx, authority: Authority) -> Iterator[Peers]:
    """Servers that speak HTTP/2, each of which starts when it is asked for."""
    started = Peers(nginx, *authority.files("127.0.0.1", "localhost"))
    yield started
    started.close()


@pytest.fixture(params=PEERS)
def peer(request: pytest.FixtureRequest, peers: Peers) -> Peer:
    """Each of them in turn."""
    try:
        return peers[request.param]
    except LookupError as absent:
        pytest.skip(str(absent))


def running(start: Callable[[], Program], name: str) -> Iterator[Program]:
    """A proxy, until the tests are over."""
    if found(name) is None:
        pytest.skip(f"{name} is not installed (Debian: apt install squid haproxy microsocks dante-server)")
    program = start()
    try:
        yield program
    finally:
        program.close()


@pytest.fixture(scope="session")
def cache(authority: Authority) -> Iterator[Program]:
    """A running squid."""
    certificate, key = authority.files("127.0.0.1", "localhost")
    yield from running(lambda: squid(certificate, key), "squid")


@pytest.fixture(scope="session")
def front(authority: Authority, cache: Program) -> Iterator[Program]:
    """A running haproxy, which speaks TLS for squid."""
    certificate, key = authority.files("127.0.0.1", "localhost")
    yield from running(lambda: haproxy(certificate, key, cache.ports["plain"]), "haproxy")


@pytest.fixture(scope="session")
def socks() -> Iterator[Program]:
    """A running microsocks."""
    yield from running(microsocks, "microsocks")


@pytest.fixture(scope="session")
def private_socks() -> Iterator[Program]:
    """A running microsocks that wants a password."""
    yield from running(lambda: microsocks(*USER), "microsocks")


@pytest.fixture(scope="session")
def old_socks() -> Iterator[Program]:
    """A running dante."""
    yield from running(dante, "danted")
