"""Heads, from bytes to values.

`plain_*` takes what the one pattern of `grammar.py` has matched. `careful_*` takes a whole head that it has not, and
either finds a Fault in it or reads it field by field. On what both accept they agree; a test compares them.
"""

from __future__ import annotations

from ...hints import TYPE_CHECKING
from ..events import RequestHead, ResponseHead
from .faults import Fault, excerpt
from .framing import keeps_alive, read_framing, values_of
from .grammar import HOST, REQUEST_LINE, STATUS_LINE
from .section import ENOUGH, check_line_end, examine

if TYPE_CHECKING:
    import re

    from .limits import WireLimits

__all__ = [
    "careful_request_head",
    "careful_response_head",
    "check_request_line",
    "check_status_line",
    "plain_request_head",
    "plain_response_head",
]


def plain_response_head(match: re.Match[bytes]) -> tuple[ResponseHead, bool]:
    """The head and whether its body is chunked."""
    minor, status, reason, fields, connection, coding, digits, chunked = match.groups()
    if chunked and (digits or minor == b"0"):
        read_framing(minor, fields)
    length = int(digits) if digits else None
    keep_alive = (connection is None and minor == b"1") or keeps_alive(minor, fields)
    head = ResponseHead(int(status), reason or b"", b"1." + minor, fields, length, coding, keep_alive)
    return head, chunked is not None


def careful_response_head(raw: bytes, limits: WireLimits) -> tuple[ResponseHead, bool]:
    """The head and whether its body is chunked.

    Raises:
        Fault: about the first line that is wrong, or about the framing.
    """
    examine(raw, limits, check_status_line)
    line, _, rest = raw.partition(b"\n")
    minor, status, reason = _groups(STATUS_LINE, line + b"\n")
    fields = rest[:-2]
    length, chunked, coding = read_framing(minor, fields)
    keep_alive = keeps_alive(minor, fields)
    return ResponseHead(int(status), reason or b"", b"1." + minor, fields, length, coding, keep_alive), chunked


def check_status_line(line: bytes) -> None:
    """Judge a status line, or so much of one as tells that it is none."""
    if not line.startswith(b"HTTP/1."):
        raise Fault(f"this is not an HTTP/1 response, it starts with {excerpt(line[:ENOUGH])}")
    if line.endswith(b"\n"):
        check_line_end(line, "the status line")
        if STATUS_LINE.fullmatch(line) is None:
            raise Fault(f"a bad status line: {excerpt(line)}")


def plain_request_head(match: re.Match[bytes]) -> tuple[RequestHead, bool]:
    """The head and whether its body is chunked."""
    method, target, minor, fields, connection, digits, expect, host, chunked = match.groups()
    if host is None and minor == b"1":
        raise Fault("a request without Host")
    if chunked and (digits or minor == b"0"):
        read_framing(minor, fields)
    length = int(digits) if digits else None
    keep_alive = (connection is None and minor == b"1") or keeps_alive(minor, fields)
    head = RequestHead(method, target, b"1." + minor, fields, length, keep_alive, expect is not None and minor == b"1")
    return head, chunked is not None


def careful_request_head(raw: bytes, limits: WireLimits) -> tuple[RequestHead, bool]:
    """The head and whether its body is chunked.

    Raises:
        Fault: about the first line that is wrong, about Host or the framing.
    """
    examine(raw, limits, check_request_line)
    line, _, rest = raw.partition(b"\n")
    method, target, minor = _groups(REQUEST_LINE, line + b"\n")
    fields = rest[:-2]
    _check_host(minor, values_of(fields, b"host"))
    length, chunked, _ = read_framing(minor, fields)
    waits = minor == b"1" and any(value.lower() == b"100-continue" for value in values_of(fields, b"expect"))
    return RequestHead(method, target, b"1." + minor, fields, length, keeps_alive(minor, fields), waits), chunked


def check_request_line(line: bytes) -> None:
    """Judge a request line; before its end has come nothing is certain."""
    if line.endswith(b"\n"):
        check_line_end(line, "the request line")
        if REQUEST_LINE.fullmatch(line) is None:
            raise Fault(f"a bad request line: {excerpt(line)}")


def _check_host(minor: bytes, hosts: list[bytes]) -> None:
    """Exactly one, RFC 9112 section 3.2; HTTP/1.0 did without."""
    if not hosts and minor == b"0":
        return
    if len(hosts) != 1:
        raise Fault(f"{len(hosts)} Host fields in one request" if hosts else "a request without Host")
    if HOST.fullmatch(hosts[0]) is None:
        raise Fault(f"a bad Host: {excerpt(hosts[0])}")


def _groups(pattern: re.Pattern[bytes], line: bytes) -> tuple[bytes, ...]:
    match = pattern.fullmatch(line)
    return () if match is None else match.groups()
