"""values/cookies/suffixes.py: domains that no cookie may be set for."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from courser.values.cookies import suffixes
from courser.values.cookies.suffixes import is_public_suffix
from courser.values.host import parse_host

VECTORS = Path(os.environ.get("COURSER_VECTORS", Path(__file__).parents[3] / "../shared/vectors")) / "psl" / "tests.txt"


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """What was found installed is looked for again."""
    suffixes._judge.cache_clear()
    yield
    suffixes._judge.cache_clear()


@pytest.fixture
def without_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "publicsuffixlist", None)


@pytest.mark.usefixtures("without_list")
@pytest.mark.parametrize(
    ("domain", "public"),
    [
        ("com", True),
        ("com.", True),
        ("localhost", True),
        ("", True),
        ("co.uk", True),
        ("co.uk.", True),
        ("org.au", True),
        ("example.org", False),
        ("co.example", False),
        ("t.co", False),
        ("www.co.uk", False),
    ],
)
def test_the_rule_that_stands_in_for_the_list(domain: str, public: bool) -> None:
    assert is_public_suffix(domain) is public


def test_the_list_is_asked_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def is_public(domain: str) -> bool:
        asked.append(domain)
        return domain == "github.io"

    made = [SimpleNamespace(is_public=is_public)]
    monkeypatch.setitem(sys.modules, "publicsuffixlist", SimpleNamespace(PublicSuffixList=made.pop))

    assert is_public_suffix("github.io.")
    assert not is_public_suffix("me.github.io")
    assert asked == ["github.io", "me.github.io"]


def cases() -> list[tuple[str, str | None]]:
    if not VECTORS.exists():
        return []
    lines = [line.split() for line in VECTORS.read_text("utf-8").splitlines() if line and not line.startswith("//")]
    return [(line[0], None if line[1] == "null" else line[1]) for line in lines]


@pytest.mark.skipif(not VECTORS.exists(), reason=f"the vectors {VECTORS} are absent")
def test_the_vectors_of_the_public_suffix_list() -> None:
    """CVE-2014-3620, CVE-2023-46218, CVE-2026-82209: with the extra `cookies`, every suffix of the list is known."""
    pytest.importorskip("publicsuffixlist", reason="the extra `cookies` is not installed")
    told = cases()
    assert len(told) > 70
    for text, registrable in told:
        if text == "null" or text.startswith("."):
            continue
        domain = parse_host(text)
        if registrable is None:
            assert is_public_suffix(domain), text
        else:
            own = parse_host(registrable)
            assert not is_public_suffix(own), text
            assert is_public_suffix(own.partition(".")[2]), text
            assert is_public_suffix(domain) is False


@pytest.mark.parametrize("domain", ["..", ".", "a..b", "a b", "[::1]", "1.2.3.4", "x" * 300, "-", "*.ck", "!www.ck"])
def test_no_domain_is_an_error(domain: str) -> None:
    assert is_public_suffix(domain) in (True, False)
