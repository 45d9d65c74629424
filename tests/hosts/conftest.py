"""One body of behaviour tests, run wherever a client can live: `async def` tests that take a `world`."""

from __future__ import annotations

import gc
import inspect
import os
import signal
import ssl
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

SUPPORT = str(Path(__file__).parents[1] / "support")
if SUPPORT not in sys.path:
    sys.path.insert(0, SUPPORT)

from faultserver import FaultServer, Script  # noqa: E402 - its folder is known from here on only
from worlds import WORLDS, AsyncioWorld, World, has_driver  # noqa: E402

HANGS = 12.0
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


def descriptors() -> dict[str, str]:
    """What this process has open."""
    found: dict[str, str] = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[name] = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            pass
    return found


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


class Authority:
    """A private certificate authority, and contexts for servers of various virtues."""

    def __init__(self, folder: Path) -> None:
        import trustme

        self._folder = folder
        self._authority = trustme.CA()
        self._stranger = trustme.CA()
        self.roots = str(folder / "roots.pem")
        self._authority.cert_pem.write_to_path(self.roots)
        mine = self._authority.issue_cert("client@example.org", common_name="the client")
        self.client = str(folder / "client.pem")
        mine.private_key_and_cert_chain_pem.write_to_path(self.client)
        self.good = self._context("127.0.0.1", "::1", "localhost", "alias.localhost")
        self.other_name = self._context("elsewhere.example")
        self.stranger = self._context("127.0.0.1", "localhost", authority=self._stranger)
        self.expired = self._context("127.0.0.1", not_after=datetime(2020, 1, 1, tzinfo=timezone.utc))
        self.asking = self._context("127.0.0.1")
        self._authority.configure_trust(self.asking)
        self.asking.verify_mode = ssl.CERT_REQUIRED

    def _context(self, *names: str, authority: Any = None, **options: Any) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        (authority or self._authority).issue_cert(*names, **options).configure_cert(context)
        context.set_alpn_protocols(["http/1.1"])
        return context

    def files(self, *names: str) -> tuple[str, str]:
        """A certificate and its key as files, for servers that are other programs."""
        made = self._authority.issue_cert(*names)
        certificate, key = str(self._folder / "server.pem"), str(self._folder / "server.key")
        made.cert_chain_pems[0].write_to_path(certificate)
        made.private_key_pem.write_to_path(key)
        return certificate, key


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The certificates of the tests."""
    pytest.importorskip("trustme")
    return Authority(tmp_path_factory.mktemp("authority"))
