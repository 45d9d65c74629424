"""Forms: what a value may be, and how it is written."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courser.errors import InvalidRequest
from courser.values.form import encode_form, form_fields, pairs_of
from courser.values.query import QueryParams

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.mark.parametrize(
    ("value", "data"),
    [
        ("é&=", b"a=%C3%A9%26%3D"),
        ("", b"a="),
        (True, b"a=true"),
        (False, b"a=false"),
        (None, b""),
        (0, b"a=0"),
        (-1.5, b"a=-1.5"),
        (b"\xff +%", b"a=%FF+%2B%25"),
        (bytearray(b"x"), b"a=x"),
        (memoryview(b"x"), b"a=x"),
        ([], b""),
        ([1, None, "b", True], b"a=1&a=b&a=true"),
        ((b"1", 2), b"a=1&a=2"),
    ],
)
def test_values(value: Any, data: bytes) -> None:
    for form in ({"a": value}, [("a", value)]):
        assert encode_form(form) == data


@pytest.mark.parametrize("value", [{"b": 1}, {1}, object(), [["b"]], [("b",)], [{"b": 1}]])
def test_other_types_of_value_are_refused_with_the_name(value: Any) -> None:
    """In Requests and HTTPX they become their repr."""
    with pytest.raises(TypeError, match="form field 'a' cannot be a "):
        encode_form({"a": value})


def test_subclasses_are_written_as_what_they_are() -> None:
    class Text(str):
        __slots__ = ()

        def __str__(self) -> str:
            raise AssertionError

    class Number(int):
        def __repr__(self) -> str:
            raise AssertionError

    assert list(form_fields({"a": Text("b"), "c": Number(5)})) == [("a", "b"), ("c", "5")]


def test_a_space_is_a_plus() -> None:
    assert encode_form({"a b": "1 2+3%20"}) == b"a+b=1+2%2B3%2520"


def test_a_lone_surrogate_is_refused() -> None:
    for form in ({"a": "\ud800"}, {"\ud800": "a"}):
        with pytest.raises(InvalidRequest, match="form: a lone surrogate"):
            encode_form(form)


class Many:
    """A mapping with several values of one name, as those of multidict and of HTTPX."""

    def items(self) -> list[tuple[str, str]]:
        return [("a", "1")]

    def multi_items(self) -> list[tuple[str, str]]:
        return [("a", "1"), ("a", "2")]


@pytest.mark.parametrize("form", [Many(), QueryParams("a=1&a=2"), (pair for pair in (("a", "1"), ["a", "2"]))])
def test_all_values_of_a_name_are_sent(form: Any) -> None:
    assert encode_form(form) == b"a=1&a=2"


@pytest.mark.parametrize("given", [5, "ab", [b"ab"], [("a",)], [("a", "b", "c")], ["ab"], {"ab"}])
def test_what_is_no_pairs_is_refused(given: Any) -> None:
    with pytest.raises(TypeError, match="files is a mapping or pairs of a name and a value"):
        list(pairs_of(given, "files"))


@pytest.mark.parametrize("given", [{5: ""}, {b"a": ""}, [(None, "")]])
def test_a_name_is_a_str(given: Any) -> None:
    with pytest.raises(TypeError, match="the name of a field in data is a str, not"):
        list(form_fields(given))


@given(st.lists(st.tuples(TEXT, TEXT)))
def test_forms_read_back(pairs: list[tuple[str, str]]) -> None:
    written = encode_form(pairs).decode("ascii")
    assert parse_qsl(written, keep_blank_values=True) == pairs
    assert all(" " <= char <= "~" for char in written)
