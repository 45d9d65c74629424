"""What type checkers infer; never run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any, assert_type

import courser

HERE = "http://a.example/"


def verbs(client: courser.Client) -> None:
    assert_type(courser.get(HERE), courser.Response)
    assert_type(client.get(HERE), courser.Response)
    assert_type(client.get(courser.URL(HERE), params={"a": [1, None]}, headers={"A": None}), courser.Response)
    assert_type(client.post(HERE, json={"a": 1}, timeout=5), courser.Response)
    assert_type(client.put(HERE, content=[b"a", "b"], timeout=(1, None)), courser.Response)
    assert_type(client.patch(HERE, data={"a": 1}, timeout=None), courser.Response)
    assert_type(client.delete(HERE, timeout=courser.DEFAULT), courser.Response)
    assert_type(client.request("GET", HERE, verify=False, cert=("a", "b")), courser.Response)
    assert_type(client.send(client.build_request("GET", HERE, json=1), timeout=5), courser.Response)
    assert_type(client.get(HERE).raise_for_status(), courser.Response)


def streams(client: courser.Client) -> None:
    with client.stream("GET", HERE) as response:
        assert_type(response, courser.ResponseStream)
        assert_type(response.iter_bytes(1024), Iterator[bytes])
        assert_type(response.iter_lines(), Iterator[str])
        assert_type(response.read(), bytes)
        assert_type(response.response(), courser.Response)
        assert_type(response.raise_for_status(), courser.ResponseStream)
    with courser.stream("GET", HERE) as response:
        assert_type(response.status_code, int)


def many(client: courser.Client, wanted: bool) -> None:
    assert_type(client.map([HERE, courser.URL(HERE), courser.Request("PUT", HERE)]), Iterator[courser.Response])
    assert_type(client.map([HERE], return_exceptions=True), Iterator[courser.Response | Exception])
    assert_type(client.as_completed([HERE], concurrency=5, timeout=5), Iterator[courser.Response])
    assert_type(client.as_completed([HERE], return_exceptions=wanted), Iterator[courser.Response | Exception])


async def async_verbs() -> None:
    async with courser.AsyncClient(base_url=HERE, headers={"A": "1"}, sensitive_headers=["A"]) as client:
        assert_type(client, courser.AsyncClient)
        assert_type(await client.get(HERE), courser.Response)
        assert_type(await client.send(courser.Request("GET", HERE, params="a=1")), courser.Response)
        assert_type(await asyncio.create_task(client.get(HERE)), courser.Response)
        one, other = await asyncio.gather(client.get(HERE), client.head(HERE))
        assert_type((one, other), tuple[courser.Response, courser.Response])
        async with client.stream("GET", HERE) as response:
            assert_type(response, courser.AsyncResponseStream)
            assert_type(response.iter_text(), AsyncIterator[str])
            assert_type(await response.read(), bytes)
            assert_type(await response.raise_for_status(), courser.AsyncResponseStream)
        async with aclosing(client.map([HERE, courser.URL(HERE)], concurrency=5, timeout=5)) as responses:
            assert_type([each async for each in responses], list[courser.Response])
        async for each in client.as_completed(lines(), return_exceptions=True):
            assert_type(each, courser.Response | Exception)


async def lines() -> AsyncIterator[str | courser.URL | courser.Request]:
    yield HERE


def values(response: courser.Response) -> None:
    assert_type(response.headers["a"], str)
    assert_type(response.headers.get("a"), str | None)
    assert_type(response.json(), Any)
    assert_type(response.history, list[courser.Response])
    assert_type(response.next_request, courser.Request | None)


def errors() -> None:
    try:
        courser.get(HERE)
    except courser.StatusError as error:
        assert_type(error.response, courser.Response | None)
    except courser.TransportError as error:
        assert_type(error.retryable, bool)


class Answering:
    def send(self, request: courser.Request, deadline: float, /) -> courser.Response:
        return courser.Response(200, request=request)


transport: courser.Transport = Answering()
courser.Client(transport=transport, mounts={"all://": Answering(), "https://": None}, limits=courser.Limits(10))
