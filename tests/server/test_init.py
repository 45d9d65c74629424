"""The package gives what a handler needs, and what WebSockets need when it is asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

from courser import server


@pytest.mark.parametrize("name", server.__all__)
def test_every_name_is_there(name: str) -> None:
    assert getattr(server, name) is not None


def test_websockets_wait_until_somebody_asks_for_them() -> None:
    code = "import sys, courser.server; assert 'courser.server.websocket' not in sys.modules"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_there_is_nothing_else() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Elsewhere'"):
        _ = server.Elsewhere  # type: ignore[attr-defined]
