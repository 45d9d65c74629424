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


LIST = """// a comment
com
github.io

*.ck
!www.ck
*.kobe.jp
!city.kobe.jp
公司.cn
"""


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SimpleNamespace:
    """A package with a short list."""
    file = tmp_path / "list.dat"
    file.write_text(LIST, "utf-8")
    made = SimpleNamespace(PSLFILE=str(file))
    monkeypatch.setitem(sys.modules, "publicsuffixlist", made)
    return made


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(
    ("domain", "public"),
    [
        ("com", True),
        ("com.", True),
        ("anything", True),
        ("", True),
        ("example.com", False),
        ("github.io", True),
        ("me.github.io", False),
        ("x.ck", True),
        ("www.ck", False),
        ("y.www.ck", False),
        ("kobe.jp", True),
        ("a.kobe.jp", True),
        ("city.kobe.jp", False),
        ("x.a.kobe.jp", False),
        ("xn--55qx5d.cn", True),
        ("me.xn--55qx5d.cn", False),
        ("xn--55qx5d.com", False),
        ("xn--\u0639.com", False),
        ("xn--99999999999999.com", False),
        ("// a comment", True),
    ],
)
def test_rules_wildcards_and_exceptions(domain: str, public: bool) -> None:
    assert is_public_suffix(domain) is public


@pytest.mark.parametrize("lost", ["name", "file"])
def test_a_package_that_keeps_its_list_elsewhere_is_asked_itself(package: SimpleNamespace, lost: str) -> None:
    asked: list[str] = []

    def is_public(domain: str) -> bool:
        asked.append(domain)
        return domain == "github.io"

    made = [SimpleNamespace(is_public=is_public)]
    package.PublicSuffixList = made.pop
    if lost == "name":
        del package.PSLFILE
    else:
        os.unlink(package.PSLFILE)

    assert is_public_suffix("github.io.")
    assert not is_public_suffix("me.github.io")
    assert asked == ["github.io", "me.github.io"]


def test_every_rule_of_the_list_means_what_its_own_package_says() -> None:
    """In both spellings, one label below it and two."""
    package = pytest.importorskip("publicsuffixlist", reason="the extra `cookies` is not installed")
    theirs = package.PublicSuffixList().is_public
    text = Path(package.PSLFILE).read_text("utf-8")
    rules = [line for line in text.split("\n") if line and not line.startswith("//")]

    assert len(rules) > 5000
    for rule in rules:
        name = rule.lstrip("!*.").encode("idna").decode()
        for domain in (name, f"x.{name}", f"x.y.{name}", name.partition(".")[2]):
            assert not domain or is_public_suffix(domain) is theirs(domain), domain


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
