"""Kinds of measurements: what it costs that a client is there, before any request and with connections that wait."""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import subprocess
import sys
import time

from common import Clock, Job, Result, adapter, has

HERE = os.path.dirname(os.path.abspath(__file__))

FIRST = """
import sys
sys.path.insert(0, {here!r})
from clients.{client} import Sync
if Sync(None).get({url!r}) != {size}:
    raise SystemExit("a wrong answer")
"""

FIRST_ASYNC = """
import sys
sys.path.insert(0, {here!r})
from clients.{client} import Async
import asyncio
async def main():
    async with Async(None) as client:
        return await client.get({url!r})
if asyncio.run(main()) != {size}:
    raise SystemExit("a wrong answer")
"""


def importing(job: Job) -> Result:
    """CPU time of a fresh interpreter that imports the client, less that of one that does nothing."""
    return beginning(job, f"import {job['client']}", "import_ms")


def first(job: Job) -> Result:
    """CPU time of a fresh interpreter that sends one request, less that of one that does nothing."""
    code = FIRST if has(job, "Sync") else FIRST_ASYNC
    return beginning(job, code.format(here=HERE, **job), "first_ms")


def beginning(job: Job, code: str, name: str) -> Result:
    def children() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    def interpreter(code: str) -> tuple[float, float]:
        cpu, wall = children(), time.perf_counter()
        subprocess.run([sys.executable, "-s", "-P", "-c", code], check=True)
        return children() - cpu, time.perf_counter() - wall

    interpreter(code)
    pairs = [(interpreter("pass"), interpreter(code)) for _ in range(job["repeat"])]
    cpu, wall = (min(loaded[i] for _, loaded in pairs) - min(bare[i] for bare, _ in pairs) for i in (0, 1))
    return {"n": job["repeat"], "wall": wall, "cpu": cpu, name: cpu * 1e3}


def resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def construct(job: Job) -> Result:
    """Making 100 clients that are all alive, after one that pays for what is loaded late."""

    async def main() -> Result:
        entered = []
        for _ in range(count + 1):
            client = adapter(job, "Async")(None)
            entered.append(client)
            if len(entered) == 1:
                await client.__aenter__()
                gc.collect()
                memory = resident()
                clock.start()
            else:
                await client.__aenter__()
        result = clock.stop(count)
        result["memory_mb"] = (resident() - memory) / 1e6
        for client in entered:
            await client.__aexit__(None, None, None)
        return result

    count, clock = job["count"], Clock()
    if not has(job, "Sync"):
        result = asyncio.run(main())
    else:
        new = adapter(job, "Sync")
        kept = [new(None)]
        gc.collect()
        memory = resident()
        clock.start()
        kept += [new(None) for _ in range(count)]
        result = clock.stop(count)
        result["memory_mb"] = (resident() - memory) / 1e6
    return {**result, "each_us": result["wall"] / count * 1e6}
