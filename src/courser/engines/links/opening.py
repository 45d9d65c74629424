"""What the engines of this folder have in common: each asks a proxy for a way through, and knows when it is open.

    link.send(engine.outgoing())
    while not engine.done:
        engine.receive(link.receive())
        link.send(engine.outgoing())

From then on the bytes of the link belong to whoever is at the far end. What had come of those already is `leftover`.
"""

from __future__ import annotations

from ...hints import Protocol

__all__ = ["Opening"]


class Opening(Protocol):
    """Asks for a way through a proxy; no I/O.

    Attributes:
        done: whether the way is open.
        leftover: bytes that came after the proxy's last word.
        reaching: whether the proxy was told an address, and what is wrong may be that it does not get there.
    """

    @property
    def done(self) -> bool: ...
    @property
    def leftover(self) -> bytes: ...
    @property
    def reaching(self) -> bool: ...

    def outgoing(self) -> bytes:
        """What to write now; b"" for nothing."""
        ...

    def receive(self, data: bytes, /) -> None:
        """Take bytes of the proxy; b"" says that it has closed.

        Raises:
            ProxyError: the proxy refuses, or does not speak the protocol.
        """
        ...

    def late(self) -> Exception | None:
        """What to raise if the time is up now; None where that is all that there is to say."""
        ...
