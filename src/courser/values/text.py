"""From bytes to text and lines: the charset parameter, a byte order mark, else what the client has as default.

Nothing here guesses, and nothing raises because of what a server sent: an unknown charset counts as none, and what
cannot be decoded becomes U+FFFD.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from functools import lru_cache

from ..errors import LimitExceeded
from ..hints import TYPE_CHECKING
from .pattern import late_pattern

if TYPE_CHECKING:
    from typing import Final, TypeAlias

__all__ = [
    "MAX_EVENT",
    "MAX_EVENT_LINE",
    "MAX_LINE",
    "DefaultEncoding",
    "LineDecoder",
    "TextDecoder",
    "charset_of",
    "decode_text",
    "media_type_of",
]

DefaultEncoding: TypeAlias = str | Callable[[bytes], str | None]
"""The name of an encoding, or a function that finds one for the start of a body, or None."""

_PARAMETER: Final = late_pattern(
    r';[ \t\r\n]*+([^;=]*+)(?>(?:=(?:"((?>(?:[^"\\]|\\.)*))"?[^;]*+|([^;]*+)))?)', re.DOTALL
)
_MEMBER: Final = late_pattern(r'(?>(?:[^",]++|"(?>(?:[^"\\]|\\.)*)"?+)+)', re.DOTALL)
_ESCAPED: Final = late_pattern(r"\\(.)", re.DOTALL)
_BLANKS: Final = " \t\r\n"

MAX_LINE: Final = 16 * 1024 * 1024
"""Characters or bytes of a line, unless the caller says otherwise: a body without line ends would fill the memory."""

MAX_EVENT_LINE: Final = 1024 * 1024
"""Bytes of a line of an event stream, unless the caller says otherwise."""

MAX_EVENT: Final = 8 * 1024 * 1024
"""Bytes of data of an event, unless the caller says otherwise: one without an empty line would fill the memory, too."""

_NOT_CHARSETS: Final = frozenset(("idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape", "utf-7"))
"""Text encodings of Python that no charset parameter means; the first two take quadratic time (CVE-2022-45061)."""

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it starts with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

_MARK: Final = "\ufeff"
"""What a byte order mark decodes to: it is not part of the text."""

_DETECTED: Final = 64 * 1024
"""Bytes that a function for the default encoding is shown: detectors are slow, and know early."""


def charset_of(content_type: str | None) -> str | None:
    """Read the charset of a response from its Content-Type, whose parameters are those of the MIME Sniffing Standard.

    Of several values the last one counts; it takes over the charset of one before it of the same type (Fetch Standard
    section 2.2.2).

    Args:
        content_type: the header's value, all its lines joined by commas, however malformed.
    """
    if content_type is None or "charset" not in content_type.lower():
        return None
    if "," not in content_type:
        return _charset_parameter(content_type)
    essence, charset = "", None
    for member in _MEMBER.findall(content_type):
        kind = _media_type(member)
        if kind:
            if kind != essence:
                essence, charset = kind, None
            charset = _charset_parameter(member) or charset
    return charset


def media_type_of(content_type: str | None) -> str:
    """Read the media type of a response from its Content-Type, in lower case; "" where there is none.

    Of several values the last one that is a media type counts (Fetch Standard section 2.2.2); parameters mean nothing.

    Args:
        content_type: as for `charset_of`.
    """
    if content_type is None:
        return ""
    if "," not in content_type:
        return _media_type(content_type)
    found = ""
    for member in _MEMBER.findall(content_type):
        found = _media_type(member) or found
    return found


def _media_type(member: str) -> str:
    kind = member.partition(";")[0].strip(_BLANKS).lower()
    return kind if "/" in kind and kind != "*/*" else ""


def _charset_parameter(media_type: str) -> str | None:
    for name, quoted, plain in _PARAMETER.findall(media_type):
        value: str = _ESCAPED.sub(r"\1", quoted) or plain.strip(_BLANKS)
        if value and value.isprintable() and name.lower() == "charset":
            return value
    return None


@lru_cache(maxsize=64)
def _known(label: str | None) -> str | None:
    """Give Python's name for a charset that can be used, None for any other."""
    if label is None or len(label) > 40:
        return None
    from .labels import LABELS  # most responses name a charset that was named before, or none

    label = label.strip()
    try:
        name = codecs.lookup(LABELS.get(label.lower(), label)).name
        # What turns bytes into bytes, as "hex", is refused by decode, not by lookup.
        b"text".decode(name, "replace")
    except (LookupError, ValueError):
        return None
    return None if name in _NOT_CHARSETS else name


def _choose(data: bytes, content_type: str | None, default: DefaultEncoding) -> str:
    mark = next((name for mark, name in _MARKS if data.startswith(mark)), None)
    chosen = _known(charset_of(content_type)) or mark
    if chosen is None:
        chosen = _known(default if isinstance(default, str) else default(data[:_DETECTED])) or "utf-8"
    if chosen in ("utf-16", "utf-32"):
        return mark if mark is not None and mark.startswith(chosen) else f"{chosen}-le"
    return chosen


def decode_text(data: bytes, content_type: str | None, default_encoding: DefaultEncoding = "utf-8") -> tuple[str, str]:
    """Decode a whole body; give the text and the name of the encoding.

    Args:
        data: the body.
        content_type: the response's Content-Type.
        default_encoding: for a body without charset and byte order mark.
    """
    encoding = _choose(data, content_type, default_encoding)
    return data.decode(encoding, "replace").removeprefix(_MARK), encoding


class TextDecoder:
    """Decodes a body that comes in pieces; the pieces of text together are what `decode_text` gives.

    Args:
        content_type: the response's Content-Type.
        default_encoding: for a body without charset and byte order mark; a function is shown the first piece.

    Attributes:
        encoding: the name of the encoding, None before it is known.
    """

    __slots__ = ("_content_type", "_decoder", "_default", "_head", "_started", "encoding")

    def __init__(self, content_type: str | None, default_encoding: DefaultEncoding = "utf-8") -> None:
        self.encoding: str | None = None
        self._content_type = content_type
        self._default = default_encoding
        self._decoder: codecs.IncrementalDecoder | None = None
        self._head = b""
        self._started = False

    def feed(self, data: bytes) -> str:
        """Decode the next piece; a character that is not complete waits for the next one."""
        return self._decode(data, False)

    def end(self) -> str:
        """Give what is left; a character that is not complete becomes U+FFFD."""
        return self._decode(b"", True)

    def _decode(self, data: bytes, final: bool) -> str:
        if self._decoder is None:
            self._head = data = self._head + data
            # Only what may still become a byte order mark is held back: a live stream's first letter is not.
            if not final and any(len(data) < len(mark) and mark.startswith(data) for mark, _ in _MARKS):
                return ""
            self.encoding = _choose(data, self._content_type, self._default)
            self._decoder = codecs.getincrementaldecoder(self.encoding)("replace")
        text = self._decoder.decode(data, final)
        if text and not self._started:
            self._started = True
            return text.removeprefix(_MARK)
        return text


class LineDecoder:
    """Cuts text that comes in pieces into lines, without their ends, in linear time.

    Lines end with LF, CRLF or CR and nothing else: `str.splitlines` also cuts at characters that JSON may hold. A line
    is given out as soon as its end is there, so after a CR without waiting for what follows.

    Args:
        max_line: characters of a line above which `LimitExceeded` is raised; None is no limit.
    """

    __slots__ = ("_after_cr", "_max_line", "_parts", "_size")

    def __init__(self, max_line: int | None = None) -> None:
        self._max_line = max_line
        self._parts: list[str] = []
        self._size = 0
        self._after_cr = False

    def feed(self, text: str) -> list[str]:
        """Give the lines that end in the next piece.

        Raises:
            LimitExceeded: a line is longer than `max_line`.
        """
        if not text:
            return []
        if self._after_cr and text[0] == "\n":
            text = text[1:]
        self._after_cr = text.endswith("\r")
        lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        if len(lines) > 1:
            lines[0] = self._whole(lines[0])
        rest = lines.pop()
        if rest:
            self._parts.append(rest)
            self._size += len(rest)
        if self._max_line is not None:
            longest = max((self._size, *map(len, lines)))
            if longest > self._max_line:
                raise LimitExceeded(detail=f"a line of more than {self._max_line} characters")
        return lines

    def end(self) -> list[str]:
        """Give the last line, if it had no end."""
        return [self._whole("")] if self._parts else []

    def _whole(self, last: str) -> str:
        self._parts.append(last)
        line = "".join(self._parts)
        self._parts.clear()
        self._size = 0
        return line
