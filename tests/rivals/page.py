"""The page that shows who does what, made of the results of a run.

`results.json` beside this file has the verdicts of the last run; `docs/rivals.md` is made of it and of the cases, and
a test sees that it still is.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any, Final

from case import ERROR, KINDS, NOT_ASKED, RIGHT, WRONG, Case
from cases.every import CASES

HERE: Final = Path(__file__).parent
RESULTS: Final = HERE / "results.json"
PAGE: Final = HERE.parents[1] / "docs" / "rivals.md"

Verdicts = dict[str, tuple[str, str]]
Results = dict[str, dict[str, Any]]

SIGNS: Final = {RIGHT: "✓", WRONG: "✗", ERROR: "!", NOT_ASKED: "–"}
LONGEST: Final = 100
"""Characters of a reason that the page has."""

HEAD: Final = """\
# Beside other clients

Things that HTTP clients get wrong, most of them without a word: each is a case of `tests/rivals`, run against every
client with the same servers on the loopback. This page is made by that run (`make rivals`) and by nothing else; the
column of courser is part of `make test`, in plain code, under asyncio and under trio.

Every client is used as its documentation has it, with redirects, cookies and decoding switched on where they are not.
It is asked for br and zstd only if it offers them as it is installed for the benchmarks.

| | |
|---|---|
| ✓ | right |
| ✗ | something else happens, and the caller is not told |
| ! | an error, or no end, where there should be a result |
| – | the client has no way to be asked |

"""


def show(client: str, verdicts: Verdicts) -> None:
    """Print what one client does not do right."""
    counts = Counter(verdict for verdict, _ in verdicts.values())
    print(f"{client}: " + ", ".join(f"{counts[verdict]} {verdict}" for verdict in SIGNS), flush=True)
    for name, (verdict, why) in verdicts.items():
        if verdict in (WRONG, ERROR):
            print(f"    {SIGNS[verdict]} {name}: {shortened(why)}", flush=True)


def shortened(why: str) -> str:
    """A reason without what changes from run to run, on one line."""
    text = re.sub(r"(127\.0\.0\.1|localhost):\d+", r"\1", why)
    text = re.sub(r"port=\d+", "port=...", text)
    text = re.sub(r"0x[0-9a-f]{6,}", "0x...", text)
    text = text.replace("`", "'")
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def save(found: Results) -> None:
    """Write the results and the page."""
    for each in found.values():
        each["verdicts"] = {name: [verdict, shortened(why)] for name, (verdict, why) in each["verdicts"].items()}
    RESULTS.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    PAGE.write_text(render(found), encoding="utf-8")


def load() -> Results:
    """The results of the last run."""
    return json.loads(RESULTS.read_text(encoding="utf-8"))


def render(found: Results) -> str:
    """The page."""
    parts = [HEAD, _totals(found)]
    for kind, title in KINDS.items():
        cases = [case for case in CASES.values() if case.kind == kind]
        parts.append(f"## {title}\n\n{_table(cases, found)}\n")
        parts += [_section(case, found) for case in cases]
    return "\n".join(parts).rstrip() + "\n"


def _row(*cells: object) -> str:
    return "| " + " | ".join(map(str, cells)) + " |\n"


def _totals(found: Results) -> str:
    text = _row("", "version", *SIGNS.values()) + _row(*["---"] * 6)
    for client, each in found.items():
        counts = Counter(verdict for verdict, _ in each["verdicts"].values())
        text += _row(client, each["version"], *(counts[verdict] or "" for verdict in SIGNS))
    return text


def _table(cases: list[Case], found: Results) -> str:
    text = _row("", *found) + _row("---", *[":-:"] * len(found))
    for case in cases:
        signs = (SIGNS[each["verdicts"][case.id][0]] for each in found.values())
        text += _row(f"[{case.id}](#{case.id})", *signs)
    return text


def _section(case: Case, found: Results) -> str:
    text = f"### {case.id}\n\n{case.does} **Right:** {case.right}"
    if case.row:
        text += f" (Row {case.row} of [what is different](inside/differences.md).)"
    told: dict[tuple[str, str], list[str]] = {}
    for client, each in found.items():
        verdict, why = each["verdicts"][case.id]
        if verdict in (WRONG, ERROR):
            told.setdefault((verdict, why), []).append(client)
    lines = [f"- {SIGNS[verdict]} {', '.join(clients)}: `{why}`\n" for (verdict, why), clients in told.items()]
    return text + "\n" + ("\n" + "".join(lines) if lines else "")
