"""What `auth=` may be, and where in a call it acts."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from driving import Answers, drive

from courser.policies.auth.basic import BasicAuth
from courser.policies.auth.bearer import BearerAuth
from courser.policies.auth.digestauth import DigestAuth
from courser.policies.auth.layer import Signed, authenticated, checked_auth
from courser.policies.auth.netrcauth import NetrcAuth
from courser.policies.redirect import Estranged
from courser.values.request import Request
from courser.values.response import Response

HERE = "http://a.example/"
OK = Response(200)


def flow(request: Request) -> Any:
    request.headers["X-Token"] = "t"
    return (yield request)


class Holder:
    def flow(self, request: Request) -> Any:
        return flow(request)


# Kinds


def test_a_pair_is_basic() -> None:
    assert checked_auth(("u", b"p")) == BasicAuth("u", "p")
    assert checked_auth(None) is None


@pytest.mark.parametrize("auth", [BasicAuth("u", "p"), BearerAuth("t"), DigestAuth("u", "p"), Holder(), flow, len])
def test_objects_and_functions_are_taken_as_they_are(auth: Any) -> None:
    assert checked_auth(auth) is auth


@pytest.mark.parametrize(
    ("auth", "said"),
    [
        ("secret", "not str; a token goes into courser.BearerAuth"),
        (["u", "secret"], "not list; give a tuple"),
        (("u", "secret", "x"), "not tuple"),
        (b"secret", "not bytes"),
        (5, "not int"),
        (True, "not bool"),
        (BasicAuth, "not the class BasicAuth"),
    ],
)
def test_other_things_are_refused_and_not_shown(auth: Any, said: str) -> None:
    with pytest.raises(TypeError) as caught:
        checked_auth(auth)
    assert str(caught.value).endswith(said) or said in str(caught.value)
    assert "secret" not in str(caught.value)


# What is static


def test_what_is_static_is_set_on_a_copy() -> None:
    request = Request("GET", HERE)

    sent, layer = authenticated(request, BasicAuth("u", "p"))

    assert layer is None
    assert sent.headers["authorization"] == "Basic dTpw"
    assert "authorization" not in request.headers


def test_what_has_nothing_to_show_changes_nothing() -> None:
    class Nothing:
        def authorization(self, url: Any) -> None:
            return None

    request = Request("GET", HERE)

    assert authenticated(request, Nothing()) == (request, None)


def test_a_netrc_file_is_static_once_it_is_read(tmp_path: Any) -> None:
    file = tmp_path / "netrc"
    file.write_text("machine a.example login u password p")
    auth = NetrcAuth(file)
    sent, layer = authenticated(Request("GET", HERE), auth)
    assert layer is not None
    drive(layer(sent), Answers(OK))

    sent, layer = authenticated(Request("GET", HERE), auth)

    assert layer is None
    assert sent.headers["authorization"] == "Basic dTpw"


# What is a flow


def through(auth: Any, *urls: str, estranged: bool = False) -> list[str | None]:
    """What requests to URLs carry, in one call to the first of them."""
    _, layer = authenticated(Request("GET", urls[0]), auth)
    assert layer is not None
    server = Answers(OK)
    for url in urls:
        drive(layer((Estranged if estranged else Request)("GET", url)), server)
    return [request.headers.get("x-token") for request in server.asked]


def changed(request: Request) -> Request:
    request.headers["X-Token"] = "t"
    return request


@pytest.mark.parametrize("auth", [flow, Holder(), changed])
def test_a_flow_acts_within_the_origin_of_the_call(auth: Any) -> None:
    """CVE-2026-54276, aiohttp #12825: what another origin asks is not answered."""
    urls = [
        "http://a.example/",
        "http://a.example/b",
        "http://b.example/",
        "http://a.example:81/",
        "https://a.example/",
    ]

    assert through(auth, *urls) == ["t", "t", None, None, "t"]
    assert through(auth, "https://a.example/", "http://a.example/") == ["t", None]


def test_a_flow_does_not_act_upon_what_came_back_from_elsewhere() -> None:
    assert through(flow, HERE, HERE, estranged=True) == [None, None]


def test_a_caller_who_sends_on_himself_what_was_redirected_is_at_home_there() -> None:
    request, layer = authenticated(Estranged("GET", HERE), flow)
    assert layer is not None
    server = Answers(OK)

    drive(layer(request), server)

    assert server.asked[0].headers["x-token"] == "t"


def test_what_a_flow_sets_stays_with_its_own_request() -> None:
    request, layer = authenticated(Request("GET", HERE, content=b"x", extensions={"a": 1}), flow)
    assert layer is not None
    server: list[Any] = []

    def serve(sent: Request) -> Response:
        server.append(sent)
        return OK

    drive(layer(request), serve)

    sent = server[0]
    assert (sent.unsigned, sent.content, sent.extensions) == (request, b"x", {"a": 1})
    assert "x-token" not in request.headers


def test_whatever_is_made_of_a_signed_request_knows_what_it_was() -> None:
    request = Request("GET", HERE)
    signed = Signed.like(request)

    for made in (signed.copy(), signed.with_cookies(b"", b"a=b"), Signed.like(signed)):
        assert made.unsigned is request
    assert pickle.loads(pickle.dumps(signed)).url == request.url


@pytest.mark.parametrize("wrong", [None, 5, "text"])
def test_what_is_no_flow_is_told(wrong: Any) -> None:
    def odd(request: Request) -> Any:
        return wrong

    _, layer = authenticated(Request("GET", HERE), odd)
    assert layer is not None
    with pytest.raises(TypeError, match=f"odd gave a {type(wrong).__name__}: it is a generator function"):
        next(layer(Request("GET", HERE)))


def test_async_functions_are_told_where_to_go() -> None:
    async def later(request: Request) -> Request:
        return request

    class Object:
        def __call__(self, request: Request) -> Any:
            return later(request)

    _, layer = authenticated(Request("GET", HERE), Object())  # type: ignore[arg-type]
    assert layer is not None
    with pytest.raises(TypeError, match=r"Object gave a coroutine.*yield courser\.Call"):
        next(layer(Request("GET", HERE)))


def test_a_layer_bears_the_name_of_its_flow() -> None:
    _, layer = authenticated(Request("GET", HERE), flow)
    assert layer is not None

    assert layer(Request("GET", HERE)).__qualname__ == "flow"
