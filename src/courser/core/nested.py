"""TLS in TLS: what an HTTPS proxy passes on is encrypted once more, for the server behind it.

A TLS link keeps what it has made until the link below takes it. Where that link is TLS too, there are two places that
may keep something back, and both have to be asked.
"""

from __future__ import annotations

from ..hints import TYPE_CHECKING
from .link import TLSLink

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .link import Link, Receive, Release, Send

__all__ = ["NestedTLSLink", "Passage"]


class Passage:
    """The way through a proxy: what travels is encrypted up to the proxy only, if at all.

    Args:
        below: the link to the proxy.
        early: what has come from the far end already, together with the proxy's last word.
    """

    __slots__ = ("below", "receive", "send")

    encrypted = False
    alpn: str | None = None
    session: Any = None

    def __init__(self, below: Link, early: bytes = b"") -> None:
        self.below = below
        self.receive: Receive = _after(early, below.receive) if early else below.receive
        self.send: Send = below.send

    @property
    def again_above(self) -> int:
        return self.below.again_above

    @property
    def send_most(self) -> int:
        return self.below.send_most

    @property
    def wants_write(self) -> bool:
        return self.below.wants_write

    def fileno(self) -> int:
        return self.below.fileno()

    def attach(self, release: Release | None) -> None:
        self.below.attach(release)

    def listen(self, wake: Callable[[], None] | None) -> None:
        self.below.listen(wake)

    def want(self, interest: int) -> None:
        self.below.want(interest)

    def flush(self) -> None:
        self.below.flush()

    def finish(self) -> None:
        self.below.finish()

    def close(self) -> None:
        self.below.close()

    def info(self) -> dict[str, Any]:
        """The two ends of the link to the proxy; its TLS is not that of the server behind."""
        facts = self.below.info()
        return {name: facts[name] for name in ("peer", "local") if name in facts}


class NestedTLSLink(TLSLink):
    """TLS over a link that may keep something back itself; see `TLSLink`."""

    __slots__ = ()

    @property
    def wants_write(self) -> bool:
        return bool(self._kept) or self._below.wants_write

    def flush(self) -> None:
        if self._below.wants_write:
            self._below.flush()
        super().flush()

    def _fill(self) -> None:
        super()._fill()
        # An end of the outer TLS that came with its last data is told by no poll object.
        self.again_above = min(self.again_above, self._below.again_above)


def _after(early: bytes, receive: Receive) -> Receive:
    """Give some bytes first; no poll object tells of them, so they come with those that follow."""
    kept = [early]
    return lambda size, /: kept.pop() if kept else receive(size)
