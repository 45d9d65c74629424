"""One exchange on a connection that carries many."""

from __future__ import annotations

from collections import deque

from ...errors import LocalProtocolError
from ...hints import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any, Final

    from ...errors import RemoteProtocolError
    from ..events import Event
    from .fields import Fields

__all__ = ["ENDLESS", "Due", "Stream", "Upload"]

ENDLESS: Final = 1 << 62
"""Stands for the bytes of a body of unknown length."""


class Due:
    """Which head a stream waits for: plain integers, because every head of a response asks."""

    NOTHING: Final = 0
    PLAIN: Final = 1
    BODILESS: Final = 2
    """The response to HEAD."""
    TUNNEL: Final = 3
    """The response to CONNECT."""


class Upload:
    """The body that is being sent on a stream.

    Args:
        length: bytes that are declared, -1 where nothing is.

    Attributes:
        chunks: what was handed over and is not in frames yet.
        length: as declared.
        left: bytes of those that were not handed over yet.
        is_open: whether the caller may still hand something over.
        ended: whether nothing but trailers follows `chunks`.
        trailers: fields that follow.
        is_ready: whether it stands in the queue of those who may send.
    """

    __slots__ = ("chunks", "ended", "is_open", "is_ready", "left", "length", "trailers")

    def __init__(self, length: int) -> None:
        self.chunks: deque[bytes | memoryview] = deque()
        self.length = self.left = length
        self.is_open = True
        self.ended = length == 0
        self.is_ready = False
        self.trailers: Fields = []

    def add(self, size: int) -> None:
        """Count bytes that are handed over.

        Raises:
            LocalProtocolError: the body has been ended, or gets longer than declared.
        """
        if not self.is_open:
            raise LocalProtocolError(detail="no body is being sent")
        if self.length >= 0:
            if size > self.left:
                raise LocalProtocolError(
                    detail=f"too much data for the body: at least {self.length - self.left + size} bytes, "
                    f"{self.length} were declared"
                )
            self.left -= size
            self.ended = not self.left

    def end(self, trailers: Fields) -> None:
        """Nothing more is handed over.

        Raises:
            LocalProtocolError: the body is shorter than declared, or has a length and trailers.
        """
        if not self.is_open:
            raise LocalProtocolError(detail="no body is being sent")
        if self.length >= 0:
            if trailers:
                raise LocalProtocolError(detail="only a body of unknown length can have trailers")
            if self.left:
                raise LocalProtocolError(
                    detail=f"too little data for the body: {self.length - self.left} of {self.length} declared bytes"
                )
        self.is_open = False
        self.ended = True
        self.trailers = trailers


class Stream:
    """A request and its response.

    Attributes:
        id: the stream identifier.
        events: what has come and nobody has taken: a head, interim ones before it, pieces of body, an End.
        error: why it ended badly; what is in `events` came before that.
        code: the error code with which the peer reset it, -1 for none.
        refused: whether the peer has surely not acted on it, so that it may be sent again elsewhere.
        stopped: whether the peer reset it after it had sent its whole message: that one is good, ours may end.
        protocol: of an extended CONNECT (RFC 8441), else b"".
        queued: bytes of our body that were handed over and are not in frames yet.
        sent: whether our side has ended, in frames.
        received: whether the peer's side has ended.
        closed: whether the connection has forgotten it.
        guest: a place for whoever uses the engine.

    The others are the engine's: due (see Due), left (bytes of body that may still come), window (bytes that the peer
    may send), unread (bytes that were not taken), credit (bytes that we may send), interim (how many came), turn (the
    number of the `receive` that last named it), upload.
    """

    __slots__ = (
        "closed",
        "code",
        "credit",
        "due",
        "error",
        "events",
        "guest",
        "id",
        "interim",
        "left",
        "protocol",
        "queued",
        "received",
        "refused",
        "sent",
        "stopped",
        "turn",
        "unread",
        "upload",
        "window",
    )

    def __init__(self, number: int, due: int, window: int, credit: int, upload: Upload | None) -> None:
        self.id = number
        self.events: list[Event] = []
        self.error: RemoteProtocolError | None = None
        self.code = -1
        self.refused = self.stopped = self.received = self.closed = False
        self.protocol = b""
        self.queued = self.left = self.unread = self.interim = self.turn = 0
        self.sent = upload is None or upload.ended
        self.guest: Any = None
        self.due = due
        self.window = window
        self.credit = credit
        self.upload = upload

    def take(self) -> list[Event]:
        """The events that have come; the stream begins a new list."""
        events = self.events
        self.events = []
        return events

    def __repr__(self) -> str:
        ours, theirs = ("done" if done else "open" for done in (self.sent, self.received))
        state = f"error={self.error!r}" if self.error else f"sent={ours} received={theirs}"
        return f"<Stream {self.id} {state}>"
