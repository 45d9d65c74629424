"""Readiness and time: one poll object, and a heap of deadlines that is only looked at when it matters.

An event loop calls us once however many sockets are ready, because all it knows of us is the descriptor of the
poll object. `turn` asks that object once and lets each ready entry receive, parse and complete its waiters.

Deadlines are lazy. An entry carries two times: `deadline`, which its owner assigns freely, and `armed`, the time
under which the heap knows it. Only a deadline earlier than `armed` costs a push; a later one is found out when the
armed time comes. A connection that is used a thousand times a second with a 60 second timeout is pushed once a
minute.

Entries are held weakly. Whoever uses a connection owns it; a connection that nobody owns any more is gone, and its
finalizer has taken its descriptor out of the poll object.
"""

from __future__ import annotations

import select
import socket
import sys
from collections import deque
from collections.abc import Callable
from functools import partial
from heapq import heappop, heappush
from itertools import count
from time import monotonic
from weakref import ReferenceType, finalize, ref

from ..hints import TYPE_CHECKING, Protocol
from .fork import remember
from .waiter import FOREVER

if TYPE_CHECKING:
    from typing import Any, Final

__all__ = [
    "LONGEST",
    "READ",
    "WRITE",
    "Audible",
    "Entry",
    "Poller",
    "Reactor",
    "Timers",
    "can_nest",
    "fresh_poller",
    "solo_poll",
]

READ: Final = 1
WRITE: Final = 4
"""As in poll and epoll, where also an error (8) or a hang-up (16) may be told."""

LONGEST: Final = 86400.0
"""Seconds of one poll; what lasts longer is asked again. A poll object takes no more than some weeks."""

BATCH: Final = 128
"""Entries served by one turn: about 5 ms of work, after which the loop gets its chance."""


class Entry(Protocol):
    """What a reactor serves: connections, attempts to connect, listeners, wake-ups, mere timers."""

    deadline: float
    armed: float

    def fileno(self) -> int: ...
    def ready(self, mask: int, now: float) -> None: ...
    def expire(self, now: float) -> None: ...
    def fail(self, error: BaseException) -> None: ...


class Audible(Protocol):
    """What has no descriptor to poll, and calls when it may go further."""

    def listen(self, wake: Callable[[], None] | None, /) -> None: ...


class Timed(Protocol):
    """The part of an entry that the heap of deadlines needs."""

    deadline: float
    armed: float

    def expire(self, now: float) -> None: ...
    def fail(self, error: BaseException) -> None: ...


class Poller(Protocol):
    """The part of select.epoll that we use."""

    def fileno(self) -> int: ...
    def register(self, fd: int, eventmask: int, /) -> None: ...
    def modify(self, fd: int, eventmask: int, /) -> None: ...
    def unregister(self, fd: int, /) -> None: ...
    def poll(self, timeout: float | None = None, maxevents: int = -1, /) -> list[tuple[int, int]]: ...
    def close(self) -> None: ...


class PlainPoll:
    """select.poll in epoll's clothes, for systems without epoll; it has no descriptor, so it cannot be nested."""

    def __init__(self) -> None:
        self._poll = select.poll()

    def fileno(self) -> int:
        return -1

    def register(self, fd: int, eventmask: int, /) -> None:
        self._poll.register(fd, eventmask)

    def modify(self, fd: int, eventmask: int, /) -> None:
        self._poll.modify(fd, eventmask)

    def unregister(self, fd: int, /) -> None:
        try:
            self._poll.unregister(fd)
        except KeyError:
            raise FileNotFoundError(fd) from None

    def poll(self, timeout: float | None = None, maxevents: int = -1, /) -> list[tuple[int, int]]:
        milliseconds = None if timeout is None or timeout < 0 else min(timeout * 1000 + 0.999, 2**30)
        found = self._poll.poll(milliseconds)
        return found if maxevents < 0 else found[:maxevents]

    def close(self) -> None:
        self._poll = select.poll()


def fresh_poller() -> Poller:
    """The best poll object that this system has, looked up when it is needed."""
    if can_nest():
        return select.epoll()
    return PlainPoll()


def can_nest() -> bool:
    """Whether the poll object of this system has a descriptor that another one can watch."""
    return sys.platform == "linux" and hasattr(select, "epoll")


def solo_poll(entry: Entry | Any, interest: int = READ) -> Callable[[float | None], list[tuple[int, int]]]:
    """A poll of one entry alone: what code without an event loop waits with.

    Returns:
        The poll's method: milliseconds or None in, a list of (descriptor, mask) out.
    """
    if not hasattr(select, "poll"):
        return lambda timeout: _select(entry.fileno(), interest, timeout)
    poll = select.poll()
    poll.register(entry.fileno(), interest)
    return poll.poll


def _select(fd: int, interest: int, timeout: float | None) -> list[tuple[int, int]]:
    readers, writers = [fd] if interest & READ else [], [fd] if interest & WRITE else []
    readable, writable, broken = select.select(
        readers, writers, readers or writers, None if timeout is None else timeout / 1000
    )
    mask = (READ if readable or broken else 0) | (WRITE if writable else 0)
    return [(fd, mask)] if mask else []


class Timers:
    """The lazy heap of deadlines."""

    __slots__ = ("_heap", "_numbers", "next")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, ReferenceType[Timed]]] = []
        self._numbers = count()
        self.next = FOREVER

    def push(self, entry: Timed, deadline: float) -> bool:
        """Arm an entry; tell whether its deadline is now the first of all."""
        entry.armed = deadline
        heappush(self._heap, (deadline, next(self._numbers), ref(entry)))
        if deadline < self.next:
            self.next = deadline
            return True
        return False

    def fire(self, now: float) -> None:
        """Let every entry whose deadline has passed expire; arm again those that moved it."""
        heap = self._heap
        while heap and heap[0][0] <= now:
            armed, _, reference = heappop(heap)
            entry = reference()
            if entry is None or entry.armed != armed:
                continue
            entry.armed = FOREVER
            deadline = entry.deadline
            if deadline > now:
                if deadline < FOREVER:
                    self.push(entry, deadline)
                continue
            try:
                entry.expire(now)
            except Exception as error:
                entry.fail(error)
        self.next = heap[0][0] if heap else FOREVER


class Wakeup:
    """A reactor entry through which other threads make it turn, and leave something to be called there."""

    __slots__ = ("__weakref__", "_calls", "_finalizer", "_reader", "_writer", "armed", "deadline")

    def __init__(self) -> None:
        self._reader, self._writer = reader, writer = socket.socketpair()
        reader.setblocking(False)
        writer.setblocking(False)
        # It holds the sockets, so they are no garbage before they are closed, in whatever cycle this is found.
        self._finalizer = finalize(self, _close, reader, writer)
        self._finalizer.atexit = False
        self._calls: deque[Callable[[], None]] = deque()
        self.deadline = FOREVER
        self.armed = FOREVER

    def fileno(self) -> int:
        return self._reader.fileno()

    def post(self, call: Callable[[], None]) -> None:
        self._calls.append(call)
        try:
            self._writer.send(b"\0")
        except BlockingIOError:
            pass  # so many wake-ups are unread that one more says nothing new
        except OSError:
            self._calls.clear()  # the reactor was closed: nobody is left to be called

    def ready(self, mask: int, now: float) -> None:
        try:
            self._reader.recv(4096)
        except BlockingIOError:
            return
        while self._calls:
            try:
                self._calls.popleft()()
            except Exception as error:
                self.fail(error)

    def expire(self, now: float) -> None:
        self.deadline = FOREVER

    def fail(self, error: BaseException) -> None:
        """A call that raises has itself to blame: what it was to complete stays incomplete until its deadline."""

    def close(self) -> None:
        self._calls.clear()
        self._finalizer()


def _close(*sockets: socket.socket) -> None:
    for each in sockets:
        each.close()


class Reactor:
    """A poll object, the entries registered in it, and their deadlines.

    Args:
        schedule: called with the time of the earliest deadline whenever an earlier one than before comes up; under
            an event loop it sets the loop's timer, which then calls `turn`.
    """

    __slots__ = ("__weakref__", "_entries", "_schedule", "_timers", "_wakeup", "poller")

    def __init__(self, schedule: Callable[[float], None] | None = None) -> None:
        self.poller = fresh_poller()
        self._entries: dict[int, ReferenceType[Entry]] = {}
        self._timers = Timers()
        self._schedule = schedule
        self._wakeup: Wakeup | None = None
        remember(self)

    def forget(self) -> None:
        """Close the descriptors in a forked child; what is registered stays so for the parent."""
        self.close()

    def fileno(self) -> int:
        """The descriptor that becomes readable when an entry is ready."""
        return self.poller.fileno()

    def register(self, entry: Entry, interest: int) -> None:
        """Serve an entry from now on."""
        fd = entry.fileno()
        self._entries[fd] = ref(entry)
        try:
            self.poller.register(fd, interest)
        except FileExistsError:
            self.poller.modify(fd, interest)

    def modify(self, entry: Entry, interest: int) -> None:
        """Change what a registered entry waits for."""
        self.poller.modify(entry.fileno(), interest)

    def unregister(self, entry: Entry) -> None:
        """Serve an entry no more; its deadline too is forgotten. Its number may be that of another one by now."""
        fd = entry.fileno()
        entry.armed = FOREVER
        known = self._entries.get(fd)
        if known is not None and known() is entry:
            del self._entries[fd]
            discard(self.poller, fd)

    def release(self, sock: socket.socket) -> None:
        """Take a socket out of the poll object and close it, in this order; from any thread."""
        discard(self.poller, sock.fileno())
        sock.close()

    def hear(self, entry: Entry, link: Audible) -> None:
        """Serve an entry whose link has no descriptor, whenever the link says so, from whatever thread."""
        entries = ref(entry)
        self.listen()

        def serve() -> None:
            alive = entries()
            if alive is not None:
                try:
                    alive.ready(READ | WRITE, monotonic())
                except Exception as error:
                    alive.fail(error)

        link.listen(partial(self.post, serve))
        self.post(serve)

    def arm(self, entry: Timed, deadline: float) -> None:
        """Make sure that the entry is looked at when its deadline comes."""
        if self._timers.push(entry, deadline) and self._schedule is not None:
            self._schedule(deadline)

    def post(self, call: Callable[[], None]) -> None:
        """Have something called by the thread that turns this reactor; the only method for other threads."""
        wakeup = self._wakeup
        if wakeup is not None:
            wakeup.post(call)

    def listen(self) -> None:
        """Make `post` work; called once by the thread that turns the reactor."""
        if self._wakeup is None:
            self._wakeup = Wakeup()
            self.register(self._wakeup, READ)

    def turn(self, timeout: float | None = 0.0) -> None:
        """Serve what is ready, then what is due.

        Args:
            timeout: seconds to wait for readiness; None waits until the earliest deadline.
        """
        timers = self._timers
        if timeout is None:
            timeout = -1.0 if timers.next == FOREVER else self.patience(LONGEST)
        found = self.poller.poll(timeout, BATCH)
        now = monotonic()
        entries = self._entries
        for fd, mask in found:
            reference = entries.get(fd)
            entry = None if reference is None else reference()
            if entry is None:
                entries.pop(fd, None)
                discard(self.poller, fd)
                continue
            try:
                entry.ready(mask, now)
            except Exception as error:
                entry.fail(error)
        if now >= timers.next and len(found) < BATCH:
            timers.fire(now)
            if self._schedule is not None and timers.next < FOREVER:
                self._schedule(timers.next)

    @property
    def due(self) -> float:
        """The time of the earliest deadline."""
        return self._timers.next

    def step(self, waiter: object = None) -> None:
        """Wait until something is ready or due, and serve it."""
        self.turn(None)

    def patience(self, seconds: float) -> float:
        """How long a turn may wait that should not take longer than some seconds, nor miss a deadline."""
        return max(0.0, min(seconds, LONGEST, self._timers.next - monotonic()))

    def close(self) -> None:
        """Forget everything; the descriptors of the entries stay open."""
        if self._wakeup is not None:
            self._wakeup.close()
            self._wakeup = None
        self._entries.clear()
        self.poller.close()


def discard(poller: Any, fd: int) -> None:
    """Take a descriptor out of a poll object that may not know it, or may be closed."""
    try:
        poller.unregister(fd)
    except (OSError, ValueError, KeyError):
        pass
