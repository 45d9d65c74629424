"""The package gives both engines, the server's side when it is asked for."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

from courser.engines import http2


@pytest.mark.parametrize("name", http2.__all__)
def test_every_name_is_there(name: str) -> None:
    assert getattr(http2, name) is not None


def test_the_server_side_is_that_of_its_module() -> None:
    assert http2.ServerEngine is import_module("courser.engines.http2.server").ServerEngine


def test_a_client_does_without_the_server_side() -> None:
    code = "import sys, courser.engines.http2; assert 'courser.engines.http2.server' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_no_other_name_is_found() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        getattr(http2, "nonsense")  # noqa: B009
