"""What a frame means where its stream stands (RFC 9113 section 5.1), as one table.

Seen from the receiver, five standings are enough: what we have sent decides only whether the stream is still known.
PRIORITY means nothing anywhere, and CONTINUATION goes with the HEADERS before it.
"""

from __future__ import annotations

from enum import Enum

from ...hints import TYPE_CHECKING
from .faults import ConnectionFault, ErrorCode, StreamFault
from .frames import DATA, HEADERS, RST_STREAM, WINDOW_UPDATE, kind_name

if TYPE_CHECKING:
    from typing import Final

__all__ = ["VERDICTS", "Standing", "Verdict", "judge"]


class Standing(Enum):
    """Where a stream stands."""

    IDLE = "has not begun"
    OPEN = "is open"
    ENDED = "has ended on the peer's side"
    RESET = "was reset by us a moment ago"
    CLOSED = "is closed"


class Verdict(Enum):
    """What to do with a frame."""

    TAKE = "it counts"
    IGNORE = "it was on its way already"
    END = "it ends the stream"
    BREAK = "it ends the connection"


VERDICTS: Final = {
    Standing.IDLE: {
        DATA: Verdict.BREAK,
        HEADERS: Verdict.BREAK,
        RST_STREAM: Verdict.BREAK,
        WINDOW_UPDATE: Verdict.BREAK,
    },
    Standing.OPEN: {
        DATA: Verdict.TAKE,
        HEADERS: Verdict.TAKE,
        RST_STREAM: Verdict.TAKE,
        WINDOW_UPDATE: Verdict.TAKE,
    },
    Standing.ENDED: {
        DATA: Verdict.END,
        HEADERS: Verdict.END,
        RST_STREAM: Verdict.TAKE,
        WINDOW_UPDATE: Verdict.TAKE,
    },
    Standing.RESET: {
        DATA: Verdict.IGNORE,
        HEADERS: Verdict.IGNORE,
        RST_STREAM: Verdict.IGNORE,
        WINDOW_UPDATE: Verdict.IGNORE,
    },
    Standing.CLOSED: {
        DATA: Verdict.BREAK,
        HEADERS: Verdict.BREAK,
        RST_STREAM: Verdict.IGNORE,
        WINDOW_UPDATE: Verdict.IGNORE,
    },
}


def judge(standing: Standing, kind: int, number: int) -> bool:
    """Whether a frame counts.

    Raises:
        StreamFault, ConnectionFault: it may not come there.
    """
    verdict = VERDICTS[standing][kind]
    if verdict is Verdict.TAKE:
        return True
    if verdict is Verdict.IGNORE:
        return False
    detail = f"{kind_name(kind)} on stream {number}, which {standing.value}"
    code = ErrorCode.PROTOCOL_ERROR if standing is Standing.IDLE else ErrorCode.STREAM_CLOSED
    raise StreamFault(detail, code) if verdict is Verdict.END else ConnectionFault(detail, code)
