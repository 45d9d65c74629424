"""Forms, files, compressed bodies, paths and functions, as they arrive."""

from __future__ import annotations

import gzip
import io
import os
import threading
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from faultserver import FaultServer, Peer, Received, answering, echo, reply
from formdata import read_form
from worlds import World

import courser
from courser.values import files

Serve = Callable[..., FaultServer]

OCTETS = "application/octet-stream"
LARGE = os.urandom(1_000_000)


def generate() -> Iterator[bytes]:
    yield LARGE[:300_000]
    yield LARGE[300_000:]


async def agenerate() -> AsyncIterator[bytes]:
    for piece in generate():
        yield piece


FILES: dict[str, Callable[[Path], Any]] = {
    "bytes": lambda path: LARGE,
    "path": lambda path: path,
    "file": lambda path: io.BytesIO(LARGE),
    "iterable": lambda path: generate(),
    "function": lambda path: generate,
    "function of a file": lambda path: lambda: path.open("rb"),
    "async iterable": lambda path: agenerate(),
    "async function": lambda path: agenerate,
}
SIZED = ("bytes", "path", "file")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "ü.bin"
    made.write_bytes(LARGE)
    return made


@pytest.mark.parametrize("kind", FILES)
async def test_a_multipart_arrives(world: World, serve: Serve, kind: str, path: Path) -> None:
    server = serve(answering(reply(b"thanks")))
    client = world.client()

    for _ in range(2):
        parts = [("f", ("ü.bin", FILES[kind](path), "a/b", {"X-A": "1"})), ("g", FILES[kind](path)), ("g", b"end")]
        response = await client.post(server.url(), data={"a": ["1", True], "b": None}, files=parts)
        assert response.content == b"thanks"

    name = "ü.bin" if kind == "path" else "upload"
    for request in server.requests:
        entries = read_form(request.get("content-type"), request.body)
        assert entries == [
            ("a", None, None, b"1"),
            ("a", None, None, b"true"),
            ("f", "ü.bin", "a/b", LARGE),
            ("g", name, OCTETS, LARGE),
            ("g", "upload", OCTETS, b"end"),
        ]
        assert entries[2].fields[b"x-a"] == b"1"
        sized = kind in SIZED
        assert request.get("content-length") == (str(len(request.body)) if sized else None)
        assert request.get("transfer-encoding") == (None if sized else "chunked")
    assert server.connections == 1
    assert client.stats() == {"connections": 1, "idle": 1}


@pytest.mark.parametrize("kind", FILES)
async def test_content_of_every_kind_arrives(world: World, serve: Serve, kind: str, path: Path) -> None:
    server = serve(answering(echo))
    client = world.client()

    assert (await client.post(server.url(), content=FILES[kind](path))).content == LARGE
    assert (await client.put(server.url(), data=FILES[kind](path))).content == LARGE
    assert server.connections == 1


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("coding", ["gzip", "deflate"])
async def test_a_compressed_body_arrives(world: World, serve: Serve, kind: str, coding: str, path: Path) -> None:
    server = serve(answering(reply(b"thanks")))
    client = world.client()

    await client.post(server.url(), content=FILES[kind](path), compress=coding)

    (request,) = server.requests
    undo = gzip.decompress if coding == "gzip" else zlib.decompress
    assert undo(request.body) == LARGE
    assert request.get("content-encoding") == coding
    assert (request.get("transfer-encoding") == "chunked") is (kind != "bytes")


async def test_a_client_may_compress_every_body(world: World, serve: Serve) -> None:
    server = serve(answering(reply(b"thanks")))
    client = world.client(compress="gzip")

    await client.post(server.url(), json={"a": 1})
    await client.post(server.url(), data={"a": 1}, compress=None)
    await client.post(server.url(), content=b"packed", headers={"Content-Encoding": "br"})
    await client.get(server.url())

    one, other, third, last = server.requests
    assert (gzip.decompress(one.body), one.get("content-encoding")) == (b'{"a":1}', "gzip")
    assert (other.body, other.get("content-encoding")) == (b"a=1", None)
    assert (third.body, third.get("content-encoding")) == (b"packed", "br")
    assert (last.body, last.get("content-encoding")) == (b"", None)


async def test_what_a_client_compresses_is_checked_when_it_is_made(world: World) -> None:
    with pytest.raises(TypeError, match="compress is gzip, deflate, br or zstd, not 'lzma'"):
        world.client(compress="lzma")


async def test_nothing_is_held_in_memory(world: World, serve: Serve, tmp_path: Path) -> None:
    size = 40_000_000
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(size)

    def script(peer: Peer) -> None:
        request = peer.head()
        left = int(request.get("content-length") or 0)
        while left:
            left -= len(peer.receive(1 << 20))
        peer.send(reply(b"thanks"))

    server = serve(script)
    client = world.client()
    tracemalloc.start()
    try:
        await client.post(server.url(), files={"f": path, "g": path})
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 6_000_000


@pytest.mark.parametrize("kind", ["path", "file"])
@pytest.mark.parametrize("part", [False, True])
async def test_a_slow_file_does_not_hold_up_an_event_loop(
    world: World, serve: Serve, path: Path, kind: str, part: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[bool] = []
    here = threading.get_ident()
    step = files.Paced.__next__

    def noted(pieces: files.Paced) -> bytes:
        threads.append(threading.get_ident() == here)
        return step(pieces)

    monkeypatch.setattr(files, "SLOW", -1)
    monkeypatch.setattr(files.Paced, "__next__", noted)
    server = serve(answering(reply(b"thanks")))
    client = world.client()

    with path.open("rb") as opened:
        source = path if kind == "path" else opened
        await client.post(server.url(), **({"files": {"f": source}} if part else {"content": source}))

    assert LARGE in server.requests[0].body
    assert threads[0]
    assert threads.count(True) <= 2 if world.is_async else all(threads)


async def test_what_comes_through_a_pipe_goes_out_at_once(world: World, serve: Serve) -> None:
    if not world.is_async:
        pytest.skip("plain code waits for the pipe")
    seen = threading.Event()

    def script(peer: Peer) -> None:
        peer.head()
        assert peer.receive().endswith(b"one\r\n")
        seen.set()
        rest = peer.receive()
        while not rest.endswith(b"0\r\n\r\n"):
            rest += peer.receive()
        peer.send(reply(rest))
        peer.wait_for_close()

    server = serve(script)
    receiver, sender = os.pipe()
    os.write(sender, b"one")

    async def write() -> None:
        assert await world.until(seen.is_set)
        os.write(sender, b"two")
        os.close(sender)

    with os.fdopen(receiver, "rb") as file:
        response, _ = await world.together(lambda: world.client().post(server.url(), content=file), write)
    assert response.content == b"3\r\ntwo\r\n0\r\n\r\n"


@pytest.mark.parametrize("part", [False, True])
async def test_a_pipe_that_says_nothing_holds_up_nothing(world: World, serve: Serve, part: bool) -> None:
    if not world.is_async:
        pytest.skip("plain code waits for the pipe")

    def refuses(peer: Peer) -> None:
        peer.head()
        peer.send(reply(b"too large", "413 Content Too Large"))
        peer.wait_for_close()

    def listens(peer: Peer) -> None:
        peer.head()
        peer.wait_for_close()

    server = serve(refuses, listens)
    client = world.client()
    receiver, sender = os.pipe()
    with os.fdopen(receiver, "rb", buffering=0) as file:
        options: dict[str, Any] = {"files": {"f": file}} if part else {"content": file}
        response = await client.post(server.url(), timeout=3, **options)
        assert (response.status_code, response.content) == (413, b"too large")

        with pytest.raises(courser.DeadlineExceeded):
            await client.post(server.url(), timeout=courser.Timeout(total=0.05), **options)
        assert world.left_by(client) == 0
        os.close(sender)


@pytest.mark.parametrize("verb", ["get", "head", "options", "delete", "query", "patch"])
async def test_every_verb_may_have_a_body(world: World, serve: Serve, verb: str) -> None:
    server = serve(answering(lambda request: reply(b"" if request.method == "HEAD" else request.body)))
    client = world.client()

    response = await getattr(client, verb)(server.url(), json={"a": 1})

    assert response.status_code == 200
    assert server.requests[0].body == b'{"a":1}'


@pytest.mark.parametrize(
    "options",
    [
        {"content": b"a", "json": 1},
        {"data": b"a", "files": {"f": b""}},
        {"json": 1, "files": {"f": b""}},
        {"files": {"f": ("b", b"", "a\r\nX-Evil: 1")}},
        {"files": {"f": b""}, "headers": {"Content-Type": "application/json"}},
        {"content": b"", "compress": "gzip", "headers": {"Content-Encoding": "gzip"}},
    ],
)
async def test_nothing_is_sent_of_what_is_refused(world: World, serve: Serve, options: dict[str, Any]) -> None:
    server = serve(answering(echo))
    client = world.client()

    with pytest.raises(courser.InvalidRequest):
        await client.post(server.url(), **options)
    assert server.connections == 0


async def test_a_file_that_has_gone_is_an_error_before_anything_is_sent(world: World, serve: Serve, path: Path) -> None:
    server = serve(answering(echo))
    client = world.client()
    request = client.build_request("POST", server.url(), content=path)
    path.unlink()

    with pytest.raises(courser.InvalidRequest, match="cannot be opened") as caught:
        await client.send(request)
    assert caught.value.request is request
    assert server.requests == []
    assert world.left_by(client) == 0


async def test_a_file_that_has_grown_or_shrunk_is_an_error(world: World, serve: Serve, path: Path) -> None:
    def script(peer: Peer) -> None:
        peer.head()
        peer.wait_for_close()

    server = serve(script)
    client = world.client()

    for size, match in ((2_000_000, "too much data"), (500_000, "too little data")):
        for options in ({"content": path}, {"files": {"f": path}}):
            path.write_bytes(LARGE)
            request = client.build_request("POST", server.url(), **options)
            os.truncate(path, size)
            with pytest.raises(courser.LocalProtocolError, match=match):
                await client.send(request)
    assert world.left_by(client) == 0


# Again


def once_more(status: str) -> Callable[[Received], bytes]:
    def answer(request: Received) -> bytes:
        if request.target == "/again":
            return echo(request)
        return reply(b"", status, "Location: /again")

    return answer


@pytest.mark.parametrize("kind", ["bytes", "path", "file", "function", "function of a file", "async function"])
@pytest.mark.parametrize("part", [False, True])
async def test_what_can_start_anew_is_sent_again(world: World, serve: Serve, kind: str, part: bool, path: Path) -> None:
    server = serve(answering(once_more("307 Temporary Redirect")))
    source = FILES[kind](path)
    options: dict[str, Any] = {"files": {"f": source}, "data": {"a": "1"}} if part else {"content": source}

    response = await world.client().post(server.url(), **options)

    first, second = server.requests
    assert first.body == second.body == response.content
    assert first.get("content-type") == second.get("content-type")
    assert LARGE in response.content


@pytest.mark.parametrize("part", [False, True])
@pytest.mark.parametrize("compress", [None, "gzip"])
@pytest.mark.parametrize("make", [generate, agenerate])
async def test_what_cannot_is_an_error_before_anything_is_sent_twice(
    world: World, serve: Serve, make: Callable[[], Any], compress: str | None, part: bool
) -> None:
    """aiohttp#12195, CVE-2022-32221: a body that has been read is never sent again as an empty one."""
    server = serve(answering(once_more("308 Permanent Redirect")))
    client = world.client()
    options: dict[str, Any] = {"files": {"f": make()}} if part else {"content": make()}

    with pytest.raises(courser.BodyNotReplayable, match=r"308 asks for it, and .*generator, which runs only once"):
        await client.post(server.url(), compress=compress, **options)

    assert len(server.requests) == 1
    assert client.stats()["connections"] == client.stats()["idle"]


async def test_a_redirect_to_get_drops_everything_of_the_body(world: World, serve: Serve) -> None:
    """CVE-2023-45803 / GHSA-g4mx-q9vg-27p4"""
    server = serve(answering(once_more("303 See Other")))

    await world.client().post(server.url(), files={"f": generate()}, compress="gzip")

    request = server.requests[1]
    assert (request.method, request.body) == ("GET", b"")
    assert not [name for name, _ in request.fields if name.startswith("content-") or name == "transfer-encoding"]


@pytest.mark.parametrize("framing", [{"Content-Length": "1000000"}, {"Transfer-Encoding": "chunked"}])
async def test_one_framing_field_is_sent(world: World, serve: Serve, framing: dict[str, str]) -> None:
    """GHSA-pf96-p4fj-6566"""
    server = serve(answering(echo))
    client = world.client()

    for content in (LARGE, generate()):
        assert (await client.post(server.url(), content=content, headers=framing)).content == LARGE
    for request in server.requests:
        assert [name for name, _ in request.fields if name in ("content-length", "transfer-encoding")] == [
            *map(str.lower, framing)
        ]
