"""Two states of courser against each other: a revision and the working tree.

    python benchmarks/paired.py --base HEAD~1 --only sync,aio_50

Both are measured by the harness of the working tree, in turn, and the order changes with each pair. What counts is the
ratio within a pair: below 1 for CPU, time and memory, above 1 for rates, means that the working tree is better. A ratio
whose quartiles lie on both sides of 1 says nothing.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from report import figure
from run import ROOT, measure
from scenarios import BY_NAME, METRICS, Scenario
from server import Server, Urls

DEFAULT = "sync,aio_50,aio_500,sync_tls,import,construct"


@contextmanager
def checkout(revision: str) -> Iterator[Path]:
    """The sources of a revision in a git worktree that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="courser-base-") as folder:
        path = Path(folder) / "tree"
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", str(path), revision], cwd=ROOT, check=True)
        try:
            yield path / "src"
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(path)], cwd=ROOT, check=True)


def pairs(scenario: Scenario, urls: Urls, base: Path, options: argparse.Namespace) -> list[tuple[Any, Any]]:
    """(base, working tree) for each pair."""
    job = scenario.job("courser", urls, options.seconds)
    if job is None:
        return []
    measured = []
    for number in range(options.pairs):
        order = [base, ROOT / "src"] if number % 2 == 0 else [ROOT / "src", base]
        found = {source: measure(job, sys.executable, source) for source in order}
        for source, result in found.items():
            if "n" not in result:
                reason = result.get("skip") or result.get("trace") or result["error"]
                raise SystemExit(f"{scenario.name} with {source}: {reason}")
        measured.append((found[base], found[ROOT / "src"]))
    return measured


def line(scenario: Scenario, measured: list[tuple[Any, Any]]) -> str:
    """One row: both medians, the median ratio and its quartiles."""
    metric = METRICS[scenario.metrics[0]]
    before, after = ([metric.of(pair[side]) for pair in measured] for side in (0, 1))
    ratios = [new / old for old, new in zip(before, after, strict=True)]
    low, _, high = quantiles(ratios, n=4) if len(ratios) > 1 else (ratios[0],) * 3
    name = f"{metric.name}, {metric.unit}"
    return (
        f"{scenario.name:14} {name:28} {figure(median(before)):>9} {figure(median(after)):>9} "
        f"{median(ratios):>7.3f}  {low:.3f} to {high:.3f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare the working tree with a revision.")
    parser.add_argument("--base", default="HEAD", help="the revision to compare with")
    parser.add_argument("--only", default=DEFAULT, help="scenarios, by comma")
    parser.add_argument("--pairs", type=int, default=11)
    parser.add_argument("--seconds", type=float, default=0.5, help="length of one measurement")
    parser.add_argument("--size", type=int, default=256, help="large bodies, in MB")
    options = parser.parse_args()
    chosen = [BY_NAME[name] for name in options.only.split(",")]
    print(f"{'scenario':14} {'':28} {options.base[:9]:>9} {'now':>9} {'ratio':>7}  quartiles")
    with checkout(options.base) as base, Server(options.size << 20) as urls:
        for scenario in chosen:
            print(line(scenario, pairs(scenario, urls, base, options)), flush=True)


if __name__ == "__main__":
    main()
