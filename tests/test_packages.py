"""A coding that needs a package is offered where a package is that can be trusted with it."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from courser import packages as module
from courser.packages import accept_encoding, brotli, zstd

NAMES = ("brotli", "brotlicffi", "_zstd", "compression.zstd", "backports.zstd")

Use = Callable[..., None]


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Iterator[Use]:
    """Make those packages importable, as stand-ins, and no others."""
    absent: Any = None

    def forget() -> None:
        module._optional.cache_clear()
        accept_encoding.cache_clear()

    def only(*present: types.ModuleType) -> None:
        for name in NAMES:
            monkeypatch.setitem(sys.modules, name, absent)
        for each in present:
            monkeypatch.setitem(sys.modules, each.__name__, each)
        forget()

    yield only
    monkeypatch.undo()
    forget()


def stand_in(name: str, **attributes: object) -> types.ModuleType:
    made = types.ModuleType(name)
    vars(made).update(attributes)
    return made


class Bounded:
    def can_accept_more_data(self) -> bool:
        raise NotImplementedError


def test_what_is_missing_is_not_offered(use: Use) -> None:
    use()
    assert accept_encoding() == "gzip, deflate"
    assert brotli() is None
    assert zstd() is None


@pytest.mark.parametrize("name", ["brotli", "brotlicffi"])
def test_either_package_does_for_br(name: str, use: Use) -> None:
    package = stand_in(name, Decompressor=Bounded)
    use(package)
    assert accept_encoding() == "gzip, deflate, br"
    assert brotli() is package


@pytest.mark.parametrize("name", ["compression.zstd", "backports.zstd"])
def test_either_package_does_for_zstd(name: str, use: Use) -> None:
    package = stand_in(name, ZstdDecompressor=object)
    use(package, stand_in("_zstd"))
    assert accept_encoding() == "gzip, deflate, zstd"
    assert zstd() is package


def test_the_standard_library_may_have_been_built_without_zstd(use: Use) -> None:
    use(stand_in("compression.zstd"))
    assert accept_encoding() == "gzip, deflate"
    assert zstd() is None


def test_all_that_is_there_is_offered(use: Use) -> None:
    use(stand_in("brotli", Decompressor=Bounded), stand_in("backports.zstd", ZstdDecompressor=object))
    assert accept_encoding() == "gzip, deflate, br, zstd"


def test_cve_2025_6176_brotli_without_a_bound_is_not_used(use: Use) -> None:
    old = stand_in("brotli", Decompressor=object)
    use(old)
    assert brotli() is None
    good = stand_in("brotlicffi", Decompressor=Bounded)
    use(old, good)
    assert brotli() is good


def test_packages_are_not_imported_before_they_are_needed() -> None:
    """One for zstd not even when it is offered: that would take five milliseconds."""
    code = (
        "import sys, courser.engines.coding, courser.packages\n"
        "assert not {'brotli', 'brotlicffi', 'backports', 'compression'} & set(sys.modules)\n"
        "assert courser.packages.accept_encoding().startswith('gzip, deflate')\n"
        "assert not {'backports', 'compression', 'importlib.util'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# Looking for a module without importing it


class Finder:
    """Finds a package, and a module in it."""

    def __init__(self, place: list[str] | None) -> None:
        self.place = place

    def find_spec(self, name: str, path: Any) -> Any:
        if name == "courserpack":
            return types.SimpleNamespace(submodule_search_locations=self.place)
        return types.SimpleNamespace() if (name, path) == ("courserpack.inner", ["here"]) else None


@pytest.mark.parametrize(
    ("name", "place", "here"),
    [
        ("courserpack", ["here"], True),
        ("courserpack.inner", ["here"], True),
        ("courserpack.inner", ["there"], False),
        ("courserpack.inner", None, False),
        ("courserabsent", [], False),
        ("courserabsent.inner", [], False),
    ],
)
def test_a_module_is_found_without_being_imported(
    name: str, place: list[str] | None, here: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "meta_path", [object(), *sys.meta_path, Finder(place)])

    assert module._is_here(name) is here
    assert name not in sys.modules


@pytest.mark.parametrize("name", ["json.tool", "wave", "json.nothing", "courserabsent", "backports.zstd"])
def test_what_is_found_is_what_can_be_imported(name: str) -> None:
    try:
        found = importlib.util.find_spec(name)
    except ModuleNotFoundError:  # of the package that it would be in
        found = None
    assert module._is_here(name) is (found is not None)
