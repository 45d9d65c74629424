"""Clients of other people against `courser.server`, in HTTP/2; those that are not installed are skipped."""

from __future__ import annotations

import re
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from authority import Authority

from courser.server import Reply, Server, ServerRequest
from courser.server.demo import Demo

RIVALS = Path(__file__).parents[2] / ".bench" / "rivals" / "bin" / "python"
"""Made by `make bench`."""

SIZE = 3_000_000

SCRIPT = """
import sys, httpx2
with httpx2.Client(http1=False, http2=True, verify=sys.argv[2] or True) as client:
    got = client.get(sys.argv[1] + "bytes/3000000")
    put = client.put(sys.argv[1] + "upload", content=b"x" * 3_000_000)
    print(got.http_version, len(got.content), put.json()["bytes"])
"""


def run(program: str, *arguments: str) -> str:
    """What a program says; the test is skipped where it is not installed."""
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed (Debian: apt install curl nghttp2-client)")
    done = subprocess.run([found, *arguments], capture_output=True, text=True, timeout=25, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


class Demonstration(Demo):
    """The demonstration, and answers that it does not have."""

    def __call__(self, request: ServerRequest) -> Reply:
        if request.path == "/trailers":
            return Reply(b"abc", trailers={"X-Sum": "6"})
        if request.path == "/version":
            return Reply.text(request.http_version)
        return super().__call__(request)


@pytest.fixture(params=["tls", "plain"])
def server(request: pytest.FixtureRequest, authority: Authority) -> Iterator[Server]:
    """The server, over TLS and without."""
    demo = Demonstration()
    tls: ssl.SSLContext | None = authority.fresh("127.0.0.1") if request.param == "tls" else None
    with Server(demo, sink=demo.sink, tls=tls) as made:
        yield made
    assert not made.errors


def curl(server: Server, authority: Authority, path: str, *more: str) -> str:
    secure = server.url.startswith("https")
    spoken = ("--http2", "--cacert", authority.roots) if secure else ("--http2-prior-knowledge",)
    return run("curl", "-sS", *spoken, *more, server.url + path)


def test_curl_asks(server: Server, authority: Authority) -> None:
    assert curl(server, authority, "version") == "HTTP/2"
    assert curl(server, authority, "json", "-w", " %{http_version}").endswith('"courser.server"} 2')
    assert curl(server, authority, "chunked/300000", "-o", "/dev/null", "-w", "%{size_download}") == "300000"


def test_curl_gets_and_puts_large_bodies(server: Server, authority: Authority, tmp_path: Path) -> None:
    file = tmp_path / "large"
    file.write_bytes(b"x" * SIZE)

    assert curl(server, authority, f"bytes/{SIZE}", "-o", str(tmp_path / "got"), "-w", "%{size_download}") == str(SIZE)
    assert curl(server, authority, "upload", "-T", str(file)) == f'{{"bytes":{SIZE}}}'
    assert curl(server, authority, "upload", "-T", str(file), "-H", "Expect: 100-continue") == f'{{"bytes":{SIZE}}}'


def test_curl_sees_heads_and_trailers(server: Server, authority: Authority) -> None:
    assert "content-length: 1000\n" in curl(server, authority, "bytes/1000", "-I").replace("\r\n", "\n")
    assert "x-sum: 6\n" in curl(server, authority, "trailers", "-i").replace("\r\n", "\n")


def test_curl_that_does_not_know_gets_http_1(server: Server, authority: Authority) -> None:
    assert run("curl", "-sS", "--http1.1", "--cacert", authority.roots, server.url + "version") == "HTTP/1.1"


def test_nghttp_asks_for_many_things_at_once(server: Server) -> None:
    said = run("nghttp", "-nvy", "--no-verify-peer", *[f"{server.url}chunked/{size}" for size in (0, 1, 70_000, 10**6)])

    assert len(re.findall(r"recv \(stream_id=\d+\) :status: 200", said)) == 4
    assert len(re.findall(r"recv \(stream_id=\d+\) date:", said)) == 4


@pytest.mark.parametrize("path", ["json", "bytes/100000", "chunked/100000"])
def test_h2load_is_answered_to_the_last_request(server: Server, path: str) -> None:
    said = run("h2load", "-n", "2000", "-c", "4", "-m", "50", server.url + path)

    assert "2000 done, 2000 succeeded, 0 failed, 0 errored, 0 timeout" in said


def test_h2load_uploads(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "large"
    file.write_bytes(b"x" * SIZE)

    said = run("h2load", "-n", "40", "-c", "2", "-m", "10", "-d", str(file), server.url + "upload")

    assert "40 succeeded, 0 failed" in said


def test_httpx2_gets_and_puts(server: Server, authority: Authority) -> None:
    if not RIVALS.exists():
        pytest.skip("the environment of the rivals is not there (make bench makes it)")
    roots = authority.roots if server.url.startswith("https") else ""
    arguments: list[Any] = [str(RIVALS), "-c", SCRIPT, server.url, roots]

    done = subprocess.run(arguments, capture_output=True, text=True, timeout=25, check=False)

    assert (done.stdout, done.stderr) == (f"HTTP/2 {SIZE} {SIZE}\n", "")
