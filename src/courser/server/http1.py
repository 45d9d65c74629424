"""The server's side of an HTTP/1.1 connection: an engine, and one request at a time.

Reading and writing never overlap more than they must. Small answers are written at once and the next request is read.
Where the peer does not take an answer as fast as it is made, nothing more is read or made until it does, so neither a
download nor a flood of pipelined requests can fill the memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, cast

from ..core.link import Link
from ..core.reactor import READ, WRITE
from ..engines.events import Event, RequestHead
from ..engines.http1 import Phase, ServerEngine
from ..errors import LocalProtocolError, RemoteProtocolError
from .app import HTTP2, NO_FIELDS, TOO_LARGE, UNSUPPORTED, App, Reply, ServerRequest
from .connection import POUR_MOST, ServerConnection

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["HTTP1ServerConnection"]

TOGETHER: Final = 64 * 1024
"""A body, or a piece of one, of at most this many bytes leaves in one send with what frames it."""


class HTTP1ServerConnection(ServerConnection):
    """Answers the requests that come over one link in HTTP/1.1; a client that begins with HTTP/2 gets that.

    Args:
        link, app, owners, now: as for any connection.
    """

    __slots__ = (
        "_aside",
        "_asked",
        "_held",
        "_length",
        "_pieces",
        "_sink",
        "_source",
        "_trailers",
        "_whole",
        "engine",
    )

    def __init__(self, link: Link, app: App, owners: set[ServerConnection], now: float) -> None:
        super().__init__(link, app, owners, now)
        self.engine = ServerEngine()
        self._asked: RequestHead | None = None
        self._pieces: list[bytes] = []
        self._length = 0
        self._sink: Callable[[bytes], object] | None = None
        self._source: Iterator[bytes] | None = None
        self._trailers = NO_FIELDS
        self._whole = False
        # Whether what comes is not simply for the engine: at the beginning, and at the end.
        self._aside = HTTP2 in app.protocols and not link.encrypted
        self._held = b""

    # Requests

    def received(self, data: bytes, now: float) -> None:
        if self._aside:
            found = self._look(data, now)
            if found is None:
                return
            data = found
        self.arm(now + self.app.timeout)
        try:
            events = self.engine.receive(data)
        except RemoteProtocolError:
            self._ended = not data
            self._refuse(now)
            return
        if events:
            self._serve(events, now)
        if not data:
            self._after_end()

    def _look(self, data: bytes, now: float) -> bytes | None:
        """What the engine is to have of what has come, None for nothing of it."""
        if self._leaving:
            if not data:
                self.close()
            return None
        if not self._held and not data.startswith(b"P"):
            self._aside = False
            return data
        from ..engines.http2 import PREFACE

        beginning = self._held + data
        if beginning.startswith(PREFACE):
            self._begin_http2(beginning, now)
            return None
        if data and PREFACE.startswith(beginning):
            self._held = beginning
            return None
        self._aside = False
        if not data:
            self.received(beginning, now)
            self.received(data, now)
            return None
        return beginning

    def _begin_http2(self, data: bytes, now: float) -> None:
        """Let the link be served in HTTP/2, which the client knows is spoken here (RFC 9113 section 3.3)."""
        from .http2 import HTTP2ServerConnection

        successor = self.pass_on(HTTP2ServerConnection, now)
        try:
            successor.received(data, now)
            successor.ready(READ, now)
        except Exception as error:
            successor.fail(error)

    def _after_end(self) -> None:
        """The peer sends no more; what it has asked for it may still want."""
        self._ended = True
        if self._source is None and not self.pending:
            self.close()
        else:
            self._want(WRITE)

    def _serve(self, events: list[Event], now: float) -> None:
        """Answer what has been asked, one after the other, for as long as the peer takes the answers."""
        while events:
            for event in events:
                if type(event) is RequestHead:
                    self._begin(event, now)
                elif (head := self._asked) is None:
                    continue
                elif type(event) is bytes:
                    self._collect(event, now)
                else:
                    self._answer(head, now)
            if self._asked is not None or not self._may_go_on(now):
                return
            try:
                events = self.engine.resume()
            except RemoteProtocolError:
                self._refuse(now)
                return

    def _begin(self, head: RequestHead, now: float) -> None:
        self._asked = head
        self._whole = False
        app = self.app
        if app.sink is not None:
            self._sink = app.sink(ServerRequest(head))
        if head.length is not None and head.length > app.max_body and self._sink is None:
            self._respond(TOO_LARGE, now)
        elif head.expects_continue and self.engine.phase is Phase.BODY:
            self.write(self.engine.send_interim(100))

    def _collect(self, piece: bytes, now: float) -> None:
        if self._sink is not None:
            self._sink(piece)
            return
        self._pieces.append(piece)
        self._length += len(piece)
        if self._length > self.app.max_body:
            self._respond(TOO_LARGE, now)

    def _answer(self, head: RequestHead, now: float) -> None:
        self._whole = True
        if head.method == b"CONNECT":
            self._respond(UNSUPPORTED, now)
        else:
            pieces = self._pieces
            reply = self.app.answer(ServerRequest(head, b"".join(pieces) if pieces else b""))
            if reply.switches:
                from .websocket import WebSocketReply, switch

                refused = switch(self, cast("WebSocketReply", reply), head, now)
                if refused is None:
                    return
                reply = refused
            self._respond(reply, now)

    def _refuse(self, now: float) -> None:
        """Say what was wrong, where an answer is still due."""
        self._whole = False
        try:
            self._respond(Reply.text("the request cannot be understood\n", status=self.engine.status_hint), now)
        except LocalProtocolError:
            self.close()
            return
        self._may_go_on(now)

    # Replies

    def _respond(self, reply: Reply, now: float) -> None:
        engine = self.engine
        self._asked = None
        if self._pieces:
            self._pieces = []
            self._length = 0
        head = engine.start_response(reply.status, reply.reason, reply.fields(self.app.date(now)), reply.length)
        body = reply.body
        if isinstance(body, bytes):
            if not engine.response_done:
                engine.send_data(body)
                if len(body) <= TOGETHER:
                    head += body
                else:
                    self.write(head)
                    head = body
            self.write(head)
        else:
            self.write(head)
            self._source = iter(body)
            asked = engine.head
            # In HTTP/1.0 there is no place for them.
            self._trailers = NO_FIELDS if asked is None or asked.version == b"1.0" else reply.trailers
            if engine.response_done:
                self._end_source()
            else:
                self._pour(now)

    def _pour(self, now: float) -> None:
        """Make and send more of a body, until it ends or the peer takes no more for now."""
        source = self._source
        if source is None:
            return
        engine = self.engine
        left = POUR_MOST
        try:
            while not self.pending and not self.closed:
                piece = next(source, None)
                if piece is None:
                    self._write_all((engine.send_end(self._trailers),), later=False)
                    self._end_source()
                    return
                left -= len(piece)
                self._write_all(engine.send_data(piece), later=left <= 0)
        except Exception as error:
            # The head is out: a connection that ends too early is the one way left to say so.
            self.app.errors.append(error)
            self.close()

    def _write_all(self, parts: tuple[bytes, ...], later: bool) -> None:
        if sum(map(len, parts)) <= TOGETHER:
            parts = (b"".join(parts),)
        if later:
            self.unsent.extend(parts)
            return
        for part in parts:
            if part:
                self.write(part)

    def _end_source(self) -> None:
        source, self._source = self._source, None
        self._stop(source)

    def _may_go_on(self, now: float) -> bool:
        """Whether the next request may be read; if not, what is to happen instead is under way."""
        if self.closed:
            return False
        if self._source is not None or self.unsent or self.link.wants_write:
            self._want(WRITE)
            return False
        if not self.engine.reusable:
            self._leave(now)
            return False
        self._want(READ)
        return True

    def flushed(self, now: float) -> None:
        self.arm(now + self.app.timeout)
        self._pour(now)
        if self._may_go_on(now):
            try:
                events = self.engine.resume()
            except RemoteProtocolError:
                self._refuse(now)
                return
            self._serve(events, now)

    # The end

    def _leave(self, now: float) -> None:
        self._aside = True
        self._ended = self._ended or self._whole
        super()._leave(now)

    def close(self) -> None:
        """Close at once; a body that is being made is told."""
        super().close()
        self._end_source()
