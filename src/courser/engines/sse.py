"""Event streams (HTML Standard section 9.2.6): bytes in, events out.

A stream is UTF-8 whatever its Content-Type says, and no byte of a character in UTF-8 is a CR or an LF. So the bytes
are cut into lines as they come, and only values that are kept are decoded.

An event ends with an empty line. It is given as soon as that is there: after a CR without waiting for the LF that may
follow, for what follows may be the next event, an hour later. What has no empty line behind it when the stream ends is
dropped: nobody knows whether all of it came.
"""

from __future__ import annotations

from ..errors import LimitExceeded
from ..hints import TYPE_CHECKING
from ..values.serversent import ServerSentEvent
from ..values.text import MAX_EVENT, MAX_EVENT_LINE, media_type_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, Final

    from ..values.request import Request

__all__ = ["EVENT_STREAM", "EventParser", "is_event_stream"]

EVENT_STREAM: Final = "text/event-stream"

LONGEST_RETRY: Final = 10**9
"""Milliseconds that larger numbers are taken for, eleven days: Python reads no number of any length."""

_MARK: Final = b"\xef\xbb\xbf"


def is_event_stream(content_type: str | None) -> bool:
    """Whether a Content-Type is that of event streams; its parameters mean nothing, and of several the last counts."""
    return media_type_of(content_type) == EVENT_STREAM


class EventParser:
    """Makes events of a stream that comes in pieces, in linear time.

    Args:
        loads: reads JSON for `ServerSentEvent.json`.
        max_line: bytes of a line above which LimitExceeded is raised; None is no limit.
        max_event: bytes of data of an event above which it is; None is no limit.
        last_event_id: of a stream that this one goes on with.
        request: what the stream answers, for errors.

    Attributes:
        last_event_id: the id behind which the stream can be resumed; it is never ahead of the events that were given.
        retry: milliseconds to wait before connecting anew, as the server has said last; None where it has not.
    """

    __slots__ = (
        "_after_cr", "_data", "_event", "_first", "_id", "_loads", "_max_event", "_max_line", "_request", "_rest",
        "_size", "_told", "last_event_id", "retry",
    )  # fmt: skip

    def __init__(
        self,
        loads: Callable[..., Any] | None = None,
        max_line: int | None = MAX_EVENT_LINE,
        max_event: int | None = MAX_EVENT,
        last_event_id: str = "",
        request: Request | None = None,
    ) -> None:
        self._loads = loads
        self._max_line = max_line
        self._max_event = max_event
        self._request = request
        self.last_event_id = last_event_id
        self.retry: int | None = None
        self.restart()

    def restart(self) -> None:
        """Begin with a new stream that goes on with this one: what was not complete will be sent again."""
        self._rest = bytearray()
        self._after_cr = False
        self._first = True
        # The standard forgets the id here, so that a stream which breaks twice would start from its beginning.
        # Browsers keep it.
        self._id = self.last_event_id
        self._clear()

    def _clear(self) -> None:
        self._event = b""
        self._data: list[bytes] = []
        self._size = 0
        self._told: int | None = None

    def feed(self, piece: bytes) -> Iterator[ServerSentEvent]:
        """Give the events that a piece completes; each is made when it is asked for.

        Raises:
            LimitExceeded: a line or an event is too long.
        """
        if not piece:
            return
        if self._after_cr and piece[0] == 10:
            piece = piece[1:]
        self._after_cr = piece.endswith(b"\r")
        lines = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        rest = lines.pop()
        for line in lines:
            if self._rest:
                self._rest += line
                line = bytes(self._rest)
                self._rest.clear()
            self._check(len(line))
            if self._first:
                self._first = False
                line = line.removeprefix(_MARK)
            if line:
                self._take(line)
                continue
            event = self._dispatch()
            if event is not None:
                yield event
        self._rest += rest
        self._check(len(self._rest))

    def end(self) -> tuple[ServerSentEvent, ...]:
        """What is left at the end of a stream: nothing."""
        return ()

    def _check(self, size: int) -> None:
        if self._max_line is not None and size > self._max_line:
            raise self._over(f"a line of an event stream has more than {self._max_line} bytes", "max_line")

    def _over(self, detail: str, option: str) -> LimitExceeded:
        return LimitExceeded(detail=detail, hint=f"{option} allows no more", request=self._request)

    def _take(self, line: bytes) -> None:
        """Take a line that is not empty: a field, or a comment, which is a field without a name."""
        name, _, value = line.partition(b":")
        if value[:1] == b" ":
            value = value[1:]
        if name == b"data":
            self._size += len(value) + 1
            if self._max_event is not None and self._size > self._max_event:
                raise self._over(f"an event has more than {self._max_event} bytes of data", "max_event")
            self._data.append(value)
        elif name == b"event":
            self._event = value
        elif name == b"id":
            if b"\0" not in value:
                self._id = value.decode("utf-8", "replace")
        elif name == b"retry" and value.isdigit():
            digits = value.lstrip(b"0") or b"0"
            self.retry = self._told = min(int(digits[:10]), LONGEST_RETRY)

    def _dispatch(self) -> ServerSentEvent | None:
        """Take an empty line; give the event that it ends, if that has data."""
        self.last_event_id = self._id
        event = None
        if self._data:
            event = ServerSentEvent(
                self._event.decode("utf-8", "replace") or "message",
                b"\n".join(self._data).decode("utf-8", "replace"),
                self._id,
                self._told,
                loads=self._loads,
            )
        self._clear()
        return event
