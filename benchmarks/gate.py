"""A server that holds requests, so that as many as wanted are in flight at once.

    GET /all/1000    held until a thousand requests of this path are in, then all are answered in order of arrival
    GET /hold        answered after a tenth of a second
    GET /reset       answered, and all other connections are reset: no port is left waiting on either side

    python gate.py FD        the descriptor is a listening socket

A protocol of the event loop, of uvloop where it is installed: it has to cost less than the clients that it measures.
"""

from __future__ import annotations

import asyncio
import resource
import socket
import struct
import sys
from collections import defaultdict, deque
from typing import Any

from sink import SMALL

HOLD = 0.1
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(SMALL), SMALL)
LINGER_NOT = struct.pack("ii", 1, 0)


class Gate:
    """Who waits for what."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.all: set[Connection] = set()
        self.crowds: defaultdict[int, dict[Connection, None]] = defaultdict(dict)
        self.held: deque[tuple[float, Connection]] = deque()

    def gather(self, connection: Connection, count: int) -> None:
        crowd = self.crowds[count]
        crowd[connection] = None
        if len(crowd) >= count:
            del self.crowds[count]
            for member in crowd:
                member.answer()

    def hold(self, connection: Connection) -> None:
        self.held.append((self.loop.time() + HOLD, connection))
        if len(self.held) == 1:
            self.loop.call_later(HOLD, self.release)

    def release(self) -> None:
        now = self.loop.time()
        while self.held and self.held[0][0] <= now:
            self.held.popleft()[1].answer()
        if self.held:
            self.loop.call_later(self.held[0][0] - now, self.release)

    def reset(self, asker: Connection) -> None:
        for connection in self.all - {asker}:
            sock = connection.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
            connection.transport.abort()
        asker.answer()

    def forget(self, connection: Connection) -> None:
        self.all.discard(connection)
        for crowd in self.crowds.values():
            crowd.pop(connection, None)


class Connection(asyncio.Protocol):
    """One connection; requests come whole, one after the other."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.gate.all.add(self)

    def data_received(self, data: bytes) -> None:
        target = data.split(b" ", 2)[1]
        if target == b"/hold":
            self.gate.hold(self)
        elif target == b"/reset":
            self.gate.reset(self)
        else:
            self.gate.gather(self, int(target.removeprefix(b"/all/")))

    def connection_lost(self, exc: Exception | None) -> None:
        self.gate.forget(self)

    def answer(self) -> None:
        if not self.transport.is_closing():
            self.transport.write(ANSWER)


async def main(fd: int) -> None:
    gate = Gate(asyncio.get_running_loop())
    server = await gate.loop.create_server(lambda: Connection(gate), sock=socket.socket(fileno=fd), backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        from uvloop import run
    except ImportError:
        from asyncio import run
    run(main(int(sys.argv[1])))
