"""The clients: one set of verbs in two colours."""

from __future__ import annotations

import asyncio
import gc
import inspect
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest import mock
from weakref import ref

import pytest
from colours import HERE, Colour, Echo, run
from colours import colour as colour

import courser
from courser.client import AsyncClient, Client
from courser.errors import ClientClosed, InvalidRequest, NoAsyncHost, StatusError
from courser.joining import AsyncJoining, Joining
from courser.server import Reply
from courser.testing import MemoryNetwork
from courser.values.request import Request
from courser.values.response import Response
from courser.values.url import URL

VERBS = ("get", "head", "post", "put", "patch", "delete", "options", "query")

# Verbs


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_sends_its_method(colour: Colour, verb: str) -> None:
    echo = Echo()
    made = colour(transport=echo)

    response = run(made.call(verb, HERE, headers={"X": "1"}, timeout=5))

    assert type(response) is Response
    assert response.content == verb.upper().encode()
    assert echo.asked[0].headers["x"] == "1"


def test_any_method_can_be_requested(colour: Colour) -> None:
    assert run(colour(transport=Echo()).call("request", "m-search", HERE)).content == b"M-SEARCH"


@pytest.mark.parametrize("verb", [*VERBS, "request", "stream", "sse"])
def test_a_positional_argument_too_many_is_told_its_keyword(colour: Colour, verb: str) -> None:
    echo = Echo()
    arguments = ["POST", HERE] if verb in ("request", "stream") else [HERE]
    keyword = "params" if verb in ("get", "head", "options", "delete", "sse") else "content, data or json"
    made = colour(transport=echo)

    with pytest.raises(TypeError, match=rf"{verb}\(\) takes .* by position: give the dict as {keyword}=\.\.\."):
        run(getattr(made, verb)(*arguments, {}) if verb in ("stream", "sse") else made.call(verb, *arguments, {}))

    assert echo.asked == []


@pytest.mark.parametrize(
    ("verb", "arguments", "told"),
    [
        ("websocket", [HERE, ["v2"]], "give the list as subprotocols="),
        ("websocket", [HERE, "v2"], "give the str as subprotocols="),
        ("websocket", [HERE, {"a": 1}], "give the dict as params="),
        ("sse", [HERE, "GET"], "give the method as method="),
        ("sse", ["GET", HERE], "give the method as method="),
        ("sse", ["GET", URL(HERE)], "give the method as method="),
    ],
)
def test_what_stands_behind_a_url_is_told_its_keyword(
    colour: Colour, verb: str, arguments: list[Any], told: str
) -> None:
    with pytest.raises(TypeError, match=rf"{verb}\(\) takes the URL alone by position: {told}"):
        getattr(colour(transport=Echo()).client, verb)(*arguments)


def test_both_colours_have_the_same_names() -> None:
    own = {name for name in dir(Client) if not name.startswith("_")}
    other = {name for name in dir(AsyncClient) if not name.startswith("_")}

    assert own - other == set()
    assert other - own == {"aclose"}


@pytest.mark.parametrize("verb", [*VERBS, "request", "send", "close", "aclose"])
def test_async_verbs_are_coroutine_functions(verb: str) -> None:
    assert inspect.iscoroutinefunction(getattr(AsyncClient, verb))
    assert isinstance(getattr(mock.create_autospec(AsyncClient), verb), mock.AsyncMock | mock.Mock)
    assert asyncio.iscoroutinefunction(getattr(mock.create_autospec(AsyncClient), verb))


# Streams


def test_a_stream(colour: Colour) -> None:
    assert run(colour(transport=Echo(404)).stream("GET", HERE)) == (404, b"GET")


@pytest.mark.parametrize("where", ["client", "call"])
def test_a_stream_may_raise_for_its_status(colour: Colour, where: str) -> None:
    raising: dict[str, Any] = {"raise_for_status": True}
    made = colour(transport=Echo(404), **(raising if where == "client" else {}))

    with pytest.raises(StatusError) as caught:
        run(made.stream("GET", HERE, **({} if where == "client" else raising)))

    assert caught.value.response.content == b"GET"
    assert run(made.stream("GET", HERE, raise_for_status=False)) == (404, b"GET")


def test_a_websocket_needs_a_network(colour: Colour) -> None:
    joining = colour(transport=Echo()).client.websocket(HERE)

    async def enter() -> None:
        if isinstance(joining, Joining):
            joining.__enter__()
        else:
            await joining.__aenter__()

    assert isinstance(joining, Joining | AsyncJoining)
    with pytest.raises(InvalidRequest, match="a transport of the client answers this URL"):
        run(enter())


def test_a_websocket_takes_its_options_by_keyword(colour: Colour) -> None:
    client = colour(transport=Echo()).client
    with pytest.raises(TypeError, match="did you mean 'subprotocols'"):
        client.websocket(HERE, subprotocol=["chat"])


def test_a_stream_that_was_not_entered_says_how(colour: Colour) -> None:
    with pytest.raises(AttributeError, match=r"no status_code before the request is sent: .*with client.stream\(...\)"):
        _ = colour(transport=Echo()).client.stream("GET", HERE).status_code


# Events


def test_events(colour: Colour) -> None:
    class Sender(Echo):
        def send(self, request: Request, deadline: float, /) -> Response:
            super().send(request, deadline)
            return Response(200, headers={"Content-Type": "text/event-stream"}, content=b"data: a\n\ndata: b\n\n")

    sender = Sender()
    made = colour(transport=sender)

    assert run(made.sse(HERE, method="POST", json=1)) == ["a", "b"]
    assert [(request.method, request.content) for request in sender.asked] == [("POST", b"1")]


# Requests made before


def test_build_and_send(colour: Colour) -> None:
    echo = Echo()
    made = colour(transport=echo, headers={"X": "1"}, base_url=HERE)
    request = made.client.build_request("post", "y", json=1)
    request.headers["Y"] = "2"

    run(made.call("send", request, timeout=5))

    sent = echo.asked[0]
    assert sent is request
    assert (sent.method, sent.url, sent.headers["x"], sent.headers["y"]) == ("POST", URL(HERE + "y"), "1", "2")


def test_a_request_of_the_callers_is_sent_as_it_is(colour: Colour) -> None:
    echo = Echo()
    run(colour(transport=echo, headers={"X": "1"}).call("send", Request("GET", HERE)))
    assert echo.asked[0].headers == {}


def test_build_and_send_refuse_what_is_not_theirs(colour: Colour) -> None:
    made = colour(transport=Echo())
    with pytest.raises(TypeError, match="give it to send"):
        made.client.build_request("GET", HERE, timeout=5)
    with pytest.raises(TypeError, match="give json to build_request"):
        run(made.call("send", Request("GET", HERE), json=1))


# Closing


def test_a_closed_client_takes_no_more_requests(colour: Colour) -> None:
    echo = Echo()
    made = colour(transport=echo)
    assert not made.client.is_closed

    run(made.call("close"))
    run(made.call("close"))

    assert made.client.is_closed
    with pytest.raises(ClientClosed):
        run(made.call("get", HERE))
    assert echo.asked == []
    assert made.client.stats() == {"connections": 0, "idle": 0}


def test_a_context_closes() -> None:
    with Client() as client:
        assert not client.is_closed
    assert client.is_closed

    async def main() -> AsyncClient:
        async with AsyncClient() as client:
            assert not client.is_closed
        return client

    assert asyncio.run(main()).is_closed


def test_a_client_is_in_no_cycle(colour: Colour) -> None:
    gc.collect()
    gc.disable()
    try:
        made = colour(transport=Echo(), headers={"X": "1"})
        run(made.call("get", HERE))
        watched = [ref(made.client), ref(made.client._session)]
        del made
        assert [each() for each in watched] == [None, None]
    finally:
        gc.enable()


def test_an_async_client_takes_its_connections_with_it_while_the_loop_goes_on() -> None:
    async def main() -> None:
        client = AsyncClient(transport=Echo())
        await client.get(HERE)
        ((_, place),) = client._places.values()
        pool = ref(place.pool)
        del client, place
        assert pool() is None

    gc.collect()
    gc.disable()
    try:
        asyncio.run(main())
    finally:
        gc.enable()


# Many loops and threads


def test_an_async_client_lives_in_many_loops() -> None:
    client = AsyncClient(transport=Echo())

    async def main() -> Response:
        await client.get(HERE)
        return await client.get(HERE)

    for _ in range(3):
        assert asyncio.run(main()).content == b"GET"
        assert len(client._places) <= 1


def test_a_loop_that_is_gone_is_forgotten() -> None:
    client = AsyncClient(transport=Echo())
    asyncio.run(client.get(HERE))
    gc.collect()
    assert client._places == {}


def test_a_loop_that_is_closed_is_forgotten_when_another_comes() -> None:
    client = AsyncClient(transport=Echo())
    closed, other = asyncio.new_event_loop(), asyncio.new_event_loop()
    closed.run_until_complete(client.get(HERE))
    assert client.stats() == {"connections": 0, "idle": 0}
    closed.close()

    other.run_until_complete(client.get(HERE))
    assert list(client._places) == [id(other)]
    third = asyncio.new_event_loop()
    third.run_until_complete(client.get(HERE))
    third.close()

    assert list(client._places) == [id(other), id(third)]
    other.run_until_complete(client.close())
    other.close()


def test_a_loop_that_is_closed_is_forgotten_when_somebody_looks() -> None:
    """Though it may be referred to: from Python 3.12 on, tracebacks do."""
    client = AsyncClient(transport=Echo())
    assert client.stats() == {"connections": 0, "idle": 0}
    loop = asyncio.new_event_loop()
    loop.run_until_complete(client.get(HERE))
    loop.close()

    assert client.stats() == {"connections": 0, "idle": 0}
    assert client._places == {}


def test_the_end_of_a_loop_does_not_take_the_place_of_a_later_one_at_its_address() -> None:
    client = AsyncClient(transport=Echo())
    loop = asyncio.new_event_loop()
    loop.run_until_complete(client.get(HERE))
    ((key, (_, place)),) = client._places.items()
    client._places[key] = later = (lambda: None, place)

    loop.close()
    del loop
    gc.collect()

    assert client._places == {key: later}


def test_a_client_outside_of_loops_says_so() -> None:
    client = AsyncClient(transport=Echo())
    call = client.get(HERE)
    with pytest.raises(NoAsyncHost, match=r"or use courser.Client"):
        call.send(None)


def test_threads_share_a_client() -> None:
    echo = Echo()
    with Client(transport=echo) as client, ThreadPoolExecutor(8) as threads:
        bodies = list(threads.map(lambda _: client.get(HERE).content, range(100)))
    assert bodies == [b"GET"] * 100


# Many at once


def test_map_and_as_completed() -> None:
    with Client(transport=Echo()) as client:
        requests = [HERE, URL(HERE + "x"), Request("PUT", HERE)]
        assert [each.content for each in client.map(requests)] == [b"GET", b"GET", b"PUT"]
        assert sorted(each.content for each in client.as_completed(requests, concurrency=1)) == [b"GET", b"GET", b"PUT"]
        answers = list(client.map([HERE, "nonsense"], return_exceptions=True))
    assert isinstance(answers[0], Response)
    assert isinstance(answers[1], courser.InvalidURL)


def test_async_map_and_as_completed() -> None:
    async def main() -> None:
        async with AsyncClient(transport=Echo()) as client:
            requests = [HERE, URL(HERE + "x"), Request("PUT", HERE)]

            async def source() -> AsyncIterator[str | URL | Request]:
                for request in requests:
                    yield request

            assert [each.content async for each in client.map(requests)] == [b"GET", b"GET", b"PUT"]
            assert [each.content async for each in client.map(source())] == [b"GET", b"GET", b"PUT"]
            given = [each.content async for each in client.as_completed(requests, concurrency=1)]
            assert sorted(given) == [b"GET", b"GET", b"PUT"]
            answers = [each async for each in client.map([HERE, "nonsense"], return_exceptions=True)]
        assert isinstance(answers[0], Response)
        assert isinstance(answers[1], courser.InvalidURL)

    asyncio.run(main())


def test_connections_are_counted_by_origin(colour: Colour) -> None:
    made = colour(network=MemoryNetwork(lambda request: Reply()))

    async def main() -> Any:
        await made.call("get", "http://a.example/")
        counted = made.client.stats(by_origin=True)
        await made.call("close")
        return counted

    assert run(main()) == {"http://a.example:80": {"connections": 1, "idle": 1, "waiting": 0}}
