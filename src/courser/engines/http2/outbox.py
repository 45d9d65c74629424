"""What waits to leave: answers to control frames first, then heads, then bodies, fairly among streams.

Two things have to keep their order. Header blocks leave in the order they were encoded in, because each may refer to
the table that those before it have filled. And what speaks about a stream, or about the settings that a head was
encoded under, leaves after that head: so it is queued behind the heads while there are any.
"""

from __future__ import annotations

from collections import deque

from ...hints import TYPE_CHECKING
from .frames import DATA, END_STREAM, FRAME_SIZE, HEADER
from .settings import INITIAL_WINDOW

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from .fields import Fields
    from .stream import Stream, Upload

__all__ = ["BATCH", "Outbox"]

BATCH: Final = 262144
"""Bytes of DATA in one go: what becomes due later is never far behind."""

_pack = HEADER.pack


class Outbox:
    """Queues of one connection.

    Attributes:
        control: frames that go first.
        heads: HEADERS, whole or in pieces, and what must not overtake them.
        credit: bytes of DATA that the peer's window of the connection takes.
        frame: bytes of DATA that the peer takes in one frame.
        frames: how many DATA frames have left since somebody set it to 0.
        sent: bytes of DATA that have left, likewise.
        answers: how many control frames wait that the peer has caused.
    """

    __slots__ = ("_ready", "answers", "control", "credit", "frame", "frames", "heads", "sent")

    def __init__(self) -> None:
        self.control: list[bytes] = []
        self.heads: list[bytes] = []
        self.credit: int = INITIAL_WINDOW
        self.frame = FRAME_SIZE
        self.frames = self.sent = self.answers = 0
        self._ready: deque[tuple[Stream, Upload]] = deque()

    def after_heads(self, frame: bytes) -> None:
        """Queue a control frame that must not overtake heads."""
        (self.heads or self.control).append(frame)

    def schedule(self, stream: Stream, upload: Upload) -> None:
        """Let a stream send what it has queued, once its window allows."""
        if not upload.is_ready and stream.queued and stream.credit > 0:
            upload.is_ready = True
            self._ready.append((stream, upload))

    def drop(self, stream: Stream) -> None:
        """Forget what a stream has queued."""
        upload = stream.upload
        stream.upload = None
        stream.queued = 0
        if upload is not None and upload.is_ready:
            self._ready.remove((stream, upload))

    def clear(self) -> None:
        """Forget all heads and bodies."""
        self.heads.clear()
        self._ready.clear()

    def is_due(self) -> bool:
        """Whether anything may leave now."""
        return bool(self.control or self.heads or (self._ready and self.credit > 0))

    def take(self, finish: Callable[[Stream, Fields], bytes]) -> bytes:
        """Everything that may leave now, in one piece.

        Args:
            finish: called when the last DATA of a stream is in its frame; gets the stream and its trailers, returns
                what follows, if anything.
        """
        if self.control:
            parts: list[bytes | memoryview] = [*self.control, *self.heads]
            self.control.clear()
        else:
            parts = [*self.heads]
        self.heads.clear()
        self.answers = 0
        if self._ready:
            self._take_data(parts, finish)
        return b"".join(parts)

    def _take_data(self, parts: list[bytes | memoryview], finish: Callable[[Stream, Fields], bytes]) -> None:
        ready = self._ready
        budget = BATCH
        while ready and self.credit > 0 and budget > 0:
            stream, upload = entry = ready.popleft()
            if stream.credit <= 0:
                # SETTINGS have shrunk its window since.
                upload.is_ready = False
                continue
            most = min(self.frame, FRAME_SIZE) if ready else self.frame
            size = min(most, budget, self.credit, stream.credit, stream.queued)
            self.credit -= size
            stream.credit -= size
            stream.queued -= size
            budget -= size
            self.frames += 1
            self.sent += size
            last = upload.ended and not stream.queued
            parts.append(_pack(size << 8 | DATA, END_STREAM if last and not upload.trailers else 0, stream.id))
            _cut(upload.chunks, size, parts)
            if stream.queued and stream.credit > 0:
                ready.append(entry)
                continue
            upload.is_ready = False
            if last:
                parts.append(finish(stream, upload.trailers))


def _cut(chunks: deque[bytes | memoryview], size: int, parts: list[bytes | memoryview]) -> None:
    """Move so many bytes, without copying them."""
    while size:
        chunk = chunks.popleft()
        if len(chunk) > size:
            view = memoryview(chunk)
            chunk = view[:size]
            chunks.appendleft(view[size:])
        parts.append(chunk)
        size -= len(chunk)
