"""SETTINGS: what the peer has asked for, checked (RFC 9113 section 6.5, RFC 8441 section 3)."""

from __future__ import annotations

from struct import Struct

from ...hints import TYPE_CHECKING
from .faults import ConnectionFault, ErrorCode
from .frames import FRAME_SIZE, MAX_WINDOW

if TYPE_CHECKING:
    from typing import Final

__all__ = [
    "ENABLE_CONNECT_PROTOCOL",
    "ENABLE_PUSH",
    "HEADER_TABLE_SIZE",
    "INITIAL_WINDOW",
    "INITIAL_WINDOW_SIZE",
    "MAX_CONCURRENT_STREAMS",
    "MAX_FRAME_SIZE",
    "MAX_HEADER_LIST_SIZE",
    "PeerSettings",
    "read",
]

HEADER_TABLE_SIZE: Final = 1
ENABLE_PUSH: Final = 2
MAX_CONCURRENT_STREAMS: Final = 3
INITIAL_WINDOW_SIZE: Final = 4
MAX_FRAME_SIZE: Final = 5
MAX_HEADER_LIST_SIZE: Final = 6
ENABLE_CONNECT_PROTOCOL: Final = 8

INITIAL_WINDOW: Final = 65535
"""The window of a connection, and of each stream until SETTINGS say otherwise."""

_ASSUMED_STREAMS: Final = 100
"""How many streams a server that has not spoken yet is taken to bear; RFC 9113 section 6.5.2 wants no fewer."""

_LARGEST_FRAME: Final = 2**24 - 1

_items = Struct(">HI").iter_unpack


class PeerSettings:
    """What the peer takes.

    Attributes:
        streams: how many streams may be open at once.
        window: bytes that a new stream may send.
        frame: bytes of one frame's payload.
        head: bytes of one head, 32 counted for each field; None for any.
        connects: whether it knows extended CONNECT (RFC 8441).
    """

    __slots__ = ("connects", "frame", "head", "streams", "window")

    def __init__(self) -> None:
        self.streams = _ASSUMED_STREAMS
        self.window = INITIAL_WINDOW
        self.frame = FRAME_SIZE
        self.head: int | None = None
        self.connects = False

    def take(self, items: list[tuple[int, int]]) -> None:
        """Take over values that `read` has checked."""
        for name, value in items:
            if name == MAX_CONCURRENT_STREAMS:
                self.streams = value
            elif name == INITIAL_WINDOW_SIZE:
                self.window = value
            elif name == MAX_FRAME_SIZE:
                self.frame = value
            elif name == MAX_HEADER_LIST_SIZE:
                self.head = value
            elif name == ENABLE_CONNECT_PROTOCOL:
                if self.connects and not value:
                    raise ConnectionFault("ENABLE_CONNECT_PROTOCOL is taken back")
                self.connects = value == 1


def read(payload: bytes, bound: int, *, from_server: bool) -> list[tuple[int, int]]:
    """Take a payload apart.

    Args:
        payload: of a SETTINGS frame.
        bound: how many settings there may be.
        from_server: whether a server has sent it: it may not ask for pushes.

    Returns:
        identifiers and values in their order; unknown ones are among them.

    Raises:
        ConnectionFault: a value that is not allowed.
    """
    if len(payload) % 6:
        raise ConnectionFault(f"a SETTINGS frame of {len(payload)} bytes", ErrorCode.FRAME_SIZE_ERROR)
    if len(payload) > 6 * bound:
        raise ConnectionFault(f"a SETTINGS frame of more than {bound} settings", ErrorCode.ENHANCE_YOUR_CALM)
    items: list[tuple[int, int]] = list(_items(payload))
    for name, value in items:
        if name == INITIAL_WINDOW_SIZE and value > MAX_WINDOW:
            raise ConnectionFault(f"INITIAL_WINDOW_SIZE is {value}", ErrorCode.FLOW_CONTROL_ERROR)
        if name == MAX_FRAME_SIZE and not FRAME_SIZE <= value <= _LARGEST_FRAME:
            raise ConnectionFault(f"MAX_FRAME_SIZE is {value}")
        if name in (ENABLE_PUSH, ENABLE_CONNECT_PROTOCOL) and value > (name != ENABLE_PUSH or not from_server):
            raise ConnectionFault(f"ENABLE_{'PUSH' if name == ENABLE_PUSH else 'CONNECT_PROTOCOL'} is {value}")
    return items
