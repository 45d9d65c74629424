"""What all connections of a server have in common: who holds them, and how they end."""

from __future__ import annotations

import gc

import pytest
from serverwire import Pieces, Talk, Wire, plain, stubborn

from courser.core.reactor import READ, Reactor
from courser.core.waiter import FOREVER
from courser.server.connection import LINGER, ServerConnection


def talk() -> Talk:
    return Talk(ServerConnection, plain, timeout=7.0)


def test_a_connection_is_held_while_it_is_open() -> None:
    made = talk()
    assert made.open == {made.connection}

    made.connection.close()
    made.connection.close()

    assert (made.open, made.wire.closed) == (set(), True)


def test_a_reactor_turns_it_and_knows_when_to_give_up() -> None:
    made = talk()
    reactor = Reactor()

    made.connection.serve(reactor, 3.0)

    assert (made.connection.reactor, made.connection.deadline, made.connection.armed) == (reactor, 10.0, 10.0)
    made.connection.close()
    reactor.close()


def test_what_it_passes_on_stays_open() -> None:
    made = talk()
    reactor = Reactor()
    made.connection.serve(reactor, 3.0)

    successor = made.connection.pass_on(ServerConnection, 5.0)

    assert (made.connection.closed, made.connection.deadline, made.connection.reactor) == (True, FOREVER, None)
    del made.connection
    gc.collect()
    assert (made.open, made.wire.closed) == ({successor}, False)
    assert (successor.reactor, successor.deadline) == (reactor, 12.0)
    successor.close()
    reactor.close()


def test_a_link_that_turns_its_connection_hears_of_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    made = talk()
    served: list[ServerConnection] = []
    monkeypatch.setattr(Wire, "serve", lambda wire, connection: served.append(connection), raising=False)

    successor = made.connection.pass_on(ServerConnection, 5.0)

    assert served == [successor]
    successor.close()


def test_a_link_that_nobody_turns_is_passed_on_too() -> None:
    made = talk()
    successor = made.connection.pass_on(ServerConnection, 5.0)

    assert made.open == {successor}
    successor.close()


@pytest.mark.parametrize("ended", [False, True])
def test_a_peer_that_may_be_sending_still_has_time_to_read(ended: bool) -> None:
    made = talk()
    made.connection._ended = ended

    made.connection._leave(3.0)

    assert made.wire.finished == 1
    assert made.connection.closed is ended
    if not ended:
        assert (made.connection.deadline, made.wire.interest) == (3.0 + LINGER, READ)


def test_who_makes_a_body_is_told_that_no_more_is_wanted() -> None:
    made = talk()
    pieces = Pieces(b"x")
    made.connection._stop(iter(pieces))
    made.connection._stop(iter([b"x"]))
    made.connection._stop(None)
    assert pieces.closed == 1
    late = stubborn()
    next(late)
    made.connection._stop(late)

    assert [str(error) for error in made.app.errors] == ["late"]


def test_every_end_is_an_end() -> None:
    error = OSError("gone")
    ends = [
        lambda made: made.connection.lost(error, 0.0, sending=False),
        lambda made: made.connection._unsendable(error),
        lambda made: made.connection.expire(0.0),
        lambda made: made.connection.fail(error),
    ]
    for number, end in enumerate(ends):
        made = talk()
        end(made)
        assert (made.wire.closed, made.connection.deadline) == (True, FOREVER)
        assert list(made.app.errors) == [error] * (number == 3)
