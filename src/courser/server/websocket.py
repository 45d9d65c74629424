"""WebSockets of a server (RFC 6455): a reply that switches protocols, and what serves the link from then on.

A handler that returns a `WebSocketReply` is called back for every message, in the server's thread; nothing here waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from weakref import ReferenceType, ref

from ..core.reactor import READ, WRITE
from ..engines.websocket import (
    WEBSOCKET_LIMITS,
    Close,
    CloseCode,
    Deflate,
    WebSocketEngine,
    WebSocketLimits,
    answer_upgrade,
)
from ..errors import ConnectionClosed
from ..values.headers import Headers
from .app import App, Reply, ServerRequest
from .connection import ServerConnection

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..core.link import Link
    from ..engines.events import RequestHead
    from ..engines.websocket import Agreement
    from ..settings import HeaderTypes
    from .http1 import HTTP1ServerConnection

__all__ = ["ServerWebSocket", "WebSocketReply", "WebSocketServerConnection", "switch"]

SWITCHING: Final = 101


class ServerWebSocket:
    """A WebSocket as its handler sees it; to be used in the server's thread only.

    Args:
        request: the handshake.
        subprotocol: what was agreed on, None for nothing.
        connection: carries it.

    Attributes:
        request, subprotocol: likewise.
        close_code: the code with which the peer has closed it, 1006 where the link just ended; None while it is open.
        close_reason: the reason that came with it.
    """

    __slots__ = ("__weakref__", "_connection", "close_code", "close_reason", "request", "subprotocol")

    def __init__(self, request: ServerRequest, subprotocol: str | None, connection: WebSocketServerConnection) -> None:
        self.request = request
        self.subprotocol = subprotocol
        self.close_code: int | None = None
        self.close_reason = ""
        self._connection: ReferenceType[WebSocketServerConnection] = ref(connection)

    def send(self, message: str | bytes | bytearray | memoryview, *, compress: bool | None = None) -> None:
        """Send a message: text where it is a str.

        Args:
            message: the message.
            compress: whether to compress it, where that was agreed on; None compresses what is large.

        Raises:
            ConnectionClosed: the WebSocket is closed, or a close frame was sent.
        """
        connection = self._open()
        engine = connection.engine
        make: Callable[..., Any] = engine.send_text if isinstance(message, str) else engine.send_bytes
        connection.put(make(message, compress))

    def close(self, code: int = CloseCode.NORMAL_CLOSURE, reason: str = "") -> None:
        """Say goodbye; the link ends when the peer has answered.

        Args:
            code: why (RFC 6455 section 7.4).
            reason: a word on it, of at most 123 bytes in UTF-8.

        Raises:
            ConnectionClosed: it was said already.
            LocalProtocolError: code or reason cannot be sent.
        """
        connection = self._open()
        connection.put(connection.engine.close(code, reason))

    def _open(self) -> WebSocketServerConnection:
        connection = self._connection()
        if connection is None or connection.closed or connection.engine.close_sent:
            raise ConnectionClosed(code=self.close_code or CloseCode.ABNORMAL_CLOSURE, reason=self.close_reason)
        return connection

    def __repr__(self) -> str:
        state = "open" if self.close_code is None else f"closed, {self.close_code}"
        return f"<ServerWebSocket [{state}] {self.request.target}>"


class WebSocketReply(Reply):
    """What a handler answers to let a WebSocket begin; to a request that asks for none it is an error that says so.

    Args:
        on_message: called with the WebSocket and each message, a str where it is text and bytes where it is binary.
        on_open: called with the WebSocket when it is there.
        on_close: called with the WebSocket when it is gone; its close_code says how.
        subprotocols: those that are spoken, by preference.
        compress: whether permessage-deflate (RFC 7692) is agreed on where the client offers it.
        headers: fields of the response.
        limits: what a client may make the server hold.
    """

    __slots__ = ("deflate", "limits", "on_close", "on_message", "on_open", "subprotocols")

    switches = True

    def __init__(
        self,
        on_message: Callable[[ServerWebSocket, str | bytes], object],
        *,
        on_open: Callable[[ServerWebSocket], object] | None = None,
        on_close: Callable[[ServerWebSocket], object] | None = None,
        subprotocols: Sequence[str] = (),
        compress: bool = True,
        headers: HeaderTypes = None,
        limits: WebSocketLimits = WEBSOCKET_LIMITS,
    ) -> None:
        super().__init__(headers=headers)
        self.status = SWITCHING
        self.reason = b"Switching Protocols"
        self.on_message = on_message
        self.on_open = on_open
        self.on_close = on_close
        self.subprotocols = subprotocols
        self.deflate = Deflate() if compress else None
        self.limits = limits


class WebSocketServerConnection(ServerConnection):
    """Carries one WebSocket.

    Args:
        link, app, owners, now: as for any connection.
        reply: the handler's.
        request: the handshake.
        agreement: what was agreed on in it.
    """

    __slots__ = ("_asked", "_over", "_reply", "_socket", "engine")

    def __init__(
        self,
        link: Link,
        app: App,
        owners: set[ServerConnection],
        now: float,
        reply: WebSocketReply,
        request: ServerRequest,
        agreement: Agreement,
    ) -> None:
        super().__init__(link, app, owners, now)
        self.engine = WebSocketEngine(is_client=False, deflate=agreement.deflate, limits=reply.limits)
        self._reply = reply
        self._socket = ServerWebSocket(request, agreement.subprotocol, self)
        self._asked = self._over = False

    def begin(self, head: bytes, early: bytes, now: float) -> None:
        """Send the response that switches, and take what has come behind the handshake."""
        self.arm(now + self.app.timeout)
        self.write(head)
        self._call(self._reply.on_open)
        if early and not self.closed:
            self.received(early, now)

    def put(self, data: bytes | bytearray) -> None:
        """Send frames; nothing more is read while they wait for room."""
        if self.write(memoryview(data)) and not self.closed:
            self._want(WRITE)

    def _call(self, what: Callable[..., object] | None, *arguments: object) -> None:
        """Call the handler; what it raises ends the WebSocket."""
        if what is None:
            return
        try:
            what(self._socket, *arguments)
        except Exception as error:
            self.app.errors.append(error)
            if not self.closed and not self.engine.close_sent:
                self.put(self.engine.close(CloseCode.INTERNAL_ERROR))

    def received(self, data: bytes, now: float) -> None:
        if self._leaving:
            if not data:
                self.close()
            return
        self.arm(now + self.app.timeout)
        self._asked = False
        engine = self.engine
        for event in engine.receive(data):
            if isinstance(event, str | bytes):
                if not engine.close_sent:
                    self._call(self._reply.on_message, event)
            elif isinstance(event, Close):
                self._note_end(event.code, event.reason)
            if self.closed:
                return
        if engine.error is not None:
            self._note_end(engine.failed_code, str(engine.error))
        if engine.has_outgoing:
            self.put(engine.outgoing())
        if not data:
            self._ended = True
        self._look(now)

    def flushed(self, now: float) -> None:
        self.arm(now + self.app.timeout)
        if not self.pending:
            self._want(READ)
            self._look(now)

    def _look(self, now: float) -> None:
        """Leave where everything is said."""
        if self._ended:
            self.close()
        elif not self.closed and not self.pending and not self._leaving and self._over:
            self._leave(now)

    def _note_end(self, code: int, reason: str) -> None:
        """Take note of the end, and tell the handler; twice is once."""
        if not self._over:
            self._over = True
            self._socket.close_code = code
            self._socket.close_reason = reason
            self._call(self._reply.on_close)

    def expire(self, now: float) -> None:
        if self._asked or self._leaving or self.engine.close_sent:
            super().expire(now)
            return
        # A client that is only silent answers this.
        self._asked = True
        self.arm(now + self.app.timeout)
        self.put(self.engine.ping())

    def close(self) -> None:
        """Close at once; the handler is told."""
        if not self.closed:
            if not self.engine.close_sent and not self.unsent and not self._ended:
                self._say_goodbye()
            super().close()
            self._note_end(CloseCode.ABNORMAL_CLOSURE, "")

    def _say_goodbye(self) -> None:
        """Tell the client that the server goes away; best effort."""
        try:
            self.link.send(self.engine.close(CloseCode.GOING_AWAY))
        except OSError:
            pass  # nobody hears it


def switch(connection: HTTP1ServerConnection, reply: WebSocketReply, head: RequestHead, now: float) -> Reply | None:
    """Let an HTTP/1.1 connection become a WebSocket; None where it has, else what to answer instead.

    Args:
        connection: has received the request, and nothing of an answer has been sent.
        reply: the handler's.
        head: the request.
        now: the time.
    """
    answer = answer_upgrade(
        head.method, head.version, head.fields, subprotocols=reply.subprotocols, deflate=reply.deflate
    )
    agreement = answer.agreement
    if agreement is None:
        return Reply.text(f"{answer.detail}\n", status=answer.status, headers=answer.fields)
    fields = reply.fields(connection.app.date(now)) + Headers(answer.fields).encode()
    written = connection.engine.start_response(SWITCHING, reply.reason, fields, -1)
    request = ServerRequest(head)

    def make(link: Link, app: App, owners: set[ServerConnection], now: float) -> WebSocketServerConnection:
        return WebSocketServerConnection(link, app, owners, now, reply, request, agreement)

    successor = connection.pass_on(make, now)
    successor.begin(written, connection.engine.leftover, now)
    return None
