"""A body that waits for the peer's word: what counts as one, for how long, and what comes after a refusal."""

from __future__ import annotations

import gc
import socket
import threading
from collections.abc import Iterator
from time import monotonic
from typing import Any

import pytest

from courser.core import exchange as module
from courser.core.deadline import Deadline
from courser.core.exchange import ALLOWED, PATIENCE, Exchange
from courser.core.expectation import ask, unexpecting
from courser.core.http1 import HTTP1Connection
from courser.core.link import SocketLink
from courser.core.pool import Pool
from courser.core.route import Route
from courser.core.waiter import FOREVER
from courser.engines.events import END, ResponseHead
from courser.errors import DeadlineExceeded, TransportError
from courser.hosts.inline import InlineHost, run_inline
from courser.settings import Limits, Timeout
from courser.values.request import Request

HOST = InlineHost()
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
EXPECT = {"Expect": "100-continue"}


class World:
    """An exchange on one end of a socketpair, its head not sent yet."""

    def __init__(self, timeout: Timeout | None = None) -> None:
        ours, self.peer = socket.socketpair()
        ours.setblocking(False)
        self.pool: Pool[HTTP1Connection] = Pool(Limits(), threading.Lock, lambda waiter: waiter.complete(), False)
        lane = self.pool.lane(Route("http", "a", 80))
        permit = self.pool.open(lane)
        assert permit is not None
        deadline = Deadline(timeout or Timeout(), False, monotonic())
        self.connection = HTTP1Connection(SocketLink(ours), lane, permit, monotonic())
        self.exchange = Exchange(self.connection, self.pool, lane, deadline, None)
        self.request = self.exchange.request = Request("POST", "http://a/", content=b"abc", headers=EXPECT)
        self.head = self.connection.begin(self.exchange, self.request, 3)

    def ask(self, tell: Any = None) -> bool:
        return run_inline(ask(self.exchange, self.connection, self.head, HOST, tell))

    def close(self) -> None:
        self.connection.close()
        self.peer.close()


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.close()


@pytest.fixture
def moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.005)


def test_the_head_goes_out_alone(world: World) -> None:
    world.peer.send(CONTINUE)

    assert world.ask()
    assert world.peer.recv(1000) == world.head
    assert world.head.endswith(b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n")
    assert not world.exchange.withheld
    assert not world.connection.engine.request_done


@pytest.mark.usefixtures("moment")
def test_silence_is_consent(world: World) -> None:
    assert world.ask()
    assert world.exchange.error is None
    assert not world.connection.closed
    assert world.connection.deadline == FOREVER


@pytest.mark.parametrize("status", [300, 307, 401, 413, 417, 500])
def test_a_refusal_keeps_the_body_here_and_closes_the_connection(world: World, status: int) -> None:
    """CVE-2024-24791 of Go"""
    world.peer.send(b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % status)

    assert not world.ask()
    assert world.exchange.withheld
    run_inline(world.exchange.collect(HOST))
    assert world.connection.closed
    assert world.pool.idle == 0


def test_a_final_answer_below_300_is_none(world: World) -> None:
    world.peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    assert world.ask()


@pytest.mark.usefixtures("moment")
def test_another_interim_response_is_no_word_and_does_not_prolong_it(world: World) -> None:
    exchange = world.exchange
    exchange._goal = ALLOWED
    world.connection.deadline = 5.0
    exchange.feed([ResponseHead(103, b"", b"1.1", b"", None, None, True)], 4.0)
    assert world.connection.deadline == 5.0
    assert not exchange.done

    world.peer.send(HINTS)
    assert world.ask()
    assert exchange.head is None


@pytest.mark.parametrize(
    ("timeout", "patience"),
    [
        (Timeout(), PATIENCE),
        (Timeout(read=None), PATIENCE),
        (Timeout(read=0.25), 0.25),
        (Timeout(total=0.5), 0.5),
    ],
)
def test_it_takes_a_second_at_most(timeout: Timeout, patience: float, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(timeout)
    monkeypatch.setattr(module, "monotonic", lambda: world.exchange.limits.started)
    waited: list[float] = []

    class Host(InlineHost):
        async def wait(self, waiter: Any, /) -> None:
            waited.append(world.connection.deadline - world.exchange.limits.started)
            world.exchange.reach()

    run_inline(world.exchange.until(Host(), ALLOWED))
    assert waited == [pytest.approx(patience)]
    world.close()


def test_the_end_of_the_call_is_no_consent() -> None:
    world = World(Timeout(total=0.005))
    with pytest.raises(DeadlineExceeded):
        world.ask()
    assert world.exchange.withheld
    world.close()


def test_a_peer_that_goes_is_an_error(world: World) -> None:
    world.peer.close()
    with pytest.raises(TransportError):
        world.ask()
    assert world.exchange.withheld
    assert world.exchange.informational is None
    gc.collect()


@pytest.mark.parametrize("together", [True, False])
def test_interim_responses_are_told(world: World, together: bool) -> None:
    told: list[int] = []

    def tell(interim: Any) -> None:
        told.append(interim.status_code)
        if interim.status_code == 103 and not together:
            world.peer.send(CONTINUE)

    world.peer.send(HINTS + CONTINUE if together else HINTS)
    assert world.ask(tell)
    assert told == [103, 100]
    assert world.exchange.informational is None


def test_an_answer_that_is_whole_at_once(world: World) -> None:
    world.exchange._goal = ALLOWED
    world.exchange.feed([ResponseHead(413, b"", b"1.1", b"", 0, None, True), END], 5.0)
    assert world.exchange.done


# 417


def test_the_request_goes_out_once_more_without() -> None:
    request = Request("POST", "http://a/", content=b"abc", headers=EXPECT | {"X": "1"})
    plainer = unexpecting(request)
    assert plainer is not None
    assert plainer.headers == {"X": "1"}
    assert plainer.body is request.body
    assert request.headers == EXPECT | {"X": "1"}


def test_without_an_expectation_417_is_an_answer() -> None:
    assert unexpecting(Request("POST", "http://a/", content=b"abc")) is None
    assert unexpecting(Request("GET", "http://a/", headers=EXPECT)) is None


def test_a_body_that_is_spent_is_not_sent_again() -> None:
    request = Request("POST", "http://a/", content=iter([b"abc"]), headers=EXPECT)
    assert unexpecting(request) is not None
    assert request.body is not None
    request.body.open()
    assert unexpecting(request) is None
