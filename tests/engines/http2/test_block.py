"""A header block in several frames is bounded while it is collected."""

from __future__ import annotations

import pytest

from courser.engines.http2.block import Block
from courser.engines.http2.faults import ConnectionFault, ErrorCode
from courser.engines.http2.limits import HTTP2_LIMITS

LIMITS = HTTP2_LIMITS._replace(block=10, continuations=3)


def test_fragments_are_joined() -> None:
    block = Block(5, b"ab", True)
    block.add(b"cd", LIMITS)
    block.add(b"", LIMITS)
    block.add(b"efghij", LIMITS)

    assert block.whole() == b"abcdefghij"
    assert (block.number, block.is_last) == (5, True)


@pytest.mark.parametrize("fragments", [[b"x" * 9], [b"x" * 4, b"x" * 5], [b"x"] * 4, [b""] * 4])
def test_cve_2024_27316_too_many_bytes_or_frames_are_refused_before_the_block_is_whole(fragments: list[bytes]) -> None:
    """CVE-2024-28182, CVE-2023-45288, CVE-2024-27983, CVE-2024-30255, CVE-2024-2653."""
    block = Block(1, b"xx", False)
    *before, last = fragments
    for fragment in before:
        block.add(fragment, LIMITS)

    with pytest.raises(ConnectionFault) as caught:
        block.add(last, LIMITS)

    assert caught.value.code is ErrorCode.ENHANCE_YOUR_CALM
    assert len(block.whole()) <= LIMITS.block
