"""What an idle connection costs, counted by the allocations that live: no clock, no noise."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc

from courser import AsyncClient, Limits
from courser.server import Reply, Server, ServerRequest

BUDGET = 8 * 1024
"""Bytes of an idle connection, TLS state apart (the sockets' buffers are the kernel's)."""

COUNT = 200

FRAMES = 12
"""Enough to see on whose behalf something is allocated."""


def answer(request: ServerRequest) -> Reply:
    return Reply(b"{}")


def is_the_servers(allocated: tracemalloc.Statistic) -> bool:
    return any("/courser/server/" in frame.filename for frame in allocated.traceback)


def test_an_idle_connection_costs_less_than_8_kb() -> None:
    async def measure(url: str) -> float:
        warm, client = AsyncClient(), AsyncClient(limits=Limits(max_keepalive=None))
        async with warm, client:
            await warm.get(url)
            gc.collect()
            tracemalloc.start(FRAMES)
            try:
                for response in await asyncio.gather(*[client.get(url) for _ in range(COUNT)]):
                    assert response.status_code == 200
                del response
                # The loop refers to what woke this task, and so to all the responses, until it goes on.
                await asyncio.sleep(0)
                gc.collect()
                assert client.stats() == {"connections": COUNT, "idle": COUNT}
                living = tracemalloc.take_snapshot().statistics("traceback")
                return sum(allocated.size for allocated in living if not is_the_servers(allocated)) / COUNT
            finally:
                tracemalloc.stop()

    with Server(answer) as server:
        assert asyncio.run(measure(server.url)) < BUDGET
