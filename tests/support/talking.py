"""A WebSocket without a network, an event loop or a clock: its carrier keeps what it is told, its peer is an engine."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from types import coroutine
from typing import Any

import pytest

from courser.core import speaking as speaking_module
from courser.core import talk as talk_module
from courser.core.talk import Talk
from courser.core.waiter import FOREVER, Waiter
from courser.engines.websocket import WEBSOCKET_LIMITS, Close, Deflate, Ping, Pong, WebSocketEngine
from courser.engines.websocket.events import Event
from courser.errors import ConnectionClosed

__all__ = [
    "Carrier",
    "Close",
    "Doing",
    "Host",
    "Make",
    "Ping",
    "Pong",
    "Talking",
    "by_its_clock",
    "closing",
    "is_refused",
    "maker",
    "pinging",
    "receiving",
    "sending",
    "speaking",
    "uttering",
]


@coroutine
def suspended() -> Generator[None, None, None]:
    """Let somebody else go on."""
    yield


class Doing:
    """A procedure that goes as far as it can, whenever it is told to.

    Attributes:
        ended: whether it has come to its end.
        result: what it gave, or the error that it raised.
    """

    def __init__(self, procedure: Coroutine[Any, Any, Any]) -> None:
        self._procedure = procedure
        self.ended = False
        self.result: Any = None
        self.go()

    def go(self) -> Doing:
        """Let it go on."""
        if not self.ended:
            self._step(lambda: self._procedure.send(None))
        return self

    def strike(self, error: BaseException) -> Doing:
        """Raise something where it waits."""
        self._step(lambda: self._procedure.throw(error))
        return self

    def _step(self, step: Callable[[], object]) -> None:
        try:
            step()
        except StopIteration as stop:
            self.ended, self.result = True, stop.value
        except BaseException as error:
            self.ended, self.result = True, error


class Host:
    """A host whose waits come to an end when a test says so; see `Doing`.

    Attributes:
        armed: those who have said how long they wait.
        turn: what a thread does that waits; None where there is nobody, and an event loop does it.
    """

    def __init__(self) -> None:
        self.armed: list[Waiter] = []
        self.turn: Callable[[], object] | None = None

    @property
    def blocking(self) -> bool:
        return self.turn is not None

    def arm(self, waiter: Waiter, /) -> None:
        self.armed.append(waiter)

    async def wait(self, waiter: Waiter, /) -> None:
        while not waiter.done:
            if self.turn is None:
                await suspended()
            else:
                self.turn()

    async def checkpoint(self) -> None:
        if self.turn is None:
            await suspended()
        else:
            self.turn()


class Carrier:
    """Keeps what is written.

    Attributes:
        sent: what has reached the network.
        unsent: what has not, as it takes nothing.
        takes: whether it takes anything.
        breaks: called by a write, which fails.
        told: what else it was told, in order.
        deadline: when it wants to be called.
    """

    label = "a:80"
    source: Any = None

    def __init__(self) -> None:
        self.sent = b""
        self.unsent = b""
        self.takes = True
        self.breaks: Callable[[], object] | None = None
        self.closed = False
        self.told: list[str] = []
        self.deadline = FOREVER
        self.on_look: Callable[[], object] = lambda: None

    @property
    def pending(self) -> bool:
        return bool(self.unsent)

    def enter(self, act: Callable[..., Any], /, *args: Any) -> Any:
        return act(*args)

    def write(self, data: bytes, /) -> bool:
        assert not self.closed, "it is closed"
        if self.breaks is not None:
            self.breaks()
        elif self.takes and not self.unsent:
            self.sent += data
        else:
            self.unsent += data
        return self.pending

    def pause(self) -> None:
        self.told.append("pause")

    def resume(self) -> None:
        self.told.append("resume")

    def look(self) -> None:
        self.on_look()

    def arm(self, deadline: float, /) -> None:
        self.deadline = deadline

    def finish(self) -> None:
        self.told.append("finish")

    def close(self) -> None:
        self.closed = True
        self.unsent = b""
        self.deadline = FOREVER


class Talking:
    """A talk, and all that is around it.

    Args:
        heartbeat: see `Talk`.
        deflate: how both compress.
    """

    def __init__(self, heartbeat: float | None = None, deflate: Deflate | None = None) -> None:
        self.now = 1000.0
        self.host: Any = Host()
        self.carrier = Carrier()
        limits = WEBSOCKET_LIMITS._replace(message=4 * 2**20)
        self.engine = WebSocketEngine(is_client=True, deflate=deflate, limits=limits)
        self.peer = WebSocketEngine(is_client=False, deflate=deflate)
        self.talk = Talk(self.engine, self.carrier, heartbeat, self.now)

    def clock(self) -> float:
        """The time."""
        return self.now

    # What the peer does

    def say(self, *messages: str | bytes) -> None:
        """Have messages come, all at once."""
        frames = [
            self.peer.send_text(each) if isinstance(each, str) else self.peer.send_bytes(each) for each in messages
        ]
        self.come(b"".join(frames))

    def come(self, data: bytes) -> None:
        """Have bytes come."""
        self.talk.took(data, self.now)

    def heard(self) -> list[Event]:
        """What has reached the peer since the last look."""
        data, self.carrier.sent = self.carrier.sent, b""
        return self.peer.receive(data) if data else []

    def answer(self) -> list[Event]:
        """The same, and the peer answers what has to be answered."""
        events = self.heard()
        if self.peer.has_outgoing:
            self.come(self.peer.outgoing())
        return events

    # What the link does

    def drain(self, *, whole: bool = True) -> None:
        """Have the link take what it did not take before, or one byte of it."""
        carrier = self.carrier
        size = len(carrier.unsent) if whole else 1
        carrier.sent, carrier.unsent = carrier.sent + carrier.unsent[:size], carrier.unsent[size:]
        self.talk.drained(self.now)

    def stuff(self) -> None:
        """Have a message go out of which the link takes nothing."""
        self.carrier.takes = False
        assert self.talk.offer(self.engine.send_bytes, b"stuffing")
        self.carrier.takes = True

    # Time

    def pass_time(self, seconds: float) -> None:
        """Let time pass, and who has waited long enough know."""
        self.now += seconds
        for waiter in self.host.armed:
            if not waiter.done and waiter.deadline <= self.now:
                waiter.expire(self.now)
        if self.carrier.deadline <= self.now:
            self.carrier.deadline = FOREVER
            self.talk.expire(self.now)


Make = Callable[..., Talking]


def by_its_clock(talking: Talking, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a WebSocket go by its own clock."""
    for module in (talk_module, speaking_module):
        monkeypatch.setattr(module, "monotonic", talking.clock)


def maker(monkeypatch: pytest.MonkeyPatch) -> Make:
    """Makes WebSockets that go by their own clocks."""

    def made(*args: Any, **options: Any) -> Talking:
        talking = Talking(*args, **options)
        by_its_clock(talking, monkeypatch)
        return talking

    return made


def receiving(talking: Talking, seconds: float | None = None) -> Doing:
    async def receive() -> str | bytes:
        talk = talking.talk
        if not talk.messages or talk.receiver is not None:
            await talk.wait_for_one(talking.host, seconds)
        return talk.take()

    return Doing(receive())


def sending(talking: Talking, text: str, seconds: float | None = None) -> Doing:
    return Doing(talking.talk.send(talking.host, seconds, talking.engine.send_text, text, None))


def speaking(talking: Talking, speaker: object, seconds: float | None = None) -> Doing:
    return Doing(talking.talk.speak(talking.host, seconds, speaker))


def uttering(talking: Talking, piece: str, *, last: bool = False, seconds: float | None = None) -> Doing:
    return Doing(talking.talk.utter(talking.host, seconds, piece, last=last, compress=None))


def closing(talking: Talking, code: int = 1000, reason: str = "", seconds: float = 10.0) -> Doing:
    return Doing(talking.talk.close(talking.host, code, reason, seconds))


def pinging(talking: Talking, payload: bytes, seconds: float | None = None) -> Doing:
    return Doing(talking.talk.ping(talking.host, payload, seconds))


def is_refused(doing: Doing, code: int = 1006, detail: str = "") -> bool:
    error = doing.go().result
    return isinstance(error, ConnectionClosed) and error.code == code and detail in error.detail
