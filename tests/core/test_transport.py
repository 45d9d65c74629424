"""The pooled transport: getting a connection, sending a body, and going out once more."""

from __future__ import annotations

import asyncio
import io
import socket
import threading
import types
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from time import monotonic
from typing import Any

import h2peer
import h2wire
import pytest

from courser.core import transport as transport_module
from courser.core.deadline import Deadline
from courser.core.dial import Dialer as RealDialer
from courser.core.exchange import COLLECTED, HEAD, Exchange
from courser.core.guest import Guest
from courser.core.http1 import TOGETHER, HTTP1Connection
from courser.core.link import SocketLink
from courser.core.pool import Pool
from courser.core.route import ProxyHop, Route
from courser.core.trace import Trace
from courser.core.transport import MOST_REPEATED, PAUSE, PooledTransport
from courser.core.waiter import Waiter
from courser.errors import (
    ClientClosed,
    ConnectError,
    DeadlineExceeded,
    InvalidRequest,
    LocalProtocolError,
    PoolTimeout,
    ReadError,
    ReadTimeout,
    RemoteProtocolError,
)
from courser.hosts.aio import current_host
from courser.hosts.inline import InlineHost, run_inline
from courser.settings import Limits, Timeout
from courser.values.request import Request
from courser.values.tracing import TraceEvent

ROUTE = Route("http", "a", 80)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
GET = Request("GET", "http://a/")
POST = Request("POST", "http://a/", content=b"x")
OTHER = Request("CONNECT", "http://a/chat", extensions={"protocol": "websocket"})

Script = Callable[[socket.socket, bytes], Any]


def answer(peer: socket.socket, data: bytes) -> None:
    peer.send(OK)


def nothing(peer: socket.socket, data: bytes) -> None:
    """Let the request stand."""


def hang_up(peer: socket.socket, data: bytes) -> None:
    peer.close()


def by_turns(*scripts: Script) -> Script:
    left = list(scripts)

    def script(peer: socket.socket, data: bytes) -> Any:
        return left.pop(0)(peer, data)

    return script


class Dialer:
    """Makes socketpairs; what is sent on one is shown to its script at once."""

    def __init__(self, *scripts: Any, buffer: int = 0) -> None:
        self.scripts = list(scripts)
        self.peers: list[socket.socket] = []
        self.sent: list[bytes] = []
        self.buffer = buffer

    async def dial(self, host: Any, route: Route, deadline: Deadline, session: Any = None) -> SocketLink:
        script = self.scripts.pop(0)
        if isinstance(script, BaseException):
            raise script
        ours, peer = socket.socketpair()
        ours.setblocking(False)
        if self.buffer:
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self.buffer)
        self.peers.append(peer)
        link = SocketLink(ours)

        def send(data: bytes | memoryview, /) -> int:
            size = ours.send(data)
            self.sent.append(bytes(data[:size]))
            script(peer, self.sent[-1])
            return size

        link.send = send
        return link


class World:
    def __init__(self, *scripts: Any, host: Any = None, buffer: int = 0, route: Route = ROUTE, **limits: Any) -> None:
        self.route = route
        self.dialer = Dialer(*scripts, buffer=buffer)
        self.host = host or InlineHost()
        self.pool: Pool[HTTP1Connection] = Pool(Limits(**limits), threading.Lock, self.host.deliver, self.host.turned)
        self.transport = PooledTransport(self.host, self.pool, self.dialer)  # type: ignore[arg-type]
        self.told: Told | None = None

    def listen(self) -> Told:
        self.told = Told()
        return self.told

    async def asend(self, request: Request = GET, timeout: Timeout | None = None, goal: int = COLLECTED) -> Exchange:
        deadline = Deadline(timeout or Timeout(), False, monotonic())
        if self.told is not None:
            deadline.trace = Trace(self.host, deadline, (self.told,), None, None)
        return await self.transport.send(request, self.route, deadline, None, goal)

    def send(self, request: Request = GET, timeout: Timeout | None = None, goal: int = COLLECTED) -> Exchange:
        return run_inline(self.asend(request, timeout, goal))

    async def aget(self, request: Request = GET) -> bytes:
        return await (await self.asend(request)).collect(self.host)

    def get(self, request: Request = GET) -> bytes:
        return run_inline(self.aget(request))


@pytest.fixture
def make() -> Iterator[Callable[..., World]]:
    made: list[World] = []

    def world(*scripts: Any, **options: Any) -> World:
        made.append(World(*scripts, **options))
        return made[-1]

    yield world
    for each in made:
        each.pool.close()
        for peer in each.dialer.peers:
            peer.close()


Make = Callable[..., World]


def test_a_connection_is_used_again(make: Make) -> None:
    world = make(answer)

    assert [world.get(), world.get()] == [b"ok", b"ok"]
    assert len(world.dialer.peers) == 1
    assert world.dialer.sent[0].startswith(b"GET / HTTP/1.1\r\n")


def test_a_pool_can_be_used_under_another_host(make: Make) -> None:
    world = make(answer)
    world.get()
    host = InlineHost()
    world.transport = world.transport.under(host, world.pool)

    assert world.transport.host is host
    assert world.get() == b"ok"
    assert len(world.dialer.peers) == 1


def test_a_connection_that_has_ended_is_not_used_again(make: Make) -> None:
    world = make(answer, answer)
    world.get()
    world.dialer.peers[0].close()

    assert world.get() == b"ok"
    assert len(world.dialer.peers) == 2


def test_of_several_idle_connections_one_that_lives_is_used(make: Make) -> None:
    world = make(answer, answer, answer)
    first, second = world.send(goal=HEAD), world.send(goal=HEAD)
    run_inline(first.collect(world.host))
    run_inline(second.collect(world.host))
    world.dialer.peers[1].close()

    assert world.get() == b"ok"
    assert len(world.dialer.peers) == 2


# Once more


def test_a_reused_connection_that_dies_unheard_is_replaced(make: Make) -> None:
    world = make(by_turns(answer, hang_up), answer)
    world.get()

    assert world.get() == b"ok"
    assert len(world.dialer.peers) == 2


def test_a_fresh_connection_that_dies_is_an_error(make: Make) -> None:
    world = make(hang_up)
    with pytest.raises((ReadError, RemoteProtocolError)) as caught:
        world.get()

    assert caught.value.request is GET
    assert not world.pool.permits


def test_what_cannot_be_repeated_is_not(make: Make) -> None:
    world = make(by_turns(answer, hang_up), answer)
    world.get()
    with pytest.raises((ReadError, RemoteProtocolError)):
        world.get(Request("POST", "http://a/", content=b"x"))


HTTP2 = Route("http", "a", 80, protocols=("h2",))

TAKEN = (1, 0x05, b"\x88")
REFUSED = (3, 0, b"\x00\x00\x00\x07")
BROKEN = (3, 0, b"\x00\x00\x00\x02")
"""What a server says to a request, as the kind, flags and payload of a frame."""


def http2(heads: list[int], *answers: tuple[int, int, bytes]) -> Script:
    """A server that gives one of the answers to each request, the last one for ever; it notes their streams."""
    left = list(answers)

    def script(peer: socket.socket, data: bytes) -> None:
        if data.startswith(b"PRI"):
            peer.send(bytes(3) + b"\x04" + bytes(5))
            data = data[24:]
        while data:
            if data[3] == 1:
                heads.append(int.from_bytes(data[5:9], "big"))
                kind, flags, payload = left.pop(0) if len(left) > 1 else left[0]
                peer.send(len(payload).to_bytes(3, "big") + bytes((kind, flags)) + data[5:9] + payload)
            data = data[9 + int.from_bytes(data[:3], "big") :]

    return script


@pytest.mark.parametrize("request_", [GET, Request("POST", "http://a/", content=b"x")], ids=["GET", "POST"])
def test_a_request_that_was_refused_goes_out_again(make: Make, request_: Request) -> None:
    heads: list[int] = []
    world = make(http2(heads, REFUSED, REFUSED, TAKEN), route=HTTP2)

    assert world.get(request_) == b""
    assert heads == [1, 3, 5]


def test_a_connection_that_takes_no_more_requests_in_that_moment(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another thread has heard of it between the look and the request."""
    heads: list[int] = []
    world = make(http2(heads, TAKEN), http2(heads, TAKEN), route=HTTP2)
    entertain = Guest.entertain

    def and_drain(guest: Guest, *args: Any) -> Exchange | None:
        monkeypatch.undo()
        exchange = entertain(guest, *args)
        guest.connection.engine.draining = True
        guest.connection.drain()
        return exchange

    monkeypatch.setattr(Guest, "entertain", and_drain)

    assert world.get(Request("POST", "http://a/", content=b"x")) == b""
    assert heads == [1]
    assert len(world.dialer.peers) == 2


def test_a_request_that_breaks_the_protocol_does_not_go_out_again(make: Make) -> None:
    world = make(http2([], TAKEN), route=HTTP2)

    with pytest.raises(LocalProtocolError):
        world.get(Request("GET", "http://a/", headers={"Host": "a b"}))
    assert len(world.dialer.peers) == 1


class Hasty(InlineHost):
    """A host whose time flies; it notes by when who waits is to be woken."""

    __slots__ = ("waits",)

    def __init__(self) -> None:
        self.waits: list[float] = []

    def arm(self, waiter: Waiter, /) -> None:
        self.waits.append(waiter.deadline)
        waiter.complete()


def test_a_request_that_is_refused_for_ever_fails(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes out again at once, and then with ever longer pauses."""
    monkeypatch.setattr(transport_module, "monotonic", lambda: 1000.0)
    heads: list[int] = []
    host = Hasty()
    world = make(http2(heads, REFUSED), route=HTTP2, host=host)

    with pytest.raises(RemoteProtocolError, match="REFUSED_STREAM"):
        world.get()
    assert len(heads) == 1 + MOST_REPEATED
    assert [until - 1000.0 for until in host.waits] == pytest.approx([PAUSE * 2**n for n in range(MOST_REPEATED - 1)])


def test_a_request_that_has_no_time_for_a_pause_does_not_go_out_again(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport_module, "PAUSE", 100.0)
    heads: list[int] = []
    world = make(http2(heads, REFUSED), route=HTTP2)

    with pytest.raises(RemoteProtocolError, match="REFUSED_STREAM"):
        world.send(timeout=Timeout(total=50.0))
    assert heads == [1, 3]


def test_who_is_struck_down_in_a_pause_is_told_of(make: Make) -> None:
    class Struck(InlineHost):
        async def wait(self, waiter: Waiter, /) -> None:
            if type(waiter) is Waiter:
                raise KeyboardInterrupt
            await super().wait(waiter)

    world = make(http2([], REFUSED), route=HTTP2, host=Struck())
    told = world.listen()

    with pytest.raises(KeyboardInterrupt):
        world.get()
    assert told.take().endswith("retry reused sent error")


def test_a_request_that_the_peer_gives_up_does_not_go_out_again(make: Make) -> None:
    heads: list[int] = []
    world = make(http2(heads, TAKEN, BROKEN), route=HTTP2)
    world.get()

    with pytest.raises(RemoteProtocolError, match="INTERNAL_ERROR"):
        world.get()
    assert heads == [1, 3]


def test_a_body_that_is_gone_cannot_be_sent_again(make: Make) -> None:
    world = make(by_turns(answer, hang_up), answer)
    world.get()
    with pytest.raises((ReadError, RemoteProtocolError)):
        world.get(Request("PUT", "http://a/", content=iter([b"x"])))


def test_a_body_that_is_there_can(make: Make) -> None:
    world = make(by_turns(answer, hang_up), answer)
    world.get()

    assert world.get(Request("PUT", "http://a/", content=b"x")) == b"ok"


def test_a_cancellation_is_not_lost_in_a_repetition() -> None:
    """The connection dies in the very moment in which the task is cancelled."""

    async def main() -> None:
        world = World(by_turns(answer, nothing), answer, host=current_host(asyncio.get_running_loop()))
        assert await world.aget() == b"ok"
        task = asyncio.create_task(world.aget())
        while len(world.dialer.sent) < 2:
            await asyncio.sleep(0)

        def both() -> None:
            world.dialer.peers[0].close()
            world.host.reactor.turn()
            task.cancel()

        asyncio.get_running_loop().call_soon(both)
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(world.dialer.peers) == 1
        world.pool.close()

    asyncio.run(main())


# Waiting for a connection


def test_no_connection_in_time_is_a_timeout(make: Make) -> None:
    world = make(answer, max_connections=1)
    held = world.send(goal=HEAD)
    with pytest.raises(PoolTimeout, match="a:80") as caught:
        world.send(timeout=Timeout(pool=0.005))

    assert caught.value.request is GET
    assert not world.pool.lane(ROUTE).waiting
    held.abort()


class Giving(InlineHost):
    """Does something while a ticket is waited for."""

    __slots__ = ("give",)

    def __init__(self) -> None:
        self.give: Callable[[], None] | None = None

    async def wait(self, waiter: Waiter, /) -> None:
        give, self.give = self.give, None
        if give is not None:
            give()
        await super().wait(waiter)


def test_who_waits_gets_a_connection_that_comes_back(make: Make) -> None:
    host = Giving()
    world = make(answer, max_connections=1, host=host)
    held = world.send()
    host.give = held.finish

    assert world.get() == b"ok"
    assert len(world.dialer.peers) == 1


def test_who_waits_gets_a_permit_that_comes_back(make: Make) -> None:
    host = Giving()
    world = make(answer, answer, max_connections=1, host=host)
    held = world.send(goal=HEAD)
    connection = held.connection
    assert connection is not None
    host.give = connection.close

    assert world.get() == b"ok"
    assert len(world.dialer.peers) == 2


def test_who_waits_is_told_that_the_client_was_closed(make: Make) -> None:
    host = Giving()
    world = make(answer, max_connections=1, host=host)
    held = world.send(goal=HEAD)
    host.give = world.pool.close
    with pytest.raises(ClientClosed):
        world.get()
    with pytest.raises(ClientClosed):
        world.get()
    held.abort()


def test_a_dial_that_fails_gives_its_permit_back(make: Make) -> None:
    world = make(ConnectError(phase="connect"), KeyboardInterrupt(), answer, max_connections=1)
    with pytest.raises(ConnectError) as caught:
        world.get()
    assert caught.value.request is GET
    with pytest.raises(KeyboardInterrupt):
        world.get()

    assert world.get() == b"ok"


# Bodies


def sent_after_head(world: World) -> bytes:
    return b"".join(world.dialer.sent).partition(b"\r\n\r\n")[2]


def test_a_small_body_leaves_with_its_head(make: Make) -> None:
    world = make(answer)
    world.get(Request("POST", "http://a/", content=b"hello"))

    assert len(world.dialer.sent) == 1
    assert sent_after_head(world) == b"hello"


def test_an_empty_body_is_a_body(make: Make) -> None:
    world = make(answer)
    world.get(Request("POST", "http://a/", content=b""))

    assert b"Content-Length: 0" in world.dialer.sent[0]


class Taking:
    """A peer that takes a body of a known size, and then answers."""

    def __init__(self, size: int) -> None:
        self.left = size
        self.head = b""

    def __call__(self, peer: socket.socket, data: bytes) -> None:
        peer.setblocking(False)
        try:
            while True:
                data = peer.recv(2**20)
                if b"\r\n\r\n" not in self.head:
                    self.head += data
                    data = self.head.partition(b"\r\n\r\n")[2]
                self.left -= len(data)
        except BlockingIOError:
            pass
        if self.left <= 0 and self.head:
            peer.send(OK)


def test_a_large_body_follows_its_head(make: Make) -> None:
    size = 2**20 + TOGETHER
    world = make(Taking(size))

    assert world.get(Request("POST", "http://a/", content=b"x" * size)) == b"ok"
    assert len(sent_after_head(world)) == size


@pytest.mark.parametrize("sized", [False, True])
def test_a_body_in_pieces(make: Make, sized: bool) -> None:
    def script(peer: socket.socket, data: bytes) -> None:
        if data.endswith(b"abcdef" if sized else b"0\r\n\r\n"):
            peer.send(OK)

    world = make(script)
    content: Any = io.BytesIO(b"abcdef") if sized else iter([b"abc", b"def"])

    assert world.get(Request("POST", "http://a/", content=content)) == b"ok"
    assert sent_after_head(world) == (b"abcdef" if sized else b"3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n")


class Early:
    """A peer that answers as soon as it has the head, and takes nothing more."""

    def __call__(self, peer: socket.socket, data: bytes) -> None:
        if data.startswith(b"POST"):
            peer.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")


@pytest.mark.parametrize(
    "content", [lambda: b"x" * 10**6, lambda: iter([b"x" * 10**5] * 10)], ids=["whole", "in pieces"]
)
def test_an_early_answer_ends_the_upload(make: Make, content: Callable[[], Any]) -> None:
    world = make(Early(), buffer=8192)
    exchange = world.send(Request("POST", "http://a/", content=content()), Timeout(5, 5, 5, 5, 5))
    assert exchange.status_code == 413
    connection = exchange.connection
    assert connection is not None
    assert run_inline(exchange.collect(world.host)) == b"no"

    assert connection.closed


def test_a_body_that_never_ends_ends_with_the_time(make: Make) -> None:
    world = make(nothing, buffer=2**20)

    def endless() -> Iterator[bytes]:
        while True:
            yield b"x"

    with pytest.raises(DeadlineExceeded):
        world.send(Request("POST", "http://a/", content=endless()), Timeout(total=0.01))


def test_what_a_body_raises_is_raised_and_closes_the_connection(make: Make) -> None:
    def broken() -> Iterator[bytes]:
        yield b"x"
        raise ZeroDivisionError

    world = make(nothing)
    with pytest.raises(ZeroDivisionError):
        world.get(Request("POST", "http://a/", content=broken()))

    assert not world.pool.permits


# Bodies that wait for the peer's word


EXPECT = {"Expect": "100-continue"}


def to_the_head(answer: bytes) -> Script:
    """Answers a head that waits, and everything else with OK."""

    def script(peer: socket.socket, data: bytes) -> None:
        if b"Expect: 100-continue" in data:
            assert data.endswith(b"\r\n\r\n")
            peer.send(answer)
        elif data.endswith((b"abc", b"0\r\n\r\n")):
            peer.send(OK)

    return script


@pytest.mark.parametrize("content", [lambda: b"abc", lambda: iter([b"a", b"bc"])], ids=["whole", "in pieces"])
def test_a_body_waits_for_the_peers_word(make: Make, content: Callable[[], Any]) -> None:
    world = make(to_the_head(b"HTTP/1.1 100 Continue\r\n\r\n"))
    request = Request("POST", "http://a/", content=content(), headers=EXPECT)

    assert world.get(request) == b"ok"
    assert world.dialer.sent[0].startswith(b"POST / HTTP/1.1")
    assert all(world.dialer.sent)
    assert world.pool.idle == 1


def test_a_large_body_waits_likewise(make: Make) -> None:
    size = TOGETHER + 1
    left = [size]

    def script(peer: socket.socket, data: bytes) -> None:
        if left == [size] and data.startswith(b"POST"):
            peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            return
        left[0] -= len(data)
        if left[0] == 0:
            peer.send(OK)

    world = make(script, buffer=2**20)
    assert world.get(Request("POST", "http://a/", content=b"x" * size, headers=EXPECT)) == b"ok"


def test_a_body_that_is_refused_is_not_opened(make: Make) -> None:
    """CVE-2024-24791 of Go: the connection carries nothing else afterwards."""
    world = make(to_the_head(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno"))
    request = Request("POST", "http://a/", content=iter([b"abc"]), headers=EXPECT)

    assert world.get(request) == b"no"
    assert request.body is not None
    assert not request.body.spent
    assert len(world.dialer.sent) == 1
    assert not world.pool.permits


@pytest.mark.parametrize("content", [lambda: b"abc", lambda: iter([b"abc"])], ids=["whole", "in pieces"])
def test_who_knows_no_expectations_is_asked_without(make: Make, content: Callable[[], Any]) -> None:
    refusal = to_the_head(b"HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n")
    world = make(refusal, refusal)

    exchange = world.send(Request("POST", "http://a/", content=content(), headers=EXPECT))
    assert exchange.status_code == 200
    assert "expect" not in exchange.request.headers
    exchange.finish()


def test_a_refusal_after_the_body(make: Make) -> None:
    """The task that sends has to end before the request goes out once more."""

    def late(peer: socket.socket, data: bytes) -> None:
        if b"Expect" in data:
            peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        elif peer is world.dialer.peers[0]:
            peer.send(b"HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n")
        elif data.endswith(b"0\r\n\r\n"):
            peer.send(OK)

    world = make(late, late)
    assert world.get(Request("POST", "http://a/", content=[b"abc"], headers=EXPECT)) == b"ok"

    world = make(late)
    assert world.get(Request("POST", "http://a/", content=iter([b"abc"]), headers=EXPECT)) == b""


def test_417_without_an_expectation_is_an_answer(make: Make) -> None:
    def script(peer: socket.socket, data: bytes) -> None:
        peer.send(b"HTTP/1.1 417 No\r\nContent-Length: 2\r\n\r\nno")

    assert make(script).get(Request("POST", "http://a/", content=b"abc")) == b"no"


def test_a_connection_that_dies_before_the_word_is_replaced(make: Make) -> None:
    world = make(by_turns(answer, hang_up), to_the_head(b"HTTP/1.1 100 Continue\r\n\r\n"))
    world.get()

    assert world.get(Request("POST", "http://a/", content=iter([b"abc"]), headers=EXPECT)) == b"ok"
    assert len(world.dialer.peers) == 2


@pytest.mark.parametrize("waits", [True, False])
def test_interim_responses_are_shown(make: Make, waits: bool) -> None:
    def script(peer: socket.socket, data: bytes) -> None:
        peer.send(b"HTTP/1.1 100 Continue\r\n\r\n" if b"Expect" in data else OK)

    told: list[int] = []
    request = Request(
        "POST",
        "http://a/",
        content=b"abc",
        headers=EXPECT if waits else {},
        extensions={"informational": lambda interim: told.append(interim.status_code)},
    )
    assert make(script).get(request) == b"ok"
    assert told == ([100] if waits else [])


def test_silence_after_the_request_is_a_timeout(make: Make) -> None:
    world = make(nothing)
    with pytest.raises(ReadTimeout) as caught:
        world.send(timeout=Timeout(read=0.005))

    assert caught.value.request is GET


# Asynchronous bodies


class Source:
    """An async iterator that remembers how it ended; it may have no way to be closed."""

    def __init__(self, *pieces: bytes, rest: float = 0.0) -> None:
        self.pieces = list(pieces)
        self.rest = rest

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self.run()

    async def run(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece
        if self.rest:
            await asyncio.sleep(self.rest)
        self.pieces.clear()


def last_chunk(peer: socket.socket, data: bytes) -> None:
    if data.endswith(b"0\r\n\r\n"):
        peer.send(OK)


def test_an_async_body_that_never_waits_needs_no_loop(make: Make) -> None:
    world = make(last_chunk)

    assert world.get(Request("POST", "http://a/", content=Source(b"abc", b"def"))) == b"ok"


@types.coroutine
def suspend() -> Generator[None, None, None]:
    yield


def test_an_async_body_that_waits_needs_one(make: Make) -> None:
    async def waiting() -> AsyncIterator[bytes]:
        yield b"abc"
        await suspend()

    world = make(last_chunk)
    with pytest.raises(InvalidRequest, match="AsyncClient"):
        world.get(Request("POST", "http://a/", content=waiting()))


def in_a_loop(body: Callable[[World], Any], *scripts: Any, **options: Any) -> None:
    async def main() -> None:
        world = World(*scripts, host=current_host(asyncio.get_running_loop()), **options)
        try:
            await body(world)
        finally:
            world.pool.close()
            for peer in world.dialer.peers:
                peer.close()

    asyncio.run(main())


def test_an_async_body_leaves_as_it_comes() -> None:
    async def body(world: World) -> None:
        assert await world.aget(Request("POST", "http://a/", content=Source(b"abc", rest=0.001))) == b"ok"

    in_a_loop(body, last_chunk)


def test_an_async_body_waits_for_room() -> None:
    async def body(world: World) -> None:
        task = asyncio.ensure_future(world.aget(Request("POST", "http://a/", content=Source(b"x" * 10**6))))
        await asyncio.sleep(0)
        received = b""
        while not received.endswith(b"0\r\n\r\n"):
            await asyncio.sleep(0)
            try:
                received += world.dialer.peers[0].recv(2**20, socket.MSG_DONTWAIT)
            except (BlockingIOError, IndexError):
                pass
        assert await task == b"ok"

    in_a_loop(body, last_chunk, buffer=8192)


def test_an_early_answer_is_seen_while_an_async_body_sleeps() -> None:
    source = Source(b"abc", rest=10.0)

    async def body(world: World) -> None:
        exchange = await world.asend(Request("POST", "http://a/", content=source))
        assert exchange.status_code == 413
        exchange.abort()

    in_a_loop(body, Early())


class Bare:
    """A body whose source has no way to be closed."""

    length = data = None
    replayable = False

    def __init__(self, source: Any) -> None:
        self.open = lambda: source


def test_an_early_answer_is_seen_between_two_pieces() -> None:
    class Pieces:
        def __aiter__(self) -> Pieces:
            return self

        async def __anext__(self) -> bytes:
            return b"x" * 10**5

    async def body(world: World) -> None:
        request = Request("POST", "http://a/", content=Pieces())
        assert request.body is not None
        request.body = Bare(Pieces())  # type: ignore[assignment]
        exchange = await world.asend(request)
        assert exchange.status_code == 413
        exchange.abort()

    in_a_loop(body, Early(), buffer=8192)


def test_an_async_body_of_known_size_has_no_last_chunk() -> None:
    def script(peer: socket.socket, data: bytes) -> None:
        if data.endswith(b"def"):
            peer.send(OK)

    async def body(world: World) -> None:
        request = Request("POST", "http://a/", content=Source(b"abcdef"))
        assert request.body is not None
        request.body.length = 6
        assert await world.aget(request) == b"ok"

    in_a_loop(body, script)


def test_a_source_need_have_no_way_to_be_closed(make: Make) -> None:
    class One:
        left = 1

        def __aiter__(self) -> One:
            return self

        async def __anext__(self) -> bytes:
            if not self.left:
                raise StopAsyncIteration
            self.left -= 1
            return b"abc"

    world = make(last_chunk)
    request = Request("POST", "http://a/", content=Source())
    request.body = Bare(One())  # type: ignore[assignment]

    assert world.get(request) == b"ok"


@pytest.mark.parametrize("sends", [True, False])
def test_the_call_takes_the_cookies_that_a_response_sets(make: Make, sends: bool) -> None:
    def setting(peer: socket.socket, data: bytes) -> None:
        peer.send(b"HTTP/1.1 200 OK\r\nset-cookie: a=1\r\nContent-Length: 0\r\n\r\n")

    kept: list[tuple[Request, bytes]] = []
    call: Any = types.SimpleNamespace(keep=lambda *given: kept.append(given)) if sends else None
    world = make(setting)

    exchange = run_inline(
        world.transport.send(GET, ROUTE, Deadline(Timeout(), False, monotonic()), None, COLLECTED, call)
    )
    exchange.finish()

    assert kept == ([(GET, b"set-cookie: a=1\r\nContent-Length: 0\r\n")] if sends else [])


def test_a_route_with_proxies_has_connections_of_its_own_kind() -> None:
    ours, peer = socket.socketpair()
    ours.setblocking(False)
    network = types.SimpleNamespace(connect=lambda route, deadline: SocketLink(ours))
    contexts: Any = None
    dialer = RealDialer(lambda host, port: [], contexts, network)
    host = InlineHost()
    pool: Pool[HTTP1Connection] = Pool(Limits(), threading.Lock, host.deliver, False)
    peer.send(OK)
    transport = PooledTransport(host, pool, dialer)
    deadline = Deadline(Timeout(), False, monotonic())
    proxied = ROUTE._replace(proxies=(ProxyHop("http", "p", 80),))

    run_inline(transport.send(GET, proxied, deadline, None, COLLECTED)).finish()

    assert peer.recv(1000).startswith(b"GET http://a/ HTTP/1.1")
    pool.close()
    peer.close()


# Whoever follows a call


class Told(list[TraceEvent]):
    def __call__(self, event: TraceEvent) -> None:
        self.append(event)

    def take(self) -> str:
        """The names of what was told so far."""
        names = " ".join(event.name for event in self)
        self.clear()
        return names


def test_what_happens_is_told(make: Make) -> None:
    world = make(by_turns(answer, hang_up), answer)
    told = world.listen()

    world.get()
    assert told.take() == "request created sent head bytes end"
    assert world.get() == b"ok"

    assert told.take() == "request reused sent closed retry created sent head bytes end"


def test_a_wait_is_told(make: Make) -> None:
    host = Giving()
    world = make(answer, max_connections=1, host=host)
    held = world.send()
    told = world.listen()
    host.give = held.finish

    world.get()

    assert told.take() == "request wait reused sent head bytes end"


@pytest.mark.parametrize("error", [ConnectError(phase="connect"), KeyboardInterrupt()])
def test_what_fails_before_a_connection_is_told(make: Make, error: BaseException) -> None:
    world = make(error)
    told = world.listen()
    with pytest.raises(type(error)):
        world.get()

    assert told.take() == "request error"


def test_what_fails_afterwards_is_told(make: Make) -> None:
    world = make(hang_up)
    told = world.listen()
    with pytest.raises((ReadError, RemoteProtocolError)):
        world.get()

    assert told.take() == "request created sent closed error"


def test_a_request_that_goes_out_without_its_expectation_is_another_one(make: Make) -> None:
    refusal = to_the_head(b"HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n")
    world = make(refusal, refusal)
    told = world.listen()

    world.send(Request("POST", "http://a/", content=b"abc", headers=EXPECT)).finish()

    first, _, second = told.take().partition(" retry ")
    assert first.startswith("request created ")
    assert second.startswith("request created sent head")


# Connections that carry many requests


Shared = Callable[..., h2peer.World]


@pytest.fixture
def shared() -> Iterator[Shared]:
    made: list[h2peer.World] = []

    def world(host: Any = None, **options: Any) -> h2peer.World:
        made.append(h2peer.World(host=host or InlineHost(), **options))
        return made[-1]

    yield world
    for each in made:
        each.close()


def test_one_that_does_not_say_that_it_is_there_is_not_used(shared: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("courser.core.alive.PATIENCE", 0.001)
    world = shared()
    world.get()
    world.act = lambda peer: None if peer is world.peers[0] else h2peer.echo(peer)
    world.connection.idle_since -= 10

    assert world.get(h2peer.post(b"x")) == b"/x"
    assert len(world.peers) == 2
    assert len(world.pool.permits) == 1


def test_one_that_drains_in_that_moment_is_not_used(shared: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    async def lives(guest: Guest, *at: Any) -> bool:
        monkeypatch.undo()
        guest.connection.drain()
        return True

    world = shared()
    world.get()
    monkeypatch.setattr(Guest, "lives", lives)

    assert world.get(h2peer.post(b"x")) == b"/x"
    assert len(world.peers) == 2


@pytest.mark.parametrize(("ask", "request_"), [("lives", POST), ("settled", OTHER)], ids=["POST", "CONNECT"])
def test_who_does_not_come_to_know_whether_it_can_be_used_leaves_it(
    make: Make, monkeypatch: pytest.MonkeyPatch, ask: str, request_: Request
) -> None:
    async def late(guest: Guest, host: Any, deadline: Deadline) -> bool:
        raise deadline.error("read", guest.label)

    heads: list[int] = []
    world = make(http2(heads, TAKEN), route=HTTP2)
    world.get()
    told = world.listen()
    monkeypatch.setattr(Guest, ask, late)
    with pytest.raises(ReadTimeout) as caught:
        world.get(request_)

    assert caught.value.request is request_
    assert heads == [1]
    assert world.pool.idle == 1
    assert told.take() == "request error"


def test_who_waits_for_many_things_is_told_of_each_shared_connection(shared: Shared) -> None:
    class Group(InlineHost):
        reactor: Any = "its own"

        def __init__(self) -> None:
            self.adopted: list[Any] = []

        def adopt(self, connection: Any, /) -> None:
            self.adopted.append(connection.connection)

    host = Group()
    world = shared(host)
    world.get()
    world.get()

    assert host.adopted == [world.connection] * 2


def test_who_waits_for_a_place_waits_no_longer_than_he_may(shared: Shared) -> None:
    world = shared(settings=[(3, 1)], limits=Limits(max_per_host=1))
    world.get()
    guest = world.connection.occupy()
    assert guest is not None
    with pytest.raises(PoolTimeout):
        world.get(timeout=Timeout(pool=0.005))
    guest.close()

    assert world.get() == b"/"
    assert len(world.peers) == 1


def test_a_body_that_another_thread_sends_in_that_moment_is_sent(
    shared: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = iter([True, True, False])
    world = shared()
    world.get()
    monkeypatch.setattr(Guest, "pending", property(lambda guest: next(looks, False)))

    assert world.get(h2peer.post(b"x")) == b"/x"
    assert list(looks) == []


def test_what_is_to_follow_a_body_is_sent_behind_it(make: Make) -> None:
    def trail(peer: socket.socket, data: bytes) -> None:
        if data.endswith(b"X-Sum: 1\r\n\r\n"):
            answer(peer, data)

    world = make(trail)
    request = Request("POST", "http://a/", content=iter([b"x"]), extensions={"trailers": {"X-Sum": "1"}})

    assert world.get(request) == b"ok"
    assert b"".join(world.dialer.sent).endswith(b"\r\n0\r\nX-Sum: 1\r\n\r\n")


# Other protocols


def test_another_protocol_waits_until_the_peer_has_said_that_it_takes_it() -> None:
    """A connection that is new knows nothing of its peer."""

    def accept(peer: h2peer.Peer) -> None:
        peer.take()
        for number in list(peer.unanswered):
            peer.answer(number, end=False)

    with h2peer.worlds() as made:
        world = made(accept)
        exchange = world.stream(OTHER)

        assert exchange.status_code == 200
        assert world.connection.engine.pinged == 1
        assert [each.protocol for each in world.peer.streams.values()] == [b"websocket"]
        exchange.abort()


def test_another_protocol_is_not_for_a_peer_that_has_not_offered_it(make: Make) -> None:
    heads: list[int] = []
    world = make(http2(heads, TAKEN), route=HTTP2)
    world.get()
    with pytest.raises(LocalProtocolError, match="CONNECT with a protocol") as caught:
        world.get(OTHER)

    assert caught.value.request is OTHER
    assert heads == [1]
    assert world.get() == b""


@pytest.mark.parametrize("most", [1, MOST_REPEATED])
def test_another_protocol_is_not_for_a_peer_that_goes_away_at_once(
    make: Make, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """Its settings have come, and with them the word that it takes no requests."""
    monkeypatch.setattr(transport_module, "MOST_REPEATED", most)
    monkeypatch.setattr(transport_module, "PAUSE", 0.0)

    def leave(peer: socket.socket, data: bytes) -> None:
        if data.startswith(b"PRI"):
            pong = h2wire.frame(h2wire.PING, h2wire.ACK, 0, b"00000001")
            peer.send(h2wire.settings() + h2wire.goaway(0) + pong)

    world = make(*[leave] * 20, route=HTTP2)
    told = world.listen()
    with pytest.raises(RemoteProtocolError, match="a:80 ends each connection before it takes the request") as caught:
        world.get(OTHER)

    assert caught.value.request is OTHER
    assert len(world.dialer.peers) == 1 + most
    assert not world.pool.permits
    assert told.take().endswith("error")


def test_another_protocol_is_not_for_http1(make: Make) -> None:
    world = make(answer)
    with pytest.raises(LocalProtocolError, match=r"chosen HTTP/1\.1") as caught:
        world.get(OTHER)

    assert caught.value.request is OTHER
    assert world.pool.idle == 1
