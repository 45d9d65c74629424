"""A few rounds of each harness, always the same ones; `make fuzz` runs them for longer, with others each time."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
HARNESSES = sorted(path.stem for path in FOLDER.glob("fuzz_*.py"))


@pytest.mark.parametrize("seed", [0, 1 << 20, 1 << 40])
@pytest.mark.parametrize("name", HARNESSES)
def test_a_harness_finds_nothing(name: str, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(FOLDER)
    rounds, harness = importlib.import_module("rounds"), importlib.import_module(name)

    assert rounds.run(name, harness.check, seed, rounds=300) == 300
