"""What all kinds of measurements use: the clock, the client's adapter, running many things at once."""

from __future__ import annotations

import asyncio
import importlib
import time
from collections.abc import Awaitable, Callable, Coroutine
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


def steadily(job: Job, ask: Callable[[], object], wanted: object) -> Result:
    """The same question again and again, until the time is over."""
    n, clock = 0, Clock()
    clock.start()
    end = time.perf_counter() + job["seconds"]
    while time.perf_counter() < end:
        for _ in range(20):
            if ask() != wanted:
                raise RuntimeError("wrong answer")
        n += 20
    return clock.stop(n)


def check(got: int, wanted: int) -> None:
    if got != wanted:
        raise RuntimeError(f"wrong answer: {got} instead of {wanted} bytes")


def adapter(job: Job, colour: str) -> Any:
    found = getattr(importlib.import_module(f"clients.{job['client']}"), colour, None)
    if found is None:
        raise Unsupported(f"no {colour.lower()} interface")
    return found


def client_of(job: Job, colour: str) -> Any:
    """A client of the wanted colour, which is told to speak HTTP/2 where the job says so."""
    made = adapter(job, colour)
    return made(job["ca"], True) if job.get("http2") else made(job["ca"])


def has(job: Job, colour: str) -> bool:
    return hasattr(importlib.import_module(f"clients.{job['client']}"), colour)


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
