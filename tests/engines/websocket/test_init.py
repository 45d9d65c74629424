"""The package gives what the I/O side needs, and costs nobody who does without."""

from __future__ import annotations

import subprocess
import sys

import pytest

from courser.engines import websocket


@pytest.mark.parametrize("name", websocket.__all__)
def test_every_name_is_there(name: str) -> None:
    assert getattr(websocket, name) is not None


def test_who_does_without_does_not_import_it() -> None:
    code = "import sys, courser; assert not [name for name in sys.modules if 'engines.websocket' in name]"
    subprocess.run([sys.executable, "-c", code], check=True)
