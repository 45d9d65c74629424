"""A WebSocket under way: what it has received and not handed out, who waits for what, and how it ends.

It stands between an engine and whatever carries its bytes (the carrier). The carrier calls it whenever bytes come, so
pings are answered and its end is noticed by whoever turns the carrier, not by who happens to receive.

Any number of threads may come here. So the carrier is entered by all but who only reads what changes in one step, and
what the carrier calls it calls inside. Who waits is written down inside too, after a look at what it waits for: nobody
can bring that in between. What has come and was not handed out is counted on both sides, each by who changes it.
"""

from __future__ import annotations

from collections import deque
from time import monotonic

from ..engines.websocket import Close, Pong
from ..errors import ConnectionClosed, ReadTimeout, StreamConsumed
from ..hints import TYPE_CHECKING
from .pulse import Pulse, Verdict
from .speaking import Speaking
from .waiter import FOREVER

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from ..engines.websocket import WebSocketEngine
    from .carrier import Carrier
    from .waiter import Host, Waiter

__all__ = ["Talk"]

FULL: Final = 1024 * 1024
"""Bytes, or characters, that may wait for a slow reader before the carrier receives no more."""

EACH: Final = 64
"""Bytes that a message counts beside its own: what Python needs for it, were it empty."""

FAREWELL: Final = 1.0
"""Seconds that the peer has to end the link once nothing more is to be said (RFC 6455 section 7.1.1)."""

DROPPED: Final = "the last messages are missing: too many waited for a reader when it was closed here"

NORMAL: Final = frozenset({1000, 1001})
"""Close codes of a conversation that has come to its end."""


class Talk(Speaking):
    """The state of one WebSocket.

    Args:
        engine: the protocol.
        carrier: takes its frames; it knows this weakly.
        heartbeat: seconds of silence after which the peer is asked whether it is there, and for which its answer is
            waited for; None never asks.
        now: the time.

    Attributes:
        engine, carrier: likewise.
        messages: what has come and was not handed out.
        blocked: whether who sends has to wait first, or will be refused.
        closed: how it has ended; None while it goes on.
        receiver: stands for who waits for a message; None for nobody.
        unbroken: messages that were sent or taken since somebody has last waited.
    """

    __slots__ = ("__weakref__", "_came", "_drops", "_given", "_heartbeat", "_paused", "_pulse", "messages", "receiver")

    def __init__(self, engine: WebSocketEngine, carrier: Carrier, heartbeat: float | None, now: float) -> None:
        super().__init__(engine, carrier)
        self.messages: deque[str | bytes] = deque()
        self.receiver: object = None
        # Sizes of all messages: who brings them counts the one, who receives them the other.
        self._came = 0
        self._given = 0
        self._paused = False
        # Whether something of what has come is lost: then nothing that follows is kept either.
        self._drops = False
        self._pulse = Pulse(now)
        self._heartbeat = FOREVER if heartbeat is None else heartbeat
        carrier.arm(now + self._heartbeat)

    # What the carrier calls, entered

    def took(self, data: bytes, now: float) -> None:
        """Take bytes of the peer; `b""` is the end of the link."""
        engine, carrier, was_open = self.engine, self.carrier, self.closed is None
        self._pulse.heard_at = now
        # Who says goodbye hears on for the answer's sake: what nobody receives meanwhile is not kept without bounds.
        if engine.close_sent and self._came - self._given > FULL:
            self._drops = True
        for event in engine.receive(data):
            if isinstance(event, str | bytes):
                if not self._drops:
                    self.messages.append(event)
                    self._came += len(event) + EACH
            elif isinstance(event, Pong):
                self._answered(event.payload)
            elif isinstance(event, Close):
                detail = DROPPED if self._drops else ""
                self._end(ConnectionClosed(code=event.code, reason=event.reason, detail=detail))
        if engine.has_outgoing:
            self._reply()
        if engine.error is not None and self.closed is None:
            self._end(ConnectionClosed(code=engine.failed_code, detail=str(engine.error)))
        if not data:
            self._fail(ConnectionClosed(detail=f"{carrier.label} has ended the connection without a close frame"))
        elif self.closed is None:
            if self.messages and self.receiver is not None:
                self._one.complete()
            if self._came - self._given > FULL and not self._paused and not engine.close_sent:
                self._paused = True
                carrier.pause()
        elif was_open:
            self._part(now)

    def drained(self, now: float) -> None:
        """The link has taken something of what was written, or all of it."""
        self._pulse.heard_at = now
        self._reply()
        if self.carrier.pending:
            for waiter, seconds in [*self._senders.items(), *self._closing.items()]:
                waiter.deadline = now + seconds
            return
        self._emptied += 1
        self._free()
        if self.closed is not None:
            self.carrier.finish()

    def lost(self, error: BaseException) -> None:
        """The link broke."""
        self._fail(ConnectionClosed(detail=str(error)))

    def expire(self, now: float) -> None:
        """The time has come that the carrier was armed with."""
        if self.closed is not None:
            self._fail(self.closed)
            return
        if self.engine.close_sent:
            return  # who has said it has a time of its own
        # A peer that is not listened to cannot be heard.
        verdict, due = self._pulse.feel(now, self._heartbeat, waiting=not self._paused)
        if verdict is Verdict.GONE:
            since = now - self._pulse.heard_at
            label = self.carrier.label
            self.lost(TimeoutError(f"nothing has come from {label} for {since:.3g} s, no answer to a ping"))
            return
        if verdict is Verdict.ASK:
            self._put(self.engine.ping)
        self.carrier.arm(due)

    def forget(self) -> None:
        """Be of no use in a forked child; nobody waits there."""
        self.blocked = True
        self.closed = self.closed or ConnectionClosed(detail="it belongs to the process that has forked this one")

    def _part(self, now: float) -> None:
        """Goodbye is said, by both sides or for good: the peer ends the link, if it does so soon.

        To close it here, with bytes unread that it has sent, would take from it what it has not read (RFC 9293 section
        3.6.1), our reason above all.
        """
        self.carrier.arm(now + FAREWELL)
        if not self.carrier.pending:
            self.carrier.finish()

    # Receiving

    async def wait_for_one(self, host: Host, seconds: float | None) -> None:
        """Wait until there is a message.

        Args:
            host: who waits.
            seconds: for how long at most; 0 takes what has come.

        Raises:
            ConnectionClosed: none will come.
            ReadTimeout: none has come in time.
            StreamConsumed: somebody else waits for one.
        """
        if seconds == 0 and host.blocking:
            self.carrier.look()
        me = object()
        try:
            if self.carrier.enter(self._expect, me, seconds):
                self.unbroken = 0
                if seconds is not None:
                    host.arm(self._one)
                await host.wait(self._one)
        finally:
            self._dismiss(me)
        if not self.messages:
            raise self._late(seconds, "a message") if self.closed is None else self.refusal()

    def _expect(self, receiver: object, seconds: float | None) -> bool:
        """Be who waits for a message, until it is taken; tells whether there is anything to wait for."""
        if self.receiver is not None:
            raise _many()
        if self._paused and not self.messages:
            self._resume()  # it was about to pause while the last message was taken
        self.receiver = receiver
        self._one.done = False
        self._one.deadline = FOREVER if seconds is None else monotonic() + seconds
        return not self.messages and self.closed is None

    def _dismiss(self, receiver: object) -> None:
        if self.receiver is receiver:
            self.receiver = None

    def take(self) -> str | bytes:
        """A message that is there.

        Raises:
            StreamConsumed: another thread has taken it.
        """
        try:
            message = self.messages.popleft()
        except IndexError:
            raise _many() from None
        self.unbroken += 1
        self._given += len(message) + EACH
        if self._paused and self._came - self._given <= FULL // 2:
            self.carrier.enter(self._resume)
        return message

    def put_back(self, message: str | bytes) -> None:
        """Have a message handed out once more."""
        self.messages.appendleft(message)
        self._given -= len(message) + EACH

    def _resume(self) -> None:
        self._paused = False
        self.carrier.resume()

    # Pings

    async def ping(self, host: Host, payload: bytes, seconds: float | None) -> float:
        """Ask the peer for an answer; tells how many seconds it took.

        Raises:
            ConnectionClosed: there was none before the end.
            ReadTimeout: there was none in time.
        """
        enter = self.carrier.enter
        waiter = self._waiter(seconds)
        began = monotonic()
        try:
            enter(self._ask, payload, waiter)
            host.arm(waiter)
            await host.wait(waiter)
        finally:
            unanswered = enter(self._pings.pop, payload, None)
        if unanswered is None:
            return monotonic() - began
        if self.closed is not None:
            raise self.refusal()
        raise self._late(seconds, "the pong")

    def _ask(self, payload: bytes, waiter: Waiter) -> None:
        if self._is_over:
            raise self.refusal()
        self._pings[payload] = waiter
        self._put(self.engine.ping, payload)

    def _answered(self, payload: bytes) -> None:
        """A pong answers its ping, and those before it (RFC 6455 section 5.5.3)."""
        if payload in self._pings:
            asked = None
            while asked != payload:
                asked = next(iter(self._pings))
                self._pings.pop(asked).complete()

    # Closing

    async def close(self, host: Host, code: int, reason: str, seconds: float) -> None:
        """Say goodbye, wait for the peer to do so, and for it to end the link; after a time it is ended without.

        Raises:
            LocalProtocolError: the code is none that may be sent, or the reason is too long.
        """
        enter = self.carrier.enter
        enter(self._bid, code, reason)
        try:
            await self._outlast(host, seconds, lambda: self.closed is None)
            await self._outlast(host, FAREWELL, lambda: self.closed is not None and not self.carrier.closed)
        finally:
            enter(self._give_up)

    def _bid(self, code: int, reason: str) -> None:
        if not self._is_over:
            self._put(self.engine.close, code, reason)
            self._free()
            if self._paused:
                self._resume()

    async def _outlast(self, host: Host, seconds: float, goes_on: Callable[[], bool]) -> None:
        """Wait for the next step of the end, as long as it does not come."""
        waiter = self._waiter(seconds)
        try:
            if self.carrier.enter(self._stay, waiter, seconds, goes_on):
                host.arm(waiter)
                await host.wait(waiter)
        finally:
            self.carrier.enter(self._closing.pop, waiter, None)

    def _stay(self, waiter: Waiter, seconds: float, goes_on: Callable[[], bool]) -> bool:
        self._closing[waiter] = seconds
        return goes_on()

    def outlast_by(self, waiter: Waiter) -> bool:
        """Have a waiter told of the next step of the end; tells whether there is one. The carrier is entered."""
        waiter.done = bool(self.carrier.closed)
        self._closing[waiter] = FOREVER
        return not waiter.done

    def _give_up(self) -> None:
        if not self.carrier.closed:
            self._fail(ConnectionClosed(detail=f"{self.carrier.label} has not said goodbye in time"))

    # Time

    def _late(self, seconds: float | None, what: str) -> ReadTimeout:
        return ReadTimeout(
            phase="read", detail=f"{seconds or 0:.3g} s, while waiting for {what} of {self.carrier.label}"
        )


def _many() -> StreamConsumed:
    return StreamConsumed(
        detail="two tasks or threads receive at once", hint="let one receive, and give the messages to a queue"
    )
