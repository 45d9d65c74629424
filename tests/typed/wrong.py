# ruff: noqa: B018 (expressions without a use are what it is made of)
"""What type checkers refuse, each on a line of its own that says so; never run."""

from __future__ import annotations

import courser

HERE = "http://a.example/"
client = courser.Client()
aclient = courser.AsyncClient()

client.get(HERE, {"a": 1})  # refused: positional parameters
client.post(HERE, b"body")  # refused: a positional body
courser.post(HERE, b"body")  # refused: a positional body
client.get(HERE, parms={})  # refused: a misspelt option
courser.get(HERE, timeout="5")  # refused: a timeout of another type
client.get(HERE, headers=5)  # refused: headers of another type
client.post(HERE, compress="lzma")  # refused: a coding that there is not
client.post(HERE, files={"f": ("b", b"", {"A": "1"})})  # refused: headers in the place of a content type
client.get(HERE, cookies="a=1")  # refused: a Cookie field is a header
client.get(HERE, follow_redirects=20)  # refused: how many is said by max_redirects
client.get(HERE, follow_redirects=lambda response: True)  # refused: a function of another kind
client.get(HERE, verify=None)  # refused: it could mean either
courser.TLS(minimum_version=1.3)  # refused: a number is no version
client.get(None)  # refused: no URL
courser.Client(base_ulr=HERE)  # refused: a misspelt option of a client
courser.Client(timeout="5")  # refused: a timeout of another type
courser.Request("GET", HERE, timeout=5)  # refused: how to send it is no part of a request
client.build_request("GET", HERE, verify=False)  # refused: likewise
client.send(courser.Request("GET", HERE), json=1)  # refused: what to send is said when the request is made
client.send(HERE)  # refused: a URL is no request
client.get(HERE, auth="token")  # refused: a token is no credentials yet
courser.OAuth2RefreshToken(HERE, "r")  # refused: nobody knows whose token it is
client.stream("GET", HERE).status_code  # refused: a stream that was not entered
client.sse(HERE, {"a": 1})  # refused: positional parameters
client.sse(HERE, reconect=True)  # refused: a misspelt option
client.sse(HERE, reconnect=3)  # refused: how often is said by a Reconnect
client.get(HERE, idle_timeout=5)  # refused: an option of event sources
client.websocket(HERE).send_text("a")  # refused: a WebSocket that was not entered
client.websocket(HERE, subprotocol=["a"])  # refused: a misspelt option
client.websocket(HERE, ["a"])  # refused: options are given by keyword
client.map([5])  # refused: a number is no request
courser.Session  # refused: not public


def unknown(request: courser.Request) -> courser.Flow:
    yield 5  # refused: nothing that a flow may yield
    return courser.Stored(200)


def nothing(request: courser.Request) -> courser.Flow:
    yield request
    return None  # refused: no response


def at_once(request: courser.Request) -> courser.Response:
    return courser.Response(200)


courser.Client(middleware=[at_once])  # refused: no generator


async def main() -> None:
    await aclient.get(HERE, {"a": 1})  # refused: positional parameters
    await aclient.get(HERE, parms={})  # refused: a misspelt option
    await aclient.get(HERE, timeout="5")  # refused: a timeout of another type
    (await aclient.get(HERE)).nonsense  # refused: no such attribute
    aclient.get(HERE).status_code  # refused: not awaited
    list(aclient.map([HERE]))  # refused: not async for
