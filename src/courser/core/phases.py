"""How long the phases of a dial take: for the timings of the response, and for whoever follows the call."""

from __future__ import annotations

from time import monotonic

from ..hints import TYPE_CHECKING, cast
from ..values.reference import bracketed

if TYPE_CHECKING:
    from typing import Any, Literal

    from .deadline import Deadline
    from .link import Link

__all__ = ["Phases"]


class Phases:
    """The phases of one dial, each of which begins when the last one is over.

    Args:
        deadline: the call that they are a part of.
    """

    __slots__ = ("_deadline", "_since")

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self._since = monotonic()
        deadline.opening = {}

    async def over(self, phase: Literal["dns", "connect", "proxy", "tls"], of: str | Link) -> None:
        """A phase is over.

        Args:
            phase: which.
            of: the name of its peer, or the link that it has led to.
        """
        now, deadline = monotonic(), self._deadline
        spent = now - self._since
        times = deadline.opening
        if times is not None:  # proxies may have had several turns
            times[phase] = times.get(phase, 0.0) + spent
        if deadline.trace is not None:
            detail = of if isinstance(of, str) else _spelled(of.info().get("peer"))
            await deadline.trace.tell(phase, now, seconds=spent, detail=detail)
        self._since = monotonic()


def _spelled(peer: Any) -> str:
    """The address of a peer, or the path of its socket."""
    if isinstance(peer, tuple):
        host, port = cast("tuple[str, int]", peer[:2])
        return f"{bracketed(host)}:{port}"
    return peer if isinstance(peer, str) else ""
