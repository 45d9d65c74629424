"""The packages that content codings may need: which are here, and what a request offers accordingly.

Apart from the decoders, which a program does without until a response is encoded.
"""

from __future__ import annotations

import sys
from functools import cache

from .hints import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Final

__all__ = ["accept_encoding", "brotli", "zstd"]

BROTLI: Final = ("brotli", "brotlicffi")
ZSTD: Final = ("compression.zstd", "backports.zstd")
"""The packages by preference. The one that is called zstandard is not among them: what it makes of one piece of input
has no bound."""


@cache
def _optional(names: Sequence[str], needs: str) -> Any:
    """Import the first module of these names in which the needed attribute is found; None where there is none."""
    parts = needs.split(".")
    for name in names:
        try:
            found = module = __import__(name, fromlist=parts[:1])
            for part in parts:
                found = getattr(found, part)
        except (ImportError, AttributeError):
            continue
        return module
    return None


def brotli() -> Any:
    """A module for br; None where there is none."""
    # Before 1.2 there was no bound on the output (CVE-2025-6176).
    return _optional(BROTLI, "Decompressor.can_accept_more_data")


def zstd() -> Any:
    """A module for zstd; None where there is none."""
    return _optional(ZSTD, "ZstdDecompressor")


@cache
def accept_encoding() -> str:
    """Give the value of Accept-Encoding: what can be decoded here.

    The first call imports a package for br, for only then its version is certain; that takes less than half a
    millisecond. One for zstd takes ten times as long, so it is only looked for.
    """
    offered = ["gzip", "deflate"]
    if brotli() is not None:
        offered.append("br")
    if (_is_here("_zstd") and _is_here("compression.zstd")) or _is_here("backports.zstd"):
        offered.append("zstd")
    return ", ".join(offered)


def _is_here(name: str) -> bool:
    """Whether a module can be imported, without doing so; importlib.util would take longer than all that is asked."""
    if name in sys.modules:
        return sys.modules.get(name) is not None
    parent = name.rpartition(".")[0]
    place: Any = None
    if parent:
        package = _spec(parent, None)
        place = None if package is None else package.submodule_search_locations
        if place is None:
            return False
    return _spec(name, place) is not None


def _spec(name: str, place: Any) -> Any:
    for finder in sys.meta_path:
        find = getattr(finder, "find_spec", None)
        spec = None if find is None else find(name, place)
        if spec is not None:
            return spec
    return None
