"""mypy and pyright infer what the examples say, and refuse what they must."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import courser

HERE = Path(__file__).parent
SOURCE = Path(next(iter(courser.__path__))).parent

Checker = Callable[[Path, Path], dict[int, str]]
"""Takes a file and a folder for itself; gives the lines that are refused, and why."""


def mypy(file: Path, folder: Path) -> dict[int, str]:
    options = ["--strict", "--no-error-summary", "--no-incremental", "--config-file=", f"--cache-dir={folder}"]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, str(file)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={"MYPYPATH": str(SOURCE), "PATH": ""},
    )
    assert not done.stderr, done.stderr
    found = re.findall(r"^.*?([^/\\]+\.py):(\d+): error: (.*)$", done.stdout, re.MULTILINE)
    assert {name for name, _, _ in found} <= {file.name}, done.stdout
    return {int(line): text for _, line, text in found}


def pyright(file: Path, folder: Path) -> dict[int, str]:
    (folder / file.name).write_bytes(file.read_bytes())
    settings = {
        "include": [file.name],
        "extraPaths": [str(SOURCE)],
        "typeCheckingMode": "strict",
        "reportUnusedExpression": False,
        "reportUnusedCoroutine": False,
    }
    (folder / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, "-p", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        found = json.loads(done.stdout)
    except ValueError:
        pytest.skip(f"pyright cannot run here: {done.stderr.strip()[-200:]}")
    assert found["summary"]["filesAnalyzed"] == 1
    return {
        each["range"]["start"]["line"] + 1: each["message"]
        for each in found["generalDiagnostics"]
        if each["severity"] == "error"
    }


@pytest.fixture(params=[mypy, pyright], ids=["mypy", "pyright"])
def checker(request: pytest.FixtureRequest) -> Checker:
    made: Checker = request.param
    if importlib.util.find_spec(made.__name__) is None:
        pytest.skip(f"{made.__name__} is not installed")
    return made


def test_what_is_inferred(checker: Checker, tmp_path: Path) -> None:
    assert checker(HERE / "good.py", tmp_path) == {}


def test_what_is_refused(checker: Checker, tmp_path: Path) -> None:
    lines = (HERE / "wrong.py").read_text(encoding="utf-8").splitlines()
    wanted = {number for number, line in enumerate(lines, 1) if "# refused: " in line}

    found = checker(HERE / "wrong.py", tmp_path)

    assert wanted
    assert set(found) == wanted, found
