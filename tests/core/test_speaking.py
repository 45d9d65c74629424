"""What a WebSocket sends: who waits for room, who is in the middle of a message, and how it is given up."""

from __future__ import annotations

import pytest
import wswire
from talking import Close, Doing, Make, Talking, closing, is_refused, maker, receiving, sending, speaking, uttering

from courser.engines.websocket import Deflate
from courser.errors import ConnectionClosed, LocalProtocolError, WriteTimeout


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Make:
    return maker(monkeypatch)


@pytest.fixture
def talking(make: Make) -> Talking:
    return make()


# Sending


def test_a_message_goes_out_at_once(talking: Talking) -> None:
    assert talking.talk.offer(talking.engine.send_text, "hello", None)
    assert sending(talking, "again").ended

    assert talking.heard() == ["hello", "again"]
    assert not talking.talk.blocked


def test_a_message_waits_until_those_before_it_have_left(talking: Talking) -> None:
    talking.stuff()
    assert talking.talk.blocked
    assert not talking.talk.offer(talking.engine.send_text, "refused", None)
    first, second = sending(talking, "first"), sending(talking, "second")
    talking.drain(whole=False)
    assert not first.go().ended
    talking.drain()
    assert first.go().ended
    assert second.go().ended

    assert talking.heard() == [b"stuffing", "first", "second"]
    assert not talking.talk.blocked
    assert not talking.talk._senders


def test_who_is_woken_and_finds_no_room_waits_again(talking: Talking) -> None:
    talking.stuff()
    first, second = sending(talking, "first"), sending(talking, "second")
    talking.drain()
    talking.carrier.takes = False
    assert first.go().ended
    assert not second.go().ended
    talking.drain()

    assert second.go().ended
    talking.drain()
    assert talking.heard() == [b"stuffing", "first", "second"]


def test_a_peer_that_takes_nothing_is_waited_for_so_long(talking: Talking) -> None:
    talking.stuff()
    doing = sending(talking, "late", 3.0)
    talking.pass_time(3.0)
    error = doing.go().result

    assert isinstance(error, WriteTimeout)
    assert error.phase == "write"
    assert "3 s, while a:80 took nothing" in error.detail
    talking.drain()
    assert talking.heard() == [b"stuffing"]
    assert not talking.talk._senders


def test_a_peer_that_takes_something_has_time_anew(talking: Talking) -> None:
    talking.stuff()
    timed, patient = sending(talking, "in time", 3.0), sending(talking, "patient")
    for _ in range(5):
        talking.pass_time(2.0)
        talking.drain(whole=False)
        assert not timed.go().ended
        assert not patient.go().ended
    talking.drain()

    assert timed.go().result is None
    assert patient.go().result is None


def test_a_wait_that_nobody_has_ended_ends_with_its_time(talking: Talking) -> None:
    """TLS may send what it has kept when it answers the peer: nobody is told of that."""
    talking.stuff()
    doing = sending(talking, "hello", 3.0)
    talking.carrier.sent, talking.carrier.unsent = talking.carrier.unsent, b""
    talking.pass_time(3.0)

    assert doing.go().ended
    assert talking.heard() == [b"stuffing", "hello"]


def test_who_is_struck_while_it_waits_sends_nothing(talking: Talking) -> None:
    talking.stuff()
    first, second = sending(talking, "first"), sending(talking, "second")
    first.strike(KeyboardInterrupt())
    talking.drain()

    assert second.go().ended
    assert talking.heard() == [b"stuffing", "second"]


def test_what_the_engine_refuses_is_not_sent(talking: Talking) -> None:
    assert isinstance(sending(talking, "\ud800").result, LocalProtocolError)
    assert talking.carrier.sent == b""
    assert sending(talking, "fine").ended


def test_who_sends_hears_that_the_link_breaks_by_it(talking: Talking) -> None:
    def breaks() -> None:
        talking.carrier.close()
        talking.talk.lost(BrokenPipeError("no"))

    talking.carrier.breaks = breaks
    with pytest.raises(ConnectionClosed, match="no"):
        talking.talk.offer(talking.engine.send_text, "hello", None)

    assert is_refused(sending(talking, "again"), detail="no")


def test_plain_code_waits_until_its_message_has_left(talking: Talking) -> None:
    talking.stuff()
    doing = Doing(talking.talk.settle(talking.host, 5.0))
    assert not doing.ended
    talking.drain(whole=False)
    assert not doing.go().ended
    talking.drain()

    assert doing.go().ended
    assert Doing(talking.talk.settle(talking.host, 5.0)).ended


def test_what_has_left_before_the_end_has_left(talking: Talking) -> None:
    talking.stuff()
    doing = Doing(talking.talk.settle(talking.host, 5.0))
    talking.drain()
    talking.come(wswire.close(1000))

    assert doing.go().result is None


def test_what_has_not_left_before_the_end_is_told(talking: Talking) -> None:
    talking.stuff()
    doing = Doing(talking.talk.settle(talking.host, 5.0))
    talking.come(wswire.close(1001))

    assert is_refused(doing, 1001)


def test_messages_without_a_wait_are_counted_until_others_had_their_turn(talking: Talking) -> None:
    for _ in range(3):
        assert talking.talk.offer(talking.engine.send_text, "x", None)
    assert talking.talk.unbroken == 3
    doing = Doing(talking.talk.rest(talking.host))
    assert talking.talk.unbroken == 0
    assert not doing.ended

    assert doing.go().ended


def test_pieces_are_counted_like_messages(talking: Talking) -> None:
    speaking(talking, talking)
    for _ in range(3):
        uttering(talking, "x")

    assert talking.talk.unbroken == 3


# In pieces


def test_those_who_send_wait_for_the_end_of_a_message_in_pieces(talking: Talking) -> None:
    speaker = object()
    assert speaking(talking, speaker).ended
    others = [sending(talking, "first"), sending(talking, "second"), speaking(talking, "another", 1.0)]
    assert uttering(talking, "in ").ended
    talking.pass_time(5.0)
    assert not any(each.go().ended for each in others), "that takes as long as it takes"
    assert uttering(talking, "pieces").ended
    assert uttering(talking, "", last=True).ended
    talking.talk.spoken("another")
    assert talking.talk.blocked
    talking.talk.spoken(speaker)

    assert [each.go().ended for each in others] == [True, True, True]
    assert talking.heard() == ["in pieces", "first", "second"]
    assert talking.talk.blocked
    talking.talk.spoken("another")
    assert not talking.talk.blocked


def test_pieces_wait_for_room(talking: Talking) -> None:
    speaking(talking, 1)
    talking.carrier.takes = False
    uttering(talking, "in ")
    talking.carrier.takes = True
    piece = uttering(talking, "pieces", last=True, seconds=1.0)
    assert not piece.ended
    talking.drain()
    assert piece.go().ended
    talking.talk.spoken(1)

    assert talking.heard() == ["in pieces"]


def test_who_wants_to_speak_waits_for_room(talking: Talking) -> None:
    talking.stuff()
    doing = speaking(talking, 1, 1.0)
    talking.pass_time(1.0)
    assert isinstance(doing.go().result, WriteTimeout)
    doing = speaking(talking, 1, 1.0)
    talking.drain()

    assert doing.go().ended
    assert talking.talk.blocked
    talking.talk.spoken(1)
    assert not talking.talk.blocked


def test_a_message_that_stays_half_said_ends_it(talking: Talking) -> None:
    speaking(talking, 1)
    uttering(talking, "half")
    other = sending(talking, "other")
    talking.talk.spoken(1)

    assert talking.heard() == [Close(1011, "")]
    assert talking.carrier.closed
    assert is_refused(other, detail="given up")


def test_a_speaker_that_has_said_nothing_leaves_no_trace(talking: Talking) -> None:
    speaking(talking, 1)
    other = sending(talking, "other")
    talking.talk.spoken(1)

    assert other.go().ended
    assert talking.heard() == ["other"]


def test_a_speaker_that_is_interrupted_by_a_goodbye_leaves_that_to_itself(talking: Talking) -> None:
    speaking(talking, 1)
    uttering(talking, "half")
    doing = closing(talking)
    assert is_refused(uttering(talking, "more"), detail="it is being closed")
    talking.talk.spoken(1)

    assert not talking.carrier.closed
    assert talking.answer() == [Close(1000, "")]
    talking.come(b"")
    assert doing.go().result is None


def test_compressed_pieces_and_messages_share_their_context(make: Make) -> None:
    talking = make(deflate=Deflate(threshold=0))
    sending(talking, "hello " * 10)
    speaking(talking, 1)
    uttering(talking, "hello " * 10)
    uttering(talking, "", last=True)
    talking.talk.spoken(1)
    sending(talking, "hello " * 10)

    assert len(talking.carrier.sent) < 60
    assert talking.heard() == ["hello " * 10] * 3


# The end


def test_to_give_up_waits_for_nothing(talking: Talking) -> None:
    doing = receiving(talking)
    talking.talk.abandon(1001)

    assert talking.heard() == [Close(1001, "")]
    assert talking.carrier.told == ["finish"]
    assert talking.carrier.closed
    assert is_refused(doing, detail="given up")
    talking.talk.abandon(1001)


def test_to_give_up_after_the_goodbyes_ends_the_wait_for_the_peer(talking: Talking) -> None:
    talking.come(talking.peer.close(1000))
    talking.talk.abandon(1001)

    assert talking.heard() == [Close(1000, "")]
    assert talking.carrier.closed
    assert talking.talk.refusal().code == 1000


def test_everybody_who_waits_to_send_is_woken_at_the_end(talking: Talking) -> None:
    talking.stuff()
    waits = [sending(talking, "a"), speaking(talking, 1), Doing(talking.talk.settle(talking.host, None))]
    talking.come(wswire.close(1000))

    assert all(is_refused(each, 1000) for each in waits)
