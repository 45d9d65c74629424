"""A look at what courser does: one request, then many, then a large one, against a server in a process of its own.

    python demo/run.py

Client and server are pinned to a core each where the system lets us, so the figures are those of one core.
"""

from __future__ import annotations

import asyncio
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import courser

SYNC = 2_000
MANY = 20_000
ASYNC_IN_FLIGHT = 50
MAP_IN_FLIGHT = 500
DOWNLOAD = 512 * 1024 * 1024


# How it looks


def can_show(characters: str) -> bool:
    try:
        characters.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


TTY = sys.stdout.isatty()
COLOURS = TTY and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
FANCY = can_show("┌│█▏µ·")
MICRO = "µs" if FANCY else "us"
DOT = " · " if FANCY else ", "
EIGHTHS = "▏▎▍▌▋▊▉█" if FANCY else "#"
BAR = 24


def paint(text: str, code: str) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if COLOURS else text


def bold(text: str) -> str:
    return paint(text, "1")


def dim(text: str) -> str:
    return paint(text, "2")


def number(value: float) -> str:
    """A figure as people read it: thousands apart, and no more digits than say something."""
    text = (
        f"{value:,.0f}" if value >= 100 or isinstance(value, int) else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
    )
    return text.replace(",", " ")


def bar(part: float) -> str:
    steps = len(EIGHTHS)
    filled = max(1, round(part * BAR * steps))
    return EIGHTHS[-1] * (filled // steps) + (EIGHTHS[filled % steps - 1] if filled % steps else "")


class Row(NamedTuple):
    """One measurement."""

    what: str
    requests: int
    seconds: float
    cpu: float
    note: str = ""

    @property
    def rate(self) -> float:
        return self.requests / self.seconds

    def cells(self) -> list[str]:
        each = self.cpu / self.requests * 1e6
        return [self.what, number(self.requests), f"{self.seconds:.2f}", number(self.rate), number(each)]


def table(rows: list[Row]) -> str:
    """The measurements in a box, with a bar each for the rate."""
    head = ["", "requests", "seconds", "requests/s", f"CPU {MICRO} each", ""]
    fastest = max(row.rate for row in rows)
    cells = [[*row.cells(), row.note or bar(row.rate / fastest)] for row in rows]
    widths = [max(len(line[column]) for line in (head, *cells)) for column in range(len(head))]
    left, across, down = ("├┤┌┐└┘", "─", "│") if FANCY else ("++++++", "-", "|")

    def rule(ends: str, joint: str) -> str:
        return dim("  " + ends[0] + joint.join(across * (width + 2) for width in widths) + ends[1])

    def line(texts: list[str], colours: list[str]) -> str:
        shown = []
        for column, (text, width) in enumerate(zip(texts, widths, strict=True)):
            padded = text.ljust(width) if column in (0, len(head) - 1) else text.rjust(width)
            shown.append(paint(padded, colours[column]) if colours[column] else padded)
        wall = dim(down)
        return f"  {wall} " + f" {wall} ".join(shown) + f" {wall}"

    joints = "┼┬┴" if FANCY else "+++"
    lines = [rule(left[2:4], joints[1]), line(head, ["1"] * len(head)), rule(left[:2], joints[0])]
    lines += [
        line(each, ["", "", "", "1;32", "36", "2" if row.note else "32"]) for row, each in zip(rows, cells, strict=True)
    ]
    return "\n".join([*lines, rule(left[4:], joints[2])])


# What is measured


@contextmanager
def server() -> Iterator[tuple[str, int]]:
    """A server in a process of its own: its URL, and its process id. It ends when its standard input does."""
    process = subprocess.Popen(
        [sys.executable, "-m", "courser.server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        url = process.stdout.readline().strip()
        if not url:
            raise SystemExit("the server (python -m courser.server) did not start")
        yield url, process.pid
    finally:
        process.stdin.close()
        process.stdout.close()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def pin(other: int) -> str:
    """Put this process on one core and another process on a second one, where that can be done."""
    try:
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) < 2:
            return "client and server share one core"
        os.sched_setaffinity(other, {cores[1]})
        os.sched_setaffinity(0, {cores[0]})
    except (AttributeError, OSError):
        return "client and server on whatever cores the system gives them"
    return f"client on core {cores[0]}, server on core {cores[1]}"


def measure(what: str, requests: int, work: Callable[[], str | None]) -> Row:
    if TTY:
        print(dim(f"  {what} ..."), end="", flush=True)
    cpu, wall = time.process_time(), time.perf_counter()
    note = work()
    row = Row(what, requests, time.perf_counter() - wall, time.process_time() - cpu, note or "")
    if TTY:
        print("\r\x1b[K", end="", flush=True)
    return row


def one_after_the_other(url: str) -> None:
    with courser.Client() as client:
        for _ in range(SYNC):
            client.get(url).raise_for_status()


def side_by_side(url: str, http2: bool = False) -> str:
    async def main() -> int:
        async with courser.AsyncClient(http1=not http2, http2=http2) as client:

            async def worker() -> None:
                for _ in range(MANY // ASYNC_IN_FLIGHT):
                    (await client.get(url)).raise_for_status()

            await asyncio.gather(*(worker() for _ in range(ASYNC_IN_FLIGHT)))
            return int(client.stats()["connections"])

    connections = asyncio.run(main())
    if http2 and connections != 1:
        raise SystemExit(f"HTTP/2 took {connections} connections instead of one")
    return ""


def mapped(url: str) -> None:
    with courser.Client(limits=courser.Limits(max_keepalive=MAP_IN_FLIGHT)) as client:
        for response in client.map([url] * MANY, concurrency=MAP_IN_FLIGHT):
            response.raise_for_status()


def talk(url: str) -> None:
    with courser.websocket(url) as ws:
        for _ in range(SYNC):
            ws.send_text("hello")
            if ws.receive() != "hello":
                raise SystemExit("the WebSocket says something else than it was told")


def resident() -> int:
    """Bytes of memory that this process holds now; where the system does not say, the most it ever held."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        import resource

        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def download(url: str) -> str:
    before = most = 0
    size = 0
    began = time.perf_counter()
    with courser.Client() as client, client.stream("GET", url) as response:
        for count, piece in enumerate(response.iter_bytes()):
            size += len(piece)
            if count % 64 == 0:
                before = before or resident()
                most = max(most, resident())
    if size != DOWNLOAD:
        raise SystemExit(f"{size} bytes came instead of {DOWNLOAD}")
    rate = size / (time.perf_counter() - began) / 1e9
    return f"{rate:.2f} GB/s{DOT}memory +{(most - before) / 1e6:.1f} MB"


def main() -> int:
    with server() as (url, process):
        where = pin(process)
        versions = f"{platform.python_implementation()} {platform.python_version()} on {platform.system()}"
        print(f"\n  {bold('courser ' + courser.__version__)}   {dim(versions + DOT + where)}\n")

        small = url + "json"
        response = courser.get(small)
        print(f"  {dim('>>>')} courser.get({small!r}).json()\n  {response.json()}")
        took = response.elapsed.total_seconds() * 1e3
        facts = f"{response.http_version} {response.status_code} {response.reason_phrase}"
        print(f"  {dim(f'{facts}, {len(response.content)} bytes, {took:.1f} ms with the connection')}\n")

        rows = [
            measure("sync, one after the other", SYNC, lambda: one_after_the_other(small)),
            measure(f"asyncio, {ASYNC_IN_FLIGHT} in flight", MANY, lambda: side_by_side(small)),
            measure("HTTP/2, the same on one connection", MANY, lambda: side_by_side(small, http2=True)),
            measure(f"sync, client.map, {MAP_IN_FLIGHT} in flight", MANY, lambda: mapped(small)),
            measure("a WebSocket, message and answer", SYNC, lambda: talk(url.replace("http", "ws", 1) + "ws")),
            measure(f"a streamed download, {DOWNLOAD >> 20} MB", 1, lambda: download(f"{url}bytes/{DOWNLOAD}")),
        ]
        print(table(rows))
        print(dim("  CPU is this process's own, all threads; the server is courser.server, in Python too.\n"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
