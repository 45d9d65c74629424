"""Interim responses are shown to whoever asked for them, where he waits."""

from __future__ import annotations

import gc
import socket
import threading
from collections.abc import Iterator
from time import monotonic
from typing import Any

import pytest

from courser.core.deadline import Deadline
from courser.core.exchange import COLLECTED, HEAD, Exchange
from courser.core.http1 import HTTP1Connection
from courser.core.interim import until_told
from courser.core.link import SocketLink
from courser.core.pool import Pool
from courser.core.route import Route
from courser.core.upload import Upload
from courser.errors import RemoteProtocolError
from courser.hosts.inline import InlineHost, run_inline
from courser.settings import Limits, Timeout
from courser.values.request import Request
from courser.values.response import Response

HOST = InlineHost()
REQUEST = Request("GET", "http://a.example/page")
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class World:
    """An exchange on one end of a socketpair."""

    def __init__(self, length: int = -1) -> None:
        ours, self.peer = socket.socketpair()
        ours.setblocking(False)
        self.pool: Pool[HTTP1Connection] = Pool(Limits(), threading.Lock, lambda waiter: waiter.complete(), False)
        lane = self.pool.lane(Route("http", "a.example", 80))
        permit = self.pool.open(lane)
        assert permit is not None
        self.connection = HTTP1Connection(SocketLink(ours), lane, permit, monotonic())
        self.exchange = Exchange(self.connection, self.pool, lane, Deadline(Timeout(), False, monotonic()), None)
        self.exchange.request = REQUEST
        self.connection.write(self.connection.begin(self.exchange, REQUEST, length))
        self.peer.recv(65536)

    def until(self, goal: int, tell: Any) -> None:
        run_inline(until_told(self.exchange, HOST, goal, tell))


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.connection.close()
    made.peer.close()


@pytest.mark.parametrize("goal", [HEAD, COLLECTED])
def test_every_interim_response_is_shown(world: World, goal: int) -> None:
    seen: list[Response] = []
    world.peer.send(b"HTTP/1.1 100 Continue\r\n\r\n" + HINTS + OK)

    world.until(goal, seen.append)

    assert [(each.status_code, each.reason_phrase) for each in seen] == [(100, "Continue"), (103, "Early Hints")]
    assert seen[1].is_informational
    assert seen[1].links["preload"]["url"] == "http://a.example/a.css"
    assert seen[1].request is REQUEST
    assert (seen[1].content, seen[1].http_version) == (b"", "HTTP/1.1")
    assert seen[1].elapsed.total_seconds() >= 0
    assert world.exchange.status_code == 200
    assert run_inline(world.exchange.collect(HOST)) == b"ok"


def test_it_is_shown_before_the_final_response_has_come(world: World) -> None:
    world.peer.send(HINTS)
    seen: list[int] = []

    def tell(response: Response) -> None:
        seen.append(response.status_code)
        assert world.exchange.head is None
        world.peer.send(OK if len(seen) == 2 else HINTS)

    world.until(COLLECTED, tell)

    assert seen == [103, 103]


def test_without_one_nothing_is_called(world: World) -> None:
    world.peer.send(OK)

    world.until(COLLECTED, lambda response: pytest.fail("there was none"))


def test_the_rest_of_a_request_goes_out_meanwhile() -> None:
    world = World(2)
    world.exchange.upload = Upload(world.exchange, iter([b"a", b"b"]))
    world.peer.send(HINTS)
    seen: list[int] = []

    def tell(response: Response) -> None:
        seen.append(response.status_code)
        world.peer.send(OK)

    world.until(COLLECTED, tell)

    assert seen == [103]
    assert world.peer.recv(65536) == b"ab"
    world.connection.close()
    world.peer.close()


def test_what_it_raises_is_raised_where_the_caller_waits(world: World) -> None:
    def refuse(response: Response) -> None:
        raise KeyError(response.status_code)

    world.peer.send(HINTS + OK)

    with pytest.raises(KeyError, match="103"):
        world.until(COLLECTED, refuse)
    assert world.exchange.informational is None


def test_another_who_looks_at_them_still_does(world: World) -> None:
    seen: list[Any] = []
    world.exchange.informational = lambda head: seen.append(head.status)
    world.peer.send(HINTS + OK)

    world.until(COLLECTED, lambda response: seen.append(response))

    assert seen[0] == 103
    assert isinstance(seen[1], Response)


def test_another_may_have_what_he_waits_for(world: World) -> None:
    world.exchange.informational = lambda head: head.status == 103
    world.peer.send(HINTS)
    told: list[Any] = []

    world.until(COLLECTED, told.append)

    assert len(told) == 1
    assert world.exchange.head is None


@pytest.mark.parametrize("tell", [5, "print", []])
def test_what_cannot_be_called_is_refused(world: World, tell: Any) -> None:
    with pytest.raises(TypeError, match='"informational" is a function of a response'):
        world.until(HEAD, tell)


def test_errors_pass_and_leave_no_cycle(world: World) -> None:
    world.peer.send(HINTS)
    world.peer.close()
    with pytest.raises(RemoteProtocolError):
        world.until(HEAD, lambda response: None)

    assert world.exchange.informational is None
    gc.collect()
