"""The client's side of an HTTP/1.1 connection.

`receive` is the hottest code of the library: a response that is small, plain and all there is matched, built and ended
in that one frame. Everything else goes through `_advance`.
"""

from __future__ import annotations

from ...errors import LocalProtocolError
from ...hints import TYPE_CHECKING
from ...values.fields import FieldBlock
from ..events import END, Event, ResponseHead
from .body import CloseReader, LengthReader, LengthWriter
from .chunked import ChunkedReader, ChunkedWriter
from .engine import NO_FIELDS, Engine, Phase
from .faults import Fault, excerpt
from .framing import keeps_alive, values_of
from .grammar import RESPONSE_HEAD
from .head import careful_response_head, check_status_line, plain_response_head
from .limits import WIRE_LIMITS, WireLimits
from .outgoing import check_request_fields, framing_line, request_prefix

if TYPE_CHECKING:
    import re
    from typing import Final

__all__ = ["ClientEngine"]

_IDLE: Final = Phase.IDLE
_HEAD: Final = Phase.HEAD
_DONE: Final = Phase.DONE
_match = RESPONSE_HEAD.match

_BODILESS: Final = frozenset((*range(100, 200), 204, 304))
"""Statuses whose responses have no body, whatever their fields say (RFC 9112 section 6.3)."""

_ENCLOSING: Final = frozenset((b"POST", b"PUT", b"PATCH"))
"""Methods for which no body is a body of no bytes, and is said to be so (RFC 9110 section 8.6)."""


class ClientEngine(Engine):
    """Sends requests and receives responses, one exchange at a time; no I/O.

    Args:
        limits: what a peer may make the engine hold.

    Attributes:
        head: the last response head, interim ones included; heads of equal bytes may be one object.
        request_done: whether the open or last request was sent completely.
    """

    __slots__ = (
        "_asks_close",
        "_bodiless",
        "_fields",
        "_interim",
        "_known",
        "_known_head",
        "_no_body",
        "_parts",
        "_prefix",
        "head",
        "request_done",
    )

    def __init__(self, *, limits: WireLimits = WIRE_LIMITS) -> None:
        super().__init__(limits=limits)
        self.head: ResponseHead | None = None
        self.request_done = True
        self._interim = 0
        self._bodiless = False
        self._no_body = b"\r\n"
        # What was checked for the last request: most requests on a connection repeat it.
        self._parts = (b"", b"", b"")
        self._prefix = b""
        self._fields = NO_FIELDS
        self._asks_close = False
        # The bytes of the last plain head and what they mean: most responses within the same second repeat them.
        self._known = b""
        self._known_head = ResponseHead(200, b"", b"1.1", b"", 0, None, True)

    def start(self, method: bytes, target: bytes, host: bytes, fields: bytes, length: int | None) -> bytes:
        """Begin an exchange.

        Args:
            method: a token (RFC 9110 section 9.1).
            target: the request target (RFC 9112 section 3.2).
            host: the Host field's value; b"" where `fields` has the Host line.
            fields: the other header lines; a FieldBlock is written as it is, other bytes are checked.
            length: of the body in bytes; -1 for no body, None for chunked.

        Returns:
            the head to write.

        Raises:
            LocalProtocolError: an exchange is open, or an argument would break the protocol; nothing has changed then.
        """
        if not self.is_idle:
            raise self._not_idle()
        parts = (method, target, host)
        if parts != self._parts:
            self._prefix = request_prefix(method, target, host)
            self._parts = parts
            self._bodiless = method == b"HEAD" or method == b"CONNECT"
            self._no_body = b"Content-Length: 0\r\n\r\n" if method in _ENCLOSING else b"\r\n"
        if fields != self._fields or type(fields) is not FieldBlock:
            check_request_fields(fields, host)
            self._fields = FieldBlock(fields)
            self._asks_close = b"connection:" in fields.lower() and not keeps_alive(b"1", fields)
        if length == -1:
            self._writer = None
            self.request_done = True
            head = b"%b%b%b" % (self._prefix, fields, self._no_body)
        else:
            self._writer = writer = ChunkedWriter() if length is None else LengthWriter(length)
            self.request_done = writer.done
            head = b"%b%b%b\r\n" % (self._prefix, fields, framing_line(length))
        self.is_idle = False
        self.reusable = not self._asks_close
        self.phase = _HEAD
        self.bytes_received = self._interim = 0
        return head

    def abandon(self) -> None:
        """Say that the rest of the request will not be sent: the connection carries no other one."""
        self.reusable = self.is_idle = False
        self._writer = None

    def receive(self, data: bytes) -> list[Event]:
        """Take bytes of the peer; b"" says that it has closed its side.

        Returns:
            what they mean, in order.

        Raises:
            RemoteProtocolError: they break the protocol; TruncatedBody if they end before the body does.
        """
        self.bytes_received += len(data)
        try:
            if self.phase is not _HEAD:
                reader = self._reader
                if reader is None or not data:
                    return self._receive(data)
                events: list[Event] = []
                rest = reader.feed(data, events)
                if rest is not None:
                    self._reader = None
                    self._finish_receiving()
                    self._advance(rest, events)
                return events
            known = self._known
            if known and data.startswith(known):
                head = self._known_head
                end = len(known)
            else:
                match = _match(data)
                if match is None:
                    return self._receive(data)
                end = match.end()
                minor, status, reason, fields, connection, coding, length, chunked = match.groups()
                if length is None or chunked or connection is not None or minor == b"0":
                    return self._receive(data, match)
                if end > self._surely_small and not self._fits(end, fields):
                    return self._receive(data)
                head = ResponseHead(int(status), reason or b"", b"1.1", fields, int(length), coding, True)
                self._known = data[:end]
                self._known_head = head
            if len(data) - end != head.length or head.status in _BODILESS or self._bodiless:
                events = []
                self._advance(self._begin(head, False, data[end:], events), events)
                return events
            self.head = head
            self.phase = _IDLE if self.request_done else _DONE
            self.is_idle = self.request_done and self.reusable
            return [head, data[end:], END] if head.length else [head, END]
        except Fault as fault:
            raise self._blame(fault) from None

    def _receive(self, data: bytes, match: re.Match[bytes] | None = None) -> list[Event]:
        events: list[Event] = []
        if not data:
            self._close(events)
        elif match is not None and self._fits(match.end(), match[4]):
            head, chunked = plain_response_head(match)
            self._advance(self._begin(head, chunked, data[match.end() :], events), events)
        else:
            self._advance(data, events)
        return events

    def _take_head(self, data: bytes, events: list[Event]) -> bytes | None:
        found = self._collect(data, _match, check_status_line)
        if found is None:
            return None
        match, raw, rest = found
        head, chunked = plain_response_head(match) if match else careful_response_head(raw, self._limits)
        return self._begin(head, chunked, rest, events)

    def _begin(self, head: ResponseHead, chunked: bool, rest: bytes, events: list[Event]) -> bytes:
        """A head is there; find out what body follows it (RFC 9112 section 6.3)."""
        self.head = head
        events.append(head)
        status = head.status
        if status < 200 and status != 101:
            self._count_interim()
            return rest
        if not head.keep_alive:
            self.reusable = False
        if status == 101 or (200 <= status < 300 and self._parts[0] == b"CONNECT"):
            return self._switch(status, rest, events)
        if self._parts[0] == b"HEAD" or status in _BODILESS or (head.length == 0 and not chunked):
            events.append(END)
            self._finish_receiving()
            return rest
        self.phase = Phase.BODY
        if chunked:
            self._reader = ChunkedReader(self._limits)
        elif head.length is not None:
            self._reader = LengthReader(head.length)
        else:
            self._reader = CloseReader()
            self.reusable = False
        return rest

    def _count_interim(self) -> None:
        self.phase = _HEAD
        self._interim += 1
        if self._interim > self._limits.interim:
            raise Fault(f"more than {self._limits.interim} interim responses to one request")

    def _switch(self, status: int, rest: bytes, events: list[Event]) -> bytes:
        if status == 101 and not values_of(self._fields, b"upgrade"):
            raise Fault("the server switches protocols (101), but the request did not ask for it")
        events.append(END)
        self._enter_tunnel(rest)
        return b""

    def _take_other(self, data: bytes, events: list[Event]) -> bytes | None:
        if self.phase is Phase.TUNNEL:
            self.leftover += data
        elif self.phase is Phase.DEAD:
            raise Fault("the connection has already failed")
        elif not events:
            raise Fault(f"{len(data)} bytes came that answer no request: {excerpt(data)}")
        else:
            # The response before them is good and is handed out first; whoever goes on reading gets the error.
            self.leftover = data
            self.reusable = self.is_idle = False
        return None

    def _close(self, events: list[Event]) -> None:
        super()._close(events)
        if self.phase is _HEAD:
            if self._interim:
                raise Fault("the connection was closed after an interim response and before the final one")
            raise Fault("the connection was closed before any byte of the response had arrived")

    def _finish_receiving(self) -> None:
        self.phase = _IDLE if self.request_done else _DONE
        self.is_idle = self.request_done and self.reusable

    def _finish_sending(self) -> None:
        self.request_done = True
        if self.phase is _DONE:
            self._finish_receiving()

    def _not_idle(self) -> LocalProtocolError:
        if self.phase is _IDLE:
            return LocalProtocolError(detail="the connection cannot carry another request")
        return LocalProtocolError(detail=f"a request cannot start now: {self.phase.value}")
