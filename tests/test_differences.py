"""The page "What is different" has every row, and every test that it names exists."""

from __future__ import annotations

import ast
import json
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "inside" / "differences.md"
SURVEY = (TESTS.parent / "../shared/design/FEATURES.md").resolve()
"""The comparison of clients that the rows are from, where it lies beside the repository."""

ROW = re.compile(r"^\| (1\.\d+\.\d+) \| (.+?) \| (.*?) ?\| (.+) \|$", re.MULTILINE)
NAMED = re.compile(r"`([\w/.-]+)::([\w-]+)`")
ROWS = {row[1]: row for row in ROW.finditer(PAGE.read_text(encoding="utf-8"))}


@cache
def names_in(file: str) -> frozenset[str]:
    """The names of the tests in a file."""
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(node.name for node in functions)


@cache
def rivals() -> frozenset[str]:
    """The names of the cases that are run against other clients."""
    found = json.loads((TESTS / "rivals" / "results.json").read_text(encoding="utf-8"))
    return frozenset(found["courser"]["verdicts"])


def exists(place: str, name: str) -> bool:
    """Whether there is a test of a name."""
    if place == "rivals":
        return name in rivals()
    return (TESTS / place).is_file() and name in names_in(place)


@pytest.mark.parametrize("number", ROWS)
def test_a_row_names_a_test_or_says_why_not(number: str) -> None:
    _, what, here, shown = ROWS[number].groups()
    named = NAMED.findall(shown)

    assert what.strip()
    assert [f"{place}::{name}" for place, name in named if not exists(place, name)] == []
    assert (named and here) or re.match(r"(Later|Not here): \S", shown), shown


def test_rows_stand_in_order_and_once() -> None:
    numbers = [tuple(map(int, row[1].split("."))) for row in ROW.finditer(PAGE.read_text(encoding="utf-8"))]

    assert numbers == sorted(set(numbers))


def test_every_line_of_a_table_is_a_row() -> None:
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| 1")]

    assert len(lines) == len(ROWS)


def surveyed() -> dict[str, int]:
    """How many rows each section of the comparison has."""
    found: dict[str, int] = {}
    section = ""
    for line in SURVEY.read_text(encoding="utf-8").splitlines():
        if heading := re.match(r"#{2,3} (1\.\d+|\d+)", line):
            section = heading[1]
        if re.match(r"\| (?!Feature |Property |---)", line) and re.fullmatch(r"1\.([1-9]|1[0-2])", section):
            found[section] = found.get(section, 0) + 1
    return found


def test_every_row_of_the_comparison_is_here() -> None:
    if not SURVEY.is_file():
        pytest.skip(f"no {SURVEY}")
    here: dict[str, int] = {}
    for number in ROWS:
        section = number.rpartition(".")[0]
        here[section] = here.get(section, 0) + 1

    assert here == surveyed()
