"""The body of a request on its way to the peer, while the response may already be on its way back.

A peer may answer before it has the whole request. If the status is 300 or above it wants no more: the rest stays here,
and the connection is closed after the response (RFC 9112 section 9.5). If it is lower, the peer reads and answers at
once: the sending goes on beside the receiving, and an exchange is over when both are.

Bytes in memory need nobody for that: the connection has them all, and whoever turns it sends them. Pieces that are
made as they are sent need somebody to ask for the next one. Where there is an event loop, that is a task of its own
(`pour`). Plain code has nobody but the caller, so there it is whoever waits for the response (`Exchange.until`).

In both cases the next piece is asked for when the link has taken the last one. A peer that is slow to read holds the
source back, and so does a caller who is slow to read: its peer cannot send, and then reads no more.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from time import monotonic
from weakref import ReferenceType, ref

from ..errors import WriteError
from ..hints import TYPE_CHECKING, cast
from .waiter import Host, Interrupted, Waiter

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final, TypeAlias

    from ..values.fields import FieldBlock
    from .exchange import Exchange
    from .waiter import TaskHost

__all__ = ["Pieces", "Upload", "end_pieces", "next_piece"]

Pieces: TypeAlias = "Iterator[bytes] | AsyncIterator[bytes]"

TURN: Final = 0.005
"""Seconds for which a source that never waits may keep an event loop from everything else."""


class Upload:
    """What is left of a request to be sent.

    Its exchange owns it. The task that sends it, where there is one, knows it weakly and ends when it is gone.

    Args:
        exchange: whose.
        pieces: what is sent; None where the connection has all of it already.
        trailers: gives the trailer lines when all of it has been sent; None where there are none.

    Attributes:
        pieces: what whoever waits for the response has to send; None where he has not.
        handed: whether the connection has all of it.
        stopped: whether the rest is not to be sent.
        room: who is told when the link has taken everything that it was given.
    """

    __slots__ = (
        "__weakref__",
        "_bell",
        "_deliver",
        "_exchange",
        "_over",
        "_task",
        "_trailers",
        "handed",
        "pieces",
        "room",
        "stopped",
    )

    _deliver: Callable[[Waiter], None]

    def __init__(
        self, exchange: Exchange, pieces: Pieces | None, trailers: Callable[[], FieldBlock] | None = None
    ) -> None:
        self._trailers = trailers
        self._task: Callable[[], object] | None = None
        self._exchange: ReferenceType[Exchange] = ref(exchange)
        self._bell = Waiter()
        self._over = Waiter()
        self._over.done = True
        self.pieces = pieces
        self.handed = pieces is None
        self.stopped = False
        self.room: Waiter | None = None

    # For whoever sends

    def blocked(self, waiter: Waiter) -> bool:
        """Whether the link has to take something before it is given more; then a waiter is told when it has."""
        exchange = self._exchange()
        connection = None if exchange is None else exchange.connection
        if exchange is None or connection is None or not connection.pending:
            return False
        waiter.done = False
        self.room = waiter
        if not connection.pending:
            self.room = None  # another thread has sent it meanwhile
            return False
        exchange.rearm(monotonic())
        return True

    def offer(self, piece: bytes | None) -> None:
        """Give the connection a piece; None is the end.

        Raises:
            LocalProtocolError: the body is longer, or at its end shorter, than was declared.
            RequestTimeout: the time of the exchange is up.
        """
        exchange = self._exchange()
        connection = None if exchange is None else exchange.connection
        if exchange is None or connection is None or self.stopped:
            return
        if piece is None:
            last = (
                connection.engine.send_end() if self._trailers is None else connection.engine.send_end(self._trailers())
            )
            self.handed = True
            if last:
                connection.write(last)
        else:
            for part in connection.engine.send_data(piece):
                connection.write(part)
            if exchange.limits.trace is not None:
                exchange.offered(len(piece))
        now = monotonic()
        if now >= exchange.limits.final:
            raise exchange.limits.error("write", connection.label, now)
        if self.handed and not connection.pending and exchange.upload is self:
            exchange.sent(now)

    # For the exchange

    def start(self, host: Host) -> None:
        """Have the pieces sent by a task of their own."""
        pieces, self.pieces = self.pieces, None
        if pieces is not None:
            self._deliver = host.deliver
            self._over.done = False
            over = self._over
            me: ReferenceType[Upload] = ref(self)

            def ended() -> None:
                over.complete()
                upload = me()
                if upload is not None:
                    upload.ended()

            self._task = cast("TaskHost", host).start(pour(host, pieces, self._bell, me), ended)

    def ended(self) -> None:
        """The task has ended."""
        self._task = None
        exchange = self._exchange()
        if exchange is None or exchange.upload is not self:
            return
        if self.stopped:
            exchange.sent(monotonic())
        elif not self.handed:
            self.fail(WriteError(phase="write", detail="the task that sent the body was cancelled"))

    def fail(self, error: Exception) -> None:
        """The source has failed, or does not keep its word."""
        exchange = self._exchange()
        connection = None if exchange is None else exchange.connection
        if connection is not None:
            connection.fail(error)

    def stop(self) -> bool:
        """Send nothing more; tells whether nobody is sending any more."""
        self.stopped = True
        self._bell.complete()
        return self._over.done

    async def gone(self, host: Host) -> None:
        """Wait until the task has ended, also where the caller's is being cancelled."""
        if not self._over.done:
            await cast("TaskHost", host).outlast(self._over)

    def __del__(self) -> None:
        if self._task is not None:
            try:
                self._deliver(self._bell)
            except RuntimeError:
                pass  # the loop was closed meanwhile, and the task with it


async def next_piece(pieces: Pieces, host: Host, until: Waiter) -> bytes | None:
    """The next piece, None at the end.

    Raises:
        Interrupted: `until` was done before an asynchronous or slow source had one.
    """
    if not isinstance(pieces, AsyncIterator):
        if host.blocking or not getattr(pieces, "slow", False):
            return next(pieces, None)
        return await host.pull(host.call(next, pieces, None), until)
    try:
        return await host.pull(pieces.__anext__(), until)
    except StopAsyncIteration:
        return None


async def end_pieces(pieces: Pieces, host: Host) -> None:
    """Let an asynchronous source clean up; the others do it when they are let go."""
    close = getattr(pieces, "aclose", None)
    if close is not None:
        await host.pull(close(), Waiter())


async def pour(host: Host, pieces: Pieces, bell: Waiter, whose: ReferenceType[Upload]) -> None:
    """Send the pieces until the bell rings or the upload is gone; a procedure of its own.

    Args:
        host: who waits.
        pieces: what to send.
        bell: is done when there is room, and when no more is to be sent.
        whose: the upload, of which nothing here may keep hold while waiting.
    """
    busy_until = monotonic() + TURN
    try:
        try:
            while (upload := whose()) is not None and not (upload.stopped or upload.handed):
                blocked = upload.blocked(bell)
                del upload
                if blocked:
                    await host.wait(bell)
                    busy_until = monotonic() + TURN
                    continue
                bell.done = False
                piece = await next_piece(pieces, host, bell)
                if (upload := whose()) is not None:
                    upload.offer(piece)
                    del upload
                if monotonic() >= busy_until:
                    await host.checkpoint()
                    busy_until = monotonic() + TURN
        finally:
            await end_pieces(pieces, host)
    except Interrupted:
        pass
    except Exception as error:
        if (upload := whose()) is not None:
            upload.fail(error)
