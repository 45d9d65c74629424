"""What may be shown of header fields in logs, records and commands: names always, secrets never."""

from __future__ import annotations

from ..hints import TYPE_CHECKING
from .lines import is_sensitive
from .pattern import late_pattern

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator
    from typing import Final

__all__ = ["HIDDEN", "bounded", "shown_fields", "without_values"]

HIDDEN: Final = "***"
"""Stands for a secret."""

WITH_URLS: Final = frozenset({"content-location", "link", "location", "origin", "referer", "refresh"})
"""Fields that hold URLs, whose user information and whose values of parameters may be secrets."""

VALUES: Final = late_pattern(r'=(?!")[^&;#\s<>,"]*+')
USERINFO: Final = late_pattern(r"//[^/?#\s]*@")


def bounded(text: str, most: int) -> str:
    """A text, cut off where it is longer than it may be; nothing in it starts a new line."""
    # An escape sequence in a header or a URL must not act on the terminal that shows it.
    text = "".join([char if char.isprintable() else ascii(char)[1:-1] for char in text[: most + 1]])
    return text if len(text) <= most else text[: most - 3] + "..."


def without_values(text: str) -> str:
    """A URL, or text with URLs or a form in it, without user information and values of parameters."""
    return VALUES.sub("=***", USERINFO.sub("//***@", text))


def shown_fields(
    fields: Iterable[tuple[str, str]], secrets: Container[str], most: int | None = None
) -> Iterator[tuple[str, str]]:
    """Header fields as they may be shown.

    Args:
        fields: names and values.
        secrets: names in lower case, beside those that are always taken for secret, whose values are hidden.
        most: characters of a value at most; None for all.
    """
    for name, value in fields:
        key = name.lower()
        if key in secrets or is_sensitive(key.encode("utf-8", "surrogateescape")):
            value = HIDDEN
        elif key in WITH_URLS:
            value = without_values(value)
        yield name, value if most is None else bounded(value, most)
