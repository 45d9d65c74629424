"""Dates in cookies, by the algorithm of RFC 6265bis section 5.1.1.

Servers have always written them in every form there is. So the standard looks for four things among what stands
between delimiters (a time, a day of the month, a month, a year), takes the first of each kind, and ignores the rest,
time zones included.
"""

from __future__ import annotations

from ...hints import TYPE_CHECKING
from ..pattern import late_pattern

if TYPE_CHECKING:
    import re
    from typing import Final

__all__ = ["parse_date"]

_TOKENS: Final = late_pattern(r"[^\t\x20-\x2f\x3b-\x40\x5b-\x60\x7b-\x7e]+")
_TIME: Final = late_pattern(r"([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?![0-9])")
_DAY: Final = late_pattern(r"([0-9]{1,2})(?![0-9])")
_MONTH: Final = late_pattern(r"(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)")
_YEAR: Final = late_pattern(r"([0-9]{2,4})(?![0-9])")
_KINDS: Final = (_TIME, _DAY, _MONTH, _YEAR)
"""In the order in which a token is tried."""

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_FIRST_YEAR: Final = 1601


def parse_date(text: str) -> int | None:
    """Seconds since 1970, None where the text holds no date that exists."""
    found: dict[re.Pattern[str], re.Match[str]] = {}
    for token in _TOKENS.findall(text):
        for kind in _KINDS:
            if kind not in found and (match := kind.match(token)):
                found[kind] = match
                break
    if len(found) < len(_KINDS):
        return None
    year = int(found[_YEAR][1])
    if year < 100:
        year += 1900 if year >= 70 else 2000
    if year < _FIRST_YEAR:
        return None
    month = _MONTHS.index(found[_MONTH][0].lower()) + 1
    return _seconds(year, month, int(found[_DAY][1]), *map(int, found[_TIME].groups()))


def _seconds(year: int, month: int, day: int, hour: int, minute: int, second: int) -> int | None:
    from datetime import UTC, datetime  # few programs meet a date, and importing this takes its time

    try:
        return int(datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp())
    except ValueError:
        return None
