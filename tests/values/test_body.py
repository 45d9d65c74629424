"""A body starts at its beginning each time it is opened, or says that it cannot."""

from __future__ import annotations

import array
import io
import pickle
from typing import Any

import pytest
from bodies import AsyncRestart, Restart, drain, generate, made

from courser.errors import BodyNotReplayable, InvalidRequest
from courser.values.body import ANEW, BytesBody, make_body, to_bytes
from courser.values.query import QueryParams
from courser.values.request import Request

# In memory


@pytest.mark.parametrize(
    ("content", "data"),
    [
        (b"abc", b"abc"),
        (b"", b""),
        ("é", "é".encode()),
        (bytearray(b"abc"), b"abc"),
        (memoryview(b"abcdef")[::2], b"ace"),
        (array.array("H", [1]), array.array("H", [1]).tobytes()),
    ],
)
@pytest.mark.parametrize("name", ["content", "data"])
def test_what_is_in_memory_is_bytes(name: str, content: Any, data: bytes) -> None:
    body = made(**{name: content})
    assert (body.data, body.length, body.replayable, body.is_async) == (data, len(data), True, False)
    assert body.content_type is None
    assert body.movable
    assert drain(body) == drain(body) == ([data] if data else [])


def test_bytes_are_taken_as_they_are() -> None:
    data = b"abc"
    assert made(content=data).data is data
    assert to_bytes(data, "it is") is data


def test_a_buffer_is_copied_when_the_request_is_made() -> None:
    buffer = bytearray(b"abc")
    body = made(content=buffer)
    buffer[:] = b"xyz"
    assert body.data == b"abc"


def test_nothing_is_no_body() -> None:
    assert make_body() is None
    assert make_body(content=None, data=None, json=None, files=None) is None


@pytest.mark.parametrize("name", ["content", "data"])
def test_text_that_is_no_unicode_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest, match="lone surrogate at position 1"):
        make_body(**{name: "a\udc80"})


# JSON


@pytest.mark.parametrize(
    ("value", "data"),
    [
        ({}, b"{}"),
        ([], b"[]"),
        (0, b"0"),
        (False, b"false"),
        ("", b'""'),
        ({"a": [1, "é"]}, '{"a":[1,"é"]}'.encode()),
    ],
)
def test_json_is_compact_utf_8(value: Any, data: bytes) -> None:
    body = made(json=value)
    assert (body.data, body.content_type) == (data, "application/json")


@pytest.mark.parametrize("value", [float("nan"), [float("inf")], "\udc80"])
def test_what_json_cannot_hold_is_refused(value: Any) -> None:
    with pytest.raises(InvalidRequest, match="json: "):
        make_body(json=value)


def test_a_type_that_json_does_not_know_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="set is not JSON serializable"):
        make_body(json={1})


@pytest.mark.parametrize("written", ["é", "é".encode()])
def test_a_codec_may_write_text_or_bytes(written: str | bytes) -> None:
    body = made(json=5, json_encode=lambda value: written)
    assert (body.data, body.content_type) == ("é".encode(), "application/json")


# Forms


@pytest.mark.parametrize(
    "form",
    [
        {"a": "1", "b": ["2", "é"]},
        [("a", "1"), ("b", "2"), ("b", "é")],
        (("a", "1"), ["b", "2"], ("b", "é")),
        QueryParams([("a", "1"), ("b", "2"), ("b", "é")]),
        {"a": "1", "b": ("2", "é")}.items(),
    ],
)
def test_a_mapping_or_pairs_are_a_form(form: Any) -> None:
    body = made(data=form)
    assert (body.data, body.content_type) == (b"a=1&b=2&b=%C3%A9", "application/x-www-form-urlencoded")


@pytest.mark.parametrize("form", [{}, [], (), QueryParams()])
def test_an_empty_form_is_no_body(form: Any) -> None:
    assert make_body(data=form) is None


@pytest.mark.parametrize("name", ["content", "data"])
def test_a_list_of_bytes_is_no_form(name: str) -> None:
    assert drain(made(**{name: [b"a", "b"]})) == [b"a", b"b"]


def test_a_generator_of_pairs_is_not_taken_for_a_form() -> None:
    with pytest.raises(TypeError, match="item 0 of the body is tuple: expected bytes or str"):
        drain(made(data=generate(("a", "1"))))


# More than one


@pytest.mark.parametrize(
    "given",
    [
        {"content": b"", "data": b""},
        {"content": b"a", "json": 1},
        {"data": {"a": 1}, "json": {}},
        {"content": b"a", "files": {"f": b""}},
        {"json": 0, "files": {"f": b""}},
        {"data": {"a": 1}, "json": 0, "files": {"f": b""}},
    ],
)
def test_nothing_that_was_given_is_dropped_silently(given: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match=" and ".join(given)):
        make_body(**given)


@pytest.mark.parametrize("files", [{}, [], ()])
def test_no_files_make_no_multipart(files: Any) -> None:
    assert make_body(files=files) is None
    assert made(files=files, data={"a": 1}).content_type == "application/x-www-form-urlencoded"
    assert made(files=files, json=1).content_type == "application/json"


@pytest.mark.parametrize("form", [{"a": "1"}, [("a", "1")], {}, QueryParams("a=1"), None])
def test_a_form_and_files_are_a_multipart(form: Any) -> None:
    body = made(data=form, files={"f": b"file"})
    assert body.content_type is not None
    assert body.content_type.startswith("multipart/form-data; boundary=")
    assert body.data is not None
    assert (b'name="a"' in body.data) is bool(form)


@pytest.mark.parametrize("data", [b"raw", "raw", io.BytesIO(b"raw"), [b"raw"], generate(b"raw")])
def test_raw_data_does_not_go_with_files(data: Any) -> None:
    with pytest.raises(InvalidRequest, match="with files it has to be a form"):
        make_body(data=data, files={"f": b"file"})


# As values


def test_an_error_says_why_it_cannot_be_sent_again() -> None:
    body = made(content=generate(b"a"))
    assert (body.replayable, body.spent, body.movable) == (False, False, False)
    drain(body)
    assert body.spent

    refusal = body.refusal("307 asks for it", hint="do else", request=Request("PUT", "http://a/"))
    assert str(refusal) == (
        "the request body cannot be sent again: 307 asks for it, and it came from a generator, which runs only once "
        f"[PUT http://a/] ({ANEW}; or do else)"
    )
    with pytest.raises(BodyNotReplayable, match=r"^the request body cannot be sent again: it came from a generator"):
        body.open()


def test_a_body_keeps_the_content_type_of_the_caller() -> None:
    assert BytesBody(b"", "text/plain").typed("text/html") == "text/html"


def test_bytes_pickle() -> None:
    thawed = pickle.loads(pickle.dumps(BytesBody(b"abc", "text/plain")))
    assert (thawed.data, thawed.length, thawed.content_type) == (b"abc", 3, "text/plain")


@pytest.mark.parametrize("content", [[b"a"], io.BytesIO(b"a"), AsyncRestart(b"a"), lambda: b"a"])
def test_streams_do_not_pickle(content: Any) -> None:
    with pytest.raises(TypeError, match="Body cannot be pickled or copied: only bytes in memory can"):
        pickle.dumps(made(content=content))


def test_repr_shows_the_size_alone() -> None:
    assert repr(BytesBody(b"secret")) == "<BytesBody 6 bytes>"
    assert repr(made(content=Restart(b"secret"))) == "<IterableBody unknown length>"
