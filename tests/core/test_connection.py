"""Connections: what is unsent, what is of interest, when the time is up, and who closes the descriptor."""

from __future__ import annotations

import errno
import gc
import socket
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any
from weakref import ref

import pytest

from courser.core import connection as connection_module
from courser.core.connection import Connection
from courser.core.lane import Lane, Permit
from courser.core.link import RECEIVE_FIRST, RECEIVE_MOST, SocketLink
from courser.core.pool import Pool
from courser.core.reactor import READ, WRITE, Reactor
from courser.core.route import Route
from courser.core.waiter import FOREVER
from courser.settings import Limits

NO_LIMITS = Limits(keepalive_expiry=None)


class Heard(Connection):
    """A connection that writes down what it hears."""

    def __init__(self, link: Any, permit: Any = None) -> None:
        self.told: list[Any] = []
        self.data = b""
        self.owed = 0
        super().__init__(link, permit or FakePermit(), monotonic())

    def due(self) -> int:
        return self.owed

    def received(self, data: bytes, now: float) -> None:
        self.data += data
        self.told.append("received" if data else "end")
        if not data:
            self.close()

    def lost(self, error: OSError, now: float, *, sending: bool) -> None:
        self.told.append(("lost", type(error), sending))
        if not sending:
            self.close()

    def flushed(self, now: float) -> None:
        self.told.append("flushed")

    def expire(self, now: float) -> None:
        self.deadline = FOREVER
        self.told.append("expired")

    def fail(self, error: BaseException) -> None:
        self.told.append(error)


class FakePermit:
    released = 0

    def release(self) -> None:
        self.released += 1


Pair = tuple[Heard, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16384)
    connection = Heard(SocketLink(ours))
    with theirs:
        yield connection, theirs
    connection.close()


@pytest.fixture
def reactor() -> Iterator[Reactor]:
    made = Reactor()
    yield made
    made.close()


def swallow(sock: socket.socket, size: int) -> None:
    while size > 0:
        size -= len(sock.recv(min(size, 2**20)))


# Alone


def test_it_waits_for_itself_alone(pair: Pair) -> None:
    connection, peer = pair
    peer.send(b"hello")
    connection.step()

    assert connection.data == b"hello"
    assert not connection.broken


def test_its_own_deadline_ends_the_wait(pair: Pair) -> None:
    connection, _ = pair
    connection.arm(monotonic() + 0.005)
    while "expired" not in connection.told:
        connection.step()
    connection.arm(1.0)
    connection.step()

    assert connection.told == ["expired", "expired"]


def test_a_deadline_may_be_further_away_than_a_poll_object_can_wait(pair: Pair) -> None:
    connection, peer = pair
    connection.arm(monotonic() + 1e9)
    peer.send(b"hello")
    connection.step()

    assert connection.data == b"hello"


def test_a_wait_that_ends_early_is_no_deadline(pair: Pair) -> None:
    """poll may come back with nothing before the time."""
    connection, _ = pair
    connection._poll = lambda timeout: []
    connection.arm(monotonic() + 100.0)
    connection.step()

    assert connection.told == []


def test_an_upload_and_its_answer_need_no_reactor(pair: Pair) -> None:
    """A fresh connection that had to wait for room reads afterwards as any other."""
    connection, peer = pair
    connection.write(b"x" * 10**6)
    assert connection.pending
    swallow(peer, 10**6 - len(b"".join(map(bytes, connection.unsent))))
    while connection.pending:
        connection.step()
        peer.setblocking(False)
        try:
            while peer.recv(2**20):
                pass
        except BlockingIOError:
            pass
    assert set(connection.told) == {"flushed"}
    assert connection.written == 10**6
    peer.send(b"thanks")
    connection.arm(monotonic() + 5)
    connection.step()

    assert connection.data == b"thanks"


def test_an_answer_is_heard_while_an_upload_waits(pair: Pair) -> None:
    connection, peer = pair
    connection.write(b"x" * 10**6)
    peer.send(b"enough")
    connection.arm(monotonic() + 5)
    connection.step()

    assert connection.data == b"enough"
    assert connection.pending


# In a reactor


def test_a_reactor_turns_it(pair: Pair, reactor: Reactor) -> None:
    connection, peer = pair
    connection.join(reactor)
    peer.send(b"hello")
    reactor.turn()
    assert connection.data == b"hello"
    connection.leave()
    connection.leave()
    peer.send(b"again")
    reactor.turn()
    assert connection.data == b"hello"
    connection.step()

    assert connection.data == b"helloagain"


def test_a_paused_connection_hears_nothing_not_even_its_end(pair: Pair, reactor: Reactor) -> None:
    connection, peer = pair
    connection.join(reactor)
    connection.pause()
    connection.pause()
    peer.send(b"hello")
    peer.close()
    assert reactor.poller.poll(0) == []
    connection.resume()
    reactor.turn()

    assert connection.data == b"hello"


def test_a_deadline_is_kept_through_a_pause(pair: Pair, reactor: Reactor) -> None:
    connection, _ = pair
    connection.join(reactor)
    connection.arm(5.0)
    connection.pause()
    assert connection.armed == 5.0, "the heap still knows it"
    connection.resume()
    reactor.turn()

    assert connection.told == ["expired"]


def test_a_later_deadline_costs_the_reactor_nothing(pair: Pair, reactor: Reactor) -> None:
    connection, _ = pair
    connection.join(reactor)
    connection.arm(monotonic() + 100)
    armed = connection.armed
    connection.arm(monotonic() + 200)

    assert connection.armed == armed


def test_a_paused_connection_goes_on_sending(pair: Pair, reactor: Reactor) -> None:
    connection, peer = pair
    connection.join(reactor)
    connection.write(b"x" * 10**6)
    connection.pause()
    peer.send(b"not now")
    received = 0
    while received < 10**6:
        received += len(peer.recv(2**20))
        reactor.turn()
    assert set(connection.told) == {"flushed"}
    assert reactor.poller.poll(0) == []
    connection.resume()
    reactor.turn()

    assert connection.data == b"not now"


def test_it_is_told_whenever_the_link_takes_something(pair: Pair, reactor: Reactor) -> None:
    connection, peer = pair
    connection.join(reactor)
    connection.write(b"x" * 10**6)
    connection.ready(WRITE, 5.0)
    assert connection.told == []
    swallow(peer, connection.written)
    reactor.turn()
    assert connection.told == ["flushed"]

    assert connection.pending


@pytest.mark.parametrize("paused", [False, True])
def test_what_waits_may_be_given_up(pair: Pair, reactor: Reactor, paused: bool) -> None:
    connection, peer = pair
    connection.join(reactor)
    connection.write(b"x" * 10**6)
    if paused:
        connection.pause()
    connection.forgo()
    assert not connection.pending
    swallow(peer, connection.written)
    reactor.turn()
    assert connection.told == []
    connection.resume()
    peer.send(b"hello")
    reactor.turn()
    assert connection.data == b"hello"
    connection.close()
    connection.forgo()


def test_what_tls_has_made_is_not_given_up(pair: Pair) -> None:
    class Keeping(SocketLink):
        wants_write = True

    connection, _ = pair
    connection.link = Keeping(connection.link.socket)  # type: ignore[attr-defined]
    connection._interest = READ | WRITE
    connection.forgo()

    assert connection._interest == READ | WRITE


def test_a_look_takes_what_has_come_and_waits_for_nothing(pair: Pair) -> None:
    connection, peer = pair
    connection.look()
    peer.send(b"hello")
    connection.look()
    connection.look()
    assert connection.data == b"hello"
    connection.close()
    connection.look()

    assert connection.told == ["received"]


def test_a_look_turns_the_reactor(pair: Pair, reactor: Reactor) -> None:
    connection, peer = pair
    connection.join(reactor)
    peer.send(b"hello")
    connection.look()

    assert connection.data == b"hello"


def test_what_waits_is_sent_in_order(pair: Pair, reactor: Reactor) -> None:
    connection, peer = pair
    connection.join(reactor)
    connection.write(b"a" * 10**6)
    connection.write(b"b" * 10)
    connection.resume()
    parts = []
    while connection.pending:
        parts.append(peer.recv(2**20))
        reactor.turn()
    peer.settimeout(5)
    while sum(map(len, parts)) < 10**6 + 10:
        parts.append(peer.recv(2**20))

    assert b"".join(parts) == b"a" * 10**6 + b"b" * 10
    assert "flushed" in connection.told


def test_a_pause_means_nothing_to_a_connection_alone(pair: Pair) -> None:
    connection, _ = pair
    connection.pause()
    connection.resume()
    connection.close()
    connection.resume()


def test_it_can_be_used_alone_after_a_reactor_and_the_other_way_round(pair: Pair, reactor: Reactor) -> None:
    connection, peer = pair
    connection.write(b"x" * 10**6)
    swallow(peer, connection.written)
    connection.unsent.clear()
    connection.join(reactor)
    connection.leave()
    peer.send(b"hello")
    connection.step()

    assert connection.data == b"hello"
    assert connection.usable(NO_LIMITS, monotonic())


# Links that misbehave


class Scripted:
    """A link that does what a test says, one step for each call."""

    encrypted = False
    alpn: str | None = None
    session: Any = None
    again_above = 1
    send_most = 4
    wants_write = False

    def __init__(self, *receives: Any) -> None:
        self.receives = deque(receives)
        self.sends: deque[Any] = deque()
        self.sent: list[bytes] = []
        self.wanted: list[int] = []
        self.flushes: deque[Any] = deque()
        self.wake: Callable[[], None] | None = None
        self.closed = False

    def receive(self, size: int) -> bytes:
        step = self.receives.popleft() if self.receives else BlockingIOError()
        if isinstance(step, BaseException):
            raise step
        assert isinstance(step, bytes)
        return step

    def send(self, data: bytes | memoryview) -> int:
        step = self.sends.popleft() if self.sends else len(data)
        if isinstance(step, BaseException):
            raise step
        size = min(int(step), len(data))
        self.sent.append(bytes(data[:size]))
        return size

    def flush(self) -> None:
        step = self.flushes.popleft()
        if isinstance(step, BaseException):
            raise step
        self.wants_write = step

    def fileno(self) -> int:
        return -1

    def attach(self, release: Any) -> None:
        raise AssertionError("there is no descriptor")

    def listen(self, wake: Callable[[], None] | None) -> None:
        self.wake = wake

    def want(self, interest: int) -> None:
        self.wanted.append(interest)

    def finish(self) -> None:
        """Nothing to say."""

    def close(self) -> None:
        self.closed = True

    def info(self) -> dict[str, Any]:
        return {}


def test_large_pieces_are_offered_in_parts() -> None:
    link = Scripted()
    connection = Heard(link)
    connection.write(b"0123456789")

    assert link.sent == [b"0123", b"4567", b"89"]
    assert connection.written == 10
    assert not connection.pending


def test_a_part_that_was_not_taken_is_offered_again_unchanged() -> None:
    link = Scripted()
    link.sends.extend([BlockingIOError(), BlockingIOError()])
    connection = Heard(link)
    connection.write(b"abc")
    connection.write(b"d")
    assert link.wanted == [READ | WRITE]
    connection.ready(WRITE, 0.0)

    assert link.sent == [b"abc", b"d"]
    assert link.wanted == [READ | WRITE, READ]
    assert connection.told == ["flushed"]


def test_a_link_that_keeps_something_is_flushed() -> None:
    link = Scripted()
    connection = Heard(link)
    link.wants_write = True
    connection.write(b"abc")
    assert connection.pending
    assert link.wanted == [READ | WRITE]
    link.flushes.extend([True, False])
    connection.ready(WRITE, 0.0)
    assert connection.told == []
    connection.ready(WRITE, 0.0)

    assert connection.told == ["flushed"]
    assert link.wanted == [READ | WRITE, READ]


def test_what_a_link_gets_rid_of_while_it_is_received_from_is_told_of() -> None:
    link = Scripted()
    connection = Heard(link)
    link.wants_write = True
    connection.write(b"abc")
    link.wants_write = False  # TLS answers a key update, and sends what it has kept before that
    connection.ready(WRITE, 0.0)

    assert connection.told == ["flushed"]
    assert link.wanted == [READ | WRITE, READ]


def test_a_link_that_cannot_be_flushed_is_lost() -> None:
    link = Scripted()
    connection = Heard(link)
    link.wants_write = True
    link.flushes.append(BrokenPipeError())
    connection.ready(WRITE, 0.0)

    assert connection.told[0] == ("lost", BrokenPipeError, True)


def test_an_answer_is_read_before_a_failed_send_is_told() -> None:
    link = Scripted(b"too large")
    link.sends.extend([2, BrokenPipeError()])
    connection = Heard(link)
    connection.write(b"abc")

    assert connection.data == b"too large"
    assert connection.told == ["received", ("lost", BrokenPipeError, True)]
    assert not connection.pending


class Attentive(Heard):
    """Reads all that the peer has sent, and has an answer to each piece."""

    hears_out = True

    def received(self, data: bytes, now: float) -> None:
        super().received(data, now)
        if data:
            self.write(b"answer")


@pytest.mark.parametrize("ends", [False, True])
def test_all_that_has_come_may_be_read_before_a_failed_send_is_told(pair: Pair, ends: bool) -> None:
    link, peer = pair[0].link, pair[1]
    peer.send(b"x" * (RECEIVE_FIRST + 1000))
    if ends:
        peer.close()
    connection = Attentive(link)
    sent: list[bytes] = []

    def send(data: bytes | memoryview, /) -> int:
        sent.append(bytes(data))
        raise BrokenPipeError

    link.send = send  # type: ignore[method-assign]
    connection.write(b"abc")

    assert len(connection.data) == RECEIVE_FIRST + 1000
    assert sent == [b"abc", b"answer", b"answer"]
    assert connection.told[:2] == ["received", "received"]
    assert connection.told[2] == ("end" if ends else ("lost", BrokenPipeError, True))


def test_a_peer_that_sends_on_and_on_is_not_heard_out(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    link, peer = pair[0].link, pair[1]
    peer.send(b"x" * 10)
    monkeypatch.setattr(connection_module, "LAST_RECEIVES", 3)
    connection = Attentive(link)
    connection._receive = lambda size: b"y"

    def send(data: bytes | memoryview, /) -> int:
        raise BrokenPipeError

    link.send = send  # type: ignore[method-assign]
    connection.write(b"abc")

    assert connection.data == b"yyyy"
    assert connection.told[-1] == ("lost", BrokenPipeError, True)


def test_a_failed_send_whose_end_was_read_is_an_end() -> None:
    link = Scripted(b"")
    link.sends.append(BrokenPipeError())
    connection = Heard(link)
    connection.write(b"abc")

    assert connection.told == ["end"]


def test_a_peer_that_takes_no_more_is_not_asked_again_and_again() -> None:
    link = Scripted()
    link.sends.extend([BlockingIOError(), BlockingIOError(), BrokenPipeError()])
    connection = Heard(link)
    connection.write(b"abc")
    connection.ready(WRITE, 0.0)

    assert link.wanted == [READ | WRITE, READ]


def test_a_link_in_memory_is_read_until_it_is_dry() -> None:
    """No poll object tells of what it holds."""
    connection = Heard(Scripted(*[b"x" * RECEIVE_MOST] * 3))
    connection.ready(READ, 0.0)

    assert len(connection.data) == 3 * RECEIVE_MOST


def test_one_turn_takes_so_much_and_no_more() -> None:
    link = Scripted(*[b"x" * RECEIVE_MOST] * 3)
    link.again_above = 4096
    connection = Heard(link)
    connection.ready(READ, 0.0)

    assert len(connection.data) == RECEIVE_MOST


def test_a_full_receive_makes_the_next_one_larger(pair: Pair) -> None:
    connection, peer = pair
    assert connection._size == RECEIVE_FIRST
    peer.send(b"x" * (RECEIVE_FIRST - 1))
    connection.step()
    assert connection._size == RECEIVE_FIRST
    peer.send(b"x" * RECEIVE_FIRST)
    connection.step()

    assert connection._size == RECEIVE_MOST


def test_a_read_that_has_to_write_first_says_so() -> None:
    link = Scripted()
    link.wants_write = True
    connection = Heard(link)
    connection.ready(READ, 0.0)

    assert link.wanted == [READ | WRITE]


def test_a_broken_link_is_lost() -> None:
    connection = Heard(Scripted(ConnectionResetError()))
    connection.ready(READ, 0.0)

    assert connection.told == [("lost", ConnectionResetError, False)]
    assert connection.closed
    connection.ready(READ, 0.0)


def test_an_exception_on_the_way_to_the_reader_breaks_the_connection() -> None:
    """What was received is lost; nobody may go on with the rest."""

    class Struck(Heard):
        def received(self, data: bytes, now: float) -> None:
            raise KeyboardInterrupt

    connection = Struck(Scripted(b"x"))
    with pytest.raises(KeyboardInterrupt):
        connection.ready(READ, 0.0)

    assert connection.broken
    assert not connection.usable(NO_LIMITS, 0.0)
    assert "broken" in repr(connection)


def test_a_link_without_a_descriptor_is_turned_by_its_reactor(reactor: Reactor) -> None:
    link = Scripted(b"x")
    connection = Heard(link)
    connection.join(reactor)
    connection.step()
    assert connection.data == b"x"
    assert connection.usable(NO_LIMITS, monotonic())
    connection.leave()

    assert link.wake is None
    assert link.wanted == []
    connection.close()


def test_who_leaves_a_link_without_a_descriptor_leaves_it_as_it_was(reactor: Reactor) -> None:
    """Whoever takes it over knows nothing of a pause."""
    link = Scripted()
    connection = Heard(link)
    connection.join(reactor)
    connection.pause()
    connection.leave()

    assert link.wanted == [0, READ]
    connection.close()


# The end


def test_an_idle_connection_is_looked_at_once(pair: Pair) -> None:
    connection, peer = pair
    now = monotonic()
    assert connection.usable(NO_LIMITS, now)
    assert not connection.usable(Limits(keepalive_expiry=5), now + 10)
    assert not connection.usable(Limits(keepalive_expiry=None, max_connection_age=5), now + 10)
    assert connection.usable(Limits(keepalive_expiry=50, max_connection_age=50), now + 10)
    peer.send(b"unasked")

    assert not connection.usable(NO_LIMITS, now)


def test_a_turned_connection_hears_of_its_end_by_itself(pair: Pair, reactor: Reactor) -> None:
    connection, peer = pair
    connection.join(reactor)
    assert connection.usable(NO_LIMITS, monotonic())
    peer.close()
    reactor.turn()

    assert not connection.usable(NO_LIMITS, monotonic())


def test_closing_leaves_the_reactor_and_the_pool(pair: Pair, reactor: Reactor) -> None:
    connection, _ = pair
    pool: Pool[Any] = Pool(Limits(), lambda: FakeLock(), lambda waiter: None, True)  # type: ignore[arg-type]
    lane = pool.lane(Route("http", "a", 80))
    connection.join(reactor)
    pool.put(connection, lane)
    assert pool.idle == 1
    connection.close()
    connection.close()

    assert pool.idle == 0
    assert connection.link.fileno() == -1
    assert reactor.poller.poll(0) == []
    assert "closed" in repr(connection)


class FakeLock:
    def acquire(self, blocking: bool) -> bool:
        return True

    def release(self) -> None:
        """Nothing is locked."""


def test_a_pool_that_is_gone_is_not_told(pair: Pair) -> None:
    connection, _ = pair
    pool: Pool[Any] = Pool(Limits(), lambda: FakeLock(), lambda waiter: None, True)  # type: ignore[arg-type]
    connection.home = ref(pool)
    del pool
    connection.close()

    assert connection.closed


def test_a_connection_that_nobody_holds_is_closed_and_gives_its_permit_back(reactor: Reactor) -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    permit = FakePermit()
    connection = Heard(SocketLink(ours), permit)
    connection.join(reactor)
    alive = ref(connection)
    assert "open" in repr(connection)
    del connection
    gc.collect()

    assert alive() is None
    assert permit.released == 1
    assert ours.fileno() == -1
    assert theirs.recv(1) == b""
    theirs.close()


def test_a_child_process_closes_its_copy_and_keeps_the_permit(pair: Pair, reactor: Reactor) -> None:
    connection, _ = pair
    connection.join(reactor)
    connection.forget()

    assert connection.closed
    assert connection.fileno() >= 0
    assert connection.link.fileno() == -1


def test_a_child_process_leaves_a_transport_alone() -> None:
    """It would take itself out of a poll object that the parent goes on to use."""
    link = Scripted()
    connection = Heard(link)
    connection.forget()

    assert connection.closed
    assert not link.closed


def test_the_base_knows_no_protocol() -> None:
    connection = Connection(Scripted(), FakePermit(), 0.0)  # type: ignore[arg-type]
    connection.flushed(0.0)
    assert connection.due() == 0
    for call in (
        lambda: connection.received(b"", 0.0),
        lambda: connection.lost(OSError(), 0.0, sending=True),
        lambda: connection.expire(0.0),
        lambda: connection.fail(OSError()),
    ):
        with pytest.raises(NotImplementedError):
            call()


def test_a_permit_may_be_real() -> None:
    pool: Pool[Any] = Pool(Limits(max_connections=1), lambda: FakeLock(), lambda waiter: None, False)  # type: ignore[arg-type]
    lane = pool.lane(Route("http", "a", 80))
    permit = pool.open(lane)
    assert isinstance(permit, Permit)
    connection = Heard(Scripted(), permit)
    connection.close()

    assert not pool.permits


def test_what_fits_leaves_at_once(pair: Pair) -> None:
    connection, peer = pair
    connection.write(b"hello")
    connection.ready(READ | WRITE, 0.0)

    assert peer.recv(100) == b"hello"
    assert not connection.pending
    assert connection.told == []


def test_reading_goes_on_while_something_is_unsent() -> None:
    link = Scripted(b"hello")
    link.sends.extend([BlockingIOError()] * 3)
    connection = Heard(link)
    connection.write(b"abc")
    connection.ready(READ | WRITE, 0.0)

    assert connection.data == b"hello"
    assert connection.pending


# Large bodies


class Marked(Scripted):
    """A link over a socket, as far as its poll object is concerned.

    Each wait is written down: a mark, or the milliseconds of a poll.
    """

    def __init__(self, *receives: Any) -> None:
        super().__init__(*receives)
        self.again_above = sys.maxsize  # type: ignore[misc]
        self.waits: list[Any] = []
        self.strike: BaseException | None = None

    def gather(self, size: int) -> None:
        self.waits.append(("mark", size))

    def poll(self, timeout: float | None) -> list[tuple[int, int]]:
        self.waits.append(timeout)
        if self.strike is not None:
            raise self.strike
        return [(-1, READ)]


def flowing(link: Marked, flow: int = RECEIVE_FIRST) -> Heard:
    """A connection whose last receive has brought much of a body of which much is missing."""
    link.receives.appendleft(b"x" * flow)
    connection = Heard(link)
    connection.owed = RECEIVE_MOST
    connection._poll = link.poll
    connection.step()
    assert link.waits == [None]
    link.waits.clear()
    return connection


GATHERED = [("mark", RECEIVE_MOST), 1.0, ("mark", 1)]
"""A wait of a moment for a large part."""


def test_a_large_part_of_a_large_body_is_waited_for() -> None:
    link = Marked(b"a" * RECEIVE_MOST, b"b" * RECEIVE_FIRST, b"c")
    connection = flowing(link)
    connection.step()
    assert len(connection.data) == RECEIVE_FIRST + RECEIVE_MOST
    connection.step()
    assert len(connection.data) == RECEIVE_FIRST + RECEIVE_MOST + RECEIVE_FIRST
    assert link.waits == GATHERED * 2
    connection.step()

    assert connection.data.endswith(b"bc")
    assert not connection.broken


def test_after_a_small_part_any_byte_is_waited_for() -> None:
    """A body that has come to a halt costs one moment, and then nothing until it goes on or its time is up."""
    link = Marked(b"a" * (RECEIVE_FIRST - 1), b"b", BlockingIOError())
    connection = flowing(link)
    for _ in range(3):
        connection.step()

    assert link.waits == [*GATHERED, None, None]
    assert connection.data.endswith(b"ab")
    assert not connection.broken


def test_nothing_is_gathered_of_what_may_not_come() -> None:
    link = Marked(b"a")
    connection = flowing(link, RECEIVE_FIRST + 1)
    connection.owed = RECEIVE_MOST - 1
    connection.step()

    assert link.waits == [None]


def test_a_full_receive_is_followed_by_another_without_asking() -> None:
    link = Marked(b"a" * RECEIVE_MOST, b"b", b"c")
    connection = flowing(link)
    connection.owed = 0
    connection.step()
    connection.step()
    assert connection.data.endswith(b"ab")
    assert link.waits == []
    connection.step()

    assert link.waits == [None]


def test_a_link_without_a_socket_gathers_nothing() -> None:
    link = Scripted(b"a" * RECEIVE_FIRST, b"b")
    link.again_above = sys.maxsize  # type: ignore[misc]
    connection = Heard(link)
    connection.owed = RECEIVE_MOST
    connection._poll = lambda timeout: [(-1, READ)]
    connection.step()
    connection.step()

    assert connection.data.endswith(b"b")


def test_nothing_is_gathered_in_the_last_moment() -> None:
    link = Marked(b"a")
    connection = flowing(link)
    connection.arm(monotonic())
    connection.step()

    assert link.waits == []
    assert connection.told == ["received", "expired"]


def test_nothing_is_gathered_while_something_is_unsent() -> None:
    link = Marked(b"a")
    connection = flowing(link)
    link.wants_write = True  # type: ignore[misc]
    link.flushes.append(True)
    connection.step()

    assert link.waits == [None]


def test_an_exception_while_the_mark_is_high_breaks_the_connection() -> None:
    link = Marked()
    connection = flowing(link)
    link.strike = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        connection.step()

    assert connection.broken
    assert not connection.usable(NO_LIMITS, monotonic())


def test_a_connection_that_another_thread_closes_is_lost_while_it_gathers() -> None:
    link = Marked()
    connection = flowing(link)
    link.strike = OSError(errno.EBADF, "closed")
    connection.step()

    assert connection.told == ["received", ("lost", OSError, False)]


@pytest.fixture
def tcp_pair() -> Iterator[Pair]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname())
        theirs, _ = server.accept()
    ours.setblocking(False)
    theirs.settimeout(5)
    connection = Heard(SocketLink(ours))
    with theirs:
        yield connection, theirs
    connection.close()


def sock_of(connection: Heard) -> socket.socket:
    link = connection.link
    assert isinstance(link, SocketLink)
    return link.socket


def take(connection: Heard, size: int) -> None:
    connection.arm(monotonic() + 5)
    while len(connection.data) < size and "expired" not in connection.told:
        connection.step()
    assert len(connection.data) == size


def test_a_large_body_that_halts_is_taken_as_far_as_it_has_come(tcp_pair: Pair) -> None:
    connection, peer = tcp_pair
    connection.owed = 10**9
    size = 0
    for part in (2**20, 2**20 + 7, 2**18, 2**17, 1, 3 * 2**19):
        thread = threading.Thread(target=peer.sendall, args=(b"x" * part,))
        thread.start()
        size += part
        take(connection, size)
        thread.join()
        assert sock_of(connection).getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT) == 1

    connection.arm(monotonic() + 0.005)
    while "expired" not in connection.told:
        connection.step()
    assert len(connection.data) == size
    assert not connection.broken


@pytest.mark.parametrize("left", [0, 1, RECEIVE_MOST - 1])
def test_the_end_of_a_large_body_is_heard_at_once(tcp_pair: Pair, left: int) -> None:
    connection, peer = tcp_pair
    connection.owed = 10**9
    connection._flow = RECEIVE_MOST
    thread = threading.Thread(target=lambda: (peer.sendall(b"x" * left), peer.close()))
    thread.start()
    connection.arm(monotonic() + 5)
    while "end" not in connection.told:
        connection.step()
    thread.join()

    assert len(connection.data) == left
    assert connection.closed


def test_who_watches_is_told_of_its_end(pair: Pair) -> None:
    connection, _ = pair
    connection.watch = told = deque()

    connection.close()
    connection.close()

    assert [number for number, _ in told] == [connection.number]
    assert told[0][1] <= monotonic()


def test_one_that_nobody_shares_has_no_places(pair: Pair) -> None:
    connection, _ = pair
    assert not connection.shares
    assert connection.occupy() is None
    assert connection.retire()
    assert not connection.closed
    connection.decline()

    assert connection.closed


# Ends


class Told:
    """A link that says what it is told to."""

    fd = -1

    def __init__(self, **facts: object) -> None:
        self.facts = facts
        self.receive = None

    def fileno(self) -> int:
        return -1

    def info(self) -> dict[str, object]:
        return self.facts

    def close(self) -> None: ...


def test_what_all_connections_of_a_lane_are_told_is_kept_once() -> None:
    lane: Lane[Any] = Lane(Route("https", "a", 443))
    told = [
        Heard(Told(peer=("10.0.0.1", 443), local=("10.0.0.2", port), certificate=bytes(range(200))))._ends(lane)
        for port in (50001, 50002)
    ]

    assert [ends[2] for ends in told] == [("10.0.0.2", 50001), ("10.0.0.2", 50002)]
    assert told[0][1] is told[1][1]
    assert told[0][3:] == (None, None, bytes(range(200)))
    assert told[0][5] is told[1][5]  # type: ignore[misc]


def test_a_connection_that_tells_of_no_encryption_keeps_nothing_of_it() -> None:
    connection = Heard(Told(peer="/run/socket"))

    assert connection._ends(Lane(Route("http", "a", 80))) == (connection.number, "/run/socket", None)


# Giving it up to another one


def test_link_and_permit_are_handed_over_once(pair: Pair, reactor: Reactor) -> None:
    connection, peer = pair
    permit = FakePermit()
    connection = Heard(connection.link, permit)
    connection.watch = told = deque()
    connection.join(reactor)
    connection.arm(monotonic() + 5.0)
    link = connection.link

    assert connection.hand_over() == (link, permit)
    assert (connection.closed, connection.reactor, connection.deadline) == (True, None, FOREVER)
    connection.close()
    gone = ref(connection)
    del connection
    gc.collect()
    assert gone() is None
    assert permit.released == 0
    assert not told, "it is not the end of the link"
    peer.send(b"hello")
    assert link.receive(10) == b"hello"
    assert reactor.poller.poll(0) == []


def test_a_connection_that_is_closed_has_nothing_to_hand_over(pair: Pair) -> None:
    connection, _ = pair
    connection.close()
    with pytest.raises(RuntimeError, match="closed"):
        connection.hand_over()
