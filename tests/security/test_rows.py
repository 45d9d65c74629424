"""Every published hole of the areas that are built has a test that names it; the list is scripts/security_rows.toml."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import security_rows as script

ROOT = Path(__file__).parents[2]
SURVEY = (ROOT / "../shared/design/SECURITY.md").resolve()
"""The survey that the list was made from, where it lies beside the repository."""

FULL_ID = re.compile(r"CVE-\d{4}-\d{4,}|GHSA(?:-[0-9a-z]{4}){3}|PSF-\d{4}-\d+|(?<![\d-])(?:19|20)\d\d-\d{4,7}(?!\d)")
SIDE = {**dict.fromkeys(range(1, 8), 3), 9: 2}
"""Section of the survey -> the column that says whether a client (C), a server (S) or both (B) can be hit."""

ROWS = script.load()
SAID = script.said()


@pytest.mark.parametrize("area", script.BUILT)
def test_every_row_of_an_area_has_a_test(area: str) -> None:
    assert script.missing(ROWS[area], SAID) == {}


def test_areas_are_those_of_the_list() -> None:
    assert {*script.BUILT, script.WITHOUT} < ROWS.keys()


def test_a_row_says_what_went_wrong_and_stands_once() -> None:
    rows = [(row, words) for area in ROWS.values() for row, words in area.items()]
    names = [name for row, _ in rows for name in row.split()]

    assert all(words and row == row.strip() for row, words in rows)
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize(
    ("name", "text", "named"),
    [
        ("CVE-2014-1829", '"""CVE-2014-1829: why"""', True),
        ("CVE-2014-1829", "test_cve_2014_1829_passwords", True),
        ("CVE-2014-1829", "CVE-2014-18290", False),
        ("requests#6074", "psf/requests#6074", True),
        ("aiohttp#13180", "aiohttp #13180", True),
        ("aiohttp#13180", "another#13180", False),
        ("h11-0.15", "test_h11_0_15_a_length", True),
        ("GHSA-pf96-p4fj-6566", "test_ghsa_pf96_p4fj_6566_framing", True),
    ],
)
def test_ids_are_written_in_several_ways(name: str, text: str, named: bool) -> None:
    assert (script.missing({name: "words"}, text.lower()) == {}) is named


def test_only_what_a_test_says_counts(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text('# CVE-2000-0001\ndef test_cve_2000_0002():\n    """CVE-2000-0003"""\n')
    (tmp_path / "cases.toml").write_text('name = "CVE-2000-0004"\n')

    said = script.said(tmp_path)

    assert "0001" not in said
    assert all(number in said for number in ("0002", "0003", "0004"))


def test_the_script_tells_of_each_area() -> None:
    done = subprocess.run([sys.executable, script.__file__, "--all"], capture_output=True, text=True, check=False)

    assert [line.split()[0].rstrip(":") for line in done.stdout.splitlines() if line[0] != " "] == [
        area for area in ROWS if area != script.WITHOUT
    ]


def surveyed() -> dict[str, str]:
    """The ids of the survey that concern a client, and where they stand."""
    found: dict[str, str] = {}
    section = 0
    for line in SURVEY.read_text(encoding="utf-8").splitlines():
        if heading := re.match(r"## (\d+)\.", line):
            section = int(heading[1])
        if not line.startswith("|") or line.startswith("|---") or not 1 <= section <= 13:
            continue
        cells = [cell.strip(" *") for cell in line.strip("|").split("|")]
        if section in SIDE and len(cells) > SIDE[section] and cells[SIDE[section]] == "S":
            continue
        for name in FULL_ID.findall(cells[1 if section == 11 else 0]):
            found[name if name[0].isalpha() else f"CVE-{name}"] = f"section {section}: {cells[0]}"
    return found


def test_the_list_has_every_row_of_the_survey() -> None:
    if not SURVEY.is_file():
        pytest.skip(f"no {SURVEY}")
    listed = {name for area in ROWS.values() for row in area for name in row.split()}

    assert {name: place for name, place in surveyed().items() if name not in listed} == {}
