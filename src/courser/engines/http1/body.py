"""Bodies that are not chunked, read and written.

Readers and writers have one contract each, for both roles:

- `feed(data, events)` appends pieces and, at the end of the body, an End; it returns None while more is needed and
  what follows the body once it has ended. Raises a Fault.
- `close(events)` is told that the peer has closed its side: it ends the body or raises a Fault.
- `data(chunk)` returns what to write for a chunk; `end(trailers)` what to write at the end; `done` says whether the
  body is complete. They raise LocalProtocolError.
"""

from __future__ import annotations

from ...errors import LocalProtocolError
from ...hints import TYPE_CHECKING, Protocol
from ..events import END
from .faults import Fault

if TYPE_CHECKING:
    from ..events import Event

__all__ = ["BodyReader", "BodyWriter", "CloseReader", "CloseWriter", "LengthReader", "LengthWriter"]


class BodyReader(Protocol):
    """See the module's text."""

    def feed(self, data: bytes, events: list[Event], /) -> bytes | None: ...
    def close(self, events: list[Event], /) -> None: ...


class BodyWriter(Protocol):
    """See the module's text."""

    done: bool

    def data(self, chunk: bytes, /) -> tuple[bytes, ...]: ...
    def end(self, trailers: bytes, /) -> bytes: ...


class LengthReader:
    """A body of a known length, at least one byte."""

    __slots__ = ("_left", "_length")

    def __init__(self, length: int) -> None:
        self._length = self._left = length

    def feed(self, data: bytes, events: list[Event]) -> bytes | None:
        left = self._left
        if len(data) < left:
            events.append(data)
            self._left = left - len(data)
            return None
        events.append(data[:left])
        events.append(END)
        return data[left:]

    def close(self, events: list[Event]) -> None:
        raise Fault(
            f"the connection was closed after {self._length - self._left} of {self._length} bytes of the body",
            truncated=True,
        )


class CloseReader:
    """A body that ends where the connection ends."""

    __slots__ = ()

    def feed(self, data: bytes, events: list[Event]) -> bytes | None:
        events.append(data)
        return None

    def close(self, events: list[Event]) -> None:
        events.append(END)


class LengthWriter:
    """A body of a declared length."""

    __slots__ = ("_left", "_length", "done")

    def __init__(self, length: int) -> None:
        if length < 0:
            raise LocalProtocolError(detail=f"a body cannot have {length} bytes")
        self._length = self._left = length
        self.done = length == 0

    def data(self, chunk: bytes) -> tuple[bytes, ...]:
        left = self._left - len(chunk)
        if left < 0:
            raise LocalProtocolError(
                detail=f"too much data for the body: at least {self._length - left} bytes, {self._length} were declared"
            )
        self._left = left
        self.done = left == 0
        return (chunk,) if chunk else ()

    def end(self, trailers: bytes) -> bytes:
        if trailers:
            raise LocalProtocolError(detail="only a chunked body can have trailers")
        if self._left:
            raise LocalProtocolError(
                detail=f"too little data for the body: {self._length - self._left} of {self._length} declared bytes"
            )
        return b""


class CloseWriter:
    """A body that ends where the connection ends."""

    __slots__ = ("done",)

    def __init__(self) -> None:
        self.done = False

    def data(self, chunk: bytes) -> tuple[bytes, ...]:
        return (chunk,) if chunk else ()

    def end(self, trailers: bytes) -> bytes:
        if trailers:
            raise LocalProtocolError(detail="only a chunked body can have trailers")
        self.done = True
        return b""
