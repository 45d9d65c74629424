"""A response is complete, and says what it is."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from typing import Any

import pytest

from courser.errors import DecodingError, JSONError, StatusError
from courser.values.headers import Headers
from courser.values.request import Request
from courser.values.response import REASONS, Response
from courser.values.timings import Timings

RENAMED = {413: "Content Too Large", 414: "URI Too Long", 416: "Range Not Satisfiable", 422: "Unprocessable Content"}
"""By RFC 9110; the standard library has the older names before Python 3.13."""

LEFT_OUT = {418: "a joke", 510: "obsolete"}

ASKED = Request("GET", "http://a.example/x?token=s")


def assembled(
    content: bytes | Callable[[], bytes] = b"", status: int = 200, block: bytes = b"", default: Any = "utf-8"
) -> Response:
    return Response.assemble(
        status, b"", "HTTP/1.1", block, ASKED, (10.0, 10.5, 11.5, 10.25, None), default, content, b""
    )


def test_a_response_of_a_test() -> None:
    response = Response(404, headers=[("X", "1"), ("x", "2")], content=b"gone", request=ASKED, reason_phrase="Nope")

    assert (response.status_code, response.reason_phrase, response.http_version) == (404, "Nope", "HTTP/1.1")
    assert response.headers.get_list("x") == ["1", "2"]
    assert response.headers["content-length"] == "4"
    assert response.content == b"gone"
    assert response.request is ASKED
    assert response.url is ASKED.url
    assert (response.history, response.next_request, response.extensions) == ([], None, {})
    assert response.trailers == {}
    assert response.timings == Timings(None, None, None, None, None, 0.0, 0.0, 0.0)
    assert repr(response) == "<Response [404 Nope]>"


@pytest.mark.parametrize(
    ("options", "content", "content_type"),
    [
        ({}, b"", None),
        ({"text": "é"}, "é".encode(), "text/plain; charset=utf-8"),
        ({"text": ""}, b"", "text/plain; charset=utf-8"),
        ({"json": {"é": [1]}}, '{"é":[1]}'.encode(), "application/json"),
        ({"json": 0}, b"0", "application/json"),
        ({"json": 1, "headers": {"Content-Type": "x/y"}}, b"1", "x/y"),
        ({"content": bytearray(b"x")}, b"x", None),
    ],
)
def test_what_a_response_is_made_of(options: Any, content: bytes, content_type: str | None) -> None:
    response = Response(200, **options)

    assert (response.content, response.headers.get("content-type")) == (content, content_type)
    assert type(response.content) is bytes


def test_a_response_has_one_body() -> None:
    with pytest.raises(TypeError, match="one of content, text and json"):
        Response(200, content=b"x", text="y")


@pytest.mark.parametrize("content", ["x", 5, None])
def test_content_is_bytes(content: Any) -> None:
    with pytest.raises(TypeError, match="bytes-like"):
        Response(200, content=content)


def test_a_response_without_a_request_says_so() -> None:
    with pytest.raises(RuntimeError, match=r"give Response\(..., request=...\)"):
        _ = Response(200).url


# The status


@pytest.mark.parametrize(
    ("status", "true"),
    [
        (100, {"is_informational", "ok"}),
        (200, {"is_success", "ok"}),
        (299, {"is_success", "ok"}),
        (304, {"ok"}),
        (302, {"is_redirect", "ok"}),
        (400, {"is_client_error", "is_error"}),
        (499, {"is_client_error", "is_error"}),
        (500, {"is_server_error", "is_error"}),
        (999, {"is_server_error", "is_error"}),
    ],
)
def test_kinds_of_status(status: int, true: set[str]) -> None:
    response = Response(status, headers={"Location": "/"})
    names = ("is_informational", "is_success", "is_redirect", "is_client_error", "is_server_error", "is_error", "ok")

    assert {name for name in names if getattr(response, name)} == true
    assert bool(response) == ("ok" in true)


def test_a_redirect_has_a_location() -> None:
    assert not Response(302).is_redirect


def test_the_standard_library_has_the_same_reason_phrases() -> None:
    expected = {status.value: status.phrase for status in HTTPStatus} | RENAMED

    assert {status: phrase for status, phrase in expected.items() if status not in LEFT_OUT} == REASONS


def test_reason_phrases() -> None:
    assert Response(418, reason_phrase="Teapot").reason_phrase == "Teapot"
    assert all(Response(status).reason_phrase == reason for status, reason in REASONS.items())
    assert Response(299).reason_phrase == ""
    assert repr(Response(299)) == "<Response [299]>"


@pytest.mark.parametrize("status", [100, 200, 204, 302, 304, 399])
def test_raise_for_status_gives_the_response_back(status: int) -> None:
    response = Response(status)

    assert response.raise_for_status() is response


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (400, "400 Bad Request (client error)"),
        (503, "503 Service Unavailable (server error)"),
        (499, "499 (client error)"),
    ],
)
def test_raise_for_status_raises(status: int, text: str) -> None:
    response = Response(status, text="why", request=ASKED)

    with pytest.raises(StatusError) as caught:
        response.raise_for_status()

    assert caught.value.response is response
    assert caught.value.request is ASKED
    assert str(caught.value) == f"the server answered with an error: {text} [GET http://a.example/x?token=***]"


@pytest.mark.parametrize(
    ("status", "upgrade", "hint"),
    [
        (426, {"Upgrade": "h2c, WebSocket"}, "client.websocket() opens a WebSocket"),
        (426, {"Upgrade": "h2c"}, ""),
        (426, {}, ""),
        (400, {"Upgrade": "websocket"}, ""),
    ],
)
def test_a_server_that_wants_a_websocket_can_have_one(status: int, upgrade: dict[str, str], hint: str) -> None:
    with pytest.raises(StatusError) as caught:
        Response(status, headers=upgrade).raise_for_status()

    assert caught.value.hint == hint


# What came from the network


def test_an_assembled_response() -> None:
    response = Response.assemble(
        200, b"Fine", "HTTP/2", b"A: 1\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n", ASKED,
        (1.0, 1.25, 2.0, 1.125, None, 0.0), "utf-8", b"x", b"T: 1\r\n",
    )  # fmt: skip

    assert (response.reason_phrase, response.http_version, response.content) == ("Fine", "HTTP/2", b"x")
    assert response.headers.get_list("set-cookie") == ["a", "b"]
    assert response.headers is response.headers
    assert response.trailers == {"T": "1"}
    assert response.timings == Timings(None, None, None, None, 0.125, 0.25, 0.25, 1.0)
    assert response.elapsed == timedelta(seconds=0.25)


def test_a_body_may_be_decoded_when_somebody_asks() -> None:
    calls: list[int] = []

    def decode() -> bytes:
        calls.append(1)
        return b"plain"

    response = assembled(decode)
    assert calls == []
    assert response.content == response.content == b"plain"
    assert calls == [1]


# Text


@pytest.mark.parametrize(
    ("content", "content_type", "default", "text", "encoding"),
    [
        (b"\xc3\xa9", None, "utf-8", "é", "utf-8"),
        (b"\xe9", "text/html", "utf-8", "�", "utf-8"),
        (b"\xe9", "text/plain; charset=ISO-8859-1", "utf-8", "é", "iso8859-1"),
        (b"\xe9", 'text/plain; charset="latin1"', "utf-8", "é", "iso8859-1"),
        (b"\xe9", "text/plain; charset=nonsense", "latin-1", "é", "iso8859-1"),
        (b"\xef\xbb\xbfx", None, "latin-1", "x", "utf-8"),
        (b"\xe9", None, lambda data: "cp1252", "é", "cp1252"),
        (b"x", None, lambda data: None, "x", "utf-8"),
        (b"", None, "utf-8", "", "utf-8"),
    ],
)
def test_text(content: bytes, content_type: str | None, default: Any, text: str, encoding: str) -> None:
    block = f"Content-Type: {content_type}\r\n".encode() if content_type else b""

    assert assembled(content, block=block, default=default).text == text
    assert assembled(content, block=block, default=default).encoding == encoding


def test_the_encoding_can_be_set_at_any_time() -> None:
    response = assembled(b"\xe9\xff")
    response.encoding = "latin-1"
    assert response.text == "éÿ"
    response.encoding = "cp437"
    assert (response.encoding, response.text) == ("cp437", b"\xe9\xff".decode("cp437"))
    assert response.text is response.text
    with pytest.raises(LookupError):
        response.encoding = "nonsense"
    assert response.encoding == "cp437"
    marked = assembled(b"\xef\xbb\xbfx")
    marked.encoding = "utf-8"
    assert marked.text == "x"


def test_the_charset_is_that_of_the_header() -> None:
    assert assembled(block=b"Content-Type: text/x; charset=KOI8-R\r\n").charset == "KOI8-R"
    assert assembled().charset is None


# JSON


@pytest.mark.parametrize(
    "content",
    [b'{"\xc3\xa9": 1}', b'\xef\xbb\xbf{"\xc3\xa9": 1}', '{"é": 1}'.encode("utf-16"), '{"é": 1}'.encode("utf-32-le")],
)
def test_json_is_read_by_its_bytes(content: bytes) -> None:
    assert assembled(content, block=b"Content-Type: text/html; charset=latin-1\r\n").json() == {"é": 1}


def test_json_takes_the_options_of_the_standard_library() -> None:
    assert assembled(b"[1.5]").json(parse_float=str) == ["1.5"]


def test_json_is_read_by_the_codec_of_the_client_or_of_the_call() -> None:
    response = Response.assemble(
        200, b"", "HTTP/1.1", b"", ASKED, (0.0, 0.0, 0.0, 0.0, None, 0.0), "utf-8", b"x", b"", bytes.decode
    )

    assert response.json() == "x"
    assert response.json(loads=len) == 1
    with pytest.raises(JSONError, match="status 200, 1 bytes"):
        pickle.loads(pickle.dumps(response)).json()


@pytest.mark.parametrize("content", [b"", b"<html>", b"{", b"\xff"])
def test_what_is_not_json_is_an_error_that_shows_it(content: bytes) -> None:
    with pytest.raises(JSONError, match="status 502") as caught:
        assembled(content, 502).json()

    assert caught.value.request is ASKED
    assert f"{len(content)} bytes" in str(caught.value)
    assert isinstance(caught.value, ValueError)


# What the header says


def test_links() -> None:
    block = b'Link: </3?token=t>; rel="next"\r\nLink: <https://b.example/>; rel=last\r\n'
    response = assembled(block=block)

    assert response.links["next"] == {"url": "http://a.example/3?token=t", "rel": "next"}
    assert list(response.links) == ["next", "last"]
    assert assembled().links == {}
    assert Response(200, headers={"Link": "</3>; rel=next"}).links["next"]["url"] == "/3"


def test_content_disposition() -> None:
    block = b'Content-Disposition: attachment; filename="../a.txt"\r\nContent-Disposition: inline\r\n'
    disposition = assembled(block=block).content_disposition

    assert disposition is not None
    assert (disposition.type, disposition.filename) == ("attachment", "a.txt")
    assert assembled().content_disposition is None


# As an object


def test_a_response_is_not_iterated_over() -> None:
    with pytest.raises(TypeError, match=r"use .content or .text, or client.stream"):
        iter(Response(200))


def refuse(text: str) -> bytes:
    raise DecodingError(detail=text)


def test_a_response_pickles_with_its_history() -> None:
    first = assembled(partial(bytes, b"moved"), 302, b"Location: /y\r\n")
    first.next_request = Request("GET", "http://a.example/y")
    first.stripped = ("Cookie",)
    response = assembled("é".encode(), 200, b"A: 1\r\nA: 2\r\n", default=lambda data: "latin-1")
    response.history = [first]
    response.encoding = "utf-8"
    response._trailers = b"T: 1\r\n"

    for made in (pickle.loads(pickle.dumps(response)), copy.copy(response), copy.deepcopy(response)):
        assert made.status_code == 200
        assert made.headers.multi_items() == [("A", "1"), ("A", "2")]
        assert (made.text, made.encoding, made.trailers) == ("é", "utf-8", {"T": "1"})
        assert made.timings == response.timings
        assert str(made.url) == "http://a.example/x?token=s"
        assert [(each.status_code, each.content) for each in made.history] == [(302, b"moved")]
        assert str(made.history[0].next_request.url) == "http://a.example/y"
        assert (made.history[0].stripped, made.stripped) == (("Cookie",), ())


def test_of_the_extensions_those_pickle_that_are_plain_data() -> None:
    class Own(dict[str, int]):
        """Another program does not have it."""

    plain = {"none": None, "number": 1.5, "bytes": b"x", "nested": {"a": [1, ("b", {True}), frozenset({2j})]}, "": {}}
    response = assembled()
    response.extensions = {**plain, "object": object(), "inside": [1, {2: lambda: 3}], "key": {object(): 1}, "o": Own()}

    for made in (pickle.loads(pickle.dumps(response)), copy.copy(response), copy.deepcopy(response)):
        assert made.extensions == plain
    assert len(response.extensions) == len(plain) + 4


def test_a_response_with_a_body_that_cannot_be_decoded_pickles() -> None:
    made = pickle.loads(pickle.dumps(assembled(partial(refuse, "broken"))))

    with pytest.raises(DecodingError, match="broken"):
        _ = made.content


def test_a_response_of_a_test_pickles() -> None:
    made = pickle.loads(pickle.dumps(Response(201, json=[1], headers=Headers({"X": "1"}))))

    assert (made.status_code, made.json(), made.headers["x"]) == (201, [1], "1")
    with pytest.raises(RuntimeError):
        _ = made.request


def test_the_cookies_of_a_response_are_those_it_may_set() -> None:
    headers = [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2; Domain=b.example"), ("Set-Cookie", "c=3; Max-Age=0")]
    response = Response(200, headers=headers, request=Request("GET", "https://a.example/"))

    assert response.cookies == {"a": "1"}
    assert response.cookies is response.cookies
    assert [cookie.domain for cookie in response.cookies.records()] == ["a.example"]
    assert pickle.loads(pickle.dumps(response)).cookies == {"a": "1"}
    assert not Response(200).cookies
    with pytest.raises(RuntimeError, match="made without a request"):
        _ = Response(200, headers=headers).cookies


def test_a_response_knows_the_connection_that_it_came_over() -> None:
    ends = (7, ("10.0.0.1", 80), None)
    response = Response.assemble(
        200, b"", "HTTP/1.1", b"", ASKED, (0.0, 0.0, 0.0, 0.0, None, 0.0), "utf-8", b"x", b"", None, ends
    )

    assert response.connection is not None
    assert (response.connection.number, response.connection.peer) == (7, ("10.0.0.1", 80))
    assert pickle.loads(pickle.dumps(response)).connection == response.connection
    assert Response(200).connection is None
