"""When an exchange must be over, and by when its next step."""

from __future__ import annotations

from time import monotonic

from ..errors import (
    ConnectTimeout,
    DeadlineExceeded,
    PoolTimeout,
    ReadTimeout,
    RequestTimeout,
    WriteTimeout,
)
from ..hints import TYPE_CHECKING
from ..settings import Timeout
from .waiter import FOREVER, Waiter

if TYPE_CHECKING:
    from .trace import Trace
    from .waiter import Host

__all__ = ["Deadline"]

PHASES: dict[str, tuple[type[RequestTimeout], str]] = {
    "pool": (PoolTimeout, "waiting for a free connection to"),
    "connect": (ConnectTimeout, "connecting to"),
    "write": (WriteTimeout, "sending the request to"),
    "read": (ReadTimeout, "waiting for"),
}


class Deadline:
    """The limits of one call, from its start; and who follows it on its way.

    Args:
        timeout: the limits as the user gave them.
        streamed: whether the body is left to the caller: a plain number then bounds the head and each later wait.
        now: the time of the start.

    Attributes:
        trace: tells of what happens; None where nobody listens.
        opening: seconds that each phase of the call's last dial took, by name; None where nothing was dialled.
    """

    __slots__ = ("final", "opening", "started", "timeout", "trace")

    def __init__(self, timeout: Timeout, streamed: bool, now: float) -> None:
        self.timeout = timeout
        self.started = now
        self.trace: Trace | None = None
        self.opening: dict[str, float] | None = None
        total = timeout.total
        if total is None:
            total = timeout.plain
        self.final = FOREVER if total is None else now + total

    def to_head(self) -> None:
        """The head has come: from here on a plain number bounds single waits only."""
        if self.timeout.total is None:
            self.final = FOREVER

    def left(self, now: float) -> float:
        """Seconds until the end of everything."""
        return self.final - now

    def within(self, limit: float | None, now: float) -> float:
        """The time by which a step has to be done that may last `limit` seconds."""
        if limit is None:
            return self.final
        due = now + limit
        return due if due < self.final else self.final

    def waiter(self, host: Host) -> Waiter:
        """A waiter that is done when the time is up."""
        waiter = Waiter()
        waiter.deadline = self.final
        if self.final < FOREVER:
            host.arm(waiter)
        return waiter

    def error(self, phase: str, peer: str, now: float | None = None) -> RequestTimeout:
        """What to raise when the time is up in a phase: pool, connect, write or read."""
        if now is None:
            now = monotonic()
        kind, doing = PHASES[phase]
        limit: float | None = getattr(self.timeout, phase)
        if now >= self.final and (self.timeout.plain is None or limit is None):
            return DeadlineExceeded(
                phase=phase,
                detail=f"{now - self.started:.3g} s of {self.final - self.started:.3g} s, while {doing} {peer}",
            )
        spent = self.timeout.plain if limit is None else limit
        return kind(phase=phase, detail=f"{spent:.3g} s, while {doing} {peer}")
