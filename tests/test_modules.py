"""Modules as a user meets them: importable, with a true `__all__`, and cheap until used."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import courser

OPTIONAL = {"brotli", "brotlicffi", "backports", "publicsuffixlist", "qh3", "rich", "trio", "truststore"}
"""Packages without which a submodule may refuse to be imported."""

LATE = ("asyncio", "ssl", "trio", "http", "email", "urllib.request", "concurrent.futures", "typing_extensions")
"""What `import courser` leaves for later."""

NAMES = sorted(
    module.name
    for module in pkgutil.walk_packages(courser.__path__, "courser.")
    if not module.name.endswith("__main__")
)


def load(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        missing = (error.name or "").split(".")[0]
        if missing in OPTIONAL:
            pytest.skip(f"{name} needs {missing}")
        raise


@pytest.mark.parametrize("name", ["courser", *NAMES])
def test_every_name_in_all_exists(name: str) -> None:
    module = load(name)

    public = getattr(module, "__all__", None)

    if public is None:
        own = [n for n, v in vars(module).items() if getattr(v, "__module__", None) == name]
        assert not own, f"{name} defines {', '.join(own)} but has no __all__"
    else:
        assert [n for n in public if not hasattr(module, n)] == []
        assert len(set(public)) == len(public)


def test_no_submodule_replaces_a_public_name() -> None:
    """Importing `courser.x` sets the attribute `x` of the package: a public `x` would silently become a module."""
    before = {name: getattr(courser, name) for name in courser.__all__}

    for name in NAMES:
        try:
            importlib.import_module(name)
        except ImportError as error:
            if (error.name or "").split(".")[0] not in OPTIONAL:
                raise

    for name, value in before.items():
        now = getattr(courser, name)
        assert now is value, f"courser.{name} was {value!r} and is {now!r} once every submodule is imported"
        assert not isinstance(now, ModuleType) or now.__name__ in ("courser.testing", "courser.engines"), name


def fresh(code: str) -> str:
    """What a new, isolated interpreter prints."""
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_import_is_light() -> None:
    path = str(Path(next(iter(courser.__path__))).parent)
    code = f"import sys; sys.path.insert(0, {path!r}); import courser; print(*sorted(set({LATE!r}) & set(sys.modules)))"

    assert fresh(code) == ""


def test_the_version_is_that_of_the_distribution() -> None:
    metadata = importlib.import_module("importlib.metadata")
    try:
        installed = metadata.version("courser")
    except metadata.PackageNotFoundError:
        pytest.skip("courser is not installed, only on the path")

    assert courser.__version__ == installed
