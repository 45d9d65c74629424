"""The chunked transfer coding (RFC 9112 section 7.1), read and written.

A peer chooses the size of its chunks, and a byte each is allowed. Two things keep that cheap:

- what one `feed` finds is handed out in few pieces, small neighbours joined;
- chunks that repeat the size line of the one before are taken in runs (`_run`): in a row of frames of one shape, each
  byte that is not payload stands at a fixed distance from its like in the next frame, so strided slices look at
  thousands of frames at once.
"""

from __future__ import annotations

from ...hints import TYPE_CHECKING
from ..events import END, End
from .faults import Fault, excerpt
from .grammar import CHUNK_LINE
from .limits import MAX_EXTENSION, MAX_EXTENSIONS, MAX_SIZE_LINE
from .outgoing import check_fields
from .section import Section, examine

if TYPE_CHECKING:
    from typing import Final

    from ..events import Event
    from .limits import WireLimits

__all__ = ["ChunkedReader", "ChunkedWriter"]

_TINY: Final = 128
"""Up to this size, taking a chunk in a run beats taking it alone."""

_LARGE: Final = 65536
"""From this size on, handing a piece out alone beats copying it once more."""


_SIZES: Final[dict[bytes, int]] = {b"%x\r\n" % size: size for size in range(1, 256)}
"""The size lines of small chunks, of which there may be many."""


class ChunkedReader:
    """Reads a chunked body; for the contract see `body.py`."""

    __slots__ = ("_extensions", "_left", "_limits", "_line", "_size", "_tail", "_total", "_trailers")

    def __init__(self, limits: WireLimits) -> None:
        self._limits = limits
        self._line = b""
        self._size: int = 0
        # Bytes still missing of the chunk that has begun, its CR LF included; 0 between chunks.
        self._left = 0
        # The piece of a size line or of the CR LF after a chunk that came at the end of a read.
        self._tail = b""
        self._total: int = 0
        self._extensions = 0
        self._trailers: Section | None = None

    def feed(self, data: bytes, events: list[Event]) -> bytes | None:
        if self._trailers is not None:
            return self._feed_trailers(self._trailers, data, events)
        if self._tail:
            data = self._tail + data
            self._tail = b""
        pieces: list[bytes] = []
        position = self._resume(data, pieces) if self._left else 0
        if position >= 0:
            position = self._feed_chunks(data, position, pieces)
        _hand_out(pieces, events)
        if position < 0:
            return None
        if data.startswith(b"\r\n", position):
            events.append(END)
            return data[position + 2 :]
        self._trailers = Section(self._limits, None)
        return self._feed_trailers(self._trailers, data[position:], events)

    def close(self, events: list[Event]) -> None:
        if self._trailers is not None:
            where = f"in the trailers, after all {self._total} bytes of the body"
        elif self._left > 2:
            where = f"in a chunk, {self._size + 2 - self._left} of its {self._size} bytes had arrived"
        else:
            where = f"between chunks, after {self._total} bytes of the body and before its end"
        raise Fault(f"the connection was closed {where}", truncated=True)

    def _resume(self, data: bytes, pieces: list[bytes]) -> int:
        """Go on with a chunk that began in an earlier read; returns where the next starts, -1 if it is not there."""
        left = self._left
        if left > len(data):
            payload = min(left - 2, len(data))
            if payload > 0:
                pieces.append(data if payload == len(data) else data[:payload])
            self._keep_tail(data[max(payload, 0) :], left - max(payload, 0))
            return -1
        if data[left - 2 : left] != b"\r\n":
            raise self._bad_end()
        if left > 2:
            pieces.append(data[: left - 2])
        self._left = 0
        return left

    def _keep_tail(self, tail: bytes, left: int) -> None:
        """Only a first CR of the CR LF can be left over; it is looked at again with what follows."""
        if tail not in (b"", b"\r"):
            raise self._bad_end()
        self._tail = tail
        self._left = left

    def _bad_end(self) -> Fault:
        return Fault(f"a chunk of {self._size} bytes is not followed by CR LF")

    def _feed_chunks(self, data: bytes, position: int, pieces: list[bytes]) -> int:
        """Take whole chunks; returns where the trailers start, -1 if they are not there."""
        line, size, total = self._line, self._size, self._total
        while True:
            start = data.find(b"\n", position, position + MAX_SIZE_LINE) + 1
            if not start:
                self._tail = _unfinished_line(data, position)
                break
            if data[position:start] == line:
                if size <= _TINY and (count := _run(data, position, line, size)):
                    stride = len(line) + size + 2
                    pieces.append(_payload(data, start, stride, size, count))
                    total += size * count
                    position += stride * count
                    continue
            else:
                line = data[position:start]
                size = _SIZES.get(line, 0) or self._size_of(line, total)
                if b";" in line:
                    # Extensions are counted anew each time.
                    line = b""
            total += size
            if size == 0:
                self._line, self._size, self._total = line, size, total
                return start
            stop = start + size
            position = stop + 2
            if data[stop:position] == b"\r\n":
                pieces.append(data[start:stop])
            else:
                self._size = size
                self._left = position - start
                self._resume(data[start:], pieces)
                break
        self._line, self._size, self._total = line, size, total
        return -1

    def _size_of(self, line: bytes, total: int) -> int:
        match = CHUNK_LINE.fullmatch(line)
        if match is None:
            raise Fault(f"a chunk starts with {excerpt(line)}, not with its size and CR LF")
        digits, extension = match.groups()
        if extension:
            self._extensions += len(extension)
            if len(extension) > MAX_EXTENSION or self._extensions > MAX_EXTENSIONS + total:
                raise Fault("too many bytes of chunk extensions")
        return int(digits, 16)

    def _feed_trailers(self, trailers: Section, data: bytes, events: list[Event]) -> bytes | None:
        end = trailers.add(data)
        if not end:
            return None
        rest = bytes(trailers.data[end:])
        if end == 2:
            events.append(END)
            return rest
        section = bytes(trailers.data[:end])
        examine(section, self._limits, None)
        events.append(End(section[:-2]))
        return rest


def _run(data: bytes, position: int, line: bytes, size: int) -> int:
    """How many whole frames in a row have the same size line as the last one.

    Looks at 16 frames, then twice as many each time: what irregular sizes waste is bounded.
    """
    stride = len(line) + size + 2
    if not data.startswith(line, position + stride) or not data.startswith(line, position + 3 * stride):
        return 0
    possible = (len(data) - position) // stride
    columns = [*enumerate(line), (stride - 2, 13), (stride - 1, 10)]
    found, window = 0, 16
    while found < possible:
        count = asked = min(window, possible - found)
        start = position + found * stride
        for offset, byte in columns:
            column = data[start + offset : start + count * stride : stride]
            count -= len(column.lstrip(bytes((byte,))))
            if not count:
                return found
        found += count
        if count < asked:
            return found
        window *= 2
    return found


def _payload(data: bytes, start: int, stride: int, size: int, count: int) -> bytes:
    """The payload of `count` frames, gathered by its first bytes, its second bytes and so on."""
    payload = bytearray(size * count)
    for offset in range(size):
        payload[offset::size] = data[start + offset : start + count * stride : stride]
    return bytes(payload)


def _unfinished_line(data: bytes, position: int) -> bytes:
    if len(data) - position >= MAX_SIZE_LINE:
        raise Fault(f"the line that starts a chunk is longer than {MAX_SIZE_LINE} bytes")
    return data[position:]


def _hand_out(pieces: list[bytes], events: list[Event]) -> None:
    if len(pieces) > 1 and max(map(len, pieces)) < _LARGE:
        events.append(b"".join(pieces))
        return
    small: list[bytes] = []
    for piece in pieces:
        if len(piece) < _LARGE:
            small.append(piece)
            continue
        if small:
            events.append(b"".join(small))
            small = []
        events.append(piece)
    if small:
        events.append(b"".join(small) if len(small) > 1 else small[0])


class ChunkedWriter:
    """Writes a chunked body; for the contract see `body.py`."""

    __slots__ = ("done",)

    def __init__(self) -> None:
        self.done = False

    def data(self, chunk: bytes) -> tuple[bytes, ...]:
        if len(chunk) >= _LARGE:
            return (b"%x\r\n" % len(chunk), chunk, b"\r\n")
        # An empty chunk would end the body.
        return (b"%x\r\n%b\r\n" % (len(chunk), chunk),) if chunk else ()

    def end(self, trailers: bytes) -> bytes:
        check_fields(trailers, "trailer")
        self.done = True
        return b"0\r\n%b\r\n" % trailers
