"""The receiving side of a WebSocket: headers, payloads, messages, control frames, and what is wrong with them."""

from __future__ import annotations

from ...errors import RemoteProtocolError
from ...hints import TYPE_CHECKING
from .closing import fault_payload, read_close
from .codes import CloseCode
from .compression import Inflater
from .events import Ping, Pong
from .faults import Fault
from .frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    CONTROL,
    FIN,
    MASKED,
    MAX_CONTROL,
    MAX_HEADER,
    OPCODE,
    PING,
    PONG,
    RSV,
    RSV1,
    TEXT,
    opcode_name,
    read_header,
)
from .masking import mask
from .message import Message
from .sending import Sending
from .states import State

if TYPE_CHECKING:
    from typing import Final

    from .deflate import Deflate
    from .events import Event
    from .frames import Header
    from .limits import WebSocketLimits

__all__ = ["Receiving"]

_OPCODES: Final = frozenset((CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG))


class Receiving(Sending):
    """The part of WebSocketEngine that takes what its hot path does not; see there."""

    __slots__ = (
        "_control_payload",
        "_deflate",
        "_held",
        "_inflater",
        "_is_last",
        "_key",
        "_key_size",
        "_left",
        "_limits",
        "_listens",
        "_mask_bit",
        "_message",
        "_opcode",
        "_plain",
        "close_code",
        "close_reason",
        "close_received",
        "error",
        "failed_code",
    )

    def __init__(self, is_client: bool, deflate: Deflate | None, limits: WebSocketLimits) -> None:
        super().__init__(is_client, deflate)
        self.close_received = False
        self.close_code = 0
        self.close_reason = ""
        self.error: RemoteProtocolError | None = None
        self.failed_code = 0
        self._limits = limits
        self._mask_bit = 0 if is_client else MASKED
        self._key_size = 0 if is_client else 4
        self._deflate = deflate
        self._inflater: Inflater | None = None
        # Whether what comes still counts.
        self._listens = True
        # Whether the next byte starts a frame, and that frame a message.
        self._plain = True
        # The beginning of a header whose end has not come.
        self._held = b""
        # The frame that is open: its opcode, -1 for none, what is left of its payload, the key for that.
        self._opcode = -1
        self._left = 0
        self._key: bytes | None = None
        self._control_payload = b""
        # The message that is open, and whether the open frame is its last.
        self._message: Message | None = None
        self._is_last = False

    def _step(self, data: bytes, position: int, events: list[Event]) -> int:
        """Take what needs judgement: a header, or a piece of payload; returns how far that went."""
        if not self._listens:
            return len(data)  # nothing counts any more (RFC 6455 sections 5.5.1 and 7.1.7)
        try:
            if self._opcode < 0:
                position = self._take_header(data, position)
            if self._opcode >= 0:
                position = self._take_payload(data, position, events)
        except Fault as fault:
            self._fail(fault)
        self._plain = self._opcode < 0 and self._message is None and not self._held and self._listens
        return position

    def _take_header(self, data: bytes, position: int) -> int:
        held = self._held
        head = held + data[position : position + MAX_HEADER - len(held)]
        header = read_header(head)
        if header is None:
            self._held = head
            return len(data)
        self._held = b""
        self._check_header(header)
        self._start_frame(header)
        return position + header.size - len(held)

    def _check_header(self, header: Header) -> None:
        """Judge all that does not depend on the messages (RFC 6455 section 5.2)."""
        first, length = header.first, header.length
        opcode = first & OPCODE
        if opcode not in _OPCODES:
            raise Fault(f"{opcode_name(opcode)} frame")
        may_have = RSV1 if self._deflate is not None and opcode in (TEXT, BINARY) else 0
        if first & RSV & ~may_have:
            raise Fault(f"{opcode_name(opcode)} frame with reserved bits that were not negotiated for it")
        if (header.key is None) is not self.is_client:
            raise Fault("a masked frame of a server" if self.is_client else "a frame of a client that is not masked")
        if opcode & CONTROL:
            if not first & FIN:
                raise Fault(f"{opcode_name(opcode)} frame in fragments")
            if length > MAX_CONTROL:
                raise Fault(f"{opcode_name(opcode)} frame of {length} bytes, more than {MAX_CONTROL}")

    def _start_frame(self, header: Header) -> None:
        first = header.first
        opcode = first & OPCODE
        if not opcode & CONTROL:
            if opcode == CONTINUATION:
                if self._message is None:
                    raise Fault("a continuation frame of no message")
            elif self._message is not None:
                raise Fault(f"{opcode_name(opcode)} frame in the middle of a message")
            else:
                self._message = Message(opcode == TEXT, self._inflate() if first & RSV1 else None, self._limits)
            self._message.start_frame(header.length)
            self._is_last = bool(first & FIN)
        self._opcode = opcode
        self._left = header.length
        self._key = header.key

    def _inflate(self) -> Inflater | None:
        deflate = self._deflate
        if self._inflater is None and deflate is not None:
            if self.is_client:
                bits, alone = deflate.server_max_window_bits, deflate.server_no_context_takeover
            else:
                bits, alone = deflate.client_max_window_bits, deflate.client_no_context_takeover
            self._inflater = Inflater(bits, not alone)
        return self._inflater

    def _take_payload(self, data: bytes, position: int, events: list[Event]) -> int:
        piece = data[position : position + self._left]
        position += len(piece)
        self._left -= len(piece)
        key = self._key
        if key is not None and piece:
            piece = mask(piece, key)
            shift = len(piece) & 3
            self._key = key[shift:] + key[:shift]
        is_over = not self._left
        message = self._message
        if message is None or self._opcode & CONTROL:
            self._control_payload += piece
            if is_over:
                payload, self._control_payload = self._control_payload, b""
                events.append(self._take_control(payload))
        elif is_over and self._is_last:
            self._message = None
            events.append(message.end(piece))
        elif piece:
            message.add(piece)
        if is_over:
            self._opcode = -1
        return position

    def _take_control(self, payload: bytes) -> Event:
        if self._opcode == PING:
            self._queue_pong(payload)
            return Ping(payload)
        if self._opcode == PONG:
            return Pong(payload)
        close = read_close(payload)
        self.close_received = True
        self.close_code, self.close_reason = close
        self._stop(State.CLOSED)
        self._queue_close(payload[:2])
        return close

    def _fail(self, fault: Fault) -> None:
        """The one place where a fault becomes the public error (RFC 6455 section 7.1.7)."""
        self.error = RemoteProtocolError(detail=fault.detail, phase="read")
        self.failed_code = fault.code
        self._stop(State.FAILED)
        self._pong = None
        self.has_outgoing = False
        self._queue_close(fault_payload(fault))

    def _end(self) -> None:
        """The peer has closed its side of the link."""
        if self._listens:
            self.close_code = CloseCode.ABNORMAL_CLOSURE
            self._stop(State.CLOSED)

    def _stop(self, state: State) -> None:
        """Nothing more counts of what comes; what was held for more is let go."""
        self._leave(state)
        self._listens = self._plain = False
        self._message = self._inflater = None
        self._held = self._control_payload = b""
