"""Requests as handlers see them, the replies they may give, and what becomes of their errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from courser.engines.events import RequestHead
from courser.server.app import FAILED, App, Reply, ServerRequest, date_line


def head(target: bytes = b"/", method: bytes = b"GET", fields: bytes = b"", version: bytes = b"1.1") -> RequestHead:
    return RequestHead(method, target, version, fields, None, True, False)


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/", "/", []),
        (b"/a%20b?x=1&x=2&y=%20", "/a%20b", [("x", "1"), ("x", "2"), ("y", " ")]),
        (b"/a?b?c", "/a", [("b?c", "")]),
        (b"http://x.test/p/q?z=1", "/p/q", [("z", "1")]),
        (b"http://x.test", "/", []),
        (b"*", "*", []),
        (b"x.test:443", "x.test:443", []),
    ],
)
def test_a_target_has_a_path_and_a_query(target: bytes, path: str, query: list[tuple[str, str]]) -> None:
    request = ServerRequest(head(target))

    assert (request.target, request.path, request.query.multi_items()) == (target.decode(), path, query)


def test_a_request_says_what_came() -> None:
    request = ServerRequest(head(b"/x", b"PuT", b"A: 1\r\na: 2\r\n", b"1.0"), b"body")

    assert (request.method, request.http_version, request.body) == ("PuT", "HTTP/1.0", b"body")
    assert request.headers.get_list("a") == ["1", "2"]
    assert request.headers is request.headers
    assert repr(request) == "<ServerRequest PuT /x>"


@pytest.mark.parametrize(
    ("reply", "status", "block", "body", "length"),
    [
        (Reply(), 200, b"", b"", 0),
        (Reply(b"ab", headers={"X": "y"}), 200, b"X: y\r\n", b"ab", 2),
        (Reply(bytearray(b"ab")), 200, b"", b"ab", 2),
        (Reply(memoryview(b"ab")), 200, b"", b"ab", 2),
        (Reply(status=204), 204, b"", b"", -1),
        (Reply(status=304), 304, b"", b"", -1),
        (Reply(b"ab", status=304), 304, b"", b"ab", 2),
        (Reply.text("é", status=404), 404, b"Content-Type: text/plain; charset=utf-8\r\n", b"\xc3\xa9", 2),
        (Reply.text("a", headers={"content-type": "x/y"}), 200, b"content-type: x/y\r\n", b"a", 1),
        (Reply.json({"a": "é"}), 200, b"Content-Type: application/json\r\n", '{"a":"é"}'.encode(), 10),
    ],
)
def test_a_reply_is_what_was_given(reply: Reply, status: int, block: bytes, body: bytes, length: int) -> None:
    assert (reply.status, reply.fields(b""), reply.body, reply.length) == (status, block, body, length)
    assert repr(reply) == f"<Reply {status}>"


def test_an_iterable_body_may_have_a_length() -> None:
    pieces = [b"a", b"b"]

    assert (Reply(pieces).length, Reply(pieces, length=2).length, Reply(pieces).body) == (None, 2, pieces)


def test_a_file_goes_out_in_pieces_and_is_closed(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(bytes(300_000))

    reply = Reply.file(file)

    assert not isinstance(reply.body, bytes)
    assert (reply.length, [len(piece) for piece in reply.body]) == (300_000, [262_144, 37_856])
    assert reply.fields(b"") == b"Content-Type: application/octet-stream\r\n"


def test_a_file_that_is_not_there_is_an_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Reply.file(tmp_path / "none")


@pytest.mark.parametrize("status", [0, 100, 101, 199, 1000])
def test_only_final_statuses_are_replies(status: int) -> None:
    with pytest.raises(ValueError, match="is not the status of a final response"):
        Reply(status=status)


@pytest.mark.parametrize("name", ["Content-Length", "transfer-encoding"])
def test_framing_is_not_the_handlers_to_write(name: str) -> None:
    with pytest.raises(ValueError, match="the server writes"):
        Reply(headers={name: "1"})


def test_text_is_no_body() -> None:
    body: Any = "text"
    with pytest.raises(TypeError, match=r"Reply\.text\(\)"):
        Reply(body)


@pytest.mark.parametrize("body", [b"abc", iter([b"abc"])])
def test_a_body_that_trailers_follow_has_no_length(body: Any) -> None:
    reply = Reply(body, length=3, trailers={"X-Sum": "6"})

    assert (list(reply.body), reply.length, reply.trailers) == ([b"abc"], None, b"X-Sum: 6\r\n")


@pytest.mark.parametrize(
    ("headers", "closes"), [({}, False), ({"Connection": "close"}, True), ({"Connection": "X, Close"}, True)]
)
def test_a_reply_may_be_the_last_one(headers: dict[str, str], closes: bool) -> None:
    assert Reply(headers=headers).closes is closes


def test_a_reply_is_dated_anew_when_the_date_is_another() -> None:
    reply, first, second = Reply(headers={"A": "b"}), b"Date: 1\r\n", b"Date: 2\r\n"

    assert reply.fields(first) is reply.fields(first)
    assert (reply.fields(first), reply.fields(second)) == (b"Date: 1\r\nA: b\r\n", b"Date: 2\r\nA: b\r\n")


def test_a_reply_with_a_date_keeps_it() -> None:
    assert Reply(headers={"Date": "then"}).fields(b"Date: now\r\n") == b"Date: then\r\n"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (784111777, b"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"),  # the example of RFC 9110 section 5.6.7
        (0, b"Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"),
        (951782400.9, b"Date: Tue, 29 Feb 2000 00:00:00 GMT\r\n"),
    ],
)
def test_a_date_has_the_form_of_the_rfc(seconds: float, text: bytes) -> None:
    assert date_line(seconds) == text


def test_a_date_is_made_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("courser.server.app.time", lambda: 100.25)
    app = App(lambda request: Reply())

    first = app.date(10.0)

    assert app.date(10.5) is first
    assert app.date(10.75) == first
    assert app.date(10.75) is not first


def test_a_reply_is_handed_on() -> None:
    reply = Reply(b"x")

    assert App(lambda request: reply).answer(ServerRequest(head())) is reply


def test_a_handler_that_fails_is_a_500_and_its_error_is_kept() -> None:
    error = LookupError("x")

    def handler(request: ServerRequest) -> Reply:
        raise error

    app = App(handler)

    assert app.answer(ServerRequest(head())) is FAILED
    assert list(app.errors) == [error]


def test_what_is_not_a_reply_is_an_error() -> None:
    handler: Any = lambda request: "hello"  # noqa: E731 - a function would need a wrong annotation
    app = App(handler)

    assert app.answer(ServerRequest(head())) is FAILED
    assert str(app.errors[0]) == "the handler returned 'hello', which is not a Reply"


def test_the_last_hundred_errors_are_kept() -> None:
    handler: Any = lambda request: None  # noqa: E731
    app = App(handler)

    for _ in range(150):
        app.answer(ServerRequest(head()))

    assert len(app.errors) == 100
