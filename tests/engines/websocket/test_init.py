"""The package gives what the I/O side needs, and the server's side when it is asked for."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

from courser.engines import websocket


@pytest.mark.parametrize("name", websocket.__all__)
def test_every_name_is_there(name: str) -> None:
    assert getattr(websocket, name) is not None


def test_the_server_side_is_that_of_its_module() -> None:
    module = import_module("courser.engines.websocket.accepting")
    assert websocket.answer_upgrade is module.answer_upgrade
    assert websocket.answer_connect is module.answer_connect
    assert websocket.Answer is module.Answer


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("import courser", "courser.engines.websocket"),
        ("import courser.engines.websocket", "courser.engines.websocket.accepting"),
    ],
)
def test_who_does_without_does_not_import_it(code: str, name: str) -> None:
    subprocess.run([sys.executable, "-c", f"{code}; import sys; assert {name!r} not in sys.modules"], check=True)


def test_no_other_name_is_found() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        getattr(websocket, "nonsense")  # noqa: B009
