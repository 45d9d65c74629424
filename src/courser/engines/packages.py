"""The packages that content codings may need: which are here, and what a request offers accordingly.

Apart from the decoders, which a program does without until a response is encoded.
"""

from __future__ import annotations

from functools import cache

from ..hints import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

__all__ = ["accept_encoding", "brotli", "zstd"]


@cache
def _optional(*names: str, needs: str) -> Any:
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
    return _optional("brotli", "brotlicffi", needs="Decompressor.can_accept_more_data")


def zstd() -> Any:
    """A module for zstd; None where there is none."""
    return _optional("compression.zstd", "backports.zstd", needs="ZstdDecompressor")


@cache
def accept_encoding() -> str:
    """Give the value of Accept-Encoding: what can be decoded here. The first call imports the packages."""
    optional = [name for name, module in (("br", brotli), ("zstd", zstd)) if module() is not None]
    return ", ".join(["gzip", "deflate", *optional])
