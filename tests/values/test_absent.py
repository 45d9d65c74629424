"""An attribute that other libraries have is told with what is here."""

from __future__ import annotations

import copy
import pickle

import pytest

from courser.streams import ResponseStream
from courser.values.absent import INSTEAD, explain
from courser.values.response import Response


@pytest.mark.parametrize("name", INSTEAD)
def test_none_of_them_is_here(name: str) -> None:
    with pytest.raises(AttributeError, match=f"a Response has no {name}: ") as caught:
        getattr(Response(200), name)

    assert not hasattr(Response, name)
    assert str(caught.value) == explain(name)
    assert caught.value.name == name


def test_any_other_name_is_just_not_there() -> None:
    response = Response(200)

    assert explain("nonsense") == "a Response has no nonsense"
    assert not hasattr(response, "nonsense")
    assert not hasattr(response, "__len__")
    assert getattr(response, "nonsense", 5) == 5


def test_what_was_left_out_of_a_response_is_made_as_ever() -> None:
    response = Response(200, content=b"x")

    assert response.stripped == ()
    assert pickle.loads(pickle.dumps(response)).content == copy.copy(response).content == b"x"


def test_what_the_streams_have_is_told_of() -> None:
    streamed = {name for name in dir(ResponseStream) if name.startswith("iter_")}

    assert streamed <= INSTEAD.keys()
