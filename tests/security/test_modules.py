"""What the library never imports: parsers and stores with a history of holes, and what could lay files about."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import courser

SOURCE = Path(courser.__file__).parent

NEVER = {
    "http.cookies": "CVE-2024-7592, CVE-2026-3644: cookies are read by rules of their own",
    "email": "CVE-2023-27043, CVE-2024-6923: header fields of HTTP are not those of mail",
    "encodings.idna": "CVE-2026-17084: names are encoded by the package idna",
    "stringprep": "CVE-2026-17084",
    "pickle": "CVE-2026-34993: nothing that is loaded runs",
    "tempfile": "CVE-2026-25645: nothing is unpacked into files",
    "certifi": "CVE-2022-23491, CVE-2023-37920, CVE-2024-39689: roots are those of the system",
    "http.client": "CVE-2013-1752, CVE-2025-13836: the parser is our own",
    "urllib.request": "CVE-2011-1521, CVE-2026-15806: nothing that opens whatever it is given",
    "urllib.parse": "CVE-2023-24329, CVE-2024-11168: URLs are read by one parser",
    "xmlrpc": "CVE-2013-1753",
}
"""Module -> why it stays out."""

BUT = {"urllib.request": {"resolve/proxies.py"}}
"""Module -> where it is imported all the same: the settings of macOS and Windows are read by it, and nothing else."""


def imported(path: Path) -> Iterator[str]:
    """The modules that a file imports when it runs, those for type checkers left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


USED = {(name, path.relative_to(SOURCE).as_posix()) for path in SOURCE.rglob("*.py") for name in imported(path)}


@pytest.mark.parametrize("module", NEVER)
def test_it_stays_out(module: str) -> None:
    places = {place for name, place in USED if name == module or name.startswith(f"{module}.")}

    assert places == BUT.get(module, set())


def test_imports_are_found() -> None:
    assert ("zlib", "engines/inflate.py") in USED


def test_cve_2025_69227_no_check_is_an_assert() -> None:
    """CVE-2024-30251, CVE-2025-69227: what reads a peer's bytes is the same under `python -O`."""
    with_assert = [
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        if path.parts[len(SOURCE.parts)] in ("engines", "policies")
        and any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    ]

    assert with_assert == []
