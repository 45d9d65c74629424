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


def answer(request: ServerRequest) -> Reply:
    return Reply(b"{}")


def test_an_idle_connection_costs_less_than_8_kb() -> None:
    async def measure(url: str) -> float:
        warm, client = AsyncClient(), AsyncClient(limits=Limits(max_keepalive=None))
        async with warm, client:
            await warm.get(url)
            gc.collect()
            tracemalloc.start()
            try:
                for response in await asyncio.gather(*[client.get(url) for _ in range(COUNT)]):
                    assert response.status_code == 200
                del response
                gc.collect()
                assert client.stats() == {"connections": COUNT, "idle": COUNT}
                ours = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, "*/courser/*")])
                return sum(trace.size for trace in ours.traces) / COUNT
            finally:
                tracemalloc.stop()

    with Server(answer) as server:
        assert asyncio.run(measure(server.url)) < BUDGET
