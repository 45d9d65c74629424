"""What users of Requests and HTTPX try first, against httpbin under a WSGI server."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from httpbin_server import PYTHON, HTTPBin
from worlds import World

import courser


@pytest.fixture(scope="module")
def httpbin() -> Iterator[HTTPBin]:
    """A running httpbin."""
    if PYTHON is None:
        pytest.skip("COURSER_HTTPBIN names no interpreter with httpbin and waitress (make interop makes one)")
    server = HTTPBin(PYTHON)
    yield server
    server.close()


# Methods and what they carry


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_methods(world: World, httpbin: HTTPBin, method: str) -> None:
    client = world.client(headers={"X-Mine": "yes"})

    own = await client.request(method, httpbin.url(f"/{method.lower()}"), params={"a": ["1", "2"], "b": True})
    any_ = await client.request(method, httpbin.url("/anything/here"), params={"c": None})

    assert own.json()["args"] == {"a": ["1", "2"], "b": "true"}
    assert own.json()["headers"]["X-Mine"] == "yes"
    assert own.json()["headers"]["User-Agent"].startswith("courser/")
    assert any_.json()["method"] == method
    assert any_.json()["url"] == httpbin.url("/anything/here")


async def test_methods_without_a_body(world: World, httpbin: HTTPBin) -> None:
    client = world.client()

    head = await client.head(httpbin.url("/get"))
    options = await client.options(httpbin.url("/get"))
    wrong = await client.post(httpbin.url("/get"))

    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) > 0
    assert "GET" in options.headers["allow"]
    assert wrong.status_code == 405


async def test_bodies(world: World, httpbin: HTTPBin) -> None:
    client = world.client()
    url = httpbin.url("/post")

    form = (await client.post(url, data={"a": "1", "b": ["2", "é"]})).json()
    text = (await client.post(url, content="plain é")).json()
    value = (await client.post(url, json={"a": [1, None, "é"]})).json()
    pieces = (await client.post(url, content=iter([b"in ", b"pieces"]))).json()

    assert form["form"] == {"a": "1", "b": ["2", "é"]}
    assert text["data"] == "plain é"
    assert "Content-Type" not in text["headers"]
    assert value["json"] == {"a": [1, None, "é"]}
    assert value["headers"]["Content-Type"] == "application/json"
    assert pieces["data"] == "in pieces"


async def test_asynchronous_bodies(world: World, httpbin: HTTPBin) -> None:
    if not world.is_async:
        pytest.skip("plain code has none")

    async def source() -> AsyncIterator[bytes]:
        for piece in (b"one ", b"by ", b"one"):
            await world.sleep(0)
            yield piece

    assert (await world.client().put(httpbin.url("/put"), content=source())).json()["data"] == "one by one"


async def test_multipart(world: World, httpbin: HTTPBin, tmp_path: Path) -> None:
    path = tmp_path / "é.txt"
    path.write_bytes(b"from a file")
    client = world.client()

    with path.open("rb") as file:
        found = (
            await client.post(
                httpbin.url("/post"),
                data={"name": "value"},
                files={"one": file, "two": ("two.bin", b"\x00\xff", "application/x-two"), "three": (None, "a field")},
            )
        ).json()

    assert found["form"] == {"name": "value", "three": "a field"}
    assert found["files"]["one"] == "from a file"
    assert found["files"]["two"].startswith("data:application/x-two;base64,AP8=")


# Authentication


async def test_basic(world: World, httpbin: HTTPBin) -> None:
    client = world.client()
    url = httpbin.url("/basic-auth/user/p%C3%A4ss")

    assert (await client.get(url)).status_code == 401
    assert (await client.get(url, auth=("user", "wrong"))).status_code == 401
    assert (await client.get(url, auth=("user", "päss"))).json() == {"authenticated": True, "user": "user"}
    inside = httpbin.url("/hidden-basic-auth/us@er/pass").replace("//", "//us%40er:pass@", 1)
    assert (await client.get(inside)).json()["user"] == "us@er"


async def test_bearer(world: World, httpbin: HTTPBin) -> None:
    client = world.client(auth=courser.BearerAuth("token"))

    assert (await client.get(httpbin.url("/bearer"))).json() == {"authenticated": True, "token": "token"}
    assert (await client.get(httpbin.url("/bearer"), auth=None)).status_code == 401


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "SHA-512"])
@pytest.mark.parametrize("protection", ["auth", "auth-int"])
async def test_digest(world: World, httpbin: HTTPBin, protection: str, algorithm: str) -> None:
    client = world.client()
    url = httpbin.url(f"/digest-auth/{protection}/user/pass/{algorithm}")
    right = courser.DigestAuth("user", "pass")

    for _ in range(3):
        assert (await client.get(url, auth=right)).json() == {"authenticated": True, "user": "user"}
    assert (await client.get(url, auth=courser.DigestAuth("user", "wrong"))).status_code == 401


async def test_digest_with_a_nonce_that_grows_stale(world: World, httpbin: HTTPBin) -> None:
    client = world.client(auth=courser.DigestAuth("user", "pass"))
    url = httpbin.url("/digest-auth/auth/user/pass/MD5/2")

    assert [(await client.get(url)).status_code for _ in range(5)] == [200] * 5


# Cookies


async def test_cookies(world: World, httpbin: HTTPBin) -> None:
    client = world.client(cookies={"mine": "0"})

    async def there() -> Any:
        return (await client.get(httpbin.url("/cookies"))).json()["cookies"]

    await client.get(httpbin.url("/cookies/set"), params={"a": "1", "b": "2"})
    assert await there() == {"mine": "0", "a": "1", "b": "2"}
    await client.get(httpbin.url("/cookies/set/a/3"))
    assert await there() == {"mine": "0", "a": "3", "b": "2"}
    await client.get(httpbin.url("/cookies/delete"), params={"b": ""})
    assert await there() == {"mine": "0", "a": "3"}
    once = (await client.get(httpbin.url("/cookies"), cookies={"once": "4"})).json()["cookies"]
    assert once == {"mine": "0", "a": "3", "once": "4"}
    assert await there() == {"mine": "0", "a": "3"}


# Redirects


@pytest.mark.parametrize("path", ["/redirect/3", "/relative-redirect/3", "/absolute-redirect/3"])
async def test_redirects(world: World, httpbin: HTTPBin, path: str) -> None:
    client = world.client()

    response = await client.get(httpbin.url(path))
    first = await client.get(httpbin.url(path), follow_redirects=False)

    assert str(response.url) == httpbin.url("/get")
    assert [each.status_code for each in response.history] == [302, 302, 302]
    assert (first.status_code, first.history) == (302, [])
    assert first.next_request is not None
    with pytest.raises(courser.TooManyRedirects):
        await world.client(max_redirects=2).get(httpbin.url(path))


@pytest.mark.parametrize(
    ("status", "method", "then"),
    [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "POST", "GET"),
        (307, "POST", "POST"),
        (308, "POST", "POST"),
        (301, "PUT", "PUT"),
        (302, "DELETE", "DELETE"),
        (303, "PUT", "GET"),
    ],
)
async def test_methods_after_redirects(world: World, httpbin: HTTPBin, status: int, method: str, then: str) -> None:
    params = {"url": "/anything", "status_code": status}

    found = (await world.client().request(method, httpbin.url("/redirect-to"), params=params, content=b"body")).json()

    assert found["method"] == then
    assert found["data"] == ("" if then == "GET" else "body")


# Responses


@pytest.mark.parametrize("path", ["gzip", "deflate", "brotli"])
async def test_codings(world: World, httpbin: HTTPBin, path: str) -> None:
    if path == "brotli":
        pytest.importorskip("brotli")

    response = await world.client().get(httpbin.url(f"/{path}"))

    assert response.headers["content-encoding"] == {"brotli": "br"}.get(path, path)
    assert response.json()[{"gzip": "gzipped", "deflate": "deflated", "brotli": "brotli"}[path]] is True


async def test_texts(world: World, httpbin: HTTPBin) -> None:
    client = world.client()

    assert "∮ E⋅da = Q" in (await client.get(httpbin.url("/encoding/utf8"))).text
    assert "Herman Melville" in (await client.get(httpbin.url("/html"))).text
    assert "slideshow" in (await client.get(httpbin.url("/xml"))).text
    assert (await client.get(httpbin.url("/json"))).json()["slideshow"]["title"] == "Sample Slide Show"
    assert (await client.get(httpbin.url("/image/png"))).content.startswith(b"\x89PNG")
    assert (await client.get(httpbin.url("/base64/w6k="))).text == "é"


@pytest.mark.parametrize("status", [200, 202, 204, 400, 401, 404, 418, 429, 500, 503])
async def test_statuses(world: World, httpbin: HTTPBin, status: int) -> None:
    client = world.client()

    response = await client.get(httpbin.url(f"/status/{status}"))

    assert response.status_code == status
    assert response.is_success is (status < 300)
    if status < 400:
        assert response.raise_for_status() is response
    else:
        with pytest.raises(courser.StatusError) as caught:
            await client.get(httpbin.url(f"/status/{status}"), raise_for_status=True)
        assert caught.value.response.status_code == status


async def test_conditions(world: World, httpbin: HTTPBin) -> None:
    client = world.client()

    assert (await client.get(httpbin.url("/etag/x"), headers={"If-None-Match": "x"})).status_code == 304
    assert (await client.get(httpbin.url("/etag/x"), headers={"If-Match": "y"})).status_code == 412
    assert (await client.get(httpbin.url("/cache"), headers={"If-Modified-Since": "now"})).status_code == 304
    part = await client.get(httpbin.url("/range/26"), headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.content) == (206, b"cde")


async def test_links_and_repeated_fields(world: World, httpbin: HTTPBin) -> None:
    params = {"Link": "</next>; rel=next", "X-A": ["1", "2"]}

    response = await world.client().get(httpbin.url("/response-headers"), params=params)

    assert response.links["next"]["url"] == httpbin.url("/next")
    assert response.headers.get_list("x-a") == ["1", "2"]


# Streams and time


async def test_lines(world: World, httpbin: HTTPBin) -> None:
    client = world.client()

    async with client.stream("GET", httpbin.url("/stream/20")) as response:
        lines = [json.loads(line)["id"] async for line in response.iter_lines()]
    async with client.stream("GET", httpbin.url("/stream/20")) as response:
        values = [value["id"] async for value in response.iter_json_lines()]

    assert lines == values == list(range(20))


async def test_pieces(world: World, httpbin: HTTPBin) -> None:
    client = world.client()
    url = httpbin.url("/stream-bytes/100000?seed=7&chunk_size=777")

    whole = (await client.get(url)).content
    async with client.stream("GET", url) as response:
        pieces = [piece async for piece in response.iter_bytes(1000)]

    assert len(whole) == 100000
    assert b"".join(pieces) == whole
    assert {len(piece) for piece in pieces} == {1000}
    assert len((await client.get(httpbin.url("/bytes/4096?seed=7"))).content) == 4096


async def test_a_drip(world: World, httpbin: HTTPBin) -> None:
    url = httpbin.url("/drip?numbytes=5&duration=0.2&code=200")

    assert (await world.client().get(url)).content == b"*****"


async def test_a_delay_meets_the_limit(world: World, httpbin: HTTPBin) -> None:
    client = world.client(timeout=0.1)

    with pytest.raises(courser.RequestTimeout):
        await client.get(httpbin.url("/delay/1"))
    assert (await client.get(httpbin.url("/delay/0.01"), timeout=5)).status_code == 200


async def test_many_at_once(world: World, httpbin: HTTPBin) -> None:
    client = world.client()

    found = await world.together(*[lambda: client.get(httpbin.url("/uuid"))] * 20)

    assert len({response.json()["uuid"] for response in found}) == 20
