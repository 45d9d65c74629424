"""One client in one scenario, in a process of its own: prints one line of JSON.

    python worker.py '{"client": "httpx", "kind": "sync", ...}'

The line has `n` requests (or bytes), `wall` and `cpu` seconds, cpu over all threads of the process, or what the kind of
scenario measures besides; `skip` where the client has no such feature; `error` and `trace` where it failed.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable

from clients import Unsupported
from common import Job, Result
from crowd import flight, idle
from exchanges import beside, bulk, concurrent, mapped, sync, threads
from messages import echo, echo_sync, quiet
from presence import construct, first, importing

KINDS: dict[str, Callable[[Job], Result]] = {
    "sync": sync,
    "threads": threads,
    "map": mapped,
    "concurrent": concurrent,
    "flight": flight,
    "beside": beside,
    "bulk": bulk,
    "import": importing,
    "first": first,
    "construct": construct,
    "idle": idle,
    "echo": echo,
    "echo_sync": echo_sync,
    "quiet": quiet,
}


def telling(error: BaseException) -> BaseException:
    """The error that says most, of a group of them."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def measured(job: Job) -> Result:
    try:
        return KINDS[job["kind"]](job)
    except BaseException as error:
        reason = telling(error)
        if isinstance(reason, Unsupported):
            return {"skip": str(reason)}
        trace = "".join(traceback.format_exception(reason))
        return {"error": f"{type(reason).__name__}: {reason}"[:200], "trace": trace[-4000:]}


def main() -> None:
    job = json.loads(sys.argv[1])
    if job.get("core") is not None:
        os.sched_setaffinity(0, {job["core"]})
    if driver := job.get("driver"):
        os.environ["COURSER_DRIVER"] = driver
    print(json.dumps(measured(job)), flush=True)
    # Some clients wait for their own threads at exit, some never end.
    os._exit(0)


if __name__ == "__main__":
    main()
