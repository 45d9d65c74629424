"""What a peer sent is shown short and escaped."""

from __future__ import annotations

import pytest

from courser.engines.http1.faults import Fault, excerpt


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "b''"),
        (b"a\r\n\x00\xff", r"b'a\r\n\x00\xff'"),
        (b"x" * 32, f"b'{'x' * 32}'"),
        (b"x" * 33, f"b'{'x' * 32}'..."),
    ],
)
def test_cve_2026_69244_an_excerpt_is_bounded_and_escaped(data: bytes, text: str) -> None:
    assert excerpt(data) == text
    assert excerpt(data).isprintable()


def test_a_fault_carries_what_to_answer() -> None:
    fault = Fault("why", status=431, truncated=True)

    assert (fault.detail, fault.status, fault.truncated, str(fault)) == ("why", 431, True, "why")
    assert (Fault("x").status, Fault("x").truncated) == (400, False)
