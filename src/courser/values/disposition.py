"""The field Content-Disposition (RFC 6266): whether a body is to be shown or saved, and under which name.

The parser takes what servers send, quoted or not, and never fails; it passes over the text once. Parameters that are
cut into several (RFC 2231 section 3) are no part of RFC 6266 and stay apart.
"""

from __future__ import annotations

import re

from ..hints import TYPE_CHECKING, NamedTuple
from .filename import safe_filename
from .parameters import decode_extended, unescape
from .pattern import late_pattern

if TYPE_CHECKING:
    from typing import Final

__all__ = ["ContentDisposition", "parse_disposition"]

_PARAMETER: Final = late_pattern(
    r';[ \t]*+([^;=]*+)(?>(?:=[ \t]*+(?:"((?>(?:[^"\\]|\\.)*))"[^;]*+|([^;]*+)))?)', re.DOTALL
)


class ContentDisposition(NamedTuple):
    """What a Content-Disposition field says.

    Attributes:
        type: "attachment" for what is to be saved, "inline" and everything else for what is to be shown.
        parameters: by name, in lower case. Those whose name ends with `*` are there as they came, and decoded under
            the name without it, in the place of a plain one (RFC 6266 section 4.3).
    """

    type: str
    parameters: dict[str, str]

    @property
    def filename(self) -> str | None:
        """The name to save the body under, made safe for any file system; None where there is none.

        What the server sent is `parameters["filename"]`.
        """
        return safe_filename(self.parameters.get("filename", ""))


def parse_disposition(value: str | None) -> ContentDisposition | None:
    """Read the value of a Content-Disposition field; None where there is none.

    Args:
        value: the value, however malformed.
    """
    if value is None:
        return None
    kind, semicolon, _ = value.partition(";")
    parameters: dict[str, str] = {}
    extended: dict[str, str] = {}
    if semicolon:
        for match in _PARAMETER.finditer(value, len(kind)):
            name, quoted, plain = match[1].rstrip(" \t").lower(), match[2], match[3]
            if quoted is not None:
                parameters.setdefault(name, unescape(quoted))
            elif plain is not None and plain[:1] != '"' and name not in parameters:
                parameters[name] = plain = plain.rstrip(" \t")
                if name[-1:] == "*" and (text := decode_extended(plain)) is not None:
                    extended[name[:-1]] = text
    return ContentDisposition(kind.strip(" \t").lower(), parameters | extended)
