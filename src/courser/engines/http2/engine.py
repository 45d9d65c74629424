"""What both roles of an HTTP/2 connection share: streams, and frames taken from bytes.

`receive` is hot: `_take` handles what nearly all frames of a busy connection are, in one loop, and without another
Python frame: a HEADERS that repeats a response head seen before, and a DATA without padding. It may only take what
needs no judgement; whatever is unusual goes through `_frame`, which takes everything.

A fault of the connection or of a stream becomes the public error here, at one place each.
"""

from __future__ import annotations

from abc import abstractmethod

from ...hints import TYPE_CHECKING
from ..events import END, ResponseHead
from ..hpack import HPACKFault, ListTooLarge
from .block import Block
from .faults import ConnectionFault, ErrorCode, StreamFault
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
    kind_name,
)
from .heads import read_trailers
from .pieces import LARGE, join_pieces
from .stream import Due
from .table import UNKNOWN, Streams

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final

    from ..hpack.imprint import Imprint
    from .fields import Fields
    from .limits import HTTP2Limits
    from .stream import Stream

__all__ = ["Engine"]

_unpack = HEADER.unpack_from

_LARGEST: Final = FRAME_SIZE << 8 | 0xFF
"""The first number of a frame's header, at most."""

_TAKERS: Final = {
    DATA: "_take_data",
    HEADERS: "_take_headers",
    PRIORITY: "_take_priority",
    RST_STREAM: "_take_reset",
    SETTINGS: "_take_settings",
    PUSH_PROMISE: "_take_push",
    PING: "_take_ping",
    GOAWAY: "_take_goaway",
    WINDOW_UPDATE: "_take_window_update",
    CONTINUATION: "_take_continuation",
}
"""Which method takes which frame."""

_NONE = Due.NOTHING
_PLAIN = Due.PLAIN


class Engine(Streams):
    """The shared part of ClientEngine and ServerEngine."""

    __slots__ = ("_block", "_buffer", "_has_views", "_known", "_last_block", "_passing", "_plain", "_says_something")

    def __init__(self, limits: HTTP2Limits, greeting: bytes, own: tuple[tuple[int, int], ...]) -> None:
        super().__init__(limits, greeting, own)
        # The beginning of a frame whose end has not come.
        self._buffer = bytearray()
        self._block: Block | None = None
        # Whether any frame may come next: not before SETTINGS, and not within a header block.
        self._plain = False
        # Header blocks that mean the same each time: the head, how much body may follow, what they add to the table.
        self._known: dict[bytes, tuple[ResponseHead, int, Imprint]] = {}
        # Those of them that do so only until the table changes.
        self._passing: list[bytes] = []
        self._last_block = b""
        # Whether pieces of body that have come are views of what was received.
        self._has_views = False
        # Whether a head, a piece of body or an end has come since the last frame that holds nothing.
        self._says_something = False

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
        else:
            if self._probe_due:
                self._start_probe()
            if self._inflow.room <= self._inflow.half:
                self._renew()
        if self._has_views:
            self._has_views = False
            for stream in touched:
                stream.events = join_pieces([*stream.events])
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
        touched, turn = self._touched, self._turn
        plain = self._plain
        view: memoryview | None = None
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
                    and (not flags or (flags == END_STREAM and (length == stream.left or stream.left > UNKNOWN)))
                ):
                    self._says_something = True
                    if stream.turn != turn:
                        stream.turn = turn
                        touched.append(stream)
                    if not flags:
                        if length < LARGE:
                            stream.events.append(data[start:end])
                        else:
                            if view is None:
                                view = memoryview(data)
                                self._has_views = True
                            pieces: list[Any] = stream.events
                            pieces.append(view[start:end])
                            # The frames of a large body are alike: the same header again needs no second look.
                            header, step = data[start - HEADER_SIZE : start], HEADER_SIZE + length
                            room = min(stream.left, stream.window, inflow.room) // length - 1
                            stop = min(size, end + room * step)
                            while (after := end + step) <= stop and data.startswith(header, end):
                                pieces.append(view[end + HEADER_SIZE : after])
                                end = after
                            length += (end - position) // step * length
                            position = end
                        inflow.room -= length
                        stream.left -= length
                        stream.window -= length
                        stream.unread += length
                        inflow.unread += length
                        continue
                    inflow.room -= length
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
                    self._says_something = True
                    block = data[start:end]
                    entry = known.get(block)
                    if entry is None:
                        try:
                            self._take_block(number, block, False)
                        except StreamFault as fault:
                            self._break_stream(number, fault)
                        continue
                    stream.due = _NONE
                    head_event, stream.left, added = entry
                    if added:
                        self._replay(added)
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
            take: Callable[[int, int, bytes], None] = getattr(self, _TAKERS.get(kind, "_take_other"))
            take(flags, number, payload)
        except StreamFault as fault:
            self._break_stream(number, fault)
        self._plain = self._settled and self._block is None

    def _take_data(self, flags: int, number: int, payload: bytes) -> None:
        size = len(payload)
        inflow = self._inflow
        if size > inflow.room:
            raise ConnectionFault("more DATA than the connection's window takes", ErrorCode.FLOW_CONTROL_ERROR)
        inflow.room -= size
        if flags & PADDED:
            payload = _without_padding(payload, DATA)
        if payload:
            self._says_something = True
        elif not flags & END_STREAM:
            self._count_empty()
        if not self._counts(number, DATA):
            self._take_stray(number, size)
            return
        stream = self._streams[number]
        if size > stream.window and size:
            raise StreamFault("more DATA than the stream's window takes", ErrorCode.FLOW_CONTROL_ERROR)
        stream.window -= size
        if stream.due:
            raise StreamFault("DATA before the head of the response")
        if len(payload) > stream.left:
            raise StreamFault("more DATA than Content-Length says, or where there is no body")
        self._touch(stream)
        if payload:
            stream.events.append(payload)
            stream.left -= len(payload)
            stream.unread += len(payload)
            inflow.unread += len(payload)
        if flags & END_STREAM:
            self._says_something = True
            self._finish_receiving(stream, END)
        elif not payload:
            self._top_up(stream)  # of padding alone no reader will say that it was taken

    def _count_empty(self) -> None:
        """Count a frame that holds nothing and ends nothing (CVE-2019-9518).

        Who flushes often sends one now and then, for each response perhaps; only many in a row are a flood.
        """
        if self._says_something:
            self._says_something = False
            self._floods.forget("empty")
        self._floods.count("empty", self._now)

    def _take_stray(self, number: int, size: int) -> None:
        """DATA that was on its way when its stream was reset; its window holds nevertheless."""
        left = self._resets[number] = self._resets[number] - size
        if left < 0:
            raise ConnectionFault(f"DATA goes on on stream {number}, which was reset", ErrorCode.FLOW_CONTROL_ERROR)

    def _take_headers(self, flags: int, number: int, payload: bytes) -> None:
        if not number:
            raise ConnectionFault("HEADERS on stream 0")
        if flags & PADDED:
            payload = _without_padding(payload, HEADERS)
        if flags & PRIORITIZED:
            if len(payload) < 5:
                raise ConnectionFault("a HEADERS frame too short for its priority", ErrorCode.FRAME_SIZE_ERROR)
            payload = payload[5:]
        is_last = bool(flags & END_STREAM)
        if flags & END_HEADERS:
            self._says_something = True
            self._take_block(number, payload, is_last)
            return
        if not payload:
            self._count_empty()
        self._block = Block(number, payload, is_last)

    def _take_continuation(self, flags: int, number: int, payload: bytes) -> None:
        block = self._block
        if block is None:
            raise ConnectionFault("CONTINUATION without HEADERS")
        if not payload:
            self._count_empty()
        block.add(payload, self._limits)
        if flags & END_HEADERS:
            self._says_something = True
            self._block = None
            self._take_block(number, block.whole(), block.is_last)

    def _decode(self, block: bytes) -> Fields:
        """The fields of a block; where they are too many, the table is in step nevertheless."""
        decoder = self._decoder
        before = decoder.generation
        try:
            return decoder.decode(block)
        except ListTooLarge:
            limits = self._limits
            raise StreamFault(f"a head of more than {limits.fields} fields or {limits.head} bytes") from None
        except HPACKFault as fault:
            raise ConnectionFault(f"a header block: {fault}", ErrorCode.COMPRESSION_ERROR) from None
        finally:
            if decoder.generation != before and self._passing:
                self._pass()

    def _replay(self, added: Imprint) -> None:
        """A block has come again that adds to the table."""
        self._decoder.replay(added)
        if self._passing:
            self._pass()

    def _pass(self) -> None:
        """The table has changed: what refers to it means something else."""
        for block in self._passing:
            self._known.pop(block, None)
        self._passing.clear()

    def _take_trailers(self, number: int, block: bytes, is_last: bool) -> None:
        """HEADERS on a stream that waits for no head; the block changes the table wherever it comes."""
        try:
            fields = self._decode(block)
        except StreamFault:
            if self._counts(number, HEADERS):
                raise
            return
        if not self._counts(number, HEADERS):
            return
        if not is_last:
            raise StreamFault("a second head, or trailers that do not end the stream")
        stream = self._streams[number]
        self._touch(stream)
        self._finish_receiving(stream, read_trailers(fields))

    def _clear(self) -> None:
        self._buffer.clear()
        self._block = None

    # What differs between the roles.

    @abstractmethod
    def _take_block(self, number: int, block: bytes, is_last: bool) -> None:
        """Take a whole header block."""


def _without_padding(payload: bytes, kind: int) -> bytes:
    """RFC 9113 section 6.1."""
    if not payload or payload[0] >= len(payload):
        raise ConnectionFault(f"{kind_name(kind)} of which more is padding than there is")
    return payload[1 : len(payload) - payload[0]]


def _too_large(head: int) -> ConnectionFault:
    if head == 0x48545450:
        return ConnectionFault("the peer answers in HTTP/1.1")
    return ConnectionFault(f"a frame of {head >> 8} bytes; {FRAME_SIZE} are the most", ErrorCode.FRAME_SIZE_ERROR)
