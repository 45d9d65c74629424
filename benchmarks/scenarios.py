"""What is measured, and what courser has promised about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

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
        Metric("throughput", lambda r: r["n"] / r["wall"] / 1e6, "MB/s", more_is_better=True),
        Metric("CPU per GB", lambda r: r["cpu"] / r["n"] * 1e9, "s"),
        Metric("peak memory", lambda r: r["peak_mb"], "MB"),
        Metric("median", lambda r: r["p50_ms"], "ms"),
        Metric("99th percentile", lambda r: r["p99_ms"], "ms"),
        Metric("import", lambda r: r["import_ms"], "ms"),
        Metric("a client", lambda r: r["each_us"], "µs"),
        Metric("100 clients", lambda r: r["memory_mb"], "MB"),
        Metric("a connection", lambda r: r["idle_kb"], "KB"),
    )
}


@dataclass(frozen=True)
class Scenario:
    """One table of the report; `metrics[0]` is what it is sorted and drawn by."""

    name: str
    title: str
    kind: str
    metrics: tuple[str, ...]
    options: dict[str, Any] = field(default_factory=dict)
    tls: bool = False
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()

    def clients(self, wanted: list[str]) -> list[str]:
        """Those of the wanted clients that the scenario is about."""
        return [name for name in wanted if name not in self.without and (not self.only or name in self.only)]

    def job(self, client: str, urls: Urls, seconds: float) -> dict[str, Any] | None:
        """What a worker is told, or None where the servers lack what is asked for."""
        job = {"client": client, "kind": self.kind, "seconds": seconds, **self.options}
        base = urls.http2 if job.get("http2") else urls.tls if self.tls else urls.plain
        if base is None:
            return None
        path, size = ("/h2" if job.get("http2") else "/s"), urls.small_size
        if self.kind == "idle":
            path, size = "/slow", urls.slow_size
        elif job.get("direction") == "download":
            path = "/big"
        elif job.get("direction") == "upload":
            base, path = (urls.upload_tls if self.tls else urls.upload), "/u"
        return job | {
            "url": base + path,
            "size": size,
            "ca": urls.ca if self.tls else None,
            "path": urls.big_file,
            "big_url": f"{base}/big",
            "big_size": urls.big_size,
        }


REQUESTS = ("CPU per request", "requests per second")
BULK = ("throughput", "CPU per GB", "peak memory")
FLOOR = ("bare",)
ON_TRIO = ("courser", "httpx", "httpx2")


def _in_flight(loop: str, count: int) -> Scenario:
    name = "aio" if loop == "asyncio" else loop
    return Scenario(
        f"{name}_{count}",
        f"Small GET, {loop}, {count} in flight",
        "concurrent",
        REQUESTS,
        {"loop": loop, "concurrency": count},
        only=ON_TRIO if loop == "trio" else (),
    )


def _threads(count: int) -> Scenario:
    title = f"Small GET, {count} thread{'s' * (count > 1)} on one client and one core"
    return Scenario(f"threads_{count}", title, "threads", REQUESTS[::-1], {"threads": count})


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
    )


SCENARIOS = (
    Scenario("sync", "Small GET, sync, warm connection", "sync", REQUESTS),
    Scenario("sync_tls", "Small GET over TLS, sync, warm connection", "sync", REQUESTS, tls=True),
    *(_in_flight("asyncio", count) for count in (1, 50, 500)),
    *(_in_flight("uvloop", count) for count in (1, 50, 500)),
    *(_in_flight("trio", count) for count in (1, 50, 500)),
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
    *(_threads(count) for count in (1, 5, 20)),
    _bulk("download", tls=False),
    _bulk("download", tls=True),
    _bulk("download", tls=False, colour="Async"),
    _bulk("upload", tls=False),
    _bulk("upload", tls=True),
    Scenario(
        "beside",
        "Small GETs beside a large download, asyncio",
        "beside",
        ("99th percentile", "median", "requests per second"),
        {"loop": "asyncio"},
        without=FLOOR,
    ),
    Scenario("import", "Import, over a bare interpreter", "import", ("import",), {"repeat": 7}, without=FLOOR),
    Scenario("construct", "Making a client", "construct", ("a client", "100 clients"), {"count": 100}),
    Scenario("idle", "Memory of an idle connection", "idle", ("a connection",), {"count": 200}, without=FLOOR),
)

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}


@dataclass(frozen=True)
class Budget:
    """A promise: `metric` of courser in `scenario`, divided by the same of `client` in `against`, is within `limit`.

    Without `client` the limit is an absolute figure.
    """

    scenario: str
    metric: str
    limit: float
    client: str | None = None
    against: str | None = None

    @property
    def text(self) -> str:
        sign = ">=" if METRICS[self.metric].more_is_better else "<="
        whom = f" of {self.client}" if self.client else f" {METRICS[self.metric].unit}"
        where = f" in {self.against}" if self.against else ""
        return f"{self.scenario}: {self.metric} {sign} {self.limit:g}{whom}{where}"


CPU = "CPU per request"
BUDGETS = (
    Budget("sync", CPU, 2.2, "bare"),
    *(Budget("sync", CPU, 1.0, rival) for rival in ("pyreqwest", "pycurl", "wreq")),
    *(Budget(f"aio_{count}", CPU, 0.30, "aiohttp") for count in (50, 500)),
    *(Budget(f"aio_{count}", CPU, 0.80, "wreq") for count in (50, 500)),
    *(Budget(f"uvloop_{count}", CPU, 1.0, "courser", f"aio_{count}") for count in (50, 500)),
    *(Budget(f"trio_{count}", CPU, 1.3, "courser", f"aio_{count}") for count in (50, 500)),
    Budget("h2_100", CPU, 0.06, "httpx2"),
    Budget("h2_100", CPU, 0.6, "pyreqwest"),
    *(Budget(name, "throughput", 0.9, "bare") for name in ("download", "download_tls", "upload", "upload_tls")),
    Budget("beside", "99th percentile", 10.0),
    Budget("threads_20", "requests per second", 1.5, "courser", "threads_1"),
    Budget("import", "import", 25.0),
    Budget("construct", "a client", 50.0),
    Budget("construct", "100 clients", 5.0),
    Budget("idle", "a connection", 8.0),
)
