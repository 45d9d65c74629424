"""The phases of a dial: kept for the response, told to whoever follows the call."""

from __future__ import annotations

from typing import Any

import pytest

from courser.core.deadline import Deadline
from courser.core.phases import Phases
from courser.hosts.inline import run_inline
from courser.settings import Timeout


class Told(list[Any]):
    async def tell(self, name: str, at: float, **facts: Any) -> None:
        self.append((name, facts["detail"], facts["seconds"] >= 0))


class Link:
    def __init__(self, **facts: Any) -> None:
        self.facts = facts

    def info(self) -> dict[str, Any]:
        return self.facts


def test_each_phase_has_its_time() -> None:
    deadline = Deadline(Timeout(), False, 0.0)
    phases = Phases(deadline)
    assert deadline.opening == {}

    run_inline(phases.over("connect", Link()))  # type: ignore[arg-type]
    run_inline(phases.over("tls", "a.example"))

    assert deadline.opening is not None
    assert list(deadline.opening) == ["connect", "tls"]
    assert all(seconds >= 0 for seconds in deadline.opening.values())


def test_turns_of_one_phase_add_up() -> None:
    deadline = Deadline(Timeout(), False, 0.0)
    phases = Phases(deadline)
    deadline.opening = {"proxy": 5.0}

    run_inline(phases.over("proxy", "http://proxy:3128"))

    assert deadline.opening["proxy"] >= 5.0


def test_what_another_dial_counts_stays() -> None:
    deadline = Deadline(Timeout(), False, 0.0)
    phases = Phases(deadline)
    deadline.opening = None

    run_inline(phases.over("dns", "a.example"))

    assert deadline.opening is None


@pytest.mark.parametrize(
    ("of", "detail"),
    [
        ("a.example", "a.example"),
        (Link(peer=("127.0.0.1", 80)), "127.0.0.1:80"),
        (Link(peer=("::1", 80, 0, 0)), "[::1]:80"),
        (Link(peer="/run/socket"), "/run/socket"),
        (Link(), ""),
    ],
)
def test_phases_are_told(of: Any, detail: str) -> None:
    deadline = Deadline(Timeout(), False, 0.0)
    told: Any = Told()
    deadline.trace = told

    run_inline(Phases(deadline).over("connect", of))

    assert told == [("connect", detail, True)]
