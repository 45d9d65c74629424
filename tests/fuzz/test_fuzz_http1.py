"""A few rounds of the HTTP/1 harness, always the same ones."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

HARNESS = Path(__file__).with_name("fuzz_http1.py")


@pytest.mark.parametrize("seed", [0, 1 << 20, 1 << 40])
def test_mutated_messages_give_documented_errors_only(seed: int) -> None:
    spec = importlib.util.spec_from_file_location("fuzz_http1", HARNESS)
    assert spec is not None
    assert spec.loader is not None
    harness = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(harness)

    assert harness.run(seed, rounds=300) == 300
