"""A WebSocket under way: what it has received and not handed out, who waits for what, and how it ends.

It stands between an engine and whatever carries its bytes (the carrier). The carrier calls it whenever bytes come, so
pings are answered and its end is noticed by whoever turns the carrier, not by who happens to receive.

Any number of threads may come here. So the carrier is entered by all but who only reads what changes in one step, and
what the carrier calls it calls inside. Who waits is written down inside too, after a look at what it waits for: nobody
can bring that in between. Those who want to send are all woken when something changes and look again, so none of them
relies on the one before it. What has come and was not handed out is counted on both sides, each by who changes it.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from time import monotonic

from ..engines.websocket import Close, CloseCode, Pong
from ..errors import ConnectionClosed, ReadTimeout, StreamConsumed, WriteTimeout
from ..hints import TYPE_CHECKING, Protocol
from .pulse import Pulse, Verdict
from .waiter import FOREVER, Waiter

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final

    from ..engines.websocket import WebSocketEngine
    from ..engines.websocket.events import Frame
    from .waiter import Host

__all__ = ["Carrier", "Talk"]

FULL: Final = 1024 * 1024
"""Bytes, or characters, that may wait for a slow reader before the carrier receives no more."""

EACH: Final = 64
"""Bytes that a message counts beside its own: what Python needs for it, were it empty."""

UNBROKEN: Final = 50
"""Messages that may be sent or taken without a wait before an event loop gets its turn."""

FAREWELL: Final = 1.0
"""Seconds that the peer has to end the link once nothing more is to be said (RFC 6455 section 7.1.1)."""

NORMAL: Final = frozenset({1000, 1001})
"""Close codes of a conversation that has come to its end."""


class Carrier(Protocol):
    """What carries the frames of a WebSocket.

    Attributes:
        label: the peer's name for errors, `host:port`.
        pending: whether something that was written has not reached the network.
        closed: whether it is.
        source: turns it for plain code; None under an event loop.
    """

    label: str
    closed: bool
    source: Any

    @property
    def pending(self) -> bool: ...
    def enter(self, act: Callable[..., Any], /, *args: Any) -> Any:
        """Do something to the talk, its engine or the link while nobody else does; gives what that gives."""
        ...

    def write(self, data: bytes | memoryview, /) -> bool:
        """Send, now or as soon as the peer takes it; tells whether something waits for that."""
        ...

    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def look(self) -> None:
        """Take what has come, without waiting for more."""
        ...

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
        blocked: whether who sends has to wait first, or will be refused.
        closed: how it has ended; None while it goes on.
        receiver: stands for who waits for a message; None for nobody.
        unbroken: messages that were sent or taken since somebody has last waited.
    """

    __slots__ = (
        "__weakref__",
        "_came",
        "_closing",
        "_emptied",
        "_given",
        "_heartbeat",
        "_is_half_said",
        "_one",
        "_paused",
        "_pings",
        "_pulse",
        "_senders",
        "_speaker",
        "blocked",
        "carrier",
        "closed",
        "engine",
        "messages",
        "receiver",
        "unbroken",
    )

    def __init__(self, engine: WebSocketEngine, carrier: Carrier, heartbeat: float | None, now: float) -> None:
        self.engine = engine
        self.carrier = carrier
        self.messages: deque[str | bytes] = deque()
        self.blocked = False
        self.closed: ConnectionClosed | None = None
        self.unbroken = 0
        # Sizes of all messages: who brings them counts the one, who receives them the other.
        self._came = 0
        self._given = 0
        self._paused = False
        # How often the link has come to have taken everything.
        self._emptied = 0
        # Who sends a message in pieces, and whether the peer has a part of it.
        self._speaker: object = None
        self._is_half_said = False
        # Those who wait, with the seconds of silence for which those do whom the peer lets wait by taking nothing.
        self.receiver: object = None
        self._one = Waiter(carrier.source)
        self._senders: dict[Waiter, float] = {}
        self._closing: dict[Waiter, float] = {}
        self._pings: dict[bytes, Waiter] = {}
        self._pulse = Pulse(now)
        self._heartbeat = FOREVER if heartbeat is None else heartbeat
        carrier.arm(now + self._heartbeat)

    # What the carrier calls, entered

    def took(self, data: bytes, now: float) -> None:
        """Take bytes of the peer; `b""` is the end of the link."""
        engine, carrier, was_open = self.engine, self.carrier, self.closed is None
        self._pulse.heard_at = now
        # Who says goodbye hears on for the answer's sake: what nobody receives meanwhile is not kept without bounds.
        keeps = not engine.close_sent or self._came - self._given <= FULL
        for event in engine.receive(data):
            if isinstance(event, str | bytes):
                if keeps:
                    self.messages.append(event)
                    self._came += len(event) + EACH
            elif isinstance(event, Pong):
                self._answered(event.payload)
            elif isinstance(event, Close):
                self._end(ConnectionClosed(code=event.code, reason=event.reason))
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

    # How it ends

    def _end(self, closed: ConnectionClosed) -> None:
        """Take note of the end, and tell all who wait."""
        if self.closed is None:
            self.closed = closed
        self._free()
        for waiter in [*self._pings.values(), *self._closing, self._one]:
            waiter.complete()

    def _fail(self, closed: ConnectionClosed) -> None:
        """Nothing more can come, nor go."""
        self._end(closed)
        self.carrier.finish()
        self.carrier.close()

    def _part(self, now: float) -> None:
        """Goodbye is said, by both sides or for good: the peer ends the link, if it does so soon.

        To close it here, with bytes unread that it has sent, would take from it what it has not read (RFC 9293 section
        3.6.1), our reason above all.
        """
        self.carrier.arm(now + FAREWELL)
        if not self.carrier.pending:
            self.carrier.finish()

    def refusal(self) -> ConnectionClosed:
        """An error that tells how it has ended."""
        known = self.closed or ConnectionClosed(detail="it is being closed")
        return ConnectionClosed(code=known.code, reason=known.reason, detail=known.detail)

    @property
    def _is_over(self) -> bool:
        """Whether nothing more is sent."""
        return self.closed is not None or self.engine.close_sent

    # Sending

    def offer(self, make: Callable[..., Frame], *what: Any) -> bool:
        """Send a message, if nobody has to be waited for; tells whether that was so. The carrier is entered.

        Args:
            make: has the engine make frames.
            *what: of what.

        Raises:
            ConnectionClosed: the link broke.
            LocalProtocolError: the engine refuses.
        """
        if self.blocked:
            return False
        self.unbroken += 1
        frame = make(*what)
        if self.carrier.write(frame if type(frame) is bytes else memoryview(frame)):
            self.blocked = True
        if self.closed is not None:
            raise self.refusal()
        return True

    def _put(self, make: Callable[..., Frame], *what: Any) -> None:
        frame = make(*what)
        if self.carrier.write(frame if type(frame) is bytes else memoryview(frame)):
            self.blocked = True

    def _reply(self) -> None:
        """Send what the engine wants to be sent, once the link takes it: by then the newest ping is enough."""
        if self.engine.has_outgoing and not self.carrier.pending:
            self._put(self.engine.outgoing)

    def _judge(self) -> None:
        self.blocked = self._speaker is not None or self._is_over or self.carrier.pending

    def _free(self) -> None:
        """Have those who want to send look again."""
        self._judge()
        for waiter in self._senders:
            waiter.complete()

    async def send(self, host: Host, seconds: float | None, make: Callable[..., Frame], *what: Any) -> None:
        """Send a message as soon as those before it have left, and nobody is in the middle of one.

        Args:
            host: who waits.
            seconds: for how long a peer may take nothing.
            make: see `offer`.
            *what: likewise.

        Raises:
            ConnectionClosed: there is nobody to send to.
            WriteTimeout: the peer reads nothing.
            LocalProtocolError: the engine refuses.
        """
        await self._when(host, seconds, partial(self.offer, make, *what))

    async def rest(self, host: Host) -> None:
        """Give others their turn, where many messages have gone by without a wait."""
        self.unbroken = 0
        await host.checkpoint()

    async def settle(self, host: Host, seconds: float | None) -> None:
        """Wait until the link has taken what was written: plain code has nobody else who sees to that."""
        emptied = self._emptied

        def is_settled() -> bool:
            return self._emptied != emptied or (self.closed is None and not self.carrier.pending)

        await self._when(host, seconds, is_settled)

    async def _when(self, host: Host, seconds: float | None, act: Callable[[], bool]) -> None:
        """Do something as soon as it can be done.

        Args:
            host: who waits.
            seconds: for how long a peer may take nothing.
            act: does it, or tells that it cannot be done yet.
        """
        enter = self.carrier.enter
        while True:
            waiter = self._waiter(seconds)
            try:
                if enter(self._try, act, waiter, seconds):
                    return
                host.arm(waiter)
                await host.wait(waiter)
            finally:
                enter(self._senders.pop, waiter, None)
            if seconds is not None and waiter.deadline == FOREVER and self.carrier.pending:
                raise WriteTimeout(phase="write", detail=f"{seconds:.3g} s, while {self.carrier.label} took nothing")

    def _try(self, act: Callable[[], bool], waiter: Waiter, seconds: float | None) -> bool:
        self._judge()
        if act():
            return True
        if self._is_over:
            raise self.refusal()
        self._senders[waiter] = FOREVER if seconds is None else seconds
        return False

    async def speak(self, host: Host, seconds: float | None, speaker: object) -> None:
        """Wait as `send` does, and send a message in pieces from then on: those of others have to wait."""
        await self._when(host, seconds, partial(self._speak, speaker))

    def _speak(self, speaker: object) -> bool:
        if self.blocked:
            return False
        self._speaker, self.blocked = speaker, True
        return True

    async def utter(
        self, host: Host, seconds: float | None, piece: str | bytes, *, last: bool, compress: bool | None
    ) -> None:
        """Send a piece of the message of who speaks; see `send`."""
        await self._when(host, seconds, partial(self._utter, piece, last, compress))

    def _utter(self, piece: str | bytes, last: bool, compress: bool | None) -> bool:
        if self.carrier.pending or self._is_over:
            return False
        self._put(partial(self.engine.send_fragment, last=last, compress=compress), piece)
        self._is_half_said = not last
        return True

    def spoken(self, speaker: object) -> None:
        """The message is whole, or never will be; then the peer has to know that."""
        self.carrier.enter(self._spoken, speaker)

    def _spoken(self, speaker: object) -> None:
        if self._speaker is speaker:
            self._speaker = None
            if self._is_half_said and not self._is_over:
                self._abandon(CloseCode.INTERNAL_ERROR)
            self._free()

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
        if self.carrier.enter(self._stay, waiter, seconds, goes_on):
            host.arm(waiter)
            await host.wait(waiter)

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

    def abandon(self, code: int) -> None:
        """Say goodbye and wait for nothing."""
        self.carrier.enter(self._abandon, code)

    def _abandon(self, code: int) -> None:
        if not self._is_over:
            self._put(self.engine.close, code, "")
        self._fail(ConnectionClosed(detail="the connection was given up"))

    # Time

    def _late(self, seconds: float | None, what: str) -> ReadTimeout:
        return ReadTimeout(
            phase="read", detail=f"{seconds or 0:.3g} s, while waiting for {what} of {self.carrier.label}"
        )

    def _waiter(self, seconds: float | None) -> Waiter:
        waiter = Waiter(self.carrier.source)
        waiter.deadline = FOREVER if seconds is None else monotonic() + seconds
        return waiter


def _many() -> StreamConsumed:
    return StreamConsumed(
        detail="two tasks or threads receive at once", hint="let one receive, and give the messages to a queue"
    )
