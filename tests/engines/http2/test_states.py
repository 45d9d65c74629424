"""The table of RFC 9113 section 5.1 is complete and says what the figure there says."""

from __future__ import annotations

import pytest

from courser.engines.http2.faults import ConnectionFault, ErrorCode, StreamFault
from courser.engines.http2.frames import DATA, HEADERS, RST_STREAM, WINDOW_UPDATE
from courser.engines.http2.states import VERDICTS, Standing, Verdict, judge

KINDS = (DATA, HEADERS, RST_STREAM, WINDOW_UPDATE)


def test_the_table_is_complete() -> None:
    assert set(VERDICTS) == set(Standing)
    assert all(set(row) == set(KINDS) for row in VERDICTS.values())


@pytest.mark.parametrize("kind", KINDS)
def test_an_open_stream_takes_everything_and_one_that_was_reset_nothing(kind: int) -> None:
    assert judge(Standing.OPEN, kind, 1) is True
    assert judge(Standing.RESET, kind, 1) is False


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_may_come_on_a_stream_that_has_not_begun(kind: int) -> None:
    with pytest.raises(ConnectionFault, match="stream 7, which has not begun") as caught:
        judge(Standing.IDLE, kind, 7)
    assert caught.value.code is ErrorCode.PROTOCOL_ERROR


@pytest.mark.parametrize("kind", [DATA, HEADERS])
def test_a_message_that_has_ended_does_not_go_on(kind: int) -> None:
    with pytest.raises(StreamFault, match="has ended on the peer's side") as one:
        judge(Standing.ENDED, kind, 1)
    with pytest.raises(ConnectionFault, match="is closed") as whole:
        judge(Standing.CLOSED, kind, 1)
    assert one.value.code is whole.value.code is ErrorCode.STREAM_CLOSED


@pytest.mark.parametrize("kind", [RST_STREAM, WINDOW_UPDATE])
def test_what_crosses_an_end_is_no_fault(kind: int) -> None:
    assert judge(Standing.ENDED, kind, 1) is True
    assert judge(Standing.CLOSED, kind, 1) is False


def test_every_verdict_is_used() -> None:
    assert {verdict for row in VERDICTS.values() for verdict in row.values()} == set(Verdict)
