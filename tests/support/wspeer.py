"""A WebSocket server for tests: the engine in its other role, on the scripted server's sockets."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from faultserver import Gone, Peer, Received, Script

from courser.engines.websocket import Close, Deflate, Ping, Pong, WebSocketEngine, answer_upgrade


class WebSocketPeer:
    """The server's end of one WebSocket.

    Attributes:
        peer: the bytes.
        request: that of the handshake.
        subprotocol: what was agreed on.
    """

    def __init__(self, peer: Peer, request: Received, engine: WebSocketEngine, subprotocol: str | None) -> None:
        self.peer = peer
        self.request = request
        self.engine = engine
        self.subprotocol = subprotocol
        self._events: deque[Any] = deque()

    def event(self) -> str | bytes | Ping | Pong | Close:
        """What comes next; what has to be answered is answered.

        Raises:
            Gone: the client has closed its side.
        """
        while not self._events:
            data = self.peer.receive()
            self._events += self.engine.receive(data)
            if self.engine.has_outgoing:
                self.peer.send(self.engine.outgoing())
            if not data and not self._events:
                raise Gone
        found: str | bytes | Ping | Pong | Close = self._events.popleft()
        return found

    def message(self) -> str | bytes:
        """The next message.

        Raises:
            Gone: there is none, but a goodbye.
        """
        while not isinstance(event := self.event(), str | bytes):
            if isinstance(event, Close):
                raise Gone
        return event

    def say(self, message: str | bytes) -> None:
        """Send a message, unless the client has said goodbye in the meantime."""
        if not self.engine.close_received:
            make: Any = self.engine.send_text if isinstance(message, str) else self.engine.send_bytes
            self.peer.send(make(message))

    def raw(self, data: bytes) -> None:
        """Send bytes, whatever they mean."""
        self.peer.send(data)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Say goodbye, wait for the client's, and close."""
        self.peer.send(self.engine.close(code, reason))
        while not isinstance(self.event(), Close):
            pass
        self.peer.close()


def agreeing(
    act: Callable[[WebSocketPeer], Any], subprotocols: Sequence[str] = (), deflate: Deflate | None = None
) -> Script:
    """A script that agrees to the handshake, does something, and goes."""

    def script(peer: Peer) -> None:
        request = peer.head()
        line, _, fields = request.raw.partition(b"\r\n")
        answer = answer_upgrade(
            line.split(b" ")[0], b"1.1", fields + b"\r\n", subprotocols=subprotocols, deflate=deflate
        )
        lines = "".join(f"{name}: {value}\r\n" for name, value in answer.fields)
        peer.send(f"HTTP/1.1 {answer.status} Whatever\r\n{lines}\r\n".encode())
        assert answer.agreement is not None, answer.detail
        engine = WebSocketEngine(is_client=False, deflate=answer.agreement.deflate)
        act(WebSocketPeer(peer, request, engine, answer.agreement.subprotocol))

    return script


def echoing(ws: WebSocketPeer) -> None:
    """Send every message back until the client says goodbye."""
    while not isinstance(event := ws.event(), Close):
        if isinstance(event, str | bytes):
            ws.say(event)
    ws.peer.close()
