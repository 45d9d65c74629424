"""picows: frames come to a listener, which hands each to the future that waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from . import Connections


class Listener(WSListener):
    answer: asyncio.Future[bytes]

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.BINARY and not self.answer.done():
            self.answer.set_result(frame.get_payload_as_bytes())


class Async(Connections):
    @asynccontextmanager
    async def websocket(self, url: str) -> AsyncIterator[Callable[[bytes], Awaitable[bytes]]]:
        transport, listener = await ws_connect(Listener, url)
        create_future = asyncio.get_running_loop().create_future

        def ask(message: bytes) -> asyncio.Future[bytes]:
            answer = listener.answer = create_future()
            transport.send(WSMsgType.BINARY, message)
            return answer

        try:
            yield ask
        finally:
            transport.disconnect()
            await transport.wait_disconnected()
