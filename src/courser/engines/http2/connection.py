"""What belongs to the connection and to no stream: settings, pings, the connection's windows, its end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from struct import Struct

from ...errors import RemoteProtocolError
from ...hints import TYPE_CHECKING
from ..hpack import Decoder, Encoder
from ..hpack.tables import TABLE_SIZE
from .faults import ConnectionFault, ErrorCode, code_name
from .floods import Floods
from .flow import Inflow, Tuner
from .frames import ACK, LAST_ID, MAX_WINDOW, SETTINGS_ACK, ping, settings, window_update
from .outbox import Outbox
from .settings import HEADER_TABLE_SIZE, INITIAL_WINDOW, INITIAL_WINDOW_SIZE, MAX_HEADER_LIST_SIZE, PeerSettings, read

if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import ClassVar, Final

    from .limits import HTTP2Limits
    from .stream import Stream

__all__ = ["Connection"]

MAX_DEBUG: Final = 1024
"""Bytes of a GOAWAY's debug data that are kept."""

_PER_DATA: Final = 10
_PER_STREAM: Final = 4
"""Frames that a peer may send for each DATA frame of ours, and for each stream, see HTTP2Limits."""

_RENEWED: Final = 256
"""Bytes of DATA for which a peer may send one more WINDOW_UPDATE."""

_PROBE: Final = b"courserB"
"""The PING that measures, see flow.py."""

_two = Struct(">II").unpack_from


class Connection(ABC):
    """The part of an engine that is the same whatever its streams do.

    Attributes:
        error: why the connection is broken; no stream lives on then.
        draining: whether no more streams can start: GOAWAY was seen or sent, or identifiers ran out.
        goaway: what the peer's GOAWAY said: the last stream it acts on, error code, debug data.
        ponged: how many answers to `ping` have come.
        peer: what the peer has asked for.
    """

    __slots__ = (
        "_counted",
        "_decoder",
        "_encoder",
        "_floods",
        "_inflow",
        "_lent",
        "_limits",
        "_now",
        "_outbox",
        "_pings_out",
        "_probe_due",
        "_settled",
        "_streams",
        "_tuner",
        "_unacknowledged",
        "draining",
        "error",
        "goaway",
        "peer",
        "pinged",
        "ponged",
    )

    _is_client: ClassVar[bool]

    def __init__(self, limits: HTTP2Limits, greeting: bytes, own: tuple[tuple[int, int], ...]) -> None:
        self.error: RemoteProtocolError | None = None
        self.draining = False
        self.goaway: tuple[int, int, bytes] | None = None
        self.pinged = self.ponged = self._pings_out = self._counted = 0
        self.peer = PeerSettings()
        self._limits = limits
        self._streams: dict[int, Stream] = {}
        self._decoder = Decoder(TABLE_SIZE, limits.head, limits.fields)
        self._encoder = Encoder()
        self._inflow = Inflow(max(limits.connection_window, INITIAL_WINDOW), limits.unread)
        self._tuner = Tuner(limits.stream_window, limits.max_stream_window)
        self._floods = Floods(limits)
        self._outbox = outbox = Outbox()
        self._now = 0.0
        self._probe_due = self._settled = False
        self._unacknowledged = 1
        # Bytes that a stream may bring beyond our window: who does not know our settings goes by the initial ones.
        self._lent = 0 if self._is_client else max(INITIAL_WINDOW - limits.stream_window, 0)
        mine = (*own, (INITIAL_WINDOW_SIZE, limits.stream_window), (MAX_HEADER_LIST_SIZE, limits.head))
        outbox.control.append(greeting + settings(mine))
        if limits.connection_window > INITIAL_WINDOW:
            outbox.control.append(window_update(0, limits.connection_window - INITIAL_WINDOW))

    @property
    def streams(self) -> Collection[Stream]:
        """Those that are open."""
        return self._streams.values()

    @property
    def is_idle(self) -> bool:
        """Whether no stream is open."""
        return not self._streams

    @property
    def is_settled(self) -> bool:
        """Whether the peer's first SETTINGS have come."""
        return self._settled

    @property
    def wants_to_send(self) -> bool:
        """Whether `outgoing` would give anything."""
        return self._outbox.is_due()

    def ping(self) -> None:
        """Queue a PING; `ponged` counts the answers."""
        self.pinged += 1
        self._ping(b"%08d" % (self.pinged % 10**8))

    def _ping(self, payload: bytes) -> None:
        self._pings_out += 1
        self._outbox.after_heads(ping(payload))

    def _count(self, what: str) -> None:
        """Count a frame of a kind that our own bring about."""
        outbox, begun = self._outbox, self._begun()
        if outbox.frames or begun != self._counted:
            number = _PER_DATA * outbox.frames + _PER_STREAM * (begun - self._counted)
            self._floods.forgive(number, outbox.sent // _RENEWED, self._now)
            outbox.frames = outbox.sent = 0
            self._counted = begun
        self._floods.count(what, self._now)

    def _answer(self, frame: bytes) -> None:
        """Queue a frame that the peer has caused; it may not cause many without reading them (CVE-2019-9512)."""
        outbox = self._outbox
        outbox.answers += 1
        if outbox.answers > self._limits.queued:
            raise ConnectionFault("the peer reads no answers and goes on asking", ErrorCode.ENHANCE_YOUR_CALM)
        outbox.after_heads(frame)

    def _take_settings(self, flags: int, number: int, payload: bytes) -> None:
        if number:
            raise ConnectionFault(f"SETTINGS on stream {number}")
        self._floods.count("settings", self._now)
        if flags & ACK:
            self._take_settings_ack(payload)
            return
        items = read(payload, self._limits.settings_items, from_server=self._is_client)
        peer = self.peer
        before = peer.window
        if not self._settled:
            # Without a word, any number may be open (RFC 9113 section 6.5.2).
            peer.streams = LAST_ID
        self._settled = True
        peer.take(items)
        for name, value in items:
            if name == HEADER_TABLE_SIZE:
                self._encoder.resize(value)
        self._outbox.frame = peer.frame
        if peer.window != before:
            self._shift_windows(peer.window - before)
        self._answer(SETTINGS_ACK)

    def _take_settings_ack(self, payload: bytes) -> None:
        if payload:
            raise ConnectionFault("an acknowledgement of SETTINGS that holds something", ErrorCode.FRAME_SIZE_ERROR)
        if not self._unacknowledged:
            raise ConnectionFault("SETTINGS are acknowledged that were not sent")
        self._unacknowledged -= 1
        lent, self._lent = self._lent, 0
        if lent:
            for stream in self._streams.values():
                stream.window -= lent
                self._top_up(stream)

    def _top_up(self, stream: Stream) -> None:
        """Renew a stream's window, if half of it is neither open nor unread."""
        size = self._tuner.size
        owed = size - stream.window - stream.unread
        if 2 * owed >= size and not stream.received:
            stream.window += owed
            self._outbox.control.append(window_update(stream.id, owed))
            self._probe_due = True

    def _shift_windows(self, change: int) -> None:
        """RFC 9113 section 6.9.2: a window may become negative."""
        for stream in self._streams.values():
            stream.credit += change
            if stream.credit > MAX_WINDOW:
                raise ConnectionFault(f"a window of {stream.credit} bytes", ErrorCode.FLOW_CONTROL_ERROR)
            if stream.upload is not None:
                self._outbox.schedule(stream, stream.upload)

    def _take_ping(self, flags: int, number: int, payload: bytes) -> None:
        if number:
            raise ConnectionFault(f"PING on stream {number}")
        if len(payload) != 8:
            raise ConnectionFault(f"a PING of {len(payload)} bytes", ErrorCode.FRAME_SIZE_ERROR)
        if not flags & ACK or not self._pings_out:
            self._count("pings")
        if not flags & ACK:
            self._answer(ping(payload, ack=True))
            return
        self._pings_out -= self._pings_out > 0
        if payload == _PROBE:
            self._finish_probe()
        else:
            self._take_pong(payload)

    def _take_pong(self, payload: bytes) -> None:
        if payload.isdigit() and self.ponged < self.pinged:
            self.ponged += 1

    def _start_probe(self) -> None:
        self._probe_due = False
        if self._tuner.start(self._inflow.total(), self._now):
            self._ping(_PROBE)

    def _finish_probe(self) -> None:
        growth = self._tuner.is_probing and self._tuner.finish(self._inflow.total(), self._now)
        if growth:
            for stream in self._streams.values():
                stream.window += growth
            self._unacknowledged += 1
            self._outbox.control.append(settings(((INITIAL_WINDOW_SIZE, self._tuner.size),)))

    def _renew(self) -> None:
        increment = self._inflow.renewal()
        if increment:
            self._outbox.control.append(window_update(0, increment))

    def _take_goaway(self, flags: int, number: int, payload: bytes) -> None:
        if number:
            raise ConnectionFault(f"GOAWAY on stream {number}")
        if len(payload) < 8:
            raise ConnectionFault(f"a GOAWAY of {len(payload)} bytes", ErrorCode.FRAME_SIZE_ERROR)
        self._count("others")
        last, code = _two(payload)
        last &= LAST_ID
        if self.goaway is not None:
            last = min(last, self.goaway[0])
        self.goaway = (last, code, payload[8 : 8 + MAX_DEBUG])
        self.draining = True
        self._refuse_above(last, f"the peer is going away ({code_name(code)}) and has not acted on the request")

    def _take_priority(self, flags: int, number: int, payload: bytes) -> None:
        """Deprecated by RFC 9113 section 5.3.2; nothing is kept, so nothing can be churned (CVE-2019-9513)."""
        self._count("others")
        if not number:
            raise ConnectionFault("PRIORITY on stream 0")
        if len(payload) != 5:
            raise ConnectionFault(f"a PRIORITY of {len(payload)} bytes", ErrorCode.FRAME_SIZE_ERROR)

    def _take_push(self, flags: int, number: int, payload: bytes) -> None:
        raise ConnectionFault("PUSH_PROMISE, which nobody asked for")

    def _take_other(self, flags: int, number: int, payload: bytes) -> None:
        """Unknown frames are ignored (RFC 9113 section 5.5)."""
        self._count("others")

    @abstractmethod
    def _begun(self) -> int:
        """How many streams have ever begun."""

    @abstractmethod
    def _refuse_above(self, last: int, detail: str) -> None:
        """End the streams that the peer will never act on."""
