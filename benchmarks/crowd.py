"""Kinds of measurements: very many connections of one process, in flight at once or idle. See `gate.py`."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import resource
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import urlsplit

from common import Clock, Job, Result, adapter, check, run, together

PATIENCE = 20.0
"""Seconds for getting all in flight: a client that needs more for thousands of requests does not manage them."""

SPARE_FILES = 200
CLIENTS = 3


def possible(count: int) -> int:
    """How many of so many connections the limit of open files allows, once raised as far as it can be."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return count if hard == resource.RLIM_INFINITY else min(count, hard - SPARE_FILES)


def note(count: int, wanted: int) -> dict[str, str]:
    return {} if count == wanted else {"note": f"the limit of open files allows {count} of {wanted}"}


async def at_once(jobs: list[Callable[[], Awaitable[None]]]) -> None:
    try:
        async with asyncio.timeout(PATIENCE):
            await together("asyncio", jobs)
    except TimeoutError as error:
        raise RuntimeError(f"not all were in flight and answered within {PATIENCE:g} s") from error


def reset(job: Job) -> None:
    """Have the server end all connections, so that none of the thousands of ports waits for the next client."""
    parts = urlsplit(job["url"])
    with socket.create_connection((parts.hostname, parts.port)) as sock:
        sock.sendall(b"GET /reset HTTP/1.1\r\nHost: x\r\n\r\n")
        sock.recv(1000)


# ------------------------------------------------------------------------------------------------ in flight


def flight(job: Job) -> Result:
    """Requests that the server holds for a tenth of a second, after a start for which it holds all until all are in.

    What a request takes is counted by its task, from the call to the whole answer.
    """
    count, size = possible(job["concurrency"]), job["size"]
    start, hold = f"{job['url']}/all/{count}", f"{job['url']}/hold"

    async def main() -> Result:
        took: list[float] = []
        begin, clock = asyncio.Event(), Clock()
        opened, opening, end = 0, 0.0, 0.0

        async def work() -> None:
            nonlocal opened, opening, end
            check(await client.get(start), size)
            opened += 1
            if opened == count:
                opening = clock.stop(count)["cpu"] / count
                clock.start()
                end = time.perf_counter() + 2 * job["seconds"]
                begin.set()
            await begin.wait()
            get, now = client.get, time.perf_counter
            over = 0.0
            while over < end:
                began = now()
                if await get(hold) != size:
                    raise RuntimeError("wrong answer")
                over = now()
                took.append(over - began)

        async with adapter(job, "Async")(None) as client:
            clock.start()
            await at_once([work] * count)
            result = clock.stop(len(took))
            reset(job)
        took.sort()
        p50, p99 = took[len(took) // 2], took[len(took) * 99 // 100]
        more = {"p50_ms": p50 * 1e3, "p99_ms": p99 * 1e3, "open_us": opening * 1e6, "in_flight": count}
        return {**result, **more, **note(count, job["concurrency"])}

    return run(job["loop"], main)


# ------------------------------------------------------------------------------------------------ idle


def private() -> int:
    """Bytes of memory that are this process's alone, freed pages given back first where the C library knows how."""
    gc.collect()
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)
    with open("/proc/self/smaps_rollup") as file:
        return sum(int(line.split()[1]) for line in file if line.startswith("Private_")) * 1024


def sockets() -> int:
    def target(fd: str) -> str:
        try:
            return os.readlink(f"/proc/self/fd/{fd}")
        except OSError:
            return ""

    return sum(target(fd).startswith("socket:") for fd in os.listdir("/proc/self/fd"))


def idle(job: Job) -> Result:
    """Memory for each connection that has served and waits.

    Opening many at once needs memory that is free afterwards, but not given back. So the first clients open and close
    as many connections as are measured and then open them and keep them: what opening needs for a moment is there from
    then on, and by what the process grows when more clients do the same is what idle connections keep.
    """
    count = possible(CLIENTS * job["count"]) // CLIENTS
    url, size = f"{job['url']}/all/{count}", job["size"]

    async def fill(client: Any) -> None:
        async def one() -> None:
            check(await client.get(url), size)

        await at_once([one] * count)

    async def main() -> Result:
        new = adapter(job, "Async")
        async with new(None) as client:
            await fill(client)
        async with AsyncExitStack() as stack:
            memory, opened = [], []
            for _ in range(CLIENTS):
                client = await stack.enter_async_context(new(None))
                await fill(client)
                await asyncio.sleep(0.1)
                memory.append(private())
                opened.append(sockets())
            reset(job)
        more = opened[-1] - opened[0]
        if more < count * (CLIENTS - 1) * 0.95:
            raise RuntimeError(f"only {more} connections stay open of {count * (CLIENTS - 1)}")
        return {
            "n": more,
            "wall": 0.0,
            "cpu": 0.0,
            "idle_kb": (memory[-1] - memory[0]) / more / 1024,
            **note(count, job["count"]),
        }

    return asyncio.run(main())
