"""Tokens of OAuth 2.0: how they are asked for, and what an endpoint may answer."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

import pytest
from driving import Answers, drive

from courser.errors import HTTPError, InvalidRequest, RemoteProtocolError, StatusError
from courser.policies.auth import oauth2, tokens
from courser.policies.auth.oauth2 import OAuth2ClientCredentials, OAuth2RefreshToken
from courser.values.query import QueryParams
from courser.values.request import Request
from courser.values.response import Response

HERE = "http://a.example/"
TOKEN = "https://login.example/token"
NOW = 1_000_000.0


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which a test may change."""
    times = [NOW]
    monkeypatch.setattr(oauth2, "time", lambda: times[0])
    monkeypatch.setattr(tokens, "time", lambda: times[0])
    return times


class Endpoint:
    """A token endpoint, and the server that wants its tokens."""

    def __init__(self, *answers: Any) -> None:
        self.tokens = Answers(*(answer if isinstance(answer, Response) else granted(**answer) for answer in answers))
        self.server = Answers(Response(200))

    def __call__(self, request: Request) -> Response:
        return (self.tokens if request.url.host == "login.example" else self.server)(request)

    @property
    def form(self) -> dict[str, str]:
        """What the endpoint was sent last."""
        return dict(QueryParams((self.tokens.asked[-1].content or b"").decode()))


def granted(token: Any = "t1", **more: Any) -> Response:
    return Response(200, json={"access_token": token, "token_type": "Bearer", **more})


def get(auth: Any, endpoint: Endpoint, **parts: Any) -> Any:
    return drive(auth.flow(Request("GET", HERE, **parts)), endpoint)


# Asking


def test_client_credentials_are_shown_in_the_header() -> None:
    """RFC 6749 section 4.4.2."""
    endpoint = Endpoint({"expires_in": 3600})
    auth = OAuth2ClientCredentials(TOKEN, "s6BhdRkqt3", "gX1fBat3bV", scope="a b", parameters={"audience": "api"})

    get(auth, endpoint, headers={"User-Agent": "mine"})

    asked = endpoint.tokens.asked[0]
    assert (asked.method, str(asked.url)) == ("POST", TOKEN)
    assert endpoint.form == {"grant_type": "client_credentials", "scope": "a b", "audience": "api"}
    assert asked.headers["authorization"] == "Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW"
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert (asked.headers["accept"], asked.headers["user-agent"]) == ("application/json", "mine")
    assert endpoint.server.shown == ["Bearer t1"]


def test_what_is_in_the_header_is_encoded_as_in_a_form() -> None:
    """RFC 6749 section 2.3.1."""
    endpoint = Endpoint({})

    get(OAuth2ClientCredentials(TOKEN, "a:b", "c d%"), endpoint)

    value = endpoint.tokens.shown[0] or ""
    assert b64decode(value.removeprefix("Basic ")) == b"a%3Ab:c+d%25"


def test_client_credentials_may_go_into_the_form() -> None:
    endpoint = Endpoint({})

    get(OAuth2ClientCredentials(TOKEN, "a:b", "c d%", client_auth="post"), endpoint)

    assert endpoint.form == {"grant_type": "client_credentials", "client_id": "a:b", "client_secret": "c d%"}
    assert endpoint.tokens.shown == [None]


def test_a_public_client_has_no_secret() -> None:
    endpoint = Endpoint({})

    get(OAuth2RefreshToken(TOKEN, "r0", "id"), endpoint)

    assert endpoint.form == {"grant_type": "refresh_token", "refresh_token": "r0", "client_id": "id"}
    assert endpoint.tokens.shown == [None]


def test_a_refresh_token_is_replaced_by_the_one_that_comes(now: list[float]) -> None:
    """RFC 6749 section 6."""
    endpoint = Endpoint({"refresh_token": "r1", "expires_in": 100}, {"token": "t2"})
    auth = OAuth2RefreshToken(TOKEN, "r0", "id", "secret", scope="s")

    get(auth, endpoint)
    assert endpoint.form == {"grant_type": "refresh_token", "refresh_token": "r0", "scope": "s"}
    now[0] += 100
    get(auth, endpoint)

    assert endpoint.form["refresh_token"] == "r1"
    assert endpoint.server.shown == ["Bearer t1", "Bearer t2"]


def test_without_a_refresh_token_nothing_is_asked() -> None:
    endpoint = Endpoint({})

    with pytest.raises(InvalidRequest, match="no refresh token"):
        get(OAuth2RefreshToken(TOKEN, None, "id"), endpoint)
    assert endpoint.tokens.asked == []


@pytest.mark.parametrize("client_auth", ["header", None])
def test_another_way_to_name_the_client_is_refused(client_auth: Any) -> None:
    with pytest.raises(InvalidRequest, match="'basic' or 'post'"):
        OAuth2ClientCredentials(TOKEN, "id", "secret", client_auth=client_auth)


def test_secrets_are_not_shown() -> None:
    auth = OAuth2ClientCredentials("https://login.example/token?key=secret", "id", "secret")

    assert "secret" not in repr(auth)
    assert "OAuth2ClientCredentials(" in repr(auth)


# Time


@pytest.mark.parametrize(
    ("life", "leeway", "used"),
    [
        (3600, 30, 3569),
        ("3600", 30, 3569),
        (3600.5, 600, 3000),
        (20, 30, 9),
        (None, 30, 10**9),
        ("never", 30, 10**9),
        (float("nan"), 30, 10**9),
        ([], 30, 10**9),
        (1e400, 30, 10**9),
    ],
)
def test_a_token_is_used_until_a_while_before_its_end(now: list[float], life: Any, leeway: float, used: float) -> None:
    endpoint = Endpoint({"expires_in": life}, {"token": "t2"})
    auth = OAuth2ClientCredentials(TOKEN, "id", "secret", leeway=leeway)

    for passed in (0, used, 2):
        now[0] += passed
        get(auth, endpoint)

    assert endpoint.server.shown == ["Bearer t1", "Bearer t1", "Bearer t1" if used == 10**9 else "Bearer t2"]


@pytest.mark.parametrize("life", [0, -5])
def test_a_token_that_is_over_is_shown_to_who_has_asked_for_it(life: float) -> None:
    endpoint = Endpoint({"expires_in": life})

    get(OAuth2ClientCredentials(TOKEN, "id", "secret"), endpoint)

    assert endpoint.server.shown == ["Bearer t1"]


# Keeping


def test_what_is_stored_is_json_and_is_taken_again(now: list[float]) -> None:
    shelf: list[str] = []
    endpoint = Endpoint({"expires_in": 100, "refresh_token": "r1", "scope": "granted"}, {"token": "t2"})
    get(OAuth2RefreshToken(TOKEN, "r0", "id", scope="s", save=lambda kept: shelf.append(json.dumps(kept))), endpoint)

    assert json.loads(shelf[0]) == {
        "access_token": "t1",
        "token_type": "Bearer",
        "expires_at": NOW + 100,
        "scope": "granted",
        "refresh_token": "r1",
    }
    for passed in (0, 69):
        now[0] = NOW + passed
        get(OAuth2RefreshToken(TOKEN, "r0", "id", load=lambda: json.loads(shelf[0])), endpoint)
    assert len(endpoint.tokens.asked) == 1
    now[0] = NOW + 71
    get(OAuth2RefreshToken(TOKEN, None, "id", load=lambda: json.loads(shelf[0])), endpoint)
    assert endpoint.form["refresh_token"] == "r1"


def test_client_credentials_are_stored_without_what_they_have_not() -> None:
    kept: list[Any] = []

    get(OAuth2ClientCredentials(TOKEN, "id", "secret", save=kept.append), Endpoint({}))

    assert kept == [{"access_token": "t1", "token_type": "Bearer", "expires_at": None, "scope": None}]


@pytest.mark.parametrize("stored", [None, {}, {"refresh_token": "r9"}])
def test_nothing_or_little_may_be_stored(stored: Any) -> None:
    endpoint = Endpoint({})

    get(OAuth2RefreshToken(TOKEN, "r0", "id", load=lambda: stored), endpoint)

    assert endpoint.form["refresh_token"] == ("r9" if stored else "r0")


def test_a_stored_token_may_have_no_end() -> None:
    endpoint = Endpoint({})

    get(OAuth2ClientCredentials(TOKEN, "id", "s", load=lambda: {"access_token": "kept"}), endpoint)

    assert endpoint.server.shown == ["Bearer kept"]


# What an endpoint answers


@pytest.mark.parametrize(
    ("status", "body", "detail", "hint"),
    [
        (400, {"error": "invalid_grant"}, "answered 400: 'invalid_grant'", "log in again"),
        (
            401,
            {"error": "invalid_client", "error_description": "no\nsuch"},
            r"'invalid_client', 'no\nsuch'",
            "client_id",
        ),
        (400, {"error": "odd"}, "answered 400: 'odd'", ""),
        (503, {}, "answered 503", ""),
        (500, [], "answered 500", ""),
    ],
)
def test_a_refusal_is_an_error_with_the_answer(status: int, body: Any, detail: str, hint: str) -> None:
    endpoint = Endpoint(Response(status, json=body))

    with pytest.raises(StatusError) as caught:
        get(OAuth2ClientCredentials(TOKEN, "id", "hush"), endpoint)

    error = caught.value
    assert f"the token endpoint {TOKEN} answered" in str(error)
    assert detail in str(error)
    assert hint in error.hint
    assert error.response is not None
    assert (error.response.status_code, error.response.json()) == (status, body)
    assert error.request is not None
    assert str(error.request.url) == HERE
    assert "hush" not in str(error)


def test_what_an_endpoint_says_is_shown_in_part() -> None:
    endpoint = Endpoint(Response(400, json={"error": "x", "error_description": "y" * 10_000}))

    with pytest.raises(StatusError) as caught:
        get(OAuth2ClientCredentials(TOKEN, "id", "secret"), endpoint)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (Response(200, text="<html>"), "answered 200 and gave no access_token"),
        (Response(200, text="[" * 100_000), "gave no access_token"),
        (Response(200, json=["access_token"]), "gave no access_token"),
        (Response(302, headers={"Location": HERE}), "answered 302 and gave no access_token"),
        (granted(token=5), "gave no access_token"),
        (granted(token=""), "gave no access_token"),
        (granted(token="a\r\nb"), "gave an access_token that cannot be sent"),
        (granted(token="a b"), "gave an access_token that cannot be sent"),
        (granted(token_type="mac"), "a token of the type 'mac'"),
    ],
)
def test_what_is_no_token_is_an_error_of_the_endpoint(answer: Response, detail: str) -> None:
    endpoint = Endpoint(answer)

    with pytest.raises(RemoteProtocolError) as caught:
        get(OAuth2ClientCredentials(TOKEN, "id", "secret"), endpoint)
    assert detail in str(caught.value)
    assert isinstance(caught.value, HTTPError)
    assert endpoint.server.asked == []


@pytest.mark.parametrize("more", [{"token_type": "bearer"}, {"token_type": "BEARER"}])
def test_the_type_may_be_spelled_in_any_case(more: Any) -> None:
    endpoint = Endpoint(more)

    get(OAuth2ClientCredentials(TOKEN, "id", "secret"), endpoint)

    assert endpoint.server.shown == ["Bearer t1"]


def test_a_token_without_a_type_is_a_bearer_token() -> None:
    endpoint = Endpoint(Response(200, json={"access_token": "t1"}))

    get(OAuth2ClientCredentials(TOKEN, "id", "secret"), endpoint)

    assert endpoint.server.shown == ["Bearer t1"]
