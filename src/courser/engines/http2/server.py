"""The server's side of an HTTP/2 connection, for tests, benchmarks and demonstrations."""

from __future__ import annotations

from ...errors import LocalProtocolError
from ...hints import TYPE_CHECKING
from ..events import END
from .engine import Engine
from .faults import ConnectionFault, ErrorCode
from .frames import LAST_ID, PREFACE, goaway, headers, rst_stream
from .heads import BODILESS, read_request
from .kept import Kept
from .limits import HTTP2_LIMITS
from .requests import sent_fields
from .settings import ENABLE_CONNECT_PROTOCOL, MAX_CONCURRENT_STREAMS
from .stream import ENDLESS, Due, Stream, Upload

if TYPE_CHECKING:
    from typing import ClassVar, Final

    from .limits import HTTP2Limits

__all__ = ["ServerEngine"]

_FAREWELL: Final = b"courserG"
"""The PING after the first GOAWAY: once it is back, the client has seen that one."""


class Served(Stream):
    """A stream as the server knows it.

    Attributes:
        method: of the request.
    """

    __slots__ = ("method",)

    def __init__(self, number: int, method: bytes, window: int, credit: int) -> None:
        super().__init__(number, Due.NOTHING, window, credit, None)
        self.sent = False
        self.method = method


class ServerEngine(Engine):
    """Receives requests and sends responses, many at a time; no I/O.

    Args:
        limits: what a peer may make the engine hold or do.
    """

    __slots__ = ("_acted", "_final", "_heads", "_highest", "_preface")

    _is_client: ClassVar[bool] = False

    def __init__(self, *, limits: HTTP2Limits = HTTP2_LIMITS) -> None:
        super().__init__(limits, b"", ((MAX_CONCURRENT_STREAMS, limits.streams), (ENABLE_CONNECT_PROTOCOL, 1)))
        self._preface = PREFACE
        self._highest = self._acted = 0
        # Above which stream nothing is taken any more.
        self._final = LAST_ID
        self._heads: Kept[tuple[int, bytes], bytes] = Kept(self._encoder)

    def receive(self, data: bytes, now: float) -> list[Stream]:
        """As in `Engine`; the preface comes first (RFC 9113 section 3.4)."""
        preface = self._preface
        if preface and data:
            count = min(len(preface), len(data))
            if data[:count] != preface[:count]:
                self._preface = b""
                self._break(ConnectionFault("this is not the preface of HTTP/2"))
                return []
            self._preface = preface[count:]
            data = data[count:]
            if not data:
                return []
        return super().receive(data, now)

    def respond(self, stream: Stream, status: int, fields: bytes, length: int | None) -> None:
        """Queue the head of the final response.

        Nothing happens where the stream is over already.

        Args:
            stream: whose request it answers.
            status: 200 to 999.
            fields: the header lines; a FieldBlock is taken as it is, other bytes are checked.
            length: of the body in bytes; None where it is not known, -1 for no body.

        Raises:
            LocalProtocolError: it was answered before, or an argument would break the protocol.
        """
        if stream.closed:
            return
        if not isinstance(stream, Served) or stream.sent or stream.upload is not None:
            raise LocalProtocolError(detail="the request has been answered")
        if not 200 <= status <= 999:
            raise LocalProtocolError(detail=f"{status} is not the status of a final response")
        if length is not None and length < -1:
            raise LocalProtocolError(detail=f"a body cannot have {length} bytes")
        block = self._block_of(status, fields)
        if length is not None and length >= 0 and status != 204:
            block += self._encoder.literal(b"content-length", b"%d" % length)
        is_tunnel = stream.method == b"CONNECT" and status < 300
        is_bodiless = not is_tunnel and (stream.method == b"HEAD" or status in BODILESS or length == -1)
        upload = Upload(0 if is_bodiless else -1 if is_tunnel or length is None else length)
        stream.upload = upload
        self._outbox.heads.append(headers(stream.id, block, self.peer.frame, end=upload.ended))
        if upload.ended:
            self._finish_sending(stream, [])

    def send_interim(self, stream: Stream, status: int, fields: bytes = b"") -> None:
        """Queue the head of an interim response (RFC 9110 section 15.2).

        Raises:
            LocalProtocolError: it is not one, or not the time for one.
        """
        if stream.closed:
            return
        if not 100 <= status <= 199 or status == 101 or stream.sent or stream.upload is not None:
            raise LocalProtocolError(detail=f"{status} cannot be sent as an interim response now")
        self._outbox.heads.append(headers(stream.id, self._block_of(status, fields), self.peer.frame, end=False))

    def shutdown(self, code: int = ErrorCode.NO_ERROR) -> None:
        """Queue GOAWAY; open streams go on.

        Without an error it comes twice (RFC 9113 section 6.8): first without a last stream, because requests may be on
        their way; once the client has surely seen that, or at a second call, with it.

        Args:
            code: what to tell the peer.
        """
        outbox = self._outbox
        if code == ErrorCode.NO_ERROR and not self.draining:
            self.draining = True
            outbox.after_heads(goaway(LAST_ID, code))
            self._ping(_FAREWELL)
            return
        self._final = self._acted
        super().shutdown(code)

    def _take_pong(self, payload: bytes) -> None:
        if payload != _FAREWELL:
            super()._take_pong(payload)
        elif self._final == LAST_ID and self.draining:
            self.shutdown()

    def _block_of(self, status: int, lines: bytes) -> bytes:
        """An encoded head."""
        heads = self._heads
        if heads.generation != self._encoder.generation:
            heads.renew()
        key = (status, lines)
        block = heads.get(key)
        if block is None:
            block = self._encoder.encode([(b":status", b"%d" % status), *sent_fields(lines, "header")])
            heads.keep(key, block, len(lines))
        return block

    def _begun(self) -> int:
        return (self._highest + 1) >> 1

    def _has_begun(self, number: int) -> bool:
        return number & 1 == 1 and number <= self._highest

    def _last_taken(self) -> int:
        return self._acted

    def _take_block(self, number: int, block: bytes, is_last: bool) -> None:
        if number & 1 == 0 or number <= self._highest:
            self._take_trailers(number, block, is_last)
            return
        self._highest = number
        if number > self._final or len(self._streams) >= self._limits.streams:
            self._decode(block)
            self._count_reset()
            self._answer(rst_stream(number, ErrorCode.REFUSED_STREAM))
            # What follows was on its way already.
            self._note_reset(number, self._tuner.size)
            return
        self._acted = number
        head, protocol = read_request(self._decode(block))
        stream = Served(number, head.method, self._tuner.size + self._lent, self.peer.window)
        stream.protocol = protocol
        stream.left = ENDLESS if head.length is None or head.method == b"CONNECT" else head.length
        self._streams[number] = stream
        stream.events.append(head)
        self._touch(stream)
        if is_last:
            self._finish_receiving(stream, END)
