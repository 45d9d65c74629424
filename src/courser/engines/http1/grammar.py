"""The grammar of HTTP/1 messages (RFC 9112), as possessive patterns on bytes.

A head is matched by one pattern that validates every name and value and captures the few fields that decide how the
message is framed. It is built so that it can only err on the side of refusing:

- A field whose name is one of those few, in whatever case, never passes as an ordinary field: a look-ahead stands
  before the ordinary branch. So `Content-Length: 12x` fails the whole match instead of being skipped.
- The few match only in their usual spelling, with one plain value, and once: a group that repeats keeps its last value
  only, hence the conditional in front of each.

What it refuses is not yet an error: `head.py` then reads the head line by line, takes what is merely unusual
(`CONTENT-LENGTH`, two equal lengths, two codings) and says what is wrong with the rest.

Explicit classes such as [Cc] are three times as fast as re.IGNORECASE for the whole.
"""

from __future__ import annotations

import re
from functools import cache

from ...hints import TYPE_CHECKING
from ...values.pattern import late_pattern

if TYPE_CHECKING:
    from typing import Final

__all__ = [
    "CHUNK_LINE",
    "CONTROL",
    "HOST",
    "REQUEST_LINE",
    "REQUEST_PREFIX",
    "RESPONSE_HEAD",
    "STATUS_LINE",
    "TARGET",
    "request_head",
]

_TCHAR: Final = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
_TEXT: Final = rb"[\t -~\x80-\xff]"
_HOST_TEXT: Final = rb"[!$%&'()*+,\-.0-9:;=A-Z\[\]_a-z~]*+"
_TARGET_TEXT: Final = rb"[!-~]++"
_QUOTED: Final = rb'"(?>(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*)"'

# The space after the status is required by RFC 9112 section 4, but servers that have no reason phrase leave it out, and
# every client takes it.
_STATUS_LINE: Final = rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: (" + _TEXT + rb"*+))?\r\n"
_REQUEST_LINE: Final = rb"(" + _TCHAR + rb"++) (" + _TARGET_TEXT + rb") HTTP/1\.([01])\r\n"

# The fields that are captured where they are plain: the name, then a pattern with one group for the value.
_PLAIN: Final = (
    (b"Connection", rb"[ \t]*+(?:[Kk]eep-[Aa]live\r\n|(" + _TEXT + rb"*+)\r\n)"),
    (b"Content-Encoding", rb"[ \t]*+([!-+\--~]++)[ \t]*+\r\n"),
    (b"Content-Length", rb"[ \t]*+([0-9]{1,19}+)[ \t]*+\r\n"),
    (b"Expect", rb"[ \t]*+(100-[Cc]ontinue)[ \t]*+\r\n"),
    (b"Host", rb"[ \t]*+(" + _HOST_TEXT + rb")[ \t]*+\r\n"),
    (b"Transfer-Encoding", rb"[ \t]*+([Cc]hunked)[ \t]*+\r\n"),
)


def _usual_case(name: bytes) -> bytes:
    return b"-".join(b"[%c%c]%b" % (part[0], part[0] | 0x20, part[1:]) for part in name.split(b"-"))


def _head(start: bytes, *names: bytes) -> re.Pattern[bytes]:
    captured = [(name, value) for name, value in _PLAIN if name in names]
    initials = sorted({name[0] for name, _ in captured})
    letters = bytes(byte for byte in range(0x41, 0x5B) if byte not in initials)
    line = _TCHAR + rb"*+:" + _TEXT + rb"*+\r\n"
    branches = [rb"[!#$%&'*+\-.^_`|~0-9" + letters + letters.lower() + b"]" + line]
    group = 4
    for initial in initials:
        here = [(name, value) for name, value in captured if name[0] == initial]
        # Content-Type frames nothing, but nearly every message with a body has it, and a branch of its own is cheaper.
        inner = [rb"ontent-[Tt]ype:" + _TEXT + rb"*+\r\n"] if initial == 0x43 else []
        for name, value in here:
            group += 1
            inner.append(_usual_case(name)[4:] + b":(?(%d)(?!))" % group + value)
        inner.append(b"(?!(?i:" + b"|".join(name[1:] for name, _ in here) + b"):)" + line)
        branches.append(b"[%c%c](?:" % (initial, initial | 0x20) + b"|".join(inner) + b")")
    return re.compile(start + rb"((?>(?:" + b"|".join(branches) + rb")*))\r\n")


STATUS_LINE: Final = late_pattern(_STATUS_LINE)
"""status-line, RFC 9112 section 4: minor version, status, reason."""

REQUEST_LINE: Final = late_pattern(_REQUEST_LINE)
"""request-line, RFC 9112 section 3: method, target, minor version."""

RESPONSE_HEAD: Final = _head(_STATUS_LINE, b"Connection", b"Content-Encoding", b"Content-Length", b"Transfer-Encoding")
"""A whole plain head: the status line's groups, all field lines, Connection unless it is `keep-alive`, coding, length,
`chunked`."""


@cache
def request_head() -> re.Pattern[bytes]:
    """A whole plain head: the request line's groups, all field lines, Connection unless it is `keep-alive`, length,
    `100-continue`, host, `chunked`. Made on first use: clients do without, and compiling it takes a millisecond."""
    return _head(_REQUEST_LINE, b"Connection", b"Content-Length", b"Expect", b"Host", b"Transfer-Encoding")


REQUEST_PREFIX: Final = re.compile(
    _TCHAR + rb"++ " + _TARGET_TEXT + rb" HTTP/1\.1\r\n(?>(?:Host: " + _HOST_TEXT + rb"\r\n)?)"
)
"""What a request of ours begins with: one look proves method, target and host."""

TARGET: Final = late_pattern(_TARGET_TEXT)
"""What a request is about: no white space, no control characters."""

HOST: Final = late_pattern(_HOST_TEXT)
"""A Host value: any characters of a host name or address and a port; may be empty (RFC 9110 section 7.2)."""

CHUNK_LINE: Final = late_pattern(
    rb"([0-9A-Fa-f]{1,16}+)((?>(?:[ \t]*+;[ \t]*+%b++(?>(?:[ \t]*+=[ \t]*+(?:%b++|%b))?))*))\r\n"
    % (_TCHAR, _TCHAR, _QUOTED)
)
"""chunk-size and chunk-ext, RFC 9112 section 7.1: hexadecimal digits (16 are 64 bits), extensions."""

CONTROL: Final = late_pattern(rb"[^\t -~\x80-\xff]")
"""A byte that no field value may hold."""
