"""Which event loop is running here."""

from __future__ import annotations

import asyncio
import sys

import pytest
import trio

from courser.errors import NoAsyncHost
from courser.hosts.aio import AioHost
from courser.hosts.detect import host_of, is_over, running
from courser.hosts.trio import TrioHost


def test_outside_any_loop_nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NoAsyncHost, match=r"courser\.Client"):
        running()
    monkeypatch.delitem(sys.modules, "trio")
    with pytest.raises(NoAsyncHost):
        running()


def test_asyncio_is_seen() -> None:
    async def main() -> asyncio.AbstractEventLoop:
        loop = running()
        assert loop is asyncio.get_running_loop()
        assert isinstance(host_of(loop), AioHost)
        assert not is_over(loop)
        return loop  # type: ignore[no-any-return]

    assert is_over(asyncio.run(main()))


def test_trio_is_seen() -> None:
    async def main() -> object:
        token = running()
        assert token is trio.lowlevel.current_trio_token()
        assert isinstance(host_of(token), TrioHost)
        return token

    assert not is_over(trio.run(main))
