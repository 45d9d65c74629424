"""What a WebSocket under way sends, and how it ends.

Those who want to send are all woken when something changes and look again, so none of them relies on the one before it.
What it sends ends, too, and an end is something that is said: so both are here, and who waits for either.
"""

from __future__ import annotations

from functools import partial
from time import monotonic

from ..engines.websocket import CloseCode
from ..errors import ConnectionClosed, WriteTimeout
from ..hints import TYPE_CHECKING
from .waiter import FOREVER, Waiter

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..engines.websocket import WebSocketEngine
    from ..engines.websocket.events import Frame
    from .carrier import Carrier
    from .waiter import Host

__all__ = ["Speaking"]


class Speaking:
    """The part of Talk that sends, and that knows how it has ended; see there."""

    __slots__ = (
        "_closing",
        "_emptied",
        "_is_half_said",
        "_one",
        "_pings",
        "_senders",
        "_speaker",
        "blocked",
        "carrier",
        "closed",
        "engine",
        "unbroken",
    )

    def __init__(self, engine: WebSocketEngine, carrier: Carrier) -> None:
        self.engine = engine
        self.carrier = carrier
        self.blocked = False
        self.closed: ConnectionClosed | None = None
        self.unbroken = 0
        # How often the link has come to have taken everything.
        self._emptied = 0
        # Who sends a message in pieces, and whether the peer has a part of it.
        self._speaker: object = None
        self._is_half_said = False
        # Those who wait, with the seconds of silence for which those do whom the peer lets wait by taking nothing.
        self._one = Waiter(carrier.source)
        self._senders: dict[Waiter, float] = {}
        self._closing: dict[Waiter, float] = {}
        self._pings: dict[bytes, Waiter] = {}

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
        self.unbroken += 1
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

    def abandon(self, code: int) -> None:
        """Say goodbye and wait for nothing."""
        self.carrier.enter(self._abandon, code)

    def _abandon(self, code: int) -> None:
        if not self._is_over:
            self._put(self.engine.close, code, "")
        self._fail(ConnectionClosed(detail="the connection was given up"))

    def refusal(self) -> ConnectionClosed:
        """An error that tells how it has ended."""
        known = self.closed or ConnectionClosed(detail="it is being closed")
        return ConnectionClosed(code=known.code, reason=known.reason, detail=known.detail)

    @property
    def _is_over(self) -> bool:
        """Whether nothing more is sent."""
        return self.closed is not None or self.engine.close_sent

    def _waiter(self, seconds: float | None) -> Waiter:
        waiter = Waiter(self.carrier.source)
        waiter.deadline = FOREVER if seconds is None else monotonic() + seconds
        return waiter
