"""The defaults of a client, which may be changed at any time."""

from __future__ import annotations

from typing import Any

import pytest
from colours import HERE, Colour, Echo, run
from colours import colour as colour

import courser
from courser.policies.auth.basic import BasicAuth
from courser.policies.auth.bearer import BearerAuth
from courser.settings import Timeout
from courser.values.headers import Headers
from courser.values.query import QueryParams
from courser.values.url import URL


def test_settings_can_be_read_and_changed(colour: Colour) -> None:
    echo = Echo()
    made = colour(transport=echo, headers={"A": "1"}, params={"p": 1}, timeout=5, base_url=HERE)
    client = made.client
    assert (client.headers["a"], client.params, client.timeout.plain) == ("1", QueryParams({"p": 1}), 5)
    assert client.base_url == URL(HERE)
    run(made.call("get", "x"))

    client.headers["A"] = "2"
    client.params = {"q": 2}
    client.base_url = "http://b.example/v1"
    client.timeout = (1, 2)
    run(made.call("get", "x"))
    client.headers = {"B": "3"}
    client.params = None
    client.base_url = None
    client.timeout = Timeout()
    run(made.call("get", "http://c.example/"))

    assert [str(request.url) for request in echo.asked] == [
        "http://a.example/x?p=1",
        "http://b.example/v1/x?q=2",
        "http://c.example/",
    ]
    assert [request.headers.get("a") for request in echo.asked] == ["1", "2", None]
    assert echo.asked[2].headers == {"B": "3"}
    assert isinstance(client.headers, Headers)
    assert (client.base_url, client.params, client.timeout) == (None, QueryParams(), Timeout())


def test_credentials_can_be_read_and_changed(colour: Colour) -> None:
    echo = Echo()
    made = colour(transport=echo, auth=("u", "p"))
    assert made.client.auth == BasicAuth("u", "p")
    run(made.call("get", HERE))
    made.client.auth = BearerAuth("t")
    run(made.call("get", HERE))
    made.client.auth = None
    run(made.call("get", HERE))

    assert [request.headers.get("authorization") for request in echo.asked] == ["Basic dTpw", "Bearer t", None]
    assert made.client.auth is None


@pytest.mark.parametrize("name", ["headers", "params", "timeout", "base_url", "auth"])
def test_what_makes_no_sense_is_said_when_it_is_set(colour: Colour, name: str) -> None:
    with pytest.raises(TypeError):
        setattr(colour().client, name, object())


def test_repr(colour: Colour) -> None:
    made = colour(base_url="http://u:p@a.example/v1?key=s", headers={"Authorization": "s"})
    name = type(made.client).__name__

    assert repr(made.client) == f"<{name} http://a.example/v1?key=***>"
    run(made.call("close"))
    assert repr(made.client) == f"<{name} http://a.example/v1?key=*** closed>"
    assert repr(colour().client) == f"<{name}>"


def test_an_option_that_there_is_not(colour: Colour) -> None:
    with pytest.raises(TypeError, match=r"a client has no option 'time_out'; did you mean 'timeout'\?"):
        colour(time_out=5)


def test_the_jar_can_be_read_and_replaced(colour: Colour) -> None:
    jar = courser.Cookies({"a": "1"})
    client = colour(cookies={"b": "2"}).client

    assert client.cookies == {"b": "2"}
    assert client.cookies is client.cookies
    client.cookies = jar
    assert client.cookies is jar
    client.cookies = {"c": "3"}
    assert client.cookies == {"c": "3"}
    client.cookies = False
    assert not client.cookies
    assert not client.cookies.accept
    assert not colour().client.cookies


def test_a_client_says_which_proxy_and_why(colour: Colour) -> None:
    client = colour(proxy="http://user:secret@p.example:1").client
    del client._session._mounts  # else the transport of this test answers
    client._session._mounts = None

    told = client.explain_proxy("https://a.example/")

    assert told == courser.ProxyChoice(("http://p.example:1",), "proxy of the client")


def test_event_hooks_are_an_attribute(colour: Colour) -> None:
    seen: list[str] = []
    made = colour(transport=Echo(), event_hooks={"request": [lambda request: seen.append(request.method)]})
    run(made.call("get", HERE))

    made.client.event_hooks["request"].clear()
    run(made.call("get", HERE))
    made.client.event_hooks = {"response": lambda response: seen.append("response")}
    run(made.call("get", HERE))

    assert seen == ["GET", "response"]


def test_a_request_can_be_made_before_it_is_sent(colour: Colour) -> None:
    client = colour(headers={"X": "1"}, base_url=HERE).client

    request = client.build_request("post", "y", json=1)

    assert (request.method, request.url, request.headers["x"]) == ("POST", URL(HERE + "y"), "1")


def test_whether_it_is_closed(colour: Colour) -> None:
    made = colour(transport=Echo())
    before: Any = made.client.is_closed

    run(made.call("close"))

    assert (before, made.client.is_closed) == (False, True)
