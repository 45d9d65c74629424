"""A WebSocket server that sends back what it is sent, by picows: it has to cost less than the clients that it measures.

python echo.py FD        the descriptor is a listening socket
"""

from __future__ import annotations

import asyncio
import resource
import socket
import sys

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_create_server

LARGEST = 1 << 24


class Echo(WSListener):
    """One connection; messages come in one frame each. Pings are answered by picows."""

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()
        elif frame.msg_type != WSMsgType.PONG:
            transport.send(frame.msg_type, frame.get_payload_as_bytes())


async def main(fd: int) -> None:
    listener = socket.socket(fileno=fd)
    server = await ws_create_server(lambda _: Echo(), sock=listener, backlog=4096, max_frame_size=LARGEST)
    await server.serve_forever()


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(main(int(sys.argv[1])))
