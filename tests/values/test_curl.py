"""A request as a command of curl: what is shown, and what a shell makes of it."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from faultserver import FaultServer, Received, answering, reply

import courser
from courser.values.request import Request

URL = "http://a.example/"


def words(request: Request) -> list[str]:
    return shlex.split(request.to_curl(secrets=True), comments=True)


def test_a_plain_request() -> None:
    request = Request("GET", f"{URL}x?k=v#part", headers={"User-Agent": "me", "Accept": "*/*", "A": "it's; $HOME `id`"})

    assert request.to_curl(secrets=True) == (
        "curl 'http://a.example/x?k=v' -H 'User-Agent: me' -H 'Accept: */*' -H 'A: it'\"'\"'s; $HOME `id`'"
    )


def test_what_may_be_secret_is_not_shown() -> None:
    request = Request(
        "POST",
        "http://user:s3cret@a.example/?key=s3cret",
        headers={"X-Api-Key": "s3cret", "Cookie": "sid=s3cret", "Referer": f"{URL}?t=s3cret"},
        json={"password": "s3cret"},
    )

    assert "s3cret" not in request.to_curl()
    assert request.to_curl().count("***") == 6
    assert request.to_curl(secrets=True).count("s3cret") == 5  # the sixth is in base64


def test_of_a_form_the_names_are_shown() -> None:
    assert (
        Request("POST", URL, data={"user": "me", "password": "s3cret"})
        .to_curl()
        .endswith("--data-raw 'user=***&password=***'")
    )
    assert Request("POST", URL, data={"a": "x" * 5000}).to_curl().endswith("--data-raw '***'")


@pytest.mark.parametrize(
    ("request_", "present"),
    [
        (Request("HEAD", URL), ["--head"]),
        (Request("PURGE", URL), ["-X", "PURGE"]),
        (Request("GET", URL, content=b"x"), ["-X", "GET", "--data-raw", "x"]),
        (Request("DELETE", URL), ["-X", "DELETE"]),
        (Request("PUT", URL), ["--data-raw", ""]),
        (Request("GET", f"{URL}[1]{{2}}"), ["--globoff"]),
        (Request("GET", "http://[::1]/"), ["--globoff", "http://[::1]/"]),
        (Request("GET", URL), ["-H", "User-Agent:", "Accept:"]),
        (Request("GET", URL, headers={"Empty": "", "Accept-Encoding": "gzip"}), ["Empty;", "--compressed"]),
        (Request("POST", URL, content=b"x"), ["Content-Type:", "Expect:"]),
        (Request("POST", URL, content=iter([b"x"])), ["Transfer-Encoding: chunked", "--data-binary", "@-"]),
        (Request("POST", URL, content=b"x", headers={"Transfer-Encoding": "chunked"}), ["Transfer-Encoding: chunked"]),
        (Request("POST", URL, content="é\n\t"), ["--data-raw", "é\n\t"]),
        (Request("POST", URL, content=b"x" * 40_000), ["--data-binary", "@-"]),
        (Request("POST", URL, content=bytes(5000)), ["--data-binary", "@-"]),
        (Request("POST", URL, content=b"\xff"), ["--data-binary", "@-"]),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_each_has_its_words(request_: Request, present: list[str]) -> None:
    assert set(present) <= set(words(request_))


def test_the_dots_of_a_path_stay() -> None:
    request = Request("GET", URL)
    request.url = courser.URL("http://a.example/a%2F..;/.b")

    assert "--path-as-is" in words(request)


def test_a_large_body_says_where_it_comes_from() -> None:
    assert (
        Request("POST", URL, content=bytes(5000))
        .to_curl(secrets=True)
        .endswith("--data-binary @-  # the body, 5000 bytes, is read from standard input")
    )
    assert (
        Request("POST", URL, content=iter([b""]))
        .to_curl(secrets=True)
        .endswith("# the body is read from standard input")
    )


def test_a_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "a b.bin"
    file.write_bytes(b"\0")

    assert words(Request("PUT", URL, content=file))[-2:] == ["--data-binary", f"@{file}"]


SENT: dict[str, dict[str, Any]] = {
    "a GET": {"headers": {"X-A": 'it\'s "quoted" $HOME `id` \\ !', "X-Empty": ""}},
    "a query": {"url": "/a%2Fb/[1]{2};x?q=a+b%20c&d=%C3%A9&$=*"},
    "a HEAD": {"method": "HEAD"},
    "a DELETE": {"method": "DELETE"},
    "a POST without a body": {"method": "POST"},
    "JSON": {"method": "POST", "json": {"a": "it's\n@é"}},
    "a form": {"method": "POST", "data": {"a": "b c", "@": "%"}},
    "text that begins with an at sign": {"method": "PUT", "content": "@/etc/passwd"},
    "bytes": {"method": "PUT", "content": bytes(range(256)) * 4},
    "credentials": {"headers": {"Authorization": "Bearer s3cret", "Cookie": "a=b; c=d"}},
    "multipart": {"method": "POST", "files": {"f": ("n.txt", b"content")}},
    "large text": {"method": "POST", "content": "x" * 30_000},
}


def normal(request: Received) -> Any:
    """What was sent, without what a connection is told."""
    fields = {name: value for name, value in request.fields if name not in ("connection", "host")}
    return request.method, request.target, fields, request.body


@pytest.mark.skipif(shutil.which("curl") is None or shutil.which("sh") is None, reason="there is no curl or no shell")
@pytest.mark.parametrize("parts", SENT.values(), ids=SENT)
def test_curl_sends_what_we_send(parts: dict[str, Any]) -> None:
    server = FaultServer(answering(lambda request: reply(b"", "200 OK", "Connection: keep-alive")))
    given = dict(parts)
    with courser.Client() as client:
        request = client.build_request(given.pop("method", "GET"), server.url(given.pop("url", "/")), **given)
        command = request.to_curl(secrets=True)
        client.send(request)
    done = subprocess.run(["sh", "-c", f"{command.replace('curl', 'curl -sS --max-time 5', 1)}"], capture_output=True)
    server.close()

    assert done.returncode == 0, done.stderr
    ours, theirs = server.requests
    assert normal(theirs) == normal(ours)


@pytest.mark.skipif(shutil.which("curl") is None or shutil.which("sh") is None, reason="there is no curl or no shell")
def test_curl_sends_a_file_and_what_it_is_piped(tmp_path: Path) -> None:
    server = FaultServer(answering(reply()))
    file = tmp_path / "it's.bin"
    file.write_bytes(bytes(range(256)))
    with_file = Request("PUT", server.url(), content=file).to_curl(secrets=True)
    piped = Request("PUT", server.url(), content=iter([b"piped"])).to_curl(secrets=True)

    for command in (with_file, piped):
        done = subprocess.run(["sh", "-c", command.replace("curl", "curl -sS", 1)], input=b"piped", capture_output=True)
        assert done.returncode == 0, done.stderr
    server.close()

    assert [request.body for request in server.requests] == [bytes(range(256)), b"piped"]
