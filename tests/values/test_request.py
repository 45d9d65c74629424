"""A request is what is to be sent, checked when it is made."""

from __future__ import annotations

import copy
import gzip
import io
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from courser.errors import BodyNotReplayable, InvalidRequest, InvalidURL
from courser.values import request as module
from courser.values.body import BytesBody
from courser.values.cookies.record import Cookie
from courser.values.fields import FieldBlock
from courser.values.headers import Headers
from courser.values.request import NO_FIELDS, NOTHING, Request, complete, method_of
from courser.values.url import URL

HERE = "http://a.example/x"


def test_a_plain_request() -> None:
    request = Request("get", HERE)

    assert (request.method, request.url, request.body, request.content) == ("GET", URL(HERE), None, b"")
    assert request.headers == {}
    assert request.extensions == {}
    assert request.wire() == (b"GET", b"/x", b"a.example", b"")
    assert repr(request) == "<Request GET http://a.example/x>"


def test_a_request_with_everything() -> None:
    request = Request(
        "post",
        "http://a.example/x?a=1",
        params={"b": [2, True], "c": None},
        headers={"X": "1"},
        json={"é": 1},
        extensions={"trace": 5},
    )

    assert str(request.url) == "http://a.example/x?a=1&b=2&b=true"
    assert request.headers == {"X": "1", "Content-Type": "application/json"}
    assert request.content == '{"é":1}'.encode()
    assert request.extensions == {"trace": 5}
    assert request.wire()[3] == b"X: 1\r\nContent-Type: application/json\r\n"


def test_repr_tells_no_secret() -> None:
    assert repr(Request("GET", "http://u:p@a.example/?token=x")) == "<Request GET http://a.example/?token=***>"


# Methods


@pytest.mark.parametrize(
    ("given", "expected"), [("GET", "GET"), ("pOsT", "POST"), ("m-search", "M-SEARCH"), ("X!", "X!")]
)
def test_methods_are_sent_in_upper_case(given: str, expected: str) -> None:
    assert method_of(given) == (expected, expected.encode())
    assert method_of(given) == (expected, expected.encode())  # the remembered one


@pytest.mark.parametrize("method", ["", "GET ", " GET", "GE T", "GET\r\nX: 1", "GET\0", "G(T"])
def test_a_method_is_a_token(method: str) -> None:
    with pytest.raises(InvalidRequest, match="is not a token"):
        Request(method, HERE)


def test_a_method_is_ascii() -> None:
    with pytest.raises(InvalidRequest, match="characters that are not ASCII"):
        Request("GÉT", HERE)


@pytest.mark.parametrize("method", [None, b"GET", 5])
def test_a_method_is_a_str(method: Any) -> None:
    with pytest.raises(TypeError, match="method is a str such as 'GET', not "):
        Request(method, HERE)


def test_only_some_methods_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_methods", {})
    monkeypatch.setattr(module, "_METHODS_KEPT", 1)

    assert method_of("A") == ("A", b"A")
    assert method_of("B") == ("B", b"B")

    assert module._methods == {"A": ("A", b"A")}


# Misuse


def test_an_option_that_there_is_not_is_named() -> None:
    wrong: Any = {"header": {}}
    with pytest.raises(TypeError, match=r"a Request has no option 'header'; did you mean 'headers'\?"):
        Request("GET", HERE, **wrong)


@pytest.mark.parametrize("option", ["timeout", "verify", "follow_redirects"])
def test_how_to_send_it_is_no_part_of_a_request(option: str) -> None:
    wrong: Any = {option: 1}
    with pytest.raises(TypeError, match=f"a Request has no option '{option}'"):
        Request("GET", HERE, **wrong)


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"headers": 5}, TypeError, "headers are a mapping, or pairs"),
        ({"headers": {"A": "x\r\nB: y"}}, InvalidRequest, "A"),
        ({"params": {"a": object()}}, TypeError, "parameter 'a' cannot be a object"),
        ({"content": {"a": 1}}, TypeError, "content cannot be a mapping"),
        ({"content": 5}, TypeError, "content is bytes, str, a binary file, a path"),
        ({"content": b"x", "json": 1}, InvalidRequest, "content and json were given"),
        ({"json": {1, 2}}, TypeError, "set"),
        ({"json": float("nan")}, InvalidRequest, "json"),
        ({"extensions": 5}, TypeError, "extensions are a mapping, not int"),
        ({"content": b"four", "headers": {"Content-Length": "5"}}, InvalidRequest, "says '5', the body has 4 bytes"),
        ({"headers": {"Content-Length": "5"}}, InvalidRequest, "says '5', the body has 0 bytes"),
    ],
)
def test_what_cannot_be_sent_is_refused(options: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        Request("POST", HERE, **options)


@pytest.mark.parametrize(
    ("url", "error"),
    [(None, TypeError), (5, TypeError), (b"http://a/", TypeError), ("/x", InvalidURL), ("", InvalidURL)],
)
def test_a_url_is_absolute(url: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        Request("GET", url)


@pytest.mark.parametrize("options", [{"json": None}, {"content": None}, {"data": None}, {"data": {}}])
def test_none_is_no_body(options: Any) -> None:
    request = Request("POST", HERE, **options)

    assert (request.body, request.headers) == (None, {})


# Headers and the body


def once() -> Iterator[bytes]:
    yield b"x"


FRAMINGS: list[tuple[Any, dict[str, str], int | None]] = [
    (None, {}, -1),
    (None, {"Content-Length": "0"}, -1),
    (None, {"Transfer-Encoding": "chunked"}, -1),
    (b"four", {}, 4),
    (b"four", {"Content-Length": "4"}, 4),
    (b"four", {"transfer-encoding": "Chunked"}, None),
    ([b"four"], {}, None),
    ([b"four"], {"content-length": "9"}, 9),
    ([b"four"], {"Content-Length": "0"}, 0),
    ([b"four"], {"Content-Length": "9" * 19}, 10**19 - 1),
    ([b"four"], {"Transfer-Encoding": "chunked"}, None),
]


@pytest.mark.parametrize(("content", "headers", "framing"), FRAMINGS)
def test_a_body_is_framed_as_the_caller_says_if_he_may(
    content: Any, headers: dict[str, str], framing: int | None
) -> None:
    request = Request("PUT", HERE, content=content, headers=headers)

    assert request.framing() == framing
    completed = Headers(headers)
    assert complete(completed, request.body) is request.body
    assert completed == Headers(headers)


def test_a_shared_block_holds_nothing_that_frames() -> None:
    for content, framing in ((None, -1), (b"four", 4)):
        body = Request("PUT", HERE, content=content).body
        assert Request.assemble("PUT", URL(HERE), FieldBlock(b""), None, body, {}).framing() == framing


UNFRAMED: list[tuple[Any, dict[str, str], str]] = [
    (b"four", {"Content-Length": "5"}, "'5'"),
    (b"four", {"Content-Length": "04"}, "'04'"),
    ([b"four"], {"Content-Length": "-1"}, "'-1'"),
    ([b"four"], {"Content-Length": "+1"}, "'\\+1'"),
    ([b"four"], {"Content-Length": "1 2"}, "'1 2'"),
    ([b"four"], {"Content-Length": "9" * 20}, "no number of bytes"),
    (b"four", {"Transfer-Encoding": "gzip, chunked"}, "'gzip, chunked', not 'chunked'"),
    (b"four", {"Transfer-Encoding": "chunked", "Content-Length": "4"}, "give one or none"),
]


@pytest.mark.parametrize(("content", "headers", "match"), UNFRAMED)
def test_fields_that_contradict_the_body_are_refused(content: Any, headers: dict[str, str], match: str) -> None:
    with pytest.raises(InvalidRequest, match=match):
        Request("PUT", HERE, content=content, headers=headers)
    request = Request("PUT", HERE, content=content)
    request.headers.update(headers)
    with pytest.raises(InvalidRequest, match=match):
        request.framing()


def test_a_content_type_of_the_callers_is_kept() -> None:
    request = Request("POST", HERE, json=1, headers={"content-type": "application/vnd.x+json"})

    assert request.headers.multi_items() == [("content-type", "application/vnd.x+json")]


def test_framing_is_left_to_the_engine() -> None:
    request = Request("POST", HERE, content=b"four", headers={"Content-Length": "4", "X": "1"})

    assert request.wire()[3] == b"X: 1\r\n"


def test_a_host_field_replaces_that_of_the_url() -> None:
    assert Request("GET", HERE, headers={"host": "b.example"}).wire() == (b"GET", b"/x", b"", b"host: b.example\r\n")


def test_what_is_changed_is_sent() -> None:
    request = Request("POST", HERE, content=b"old", headers={"Content-Length": "3"})

    request.method = "put"
    request.url = URL("http://b.example/y")
    request.headers["X"] = "1"
    request.content = "newer"

    assert request.wire() == (b"PUT", b"/y", b"b.example", b"X: 1\r\n")
    assert request.content == b"newer"
    assert "content-length" not in request.headers
    request.content = None
    assert (request.body, request.content) == (None, b"")
    request.headers = {"Y": "2"}
    assert isinstance(request.headers, Headers)
    assert request.wire()[3] == b"Y: 2\r\n"


def test_a_method_that_was_set_is_checked_when_it_is_sent() -> None:
    request = Request("GET", HERE)
    request.method = "G T"

    with pytest.raises(InvalidRequest):
        request.wire()


def test_a_shared_block_is_parted_when_somebody_looks() -> None:
    block = FieldBlock(b"A: 1\r\n")
    request = Request.assemble("get", URL(HERE), block, None, None, NOTHING)

    assert request.wire() == (b"GET", b"/x", b"a.example", block)
    request.headers["B"] = "2"
    assert request.wire()[3] == b"A: 1\r\nB: 2\r\n"
    assert block == b"A: 1\r\n"


@pytest.mark.parametrize("make", [lambda: once(), lambda: io.BytesIO(b"x"), lambda: [b"x"]])
def test_the_content_of_a_stream_is_not_known(make: Callable[[], Any]) -> None:
    assert Request("PUT", HERE, content=make()).content is None


# Credentials in the URL


@pytest.mark.parametrize(
    ("userinfo", "sent"),
    [
        ("user:pass", "dXNlcjpwYXNz"),
        ("user", "dXNlcjo="),
        (":pass", "OnBhc3M="),
        ("us%3Aer:p%40ss", "dXM6ZXI6cEBzcw=="),
        ("%C3%BC:%FF", "w7w6/w=="),
    ],
)
def test_credentials_of_the_url_become_a_header(userinfo: str, sent: str) -> None:
    request = Request("GET", f"http://{userinfo}@a.example/x")

    assert request.headers["authorization"] == f"Basic {sent}"
    assert request.url == URL(HERE)


def test_an_authorization_of_the_callers_is_kept() -> None:
    request = Request("GET", "http://u:p@a.example/x", headers={"authorization": "Bearer t"})

    assert request.headers == {"authorization": "Bearer t"}
    assert request.url == URL(HERE)


# Pickling


def test_a_request_pickles() -> None:
    request = Request("POST", HERE, json=[1], headers=[("A", "1"), ("a", "2")], extensions={"x": 1})

    for made in (pickle.loads(pickle.dumps(request)), copy.copy(request), copy.deepcopy(request)):
        assert made.wire() == request.wire()
        assert made.content == b"[1]"
        assert made.extensions == {"x": 1}


def test_a_request_of_a_shared_block_pickles() -> None:
    made = pickle.loads(pickle.dumps(Request.assemble("GET", URL(HERE), FieldBlock(b"A: 1\r\n"), None, None, NOTHING)))

    assert made.headers == {"A": "1"}
    assert made._block is NO_FIELDS


def test_a_stream_that_was_lost_is_not_sent_as_nothing() -> None:
    made = pickle.loads(pickle.dumps(Request("PUT", HERE, content=io.BytesIO(b"four"))))

    assert made.content is None
    assert made.body.length == 4
    with pytest.raises(BodyNotReplayable, match="lost when the request was pickled"):
        made.body.open()
    with pytest.raises(BodyNotReplayable):
        pickle.loads(pickle.dumps(made)).body.open()


@pytest.mark.parametrize(("content", "told"), [(None, False), (b"", False), (b"x", True), ([b""], True)])
def test_nothing_is_expected_where_there_is_no_body(content: Any, told: bool) -> None:
    """RFC 9110 section 10.1.1"""
    request = Request("POST", HERE, content=content, headers={"Expect": "100-continue"})
    assert (b"Expect: 100-continue\r\n" in request.wire()[3]) is told
    assert request.headers == {"Expect": "100-continue"}


def test_a_body_may_be_compressed() -> None:
    request = Request("POST", HERE, json={"a": 1}, compress="gzip")
    assert gzip.decompress(request.content or b"") == b'{"a":1}'
    assert request.headers == {"Content-Type": "application/json", "Content-Encoding": "gzip"}


@pytest.mark.parametrize(
    ("content", "headers"),
    [(b"x", {"content-encoding": "br"}), ([b"x"], {"Content-Length": "1"}), (b"x", {"Content-Length": "1"})],
)
def test_what_contradicts_a_compressed_body_is_refused(content: Any, headers: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest):
        Request("POST", HERE, content=content, headers=headers, compress="gzip")


def test_a_body_may_complete_the_content_type_of_the_caller() -> None:
    request = Request("POST", HERE, files={"f": b"x"}, headers={"content-type": "multipart/form-data"})
    assert request.headers["content-type"].startswith("multipart/form-data; boundary=")


def test_no_body_is_completed_by_nothing() -> None:
    headers, body = Headers(), BytesBody(b"x")
    assert complete(headers, body) is body
    assert headers == {}


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"cookies": {"a": "1", "b": "2"}}, "a=1; b=2"),
        ({"cookies": [("a", "1"), ("a", "2")]}, "a=1; a=2"),
        ({"cookies": {"a": "1"}, "headers": {"Cookie": "b=2"}}, "b=2; a=1"),
        ({"cookies": {"a": "1"}, "headers": [("cookie", "b=2"), ("COOKIE", "c=3")]}, "b=2; c=3; a=1"),
        ({"cookies": {}, "headers": {"Cookie": "b=2"}}, "b=2"),
        ({"cookies": [Cookie("a", "1", "b.example")]}, None),
        ({"cookies": None}, None),
    ],
)
def test_cookies_become_one_field(options: Any, field: str | None) -> None:
    assert Request("GET", "https://a.example/", **options).headers.get("cookie") == field


@pytest.mark.parametrize("cookies", ["a=1", {"a": 1}, [1], True])
def test_what_is_no_cookies_is_named(cookies: Any) -> None:
    with pytest.raises(TypeError, match="cookie"):
        Request("GET", "https://a.example/", cookies=cookies)


def test_a_copy_can_be_changed_apart() -> None:
    request = Request("PUT", HERE, content=b"x", headers={"A": "1"}, extensions={"e": 1})

    copy = request.copy()
    copy.headers["A"] = "2"
    copy.url = URL("http://b.example/")

    assert (request.headers["a"], str(request.url)) == ("1", str(URL(HERE)))
    assert (copy.method, copy.body, copy.extensions) == ("PUT", request.body, {"e": 1})


def test_a_request_can_be_made_like_another_one() -> None:
    class Other(Request):
        __slots__ = ()

    request = shared(b"A: 1\r\n")
    made = Other.like(request)

    assert type(made) is Other
    assert made.wire() == request.wire()
    assert not made.estranged


@pytest.mark.parametrize(
    "headers", [None, {"A": "1"}, {"Authorization": "old"}, [("authorization", "old"), ("AUTHORIZATION", "older")]]
)
def test_credentials_go_into_a_request_of_their_own(headers: Any) -> None:
    request = shared(b"A: 1\r\n") if headers is None else Request("GET", HERE, headers=headers)
    before = request.authorization

    made = request.with_authorization("new")

    assert made.authorization == "new"
    assert made.headers.get_list("authorization") == ["new"]
    assert b"Authorization: new\r\n" in made.wire()[3] or b"authorization: new\r\n" in made.wire()[3].lower()
    assert request.authorization == before == request.headers.get("authorization")
    with pytest.raises(InvalidRequest):
        request.with_authorization("a\r\nb: c")


def test_credentials_in_a_shared_block_are_replaced() -> None:
    request = shared(b"Authorization: old\r\nA: 1\r\n")

    assert request.authorization == "old"
    assert request.with_authorization("new").headers.get_list("authorization") == ["new"]


def shared(block: bytes) -> Request:
    return Request.assemble("GET", URL("https://a.example/"), FieldBlock(block), None, None, NOTHING)


@pytest.mark.parametrize(
    ("request_", "hand"),
    [
        (shared(b"A: b\r\n"), b""),
        (shared(b"Cookie: x=0\r\n"), b"x=0"),
        (Request("GET", "https://a.example/"), b""),
        (Request("GET", "https://a.example/", headers=[("cookie", "x=0"), ("Cookie", b"y=\xe9")]), b"x=0; y=\xe9"),
    ],
)
def test_cookies_of_a_jar_are_told_from_those_by_hand(request_: Request, hand: bytes) -> None:
    field = b"; ".join([hand, b"j=1"]) if hand else b"j=1"
    dressed = request_.with_cookies(hand, field)

    assert request_.cookie_fields == (hand, hand)
    assert dressed.cookie_fields == dressed.copy().cookie_fields == (hand, field)
    assert [value for name, value in dressed.headers.raw if name.lower() == b"cookie"] == [field]
    assert [value for name, value in dressed.by_hand().raw if name.lower() == b"cookie"] == ([hand] if hand else [])
    assert b"j=1" in dressed.wire()[3]
    assert "cookie" not in dressed.with_cookies(b"", b"").headers
    dressed.headers["Cookie"] = "z=1"
    assert dressed.cookie_fields == (b"z=1", b"z=1")
    assert pickle.loads(pickle.dumps(request_.with_cookies(hand, field))).cookie_fields == (field, field)


def test_a_command_of_curl() -> None:
    request = Request("GET", "https://a.example/?k=v")

    assert request.to_curl() == "curl 'https://a.example/?k=***' -H User-Agent: -H Accept:"
    assert "k=v" in request.to_curl(secrets=True)
