"""Close codes, RFC 6455 section 7.4 and the registry of IANA."""

from __future__ import annotations

import pytest

from courser.engines.websocket.codes import CloseCode, may_travel

GOOD = [1000, 1001, 1002, 1003, *range(1007, 1015), 3000, 3999, 4000, 4999]
BAD = [-1, 0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535, 65536]


@pytest.mark.parametrize("code", GOOD)
def test_what_a_close_frame_may_hold(code: int) -> None:
    assert may_travel(code)


@pytest.mark.parametrize("code", BAD)
def test_what_a_close_frame_may_not_hold(code: int) -> None:
    assert not may_travel(code)


def test_local_codes_have_names_too() -> None:
    assert [CloseCode(code).name for code in (1000, 1006, 1009)] == [
        "NORMAL_CLOSURE",
        "ABNORMAL_CLOSURE",
        "MESSAGE_TOO_BIG",
    ]
