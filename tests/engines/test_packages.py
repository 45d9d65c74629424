"""A coding that needs a package is offered where a package is that can be trusted with it."""

from __future__ import annotations

import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from courser.engines import packages as module
from courser.engines.packages import accept_encoding, brotli, zstd

NAMES = ("brotli", "brotlicffi", "compression.zstd", "backports.zstd")

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
    use(package)
    assert accept_encoding() == "gzip, deflate, zstd"
    assert zstd() is package


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
    code = (
        "import sys, courser.engines.coding\n"
        "assert not {'brotli', 'brotlicffi', 'backports', 'compression'} & set(sys.modules)\n"
        "assert courser.engines.packages.accept_encoding().startswith('gzip, deflate')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
