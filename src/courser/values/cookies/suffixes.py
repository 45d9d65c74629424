"""Public suffixes: domains under which anybody may have a name, so that no cookie may be set for all of them.

The list of them (https://publicsuffix.org) is the business of the package publicsuffixlist, which the extra `cookies`
installs. Without it a rule stands in that knows the plainest ones: `com`, and `co.uk` and its like.
"""

from __future__ import annotations

from functools import cache

from ...hints import TYPE_CHECKING
from ..pattern import late_pattern

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Final

__all__ = ["is_public_suffix"]

_PLAIN: Final = late_pattern(r"[^.]*|(?:ac|co|com|edu|gov|mil|net|org)\.[a-z]{2}")
"""One label; or what most countries let their people register names under. A few such names belong to somebody: their
cookies then go to the very host that set them, which is the safe side."""


def is_public_suffix(domain: str) -> bool:
    """Whether a domain is one that no cookie may be set for.

    Args:
        domain: a name in ASCII and lower case; a final dot means nothing.
    """
    return _judge()(domain.removesuffix("."))


@cache
def _judge() -> Callable[[str], bool]:
    """The list, read when the first cookie comes that has a Domain (50 ms), or the rule."""
    from importlib import import_module

    try:
        package: Any = import_module("publicsuffixlist")
    except ImportError:
        return _is_plain
    is_public: Callable[[str], bool] = package.PublicSuffixList().is_public
    return is_public


def _is_plain(domain: str) -> bool:
    return _PLAIN.fullmatch(domain) is not None
