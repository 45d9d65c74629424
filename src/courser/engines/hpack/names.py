"""Which fields are kept out of tables and caches."""

from __future__ import annotations

from ...hints import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Final

__all__ = ["SENSITIVE", "UNINDEXED"]

SENSITIVE: Final = frozenset((b"authorization", b"cookie", b"proxy-authorization", b"set-cookie"))
"""Secrets: never indexed by anybody on the way (RFC 7541 sections 6.2.3 and 7.1.3), nor in a cache of ours."""

UNINDEXED: Final = frozenset(
    (
        b":path",
        b"age",
        b"content-length",
        b"content-range",
        b"date",
        b"etag",
        b"expires",
        b"if-match",
        b"if-modified-since",
        b"if-none-match",
        b"if-range",
        b"if-unmodified-since",
        b"last-modified",
        b"location",
        b"range",
        b"retry-after",
    )
)
"""Of one resource or one message: in the table they would take the place of what comes again."""
