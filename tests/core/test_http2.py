"""HTTP/2 on a connection: places, streams, what is sent together, and the end in all its forms."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from time import monotonic
from typing import Any
from weakref import ref

import h2wire
import pytest
from h2peer import GET, Make, Peer, World, echo, get, nothing, post, warm, worlds

from courser.core.guest import Guest
from courser.core.http2 import HTTP2Connection
from courser.core.link import TruncatedStream
from courser.core.upload import Upload
from courser.core.waiter import FOREVER, Waiter
from courser.errors import (
    LocalProtocolError,
    ReadError,
    ReadTimeout,
    RemoteProtocolError,
    TruncatedBody,
    WriteError,
)
from courser.hosts.inline import InlineHost
from courser.settings import Limits, Timeout
from courser.values.request import Request


@pytest.fixture
def make() -> Iterator[Make]:
    with worlds() as made:
        yield made


def configure(world: World, *pairs: tuple[int, int]) -> None:
    """Have the peer change its settings."""
    world.peer.engine._unacknowledged += 1
    world.peer.say(h2wire.settings(*pairs))
    world.turn()


# Places


def test_requests_share_a_connection(make: Make) -> None:
    world, connection = warm(make, nothing)
    exchanges = [world.begin(get(f"/{number}")) for number in range(3)]
    assert len(connection.guests) == 3
    world.turn()
    world.act = echo
    world.turn()

    assert [b"".join(each.chunks) for each in exchanges] == [b"/0", b"/1", b"/2"]
    for each in exchanges:
        each.finish()
    assert not connection.guests
    assert world.pool.idle == 1


def test_a_full_connection_has_no_place(make: Make) -> None:
    world, connection = warm(make, nothing)
    configure(world, (3, 2))
    first, second = connection.occupy(), connection.occupy()
    assert first is not None
    assert second is not None
    assert connection.occupy() is None
    second.close()
    assert connection.most == 2
    assert connection.occupy() is not None
    assert world.lane.streams == 2


def test_who_uses_it_keeps_it_from_retiring(make: Make) -> None:
    _, connection = warm(make)
    guest = connection.occupy()
    assert guest is not None
    assert not connection.retire()
    guest.close()

    assert connection.retire()
    assert connection.draining
    assert not connection.retire()
    assert connection.occupy() is None


def test_a_draining_connection_is_closed_by_the_last_to_go(make: Make) -> None:
    world, connection = warm(make)
    guest = connection.occupy()
    assert guest is not None
    connection.drain()
    assert world.lane.shared == []
    assert not connection.closed
    guest.close()

    assert connection.closed
    connection.drain()


def test_an_idle_one_is_closed_as_soon_as_it_drains(make: Make) -> None:
    _, connection = warm(make)
    connection.drain()

    assert connection.closed


def test_a_connection_has_an_age_and_an_expiry(make: Make) -> None:
    _, connection = warm(make)
    now = monotonic()
    guest = connection.occupy()
    assert guest is not None

    assert connection.usable(Limits(), now)
    assert connection.usable(Limits(keepalive_expiry=None), now)
    connection.idle_since = now - 60
    assert not connection.usable(Limits(keepalive_expiry=30), now)
    assert not connection.usable(Limits(max_connection_age=0), now)
    assert connection.draining
    assert not connection.usable(Limits(), now)


def test_who_waits_gets_the_place_that_becomes_free(make: Make) -> None:
    world, connection = warm(make, nothing, limits=Limits(max_per_host=1))
    configure(world, (3, 1))
    exchange = world.begin()
    ticket = world.pool.queue(world.lane)
    assert not ticket.done
    world.turn()
    exchange.abort()
    world.turn(6)  # the place is free when the peer has seen the reset

    assert ticket.connection is not None
    world.pool.leave_queue(ticket, world.lane)
    assert not connection.guests


def test_more_places_are_offered_at_once(make: Make) -> None:
    world, connection = warm(make, nothing, limits=Limits(max_per_host=1))
    configure(world, (3, 1))
    exchange = world.begin()
    ticket = world.pool.queue(world.lane)
    configure(world, (3, 5))

    assert connection.most == 5
    assert ticket.connection is not None
    exchange.abort()


# Sending


def test_a_request_alone_leaves_at_once_and_many_together(make: Make) -> None:
    world, connection = warm(make, nothing)
    sends: list[int] = []
    send = connection.link.send

    def counted(data: Any) -> int:
        sends.append(len(data))
        return send(data)

    connection.link.send = counted  # type: ignore[method-assign]
    first = world.begin()
    assert len(sends) == 1
    others = [world.begin(get(f"/{number}")) for number in range(5)]
    assert len(sends) == 1
    assert connection.corked
    world.turn(1)

    assert len(sends) == 2
    assert not connection.corked
    for each in (first, *others):
        each.abort()


def test_the_end_of_the_turn_finds_a_closed_connection(make: Make) -> None:
    world, connection = warm(make, nothing)
    exchanges = [world.begin(), world.begin()]
    connection.close()
    world.turn()

    assert not connection.corked
    assert exchanges


def test_a_body_goes_through_a_link_that_takes_little(make: Make) -> None:
    world = make(buffer=4096)
    body = bytes(range(256)) * 4096

    assert world.get(post(body)) == b"/" + body


def test_bad_heads_are_refused_and_cost_nothing(make: Make) -> None:
    world, connection = warm(make)
    request = Request("GET", "http://a/", headers={"Host": "b, c"})
    with pytest.raises(LocalProtocolError):
        world.get(request)

    assert not connection.guests
    assert world.get() == b"/"


def test_what_nobody_holds_any_more_is_reset(make: Make) -> None:
    world, connection = warm(make, nothing)
    exchange = world.begin()
    world.turn()
    del exchange
    gc.collect()
    world.turn()

    assert not connection.guests
    assert [stream.code for stream in world.peer.streams.values()][-1] == 8


def test_a_place_that_nobody_holds_any_more_is_free(make: Make) -> None:
    world, connection = warm(make)
    guest = connection.occupy()
    assert len(connection.guests) == 1
    del guest
    gc.collect()
    world.turn()

    assert not connection.guests


# Time


def test_an_idle_connection_expires(make: Make) -> None:
    world, connection = warm(make, limits=Limits(keepalive_expiry=10))
    assert connection.deadline < FOREVER
    now = monotonic()
    connection.expire(now)
    assert not connection.closed
    connection.expire(now + 11)

    assert connection.closed
    assert world.pool.idle == 0


def test_without_an_expiry_it_does_not(make: Make) -> None:
    _, connection = warm(make, limits=Limits(keepalive_expiry=None))
    connection.expire(monotonic() + 1e6)

    assert not connection.closed
    assert connection.deadline == FOREVER


def test_each_request_has_its_own_time(make: Make) -> None:
    world, connection = warm(make, nothing)
    long = world.begin(read=1000)
    with pytest.raises(ReadTimeout):
        world.get(timeout=Timeout(read=1e-9))
    assert long.connection is not None
    long.connection.arm(monotonic() + 1000)
    connection.expire(monotonic())

    assert long.error is None
    assert connection.deadline > monotonic()
    long.abort()


# The end


@pytest.mark.parametrize("before", [True, False])
def test_a_peer_that_goes_ends_what_is_under_way(make: Make, before: bool) -> None:
    world, connection = warm(make, nothing)
    exchange = world.begin(post())
    world.turn()
    if before:
        world.peer.say(h2wire.goaway(99, 2))
    world.peer.socket.close()
    world.peer.ended = True
    world.turn()

    assert isinstance(exchange.error, RemoteProtocolError)
    assert connection.closed
    assert not world.lane.permits or not connection.guests


def test_a_broken_link_ends_what_is_under_way(make: Make) -> None:
    world, connection = warm(make, nothing)
    one, two = world.begin(), world.begin()
    connection.lost(ConnectionResetError(104, "reset"), monotonic(), sending=False)

    assert isinstance(one.error, ReadError)
    assert isinstance(two.error, ReadError)
    assert one.error is not two.error
    assert one.error.__cause__ is not None


def test_a_response_that_is_there_in_full_outlives_the_link(make: Make) -> None:
    """Its request may be on its way still; the others under way are not so lucky."""
    world, connection = warm(make, nothing)
    exchange, other = world.begin(post(b"x" * 10)), world.begin()
    exchange.upload = Upload(exchange, iter([b"never"]))
    world.turn()
    world.peer.answer(stream_of(exchange).id, b"all of it")
    world.turn()
    assert exchange.end is not None
    assert exchange.upload is not None
    connection.lost(ConnectionResetError(104, "reset"), monotonic(), sending=False)

    assert (exchange.error, exchange.upload) == (None, None)
    assert b"".join(exchange.chunks) == b"all of it"
    assert isinstance(other.error, ReadError)


def test_a_send_that_fails_is_told_as_such(make: Make) -> None:
    world, connection = warm(make, nothing)
    exchange = world.begin(post())
    connection.lost(BrokenPipeError(32, "pipe"), monotonic(), sending=True)

    assert isinstance(exchange.error, WriteError)


def test_what_is_unforeseen_is_told_to_each(make: Make) -> None:
    world, connection = warm(make, nothing)
    one, two = world.begin(), world.begin()
    connection.fail(RuntimeError("a bug"))

    assert isinstance(one.error, ReadError)
    assert "RuntimeError: a bug" in str(two.error)
    assert one.error is not two.error


def test_a_peer_that_breaks_the_protocol_is_told(make: Make) -> None:
    world, connection = warm(make, nothing)
    exchange = world.begin()
    world.turn()
    world.peer.say(h2wire.frame(h2wire.PING, 0, 1, b"12345678"))
    world.turn()

    assert isinstance(exchange.error, RemoteProtocolError)
    assert connection.closed
    assert world.peer.engine.goaway is not None
    assert world.peer.engine.goaway[1] == 1


def test_goaway_lets_finish_what_it_knows(make: Make) -> None:
    world, connection = warm(make, nothing)
    exchange = world.begin(get("/last"))
    world.turn()
    world.peer.say(h2wire.goaway(2**31 - 1, 0))
    world.turn()
    assert connection.draining
    assert world.lane.shared == []
    world.act = echo
    world.turn()

    assert b"".join(exchange.chunks) == b"/last"
    exchange.finish()
    assert connection.closed


def test_a_refused_request_goes_out_again(make: Make) -> None:
    refused: list[int] = []

    def act(peer: Peer) -> None:
        peer.take()
        for number in list(peer.unanswered):
            if not refused:
                refused.append(number)
                peer.engine.reset(peer.streams[number], 7)
                peer.flush()
            elif peer.is_complete(number):
                peer.answer(number, peer.body(number))

    world = make(act)

    assert world.get(post(b"once")) == b"once"
    assert refused


def test_it_says_goodbye(make: Make) -> None:
    world, connection = warm(make, nothing)
    connection.close()
    world.turn()
    connection.close()

    assert world.peer.engine.goaway is not None
    assert world.peer.ended


def test_a_forked_child_takes_no_place_in_it(make: Make) -> None:
    _, connection = warm(make)
    connection.forget()

    assert connection.occupy() is None


def test_without_its_pool_it_goes_on(make: Make) -> None:
    world, connection = warm(make, nothing)
    exchange = world.begin(get("/x"))
    connection.home = None
    world.act = echo
    world.turn()
    exchange.finish()
    connection.drain()

    assert connection.closed


# What may have happened meanwhile


def stream_of(exchange: Any) -> Any:
    guest = exchange.connection
    assert isinstance(guest, Guest)
    return guest.stream


def test_a_peer_that_wants_no_more_of_a_body_has_answered(make: Make) -> None:
    """A stream that is reset without an error after its response (RFC 9113 section 8.1)."""
    world, connection = warm(make, nothing)
    exchange = world.begin(post(b"x" * 10))
    exchange.upload = Upload(exchange, iter([b"never"]))
    world.turn()
    number = stream_of(exchange).id
    world.peer.answer(number, b"enough", status=413)
    world.turn()
    assert exchange.upload is None  # such a status says so too
    world.peer.say(h2wire.rst(number, 0))
    world.turn()

    assert exchange.error is None
    assert b"".join(exchange.chunks) == b"enough"
    exchange.finish()
    assert not connection.guests
    assert not connection.closed


def test_a_stream_that_nobody_knows_of_is_reset(make: Make) -> None:
    """Whoever began it was struck down before he had it."""
    world, connection = warm(make, nothing)
    connection.engine.start(b"GET", b"/lost", b"a", b"", -1, b"http")
    connection.kick()
    world.turn()
    world.peer.answer(3, b"x", end=False)
    world.turn(4)

    assert 3 not in connection.engine._streams
    assert world.peer.streams[3].code == 8


def test_a_ping_goes_out_once_for_many_who_wait(make: Make) -> None:
    world, connection = warm(make, nothing, limits=Limits(ping_interval=5))
    connection.pulse.heard_at = monotonic() - 100
    first = world.begin()
    heard = connection.pulse.heard_at
    assert heard > monotonic() - 50  # before, nothing was waited for
    second = world.begin()

    assert connection.pulse.heard_at == heard
    first.abort()
    second.abort()


def test_who_asks_hears_of_the_answer(make: Make) -> None:
    world, connection = warm(make, nothing)
    waiter = Waiter()
    connection.ask(waiter)
    assert not waiter.done
    world.turn()

    assert waiter.done
    assert connection.pulse.heard_at > connection.created


def test_an_end_after_a_failed_send_is_that_failure(make: Make) -> None:
    world, connection = warm(make, nothing)
    one, two = world.begin(post()), world.begin(post())
    world.turn()
    world.peer.answer(stream_of(two).id, end=False)
    world.turn()
    world.peer.close()
    world.peer.ended = True

    def send(data: Any) -> int:
        raise BrokenPipeError(32, "pipe")

    connection.link.send = send
    connection.write(b"x")

    assert isinstance(one.error, WriteError)
    assert isinstance(two.error, RemoteProtocolError)  # its response had begun
    assert connection.closed


def test_an_end_of_tls_without_a_word_is_the_peers_fault(make: Make) -> None:
    world, connection = warm(make, nothing)
    exchange, begun = world.begin(), world.begin()
    world.turn()
    world.peer.answer(stream_of(begun).id, b"x", end=False)
    world.turn()
    connection.lost(TruncatedStream("no close_notify"), monotonic(), sending=False)

    assert type(exchange.error) is RemoteProtocolError
    assert type(begun.error) is TruncatedBody


def test_what_is_over_does_not_fail_once_more(make: Make) -> None:
    world, connection = warm(make, nothing)
    gone, failed, waits = world.begin(), world.begin(), world.begin()
    world.turn()
    stream = stream_of(failed)
    stream.error = RemoteProtocolError()
    guest = gone.connection
    assert isinstance(guest, Guest)
    del gone
    gc.collect()
    connection.lost(ConnectionResetError(104, "reset"), monotonic(), sending=False)

    assert isinstance(waits.error, ReadError)
    assert failed.error is None
    guest.close()


@pytest.mark.parametrize("closed", [False, True])
def test_who_was_not_told_yet_how_its_stream_has_ended_is_told_at_the_end(make: Make, closed: bool) -> None:
    """Whoever was about to say so was interrupted."""
    world, connection = warm(make, nothing)
    failed, waits, gone = world.begin(), world.begin(), world.begin()
    world.turn()
    stream_of(failed).error = error = RemoteProtocolError()
    stream_of(gone).error = RemoteProtocolError()
    guest = gone.connection
    assert isinstance(guest, Guest)
    del gone
    gc.collect()
    if closed:
        connection._shut()
    connection.fail(ValueError())

    assert failed.error is error
    assert not failed.died_unheard()  # it may have been acted upon
    assert isinstance(waits.error, ReadError)
    guest.close()


def test_without_its_lane_it_goes_on(make: Make) -> None:
    world, connection = warm(make, nothing)
    exchange = world.begin(get("/x"))
    connection._lane = lambda: None  # type: ignore[assignment]
    configure(world, (3, 7))
    assert connection.most == 7
    world.act = echo
    world.turn()
    exchange.finish()
    connection.close()

    assert connection.closed
    assert not connection.guests


def test_without_its_pool_nobody_is_admitted(make: Make) -> None:
    world, connection = warm(make, nothing, limits=Limits(max_per_host=1))
    configure(world, (3, 1))
    exchange = world.begin()
    ticket = world.pool.queue(world.lane)
    connection.home = None
    configure(world, (3, 2))
    assert not ticket.done
    assert connection.most == 2
    connection.expire(monotonic() + 1e6)
    assert exchange.error is None
    exchange.abort()

    assert not connection.closed
    connection.close()
    world.pool.leave_queue(ticket, world.lane)


def test_a_closed_one_has_nothing_to_give_back(make: Make) -> None:
    world, connection = warm(make, nothing)
    exchange, other = world.begin(), world.begin()
    connection._shut()
    connection._shut()
    exchange.abort()
    del other
    gc.collect()
    world.turn()
    connection.pump()

    assert not connection.guests
    assert world.pool.idle == 0
    assert not world.pool.permits


def test_with_half_a_frame_on_its_way_there_is_no_goodbye(make: Make) -> None:
    world, connection = warm(make, nothing)
    connection.unsent.append(b"the rest of a frame")
    connection.close()
    world.turn()

    assert world.peer.engine.goaway is None
    assert world.peer.ended


def test_who_sends_is_told_when_something_has_left(make: Make) -> None:
    world, connection = warm(make, nothing)
    told: list[str] = []

    class Sender:
        """As much of an exchange as a sender is."""

        def __init__(self, upload: Any) -> None:
            self.upload = upload
            self.connection: Any = self

        def moved(self) -> bool:
            return True

        def drained(self, now: float) -> None:
            told.append("drained")

    exchanges = [world.begin(post()) for _ in range(4)]
    streams = [stream_of(each) for each in exchanges]
    gone, early, late, sending = Sender(object()), Sender(None), Sender(None), Sender(object())
    connection.senders.update(zip(streams, (ref(each) for each in (gone, early, late, sending)), strict=True))
    del gone
    gc.collect()
    streams[1].queued = 5
    connection.unsent.append(b"x")
    connection.flushed(1.0)

    assert list(connection.senders) == [streams[1], streams[3]]  # the second has not said yet that it waits
    assert told == ["drained"]
    connection.senders.clear()
    connection.flushed(1.0)
    connection.unsent.clear()
    streams[1].queued = 0
    for each in exchanges:
        each.abort()
    assert late
    assert early


def test_one_that_no_loop_turns_notes_what_nobody_holds_any_more(make: Make) -> None:
    world = World(echo, InlineHost())
    world.get()
    connection = world.connection
    guest = connection.occupy()
    assert guest is not None
    HTTP2Connection.drop(connection, guest.key, None)
    assert connection.guests
    world.get()

    assert not connection.guests
    world.close()


def test_time_is_looked_at_for_those_who_are_there(make: Make) -> None:
    world, connection = warm(make, nothing)
    exchange = world.begin()
    guest = exchange.connection
    assert isinstance(guest, Guest)
    guest.arm(5.0)
    exchange.connection = None
    connection.expire(6.0)
    assert exchange.error is None
    exchange.connection = guest
    connection.expire(6.0)

    assert isinstance(exchange.error, ReadTimeout)


def test_a_place_is_free_when_the_reset_has_been_seen(make: Make) -> None:
    """Whoever asks at once, over and over, is neither refused nor kept from everything else."""
    world, connection = warm(make, nothing, limits=Limits(max_per_host=1))
    configure(world, (3, 2))
    for _ in range(20):
        exchanges = [world.begin(), world.begin()]
        assert connection.occupy() is None
        for each in exchanges:
            each.abort()
        assert connection.occupy() is None
        world.turn(5)
    world.act = echo

    assert world.get(GET) == b"/"
    assert len(world.peers) == 1


def test_a_request_may_be_for_another_protocol(make: Make) -> None:
    world, _ = warm(make, nothing)
    exchange = world.begin(Request("CONNECT", "http://a/chat", extensions={"protocol": "websocket"}))
    world.turn()

    assert [(each.method, each.protocol) for each in world.peer.unanswered.values()] == [(b"CONNECT", b"websocket")]
    exchange.abort()


def test_an_idle_one_that_no_loop_turns_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(echo, InlineHost())
    world.get()
    connection = world.connection
    guest = connection.occupy()
    assert guest is not None
    connection.idle_since -= 5
    looked: list[object] = []
    monkeypatch.setattr(type(connection.source), "look", lambda source: looked.append(source))

    assert connection.usable(Limits(), monotonic())
    assert looked == [connection.source]
    guest.close()
    monkeypatch.undo()
    world.close()
