"""What wakes a thread without holding the interpreter meanwhile.

Who releases a lock of Python's holds the interpreter. The thread that wakes takes the processor, finds that it may not
run, and goes back to sleep until the other one waits for something: two switches for nothing, half of what a wake-up
costs. A bell is rung by a system call before which Python lets go of the interpreter, so whoever wakes can run at once.

It is a poll object with one descriptor that is always ready, of which it tells once each time that it is armed. To ring
is to arm. What rings while nobody listens is heard by the next who does, so nothing is lost; whoever hears a ring too
many looks once more and listens again.

A bell costs a descriptor, so a process has no more than so many, and leaves most of what it may have to others. Who
comes after that gets a `Latch`, as everybody does where there is no epoll.
"""

from __future__ import annotations

import os
import select
import sys
from _thread import get_ident
from functools import cache, partial
from weakref import WeakSet

from ..core.fork import remember
from ..hints import TYPE_CHECKING
from .inline import Latch

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final

__all__ = ["MOST", "Bell", "Rings"]

MOST: Final = 128
"""Bells in a process."""

SHARE: Final = 4
"""The part of the descriptors of a process, one in so many, beyond which no bell is made: a system gives the lowest
number that is free, so the number tells how many are in use."""

_made: WeakSet[Bell] = WeakSet()


class Ready:
    """A descriptor that is always ready."""

    __slots__ = ("fd",)

    def __init__(self) -> None:
        self.fd = -1
        self.fd = os.eventfd(1)

    def __del__(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)


class Bell:
    """The future of a thread that waits: it may be given to one waiter after the other.

    Args:
        rings: puts it off.
        ready: is always ready.

    Attributes:
        is_open: whether it was to be rung since this was set back.
    """

    __slots__ = ("__weakref__", "_listen", "_poll", "_ready", "_rings", "is_open", "ring")

    def __init__(self, rings: Rings, ready: Ready) -> None:
        self._poll = poll = select.epoll()
        poll.register(ready.fd, select.EPOLLONESHOT)
        self._rings = rings
        self._ready: Ready | None = ready  # lives as long as the poll object that knows it
        self._listen: Callable[[float, int], list[Any]] = poll.poll
        self.ring: Callable[[], object] = partial(poll.modify, ready.fd, select.EPOLLIN | select.EPOLLONESHOT)
        self.is_open = False
        remember(self)

    @property
    def number(self) -> int:
        """Its descriptor."""
        return self._poll.fileno()

    def done(self) -> bool:
        """It may be rung at any time: it does no harm, and who asks may mean an earlier waiter."""
        return False

    def set_result(self, result: None, /) -> None:
        """Wake the thread, now or when the one that calls this has let go of everything."""
        self.is_open = True
        rings = self._rings
        if rings.thread == get_ident() and not rings.polling:
            rings.due.append(self)
        else:
            self.ring()

    def wait(self, seconds: float) -> bool:
        return bool(self._listen(seconds, 1))

    def forget(self) -> None:
        """Close the descriptor in a forked child, where the threads that used it are not."""
        self._listen, self.ring = _nothing, _nothing
        self._poll.close()
        self._rings, self._ready = Rings(), None
        _made.discard(self)


def _nothing(*args: object) -> list[Any]:
    """What there is to hear, and to do, of a bell that was forgotten."""
    return []


class Rings:
    """What one thread has to ring, when it holds no lock that those who wake would want.

    Attributes:
        thread: its identity; 0 where everybody rings at once.
        polling: whether that thread waits for the network, or is about to. What it completes then, in a handler of a
            signal or a finalizer, it rings at once: nobody knows when the wait will end.
        due: what it has to ring; nobody else adds to it.
    """

    __slots__ = ("_ready", "due", "polling", "thread")

    def __init__(self) -> None:
        self.thread = 0
        self.polling = False
        self.due: list[Bell] = []
        self._ready: Ready | None = None

    def bell(self) -> Bell | Latch:
        """A new bell, or a latch where there can be none."""
        if len(_made) >= MOST:
            return Latch()
        try:
            self._ready = ready = self._ready or Ready()
            made = Bell(self, ready)
        except (AttributeError, OSError):
            return Latch()  # there is no epoll, or no descriptor left
        if made.number > _most_descriptors() // SHARE:
            return Latch()
        _made.add(made)
        return made

    def ring(self) -> None:
        """Wake all that is due."""
        due = self.due
        while due:
            due[0].ring()
            del due[0]  # last: an exception from outside may strike in between


@cache
def _most_descriptors() -> int:
    """How many descriptors the process may have."""
    from resource import RLIM_INFINITY, RLIMIT_NOFILE, getrlimit

    most = getrlimit(RLIMIT_NOFILE)[0]
    return sys.maxsize if most == RLIM_INFINITY else most
