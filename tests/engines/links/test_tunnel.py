"""CONNECT to an HTTP proxy, byte by byte."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from courser.engines.links.opening import Opening
from courser.engines.links.tunnel import REFUSAL_MOST, Tunnel
from courser.errors import LocalProtocolError, ProxyError

OPENED = {
    "1.1": b"HTTP/1.1 200 OK\r\n\r\n",
    "1.0": b"HTTP/1.0 200 Connection established\r\n\r\n",
    "with fields": b"HTTP/1.1 200 OK\r\nProxy-Agent: x\r\nVia: 1.1 y\r\n\r\n",
    "another 2xx": b"HTTP/1.1 204 Fine\r\n\r\n",
    "with a length that means nothing": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n",
    "chunked, which means nothing": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    "after interim responses": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"
    ),
}


def cuts(data: bytes) -> Iterator[list[bytes]]:
    """Whole, byte by byte, and at every split."""
    yield [data]
    yield [data[at : at + 1] for at in range(len(data))]
    for at in range(1, len(data)):
        yield [data[:at], data[at:]]


def feed(tunnel: Tunnel, pieces: list[bytes]) -> None:
    for piece in pieces:
        tunnel.receive(piece)


def test_the_request_names_the_far_end_twice_rfc_9110_9_3_6() -> None:
    tunnel = Tunnel(b"[::1]:443", b"Proxy-Authorization: Basic eDp5\r\nX-Id: 7\r\n")

    assert tunnel.outgoing() == (
        b"CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\nProxy-Authorization: Basic eDp5\r\nX-Id: 7\r\n\r\n"
    )
    assert tunnel.outgoing() == b""


@pytest.mark.parametrize("name", OPENED)
def test_any_2xx_opens_the_tunnel(name: str) -> None:
    for pieces in cuts(OPENED[name]):
        tunnel = Tunnel(b"a.example:443")
        for piece in pieces:
            assert not tunnel.done
            tunnel.receive(piece)
        assert tunnel.done
        assert tunnel.leftover == b""
        assert tunnel.head is not None
        assert 200 <= tunnel.head.status < 300
        assert tunnel.late() is None


def test_what_follows_the_head_is_the_far_ends() -> None:
    answer = OPENED["with fields"] + b"hello"
    for pieces in cuts(answer):
        tunnel = Tunnel(b"a.example:443")
        for piece in pieces:
            tunnel.receive(piece)
        tunnel.receive(b", you")
        assert tunnel.leftover == b"hello, you"


REFUSED = {
    "with a length": (b"HTTP/1.1 403 No\r\nContent-Length: 5\r\nX-Why: so\r\n\r\nnever", 403, b"never"),
    "with chunks": (b"HTTP/1.1 502 Bad\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n", 502, b"no"),
    "without a body": (b"HTTP/1.1 407 Who?\r\nContent-Length: 0\r\n\r\n", 407, b""),
    "without a reason": (b"HTTP/1.1 503\r\nContent-Length: 0\r\n\r\n", 503, b""),
    "redirected": (b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere/\r\nContent-Length: 0\r\n\r\n", 302, b""),
    "not modified": (b"HTTP/1.1 304 Not Modified\r\n\r\n", 304, b""),
}


@pytest.mark.parametrize("name", REFUSED)
def test_anything_else_is_a_refusal_with_all_that_was_said(name: str) -> None:
    answer, status, body = REFUSED[name]
    for pieces in cuts(answer):
        tunnel = Tunnel(b"a.example:443")
        with pytest.raises(ProxyError, match=f"answered CONNECT with {status}") as caught:
            feed(tunnel, pieces)
        error = caught.value
        assert error.phase == "proxy"
        assert error.response is not None
        assert (error.response.status_code, error.response.content) == (status, body)
        assert not tunnel.done
        assert tunnel.leftover == b""
    assert ("auth=(user, password)" in str(error)) is (status == 407)


def test_a_refusal_that_ends_with_the_connection() -> None:
    tunnel = Tunnel(b"a.example:443")
    tunnel.receive(b"HTTP/1.0 403 No\r\nX-Why: so\r\n\r\nnev")
    tunnel.receive(b"er")

    with pytest.raises(ProxyError, match="403 No") as caught:
        tunnel.receive(b"")

    answer = caught.value.response
    assert answer is not None
    assert (answer.content, answer.http_version, answer.headers["x-why"]) == (b"never", "HTTP/1.0", "so")


def test_a_refusal_whose_body_is_cut_is_the_same_refusal() -> None:
    tunnel = Tunnel(b"a.example:443")
    tunnel.receive(b"HTTP/1.1 403 No\r\nContent-Length: 10\r\n\r\nnev")

    with pytest.raises(ProxyError, match="403 No") as caught:
        tunnel.receive(b"")
    assert caught.value.response is not None
    assert caught.value.response.content == b"nev"


def test_a_refusal_whose_body_is_broken_is_the_same_refusal() -> None:
    for pieces in cuts(b"HTTP/1.1 502 Bad\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n"):
        with pytest.raises(ProxyError, match="answered CONNECT with 502 Bad"):
            feed(Tunnel(b"a.example:443"), pieces)


def test_a_refusal_whose_body_does_not_end_is_bounded() -> None:
    tunnel = Tunnel(b"a.example:443")
    with pytest.raises(ProxyError, match="403") as caught:
        tunnel.receive(b"HTTP/1.1 403 No\r\n\r\n" + b"x" * (REFUSAL_MOST + 1))
    assert caught.value.response is not None
    assert len(caught.value.response.content) == REFUSAL_MOST


def test_a_refusal_whose_body_stalls_is_told_when_the_time_is_up() -> None:
    tunnel: Opening = Tunnel(b"a.example:443")
    assert tunnel.late() is None
    tunnel.receive(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert tunnel.late() is None
    tunnel.receive(b"HTTP/1.1 403 No\r\nContent-Length: 10\r\n\r\nnev")

    late = tunnel.late()

    assert isinstance(late, ProxyError)
    assert late.response is not None
    assert (late.response.status_code, late.response.content) == (403, b"nev")


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ([b""], "closed before any byte"),
        ([b"HTTP/1.1 200 OK\r\n", b""], "closed in the middle of a head"),
        ([b"\5\0" * 16], "not an HTTP/1 response"),
        ([b"HTTP/1.1 200 OK\nA: b\r\n\r\n"], "LF alone"),
        ([b"HTTP/1.1 101 Switching Protocols\r\n\r\n"], "did not ask for it"),
        ([b"HTTP/1.1 100 Continue\r\n\r\n" * 33], "more than 32 interim"),
        ([b"HTTP/1.1 200 OK\r\nA: " + b"b" * 70_000], "longer than 65536"),
    ],
)
def test_what_is_no_answer(answer: list[bytes], text: str) -> None:
    tunnel = Tunnel(b"a.example:443")
    with pytest.raises(ProxyError, match=text) as caught:
        feed(tunnel, answer)
    assert (caught.value.phase, caught.value.response) == ("proxy", None)


@pytest.mark.parametrize("authority", [b"a.example\r\nX: y:443", b"a b:1", b"", b"a\0:1", b"a\x7f:443", b"\xe4:443"])
def test_cve_2026_1502_urllib3_5091_an_authority_cannot_hold_a_line(authority: bytes) -> None:
    with pytest.raises(LocalProtocolError):
        Tunnel(authority)


@pytest.mark.parametrize("fields", [b"A: b\r\n\r\nGET", b"A: b\nC: d\r\n", b"A\r\n", b"A: b", b"Host: other\r\n"])
def test_cve_2026_1502_fields_cannot_hold_more_than_fields(fields: bytes) -> None:
    with pytest.raises(LocalProtocolError):
        Tunnel(b"a.example:443", fields)
