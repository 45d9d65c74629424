"""How long the parts of a call took."""

from __future__ import annotations

from ..hints import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Self

__all__ = ["Timings"]


class Timings(NamedTuple):
    """How long the parts of a call took, in seconds.

    The phases of connecting are durations, each None where it was not gone through: all of them on a connection that
    was there already, `dns` for an address, `tls` without encryption. The others are counted from the start of the
    call, so that after redirects they have those hops in them; the phases are of the last hop.

    Attributes:
        dns: to look the name up.
        connect: to connect, from the first attempt to the one that won.
        proxy: to be led on by proxies, their encryption included.
        tls: to agree on encryption.
        sent: until the link had taken the whole request; None where the peer answered before, or where no link was.
        first_byte: until the first byte of an answer was there, be it an interim one's (1xx), as browsers count; until
            the first head was, where nobody sees single bytes: over HTTP/2, and where a transport answered.
        head: until the head of the response was there.
        total: until its body was there whole; for a streamed response of which nothing was read, until the head was.
    """

    dns: float | None
    connect: float | None
    proxy: float | None
    tls: float | None
    sent: float | None
    first_byte: float
    head: float
    total: float

    @classmethod
    def of(
        cls,
        started: float,
        head_at: float,
        ended: float,
        sent_at: float,
        opening: dict[str, float] | None,
        heard_at: float = 0.0,
    ) -> Self:
        """Make timings of points on the monotonic clock; see `values.response.Times`."""
        phases = opening or {}
        return cls(
            phases.get("dns"),
            phases.get("connect"),
            phases.get("proxy"),
            phases.get("tls"),
            sent_at - started if sent_at else None,
            (heard_at or head_at) - started,
            head_at - started,
            ended - started,
        )
