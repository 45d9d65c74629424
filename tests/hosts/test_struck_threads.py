"""Threads that share an HTTP/2 connection, struck at any moment: the others go on, and nobody sleeps for ever."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import struckthreads

import courser


@pytest.mark.parametrize("seed", [1, 2])
def test_nobody_sleeps_for_ever(seed: int) -> None:
    script = Path(struckthreads.__file__)
    path = os.pathsep.join([str(script.parent), str(Path(courser.__file__).parents[1])])
    command = [sys.executable, str(script), str(seed)]

    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 0, done.stderr
