"""What the guide shows is run: every block of Python, in order, against a server in memory."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import courser
from courser import adjustable, api
from courser.server import Reply, ServerRequest
from courser.session import Session
from courser.testing import CALM, MemoryNetwork

DOCS = Path(__file__).parents[1] / "docs"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#:]+)\)")

WHOLE = [DOCS / "guide.md", DOCS / "recipes.md"]
"""Pages that are run from their first block to their last."""


class Server:
    """The server that the guide speaks of."""

    def __init__(self) -> None:
        self.busy = 2

    def __call__(self, request: ServerRequest) -> Reply:
        match request.path:
            case "/missing":
                return Reply.json({"error": "there is no such thing"}, status=404)
            case "/big":
                return Reply(bytes(1_000_000))
            case "/log":
                return Reply(b"one\r\ntwo\n")
            case "/login":
                return Reply(status=303, headers={"Location": "/home", "Set-Cookie": "sid=abc; Path=/; HttpOnly"})
            case "/events" if request.headers.get("Last-Event-ID") == "3":
                return Reply(status=204)
            case "/events":
                last = int(request.headers.get("Last-Event-ID", "0"))
                events = [b"retry: 1\n\n", *(b"id: %d\ndata: news\n\n" % number for number in range(last + 1, 4))]
                return Reply(b"".join(events), headers={"Content-Type": "text/event-stream"})
            case "/chat":
                deltas = ['{"delta": "Yes, "}', '{"delta": "please."}', "[DONE]"]
                return Reply(
                    b"".join(b"data: %b\n\n" % delta.encode() for delta in deltas),
                    headers={"Content-Type": "text/event-stream"},
                )
            case "/latin":
                return Reply(b"caf\xe9")
            case "/echo":
                return Reply(request.body, headers={"Content-Type": "application/json"})
            case "/cup":
                return Reply.json({"name": "cup"})
            case "/values":
                return Reply(b'{"n": 1}\n{"n": 2}\n{"n": 3}\n')
            case "/pages":
                return Reply(headers={"Link": '<?page=3>; rel="next", </pages>; rel="first"'})
            case "/report":
                return Reply(b"%PDF", headers={"Content-Disposition": 'attachment; filename="../report.pdf"'})
            case "/old":
                return Reply(status=302, headers={"Location": "https://other.example.org/new"})
            case "/token":
                return Reply.json({"access_token": "t", "token_type": "Bearer", "expires_in": 3600})
            case "/busy":
                self.busy -= 1
                return Reply(status=503 if self.busy >= 0 else 200)
            case path:
                return Reply.json([request.method, path])


class Network(MemoryNetwork):
    """A network on which one host is not there."""

    def connect(self, route: Any, deadline: float, /) -> Any:
        if route.host == "unreachable.example.org":
            raise ConnectionRefusedError(111, "refused")
        return super().connect(route, deadline)


@pytest.fixture
def in_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Every client that is made connects in memory, and the folder has the file that the guide sends."""

    def session(**options: Any) -> Session:
        return Session(**{"network": Network(Server(), conditions=CALM), **options})  # type: ignore[misc]

    monkeypatch.setattr(adjustable, "Session", session)
    monkeypatch.setattr(api, "_clients", [])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cup.bin").write_bytes(b"cup")
    yield
    for made in api._clients:
        made.close()


@pytest.mark.parametrize("page", WHOLE, ids=lambda page: page.stem)
def test_a_page_runs(page: Path, in_memory: None) -> None:
    text = page.read_text(encoding="utf-8")
    names: dict[str, Any] = {"__name__": page.stem, "print": lambda *shown: None}
    blocks = list(BLOCK.finditer(text))
    for block in blocks:
        line = text.count("\n", 0, block.start(1))
        code = compile("\n" * line + block[1], str(page), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        result = eval(code, names)
        if inspect.isawaitable(result):
            asyncio.run(result)  # type: ignore[arg-type]
    assert blocks
    assert names["courser"] is courser


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.stem)
def test_blocks_are_python(page: Path) -> None:
    for block in BLOCK.finditer(page.read_text(encoding="utf-8")):
        compile(block[1], str(page), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
