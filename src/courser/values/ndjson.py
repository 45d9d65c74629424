"""Lines of JSON (NDJSON, JSON Lines), read as they come."""

from __future__ import annotations

from ..errors import LimitExceeded
from ..hints import TYPE_CHECKING
from .codec import read_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from .request import Request

__all__ = ["JSONLines"]


class JSONLines:
    """Makes values of a body in which every line is a JSON text. Lines end with LF or CRLF; blank ones are nothing.

    Args:
        loads: reads UTF-8; None is the standard library.
        max_line: bytes of a line above which LimitExceeded is raised; None is no limit.
        request: what the body answers, for errors.
    """

    __slots__ = ("_given", "_loads", "_max_line", "_number", "_parts", "_request", "_size")

    def __init__(self, loads: Callable[..., Any] | None, max_line: int | None, request: Request | None) -> None:
        from json import loads as standard

        self._given = loads
        self._loads = loads or standard
        self._max_line = max_line
        self._request = request
        self._number = 0
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, piece: bytes) -> Iterator[Any]:
        """Give the values of the lines that a piece completes, each read when it is asked for.

        Raises:
            JSONError: a line is not JSON.
            LimitExceeded: a line is too long.
        """
        lines = piece.split(b"\n")
        rest = lines.pop()
        for line in lines:
            if self._parts:
                self._keep(line)
                line = self._joined()
            else:
                self._check(len(line))
            self._number += 1
            if line and not line.isspace():
                yield self._value(line)
        if rest:
            self._keep(rest)

    def end(self) -> Iterator[Any]:
        """Give the value of the last line, where it had no end."""
        line = self._joined()
        self._number += 1
        if line and not line.isspace():
            yield self._value(line)

    def _keep(self, part: bytes) -> None:
        self._parts.append(part)
        self._size += len(part)
        self._check(self._size)

    def _joined(self) -> bytes:
        line = b"".join(self._parts)
        self._parts.clear()
        self._size = 0
        return line

    def _check(self, size: int) -> None:
        if self._max_line is not None and size > self._max_line:
            detail = f"line {self._number + 1} has more than {self._max_line} bytes"
            raise LimitExceeded(detail=detail, request=self._request)

    def _value(self, line: bytes) -> Any:
        try:
            return self._loads(line)
        except Exception:  # what it says, or that there is a byte order mark, is found out by the long way
            return read_json(line, self._given, {}, f"line {self._number}", self._request)
