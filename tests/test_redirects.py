"""Redirects at every entry point: whichever way a request goes out, what comes next is what one function says.

The model is `next_request`, folded over the answers. Whatever a caller can call has to send exactly that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import courser
from courser import AsyncClient, Client, Request, Response, api
from courser.policies import redirect
from courser.policies.redirect import SECRETS, keeps_secrets, next_request
from courser.testing import MockTransport

VERBS = ("get", "head", "post", "put", "patch", "delete", "options", "query")

Entry = Callable[..., Any]


def sync_verb(verb: str) -> Entry:
    return lambda client, method, url, options: getattr(client, verb)(url, **options)


def of_module(name: str) -> Entry:
    def call(client: Client, method: str, url: str, options: dict[str, Any]) -> None:
        before, api._clients[:] = list(api._clients), [client]
        try:
            if name == "stream":
                with courser.stream(method, url, **options) as response:
                    response.read()
            elif name == "request":
                courser.request(method, url, **options)
            else:
                getattr(courser, name)(url, **options)
        finally:
            api._clients[:] = before

    return call


def streamed(client: Client, method: str, url: str, options: dict[str, Any]) -> None:
    with client.stream(method, url, **options) as response:
        response.read()


def sent(client: Client, method: str, url: str, options: dict[str, Any]) -> None:
    client.send(client.build_request(method, url, **options))


def by_hand(client: Client, method: str, url: str, options: dict[str, Any]) -> None:
    """Hop by hop, as a caller follows who wants to look at each."""
    response = client.request(method, url, follow_redirects=False, **options)
    while response.next_request is not None:
        response = client.send(response.next_request, follow_redirects=False)


def judged(client: Client, method: str, url: str, options: dict[str, Any]) -> None:
    client.request(method, url, follow_redirects=lambda response, following: True, **options)


def in_middleware(client: Client, method: str, url: str, options: dict[str, Any]) -> None:
    def flow(request: Request) -> Any:
        response = yield request
        return response

    Client(transport=client._session._mounts.find(Request("GET", url).url), middleware=[flow]).request(  # type: ignore[union-attr]
        method, url, **options
    )


SYNC: dict[str, Entry] = {
    **{verb: sync_verb(verb) for verb in VERBS},
    "request": lambda client, method, url, options: client.request(method, url, **options),
    "send": sent,
    "send, hop by hop": by_hand,
    "stream": streamed,
    "map": lambda client, method, url, options: list(client.map([client.build_request(method, url, **options)])),
    "map of URLs": lambda client, method, url, options: list(client.map([url], **options)),
    "as_completed": lambda client, method, url, options: list(
        client.as_completed([client.build_request(method, url, **options)])
    ),
    "follow_redirects=function": judged,
    "middleware": in_middleware,
    **{f"courser.{name}": of_module(name) for name in (*VERBS, "request", "stream")},
}


def async_verb(verb: str) -> Entry:
    async def call(client: AsyncClient, method: str, url: str, options: dict[str, Any]) -> None:
        await getattr(client, verb)(url, **options)

    return call


async def async_request(client: AsyncClient, method: str, url: str, options: dict[str, Any]) -> None:
    await client.request(method, url, **options)


async def async_sent(client: AsyncClient, method: str, url: str, options: dict[str, Any]) -> None:
    await client.send(client.build_request(method, url, **options))


async def async_streamed(client: AsyncClient, method: str, url: str, options: dict[str, Any]) -> None:
    async with client.stream(method, url, **options) as response:
        await response.read()


async def async_mapped(client: AsyncClient, method: str, url: str, options: dict[str, Any]) -> None:
    async for _ in client.map([client.build_request(method, url, **options)]):
        pass


async def async_completed(client: AsyncClient, method: str, url: str, options: dict[str, Any]) -> None:
    async for _ in client.as_completed([client.build_request(method, url, **options)]):
        pass


async def async_judged(client: AsyncClient, method: str, url: str, options: dict[str, Any]) -> None:
    async def judge(response: Any, following: Request) -> bool:
        await asyncio.sleep(0)
        return True

    await client.request(method, url, follow_redirects=judge, **options)


ASYNC: dict[str, Entry] = {
    **{verb: async_verb(verb) for verb in VERBS},
    "request": async_request,
    "send": async_sent,
    "stream": async_streamed,
    "map": async_mapped,
    "as_completed": async_completed,
    "follow_redirects=function": async_judged,
}


def method_of(entry: str, method: str) -> str:
    """The method that an entry point sends where it is asked to send another one."""
    verb = entry.removeprefix("courser.")
    if verb in VERBS:
        return verb.upper()
    return "GET" if entry == "map of URLs" else method


class Chain:
    """Sends a client from URL to URL.

    Attributes:
        asked: what was sent, as pairs of method and URL, with the header fields.
    """

    def __init__(self, hops: list[tuple[int, str]]) -> None:
        self._hops = hops
        self.asked: list[Request] = []

    def __call__(self, request: Request) -> Response:
        self.asked.append(request)
        if len(self.asked) > len(self._hops):
            return Response(200)
        status, location = self._hops[len(self.asked) - 1]
        return Response(status, headers={"Location": location})

    def model(self, request: Request) -> list[Request]:
        """What is to be sent."""
        requests = [request]
        for status, location in self._hops:
            requests.append(next_request(requests[-1], Response(status, headers={"Location": location})))
        return requests


def seen(requests: list[Request]) -> list[tuple[Any, ...]]:
    return [
        (request.method, str(request.url), request.headers.multi_items(), request.content, request.estranged)
        for request in requests
    ]


ORIGINS = ["http://a.example", "https://a.example", "http://a.example:8080", "http://b.example", "http://www.a.example"]
LOCATIONS = [*(f"{origin}/x" for origin in ORIGINS), "/y", "//c.example/"]

NAMES = [name for secret in sorted(SECRETS) for name in (secret, secret.upper(), secret.title())] + ["X-Other"]

hops = st.lists(
    st.tuples(st.sampled_from([301, 302, 303, 307, 308]), st.sampled_from(LOCATIONS)), min_size=1, max_size=5
)
fields = st.lists(st.sampled_from(NAMES), min_size=1, max_size=6)


@pytest.mark.parametrize("entry", SYNC)
@settings(max_examples=25)
@given(hops=hops, names=fields, start=st.sampled_from(ORIGINS), method=st.sampled_from(["GET", "POST", "PURGE"]))
def test_cve_2026_44431_every_entry_point_sends_what_one_function_says(
    entry: str, hops: list[tuple[int, str]], names: list[str], start: str, method: str
) -> None:
    """GHSA-qccp-gfcp-xxvc: no way out knows rules of its own for redirects."""
    chain = Chain(hops)
    client = Client(transport=MockTransport(chain), trust_env=False, allow_downgrade=True)
    options = {"headers": [(name, f"S3cret-{number}") for number, name in enumerate(names)]}
    SYNC[entry](client, method, f"{start}/", options)

    first = client.build_request(method_of(entry, method), f"{start}/", **options)  # type: ignore[arg-type]
    assert seen(chain.asked) == seen(chain.model(first))
    check_secrets(chain.asked)


@pytest.mark.parametrize("entry", ASYNC)
@settings(max_examples=10)
@given(cases=st.lists(st.tuples(hops, fields, st.sampled_from(ORIGINS)), min_size=5, max_size=5))
def test_cve_2026_44431_so_does_every_entry_point_of_the_async_client(entry: str, cases: list[Any]) -> None:
    async def main() -> None:
        for hops, names, start in cases:
            chain = Chain(hops)
            client = AsyncClient(transport=MockTransport(chain), trust_env=False)
            options = {"headers": [(name, f"S3cret-{number}") for number, name in enumerate(names)]}
            await ASYNC[entry](client, "GET", f"{start}/", options)
            first = client.build_request(method_of(entry, "GET"), f"{start}/", **options)  # type: ignore[arg-type]
            assert seen(chain.asked) == seen(chain.model(first))
            check_secrets(chain.asked)

    asyncio.run(main())


def check_secrets(requests: list[Request]) -> None:
    """The property itself, said once more without the function: secrets live as long as nothing has led them away."""
    alive = True
    for before, after in pairwise(requests):
        alive = alive and keeps_secrets(before.url, after.url)
        assert alive or not any(name.lower() in SECRETS for name in after.headers)


@pytest.mark.parametrize("entry", SYNC)
def test_every_entry_point_asks_that_function(entry: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Request] = []

    def ask(request: Request, *more: Any) -> Request:
        asked.append(request)
        return next_request(request, *more)

    monkeypatch.setattr(redirect, "next_request", ask)
    chain = Chain([(302, "/1"), (302, "http://b.example/2")])
    SYNC[entry](Client(transport=MockTransport(chain), trust_env=False), "GET", "http://a.example/", {})

    assert {str(request.url) for request in asked} == {"http://a.example/", "http://a.example/1"}


NOT_FOLLOWING = {"follow_redirects": False}, {"max_redirects": 0}


@pytest.fixture(params=NOT_FOLLOWING, ids=str)
def unfollowing(request: pytest.FixtureRequest) -> tuple[Client, Chain]:
    chain = Chain([(302, "http://b.example/")])
    return Client(transport=MockTransport(chain), trust_env=False, **request.param), chain


@pytest.mark.parametrize("entry", sorted(SYNC.keys() - {"follow_redirects=function", "middleware", "send, hop by hop"}))
def test_cve_2025_50181_every_entry_point_follows_only_if_the_client_does(
    entry: str, unfollowing: tuple[Client, Chain]
) -> None:
    """GHSA-pq67-6m6q-mj2v, CVE-2025-50182: also where another transport answers."""
    client, chain = unfollowing
    try:
        SYNC[entry](client, "GET", "http://a.example/", {})
    except courser.TooManyRedirects:
        assert client._session._max_redirects == 0

    assert len(chain.asked) == 1


def test_cve_2026_47265_cookies_of_a_call_go_to_its_origin_only() -> None:
    chain = Chain([(302, "/y"), (302, "http://b.example/"), (302, "http://a.example/")])
    Client(transport=MockTransport(chain), trust_env=False).get("http://a.example/", cookies={"a": "1"})

    assert [request.headers.get("cookie") for request in chain.asked] == ["a=1", "a=1", None, None]
