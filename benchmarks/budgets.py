"""What courser has promised about its speed and size, and where each promise is measured."""

from __future__ import annotations

from dataclasses import dataclass

from scenarios import METRICS, guest


@dataclass(frozen=True)
class Budget:
    """A promise: `metric` of courser in `scenario`, divided by that of `client` in the same rounds, is within `limit`.

    Args:
        scenario: where it is measured.
        metric: what is measured.
        limit: of the ratio; of the figure itself where there is no client.
        client: whom courser is compared with, by the name in the scenario's table.
    """

    scenario: str
    metric: str
    limit: float
    client: str = ""

    @property
    def text(self) -> str:
        sign = ">=" if METRICS[self.metric].more_is_better else "<="
        whom = f"of {self.client}" if self.client else METRICS[self.metric].unit
        return f"{self.scenario}: {self.metric} {sign} {self.limit:g} {whom}"


CPU = "CPU per request"
MESSAGE = "CPU per message"
BULK_SYNC = ("download", "download_tls", "upload", "upload_tls")
BUDGETS = (
    Budget("sync", CPU, 2.2, "bare"),
    *(Budget("sync", CPU, 1.0, rival) for rival in ("pyreqwest", "pycurl", "wreq")),
    Budget("sync_tls", CPU, 1.0, "wreq"),
    *(Budget(f"aio_{count}", CPU, 0.30, "aiohttp") for count in (50, 500)),
    *(Budget(f"aio_{count}", CPU, 0.80, "wreq") for count in (50, 500)),
    *(Budget("aio_50_tls", CPU, 1.0, rival) for rival in ("wreq", "aiohttp")),
    *(Budget(f"uvloop_{count}", CPU, 1.0, guest("courser", f"aio_{count}")) for count in (50, 500)),
    *(Budget(f"direct_{count}", CPU, 1.0, guest("courser", f"aio_{count}")) for count in (50, 500)),
    *(Budget(f"trio_{count}", CPU, 1.3, guest("courser", f"aio_{count}")) for count in (50, 500)),
    Budget("h2_100", CPU, 0.06, "httpx2"),
    *(Budget("h2_100", CPU, limit, rival) for limit, rival in ((0.6, "pyreqwest"), (1.0, "wreq"))),
    *(Budget(name, "throughput", 0.9, "bare") for name in BULK_SYNC),
    *(Budget(name, "peak memory", 64.0) for name in (*BULK_SYNC, "download_aio")),
    Budget("download_h2", "throughput", 0.85, guest("courser", "download_tls")),
    Budget("upload_h2", "throughput", 0.85, guest("courser", "upload_nginx")),
    Budget("threads_50_h2", "requests per second", 1.0, guest("courser", "threads_50_tls")),
    Budget("beside", "99th percentile", 10.0),
    Budget("flight_10000", "tail", 3.0),
    Budget("flight_10000", CPU, 2.0, guest("courser", "flight_1000")),
    Budget("threads_20", "requests per second", 1.5, guest("courser", "threads_1")),
    Budget("import", "import", 25.0),
    Budget("construct", "a client", 50.0),
    Budget("construct", "100 clients", 5.0),
    Budget("idle", "a connection", 8.0),
    *(Budget(f"ws_{size}", MESSAGE, 1.0, rival) for size in (16, 65536) for rival in ("aiohttp", "websockets")),
    Budget("ws_16", MESSAGE, 1.2, "picows"),
    *(Budget(f"ws_{size}_sync", MESSAGE, 1.0, "websockets") for size in (16, 65536)),
    *(
        Budget(f"ws_{size}_sync", MESSAGE, 1.0, guest(rival, f"ws_{size}"))
        for size in (16, 65536)
        for rival in ("aiohttp", "websockets", "picows")
    ),
    Budget("ws_idle", "a connection", 0.75, "aiohttp"),
)

COUNTED = {
    "Python frames entered for one warm GET <= 60": "tests/budget/test_frames.py",
    "what an import brings along": "tests/budget/test_imports.py",
    "bytes allocated for an idle connection <= 8192": "tests/budget/test_memory.py",
}
"""Promise -> the test that keeps it by counting what a clock could only guess."""
