"""Events carry what came, and show it without secrets."""

from __future__ import annotations

from courser.engines.events import END, End, RequestHead, ResponseHead

FIELDS = b"Set-Cookie: hunter2\r\n"


def test_a_response_head() -> None:
    head = ResponseHead(404, b"Not Found", b"1.1", FIELDS, 5, b"gzip", True)
    assert (head.status, head.reason, head.version, head.fields) == (404, b"Not Found", b"1.1", FIELDS)
    assert (head.length, head.coding, head.keep_alive) == (5, b"gzip", True)
    assert repr(head) == "<ResponseHead 404 Not Found>"
    assert repr(ResponseHead(200, b"\xe9", b"2", b"", None, None, False)) == "<ResponseHead 200 é>"


def test_a_request_head() -> None:
    head = RequestHead(b"POST", b"/\xff", b"1.1", FIELDS, None, True, False)
    assert (head.method, head.target, head.version, head.fields) == (b"POST", b"/\xff", b"1.1", FIELDS)
    assert (head.length, head.keep_alive, head.expects_continue) == (None, True, False)
    assert repr(head) == "<RequestHead POST /ÿ>"


def test_an_end() -> None:
    assert END.trailers == b""
    assert repr(END) == "<End>"
    end = End(b"Digest: abc\r\n")
    assert end.trailers == b"Digest: abc\r\n"
    assert repr(end) == r"<End trailers=b'Digest: abc\r\n'>"


def test_events_are_small() -> None:
    assert not any(hasattr(event, "__dict__") for event in (END, ResponseHead(200, b"", b"2", b"", None, None, True)))


def test_a_head_knows_whether_it_may_set_cookies() -> None:
    def head(fields: bytes) -> ResponseHead:
        return ResponseHead(200, b"", b"1.1", fields, None, None, True)

    assert head(b"A: b\r\nSet-Cookie: a=1\r\n").sets_cookies
    assert head(b"sEt-cOOkie: a=1\r\n").sets_cookies
    assert not head(b"Cookie: a=1\r\n").sets_cookies
