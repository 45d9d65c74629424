"""A network in memory: each connection leads to a server in the same process, which runs when the client sends."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain, repeat
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from weakref import ref

from ..core.link import Release
from ..core.reactor import READ, WRITE
from ..server.app import App, Handler, Sink
from ..server.connection import ServerConnection
from ..server.http1 import HTTP1ServerConnection
from .link import CALM, Conditions, MemoryLink

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..core.route import Route

__all__ = ["MemoryNetwork", "Net", "Weather"]

BUFFER: Final = 256 * 1024
"""Bytes that may wait for the client before the server has to; about what a kernel holds."""

Weather: TypeAlias = Conditions | OSError | Iterable[Conditions | OSError]
"""How the connections behave: all alike, or one after the other, calm when there are no more; an error refuses one."""


class Net:
    """What networks in memory have in common.

    Args:
        conditions: see `Weather`.

    Attributes:
        routes: where the client has connected to, in order.
        links: the connections that were made, in order.
    """

    def __init__(self, conditions: Weather) -> None:
        self._forecast = _forecast(conditions)
        self.routes: list[Route] = []
        self.links: list[MemoryLink] = []

    def connect(self, route: Route, deadline: float, /) -> MemoryLink:
        """Make a connection; see `courser.Network`. A route with TLS passes for encrypted without being it.

        Raises:
            OSError: the conditions say so.
        """
        self.routes.append(route)
        conditions = next(self._forecast)
        if isinstance(conditions, OSError):
            raise conditions
        link = MemoryLink(conditions, route.tls is not None)
        self.links.append(link)
        self._accept(link)
        return link

    def _accept(self, link: MemoryLink) -> None:
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {len(self.links)} connections>"


def _forecast(conditions: Weather) -> Iterator[Conditions | OSError]:
    if isinstance(conditions, Conditions | OSError):
        return repeat(conditions)
    return chain(conditions, repeat(CALM))


class FarEnd:
    """The server's end of a link in memory, and what turns its connection in the place of a reactor."""

    __slots__ = ("_connection", "_gone", "_inbox", "_interest", "_link", "_turning")

    encrypted = False
    alpn: str | None = None
    session: Any = None
    again_above = BUFFER
    send_most = BUFFER
    wants_write = False

    def __init__(self, link: MemoryLink) -> None:
        self._link = link
        self._inbox: deque[bytes] = deque()
        self._interest = READ
        self._gone = False
        self._turning = False
        self._connection: Callable[[], ServerConnection | None] = lambda: None

    def serve(self, connection: ServerConnection) -> None:
        """Turn a connection; weakly, for its finalizer knows this link."""
        self._connection = ref(connection)

    # A link

    def receive(self, size: int) -> bytes:
        if self._inbox:
            return self._inbox.popleft()
        if self._gone:
            return b""
        raise BlockingIOError

    def send(self, data: bytes | memoryview) -> int:
        if self._gone:
            raise BrokenPipeError
        room = BUFFER - self._link.waiting
        if room <= 0:
            raise BlockingIOError
        self._link.give(bytes(data[:room]))
        return min(len(data), room)

    def finish(self) -> None:
        self._link.end()

    def fileno(self) -> int:
        return -1

    def attach(self, release: Release | None) -> None:
        """There is no descriptor."""

    def listen(self, wake: Callable[[], None] | None) -> None:
        """Nobody else turns this."""

    def want(self, interest: int) -> None:
        self._interest = interest

    def flush(self) -> None:
        """What was taken has arrived."""

    def close(self) -> None:
        self._link.end()

    def info(self) -> dict[str, Any]:
        return {"peer": "memory", "local": "memory"}

    # What the client does

    def take(self, data: bytes) -> None:
        self._inbox.append(data)
        self._turn()

    def drained(self) -> None:
        if self._interest & WRITE:
            self._turn()

    def gone(self) -> None:
        self._gone = True
        self._turn()

    def _turn(self) -> None:
        """Let the connection do all that can be done now."""
        connection = self._connection()
        if connection is None or self._turning:
            return
        self._turning = True
        try:
            while not connection.closed and (mask := self._ready()):
                connection.ready(mask, monotonic())
        except Exception as error:
            connection.fail(error)
        finally:
            self._turning = False

    def _ready(self) -> int:
        readable = READ if self._inbox or self._gone else 0
        writable = WRITE if self._gone or self._link.waiting < BUFFER else 0
        return (readable | writable) & self._interest


class MemoryNetwork(Net):
    """Serves every origin with a handler: `Client(network=MemoryNetwork(handler))`.

    Everything above the sockets is the real thing: pool, connections, engines on both sides. The handler is called in
    the thread that sends, from within the call that sends.

    Args:
        handler: answers requests, as for `courser.server.Server`.
        conditions: how the connections behave: all alike, or one after the other and then calm; an OSError instead
            of conditions refuses the connection.
        sink: takes bodies that are not to be collected, as for `courser.server.Server`.
        max_body: bytes of a body that is collected.

    Attributes:
        routes: where the client has connected to, in order.
        links: the connections that were made, in order; their `end`, `reset`, `choke` let things happen to them.
    """

    def __init__(
        self,
        handler: Handler,
        *,
        conditions: Weather = CALM,
        sink: Sink | None = None,
        max_body: int = 2**24,
    ) -> None:
        super().__init__(conditions)
        self._app = App(handler, sink=sink, max_body=max_body)
        self._open: set[ServerConnection] = set()

    @property
    def errors(self) -> deque[BaseException]:
        """What the handler and the bodies of its replies have raised, the last hundred."""
        return self._app.errors

    @property
    def connections(self) -> int:
        """How many connections are open on the server's side."""
        return len(self._open)

    def _accept(self, link: MemoryLink) -> None:
        far = FarEnd(link)
        far.serve(HTTP1ServerConnection(far, self._app, self._open, monotonic()))
        link.connect(far)
