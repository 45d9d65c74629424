"""What carries the frames of a WebSocket: a connection of its own (upgraded.py), or a stream of one (extended.py)."""

from __future__ import annotations

from ..hints import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["Carrier"]


class Carrier(Protocol):
    """What carries the frames of a WebSocket.

    Attributes:
        label: the peer's name for errors, `host:port`.
        pending: whether something that was written has not reached the network.
        closed: whether it is.
        source: turns it for plain code; None under an event loop.
    """

    label: str
    closed: bool
    source: Any

    @property
    def pending(self) -> bool: ...
    def enter(self, act: Callable[..., Any], /, *args: Any) -> Any:
        """Do something to the talk, its engine or the link while nobody else does; gives what that gives."""
        ...

    def write(self, data: bytes | memoryview, /) -> bool:
        """Send, now or as soon as the peer takes it; tells whether something waits for that."""
        ...

    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def look(self) -> None:
        """Take what has come, without waiting for more."""
        ...

    def arm(self, deadline: float, /) -> None: ...
    def finish(self) -> None:
        """Tell the peer that no more will be sent."""
        ...

    def close(self) -> None: ...
