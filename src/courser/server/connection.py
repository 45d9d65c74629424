"""The server's side of a connection: what is the same whatever is spoken over it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from ..core.connection import Connection
from ..core.link import Link
from ..core.reactor import READ, Reactor
from ..core.waiter import FOREVER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..core.lane import Permit
    from .app import App

__all__ = ["LINGER", "POUR_MOST", "ServerConnection"]

POUR_MOST: Final = 2**20
"""Bytes of answers that are made before the other connections get their turn."""

LINGER: Final = 5.0
"""Seconds for which a peer that is still sending may read the answer before the connection goes; nginx has the same."""


T = TypeVar("T", bound="ServerConnection")


class Nothing:
    """In the place of a pool's permit: a server counts its connections by itself."""

    def release(self) -> None:
        """Give nothing back."""


NOTHING: Final = cast("Permit", Nothing())


class ServerConnection(Connection):
    """Answers the requests that come over one link.

    Args:
        link: what the bytes travel over.
        app: answers.
        owners: holds the connection while it is open.
        now: the time.
    """

    __slots__ = ("_ended", "_leaving", "_owners", "app")

    def __init__(self, link: Link, app: App, owners: set[ServerConnection], now: float) -> None:
        super().__init__(link, NOTHING, now)
        self.app = app
        self._owners = owners
        self._ended = False
        self._leaving = False
        owners.add(self)

    def serve(self, reactor: Reactor, now: float) -> None:
        """Be turned by a reactor from now on."""
        self.join(reactor)
        self.arm(now + self.app.timeout)

    def pass_on(self, make: Callable[[Link, App, set[ServerConnection], float], T], now: float) -> T:
        """Have somebody else serve the link from now on, see `hand_over`; a server has no permit to give up.

        Args:
            make: makes who does.
            now: the time.
        """
        reactor = self.reactor
        link, _ = self.hand_over()
        self._owners.discard(self)
        successor = make(link, self.app, self._owners, now)
        if reactor is not None:
            successor.serve(reactor, now)
        elif (serve := getattr(link, "serve", None)) is not None:
            serve(successor)  # a link in memory turns it
        return successor

    def _leave(self, now: float) -> None:
        """Close, but not under the answer: a close with bytes unread resets it away (RFC 9112 section 9.6)."""
        self.link.finish()
        if self._ended:
            self.close()
            return
        self._leaving = True
        self._want(READ)
        self.arm(now + LINGER)

    def _stop(self, source: Iterator[bytes] | None) -> None:
        """Tell whoever makes a body that no more of it is wanted."""
        stop: Any = getattr(source, "close", None)
        if stop is not None:
            try:
                stop()
            except Exception as error:
                self.app.errors.append(error)

    def _unsendable(self, error: OSError) -> None:
        """Nothing that the peer may have sent is of use when it does not take the answers."""
        self.close()

    def lost(self, error: OSError, now: float, *, sending: bool) -> None:
        self.close()

    def expire(self, now: float) -> None:
        self.deadline = FOREVER
        self.close()

    def fail(self, error: BaseException) -> None:
        self.app.errors.append(error)
        self.close()

    def close(self) -> None:
        """Close at once."""
        super().close()
        self._owners.discard(self)
