"""Kinds of measurements: small requests one after the other or in number, large bodies, both beside each other."""

from __future__ import annotations

import asyncio
import threading
import time
from functools import partial
from itertools import repeat
from typing import Any

from clients import Unsupported
from common import WARM_UP, Clock, Job, Result, check, client_of, has, new_event, run, steadily, together


def sync(job: Job) -> Result:
    """Small requests, one after the other, until the time is over."""
    client, url, size = client_of(job, "Sync"), job["url"], job["size"]
    for _ in range(WARM_UP):
        check(client.get(url), size)
    return steadily(job, partial(client.get, url), size)


def threads(job: Job) -> Result:
    """The same by several threads on one client."""
    client, url, size, count = client_of(job, "Sync"), job["url"], job["size"], job["threads"]
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
    client, url, size, count = client_of(job, "Sync"), job["url"], job["size"], job["concurrency"]
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


def concurrent(job: Job) -> Result:
    """Small requests, so many in flight, until the time is over. Measured from when each task had its answers."""
    loop, url, size, count = job["loop"], job["url"], job["size"], job["concurrency"]

    async def main() -> Result:
        begin, clock = new_event(loop), Clock()
        warming, total, end = count, 0, 0.0

        async with client_of(job, "Async") as client:

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
        async with client_of(job, "Async") as client:

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


def peak() -> int:
    """The most memory this process had; `ru_maxrss` would count what it shared with its parent before exec."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM:"))


def bulk(job: Job) -> Result:
    """One large body; sync clients as such, the others in asyncio."""
    arguments = (job["url"], job["path"]) if job["direction"] == "upload" else (job["url"],)
    clock = Clock()

    async def main() -> Result:
        async with client_of(job, "Async") as client:
            clock.start()
            got = await getattr(client, job["direction"])(*arguments)
            return clock.stop(got)

    if job["colour"] == "Sync" and has(job, "Sync"):
        client = client_of(job, "Sync")
        clock.start()
        result = clock.stop(getattr(client, job["direction"])(*arguments))
    else:
        result = asyncio.run(main())
    check(result["n"], job["big_size"])
    return {**result, "peak_mb": peak() / 1e6}
