"""How many connections a client has, in all and by origin."""

from __future__ import annotations

from collections.abc import Iterable

from ..hints import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from .lane import Lane
    from .pool import Pool

__all__ = ["counts"]


def counts(pools: Iterable[Pool[Any]], by_origin: bool) -> dict[str, Any]:
    """How many connections are open, and how many of them idle.

    Args:
        pools: where.
        by_origin: give that for each origin, and how many requests wait for a connection to it.
    """
    found = list(pools)
    if by_origin:
        return _by_origin(found)
    return {"connections": sum(len(pool.permits) for pool in found), "idle": sum(pool.idle for pool in found)}


def _by_origin(pools: list[Pool[Any]]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for pool in pools:
        for route, lane in list(pool.lanes.items()):
            here = {"connections": len(lane.permits), "idle": _idle(lane), "waiting": len(lane.waiting)}
            if any(here.values()):
                known = found.setdefault(f"{route.scheme}://{lane.label}", dict.fromkeys(here, 0))
                for name, count in here.items():
                    known[name] += count
    return found


def _idle(lane: Lane[Any]) -> int:
    return len(lane.idle) + sum(not connection.guests for connection in list(lane.shared))
