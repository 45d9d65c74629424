"""An HTTP/2 connection that threads share.

Whoever waits turns it for all the others (hosts/shared.py), and each thread sends its own requests. So the engine and
the link are under a lock, which is never held while anybody waits for the network.

An exception from outside may strike whoever holds it, in the middle of the engine. Nobody can say then what the engine
has done and what not: the next one who enters finds the mark, and the connection ends with an error that says so.
"""

from __future__ import annotations

from _thread import RLock
from functools import partial
from time import monotonic

from ..errors import HTTPError, ReadError
from ..hints import TYPE_CHECKING
from .guard import locked
from .guest import SharedExchange
from .http2 import HTTP2Connection

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..engines.http2 import Stream
    from ..settings import Limits
    from ..values.request import Request
    from .exchange import Exchange
    from .guest import Guest
    from .waiter import Host, Waiter

__all__ = ["ThreadedHTTP2Connection"]


class ThreadedHTTP2Connection(HTTP2Connection):
    """A connection that speaks HTTP/2, for any number of threads; see `HTTP2Connection`."""

    __slots__ = ("_depth", "_lock")

    kind = SharedExchange

    def __init__(self, *at: Any) -> None:
        self._lock = RLock()
        self._depth = 0
        super().__init__(*at)

    def adopt(self, host: Host) -> None:
        host.share(self)

    def _enter(self, act: Callable[[], object]) -> None:
        """Do something to the engine while nobody else does."""
        locked(self._lock, partial(self._do, act))

    def _do(self, act: Callable[[], object]) -> None:
        if self._depth:
            act()
            return
        if self.broken and not self.closed:
            self._give_up()
        self.broken = True
        self._depth = 1
        try:
            act()
        except HTTPError:
            self.broken = False  # what was asked of the engine was wrong, and it has refused
            raise
        finally:
            self._depth = 0
        self.broken = False

    def _give_up(self) -> None:
        def make() -> ReadError:
            return ReadError(
                phase="read",
                detail=f"{self.label}: the thread that turned the connection was interrupted in the middle",
            )

        self._over(make, monotonic())

    # What enters the engine

    def ready(self, mask: int, now: float) -> None:
        self._enter(partial(super().ready, mask, now))

    def begin(self, exchange: Exchange, request: Request, length: int | None) -> Stream:
        made: list[Stream] = []
        begin = super().begin
        self._enter(lambda: made.append(begin(exchange, request, length)))
        return made[0]

    def kick(self) -> None:
        self._enter(self.pump)

    def give(self, stream: Stream, piece: bytes) -> None:
        self._enter(partial(super().give, stream, piece))

    def end(self, stream: Stream) -> None:
        self._enter(partial(super().end, stream))

    def cancel(self, stream: Stream) -> None:
        self._enter(partial(super().cancel, stream))

    def consumed(self, stream: Stream, size: int) -> None:
        self._enter(partial(super().consumed, stream, size))

    def expire(self, now: float) -> None:
        self._enter(partial(super().expire, now))

    def occupy(self) -> Guest | None:
        had: list[Guest | None] = []
        occupy = super().occupy
        self._enter(lambda: had.append(occupy()))
        return had[0]

    def vacate(self, key: object) -> None:
        self._enter(partial(super().vacate, key))

    def retire(self) -> bool:
        had: list[bool] = []
        retire = super().retire
        self._enter(lambda: had.append(retire()))
        return had[0]

    def ask(self, waiter: Waiter) -> None:
        self._enter(partial(super().ask, waiter))

    def usable(self, limits: Limits, now: float) -> bool:
        if len(self.guests) == 1:
            self.look()  # nobody has turned it while it was idle
        return super().usable(limits, now)

    def look(self) -> None:
        self.source.look()
