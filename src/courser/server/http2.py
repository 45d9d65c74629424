"""The server's side of an HTTP/2 connection: an engine, and many requests at a time.

Each stream has an `Exchange` for a guest. What is read is never held up by what cannot be written, for among it are the
windows that let the rest be written. So what may lie here is bounded otherwise: bodies of answers are made only as fast
as their streams take them, bodies of requests by windows, and a client that asks and asks without reading is not read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..core.link import Link
from ..core.reactor import READ, WRITE, Reactor
from ..engines.events import RequestHead
from ..engines.http2 import HTTP2_LIMITS, ErrorCode, ServerEngine
from .app import NO_FIELDS, NO_SWITCH, TOO_LARGE, UNSUPPORTED, App, Reply, ServerRequest
from .connection import POUR_MOST, ServerConnection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..engines.http2 import Stream

__all__ = ["HTTP2ServerConnection"]

ENOUGH: Final = 64 * 1024
"""Bytes that a stream has to send, with which no more of its body is made."""

HELD_MOST: Final = 2**26
"""Bytes of requests that are collected at a time; beyond, only the oldest of them goes on."""

ANSWERS_MOST: Final = 1000
"""Answers that may wait for a client that does not read, before nothing is read of it either."""


class Exchange:
    """A request on its way in, and its answer on its way out.

    Args:
        head: of the request.
        now: the time.

    Attributes:
        sink: takes the body of the request, if it is not to be collected.
        pieces: what was collected.
        size: bytes of that.
        owed: bytes of that for which no window was opened.
        answered: whether the answer has begun.
        source: makes the body of the answer.
        trailers: follow it.
        moved: bytes of both bodies that have passed here.
        seen: how many had got through when somebody looked last.
        since: when that was, if no others have since.
    """

    __slots__ = ("answered", "head", "moved", "owed", "pieces", "seen", "since", "sink", "size", "source", "trailers")

    def __init__(self, head: RequestHead, now: float) -> None:
        self.head = head
        self.sink: Callable[[bytes], object] | None = None
        self.pieces: list[bytes] = []
        self.size = self.owed = self.moved = self.seen = 0
        self.answered = False
        self.source: Iterator[bytes] | None = None
        self.trailers: bytes = NO_FIELDS
        self.since = now

    def stalls(self, queued: int, now: float, patience: float) -> bool:
        """Whether nothing has got through for some time.

        Args:
            queued: bytes of the answer that wait.
            now: the time.
            patience: seconds.
        """
        through = self.moved - queued
        if through != self.seen:
            self.seen = through
            self.since = now
        return now - self.since >= patience


class HTTP2ServerConnection(ServerConnection):
    """Answers the requests that come over one link in HTTP/2.

    Args:
        link, app, owners, now: as for any connection.
    """

    __slots__ = ("_answers", "_collecting", "_early", "_heard", "_held", "_requests", "_sources", "engine")

    def __init__(self, link: Link, app: App, owners: set[ServerConnection], now: float) -> None:
        super().__init__(link, app, owners, now)
        streams = app.max_concurrent_streams
        # All windows together never take more than may lie unread: else the oldest request could not go on.
        window = min(HTTP2_LIMITS.stream_window, HTTP2_LIMITS.unread // max(streams, 1))
        limits = HTTP2_LIMITS._replace(streams=streams, stream_window=window, max_stream_window=window)
        self.engine = ServerEngine(limits=limits)
        self._heard = now
        self._requests = 0
        # Answers since something left last.
        self._answers = 0
        # Requests whose bodies are being collected, the oldest first, and the bytes of all of them.
        self._collecting: dict[Stream, Exchange] = {}
        self._held = 0
        # Answers whose bodies are being made.
        self._sources: dict[Stream, Exchange] = {}
        # Streams that are answered before their requests are whole.
        self._early: list[Stream] = []

    def serve(self, reactor: Reactor, now: float) -> None:
        super().serve(reactor, now)
        self._pump(now)

    # Requests

    def received(self, data: bytes, now: float) -> None:
        if self._leaving:
            if not data:
                self.close()
            return
        self._heard = now
        for stream in self.engine.receive(data, now):
            if stream.error is None:
                self._take(stream, now)
            else:
                self._drop(stream)
        if not data:
            self._ended = True
        self._pump(now)

    def _take(self, stream: Stream, now: float) -> None:
        events = stream.take()
        try:
            for event in events:
                if type(event) is RequestHead:
                    self._begin(stream, event, now, waits=len(events) == 1)
                    continue
                exchange: Exchange = stream.guest
                if exchange.answered:
                    continue
                if type(event) is bytes:
                    self._collect(stream, exchange, event, now)
                else:
                    self._answer(stream, exchange, now)
        except Exception as error:
            self._give_up(stream, error)

    def _begin(self, stream: Stream, head: RequestHead, now: float, *, waits: bool) -> None:
        app = self.app
        exchange = stream.guest = Exchange(head, now)
        self._requests += 1
        if self._requests == app.max_streams:
            self._drain()
        if head.method == b"CONNECT":
            # Nothing ends such a request, so there is nothing to wait for.
            self._respond(stream, exchange, UNSUPPORTED, now)
            return
        if app.sink is not None:
            exchange.sink = app.sink(ServerRequest(head))
        if head.length is not None and head.length > app.max_body and exchange.sink is None:
            self._respond(stream, exchange, TOO_LARGE, now)
        elif head.expects_continue and waits:
            self.engine.send_interim(stream, 100)

    def _collect(self, stream: Stream, exchange: Exchange, piece: bytes, now: float) -> None:
        size = len(piece)
        exchange.moved += size
        if exchange.sink is not None:
            exchange.sink(piece)
            self.engine.consumed(stream, size)
            return
        self._collecting[stream] = exchange
        exchange.pieces.append(piece)
        exchange.size += size
        self._held += size
        if exchange.size > self.app.max_body:
            self._respond(stream, exchange, TOO_LARGE, now)
        elif self._held <= HELD_MOST:
            self.engine.consumed(stream, size)
        else:
            exchange.owed += size
            self._grant()

    def _grant(self) -> None:
        """Let the client send on; where much is held, on the stream only that is to end first."""
        for stream, exchange in self._collecting.items():
            if exchange.owed:
                self.engine.consumed(stream, exchange.owed)
                exchange.owed = 0
            if self._held > HELD_MOST:
                return

    def _release(self, stream: Stream, exchange: Exchange) -> None:
        """Hold the body of a request no longer."""
        if self._collecting.pop(stream, None) is not None:
            much = self._held > HELD_MOST
            self._held -= exchange.size
            exchange.pieces = []
            if much:
                self._grant()

    # Replies

    def _answer(self, stream: Stream, exchange: Exchange, now: float) -> None:
        pieces = exchange.pieces
        reply = self.app.answer(ServerRequest(exchange.head, b"".join(pieces) if pieces else b""))
        if reply.switches:
            reply = NO_SWITCH
        self._respond(stream, exchange, reply, now)
        if reply.closes:
            self._drain()

    def _respond(self, stream: Stream, exchange: Exchange, reply: Reply, now: float) -> None:
        engine = self.engine
        self._release(stream, exchange)
        exchange.answered = True
        self._answers += 1
        if not stream.received:
            self._early.append(stream)
        engine.respond(stream, reply.status, reply.fields(self.app.date(now)), reply.length)
        body = reply.body
        if not isinstance(body, bytes):
            exchange.source = iter(body)
            exchange.trailers = reply.trailers
            self._sources[stream] = exchange
            if stream.sent:
                self._end_source(stream, exchange)
        elif not stream.sent:
            exchange.moved += len(body)
            engine.send_data(stream, body)

    def _drain(self) -> None:
        """Take no more requests than came already; those under way go on, and the client is told at once."""
        engine = self.engine
        if not engine.draining:
            engine.shutdown()
        engine.shutdown()

    def _pump(self, now: float) -> None:
        """Make and send all that can be sent, until the client takes no more for now."""
        engine = self.engine
        left = POUR_MOST
        while not self.pending and not self.closed:
            if self._sources:
                self._pour()
            if self._early:
                self._cut()
            data = engine.outgoing()
            if not data:
                break
            self._answers = 0
            left -= len(data)
            if left > 0:
                self.write(data)
            else:
                self.unsent.append(data)
        if self.closed:
            return
        if self.pending:
            self._want(WRITE if self._ended or self._answers > ANSWERS_MOST else READ | WRITE)
        elif self._ended or engine.error is not None or (engine.draining and engine.is_idle):
            self._leave(now)
        else:
            self._want(READ)

    def _pour(self) -> None:
        """Make more of each body of which little waits to be sent."""
        engine = self.engine
        for stream, exchange in list(self._sources.items()):
            source = exchange.source
            try:
                while source is not None and stream.queued < ENOUGH:
                    piece = next(source, None)
                    if piece is None:
                        engine.send_end(stream, exchange.trailers)
                        self._end_source(stream, exchange)
                        break
                    exchange.moved += len(piece)
                    engine.send_data(stream, piece)
            except Exception as error:
                # The head is out: an end of the stream that is none is the one way left to say so.
                self._give_up(stream, error)

    def _end_source(self, stream: Stream, exchange: Exchange) -> None:
        self._sources.pop(stream, None)
        source, exchange.source = exchange.source, None
        self._stop(source)

    def _cut(self) -> None:
        """Stop the rest of requests that have been answered in full (RFC 9113 section 8.1)."""
        early, self._early = self._early, []
        for stream in early:
            if not stream.sent:
                self._early.append(stream)
            else:
                self.engine.reset(stream, ErrorCode.NO_ERROR)

    # The end

    def _give_up(self, stream: Stream, error: Exception) -> None:
        """What the app has raised ends one stream."""
        self.app.errors.append(error)
        self.engine.reset(stream, ErrorCode.INTERNAL_ERROR)
        self._drop(stream)

    def _drop(self, stream: Stream) -> None:
        """A stream is over before its time."""
        exchange: Exchange | None = stream.guest
        if exchange is not None:
            exchange.answered = True
            self._release(stream, exchange)
            self._end_source(stream, exchange)
        if stream in self._early:
            self._early.remove(stream)

    def flushed(self, now: float) -> None:
        self._heard = now
        self._pump(now)

    def expire(self, now: float) -> None:
        patience = self.app.timeout
        if self._leaving or now >= self._heard + patience:
            self.close()
            return
        for stream in list(self.engine.streams):
            exchange: Exchange = stream.guest
            if exchange.stalls(stream.queued, now, patience):
                self.engine.reset(stream, ErrorCode.CANCEL)
                self._drop(stream)
        self.arm(self._heard + patience)
        self._pump(now)

    def close(self) -> None:
        """Close at once, but for a word to the client; bodies that are being made are told."""
        if not self.closed:
            if not self._leaving and not self.unsent and self.engine.error is None:
                self._say_goodbye()
            super().close()
            for stream in list(self._sources):
                self._drop(stream)

    def _say_goodbye(self) -> None:
        """Say up to where requests were answered: what is above may be asked again; best effort."""
        self._drain()
        try:
            self.link.send(self.engine.outgoing())
        except OSError:
            pass  # nobody hears it
