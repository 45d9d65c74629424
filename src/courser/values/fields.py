"""The grammar of header fields (RFC 9110 section 5), in one place for values and engines.

Every pattern works on bytes and is possessive: it either matches in one pass or fails in one pass.
"""

from __future__ import annotations

import re

from ..hints import TYPE_CHECKING
from .pattern import late_pattern

if TYPE_CHECKING:
    from typing import Final

__all__ = ["FIELD_LINES", "FIELD_VALUE", "TOKEN", "FieldBlock"]

TOKEN: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++")
"""token, RFC 9110 section 5.6.2: methods and field names."""

FIELD_VALUE: Final = re.compile(rb"(?>(?:[!-~\x80-\xff](?:[\t -~\x80-\xff]*+(?<![\t ]))?)?)")
"""field-value without outer white space, RFC 9110 section 5.5; control characters other than tab never pass."""

FIELD_LINES: Final = late_pattern(rb"(?>(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]++:[ \t]*+[\t -~\x80-\xff]*+\r\n)*)")
"""Any number of whole field lines, each with its CRLF."""


class FieldBlock(bytes):
    """Field lines as they stand on the wire, `Name: value` and CRLF each, that somebody has already validated.

    An engine writes a FieldBlock as it is, and checks any other bytes first.
    """

    __slots__ = ()
