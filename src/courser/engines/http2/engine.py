"""What both roles of an HTTP/2 connection share: streams, and frames taken from bytes.

`receive` is hot: `_take` handles what nearly all frames of a busy connection are, in one loop, and without another
Python frame: a HEADERS that repeats a response head seen before, and a DATA without padding. It may only take what
needs no judgement; whatever is unusual goes through `_frame`, which takes everything.

A fault of the connection or of a stream becomes the public error here, at one place each.
"""

from __future__ import annotations

from abc import abstractmethod

from ...errors import LocalProtocolError, RemoteProtocolError, TruncatedBody
from ...hints import TYPE_CHECKING
from ..events import END, ResponseHead
from ..hpack import HPACKFault, ListTooLarge
from .connection import Connection
from .faults import ConnectionFault, ErrorCode, StreamFault, code_name
from .flow import credited
from .frames import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    FRAME_SIZE,
    GOAWAY,
    HEADER,
    HEADER_SIZE,
    HEADERS,
    LAST_ID,
    PADDED,
    PING,
    PRIORITIZED,
    PRIORITY,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    goaway,
    headers,
    kind_name,
    rst_stream,
    window_update,
)
from .heads import read_trailers
from .requests import sent_fields
from .states import Standing, judge
from .stream import ENDLESS, Due

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import ClassVar, Final

    from ..events import End
    from .fields import Fields
    from .limits import HTTP2Limits
    from .stream import Stream

__all__ = ["Engine"]

_unpack = HEADER.unpack_from

_LARGEST: Final = FRAME_SIZE << 8 | 0xFF
"""The first number of a frame's header, at most."""

_UNKNOWN: Final = ENDLESS >> 1
"""A body of which more may come than this has no declared length."""

_REMEMBERED: Final = 4096
"""How many streams that were reset are remembered; what was on its way then may still come."""

_NONE = Due.NOTHING
_PLAIN = Due.PLAIN


class Block:
    """A header block whose end has not come."""

    __slots__ = ("data", "frames", "is_last", "number")

    def __init__(self, number: int, data: bytes, is_last: bool) -> None:
        self.number = number
        self.data = bytearray(data)
        self.is_last = is_last
        self.frames = 0


class Engine(Connection):
    """The shared part of ClientEngine and ServerEngine."""

    __slots__ = ("_block", "_buffer", "_known", "_plain", "_resets", "_touched", "_turn")

    def __init__(self, limits: HTTP2Limits, greeting: bytes, own: tuple[tuple[int, int], ...]) -> None:
        super().__init__(limits, greeting, own)
        # The beginning of a frame whose end has not come.
        self._buffer = bytearray()
        self._block: Block | None = None
        # Whether any frame may come next: not before SETTINGS, and not within a header block.
        self._plain = False
        # Header blocks that mean the same each time, until the decoder's table changes: the head, and bytes of body.
        self._known: dict[bytes, tuple[ResponseHead, int]] = {}
        # Streams that were reset by us -> bytes that the peer may still send on them.
        self._resets: dict[int, int] = {}
        self._touched: list[Stream] = []
        self._turn = 0

    # Receiving.

    def receive(self, data: bytes, now: float) -> list[Stream]:
        """Take bytes of the peer.

        Args:
            data: b"" says that it has closed its side.
            now: seconds of any clock that does not go back.

        Returns:
            the streams for which something has come or changed, in order: see `events`, `error`, `stopped` of each.
            After a fault of the connection `error` is set, and GOAWAY waits in `outgoing`.
        """
        self._turn += 1
        touched: list[Stream] = []
        self._touched = touched
        self._now = now
        if self.error is not None:
            return touched
        try:
            if not data:
                self._take_end()
                return touched
            position = self._mend(data) if self._buffer else 0
            if position < len(data):
                position = self._take(data, position)
                if position < len(data):
                    self._buffer += data[position:]
        except ConnectionFault as fault:
            self._break(fault)
            return touched
        if self._probe_due:
            self._start_probe()
        self._renew()
        return touched

    def _mend(self, data: bytes) -> int:
        """Complete the frame that has begun; returns how many bytes that took."""
        buffer = self._buffer
        have = len(buffer)
        if have < HEADER_SIZE:
            buffer += data[: HEADER_SIZE - have]
            if len(buffer) < HEADER_SIZE:
                return len(data)
        head, _, _ = _unpack(buffer)
        if head > _LARGEST:
            raise _too_large(head)
        buffer += data[len(buffer) - have : HEADER_SIZE + (head >> 8) - have]
        taken = len(buffer) - have
        if len(buffer) == HEADER_SIZE + (head >> 8):
            self._buffer = bytearray()
            self._take(bytes(buffer), 0)
        return taken

    def _take(self, data: bytes, position: int) -> int:
        """Take all whole frames; returns where the first that is not begins."""
        streams, known, inflow = self._streams, self._known, self._inflow
        touched = self._touched
        turn = self._turn
        plain = self._plain
        size = len(data)
        while size - position >= HEADER_SIZE:
            head, flags, number = _unpack(data, position)
            if head > _LARGEST:
                raise _too_large(head)
            start = position + HEADER_SIZE
            end = start + (head >> 8)
            if end > size:
                break
            position = end
            kind = head & 0xFF
            if kind == DATA:
                stream = streams.get(number)
                length = end - start
                if (
                    plain
                    and stream is not None
                    and 0 < length <= stream.left
                    and length <= stream.window
                    and length <= inflow.room
                    and (not flags or (flags == END_STREAM and (length == stream.left or stream.left > _UNKNOWN)))
                ):
                    inflow.room -= length
                    if stream.turn != turn:
                        stream.turn = turn
                        touched.append(stream)
                    if not flags:
                        stream.events.append(data[start:end])
                        stream.left -= length
                        stream.window -= length
                        stream.unread += length
                        inflow.unread += length
                        continue
                    stream.events += (data[start:end], END)
                    stream.received = True
                    stream.left = 0
                    if stream.unread:
                        inflow.unread -= stream.unread
                        stream.unread = 0
                    if stream.sent:
                        del streams[number]
                        stream.closed = True
                    continue
            elif kind == HEADERS and flags == END_HEADERS:
                stream = streams.get(number)
                if plain and stream is not None and stream.due == _PLAIN:
                    entry = known.get(data[start:end])
                    if entry is not None:
                        stream.due = _NONE
                        head_event, stream.left = entry
                        stream.events.append(head_event)
                        if stream.turn != turn:
                            stream.turn = turn
                            touched.append(stream)
                        continue
            self._frame(kind, flags, number & LAST_ID, data[start:end])
            plain = self._plain
        return position

    def _frame(self, kind: int, flags: int, number: int, payload: bytes) -> None:
        """Take any frame."""
        if self._block is not None and (kind != CONTINUATION or number != self._block.number):
            raise ConnectionFault(f"{kind_name(kind)} in the middle of a header block")
        if not self._settled and (kind != SETTINGS or flags & ACK):
            raise ConnectionFault(f"the peer begins with {kind_name(kind)}, not with SETTINGS")
        try:
            self._takers.get(kind, Engine._take_other)(self, flags, number, payload)
        except StreamFault as fault:
            self._break_stream(number, fault)
        self._plain = self._settled and self._block is None

    def _counts(self, number: int, kind: int) -> bool:
        """Whether a frame on this stream counts; raises a fault where it may not come."""
        stream = self._streams.get(number)
        if stream is not None:
            standing = Standing.ENDED if stream.received else Standing.OPEN
        elif number in self._resets:
            standing = Standing.RESET
        else:
            standing = Standing.CLOSED if self._has_begun(number) else Standing.IDLE
        return judge(standing, kind, number)

    def _touch(self, stream: Stream) -> None:
        if stream.turn != self._turn:
            stream.turn = self._turn
            self._touched.append(stream)

    def _take_data(self, flags: int, number: int, payload: bytes) -> None:
        size = len(payload)
        inflow = self._inflow
        if size > inflow.room:
            raise ConnectionFault("more DATA than the connection's window takes", ErrorCode.FLOW_CONTROL_ERROR)
        inflow.room -= size
        if flags & PADDED:
            payload = _without_padding(payload, DATA)
        if not self._counts(number, DATA):
            self._take_stray(number, size)
            return
        stream = self._streams[number]
        if size > stream.window:
            raise StreamFault("more DATA than the stream's window takes", ErrorCode.FLOW_CONTROL_ERROR)
        stream.window -= size
        if stream.due:
            raise StreamFault("DATA before the head of the response")
        if len(payload) > stream.left:
            raise StreamFault("more DATA than Content-Length says, or where there is no body")
        ended = flags & END_STREAM
        if not payload and not ended:
            self._floods.count("empty", self._now)
            return
        self._touch(stream)
        if payload:
            stream.events.append(payload)
            stream.left -= len(payload)
            stream.unread += len(payload)
            inflow.unread += len(payload)
        if ended:
            self._finish_receiving(stream, END)

    def _take_stray(self, number: int, size: int) -> None:
        """DATA that was on its way when its stream was reset; its window holds nevertheless."""
        left = self._resets[number] = self._resets[number] - size
        if left < 0:
            raise ConnectionFault(f"DATA goes on on stream {number}, which was reset", ErrorCode.FLOW_CONTROL_ERROR)

    def _finish_receiving(self, stream: Stream, end: End) -> None:
        """The peer's side of a stream is complete."""
        if 0 < stream.left < _UNKNOWN:
            raise StreamFault(f"the body ended {stream.left} bytes before its Content-Length", truncated=True)
        stream.received = True
        stream.left = 0
        self._inflow.unread -= stream.unread
        stream.unread = 0
        stream.events.append(end)
        if stream.sent:
            self._forget(stream)

    def _take_headers(self, flags: int, number: int, payload: bytes) -> None:
        if flags & PADDED:
            payload = _without_padding(payload, HEADERS)
        if flags & PRIORITIZED:
            if len(payload) < 5:
                raise ConnectionFault("a HEADERS frame too short for its priority", ErrorCode.FRAME_SIZE_ERROR)
            payload = payload[5:]
        block = Block(number, payload, bool(flags & END_STREAM))
        if not flags & END_HEADERS:
            self._block = block
            if not payload:
                self._floods.count("empty", self._now)
        else:
            self._take_block(number, payload, block.is_last)

    def _take_continuation(self, flags: int, number: int, payload: bytes) -> None:
        block = self._block
        if block is None:
            raise ConnectionFault("CONTINUATION without HEADERS")
        block.frames += 1
        if not payload:
            self._floods.count("empty", self._now)
        if block.frames > self._limits.continuations or len(block.data) + len(payload) > self._limits.block:
            raise ConnectionFault(
                f"a header block of more than {self._limits.block} bytes or {self._limits.continuations} CONTINUATION",
                ErrorCode.ENHANCE_YOUR_CALM,
            )
        block.data += payload
        if flags & END_HEADERS:
            self._block = None
            self._take_block(number, bytes(block.data), block.is_last)

    def _decode(self, block: bytes) -> Fields | None:
        """The fields of a block, None if they are too many; in any case the table is in step afterwards."""
        decoder = self._decoder
        before = decoder.generation
        try:
            return decoder.decode(block)
        except ListTooLarge:
            return None
        except HPACKFault as fault:
            raise ConnectionFault(f"a header block: {fault}", ErrorCode.COMPRESSION_ERROR) from None
        finally:
            if decoder.generation != before:
                self._known.clear()

    def _too_many_fields(self) -> StreamFault:
        limits = self._limits
        return StreamFault(f"a head of more than {limits.fields} fields or {limits.head} bytes")

    def _take_trailers(self, stream: Stream, fields: Fields, is_last: bool) -> None:
        if not is_last:
            raise StreamFault("a second head, or trailers that do not end the stream")
        self._touch(stream)
        self._finish_receiving(stream, read_trailers(fields))

    def _take_priority(self, flags: int, number: int, payload: bytes) -> None:
        """Deprecated by RFC 9113 section 5.3.2; nothing is kept, so nothing can be churned (CVE-2019-9513)."""
        self._floods.count("others", self._now)
        if not number:
            raise ConnectionFault("PRIORITY on stream 0")
        if len(payload) != 5:
            raise ConnectionFault(f"a PRIORITY of {len(payload)} bytes", ErrorCode.FRAME_SIZE_ERROR)

    def _take_reset(self, flags: int, number: int, payload: bytes) -> None:
        if len(payload) != 4:
            raise ConnectionFault(f"a RST_STREAM of {len(payload)} bytes", ErrorCode.FRAME_SIZE_ERROR)
        self._floods.count("resets", self._now)
        if not self._counts(number, RST_STREAM):
            return
        stream = self._streams[number]
        stream.code = code = int.from_bytes(payload, "big")
        stream.refused = code == ErrorCode.REFUSED_STREAM
        self._lose(stream, f"the peer reset the stream: {code_name(code)}", truncates=True)

    def _take_push(self, flags: int, number: int, payload: bytes) -> None:
        raise ConnectionFault("PUSH_PROMISE, which nobody asked for")

    def _take_window_update(self, flags: int, number: int, payload: bytes) -> None:
        if len(payload) != 4:
            raise ConnectionFault(f"a WINDOW_UPDATE of {len(payload)} bytes", ErrorCode.FRAME_SIZE_ERROR)
        outbox = self._outbox
        # Who sends much gets many of them.
        self._floods.count("updates", self._now, 10 * outbox.frames)
        increment = int.from_bytes(payload, "big") & LAST_ID
        if not number:
            outbox.credit = credited(outbox.credit, increment, ConnectionFault)
        elif self._counts(number, WINDOW_UPDATE):
            stream = self._streams[number]
            stream.credit = credited(stream.credit, increment, StreamFault)
            if stream.upload is not None:
                outbox.schedule(stream, stream.upload)

    def _take_other(self, flags: int, number: int, payload: bytes) -> None:
        """Unknown frames are ignored (RFC 9113 section 5.5)."""
        self._floods.count("others", self._now)

    # Endings.

    def _forget(self, stream: Stream) -> None:
        """A stream is over."""
        del self._streams[stream.id]
        stream.closed = True
        self._inflow.unread -= stream.unread
        stream.unread = 0
        self._outbox.drop(stream)

    def _lose(self, stream: Stream, detail: str, *, truncates: bool = False) -> None:
        """A stream ends by the peer's doing, or with the connection."""
        self._touch(stream)
        if stream.received and self._is_client:
            # The response is complete; only the rest of the request is not wanted (RFC 9113 section 8.1).
            stream.stopped = True
        else:
            cut = truncates and not stream.due
            error = TruncatedBody if cut else RemoteProtocolError
            stream.error = error(detail=detail, phase="read", retryable=stream.refused)
        self._forget(stream)

    def _note_reset(self, number: int, window: int) -> None:
        resets = self._resets
        resets[number] = window
        if len(resets) > _REMEMBERED:
            del resets[next(iter(resets))]

    def _break_stream(self, number: int, fault: StreamFault) -> None:
        """The peer has broken one stream (RFC 9113 section 5.4.2)."""
        self._floods.count("resets", self._now)
        self._answer(rst_stream(number, fault.code))
        stream = self._streams.get(number)
        if stream is None:
            self._note_reset(number, self._tuner.size)
            return
        self._note_reset(stream.id, stream.window)
        detail = f"stream {number}: {fault.detail}"
        self._lose(stream, detail, truncates=fault.truncated)

    def _break(self, fault: ConnectionFault) -> None:
        """The peer has broken the connection (RFC 9113 section 5.4.1)."""
        self.error = RemoteProtocolError(detail=fault.detail, phase="read")
        self._end(fault.detail, truncates=False)
        self._outbox.control.append(goaway(self._last_taken(), fault.code))

    def _take_end(self) -> None:
        """The peer has closed its side."""
        detail = "the connection was closed before the response was complete"
        if self.goaway is not None and self.goaway[1]:
            detail = f"{detail}, after GOAWAY with {code_name(self.goaway[1])}"
        self._end(detail, truncates=True)

    def _end(self, detail: str, *, truncates: bool) -> None:
        self.draining = True
        self._block = None
        self._buffer.clear()
        for stream in list(self._streams.values()):
            self._lose(stream, detail, truncates=truncates)
        self._outbox.clear()

    def _refuse_above(self, last: int, detail: str) -> None:
        """Streams that the peer will never act on (RFC 9113 section 6.8)."""
        for stream in list(self._streams.values()):
            if stream.id > last and self._is_client:
                stream.refused = True
                self._lose(stream, detail)

    # Sending.

    def outgoing(self) -> bytes:
        """Everything that may leave now, b"" for nothing: control frames, heads, then at most 256 KiB of bodies.

        Take more only when this has left: answers that wait are bounded only while they are here.
        """
        return self._outbox.take(self._finish_sending)

    def send_data(self, stream: Stream, data: bytes) -> None:
        """Queue a piece of the body; it must not change afterwards.

        Nothing happens where the stream is over already: its `error` or `stopped` says why.

        Raises:
            LocalProtocolError: no body is open, or it would get longer than declared.
        """
        upload = stream.upload
        if upload is None:
            self._check_over(stream)
            return
        upload.add(len(data))
        if data:
            upload.chunks.append(data)
            stream.queued += len(data)
            self._outbox.schedule(stream, upload)

    def send_end(self, stream: Stream, trailers: bytes = b"") -> None:
        """End the body.

        Args:
            stream: likewise.
            trailers: trailer lines, for bodies of unknown length only.

        Raises:
            LocalProtocolError: no body is open, it is shorter than declared, or a trailer is not one.
        """
        upload = stream.upload
        if upload is None:
            self._check_over(stream)
            return
        upload.end(sent_fields(trailers, "trailer") if trailers else [])
        if not stream.queued and not stream.sent:
            frame = self._finish_sending(stream, upload.trailers)
            self._outbox.heads.append(frame or HEADER.pack(DATA, END_STREAM, stream.id))

    def _check_over(self, stream: Stream) -> None:
        if not stream.closed:
            raise LocalProtocolError(detail="no body is being sent")

    def _finish_sending(self, stream: Stream, trailers: Fields) -> bytes:
        """Our side of a stream is complete; returns the frames of its trailers."""
        frame = b""
        if trailers:
            frame = headers(stream.id, self._encoder.encode(trailers), self.peer.frame, end=True)
        stream.sent = True
        if stream.received:
            self._forget(stream)
        return frame

    def consumed(self, stream: Stream, size: int) -> None:
        """A reader has taken bytes of a stream: the peer may send as many more.

        Args:
            stream: likewise.
            size: bytes of pieces of body.
        """
        if stream.closed or stream.received:
            return
        size = min(size, stream.unread)
        stream.unread -= size
        self._inflow.unread -= size
        # What is neither open nor unread is owed.
        owed = self._tuner.size - stream.window - stream.unread
        if 2 * owed >= self._tuner.size:
            stream.window += owed
            self._outbox.control.append(window_update(stream.id, owed))
            self._probe_due = True
        self._renew()

    def reset(self, stream: Stream, code: int = ErrorCode.CANCEL) -> None:
        """Give a stream up, whatever it has sent or received; the connection lives on.

        Args:
            stream: nothing happens where it is over.
            code: what to tell the peer.
        """
        if stream.closed:
            return
        self._outbox.after_heads(rst_stream(stream.id, code))
        self._note_reset(stream.id, stream.window)
        self._forget(stream)
        self._renew()

    def abandon(self, stream: Stream) -> None:
        """Send nothing more of a body; the stream goes on without its end, to be reset when it has served.

        Args:
            stream: likewise.
        """
        self._outbox.drop(stream)

    def shutdown(self, code: int = ErrorCode.NO_ERROR) -> None:
        """Queue GOAWAY: no stream starts any more, open ones go on.

        Args:
            code: what to tell the peer.
        """
        self.draining = True
        self._outbox.after_heads(goaway(self._last_taken(), code))

    # What differs between the roles.

    @abstractmethod
    def _has_begun(self, number: int) -> bool:
        """Whether a stream of this identifier has been open."""

    @abstractmethod
    def _last_taken(self) -> int:
        """The last stream of the peer that was acted on."""

    @abstractmethod
    def _take_block(self, number: int, block: bytes, is_last: bool) -> None:
        """Take a whole header block."""

    _takers: ClassVar[dict[int, Callable[[Engine, int, int, bytes], None]]] = {
        DATA: _take_data,
        HEADERS: _take_headers,
        PRIORITY: _take_priority,
        RST_STREAM: _take_reset,
        SETTINGS: Connection._take_settings,
        PUSH_PROMISE: _take_push,
        PING: Connection._take_ping,
        GOAWAY: Connection._take_goaway,
        WINDOW_UPDATE: _take_window_update,
        CONTINUATION: _take_continuation,
    }


def _without_padding(payload: bytes, kind: int) -> bytes:
    """RFC 9113 section 6.1."""
    if not payload or payload[0] >= len(payload):
        raise ConnectionFault(f"{kind_name(kind)} of which more is padding than there is")
    return payload[1 : len(payload) - payload[0]]


def _too_large(head: int) -> ConnectionFault:
    if head == 0x48545450:
        return ConnectionFault("the peer answers in HTTP/1.1")
    return ConnectionFault(f"a frame of {head >> 8} bytes; {FRAME_SIZE} are the most", ErrorCode.FRAME_SIZE_ERROR)
