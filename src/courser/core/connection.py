"""A connection: a link, what could not be sent yet, and its place in a poll object.

What travels over it is the business of a subclass (HTTP/1.1 in `http1.py`), which is told of bytes by `received`
and of the end by `lost`.

Ownership is reference. Whoever uses a connection holds it: the pool while it is idle, an exchange while it is not.
When the last holder lets go, by plan, by exception or by the death of a thread, the finalizer closes the descriptor
and gives the permit back. No path through the code has to remember to do so.
"""

from __future__ import annotations

from itertools import count
from time import monotonic
from weakref import ReferenceType, finalize

from ..hints import TYPE_CHECKING
from .fork import remember
from .lane import ENDS
from .link import RECEIVE_FIRST, RECEIVE_MOST, Link
from .reactor import LONGEST, READ, WRITE, Reactor, solo_poll
from .waiter import FOREVER, Waiter

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable, Collection
    from typing import Any, ClassVar, Final

    from ..settings import Limits
    from ..values.response import Ends
    from .lane import Lane, Permit
    from .pool import Pool

__all__ = ["Connection"]

MOMENT: Final = 0.001
"""Seconds for which a large part of a body is waited for where a smaller one may be there: the least of a poll."""

LAST_RECEIVES: Final = 256
"""Receives from a peer that takes nothing any more: no buffer of a system holds more than they bring."""

_numbers = count(1)


class Connection:
    """The part of a connection that knows bytes only.

    Attributes:
        link: what the bytes travel over.
        reactor: who turns it; None where its user polls it alone (the inline host).
        unsent: what the link would not take yet, in order and unchanged.
        unsendable: why the link takes no more, if it does not.
        written: bytes that the link has taken since the connection was made.
        deadline: when `expire` is due.
        home: the pool in which it is idle, or was last, if that wants to hear of its end.
        broken: set while bytes are on their way from the link to their reader: an exception that strikes there (a
            KeyboardInterrupt, say) would lose them, so the connection must not be used again.
        closed: whether it is.
        number: which connection of the process it is.
        watch: takes the number and the time when it is closed; None where nobody wants to know.
    """

    __slots__ = (
        "__weakref__",
        "_finalizer",
        "_flow",
        "_interest",
        "_poll",
        "_receive",
        "_size",
        "armed",
        "broken",
        "closed",
        "created",
        "deadline",
        "fd",
        "home",
        "idle_since",
        "link",
        "number",
        "reactor",
        "reused",
        "unsendable",
        "unsent",
        "watch",
        "written",
    )

    shares: ClassVar[bool] = False
    receives: ClassVar[int] = RECEIVE_MOST
    """Bytes that it asks for once much comes."""

    hears_out: ClassVar[bool] = False
    """Whether all that the peer has sent is read, and not one receive of it, where it takes nothing any more."""

    guests: Collection[object] = ()

    def __init__(self, link: Link, permit: Permit, now: float) -> None:
        self.link = link
        self.reactor: Reactor | None = None
        self.fd = link.fileno()
        self.unsent: list[bytes | memoryview] = []
        self.unsendable: OSError | None = None
        self.written = 0
        self.deadline = FOREVER
        self.armed = FOREVER
        self.broken = False
        self.closed = False
        self.reused = False
        self.home: ReferenceType[Pool[Any]] | None = None
        self.created = now
        self.idle_since = now
        self.number = next(_numbers)
        self.watch: deque[tuple[int, float]] | None = None
        self._flow = 0
        self._interest = READ
        self._poll: Callable[[float | None], list[tuple[int, int]]] | None = None
        self._receive = link.receive
        self._size = RECEIVE_FIRST
        self._finalizer = finalize(self, _dispose, link, permit)
        remember(self)

    def fileno(self) -> int:
        return self.fd

    def _ends(self, lane: Lane[Any]) -> Ends:
        """What its link tells of its ends, most of which one object stands for on all connections of a lane."""
        told = map(self.link.info().get, ENDS)
        lane.ends = facts = tuple([old if old == new else new for old, new in zip(lane.ends, told, strict=True)])
        peer, local, *of_tls = facts
        return (self.number, peer, local, *of_tls) if any(of_tls) else (self.number, peer, local)

    # Who turns it

    def join(self, reactor: Reactor) -> None:
        """Let a reactor turn this connection from now on."""
        self.reactor = reactor
        self._interest = READ
        if self.fd < 0:
            reactor.hear(self, self.link)
        else:
            self.link.attach(reactor.release)
            reactor.register(self, READ)

    def leave(self) -> None:
        """Be turned by whoever uses it, and by nobody while it is idle."""
        reactor = self.reactor
        if reactor is not None:
            if self.fd < 0:
                self.link.listen(None)
                if self._interest != READ:
                    self.link.want(READ)
            else:
                reactor.unregister(self)
                self.link.attach(None)
            self.reactor = None
            self._interest, self._poll = READ, None

    def step(self, waiter: Waiter | None = None) -> None:
        """Wait for this connection alone, until it is ready or its deadline has come (the inline host's wait)."""
        if self.fd < 0 and self.reactor is not None:
            self.reactor.turn(None)
            return
        now = monotonic()
        flow = self._flow
        if flow:
            self._flow = 0
            if now + MOMENT < self.deadline and not self.pending and self._flows(flow, now):
                return
        poll = self._poll
        if poll is None:
            poll = self._poll = self._solo()
        if now < self.deadline:
            # poll takes milliseconds; a fraction more avoids a second, empty wait at the end of a deadline
            found = poll(None if self.deadline == FOREVER else min(self.deadline - now, LONGEST) * 1000 + 0.5)
            now = monotonic()
            if found:
                self.ready(found[0][1], now)
                return
        if now >= self.deadline:
            self.expire(now)

    def _flows(self, flow: int, now: float) -> bool:
        """Receive more of a large body without waiting for its every segment; tell whether that was done.

        Args:
            flow: bytes that the last receive has brought.
            now: the time.
        """
        gather = getattr(self.link, "gather", None)  # links of other networks need not have it
        if gather is not None and self.due() >= RECEIVE_MOST:
            self._gather(gather, now)
            return True
        if flow in (RECEIVE_FIRST, RECEIVE_MOST):
            # A receive that was full has very likely left something: there is no need to ask.
            self.ready(READ, now)
            return True
        return False

    def _gather(self, gather: Callable[[int], object], now: float) -> None:
        """Wait until a large part of what is due has come, or for a moment, and take it.

        A peer that has to wake us for every segment is slowed down by it. While the mark is high a poll would not tell
        of the answer to another request: an exception that strikes meanwhile leaves the connection broken.
        """
        poll = self._poll
        if poll is None:
            poll = self._poll = self._solo()
        self.broken = True
        try:
            gather(RECEIVE_MOST)
            poll(MOMENT * 1000)
            gather(1)
        except OSError as error:
            self.lost(error, now, sending=False)
            return
        self.ready(READ, monotonic())

    def look(self) -> None:
        """Take what has come, without waiting for more; for plain code, which nobody else does it for."""
        if self.closed:
            return
        if self.reactor is not None:
            self.reactor.turn(0.0)
            return
        poll = self._poll
        if poll is None:
            poll = self._poll = self._solo()
        found = poll(0)
        if found:
            self.ready(found[0][1], monotonic())

    def _solo(self) -> Callable[[float | None], list[tuple[int, int]]]:
        poll, self._interest = solo_poll(self), READ
        return poll

    def _want(self, interest: int) -> None:
        if interest == self._interest:
            return
        before, self._interest = self._interest, interest
        reactor = self.reactor
        if self.fd < 0:
            self.link.want(interest)
        elif reactor is None:
            self._poll = solo_poll(self, interest)
        elif interest == 0:
            armed = self.armed
            reactor.unregister(self)
            self.armed = armed  # the heap still knows it, and need not be told again at the next resume
        elif before == 0:
            reactor.register(self, interest)
        else:
            reactor.modify(self, interest)

    def pause(self) -> None:
        """Receive no more for now; the peer feels it once the kernel's buffer is full.

        A poll object tells of errors and hang-ups whether asked or not, so a connection that wants nothing has to
        leave it: a reset one would be reported again and again.
        """
        if self.reactor is not None:
            self._want(WRITE if self.pending else 0)

    def resume(self) -> None:
        """Receive again."""
        if self.reactor is not None and not self.closed:
            self._want(READ | WRITE if self.pending else READ)

    def arm(self, deadline: float) -> None:
        """Set the deadline."""
        self.deadline = deadline
        if deadline < self.armed:
            reactor = self.reactor
            if reactor is not None:
                reactor.arm(self, deadline)

    # Bytes out

    def write(self, data: bytes | memoryview) -> bool:
        """Send, now or as soon as the peer takes it; tells whether something waits for that, as `pending` does."""
        if self.unsent:
            self.unsent.append(data)
            return True
        try:
            size = self.link.send(data) if len(data) <= self.link.send_most else 0
        except BlockingIOError:
            size = 0
        except OSError as error:
            self._unsendable(error)
            return self.pending
        self.written += size
        if size < len(data):
            self.unsent.append(memoryview(data)[size:] if size else data)
            self._flush()
            return self.pending
        if self.link.wants_write:
            self._want(self._interest | WRITE)
            return True
        return False

    @property
    def pending(self) -> bool:
        """Whether something that was written has not reached the network."""
        return bool(self.unsent) or self.link.wants_write

    def _flush(self) -> None:
        unsent, link = self.unsent, self.link
        if link.wants_write:
            try:
                link.flush()
            except OSError as error:
                self._unsendable(error)
                return
        while unsent:
            data = unsent[0]
            piece = data if len(data) <= link.send_most else memoryview(data)[: link.send_most]
            try:
                size = link.send(piece)
            except BlockingIOError:
                self._want(self._interest | WRITE)
                return
            except OSError as error:
                self._unsendable(error)
                return
            self.written += size
            if size == len(data):
                unsent.pop(0)
            else:
                unsent[0] = memoryview(data)[size:]
        self._want(self._interest | WRITE if link.wants_write else self._interest & ~WRITE)

    def forgo(self) -> None:
        """Send nothing of what has not been taken yet; what follows of it would mean something else to the peer."""
        self.unsent.clear()
        if not self.closed and not self.link.wants_write:
            self._want(self._interest & ~WRITE)

    def _unsendable(self, error: OSError) -> None:
        """A peer that answers early and closes makes our send fail while its answer is waiting to be read."""
        self.unsent.clear()
        if self.unsendable is not None:
            return  # what is being read has caused an answer
        self.unsendable = error
        self._want(self._interest & ~WRITE)
        self.ready(READ, monotonic())
        if self.hears_out and self.fd >= 0:
            poll = solo_poll(self)
            for _ in range(LAST_RECEIVES):
                if self.closed or not poll(0):
                    break
                self.ready(READ, monotonic())
        if not self.closed:
            self.lost(error, monotonic(), sending=True)

    # Bytes in

    def ready(self, mask: int, now: float) -> None:
        """Receive what is there, send what can be sent (called by whoever turns it)."""
        # A link may get rid of what it keeps while it is received from: that, too, is told of here.
        if mask != READ and (self._interest & WRITE or self.pending):
            written = self.written
            self._flush()
            if self.written != written or not self.pending:
                self.flushed(now)
            if mask == WRITE:
                return
        if self.closed:
            return
        left = RECEIVE_MOST
        link = self.link
        self.broken = True
        while True:
            try:
                data = self._receive(self._size)
            except BlockingIOError:
                if link.wants_write:
                    self._want(self._interest | WRITE)
                break
            except OSError as error:
                self.lost(error, now, sending=False)
                return
            self.received(data, now)
            size = len(data)
            if size >= RECEIVE_FIRST:
                self._size = self.receives
                self._flow = size
            left -= size
            again_above = link.again_above
            # What a link keeps in memory (again_above is 1 there) no poll object tells of: it is read until it is dry.
            if size < again_above or (left <= 0 and again_above > 1) or self.closed:
                break
        self.broken = False

    # What a protocol adds

    def due(self) -> int:
        """Bytes that the message under way has still to bring, as far as that is known."""
        return 0

    def received(self, data: bytes, now: float) -> None:
        """Take bytes from the link; `b""` is the end."""
        raise NotImplementedError

    def lost(self, error: OSError, now: float, *, sending: bool) -> None:
        """Take note that the link broke."""
        raise NotImplementedError

    def flushed(self, now: float) -> None:
        """Take note that the link has taken something that it did not take before; `pending` tells whether all."""

    def expire(self, now: float) -> None:
        """Take note that the deadline has come."""
        raise NotImplementedError

    def fail(self, error: BaseException) -> None:
        """Take note that something unforeseen was raised on the way; the connection is of no use any more."""
        raise NotImplementedError

    # The end

    def usable(self, limits: Limits, now: float) -> bool:
        """Whether an idle connection may carry another request: young enough, open, and nothing unasked-for has come.

        A connection that a reactor turns hears of its end by itself; the others look once.
        """
        expiry, age = limits.keepalive_expiry, limits.max_connection_age
        if (
            self.closed
            or self.broken
            or (expiry is not None and now - self.idle_since >= expiry)
            or (age is not None and now - self.created >= age)
        ):
            return False
        if self.reactor is not None or self.fd < 0:
            return True
        poll = self._poll
        if poll is None:
            poll = self._poll = self._solo()
        return not poll(0)

    def occupy(self) -> Any:
        """A place in it for one of many: none."""

    def retire(self) -> bool:
        """Take no more requests, if nobody shares it."""
        return True

    def decline(self) -> None:
        """Be of no use to whoever has taken this connection from its pool."""
        self.close()

    def close(self) -> None:
        """Close at once; may be called twice."""
        if not self.closed:
            self.closed = True
            self.deadline = FOREVER
            self.unsent.clear()
            if self.watch is not None:
                self.watch.append((self.number, monotonic()))
            home = None if self.home is None else self.home()
            if home is not None:
                home.remove(self)
            reactor, self.reactor = self.reactor, None
            if reactor is not None and self.fd >= 0:
                reactor.unregister(self)
            self._finalizer()

    def hand_over(self) -> tuple[Link, Permit]:
        """Give link and permit up to another connection over the same link; this one is closed."""
        self.leave()
        self.closed = True
        self.deadline = FOREVER
        detached = self._finalizer.detach()
        if detached is None:
            raise RuntimeError("the connection is closed")
        link, permit = detached[2]
        return link, permit

    def forget(self) -> None:
        """Close the descriptor in a forked child; the parent goes on with the connection."""
        self._finalizer.detach()
        self.closed = True
        self.reactor = None
        if self.fd >= 0:  # a transport would unregister itself from a poll object that the parent goes on to use
            self.link.attach(None)
            self.link.close()

    def __repr__(self) -> str:
        state = "closed" if self.closed else "broken" if self.broken else "open"
        return f"<{type(self).__name__} {state}, {self.written} bytes sent>"


def _dispose(link: Link, permit: Permit) -> None:
    link.close()
    permit.release()
