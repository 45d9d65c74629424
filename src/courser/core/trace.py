"""Telling whoever listens what happens to the requests of a call.

Most of it happens where nobody may wait: in the turn of a reactor, in the task that sends a body. There it is noted,
with its time, and the caller's procedure is woken to tell of it. So listeners run in the caller's task and context,
what they return can be awaited, what they raise is raised in the call, and they hear of everything in its order.

Only the end of a call that was cancelled, or of a stream that is given up, leaves no time: then a listener is called,
and what it returns goes as far as it can without waiting. What it raises there does not take the place of the reason.

A call that nobody listens to has no `Trace`, and its exchanges are plain ones.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable
from contextlib import suppress
from time import monotonic

from ..engines.events import End, Event, ResponseHead
from ..hints import TYPE_CHECKING, cast
from ..values.tracing import TraceEvent
from .exchange import NOTHING, Exchange
from .guest import Guest, GuestExchange
from .waiter import Interrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator
    from typing import Any, TypeAlias

    from ..policies.flow import Answer
    from ..values.request import Request
    from ..values.tracing import EventName
    from .deadline import Deadline
    from .exchange import Carrier
    from .reply import Reply
    from .waiter import Host

__all__ = ["Closed", "Listener", "Trace", "TracedExchange", "endings", "tell_now"]

Listener: TypeAlias = "Callable[[TraceEvent], object]"

Closed: TypeAlias = "deque[tuple[int, float]]"
"""The numbers of connections that were closed, and when; nobody has been told yet."""


class Trace:
    """Tells listeners of one call.

    Args:
        host: who waits for what they return.
        deadline: the limits of the call, for them as for everything else.
        always: those who follow every call of the client.
        own: who follows this one only.
        closed: where the client's connections note their end; None where nobody follows them all.
        secrets: names of header fields, in lower case, whose values the client keeps to itself.

    Attributes:
        closed: where those of this call do.
        lasting: whether they go on doing so when it is over.
        request: what is being sent.
    """

    __slots__ = ("_always", "_deadline", "_host", "_numbers", "_own", "_secrets", "closed", "lasting", "request")

    def __init__(
        self,
        host: Host,
        deadline: Deadline,
        always: tuple[Listener, ...],
        own: Listener | None,
        closed: Closed | None,
        secrets: Container[str] = (),
    ) -> None:
        self._host = host
        self._deadline = deadline
        self._always = always
        self._own = own
        self._secrets = secrets
        self._numbers: set[int] = set()
        self.lasting = closed is not None
        self.closed: Closed = deque() if closed is None else closed
        self.request: Request | None = None

    async def begin(self, request: Request) -> None:
        """A request is about to be sent."""
        self.request = request
        await self.tell("request", secrets=self._secrets)

    async def tell(self, name: EventName, at: float | None = None, **facts: Any) -> None:
        """Something has happened to the request that is being sent.

        Args:
            name: what; see `TraceEvent`.
            at: when, now if nothing is said.
            **facts: the other attributes of the event.
        """
        facts.setdefault("request", self.request)
        await self.give(TraceEvent(name, monotonic() if at is None else at, **facts))

    async def give(self, *events: TraceEvent) -> None:
        """Tell of events, and of connections that were closed before."""
        for event in self._in_order(events):
            for listener in self._listening(event):
                result = listener(event)
                if isinstance(result, Awaitable):
                    await self._finish(cast("Awaitable[object]", result))

    def give_now(self, *events: TraceEvent) -> None:
        """The same where nobody may wait."""
        for event in self._in_order(events):
            tell_now(self._listening(event), (event,))

    async def give_last(self, error: BaseException, *events: TraceEvent) -> None:
        """Tell of events before an error ends the call, or a part of it."""
        try:
            if isinstance(error, Exception):
                await self.give(*events)
            else:
                self.give_now(*events)
        except Exception as other:
            error.add_note(f"the trace function raised {type(other).__name__}")

    async def failed(self, error: BaseException, request: Request | None = None) -> None:
        """An exchange has come to a bad end."""
        await self.give_last(error, TraceEvent("error", monotonic(), request or self.request, error=error))

    async def answered(self, reply: Reply, size: int) -> None:
        """A transport of the user's has given a whole response."""
        now = monotonic()
        await self.tell("head", now, response=reply, detail=_status(reply))
        if size:
            await self.tell("bytes", now, size=size)
        await self.tell("end", now, size=size)

    def exchange(self, connection: Carrier, *at: Any) -> Exchange:
        """An exchange that is told of; see `Exchange`."""
        self._numbers.add(connection.number)
        return _traced(connection)(self, connection, *at)

    async def _finish(self, result: Awaitable[object]) -> None:
        try:
            await self._host.pull(result, self._deadline.waiter(self._host))
        except Interrupted:
            raise self._deadline.error("read", "a trace function") from None

    def _in_order(self, events: tuple[TraceEvent, ...]) -> Iterable[TraceEvent]:
        """Events, and the ends of connections, by their time."""
        return sorted((*endings(self.closed), *events), key=_time) if self.closed else events

    def _listening(self, event: TraceEvent) -> tuple[Listener, ...]:
        own = self._own
        if own is None or (event.request is None and event.connection not in self._numbers):
            return self._always
        return (*self._always, own)


def endings(closed: Closed) -> Iterator[TraceEvent]:
    """The ends of connections, each of which is told once."""
    while closed:
        try:
            number, at = closed.popleft()
        except IndexError:
            break  # another thread tells of it
        yield TraceEvent("closed", at, connection=number)


def _time(event: TraceEvent) -> float:
    return event.at


def tell_now(listeners: Iterable[Listener], events: Iterable[TraceEvent]) -> None:
    """Call listeners where nobody can wait for what they return."""
    for event in events:
        for listener in listeners:
            result = listener(event)
            if isinstance(result, Awaitable):
                _begin(cast("Awaitable[object]", result))


def _begin(result: Awaitable[object]) -> None:
    """Let something asynchronous go as far as it can without waiting."""
    steps = result.__await__()
    try:
        next(steps)
    except StopIteration:
        return
    close = getattr(steps, "close", None)
    if close is not None:
        close()


def _status(answer: Answer) -> str:
    return f"{answer.status_code} {answer.reason_phrase}".rstrip()


class TracedExchange(Exchange):
    """An exchange of a call that somebody listens to.

    Args:
        trace: tells them.
        connection, at: see `Exchange`.
    """

    __slots__ = ("_early", "_handed", "_notes", "_number", "_sent", "_trace")

    def __init__(self, trace: Trace, connection: Carrier, *at: Any) -> None:
        super().__init__(connection, *at)
        self._trace = trace
        # Not as events: of those one would hold this exchange, which would hold itself.
        self._notes: list[tuple[EventName, float, dict[str, Any]]] = []
        self._early = self._handed = self._sent = False
        connection.watch = trace.closed
        self._number = connection.number
        now = monotonic()
        if connection.reused:
            self._note("reused", now, seconds=now - connection.idle_since, detail=connection.label)
        else:
            self._note("created", now, detail=connection.label)

    # What happens where nobody may wait

    @property
    def _waited_for(self) -> bool:
        return self._goal != NOTHING

    def _note(self, name: EventName, now: float, **facts: Any) -> None:
        self._notes.append((name, now, facts))

    def _wake(self, waiting: bool) -> None:
        """Have the caller tell of what was noted, if it is waiting, and still is."""
        if waiting and self._waited_for and self._notes:
            self._early = True
            self.reach()

    def feed(self, events: list[Event], now: float) -> None:
        size = 0
        for event in events:
            if isinstance(event, bytes):
                size += len(event)
            elif isinstance(event, ResponseHead):
                is_final = event.status >= 200 or event.status == 101
                detail = f"{event.status} {event.reason.decode('latin-1')}".rstrip()
                self._note("head" if is_final else "interim", now, detail=detail)
        if size:
            self._note("bytes", now, size=size)
        if any(isinstance(event, End) for event in events):
            self._note("end", now, size=self.received + size)
        waiting = self._waited_for
        super().feed(events, now)
        self._wake(waiting)

    def offered(self, size: int) -> None:
        """A piece of the request's body was handed to the link."""
        waiting = self._waited_for
        self._note("sending", monotonic(), size=size)
        self._wake(waiting)

    def sent(self, now: float) -> None:
        waiting = self._waited_for
        self._note_sent(now)
        super().sent(now)
        self._wake(waiting)

    def _note_sent(self, now: float) -> None:
        if not self._sent:
            self._sent = True
            self._note("sent", now, size=self.bytes_sent)

    # What its owner calls

    def _noted(self) -> list[TraceEvent]:
        """What was noted, to be told now."""
        notes, self._notes = self._notes, []
        for name, _, facts in notes:
            if name == "head":
                facts["response"] = self
        return [TraceEvent(name, at, self.request, self._number, **facts) for name, at, facts in notes]

    async def _tell(self) -> None:
        if self._notes or self._trace.closed:
            await self._trace.give(*self._noted())

    async def until(self, host: Host, goal: int) -> None:
        if self.upload is None and not self.withheld:
            self._note_sent(monotonic())
        try:
            while True:
                await self._tell()
                self._early = False
                await super().until(host, goal)
                if not self._early:
                    break
            self._handed = self.head is not None
            await self._tell()
        except BaseException as error:
            await self._trace.give_last(error, *self._noted())
            raise

    async def piece(self, host: Host) -> bytes:
        try:
            piece = await super().piece(host)
            await self._tell()
        except BaseException as error:
            await self._trace.failed(error, self.request)
            raise
        return piece

    async def collect(self, host: Host) -> bytes:
        try:
            body = await super().collect(host)
            await self._tell()
        except BaseException as error:
            await self._trace.failed(error, self.request)
            raise
        return body

    def finish(self) -> None:
        connection = self.connection
        super().finish()
        if connection is not None and not self._trace.lasting and not connection.closed:
            connection.watch = None

    def abort(self) -> None:
        super().abort()
        if self._handed:
            # Nobody waits for what has been handed to a caller, so nobody will tell of it later.
            with suppress(Exception):
                self._trace.give_now(*self._noted())


def _traced(connection: Carrier) -> type[TracedExchange]:
    """The kind of exchange for what carries it."""
    if not isinstance(connection, Guest):
        return TracedExchange
    kind = connection.connection.kind
    made = _kinds.get(kind)
    if made is None:
        made = _kinds[kind] = type(f"Traced{kind.__name__}", (TracedExchange, kind), {"__slots__": ()})
    return made


_kinds: dict[type[GuestExchange], type[TracedExchange]] = {}
