"""How a connection that carries many requests begins."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any, cast

import pytest

from courser.core.http2 import HTTP2Connection
from courser.core.lane import Lane, Permit
from courser.core.link import SocketLink
from courser.core.plural import first_guest
from courser.core.pool import Pool
from courser.core.reactor import Reactor
from courser.core.route import Route, TLSPolicy
from courser.core.threaded import ThreadedHTTP2Connection
from courser.errors import ConnectError
from courser.hosts.inline import InlineHost
from courser.settings import Limits

ROUTE = Route("https", "a", 443, TLSPolicy(), protocols=("h2",))


class Loop:
    """A host with an event loop, as far as a connection knows."""

    turned = True
    blocking = False

    def __init__(self) -> None:
        self.reactor = Reactor()

    def share(self, connection: Any) -> None:
        connection.be_turned(self.reactor, lambda call: call())


class Encrypted(SocketLink):
    """A link on which a protocol was agreed on."""

    encrypted = True
    alpn: str | None = "h2"


class Scene:
    def __init__(self) -> None:
        ours, self.peer = socket.socketpair()
        ours.setblocking(False)
        self.link = Encrypted(ours)
        self.pool: Pool[Any] = Pool(Limits(), threading.Lock, lambda waiter: waiter.complete(), True)
        self.lane: Lane[Any] = self.pool.lane(ROUTE)
        permit = self.pool.open(self.lane)
        assert permit is not None
        self.permit: Permit = permit

    def begin(self, host: Any, **options: Any) -> Any:
        return first_guest(host, self.link, self.pool, self.lane, self.permit, **options)


@pytest.fixture
def scene() -> Iterator[Scene]:
    made = Scene()
    yield made
    made.pool.close()
    made.link.close()
    made.peer.close()


def test_its_maker_has_the_first_place(scene: Scene) -> None:
    host = Loop()
    guest = scene.begin(host)
    connection = cast("HTTP2Connection", guest.connection)

    assert type(connection) is HTTP2Connection
    assert connection.reactor is host.reactor
    assert list(connection.guests) == [guest.key]
    assert scene.lane.shared == [connection]
    assert scene.lane.plural
    guest.close()
    connection.close()
    host.reactor.close()


def test_threads_share_another_kind(scene: Scene) -> None:
    guest = scene.begin(InlineHost())

    assert type(guest.connection) is ThreadedHTTP2Connection
    assert guest.connection.source is not None
    guest.close()
    guest.connection.close()


def test_what_the_proxy_said_is_kept(scene: Scene) -> None:
    answer: Any = object()
    guest = scene.begin(InlineHost(), answer=answer)

    assert guest.connection.answer is answer
    guest.close()
    guest.connection.close()


@pytest.mark.parametrize(("alpn", "chosen"), [(None, "no protocol"), ("http/1.1", "http/1.1")])
def test_a_peer_that_does_not_speak_it_is_left(scene: Scene, alpn: Any, chosen: str) -> None:
    scene.link.alpn = alpn
    with pytest.raises(ConnectError, match=f"does not speak HTTP/2: in the TLS handshake it chose {chosen}") as caught:
        scene.begin(InlineHost())

    assert "http1=True" in str(caught.value)
    assert not scene.lane.permits
    assert scene.link.fileno() == -1


def test_without_encryption_it_is_known_beforehand(scene: Scene) -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    plain = SocketLink(ours)
    guest = first_guest(InlineHost(), plain, scene.pool, scene.lane, scene.permit)

    assert guest.connection.link is plain
    guest.close()
    guest.connection.close()
    theirs.close()
