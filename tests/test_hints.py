"""The stand-ins for `typing` do at run time what the library asks of them."""

from __future__ import annotations

import pickle
import typing
from typing import Any

import pytest

from courser import hints
from courser.hints import Generic, NamedTuple, Protocol, TypedDict, TypeVar, cast, final, overload

T = TypeVar("T")


class Point(NamedTuple):
    """Where."""

    x: int
    y: int = 2

    def __str__(self) -> str:
        return f"{self.x}/{self.y}"


class Parts(TypedDict, total=False):
    a: int
    b: int


class More(TypedDict, total=False):
    c: int


class Both(Parts, More, total=False):
    """All of them."""


@pytest.mark.parametrize("name", [name for name in hints.__all__ if name != "TYPE_CHECKING"])
def test_every_name_is_one_of_typing(name: str) -> None:
    assert hasattr(typing, name)


def test_type_checkers_alone_see_typing() -> None:
    assert hints.TYPE_CHECKING is False
    assert getattr(hints, "Protocol") is not typing.Protocol  # noqa: B009  # the checkers believe otherwise


def test_a_named_tuple_is_a_tuple_with_names() -> None:
    point = Point(1)
    assert point == (1, 2)
    assert (point.x, point.y) == (1, 2)
    assert point._replace(x=3) == (3, 2)
    assert Point._fields == ("x", "y")
    assert repr(point) == "Point(x=1, y=2)"


def test_the_body_of_a_named_tuple_is_kept() -> None:
    assert str(Point(1)) == "1/2"
    assert Point.__doc__ == "Where."
    assert Point.__annotations__ == {"x": "int", "y": "int"}
    assert pickle.loads(pickle.dumps(Point(1, 3))) == Point(1, 3)


def test_a_field_without_default_has_to_be_given() -> None:
    with pytest.raises(TypeError):
        Point()  # type: ignore[call-arg]


def test_a_typed_dict_knows_its_keys_and_those_of_its_bases() -> None:
    assert Parts.__optional_keys__ == {"a", "b"}
    assert Both.__optional_keys__ == {"a", "b", "c"}


def test_generic_classes_can_be_subscripted_and_inherited_from() -> None:
    class Box(Generic[T]):
        __slots__ = ("item",)

    class IntBox(Box[int]):
        __slots__ = ()

    assert not hasattr(Box[int](), "__dict__")
    assert isinstance(IntBox(), Box)


def test_a_class_may_inherit_from_a_protocol() -> None:
    class Closes(Protocol[T]):
        def close(self) -> str:
            return "closed"

    class Door(Closes[int]):
        __slots__ = ()

    assert Door().close() == "closed"


def test_the_functions_give_back_what_they_get() -> None:
    value: Any = object()

    assert cast("int", value) is value
    assert overload(value) is value
    assert final(value) is value
