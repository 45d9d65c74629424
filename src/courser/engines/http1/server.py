"""The server's side of an HTTP/1.1 connection, for tests, benchmarks and demonstrations.

Pipelined requests are handed out one at a time: what arrives while one is being answered waits, bounded, for `resume`.
"""

from __future__ import annotations

import re

from ...errors import LocalProtocolError
from ...hints import TYPE_CHECKING
from ..events import END, Event, RequestHead
from .body import CloseWriter, LengthReader, LengthWriter
from .chunked import ChunkedReader, ChunkedWriter
from .engine import NO_FIELDS, Engine, Phase
from .faults import Fault
from .framing import keeps_alive
from .grammar import CONTROL, request_head
from .head import careful_request_head, check_request_line, plain_request_head
from .limits import WIRE_LIMITS, WireLimits
from .outgoing import check_fields, framing_line

if TYPE_CHECKING:
    from typing import Final

    from .body import BodyWriter

__all__ = ["ServerEngine"]

_HEAD: Final = Phase.HEAD
_DONE: Final = Phase.DONE
_EMPTY_LINES: Final = re.compile(rb"(?>(?:\r\n)+)")


_UNREADABLE: Final = RequestHead(b"", b"", b"1.1", b"", None, False, False)
"""Stands for a request that could not be read, but can be answered."""


class ServerEngine(Engine):
    """Receives requests and sends responses, one exchange at a time; no I/O.

    Args:
        limits: what a peer may make the engine hold.

    Attributes:
        head: the last request head.
        response_done: whether the response to it was sent completely.
        status_hint: after an error, the status to answer with before closing; `start_response` takes one then, unless
            a response had begun.
    """

    __slots__ = ("_half_line", "_match", "_waiting", "head", "response_done", "status_hint")

    def __init__(self, *, limits: WireLimits = WIRE_LIMITS) -> None:
        super().__init__(limits=limits)
        self.phase = _HEAD
        self.head: RequestHead | None = None
        self.response_done = True
        self.status_hint = 400
        self._half_line = False
        self._match = request_head().match
        self._waiting = bytearray()

    def receive(self, data: bytes) -> list[Event]:
        """Take bytes of the peer; b"" says that it has closed its side.

        Returns:
            what they mean, in order, up to the end of one request.

        Raises:
            RemoteProtocolError: they break the protocol; TruncatedBody if they end before the body does.
        """
        self.bytes_received += len(data)
        events: list[Event] = []
        try:
            if data:
                self._advance(data, events)
            else:
                self._close(events)
        except Fault as fault:
            if self.phase is not Phase.DEAD:
                begun = self._writer is not None and not self.response_done
                self.head = _UNREADABLE
                self.response_done = begun
            self.status_hint = fault.status
            raise self._blame(fault) from None
        return events

    def resume(self) -> list[Event]:
        """The events of a request that had arrived before the last one was answered; [] if there is none.

        Raises:
            RemoteProtocolError: as in `receive`.
        """
        if not self._waiting or self.phase is not _HEAD:
            return []
        waiting = bytes(self._waiting)
        self._waiting.clear()
        return self.receive(waiting)

    def start_response(self, status: int, reason: bytes, fields: bytes, length: int | None) -> bytes:
        """Begin the response to the open request.

        Args:
            status: 101, or 200 to 999; 101, and 2xx to CONNECT, make the connection a tunnel.
            reason: the reason phrase, may be empty.
            fields: the header lines; a FieldBlock is written as it is, other bytes are checked.
            length: of the body in bytes; None for chunked (to HTTP/1.0: until close); -1 for no framing field: no body
                where the request or the status allows none, else a body until close.

        Returns:
            the head to write.

        Raises:
            LocalProtocolError: no request is open, or an argument would break the protocol.
        """
        head = self._open_request()
        if status != 101 and not 200 <= status <= 999:
            raise LocalProtocolError(detail=f"{status} is not the status of a final response")
        if CONTROL.search(reason):
            raise LocalProtocolError(detail=f"the reason phrase holds a control character: {reason[:32]!r}")
        check_fields(fields, "header")
        if status == 101 or (head.method == b"CONNECT" and status < 300):
            return self._switch(status, reason, fields)
        chunked = length is None and head.version == b"1.1"
        framed = chunked or (length is not None and length >= 0)
        if head.method == b"HEAD" or status in (204, 304) or length == 0:
            writer: BodyWriter = LengthWriter(0)
        elif framed:
            writer = ChunkedWriter() if length is None else LengthWriter(length)
        else:
            writer = CloseWriter()
        self._writer = writer
        persists = head.keep_alive and keeps_alive(b"1", fields) and not isinstance(writer, CloseWriter)
        framing = framing_line(length) if framed and status != 204 else b""
        connection = _connection_line(head, fields, persists)
        self.reusable = self.reusable and persists
        if writer.done:
            self._finish_sending()
        return b"HTTP/1.1 %d %b\r\n%b%b%b\r\n" % (status, reason, fields, framing, connection)

    def send_interim(self, status: int, fields: bytes = NO_FIELDS) -> bytes:
        """An interim response, before the final one (RFC 9110 section 15.2).

        Raises:
            LocalProtocolError: it is not one, or not the time for one.
        """
        head = self._open_request()
        if not 100 <= status <= 199 or status == 101 or head.version == b"1.0":
            raise LocalProtocolError(
                detail=f"{status} cannot be sent as an interim response to HTTP/{head.version.decode()}"
            )
        check_fields(fields, "header")
        return b"HTTP/1.1 %d \r\n%b\r\n" % (status, fields)

    def _open_request(self) -> RequestHead:
        if self.head is None or self.response_done or self._writer is not None:
            raise LocalProtocolError(detail="no request waits for a response")
        return self.head

    def _switch(self, status: int, reason: bytes, fields: bytes) -> bytes:
        if self.phase is not _DONE:
            raise LocalProtocolError(detail="the protocol cannot change before the request is complete")
        self.response_done = True
        self._enter_tunnel(bytes(self._waiting))
        return b"HTTP/1.1 %d %b\r\n%b\r\n" % (status, reason, fields)

    def _take_head(self, data: bytes, events: list[Event]) -> bytes | None:
        if self._section is None:
            data = self._skip_empty_lines(data)
            if not data:
                return None
        found = self._collect(data, self._match, check_request_line)
        if found is None:
            return None
        match, raw, rest = found
        head, chunked = plain_request_head(match) if match else careful_request_head(raw, self._limits)
        return self._begin(head, chunked, rest, events)

    def _skip_empty_lines(self, data: bytes) -> bytes:
        """Some clients send one after a body without counting it (RFC 9112 section 2.2)."""
        if self._half_line:
            data = b"\r" + data
        empty = _EMPTY_LINES.match(data)
        rest = data[empty.end() :] if empty else data
        self._half_line = rest == b"\r"
        return b"" if self._half_line else rest

    def _begin(self, head: RequestHead, chunked: bool, rest: bytes, events: list[Event]) -> bytes:
        self.head = head
        self.is_idle = self.response_done = False
        self._writer = None
        self.reusable = head.keep_alive
        events.append(head)
        if chunked or head.length:
            self.phase = Phase.BODY
            self._reader = ChunkedReader(self._limits) if chunked else LengthReader(head.length or 0)
        else:
            self.phase = _DONE
            events.append(END)
        return rest

    def _take_other(self, data: bytes, events: list[Event]) -> bytes | None:
        if self.phase is Phase.TUNNEL:
            self.leftover += data
        elif self.phase is Phase.DEAD:
            raise Fault("the connection has already failed")
        elif self.phase is _DONE:
            self._waiting += data
            if len(self._waiting) > self._limits.pipelined:
                raise Fault(f"more than {self._limits.pipelined} bytes of further requests")
        return None

    def _finish_receiving(self) -> None:
        self.phase = _DONE

    def _finish_sending(self) -> None:
        """An answer that ends before its request does leaves a connection on which nobody knows where one is."""
        if self.response_done:
            return
        self.response_done = True
        self.reusable = self.reusable and self.phase is _DONE
        self.is_idle = self.reusable and not self._waiting
        if self.phase is not Phase.DEAD:
            self.phase = _HEAD if self.reusable else Phase.IDLE
        self.bytes_received = 0
        self._reader = None


def _connection_line(head: RequestHead, fields: bytes, persists: bool) -> bytes:
    if persists:
        return b"Connection: keep-alive\r\n" if head.version == b"1.0" else b""
    return b"Connection: close\r\n" if keeps_alive(b"1", fields) else b""
