"""What an HTTP proxy is told with a request that it sends on, and what is sent into tunnels."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from socket import socketpair
from time import monotonic
from types import SimpleNamespace
from typing import Any

import pytest

from courser.core.deadline import Deadline
from courser.core.dial import Dialer
from courser.core.digests import Digests
from courser.core.forward import ForwardedConnection, TunnelledConnection, connect, send_proxied
from courser.core.guest import Guest
from courser.core.http1 import HTTP1Connection
from courser.core.link import SocketLink
from courser.core.pool import Pool
from courser.core.route import ProxyHop, Route, TLSPolicy
from courser.core.waiter import Waiter
from courser.engines.events import ResponseHead
from courser.errors import BodyNotReplayable, InvalidRequest
from courser.hosts.inline import InlineHost, run_inline
from courser.settings import Limits, Timeout
from courser.values.headers import Headers
from courser.values.request import Request

HOP = ProxyHop("http", "p", 3128, headers=b"X-Proxy: 1\r\nProxy-Authorization: Basic eDp5\r\n")
DIGEST = ProxyHop("http", "p", 3128, credentials=(b"user", b"secret"))
ASKED = Headers({"Proxy-Authenticate": 'Digest realm="r", nonce="n", qop="auth"'})
ANSWER = ResponseHead(200, b"OK", b"1.1", b"X-Exit: 1\r\n", None, None, True)


class Carried(Waiter):
    """As much of an exchange as a connection needs."""

    proxied: Any = None


@pytest.fixture
def at() -> Iterator[tuple[Any, ...]]:
    """What a connection is made of."""
    ours, theirs = socketpair()
    ours.setblocking(False)
    pool: Pool[HTTP1Connection] = Pool(Limits(), threading.Lock, lambda waiter: None, False)
    lane = pool.lane(Route("http", "a", 80))
    yield SocketLink(ours), lane, pool.open(lane), monotonic()
    ours.close()
    theirs.close()


def begun(connection: HTTP1Connection, request: Request, length: int | None = -1) -> list[bytes]:
    exchange: Any = Carried()
    return connection.begin(exchange, request, length).split(b"\r\n")[:-2]


def test_a_forwarded_request_names_its_server_and_tells_who_asks(at: Any) -> None:
    request = Request("GET", "http://a.example:81/x?y#z", headers={"X-Mine": "1"})

    assert begun(ForwardedConnection(HOP, Digests(), *at), request) == [
        b"GET http://a.example:81/x?y HTTP/1.1",
        b"Host: a.example:81",
        b"X-Mine: 1",
        b"X-Proxy: 1",
        b"Proxy-Authorization: Basic eDp5",
    ]


@pytest.mark.parametrize("name", ["Proxy-Authorization", "proxy-authorization"])
def test_what_the_request_says_itself_is_not_said_twice(at: Any, name: str) -> None:
    request = Request("GET", "http://a/", headers={name: "by hand", "X-PROXY": "2"})
    lines = begun(ForwardedConnection(HOP, Digests(), *at), request)

    assert [line for line in lines if line.lower().startswith((b"proxy-", b"x-proxy"))] == [
        f"{name}: by hand".encode(),
        b"X-PROXY: 2",
    ]


def test_a_value_is_not_taken_for_a_name(at: Any) -> None:
    request = Request("GET", "http://a/", headers={"X-Note": "proxy-authorization: none"})

    assert b"Proxy-Authorization: Basic eDp5" in begun(ForwardedConnection(HOP, Digests(), *at), request)


def test_a_challenge_that_is_known_is_answered_at_once(at: Any) -> None:
    digests = Digests()
    connection = ForwardedConnection(DIGEST, digests, *at)
    request = Request("GET", "http://a/")
    assert len(begun(connection, request)) == 2
    connection.engine = type(connection.engine)()
    digests.challenged(DIGEST, 407, ASKED)

    line = begun(connection, request)[-1]

    assert line.startswith(b"Proxy-Authorization: Digest ")
    assert b'uri="http://a/"' in line


def test_an_exchange_in_a_tunnel_knows_how_it_was_opened(at: Any) -> None:
    connection = TunnelledConnection(ANSWER, *at)
    exchange: Any = Carried()

    assert connection.begin(exchange, Request("GET", "http://a/x"), -1).startswith(b"GET /x HTTP/1.1\r\nHost: a\r\n")
    assert exchange.proxied is ANSWER


@pytest.mark.parametrize(
    ("route", "said", "kind"),
    [
        (Route("http", "a", 80, proxies=(HOP,)), b"", ForwardedConnection),
        (
            Route("http", "a", 80, proxies=(HOP._replace(tunnel=True),)),
            b"HTTP/1.1 200 OK\r\n\r\n",
            TunnelledConnection,
        ),
        (Route("http", "1.2.3.4", 80, proxies=(ProxyHop("socks4", "p", 1),)), b"\0\x5a" + bytes(6), HTTP1Connection),
        (
            Route("http", "1.2.3.4", 80, proxies=(ProxyHop("socks4", "p", 1),), protocols=("h2",)),
            b"\0\x5a" + bytes(6),
            Guest,
        ),
        (
            Route("http", "a", 80, proxies=(HOP._replace(tunnel=True),), protocols=("h2",)),
            b"HTTP/1.1 200 OK\r\n\r\n",
            Guest,
        ),
        (Route("http", "a", 80, proxies=(HOP,), protocols=("h2",)), b"", ForwardedConnection),
    ],
    ids=["forwarded", "tunnelled", "socks", "HTTP/2 by socks", "HTTP/2 in a tunnel", "HTTP/2 is not forwarded"],
)
def test_the_way_decides_what_kind_of_connection_it_is(route: Route, said: bytes, kind: type[Any]) -> None:
    ours, theirs = socketpair()
    ours.setblocking(False)
    network = SimpleNamespace(connect=lambda route, deadline: SocketLink(ours))
    contexts: Any = None
    dialer = Dialer(lambda host, port: [], contexts, network)
    pool: Pool[HTTP1Connection] = Pool(Limits(), threading.Lock, lambda waiter: None, False)
    lane = pool.lane(route)
    permit = pool.open(lane)
    assert permit is not None
    theirs.send(said)
    deadline = Deadline(Timeout(), False, monotonic())

    connection: Any = run_inline(connect(dialer, InlineHost(), pool, lane, permit, deadline))

    assert type(connection) is kind
    if kind is Guest:
        answer = connection.connection.answer
        assert (answer is not None and answer.status) == (200 if said.startswith(b"HTTP") else False)
        connection.decline()
    connection.close()
    theirs.close()


# Sending


class Reply:
    """What a transport gives."""

    def __init__(self, status: int, headers: Headers | None = None) -> None:
        self.status_code = status
        self.headers = Headers() if headers is None else headers
        self.ended = ""

    async def discard(self, host: Any) -> None:
        self.ended = "discarded"

    def abort(self) -> None:
        self.ended = "aborted"


class Transport:
    """Gives one reply after the other."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.sent: list[Request] = []

    async def send(self, request: Request, *rest: Any) -> Reply:
        self.sent.append(request)
        if request.body is not None:
            request.body.open()
        return self.replies.pop(0)


def send(transport: Transport, request: Request, route: Route) -> Any:
    sending: Any = SimpleNamespace(deadline=None, limit=None, goal=1, host=None)
    pooled: Any = transport
    return run_inline(send_proxied(pooled, Digests(), request, route, sending))


FORWARDED = Route("http", "a", 80, proxies=(DIGEST,))


def test_a_challenge_is_answered_once() -> None:
    first, second = Reply(407, ASKED), Reply(407, ASKED)
    transport = Transport(first, second)

    assert send(transport, Request("PUT", "http://a/", content=b"x"), FORWARDED) is second
    assert first.ended == "discarded"
    assert len(transport.sent) == 2


@pytest.mark.parametrize(
    ("reply", "route", "headers"),
    [
        (Reply(200), FORWARDED, {}),
        (Reply(407), FORWARDED, {}),
        (Reply(407, ASKED), FORWARDED, {"Proxy-Authorization": "by hand"}),
        (Reply(407, ASKED), Route("http", "a", 80, proxies=(HOP,)), {}),
        (Reply(407, ASKED), Route("https", "a", 443, TLSPolicy(), proxies=(DIGEST,)), {}),
        (Reply(200), Route("http", "a", 80, proxies=(ProxyHop("socks5", "p", 1),)), {}),
    ],
)
def test_other_answers_are_the_answer(reply: Reply, route: Route, headers: dict[str, str]) -> None:
    assert send(Transport(reply), Request("GET", "http://a/", headers=headers), route) is reply


def test_a_body_that_is_gone_is_not_sent_as_nothing() -> None:
    reply = Reply(407, ASKED)

    with pytest.raises(BodyNotReplayable, match="the proxy asks"):
        send(Transport(reply), Request("PUT", "http://a/", content=iter([b"x"])), FORWARDED)
    assert reply.ended == "aborted"


@pytest.mark.parametrize(
    "route",
    [
        Route("https", "a", 443, TLSPolicy(), proxies=(HOP,)),
        Route("http", "a", 80, proxies=(HOP._replace(tunnel=True),)),
        Route("http", "a", 80, proxies=(HOP, ProxyHop("socks5", "p", 1))),
    ],
)
def test_what_is_for_the_proxy_goes_into_no_tunnel_cve_2023_32681(route: Route) -> None:
    request = Request("GET", "http://a/", headers={"proxy-authorization": "Basic secret"})
    transport = Transport()

    with pytest.raises(InvalidRequest, match=r"would reach the server.*Proxy\(url, auth=") as caught:
        send(transport, request, route)
    assert transport.sent == []
    assert caught.value.request is request
    assert "secret" not in str(caught.value)
