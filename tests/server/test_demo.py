"""The fixed paths of the demonstration."""

from __future__ import annotations

import json

import pytest

import courser
from courser.engines.events import RequestHead
from courser.server.app import Reply, ServerRequest
from courser.server.demo import JSON, Demo
from courser.testing import MemoryNetwork


def ask(target: str, body: bytes = b"", fields: bytes = b"") -> Reply:
    return Demo()(ServerRequest(RequestHead(b"GET", target.encode(), b"1.1", fields, None, True, False), body))


def content(reply: Reply) -> bytes:
    return reply.body if isinstance(reply.body, bytes) else b"".join(reply.body)


@pytest.mark.parametrize("path", ["/", "/json"])
def test_fixed_answers_are_made_once(path: str) -> None:
    assert ask(path) is ask(path)
    assert ask(path).status == 200


@pytest.mark.parametrize("size", [0, 1, 262_143, 262_144, 262_145, 1_000_000])
def test_bytes_have_a_length_and_chunks_have_none(size: int) -> None:
    whole, chunked = ask(f"/bytes/{size}"), ask(f"/chunked/{size}")

    assert (whole.length, chunked.length) == (size, None)
    assert len(content(whole)) == size
    assert content(chunked) == (bytes(range(256)) * 4096)[:size]


@pytest.mark.parametrize("status", [200, 204, 404, 599])
def test_a_status_is_as_asked(status: int) -> None:
    assert ask(f"/status/{status}").status == status


def test_redirects_count_down() -> None:
    two, none = ask("/redirect/2"), ask("/redirect/0")

    assert (two.status, two.fields(b"")) == (302, b"Location: /redirect/1\r\n")
    assert none is JSON


def test_a_websocket_says_what_it_is_told() -> None:
    client = courser.Client(network=MemoryNetwork(Demo()))
    with client.websocket("ws://a/ws") as ws:
        ws.send_text("hello")
        assert ws.receive() == "hello"


def test_echo_says_what_came() -> None:
    reply = ask("/echo?a=b", "é".encode(), b"X: 1\r\nX: 2\r\n")

    assert json.loads(content(reply)) == {
        "method": "GET",
        "target": "/echo?a=b",
        "headers": [["X", "1"], ["X", "2"]],
        "body": "é",
    }


@pytest.mark.parametrize(
    "path", ["/none", "/bytes/", "/bytes/x", "/bytes/-1", "/bytes/1/2", "/bytes/²", "/bytes/" + "9" * 20]
)
def test_what_is_not_there_is_a_404(path: str) -> None:
    assert ask(path.encode().decode("latin-1")).status == 404


def test_uploads_are_counted_and_not_kept() -> None:
    demo = Demo()

    def request(path: bytes) -> ServerRequest:
        return ServerRequest(RequestHead(b"PUT", path, b"1.1", b"", 5, True, False))

    sink = demo.sink(request(b"/upload"))

    assert demo.sink(request(b"/echo")) is None
    assert sink is not None
    sink(b"abc")
    sink(b"de")
    assert content(demo(request(b"/upload"))) == b'{"bytes":5}'

    demo.sink(request(b"/upload"))
    assert content(demo(request(b"/upload"))) == b'{"bytes":0}'
