"""The field Link (RFC 8288): what a response says of its relations to other resources.

The parser is that of appendix B, which takes what servers send and never fails: it ends where a value stops to make
sense, and keeps what came before. It passes over the text once.
"""

from __future__ import annotations

import re

from ..errors import InvalidURL, UnsupportedScheme
from ..hints import TYPE_CHECKING
from .parameters import decode_extended, unescape
from .pattern import late_pattern

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Final

    from .url import URL

__all__ = ["Links", "parse_links"]

_TARGET: Final = late_pattern(r"[ \t,]*+<([^>]*+)>")
_PARAMETER: Final = late_pattern(
    r'[ \t]*+;[ \t]*+([^=,; \t]*+)[ \t]*+(?>(?:=[ \t]*+(?:"((?>(?:[^"\\]|\\.)*))"?+[^,;]*+|([^,;]*+)))?)', re.DOTALL
)
_REST: Final = late_pattern(r"[^,]*+")


class Links(dict[str, dict[str, str]]):
    """The links of a response by relation type, such as `links["next"]["url"]`.

    Each is a dict of its URL, absolute, and its parameters. Relation types are in lower case. Of several links of one
    type it has the first; links that speak of another resource than the response's (by `anchor`) are in `all` only.

    Attributes:
        all: every link, in order.
    """

    __slots__ = ("all",)

    all: list[dict[str, str]]


def parse_links(values: Iterable[str], base: URL | None) -> Links:
    """Read the values of Link fields.

    Args:
        values: one for each field line.
        base: what relative references are resolved against; None leaves them as they are.
    """
    links = Links()
    links.all = []
    here = "" if base is None else str(base.without_fragment())
    for value in values:
        for target, parameters in _parse(value):
            link = {"url": _resolved(target, base), **parameters}
            if "anchor" in link:
                link["anchor"] = _resolved(link["anchor"], base)
            links.all.append(link)
            if "anchor" not in link or link["anchor"] == here:
                for relation in link.get("rel", "").lower().split():
                    links.setdefault(relation, link)
    return links


def _parse(value: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Give target and parameters of each link."""
    at = 0
    while (target := _TARGET.match(value, at)) is not None:
        at = target.end()
        plain: dict[str, str] = {}
        extended: dict[str, str] = {}
        while (parameter := _PARAMETER.match(value, at)) is not None:
            at = parameter.end()
            name = parameter[1].lower()
            if parameter[2] is not None:
                plain.setdefault(name, unescape(parameter[2]))
            elif not name.endswith("*"):
                plain.setdefault(name, (parameter[3] or "").rstrip(" \t"))
            elif (text := decode_extended((parameter[3] or "").rstrip(" \t"))) is not None:
                extended.setdefault(name[:-1], text)
        parameters = plain | extended
        for unwanted in ("", "url"):
            parameters.pop(unwanted, None)
        yield target[1].strip(" \t"), parameters
        rest = _REST.match(value, at)
        at = at if rest is None else rest.end()


def _resolved(target: str, base: URL | None) -> str:
    """The absolute form of a reference, or the reference where it has none or is of another scheme."""
    if base is None:
        return target
    try:
        return str(base.join(target))
    except (InvalidURL, UnsupportedScheme):
        return target
