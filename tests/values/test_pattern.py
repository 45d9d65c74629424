"""A late pattern is a pattern that is compiled when it is first used, and once."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

import pytest

import courser
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


def patterns() -> Iterator[tuple[str, re.Pattern[Any]]]:
    """The patterns of all modules, with their names; those in functions are not among them."""
    for found in pkgutil.walk_packages(courser.__path__, "courser."):
        if not found.name.endswith("__main__"):
            for name, value in vars(importlib.import_module(found.name)).items():
                owner = getattr(value, "__self__", value)
                if isinstance(owner, re.Pattern | module._Late):
                    yield f"{found.name}.{name}", owner


def repeated_groups(tree: Any) -> Iterator[Any]:
    """What possessive repeats have in them, if it is more than one character."""
    for operation, argument in tree:
        if operation is codes.POSSESSIVE_REPEAT and (
            len(argument[2]) > 1 or argument[2][0][0] not in (codes.IN, codes.LITERAL, codes.NOT_LITERAL, codes.ANY)
        ):
            yield argument[2]
        for part in _parts(argument):
            yield from repeated_groups(part)


def _parts(argument: Any) -> Iterator[Any]:
    if isinstance(argument, parser.SubPattern):
        yield argument
    elif isinstance(argument, tuple | list):
        for each in argument:
            yield from _parts(each)


def test_no_group_is_possessive() -> None:
    """Before Python 3.11.5 one may take what an attempt has matched that fails half-way."""
    assert list(repeated_groups(parser.parse("a(?:bc)*+")))
    seen = dict(patterns())
    assert len(seen) > 50

    assert [name for name, each in seen.items() if list(repeated_groups(parser.parse(each.pattern, each.flags)))] == []
