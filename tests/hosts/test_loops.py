"""Reactors that leave the polling to asyncio, and links over its transports."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from time import monotonic
from typing import Any
from weakref import ref

import pytest

from courser.core.reactor import READ, WRITE
from courser.core.route import Route
from courser.core.waiter import FOREVER
from courser.errors import ConnectError
from courser.hosts import loops as module
from courser.hosts.loops import FULL, LoopReactor, TransportLink, TransportNetwork

ROUTE = Route("http", "a", 80)


class Entry:
    def __init__(self, sock: socket.socket | None = None) -> None:
        self.socket = sock
        self.deadline = self.armed = FOREVER
        self.told: list[Any] = []
        self.raises = False

    def fileno(self) -> int:
        return -1 if self.socket is None else self.socket.fileno()

    def ready(self, mask: int, now: float) -> None:
        self.told.append(mask)
        if self.raises:
            raise ZeroDivisionError

    def expire(self, now: float) -> None:
        self.told.append("expired")
        self.deadline = FOREVER

    def fail(self, error: BaseException) -> None:
        self.told.append(type(error))


def in_loop(body: Callable[[asyncio.AbstractEventLoop], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        await body(asyncio.get_running_loop())

    asyncio.run(main())


async def turns(count: int = 3) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def elsewhere(call: Callable[[], Any]) -> None:
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()


class Ending:
    """A loop that is closed right after somebody has looked."""

    def is_closed(self) -> bool:
        return False

    def call_soon_threadsafe(self, *call: Any) -> None:
        raise RuntimeError("Event loop is closed")


# Deadlines and posts


def test_deadlines_are_kept() -> None:
    scheduled: list[float] = []

    async def body(loop: asyncio.AbstractEventLoop) -> None:
        reactor = LoopReactor(loop, scheduled.append)
        soon, later = Entry(), Entry()
        soon.deadline, later.deadline = 1.0, 5e9
        reactor.arm(later, 5e9)
        reactor.arm(soon, 1.0)
        reactor.arm(Entry(), 6e9)
        assert reactor.due == 1.0
        reactor.turn()
        assert soon.told == ["expired"]
        later.deadline = FOREVER
        reactor._timers.fire(7e9)
        reactor.turn()
        reactor.close()

    in_loop(body)

    assert scheduled == [5e9, 1.0, 5e9]


def test_calls_are_posted_to_the_loop() -> None:
    async def body(loop: asyncio.AbstractEventLoop) -> None:
        called: list[int] = []
        reactor = LoopReactor(loop, lambda when: None)
        elsewhere(lambda: reactor.post(lambda: called.append(threading.get_ident())))
        await turns()
        assert called == [threading.get_ident()]

    in_loop(body)


@pytest.mark.parametrize("kind", ["closed", "closing", "gone"])
def test_nothing_is_posted_to_a_loop_that_is_over(kind: str) -> None:
    loop: Any = Ending() if kind == "closing" else asyncio.new_event_loop()
    reactor = LoopReactor(loop, lambda when: None)
    if kind != "closing":
        loop.close()
    if kind == "gone":
        del loop
        gc.collect()
    reactor.post(lambda: None)


def test_a_link_speaks_up() -> None:
    async def body(loop: asyncio.AbstractEventLoop) -> None:
        reactor = LoopReactor(loop, lambda when: None)
        entry, link = Entry(), TransportLink(loop)
        reactor.hear(entry, link)
        await turns()
        assert entry.told == [READ | WRITE]
        link._notify()
        assert entry.told == [READ | WRITE] * 2
        elsewhere(link._notify)
        await turns()
        assert entry.told == [READ | WRITE] * 3
        entry.raises = True
        link._notify()
        assert entry.told[-1] is ZeroDivisionError
        alive = ref(entry)
        del entry
        gc.collect()
        assert alive() is None
        link._notify()

    in_loop(body)


# Sockets given to the loop


def test_a_socket_is_served_by_the_loop() -> None:
    async def body(loop: asyncio.AbstractEventLoop) -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        reactor = LoopReactor(loop, lambda when: None)
        entry = Entry(ours)
        reactor.register(entry, READ)
        await turns()
        assert entry.told == []
        theirs.send(b"x")
        await turns()
        assert set(entry.told) == {READ}
        ours.recv(1)
        entry.told.clear()
        reactor.modify(entry, WRITE)
        await turns()
        assert set(entry.told) == {WRITE}
        reactor.unregister(entry)
        entry.told.clear()
        await turns()
        assert entry.told == []
        assert entry.armed == FOREVER
        reactor.release(ours)
        assert ours.fileno() == -1
        reactor.unregister(entry)
        theirs.close()

    in_loop(body)


def test_another_thread_leaves_the_closing_to_the_loop() -> None:
    async def body(loop: asyncio.AbstractEventLoop) -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        reactor = LoopReactor(loop, lambda when: None)
        entry = Entry(ours)
        reactor.register(entry, READ)
        elsewhere(lambda: reactor.unregister(entry))
        elsewhere(lambda: reactor.release(ours))
        assert ours.fileno() >= 0
        await turns()
        assert ours.fileno() == -1
        theirs.close()

    in_loop(body)


@pytest.mark.parametrize("kind", ["closed", "closing", "gone"])
def test_where_the_loop_is_over_a_socket_is_just_closed(kind: str) -> None:
    loop: Any = Ending() if kind == "closing" else asyncio.new_event_loop()
    reactor = LoopReactor(loop, lambda when: None)
    if kind != "closing":
        loop.close()
    if kind == "gone":
        del loop
        gc.collect()
    ours, theirs = socket.socketpair()
    elsewhere(lambda: reactor.release(ours))
    assert ours.fileno() == -1
    if kind != "closing":
        entry = Entry(theirs)
        reactor.unregister(entry)
        if kind == "gone":
            reactor.register(entry, READ)
        reactor.release(theirs)
    theirs.close()


class Proactor:
    """A loop that watches no sockets."""

    def is_closed(self) -> bool:
        return False

    def add_reader(self, *given: Any) -> None:
        raise NotImplementedError

    remove_reader = add_reader


def test_a_loop_that_watches_no_sockets_says_so() -> None:
    loop: Any = Proactor()
    reactor = LoopReactor(loop, lambda when: None)
    ours, theirs = socket.socketpair()
    with pytest.raises(ConnectError, match=r"Proactor cannot watch the socket .*SelectorEventLoop"):
        reactor.register(Entry(ours), READ)
    reactor.unregister(Entry(ours))
    reactor.release(ours)

    assert ours.fileno() == -1
    theirs.close()


# Links over transports


class Transport:
    """A transport that notes what it is told."""

    def __init__(self, eof: bool = True) -> None:
        self.told: list[Any] = []
        self.closing = False
        self.eof = eof
        self.socket: Any = None

    def __getattr__(self, name: str) -> Any:
        return lambda *given: self.told.append((name, *given))

    def is_closing(self) -> bool:
        return self.closing

    def can_write_eof(self) -> bool:
        return self.eof

    def get_extra_info(self, name: str) -> Any:
        return self.socket if name == "socket" else name


@pytest.fixture
def link() -> Any:
    loop = asyncio.new_event_loop()
    made = TransportLink(loop)
    made.loop = loop  # type: ignore[attr-defined]
    made.connection_made(Transport())  # type: ignore[arg-type]
    yield made
    loop.close()


def test_bytes_wait_for_their_reader(link: Any) -> None:
    woken: list[bool] = []
    link.listen(lambda: woken.append(True))
    with pytest.raises(BlockingIOError):
        link.receive(10)
    link.data_received(bytearray(b"hello"))
    link.data_received(b"there")
    assert woken == [True, True]
    assert [link.receive(3), link.receive(10), link.receive(10)] == [b"hel", b"lo", b"there"]
    link.eof_received()

    assert link.receive(10) == b""
    assert link.fileno() == -1
    link.attach(None)
    link.flush()


def test_too_much_is_not_received(link: Any) -> None:
    link.data_received(b"x" * (FULL + 1))
    assert link._transport.told == [("pause_reading",)]
    link.want(READ)
    assert link._transport.told == [("pause_reading",)]
    link.receive(FULL)

    assert link._transport.told[1:] == [("resume_reading",)]


def test_who_wants_nothing_gets_what_has_come_and_no_more(link: Any) -> None:
    """Also where what has come is read meanwhile."""
    link.data_received(b"ab")
    link.want(0)
    link.receive(1)
    link.receive(1)
    assert link._transport.told == [("pause_reading",)]
    link.want(READ)
    assert link._transport.told[1:] == [("resume_reading",)]
    link._transport.closing = True
    link.want(0)

    assert len(link._transport.told) == 2


def test_a_link_sends_until_it_is_full(link: Any) -> None:
    woken: list[bool] = []
    link.listen(lambda: woken.append(True))
    assert link.send(b"abc") == 3
    link.pause_writing()
    with pytest.raises(BlockingIOError):
        link.send(b"abc")
    link.resume_writing()
    assert woken == [True]
    assert link.send(memoryview(b"abc")) == 3
    link._transport.closing = True
    with pytest.raises(ConnectionResetError):
        link.send(b"abc")


@pytest.mark.parametrize("error", [None, BrokenPipeError(), ValueError("odd")])
def test_a_lost_connection_is_an_end_or_an_error(link: Any, error: Exception | None) -> None:
    link.data_received(b"last")
    link.connection_lost(error)
    assert link.receive(10) == b"last"
    if error is None:
        assert link.receive(10) == b""
        return
    kind = BrokenPipeError if isinstance(error, OSError) else ConnectionResetError
    with pytest.raises(kind):
        link.receive(10)
    with pytest.raises(ConnectionResetError):
        link.send(b"x")


@pytest.mark.parametrize("how", ["sending", "lost"])
def test_what_has_come_before_a_failure_is_received(link: Any, how: str) -> None:
    """A transport that could not send receives no more, though the answer is there."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    link._transport.socket = ours
    link.data_received(b"x" * (FULL + 1))
    theirs.send(b"the answer")
    link._transport.closing = True
    if how == "lost":
        link.connection_lost(BrokenPipeError())
    for _ in range(2):
        with pytest.raises(ConnectionResetError):
            link.send(b"more")

    assert link.receive(FULL + 1) == b"x" * (FULL + 1)
    assert link.receive(100) == b"the answer"
    assert link._transport.told == [("pause_reading",)]
    ours.close()
    theirs.close()


def test_an_end_that_has_come_before_a_failure_ends_the_looking(link: Any) -> None:
    ours, theirs = socket.socketpair()
    link._transport.socket = ours
    theirs.send(b"the answer")
    theirs.close()
    link.connection_lost(BrokenPipeError())

    assert link.receive(100) == b"the answer"
    ours.close()


@pytest.mark.parametrize("eof", [True, False])
def test_finishing_ends_the_sending_where_that_can_be(link: Any, eof: bool) -> None:
    link._transport.eof = eof
    link.finish()

    assert link._transport.told == ([("write_eof",)] if eof else [])


def test_finishing_asks_nobody_who_is_gone(link: Any) -> None:
    def write_eof() -> None:
        raise OSError(107, "not connected")

    link._transport.eof = True
    link._transport.write_eof = write_eof
    link.finish()


def test_closing_aborts(link: Any) -> None:
    assert link.info() == {"peer": "peername", "local": "sockname"}
    link.close()

    assert link._transport.told == [("abort",)]


def test_another_thread_asks_the_loop_to_abort(link: Any) -> None:
    elsewhere(link.close)
    assert link._transport.told == []
    link.loop.run_until_complete(turns())

    assert link._transport.told == [("abort",)]


def test_where_the_loop_is_over_nothing_is_aborted(link: Any) -> None:
    ending: Any = Ending()
    other = TransportLink(ending)
    other.close()
    other.connection_made(Transport())  # type: ignore[arg-type]
    elsewhere(other.close)
    link.loop.close()
    link.close()

    assert link._transport.told == []


# Connecting


def connect(route: Route, *addresses: Any) -> Any:
    """Connect and send and receive something."""

    async def main() -> Any:
        link = await TransportNetwork().open(list(addresses), route)
        link.send(b"hello")
        while True:
            try:
                answer = link.receive(100)
                break
            except BlockingIOError:
                await asyncio.sleep(0.001)
        peer = link.info()["peer"]
        link.close()
        await turns()
        return answer, peer

    return asyncio.run(main())


@pytest.fixture
def server() -> Any:
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=answer, args=(listener,))
    thread.start()
    yield listener.getsockname()
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(10)


def answer(listener: socket.socket) -> None:
    while True:
        try:
            sock, _ = listener.accept()
        except OSError:
            return
        with sock:
            sock.settimeout(5)
            try:
                sock.sendall(sock.recv(100)[::-1])
            except OSError:
                pass


def closed() -> Any:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return (socket.AF_INET, sock.getsockname())


def test_the_loop_connects(server: Any) -> None:
    route = ROUTE._replace(socket_options=((socket.SOL_SOCKET, socket.SO_SNDBUF, 10000),))

    assert connect(route, (socket.AF_INET, server)) == (b"olleh", server)


def test_the_next_address_is_tried(server: Any) -> None:
    assert connect(ROUTE, closed(), (socket.AF_INET, server)) == (b"olleh", server)


def test_no_address_answers() -> None:
    with pytest.raises(ConnectionRefusedError):
        connect(ROUTE, closed(), closed())


def test_a_unix_socket_is_connected(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        thread = threading.Thread(target=answer, args=(listener,))
        thread.start()
        assert connect(ROUTE._replace(uds=path), (socket.AF_UNIX, path))[0] == b"olleh"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def test_an_option_that_is_refused_leaves_nothing_open(server: Any) -> None:
    async def main() -> None:
        route = ROUTE._replace(socket_options=((socket.SOL_SOCKET, 9999, 1),))
        with pytest.raises(OSError, match=r".") as caught:
            await TransportNetwork().open([(socket.AF_INET, server)], route)
        del caught
        await turns()

    asyncio.run(main())
    gc.collect()


class Racers:
    """Attempts that end as a test says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **attempts: Any) -> None:
        self.attempts = attempts
        self.closed: list[str] = []
        self.started: list[str] = []
        monkeypatch.setattr(module, "_open", self.open)

    async def open(self, address: Any, route: Route) -> Any:
        name = address
        self.started.append(name)
        seconds, stubborn = self.attempts[name]
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            if not stubborn:
                raise
        link = TransportLink(asyncio.get_running_loop())
        link.name = name  # type: ignore[attr-defined]
        link.close = lambda: self.closed.append(name)  # type: ignore[method-assign]
        return link


def test_a_slow_attempt_is_overtaken_and_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEAD_START", 0.001)
    racers = Racers(monkeypatch, slow=(10, False), late=(10, True), quick=(0, False))
    addresses: Any = ["slow", "late", "quick"]
    link: Any = asyncio.run(TransportNetwork().open(addresses, ROUTE))

    assert link.name == "quick"
    assert racers.closed == ["late"]


def test_of_two_that_connect_at_once_one_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEAD_START", 0.0)
    racers = Racers(monkeypatch, one=(0, False), other=(0, False))

    async def both(*given: Any, **options: Any) -> Any:
        if len(racers.started) < 2:
            await asyncio.sleep(0)
            return set(), given[0]
        await turns(9)
        return given[0], set()

    monkeypatch.setattr(module.asyncio, "wait", both)
    addresses: Any = ["one", "other"]
    link: Any = asyncio.run(TransportNetwork().open(addresses, ROUTE))

    assert {link.name, *racers.closed} == {"one", "other"}


def test_a_cancelled_race_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    racers = Racers(monkeypatch, late=(10, True))

    async def main() -> None:
        addresses: Any = ["late"]
        task = asyncio.ensure_future(TransportNetwork().open(addresses, ROUTE))
        await turns()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    began = monotonic()
    asyncio.run(main())

    assert racers.closed == ["late"]
    assert monotonic() < began + 5
