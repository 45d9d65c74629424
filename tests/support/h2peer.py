"""A server of HTTP/2 by the engine's own other role, at the far end of a socketpair, and a client's pool at this end.

Everything happens in one thread and when the test says so: whoever waits lets the peer act, then turns the reactor.
Under a host that turns nothing, the peer acts whenever something is sent, or in a thread of its own.
"""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import Any, cast

import h2wire

from courser.core.deadline import Deadline
from courser.core.exchange import COLLECTED, HEAD, Exchange
from courser.core.guest import Guest
from courser.core.http2 import HTTP2Connection
from courser.core.link import SocketLink
from courser.core.pool import Pool
from courser.core.reactor import Reactor
from courser.core.route import Route
from courser.core.transport import PooledTransport
from courser.core.waiter import Waiter
from courser.engines.events import End, Event, RequestHead
from courser.engines.http2 import ServerEngine
from courser.engines.http2.server import Served
from courser.hosts.inline import InlineHost, run_inline
from courser.settings import Limits, Timeout
from courser.values.request import Request

ROUTE = Route("http", "a", 80, protocols=("h2",))
GET = Request("GET", "http://a/")


def get(path: str) -> Request:
    return Request("GET", "http://a" + path)


def post(body: Any = b"x", **headers: str) -> Request:
    return Request("POST", "http://a/", content=body, headers=headers)


class Peer:
    """The server's end of a connection.

    Attributes:
        engine: its protocol.
        streams: what clients have begun, by identifier.
        unanswered: those of them that have no answer yet.
        events: what has come on each.
        reads: whether what comes of bodies is taken at once, so that more may come.
        ended: whether the client has closed.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        sock.setblocking(False)
        self.engine = ServerEngine()
        self.streams: dict[int, Served] = {}
        self.unanswered: dict[int, Served] = {}
        self.events: dict[int, list[Event]] = {}
        self.reads = True
        self.ended = False
        self._unsent = b""

    def take(self) -> None:
        """Receive all that has come."""
        while not self.ended:
            try:
                data = self.socket.recv(1 << 20)
            except BlockingIOError:
                break
            except OSError:
                data = b""
            self.ended = not data
            for stream in self.engine.receive(data, monotonic()):
                served = cast("Served", stream)
                if stream.id not in self.streams:
                    self.streams[stream.id] = self.unanswered[stream.id] = served
                elif stream.error is not None:
                    self.unanswered.pop(stream.id, None)
                events = stream.take()
                self.events.setdefault(stream.id, []).extend(events)
                if self.reads:
                    self.engine.consumed(stream, sum(len(each) for each in events if isinstance(each, bytes)))
        self.flush()

    def flush(self) -> None:
        """Send what there is to be sent, as far as the socket takes it."""
        self.say(b"")
        while not self._unsent and (data := self.engine.outgoing()):
            self.say(data)

    def say(self, data: bytes) -> None:
        """Send any bytes."""
        self._unsent += data
        while self._unsent and not self.ended:
            try:
                self._unsent = self._unsent[self.socket.send(self._unsent) :]
            except BlockingIOError:
                return
            except OSError:
                self.ended = True

    def is_complete(self, number: int) -> bool:
        return any(isinstance(event, End) for event in self.events[number])

    def head(self, number: int) -> RequestHead:
        head = self.events[number][0]
        assert isinstance(head, RequestHead)
        return head

    def body(self, number: int) -> bytes:
        return b"".join(event for event in self.events[number] if isinstance(event, bytes))

    def answer(self, number: int, body: bytes = b"", status: int = 200, *, end: bool = True) -> None:
        """Answer a request, or begin to."""
        stream = self.streams[number]
        self.unanswered.pop(number, None)
        self.engine.respond(stream, status, b"", len(body) if end else None)
        if body:
            self.engine.send_data(stream, body)
        if end and not stream.sent:
            self.engine.send_end(stream)
        self.flush()

    def settle(self, *settings: tuple[int, int]) -> None:
        """Say what holds from now on; the engine has to know that it will be acknowledged."""
        self.engine._unacknowledged += 1
        self.say(h2wire.settings(*settings))

    @property
    def is_choked(self) -> bool:
        """Whether the socket has to take something before more is sent."""
        return bool(self._unsent)

    def close(self) -> None:
        self.socket.close()


Act = Callable[[Peer], None]


def echo(peer: Peer) -> None:
    """Answer what is complete with the path that was asked for, and the body that came."""
    peer.take()
    for number in list(peer.unanswered):
        if peer.is_complete(number):
            peer.answer(number, peer.head(number).target + peer.body(number))


def nothing(peer: Peer) -> None:
    """Take what comes."""
    peer.take()


class LoopHost(InlineHost):
    """Passes for an event loop, and turns its reactor in the caller's thread.

    Attributes:
        act: what others do whenever somebody waits.
        calls: what is left for the end of the turn.
    """

    __slots__ = ("act", "calls", "reactor")

    blocking = False
    turned = True
    reactor: Any

    def __init__(self, act: Callable[[], None]) -> None:
        self.reactor = Reactor()
        self.act = act
        self.calls: list[Callable[[], None]] = []

    def adopt(self, connection: Any, /) -> None:
        if connection.reactor is None:
            connection.join(self.reactor)

    def share(self, connection: Any, /) -> None:
        connection.be_turned(self.reactor, self.later)

    def later(self, call: Callable[[], None], /) -> None:
        self.calls.append(call)

    def arm(self, waiter: Waiter, /) -> None:
        self.reactor.arm(waiter, waiter.deadline)

    def turn(self) -> None:
        calls, self.calls = self.calls, []
        for call in calls:
            call()
        self.act()
        self.reactor.turn(0.0)

    async def wait(self, waiter: Waiter, /) -> None:
        for _ in range(1000):
            if waiter.done:
                return
            self.turn()
        raise AssertionError("it waits for ever")


class World:
    """A pool that dials socketpairs.

    Args:
        act: what each peer does when it is its turn.
        host: who waits; passes for an event loop if there is none.
        buffer: bytes that the near sockets keep for sending; 0 is what the system thinks.
        settings: said after the greeting of each peer: numbers and values.
        limits: of the pool.
        apart: whether each peer acts in a thread of its own.
    """

    def __init__(
        self,
        act: Act = echo,
        host: Any = None,
        *,
        buffer: int = 0,
        settings: Sequence[tuple[int, int]] = (),
        limits: Limits | None = None,
        route: Route = ROUTE,
        apart: bool = False,
    ) -> None:
        self._acting = threading.RLock()
        self._act = act
        self.peers: list[Peer] = []
        self.host = host or LoopHost(self.acted)
        self.pool: Pool[Any] = Pool(limits or Limits(), threading.Lock, self.host.deliver, self.host.turned)
        self.route = route
        self.lane = self.pool.lane(route)
        self.transport = PooledTransport(self.host, self.pool, cast("Any", self))
        self.link: Callable[[socket.socket], SocketLink] = SocketLink
        self._buffer = buffer
        self._settings = settings
        self._apart = apart
        self._threads: list[threading.Thread] = []

    @property
    def act(self) -> Act:
        """What each peer does, from the moment on in which it is said."""
        return self._act

    @act.setter
    def act(self, act: Act) -> None:
        with self._acting:
            self._act = act

    def acted(self) -> None:
        """Let each peer act."""
        with self._acting:
            for peer in self.peers:
                self.act(peer)

    async def dial(self, host: Any, route: Route, deadline: Deadline, session: Any = None) -> SocketLink:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        if self._buffer:
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._buffer)
        peer = Peer(theirs)
        self.peers.append(peer)
        peer.flush()
        if self._settings:
            peer.settle(*self._settings)
        link = self.link(ours)
        if self._apart:
            self._threads.append(threading.Thread(target=self._serve, args=(peer,), daemon=True))
            self._threads[-1].start()
        elif not self.host.turned:

            def send(data: bytes | memoryview, /) -> int:
                size = ours.send(data)
                self.act(peer)
                return size

            link.send = send
        return link

    def _serve(self, peer: Peer) -> None:
        while not peer.ended:
            select.select([peer.socket], [peer.socket] if peer.is_choked else [], [])
            with self._acting:
                self.act(peer)

    @property
    def peer(self) -> Peer:
        return self.peers[-1]

    @property
    def connection(self) -> HTTP2Connection:
        """The last of those that are shared."""
        connection = self.lane.shared[-1]
        assert isinstance(connection, HTTP2Connection)
        return connection

    async def asend(self, request: Request = GET, timeout: Timeout | None = None, goal: int = COLLECTED) -> Exchange:
        deadline = Deadline(timeout or Timeout(), False, monotonic())
        return await self.transport.send(request, self.route, deadline, None, goal)

    def send(self, request: Request = GET, timeout: Timeout | None = None, goal: int = COLLECTED) -> Exchange:
        return run_inline(self.asend(request, timeout, goal))

    async def aget(self, request: Request = GET, timeout: Timeout | None = None) -> bytes:
        return await (await self.asend(request, timeout)).collect(self.host)

    def get(self, request: Request = GET, timeout: Timeout | None = None) -> bytes:
        return run_inline(self.aget(request, timeout))

    def stream(self, request: Request = GET, timeout: Timeout | None = None) -> Exchange:
        return self.send(request, timeout, HEAD)

    def begin(self, request: Request = GET, limit: int | None = None, **timeout: Any) -> Exchange:
        """An exchange under way for which nobody waits."""
        guest = self.pool.take(self.lane)
        assert isinstance(guest, Guest)
        deadline = Deadline(Timeout(**timeout), False, monotonic())
        exchange = guest.entertain(None, self.pool, self.lane, deadline, limit)
        assert exchange is not None
        exchange.request = request
        body = request.body
        guest.write(guest.begin(exchange, request, -1 if body is None else request.framing()))
        return exchange

    def turn(self, times: int = 3) -> None:
        for _ in range(times):
            self.host.turn()

    def close(self) -> None:
        self.pool.close()
        for connection in list(self.lane.shared):
            connection.close()
        for thread in self._threads:
            thread.join(10)
        for peer in self.peers:
            peer.close()


def until(condition: Callable[[], object]) -> None:
    """Wait for what another thread does."""
    pause = threading.Event()
    for _ in range(10_000):
        if condition():
            return
        pause.wait(0.001)
    raise AssertionError("it does not come about")


class Work(threading.Thread):
    """Something done in a thread, whose outcome is asked for."""

    def __init__(self, work: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self._work = work
        self._result: Any = None
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self._result = self._work()
        except BaseException as error:
            self._error = error

    def outcome(self, seconds: float = 30) -> Any:
        """What came of it; an exception is given, not raised."""
        self.join(seconds)
        assert not self.is_alive(), "it waits for ever"
        return self._result if self._error is None else self._error


Make = Callable[..., World]


@contextmanager
def worlds(host: Callable[[], Any] = lambda: None) -> Iterator[Make]:
    """Gives what makes worlds, see `World`; they are closed at the end.

    Args:
        host: makes the host of each.
    """
    made: list[World] = []

    def make(act: Any = echo, **options: Any) -> World:
        made.append(World(act, host(), **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


def warm(make: Make, act: Any = echo, **options: Any) -> tuple[World, HTTP2Connection]:
    """A world whose connection has carried a request."""
    world = make(**options)
    assert world.get(get("/warm")) == b"/warm"
    world.act = act
    return world, world.connection
