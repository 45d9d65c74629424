"""What type checkers infer; never run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Generator, Iterator, Mapping
from contextlib import aclosing
from http.cookiejar import CookieJar
from pathlib import Path
from typing import IO, Any, assert_type

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


async def later(response: Any, following: courser.Request) -> bool:
    return bool(following.url.host == response.request.url.host)


def onward(response: Any, following: courser.Request) -> courser.Request | bool:
    return following if following.url.is_secure else False


def ways(client: courser.Client, path: Path) -> None:
    pinned = courser.TLS(
        path, fingerprints=["sha256//...", b"..."], minimum_version="1.3", ciphers="HIGH", cert="c.pem"
    )
    assert_type(client.get(HERE, verify=pinned, server_hostname="h"), courser.Response)
    client.get(HERE, verify=courser.TLS(roots=False, fingerprints="sha256//..."))
    client.get(HERE, verify=b"-----BEGIN CERTIFICATE-----")
    client.get(HERE, follow_redirects=onward)
    assert_type(client.get(HERE, follow_redirects=later).history[0].stripped, tuple[str, ...])
    courser.Client(verify=pinned, follow_redirects=onward, allow_downgrade=None).close()


def bodies(client: courser.Client, path: Path, file: IO[bytes], later: AsyncIterator[bytes]) -> None:
    client.post(HERE, files={"f": path, "g": file, "h": b"a", "i": "a", "j": later, "k": [b"a"], "l": None})
    client.post(HERE, data={"a": [1, b"b"]}, files=[("f", ("b", file)), ("f", (None, "c", "text/x"))])
    client.post(HERE, data=[("a", 1)], files={"f": ("b", path, None, {"A": "1"})}, compress="gzip")
    client.put(HERE, content=path, compress="br")
    client.put(HERE, content=lambda: file, compress=None)
    client.put(HERE, content=path.read_bytes)
    courser.Request("POST", HERE, files={"f": ("b", lambda: iter([b"a"]))}, compress="zstd")
    courser.Client(compress="deflate").close()


def signing(request: courser.Request) -> Generator[Any, Any, Any]:
    request.headers["X"] = "1"
    return (yield request)


def signed(request: courser.Request) -> courser.Request:
    return request


class Signing:
    def flow(self, request: courser.Request) -> Generator[Any, Any, Any]:
        return (yield request)


def credentials(client: courser.Client) -> None:
    client.auth = ("u", "p")
    client.auth = courser.BearerAuth(lambda: "t")
    assert_type(client.get(HERE, auth=("u", b"p")), courser.Response)
    assert_type(client.get(HERE, auth=courser.DigestAuth("u", "p")), courser.Response)
    assert_type(client.send(courser.Request("GET", HERE), auth=None), courser.Response)
    for auth in (signing, signed, Signing(), courser.DEFAULT, courser.NetrcAuth()):
        client.get(HERE, auth=auth)
    courser.AsyncClient(auth=courser.OAuth2ClientCredentials(HERE, "id", "s", scope="a", load=dict, save=print))
    courser.Client(auth=courser.OAuth2RefreshToken(HERE, "r", "id", client_auth="post"))


def proxies(client: courser.Client, transport: courser.Transport) -> None:
    proxy = courser.Proxy("http://a.example", auth=("u", b"p"), headers={"A": "1"}, verify=False, cert="a", tunnel=True)
    courser.Client(proxy=proxy, mounts={"http://a": transport, "http://b": proxy, "http://c": None}, trust_env=False)
    courser.Client(proxy={"http": "http://a.example", "https": [proxy, "socks5://b"], "all": None, "no_proxy": "c"})
    courser.AsyncClient(proxy=[proxy, "http://a.example"])
    assert_type(client.get(HERE, proxy=courser.DIRECT), courser.Response)
    client.get(HERE, proxy=None)
    client.get(HERE, proxy=courser.DEFAULT)
    assert_type(client.explain_proxy(HERE), courser.ProxyChoice)
    assert_type(client.explain_proxy(HERE).proxies, tuple[str, ...])
    assert_type(courser.ProxyError().response, courser.Response | None)


def websockets(client: courser.Client) -> None:
    with client.websocket(HERE, subprotocols=["chat"], deflate=True, heartbeat=None, timeout=5) as ws:
        assert_type(ws, courser.WebSocket)
        assert_type(ws.receive(), str | bytes)
        assert_type(ws.receive_text(timeout=1.5), str)
        assert_type(ws.receive_bytes(), bytes)
        assert_type(ws.ping(), float)
        assert_type(ws.subprotocol, str | None)
        assert_type(ws.response, courser.Response)
        ws.send_bytes(memoryview(b"a"), compress=True)
        ws.send(["a", "b"])
        for message in ws:
            assert_type(message, str | bytes)
        ws.close(courser.CloseCode.GOING_AWAY, "bye")
    for again in client.websocket(HERE, reconnect=True, deflate=courser.Deflate(level=1)):
        assert_type(again, courser.WebSocket)
    with courser.websocket(HERE, max_message_size=None) as ws:
        ws.send_json({"a": 1})


async def async_websockets(client: courser.AsyncClient, pieces: AsyncIterator[str]) -> None:
    async with client.websocket(HERE) as ws:
        assert_type(ws, courser.AsyncWebSocket)
        assert_type(await ws.receive(), str | bytes)
        assert_type(await ws.ping(), float)
        await ws.send(pieces)
        async for message in ws:
            assert_type(message, str | bytes)
    async for again in client.websocket(HERE, reconnect=True):
        assert_type(again, courser.AsyncWebSocket)


def streams(client: courser.Client) -> None:
    with client.stream("GET", HERE) as response:
        assert_type(response, courser.ResponseStream)
        assert_type(response.iter_bytes(1024), Iterator[bytes])
        assert_type(response.iter_lines(), Iterator[str])
        assert_type(response.iter_json_lines(), Iterator[Any])
        assert_type(response.iter_events(), Iterator[courser.ServerSentEvent])
        assert_type(response.trailers, courser.Headers)
        assert_type(response.read(), bytes)
        assert_type(response.response(), courser.Response)
        assert_type(response.raise_for_status(), courser.ResponseStream)
    with courser.stream("GET", HERE) as response:
        assert_type(response.status_code, int)


def events(client: courser.Client) -> None:
    rule = courser.Reconnect(delay=1, max_delay=5.5, attempts=None)
    with client.sse(HERE, method="POST", json={}, reconnect=rule, idle_timeout=5, timeout=5) as events:
        assert_type(events, courser.EventSource)
        assert_type(events.response, courser.ResponseStream)
        assert_type(events.last_event_id, str)
        for event in events:
            assert_type(event, courser.ServerSentEvent)
            assert_type(event.data + event.event + event.id, str)
            assert_type(event.retry, int | None)
            assert_type(event.json(), Any)
    with courser.sse(HERE, reconnect=False, last_event_id="7", max_line=None, max_event=1) as events:
        assert_type(next(events), courser.ServerSentEvent)
    assert_type(courser.EventStreamError().response, courser.Response)


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
            assert_type(response.iter_json_lines(max_line=None), AsyncIterator[Any])
            assert_type(response.iter_events(max_event=None), AsyncIterator[courser.ServerSentEvent])
            assert_type(await response.read(), bytes)
            assert_type(await response.raise_for_status(), courser.AsyncResponseStream)
        async with client.sse(HERE, params={"a": 1}) as events:
            assert_type(events, courser.AsyncEventSource)
            assert_type(events.response, courser.AsyncResponseStream)
            assert_type(await anext(events), courser.ServerSentEvent)
            assert_type([event async for event in events], list[courser.ServerSentEvent])
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
    assert_type(response.links, courser.Links)
    assert_type(response.links["next"]["url"], str)
    assert_type(response.content_disposition, courser.ContentDisposition | None)
    assert_type(response.json(loads=bytes.decode), Any)


def cookies(client: courser.Client) -> None:
    assert_type(client.cookies, courser.Cookies)
    assert_type(client.cookies["a"], str)
    assert_type(client.cookies.get("a"), str | None)
    assert_type(client.cookies.get("a", domain="a.example"), str | None)
    assert_type(client.cookies.get("a", ""), str)
    assert_type(client.cookies.get("a", 1), str | int)
    assert_type(client.cookies.records(), list[courser.Cookie])
    assert_type(courser.Cookies.load("a"), courser.Cookies)
    assert_type(client.get(HERE, cookies={"a": "1"}).cookies, courser.Cookies)
    client.cookies = {"a": "1"}
    client.cookies = False
    client.cookies.update([("a", "1"), courser.Cookie("b", "2", "a.example")], c="3")
    courser.Client(cookies=CookieJar())
    courser.AsyncClient(cookies=client.cookies)


def errors() -> None:
    try:
        courser.get(HERE)
    except courser.StatusError as error:
        assert_type(error.response, courser.Response)
    except courser.EventStreamError as error:
        assert_type(error.response.text, str)
    except courser.HandshakeRefused as error:
        assert_type(error.response.status_code, int)
    except courser.TransportError as error:
        assert_type(error.retryable, bool)


class Answering:
    def send(self, request: courser.Request, deadline: float, /) -> courser.Response:
        return courser.Response(200, request=request)


transport: courser.Transport = Answering()
courser.Client(json_codec=(bytes.decode, str), max_decoded_size=5)
courser.Client(transport=transport, mounts={"all://": Answering(), "https://": None}, limits=courser.Limits(10))


def listen(event: courser.TraceEvent) -> None:
    assert_type(event.seconds, float | None)
    assert_type(event.request, courser.Request | None)
    if event.response is not None:
        assert_type(event.response.raise_for_status().status_code, int)


async def listen_later(event: courser.TraceEvent) -> None:
    assert_type(event.at, float)


def answer(request: courser.Request) -> Generator[Any, Any, courser.Stored | courser.Response]:
    yield courser.Call(len, "a")
    return courser.Stored(200, content=b"") if request.method == "GET" else courser.Response(200)


def repeat(request: courser.Request) -> courser.Flow:
    response: courser.Answer = yield request
    while response.status_code == 503:
        yield courser.Pause(0.1)
        response = yield request
    body: bytes = yield courser.Read(response)
    response.extensions["size"] = len(body)
    response.attach(Counting())
    return response


def aside(request: courser.Request) -> courser.Flow:
    answer: courser.Answer = yield courser.Send(courser.Request("GET", HERE))
    if answer.is_error:
        return courser.Stored(203)
    yield courser.Wait(courser.Event())
    return (yield from repeat(request))


class Counting:
    size = 0

    def feed(self, data: bytes, /) -> bytes:
        self.size += len(data)
        return data

    def end(self) -> courser.Call | None:
        return courser.Call(print, self.size)

    def abort(self) -> None:
        pass


def around(middleware: courser.Middleware, request: courser.Request) -> list[courser.Step]:
    counting: courser.BodyFilter = Counting()
    counting.abort()
    return list(middleware(request))


flows: list[courser.Middleware] = [repeat, aside, signing]
courser.Client(middleware=flows, auth=repeat)
courser.AsyncClient(middleware=[repeat, aside])


def read(response: courser.Response) -> None:
    assert_type(response.text, str)


def look(response: courser.Answer | courser.Response) -> courser.Response | None:
    return None if response.ok else courser.Response(200)


async def look_later(response: courser.Answer) -> None:
    response.raise_for_status()


def follow(response: courser.Response) -> None:
    courser.Client(event_hooks={"request": [print], "response": [read, look]})
    courser.AsyncClient(event_hooks={"response": look_later})
    client = courser.Client(trace=listen, event_hooks={"request": [print], "response": print}, middleware=[answer])
    courser.AsyncClient(trace=listen_later, event_hooks=client.event_hooks)
    courser.Client(trace=courser.HARRecorder("a.har"))
    client.event_hooks = {"response": [listen]}
    assert_type(client.stats(), Mapping[str, int])
    assert_type(client.stats(by_origin=True), Mapping[str, Mapping[str, int]])
    assert_type(response.timings.dns, float | None)
    assert_type(response.timings.total, float)
    assert_type(response.request.to_curl(secrets=True), str)
