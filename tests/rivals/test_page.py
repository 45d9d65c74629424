"""The page "Beside other clients" is what the last run found, about the cases as they are."""

from __future__ import annotations

import pytest
from case import RIGHT
from cases.every import CASES
from page import LONGEST, PAGE, load, render, shortened


def test_the_page_is_made_of_the_results() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(load()), "run `make rivals`"


@pytest.mark.parametrize("client", load())
def test_every_client_was_asked_every_case(client: str) -> None:
    assert list(load()[client]["verdicts"]) == list(CASES), "run `make rivals`"


def test_courser_was_right() -> None:
    verdicts = load()["courser"]["verdicts"]

    assert {name: why for name, (verdict, why) in verdicts.items() if verdict != RIGHT} == {}


@pytest.mark.parametrize(
    ("why", "shown"),
    [
        ("no route to 127.0.0.1:4711", "no route to 127.0.0.1"),
        ("http://localhost:80/ is it", "http://localhost/ is it"),
        ("Pool(host='127.0.0.1', port=4711)", "Pool(host='127.0.0.1', port=...)"),
        ("<object at 0x7f00aabbccdd>", "<object at 0x...>"),
        ("`a`", "'a'"),
    ],
)
def test_reasons_are_the_same_in_every_run(why: str, shown: str) -> None:
    assert shortened(why) == shown


def test_long_reasons_are_cut() -> None:
    assert shortened("a" * 1000) == "a" * (LONGEST - 3) + "..."
