"""WebSocket servers of other makers, each in a process of its own on a free port: the `websockets` library and aiohttp.

Their interpreter is named by $COURSER_HTTPBIN, as that of httpbin; they end when their standard input does.
"""

from __future__ import annotations

import os
from typing import Final

from child import Child

PYTHON: Final = os.environ.get("COURSER_HTTPBIN")

COMMON: Final = """
import asyncio, os, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
"""

PROGRAMS: Final = {
    "websockets": COMMON
    + """
from websockets.asyncio.server import serve

async def talk(ws):
    async for message in ws:
        if message == "goodbye":
            await ws.close(4001, "as you wish")
        elif message == "ping":
            await (await ws.ping())
            await ws.send("pong")
        else:
            await ws.send(message)

async def main():
    choose = lambda ws, offered: "chat" if "chat" in offered else None
    async with serve(talk, "127.0.0.1", 0, select_subprotocol=choose, max_size=None) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()

asyncio.run(main())
""",
    "aiohttp": COMMON
    + """
from aiohttp import WSMsgType, web

async def talk(request):
    ws = web.WebSocketResponse(protocols=["chat"], max_msg_size=0)
    await ws.prepare(request)
    async for message in ws:
        if message.data == "goodbye":
            await ws.close(code=4001, message=b"as you wish")
        elif message.data == "ping":
            await ws.ping(b"there")
            await ws.send_str("pong")
        elif message.type == WSMsgType.TEXT:
            await ws.send_str(message.data)
        elif message.type == WSMsgType.BINARY:
            await ws.send_bytes(message.data)
    return ws

async def main():
    app = web.Application()
    app.router.add_get("/ws", talk)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(site._server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
""",
}


class SocketServer(Child):
    """A running server.

    Args:
        python: the interpreter of an environment that has the library.
        name: of the library.
    """

    def __init__(self, python: str, name: str) -> None:
        super().__init__(python, PROGRAMS[name], name)
        self.url = f"ws://127.0.0.1:{self.port}/ws"
