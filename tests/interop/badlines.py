"""A line to a server that breaks: each connection dribbles, dwells, and ends somewhere, in one of three ways.

It runs in a process of its own, see `child.py`; `main` is called there.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import sys
from dataclasses import dataclass, field
from typing import Any, Final

PIECES: Final = (1, 9, 100, 5000, 65536)
"""Bytes that are passed on at once."""

ENDS: Final = (500, 3000, 20_000, 300_000, 3_000_000)
"""About how many bytes pass before it breaks: within the handshake, a head, a body, or much later."""

SILENCE: Final = 0.5
"""Seconds for which a line says nothing before it ends."""


@dataclass
class Fate:
    """What becomes of one connection."""

    dribbles: bool = field(default_factory=lambda: random.random() < 0.3)
    dwells: float = field(default_factory=lambda: random.choice((0, 0, 0.005, 0.05)))
    answers: bool = field(default_factory=lambda: random.random() < 0.5)
    left: int = field(default_factory=lambda: random.choice(ENDS) + random.randrange(1000))
    how: str = field(default_factory=lambda: random.choice(("reset", "end", "silence")))

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_answer: bool) -> None:
        """Carry bytes one way, until that side ends or the line breaks."""
        while data := await reader.read(random.choice(PIECES) if self.dribbles else 65536):
            if is_answer == self.answers:
                data = data[: self.left]
                self.left -= len(data)
            writer.write(data)
            await writer.drain()
            if not self.left:
                return
            if random.random() < 0.2:
                await asyncio.sleep(random.random() * self.dwells)


async def serve(port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    fate = Fate()
    there, back = await asyncio.open_connection("127.0.0.1", port)
    ways = [asyncio.ensure_future(way) for way in (fate.carry(reader, back, False), fate.carry(there, writer, True))]
    await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    if fate.how == "silence":
        await asyncio.sleep(SILENCE)
    for way in ways:
        way.cancel()
    await asyncio.gather(*ways, return_exceptions=True)
    for side in (writer, back):
        if fate.how == "reset":
            sock: Any = side.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        side.close()


async def listen(port: int) -> None:
    server = await asyncio.start_server(lambda *pair: serve(port, *pair), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


def main(port: int) -> None:
    """Lead to a port of the loopback, until the standard input ends."""
    asyncio.run(listen(port))
