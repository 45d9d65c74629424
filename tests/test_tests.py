"""Every source file has its own test file, at the same place under tests/."""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
SOURCE = TESTS.parent / "src" / "courser"

EXCEPTIONS: dict[str, str] = {
    "__main__.py": "starts cli and nothing else",
    "version.py": "one constant, compared with the distribution's in test_modules.py",
}
"""Source file -> why it needs no test file of its own."""

FILES = sorted(path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py") if path.name != "__init__.py")


def expected_test(source: str) -> str:
    folder, _, name = source.rpartition("/")
    return f"{folder}/test_{name}".lstrip("/")


@pytest.mark.parametrize("source", FILES)
def test_source_has_its_test_file(source: str) -> None:
    expected = TESTS / expected_test(source)

    assert expected.is_file() or source in EXCEPTIONS, f"src/courser/{source} wants tests/{expected_test(source)}"


@pytest.mark.parametrize("source", EXCEPTIONS)
def test_no_exception_without_need(source: str) -> None:
    assert not (TESTS / expected_test(source)).exists()
