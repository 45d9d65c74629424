"""What an import and a first request bring along: counted in modules, for a clock would tell of the machine.

Every module costs a program a third of a millisecond before its first request, what is in it apart.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from faultserver import FaultServer, answering, reply

import courser

PATH = str(Path(next(iter(courser.__path__))).parent)

HEAVY = {
    "asyncio",
    "concurrent",
    "contextlib",
    "contextvars",
    "dataclasses",
    "datetime",
    "decimal",
    "difflib",
    "email",
    "encodings",
    "fractions",
    "http",
    "idna",
    "importlib",
    "inspect",
    "ipaddress",
    "json",
    "logging",
    "mimetypes",
    "pathlib",
    "queue",
    "random",
    "shutil",
    "ssl",
    "string",
    "subprocess",
    "tempfile",
    "threading",
    "trio",
    "typing",
    "unicodedata",
    "urllib",
    "zlib",
}
"""What nobody should wait for before it is needed: in one case or another, after the first request."""

LATE = {
    "courser.compressing",
    "courser.core.calls",
    "courser.core.handshake",
    "courser.core.mounts",
    "courser.core.stats",
    "courser.core.trace",
    "courser.engines.coding",
    "courser.engines.http1.server",
    "courser.engines.inflate",
    "courser.engines.sse",
    "courser.eventoptions",
    "courser.eventsource",
    "courser.eventstream",
    "courser.hosts.aio",
    "courser.hosts.detect",
    "courser.hosts.job",
    "courser.hosts.threads",
    "courser.hosts.trio",
    "courser.mapping",
    "courser.policies.hooks",
    "courser.policies.reconnect",
    "courser.resolve.system",
    "courser.streams",
    "courser.tls.context",
    "courser.tracing.har",
    "courser.tracing.log",
    "courser.values.curl",
    "courser.values.redaction",
    "courser.values.serversent",
    "courser.values.timings",
    "courser.values.tracing",
}
"""Modules of the library that a plain GET does without."""

OWN_MODULES = 72
"""As many of the library's own as a plain GET may import."""

OWN_PATTERNS = 6
"""As many regular expressions as it may compile: the longest take half a millisecond each (`values/pattern.py`)."""


def brought(statement: str) -> set[str]:
    """The modules that a statement brings into a fresh, isolated interpreter."""
    code = (
        f"import sys; sys.path.insert(0, {PATH!r}); before = set(sys.modules); {statement}; "
        "after = set(sys.modules) - before; import json; print(json.dumps(sorted(after)))"
    )
    return set(json.loads(said(code)))


def heavy(statement: str) -> set[str]:
    """What is heavy of what a statement brings; what Python itself brings with sockets and patterns is not."""
    modules = brought(statement) - brought("import re, select, socket, weakref")
    return {module.partition(".")[0] for module in modules} & HEAVY | modules & LATE


def said(code: str) -> str:
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def get() -> Iterator[str]:
    """A statement that sends a GET to a server of this test's."""
    server = FaultServer(answering(reply(b"ok")))
    yield f"import courser; assert courser.get({server.url()!r}).content == b'ok'"
    server.close()


def test_the_package_alone_brings_nothing() -> None:
    """So `import courser` costs well under a millisecond, and a script that sends nothing pays nothing."""
    assert brought("import courser") == {"__future__", "courser", "courser.version"}


@pytest.mark.parametrize("name", ["HTTPError", "Timeout", "URL", "Headers"])
def test_a_value_brings_no_client(name: str) -> None:
    modules = brought(f"import courser; courser.{name}")

    assert not any(module.startswith(("courser.core", "courser.hosts", "courser.client")) for module in modules)


@pytest.mark.parametrize("statement", ["courser.get", "courser.Client()", "courser.AsyncClient()"])
def test_a_client_brings_nothing_heavy(statement: str) -> None:
    assert heavy(f"import courser; {statement}") == set()


def test_a_plain_get_brings_nothing_heavy(get: str) -> None:
    assert heavy(get) == set()


def test_a_plain_get_brings_few_modules(get: str) -> None:
    own = sorted(module for module in brought(get) if module.partition(".")[0] == "courser")

    assert len(own) <= OWN_MODULES, f"{len(own)} modules: {' '.join(own)}"


def test_a_plain_get_compiles_few_patterns(get: str) -> None:
    code = (
        f"import re, sys; sys.path.insert(0, {PATH!r}); real = re._compiler.compile; made = []; "
        "re._compiler.compile = lambda source, flags=0: (made.append(source), real(source, flags))[1]; "
        f"{get}; print(*map(ascii, made), sep='\\n')"
    )
    patterns = said(code).splitlines()

    assert 0 < len(patterns) <= OWN_PATTERNS, "\n".join(patterns)
