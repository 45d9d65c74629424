"""A thread that turns a WebSocket of plain code while its user is away.

It waits for the end like anybody else who waits: so it leads when nobody does, and pings are answered and the heartbeat
is kept. It holds the WebSocket weakly, lest one that was dropped should live on for the sake of its attendant.
"""

from __future__ import annotations

from functools import partial
from weakref import ref

from ..core.waiter import Waiter
from ..hints import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any
    from weakref import ReferenceType

    from ..core.talk import Talk

__all__ = ["attend"]


def attend(talk: Talk) -> None:
    """Have a thread turn a WebSocket until its link has ended, or nobody holds it any more."""
    import threading

    source = talk.carrier.source
    waiter = Waiter(source)
    known = ref(talk, partial(_dropped, waiter))
    threading.Thread(target=_attend, args=(known, source, waiter), name="courser-websocket", daemon=True).start()


def _dropped(waiter: Waiter, known: ReferenceType[Talk]) -> None:
    waiter.complete()


def _attend(known: ReferenceType[Talk], source: Any, waiter: Waiter) -> None:
    while _goes_on(known(), waiter):
        while not waiter.done:
            source.step(waiter)


def _goes_on(talk: Talk | None, waiter: Waiter) -> bool:
    """Whether there is something to wait for; in a frame of its own, which is gone while it is waited for."""
    return talk is not None and bool(talk.carrier.enter(talk.outlast_by, waiter))
