"""Bearer tokens: shown as they are, or not at all."""

from __future__ import annotations

from typing import Any

import pytest

from courser.errors import InvalidRequest
from courser.policies.auth.bearer import BearerAuth
from courser.values.url import URL

HERE = URL("http://a.example/")


@pytest.mark.parametrize("token", ["mF_9.B5f-4.1JqM", "a+/==", "1|laravel", "a:b"])
def test_the_header(token: str) -> None:
    assert BearerAuth(token).authorization(HERE) == f"Bearer {token}"
    assert BearerAuth(lambda: token).authorization(HERE) == f"Bearer {token}"


def test_a_function_is_asked_each_time() -> None:
    tokens = iter(["one", "two"])
    auth = BearerAuth(lambda: next(tokens))

    assert [auth.authorization(HERE) for _ in range(2)] == ["Bearer one", "Bearer two"]


@pytest.mark.parametrize(
    ("token", "hint"),
    [
        ("", ""),
        ("secret\n", "strip() it"),
        (" secret", "strip() it"),
        ("Bearer secret", "without the word Bearer"),
        ("sec ret", ""),
        ("secret\r\nX: y", ""),
        ("secr\xe9t", ""),
    ],
)
def test_what_is_no_token_is_refused_and_not_shown(token: str, hint: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        BearerAuth(token)
    assert hint == caught.value.hint or hint in caught.value.hint
    assert "sec" not in str(caught.value)
    with pytest.raises(InvalidRequest):
        BearerAuth(lambda: token).authorization(HERE)


@pytest.mark.parametrize("token", [None, b"bytes", 5])
def test_other_types_are_refused(token: Any) -> None:
    with pytest.raises(TypeError, match="a token is str, not"):
        BearerAuth(token)


class Later:
    def __await__(self) -> Any:
        return iter(())


@pytest.mark.parametrize("later", ["coroutine", "other"])
def test_async_functions_are_told_where_to_go(later: str) -> None:
    async def token() -> str:
        return "a"

    give: Any = token if later == "coroutine" else Later
    with pytest.raises(TypeError, match=r"yields courser\.Call"):
        BearerAuth(give).authorization(HERE)


def test_it_is_a_value_that_shows_nothing() -> None:
    auth = BearerAuth("secret")

    assert repr(auth) == "BearerAuth(***)"
    assert auth == BearerAuth("secret")
    assert auth != BearerAuth("other")
    assert auth != "secret"
    assert hash(auth) == hash(BearerAuth("secret"))
