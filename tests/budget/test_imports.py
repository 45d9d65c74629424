"""What an import brings along: counted in modules, for a clock would tell of the machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import courser

PATH = str(Path(next(iter(courser.__path__))).parent)

HEAVY = {"asyncio", "concurrent", "email", "http", "idna", "json", "logging", "ssl", "trio", "urllib"}
"""What no import of this library may bring before it is needed."""


def brought(statement: str) -> set[str]:
    """The top-level modules that a statement brings into a fresh, isolated interpreter."""
    code = (
        f"import sys; sys.path.insert(0, {PATH!r}); before = set(sys.modules); {statement}; "
        "after = set(sys.modules) - before; import json; print(json.dumps(sorted(after)))"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def test_the_package_alone_brings_nothing() -> None:
    """So `import courser` costs well under a millisecond, and a script that sends nothing pays nothing."""
    assert brought("import courser") == {"__future__", "courser", "courser.version"}


@pytest.mark.parametrize("name", ["HTTPError", "Timeout", "URL", "Headers"])
def test_a_value_brings_no_client(name: str) -> None:
    modules = brought(f"import courser; courser.{name}")

    assert not any(module.startswith(("courser.core", "courser.hosts", "courser.client")) for module in modules)


@pytest.mark.parametrize("statement", ["courser.get", "courser.Client()", "courser.AsyncClient()"])
def test_a_client_brings_nothing_heavy(statement: str) -> None:
    modules = brought(f"import courser; {statement}")

    assert {module.partition(".")[0] for module in modules} & HEAVY == set()
