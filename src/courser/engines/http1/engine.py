"""What both roles of an HTTP/1.1 connection share: one exchange at a time, in order.

The peer's message goes through `phase`, ours through a body writer. An exchange is over when both are complete. Only
then, with both sides willing, nothing left over and nothing broken, does `is_idle` say that the connection may carry
another one. Whatever is doubtful makes the connection unusable: bytes that nobody asked for are never a response.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import Enum

from ...errors import LocalProtocolError, RemoteProtocolError, TruncatedBody
from ...hints import TYPE_CHECKING
from ...values.fields import FieldBlock
from .faults import Fault, excerpt
from .limits import WIRE_LIMITS, WireLimits
from .section import Section

if TYPE_CHECKING:
    import re
    from collections.abc import Callable
    from typing import TypeAlias

    from ..events import Event
    from .body import BodyReader, BodyWriter
    from .section import StartLine

    MatchHead: TypeAlias = Callable[[bytes], re.Match[bytes] | None]

__all__ = ["NO_FIELDS", "Engine", "Phase"]

NO_FIELDS = FieldBlock()


class Phase(Enum):
    """Where the peer's message stands."""

    IDLE = "no message is due"
    HEAD = "a head may start"
    PARTIAL = "a head has begun"
    BODY = "a body has begun"
    DONE = "it is complete, but ours is not"
    TUNNEL = "the connection speaks another protocol now"
    DEAD = "the connection broke the protocol"


class Engine(ABC):
    """The shared part of ClientEngine and ServerEngine.

    Attributes:
        phase: where the peer's message stands.
        is_idle: no exchange is open and another one may start.
        reusable: nothing has been said or done yet that forbids another exchange after this one.
        is_tunnel: the connection speaks another protocol now: after 101, or 2xx to CONNECT.
        leftover: in a tunnel, the first bytes of that protocol; else bytes that do not belong here.
        bytes_received: of this exchange.
    """

    __slots__ = (
        "_limits",
        "_reader",
        "_section",
        "_surely_small",
        "_writer",
        "bytes_received",
        "is_idle",
        "is_tunnel",
        "leftover",
        "phase",
        "reusable",
    )

    def __init__(self, *, limits: WireLimits = WIRE_LIMITS) -> None:
        self.phase = Phase.IDLE
        self.is_idle = True
        self.reusable = True
        self.is_tunnel = False
        self.leftover: bytes = b""
        self.bytes_received = 0
        self._limits = limits
        # A field line has at least four bytes: a head of this size is within every limit.
        self._surely_small = min(limits.line, limits.head, 4 * limits.fields)
        self._reader: BodyReader | None = None
        self._writer: BodyWriter | None = None
        self._section: Section | None = None

    def send_data(self, chunk: bytes) -> tuple[bytes, ...]:
        """What to write for a piece of the body; a large one is not copied.

        Raises:
            LocalProtocolError: no body is open, or it would get longer than declared.
        """
        writer = self._open_writer()
        pieces = writer.data(chunk)
        if writer.done:
            self._finish_sending()
        return pieces

    def send_end(self, trailers: bytes = NO_FIELDS) -> bytes:
        """What to write at the end of the body; nothing where its length was declared.

        Args:
            trailers: trailer lines, for chunked bodies only (RFC 9112 section 7.1.2).

        Raises:
            LocalProtocolError: no body is open, or it is shorter than declared.
        """
        writer = self._open_writer()
        end = writer.end(trailers)
        self._finish_sending()
        self._writer = None
        return end

    def _open_writer(self) -> BodyWriter:
        if self._writer is None:
            raise LocalProtocolError(detail="no body is being sent")
        return self._writer

    def _advance(self, rest: bytes | None, events: list[Event]) -> None:
        """Take bytes as far as they go; None and b"" are nothing more."""
        while rest:
            if self._reader is not None:
                rest = self._reader.feed(rest, events)
                if rest is not None:
                    self._reader = None
                    self._finish_receiving()
            elif self.phase is Phase.HEAD or self.phase is Phase.PARTIAL:
                rest = self._take_head(rest, events)
            else:
                rest = self._take_other(rest, events)

    def _close(self, events: list[Event]) -> None:
        """The peer has closed its side."""
        self.reusable = self.is_idle = False
        if self._reader is not None:
            self._reader.close(events)
            self._reader = None
            self._finish_receiving()
        elif self.phase is Phase.DEAD:
            raise Fault("the connection has already failed")
        elif self.phase is Phase.PARTIAL:
            raise Fault(f"the connection was closed in the middle of a head, after {self.bytes_received} bytes")
        elif self.leftover and not self.is_tunnel:
            raise Fault(f"bytes came after the end of the message: {excerpt(self.leftover)}")

    def _fits(self, end: int, fields: bytes) -> bool:
        """Whether a head that has been matched is within the limits."""
        limits = self._limits
        return end <= self._surely_small or (
            end <= limits.line and end <= limits.head and fields.count(b"\n") <= limits.fields
        )

    def _collect(
        self, data: bytes, match_head: MatchHead, check_start: StartLine
    ) -> tuple[re.Match[bytes] | None, bytes, bytes] | None:
        """A whole head: its match where it is plain and within the limits, its bytes, and what follows it.

        Returns None as long as the end of the head is missing.
        """
        section = self._section
        if section is None:
            match = match_head(data)
            if match is not None and self._fits(match.end(), match[4]):
                return match, b"", data[match.end() :]
            section = self._section = Section(self._limits, check_start)
            self.phase = Phase.PARTIAL
        end = section.add(data)
        if not end:
            return None
        self._section = None
        self.phase = Phase.HEAD
        raw = bytes(section.data[:end])
        match = match_head(raw)
        if match is not None and not self._fits(end, match[4]):
            match = None
        return match, raw, bytes(section.data[end:])

    def _enter_tunnel(self, rest: bytes) -> None:
        self.phase = Phase.TUNNEL
        self.is_tunnel = True
        self.reusable = self.is_idle = False
        self.leftover = rest
        self._writer = None

    def _blame(self, fault: Fault) -> RemoteProtocolError:
        self.phase = Phase.DEAD
        self.reusable = self.is_idle = False
        self._reader = self._writer = self._section = None
        error = TruncatedBody if fault.truncated else RemoteProtocolError
        return error(detail=fault.detail, phase="read", bytes_received=self.bytes_received)

    # What differs between the roles.

    @abstractmethod
    def _take_head(self, data: bytes, events: list[Event]) -> bytes | None:
        """Take a head if it is whole; like a body reader's feed."""

    @abstractmethod
    def _take_other(self, data: bytes, events: list[Event]) -> bytes | None:
        """Take bytes in a phase that expects none."""

    @abstractmethod
    def _finish_receiving(self) -> None:
        """The peer's message is complete."""

    @abstractmethod
    def _finish_sending(self) -> None:
        """Our message is complete; may be called again."""
