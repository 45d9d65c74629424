"""A stream of events that is taken up again where it broke (HTML Standard section 9.2): what both colours share.

One request is sent as often as it takes: each connection gets a copy of it, with the id of the last event that the
caller was given. What connects, redirects, logs in and keeps cookies is that of any streamed call.

Whether the first attempt succeeds the caller is told at once. Later ones fail in silence, as often as the rule says,
if the network failed; a server that answers, and not with an event stream, has said that there are no more events.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from time import monotonic

from .core.waiter import FOREVER, UNBROKEN, Interrupted, Waiter
from .engines.sse import EventParser, is_event_stream
from .errors import (
    DeadlineExceeded,
    EventStreamError,
    HTTPError,
    ReadTimeout,
    RequestTimeout,
    StreamClosed,
    StreamConsumed,
    StreamError,
    TransportError,
    TruncatedCoding,
)
from .eventoptions import Asked
from .hints import TYPE_CHECKING
from .responding import PATIENCE, not_kept, to_show
from .settings import RequestOptions, Timeout
from .values.fields import FIELD_VALUE

if TYPE_CHECKING:
    from collections.abc import Callable

    from .core.deadline import Deadline
    from .core.place import Place
    from .core.reply import Reply
    from .core.send import Sending
    from .policies.reconnect import Reconnect
    from .session import Session
    from .values.request import Request
    from .values.serversent import ServerSentEvent

__all__ = ["EventStream"]


class EventStream:
    """Everything but the response that events are read from.

    Args:
        session: makes and sends the request.
        here: gives the place in the running loop.
        asked: what the caller wants.
    """

    __slots__ = (
        "_asked", "_awaited", "_busy", "_deadline", "_due", "_failures", "_final", "_fruitful", "_here", "_left",
        "_over", "_parser", "_place", "_ready", "_reply", "_request", "_resume_at", "_session", "_struck", "_unbroken",
    )  # fmt: skip

    _deadline: Deadline
    _parser: EventParser
    _place: Place
    _reply: Reply

    def __init__(self, session: Session, here: Callable[[], Place], asked: Asked) -> None:
        self._session = session
        self._here = here
        self._asked = asked
        self._request: Request | None = None
        self._ready: Iterator[ServerSentEvent] = iter(())
        self._awaited: Waiter | None = None
        self._due = self._final = FOREVER
        # Of the loss of a connection: attempts that have failed since, and when the next one is due. Whoever gives up
        # a pause and comes back goes on with it.
        self._failures = 0
        self._resume_at: float | None = None
        self._unbroken = 0
        self._busy = self._fruitful = self._left = self._over = self._struck = False

    @property
    def last_event_id(self) -> str:
        """The id behind which the stream can be resumed: that of the last event that was given, "" where it had none.

        Given to `sse` as `last_event_id`, it is where another program goes on; unless there are control characters in
        it, which no header can carry.
        """
        return self._asked.last_event_id if self._request is None else self._parser.last_event_id

    # What the colours differ in

    def _begin(self, reply: Reply, sending: Sending) -> None:
        """Begin with the response of another connection."""
        raise NotImplementedError

    async def _piece(self) -> bytes:
        """The next piece of the response, `b""` at its end."""
        raise NotImplementedError

    async def _refuse(self) -> None:
        """Raise for the status of the response."""
        raise NotImplementedError

    async def _shut(self) -> None:
        """Give up what is left of the response."""
        raise NotImplementedError

    # Connecting

    async def _enter(self) -> None:
        if self._request is not None:
            raise StreamConsumed(detail="an event source is opened once", hint="call sse() again")
        if self._over:
            raise StreamClosed(hint="call sse() again")
        self._place = self._here()
        request = await self._asked.request(self._session, self._place)
        self._parser = self._asked.parser(self._session.responses.loads, request)
        self._request = request
        try:
            await self._connect(request, self._asked.options)
        except BaseException:
            self._over = True
            raise
        self._final = self._deadline.final

    async def _connect(self, asked: Request, options: RequestOptions) -> None:
        """Open a stream that begins behind the last event that was given."""
        request = asked.copy()
        request.headers.update({"Last-Event-ID": _carried(self._parser.last_event_id)})
        reply, sending = await self._session.open_request(self._place, request, options, endless=True)
        self._reply = reply
        self._begin(reply, sending)
        self._deadline = sending.deadline
        try:
            await self._judge(reply, sending)
        except BaseException:
            await self._shut()
            raise
        self._parser.restart()
        self._ready = iter(())
        self._fruitful = self._struck = False
        self._failures, self._resume_at = 0, None
        self._wind()

    async def _judge(self, reply: Reply, sending: Sending) -> None:
        """Whether there will be events (HTML Standard section 9.2.2)."""
        status = reply.status_code
        told = reply.headers.get("content-type")
        if status == 200 and is_event_stream(told):
            return
        if status == 204:
            self._over = True
            await self._shut()
            return
        sending.deadline.final = min(sending.deadline.final, monotonic() + PATIENCE)
        if status >= 400:
            await self._refuse()
        content = await to_show(self._piece)
        responses = self._session.responses
        response = responses.make(
            reply, sending, partial(not_kept, reply.request) if content is None else content, monotonic()
        )
        responses.lead(response, reply, sending)
        raise EventStreamError(
            response=response,
            detail=f"status {status}, Content-Type {told!r:.100}",
            hint="client.stream() reads any response",
            request=reply.request,
        )

    async def _reconnect(self, asked: Request, cause: HTTPError | None = None) -> bool:
        """Connect anew, as often as the rule says; give whether that may be done at all.

        Args:
            asked: the request.
            cause: what has broken the stream, None where it has ended.
        """
        rule = self._asked.rule
        await self._shut()
        if rule is None or (cause is not None and monotonic() >= self._final):
            return False
        body = asked.body
        if body is not None and body.spent:
            raise body.refusal(
                "the event stream is to be asked for again", hint="say reconnect=False", request=asked
            ) from cause
        while True:
            await self._pause(rule)
            if self._over:
                break
            try:
                await self._attempt(asked)
            except TransportError:
                self._failures += 1
                self._resume_at = None
                if rule.gives_up(self._failures) or monotonic() >= self._final:
                    raise
            else:
                if self._over:
                    await self._shut()
                break
        return True

    async def _attempt(self, asked: Request) -> None:
        """Connect, unless somebody closes it meanwhile: a server may be long in answering."""
        self._awaited = waiter = Waiter()
        try:
            await self._place.host.pull(self._connect_again(asked), waiter)
        except Interrupted:
            pass
        finally:
            self._awaited = None

    async def _connect_again(self, asked: Request) -> None:
        await self._connect(asked, self._remaining(asked))
        if self._over:
            # What has closed it may run in this task, such as middleware: then it is here that it is interrupted.
            await self._place.host.checkpoint()

    def _remaining(self, request: Request) -> RequestOptions:
        """The options of another connection: a total time holds for all of them."""
        if self._final == FOREVER:
            return self._asked.options
        limits = self._deadline.timeout
        left = self._final - monotonic()
        if left <= 0:
            raise DeadlineExceeded(phase="read", detail="before the event stream was open again", request=request)
        timeout = Timeout(left, limits.connect, limits.read, limits.write, limits.pool)
        return {**self._asked.options, "timeout": timeout}

    async def _pause(self, rule: Reconnect) -> None:
        """Wait until the next attempt is due, or for what is left of that."""
        if self._resume_at is None:
            from random import random

            seconds = rule.pause(self._parser.retry, self._failures, self._fruitful, random())
            self._resume_at = min(monotonic() + seconds, self._final)
        host = self._place.host
        waiter = Waiter()
        waiter.deadline = self._resume_at
        self._awaited = waiter
        host.arm(waiter)
        try:
            if not self._over:  # another thread may have closed it since it was looked at
                await host.wait(waiter)
        finally:
            self._awaited = None

    # Events

    async def _next(self) -> ServerSentEvent | None:
        """The next event, None where there will be no more."""
        request = self._request
        if request is None:
            raise self._not_open()
        if self._left:
            raise StreamClosed(detail="its block was left", hint="read it within the block", request=request)
        if self._unbroken == UNBROKEN:
            self._unbroken = 0
            if not self._place.host.blocking:
                # Thousands of events may have come at once. Who is struck here loses neither one nor the connection.
                await self._place.host.checkpoint()
        self._unbroken += 1
        if self._busy:
            raise StreamConsumed(detail="two wait for its next event at once", hint="give the events to a queue")
        self._busy = True
        try:
            return await self._wait(request)
        except HTTPError:
            closed, self._over = self._over, True
            await self._shut()
            if not closed:
                raise
            return None
        except BaseException:
            self._struck = True
            await self._shut()
            raise
        finally:
            self._busy = False

    async def _wait(self, request: Request) -> ServerSentEvent | None:
        self._wind()
        if self._struck and not await self._reconnect(request):
            raise StreamClosed(detail="a wait for an event was given up, and its connection with it", request=request)
        while not self._over:
            for event in self._ready:
                self._fruitful = True
                return event
            try:
                piece = await self._read(request)
            except (TransportError, TruncatedCoding) as error:
                if not await self._reconnect(request, error):
                    raise
                continue
            if piece:
                self._ready = self._parser.feed(piece)
            elif not await self._reconnect(request):
                self._over = True
        return None

    def _wind(self) -> None:
        """Begin to count the time without an event: while somebody waits for one, and is connected."""
        if self._asked.idle is not None:
            self._due = monotonic() + self._asked.idle

    async def _read(self, request: Request) -> bytes:
        self._deadline.final = min(self._due, self._final)
        try:
            return await self._piece()
        except RequestTimeout as error:
            if monotonic() < self._due or self._due > self._final:
                raise
            detail = f"no event within {self._asked.idle:g} s"
            received = error.bytes_received
            raise ReadTimeout(phase="read", bytes_received=received, detail=detail, request=request) from error

    def _not_open(self) -> StreamError:
        return StreamError(detail="the event source is not open", hint="with client.sse(...) as events:")

    async def _leave(self) -> None:
        """The end of a `with`: whoever reads on is told, unless there was nothing more to read."""
        self._left = self._left or not self._over
        await self._end()

    async def _end(self) -> None:
        self._over = True
        self._ready = iter(())
        await self._shut()
        waiter = self._awaited
        if waiter is not None:
            # Another task, or another thread, waits to be connected: it is to find out that it is over.
            self._place.host.deliver(waiter)


def _carried(last_event_id: str) -> bytes | None:
    """An id as a header carries it; None where there is none, or it has control characters (RFC 9110 section 5.5)."""
    value = last_event_id.encode("utf-8").strip(b" \t")
    return value if value and FIELD_VALUE.fullmatch(value) else None
