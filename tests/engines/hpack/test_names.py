"""Which fields are kept out of tables and caches."""

from __future__ import annotations

from courser.engines.hpack.names import SENSITIVE, UNINDEXED
from courser.engines.hpack.tables import STATIC_NAMES


def test_credentials_are_sensitive() -> None:
    assert {b"authorization", b"cookie", b"proxy-authorization", b"set-cookie"} == SENSITIVE


def test_what_differs_from_message_to_message_is_not_indexed() -> None:
    assert {b":path", b"content-length", b"date", b"etag", b"if-none-match", b"location", b"range"} < UNINDEXED


def test_names_are_in_the_static_table_and_of_one_kind() -> None:
    """The encoder relies on the former."""
    assert not SENSITIVE & UNINDEXED
    assert not (SENSITIVE | UNINDEXED) - STATIC_NAMES.keys()
