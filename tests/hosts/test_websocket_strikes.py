"""A WebSocket that is cancelled at any await, or struck at any line, leaves nothing behind."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from authority import Authority
from faultserver import FaultServer, clients_of
from strikes import Lines, Struck, struck_asyncio, struck_trio
from worlds import AsyncioWorld, TrioWorld, World
from wspeer import agreeing, echoing

import courser

Serve = Callable[..., FaultServer]

LARGE = b"x" * 400_000


async def converse(client: Any, url: str) -> None:
    """All that suspends."""
    async with client.websocket(url) as ws:
        await ws.send_text("hello")
        await ws.receive()
        for _ in range(8):
            await ws.send_bytes(LARGE)
        for _ in range(8):
            await ws.receive()
        await ws.send(["in ", "pieces"])
        await ws.receive()
        await ws.ping()
        await ws.close()


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "TLS"])
async def test_cancelling_at_every_await_leaves_nothing(
    world: World, serve: Serve, authority: Authority, encrypted: bool
) -> None:
    if not isinstance(world, AsyncioWorld | TrioWorld):
        pytest.skip("plain code is not cancelled")
    struck = struck_trio if isinstance(world, TrioWorld) else struck_asyncio
    server = serve(agreeing(echoing), tls=authority.good if encrypted else None)
    client = world.client(verify=authority.roots, limits=courser.Limits(max_connections=1))
    await converse(client, server.url("/ws"))

    at = 1
    while await struck(converse(client, server.url("/ws")), at):
        assert await world.until(lambda: world.left_by(client) == 0), f"struck at await {at}"
        at += 1

    assert at > 8
    assert await world.until(lambda: server.open == 0)


def sync_converse(client: courser.Client, url: str) -> None:
    with client.websocket(url) as ws:
        ws.send_text("hello")
        ws.receive()
        ws.ping()


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "TLS"])
def test_an_exception_at_every_line_leaves_nothing(
    serve: Serve, authority: Authority, monkeypatch: pytest.MonkeyPatch, encrypted: bool
) -> None:
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: None)
    server = serve(agreeing(echoing), tls=authority.good if encrypted else None)
    gc.collect()
    others = clients_of(server)
    options: dict[str, Any] = {"verify": authority.roots, "timeout": courser.Timeout(pool=0.2, read=1.0)}
    client = courser.Client(limits=courser.Limits(max_connections=1), **options)
    sync_converse(client, server.url("/ws"))
    wrong: list[str] = []
    at = 0
    gc.disable()
    try:
        while len(wrong) < 20:
            at += 1
            lines = Lines(at, Struck)
            with suppress(Struck), lines:
                sync_converse(client, server.url("/ws"))
            if not lines.where:
                break
            for step in range(40):
                if client.stats()["connections"] == 0 and clients_of(server) == others:
                    break
                if step == 20:
                    gc.collect()  # a frame that is struck as it leaves a handler keeps the error, and that the frame
                server.closing.wait(0.005)
            else:
                gc.collect()  # at the `return` of an `except` a strike leaves the frame its error, and so a cycle
                if client.stats()["connections"] == 0 and clients_of(server) == others:
                    continue
                wrong.append(f"{lines.where}: {dict(client.stats())}, {clients_of(server)} descriptors")
    finally:
        gc.enable()

    assert at > 50
    assert not wrong, "\n".join(wrong)
