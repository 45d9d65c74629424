"""The verbs of the module are those of one client that all share."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

import courser
from courser import api
from courser.client import Client
from courser.values.request import Request
from courser.values.response import Response

HERE = "http://a.example/"
VERBS = ("get", "head", "post", "put", "patch", "delete", "options", "query")


class Echo:
    def send(self, request: Request, deadline: float, /) -> Response:
        return Response(200, content=f"{request.method} {request.headers.get('x')}".encode())


@pytest.fixture(autouse=True)
def shared(monkeypatch: pytest.MonkeyPatch) -> Client:
    client = Client(transport=Echo())
    monkeypatch.setattr(api, "_clients", [client])
    return client


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_sends_its_method(verb: str) -> None:
    response = getattr(courser, verb)(HERE, headers={"X": "1"})

    assert response.text == f"{verb.upper()} 1"


def test_request_and_stream() -> None:
    assert courser.request("m-search", HERE).text == "M-SEARCH None"
    with courser.stream("GET", HERE) as response:
        assert response.read() == b"GET None"


def test_sse() -> None:
    with pytest.raises(courser.EventStreamError) as caught, courser.sse(HERE, method="POST"):
        pass

    assert caught.value.response.text == "POST None"


@pytest.mark.parametrize("verb", [*VERBS, "request", "stream", "sse", "websocket"])
def test_verbs_take_what_those_of_a_client_take(verb: str) -> None:
    own, clients = inspect.signature(getattr(api, verb)), inspect.signature(getattr(Client, verb))

    assert list(own.parameters.values()) == list(clients.parameters.values())[1:]
    assert own.return_annotation == clients.return_annotation


@pytest.mark.parametrize("verb", [*VERBS, "request", "stream", "sse", "websocket"])
def test_a_positional_body_is_refused(verb: str) -> None:
    arguments: list[Any] = ["GET", HERE] if verb in ("request", "stream") else [HERE]
    with pytest.raises(TypeError, match=f"{verb}\\(\\) takes"):
        getattr(courser, verb)(*arguments, b"body")


def test_a_websocket_is_opened_by_the_same_client(shared: Client) -> None:
    with pytest.raises(courser.InvalidRequest, match="a transport of the client"), courser.websocket("ws://a.example/"):
        pass


def test_the_client_is_made_once_and_when_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "_clients", [])

    assert api._client() is api._client()
    assert len(api._clients) == 1


def test_cookies_last_for_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str | None] = []

    class Login:
        def send(self, request: Request, deadline: float, /) -> Response:
            sent.append(request.headers.get("cookie"))
            if request.url.path == "/":
                return Response(302, headers={"Location": "/home", "Set-Cookie": "sid=1"})
            return Response(200)

    monkeypatch.setattr(api, "_clients", [])
    monkeypatch.setattr(api, "Client", lambda **options: Client(transport=Login(), **options))

    courser.get(HERE, cookies={"a": "0"})
    courser.get(HERE)

    assert sent == ["a=0", "a=0; sid=1", None, "sid=1"]
