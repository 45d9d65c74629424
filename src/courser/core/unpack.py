"""The content codings of a whole body, taken off in turns: neither an event loop nor a deadline waits for the end."""

from __future__ import annotations

from time import monotonic

from ..engines.coding import decode_in_turns
from ..hints import TYPE_CHECKING

if TYPE_CHECKING:
    from .deadline import Deadline
    from .waiter import Host

__all__ = ["unpack"]


async def unpack(coding: bytes, raw: bytes, limit: int | None, host: Host, deadline: Deadline) -> bytes:
    """Decode a body.

    Args:
        coding: the value of Content-Encoding.
        raw: the body as it travelled.
        limit: bytes of decoded body above which LimitExceeded is raised.
        host: who has other things to do, too.
        deadline: the limits of the request.

    Raises:
        DecodingError, LimitExceeded, MissingExtra: see `decode_in_turns`.
        DeadlineExceeded, ReadTimeout: the time is up.
    """
    turns = decode_in_turns(coding, raw, limit)
    while True:
        try:
            next(turns)
        except StopIteration as stop:
            whole: bytes = stop.value
            return whole
        await host.checkpoint()
        now = monotonic()
        if now >= deadline.final:
            raise deadline.error("read", "the decoding of the body", now)
