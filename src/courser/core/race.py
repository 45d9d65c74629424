"""A race of connection attempts: "happy eyeballs" (RFC 8305).

Address families take turns, the next attempt starts when the last has failed or has had a quarter of a second, and the
first that connects wins. The race is state with deadlines in a reactor, not tasks: it runs the same under asyncio, trio
and plain code, and when its owner goes away nothing is left of it.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Iterable
from itertools import chain, zip_longest

from ..hints import TYPE_CHECKING
from .fork import remember
from .reactor import WRITE, Reactor
from .waiter import FOREVER, Waiter

if TYPE_CHECKING:
    from typing import Any, Final, TypeAlias

__all__ = ["HEAD_START", "Address", "Attempt", "Race", "interleave"]

HEAD_START: Final = 0.25
"""Seconds that an attempt has for itself (RFC 8305 section 5: Connection Attempt Delay, recommended value)."""

Address: TypeAlias = "tuple[int, Any]"
"""An address family and a socket address of that family."""


def interleave(addresses: Iterable[Address]) -> list[Address]:
    """Let the address families take turns, the resolver's favourite first (RFC 8305 section 4)."""
    families: dict[int, list[Address]] = {}
    for address in addresses:
        families.setdefault(address[0], []).append(address)
    rounds = zip_longest(*families.values())
    return [address for address in chain.from_iterable(rounds) if address is not None]


class Attempt:
    """One socket on its way to one address."""

    __slots__ = ("__weakref__", "address", "armed", "deadline", "race", "socket")

    def __init__(self, race: Race, address: Address, sock: socket.socket) -> None:
        self.race = race
        self.address = address
        self.socket = sock
        self.deadline = FOREVER
        self.armed = FOREVER

    def fileno(self) -> int:
        return self.socket.fileno()

    def ready(self, mask: int, now: float) -> None:
        code = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code == 0:
            self.race.won(self)
        else:
            self.race.lost(self, OSError(code, os.strerror(code)), now)

    def expire(self, now: float) -> None:
        self.deadline = FOREVER

    def fail(self, error: BaseException) -> None:
        self.race.fail(error)


class Race(Waiter):
    """Attempts to connect, of which one wins.

    Args:
        reactor: turns the attempts.
        addresses: where to, in the order of preference.
        prepare: sets a fresh socket up before it connects.
        final: when it is over, won or not.

    Attributes:
        winner: the socket that has connected; whoever takes it leaves None.
        errors: why the others did not, each with its address.
    """

    __slots__ = ("_attempts", "_left", "_prepare", "_reactor", "errors", "final", "winner")

    def __init__(
        self, reactor: Reactor, addresses: list[Address], prepare: Callable[[socket.socket], None], final: float
    ) -> None:
        super().__init__(reactor)
        self._reactor = reactor
        self._left = addresses[::-1]
        self._prepare = prepare
        self._attempts: list[Attempt] = []
        self.final = final
        self.winner: socket.socket | None = None
        self.errors: list[tuple[Address, OSError]] = []
        remember(self)

    def next(self, now: float) -> None:
        """Start attempts until one is under way, has won, or no address is left."""
        while self._left and self.winner is None:
            address = self._left.pop()
            if self._start(address):
                break
        if self.winner is not None:
            return
        if not self._attempts:
            self.complete()
            return
        due = min(now + HEAD_START, self.final) if self._left else self.final
        self.deadline = due
        if due < self.armed:
            self._reactor.arm(self, due)

    def _start(self, address: Address) -> bool:
        try:
            sock = socket.socket(address[0], socket.SOCK_STREAM)
        except OSError as error:
            self._note(address, error)
            return False
        attempt = Attempt(self, address, sock)
        self._attempts.append(attempt)
        try:
            sock.setblocking(False)
            self._prepare(sock)
            code = sock.connect_ex(address[1])
        except OSError as error:
            self._drop(attempt)
            self._note(address, error)
            return False
        if code == 0:
            self.won(attempt)
        elif code in (errno.EINPROGRESS, errno.EWOULDBLOCK):
            self._reactor.register(attempt, WRITE)
        else:
            self._drop(attempt)
            self._note(address, OSError(code, os.strerror(code)))
            return False
        return True

    def won(self, attempt: Attempt) -> None:
        """An attempt has connected."""
        self.winner = attempt.socket
        self._reactor.unregister(attempt)
        self._attempts.remove(attempt)
        self._drop_all()
        self.deadline = FOREVER
        self.complete()

    def lost(self, attempt: Attempt, error: OSError, now: float) -> None:
        """An attempt has failed."""
        self._drop(attempt)
        self._note(attempt.address, error)
        self.next(now)

    def expire(self, now: float) -> None:
        if now >= self.final:
            self.deadline = FOREVER
            self.complete()
        else:
            self.next(now)

    def _note(self, address: Address, error: OSError) -> None:
        # The frames of its traceback hold this race: with them it would be in a cycle.
        self.errors.append((address, error.with_traceback(None)))

    def _drop(self, attempt: Attempt) -> None:
        if attempt in self._attempts:
            self._attempts.remove(attempt)
        self._reactor.unregister(attempt)
        attempt.socket.close()

    def _drop_all(self) -> None:
        for attempt in list(self._attempts):
            self._drop(attempt)

    def cancel(self) -> None:
        """Close every attempt that is still under way, and a winner that nobody has taken."""
        self._drop_all()
        if self.winner is not None:
            self.winner.close()

    def forget(self) -> None:
        """Close the sockets in a forked child, and do nothing else; the parent goes on with the race."""
        for attempt in self._attempts:
            attempt.socket.close()
        self._attempts.clear()
        if self.winner is not None:
            self.winner.close()
