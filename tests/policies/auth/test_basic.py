"""Basic authentication, by the letters of RFC 7617."""

from __future__ import annotations

import pickle
from base64 import b64decode
from typing import Any

import pytest

from courser.errors import InvalidRequest
from courser.policies.auth.basic import BasicAuth, encoded
from courser.values.url import URL

HERE = URL("http://a.example/")


@pytest.mark.parametrize(
    ("user", "password", "value"),
    [
        ("Aladdin", "open sesame", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),  # section 2
        ("test", "123\xa3", "Basic dGVzdDoxMjPCow=="),  # section 2.1
        (b"test", b"123\xa3", "Basic dGVzdDoxMjOj"),  # the same as a server with another charset wants it
        ("a", "b:c", "Basic YTpiOmM="),
        ("", "", "Basic Og=="),
    ],
)
def test_the_header(user: Any, password: Any, value: str) -> None:
    assert BasicAuth(user, password).authorization(HERE) == value


def test_a_password_may_be_left_out() -> None:
    assert b64decode(BasicAuth("key").authorization(HERE)[6:]) == b"key:"


@pytest.mark.parametrize("user", ["a:b", b"a:"])
def test_a_user_with_a_colon_is_refused(user: Any) -> None:
    with pytest.raises(InvalidRequest, match="colon") as caught:
        BasicAuth(user, "p")
    assert str(user) not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("se\x00cret", "control character at position 2 (control characters cannot be sent here)"),
        ("secret\n", "control character at position 6 (strip() it)"),
        (b"secret\x7f", "control character at position 6"),
        ("secret\ud800", "lone surrogate"),
    ],
)
def test_what_cannot_be_sent_is_refused_and_not_shown(text: Any, said: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        BasicAuth("u", text)
    assert said in str(caught.value)
    assert "password" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("text", [None, 5, ("a",), bytearray(b"a")])
def test_other_types_are_refused(text: Any) -> None:
    with pytest.raises(TypeError, match="the user name is str or bytes, not"):
        encoded(text, "user name")


def test_it_is_a_value_that_shows_nothing() -> None:
    auth = BasicAuth("user", "secret")

    assert repr(auth) == "BasicAuth(***)"
    assert auth == BasicAuth(b"user", b"secret")
    assert auth != BasicAuth("user", "other")
    assert auth != ("user", "secret")
    assert hash(auth) == hash(BasicAuth("user", "secret"))
    assert pickle.loads(pickle.dumps(auth)) == auth
