"""Headers are a mapping that keeps order, case and every line."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courser.errors import InvalidRequest
from courser.values.fields import FIELD_LINES, FieldBlock
from courser.values.headers import Headers

BLOCK = b"Server:nginx\r\nSet-Cookie: a=1; Path=/ \r\nVary: Accept\r\nset-cookie: b=2\r\nvary:Origin\r\n"


@pytest.mark.parametrize(
    ("init", "raw"),
    [
        (None, []),
        ({}, []),
        ({"A": "1", "b": b"2"}, [(b"A", b"1"), (b"b", b"2")]),
        ([("A", "1"), (b"a", b"2")], [(b"A", b"1"), (b"a", b"2")]),
        ((("A", "1"), ["B", "2"]), [(b"A", b"1"), (b"B", b"2")]),
        (iter([("A", "1"), ("B", "2"), ("A", "3")]), [(b"A", b"1"), (b"B", b"2"), (b"A", b"3")]),
        (Headers([("A", "1"), ("A", "2")]), [(b"A", b"1"), (b"A", b"2")]),
        ({"A": None, "B": "1"}, [(b"B", b"1")]),
    ],
)
def test_what_headers_are_made_of(init: Any, raw: list[tuple[bytes, bytes]]) -> None:
    assert Headers(init).raw == raw


def test_whatever_has_keys_is_a_mapping() -> None:
    class Lookup:
        def keys(self) -> list[str]:
            return ["A"]

        def __getitem__(self, name: str) -> str:
            return name * 2

    headers = Headers()
    headers.update(Lookup())
    assert headers.raw == [(b"A", b"AA")]


@pytest.mark.parametrize("init", [["ab"], [b"ab"], [("a", "b", "c")], ["Accept: */*"], [5], [("a",)]])
def test_an_item_that_is_not_a_pair_is_refused(init: Any) -> None:
    with pytest.raises(TypeError, match=r"headers are a mapping, or pairs of name and value; this item is a \w+"):
        Headers(init)


@pytest.mark.parametrize("init", [5, True, object()])
def test_what_cannot_hold_headers_is_refused(init: Any) -> None:
    with pytest.raises(TypeError, match=r"headers are a mapping, or pairs of name and value, not \w+"):
        Headers(init)


@pytest.mark.parametrize("make", [lambda: Headers.from_block(BLOCK), lambda: Headers(Headers.from_block(BLOCK).raw)])
def test_reading(make: Callable[[], Headers]) -> None:
    assert make()["SERVER"] == "nginx"
    assert make()["Vary"] == "Accept, Origin"
    assert make()["Set-Cookie"] == "a=1; Path=/, b=2"
    assert make().get("vary") == "Accept, Origin"
    assert make().get("none") is None
    assert make().get("none", "x") == "x"
    assert make().get_list("set-cookie") == ["a=1; Path=/", "b=2"]
    assert make().get_list("none") == []
    assert "vary" in make()
    assert "var" not in make()
    assert "accept" not in make()
    assert "none" not in make()
    assert 5 not in make()
    assert list(make()) == list(make().keys()) == ["Server", "Set-Cookie", "Vary"]
    assert list(make().values()) == ["nginx", "a=1; Path=/, b=2", "Accept, Origin"]
    assert dict(make().items()) == dict(make())
    assert len(make()) == 3
    assert make().multi_items()[1:3] == [("Set-Cookie", "a=1; Path=/"), ("Vary", "Accept")]
    assert make().raw[3:] == [(b"set-cookie", b"b=2"), (b"vary", b"Origin")]
    with pytest.raises(KeyError, match="None"):
        make()["None"]


def test_a_block_is_not_looked_at_before_it_is_read() -> None:
    headers = Headers.from_block(BLOCK)
    assert "content-encoding" not in headers
    assert headers._lines is None
    assert headers["server"] == "nginx"
    assert headers._lines is not None


@pytest.mark.parametrize(
    ("value", "text"), [(b"abc", "abc"), ("é".encode(), "é"), ("é".encode("latin-1"), "é"), (b"\xff\xfe", "ÿþ")]
)
def test_values_are_read_as_utf_8_and_else_as_latin_1(value: bytes, text: str) -> None:
    headers = Headers([("X", value)])
    assert headers["x"] == text
    assert headers.get_list("x") == [text]
    assert headers.multi_items() == [("X", text)]
    assert headers.raw == [(b"X", value)]


def test_one_odd_value_does_not_change_how_the_others_are_read() -> None:
    assert Headers([("X", "é"), ("X", b"\xe9")])["x"] == "é, é"
    assert Headers([("X", "é"), ("X", b"\xe9")]).items() == {"X": "é, é"}.items()


def test_setting_replaces_every_line_of_the_name_where_the_first_stood() -> None:
    headers = Headers([("A", "1"), ("B", "2"), ("a", "3"), ("C", "4")])
    headers["a"] = b"5"
    assert headers.raw == [(b"a", b"5"), (b"B", b"2"), (b"C", b"4")]
    headers["D"] = "6"
    assert headers.raw[-1] == (b"D", b"6")


def test_adding_keeps_what_is_there() -> None:
    headers = Headers({"A": "1"})
    headers.add("a", "2")
    assert headers.raw == [(b"A", b"1"), (b"a", b"2")]


def test_deleting() -> None:
    headers = Headers([("A", "1"), ("B", "2"), ("a", "3")])
    del headers["a"]
    assert headers.raw == [(b"B", b"2")]
    with pytest.raises(KeyError):
        del headers["a"]
    assert headers.pop("b") == "2"
    assert headers.pop("b", None) is None
    headers["x"] = "1"
    headers.clear()
    assert not headers


def test_setdefault_keeps_a_value_that_is_there() -> None:
    headers = Headers({"A": "1"})
    assert headers.setdefault("a", "2") == "1"
    assert headers.setdefault("b", "2") == "2"
    assert headers.raw == [(b"A", b"1"), (b"b", b"2")]


@pytest.mark.parametrize(
    ("other", "raw"),
    [
        (None, [(b"A", b"1"), (b"B", b"2"), (b"A", b"3")]),
        ({}, [(b"A", b"1"), (b"B", b"2"), (b"A", b"3")]),
        ({"a": "9"}, [(b"a", b"9"), (b"B", b"2")]),
        ({"a": None}, [(b"B", b"2")]),
        ({"none": None}, [(b"A", b"1"), (b"B", b"2"), (b"A", b"3")]),
        ([("C", "4"), ("b", "5"), ("b", "6")], [(b"A", b"1"), (b"b", b"5"), (b"b", b"6"), (b"A", b"3"), (b"C", b"4")]),
        (
            Headers([("B", "7"), ("D", "8"), ("B", "9")]),
            [(b"A", b"1"), (b"B", b"7"), (b"B", b"9"), (b"A", b"3"), (b"D", b"8")],
        ),
    ],
)
def test_update_replaces_name_by_name(other: Any, raw: list[tuple[bytes, bytes]]) -> None:
    headers = Headers([("A", "1"), ("B", "2"), ("A", "3")])
    merged = headers.merged(other)
    assert merged.raw == raw
    assert headers.raw == [(b"A", b"1"), (b"B", b"2"), (b"A", b"3")]


def test_update_takes_keywords() -> None:
    headers = Headers({"A": "1"})
    headers.update({"b": "2"}, a="3", b="4", c=None)
    assert headers.raw == [(b"a", b"3"), (b"b", b"4")]


def test_nothing_changes_when_one_header_is_refused() -> None:
    headers = Headers({"A": "1"})
    with pytest.raises(InvalidRequest):
        headers.update([("A", "2"), ("B", "\n")])
    with pytest.raises(InvalidRequest):
        headers.update({"A": "2"}, b="\n")
    assert headers.raw == [(b"A", b"1")]


def _add(headers: Headers, name: Any, value: Any) -> None:
    headers.add(name, value)


def _set(headers: Headers, name: Any, value: Any) -> None:
    headers[name] = value


def _update(headers: Headers, name: Any, value: Any) -> None:
    headers.update({name: value})


def _default(headers: Headers, name: Any, value: Any) -> None:
    headers.setdefault(name, value)


def _merge(headers: Headers, name: Any, value: Any) -> None:
    headers.merged([(name, value)])


def _make(headers: Headers, name: Any, value: Any) -> None:
    type(headers)({name: value})


@pytest.mark.parametrize("put", [_add, _set, _update, _default, _merge, _make])
@pytest.mark.parametrize(("name", "value"), [("X", "a\r\nb: c"), ("X\r\nY", "a"), ("X Y", "a"), ("", "a"), ("X", "\0")])
def test_cve_2019_9740_every_way_in_is_guarded(put: Callable[[Headers, Any, Any], None], name: str, value: str) -> None:
    headers = Headers({"A": "1"})
    with pytest.raises(InvalidRequest):
        put(headers, name, value)
    assert headers.encode() == b"A: 1\r\n"


def test_a_value_that_is_no_text_names_its_header() -> None:
    with pytest.raises(TypeError, match=r"'X-Count' is str or bytes, not int: use str\(\)"):
        Headers({"X-Count": 5})  # type: ignore[dict-item]
    with pytest.raises(InvalidRequest, match="at position 1 "):
        Headers({"X Y": None})


def test_encoding() -> None:
    headers = Headers([("Accept", "*/*"), ("X-E", "é"), ("accept", "text/html")])
    assert headers.encode() == b"Accept: */*\r\nX-E: \xc3\xa9\r\naccept: text/html\r\n"
    assert type(headers.encode()) is FieldBlock
    assert headers.encode_without({b"accept"}) == b"X-E: \xc3\xa9\r\n"
    assert type(headers.encode_without(frozenset((b"x-e", b"host")))) is FieldBlock
    assert Headers().encode() == b""


def test_encoding_is_made_once_until_something_changes() -> None:
    headers = Headers({"A": "1"})
    first = headers.encode()
    assert headers.encode() is first
    assert headers.copy().encode() is first
    assert headers.merged(None).encode() is first
    headers["B"] = "2"
    assert headers.encode() == b"A: 1\r\nB: 2\r\n"
    headers.clear()
    assert headers.encode() == b""


def test_a_block_is_encoded_in_one_form() -> None:
    assert Headers.from_block(b"A:1 \r\nb:\t2\r\n").encode() == b"A: 1\r\nb: 2\r\n"


@pytest.mark.parametrize("read", [False, True])
def test_copies_are_independent(read: bool) -> None:
    headers = Headers.from_block(BLOCK)
    if read:
        assert headers["server"] == "nginx"
    for duplicate in (headers.copy(), copy.copy(headers), copy.deepcopy(headers)):
        duplicate["Server"] = "other"
        duplicate.add("X", "1")
        assert headers["server"] == "nginx"
        assert "x" not in headers
        assert duplicate["server"] == "other"


def test_equality_ignores_the_case_of_names_and_the_order_among_them() -> None:
    headers = Headers([("A", "1"), ("B", "2"), ("a", "3")])
    assert headers == Headers([("b", "2"), ("a", "1"), ("A", "3")])
    assert headers != Headers([("b", "2"), ("a", "3"), ("A", "1")])
    assert headers != Headers([("a", "1, 3"), ("B", "2")])
    assert Headers({"A": "1"}) == {"a": "1"}
    assert Headers({"A": "1"}) != {"a": "2"}
    assert Headers({"A": "1"}) != {"a": 1}
    assert Headers({"A": "1"}) != {"a": "\n"}
    assert Headers({"A": "1"}) != [("A", "1")]
    assert Headers.from_block(b"A:1\r\n") == Headers({"a": "1"})


def test_headers_are_not_hashable() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(Headers())


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_headers_pickle(protocol: int) -> None:
    for headers in (Headers.from_block(BLOCK), Headers([("A", "é"), ("a", b"\xff")]), Headers()):
        thawed = pickle.loads(pickle.dumps(headers, protocol))
        assert thawed == headers
        assert thawed.raw == headers.raw


def test_repr_shows_no_secret() -> None:
    headers = Headers({"Accept": "*/*", "Authorization": "hunter2", "COOKIE": "a=hunter2", "X-Api-Key": "hunter2"})
    assert repr(headers) == (
        "Headers([('Accept', '*/*'), ('Authorization', '***'), ('COOKIE', '***'), ('X-Api-Key', '***')])"
    )
    assert "hunter2" not in repr(Headers.from_block(b"Set-Cookie: s=hunter2\r\nX-Auth-Token: hunter2\r\n"))


NAMES = st.text("aAbB-", min_size=1, max_size=3)
VALUES = st.text("xyz, \té", max_size=6)


@given(st.lists(st.tuples(NAMES, VALUES)))
def test_what_is_encoded_reads_the_same(pairs: list[tuple[str, str]]) -> None:
    headers = Headers(pairs)
    block = headers.encode()
    assert FIELD_LINES.fullmatch(block)
    assert Headers.from_block(block).raw == headers.raw
    assert [(name, value.strip(" \t")) for name, value in pairs] == headers.multi_items()


@given(st.lists(st.tuples(NAMES, VALUES)), st.lists(st.tuples(NAMES, VALUES | st.none())))
def test_update_agrees_with_a_plain_model(old: list[tuple[str, str]], new: list[tuple[str, str | None]]) -> None:
    headers = Headers(old)
    headers.update(new)  # type: ignore[arg-type]
    replaced = {name.lower() for name, _ in new}
    model: dict[str, list[str]] = {}
    for name, value in [pair for pair in old if pair[0].lower() not in replaced] + new:
        if value is not None:
            model.setdefault(name.lower(), []).append(value.strip(" \t"))
    assert {name: headers.get_list(name) for name in model} == model
    assert sum(map(len, model.values())) == len(headers.raw)


@given(st.lists(st.tuples(NAMES, VALUES)), NAMES)
def test_a_block_answers_as_its_lines_do(pairs: list[tuple[str, str]], name: str) -> None:
    block = Headers(pairs).encode()
    assert (name in Headers.from_block(block)) is (name.lower() in {pair[0].lower() for pair in pairs})
