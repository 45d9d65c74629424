"""Sections of lines that end with an empty one, heads and trailers: collected over reads, and examined line by line.

Faults must not depend on how the bytes were cut into reads. So nothing is judged but whole lines, in their order, and
the same `examine` judges them whether a section is complete, too large, or cannot become one.
"""

from __future__ import annotations

from collections.abc import Callable

from ...hints import TYPE_CHECKING
from ...values.fields import TOKEN
from .faults import Fault, excerpt
from .grammar import CONTROL

if TYPE_CHECKING:
    from typing import Final

    from .limits import WireLimits

__all__ = ["Section", "examine"]

StartLine = Callable[[bytes], None]
"""Raises a Fault if the line, or so much of it as has come, cannot start a message."""

ENOUGH: Final = 32
"""This many bytes without a line's end are enough to see that they start no message."""


class Section:
    """Collects a head or a trailer section whose end has not come yet, in time linear in its size.

    Args:
        limits: bounds on lines, fields and the whole.
        check_start: judges the start line; None for trailers, which have none.
    """

    __slots__ = ("_check_start", "_judged", "_limits", "_line", "data")

    def __init__(self, limits: WireLimits, check_start: StartLine | None) -> None:
        self.data = bytearray()
        self._limits = limits
        self._check_start = check_start
        self._judged = False
        self._line = 0

    def add(self, piece: bytes) -> int:
        """Take bytes.

        Returns:
            where the section ends in `data`, 0 while the end is missing.

        Raises:
            Fault: it cannot become a good section any more.
        """
        data = self.data
        before = len(data)
        data += piece
        end = data.find(b"\r\n\r\n", max(before - 3, 0)) + 4
        if self._check_start is None and data.startswith(b"\r\n"):
            end = 2
        if end > 3 or end == 2:
            return end
        if self._check_start is not None and not self._judged and (len(data) >= ENOUGH or b"\n" in data):
            self._judged = True
            self._check_start(_beginning(data))
        if self._is_hopeless(before):
            examine(bytes(data), self._limits, self._check_start)
        return 0

    def _is_hopeless(self, before: int) -> bool:
        data, limits = self.data, self._limits
        self._line = data.rfind(b"\n", before) + 1 or self._line
        bare = data.count(b"\n", before) != data.count(b"\r\n", max(before - 1, 0))
        return bare or len(data) - self._line > limits.line or len(data) > limits.head


def examine(data: bytes, limits: WireLimits, check_start: StartLine | None) -> None:
    """Judge the lines of a section up to its empty line, or all there are.

    Raises:
        Fault: about the first bad line.
    """
    start = count = 0
    if check_start is not None:
        check_start(_beginning(data))
    while True:
        end = data.find(b"\n", start) + 1
        _check_size(start, end or len(data), limits)
        if start == 0 and check_start is not None:
            check_start(data[: end or len(data)])
        elif end:
            if data[start:end] == b"\r\n":
                return
            count += 1
            if count > limits.fields:
                raise Fault(f"more than {limits.fields} header fields", status=431)
            check_field(data[start:end], count)
        if not end:
            return
        start = end


def _beginning(data: bytes | bytearray) -> bytes:
    """So much of the start line as is judged before its end or its length is known."""
    return bytes(data[: data.find(b"\n", 0, ENOUGH) + 1 or ENOUGH])


def _check_size(start: int, end: int, limits: WireLimits) -> None:
    if start + limits.line < min(end, limits.head):
        raise Fault(f"a line is longer than {limits.line} bytes", status=431)
    if end > limits.head:
        raise Fault(f"the header fields are larger than {limits.head} bytes", status=431)


def check_line_end(line: bytes, what: str) -> None:
    """Only CR LF ends a line, and CR is nowhere else.

    RFC 9112 section 2.2 lets a recipient take a lone LF; whoever stands between may not, and that is smuggling.
    """
    if not line.endswith(b"\r\n"):
        raise Fault(f"{what} ends with LF alone, not with CR LF")
    if b"\r" in line[:-2]:
        raise Fault(f"{what} holds a CR that does not end it")


def check_field(line: bytes, number: int) -> None:
    """Judge one field line, RFC 9112 section 5."""
    check_line_end(line, f"header line {number}")
    name, colon, value = line[:-2].partition(b":")
    if line[0] in b" \t":
        raise Fault(f"header line {number} starts with white space (obsolete line folding)")
    if not colon:
        raise Fault(f"header line {number} has no colon: {excerpt(name)}")
    if TOKEN.fullmatch(name) is None:
        raise Fault(f"header line {number} has a bad name: {excerpt(name)}")
    bad = CONTROL.search(value)
    if bad is not None:
        raise Fault(f"the value of {excerpt(name)} holds the control character {bad[0]!r}")
