"""From raw results to tables, plots and the page in the documentation.

python benchmarks/report.py .bench/results.json docs        make the page again
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from statistics import median
from typing import Any

from budgets import BUDGETS, COUNTED, Budget
from scenarios import BY_NAME, METRICS, Scenario

Results = dict[str, list[dict[str, Any]]]

COLOURS = {"courser": "#d1495b", "bare": "#9aa5b1"}
RIVAL_COLOUR = "#30638e"


def answered(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rounds that have a result."""
    return [result for result in results if "n" in result]


def values(results: list[dict[str, Any]], metric: str) -> list[float]:
    """The metric of each round that has a result."""
    return [METRICS[metric].of(result) for result in answered(results)]


def ratio(over: list[dict[str, Any]], under: list[dict[str, Any]], metric: str) -> float | None:
    """The median of the ratios within each round."""
    of = METRICS[metric].of
    below = {result["round"]: of(result) for result in answered(under)}
    ratios = [of(result) / below[result["round"]] for result in answered(over) if below.get(result["round"])]
    return median(ratios) if ratios else None


def figure(number: float) -> str:
    """Three digits that mean something, thousands kept apart."""
    return f"{number:,.0f}".replace(",", " ") if abs(number) >= 100 else f"{number:.3g}"


def ranking(scenario: Scenario, results: Results) -> list[str]:
    """Clients with a result, the best first."""
    metric = scenario.metrics[0]
    able = [client for client in results if values(results[client], metric)]
    return sorted(able, key=lambda c: median(values(results[c], metric)), reverse=METRICS[metric].more_is_better)


def rows(scenario: Scenario, results: Results) -> list[list[str]]:
    """The head of the table and a row a client."""
    first = scenario.metrics[0]
    heads = [f"{name}, {METRICS[name].unit}" for name in scenario.metrics]
    table = [["client", heads[0], "spread", "of courser", *heads[1:]]]
    for client in ranking(scenario, results):
        mine = values(results[client], first)
        share = ratio(results[client], results.get("courser", []), first)
        table.append(
            [
                client,
                figure(median(mine)),
                f"{figure(min(mine))} to {figure(max(mine))}",
                "" if share is None else f"{share:.2f}",
                *(figure(median(values(results[client], name))) for name in scenario.metrics[1:]),
            ]
        )
    return table


def remarks(results: Results) -> list[str]:
    """Why a client has no figure, or one that is not quite what the title says."""
    said = []
    for client, measured in results.items():
        said += sorted({f"{client}: {result['note']}" for result in measured if "note" in result})
        if not answered(measured):
            reason = measured[-1].get("skip") or f"failed: {measured[-1].get('error')}"
            said.append(f"{client}: {reason}")
    return said


def table(scenario: Scenario, results: Results) -> str:
    """For the terminal."""
    lines = rows(scenario, results)
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    printed = []
    for name, *cells in lines:
        right = [cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True)]
        printed.append("  ".join([name.ljust(widths[0]), *right]))
    said = [f"  - {remark}" for remark in remarks(results)]
    return "\n".join(["", f"{scenario.title} ({scenario.name})", *printed, *said])


def judged(budget: Budget, results: Results) -> float | None:
    """What the limit of a budget is for, or None where something was not measured."""
    ours = results.get("courser", [])
    if budget.client:
        return ratio(ours, results.get(budget.client, []), budget.metric)
    measured = values(ours, budget.metric)
    return median(measured) if measured else None


def verdict(budget: Budget, results: Results) -> tuple[str, str, str]:
    """Budget, measured, verdict. That courser fails is no excuse; that it or a rival cannot do a thing yet is one."""
    ours = results.get("courser", [])
    text = "; ".join([budget.text, *sorted({result["note"] for result in ours if "note" in result})])
    got = judged(budget, results)
    if got is None:
        failed = any("error" in result for result in ours)
        return text, "failed" if failed else "", "MISSED" if failed else "not measured"
    kept = got >= budget.limit if METRICS[budget.metric].more_is_better else got <= budget.limit
    return text, figure(got), "kept" if kept else "MISSED"


def verdicts(found: dict[str, Results]) -> list[tuple[str, str, str]]:
    """The verdict on each budget whose scenario was run."""
    return [verdict(budget, found[budget.scenario]) for budget in BUDGETS if budget.scenario in found]


def budgets_text(found: dict[str, Results]) -> str:
    """For the terminal."""
    lines = verdicts(found)
    printed = [f"{state:12}  {got:>8}  {text}" for text, got, state in lines]
    printed += [f"{'by a test':12}  {'':8}  {text}: {test}" for text, test in COUNTED.items()]
    return "\n".join(["", "Budgets", *printed])


# ------------------------------------------------------------------------------------------------ the page


def _markdown(lines: list[list[str]]) -> str:
    head, *body = lines
    rule = ["---", *("---:" for _ in head[1:])]
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, rule, *body])


def _plot(scenario: Scenario, results: Results, path: Path) -> None:
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "courser"
    from matplotlib import pyplot

    metric = METRICS[scenario.metrics[0]]
    clients = ranking(scenario, results)[::-1]
    middle = [median(values(results[client], metric.name)) for client in clients]
    wide = min(middle) > 0 and max(middle) > 20 * min(middle)
    picture, axes = pyplot.subplots(figsize=(7.2, 0.7 + 0.3 * len(clients)), layout="constrained")
    colours = [COLOURS.get(client.partition(" ")[0], RIVAL_COLOUR) for client in clients]
    bars = axes.barh(clients, middle, color=colours, log=wide)
    axes.bar_label(bars, [figure(number) for number in middle], padding=3, fontsize=8)
    axes.set_title(scenario.title, fontsize=10, loc="left")
    better = "more" if metric.more_is_better else "less"
    scale = ", logarithmic" if wide else ""
    axes.set_xlabel(f"{metric.name}, {metric.unit} ({better} is better{scale})", fontsize=8)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.12)
    picture.savefig(path, metadata={"Date": None})
    pyplot.close(picture)


def _setting(setting: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in setting["versions"].items())
    pinned = "clients on one core, servers on another" if setting["pinned"] else "clients and servers share the cores"
    return "\n".join(
        [
            f"- {setting['date']}, courser at {setting['revision']}",
            f"- {setting['python']}, {setting['system']}, {setting['cpu']}; {pinned}",
            f"- server: {setting['server']}; uploads: `benchmarks/sink.py`",
            f"- rounds: {setting['rounds']}, of {setting['seconds']:g} s; large bodies: {setting['big_size'] >> 20} MB",
            f"- {versions}",
        ]
    )


INTRODUCTION = """# Benchmarks

Made by `make bench`; the raw results are in [assets/benchmarks.json](assets/benchmarks.json).

In each round every client is measured once, each time in a process of its own. Figures are medians of the rounds,
ratios are medians of the ratios within a round: on a machine that does other things too they are steadier than the
figures. CPU is that of the whole process, all threads included, so that work in a client's own threads counts. `bare`
is the floor: socket calls without a client. Each client is used as its own documentation advises, reads the whole body
and is checked for status and length (see `benchmarks/clients`). A client that is many times slower than courser, and
that no budget names, is measured in one or two rounds only. `courser in aio_50` and the like are courser in another
scenario, measured in the same rounds because a budget compares the two.
"""


def page(found: dict[str, Any]) -> str:
    """The text of docs/benchmarks.md."""
    parts = [INTRODUCTION, "## Setting\n", _setting(found["setting"]) + "\n"]
    lines = [["budget", "measured", ""], *map(list, verdicts(found["results"]))]
    lines += [[text, f"`{test}`", "by a test"] for text, test in COUNTED.items()]
    parts += ["## Budgets\n", _markdown(lines) + "\n"]
    for name, results in found["results"].items():
        scenario = BY_NAME[name]
        if ranking(scenario, results):
            parts += [f"## {scenario.title}\n", f"![{scenario.title}](assets/bench-{name}.svg)\n"]
            parts += [_markdown(rows(scenario, results)) + "\n"]
        if said := remarks(results):
            parts += [f"Remarks: {'; '.join(said)}.\n"]
    return "\n".join(parts)


def save(found: dict[str, Any], folder: Path) -> None:
    """Write the page, its plots and the raw results."""
    assets = folder / "assets"
    assets.mkdir(parents=True, exist_ok=True)
    for name, results in found["results"].items():
        for measured in results.values():
            for result in measured:
                result.pop("trace", None)
        if ranking(BY_NAME[name], results):
            _plot(BY_NAME[name], results, assets / f"bench-{name}.svg")
    (assets / "benchmarks.json").write_text(json.dumps(found, indent=1) + "\n")
    (folder / "benchmarks.md").write_text(page(found))


if __name__ == "__main__":
    save(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]))
