"""values/query.py: parameters and forms."""

from __future__ import annotations

import json
import os
import pickle
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courser.errors import InvalidURL
from courser.values.query import QueryParams, encode_params

VECTORS = Path(os.environ.get("COURSER_VECTORS", Path(__file__).parents[2] / "../shared/vectors"))
TEXT = st.text(st.characters(exclude_categories=["Cs"]))


class Number(int, Enum):
    ONE = 1


class Text(str, Enum):  # noqa: UP042 - the older way to write StrEnum, whose str() is another one
    ONE = "one"


def vectors(name: str) -> list[Any]:
    path = VECTORS / "url" / name
    if not path.exists():
        return [pytest.param(None, marks=pytest.mark.skip(reason=f"the vectors {path} are absent"))]
    return [case for case in json.loads(path.read_text("utf-8")) if isinstance(case, dict)]


@pytest.mark.parametrize("case", vectors("urlencoded-parser-data.json"))
def test_the_parser_vectors_of_the_web_platform_tests(case: dict[str, Any]) -> None:
    expected = [tuple(pair) for pair in case["output"]]
    assert QueryParams(case["input"]).multi_items() == expected
    assert QueryParams(case["input"].encode()).multi_items() == expected


@pytest.mark.parametrize(
    ("params", "encoded"),
    [
        (None, ""),
        ({}, ""),
        ({"a": "1", "b": "2"}, "a=1&b=2"),
        ({"a": ["1", 2], "b": ()}, "a=1&a=2"),
        ([("a", 1), ("b", 2), ("a", 3)], "a=1&b=2&a=3"),
        ([["a", "1"]], "a=1"),
        (iter([("a", "1")]), "a=1"),
        (QueryParams({"a": "1"}), "a=1"),
        ({"a": True, "b": False}, "a=true&b=false"),
        ({"a": None, "b": [None, 1, None]}, "b=1"),
        ({"a": 1.5, "b": 10**20, "c": -0.0}, "a=1.5&b=100000000000000000000&c=-0.0"),
        ({"a": Number.ONE, "b": Text.ONE}, "a=1&b=one"),
        ({"": "", "a b": "c+d&e=f%20/?#é~*'"}, "=&a%20b=c%2Bd%26e%3Df%2520%2F%3F%23%C3%A9~%2A%27"),
        ("a=%41+b&&c", "a=A%20b&c="),
        (b"a=1", "a=1"),
    ],
)
def test_every_kind_of_parameters(params: Any, encoded: str) -> None:
    assert str(QueryParams(params)) == encoded


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"a": object()}, "parameter 'a' cannot be a object"),
        ({"a": [b"x"]}, "parameter 'a' cannot be a bytes"),
        ({"a": {"b": 1}}, "parameter 'a' cannot be a dict"),
        ({1: "a"}, "the name of a parameter is a str, not 1"),
        (["ab"], "a mapping or pairs of a name and a value, not 'ab'"),
        ([("a", "b", "c")], "a mapping or pairs"),
    ],
)
def test_other_types_are_named(params: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        QueryParams(params)


def test_a_value_is_found_by_its_name() -> None:
    params = QueryParams("a=1&b=2&a=3")
    assert params["a"] == "1"
    assert params.get("a") == "1"
    assert params.get("x") is None
    assert params.get("x", 7) == 7
    assert params.get_list("a") == ["1", "3"]
    assert params.get_list("x") == []
    with pytest.raises(KeyError, match="x"):
        params["x"]


def test_it_reads_like_a_mapping_of_first_values() -> None:
    params = QueryParams("a=1&b=2&a=3")
    assert (params.keys(), params.values()) == (["a", "b"], ["1", "2"])
    assert params.items() == [("a", "1"), ("b", "2")]
    assert params.multi_items() == [("a", "1"), ("b", "2"), ("a", "3")]
    assert (list(params), len(params)) == (["a", "b"], 2)
    assert dict(params) == {"a": "1", "b": "2"}
    assert "a" in params
    assert "x" not in params
    assert not QueryParams()


def test_changes_make_new_parameters() -> None:
    params = QueryParams("a=1&b=2&a=3")
    assert str(params.add("b", [4, None])) == "a=1&b=2&a=3&b=4"
    assert str(params.set("a", [7, 8])) == "a=7&a=8&b=2"
    assert str(params.set("c", True)) == "a=1&b=2&a=3&c=true"
    assert str(params.set("a", None)) == "b=2"
    assert str(params.remove("a")) == "b=2"
    assert str(params.remove("x")) == "a=1&b=2&a=3"
    assert str(params) == "a=1&b=2&a=3"


def test_merge_replaces_by_name_and_none_removes() -> None:
    params = QueryParams("a=1&b=2&a=3")
    assert str(params.merge([("c", 5), ("b", 6), ("b", 7)])) == "a=1&b=6&b=7&a=3&c=5"
    assert str(params.merge({"a": None, "d": None})) == "b=2"
    assert params.merge(None) == params


def test_equality_hash_and_pickle_go_by_the_pairs_in_order() -> None:
    params = QueryParams("a=1&b=2")
    assert params == QueryParams({"a": 1, "b": 2})
    assert hash(params) == hash(QueryParams({"a": 1, "b": 2}))
    assert params != QueryParams("b=2&a=1")
    assert params != "a=1&b=2"
    assert pickle.loads(pickle.dumps(params)) == params
    assert repr(params) == "QueryParams([('a', '1'), ('b', '2')])"


def test_it_is_immutable() -> None:
    params: Any = QueryParams("a=1")
    with pytest.raises(AttributeError, match="immutable"):
        params._pairs = ()
    with pytest.raises(AttributeError, match="immutable"):
        del params._pairs


def test_a_space_is_an_escape_in_a_query_and_a_plus_in_a_form() -> None:
    pairs = {"a b": "1 2+3%20"}
    assert QueryParams(pairs).encode() == "a%20b=1%202%2B3%2520"
    assert QueryParams(pairs).encode(form=True) == "a+b=1+2%2B3%2520"


def test_what_is_text_already_keeps_its_escapes_and_order() -> None:
    assert encode_params("b=%41&a=+x y&é#\n'") == "b=%41&a=+x%20y&%C3%A9%23%0A%27"
    assert encode_params(b"a=\xff%41 ") == "a=%FF%41%20"
    assert encode_params({"a": "x y"}) == "a=x%20y"
    assert encode_params(QueryParams("a=1")) == "a=1"
    assert encode_params(None) == ""


def test_a_lone_surrogate_is_refused() -> None:
    for params in ("a=\ud800", {"a": "\ud800"}):
        with pytest.raises(InvalidURL, match="surrogate"):
            encode_params(params)
    with pytest.raises(InvalidURL, match="surrogate"):
        QueryParams("\ud800")


@given(st.lists(st.tuples(TEXT, TEXT)))
def test_pairs_come_back_from_both_encodings(pairs: list[tuple[str, str]]) -> None:
    params = QueryParams(pairs)
    assert QueryParams(params.encode()) == params
    assert QueryParams(params.encode(form=True)) == params


@given(st.text() | st.binary())
def test_any_text_is_read_or_refused(params: str | bytes) -> None:
    try:
        str(QueryParams(params))
        encode_params(params)
    except InvalidURL:
        assert any("\ud800" <= char <= "\udfff" for char in str(params))


def test_a_megabyte_of_parameters_is_finished_with() -> None:
    text = "a=%41&" * 170_000
    params = QueryParams(text)
    assert len(params.multi_items()) == 170_000
    assert len(params.merge({"b": 1})) == 2
    assert str(params.remove("a")) == ""


@pytest.mark.parametrize("params", [5, True, object()])
def test_what_cannot_hold_parameters_is_refused(params: Any) -> None:
    with pytest.raises(TypeError, match="parameters are a mapping or pairs of a name and a value, not "):
        QueryParams(params)
