"""How long the parts of a request took."""

from __future__ import annotations

from ..hints import NamedTuple

__all__ = ["Timings"]


class Timings(NamedTuple):
    """Points in time of one request, in seconds since its start.

    Attributes:
        head: when the head of the response had come.
        total: when its body had come whole; for a streamed response, when the head had.
    """

    head: float
    total: float
