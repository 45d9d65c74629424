"""A network that plays scripts: for each connection, what has to come, what is answered, and how it ends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from .link import CALM, MemoryLink
from .network import Net, Weather

if TYPE_CHECKING:
    from ..core.route import Route

__all__ = ["CLOSE", "RESET", "Expect", "Say", "ScriptedNetwork", "Step"]


class Expect(NamedTuple):
    """Bytes that the client has to send.

    Attributes:
        start: what they are, or begin with.
        until: go on up to the end of the first of these after `start`; `Expect(until=b"\\r\\n\\r\\n")` is any head.
    """

    start: bytes = b""
    until: bytes = b""

    def match(self, data: bytes | bytearray) -> int:
        """Where what is expected ends in what has come; -1 while more is needed.

        Raises:
            AssertionError: something else has come.
        """
        start = self.start
        if not data.startswith(start[: len(data)]):
            raise AssertionError(f"the script expected {start!r}, and {bytes(data[: len(start)])!r} came")
        if len(data) < len(start):
            return -1
        if not self.until:
            return len(start)
        found = data.find(self.until, max(0, len(start) - len(self.until)))
        return -1 if found < 0 else found + len(self.until)


class Say(NamedTuple):
    """Bytes that the client receives.

    Attributes:
        data: the bytes.
    """

    data: bytes


class Ending(Enum):
    """How a connection may end."""

    CLOSE = "the peer closes"
    RESET = "the peer resets"


CLOSE: Final = Ending.CLOSE
RESET: Final = Ending.RESET

Step: TypeAlias = Expect | Say | Ending
"""A step of a script. One that ends without CLOSE or RESET leaves the connection open and silent."""


class Player:
    """Plays one script at the far end of a link.

    Attributes:
        heard: all that the client has sent.
    """

    __slots__ = ("_link", "_number", "_pending", "_step", "_steps", "heard")

    def __init__(self, script: Iterable[Step], link: MemoryLink, number: int) -> None:
        self._steps: Iterator[Step] = iter(script)
        self._step = next(self._steps, None)
        self._link = link
        self._number = number
        self._pending = bytearray()
        self.heard = bytearray()

    @property
    def left(self) -> Step | None:
        """The step that is due; None at the end."""
        return self._step

    def play(self) -> None:
        """Go on as far as what has come allows."""
        while (step := self._step) is not None:
            if isinstance(step, Expect):
                end = step.match(self._pending)
                if end < 0:
                    return
                del self._pending[:end]
            elif isinstance(step, Say):
                self._link.give(step.data)
            elif step is CLOSE:
                self._link.end()
            else:
                self._link.reset()
            self._step = next(self._steps, None)
        if self._pending:
            raise AssertionError(f"the script of connection {self._number} is over, and {bytes(self._pending)!r} came")

    def take(self, data: bytes) -> None:
        self.heard += data
        self._pending += data
        self.play()

    def drained(self) -> None:
        """A script has no buffer to fill."""

    def gone(self) -> None:
        """`check` tells what the client has left unplayed."""


class ScriptedNetwork(Net):
    """Plays one script a connection, in order: `Client(network=ScriptedNetwork([[Expect(...), Say(...)], ...]))`.

    What is not as the script has it is an AssertionError out of the client's call.

    Args:
        scripts: for each connection its steps, or an OSError that refuses it.
        conditions: how the connections behave, as for `MemoryNetwork`.

    Attributes:
        routes: where the client has connected to, in order.
        links: the connections that were made, in order.
    """

    def __init__(self, scripts: Iterable[Sequence[Step] | OSError], *, conditions: Weather = CALM) -> None:
        super().__init__(conditions)
        self._scripts = iter(scripts)
        self._players: list[Player] = []
        self._coming: Sequence[Step] = ()

    def connect(self, route: Route, deadline: float, /) -> MemoryLink:
        """Begin the next script.

        Raises:
            AssertionError: there is none.
            OSError: it says so.
        """
        script = next(self._scripts, None)
        if script is None:
            raise AssertionError(f"there is no script for connection {len(self._players) + 1}")
        if isinstance(script, OSError):
            raise script
        self._coming = script
        return super().connect(route, deadline)

    def _accept(self, link: MemoryLink) -> None:
        player = Player(self._coming, link, len(self._players) + 1)
        self._players.append(player)
        link.connect(player)
        player.play()

    @property
    def heard(self) -> list[bytes]:
        """What the client has sent, for each connection."""
        return [bytes(player.heard) for player in self._players]

    def check(self) -> None:
        """See that everything was played.

        Raises:
            AssertionError: a connection was not made, or a script not played to its end.
        """
        for number, player in enumerate(self._players, 1):
            if player.left is not None:
                raise AssertionError(f"the script of connection {number} has not come further than {player.left!r}")
        left = next(self._scripts, None)
        if left is not None:
            raise AssertionError(f"connection {len(self._players) + 1} was not made: {left!r}")
