"""The package gives the public names, each from the one module that it is at home in, when it is first used."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

import courser

SOURCE = Path(courser.__file__).read_text(encoding="utf-8")


def told_to_checkers() -> dict[str, str]:
    """Name -> module, as type checkers read it."""
    found: dict[str, str] = {}
    for node in ast.walk(ast.parse(SOURCE)):
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            found.update({alias.name: node.module or "" for alias in node.names})
    return found


@pytest.mark.parametrize("name", courser.__all__)
def test_a_name_is_what_its_home_says(name: str) -> None:
    home = importlib.import_module(f"courser.{told_to_checkers()[name]}")

    assert getattr(courser, name) is getattr(home, name)
    assert name in home.__all__


def test_checkers_are_told_of_no_other_name() -> None:
    assert set(told_to_checkers()) == set(courser.__all__)


def test_every_error_is_public() -> None:
    errors = importlib.import_module("courser.errors")
    assert set(errors.__all__) <= set(courser.__all__)


def test_a_name_is_found_by_the_first_look_and_kept() -> None:
    vars(courser).pop("Client", None)

    made = courser.Client

    assert vars(courser)["Client"] is made


def test_names_are_listed_before_they_are_used() -> None:
    assert set(courser.__all__) <= set(dir(courser))
    assert dir(courser) == sorted(dir(courser))


@pytest.mark.parametrize("name", ["nonsense", "Session", "Note", "api_client"])
def test_no_other_name_is_found(name: str) -> None:
    with pytest.raises(AttributeError, match=f"module 'courser' has no attribute '{name}'"):
        getattr(courser, name)


def test_a_name_without_a_home_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courser, "__all__", [*courser.__all__, "homeless"])
    with pytest.raises(AttributeError, match="homeless"):
        _ = courser.homeless  # type: ignore[attr-defined]
