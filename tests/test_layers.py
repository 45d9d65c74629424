"""Imports go one way, and what waits or connects is known in a few files only.

Every import statement counts, at the top of a file or inside a function, and so do `import_module` and `__import__`
with a constant name; what stands under `if TYPE_CHECKING:` does not.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "src" / "courser"

FLOORS = (
    ("hints",),
    ("errors", "packages", "settings", "version"),
    ("values",),
    ("engines",),
    ("policies",),
    ("core",),
    ("tls", "resolve"),
    ("hosts",),
    ("defaults", "cutting", "responding", "tracing", "websockets"),
    ("watching",),
    ("compressing",),
    ("session",),
    ("adjustable", "eventoptions", "streams", "mapping", "websockets"),
    ("eventstream", "joining"),
    ("eventsource",),
    ("client",),
    ("api",),
    ("testing", "adapters", "server", "cli", "__main__"),
    ("",),
)
"""From the ground up. The last is the package itself, which gives the public names and may import everything."""

HEIGHT = {name: height for height, floor in enumerate(FLOORS) for name in floor}

WAITING = {"asyncio", "trio", "threading", "select", "socket", "ssl", "selectors", "_thread"}
QUIET = HEIGHT["core"]
"""Up to this floor, modules that wait, lock or connect are named only in these files."""
MAY_WAIT = {"core/link.py", "core/reactor.py", "core/dial.py", "core/race.py", "core/handshake.py"}

FILES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py"))
MODULES = {name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in FILES} - {"__init__"}


def part(file: str) -> str:
    """The name under which FLOORS knows a file."""
    first = file.split("/")[0].removesuffix(".py")
    return "" if first == "__init__" else first


def is_type_checking(test: ast.expr) -> bool:
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )


def running(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those that only type checkers see."""
    yield node
    if isinstance(node, ast.If) and is_type_checking(node.test):
        children: list[ast.AST] = list(node.orelse)
    else:
        children = list(ast.iter_child_nodes(node))
    for child in children:
        yield from running(child)


def base_of(node: ast.ImportFrom, file: str) -> str:
    """The absolute name of the module that an import-from names."""
    if not node.level:
        return node.module or ""
    package = ["courser", *file.split("/")[:-1]]
    kept = package[: len(package) - node.level + 1]
    return ".".join([*kept, *([node.module] if node.module else [])])


def imported(tree: ast.AST, file: str) -> Iterator[tuple[int, str]]:
    """(line, absolute name) of each module that is imported."""
    for node in running(tree):
        match node:
            case ast.Import():
                for alias in node.names:
                    yield node.lineno, alias.name
            case ast.ImportFrom():
                base = base_of(node, file)
                for alias in node.names:
                    whole = f"{base}.{alias.name}"
                    yield node.lineno, whole if whole.removeprefix("courser.") in MODULES else base
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield node.lineno, name


def breaches(source: str, file: str) -> list[str]:
    """What is wrong with the imports of a file, each as a sentence."""
    own = part(file)
    if own not in HEIGHT:
        return [f"src/courser/{file}: `{own}` has no floor; give it one in FLOORS"]
    found = []
    for line, name in imported(ast.parse(source), file):
        top, _, rest = name.partition(".")
        where = f"src/courser/{file}:{line}"
        if top == "courser":
            other = rest.split(".")[0]
            if other not in HEIGHT:
                found.append(f"{where}: imports {name}; `{other}` has no floor in FLOORS")
            elif HEIGHT[other] > HEIGHT[own]:
                found.append(f"{where}: imports {name}; `{own}` lies below `{other or 'the package itself'}`")
        elif top in WAITING and HEIGHT[own] <= QUIET and file not in MAY_WAIT:
            few = ", ".join(sorted(MAY_WAIT))
            found.append(f"{where}: imports {name}; up to core only {few} may, the others ask the host")
    return found


@pytest.mark.parametrize("file", FILES)
def test_imports_go_one_way(file: str) -> None:
    found = breaches((ROOT / file).read_text(encoding="utf-8"), file)

    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("values/url.py", "from ..engines import http1"),
        ("values/url.py", "from .. import client"),
        ("values/url.py", "import courser.core"),
        ("values/url.py", "from courser.hosts.aio import Host"),
        ("values/url.py", "import courser"),
        ("values/headers.py", "from courser import __version__"),
        ("values/url.py", "def late():\n    from ..client import Client"),
        ("engines/http1/parse.py", "from ...policies import redirect"),
        ("engines/links/tls.py", "import ssl"),
        ("policies/retry.py", "import asyncio.events"),
        ("core/pool.py", "from threading import Lock"),
        ("core/pool.py", "import importlib\nimportlib.import_module('trio')"),
        ("core/send.py", "from ..tls.context import context"),
        ("errors.py", "if not TYPE_CHECKING:\n    from .values import url"),
        ("errors.py", "if TYPE_CHECKING:\n    pass\nelse:\n    from .values import url"),
        ("unheard.py", ""),
    ],
)
def test_a_breach_is_seen(file: str, source: str) -> None:
    assert len(breaches(source, file)) == 1


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("errors.py", "if TYPE_CHECKING:\n    from .values.request import Request"),
        ("errors.py", "import typing\nif typing.TYPE_CHECKING:\n    import ssl"),
        ("values/url.py", "from ..errors import InvalidURL\nfrom .query import QueryParams"),
        ("session.py", "from .version import __version__"),
        ("core/reactor.py", "import select, socket, threading"),
        ("hosts/aio.py", "import asyncio\nfrom ..core import send"),
        ("client.py", "from .hosts import inline\nimport threading"),
        ("__init__.py", "from .client import Client"),
    ],
)
def test_what_is_allowed_passes(file: str, source: str) -> None:
    assert breaches(source, file) == []
