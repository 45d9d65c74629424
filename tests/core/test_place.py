"""A place: who answers a request."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from time import monotonic
from types import SimpleNamespace
from typing import Any

import h2peer
import pytest

from courser.core.calltls import CallTLS
from courser.core.deadline import Deadline
from courser.core.dial import Dialer as RealDialer
from courser.core.exchange import HEAD
from courser.core.mounts import Mounts
from courser.core.place import Place
from courser.core.pool import Pool
from courser.core.proxies import rules_of
from courser.core.route import Route, Routes, TLSPolicy
from courser.core.send import Sending
from courser.core.waiter import FOREVER, Interrupted
from courser.errors import (
    ConnectError,
    DeadlineExceeded,
    InvalidRequest,
    LocalProtocolError,
    ProxyError,
    TransportError,
    WebSocketError,
)
from courser.hosts.inline import InlineHost, run_inline
from courser.policies.keeper import CookieKeeper
from courser.settings import Limits, Timeout
from courser.values.request import Request
from courser.values.response import Response

REQUEST = Request("GET", "https://a/")


class Dialer:
    """Refuses, and says which route it was asked for."""

    async def dial(self, host: Any, route: Any, deadline: Any, session: Any = None) -> Any:
        raise ConnectError(detail=repr(route))


class Answering:
    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.deadline = 0.0

    def send(self, request: Request, deadline: float, /) -> Any:
        self.deadline = deadline
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def ask(
    transport: Any = None, host: Any = None, timeout: Timeout | None = None, tls: Any = None, mounted: bool = True
) -> Any:
    host = host or InlineHost()
    pool: Any = Pool(Limits(), threading.Lock, host.deliver, False)
    mounts = Mounts({"https://a": transport}) if mounted else None
    place = Place(host, pool, Dialer(), Routes(TLSPolicy(), None, None, (), None), mounts)  # type: ignore[arg-type]
    other = place.under(host, pool)
    assert (other.host, other.pool) == (host, pool)
    deadline = Deadline(timeout or Timeout(), False, monotonic())
    sending = Sending(host, deadline, (), other.exchange, None, HEAD, tls)
    return run_inline(sending.run(REQUEST))


@pytest.mark.parametrize("mounted", [True, False])
def test_what_is_not_mounted_goes_to_the_pool(mounted: bool) -> None:
    """None is mounted where the pool is meant."""
    with pytest.raises(ConnectError, match="verify=True"):
        ask(mounted=mounted)


def test_a_call_may_have_a_policy_of_its_own() -> None:
    with pytest.raises(ConnectError, match="verify=False"):
        ask(tls=CallTLS(TLSPolicy(verify=False)))


def test_a_transport_answers() -> None:
    transport = Answering(Response(404, headers={"A": "b"}, content=b"hello"))
    reply = ask(transport)

    assert reply.status_code == 404
    assert reply.headers["a"] == "b"
    assert reply.request is REQUEST
    assert run_inline(reply.collect(InlineHost())) == b"hello"
    assert transport.deadline == FOREVER


@pytest.mark.parametrize("timeout", [Timeout(), Timeout(total=5)])
def test_a_transport_may_be_asynchronous(timeout: Timeout) -> None:
    async def answer() -> Response:
        return Response(200)

    assert ask(Answering(answer()), timeout=timeout).status_code == 200


class Late(InlineHost):
    async def pull(self, awaitable: Any, until: Any, /) -> Any:
        awaitable.close()
        raise Interrupted


def test_a_transport_may_be_too_late() -> None:
    async def answer() -> Response:
        return Response(200)

    with pytest.raises(DeadlineExceeded, match="the transport") as caught:
        ask(Answering(answer()), host=Late(), timeout=Timeout(total=1e-9))

    assert caught.value.request is REQUEST


def test_errors_of_a_transport_know_their_request() -> None:
    other = Request("GET", "http://b/")
    for request in (None, other):
        with pytest.raises(ConnectError) as caught:
            ask(Answering(ConnectError(request=request)))
        assert caught.value.request is (request or REQUEST)


def test_a_transport_gives_a_response() -> None:
    with pytest.raises(TypeError, match=r"Answering\.send returned 'no'"):
        ask(Answering("no"))


def test_who_answers_is_sent_cookies_and_may_set_some() -> None:
    asked: list[str | None] = []

    class Setting:
        def send(self, request: Request, deadline: float, /) -> Response:
            asked.append(request.headers.get("cookie"))
            return Response(200, headers={"Set-Cookie": "b=2"})

    host, keeper = InlineHost(), CookieKeeper({"a": "1"})
    pool: Any = Pool(Limits(), threading.Lock, host.deliver, False)
    routes = Routes(TLSPolicy(), None, None, (), None)
    place = Place(host, pool, Dialer(), routes, Mounts({"https://a": Setting()}))  # type: ignore[arg-type]
    deadline = Deadline(Timeout(), False, monotonic())
    sending = Sending(host, deadline, (), place.exchange, None, HEAD, None, keeper, keeper.begin())
    replies = [run_inline(sending.run(REQUEST)) for _ in range(2)]

    assert asked == ["a=1", "a=1; b=2"]
    assert [reply.request.headers["cookie"] for reply in replies] == asked
    assert "cookie" not in REQUEST.headers


@pytest.mark.parametrize("verify", [True, False])
def test_a_call_may_say_which_proxies(verify: bool) -> None:
    """What it says of TLS holds beside that, and the client's word where it says nothing."""
    host = InlineHost()
    pool: Any = Pool(Limits(), threading.Lock, host.deliver, False)
    rules = rules_of("http://127.0.0.1:1")
    asked: list[Any] = []

    class Network:
        def connect(self, route: Any, deadline: float) -> Any:
            asked.append(route)
            raise ConnectionRefusedError(111, "refused")

    contexts: Any = None
    dialer = RealDialer(lambda host, port: [], contexts, Network())

    def hops(url: Any, given: Any) -> Any:
        return given.choose(url, "request").hops

    place = Place(host, pool, dialer, Routes(TLSPolicy(), None, None, (), None, hops), None)
    deadline = Deadline(Timeout(), False, monotonic())
    tls: Any = None if verify else SimpleNamespace(at=lambda request: TLSPolicy(verify=False))
    sending = Sending(host, deadline, (), place.exchange, None, HEAD, tls, rules=rules)
    with pytest.raises(ProxyError, match="refused"):
        run_inline(sending.run(REQUEST))

    (route,) = asked
    assert [hop.url for hop in route.proxies] == ["http://127.0.0.1:1"]
    assert route.tls == TLSPolicy(verify=verify)


class Told(list[str]):
    """Who follows a call."""

    async def begin(self, request: Request) -> None:
        self.append("request")

    async def answered(self, reply: Any, size: int) -> None:
        self.append(f"answered {size}")

    async def failed(self, error: BaseException) -> None:
        self.append(type(error).__name__)


@pytest.mark.parametrize("answer", [Response(200, content=b"hello"), ConnectError(), "no"])
def test_who_follows_a_call_is_told_of_transports(answer: Any) -> None:
    told: Any = Told()
    host = InlineHost()
    pool: Any = Pool(Limits(), threading.Lock, host.deliver, False)
    mounts: Any = Mounts({"all://": Answering(answer)})
    contexts: Any = None
    dialer = RealDialer(lambda host, port: [], contexts)
    place = Place(host, pool, dialer, Routes(TLSPolicy(), None, None, (), None), mounts)
    deadline = Deadline(Timeout(), False, monotonic())
    deadline.trace = told
    try:
        run_inline(Sending(host, deadline, (), place.exchange, None, HEAD).run(REQUEST))
    except (ConnectError, TypeError):
        pass

    assert told == ["request", {Response: "answered 5", str: "TypeError"}.get(type(answer), "ConnectError")]


# WebSockets


def upgrade(mounts: Any = None, **rest: Any) -> Any:
    """The route on which the handshake of a WebSocket is sent."""
    asked: list[Any] = []

    class Network:
        def connect(self, route: Any, deadline: float) -> Any:
            asked.append(route)
            raise ConnectionRefusedError(111, "refused")

    def hops(url: Any, given: Any) -> Any:
        return given.choose(url, "request").hops if given else ()

    host, contexts = InlineHost(), None
    pool: Any = Pool(Limits(), threading.Lock, host.deliver, False)
    dialer = RealDialer(lambda host, port: [], contexts, Network())  # type: ignore[arg-type]
    routes = Routes(TLSPolicy(), None, None, (), None, hops, ("h2", "http/1.1"))
    place = Place(host, pool, dialer, routes, mounts)
    deadline = Deadline(Timeout(), False, monotonic())
    sending = Sending(host, deadline, (), place.upgrade, None, HEAD, rest.pop("tls", None), **rest)
    with pytest.raises(TransportError, match="refused"):
        run_inline(sending.run(REQUEST))
    (route,) = asked
    return route


@pytest.mark.parametrize("mounts", [None, Mounts({"https://b": Answering(Response(200))}), Mounts({"https://a": None})])
def test_a_websocket_goes_to_the_pool_on_a_way_of_its_own(mounts: Any) -> None:
    route = upgrade(mounts)

    assert (route.scheme, route.host, route.port, route.tls) == ("https", "a", 443, TLSPolicy())
    assert route.protocols == ("http/1.1",)


def test_a_websocket_may_have_a_policy_of_its_own() -> None:
    assert upgrade(tls=CallTLS(TLSPolicy(verify=False))).tls == TLSPolicy(verify=False)


def test_a_websocket_goes_through_a_tunnel() -> None:
    rules = rules_of("http://127.0.0.1:1")
    route = upgrade(rules=rules)

    assert [hop.url for hop in route.proxies] == ["http://127.0.0.1:1"]
    assert route.forwarder is None


def test_a_transport_is_no_network_for_a_websocket() -> None:
    with pytest.raises(InvalidRequest, match="a transport of the client answers this URL") as caught:
        upgrade(Mounts({"https://a": Answering(Response(200))}))

    assert caught.value.request is REQUEST


def test_a_websocket_is_sent_cookies() -> None:
    dressed: list[Request] = []

    class Keeper:
        def dress(self, request: Request) -> Request:
            dressed.append(request)
            return request

    upgrade(cookies=Keeper())
    assert dressed == [REQUEST]


class Open:
    """A place with a connection open on which the peer takes WebSockets, or does not."""

    def __init__(self, world: h2peer.World, protocols: tuple[str, ...], *, connects: bool = True) -> None:
        routes = Routes(TLSPolicy(), None, None, (), None, lambda url, given: (), protocols)
        self.world = world
        world.route = routes.make(Request("GET", "http://a/").url, TLSPolicy(), None)
        world.lane = world.pool.lane(world.route)
        self.place = Place(world.host, world.pool, world, routes, None)  # type: ignore[arg-type]
        world.get()
        world.connection.engine.peer.connects = connects
        world.act = self.act
        self.asked: list[tuple[bytes, bytes]] = []

    def act(self, peer: h2peer.Peer) -> None:
        peer.take()
        for number in list(peer.unanswered):
            served = peer.streams[number]
            self.asked.append((served.method, served.protocol))
            peer.answer(number, end=False)

    def upgrade(self) -> Any:
        deadline = Deadline(Timeout(), False, monotonic())
        sending = Sending(self.world.host, deadline, (), self.place.upgrade, None, HEAD)
        return run_inline(sending.run(Request("GET", "http://a/", headers={"Upgrade": "websocket"})))


@pytest.fixture
def world() -> Iterator[h2peer.World]:
    with h2peer.worlds() as made:
        yield made()


@pytest.mark.parametrize("protocols", [("h2",), ("h2", "http/1.1")])
def test_a_websocket_has_a_stream_where_it_is_known_that_it_may(
    world: h2peer.World, protocols: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Route, "speaks_http2", lambda self, alpn: True)
    opened = Open(world, protocols)
    reply = opened.upgrade()

    assert reply.status_code == 200
    assert reply.request.method == "CONNECT"
    assert opened.asked == [(b"CONNECT", b"websocket")]
    assert len(world.peers) == 1
    reply.abort()


def test_a_websocket_that_may_have_nothing_but_a_stream_is_refused(world: h2peer.World) -> None:
    opened = Open(world, ("h2",), connects=False)
    with pytest.raises(WebSocketError, match=r"allow HTTP/1\.1: http1=True") as caught:
        opened.upgrade()

    assert isinstance(caught.value.__cause__, LocalProtocolError)
    assert opened.asked == []


def test_a_stream_that_is_refused_in_that_moment_leaves_another_way(
    world: h2peer.World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection that took WebSockets ended, and the server chose HTTP/1.1 for the next."""
    monkeypatch.setattr(Route, "speaks_http2", lambda self, alpn: True)
    opened = Open(world, ("h2", "http/1.1"))
    tried: list[str] = []

    async def on(self: Place, route: Route, request: Request, sending: Sending) -> str:
        tried.append(request.method)
        if request.method == "CONNECT":
            raise LocalProtocolError(detail="the server has chosen HTTP/1.1")
        return "the other way"

    monkeypatch.setattr(Place, "_on", on)
    deadline = Deadline(Timeout(), False, monotonic())
    sending = Sending(world.host, deadline, (), opened.place.upgrade, None, HEAD)

    assert run_inline(opened.place.upgrade(Request("GET", "http://a/"), sending)) == "the other way"  # type: ignore[comparison-overlap]
    assert tried == ["CONNECT", "GET"]
