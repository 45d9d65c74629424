"""The state of a WebSocket: who waits for what, who is told when, and how it ends."""

from __future__ import annotations

import pytest
from talking import (
    Close,
    Doing,
    Make,
    Ping,
    Pong,
    Talking,
    closing,
    is_refused,
    maker,
    pinging,
    receiving,
    sending,
    speaking,
)

from courser.core.talk import EACH, FAREWELL, FULL
from courser.core.waiter import FOREVER, Waiter
from courser.errors import LocalProtocolError, ReadTimeout, StreamConsumed


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Make:
    return maker(monkeypatch)


@pytest.fixture
def talking(make: Make) -> Talking:
    return make()


# Receiving


def test_messages_that_are_there_are_given_in_order(talking: Talking) -> None:
    talking.say("one", b"two")

    assert receiving(talking).result == "one"
    assert receiving(talking).result == b"two"


def test_a_message_wakes_who_waits_for_it(talking: Talking) -> None:
    doing = receiving(talking)
    assert not doing.go().ended
    talking.come(talking.peer.ping(b""))
    assert not doing.go().ended, "a ping is no message"
    talking.say("hello", "more")

    assert doing.go().result == "hello"
    assert talking.talk.receiver is None
    assert receiving(talking).result == "more"


def test_a_message_is_waited_for_again_and_again(talking: Talking) -> None:
    for text in ("a", "b", "c"):
        doing = receiving(talking, 5.0)
        talking.say(text)
        assert doing.go().result == text


def test_a_message_that_comes_before_the_wait_is_there(talking: Talking) -> None:
    """Another thread may bring it between the look at what is there and the wait."""
    doing = Doing(talking.talk.wait_for_one(talking.host, None))
    talking.say("hello")
    doing.go()
    again = Doing(talking.talk.wait_for_one(talking.host, None))

    assert (doing.ended, again.ended, again.result) == (True, True, None)
    assert talking.talk.take() == "hello"


def test_a_message_that_does_not_come_in_time(talking: Talking) -> None:
    doing = receiving(talking, 2.5)
    talking.pass_time(2.4)
    assert not doing.go().ended
    talking.pass_time(0.1)
    error = doing.go().result

    assert isinstance(error, ReadTimeout)
    assert error.phase == "read"
    assert "2.5 s, while waiting for a message of a:80" in error.detail
    talking.say("late")
    assert receiving(talking).result == "late"


def test_a_message_that_comes_in_the_last_moment_is_received(talking: Talking) -> None:
    doing = receiving(talking, 1.0)
    talking.pass_time(1.0)
    talking.say("hello")

    assert doing.go().result == "hello"


def test_a_time_of_zero_takes_what_has_come(talking: Talking) -> None:
    """Plain code turns the carrier for that: nobody else does."""
    talking.host.turn = lambda: talking.pass_time(0.0)
    talking.carrier.on_look = lambda: talking.say("hello")
    assert receiving(talking, 0).result == "hello"
    talking.carrier.on_look = lambda: None

    assert isinstance(receiving(talking, 0).result, ReadTimeout)


def test_a_time_of_zero_is_left_to_the_event_loop(talking: Talking) -> None:
    talking.carrier.on_look = lambda: pytest.fail("it was turned")
    doing = receiving(talking, 0)
    talking.say("hello")

    assert doing.go().result == "hello"


def test_one_at_a_time_receives(talking: Talking) -> None:
    first = receiving(talking)
    with pytest.raises(StreamConsumed, match="two tasks or threads"):
        raise receiving(talking).result
    talking.say("a", "b")
    second = receiving(talking)

    assert isinstance(second.result, StreamConsumed), "the first has not taken what it waited for"
    assert first.go().result == "a"
    assert receiving(talking).result == "b"


def test_who_is_cancelled_while_it_waits_leaves_its_place(talking: Talking) -> None:
    receiving(talking).strike(KeyboardInterrupt())
    doing = receiving(talking)
    talking.say("hello")

    assert doing.go().result == "hello"


def test_of_two_who_take_the_same_message_one_is_told(talking: Talking) -> None:
    """Threads may both have seen that there is one."""
    talking.say("one")
    assert talking.talk.take() == "one"

    with pytest.raises(StreamConsumed):
        talking.talk.take()


def test_a_message_can_be_put_back(talking: Talking) -> None:
    talking.say("one", "two")
    talking.talk.put_back(talking.talk.take())

    assert [receiving(talking).result, receiving(talking).result] == ["one", "two"]
    assert talking.talk._came == talking.talk._given


# A slow reader


def test_no_more_is_received_while_much_waits_for_its_reader(talking: Talking) -> None:
    size = FULL // 4
    talking.say(*[b"x" * (size - EACH)] * 4)
    assert talking.carrier.told == []
    talking.say(b"x")
    assert talking.carrier.told == ["pause"]
    talking.say(b"x")  # it was under way
    assert talking.carrier.told == ["pause"]
    receiving(talking)
    receiving(talking)
    assert talking.carrier.told == ["pause"]
    receiving(talking)

    assert talking.carrier.told == ["pause", "resume"]
    receiving(talking)
    assert talking.carrier.told == ["pause", "resume"]


def test_messages_of_nothing_count_too(talking: Talking) -> None:
    talking.say(*[""] * (FULL // EACH))
    assert talking.carrier.told == []
    talking.say("")

    assert talking.carrier.told == ["pause"]


def test_a_pause_that_comes_after_the_last_message_was_taken_ends_with_the_next_wait(talking: Talking) -> None:
    """The thread that has brought the messages was about to pause when another one had taken them all."""
    talking.say(b"x" * (FULL + 1))
    talking.talk.messages.clear()
    assert talking.carrier.told == ["pause"]
    receiving(talking)

    assert talking.carrier.told == ["pause", "resume"]


def test_silence_means_nothing_while_nothing_is_received(make: Make) -> None:
    talking = make(heartbeat=20.0)
    talking.say(b"x" * (FULL + 1))
    for _ in range(5):
        talking.pass_time(20.0)
    assert talking.heard() == []
    receiving(talking)
    talking.pass_time(20.0)

    assert talking.heard() == [Ping(b"")]
    assert talking.talk.closed is None


# Pings


def test_a_pong_answers_its_ping(talking: Talking) -> None:
    doing = pinging(talking, b"1", 5.0)
    talking.now += 0.25
    talking.come(talking.peer.pong(b"unasked"))
    assert not doing.go().ended
    talking.answer()

    assert doing.go().result == 0.25
    assert not talking.talk._pings


def test_a_pong_answers_the_pings_before_it(talking: Talking) -> None:
    first, second, third = (pinging(talking, b"%d" % number) for number in range(3))
    talking.come(talking.peer.pong(b"1"))

    assert first.go().ended
    assert second.go().ended
    assert not third.go().ended
    talking.come(talking.peer.pong(b"2"))
    assert third.go().result == 0.0


def test_an_answer_counts_though_the_end_comes_with_it(talking: Talking) -> None:
    doing, other = pinging(talking, b"1"), pinging(talking, b"2")
    talking.come(talking.peer.pong(b"1") + talking.peer.close(1000))

    assert doing.go().result == 0.0
    assert is_refused(other, 1000)


def test_a_pong_that_does_not_come_in_time(talking: Talking) -> None:
    doing = pinging(talking, b"1", 2.0)
    talking.pass_time(2.0)
    error = doing.go().result

    assert isinstance(error, ReadTimeout)
    assert "2 s, while waiting for the pong of a:80" in error.detail
    assert not talking.talk._pings


def test_nobody_is_asked_after_the_end(talking: Talking) -> None:
    doing = closing(talking)
    assert is_refused(pinging(talking, b"1"), detail="it is being closed")
    talking.answer()
    talking.come(b"")
    doing.go()

    assert is_refused(pinging(talking, b"1"), 1000)


def test_pings_of_the_peer_are_answered_whoever_waits(talking: Talking) -> None:
    talking.come(talking.peer.ping(b"there?"))

    assert talking.heard() == [Pong(b"there?")]


def test_only_the_newest_ping_is_answered_to_a_peer_that_reads_nothing(talking: Talking) -> None:
    """Else it could have us keep as many answers as it likes."""
    talking.stuff()
    waiting = len(talking.carrier.unsent)
    for number in range(100):
        talking.come(talking.peer.ping(b"%d" % number))
    assert len(talking.carrier.unsent) == waiting
    talking.carrier.takes = False
    talking.drain()
    assert talking.talk.blocked, "the answer is under way"
    talking.drain()

    assert talking.heard() == [b"stuffing", Pong(b"99")]
    assert not talking.talk.blocked


# The heartbeat


def test_a_silent_peer_is_asked_and_answers(make: Make) -> None:
    talking = make(heartbeat=20.0)
    talking.pass_time(10.0)
    talking.say("hello")
    talking.pass_time(10.0)
    assert talking.heard() == []
    talking.pass_time(10.0)
    assert talking.answer() == [Ping(b"")]
    talking.pass_time(20.0)

    assert talking.answer() == [Ping(b"")]
    assert talking.talk.closed is None


def test_a_peer_that_does_not_answer_is_gone(make: Make) -> None:
    talking = make(heartbeat=20.0)
    doing = receiving(talking)
    talking.pass_time(20.0)
    talking.pass_time(20.0)

    assert is_refused(doing, detail="nothing has come from a:80 for 40 s")
    assert talking.carrier.closed


def test_a_peer_that_takes_what_we_send_is_there(make: Make) -> None:
    """The question waits behind a large message, and so does its answer."""
    talking = make(heartbeat=20.0)
    talking.stuff()
    for _ in range(4):
        talking.pass_time(20.0)
        talking.drain(whole=False)

    assert talking.talk.closed is None


def test_nobody_is_asked_who_never_is_to_be(talking: Talking) -> None:
    assert talking.carrier.deadline == FOREVER
    talking.talk.expire(10**6)

    assert talking.carrier.deadline == FOREVER
    assert talking.heard() == []


def test_nobody_is_asked_after_a_goodbye(make: Make) -> None:
    talking = make(heartbeat=2.0)
    doing = closing(talking)
    talking.pass_time(2.0)
    assert talking.answer() == [Close(1000, "")]
    talking.come(b"")

    assert doing.go().result is None
    assert talking.talk.closed is not None
    assert talking.talk.closed.code == 1000


# The end


def test_the_peer_says_goodbye_first(talking: Talking) -> None:
    everybody = [receiving(talking), pinging(talking, b"1")]
    talking.carrier.sent = b""
    talking.come(talking.peer.close(1001, "going"))

    assert all(is_refused(each, 1001) for each in everybody)
    assert talking.talk.refusal().reason == "going"
    assert talking.heard() == [Close(1001, "")]
    assert talking.carrier.told == ["finish"]
    assert not talking.carrier.closed
    assert is_refused(sending(talking, "more"), 1001)
    assert is_refused(receiving(talking), 1001)
    talking.come(b"")
    assert talking.carrier.closed
    assert talking.talk.refusal().code == 1001


def test_a_peer_that_says_goodbye_and_stays_has_a_moment(talking: Talking) -> None:
    talking.come(talking.peer.close(1000))
    talking.pass_time(FAREWELL / 2)
    talking.come(b"\x81\x01a")
    talking.pass_time(FAREWELL / 2)

    assert talking.carrier.closed
    assert not talking.talk.messages


def test_messages_before_the_goodbye_are_received_after_it(talking: Talking) -> None:
    doing = receiving(talking)
    talking.come(talking.peer.send_text("a") + talking.peer.send_text("b") + talking.peer.close(1000))

    assert doing.go().result == "a"
    assert receiving(talking).result == "b"
    assert is_refused(receiving(talking), 1000)


def test_our_goodbye_leaves_after_what_is_unsent(talking: Talking) -> None:
    talking.stuff()
    doing = sending(talking, "never")
    talking.come(talking.peer.close(1000))
    assert is_refused(doing, 1000)
    assert talking.carrier.told == []
    talking.drain()

    assert talking.talk.blocked, "it is over"
    assert talking.carrier.told == ["finish"]
    assert talking.heard() == [b"stuffing", Close(1000, "")]


def test_we_say_goodbye_first(talking: Talking) -> None:
    other = receiving(talking)
    doing = closing(talking, 3000, "enough")
    assert is_refused(sending(talking, "more"), detail="it is being closed")
    talking.come(talking.peer.send_text("one more"))
    assert other.go().result == "one more"
    assert talking.answer() == [Close(3000, "enough")]
    assert not doing.go().ended
    assert talking.carrier.told == ["finish"]
    talking.come(b"")

    assert doing.go().result is None
    assert talking.carrier.closed
    assert talking.talk.refusal().code == 3000
    assert closing(talking).result is None


def test_whoever_waits_to_send_is_refused_when_we_say_goodbye(talking: Talking) -> None:
    talking.stuff()
    doing = sending(talking, "never")
    goodbye = closing(talking)

    assert is_refused(doing, detail="it is being closed")
    talking.drain()
    assert not goodbye.ended
    assert talking.heard() == [b"stuffing", Close(1000, "")]


def test_two_say_goodbye_at_once(talking: Talking) -> None:
    first, second = closing(talking), closing(talking, 3000)
    assert talking.answer() == [Close(1000, "")]
    talking.come(b"")

    assert first.go().ended
    assert second.go().ended


def test_both_sides_say_goodbye_at_once(talking: Talking) -> None:
    doing = closing(talking)
    talking.come(talking.peer.close(1001))
    talking.come(b"")

    assert doing.go().result is None
    assert talking.talk.refusal().code == 1001


def test_a_peer_that_never_says_goodbye_is_left(talking: Talking) -> None:
    other = receiving(talking)
    doing = closing(talking, seconds=10.0)
    talking.pass_time(10.0)

    assert doing.go().result is None
    assert is_refused(other, detail="has not said goodbye in time")
    assert talking.carrier.closed


def test_a_peer_that_never_ends_the_link_is_left(talking: Talking) -> None:
    doing = closing(talking)
    talking.answer()
    assert not doing.go().ended
    talking.pass_time(FAREWELL)

    assert doing.go().result is None
    assert talking.carrier.closed
    assert talking.talk.refusal().code == 1000


def test_who_waits_for_the_end_looks_after_it_where_the_carrier_does_not(talking: Talking) -> None:
    """In plain code nothing runs by itself."""
    doing = closing(talking)
    talking.answer()
    doing.go()
    talking.carrier.deadline = FOREVER
    talking.pass_time(FAREWELL)

    assert doing.go().result is None
    assert talking.carrier.closed


def test_somebody_else_may_wait_for_the_next_step_of_the_end(talking: Talking) -> None:
    waiter = Waiter()
    assert talking.talk.outlast_by(waiter)
    talking.come(b"")
    assert waiter.done

    assert not talking.talk.outlast_by(waiter)


def test_a_peer_that_still_takes_a_large_message_has_time_for_its_goodbye(talking: Talking) -> None:
    talking.stuff()
    doing = closing(talking, seconds=10.0)
    for _ in range(4):
        talking.pass_time(8.0)
        talking.drain(whole=False)
        assert not doing.go().ended
    talking.drain()
    assert talking.answer() == [b"stuffing", Close(1000, "")]
    talking.come(b"")

    assert doing.go().result is None
    assert talking.talk.refusal().code == 1000


def test_after_a_gap_nothing_is_kept_and_the_end_tells_of_it(talking: Talking) -> None:
    goodbye = closing(talking)
    talking.say(b"x" * FULL)
    talking.say("lost")
    assert receiving(talking).result == b"x" * FULL
    talking.come(talking.peer.send_text("lost too"))
    talking.answer()

    assert is_refused(receiving(talking), 1000, "the last messages are missing")
    assert not goodbye.ended


def test_who_has_waited_for_the_end_is_forgotten(talking: Talking) -> None:
    doing = closing(talking)
    talking.answer()
    talking.come(b"")
    assert doing.go().result is None

    assert talking.talk._closing == {}


def test_who_is_struck_while_it_says_goodbye_leaves_nothing_open(talking: Talking) -> None:
    doing = closing(talking)
    error = KeyboardInterrupt()

    assert doing.strike(error).result is error
    assert talking.carrier.closed


@pytest.mark.parametrize(("code", "reason"), [(1005, ""), (1000, "x" * 124)])
def test_a_goodbye_that_cannot_be_sent_changes_nothing(talking: Talking, code: int, reason: str) -> None:
    assert isinstance(closing(talking, code, reason).result, LocalProtocolError)
    assert not talking.carrier.closed
    assert sending(talking, "hello").ended
    assert talking.heard() == ["hello"]


def test_the_goodbye_is_heard_though_nobody_receives(talking: Talking) -> None:
    talking.say(b"x" * (FULL + 1))
    assert talking.carrier.told == ["pause"]
    doing = closing(talking)
    assert talking.carrier.told == ["pause", "resume"]
    talking.say(b"y" * 1000)  # is kept by nobody
    talking.answer()
    talking.come(b"")

    assert doing.go().result is None
    assert receiving(talking).result == b"x" * (FULL + 1)
    assert is_refused(receiving(talking), 1000)


def test_the_link_ends_without_a_goodbye(talking: Talking) -> None:
    doing = receiving(talking)
    talking.come(b"")

    assert is_refused(doing, detail="a:80 has ended the connection without a close frame")
    assert talking.carrier.closed


def test_the_link_breaks(talking: Talking) -> None:
    talking.stuff()
    everybody = [receiving(talking), sending(talking, "a"), pinging(talking, b"1"), speaking(talking, 1)]
    goodbye = closing(talking)
    talking.talk.lost(ConnectionResetError("reset"))

    assert all(is_refused(each, detail="reset") for each in everybody)
    assert goodbye.go().result is None
    assert talking.talk.refusal().code == 1006


def test_a_peer_that_breaks_the_protocol_is_told_and_left(talking: Talking) -> None:
    doing = receiving(talking)
    talking.come(talking.peer.send_text("fine") + b"\x83\x00")

    assert talking.heard() == [Close(1002, talking.engine.error.detail if talking.engine.error else "")]
    assert doing.go().result == "fine"
    assert is_refused(receiving(talking), 1002)


def test_what_a_peer_sends_that_has_broken_the_protocol_is_thrown_away_until_it_ends_the_link(talking: Talking) -> None:
    talking.come(b"\x83\x00")
    assert talking.carrier.told == ["finish"]
    talking.come(talking.peer.send_text("more"))
    assert not talking.talk.messages
    assert not talking.carrier.closed
    talking.come(b"")

    assert talking.carrier.closed
    assert is_refused(receiving(talking), 1002)


def test_a_peer_that_has_broken_the_protocol_and_stays_is_left(talking: Talking) -> None:
    talking.come(b"\x83\x00")
    talking.pass_time(FAREWELL / 2)
    talking.come(talking.peer.send_text("more"))
    assert not talking.carrier.closed
    talking.pass_time(FAREWELL / 2)

    assert talking.carrier.closed
    assert is_refused(receiving(talking), 1002)


@pytest.mark.parametrize("closed", [False, True])
def test_a_forked_child_is_told_whose_it_is(talking: Talking, closed: bool) -> None:
    if closed:
        talking.come(talking.peer.close(1000))
    talking.talk.forget()

    assert is_refused(sending(talking, "hello"), 1000 if closed else 1006, "" if closed else "forked")
