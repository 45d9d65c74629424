"""The reactor of asyncio that has no poll object of its own, for loops and systems where one cannot be nested.

It gives each socket to the loop (the direct driver). Sockets of our own are more than a proactor can serve: there the
loop connects, sends and receives, too (the transports driver), and links call for what they need. To connections all of
it looks like any other reactor.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections import deque
from collections.abc import Callable
from time import monotonic
from weakref import ReferenceType, ref

from ..core.link import RECEIVE_MOST
from ..core.race import HEAD_START
from ..core.reactor import READ, WRITE, Audible, Entry, Timers
from ..core.waiter import FOREVER
from ..errors import ConnectError
from ..hints import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any, Final

    from ..core.link import Link, Release
    from ..core.race import Address
    from ..core.reactor import Timed
    from ..core.route import Route

__all__ = ["LoopReactor", "TransportLink", "TransportNetwork"]

Loop = asyncio.AbstractEventLoop

FULL: Final = 512 * 1024
"""Bytes that wait for their reader before the loop is asked to receive no more."""


class LoopReactor:
    """Keeps deadlines, gives sockets to the loop, and serves entries whose links speak up by themselves.

    Args:
        loop: whose.
        schedule: sets the loop's timer.
    """

    __slots__ = ("__weakref__", "_loop", "_schedule", "_thread", "_timers")

    def __init__(self, loop: Loop, schedule: Callable[[float], None]) -> None:
        self._loop = ref(loop)
        self._schedule = schedule
        self._timers = Timers()
        self._thread = threading.get_ident()

    def arm(self, entry: Timed, deadline: float) -> None:
        """Make sure that the entry is looked at when its deadline comes."""
        if self._timers.push(entry, deadline):
            self._schedule(deadline)

    @property
    def due(self) -> float:
        """The time of the earliest deadline."""
        return self._timers.next

    def turn(self) -> None:
        """Serve what is due."""
        timers = self._timers
        timers.fire(monotonic())
        if timers.next < FOREVER:
            self._schedule(timers.next)

    def post(self, call: Callable[[], None]) -> None:
        """Have something called by the loop's thread."""
        loop = self._loop()
        if loop is not None and not loop.is_closed():
            try:
                loop.call_soon_threadsafe(call)
            except RuntimeError:
                pass  # closed meanwhile

    def hear(self, entry: Entry, link: Audible) -> None:
        """Serve an entry whenever its link says so."""
        entries = ref(entry)

        def serve() -> None:
            _serve(entries, READ | WRITE)

        def wake() -> None:
            if threading.get_ident() == self._thread:
                serve()
            else:
                self.post(serve)

        link.listen(wake)
        self.post(serve)

    def register(self, entry: Entry, interest: int) -> None:
        """Serve an entry from now on."""
        self.modify(entry, interest)

    def modify(self, entry: Entry, interest: int) -> None:
        """Change what an entry waits for."""
        loop = self._loop()
        if loop is None:
            return
        fd = entry.fileno()
        try:
            if interest & READ:
                loop.add_reader(fd, _serve, ref(entry), READ)
            else:
                loop.remove_reader(fd)
            if interest & WRITE:
                loop.add_writer(fd, _serve, ref(entry), WRITE)
            else:
                loop.remove_writer(fd)
        except NotImplementedError:
            raise ConnectError(
                phase="connect",
                detail=f"{type(loop).__name__} cannot watch the socket of a link",
                hint="run another event loop, such as asyncio.SelectorEventLoop, or give links without a descriptor",
            ) from None

    def unregister(self, entry: Entry) -> None:
        """Serve an entry no more."""
        entry.armed = FOREVER
        if threading.get_ident() == self._thread:
            self._remove(entry.fileno())

    def _remove(self, fd: int) -> None:
        loop = self._loop()
        if loop is not None and not loop.is_closed() and fd >= 0:
            try:
                loop.remove_reader(fd)
                loop.remove_writer(fd)
            except NotImplementedError:
                pass  # such a loop was given nothing

    def release(self, sock: socket.socket) -> None:
        """Take a socket out of the loop and close it; another thread leaves both to the loop's own."""
        if threading.get_ident() == self._thread:
            self._remove(sock.fileno())
            sock.close()
            return
        loop = self._loop()
        if loop is None or loop.is_closed():
            sock.close()
            return
        try:
            loop.call_soon_threadsafe(self.release, sock)
        except RuntimeError:
            sock.close()

    def close(self) -> None:
        """There is nothing to give back."""


def _serve(entries: ReferenceType[Entry], mask: int) -> None:
    entry = entries()
    if entry is not None:
        try:
            entry.ready(mask, monotonic())
        except Exception as error:
            entry.fail(error)


class TransportLink(asyncio.Protocol):
    """A link over a transport of the loop. It has no descriptor; it calls its listener when something has changed."""

    encrypted = False
    alpn: str | None = None
    session: Any = None
    again_above = 1
    send_most = 256 * 1024
    wants_write = False

    def __init__(self, loop: Loop) -> None:
        self._loop = ref(loop)
        self._thread = threading.get_ident()
        self._transport: Any = None
        self._inbox: deque[bytes] = deque()
        self._size = 0
        self._ended = False
        self._lost: BaseException | None = None
        self._full = False
        self._salvaged = False
        self._wanted = True
        self._wake: Callable[[], None] | None = None

    # What the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._inbox.append(bytes(data))
        self._size += len(data)
        if self._size > FULL:
            self._transport.pause_reading()
        self._notify()

    def eof_received(self) -> bool:
        self._ended = True
        self._notify()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        # Its traceback leads through the call that met with it to this link: with it, it would be in a cycle.
        self._lost = exc and exc.with_traceback(None)
        if exc is not None:
            self._salvage()
        self._ended = True
        self._full = False
        self._notify()

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        self._notify()

    def _notify(self) -> None:
        if self._wake is not None:
            self._wake()

    def _salvage(self) -> None:
        """Take what has come and was not received: a transport that could not send does not look any more.

        It may be the answer of a peer that has closed because it wanted no more of the request.
        """
        if self._salvaged:
            return
        self._salvaged = True
        sock = self._transport.get_extra_info("socket")
        try:
            with sock.dup() as copy:
                while data := copy.recv(RECEIVE_MOST):
                    self._inbox.append(data)
                    self._size += len(data)
        except (AttributeError, OSError, TypeError):
            pass  # no more has come, or nothing of the kind can be done here

    # The link

    def receive(self, size: int) -> bytes:
        if not self._inbox:
            if self._lost is not None:
                raise _afresh(self._lost)
            if self._ended:
                return b""
            raise BlockingIOError
        data = self._inbox.popleft()
        if len(data) > size:
            self._inbox.appendleft(data[size:])
            data = data[:size]
        self._size -= len(data)
        if self._size <= FULL and self._wanted and not self._salvaged:
            self._transport.resume_reading()
        return data

    def send(self, data: bytes | memoryview) -> int:
        if self._lost is not None or self._transport.is_closing():
            self._salvage()
            raise ConnectionResetError("the connection is closed")
        if self._full:
            raise BlockingIOError
        self._transport.write(data)
        return len(data)

    def flush(self) -> None:
        """The transport sends by itself."""

    def fileno(self) -> int:
        return -1

    def attach(self, release: Release | None) -> None:
        """There is no descriptor."""

    def listen(self, wake: Callable[[], None] | None) -> None:
        self._wake = wake

    def want(self, interest: int) -> None:
        self._wanted = bool(interest & READ)
        if self._transport.is_closing():
            return
        if self._wanted:
            if self._size <= FULL:
                self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def finish(self) -> None:
        if self._transport.can_write_eof():
            try:
                self._transport.write_eof()
            except OSError:
                pass  # the peer is gone already

    def close(self) -> None:
        self._wake = None
        transport, loop = self._transport, self._loop()
        if transport is None or loop is None or loop.is_closed():
            return
        if threading.get_ident() == self._thread:
            transport.abort()
            return
        try:
            loop.call_soon_threadsafe(transport.abort)
        except RuntimeError:
            pass  # closed meanwhile

    def info(self) -> dict[str, Any]:
        get = self._transport.get_extra_info
        return {"peer": get("peername"), "local": get("sockname")}


def _afresh(error: BaseException) -> OSError:
    """An error like one that is kept: that itself, once raised, would be in a cycle with its traceback."""
    return type(error)(*error.args) if isinstance(error, OSError) else ConnectionResetError(str(error))


class TransportNetwork:
    """Connects with the loop's own means."""

    async def open(self, addresses: list[Address], route: Route) -> Link:
        """Connect to the first of several addresses that answers; the attempts begin HEAD_START apart (RFC 8305).

        Raises:
            OSError: none answers; what the last one said.
        """
        left = addresses[::-1]
        running: set[asyncio.Task[TransportLink]] = set()
        try:
            while True:
                if left:
                    running.add(asyncio.ensure_future(_open(left.pop(), route)))
                done, running = await asyncio.wait(
                    running, timeout=HEAD_START if left else None, return_when=asyncio.FIRST_COMPLETED
                )
                links = [task.result() for task in done if task.exception() is None]
                for spare in links[1:]:
                    spare.close()
                if links:
                    return links[0]
                if not running and not left:
                    raise done.pop().exception() or OSError("no address")
        finally:
            await _give_up(running)


async def _open(address: Address, route: Route) -> TransportLink:
    loop = asyncio.get_running_loop()

    def make() -> TransportLink:
        return TransportLink(loop)

    where = address[1]
    if route.uds is not None:
        return (await loop.create_unix_connection(make, where))[1]
    transport, link = await loop.create_connection(
        make, where[0], where[1], family=address[0], local_addr=route.local_address
    )
    sock = transport.get_extra_info("socket")
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for level, option, value in route.socket_options:
            sock.setsockopt(level, option, value)
    except BaseException:
        link.close()
        raise
    return link


async def _give_up(running: set[asyncio.Task[TransportLink]]) -> None:
    """Cancel the attempts that are not needed, and close what they may have opened meanwhile."""
    for task in running:
        task.cancel()
    for answer in await asyncio.gather(*running, return_exceptions=True):
        if isinstance(answer, TransportLink):
            answer.close()
