"""Which published holes of the field have a test here that names them, and which have none?

    python scripts/security_rows.py [--all]

The list is `security_rows.toml`. A test names a hole by an id in its docstring, its name, its table of cases or the id
of a parameter; any id of a row will do. What an area that is built lacks is listed, and makes this fail; areas that are
not built yet are counted.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
LIST: Final = Path(__file__).with_suffix(".toml")

BUILT: Final = (
    "url",
    "request",
    "client",
    "http1",
    "http2",
    "coding",
    "sse",
    "text",
    "redirect",
    "cookies",
    "auth",
    "proxy",
    "tls",
    "multipart",
    "websocket",
)
"""The areas whose every row has a test."""

WITHOUT: Final = "without"
"""The rows that no test is needed for; their words say why."""


def load() -> dict[str, dict[str, str]]:
    """The rows by area: ids, and what went wrong."""
    with LIST.open("rb") as file:
        return tomllib.load(file)


def texts(path: Path) -> Iterator[str]:
    """What a test file says: its strings and the names of its functions, or all of a table that is no Python."""
    source = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        yield source
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name


def said(folder: Path = ROOT / "tests") -> str:
    """What all tests say, in lower case."""
    files = sorted([*folder.rglob("*.py"), *folder.rglob("*.toml")])
    return "\n".join(text.lower() for path in files for text in texts(path))


def pattern(name: str) -> re.Pattern[str]:
    """How a test may write an id: CVE-2014-1829, test_cve_2014_1829, psf/requests#6074, requests #6074, h11 0.15."""
    parts = re.split(r"[-#.]", name.lower())
    return re.compile(r"(?<![a-z0-9])" + r"[ _.#-]{1,2}".join(map(re.escape, parts)) + r"(?![a-z0-9])")


def missing(rows: Mapping[str, str], text: str) -> dict[str, str]:
    """The rows that a text names no id of."""
    return {row: words for row, words in rows.items() if not any(pattern(each).search(text) for each in row.split())}


def main() -> int:
    rows, text = load(), said()
    lacking = 0
    for area in rows:
        if area == WITHOUT:
            continue
        lacks = missing(rows[area], text)
        lacking += len(lacks) if area in BUILT else 0
        state = "" if area in BUILT else " (later)"
        print(f"{area}{state}: {len(rows[area]) - len(lacks)} of {len(rows[area])} rows have a test")
        if area in BUILT or "--all" in sys.argv:
            for row, words in lacks.items():
                print(f"    {row}: {words}")
    return bool(lacking)


if __name__ == "__main__":
    sys.exit(main())
