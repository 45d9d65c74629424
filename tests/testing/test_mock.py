"""A transport that asks a function, in plain code, asyncio and trio."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

import courser
from courser import Request, Response
from courser.testing import MockTransport

URL = "https://x.test/a"


def answer(request: Request) -> Response:
    return Response(200, json={"method": request.method, "url": str(request.url)})


async def answer_later(request: Request) -> Response:
    await asyncio.sleep(0)
    return answer(request)


async def answer_at_once(request: Request) -> Response:
    return answer(request)


@pytest.mark.parametrize("handler", [answer, answer_at_once])
def test_a_client_asks_the_handler(handler: Any) -> None:
    transport = MockTransport(handler)

    with courser.Client(transport=transport) as client:
        assert client.post(URL, json=[1]).json() == {"method": "POST", "url": URL}

    (request,) = transport.requests
    assert (request.method, request.content, request.headers["content-type"]) == ("POST", b"[1]", "application/json")
    assert repr(transport) == "<MockTransport 1 requests>"


@pytest.mark.parametrize("handler", [answer, answer_at_once, answer_later])
def test_an_async_client_asks_the_handler(handler: Any) -> None:
    async def main() -> Any:
        async with courser.AsyncClient(transport=MockTransport(handler)) as client:
            return (await client.get(URL)).json()

    assert asyncio.run(main()) == {"method": "GET", "url": URL}


@pytest.mark.parametrize("handler", [answer, answer_at_once])
def test_a_client_under_trio_asks_the_handler(handler: Any) -> None:
    trio = pytest.importorskip("trio")

    async def main() -> Any:
        async with courser.AsyncClient(transport=MockTransport(handler)) as client:
            return (await client.get(URL)).json()

    assert trio.run(main) == {"method": "GET", "url": URL}


def test_a_handler_that_waits_is_an_error_in_plain_code() -> None:
    with courser.Client(transport=MockTransport(answer_later)) as client, pytest.raises(courser.InvalidRequest):
        client.get(URL)


def test_policies_run_above_it() -> None:
    def handler(request: Request) -> Response:
        if request.url.path == "/a":
            return Response(302, headers={"Location": "/b"})
        return Response(200, text="there")

    transport = MockTransport(handler)

    with courser.Client(transport=transport) as client:
        response = client.get(URL)

    assert (response.text, [past.status_code for past in response.history]) == ("there", [302])
    assert [request.url.path for request in transport.requests] == ["/a", "/b"]


def test_what_the_handler_raises_reaches_the_caller() -> None:
    def handler(request: Request) -> Response:
        raise courser.ConnectError(detail="no route")

    with courser.Client(transport=MockTransport(handler)) as client, pytest.raises(courser.ConnectError) as caught:
        client.get(URL)

    assert str(caught.value.request.url if caught.value.request else "") == URL


def test_what_is_no_response_is_an_error() -> None:
    handler: Any = lambda request: "hello"  # noqa: E731 - a function would need a wrong annotation
    with courser.Client(transport=MockTransport(handler)) as client, pytest.raises(TypeError, match="MockTransport"):
        client.get(URL)


def test_a_handler_may_read_a_body_that_is_not_in_memory() -> None:
    def pieces() -> Iterator[bytes]:
        yield b"a"
        yield b"b"

    def handler(request: Request) -> Response:
        assert request.body is not None
        body: Any = request.body.open()
        return Response(200, content=b"".join(body))

    with courser.Client(transport=MockTransport(handler)) as client:
        assert client.post(URL, content=pieces()).content == b"ab"


def test_it_may_stand_for_a_part_of_the_web() -> None:
    transport = MockTransport(lambda request: Response(200, text="mocked"))

    with courser.Client(mounts={"https://*.test": transport}) as client:
        assert client.get(URL).text == "mocked"
