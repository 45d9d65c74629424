"""What the guide shows is run: every block of Python, in order, against a server in memory."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from faultserver import FaultServer
from wspeer import WebSocketPeer, agreeing

import courser
from courser import adjustable, api, joining
from courser.engines.websocket import Close
from courser.server import Reply, ServerRequest
from courser.server.http2 import HTTP2ServerConnection
from courser.session import Session
from courser.testing import CALM, MemoryNetwork
from courser.testing.link import MemoryLink
from courser.testing.network import FarEnd

DOCS = Path(__file__).parents[1] / "docs"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#:]+)\)")

WHOLE = [DOCS.parent / "README.md", DOCS / "index.md", DOCS / "guide.md", DOCS / "recipes.md"]
"""Pages that are run from their first block to their last."""

PAGES = [DOCS.parent / "README.md", *sorted(DOCS.rglob("*.md"))]

URLS = [f"https://api.example.org/{number}" for number in range(100)]


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


class HTTP2Link(MemoryLink):
    """A connection on which the server has chosen HTTP/2."""

    __slots__ = ()

    alpn = "h2"


class Network(MemoryNetwork):
    """A network on which one host is not there, and another one speaks HTTP/2."""

    def connect(self, route: Any, deadline: float, /) -> Any:
        if route.host == "unreachable.example.org":
            raise ConnectionRefusedError(111, "refused")
        chosen = "h2" if route.tls is not None and "h2" in route.protocols else None
        if route.host != "h2.example.org" or not route.speaks_http2(chosen):
            return super().connect(route, deadline)
        link = HTTP2Link(CALM, route.tls is not None)
        far = FarEnd(link)
        far.serve(HTTP2ServerConnection(far, self._app, self._open, monotonic()))
        link.connect(far)
        return link


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


class Enough(Exception):
    """An example that goes on for ever has shown what it does."""


def run_page(page: Path, text: str, **names: Any) -> None:
    """Run what a page shows.

    Args:
        page: the page.
        text: what it says.
        **names: what a block finds, whatever the one before it has done.
    """
    known: dict[str, Any] = {"__name__": page.stem}
    blocks = list(BLOCK.finditer(text))
    for block in blocks:
        line = text.count("\n", 0, block.start(1))
        code = compile("\n" * line + block[1], str(page), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        known.update(names)
        with suppress(Enough):
            result = eval(code, known)
            if inspect.isawaitable(result):
                asyncio.run(result)  # type: ignore[arg-type]
    assert blocks
    assert known["courser"] is courser


@pytest.mark.parametrize("page", WHOLE, ids=lambda page: page.stem)
def test_a_page_runs(page: Path, in_memory: None) -> None:
    names = {"urls": URLS} if page.stem in ("README", "index") else {}
    run_page(page, page.read_text(encoding="utf-8"), print=lambda *shown: None, **names)


def talking(ws: WebSocketPeer) -> None:
    """The server that the page on WebSockets speaks of."""
    if b" /feed " in ws.request.raw:
        ws.say("one")
        ws.say("two")
        ws.close(4001 if ws.peer.number % 2 else 1000, "that was all")
        return
    while not isinstance(event := ws.event(), Close):
        if isinstance(event, str | bytes):
            ws.say(event)
            if "hello" in str(event):
                ws.say(b"more")
                ws.close()
                return
    ws.peer.close()


def test_the_page_on_websockets_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    page = DOCS / "websockets.md"
    shown: list[Any] = []

    def show(*words: Any) -> None:
        shown.extend(words)
        if len(shown) == 13:
            raise Enough

    monkeypatch.setattr(joining, "USUAL", courser.Reconnect(delay=0, attempts=None))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "large.txt").write_text("line\n" * 1000)
    with closing(FaultServer(agreeing(talking, subprotocols=["v2"]))) as server, courser.Client() as client:
        text = page.read_text(encoding="utf-8").replace("wss://api.example.org", f"ws://127.0.0.1:{server.port}")
        run_page(page, text, client=client, print=show, question="?", answer="!", think_for_a_minute=lambda: None)

    assert shown[:4] == [{"hello": "world"}, b"more", "hello", b"more"]
    assert shown[5:] == ["seconds there and back", "one", *["one", "two"] * 3]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_blocks_are_python(page: Path) -> None:
    for block in BLOCK.finditer(page.read_text(encoding="utf-8")):
        compile(block[1], str(page), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
