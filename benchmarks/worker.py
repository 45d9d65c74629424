"""One client in one scenario, in a process of its own: prints one line of JSON.

    python worker.py '{"client": "httpx", "kind": "sync", ...}'

The line has `n` requests (or bytes), `wall` and `cpu` seconds, cpu over all threads of the process, or what the kind of
scenario measures besides; `skip` where the client has no such feature.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from itertools import repeat
from typing import Any

from clients import Unsupported

Result = dict[str, Any]
Job = dict[str, Any]

WARM_UP = 50


class Clock:
    """Wall and CPU time since `start`, the CPU time over all threads of the process."""

    def start(self) -> None:
        self.cpu, self.wall = time.process_time(), time.perf_counter()

    def stop(self, n: int, **more: Any) -> Result:
        wall, cpu = time.perf_counter() - self.wall, time.process_time() - self.cpu
        return {"n": n, "wall": wall, "cpu": cpu, **more}


def check(got: int, wanted: int) -> None:
    if got != wanted:
        raise RuntimeError(f"wrong answer: {got} instead of {wanted} bytes")


def adapter(job: Job, colour: str) -> Any:
    found = getattr(importlib.import_module(f"clients.{job['client']}"), colour, None)
    if found is None:
        raise Unsupported(f"no {colour.lower()} interface")
    return found


def has(job: Job, colour: str) -> bool:
    return hasattr(importlib.import_module(f"clients.{job['client']}"), colour)


# ------------------------------------------------------------------------------------------------ sync


def sync(job: Job) -> Result:
    """Small requests, one after the other, until the time is over."""
    client, url, size = adapter(job, "Sync")(job["ca"]), job["url"], job["size"]
    for _ in range(WARM_UP):
        check(client.get(url), size)
    get, n, clock = client.get, 0, Clock()
    clock.start()
    end = time.perf_counter() + job["seconds"]
    while time.perf_counter() < end:
        for _ in range(20):
            if get(url) != size:
                raise RuntimeError("wrong answer")
        n += 20
    return clock.stop(n)


def threads(job: Job) -> Result:
    """The same by several threads on one client."""
    client, url, size, count = adapter(job, "Sync")(job["ca"]), job["url"], job["size"], job["threads"]
    done, failed, clock = [0] * count, [], Clock()
    ready = threading.Barrier(count + 1)
    end = 0.0

    def work(index: int) -> None:
        try:
            for _ in range(5):
                check(client.get(url), size)
            ready.wait()
            ready.wait()
            while time.perf_counter() < end:
                check(client.get(url), size)
                done[index] += 1
        except Exception as error:
            failed.append(error)
            ready.abort()

    workers = [threading.Thread(target=work, args=(index,)) for index in range(count)]
    for worker in workers:
        worker.start()
    try:
        ready.wait()
        clock.start()
        end = time.perf_counter() + job["seconds"]
        ready.wait()
    except threading.BrokenBarrierError:
        pass
    for worker in workers:
        worker.join()
    if failed:
        raise failed[0]
    return clock.stop(sum(done))


def mapped(job: Job) -> Result:
    """Many requests in flight from sync code without threads."""
    client, url, size, count = adapter(job, "Sync")(job["ca"]), job["url"], job["size"], job["concurrency"]
    if not hasattr(client, "map"):
        raise Unsupported("no map")
    for got in client.map(repeat(url, count * 2), count):
        check(got, size)
    n, clock = 0, Clock()
    clock.start()
    end = time.perf_counter() + job["seconds"]

    def urls() -> Any:
        while time.perf_counter() < end:
            yield url

    for got in client.map(urls(), count):
        check(got, size)
        n += 1
    return clock.stop(n)


# ------------------------------------------------------------------------------------------------ async


def run(loop: str, main: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
    if loop == "trio":
        import trio

        return trio.run(main)
    if loop == "uvloop":
        import uvloop

        return uvloop.run(main())
    return asyncio.run(main())


async def together(loop: str, jobs: list[Callable[[], Awaitable[None]]]) -> None:
    """Run all jobs at once; the first error ends them."""
    if loop == "trio":
        import trio

        async with trio.open_nursery() as nursery:
            for job in jobs:
                nursery.start_soon(job)
    else:
        async with asyncio.TaskGroup() as group:
            for job in jobs:
                group.create_task(job())


def new_event(loop: str) -> Any:
    if loop == "trio":
        import trio

        return trio.Event()
    return asyncio.Event()


def concurrent(job: Job) -> Result:
    """Small requests, so many in flight, until the time is over. Measured from when each task had its answers."""
    loop, url, size, count = job["loop"], job["url"], job["size"], job["concurrency"]

    async def main() -> Result:
        begin, clock = new_event(loop), Clock()
        warming, total, end = count, 0, 0.0

        async with adapter(job, "Async")(job["ca"], job.get("http2", False)) as client:

            async def work() -> None:
                nonlocal warming, total, end
                for _ in range(max(1, WARM_UP // count)):
                    check(await client.get(url), size)
                warming -= 1
                if not warming:
                    clock.start()
                    end = time.perf_counter() + job["seconds"]
                    begin.set()
                await begin.wait()
                get, n = client.get, 0
                while time.perf_counter() < end:
                    if await get(url) != size:
                        raise RuntimeError("wrong answer")
                    n += 1
                total += n

            await together(loop, [work] * count)
            return clock.stop(total)

    return run(loop, main)


def beside(job: Job) -> Result:
    """How long small requests take while the same client downloads something large in the same loop."""

    async def main() -> Result:
        took: list[float] = []
        over = False
        async with adapter(job, "Async")(job["ca"]) as client:

            async def download() -> None:
                nonlocal over
                end = time.perf_counter() + job["seconds"]
                while time.perf_counter() < end:
                    check(await client.download(job["big_url"]), job["big_size"])
                over = True

            async def small() -> None:
                while not over:
                    began = time.perf_counter()
                    check(await client.get(job["url"]), job["size"])
                    took.append(time.perf_counter() - began)

            for _ in range(WARM_UP):
                check(await client.get(job["url"]), job["size"])
            clock = Clock()
            clock.start()
            await together(job["loop"], [download, small])
            took.sort()
            p50, p99 = took[len(took) // 2], took[len(took) * 99 // 100]
            return clock.stop(len(took), p50_ms=p50 * 1e3, p99_ms=p99 * 1e3)

    return run(job["loop"], main)


# ------------------------------------------------------------------------------------------------ bulk


def peak() -> int:
    """The most memory this process had; `ru_maxrss` would count what it shared with its parent before exec."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM:"))


def bulk(job: Job) -> Result:
    """One large body; sync clients as such, the others in asyncio."""
    arguments = (job["url"], job["path"]) if job["direction"] == "upload" else (job["url"],)
    clock = Clock()

    async def main() -> Result:
        async with adapter(job, "Async")(job["ca"]) as client:
            clock.start()
            got = await getattr(client, job["direction"])(*arguments)
            return clock.stop(got)

    if job["colour"] == "Sync" and has(job, "Sync"):
        client = adapter(job, "Sync")(job["ca"])
        clock.start()
        result = clock.stop(getattr(client, job["direction"])(*arguments))
    else:
        result = asyncio.run(main())
    check(result["n"], job["big_size"])
    return {**result, "peak_mb": peak() / 1e6}


# ------------------------------------------------------------------------------------------------ cost of being there


def importing(job: Job) -> Result:
    """CPU time of a fresh interpreter that imports the client, less that of one that does nothing."""
    module = job["client"]

    def children() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    def interpreter(code: str) -> tuple[float, float]:
        cpu, wall = children(), time.perf_counter()
        subprocess.run([sys.executable, "-s", "-P", "-c", code], check=True)
        return children() - cpu, time.perf_counter() - wall

    interpreter(f"import {module}")
    pairs = [(interpreter("pass"), interpreter(f"import {module}")) for _ in range(job["repeat"])]
    cpu, wall = (min(loaded[i] for _, loaded in pairs) - min(bare[i] for bare, _ in pairs) for i in (0, 1))
    return {"n": job["repeat"], "wall": wall, "cpu": cpu, "import_ms": cpu * 1e3}


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


def sockets() -> int:
    def target(fd: str) -> str:
        try:
            return os.readlink(f"/proc/self/fd/{fd}")
        except OSError:
            return ""

    return sum(target(fd).startswith("socket:") for fd in os.listdir("/proc/self/fd"))


def idle(job: Job) -> Result:
    """Resident memory for each connection that has served and waits; a slow answer makes all be open at once."""
    count = job["count"]

    async def main() -> Result:
        async with adapter(job, "Async")(job["ca"]) as client:

            async def one() -> None:
                check(await client.get(job["url"]), job["size"])

            await together("asyncio", [one] * 2)
            gc.collect()
            memory, before = resident(), sockets()
            await together("asyncio", [one] * count)
            gc.collect()
            opened = sockets() - before
            if opened < count // 2:
                raise RuntimeError(f"only {opened} connections stay open of {count}")
            return {"n": opened, "wall": 0.0, "cpu": 0.0, "idle_kb": (resident() - memory) / opened / 1024}

    return asyncio.run(main())


KINDS: dict[str, Callable[[Job], Result]] = {
    "sync": sync,
    "threads": threads,
    "map": mapped,
    "concurrent": concurrent,
    "beside": beside,
    "bulk": bulk,
    "import": importing,
    "construct": construct,
    "idle": idle,
}


def main() -> None:
    job = json.loads(sys.argv[1])
    if job.get("core") is not None:
        os.sched_setaffinity(0, {job["core"]})
    try:
        result = KINDS[job["kind"]](job)
    except Unsupported as reason:
        result = {"skip": str(reason)}
    except BaseExceptionGroup as group:
        if not (reasons := group.subgroup(Unsupported)):
            raise
        result = {"skip": str(reasons.exceptions[0])}
    print(json.dumps(result), flush=True)
    # Some clients wait for their own threads at exit, some never end.
    os._exit(0)


if __name__ == "__main__":
    main()
