"""The same calls of the same scripts over HTTP/1.1 and over HTTP/2: nobody can tell the results apart."""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
from authority import Authority
from faultserver import FaultServer, Peer, Received, answering, chunked, echo, once, reply, silent
from gateway import Gateway
from guards import no_leak
from worlds import World, outcome

import courser

pytestmark = pytest.mark.only_http1("both are spoken in each test")

HEAD = b"HTTP/1.1 200 OK\r\n"
TEXT = "žluťoučký kůň\n" * 5000
FRAMING = ("connection", "content-length", "host", "transfer-encoding")


def hops(request: Received) -> bytes:
    """Redirects of every kind, with cookies."""
    path = request.target.partition("?")[0]
    if path.startswith("/end"):
        return reply(
            f"{request.method} {request.get('cookie')} {request.get('authorization')}".encode() + request.body,
            "200 OK",
            "Set-Cookie: last=1; Path=/",
            "Set-Cookie: other=2; Path=/end",
        )
    status, _, left = path[1:].partition("/")
    return reply(b"moved", f"{status} Moved", f"Location: /{left or 'end'}", f"Set-Cookie: hop{status}=yes; Path=/")


def secured(request: Received) -> bytes:
    """Asks for a password."""
    if request.get("authorization") is None:
        ask = 'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth", algorithm=SHA-256'
        return reply(b"who?", "401 Unauthorized", ask, 'WWW-Authenticate: Basic realm="r"')
    return reply(b"welcome", "200 OK", f"X-Scheme: {(request.get('authorization') or '').partition(' ')[0]}")


def uploaded(peer: Peer) -> None:
    """Tells how a body came, trailers too."""
    while True:
        request = peer.request()
        peer.send(reply(request.body[::-1], "201 Created", f"X-Trailers: {request.trailers.decode().strip()}"))


def permits(peer: Peer) -> None:
    """Gives its word."""
    while True:
        request = peer.head()
        peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        peer.body(request)
        peer.send(echo(request))


class Case(NamedTuple):
    """A call.

    Attributes:
        script: serves it.
        method, path, options: of the request.
        client: options of the client.
    """

    script: Callable[[Peer], Any]
    method: str = "GET"
    path: str = "/p?q=1&q=2"
    options: Callable[[], dict[str, Any]] = dict
    client: Mapping[str, Any] = MappingProxyType({})


def pieces() -> Iterator[bytes]:
    yield b"one"
    yield b"two" * 50_000


FIELDS = ("X-Multi: 1", "x-multi: 2", "X-Empty:", "Link: </a>; rel=next", "Content-Type: text/plain; charset=utf-8")
BIG = bytes(range(256)) * 10_000

CASES: dict[str, Case] = {
    **{method: Case(answering(echo), method) for method in ("GET", "DELETE", "OPTIONS", "PATCH", "QUERY", "X-ODD")},
    "HEAD": Case(answering(lambda request: HEAD + b"Content-Length: 5\r\nX-A: b\r\n\r\n"), "HEAD"),
    "204": Case(answering(HEAD.replace(b"200 OK", b"204 No Content") + b"X-A: b\r\n\r\n"), "DELETE"),
    "304": Case(answering(HEAD.replace(b"200 OK", b"304 Not Modified") + b'ETag: "a"\r\n\r\n')),
    "404": Case(answering(reply(b"why", "404 Not Found", *FIELDS))),
    "no body": Case(answering(echo), "POST"),
    "bytes": Case(answering(echo), "POST", options=lambda: {"content": b"abc"}),
    "large bytes": Case(answering(echo), "PUT", options=lambda: {"content": BIG}),
    "iterable": Case(answering(echo), "POST", options=lambda: {"content": pieces()}),
    "file": Case(answering(echo), "POST", options=lambda: {"content": io.BytesIO(BIG)}),
    "form": Case(answering(echo), "POST", options=lambda: {"data": {"a": "ž", "b": ["1", "2"]}}),
    "JSON": Case(answering(echo), "POST", options=lambda: {"json": {"a": [1, None, "ž"]}}),
    "how a body came": Case(uploaded, "POST", options=lambda: {"content": pieces()}),
    "headers and cookies": Case(
        answering(lambda request: reply(str(request.fields[1:]).encode())),
        options=lambda: {"headers": [("X-A", "1"), ("X-A", "2")], "cookies": {"a": "b", "c": "d"}, "params": {"z": 1}},
    ),
    "many fields": Case(answering(reply(b"", "200 OK", *(f"X-Field-{number}: {number}" * 9 for number in range(90))))),
    "length": Case(answering(reply(TEXT.encode(), "200 OK", *FIELDS))),
    "chunked": Case(answering(chunked(b"a", b"b" * 100_000, b"c"))),
    "until the end": Case(once(HEAD + b"\r\n" + b"x" * 100_000)),
    "HTTP/1.0": Case(once(b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\nold")),
    "gzip": Case(answering(reply(gzip.compress(TEXT.encode()), "200 OK", "Content-Encoding: gzip", *FIELDS))),
    "deflate": Case(answering(chunked(zlib.compress(TEXT.encode()), fields="Content-Encoding: deflate\r\n"))),
    "two codings": Case(
        answering(reply(gzip.compress(gzip.compress(b"twice")), "200 OK", "Content-Encoding: gzip, gzip"))
    ),
    "trailers": Case(answering(chunked(b"body", trailers="X-Sum: 1\r\nX-Other: 2\r\n"))),
    "interim responses": Case(answering(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + reply(b"after"))),
    "expectation": Case(permits, "POST", options=lambda: {"content": b"body", "headers": {"Expect": "100-continue"}}),
    "latin-1": Case(answering(HEAD + b"X-Odd: \xe9t\xe9\r\nContent-Length: 0\r\n\r\n")),
    "redirects": Case(answering(hops), path="/301/302/303/307/308/end"),
    "redirects of a POST": Case(answering(hops), "POST", "/307/308/end", lambda: {"content": b"kept"}),
    "a POST that becomes a GET": Case(answering(hops), "POST", "/308/303/end", lambda: {"content": b"dropped"}),
    "a redirect that is not followed": Case(answering(hops), path="/302", options=lambda: {"follow_redirects": False}),
    "basic": Case(answering(secured), options=lambda: {"auth": ("user", "secret")}),
    "digest": Case(answering(secured), options=lambda: {"auth": courser.DigestAuth("user", "secret")}),
    "nothing came": Case(once(b""), "POST"),
    "half a head": Case(once(HEAD + b"X-A: b"), "POST"),
    "half a body": Case(once(HEAD + b"Content-Length: 10\r\n\r\nabc")),
    "half a chunk": Case(once(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab")),
    "nonsense": Case(once(b"nonsense\r\n\r\n", Peer.wait_for_close)),
    "a response too many": Case(once(b"HTTP/1.1 101 Switching Protocols\r\n\r\n", Peer.wait_for_close)),
    "too many interim responses": Case(once(b"HTTP/1.1 103 E\r\n\r\n" * 100, Peer.wait_for_close)),
    "no gzip": Case(answering(reply(b"this is no gzip", "200 OK", "Content-Encoding: gzip"))),
    "half of gzip": Case(answering(reply(gzip.compress(BIG)[:-9], "200 OK", "Content-Encoding: gzip"))),
    "too large": Case(answering(reply(b"x" * 100_000)), options=lambda: {"max_body_size": 50_000}),
    "too large, packed": Case(
        answering(reply(gzip.compress(bytes(10**6)), "200 OK", "Content-Encoding: gzip")),
        options=lambda: {"max_body_size": 50_000},
    ),
    "too many redirects": Case(answering(reply(b"", "302 Found", "Location: /")), client={"max_redirects": 3}),
    "a status that is raised": Case(answering(reply(b"why", "503 Busy")), options=lambda: {"raise_for_status": True}),
    "silence, total": Case(silent, options=lambda: {"timeout": courser.Timeout(total=0.05)}),
    "silence, read": Case(silent, options=lambda: {"timeout": courser.Timeout(read=0.05)}),
    "half a body, then silence": Case(
        once(HEAD + b"Content-Length: 10\r\n\r\nabc", Peer.wait_for_close),
        options=lambda: {"timeout": courser.Timeout(read=0.05)},
    ),
    "a length that lies": Case(
        answering(echo), "POST", options=lambda: {"content": pieces(), "headers": {"Content-Length": "4"}}
    ),
}


class Both:
    """A server for each protocol, and what has come of a call over it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.servers: list[Any] = []

    async def of(self, case: Case, call: Callable[[Any, str], Any], **options: Any) -> list[Any]:
        """Make a call over each protocol; gives what can be seen of each."""
        seen: list[Any] = []
        for kind, spoken in ((FaultServer, {}), (Gateway, {"http1": False, "http2": True})):
            server = kind(case.script, **options)
            self.servers.append(server)
            client = self.world.client(**{**spoken, **case.client})
            found = await outcome(lambda: call(client, server.url(case.path)))  # noqa: B023 - it is awaited here
            # What was given up may have been seen or not.
            asked = [] if isinstance(found, courser.TransportError) else server.requests
            seen.append((facts(found, spoken), [received(each) for each in asked]))
            await self.world.close()
        return seen


@pytest.fixture
def both(world: World) -> Iterator[Both]:
    with no_leak():
        made = Both(world)
        yield made
        for server in made.servers:
            server.close()


def facts(found: Any, spoken: dict[str, Any]) -> Any:
    """Everything that a caller sees of a result."""
    if isinstance(found, courser.HTTPError):
        text = re.sub(r"[\d:.]+", "", str(found)) if isinstance(found, courser.RequestTimeout) else ""
        answer = facts(found.response, spoken) if isinstance(found, courser.StatusError) else None
        phase = getattr(found, "phase", None)
        return type(found), text, phase, found.request is not None and found.request.method, answer
    if not isinstance(found, courser.Response):
        return found
    assert found.http_version == ("HTTP/2" if spoken else found.http_version)
    assert found.http_version in ("HTTP/2", "HTTP/1.1", "HTTP/1.0")
    fields = [(name.lower(), value) for name, value in found.headers.multi_items()]
    return {
        "status": found.status_code,
        "fields": [pair for pair in fields if pair[0] not in FRAMING],
        "length": found.headers.get("content-length"),
        "content": found.content,
        "text": found.text,
        "encoding": found.encoding,
        "path": found.url.path,
        "query": str(found.url.query),
        "method": found.request.method,
        "cookies": dict(found.cookies),
        "links": re.sub(r":\d+", "", str(found.links)),
        "trailers": [(name.lower(), value) for name, value in found.trailers.multi_items()],
        "history": [facts(each, spoken) for each in found.history],
        "next": found.next_request and found.next_request.url.path,
    }


def received(request: Received) -> Any:
    """What a script has seen of a request."""
    fields = [(name, value) for name, value in request.fields if name not in FRAMING and value.find("cnonce=") < 0]
    return request.method, request.target, sorted(fields), request.body, request.trailers, request.get("content-length")


@pytest.mark.parametrize("name", CASES)
async def test_a_response_is_the_same(world: World, both: Both, name: str) -> None:
    case = CASES[name]

    old, new = await both.of(case, lambda client, url: client.request(case.method, url, **case.options()))

    assert new == old


@pytest.mark.parametrize("name", ["length", "chunked", "gzip", "trailers", "redirects", "half a body", "no gzip"])
async def test_a_stream_is_the_same(world: World, both: Both, name: str) -> None:
    if not world.streams:
        pytest.skip("map streams nothing")

    async def read(client: Any, url: str) -> Any:
        got = b""
        async with client.stream("GET", url) as response:
            async for piece in response.iter_bytes():
                got += piece
            trailers = [(name.lower(), value) for name, value in response.trailers.multi_items()]
            return got, response.status_code, response.num_bytes_downloaded, trailers

    old, new = await both.of(CASES[name], read)

    assert new == old


@pytest.mark.parametrize("name", ["GET", "large bytes", "chunked", "redirects", "half a body"])
async def test_encrypted_too(world: World, both: Both, authority: Authority, name: str) -> None:
    case = CASES[name]
    case = case._replace(client={**case.client, "verify": authority.roots})

    old, new = await both.of(
        case, lambda client, url: client.request(case.method, url, **case.options()), tls=authority.good
    )

    assert new == old
