"""Pieces of body that came in one go become one."""

from __future__ import annotations

from typing import Any

import pytest

from courser.engines.events import END
from courser.engines.http2.pieces import join_pieces

HEAD: Any = object()


@pytest.mark.parametrize(
    ("events", "joined"),
    [
        ([], []),
        ([HEAD], [HEAD]),
        ([b"a"], [b"a"]),
        ([memoryview(b"a")], [b"a"]),
        ([b"a", memoryview(b"b"), b"c"], [b"a", b"bc"]),
        ([HEAD, memoryview(b"a"), memoryview(b"b"), END], [HEAD, b"ab", END]),
        ([memoryview(b"a"), HEAD, b"b", b"c"], [b"a", HEAD, b"b", b"c"]),
    ],
)
def test_neighbours_are_joined(events: list[Any], joined: list[Any]) -> None:
    """What came earlier is not joined again."""
    found = join_pieces(events)

    assert found == joined
    assert not any(isinstance(event, memoryview) for event in found)
