"""A WebSocket under way: what it has received and not handed out, who waits for what, and how it ends.

It stands between an engine and whatever carries its bytes (the carrier). The carrier calls it whenever bytes come, so
pings are answered and its end is noticed by whoever turns the carrier, not by who happens to receive.

Who sends waits before the message until the link has taken those before it, never after: a message that was handed over
is on its way, whatever strikes whoever has sent it.
"""

from __future__ import annotations

from collections import deque
from time import monotonic

from ..engines.websocket import Close, Pong
from ..errors import ConnectionClosed, ReadTimeout, StreamConsumed, WriteTimeout
from ..hints import TYPE_CHECKING, Protocol
from .pulse import Pulse, Verdict
from .waiter import FOREVER, Waiter

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final

    from ..engines.websocket import WebSocketEngine
    from .waiter import Host

__all__ = ["Carrier", "Talk"]

FULL: Final = 1024 * 1024
"""Bytes, or characters, that may wait for a slow reader before the carrier receives no more."""

FAREWELL: Final = 1.0
"""Seconds that the peer has to end the link once both sides have said goodbye (RFC 6455 section 7.1.1)."""

NORMAL: Final = frozenset({1000, 1001})
"""Close codes of a conversation that has come to its end."""


class Carrier(Protocol):
    """What carries the frames of a WebSocket.

    Attributes:
        label: the peer's name for errors, `host:port`.
        blocked: whether something that was written has not reached the network.
        closed: whether it is.
        source: turns it for plain code; None under an event loop.
    """

    label: str
    closed: bool
    source: Any

    @property
    def blocked(self) -> bool: ...
    def write(self, data: bytes, /) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def arm(self, deadline: float, /) -> None: ...
    def finish(self) -> None:
        """Tell the peer that no more will be sent."""
        ...

    def close(self) -> None: ...


class Talk:
    """The state of one WebSocket.

    Args:
        engine: the protocol.
        carrier: takes its frames; it knows this weakly.
        heartbeat: seconds of silence after which the peer is asked whether it is there, and for which its answer is
            waited for; None never asks.
        now: the time.

    Attributes:
        messages: what has come and was not handed out.
        blocked: whether who sends has to wait first.
        closed: how it has ended; None while it goes on.
        receiver: who waits for a message, None for nobody.
    """

    __slots__ = (
        "__weakref__",
        "_closing",
        "_heartbeat",
        "_held",
        "_one",
        "_paused",
        "_pings",
        "_pulse",
        "_rooms",
        "_speakers",
        "_speaks",
        "blocked",
        "carrier",
        "closed",
        "engine",
        "messages",
        "receiver",
    )

    def __init__(self, engine: WebSocketEngine, carrier: Carrier, heartbeat: float | None, now: float) -> None:
        self.engine = engine
        self.carrier = carrier
        self.messages: deque[str | bytes] = deque()
        self.blocked = False
        self.closed: ConnectionClosed | None = None
        self._held = 0
        self._paused = False
        self.receiver: Waiter | None = None
        self._one = Waiter(carrier.source)
        self._rooms: list[Waiter] = []
        self._speaks = False
        self._speakers: deque[Waiter] = deque()
        self._pings: dict[bytes, Waiter] = {}
        self._closing: list[Waiter] = []
        self._pulse = Pulse(now)
        self._heartbeat = heartbeat
        if heartbeat is not None:
            carrier.arm(now + heartbeat)

    # What the carrier calls

    def took(self, data: bytes, now: float) -> None:
        """Take bytes of the peer; `b""` is the end of the link."""
        engine = self.engine
        self._pulse.heard_at = now
        for event in engine.receive(data):
            if isinstance(event, str | bytes):
                self.messages.append(event)
                self._held += len(event)
            elif isinstance(event, Pong):
                self._answered(event.payload)
            elif isinstance(event, Close):
                self._end(ConnectionClosed(code=event.code, reason=event.reason))
        if engine.has_outgoing:
            self.carrier.write(engine.outgoing())
        if engine.error is not None:
            self._fail(ConnectionClosed(code=engine.failed_code, detail=str(engine.error)))
        elif not data:
            self._fail(ConnectionClosed(detail=f"{self.carrier.label} has ended the connection without a close frame"))
        elif self.closed is not None:
            self._part(now)
        receiver = self.receiver
        if receiver is not None and not receiver.done and (self.messages or self.closed is not None):
            receiver.complete()
        if self._held > FULL and not self._paused and self.closed is None:
            self._paused = True
            self.carrier.pause()

    def drained(self, now: float) -> None:
        """The link has taken everything that was written."""
        self.blocked = self._speaks
        rooms, self._rooms = self._rooms, []
        for waiter in rooms:
            waiter.complete()
        if self.closed is not None:
            self._part(now)

    def lost(self, error: BaseException) -> None:
        """The link broke."""
        self._fail(ConnectionClosed(detail=str(error)))
        if self.receiver is not None:
            self.receiver.complete()

    def expire(self, now: float) -> None:
        """The time has come that the carrier was armed with."""
        if self.closed is not None:
            self.carrier.close()
            return
        if self._heartbeat is None:
            return
        verdict, due = self._pulse.feel(now, self._heartbeat, waiting=True)
        if verdict is Verdict.GONE:
            since = now - self._pulse.heard_at
            self.lost(
                TimeoutError(f"nothing has come from {self.carrier.label} for {since:.3g} s, no answer to a ping")
            )
            return
        if verdict is Verdict.ASK:
            self.say(self.engine.ping)
        self.carrier.arm(due)

    # How it ends

    def _end(self, closed: ConnectionClosed) -> None:
        """Take note of the end, and tell those who wait for something else than a message."""
        if self.closed is None:
            self.closed = closed
            self.blocked = True
            waiters = [*self._rooms, *self._speakers, *self._pings.values()]
            self._rooms.clear()
            self._speakers.clear()
            self._pings.clear()
            for waiter in waiters:
                waiter.complete()
        for waiter in self._closing:
            waiter.complete()

    def _fail(self, closed: ConnectionClosed) -> None:
        """Nothing more can come, nor go."""
        self._end(closed)
        self.carrier.finish()
        self.carrier.close()

    def _part(self, now: float) -> None:
        """Both have said goodbye: the peer ends the link, if it does so soon."""
        carrier = self.carrier
        if self.engine.close_sent and not carrier.blocked:
            carrier.finish()
            carrier.arm(now + FAREWELL)

    def refusal(self) -> ConnectionClosed:
        """An error that tells how it has ended."""
        known = self.closed or ConnectionClosed()
        return ConnectionClosed(code=known.code, reason=known.reason, detail=known.detail)

    # Sending

    def say(self, make: Callable[..., bytes], *what: Any) -> None:
        """Have the engine make frames, and send them.

        Raises:
            LocalProtocolError: the engine refuses.
        """
        carrier = self.carrier
        carrier.write(make(*what))
        if carrier.blocked:
            self.blocked = True

    async def free(self, host: Host, seconds: float | None) -> None:
        """Wait until a message may be sent: those before it have left, and nobody is in the middle of one.

        Args:
            host: who waits.
            seconds: for how long at most.

        Raises:
            ConnectionClosed: there is nobody to send to.
            WriteTimeout: the peer reads nothing.
        """
        due = FOREVER if seconds is None else monotonic() + seconds
        while self._speaks:
            await self._stand(self._speakers, lambda: self._speaks, host, due, seconds)
        await self.room(host, seconds)
        self.blocked = False

    async def room(self, host: Host, seconds: float | None) -> None:
        """Wait until the link has taken what was written; see `free`."""
        due = FOREVER if seconds is None else monotonic() + seconds
        while self.carrier.blocked:
            await self._stand(self._rooms, lambda: self.carrier.blocked, host, due, seconds)
        if self.closed is not None or self.engine.close_sent:
            raise self.refusal()

    async def _stand(
        self, queue: Any, waits: Callable[[], bool], host: Host, due: float, seconds: float | None
    ) -> None:
        """Wait in a queue as long as there is something to wait for."""
        if self.closed is not None:
            raise self.refusal()
        waiter = self._waiter(due)
        queue.append(waiter)
        try:
            if due < FOREVER:
                host.arm(waiter)
            if waits() and self.closed is None:
                await host.wait(waiter)
        finally:
            if waiter in queue:
                queue.remove(waiter)
        if waits() and self.closed is None and monotonic() >= due:
            detail = f"{seconds or 0:.3g} s, while {self.carrier.label} took nothing"
            raise WriteTimeout(phase="write", detail=detail)

    def speak(self) -> None:
        """Send a message in pieces from now on: those of others have to wait."""
        self._speaks = self.blocked = True

    def spoken(self) -> None:
        """The message is whole, or never will be."""
        self._speaks = False
        self.blocked = self.carrier.blocked or self.closed is not None
        if self._speakers:
            self._speakers.popleft().complete()

    # Receiving

    async def wait_for_one(self, host: Host, seconds: float | None) -> None:
        """Wait until there is a message.

        Args:
            host: who waits.
            seconds: for how long at most.

        Raises:
            ConnectionClosed: none will come.
            ReadTimeout: none has come in time.
            StreamConsumed: somebody else waits for one.
        """
        if self.receiver is not None:
            raise StreamConsumed(
                detail="two tasks or threads receive at once", hint="let one receive, and give the messages to a queue"
            )
        waiter = self._one
        waiter.done = False
        waiter.deadline = FOREVER
        self.receiver = waiter
        try:
            if seconds is not None:
                waiter.deadline = monotonic() + seconds
                host.arm(waiter)
            if not self.messages and self.closed is None:
                await host.wait(waiter)
        finally:
            self.receiver = None
        if not self.messages:
            raise self._late(seconds, "a message") if self.closed is None else self.refusal()

    def take(self) -> str | bytes:
        """A message that is there."""
        message = self.messages.popleft()
        self._held -= len(message)
        if self._paused and self._held <= FULL // 2:
            self._paused = False
            self.carrier.resume()
        return message

    def put_back(self, message: str | bytes) -> None:
        """Have a message handed out once more."""
        self.messages.appendleft(message)
        self._held += len(message)

    # Pings

    async def ping(self, host: Host, payload: bytes, seconds: float | None) -> float:
        """Ask the peer for an answer; tells how many seconds it took.

        Raises:
            ConnectionClosed: there was none before the end.
            ReadTimeout: there was none in time.
        """
        if self.closed is not None or self.engine.close_sent:
            raise self.refusal()
        began = monotonic()
        due = FOREVER if seconds is None else began + seconds
        self._pings[payload] = waiter = self._waiter(due)
        try:
            self.say(self.engine.ping, payload)
            if due < FOREVER:
                host.arm(waiter)
            await host.wait(waiter)
            answered = payload not in self._pings
        finally:
            if self._pings.get(payload) is waiter:
                del self._pings[payload]
        if answered and self.closed is None:
            return monotonic() - began
        if self.closed is not None:
            raise self.refusal()
        raise self._late(seconds, "a pong")

    def _answered(self, payload: bytes) -> None:
        """A pong answers its ping, and those before it (RFC 6455 section 5.5.3)."""
        if payload in self._pings:
            for asked in list(self._pings):
                self._pings.pop(asked).complete()
                if asked == payload:
                    break

    # Closing

    async def close(self, host: Host, code: int, reason: str, seconds: float) -> None:
        """Say goodbye, wait for the peer to do so, and for it to end the link; after a time it is ended without.

        Raises:
            LocalProtocolError: the code is none that may be sent, or the reason is too long.
        """
        if self.closed is None and not self.engine.close_sent:
            self.say(self.engine.close, code, reason)
        try:
            if self.closed is None:
                if self._paused:
                    self.carrier.resume()
                await self._wait_for_the_end(host, seconds)
            if not self.carrier.closed:
                await self._wait_for_the_end(host, FAREWELL)
        finally:
            if not self.carrier.closed:
                self._fail(ConnectionClosed(detail=f"{self.carrier.label} has not said goodbye in time"))

    async def _wait_for_the_end(self, host: Host, seconds: float) -> None:
        """Wait for the next step of it."""
        waiter = self._waiter(monotonic() + seconds)
        self._closing.append(waiter)
        try:
            host.arm(waiter)
            await host.wait(waiter)
        finally:
            self._closing.remove(waiter)

    def abandon(self, code: int) -> None:
        """Say goodbye and wait for nothing."""
        if self.closed is None and not self.engine.close_sent and not self.carrier.blocked and not self._speaks:
            self.say(self.engine.close, code, "")
        self._fail(ConnectionClosed(detail="the connection was given up"))

    def _late(self, seconds: float | None, what: str) -> ReadTimeout:
        return ReadTimeout(
            phase="read", detail=f"{seconds or 0:.3g} s, while waiting for {what} of {self.carrier.label}"
        )

    def _waiter(self, due: float) -> Waiter:
        waiter = Waiter(self.carrier.source)
        waiter.deadline = due
        return waiter
