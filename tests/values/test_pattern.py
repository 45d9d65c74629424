"""A late pattern is a pattern that is compiled when it is first used, and once."""

from __future__ import annotations

import re
from typing import Any

import pytest

from courser.values import pattern as module
from courser.values.pattern import late_pattern


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What has been compiled."""
    seen: list[object] = []

    class Seen:
        @staticmethod
        def compile(source: Any, flags: int) -> re.Pattern[Any]:
            seen.append(source)
            return re.compile(source, flags)

    monkeypatch.setattr(module, "re", Seen)
    return seen


def test_it_is_compiled_by_its_first_use(compiled: list[object]) -> None:
    digits = late_pattern("[0-9]+")
    assert compiled == []

    assert digits.fullmatch("12") is not None
    assert digits.fullmatch("ab") is None
    assert compiled == ["[0-9]+"]


def test_whatever_a_pattern_can_do_it_does() -> None:
    word = late_pattern(rb"(?P<first>[a-z])[a-z]*", re.IGNORECASE)

    assert word.sub(b"x", b"One two") == b"x x"
    assert word.groupindex == {"first": 1}
    assert word.flags & re.IGNORECASE
    assert word.pattern == rb"(?P<first>[a-z])[a-z]*"


def test_what_a_pattern_has_not_it_has_not() -> None:
    digits: Any = late_pattern("[0-9]+")
    with pytest.raises(AttributeError, match="nonsense"):
        digits.nonsense  # noqa: B018
