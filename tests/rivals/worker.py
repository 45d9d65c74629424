"""One client in the environment where it is installed: takes jobs as lines of JSON, and answers each with a line.

python worker.py httpx
"""

from __future__ import annotations

import importlib
import io
import json
import logging
import os
import sys
import warnings
from typing import Any

from drivers.common import Unsupported, close_files, forget_peak, peak, told


def answer(driver: Any, module: Any, step: dict[str, Any]) -> dict[str, Any]:
    """Do one step, and tell what came of it."""
    forget_peak()
    before = peak()
    try:
        found = driver.send(step)
    except Unsupported as reason:
        return {"unsupported": str(reason)}
    except BaseException as error:
        # Some raise what is no Exception, such as the panics of Rust.
        found = told(error, module.ERRORS, module.TIMEOUTS)
    return {**found, "grown": peak() - before}


def perform(module: Any, job: dict[str, Any]) -> dict[str, Any]:
    """Do one case."""
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        try:
            driver = module.Driver(job["client"])
        except Unsupported as reason:
            return {"answers": [{"unsupported": str(reason)}], "log": ""}
        except BaseException as error:
            return {"answers": [told(error, module.ERRORS, module.TIMEOUTS)], "log": ""}
        answers = [answer(driver, module, step) for step in job["steps"]]
        try:
            driver.close()
        except Exception:
            pass  # of no case is how a client is closed
        return {"answers": answers, "log": log.getvalue()}
    finally:
        close_files()
        root.removeHandler(handler)


def main() -> None:
    warnings.simplefilter("ignore")
    module = importlib.import_module(f"drivers.{sys.argv[1]}")
    for line in sys.stdin:
        print(json.dumps(perform(module, json.loads(line))), flush=True)
    # Some clients wait for their own threads at exit, some never end.
    os._exit(0)


if __name__ == "__main__":
    main()
