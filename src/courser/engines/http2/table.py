"""The streams of a connection: what the caller does to them, and how they end."""

from __future__ import annotations

from abc import abstractmethod

from ...errors import LocalProtocolError, RemoteProtocolError, TruncatedBody
from ...hints import TYPE_CHECKING
from .connection import Connection
from .faults import ConnectionFault, ErrorCode, StreamFault, code_hint, code_name
from .flow import credited
from .frames import (
    DATA,
    END_STREAM,
    HEADER,
    LAST_ID,
    RST_STREAM,
    WINDOW_UPDATE,
    goaway,
    headers,
    rst_stream,
)
from .requests import sent_fields
from .states import Standing, judge
from .stream import ENDLESS

if TYPE_CHECKING:
    from typing import Final

    from ..events import End
    from .fields import Fields
    from .limits import HTTP2Limits
    from .stream import Stream

__all__ = ["UNKNOWN", "Streams"]

UNKNOWN: Final = ENDLESS >> 1
"""A body of which more may come than this has no declared length."""

_REMEMBERED: Final = 4096
"""How many streams that were reset are remembered; what was on its way then may still come."""


class Streams(Connection):
    """The part of an engine that knows its streams, and not how frames come."""

    __slots__ = ("_resets", "_touched", "_turn")

    def __init__(self, limits: HTTP2Limits, greeting: bytes, own: tuple[tuple[int, int], ...]) -> None:
        super().__init__(limits, greeting, own)
        # Streams that were reset by us -> bytes that the peer may still send on them.
        self._resets: dict[int, int] = {}
        self._touched: list[Stream] = []
        self._turn: int = 0

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
        self._top_up(stream)
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

    def _counts(self, number: int, kind: int) -> bool:
        """Whether a frame on this stream counts; raises a fault where it may not come."""
        stream = self._streams.get(number)
        if stream is not None:
            standing = Standing.ENDED if stream.received else Standing.OPEN
        elif number in self._resets:
            standing = Standing.RESET
        else:
            standing = Standing.CLOSED if self._has_begun(number) else Standing.IDLE
        counts = judge(standing, kind, number)
        if not counts and kind != DATA:
            self._count("others")
        return counts

    def _touch(self, stream: Stream) -> None:
        if stream.turn != self._turn:
            stream.turn = self._turn
            self._touched.append(stream)

    def _take_reset(self, flags: int, number: int, payload: bytes) -> None:
        if len(payload) != 4:
            raise ConnectionFault(f"a RST_STREAM of {len(payload)} bytes", ErrorCode.FRAME_SIZE_ERROR)
        if not self._counts(number, RST_STREAM):
            return
        self._count_reset()
        stream = self._streams[number]
        stream.code = code = int.from_bytes(payload, "big")
        if code == ErrorCode.REFUSED_STREAM:
            self._refuse(stream)
        self._lose(stream, f"the peer reset the stream: {code_name(code)}", truncates=True)

    def _take_window_update(self, flags: int, number: int, payload: bytes) -> None:
        if len(payload) != 4:
            raise ConnectionFault(f"a WINDOW_UPDATE of {len(payload)} bytes", ErrorCode.FRAME_SIZE_ERROR)
        outbox = self._outbox
        self._count("updates")
        increment = int.from_bytes(payload, "big") & LAST_ID
        if not number:
            outbox.credit = credited(outbox.credit, increment, ConnectionFault)
        elif self._counts(number, WINDOW_UPDATE):
            stream = self._streams[number]
            stream.credit = credited(stream.credit, increment, StreamFault)
            if stream.upload is not None:
                outbox.schedule(stream, stream.upload)

    def _finish_receiving(self, stream: Stream, end: End) -> None:
        """The peer's side of a stream is complete."""
        if 0 < stream.left < UNKNOWN:
            raise StreamFault(f"the body ended {stream.left} bytes before its Content-Length", truncated=True)
        stream.received = True
        stream.left = 0
        self._inflow.unread -= stream.unread
        stream.unread = 0
        stream.events.append(end)
        if stream.sent:
            self._forget(stream)

    # How streams end.

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
            goaway = self.goaway
            hint = code_hint(stream.code) or ("" if goaway is None else code_hint(goaway[1]))
            stream.error = error(detail=detail, hint=hint, phase="read", retryable=stream.refused)
        self._forget(stream)

    def _refuse(self, stream: Stream) -> None:
        """The peer says that it has not acted on a request; it has where something of the response has come."""
        stream.refused = bool(stream.due) and not stream.interim

    def _count_reset(self) -> None:
        """A client begins as many streams as it likes to (CVE-2023-44487); what a server can reset, we have begun."""
        if not self._is_client:
            self._floods.count("resets", self._now)

    def _note_reset(self, number: int, window: int) -> None:
        resets = self._resets
        resets[number] = window
        if len(resets) > _REMEMBERED:
            del resets[next(iter(resets))]

    def _break_stream(self, number: int, fault: StreamFault) -> None:
        """The peer has broken one stream (RFC 9113 section 5.4.2)."""
        self._count_reset()
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
        detail = "the connection was closed before the message was complete"
        if self.goaway is not None and self.goaway[1]:
            detail = f"{detail}, after GOAWAY with {code_name(self.goaway[1])}"
        self._end(detail, truncates=True)

    def _end(self, detail: str, *, truncates: bool) -> None:
        self.draining = True
        self._clear()
        for stream in list(self._streams.values()):
            self._lose(stream, detail, truncates=truncates)
        self._outbox.clear()

    def _refuse_above(self, last: int, detail: str) -> None:
        """Streams that the peer will never act on (RFC 9113 section 6.8)."""
        for stream in list(self._streams.values()):
            if stream.id > last and self._is_client:
                self._refuse(stream)
                self._lose(stream, detail, truncates=True)

    @abstractmethod
    def _has_begun(self, number: int) -> bool:
        """Whether a stream of this identifier has been open."""

    @abstractmethod
    def _last_taken(self) -> int:
        """The last stream of the peer that was acted on."""

    @abstractmethod
    def _clear(self) -> None:
        """Forget what has come of frames that are not whole."""
