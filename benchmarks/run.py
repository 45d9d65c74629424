"""Every client in every scenario, in one run.

    python benchmarks/run.py --quick --only sync,aio_50 --clients bare,courser,aiohttp

The clients take turns: one measurement of each in a round, then the next round, so that a busy minute of the machine
strikes them alike; who begins changes from round to round. Each measurement is a process of its own on one core; the
server has another. What is reported is the median of the rounds; ratios are medians of the ratios within a round.
Many short rounds say more than few long ones. A client far behind courser, with which no budget compares, gets few.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import report
from budgets import BUDGETS
from clients import NAMES
from scenarios import BY_NAME, METRICS, SCENARIOS, Scenario
from server import Server, Urls, cores

Found = dict[str, report.Results]

HERE = Path(__file__).parent
ROOT = HERE.parent
KEPT_VARIABLES = ("HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "LD_LIBRARY_PATH")
PATIENCE = 90.0
FAR = ((30.0, 1), (3.0, 2))
"""Who is so many times worse than courser is measured in so many rounds: its second digit interests nobody."""


def worker_environment(source: Path) -> dict[str, str]:
    """Little of the caller's: no proxies, no CA files, no switch that keeps byte code from being written."""
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    return kept | {"PYTHONPATH": str(source)}


def measure(job: dict[str, Any], python: str, source: Path) -> dict[str, Any]:
    """Run one worker.

    Args:
        job: what it is to do.
        python: the interpreter of the environment where the client is installed.
        source: the folder from which courser is imported.
    """
    pair = cores()
    command = [python, str(HERE / "worker.py"), json.dumps(job | {"core": pair[0] if pair else None})]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, env=worker_environment(source), timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        return {"error": f"no result within {PATIENCE:g} s"}
    if done.returncode or not done.stdout.strip():
        lines = [line.strip(" |+-") for line in done.stderr.splitlines()]
        said = [line for line in lines if line] or [f"exit code {done.returncode}"]
        return {"error": said[-1][:200], "trace": done.stderr[-4000:]}
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def run_scenario(scenario: Scenario, urls: Urls, found: Found, options: argparse.Namespace) -> report.Results:
    """All rounds of all that takes part: name -> results; who failed or declined is not asked again."""
    results: report.Results = {}
    entries = scenario.entries(options.clients)
    for name in entries:
        if not may(scenario, name, found):
            results[name] = [{"skip": f"did not manage {scenario.after}", "round": 0}]
    waiting = [name for name in entries if name not in results]
    began = time.monotonic()
    for number in range(min(options.rounds, scenario.rounds)):
        begin = number % len(waiting) if waiting else 0
        for name in waiting[begin:] + waiting[:begin]:
            if number >= enough(scenario, name, results):
                continue
            result = {**one(*entries[name], urls, options), "round": number}
            results.setdefault(name, []).append(result)
            if "n" not in result:
                waiting.remove(name)
                _tell(f"{scenario.name}: {name}: {result.get('error') or result['skip']}")
    _tell(f"{scenario.name}: {time.monotonic() - began:.0f} s")
    return results


def may(scenario: Scenario, client: str, found: Found) -> bool:
    """Whether a client has managed what comes before a scenario."""
    before = found.get(scenario.after, {})
    return client not in before or bool(report.answered(before[client]))


def one(client: str, scenario: Scenario, urls: Urls, options: argparse.Namespace) -> dict[str, Any]:
    """One measurement, or why there is none."""
    job = scenario.job(client, urls, options.seconds)
    if job is None:
        return {"skip": "no server for it"}
    python = options.niquests if client == "niquests" else sys.executable
    return measure(job, python, options.source) if python else {"skip": "no environment given for it"}


def enough(scenario: Scenario, client: str, results: report.Results) -> float:
    """How many rounds are enough for a client, as far as is known by now."""
    compared = {budget.client for budget in BUDGETS if budget.scenario == scenario.name}
    metric = scenario.metrics[0]
    share = report.ratio(results.get(client, []), results.get("courser", []), metric)
    if client in compared or share is None:
        return math.inf
    times = 1 / share if METRICS[metric].more_is_better else share
    return next((rounds for far, rounds in FAR if times > far), math.inf)


def _tell(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def _version(python: str | None, client: str) -> str:
    if python is None:
        return ""
    code = f"from importlib import metadata; print(metadata.version({client!r}))"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _revision() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def describe(options: argparse.Namespace, urls: Urls) -> dict[str, Any]:
    """What somebody has to know to judge the figures."""
    elsewhere = ("bare", "courser", "niquests")
    versions = {name: metadata.version(name) for name in (*options.clients, "uvloop", "trio") if name not in elsewhere}
    if "niquests" in options.clients:
        versions["niquests"] = _version(options.niquests, "niquests")
    return {
        "date": time.strftime("%Y-%m-%d"),
        "revision": _revision(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.release()}",
        "cpu": f"{_cpu_model()}, {os.cpu_count()} cores",
        "pinned": cores() is not None,
        "server": urls.name,
        "big_size": urls.big_size,
        "rounds": options.rounds,
        "seconds": options.seconds,
        "versions": versions,
    }


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    def names(known: tuple[str, ...]) -> Any:
        def split(text: str) -> list[str]:
            wanted = text.split(",")
            if unknown := set(wanted) - set(known):
                raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}: not among {', '.join(known)}")
            return wanted

        return split

    parser = argparse.ArgumentParser(description="Measure courser and its rivals.")
    parser.add_argument("--quick", action="store_true", help="one short round of everything and small bodies")
    parser.add_argument("--only", type=names(tuple(BY_NAME)), default=list(BY_NAME), help="scenarios, by comma")
    parser.add_argument("--clients", type=names(NAMES), default=list(NAMES), help="clients, by comma")
    parser.add_argument("--rounds", type=int, help="measurements of each client (7; quick 1)")
    parser.add_argument("--seconds", type=float, help="length of one measurement (0.5; quick 0.3)")
    parser.add_argument("--size", type=int, help="large bodies, in MB (1024; quick 128)")
    parser.add_argument("--server", choices=("nginx", "threads"), default="nginx", help="nginx where it is installed")
    parser.add_argument("--niquests", help="the interpreter of the environment that has niquests")
    parser.add_argument("--source", type=Path, default=ROOT / "src", help="the folder that holds courser")
    parser.add_argument("--json", type=Path, default=ROOT / ".bench" / "results.json", help="where the raw results go")
    parser.add_argument("--save", type=Path, help="after a full run: folder for the page and its plots")
    options = parser.parse_args(arguments)
    options.rounds = options.rounds or (1 if options.quick else 7)
    options.seconds = options.seconds or (0.3 if options.quick else 0.5)
    options.size = options.size or (128 if options.quick else 1024)
    return options


def main() -> None:
    options = parse()
    with Server(options.size << 20, nginx=options.server == "nginx") as urls:
        found: dict[str, Any] = {"setting": describe(options, urls), "results": {}}
        for scenario in SCENARIOS:
            if scenario.name in options.only:
                results = found["results"][scenario.name] = run_scenario(scenario, urls, found["results"], options)
                print(report.table(scenario, results), flush=True)
    print(report.budgets_text(found["results"]))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(found, indent=1) + "\n")
    if options.save and (options.quick or len(options.only) < len(BY_NAME) or len(options.clients) < len(NAMES)):
        _tell(f"not all was measured, or briefly: {options.save} is left as it is; report.py can still be run")
    elif options.save:
        report.save(found, options.save)


if __name__ == "__main__":
    main()
