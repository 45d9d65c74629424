"""Kinds of measurements: messages on one WebSocket, and many WebSockets on which nothing happens."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from functools import partial

from common import WARM_UP, Clock, Job, Result, check, client_of, steadily
from crowd import at_once, note, possible, private, sockets

# Handshakes at once; the server accepts as fast as one core can.
AT_ONCE = 250


def echo(job: Job) -> Result:
    """A message and its answer, one after the other, until the time is over."""
    url, message, clock = job["url"], b"x" * job["message"], Clock()

    async def main() -> Result:
        async with client_of(job, "Async") as client, client.websocket(url) as ask:
            for _ in range(WARM_UP):
                check(len(await ask(message)), len(message))
            n = 0
            clock.start()
            end = time.perf_counter() + job["seconds"]
            while time.perf_counter() < end:
                for _ in range(20):
                    if await ask(message) != message:
                        raise RuntimeError("wrong answer")
                n += 20
            return clock.stop(n)

    return asyncio.run(main())


def echo_sync(job: Job) -> Result:
    """The same from plain code."""
    url, message = job["url"], b"x" * job["message"]
    with client_of(job, "Sync").websocket(url) as ask:
        for _ in range(WARM_UP):
            check(len(ask(message)), len(message))
        return steadily(job, partial(ask, message), message)


def quiet(job: Job) -> Result:
    """Memory for each WebSocket that has had one message and waits.

    The second half of them is what is measured: the first has paid for what opening needs for a moment.
    """
    count = possible(job["count"]) // 2

    async def main() -> Result:
        async with client_of(job, "Async") as client, AsyncExitStack() as stack:
            socket_of = []

            async def one() -> None:
                ask = await stack.enter_async_context(client.websocket(job["url"]))
                check(len(await ask(b"here")), 4)
                socket_of.append(ask)

            memory = []
            for _ in range(2):
                for _ in range(count // AT_ONCE):
                    await at_once([one] * AT_ONCE)
                memory.append(private())
            for ask in socket_of:
                check(len(await ask(b"still here")), 10)
            if sockets() < len(socket_of):
                raise RuntimeError(f"only {sockets()} connections of {len(socket_of)} are there")
            each = (memory[1] - memory[0]) / (len(socket_of) / 2) / 1024
            return {"n": len(socket_of), "wall": 0.0, "cpu": 0.0, "idle_kb": each, **note(2 * count, job["count"])}

    return asyncio.run(main())
