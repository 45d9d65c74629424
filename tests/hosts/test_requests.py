"""What is sent: methods, bodies of every kind, forms, parameters, header fields; and what is refused unsent."""

from __future__ import annotations

import io
import json
import pickle
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from faultserver import FaultServer, Peer, answering, echo, reply
from worlds import World

import courser

Serve = Callable[..., FaultServer]


@pytest.mark.parametrize("verb", ["get", "head", "post", "put", "patch", "delete", "options", "query"])
async def test_every_verb_sends_its_method(world: World, serve: Serve, verb: str) -> None:
    server = serve(answering(reply(b"" if verb == "head" else b"there")))

    response = await getattr(world.client(), verb)(server.url("/a?b=1"))

    assert response.status_code == 200
    assert (server.requests[0].method, server.requests[0].target) == (verb.upper(), "/a?b=1")


async def test_head_has_no_body_whatever_its_length_says(world: World, serve: Serve) -> None:
    server = serve(answering(lambda request: b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"))
    client = world.client()

    for _ in range(2):
        response = await client.head(server.url())
        assert response.content == b""
        assert response.headers["content-length"] == "5"

    assert server.connections == 1


class Twice:
    """An iterable that starts anew each time."""

    def __iter__(self) -> Iterator[bytes]:
        yield b"he"
        yield b""
        yield b"llo"


def generator() -> Iterator[bytes]:
    yield b"he"
    yield b"llo"


def real_file() -> Any:
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the test closes it
    file.write(b"xxhello")
    file.seek(2)
    return file


BODIES: dict[str, tuple[Callable[[], Any], str]] = {
    "bytes": (lambda: b"hello", "5"),
    "bytearray": (lambda: bytearray(b"hello"), "5"),
    "memoryview": (lambda: memoryview(b"hello"), "5"),
    "str": (lambda: "hello", "5"),
    "empty": (lambda: b"", "0"),
    "file": (lambda: io.BytesIO(b"hello"), "5"),
    "real file": (real_file, "5"),
    "list": (lambda: [b"he", "llo"], "-"),
    "iterable": (Twice, "-"),
    "generator": (generator, "-"),
}


@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize("keyword", ["content", "data"])
async def test_every_kind_of_body_arrives(world: World, serve: Serve, kind: str, keyword: str) -> None:
    server = serve(answering(echo))
    make, length = BODIES[kind]
    body = make()
    client = world.client()

    response = await client.post(server.url(), **{keyword: body})

    assert response.content == (b"" if kind == "empty" else b"hello")
    assert response.headers["x-length"] == length
    assert response.headers["x-coding"] == ("chunked" if length == "-" else "-")
    assert client.stats() == {"connections": 1, "idle": 1}
    if hasattr(body, "close"):
        body.close()


async def numbers() -> AsyncIterator[bytes]:
    yield b"he"
    yield b"llo"


async def test_async_iterables_are_bodies_for_async_clients(world: World, serve: Serve) -> None:
    server = serve(answering(echo))
    client = world.client()

    if world.is_async:
        response = await client.put(server.url(), content=numbers())
        assert response.content == b"hello"
        assert response.headers["x-coding"] == "chunked"
    else:
        assert (await client.put(server.url(), content=numbers())).content == b"hello"


async def test_a_waiting_async_iterable_is_refused_by_plain_code(world: World, serve: Serve) -> None:
    if world.is_async:
        pytest.skip("async code can wait")
    server = serve(answering(echo))

    class Waits:
        def __await__(self) -> Iterator[None]:
            yield

    async def waiting() -> AsyncIterator[bytes]:
        await Waits()
        yield b"never"

    client = world.client()
    with pytest.raises(courser.InvalidRequest, match="AsyncClient"):
        await client.put(server.url(), content=waiting())
    assert world.left_by(client) == 0


async def test_a_body_that_raises_ends_the_exchange(world: World, serve: Serve) -> None:
    server = serve(answering(echo))
    client = world.client()

    def broken() -> Iterator[bytes]:
        yield b"a"
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await client.post(server.url(), content=broken())

    assert world.left_by(client) == 0
    assert (await client.post(server.url(), content=b"hello")).content == b"hello"


@pytest.mark.parametrize("name", ["iterable", "async iterable"])
async def test_a_length_that_was_declared_for_an_iterable_is_kept(world: World, serve: Serve, name: str) -> None:
    server = serve(answering(echo))
    client = world.client()
    content = [b"he", b"llo"] if name == "iterable" else eager(b"he", b"llo")

    response = await client.post(server.url(), content=content, headers={"Content-Length": "5"})

    assert (response.content, response.headers["x-length"], response.headers["x-coding"]) == (b"hello", "5", "-")
    assert client.stats() == {"connections": 1, "idle": 1}


async def eager(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


@pytest.mark.parametrize("name", ["iterable", "async iterable"])
@pytest.mark.parametrize(
    ("declared", "told"), [("3", "too much data.* at least 5 bytes, 3 were"), ("9", "too little data.* 5 of 9")]
)
async def test_an_iterable_must_keep_the_length_that_was_declared(
    world: World, serve: Serve, name: str, declared: str, told: str
) -> None:
    def script(peer: Peer) -> None:
        peer.head()
        came.append(peer.wait_for_close())

    came: list[bytes] = []
    server = serve(script)
    client = world.client()
    pieces = [b"he", b"llo"]

    with pytest.raises(courser.LocalProtocolError, match=told):
        await client.post(
            server.url(),
            content=pieces if name == "iterable" else eager(*pieces),
            headers={"Content-Length": declared},
        )

    assert world.left_by(client) == 0
    assert await world.until(lambda: came != [])
    assert came == [b"he" if declared == "3" else b"hello"]


async def test_a_length_that_contradicts_the_body_is_refused_whenever_it_was_set(world: World, serve: Serve) -> None:
    server = serve(answering(echo))
    client = world.client()
    request = client.build_request("POST", server.url(), content=b"hello")
    request.headers["Content-Length"] = "4"

    with pytest.raises(courser.InvalidRequest, match="says '4', the body has 5 bytes"):
        await client.send(request)

    assert server.connections == 0
    assert world.left_by(client) == 0


@pytest.mark.parametrize("size", [5, 100_000])
async def test_bytes_may_go_out_chunked(world: World, serve: Serve, size: int) -> None:
    server = serve(answering(echo))
    client = world.client()

    for _ in range(2):
        response = await client.post(server.url(), content=b"x" * size, headers={"Transfer-Encoding": "chunked"})
        assert response.content == b"x" * size
        assert (response.headers["x-length"], response.headers["x-coding"]) == ("-", "chunked")

    assert server.connections == 1


async def test_json_and_forms(world: World, serve: Serve) -> None:
    server = serve(answering(echo))
    client = world.client()

    response = await client.post(server.url(), json={"a": [1, "é", None]})
    assert json.loads(response.content) == {"a": [1, "é", None]}
    assert response.headers["x-type"] == "application/json"

    response = await client.post(server.url(), data={"a": "1 2", "b": ["x", "&"]})
    assert response.content == b"a=1+2&b=x&b=%26"
    assert response.headers["x-type"] == "application/x-www-form-urlencoded"


async def test_parameters_merge_with_the_query_of_the_url_and_the_client(world: World, serve: Serve) -> None:
    server = serve(answering(echo))
    client = world.client(params={"key": "k"})

    response = await client.get(server.url("/p?a=%2f"), params={"b": True, "c": None, "d": [1, 2]})

    assert response.headers["x-target"] == "/p?a=%2f&key=k&b=true&d=1&d=2"


async def test_header_fields_merge_and_none_removes(world: World, serve: Serve) -> None:
    server = serve(answering(reply()))
    client = world.client(headers={"X-One": "client", "X-Two": "client"})

    await client.get(server.url(), headers={"x-one": "call", "Accept": None})
    request = server.requests[0]

    assert request.get("x-one") == "call"
    assert request.get("x-two") == "client"
    assert request.get("accept") is None
    assert request.get("host") == f"127.0.0.1:{server.port}"
    client.headers["X-Three"] = "later"
    await client.get(server.url())
    assert server.requests[1].get("x-three") == "later"


async def test_base_url_appends_and_keeps_the_clients_fields_at_its_origin(world: World, serve: Serve) -> None:
    server, other = serve(answering(reply())), serve(answering(reply()))
    client = world.client(base_url=server.url("/v1"), headers={"Authorization": "Bearer secret"})

    await client.get("/items?x=1")
    await client.get(other.url("/"))

    assert server.requests[0].target == "/v1/items?x=1"
    assert server.requests[0].get("authorization") == "Bearer secret"
    assert other.requests[0].get("authorization") is None


async def test_userinfo_becomes_basic_authentication(world: World, serve: Serve) -> None:
    server = serve(answering(reply()))

    await world.client().get(f"http://us%20er:p%40ss@127.0.0.1:{server.port}/")

    assert server.requests[0].get("authorization") == "Basic dXMgZXI6cEBzcw=="
    assert b"p%40ss" not in server.requests[0].raw


async def test_send_takes_a_request_and_only_options_that_say_how(world: World, serve: Serve) -> None:
    server = serve(answering(echo))
    client = world.client()
    request = client.build_request("PUT", server.url("/x"), content=b"hello")

    for _ in range(2):
        assert (await client.send(request)).content == b"hello"
    with pytest.raises(TypeError, match="json"):
        await client.send(request, json={})
    with pytest.raises(TypeError, match="did you mean 'timeout'"):
        await client.send(request, timeot=1)


BAD: dict[str, tuple[str, dict[str, Any], str]] = {
    "no scheme": ("example.org/x", {}, "example.org"),
    "scheme": ("ftp://example.org/", {}, "ftp"),
    "no host": ("http://", {}, "host"),
    "port": ("http://example.org:99999/", {}, "99999"),
    "port text": ("http://example.org:8x/", {}, "8x"),
    "space in host": ("http://exa mple.org/", {}, "host"),
    "control character": ("http://exa\x01mple.org/", {}, "host"),
    "bad bracket": ("http://[::1/", {}, "::1"),
    "value with CRLF": ("{url}", {"headers": {"X-Bad": "a\r\nX-Evil: 1"}}, "(?i)x-bad"),
    "value with NUL": ("{url}", {"headers": {"X-Bad": "a\0b"}}, "(?i)x-bad"),
    "name with space": ("{url}", {"headers": {"X Bad": "a"}}, "position 1"),
    "name with colon": ("{url}", {"headers": {"X:Bad": "a"}}, "position 1"),
    "two bodies": ("{url}", {"content": b"a", "json": 1}, "content and json"),
    "json nan": ("{url}", {"json": float("nan")}, "json"),
    "length that is no number": ("{url}", {"content": [b"a"], "headers": {"Content-Length": "1a"}}, "'1a'"),
    "unknown transfer coding": ("{url}", {"content": b"a", "headers": {"Transfer-Encoding": "gzip"}}, "'gzip'"),
    "length and coding": (
        "{url}",
        {"content": b"a", "headers": {"Content-Length": "1", "Transfer-Encoding": "chunked"}},
        "Content-Length and Transfer-Encoding",
    ),
    "length that lies": ("{url}", {"content": b"abc", "headers": {"Content-Length": "4"}}, "Content-Length"),
}


@pytest.mark.parametrize("name", BAD)
async def test_bad_input_fails_before_anything_is_sent_and_says_what_and_where(
    world: World, serve: Serve, name: str
) -> None:
    server = serve(answering(reply()))
    url, options, told = BAD[name]
    client = world.client()

    with pytest.raises((courser.InvalidURL, courser.UnsupportedScheme, courser.InvalidRequest), match=told) as caught:
        await client.post(url.replace("{url}", server.url()), **options)

    assert isinstance(caught.value, ValueError)
    assert server.connections == 0
    assert world.left_by(client) == 0


async def test_bad_method_is_refused(world: World) -> None:
    with pytest.raises(courser.InvalidRequest, match="token"):
        await world.client().request("GE T", "http://127.0.0.1:1/")


async def test_unknown_options_are_named(world: World) -> None:
    with pytest.raises(TypeError, match="timeuot"):
        await world.client().request("GET", "http://127.0.0.1:1/", timeuot=3)
    with pytest.raises(TypeError, match="verfy"):
        world.client(verfy=False)


async def test_a_response_survives_pickling(world: World, serve: Serve) -> None:
    server = serve(answering(reply(b'{"a": 1}', "200 Fine", "X-A: 1", "X-A: 2")))

    response = pickle.loads(pickle.dumps(await world.client().get(server.url("/p"))))

    assert response.json() == {"a": 1}
    assert response.reason_phrase == ("OK" if world.shares else "Fine")
    assert response.headers.get_list("x-a") == ["1", "2"]
    assert str(response.url) == server.url("/p")
    assert response.request.method == "GET"


async def test_raise_for_status_keeps_the_response(world: World, serve: Serve) -> None:
    server = serve(answering(reply(b"why", "404 Not Found")))
    client = world.client()

    response = await client.get(server.url("/p?token=secret"))
    with pytest.raises(courser.StatusError, match="404") as caught:
        response.raise_for_status()
    assert caught.value.response.content == b"why"
    assert "secret" not in str(caught.value)
    with pytest.raises(courser.StatusError):
        await client.get(server.url(), raise_for_status=True)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert str(copy) == str(caught.value)
    assert copy.response.text == "why"


async def test_a_closed_client_says_so(world: World, serve: Serve) -> None:
    server = serve(answering(reply()))
    client = world.client()
    await client.get(server.url())
    await client.close()

    with pytest.raises(courser.ClientClosed):
        await client.get(server.url())
    assert client.is_closed
    assert client.stats() == {"connections": 0, "idle": 0}
