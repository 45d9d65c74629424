"""Regular expressions that are compiled when they are first used.

To compile one takes up to half a millisecond, and what most programs never meet has many: addresses in odd forms,
texts that have to be escaped, messages that are malformed. What every request meets is compiled at once, by `re`.

Where a group is repeated and nothing of it may be given back, it is an atomic group, `(?>(?:...)*)`, and never a
possessive one, `(?:...)*+`: before Python 3.11.5 that takes what an attempt has matched that fails half-way (CPython
issue 106052). Single characters, `[...]*+`, are possessive as they should be.
"""

from __future__ import annotations

import re

from ..hints import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from typing import Any, AnyStr

__all__ = ["late_pattern"]


class _Late:
    def __init__(self, source: str | bytes, flags: int) -> None:
        self._source = source
        self._flags = flags

    def __getattr__(self, name: str) -> Any:
        """Come here once for each name: what is an attribute of the object is found without."""
        value = getattr(re.compile(self._source, self._flags), name)
        setattr(self, name, value)
        return value


def late_pattern(source: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """As `re.compile`, on first use.

    Args:
        source: the regular expression.
        flags: as in `re`.
    """
    return cast("re.Pattern[AnyStr]", _Late(source, flags))
