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
    """The list, read when the first cookie comes that has a Domain, or the rule."""
    from importlib import import_module

    try:
        package: Any = import_module("publicsuffixlist")
    except ImportError:
        return _is_plain
    try:
        with open(package.PSLFILE, "rb") as file:
            return Suffixes(file.read()).has
    except (AttributeError, OSError):
        is_public: Callable[[str], bool] = package.PublicSuffixList().is_public
        return is_public


class Suffixes:
    """The rules of the list, looked up by what they are: https://github.com/publicsuffix/list/wiki/Format.

    The package would first encode each of ten thousand rules as a host name, which takes an event loop as long as a
    hundred requests. Here the few names that are asked for are decoded instead.

    Args:
        text: the list as it is published.
    """

    __slots__ = ("_lines",)

    def __init__(self, text: bytes) -> None:
        # Comments and empty lines among them are equal to no name.
        self._lines = frozenset(text.split(b"\n"))

    def has(self, domain: str) -> bool:
        """Whether a domain is one of them, or one that rules begin with: nobody registers `kobe.jp` below `*.kobe.jp`.

        Args:
            domain: a name in ASCII and lower case.
        """
        name, lines = _decoded(domain), self._lines
        above = name.partition(b".")[2]
        if b"!" + name in lines:
            return False
        return not above or name in lines or b"*." + above in lines or b"*." + name in lines


def _decoded(domain: str) -> bytes:
    """A name as the list has it: in UTF-8, with no label encoded."""
    if "xn--" not in domain:
        return domain.encode()
    labels = domain.split(".")
    try:
        return ".".join([_label(label) for label in labels]).encode()
    except UnicodeError:
        return domain.encode()


def _label(label: str) -> str:
    return label[4:].encode().decode("punycode") if label.startswith("xn--") else label


def _is_plain(domain: str) -> bool:
    return _PLAIN.fullmatch(domain) is not None
