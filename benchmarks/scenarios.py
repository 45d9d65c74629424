"""What is measured, of whom, and in which figures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from clients import REQUESTERS
from server import Urls

Result = dict[str, Any]


@dataclass(frozen=True)
class Metric:
    """A figure that is made of a worker's result.

    Args:
        name: what the report calls it.
        of: how it is computed.
        unit: what it is counted in.
        more_is_better: whether a higher figure is the better one.
    """

    name: str
    of: Any
    unit: str
    more_is_better: bool = False


METRICS = {
    metric.name: metric
    for metric in (
        Metric("CPU per request", lambda r: r["cpu"] / r["n"] * 1e6, "µs"),
        Metric("requests per second", lambda r: r["n"] / r["wall"], "1/s", more_is_better=True),
        Metric("CPU per message", lambda r: r["cpu"] / r["n"] * 1e6, "µs"),
        Metric("messages per second", lambda r: r["n"] / r["wall"], "1/s", more_is_better=True),
        Metric("throughput", lambda r: r["n"] / r["wall"] / 1e6, "MB/s", more_is_better=True),
        Metric("CPU per GB", lambda r: r["cpu"] / r["n"] * 1e9, "s"),
        Metric("peak memory", lambda r: r["peak_mb"], "MB"),
        Metric("median", lambda r: r["p50_ms"], "ms"),
        Metric("99th percentile", lambda r: r["p99_ms"], "ms"),
        Metric("tail", lambda r: r["p99_ms"] / r["p50_ms"], "p99/p50"),
        Metric("CPU to open", lambda r: r["open_us"], "µs"),
        Metric("in flight", lambda r: r["in_flight"], "requests", more_is_better=True),
        Metric("import", lambda r: r["import_ms"], "ms"),
        Metric("first request", lambda r: r["first_ms"], "ms"),
        Metric("a client", lambda r: r["each_us"], "µs"),
        Metric("100 clients", lambda r: r["memory_mb"], "MB"),
        Metric("a connection", lambda r: r["idle_kb"], "KB"),
    )
}


@dataclass(frozen=True)
class Scenario:
    """One table of the report.

    Args:
        name: what it is called on the command line.
        title: what it is called in the report.
        kind: which function of the worker measures it.
        metrics: the columns; the table is sorted and drawn by the first.
        options: what else the worker is told.
        tls: whether the server is asked over TLS.
        only: the clients that it is about, if it is not about all that send requests.
        without: clients that it is not about.
        beside: clients of other scenarios that take part in the rounds, because a budget compares courser with them.
        after: the scenario in which a client must have been measured to be asked at all.
        rounds: the most that are made.
        fewer: other options for a client that would need minutes.
    """

    name: str
    title: str
    kind: str
    metrics: tuple[str, ...]
    options: dict[str, Any] = field(default_factory=dict)
    tls: bool = False
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    beside: tuple[tuple[str, str], ...] = ()
    after: str = ""
    rounds: int = 100
    fewer: dict[str, dict[str, Any]] = field(default_factory=dict)

    def clients(self, wanted: list[str]) -> list[str]:
        """Those of the wanted clients that the scenario is about."""
        return [name for name in wanted if name not in self.without and name in (self.only or REQUESTERS)]

    def entries(self, wanted: list[str]) -> dict[str, tuple[str, Scenario]]:
        """What takes part: its name in the table -> the client and the scenario that it is measured in."""
        own = {client: (client, self) for client in self.clients(wanted)}
        guests = {guest(*pair): (pair[0], BY_NAME[pair[1]]) for pair in self.beside if pair[0] in wanted}
        return own | guests

    def job(self, client: str, urls: Urls, seconds: float) -> dict[str, Any] | None:
        """What a worker is told, or None where the servers lack what is asked for."""
        job = {"client": client, "kind": self.kind, "seconds": seconds, **self.options, **self.fewer.get(client, {})}
        base = urls.http2 if job.get("http2") else urls.tls if self.tls else urls.plain
        if base is None:
            return None
        path = "/h2" if job.get("http2") else "/s"
        if self.kind in ("flight", "idle"):
            base, path = urls.gate, ""
        elif self.kind in ("echo", "echo_sync", "quiet"):
            base, path = urls.echo, "/"
        elif job.get("direction") == "download":
            path = "/big"
        elif job.get("direction") == "upload":
            # A body over HTTP/2 is taken by nginx and handed on; so is the one over HTTP/1.1 that it is compared with.
            if not job.get("through"):
                base = urls.upload_tls if self.tls else urls.upload
            path = "/u"
        return job | {
            "url": base + path,
            "size": urls.small_size,
            "ca": urls.ca if self.tls else None,
            "path": urls.big_file,
            "big_url": f"{base}/big",
            "big_size": urls.big_size,
        }


def guest(client: str, scenario: str) -> str:
    """How a client of another scenario is called."""
    return f"{client} in {scenario}"


REQUESTS = ("CPU per request", "requests per second")
BULK = ("throughput", "CPU per GB", "peak memory")
FLOOR = ("bare",)
ON_TRIO = ("courser", "httpx", "httpx2")
ON_WEBSOCKET = ("courser", "aiohttp", "websockets", "picows")


def _in_flight(loop: str, count: int) -> Scenario:
    name = "aio" if loop == "asyncio" else loop
    return Scenario(
        f"{name}_{count}",
        f"Small GET, {loop}, {count} in flight",
        "concurrent",
        REQUESTS,
        {"loop": loop, "concurrency": count},
        only=ON_TRIO if loop == "trio" else (),
        beside=() if loop == "asyncio" or count == 1 else (("courser", f"aio_{count}"),),
    )


def _driver(driver: str, count: int) -> Scenario:
    return Scenario(
        f"{driver}_{count}",
        f"Small GET, asyncio, the {driver} driver, {count} in flight",
        "concurrent",
        REQUESTS,
        {"loop": "asyncio", "concurrency": count, "driver": driver},
        only=("courser",),
        beside=(("courser", f"aio_{count}"),),
    )


def _crowd(count: int, smaller: int | None = None) -> Scenario:
    return Scenario(
        f"flight_{count}",
        f"Requests held by the server, asyncio, {count} in flight",
        "flight",
        ("CPU per request", "tail", "median", "99th percentile", "CPU to open", "in flight"),
        {"loop": "asyncio", "concurrency": count},
        without=FLOOR,
        beside=(("courser", "flight_1000"),) if count == 10000 else (),
        after=f"flight_{smaller}" if smaller else "",
        rounds=3,
    )


def _threads(count: int) -> Scenario:
    return Scenario(
        f"threads_{count}",
        f"Small GET, {count} thread{'s' * (count > 1)} on one client and one core",
        "threads",
        REQUESTS[::-1],
        {"threads": count},
        beside=(("courser", "threads_1"),) if count == 20 else (),
    )


def _over_http2(direction: str) -> Scenario:
    other = "download_tls" if direction == "download" else "upload_nginx"
    return Scenario(
        f"{direction}_h2",
        f"Large {direction}, HTTP/2",
        "bulk",
        BULK,
        {"direction": direction, "colour": "Sync", "http2": True, "through": True},
        tls=True,
        only=("courser",),
        beside=(("courser", other),),
        rounds=7,
    )


def _many_threads(http2: bool) -> Scenario:
    return Scenario(
        "threads_50_h2" if http2 else "threads_50_tls",
        f"Small GET over {'HTTP/2' if http2 else 'TLS'}, 50 threads on one client and one core",
        "threads",
        REQUESTS[::-1],
        {"threads": 50, "http2": http2},
        tls=True,
        only=("courser",) if http2 else (),
        beside=(("courser", "threads_50_tls"),) if http2 else (),
    )


def _echo(size: int) -> Scenario:
    return Scenario(
        f"ws_{size}",
        f"WebSocket echo of {size} bytes, asyncio",
        "echo",
        ("CPU per message", "messages per second"),
        {"message": size},
        only=ON_WEBSOCKET,
    )


def _echo_sync(size: int) -> Scenario:
    return Scenario(
        f"ws_{size}_sync",
        f"WebSocket echo of {size} bytes, sync",
        "echo_sync",
        ("CPU per message", "messages per second"),
        {"message": size},
        only=("courser", "websockets"),
        beside=tuple((client, f"ws_{size}") for client in ON_WEBSOCKET),
    )


def _bulk(direction: str, tls: bool, colour: str = "Sync") -> Scenario:
    how = " over TLS" * tls + ", asyncio" * (colour == "Async")
    return Scenario(
        direction + "_tls" * tls + "_aio" * (colour == "Async"),
        f"Large {direction}{how}",
        "bulk",
        BULK,
        {"direction": direction, "colour": colour},
        tls=tls,
        without=FLOOR if colour == "Async" else (),
        rounds=5,
    )


SCENARIOS = (
    Scenario("sync", "Small GET, sync, warm connection", "sync", REQUESTS),
    Scenario("sync_tls", "Small GET over TLS, sync, warm connection", "sync", REQUESTS, tls=True),
    *(_in_flight("asyncio", count) for count in (1, 50, 500)),
    *(_in_flight("uvloop", count) for count in (1, 50, 500)),
    *(_in_flight("trio", count) for count in (1, 50, 500)),
    *(_driver("direct", count) for count in (50, 500)),
    Scenario(
        "aio_50_tls",
        "Small GET over TLS, asyncio, 50 in flight",
        "concurrent",
        REQUESTS,
        {"loop": "asyncio", "concurrency": 50},
        tls=True,
    ),
    Scenario(
        "h2_100",
        "Small GET, HTTP/2, asyncio, 100 in flight",
        "concurrent",
        REQUESTS,
        {"loop": "asyncio", "concurrency": 100, "http2": True},
        tls=True,
    ),
    Scenario("map_500", "Small GET, sync, 500 in flight without threads", "map", REQUESTS, {"concurrency": 500}),
    _crowd(1000),
    _crowd(5000, 1000),
    _crowd(10000, 5000),
    *(_threads(count) for count in (1, 5, 20)),
    _many_threads(http2=False),
    _many_threads(http2=True),
    _bulk("download", tls=False),
    _bulk("download", tls=True),
    _bulk("download", tls=False, colour="Async"),
    _bulk("upload", tls=False),
    _bulk("upload", tls=True),
    Scenario(
        "upload_nginx",
        "Large upload over TLS through nginx",
        "bulk",
        BULK,
        {"direction": "upload", "colour": "Sync", "through": True},
        tls=True,
        only=("courser",),
        rounds=7,
    ),
    _over_http2("download"),
    _over_http2("upload"),
    Scenario(
        "beside",
        "Small GETs beside a large download, asyncio",
        "beside",
        ("99th percentile", "median", "requests per second"),
        {"loop": "asyncio"},
        without=FLOOR,
    ),
    Scenario("import", "Import, over a bare interpreter", "import", ("import",), {"repeat": 3}, without=FLOOR),
    Scenario(
        "first",
        "Import, a client and its first request, over a bare interpreter",
        "first",
        ("first request",),
        {"repeat": 3},
        without=FLOOR,
    ),
    Scenario("construct", "Making a client", "construct", ("a client", "100 clients"), {"count": 100}),
    Scenario(
        "idle",
        "Memory of an idle connection",
        "idle",
        ("a connection",),
        {"count": 1000},
        without=FLOOR,
        rounds=3,
        fewer={"httpx": {"count": 250}, "httpx2": {"count": 250}},
    ),
    *(_echo(size) for size in (16, 65536)),
    *(_echo_sync(size) for size in (16, 65536)),
    Scenario(
        "ws_idle",
        "Memory of an idle WebSocket",
        "quiet",
        ("a connection",),
        {"count": 10_000},
        only=ON_WEBSOCKET,
        rounds=3,
    ),
)

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
